"""Published numbers: what has to come out of the configs of the repository."""

from pathlib import Path

import pytest

from cevns_jax.validation import bounds, rows, table_text

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow  # some forty fits and scans of different likelihoods


@pytest.fixture(scope="module")
def found():
    return list(rows(ROOT / "configs"))


@pytest.fixture(scope="module")
def limits():
    return list(bounds(ROOT / "configs"))


def pick(found, text, config="coherent_csi_2021"):
    (row,) = [r for r in found if text in r.quantity and r.config == f"{config}.toml"]
    return row


@pytest.mark.parametrize("config", ["coherent_csi_2021", "coherent_csi_2021_atzori_corona_2023"])
def test_weak_mixing_angle_of_atzori_corona(found, config):
    """0.231 +0.027 -0.024 (arXiv:2303.09360), to a tenth of its error, errors to 5 %."""
    row = pick(found, "Atzori Corona", config)
    assert row.value == pytest.approx(0.231, abs=0.0025)
    assert row.error_low == pytest.approx(0.024, rel=0.05)
    assert row.error_high == pytest.approx(0.027, rel=0.05)


def test_weak_mixing_angle_with_split_systematics_is_compatible(found):
    assert abs(pick(found, "Atzori", "coherent_csi_2021_split").difference) < 0.3


def test_collaboration_angle_is_within_half_a_sigma(found):
    assert abs(pick(found, "theta_W, COHERENT").difference) < 0.5


def test_free_normalisation_count_backgrounds_and_significance(found):
    """Near 306 events; 1273, 17.3 and 5.5 background events; above 11 sigma."""
    config = "coherent_csi_2021_count"
    assert pick(found, "free normalisation", config).value == pytest.approx(306, abs=10)
    assert pick(found, "steady_state events", config).value == pytest.approx(1273, abs=5)
    assert pick(found, "brn events", config).value == pytest.approx(17.3, abs=0.5)
    assert pick(found, "nin events", config).value == pytest.approx(5.5, abs=0.1)
    assert pick(found, "no CEvNS", config).value > 11


def test_first_observation(found):
    """134 +- 22 events and 6.7 sigma (arXiv:1708.01294) with the slope from 0 to 12 us."""
    config = "coherent_csi_2017_count"
    assert pick(found, "0-12 us: CEvNS events", config).value == pytest.approx(134, abs=2)
    assert pick(found, "0-12 us: sqrt", config).value == pytest.approx(6.7, abs=0.1)
    assert pick(found, "0-6 us: CEvNS events", config).value == pytest.approx(121, abs=2)
    assert pick(found, "0-6 us: sqrt", config).value == pytest.approx(5.8, abs=0.1)
    angle = pick(found, "constant quenching", "coherent_csi_2017")
    assert abs(angle.difference) < 1


def test_neutron_radius_of_csi(found):
    """5.47 +- 0.38 fm (arXiv:2303.09360)."""
    row = pick(found, "neutron rms radius", "coherent_csi_2021_neutron_radius")
    assert abs(row.difference) < 0.3
    assert row.error_low == pytest.approx(0.38, abs=0.08)


def test_the_default_config_of_argon_reproduces_the_publication(found):
    """161 +42 -43 events and 3.9 sigma, the collaboration's own likelihood curve; 159 +- 43."""
    quantities = ("likelihood curve: CEvNS events", "arrivals released: CEvNS events, free")
    for quantity, known in zip(quantities, (161, 159), strict=True):
        row = pick(found, quantity, "coherent_lar_2020")
        assert row.published.value == known
        assert row.value == pytest.approx(156.5, abs=0.5)
        assert row.error_low == pytest.approx(42.5, abs=1)
        assert row.error_high == pytest.approx(42.5, abs=1)
    assert pick(found, "released: sqrt", "coherent_lar_2020").value == pytest.approx(3.8, abs=0.1)


def test_the_time_shape_of_each_flavour_has_a_config_of_its_own(found):
    config = "coherent_lar_2020_flavour_times"
    row = pick(found, "inside window: CEvNS events, free", config)
    assert row.value == pytest.approx(133, abs=1)
    assert pick(found, "Miranda", config).value == pytest.approx(0.239, abs=0.002)
    assert pick(found, "Miranda", "coherent_lar_2020").value == pytest.approx(0.264, abs=0.002)


def test_committed_page_is_what_the_command_writes(found, limits):
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert page == table_text(found, limits)


def test_magnetic_moment_from_dresden(limits):
    """|mu| < 2.13e-10 mu_B at 90 % with the iron-filter table (arXiv:2205.09484, with COHERENT)."""
    (bound,) = [b for b in limits if "magnetic" in b.quantity and "iron" in b.data]
    ((low, high, ends),) = bound.allowed
    assert (low, high) == (0.0, pytest.approx(2.13e-10, rel=0.1))
    assert ends == ("domain", "crossing")


def test_bands_of_non_standard_interactions(limits):
    """Two solutions, at zero and where the charge of that flavour changes sign: 0.00 and 0.186 for
    muon neutrinos in the first data (arXiv:2008.06062); 2 N g_V^n/(2 Z + N) = 0.4 with u quarks."""
    ranges = {(b.quantity, b.data): b.allowed for b in limits}
    muon = ranges["eps_mumu, u and d alike", "CsI 2017"]
    assert len(muon) == 2
    assert muon[0][0] < 0.004 < muon[0][1]
    assert muon[1][0] < 0.186 < muon[1][1]
    ((low, high, _),) = ranges["eps_ee, u and d alike", "CsI 2017"]
    assert low < 0.032
    assert high > 0.158
    for flavour in ("ee", "mumu"):
        first, second = ranges[f"eps_{flavour}^u", "CsI 2021 and LAr 2020"]
        assert first[0] < 0 < first[1]
        assert second[0] < 0.38 < second[1]


def test_light_mediators_scale_as_their_propagators(limits):
    """g^2/m^2 where the mediator is heavier than the momentum, g^2 where it is lighter; argon adds
    to CsI; electrons see a massless vector best."""
    g = {(b.group, b.data, b.quantity): b.allowed[0][1] for b in limits if b.group != "other"}
    for mediator in ("vector", "scalar"):
        for data in ("CsI 2021", "CsI 2021 and LAr 2020"):
            at = {mass: g[mediator, data, mass] for mass in ("0.01", "0.1", "1000", "10000")}
            assert at["0.1"] == pytest.approx(at["0.01"], rel=1e-3)
            assert at["10000"] == pytest.approx(10 * at["1000"], rel=0.01)
        assert g[mediator, "CsI 2021 with electrons", "0.01"] < g[mediator, "CsI 2021", "0.01"]
    assert g["vector", "CsI 2021 with electrons", "0.01"] < 0.25 * g["vector", "CsI 2021", "0.01"]


def test_every_difference_above_half_a_sigma_has_its_reason(found):
    for row in found:
        assert row.remark or not abs(row.difference) > 0.5
