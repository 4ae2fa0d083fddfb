"""The posterior on the line: the density of the likelihood and of NumPyro's model; its slope."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density

import cevns_jax as cj
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.target import (
    chi2_of_bins,
    log_likelihood,
    log_prior,
    parameters,
    potential,
    target_of,
)

CONFIGS = Path(__file__).parents[2] / "configs"


def sampled(config):
    return with_sampled_priors(cj.read_analysis(CONFIGS / f"{config}.toml").likelihood, {})


def places(target, likelihood, n=10, width=0.3):
    start = target.line.unconstrained(np.asarray(likelihood.start))
    return start + width * np.random.default_rng(3).normal(size=(n, len(start)))


@pytest.mark.parametrize(
    "config",
    [
        "coherent_csi_2017",
        *(
            pytest.param(config, marks=pytest.mark.slow)
            for config in (
                "coherent_csi_2021_split",
                "coherent_lar_2020",
                "coherent_lar_2020_energy",
                "dresden_ii_fef",
                "nsi_csi_2017",
            )
        ),
    ],
)
def test_the_density_is_that_of_the_model_and_of_the_likelihood(config):
    likelihood = sampled(config)
    target = target_of(likelihood)
    u = places(target, likelihood)
    model = cj.numpyro_model(likelihood)

    def modelled(x):
        return log_density(model, (), {}, dict(zip(likelihood.names, x, strict=True)))[0]

    def from_likelihood(likelihood, x):
        return likelihood.chi2(likelihood.values(x))

    x, log_slope = target.line.constrained(u)
    # The Jacobian; what a log-uniform prior has in ln x is a part of it.
    jacobian = np.sum(np.where(target.line.logarithmic, jnp.log(x), 0.0) + log_slope, axis=1)
    found = -np.asarray(jax.jit(jax.vmap(potential, (None, 0)))(target, u))
    expected = np.asarray(jax.jit(jax.vmap(modelled))(x)) + jacobian
    chi2 = np.asarray(jax.jit(jax.vmap(from_likelihood, (None, 0)))(likelihood, x))
    size = np.abs(found).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * size)
    apart = found - jacobian + chi2 / 2
    np.testing.assert_allclose(apart, apart[0], rtol=0, atol=1e-12 * size)
    parts = jax.jit(jax.vmap(lambda t, u: log_prior(t, u) + log_likelihood(t, u), (None, 0)))
    np.testing.assert_allclose(found, parts(target, u), rtol=0, atol=1e-12 * size)


@pytest.mark.parametrize(
    "config", ["coherent_csi_2021", pytest.param("dresden_ii_lindhard", marks=pytest.mark.slow)]
)
def test_the_gradient_is_that_of_finite_differences(config):
    likelihood = sampled(config)
    target = target_of(likelihood)
    u = places(target, likelihood, n=3)
    value = jax.jit(jax.vmap(potential, (None, 0)))
    slopes = jax.jit(jax.vmap(jax.grad(potential, argnums=1), (None, 0)))(target, u)
    step = 1e-4
    for i in range(u.shape[1]):
        shift = step * np.eye(u.shape[1])[i]
        around = [np.asarray(value(target, u + k * shift)) for k in (-2, -1, 1, 2)]
        numeric = np.dot([1 / 12, -2 / 3, 2 / 3, -1 / 12], around) / step
        np.testing.assert_allclose(slopes[:, i], numeric, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def counting():
    csi = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    return with_sampled_priors(cj.Likelihood(csi, free=["n_sigma"]), {})


def test_many_lanes_are_those_one_by_one(counting):
    """A hundred are evaluated in pieces, of which the last is not full."""
    target = target_of(counting)
    u = places(target, counting, n=101)
    whole = jax.value_and_grad(potential, argnums=1)
    values, slopes = jax.jit(jax.vmap(whole, (None, 0)))(target, u)
    alone = [jax.jit(whole)(target, row) for row in u[::20]]
    np.testing.assert_allclose(values[::20], [v for v, _ in alone], rtol=1e-13)
    np.testing.assert_allclose(slopes[::20], [s for _, s in alone], rtol=1e-10, atol=1e-10)


def test_lanes_can_have_data_of_their_own(counting):
    """As in calibration, where every lane has its own toy."""
    target = target_of(counting)
    u = places(target, counting, n=40)
    (experiment,) = counting.experiments
    counts = np.random.default_rng(1).poisson(experiment.observed, (40, *experiment.observed.shape))

    def own(counts, u):
        likelihood = target.bins.with_observed({experiment.name: counts})
        return chi2_of_bins(likelihood, parameters(target, u))

    found = jax.jit(jax.vmap(own))(jnp.asarray(counts, float), u)
    alone = [own(jnp.asarray(counts[i], float), u[i]) for i in (0, 17, 39)]
    np.testing.assert_allclose(np.asarray(found)[[0, 17, 39]], alone, rtol=1e-13)
