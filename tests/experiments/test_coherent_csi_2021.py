"""COHERENT CsI (2021): the data as published, the prediction, and what its choices move."""

from itertools import pairwise

import numpy as np
import pytest
from caesium_iodide import MODEL, predicted
from scipy.integrate import quad

import cevns_jax as cj
from cevns_jax.data.tables import DATA
from cevns_jax.detectors.efficiency import LogisticEfficiency
from cevns_jax.detectors.scintillation import GammaBins
from cevns_jax.experiments import Exposure
from cevns_jax.experiments.coherent_csi_2021 import PRESETS
from cevns_jax.form_factors import KleinNystrand, SymmetrisedFermi, TwoParameterFermi
from cevns_jax.prediction.component import Template
from cevns_jax.priors import width_of


@pytest.fixture(scope="module")
def csi():
    return cj.experiments.coherent_csi_2021()


def test_counts_have_the_projections_of_the_release(csi):
    """Energy and time projections counted from the released events, 1578 in all."""
    np.testing.assert_array_equal(
        csi.observed.sum(axis=1), [11, 147, 224, 177, 144, 237, 210, 231, 197]
    )
    np.testing.assert_array_equal(
        csi.observed.sum(axis=0), [34, 31, 42, 42, 52, 58, 56, 41, 314, 491, 417]
    )


def test_bins_are_those_of_the_phenomenologists(csi):
    assert csi.axes == ("photoelectrons", "time_us")
    np.testing.assert_array_equal(csi.edges[0], [0, 8, 12, 16, 20, 24, 32, 40, 50, 60])
    np.testing.assert_array_equal(
        csi.edges[1], [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6]
    )


def test_backgrounds_have_their_published_totals(csi):
    totals = {
        name: float(t.counts.sum()) for name, t in csi.parts.items() if isinstance(t, Template)
    }
    assert totals == pytest.approx({"steady_state": 1286, "brn": 18.4, "nin": 5.6})


def test_steady_state_is_flat_in_time_then_falls_with_the_efficiency(csi):
    """1 up to 0.52 us, exp(-0.0494 (t - 0.52)) after it; energy from anti-coincidence events."""
    shape = csi.parts["steady_state"].counts
    rate = shape.sum(axis=0) / np.diff(csi.edges[1])
    np.testing.assert_allclose(rate[:4] / rate[0], 1.0, rtol=1e-12)
    late = np.exp(0.0494 * 0.52) * (np.exp(-0.0494 * 4) - np.exp(-0.0494 * 6)) / 0.0494
    assert rate[-1] / rate[0] == pytest.approx(late / 2, rel=1e-9)
    np.testing.assert_allclose(
        shape.sum(axis=1) / shape.sum() * 1295, [4, 98, 144, 123, 105, 202, 182, 216, 221]
    )


def test_prediction_agrees_with_an_independent_one(csi):
    """324.4 events: analytic flux, tree couplings, Helm, made with another code."""
    assert predicted(csi)["cevns"].sum() == pytest.approx(324.4, rel=2e-3)


def test_prompt_flavour_fills_the_first_microsecond(csi):
    """nu_mu arrive below 1 us to 99.9 %, the delayed flavours to a fifth."""
    fractions = csi.parts["cevns"].timing({})
    early = np.asarray(fractions)[:, :8].sum(axis=1)
    np.testing.assert_allclose(early, [0.999, 0.204, 0.202], atol=0.01)


@pytest.mark.parametrize(
    ("form_factor", "expected"),
    [(KleinNystrand(), 1.0), (SymmetrisedFermi(), 1.0), (TwoParameterFermi(), 1.0)],
)
def test_form_factors_with_the_same_radii_agree_to_two_per_cent(csi, form_factor, expected):
    nuclei = cj.experiments.csi_target(form_factor=form_factor)
    other = cj.experiments.coherent_csi_2021(target=nuclei)
    ratio = predicted(other)["cevns"].sum() / predicted(csi)["cevns"].sum()
    assert ratio == pytest.approx(expected, abs=0.02)


