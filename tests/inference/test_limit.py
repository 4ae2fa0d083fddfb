"""Limits: ends from another minimiser, islands, ends of domains, and what is refused."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from iminuit import Minuit

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.levels import confidence_level, delta_chi2, name_of
from cevns_jax.inference.places import _laid_out
from cevns_jax.priors import Gaussian
from cevns_jax.results import limit_document, limit_result
from cevns_jax.results.limit import limit_table

NINETY = 2.71


def with_vector(experiment, free=()):
    known = cj.interactions
    interaction = known.with_new_physics(known.standard_model(), known.light_vector())
    return cj.Likelihood(experiment, interaction, free=list(free))


@pytest.fixture(scope="module")
def csi():
    return with_vector(cj.experiments.coherent_csi_2021(nuisances="normalisations"))


@pytest.fixture(scope="module")
def dresden():
    return with_vector(cj.experiments.dresden_ii(quenching="iron_filter", nuisances="flux_fixed"))


@pytest.fixture(scope="module")
def of_masses(csi):
    return cj.limit(csi, "g_vector", m_vector=[1.0, 100.0, 1000.0])


def lowest_by_minuit(like, start=None, **held):
    """The lowest chi^2 that iminuit finds, with parameters held."""
    handed = cj.objective(like.hold(**held))
    first = np.array(handed.start)
    for name, value in (start or {}).items():
        first[handed.names.index(name)] = value
    minuit = Minuit(handed.chi2, first, grad=handed.gradient, name=handed.names)
    minuit.errordef, minuit.limits, minuit.errors = 1, handed.bounds, handed.errors
    if "g_vector" in handed.names:
        minuit.limits["g_vector"] = (0.0, 10.0)  # where limits are looked for
    minuit.strategy = 2
    minuit.migrad(ncall=20_000)
    return minuit.fval


def test_delta_chi2_is_the_level_at_every_end_as_another_minimiser_sees_it(csi, of_masses):
    """At 100 MeV and above there is a second range, where the weak charge has changed its sign."""
    assert [len(found) for found in of_masses.intervals] == [1, 2, 2]
    free = cj.Likelihood(csi.experiments, csi.interaction, free=["g_vector"])
    for mass, best, found in zip(
        (1.0, 100.0, 1000.0), of_masses.best, of_masses.intervals, strict=True
    ):
        lowest = min(
            lowest_by_minuit(csi, m_vector=mass, g_vector=0.0),
            lowest_by_minuit(free, {"g_vector": best}, m_vector=mass),
        )
        ends = [
            e for i in found for e, kind in zip(i[:2], i.ends, strict=True) if kind == "crossing"
        ]
        assert len(ends) == 2 * len(found) - 1
        for end in ends:
            chi2 = lowest_by_minuit(csi, m_vector=mass, g_vector=end)
            assert chi2 - lowest == pytest.approx(NINETY, abs=2e-3)


def test_no_range_is_missed_or_invented_beside_a_fine_scan(dresden):
    """Between low walls, as those of Dresden-II, an island hides easily."""
    masses = np.geomspace(1.0, 1000.0, 7)
    found = cj.limit(dresden, "g_vector", m_vector=masses)
    for mass, mine in zip(masses, found.intervals, strict=True):
        grid = np.geomspace(1e-7, 5e-3, 1500)
        (fine,) = cj.scan(dresden.hold(m_vector=mass), {"g_vector": grid}).intervals([NINETY])
        assert len(fine) == len(mine)
        ends = [[i.low, i.high] for i in mine]
        np.testing.assert_allclose(ends[0][1], fine[0].high, rtol=1e-4)
        np.testing.assert_allclose(ends[1:], [[i.low, i.high] for i in fine[1:]], rtol=1e-4)


def test_the_second_range_is_found_at_every_mass(csi):
    """It is a few per cent wide, in proportion to the mass, and was missed at one of these."""
    masses = np.geomspace(0.01, 1e4, 61)
    found = cj.limit(csi, "g_vector", m_vector=masses)
    number = np.array([len(ranges) for ranges in found.allowed])
    assert (number == np.where(masses > 70, 2, 1)).all()
    second = np.array([ranges[1] for ranges in np.array(found.allowed, dtype=object)[masses > 1e3]])
    np.testing.assert_allclose(second[:, 0] / masses[masses > 1e3], 1.69e-6, rtol=0.01)
    np.testing.assert_allclose(second[:, 1] / masses[masses > 1e3], 1.79e-6, rtol=0.01)


@pytest.mark.parametrize(("mass", "number"), [(400.0, 2), (500.0, 2), (600.0, 1)])
def test_a_valley_between_high_walls_is_no_wider_than_a_step(mass, number):
    """A thousand times the exposure: the walls are a hundred times the level."""
    experiment = cj.experiments.coherent_csi_2021(nuisances="normalisations", exposure_scale=1000)
    like = cj.asimov(with_vector(experiment))
    (mine,) = cj.limit(like, "g_vector", m_vector=mass).intervals
    grid = np.geomspace(1e-6 * mass, 2.5e-6 * mass, 400)
    fine = cj.scan(like.hold(m_vector=mass), {"g_vector": grid}).chi2  # none is below zero
    assert len(mine) == number
    assert (fine.min() < NINETY) == (number == 2)
    for ranges in mine[1:]:
        inside = grid[fine < NINETY]
        assert [ranges.low, ranges.high] == pytest.approx([inside[0], inside[-1]], rel=3e-3)


def test_a_limit_of_the_angle_is_its_interval(csi):
    """Searched where the angle is expected: the mirror below zero is no part of it."""
    like = cj.Likelihood(csi.experiments, free=["sin2_theta_w"])
    found = cj.limit(like, "sin2_theta_w", cl=0.6826894921370859)
    best = cj.fit(like)
    ((interval,),) = found.intervals
    assert found.delta_chi2 == 1.0
    index = best.names.index("sin2_theta_w")
    assert interval.ends == ("crossing", "crossing")
    assert interval.low == pytest.approx(best.x[index] - best.error_low[index], abs=1e-5)
    assert interval.high == pytest.approx(best.x[index] + best.error_high[index], abs=1e-5)
    assert found.chi2[0] == pytest.approx(best.chi2, abs=2e-4)


def test_where_the_level_is_never_reached_the_end_is_none(csi):
    """Without a coupling the mass of its mediator is anything."""
    found = cj.limit(csi.hold(g_vector=0.0), "m_vector")
    ((interval,),) = found.intervals
    assert interval.ends == ("domain", "domain")
    assert np.isinf(found.upper[0])
    (row,) = limit_document(limit_result(found))["limits"]
    assert row["allowed"] == [[0.0, None]]
    assert row["ends"] == [["domain", "domain"]]
    assert "not limited" in f"{found}"


def test_lower_ends_at_zero_are_zero_and_a_negative_range_has_to_be_asked_for(csi, of_masses):
    assert of_masses.intervals[0][0].low == 0.0
    assert of_masses.intervals[0][0].ends == ("domain", "crossing")
    both = cj.limit(csi, "g_vector", within=(-10.0, 10.0), m_vector=1.0)
    ((interval,),) = both.intervals
    assert interval.ends == ("crossing", "crossing")
    assert interval.low < -1e-5
    # chi^2 is a little lower below zero, from where Delta chi^2 counts then.
    assert both.best[0] < 0
    assert both.chi2[0] < of_masses.chi2[0] - 0.01
    assert 0 < of_masses.upper[0] - interval.high < 1e-7


def test_ends_of_the_range_that_is_searched_are_no_ends_of_the_domain(csi, of_masses):
    """Neither where it was asked for, nor where a parameter is expected there."""
    cut = cj.limit(csi, "g_vector", within=(0.0, 1e-5), m_vector=1.0)
    assert cut.intervals[0][0].ends == ("domain", "search")
    assert cut.searched == (0.0, 1e-5)
    assert of_masses.searched == (0.0, 10.0)
    assert "to the end of the range searched" in f"{cut}"
    free = cj.Likelihood(csi.experiments, free=["n_sigma"])
    half_open = cj.limit(free, "n_sigma", within=(0.9, np.inf))
    (row,) = limit_document(limit_result(half_open))["limits"]
    assert row["ends"] == [["search", "crossing"]]
    assert row["allowed"][0][0] is None
    assert row["allowed"][0][1] == pytest.approx(cj.limit(free, "n_sigma").upper[0], abs=1e-3)
    weak = cj.experiments.coherent_csi_2021(nuisances="normalisations", exposure_scale=1e-3)
    angle = cj.Likelihood(cj.asimov(cj.Likelihood(weak)).experiments, free=["sin2_theta_w"])
    (row,) = limit_document(limit_result(cj.limit(angle, "sin2_theta_w")))["limits"]
    assert row["ends"] == [["search", "crossing"]]
    assert row["allowed"][0][0] is None


def test_a_point_without_a_range_stays_in_table_and_text(of_masses):
    none = dataclasses.replace(
        of_masses,
        intervals=(of_masses.intervals[0], (), ()),
        chi2=np.array([of_masses.chi2[0], np.inf, np.inf]),
        ending=np.array([Ending.CONVERGED, Ending.EXCLUDED, Ending.NO_END], int),
    )
    result = limit_result(none)
    assert [row.split(",")[1:] for row in limit_table(result).splitlines()[2:]] == [
        ["0", "", "", "", "", "1"],
        ["0", "", "", "", "", "0"],
    ]
    text = result.summary().text()
    assert "nowhere: counts are impossible" in text
    assert "not known" in text


def test_places_are_logarithmic_however_far_out_a_valley_is():
    unit, more = np.array([1e-6, 1e-3, 1.0]), np.array([1e5])
    found = _laid_out(unit, more, 10.0)
    assert (np.diff(found, axis=1) > 0).all()
    np.testing.assert_allclose(found[:2, 0], 0.03 * unit[:2])
    assert found[0, -1] == pytest.approx(0.1)
    assert 60e-3 < found[1, -1] < 10.0
    np.testing.assert_allclose(np.diff(found[2]), 10.0 / found.shape[1])


def test_held_values_go_together_as_they_do_alone(csi, of_masses):
    alone = cj.limit(csi, "g_vector", m_vector=100.0)
    np.testing.assert_allclose(alone.allowed[0], of_masses.allowed[1], rtol=1e-5)
    pairs = cj.limit(csi, "g_vector", m_vector=[1.0, 100.0], n_sigma=[0.9, 1.0, 1.1])
    assert [len(v) for v in pairs.held.values()] == [6, 6]
    assert list(pairs.held["n_sigma"]) == [0.9, 1.0, 1.1] * 2
    assert pairs.converged.all()
    # n_sigma has no prior: at its declared value the limits are those without it
    np.testing.assert_allclose(pairs.allowed[1], of_masses.allowed[0], rtol=1e-5)


def test_other_parameters_of_the_signal_are_minimised(csi):
    """With a free angle the limit is weaker, and every end is where another minimiser says."""
    free = with_vector(csi.experiments, free=["sin2_theta_w"])
    found = cj.limit(free, "g_vector", m_vector=1.0)
    assert found.upper[0] > cj.limit(csi, "g_vector", m_vector=1.0).upper[0]
    end = found.intervals[0][-1].high
    chi2 = lowest_by_minuit(free, m_vector=1.0, g_vector=end)
    assert chi2 - found.chi2[0] == pytest.approx(NINETY, abs=5e-3)


def test_a_range_ends_where_another_parameter_leaves_where_it_is_expected(csi):
    """The valley of the second range goes on to sin^2 theta_W below zero, where it does not count:
    chi^2 jumps across the level there."""
    free = with_vector(csi.experiments, free=["sin2_theta_w"])
    found = cj.limit(free, "g_vector", cl=0.95, m_vector=63.1)
    assert found.converged.all()
    _, second = found.intervals[0]
    angles = [
        cj.fit(free.hold(m_vector=63.1, g_vector=g), [{"sin2_theta_w": 0.01}]).values
        for g in (1.001 * second.low, second.high)
    ]
    assert [float(v["sin2_theta_w"]) for v in angles] == pytest.approx([0.0, 0.13], abs=0.02)
    assert second.low == pytest.approx(1.1484e-4, rel=2e-4)


def test_masses_are_limited_wherever_the_search_starts(csi):
    """Of a mediator whose coupling is known: the start, 10 MeV, is deep in what is excluded, the
    allowed masses are a hundred times larger, and one range is narrower than a step."""
    found = cj.limit(csi, "m_vector", g_vector=[1e-4, 1e-3])
    assert found.converged.all()
    (lone,), (narrow, above) = found.intervals
    assert lone.ends == above.ends == ("crossing", "domain")
    assert [narrow.low, narrow.high] == pytest.approx([552.96, 588.62], rel=1e-4)
    for g, mass in ((1e-4, lone.low), (1e-3, narrow.low), (1e-3, narrow.high), (1e-3, above.low)):
        i = (1e-4, 1e-3).index(g)
        chi2 = lowest_by_minuit(csi, m_vector=mass, g_vector=g)
        assert chi2 - found.chi2[i] == pytest.approx(NINETY, abs=2e-3)
    far = csi.parameters["m_vector"]
    moved = {"m_vector": dataclasses.replace(far, start=5000.0)}
    again = cj.limit(csi.declared(moved), "m_vector", g_vector=1e-3)
    np.testing.assert_allclose(again.allowed[0], found.allowed[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("scale", "low", "high"), [(0.7, 1023.8, 1505.8), (1.5, 4829.4, None)], ids=["less", "more"]
)
def test_masses_that_the_data_ask_for_are_found_far_out(scale, low, high):
    """With another exposure than that of the data, and charges that add to the weak one."""
    experiment = cj.experiments.coherent_csi_2021(nuisances="normalisations", exposure_scale=scale)
    (found,) = cj.limit(with_vector(experiment), "m_vector", g_vector=-1e-3).intervals
    (interval,) = found
    assert interval.low == pytest.approx(low, rel=1e-4)
    assert interval.ends == ("crossing", "crossing" if high else "domain")
    if high:
        assert interval.high == pytest.approx(high, rel=1e-4)


def test_arrays_of_jax_are_held_values_as_well(csi, of_masses):
    found = cj.limit(csi, "g_vector", m_vector=jnp.array([1.0]))
    assert found.upper[0] == pytest.approx(of_masses.upper[0], rel=1e-5)


def test_table_and_document_say_the_same(of_masses):
    result = limit_result(of_masses)
    document = limit_document(result)
    rows = [line.split(",") for line in limit_table(result).splitlines()]
    assert rows[0] == ["m_vector", "range", "low", "high", "end_low", "end_high", "converged"]
    assert len(rows) - 1 == sum(len(entry["allowed"]) for entry in document["limits"]) == 5
    assert float(rows[1][3]) == pytest.approx(document["limits"][0]["allowed"][0][1])
    first = document["limits"][0]
    assert first["held"] == {"m_vector": 1.0}
    assert (first["parameter"], first["confidence_level"]) == ("g_vector", 0.9)
    assert first["delta_chi2"] == NINETY
    assert "g_V < 2.07e-5" in f"{of_masses}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"parameter": "g_vektor"}, "no parameter"),
        ({"parameter": "g_vector", "g_vector": 0.1}, "limited and held"),
        ({"parameter": "g_vector", "m_vektor": 1.0}, "no parameter"),
        ({"parameter": "g_vector", "m_vector": -1.0}, "must lie between"),
        ({"parameter": "g_vector", "m_vector": [2.0, 1.0]}, "ascending"),
        ({"parameter": "g_vector", "cl": 1.0}, "confidence level"),
        ({"parameter": "g_vector", "cl": 90}, "confidence level"),
        ({"parameter": "g_vector", "within": (0.0, 99.0)}, "must lie between"),
        ({"parameter": "g_vector", "within": (1e-5, 1e-5)}, "min must be below max"),
        ({"parameter": "g_vector", "within": (0.0, float("nan"))}, "must lie between"),
        ({"parameter": "g_vector", "starts": [{"nothing": 1.0}]}, "no varying parameter"),
    ],
)
def test_what_cannot_be_limited_is_refused(csi, given, words):
    parameter = given.pop("parameter")
    with pytest.raises(ConfigError, match=words):
        cj.limit(csi, parameter, **given)


def test_levels_are_those_that_the_field_quotes():
    one = {0.6826894921370859: 1.0, 0.9: 2.71, 0.95: 3.84, 0.9544997361036416: 4.0, 0.99: 6.63}
    two = {0.6826894921370859: 2.3, 0.9: 4.61, 0.95: 5.99, 0.9544997361036416: 6.18}
    for parameters, table in ((1, one), (2, two)):
        for probability, level in table.items():
            assert delta_chi2(probability, parameters) == level
            assert confidence_level(level, parameters) == pytest.approx(probability)
    assert delta_chi2(0.9973002039367398, 2) == 11.83
    assert (name_of(2.71), name_of(1.0), name_of(6.18, 2), name_of(4.61, 2)) == (
        *("90 %", "68.3 %"),
        *("2 sigma", "90 %"),
    )


def test_a_limit_says_what_is_free_and_where_it_was_searched(csi):
    """In the sentence of a single limit, and with its prior in a row."""
    interaction = with_vector(csi.experiments).interaction
    prior = dataclasses.replace(interaction.parameters[0], prior=Gaussian(0.2386, 0.01))
    like = cj.Likelihood(
        csi.experiments, interaction, free=["sin2_theta_w"], declarations={"sin2_theta_w": prior}
    )
    result = limit_result(cj.limit(like, "g_vector", m_vector=10.0))
    text = " ".join(result.summary().text().split())
    assert "m_V = 10 MeV, sin^2 theta_W free; COHERENT" in text
    assert "free sin^2 theta_W (prior 0.239 +- 0.010); and 5 nuisances" in text
    assert "searched g_V from 0 to 10" in text
    assert "counts from" not in text  # one mass has one lowest chi^2
    assert result.attributes["conventions"]["parameters"] == {
        "sin2_theta_w": "free, start 0.23857, prior 0.2386 +- 0.01",
        "g_vector": "limited",
        "m_vector": "held at the values given",
        "n_sigma": "fixed at 1",
    }


def test_many_limits_are_one_table_in_one_style(of_masses):
    """The whole of it, once and with units, where everything is asked for."""
    many = dataclasses.replace(
        of_masses,
        held={"m_vector": np.arange(1.0, 31.0)},
        intervals=of_masses.intervals * 10,
        **{name: np.tile(getattr(of_masses, name), 10) for name in ("best", "chi2", "ending")},
    )
    summary = limit_result(many).summary()
    short, whole = summary.text(), summary.text(verbose=True)
    assert "13 of 30 values are shown" in short
    assert "values are shown" not in whole
    assert (short.count("m_vector [MeV]"), whole.count("m_vector [MeV]")) == (1, 1)
    assert whole.count("g_V < 2.07e-5") == 10
    assert "Delta chi^2 counts from the lowest chi^2 at each m_V" in " ".join(short.split())
    (heavy,) = {line.split("; or ")[1] for line in whole.splitlines() if line.startswith("  3 ")}
    low, high = heavy.split(" < g_V < ")
    assert [len(end) for end in (low, high)] == [7, 7]  # 1.69e-3
