"""Poisson bins whose templates are known to an error: profiled against a minimiser, and limits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from cevns_jax.correlated_bins import CorrelatedGaussian
from cevns_jax.errors import ConfigError
from cevns_jax.statistics import Gaussian, Poisson
from cevns_jax.template_errors import PoissonWithTemplateErrors, with_template_errors

means = st.floats(-50.0, 300.0)
numbers = st.integers(0, 300).map(float)
errors = st.floats(0.02, 60.0)

deviance = jax.jit(lambda statistic, mu, n: statistic.deviance(mu, n))
slope = jax.jit(lambda statistic, mu, n: statistic.slope(mu, n))
gradient = jax.jit(jax.grad(lambda statistic, mu, n: statistic.deviance(mu, n), 1))
curvature = jax.jit(jax.grad(lambda statistic, mu, n: statistic.slope(mu, n), 1))


def cost(nu, mu, n, error):
    """The deviance before it is profiled, without constants that cancel, from its definition."""
    return 2 * (nu - n + (n * np.log(n / nu) if n else 0.0)) + ((nu - mu) / error) ** 2


@given(mu=means, n=numbers, error=errors)
def test_deviance_is_the_minimum_over_the_nuisance_parameter(mu, n, error):
    found = float(deviance(PoissonWithTemplateErrors(error), mu, n))
    highest = max(mu, n, 1.0) + 10 * error
    best = minimize_scalar(
        lambda root: cost(root**2, mu, n, error),
        bounds=(1e-12, np.sqrt(highest)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert found == pytest.approx(best.fun, rel=1e-7, abs=1e-7)


@given(mu=means, n=numbers, error=errors)
def test_slope_is_half_the_gradient_and_rises(mu, n, error):
    statistic = PoissonWithTemplateErrors(error)
    found = float(slope(statistic, mu, n))
    step = 1e-4 * max(error, 1.0)
    numeric = (deviance(statistic, mu + step, n) - deviance(statistic, mu - step, n)) / step / 4
    # At n = 0 the second derivative jumps where all of the sum can be taken away.
    assert found == pytest.approx(float(numeric), rel=1e-5, abs=2e-4)
    assert float(gradient(statistic, mu, n)) / 2 == pytest.approx(found, rel=1e-9, abs=1e-11)
    assert float(curvature(statistic, mu, n)) >= -1e-12
    beyond = float(statistic.continued(mu, n))
    assert beyond == pytest.approx(float(deviance(statistic, mu, n)), rel=1e-12, abs=1e-14)
    assert not statistic.impossible(mu, n)


@pytest.mark.parametrize("n", [0.0, 1.0, 80.0, 1e6])
def test_without_error_bins_are_poisson_and_small_errors_approach_it(n):
    mu = jnp.array([0.3, 5.0, 77.0, 1.1e6, 0.0, -2.0])
    none, poisson = PoissonWithTemplateErrors(np.zeros(6)), Poisson()
    for name in ("deviance", "continued", "slope", "impossible"):
        same = [getattr(statistic, name)(mu, jnp.full(6, n)) for statistic in (none, poisson)]
        np.testing.assert_array_equal(*same)
    np.testing.assert_array_equal(none.information(mu), poisson.information(mu))
    exact = [s.deviance_from(mu - n, jnp.full(6, n)) for s in (none, poisson)]
    np.testing.assert_array_equal(*exact)
    near = PoissonWithTemplateErrors(np.full(4, 1e-8))
    for name in ("deviance", "slope"):
        close, limit = (getattr(s, name)(mu[:4], jnp.full(4, n)) for s in (near, poisson))
        np.testing.assert_allclose(close, limit, rtol=1e-8, atol=1e-9)


def test_bins_with_and_without_error_stand_side_by_side():
    mixed = PoissonWithTemplateErrors(np.array([0.0, 3.0]))
    mu, n = jnp.array([-1.0, -1.0]), jnp.array([2.0, 2.0])
    np.testing.assert_array_equal(mixed.impossible(mu, n), [True, False])
    assert np.isinf(mixed.deviance(mu, n)[0])
    assert np.isfinite(mixed.deviance(mu, n)[1])
    assert np.isfinite(mixed.continued(mu, n)).all()
    assert np.isfinite(jax.grad(lambda mu: jnp.sum(mixed.continued(mu, n)))(mu)).all()
    assert (mixed.slope(mu, n) < 0).all()


@pytest.mark.parametrize("error", [1e-6, 0.3, 40.0])
def test_bins_without_counts_are_finite_and_convex_through_the_corner(error):
    """mu^2/error^2 below error^2, where the sum can be taken away, 2 mu - error^2 above."""
    statistic = PoissonWithTemplateErrors(error)
    mu = error**2 * jnp.array([-10.0, -1.0, 0.0, 0.5, 1.0, 2.0, 30.0])
    expected = jnp.where(mu < error**2, (mu / error) ** 2, 2 * mu - error**2)
    np.testing.assert_allclose(statistic.deviance(mu, jnp.zeros(7)), expected, rtol=1e-13)
    slopes = jax.vmap(jax.grad(lambda mu: statistic.deviance(mu, 0.0)))(mu)
    np.testing.assert_allclose(slopes, 2 * jnp.minimum(mu / error**2, 1.0), rtol=1e-12)


@pytest.mark.parametrize("difference", [1e2, -1e10, 3e13])
@pytest.mark.parametrize("error", [1.0, 1e9, 1e12])
def test_small_differences_of_1e20_counts_keep_their_digits(difference, error):
    """nu - n from the quadratic in 80 digits."""
    n = 1e20
    with mpmath.workdps(80):
        d, e2, count = mpmath.mpf(difference), mpmath.mpf(error) ** 2, mpmath.mpf(n)
        b = count + d - e2
        nu = (b + mpmath.sqrt(b**2 + 4 * e2 * count)) / 2
        theta = (nu - count - d) ** 2 / e2
        exact = float(2 * (nu - count + count * mpmath.log(count / nu)) + theta)
    found = PoissonWithTemplateErrors(error).deviance_from(jnp.array(difference), jnp.array(n))
    assert float(found) == pytest.approx(exact, rel=1e-12)


@given(mu=st.floats(0.5, 300.0), error=errors)
def test_information_is_the_curvature_where_data_and_expectation_agree(mu, error):
    statistic = PoissonWithTemplateErrors(error)
    found = statistic.information(jnp.array(mu))
    assert float(found) == pytest.approx(float(curvature(statistic, mu, mu)), rel=1e-10)
    rows = jnp.arange(3.0)[:, None]
    np.testing.assert_allclose(statistic.weighted(jnp.array([mu]), rows), rows * found, rtol=1e-15)


def test_toys_scatter_by_counts_and_templates_about_the_same_mean():
    """20 000 draws to five standard deviations. Counts are Poisson around the templates, also where
    the error is larger than they are; templates are normal around them, and the difference has both
    variances."""
    mu, error = jnp.array([400.0, 50.0, 2.0]), np.array([0.0, 20.0, 3.0])
    statistic = PoissonWithTemplateErrors(error)

    def one(key):
        of_counts, of_templates = jax.random.split(key)
        other = statistic.repeated(of_templates)
        return statistic.draw(of_counts, mu), mu + other.error * other.centre

    keys = jax.random.split(jax.random.key(2), 20_000)
    counts, templates = map(np.asarray, jax.vmap(one)(keys))
    for found, variance in (
        (counts, np.asarray(mu)),
        (templates, error**2),
        (counts - templates + mu, mu + error**2),
    ):
        assert (abs(found.mean(axis=0) - mu) <= 5 * np.sqrt(variance / 20_000)).all()
        np.testing.assert_allclose(found.var(axis=0), variance, rtol=0.06)
    assert (counts >= 0).all()
    assert (counts % 1 == 0).all()


def test_other_templates_are_the_old_ones_moved():
    """nu = mu + error theta with a prior (theta - centre)^2 is nu = (mu + error centre) + error
    theta' with a prior theta'^2."""
    error, mu = np.array([0.0, 2.0, 5.0]), jnp.array([8.0, 9.0, 3.0])
    n = jnp.array([7.0, 12.0, 0.0])
    first = PoissonWithTemplateErrors(error)
    other = first.repeated(jax.random.key(1))
    moved = mu + error * other.centre
    assert (np.asarray(other.centre) != 0).all()
    for name in ("deviance", "continued", "slope"):
        np.testing.assert_array_equal(getattr(other, name)(mu, n), getattr(first, name)(moved, n))
    np.testing.assert_allclose(other.deviance_from(mu - n, n), other.deviance(mu, n), rtol=1e-12)
    np.testing.assert_array_equal(other.information(mu), first.information(moved))
    slopes = jax.grad(lambda mu: jnp.sum(other.deviance(mu, n)))(mu)
    np.testing.assert_allclose(other.slope(mu, n), slopes / 2, rtol=1e-12)


def test_template_errors_add_to_what_there_is():
    error = np.array([3.0, 0.0, 4.0])
    gaussian = with_template_errors(Gaussian(np.array([4.0, 2.0, 3.0])), error)
    np.testing.assert_allclose(gaussian.error, [5.0, 2.0, 5.0])
    covariance = np.diag([16.0, 4.0, 9.0]) + 1.0
    correlated = with_template_errors(CorrelatedGaussian(covariance), error)
    np.testing.assert_allclose(correlated.covariance, covariance + np.diag(error**2))
    once = with_template_errors(Poisson(), error)
    np.testing.assert_allclose(once.error, error)
    np.testing.assert_allclose(with_template_errors(once, error).error, np.sqrt(2) * error)


@pytest.mark.parametrize("wrong", [[1.0, -2.0], [np.nan, 1.0], [np.inf, 0.0], "many"])
def test_errors_that_are_none_are_refused(wrong):
    for make in (PoissonWithTemplateErrors, lambda error: with_template_errors(Poisson(), error)):
        with pytest.raises(ConfigError, match="template errors must"):
            make(wrong)
