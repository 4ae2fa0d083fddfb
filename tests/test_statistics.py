"""Poisson and Gaussian bins: what they cost, how minimisers see them, and what is drawn."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2, ks_2samp, norm, poisson

from cevns_jax.statistics import Gaussian, Poisson

ERROR = np.array([0.3, 2.0, 40.0])

anything = arrays(float, 3, elements=st.floats(-200.0, 200.0))
positive = arrays(float, 3, elements=st.floats(0.05, 200.0))
counts = arrays(float, 3, elements=st.integers(0, 200).map(float))


@given(expected=anything, observed=anything)
def test_gaussian_deviance_is_minus_twice_the_log_of_the_density(expected, observed):
    found = Gaussian(ERROR).deviance(jnp.array(expected), jnp.array(observed))
    ratio = norm.logpdf(observed, expected, ERROR) - norm.logpdf(observed, observed, ERROR)
    np.testing.assert_allclose(found, -2 * ratio, rtol=1e-9, atol=1e-10)


@given(expected=positive, observed=counts)
def test_poisson_deviance_is_minus_twice_the_log_of_the_probability(expected, observed):
    found = Poisson().deviance(jnp.array(expected), jnp.array(observed))
    ratio = poisson.logpmf(observed, expected) - poisson.logpmf(observed, observed)
    np.testing.assert_allclose(found, -2 * ratio, rtol=1e-9, atol=1e-9)


@jax.jit
def gradient(statistic, expected, observed):
    """Half the derivative of the deviance in each expectation."""
    return jax.grad(lambda mu: jnp.sum(statistic.deviance(mu, observed)) / 2)(expected)


@jax.jit
def curvature(statistic, expected, observed):
    """Half its second derivatives, shape (bins, bins)."""
    return jax.jacfwd(gradient, argnums=1)(statistic, expected, observed)


@pytest.mark.parametrize("statistic", [Gaussian(ERROR), Poisson()])
@given(expected=positive, observed=counts)
def test_slope_is_half_the_gradient_of_the_deviance(statistic, expected, observed):
    slope = statistic.slope(jnp.array(expected), jnp.array(observed))
    found = gradient(statistic, expected, observed)
    np.testing.assert_allclose(slope, found, rtol=1e-9, atol=1e-12)


@given(expected=anything)
def test_gaussian_information_is_half_the_second_derivative(expected):
    found = Gaussian(ERROR).information(jnp.array(expected))
    second = curvature(Gaussian(ERROR), expected, np.zeros(3))
    np.testing.assert_allclose(np.diag(found), second, rtol=1e-12)


def test_poisson_information_is_half_the_mean_second_derivative():
    """The mean over all counts that an expectation can give, not the value at one of them."""
    numbers = np.arange(150.0)
    for mean in (0.2, 3.0, 41.0):
        second = np.diag(curvature(Poisson(), np.full(150, mean), numbers))
        average = poisson.pmf(numbers, mean) @ second
        found = Poisson().information(jnp.array([mean]))
        np.testing.assert_allclose(found, [average], rtol=1e-9)


def drawn(statistic, mean, draws):
    """Counts of many toys, shape (draws, bins)."""
    keys = jax.random.split(jax.random.key(3), draws)
    return np.asarray(jax.vmap(lambda key: statistic.draw(key, jnp.asarray(mean)))(keys))


def test_gaussian_draws_have_the_given_mean_and_width():
    """20 000 draws: five standard deviations of the mean and of the width."""
    mean, draws = np.array([-4.0, 0.0, 900.0]), 20_000
    found = drawn(Gaussian(ERROR), mean, draws)
    assert (abs(found.mean(axis=0) - mean) < 5 * ERROR / np.sqrt(draws)).all()
    assert (abs(found.std(axis=0) / ERROR - 1) < 5 / np.sqrt(2 * draws)).all()
    assert (found[:, 0] < 0).any()
    assert (found % 1 != 0).all()


def test_poisson_draws_are_whole_numbers_whose_variance_is_their_mean():
    mean, draws = np.array([0.3, 7.0, 900.0]), 20_000
    found = drawn(Poisson(), mean, draws)
    assert (found % 1 == 0).all()
    assert (abs(found.mean(axis=0) - mean) < 5 * np.sqrt(mean / draws)).all()
    spread = np.sqrt((1 / mean + 2) / draws)  # of the sample variance, relative
    assert (abs(found.var(axis=0) / mean - 1) < 5 * spread).all()


LARGE = [1e4, 1e6, 3e8, 1e12, 1e18, 1e20, 1e26]


@pytest.mark.parametrize("mean", LARGE)
def test_large_counts_are_drawn_with_the_moments_of_the_poisson_distribution(mean):
    """Mean, variance and skewness of 40 000 draws, to five standard deviations; whole numbers."""
    draws = 40_000
    found = np.asarray(Poisson().draw(jax.random.key(8), jnp.full(draws, mean)))
    assert (found % 1 == 0).all()
    pull = (found - mean) / np.sqrt(mean)
    assert abs(pull.mean()) < 5 / np.sqrt(draws)
    assert abs(pull.var() - 1) < 5 * np.sqrt(2 / draws)
    assert abs((pull**3).mean() - mean**-0.5) < 5 * np.sqrt(15 / draws)


@pytest.mark.parametrize("mean", [0.01, 3.0, 9.9, 10.1, 250.0, 999.0, 1001.0, 1e5])
def test_counts_follow_the_poisson_distribution(mean):
    """chi^2 of 20 000 draws in up to 20 classes of equal probability, p above 1e-4."""
    found = np.asarray(Poisson().draw(jax.random.key(4), jnp.full(20_000, mean)))
    ends = np.unique(poisson.ppf(np.linspace(0, 1, 21)[1:-1], mean))
    shares = np.diff(np.concatenate([[0.0], poisson.cdf(ends, mean), [1.0]]))
    number = np.bincount(np.searchsorted(ends, found), minlength=len(shares))
    keep = shares * 20_000 > 5
    cost = np.sum((number - shares * 20_000)[keep] ** 2 / (shares * 20_000)[keep])
    assert chi2.sf(cost, max(keep.sum() - 1, 1)) > 1e-4


def test_counts_where_both_ways_of_drawing_meet_have_one_distribution():
    """Kolmogorov and Smirnov: 20 000 draws below the change and above it."""
    below, above = (
        np.asarray(Poisson().draw(jax.random.key(i), jnp.full(20_000, mean)))
        for i, mean in enumerate((999.99, 1000.01))
    )
    assert ks_2samp(below, above).pvalue > 1e-3


def test_what_cannot_be_drawn_is_not_a_number_and_leaves_the_rest_alone():
    mean = jnp.array([2.0, -1.0, np.nan, 0.0, 1e29, np.inf])
    found = np.asarray(Poisson().draw(jax.random.key(1), mean))
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, False, True, True])
    assert found[3] == 0.0


def exact(n, difference):
    """2 (mu - n + n ln(n/mu)) at mu = n + difference, in 60 digits."""
    with mpmath.workdps(60):
        n = mpmath.mpf(n)
        mu = n + mpmath.mpf(difference)
        return float(2 * (mu - n + (n * mpmath.log(n / mu) if n else 0)))


@given(
    n=st.floats(0.0, 22.0).map(lambda power: float(round(10**power))),
    pull=st.floats(-1.0, 1.0),
    size=st.floats(-12.0, 1.0),
)
def test_deviance_from_the_difference_is_right_to_rounding_at_any_exposure(n, pull, size):
    """n up to 1e22, differences far below the rounding of mu: no digit is lost in mu - n."""
    difference = pull * 10**size * max(n, 1.0)
    if n + difference <= 0:
        difference = -difference
    found = float(Poisson().deviance_from(jnp.array(difference), jnp.array(n)))
    assert found == pytest.approx(exact(n, difference), rel=1e-12)


@pytest.mark.parametrize("difference", [1e2, -1e2, 1e10, -1e10, 3e18, -3e18])
def test_a_small_difference_of_1e20_counts_has_its_deviance_and_slope(difference):
    n = jnp.array(1e20)
    deviance, slope = jax.value_and_grad(Poisson().deviance_from)(jnp.array(difference), n)
    assert float(deviance) == pytest.approx(exact(1e20, difference), rel=1e-13)
    assert float(slope) == pytest.approx(2 * difference / (1e20 + difference), rel=1e-13)


def test_deviance_from_the_difference_ends_where_the_deviance_does():
    n = jnp.array([3.0, 3.0, 0.0, 0.0, 3.0, 0.0])
    mu = jnp.array([0.0, -1.0, 0.0, -1.0, 4e-16, 2.0])
    found = Poisson().deviance_from(mu - n, n)
    np.testing.assert_allclose(found[:4], [np.inf, np.inf, 0.0, np.inf])
    np.testing.assert_allclose(found[4:], Poisson().deviance((mu - n) + n, n)[4:], rtol=1e-12)
    assert np.isfinite(jax.grad(lambda d: jnp.sum(Poisson().deviance_from(d, n)[4:]))(mu - n)).all()


@given(difference=anything, observed=anything)
def test_gaussian_deviance_from_the_difference_needs_nothing_else(difference, observed):
    found = Gaussian(ERROR).deviance_from(jnp.array(difference), jnp.array(observed))
    np.testing.assert_allclose(found, (difference / ERROR) ** 2, rtol=1e-14)


@pytest.mark.parametrize("statistic", [Gaussian(ERROR), Poisson()])
@given(expected=positive)
def test_weighted_rows_are_multiplied_by_the_information(statistic, expected):
    rows = np.arange(6.0).reshape(2, 3)
    found = statistic.weighted(jnp.array(expected), jnp.asarray(rows))
    np.testing.assert_allclose(found, rows * statistic.information(jnp.array(expected)), rtol=1e-15)
