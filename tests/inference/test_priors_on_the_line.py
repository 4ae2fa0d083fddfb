"""Priors on the whole line: numbers there and back, and a density that integrates to one."""

import itertools
import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpyro.distributions import Laplace
from scipy.integrate import quad

import cevns_jax as cj
from cevns_jax.inference.line import line_of
from cevns_jax.priors import (
    Flat,
    FromNumPyro,
    Gaussian,
    LogNormal,
    LogUniform,
    TruncatedGaussian,
)

PROPER = {
    "line": Gaussian(0.2, 1.5),
    "flat": Flat(0.1, 3.0),
    "log-uniform": LogUniform(1e-7, 3e-3),
    "truncated below": TruncatedGaussian(0.5, 1.0, -0.3, math.inf),
    "truncated above": TruncatedGaussian(0.5, 1.0, -math.inf, 2.0),
    "truncated far out": TruncatedGaussian(-40.0, 1.0, 0.0, math.inf),
    "piece": TruncatedGaussian(0.5, 1.0, 0.0, 1.0),
    "log-normal": LogNormal(1.1, 0.3),
    "part of log-normal": LogNormal(1.1, 0.3).within(0.5, 2.0),
    "of NumPyro": FromNumPyro(Laplace(0.9, 0.2)),
}
IMPROPER = {"line": Flat(), "above": Flat(0.5), "below": Flat(-math.inf, 2.0)}


@pytest.fixture(scope="module")
def counting():
    csi = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    return cj.Likelihood(csi, free=["n_sigma"])


def declaring(likelihood, prior):
    """The line of a likelihood in which one parameter alone varies, with this prior."""
    low, high = max(float(prior.lower), -1e3), min(float(prior.upper), 1e3)
    start = math.sqrt(low * high) if low > 0 else (low + high) / 2
    known = replace(
        likelihood.parameters["n_sigma"], prior=prior, lower=-math.inf, start=start, upper=math.inf
    )
    alone = likelihood.hold(**{name: 0.0 for name in likelihood.names if name != "n_sigma"})
    return line_of(alone.declared({"n_sigma": known}))


@pytest.mark.parametrize("kind", PROPER)
def test_the_density_integrates_to_one(counting, kind):
    line = declaring(counting, PROPER[kind])
    density = jax.jit(lambda u: jnp.exp(line.log_prior(*line.constrained(u[None]))))
    ends = [-60.0, -10.0, -2.0, 2.0, 10.0, 60.0]
    pieces = itertools.pairwise(ends)
    total = sum(quad(lambda u: float(density(u)), a, b, epsabs=1e-11)[0] for a, b in pieces)
    assert total == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("kind", PROPER)
def test_the_density_is_that_of_the_prior(counting, kind):
    """Times |dx/du|, by finite differences."""
    prior = PROPER[kind]
    line = declaring(counting, prior)
    u, step = np.linspace(-3.0, 3.0, 13)[:, None], 1e-5
    x, _ = line.constrained(u)
    assert (np.asarray(x) > prior.lower).all()
    assert (np.asarray(x) < prior.upper).all()
    above, below = line.constrained(u + step)[0], line.constrained(u - step)[0]
    slope = np.abs(np.asarray(above - below))[:, 0] / (2 * step)
    expected = np.asarray(prior.log_density(x[:, 0])) + np.log(slope)
    found = [float(line.log_prior(*line.constrained(v))) for v in u]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", IMPROPER)
def test_an_improper_prior_has_density_one_in_the_parameter(counting, kind):
    line = declaring(counting, IMPROPER[kind])
    for u in (-3.0, 0.1, 4.0):
        slope = jax.grad(lambda v: line.constrained(v[None])[0][0])(u)
        found = line.log_prior(*line.constrained(jnp.array([u])))
        assert float(found) == pytest.approx(float(jnp.log(jnp.abs(slope))), abs=1e-13)


@given(share=st.floats(1e-9, 1 - 1e-9), kind=st.sampled_from([*PROPER, *IMPROPER]))
def test_there_and_back(counting, share, kind):
    prior = PROPER.get(kind) or IMPROPER[kind]
    line = declaring(counting, prior)
    low, high = max(float(prior.lower), -50.0), min(float(prior.upper), 50.0)
    logarithmic = isinstance(prior, LogUniform)
    x = low * (high / low) ** share if logarithmic else low + share * (high - low)
    back = line.constrained(line.unconstrained(np.array([x])))[0]
    assert float(back[0]) == pytest.approx(x, rel=1e-9, abs=1e-9 * (high - low))


@pytest.mark.parametrize("kind", ["flat", "log-uniform", "truncated below", "truncated above"])
def test_an_end_is_moved_inside(counting, kind):
    """A best fit can lie at the end of a domain, where no number on the line is finite."""
    prior = PROPER[kind]
    line = declaring(counting, prior)
    for end in filter(math.isfinite, (prior.lower, prior.upper)):
        u = line.unconstrained(np.array([float(end)]))
        assert np.isfinite(u).all()
        back = float(line.constrained(u)[0][0])
        assert prior.lower <= back <= prior.upper
        assert back == pytest.approx(float(end), rel=1e-12, abs=1e-12)


def test_a_domain_cuts_the_prior_of_a_normalisation(counting):
    """A Gaussian whose parameter has a lower bound is one whose mass above it is one."""
    name = counting.names[1]
    lower = counting.parameters[name].lower
    line = line_of(counting.hold(**{n: 0.0 for n in counting.names if n != name}))
    assert math.isfinite(lower)
    cut = TruncatedGaussian(0.0, 1.0, lower, math.inf)
    x, log_slope = line.constrained(jnp.array([1.0]))
    found = float(line.log_prior(x, log_slope) - log_slope[0])
    assert found == pytest.approx(float(cut.log_density(x[0])), abs=1e-13)
