"""The likelihood: deviance, priors, gradients, pseudo data, and what it refuses."""

import dataclasses

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.experiments.coherent_csi_2021 import PRESETS
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.statistics import poisson_deviance


@pytest.fixture(scope="module")
def split():
    csi = cj.experiments.coherent_csi_2021(nuisances="split")
    return cj.Likelihood([csi], cj.interactions.standard_model(), free=["sin2_theta_w"])


@given(
    n=st.integers(0, 10**9),
    ratio=st.one_of(st.floats(1e-3, 1e3), st.floats(-0.03, 0.03).map(lambda r: 1 + r)),
)
def test_deviance_has_all_digits_near_and_far_from_the_observed_count(n, ratio):
    mu = max(n, 1) * ratio
    with mpmath.workdps(40):
        m, k = mpmath.mpf(mu), mpmath.mpf(n)
        exact = 2 * (m - k + (k * mpmath.log(k / m) if n else 0))
    found = float(poisson_deviance(jnp.array(mu), jnp.array(float(n))))
    # mu itself carries 1e-16 of n, which moves the deviance by 2 |1 - n/mu| 1e-16 mu.
    assert found == pytest.approx(float(exact), rel=1e-11, abs=1e-15 * abs(mu - n) + 1e-25 * mu)


def test_deviance_of_an_impossible_expectation_is_infinite_and_its_gradient_finite():
    assert np.isinf(poisson_deviance(jnp.array([0.0, -1.0]), jnp.array([1.0, 0.0]))).all()
    slope = jax.grad(lambda mu: poisson_deviance(mu, jnp.array(0.0)))(jnp.array(0.3))
    assert slope == pytest.approx(2.0)


def test_deviance_is_smooth_across_the_switch_of_formulas():
    n = 50.0
    mu = n * (1 + jnp.array([0.02 - 1e-9, 0.02 + 1e-9, -0.02 - 1e-9, -0.02 + 1e-9]))
    first = jax.vmap(jax.grad(lambda m: poisson_deviance(m, jnp.array(n))))(mu)
    np.testing.assert_allclose(first, 2 * (1 - n / mu), rtol=1e-9)


def test_chi2_is_deviance_plus_squared_pulls(split):
    values = split.values()
    moved = values | {"coherent_csi_2021_brn": jnp.array(0.7), "sns_flux": jnp.array(-0.2)}
    direct = jnp.sum(poisson_deviance(split.expected(moved), split.experiments[0].observed.ravel()))
    assert float(split.chi2(moved)) == pytest.approx(float(direct) + 0.7**2 + 0.2**2, rel=1e-12)


def test_gradient_agrees_with_finite_differences_in_every_parameter(split):
    """All nuisances at once, away from the start: rates, response, timing, radii."""
    x = split.start + np.linspace(-0.9, 1.1, len(split.names)) * np.where(
        np.array(split.names) == "sin2_theta_w", 0.02, 1.0
    )
    chi2 = jax.jit(lambda like, x: like.chi2(like.values(x)))
    gradient = jax.jit(jax.grad(lambda like, x: like.chi2(like.values(x)), argnums=1))(split, x)
    for i, name in enumerate(split.names):
        step = np.zeros_like(x)
        step[i] = 1e-4 if name != "sin2_theta_w" else 1e-5
        numbers = [float(chi2(split, x + k * step)) for k in (-2, -1, 1, 2)]
        slope = (numbers[0] - 8 * numbers[1] + 8 * numbers[2] - numbers[3]) / (12 * step[i])
        assert float(gradient[i]) == pytest.approx(slope, rel=2e-6, abs=2e-6), name


def test_gradient_of_the_mapping_is_a_mapping_with_the_same_names(split):
    gradient = jax.grad(split.chi2)(split.values())
    assert set(gradient) == set(split.parameters)
    assert all(np.isfinite(g) for g in gradient.values())


def test_a_flux_pull_and_the_cross_section_ratio_scale_the_signal_alone(split):
    start = split.components(split.values())["coherent_csi_2021"]
    moved = split.components(
        split.values() | {"sns_flux": jnp.array(1.0), "n_sigma": jnp.array(2.0)}
    )["coherent_csi_2021"]
    np.testing.assert_allclose(moved["cevns"], 2 * 1.1 * start["cevns"], rtol=1e-12)
    np.testing.assert_array_equal(moved["steady_state"], start["steady_state"])


