"""Experiments combined: one likelihood, shared parameters, and what must not be combined."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from own_germanium import SNS, own

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.combination import tabulated
from cevns_jax.prediction.component import Formula
from cevns_jax.prediction.experiment import Scale
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.priors import Flat, Gaussian
from cevns_jax.pytree import changed
from cevns_jax.sources import oscillated_source

MODEL = cj.interactions.standard_model()
CHI2 = jax.jit(cj.Likelihood.chi2)
COUNTS = jax.jit(lambda like, values: (like.expected(values), like.components(values)))


def likelihood(*experiments, **given):
    return cj.Likelihood(experiments, MODEL, **{"free": ["sin2_theta_w"], **given})


@pytest.fixture(scope="module")
def csi():
    return cj.experiments.coherent_csi_2021(nuisances="split")


@pytest.fixture(scope="module")
def lar():
    return cj.experiments.coherent_lar_2020(nuisances="split")


@pytest.fixture(scope="module")
def lar_lumped():
    return cj.experiments.coherent_lar_2020()


@pytest.fixture(scope="module")
def germanium():
    return cj.experiments.dresden_ii(nuisances="flux_5_percent")


@pytest.fixture(scope="module")
def all_three(csi, lar, germanium):
    return likelihood(csi, lar, germanium)


@pytest.fixture(scope="module")
def moved(all_three):
    """Values of all parameters away from their start, within a fifth of an error."""
    random = np.random.default_rng(3)
    start = np.asarray(all_three.start)
    _, precision = (np.asarray(row) for row in all_three.prior_mean_and_precision)
    width = np.where(precision > 0, np.maximum(precision, 1e-30) ** -0.5, 0.1 * np.abs(start))
    return start + 0.2 * width * random.uniform(-1, 1, len(start))


def test_chi2_of_a_combination_is_the_sum_with_shared_priors_once(all_three, moved):
    values = all_three.values(moved)
    singles = [likelihood(e) for e in all_three.experiments]
    total = sum(float(CHI2(like, {n: values[n] for n in like.parameters})) for like in singles)
    flux = float(values["sns_flux"])
    assert flux != 0
    assert float(CHI2(all_three, values)) == pytest.approx(total - flux**2, rel=1e-12)


def test_one_flux_of_the_spallation_source_serves_both_detectors(all_three, csi, lar):
    names = all_three.names
    assert names.count("sns_flux") == 1
    assert "coherent_csi_2021_sns_flux" not in names
    assert "dresden_ii_reactor_flux" in names  # the reactor has its own
    assert len(set(names)) == len(names)
    of_experiments = [p for e in all_three.experiments for p in e.parameters]
    assert set(names) == {"sin2_theta_w", *(p.name for p in of_experiments if p.varies)}
    assert all_three.n_bins == 9 * 11 + 960 + 130
    flux = {"sns_flux": jnp.asarray(1.0, dtype=float)}
    _, start = COUNTS(all_three, all_three.values())
    _, raised = COUNTS(all_three, all_three.values() | flux)
    for name, factor in (("coherent_csi_2021", 1.1), ("coherent_lar_2020", 1.1), ("dresden_ii", 1)):
        np.testing.assert_allclose(
            raised[name]["cevns"], factor * np.asarray(start[name]["cevns"]), rtol=1e-12
        )


def test_expected_counts_follow_the_order_of_the_experiments(all_three, moved):
    expected, parts = COUNTS(all_three, all_three.values(moved))
    expected = np.asarray(expected)
    first = 0
    for experiment in all_three.experiments:
        total = np.sum([np.asarray(p) for p in parts[experiment.name].values()], axis=0)
        np.testing.assert_allclose(
            expected[first : first + total.size], total.ravel(), rtol=1e-13, atol=1e-15
        )
        first += total.size
    assert first == expected.size


def test_order_of_parameters_is_the_same_inside_and_outside_jit(all_three, moved):
    """Regression: dictionaries come out of jit sorted, vectors must mean the same in there.

    Dresden-II has components, two of them with parameters, that are not declared in alphabetical
    order.
    """
    components = list(all_three.experiments[2].parts)
    assert components != sorted(components)
    seen = []

    @jax.jit
    def inside(like, x):
        seen.append((like.names, tuple(like.parameters)))
        return like.chi2(like.values(x)), like.start, like.bounds, like.prior_mean_and_precision

    chi2, start, bounds, priors = inside(all_three, moved)
    assert seen == [(all_three.names, tuple(all_three.parameters))]
    outside = CHI2(all_three, all_three.values(moved))  # names and vector meet outside
    assert float(chi2) == pytest.approx(float(outside), rel=1e-12)
    np.testing.assert_array_equal(start, all_three.start)
    np.testing.assert_array_equal(bounds, all_three.bounds)
    np.testing.assert_array_equal(priors, all_three.prior_mean_and_precision)


def test_order_of_components_does_not_matter_for_the_numbers(germanium, moved, all_three):
    parts = dict(reversed(germanium.parts.items()))
    turned, like = likelihood(dataclasses.replace(germanium, parts=parts)), likelihood(germanium)
    assert set(turned.names) == set(like.names)
    values = dict(zip(all_three.names, moved, strict=True))
    values = {name: values[name] for name in like.names}
    assert float(CHI2(turned, values)) == pytest.approx(float(CHI2(like, values)), rel=1e-13)


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("turned", [False, True])
def test_a_lumped_pull_and_the_flux_that_it_contains_are_refused(csi, lar_lumped, turned):
    """In either order: the flux would count twice, as two independent uncertainties."""
    pair = (lar_lumped, csi) if turned else (csi, lar_lumped)
    with pytest.raises(ConfigError, match=r'"cevns" of coherent_lar_2020 contains sns_flux') as e:
        likelihood(*pair)
    assert '"sns_flux" of coherent_csi_2021' in str(e.value)
    assert '"split"' in str(e.value)


def test_two_lumped_pulls_are_refused(lar_lumped):
    """The same flux is in both."""
    for other in (
        cj.experiments.coherent_csi_2021(nuisances="atzori_corona_2023"),
        cj.experiments.coherent_csi_2017(nuisances="lumped"),
    ):
        with pytest.raises(ConfigError, match='contains sns_flux, and so does "') as caught:
            likelihood(other, lar_lumped)
        assert other.name in str(caught.value)
        assert "coherent_lar_2020" in str(caught.value)


def test_a_lumped_pull_goes_with_a_reactor_and_with_backgrounds_alone(lar_lumped, germanium):
    both = likelihood(lar_lumped, germanium)
    assert {"coherent_lar_2020_cevns", "dresden_ii_reactor_flux"} <= set(both.names)
    bare = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    assert "sns_flux" not in likelihood(lar_lumped, bare).names


@pytest.mark.parametrize(
    ("width", "form", "words"),
    [(0.05, "linear", ["0.1 linear", "0.05 linear"]), (0.1, "gamma", ["0.1 linear", "0.1 gamma"])],
)
def test_a_shared_nuisance_must_be_the_same_in_both(csi, width, form, words):
    other = Nuisance(name="sns_flux", acts_on=("cevns",), width=width, form=form, shared=True)
    lar = cj.experiments.coherent_lar_2020(nuisances=[other])
    with pytest.raises(ConfigError) as caught:
        likelihood(csi, lar)
    for word in ('shared nuisance "sns_flux"', "coherent_csi_2021", "coherent_lar_2020", *words):
        assert word in str(caught.value)


def test_a_nuisance_is_shared_by_all_or_private(csi):
    """A parameter of this name that is private to one experiment is no shared one."""
    private = Nuisance(name="flux", acts_on=("cevns",), width=0.1)
    shared = Nuisance(name="coherent_lar_2020_flux", acts_on=("cevns",), width=0.1, shared=True)
    lar = cj.experiments.coherent_lar_2020(nuisances=[private])
    own = cj.experiments.coherent_csi_2021(nuisances=[shared])
    with pytest.raises(ConfigError, match=r'"coherent_lar_2020_flux" is a private nuisance'):
        likelihood(own, lar)


def test_experiments_with_common_events_are_refused_unless_allowed(csi):
    """CsI 2017 is contained in CsI 2021."""
    older = cj.experiments.coherent_csi_2017(nuisances="split")
    for pair in ((csi, older), (older, csi)):
        with pytest.raises(ConfigError, match=r"have events in common.*allow_overlap") as caught:
            likelihood(*pair)
        assert "coherent_csi_2017" in str(caught.value)
        assert "coherent_csi_2021" in str(caught.value)
        assert likelihood(*pair, allow_overlap=True).n_bins == 99 + 144


def test_common_events_are_found_whichever_experiment_knows_of_them():
    """An own experiment may know of one that was there before it."""
    first, second = own(name="a"), dataclasses.replace(own(name="b"), overlaps=("a",))
    for pair in ((first, second), (second, first)):
        with pytest.raises(ConfigError, match="have events in common"):
            likelihood(*pair)


def scaled(name, **declared):
    """An own experiment with a factor of its own on the signal."""
    parameter = Parameter(**({"name": "ratio", "start": 1.0} | declared))
    return dataclasses.replace(own(name=name), scales=(Scale(parameter, ("cevns",)),))


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"start": 1.5}, "has the start 1 in a and 1.5 in b"),
        ({"prior": Gaussian(0.0, 5.0)}, r"has the prior 0 \+- 0.1 in a and 0 \+- 5 in b"),
        ({"prior": Flat()}, r"has the prior 0 \+- 0.1 in a and flat in b"),
        ({"varies": True}, "has the kind fixed in a and varying in b"),
        ({"unit": "fm"}, "has the unit none in a and fm in b"),
    ],
)
def test_a_parameter_is_declared_the_same_everywhere(declared, words):
    """Whichever came last would hold without notice."""
    prior = {"prior": Gaussian(0.0, 0.1)}
    pair = scaled("a", **prior), scaled("b", **(prior | declared))
    with pytest.raises(ConfigError, match=f'parameter "ratio" {words}; give both the same'):
        likelihood(*pair)
    with pytest.raises(ConfigError, match=r'parameter "ratio" has the .* in b and .* in a'):
        likelihood(*pair[::-1])
    same = likelihood(scaled("a", **prior), scaled("b", **prior))
    assert same.parameters["ratio"].prior == Gaussian(0.0, 0.1)


class Angled(Formula):
    """A component that has an angle of its own under the name of that of the interaction."""

    parameters = (Parameter(name="sin2_theta_w", start=0.5),)

    def __call__(self, interaction, values, effects):
        return values["sin2_theta_w"] * jnp.ones(6)


def test_a_parameter_is_declared_the_same_in_interaction_and_experiment():
    with pytest.raises(ConfigError, match=r"0\.23\d* in the interaction and 0\.5 in a"):
        likelihood(own(name="a", components={"other": Angled()}))


@pytest.mark.parametrize("turned", [False, True])
def test_a_parameter_may_be_where_all_who_declare_it_allow_it(turned):
    """In either order: as far as both have panels for oscillations, as far as a linear pull leaves
    something of a signal."""
    known = [
        own(name=name, source=oscillated_source(SNS, baseline_m=20.0, highest_delta_m2_ev2=top))
        for name, top in (("a", 2.0), ("b", 100.0))
    ]
    acting = {"a": "cevns", "b": "neutron_radius"}
    pulls = [
        own(name=name, nuisances=[Nuisance(name="x", acts_on=(on,), width=0.5, shared=True)])
        for name, on in acting.items()
    ]
    order = -1 if turned else 1
    assert likelihood(*known[::order]).parameters["delta_m2_sterile"].upper == 2.0
    assert likelihood(*pulls[::order]).parameters["x"].lower == -2.0


def test_ranges_of_traced_widths_are_those_of_all_as_well():
    on = Nuisance(name="x", acts_on=("cevns",), width=0.5, shared=True)
    free = Nuisance(name="x", acts_on=("neutron_radius",), width=0.5, shared=True)
    pair = [own(name="a", nuisances=[on]), own(name="b", nuisances=[free])]

    @jax.jit
    def lowest(width):
        moved = [changed(e, nuisances=(changed(e.nuisances[0], width=width),)) for e in pair]
        return tabulated(MODEL, moved)["x"].lower

    assert float(lowest(0.25)) == -4.0


def test_an_experiment_cannot_be_combined_with_itself(lar, lar_lumped):
    with pytest.raises(ConfigError, match="coherent_lar_2020, coherent_lar_2020"):
        likelihood(lar, lar_lumped)


# ------------------------------------------------------------------------------------------- fits


@pytest.mark.slow
def test_csi_and_argon_together_know_the_angle_better_than_each(csi, lar):
    """A value between the two, 0.233 +0.027 -0.026 (own, a tripwire; arXiv:2211.11905 quotes
    0.237 +- 0.029 for CsI and LAr), and smaller errors than either data set alone."""
    fits = [cj.fit(likelihood(*e)) for e in ((csi,), (lar,), (csi, lar))]
    assert all(best.converged for best in fits)
    one, other, both = (best.parameters["sin2_theta_w"] for best in fits)
    assert both["value"] == pytest.approx(0.237, abs=0.2 * 0.029)
    assert both["value"] == pytest.approx(0.233, abs=1e-3)
    assert both["error_high"] == pytest.approx(0.027, abs=6e-4)
    assert both["error_low"] == pytest.approx(0.026, abs=6e-4)
    assert min(one["value"], other["value"]) < both["value"] < max(one["value"], other["value"])
    for key in ("error", "error_low", "error_high"):
        assert both[key] < min(one[key], other[key])
    # One flux for both, so less is gained than by independent measurements.
    assert both["error"] > (one["error"] ** -2 + other["error"] ** -2) ** -0.5
