"""Priors of one parameter: densities, penalties, draws, parts of ranges, and repetitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpyro.distributions import Beta, Gamma, Normal
from scipy import stats

from cevns_jax.priors import (
    Flat,
    FromNumPyro,
    Gaussian,
    LogNormal,
    LogUniform,
    Prior,
    TruncatedGaussian,
)

BOTH = {  # with what scipy calls it
    "flat": (Flat(-1.0, 3.0), stats.uniform(-1, 4)),
    "log-uniform": (LogUniform(1e-3, 10.0), stats.loguniform(1e-3, 10.0)),
    "gaussian": (Gaussian(0.239, 0.01), stats.norm(0.239, 0.01)),
    "truncated": (TruncatedGaussian(1.0, 2.0, 0.0, 4.0), stats.truncnorm(-0.5, 1.5, 1.0, 2.0)),
    "half": (TruncatedGaussian(0.5, 0.5, 0.0, np.inf), stats.truncnorm(-1, np.inf, 0.5, 0.5)),
    "log-normal": (LogNormal(2.0, 0.3), stats.lognorm(0.3, scale=2.0)),
    "numpyro normal": (FromNumPyro(Normal(1.0, 0.2)), stats.norm(1.0, 0.2)),
    "numpyro gamma": (FromNumPyro(Gamma(3.0, 2.0)), stats.gamma(3.0, scale=0.5)),
    "numpyro beta": (FromNumPyro(Beta(2.0, 3.0)), stats.beta(2.0, 3.0)),
}
every = pytest.mark.parametrize(("prior", "known"), BOTH.values(), ids=BOTH)
# Compiled: what is evaluated by itself compiles each of its operations for each shape.
log_density = jax.jit(lambda prior, x: prior.log_density(x))
penalties = jax.jit(lambda prior, x: prior.penalty(x))
precisions = jax.jit(lambda prior, x: prior.precision(x))
slopes = jax.jit(jax.vmap(jax.grad(lambda prior, x: prior.log_density(x), 1), (None, 0)))
draws = jax.jit(lambda prior, key, shape: prior.draw(key, shape), static_argnums=2)
SHARES = np.array([1e-6, 0.01, 0.2, 0.5, 0.7, 0.99, 1 - 1e-6])


@every
def test_density_is_that_of_scipy_and_support_ends_where_it_ends(prior, known):
    x = known.ppf(SHARES)
    np.testing.assert_allclose(log_density(prior, x), known.logpdf(x), rtol=1e-11, atol=1e-11)
    assert isinstance(prior, Prior)
    assert prior.proper
    lower, upper = known.support()
    assert (float(prior.lower), float(prior.upper)) == pytest.approx((lower, upper))
    for end, way in ((lower, -1), (upper, 1)):
        if np.isfinite(end):
            beyond = end + way * np.array([1e-9, 2.0, 1e6])
            assert (np.asarray(log_density(prior, beyond)) == -np.inf).all()
            assert (np.asarray(penalties(prior, beyond)) == np.inf).all()
            assert np.isfinite(log_density(prior, end - way * 1e-9))


@every
def test_penalty_is_minus_twice_the_log_density_and_zero_where_that_is_highest(prior, known):
    x = known.ppf(np.linspace(1e-4, 1 - 1e-4, 4001))
    penalty, density = penalties(prior, x), np.asarray(log_density(prior, x))
    constant = np.asarray(penalty) + 2 * density
    np.testing.assert_allclose(constant, constant[0], rtol=1e-12, atol=1e-12)
    assert np.min(penalty) == pytest.approx(0.0, abs=2e-3)
    assert np.min(penalty) >= -1e-12


@every
def test_draws_follow_the_density(prior, known):
    """Kolmogorov and Smirnov, 20 000 draws with a fixed key."""
    drawn = np.asarray(draws(prior, jax.random.key(7), (20_000,)))
    assert drawn.shape == (20_000,)
    assert stats.kstest(drawn, known.cdf).pvalue > 1e-3
    assert (drawn >= prior.lower).all()
    assert (drawn <= prior.upper).all()
    assert prior.draw(jax.random.key(7)).shape == ()


@pytest.mark.parametrize("name", [name for name in BOTH if name not in ("truncated", "half")])
def test_mean_is_that_of_the_density(name):
    prior, known = BOTH[name]
    assert float(prior.mean) == pytest.approx(known.mean(), rel=1e-12)


@every
def test_gradients_are_those_of_scipy_and_finite_at_the_ends(prior, known):
    x = known.ppf(SHARES[1:-1])
    step = 1e-6 * known.std()
    found = (known.logpdf(x + step) - known.logpdf(x - step)) / (2 * step)
    np.testing.assert_allclose(slopes(prior, x), found, rtol=1e-5, atol=1e-5)
    assert np.isfinite(slopes(prior, known.ppf(np.array([1e-9, 1 - 1e-9])))).all()
    outside = [end for end in (prior.lower - 1.0, prior.upper + 1.0) if np.isfinite(end)]
    assert np.isfinite(slopes(prior, jnp.array([float(x) for x in outside] or [0.3]))).all()


@every
def test_precision_is_never_negative(prior, known):
    x = known.ppf(np.linspace(0.001, 0.999, 101))
    assert (np.asarray(precisions(prior, x)) >= 0).all()
    assert precisions(prior, x).shape == x.shape


def test_precision_is_the_curvature_of_half_the_penalty():
    """Exactly for Gaussians, at the highest place of a log-normal but for its skewness, and where
    it is positive for others."""
    half = lambda prior: jax.grad(jax.grad(lambda x: prior.penalty(x) / 2))  # noqa: E731
    for prior in (Gaussian(0.2, 0.05), TruncatedGaussian(1.0, 2.0, 0.0, 4.0)):
        assert float(prior.precision(0.3)) == pytest.approx(float(half(prior)(0.3)), rel=1e-12)
    narrow = LogNormal(2.0, 1e-3)
    assert float(narrow.precision(2.0)) == pytest.approx(float(half(narrow)(2.0)), rel=1e-5)
    assert float(LogNormal(2.0, 0.5).precision(40.0)) > 0 > half(LogNormal(2.0, 0.5))(40.0)
    gamma = FromNumPyro(Gamma(3.0, 2.0))
    assert float(gamma.precision(0.7)) == pytest.approx(2 / 0.7**2, rel=1e-10)
    assert float(Flat().precision(1.5)) == 0.0


def test_penalty_of_a_gaussian_is_its_squared_pull_to_the_last_digit():
    x, mean, width = 0.31, 0.239, 0.013
    pull = ((np.float64(x) - mean) / width) ** 2
    assert float(Gaussian(mean, width).penalty(x)) == pull
    assert float(TruncatedGaussian(mean, width, 0.0, 1.0).penalty(x)) == pull
    assert float(Flat().penalty(1e300)) == 0.0


places = st.floats(-30.0, 30.0)
widths = st.floats(1e-3, 10.0)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def integral(prior, ends):
    """Of the density, on panels that ``ends`` separate."""
    low, length = ends[:-1, None], np.diff(ends)[:, None]
    x = low + length * (NODES + 1) / 2
    return np.sum(np.exp(log_density(prior, x)) * WEIGHTS / 2 * length)


@given(mean=places, width=widths, end=places, length=st.floats(1e-3, 40.0))
def test_truncated_gaussians_integrate_to_one_wherever_their_range_is(mean, width, end, length):
    """Ends up to 60 000 widths away; the integral by quadrature from the highest place on."""
    prior = Gaussian(mean, width).within(end, end + length)
    mode = float(np.clip(mean, end, end + length))
    away = max(abs(mode - mean), width)
    reach = 40 * width * min(1.0, width / away)  # e^-40 and less is left beyond
    low, high = max(end, mode - reach), min(end + length, mode + reach)
    panels = np.concatenate([np.linspace(low, mode, 31), np.linspace(mode, high, 31)])
    rounded = 4e-16 * (away / width) ** 2  # of x, in the exponent
    assert integral(prior, panels) == pytest.approx(1.0, rel=1e-8 + rounded)
    x = np.linspace(low, high, 9)[1:-1]
    penalty = np.asarray(penalties(prior, x))
    constant = penalty + 2 * np.asarray(log_density(prior, x))
    size = max(1.0, penalty.max())
    np.testing.assert_allclose(constant, constant[0], rtol=1e-12, atol=1e-12 * size)


@pytest.mark.parametrize("pulls", [(6.0, np.inf), (40.0, 41.0), (1e4, 2e4), (-50.0, -49.0)])
def test_far_tails_are_drawn_inside_and_with_their_slope(pulls):
    """Beyond many widths z the tail falls as exp(-z dz); where all probabilities underflow too."""
    a, b = pulls
    prior = Gaussian(2.0, 0.5).within(2.0 + 0.5 * a, 2.0 + 0.5 * b)
    drawn = np.asarray(draws(prior, jax.random.key(2), (20_000,)))
    assert (drawn >= prior.lower).all()
    assert (drawn <= prior.upper).all()
    near = 2.0 + 0.5 * (a if a > 0 else b)
    slope = abs(near - 2.0) / 0.25
    depth = abs(drawn - near) * slope
    z2 = (slope * 0.5) ** 2
    # Moments of the tail in units of its length: 1 - 1/z^2 + ... (Mills' ratio)
    assert depth.mean() == pytest.approx(1 - 1 / z2, abs=4 / np.sqrt(20_000) + 5 / z2**2)


def test_a_part_of_a_range_is_the_density_divided_by_its_share():
    for name in set(BOTH) - {"numpyro beta", "numpyro gamma"}:
        prior, known = BOTH[name]
        lower, upper = known.ppf(0.3), known.ppf(0.6)
        part = prior.within(lower, upper)
        x = np.linspace(lower, upper, 7)[1:-1]
        expected = known.logpdf(x) - np.log(0.3)
        np.testing.assert_allclose(log_density(part, x), expected, rtol=1e-10, atol=1e-10)
        assert float(part.lower) == pytest.approx(lower)
        assert float(part.upper) == pytest.approx(upper)
        drawn = np.asarray(draws(part, jax.random.key(5), (5_000,)))
        share = (known.cdf(drawn) - 0.3) / 0.3
        assert stats.kstest(share, "uniform").pvalue > 1e-3
        again = part.within(-1e3, known.ppf(0.5))
        assert float(log_density(again, x[0])) == pytest.approx(known.logpdf(x[0]) - np.log(0.2))
        assert np.max(-np.asarray(penalties(part, x))) <= 1e-12


@pytest.mark.parametrize("ends", [(1e-9, 1e-6), (30.0, np.inf), (0.0, 0.5), (1.9, 2.0)])
def test_parts_of_a_log_normal_integrate_to_one(ends):
    prior = LogNormal(2.0, 0.2).within(*ends)
    lower, upper = max(ends[0], 1e-12), min(ends[1], 1e3)
    # All of it is next to the end that is closer to the median.
    away = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 200)]) * (upper - lower)
    panels = lower + away if ends[0] > 1.0 else (upper - away)[::-1]
    assert integral(prior, panels) == pytest.approx(1.0, rel=1e-7)
    drawn = np.asarray(draws(prior, jax.random.key(1), (1_000,)))
    assert (drawn >= ends[0]).all()
    assert (drawn <= ends[1]).all()
    x = np.geomspace(lower, upper, 1001)[1:-1]
    penalty = np.asarray(penalties(prior, x))
    np.testing.assert_allclose(
        penalty + 2 * np.asarray(log_density(prior, x)),
        penalty[0] + 2 * float(log_density(prior, x[0])),
        rtol=1e-12,
        atol=1e-12 * penalty.max(),
    )
    assert penalty.min() >= 0


def test_improper_priors_say_so():
    for prior in (Flat(), Flat(lower=0.0), Flat(upper=2.0)):
        assert not prior.proper
        assert float(prior.log_density(1.0)) == 0.0
        assert np.isnan(prior.mean)
        assert jax.grad(prior.log_density)(1.0) == 0.0
    assert Flat(0.0).within(-1.0, 2.0) == Flat(0.0, 2.0)
    assert float(Flat(0.0).penalty(-1.0)) == np.inf