def test_exponential_normalisations_are_exponential():
    log_brn = Nuisance(name="brn", acts_on=("brn",), width=0.25, form="exponential")
    csi = cj.experiments.coherent_csi_2021(nuisances=[log_brn])
    like = cj.Likelihood([csi], cj.interactions.standard_model())
    parts = like.components(like.values(np.array([2.0])))["coherent_csi_2021"]
    assert float(parts["brn"].sum()) == pytest.approx(18.4 * np.exp(0.5), rel=1e-6)


def test_held_parameters_do_not_vary_and_take_their_value(split):
    held = split.hold(sns_flux=0.5, sin2_theta_w=0.25)
    assert "sns_flux" not in held.names
    assert len(held.names) == len(split.names) - 2
    assert float(held.values()["sns_flux"]) == 0.5


def test_asimov_data_equal_their_expectation_and_have_no_deviance(split):
    like = cj.asimov(split)
    np.testing.assert_allclose(
        np.ravel(like.experiments[0].observed), split.expected(split.values()), rtol=1e-14
    )
    assert float(like.chi2(like.values())) == pytest.approx(0.0, abs=1e-9)


def test_what_data_are_and_their_unit_survive_compilation(split):
    """The words of an experiment do not: those of the first one are returned for all."""
    again = jax.jit(lambda like: like)
    assert jax.tree.structure(split) == jax.tree.structure(cj.asimov(split))  # compiles nothing new
    kinds = [
        again(like).experiments[0].data for like in (split, cj.asimov(split), cj.toy(split, 1))
    ]
    assert kinds == ["observed", "asimov", "toy"]
    csi = split.experiments[0]
    rates = dataclasses.replace(csi, per_day=True)
    same = jax.jit(lambda experiment: experiment)
    assert [same(e).recoil_spectrum([5.0]).unit for e in (csi, rates)] == [
        "events/keV",
        "events/(keV day)",
    ]


def test_asimov_of_other_values_is_made_there(split):
    like = cj.asimov(split, {"sin2_theta_w": 0.3})
    assert float(like.chi2(like.values() | {"sin2_theta_w": jnp.array(0.3)})) < 1e-9


