"""Gaussian bins with a covariance: deviance, derivatives, draws, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from cevns_jax.correlated_bins import CorrelatedGaussian
from cevns_jax.errors import ConfigError
from cevns_jax.statistics import Gaussian

rng = np.random.default_rng(4)
MIXED = rng.normal(size=(6, 9)) * np.array([0.1, 1.0, 20.0, 5.0, 2.0, 8.0])[:, None]
COVARIANCE = MIXED @ MIXED.T
STATISTIC = CorrelatedGaussian(COVARIANCE)
MEAN = rng.normal(size=(2, 3)) * 20
SEEN = MEAN + rng.normal(size=(2, 3)) * np.sqrt(np.diag(COVARIANCE)).reshape(2, 3)


def test_deviance_is_minus_twice_the_log_of_the_density():
    known = multivariate_normal(np.ravel(MEAN), COVARIANCE)
    expected = -2 * (known.logpdf(np.ravel(SEEN)) - known.logpdf(np.ravel(MEAN)))
    found = STATISTIC.deviance(jnp.array(MEAN), jnp.array(SEEN))
    assert found.shape == (2, 3)
    assert float(found.sum()) == pytest.approx(expected, rel=1e-9)
    again = STATISTIC.deviance_from(jnp.array(MEAN - SEEN), jnp.array(SEEN))
    np.testing.assert_array_equal(found, again)
    np.testing.assert_array_equal(STATISTIC.continued(jnp.array(MEAN), jnp.array(SEEN)), found)
    assert not STATISTIC.impossible(jnp.array(MEAN), jnp.array(SEEN)).any()


def test_slope_and_information_are_its_derivatives():
    half = lambda mu: jnp.sum(STATISTIC.deviance(mu, SEEN)) / 2  # noqa: E731
    mu = jnp.array(MEAN)
    np.testing.assert_allclose(STATISTIC.slope(mu, SEEN), jax.grad(half)(mu), rtol=1e-9)
    second = np.asarray(jax.hessian(half)(mu)).reshape(6, 6)
    np.testing.assert_allclose(second, np.linalg.inv(COVARIANCE), rtol=1e-7)
    information = STATISTIC.information(mu)
    assert information.shape == (2, 3)
    np.testing.assert_allclose(np.ravel(information), np.diag(second), rtol=1e-9)
    rows = rng.normal(size=(4, 2, 3))
    found = STATISTIC.weighted(mu, jnp.array(rows))
    assert found.shape == rows.shape
    expected = rows.reshape(4, 6) @ second
    np.testing.assert_allclose(np.asarray(found).reshape(4, 6), expected, rtol=1e-7)


def test_a_diagonal_covariance_is_that_of_independent_bins():
    errors = np.array([[1e-4, 2.0, 7.0], [1.0, 1e5, 3.0]])
    one, other = CorrelatedGaussian(np.diag(np.ravel(errors) ** 2)), Gaussian(errors)
    mu = jnp.array(MEAN)
    for name in ("deviance", "slope"):
        found, expected = (getattr(statistic, name)(mu, SEEN) for statistic in (one, other))
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(one.information(mu), other.information(mu), rtol=1e-13)


def test_draws_have_the_covariance():
    keys = jax.random.split(jax.random.key(1), 40_000)
    drawn = np.asarray(jax.vmap(lambda key: STATISTIC.draw(key, jnp.array(MEAN)))(keys))
    flat = drawn.reshape(40_000, 6)
    errors = np.sqrt(np.diag(COVARIANCE))
    assert (abs(flat.mean(axis=0) - np.ravel(MEAN)) < 5 * errors / 200).all()
    off = (np.cov(flat.T) - COVARIANCE) / np.outer(errors, errors)
    assert (abs(off) < 5 * np.sqrt(2 / 40_000)).all()


def test_another_covariance_is_no_other_program():
    traces = []

    @jax.jit
    def total(statistic, mu):
        traces.append(1)
        return jnp.sum(statistic.deviance(mu, SEEN))

    first = total(STATISTIC, MEAN)
    second = total(CorrelatedGaussian(4 * COVARIANCE), MEAN)
    assert float(first) == pytest.approx(4 * float(second), rel=1e-12)
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.ones((2, 3)), r"square matrix, not of shape \(2, 3\)"),
        (np.ones(3), "square matrix"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "finite"),
        (np.diag([1.0, -1.0]), "positive diagonal"),
        (np.array([[1.0, 0.2], [0.3, 1.0]]), "symmetric, but bins 0 and 1 have 0.2 and 0.3"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "positive definite.* is -1"),
        (np.ones((2, 2)), "positive definite"),
        ("all", "matrix of numbers"),
    ],
)
def test_what_is_no_covariance_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=f"^covariance must be .*{message}"):
        CorrelatedGaussian(wrong)