def test_exposure_scales_the_signal_and_nothing_else(csi):
    farther = Exposure(mass_kg=29.2, distance_m=19.3 * np.sqrt(2))
    double = cj.experiments.coherent_csi_2021(exposure=farther)
    np.testing.assert_allclose(predicted(double)["cevns"], predicted(csi)["cevns"], rtol=1e-12)
    heavy = predicted(cj.experiments.coherent_csi_2021(exposure=Exposure(mass_kg=29.2)))
    np.testing.assert_allclose(heavy["cevns"], 2 * predicted(csi)["cevns"], rtol=1e-12)
    np.testing.assert_array_equal(heavy["brn"], csi.parts["brn"].counts)


def test_fixed_and_movable_response_agree_at_zero_pull(csi):
    split = predicted(cj.experiments.coherent_csi_2021(nuisances="split"))["cevns"]
    fixed = predicted(csi)["cevns"]
    np.testing.assert_allclose(split, fixed, atol=1e-6 * fixed.max())


def test_a_larger_neutron_radius_lowers_the_rate_mostly_at_high_energy(csi):
    ratio = predicted(csi, r_n_cs133=5.5, r_n_i127=5.5)["cevns"].sum(axis=1)
    ratio = ratio / predicted(csi)["cevns"].sum(axis=1)
    assert (ratio < 1).all()
    assert (np.diff(ratio[1:]) < 0).all()


def test_a_later_beam_moves_events_to_later_bins():
    split = cj.experiments.coherent_csi_2021(nuisances="split")
    late = predicted(split, coherent_csi_2021_timing=1.0)["cevns"].sum(axis=0)
    early = predicted(split, coherent_csi_2021_timing=-1.0)["cevns"].sum(axis=0)
    assert late[:4].sum() < early[:4].sum()
    assert late[5:8].sum() > early[5:8].sum()
    assert late.sum() == pytest.approx(early.sum(), rel=0.03)


@pytest.mark.parametrize("name", PRESETS)
def test_nominal_values_lie_inside_their_priors(name):
    csi = cj.experiments.coherent_csi_2021(nuisances=name)
    for parameter in csi.parameters:
        prior = parameter.prior
        assert not prior.constrains or abs(parameter.start - prior.mean) <= width_of(prior)
        assert parameter.lower <= parameter.start <= parameter.upper


def test_conventions_name_every_choice(csi):
    named = csi.conventions
    assert "Helm" in named["form factor"]
    assert "5.01" in named["R_n [fm]"]
    assert "1286" in named["steady state"]
    assert "analytic" in named["flux"]


def test_tables_cite_their_source():
    for path in (DATA / "coherent_csi_2021").iterdir():
        head = path.read_text(encoding="utf-8")[:400]
        assert "2110.07730" in head
        assert "not stated" in head


# --------------------------------------------------------------------------------------- electrons

ELECTRON, G_F, HBAR_C = 0.51099895069, 1.1663787e-11, 1.973269804e-11  # [MeV], [MeV^-2], [MeV cm]
SHELLS = {  # [keV], electrons
    "Cs": (
        *((0.0121, 4), (0.0142, 2), (0.0227, 2), (0.0775, 6), (0.0798, 4), (0.1613, 4)),
        *((0.1724, 2), (0.2323, 2), (0.7266, 6), (0.7405, 4), (1.003, 4), (1.071, 2)),
        *((1.211, 2), (5.012, 4), (5.359, 2), (5.714, 2)),
    ),
    "I": (
        *((0.014, 2), (0.0489, 6), (0.0506, 4), (0.123, 6), (0.186, 2), (0.6193, 6)),
        *((0.6308, 4), (0.875, 4), (0.931, 2), (1.072, 2), (4.557, 4), (4.852, 2), (5.188, 2)),
    ),
}


@pytest.fixture(scope="module")
def with_electrons():
    return cj.experiments.coherent_csi_2021(electrons=True)