def test_toys_are_reproducible_whole_counts_around_the_expectation(split):
    one, same, other = (cj.toy(split, seed).experiments[0].observed for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (one % 1 == 0).all()
    total = float(split.expected(split.values()).sum())
    assert abs(float(one.sum()) - total) < 5 * np.sqrt(total)


def test_numbers_are_no_part_of_the_structure():
    """Changing a number never recompiles: the same tree structure."""
    a = cj.experiments.coherent_csi_2021()
    b = cj.experiments.coherent_csi_2021(
        exposure=cj.experiments.Exposure(mass_kg=20.0),
        target=cj.experiments.csi_target(neutron_radius_fm={"Cs133": 5.2}),
    )
    build = lambda e: jax.tree.structure(e.parts["cevns"])  # noqa: E731
    assert build(a) == build(b)


def test_names_that_nobody_declares_are_refused_with_the_nearest_one(split):
    with pytest.raises(ConfigError, match='did you mean "sin2_theta_w"'):
        cj.Likelihood(split.experiments, split.interaction, free=["sin2_thetaw"])
    with pytest.raises(ConfigError, match="sns_flux"):
        split.hold(sns_fluxx=1.0)
    with pytest.raises(ConfigError, match="list of names"):
        cj.Likelihood(split.experiments, split.interaction, free="sin2_theta_w")
    with pytest.raises(ConfigError, match="sin2_theta_w"):
        cj.asimov(split, {"sin2_thetaw": 0.3})
    with pytest.raises(ConfigError, match="twice"):
        cj.Likelihood([*split.experiments, *split.experiments], split.interaction)


def test_a_likelihood_without_experiments_is_refused():
    with pytest.raises(ConfigError, match="at least one experiment"):
        cj.Likelihood([])


def test_a_declaration_is_one_of_the_parameter_that_it_replaces(split):
    other = {"sin2_theta_w": Parameter(name="sin2_theta", start=0.2)}
    message = '"sin2_theta_w" is one of "sin2_theta"; give it the same name'
    with pytest.raises(ConfigError, match=message):
        split.declared(other)
    with pytest.raises(ConfigError, match=message):
        cj.Likelihood(split.experiments, split.interaction, declarations=other)


def test_what_is_held_stays_inside_a_domain_that_is_declared_later(split):
    held = split.hold(n_sigma=3.0)
    narrow = {"n_sigma": Parameter(name="n_sigma", start=1.0, lower=0.0, upper=1.0)}
    with pytest.raises(ConfigError, match=r"n_sigma must .* between 0 and 1, not at 3"):
        held.declared(narrow)
    assert float(split.hold(n_sigma=0.5).declared(narrow).values()["n_sigma"]) == 0.5
    free = held.freed("n_sigma").declared(narrow)
    assert free.bounds[1][free.names.index("n_sigma")] == 1.0


def test_experiments_that_disagree_on_a_parameter_are_refused(split):
    """A radius that starts elsewhere, or a private nuisance with the name of a shared one."""
    model = cj.interactions.standard_model()
    larger = cj.experiments.csi_target(neutron_radius_fm={"Cs133": 5.5})
    other = cj.experiments.coherent_csi_2017(target=larger)
    with pytest.raises(ConfigError, match=r"r_n_cs133.*5\.01.*2021.*5\.5.*2017"):
        cj.Likelihood([*split.experiments, other], model, allow_overlap=True)
    private = Nuisance(name="coherent_csi_2021_brn", acts_on=("brn",), width=0.1, shared=True)
    with pytest.raises(ConfigError, match="coherent_csi_2021_brn"):
        cj.Likelihood(
            [*split.experiments, cj.experiments.coherent_csi_2017(nuisances=[private])],
            model,
            allow_overlap=True,
        )


def test_two_experiments_share_the_flux_and_keep_their_own_backgrounds(split):
    both = cj.Likelihood(
        [*split.experiments, cj.experiments.coherent_csi_2017(nuisances="split")],
        cj.interactions.standard_model(),
        free=["sin2_theta_w"],
        allow_overlap=True,
    )
    assert both.names.count("sns_flux") == 1
    assert {"coherent_csi_2017_brn", "coherent_csi_2021_brn"} <= set(both.names)
    assert both.n_bins == 99 + 144
    best = cj.fit(both)
    assert best.converged
    assert best.errors[0] < cj.fit(split).errors[0]


@pytest.mark.parametrize(
    ("nuisance", "text"),
    [
        (Nuisance(name="a", acts_on=("brm",), width=0.1), 'did you mean "brn"'),
        (Nuisance(name="a", acts_on=(), width=0.1), "acts_on"),
        (Nuisance(name="a", acts_on=("brn",), width=0.1, form="cubic"), "linear"),
    ],
)
def test_nuisances_that_mean_nothing_are_refused(nuisance, text):
    with pytest.raises(ConfigError, match=text):
        cj.experiments.coherent_csi_2021(nuisances=[nuisance])


def test_a_nuisance_declared_twice_is_refused():
    with pytest.raises(ConfigError, match="twice"):
        cj.experiments.coherent_csi_2021(nuisances=[*PRESETS["backgrounds_only"]] * 2)


def test_single_precision_is_refused_with_the_line_that_helps():
    with jax.enable_x64(False), pytest.raises(RuntimeError, match="jax_enable_x64"):
        cj.experiments.coherent_csi_2021()


def test_more_exposure_scales_signal_and_backgrounds_alike():
    one, ten = (cj.experiments.coherent_csi_2021(exposure_scale=s) for s in (1.0, 10.0))
    model = cj.interactions.standard_model()
    totals = [
        cj.Likelihood([e], model).expected(cj.Likelihood([e], model).values()) for e in (one, ten)
    ]
    np.testing.assert_allclose(totals[1], 10 * totals[0], rtol=1e-12)


def test_a_held_nuisance_keeps_its_prior(split):
    held = split.hold(coherent_csi_2021_nin=2.0)
    values = held.values()
    free = split.values() | {"coherent_csi_2021_nin": jnp.array(2.0)}
    assert float(held.chi2(values)) == pytest.approx(float(split.chi2(free)), rel=1e-12)


def test_a_linear_pull_never_makes_counts_of_the_signal_negative():
    """A linear pull of a normalisation ends where nothing is left; other forms have no end."""
    csi = cj.experiments.coherent_csi_2021(nuisances="normalisations")
    like = cj.Likelihood([csi], cj.interactions.standard_model())
    lowest = {name: p.lower for name, p in like.parameters.items()}
    assert lowest["sns_flux"] == pytest.approx(-10.0)
    assert lowest["coherent_csi_2021_signal"] == pytest.approx(-1 / 0.0663)
    assert lowest["coherent_csi_2021_brn"] == pytest.approx(-4.0)
    none = like.components(like.values() | {"sns_flux": lowest["sns_flux"]})["coherent_csi_2021"]
    np.testing.assert_array_equal(none["cevns"], 0.0)
    gamma = cj.experiments.coherent_csi_2017(nuisances="denton_gehrlein_2020")
    assert {p.lower for p in gamma.parameters if p.name.endswith("cevns")} == {-np.inf}
    many = like.hold(n_sigma=1e4)
    assert cj.fit(many).values["sns_flux"] == pytest.approx(-10.0, abs=0.1)
