"""Templates with an error in each bin, as those from finite simulations have."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.correlated_bins import CorrelatedGaussian
from cevns_jax.errors import ConfigError
from cevns_jax.pytree import changed, plain_pytree
from cevns_jax.statistics import LEAST, Gaussian, Poisson, excess, poisson_counts, poisson_log_norm


@plain_pytree
@dataclass(frozen=True)
class PoissonWithTemplateErrors:
    """Poisson counts whose expectation has an error in each bin, as templates from finite
    simulations have.

    The mean of the counts is nu = mu + error theta, with one unit-normal nuisance parameter theta
    per bin. This is the simplified form, by J. Conway, arXiv:1103.0354, of the method of R. Barlow
    and C. Beeston, Comput. Phys. Commun. 77 (1993) 219, here with an absolute error that does not
    depend on mu. The deviance is the Poisson deviance of nu plus theta^2, minimised over theta: at
    the minimum nu^2 - (mu - error^2) nu - error^2 n = 0. In a bin with an error it is finite for
    every mu, as theta can compensate a negative sum of templates.

    theta is what is not known of the simulation, which is a measurement of its mean: of a toy that
    repeats it, the prior of theta has another centre, and theta^2 becomes (theta - centre)^2.

    Attributes:
        error: One standard deviation of the sum of templates of each bin [counts]; zero makes the
            bin Poisson.
        centre: Centre of the prior of theta in each bin, same shape; zero for the templates that
            are there.

    Raises:
        ConfigError: errors that are negative or not finite.
    """

    error: np.ndarray
    centre: np.ndarray | jax.Array = dataclasses.field(init=False, repr=False)

    label = "Poisson, template errors"

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", _errors(self.error))
        object.__setattr__(self, "centre", np.zeros(np.shape(self.error)))

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        smeared, variance = self._variance()
        mu = expected + self._shift()
        found = self._profiled(mu - observed, mu, observed, variance)
        return jnp.where(smeared, found, Poisson().deviance(expected, observed))

    def deviance_from(self, difference: jax.Array, observed: jax.Array) -> jax.Array:
        smeared, variance = self._variance()
        shifted = difference + self._shift()
        found = self._profiled(shifted, observed + shifted, observed, variance)
        return jnp.where(smeared, found, Poisson().deviance_from(difference, observed))

    def log_norm(self, observed: jax.Array) -> jax.Array:
        """That of Poisson counts: -deviance/2 with it is ln of the Poisson probability at the best
        theta, less theta^2/2. It is no probability of n, as theta is minimised for each n."""
        return poisson_log_norm(observed)

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        smeared, _ = self._variance()
        beyond = Poisson().continued(expected, observed)
        return jnp.where(smeared, self.deviance(expected, observed), beyond)

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        smeared, _ = self._variance()
        return ~smeared & Poisson().impossible(expected, observed)

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        smeared, variance = self._variance()
        mu = expected + self._shift()
        found = (mu - observed) / (self._mean(mu, observed, variance) + variance)
        return jnp.where(smeared, found, Poisson().slope(expected, observed))

    def information(self, expected: jax.Array) -> jax.Array:
        smeared, variance = self._variance()
        # Exact in both limits, of many counts and of a large error; between, theta takes a part of
        # the difference, and a metric need not follow that.
        found = 1 / (jnp.maximum(expected + self._shift(), 0.0) + variance)
        return jnp.where(smeared, found, Poisson().information(expected))

    def weighted(self, expected: jax.Array, rows: jax.Array) -> jax.Array:
        return self.information(expected) * rows

    def draw(self, key: jax.Array, expected: jax.Array) -> jax.Array:
        """Counts of another measurement. Their mean is that of the templates: it does not scatter
        by the error of these, which :meth:`repeated` does for the templates themselves."""
        counts: jax.Array = poisson_counts(key, expected)
        return counts

    def repeated(self, key: jax.Array) -> PoissonWithTemplateErrors:
        """Templates from another simulation: the centre of theta is drawn around zero."""
        # Were the mean of the counts drawn around the templates instead, it would have to be cut at
        # zero, and where the error is large its average would lie above the templates.
        return changed(self, centre=jax.random.normal(key, np.shape(self.error)))

    def _shift(self) -> jax.Array:
        """By how much the centre of theta moves the sum of templates, shape of the bins."""
        return jnp.asarray(self.error) * jnp.asarray(self.centre)

    def _variance(self) -> tuple[jax.Array, jax.Array]:
        """Where there is an error, boolean, and its square. Where there is none the square is 1,
        which keeps the gradient of the branch that is not taken finite."""
        square = jnp.asarray(self.error) ** 2
        smeared = square > LEAST
        return smeared, jnp.where(smeared, square, 1.0)

    def _mean(self, mu: jax.Array, n: jax.Array, variance: jax.Array) -> jax.Array:
        """nu at the minimum: the root of the quadratic equation that is not negative.

        Each of its two forms is used on the side of mu = error^2 on which nothing cancels in it.
        With n = 0 exactly at mu = error^2 the square root has no derivative, and is replaced.
        """
        b = mu - variance
        square = b**2 + 4 * variance * n
        root = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
        below = b < 0
        other = 2 * variance * n / jnp.where(below, root - b, 1.0)
        return jnp.where(below, other, (b + root) / 2)

    def _profiled(
        self, difference: jax.Array, mu: jax.Array, n: jax.Array, variance: jax.Array
    ) -> jax.Array:
        """The deviance from the difference d = mu - n, in a form in which nothing cancels:
        nu - n = d nu/(nu + error^2) and theta = -error d/(nu + error^2)."""
        nu = self._mean(mu, n, variance)
        slope = difference / (nu + variance)
        counted = n > 0
        some, mean = jnp.where(counted, n, 1.0), jnp.where(counted, nu, 1.0)
        cost = some * excess(slope * mean / some, jnp.log(mean / some))
        return 2 * jnp.where(counted, cost, nu) + variance * slope**2


def with_template_errors(
    statistic: Poisson | PoissonWithTemplateErrors | Gaussian | CorrelatedGaussian,
    error: np.ndarray,
) -> PoissonWithTemplateErrors | Gaussian | CorrelatedGaussian:
    """The statistic of data whose sum of templates has an error in each bin, independent of the
    errors of the data and of other bins.

    Args:
        statistic: Distribution of the data about their true expectation.
        error: One standard deviation of the sum of templates, shape of the bins.

    Returns:
        Gaussian errors added in quadrature, with which counts are drawn as well; Poisson counts
        with one nuisance parameter per bin.

    Raises:
        ConfigError: errors that are negative or not finite.
    """
    error = _errors(error)
    if isinstance(statistic, Gaussian):
        return Gaussian(np.hypot(statistic.error, error))
    if isinstance(statistic, CorrelatedGaussian):
        return CorrelatedGaussian(statistic.covariance + np.diag(np.ravel(error) ** 2))
    known = statistic.error if isinstance(statistic, PoissonWithTemplateErrors) else 0.0
    return PoissonWithTemplateErrors(np.hypot(known, error))


def _errors(given: np.ndarray) -> np.ndarray:
    """Errors of bins, checked; an array that JAX traces cannot be checked, and is returned as it
    is."""
    if isinstance(given, jax.core.Tracer):
        return given
    try:
        errors = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError("template errors must be numbers, one for each bin") from None
    if not (np.isfinite(errors).all() and (errors >= 0).all()):
        raise ConfigError("template errors must be finite and not negative")
    return errors