def electron_spectrum(recoil, flavour, moment):
    """dsigma/dT [cm^2/MeV] averaged over the neutrinos of a flavour (one each)."""
    angle, half = 0.23857, 0.5 if flavour == "nu_e" else -0.5
    vector, axial = 2 * angle + half, -half if flavour.endswith("bar") else half
    photon = np.pi * (moment / 137.035999 / ELECTRON) ** 2

    def at(energy):
        bracket = (
            (vector + axial) ** 2
            + (vector - axial) ** 2 * (1 - recoil / energy) ** 2
            - (vector**2 - axial**2) * ELECTRON * recoil / energy**2
        )
        weak = G_F**2 * ELECTRON / (2 * np.pi) * bracket
        return HBAR_C**2 * (weak + photon * (1 / recoil - 1 / energy))

    muon, pion = 105.6583755, 139.57039
    if flavour == "nu_mu":
        return at((pion**2 - muon**2) / (2 * pion))
    lowest = (recoil + np.sqrt(recoil**2 + 2 * ELECTRON * recoil)) / 2

    def michel(energy):
        x = energy / muon
        shape = 192 * x**2 * (0.5 - x) if flavour == "nu_e" else 64 * x**2 * (0.75 - x)
        return shape / muon * at(energy)

    return quad(michel, lowest, muon / 2, epsabs=0, epsrel=1e-10)[0]


@pytest.mark.parametrize("moment", [0.0, 1e-9])
def test_electrons_of_the_crystal_are_those_of_the_double_integral(with_electrons, moment):
    """Free electrons above each binding energy, all of whose energy is seen, by quadrature."""
    like = cj.Likelihood(
        [with_electrons],
        cj.interactions.with_new_physics(MODEL, cj.interactions.MagneticMoment()),
    )
    found = like.components(like.values() | {"mu_nu": moment})["coherent_csi_2021"]["electrons"]
    bins = GammaBins(edges=np.array([24.0, 32.0]), inverse_yield=0.0749, spread=9.56)
    curve = LogisticEfficiency(coefficients=np.array([1.32045, 0.285979, 10.8646, -0.333322]))

    def in_bin(flavour):
        def density(recoil):
            free = 1 + 5 + sum(n for row in SHELLS.values() for e, n in row if recoil * 1e3 >= e)
            kept = bins.probabilities(np.array([recoil * 1e3]), [curve])[0, 0, 0]
            return free * kept * electron_spectrum(recoil, flavour, moment)

        ends = sorted({e for row in SHELLS.values() for e, _ in row if e > 0.5} | {0.5, 7.0})
        pieces = [quad(density, a * 1e-3, b * 1e-3, epsrel=1e-8)[0] for a, b in pairwise(ends)]
        return sum(pieces)

    neutrinos = 3.198e23 * 0.0848 / (4 * np.pi * 1930.0**2)
    atoms = 14.6 * 6.02214076e26 / 259.8099
    fractions = with_electrons.parts["cevns"].timing({})
    expected = sum(
        neutrinos * atoms * in_bin(flavour) * np.asarray(fractions[i])
        for i, flavour in enumerate(("nu_mu", "nu_mu_bar", "nu_e"))
    )
    np.testing.assert_allclose(found[5], expected, rtol=1e-5)


def test_electrons_share_the_flux_and_the_detector_with_the_signal():
    """The flux and the efficiency move both, the quenching of nuclear recoils does not."""
    split = cj.experiments.coherent_csi_2021(electrons=True, nuisances="split")
    magnetic = cj.interactions.with_new_physics(MODEL, cj.interactions.MagneticMoment())

    def events(**values):
        return predicted(split, magnetic, mu_nu=1e-9, **values)["electrons"]

    nominal = events()
    np.testing.assert_allclose(events(sns_flux=2.0), 1.2 * nominal, rtol=1e-12)
    np.testing.assert_array_equal(events(coherent_csi_2021_quenching_0=2.0), nominal)
    assert events(coherent_csi_2021_efficiency=2.0)[1:4].sum() > 1.05 * nominal[1:4].sum()
    assert events(coherent_csi_2021_timing=2.0)[:, :4].sum() < nominal[:, :4].sum()
    lumped = cj.experiments.coherent_csi_2021(electrons=True)
    together = predicted(lumped, magnetic, mu_nu=1e-9, coherent_csi_2021_cevns=1.0)
    np.testing.assert_allclose(together["electrons"], 1.12 * nominal, rtol=2e-7)


def test_electrons_are_not_counted_unless_asked_for(csi, with_electrons):
    """They are 8e-5 events in the Standard Model."""
    assert "electrons" not in csi.component_names
    assert csi.conventions["electrons"] == "not counted"
    assert predicted(with_electrons)["electrons"].sum() == pytest.approx(8e-5, rel=0.1)
    np.testing.assert_array_equal(predicted(with_electrons)["cevns"], predicted(csi)["cevns"])
