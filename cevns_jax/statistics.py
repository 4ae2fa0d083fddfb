"""Statistics of binned data: what a difference between observed and expected counts costs.

A statistic gives the deviance of each bin, which is -2 ln L up to a constant that depends on the
data alone, and what a minimiser needs of it: half its first derivative and half its expected second
one, with respect to the expected counts mu. A minimiser may start, or step, where the deviance is
infinite; there it is given a finite continuation of the deviance, which leads back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

LEAST = 1e-30
"""Expected counts below which the deviance of a Poisson bin is continued as a straight line.

Far below any expectation that matters, so that results do not depend on it; large enough that its
inverse, the information of an empty bin, and the square of that are finite numbers."""

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)

MANY = 1e3
"""Expected counts above which Poisson counts are drawn from their normal expansion. There the sum
of the errors of its probabilities is below 1e-6. ``jax.random.poisson`` works in 32 bits, accepts
by differences of terms of the size mu ln mu, and is visibly wrong from 1e4 on: its variance is 3 %
too large at 1e6, 40 % at 1e8."""

MOST_DRAWN = 1e28
"""Expected counts above which none are drawn. The scatter there is 90 times the distance between
neighbouring floating-point numbers, and that ratio shrinks further above."""


class Statistic(Protocol):
    """The distribution of the counts n of the bins of one experiment; a pytree.

    All arrays have the bins' shape.
    """

    label: str

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """-2 ln L of each bin; where bins are correlated, terms whose sum is -2 ln L."""
        ...

    def deviance_from(self, difference: jax.Array, observed: jax.Array) -> jax.Array:
        """The deviance from the difference mu - n, for callers that know it more accurately than mu
        and n: with 1e20 counts in a bin, a difference of 1e2 is lost in mu. Such are discovery
        limits at large exposures, whose counts are Asimov counts: their difference is the
        prediction of what is searched for. Fits of measured counts do not need it."""
        ...

    def log_norm(self, observed: jax.Array) -> jax.Array:
        """What ln of the probability of each bin has beside -deviance/2; it depends on the data
        alone. Bins that are correlated follow one another: of each it is the probability given
        those before it."""
        ...

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """The deviance where it is finite; where it is infinite a finite function that makes the
        whole convex and falls towards the finite region."""
        ...

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """Where the deviance is infinite, boolean."""
        ...

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """Half the derivative of the continued deviance, summed over the bins, with respect to each
        mu."""
        ...

    def information(self, expected: jax.Array) -> jax.Array:
        """Expected information about mu: half the expected second derivative of the deviance; of
        correlated bins its diagonal. Where it is infinite it is replaced by a large number."""
        ...

    def weighted(self, expected: jax.Array, rows: jax.Array) -> jax.Array:
        """The expected information about mu times each of k rows, shape (k, *bins), same as rows.

        If the rows are the derivatives of mu with respect to k parameters, the information about a
        pair of parameters is the sum over the bins of one row times the other weighted row.
        """
        ...

    def draw(self, key: jax.Array, expected: jax.Array) -> jax.Array:
        """Counts of a toy data set; NaN where none can be drawn.

        Args:
            key: Key of ``jax.random``.
            expected: mu.
        """
        ...

    def repeated(self, key: jax.Array) -> Statistic:
        """The statistic after other measurements than the counts were repeated, such as the
        simulation of templates; itself where it contains none.

        Args:
            key: Key of ``jax.random``.
        """
        ...


def poisson_deviance(expected: jax.Array, observed: jax.Array) -> jax.Array:
    """2 (mu - n + n ln(n/mu)) of each bin, accurate also where mu is close to a large n.

    Baker and Cousins, Nucl. Instrum. Meth. 221 (1984) 437.

    Args:
        expected: mu, any shape. Where it is not positive the deviance is infinite, but for mu = 0
            with n = 0, where it is zero.
        observed: n >= 0, same shape.
    """
    positive = expected > 0
    mu = jnp.where(positive, expected, 1.0)
    n = jnp.where(observed > 0, observed, 1.0)
    cost = n * excess((mu - n) / n, jnp.log(mu / n))
    deviance = 2 * jnp.where(observed > 0, cost, mu)
    nothing = (expected == 0) & (observed == 0)
    return jnp.where(positive, deviance, jnp.where(nothing, 0.0, jnp.inf))


def poisson_log_norm(observed: jax.Array) -> jax.Array:
    """n ln n - n - ln n! of each bin, zero for n = 0: with it, -deviance/2 is the logarithm of the
    Poisson probability. For numbers that are no counts, such as Asimov data, n! is Gamma(n + 1).

    Args:
        observed: n >= 0, any shape.
    """
    n = jnp.where(observed > 0, observed, 1.0)
    found = n * jnp.log(n) - n - jax.scipy.special.gammaln(n + 1)
    return jnp.where(observed > 0, found, 0.0)


def excess(r: jax.Array, log: jax.Array) -> jax.Array:
    """r - ln(1 + r), from r and the logarithm; by a series at small r, where the difference would
    lose its digits."""
    # At 0.02 the difference has lost two digits, and the first term that the series leaves out is
    # 1e-16 of the sum.
    small = jnp.abs(r) < 0.02
    x = jnp.where(small, r, 0.0)
    series = jnp.zeros_like(r)  # of (r - ln(1 + r))/r^2, to 1e-15 where it is used
    for k in range(10, 1, -1):
        series = 1 / k - x * series
    return jnp.where(small, x**2 * series, r - log)


@jax.jit
def poisson_counts(key: jax.Array, expected: jax.Array) -> jax.Array:
    """Counts with Poisson distributions, as floating-point numbers.

    Above ``MANY`` they are rounded values of the expansion of Cornish and Fisher to third order,
    Biometrika 30 (1938) 307; its term z/24 takes away the variance that rounding adds.

    Args:
        key: Key of ``jax.random``.
        expected: Means, any shape. Where one is negative, not a number, or above ``MOST_DRAWN``,
            the count is NaN.
    """
    expected = jnp.asarray(expected, float)
    of_small, of_large = jax.random.split(key)
    large = expected > MANY
    drawable = (expected >= 0) & (expected <= MOST_DRAWN)
    small = jnp.where(drawable & ~large, expected, 0.0)
    counts = jax.random.poisson(of_small, small).astype(expected.dtype)
    z = jax.random.normal(of_large, expected.shape, expected.dtype)
    mean = jnp.where(drawable & large, expected, 1.0)
    third = ((z - z**3) / 72 - z / 24) / jnp.sqrt(mean)
    rounded = jnp.round(mean + (jnp.sqrt(mean) * z + (z**2 - 1) / 6 + third))
    return jnp.where(drawable, jnp.where(large, rounded, counts), jnp.nan)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Poisson:
    """Counts with a Poisson distribution."""

    label = "Poisson"

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return poisson_deviance(expected, observed)

    def deviance_from(self, difference: jax.Array, observed: jax.Array) -> jax.Array:
        expected = observed + difference
        positive = expected > 0
        mu = jnp.where(positive, expected, 1.0)
        n = jnp.where(observed > 0, observed, 1.0)
        r = jnp.where(positive, difference / n, 0.0)
        # Where mu is much smaller than n, it is exact, while 1 + r has lost digits.
        little = r < -0.5
        log = jnp.where(little, jnp.log(mu / n), jnp.log1p(jnp.where(little, 0.0, r)))
        deviance = 2 * jnp.where(observed > 0, n * excess(r, log), difference)
        nothing = (expected == 0) & (observed == 0)
        return jnp.where(positive, deviance, jnp.where(nothing, 0.0, jnp.inf))

    def log_norm(self, observed: jax.Array) -> jax.Array:
        return poisson_log_norm(observed)

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        beyond = jnp.minimum(expected - LEAST, 0.0)
        inside = poisson_deviance(jnp.maximum(expected, LEAST), observed)
        return inside + 2 * beyond * self.slope(expected, observed)

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return ~((expected > 0) | ((expected == 0) & (observed == 0)))

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        # The deviance of a bin without counts, 2 mu, would go on falling below zero: there it gets
        # the slope of a bin with one count, which leads back.
        n = observed + jnp.where(expected < 0, 1.0, 0.0)
        return 1 - n / jnp.maximum(expected, LEAST)

    def information(self, expected: jax.Array) -> jax.Array:
        return 1 / jnp.maximum(expected, LEAST)

    def weighted(self, expected: jax.Array, rows: jax.Array) -> jax.Array:
        return self.information(expected) * rows

    def draw(self, key: jax.Array, expected: jax.Array) -> jax.Array:
        counts: jax.Array = poisson_counts(key, expected)
        return counts

    def repeated(self, key: jax.Array) -> Poisson:
        return self


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Gaussian:
    """Numbers with Gaussian errors, e.g. rates after a subtraction of backgrounds.

    Attributes:
        error: One standard deviation of each bin, positive; it does not follow the expectation.
    """

    error: np.ndarray

    label = "Gaussian, given errors"

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return self.deviance_from(expected - observed, observed)

    def deviance_from(self, difference: jax.Array, observed: jax.Array) -> jax.Array:
        return (difference / self.error) ** 2

    def log_norm(self, observed: jax.Array) -> jax.Array:
        error = jnp.broadcast_to(jnp.asarray(self.error), jnp.shape(observed))
        return -jnp.log(error) - HALF_LOG_2_PI

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return self.deviance(expected, observed)

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return jnp.zeros(expected.shape, bool)

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return (expected - observed) / jnp.asarray(self.error) ** 2

    def information(self, expected: jax.Array) -> jax.Array:
        return jnp.broadcast_to(1 / jnp.asarray(self.error) ** 2, expected.shape)

    def weighted(self, expected: jax.Array, rows: jax.Array) -> jax.Array:
        return self.information(expected) * rows

    def draw(self, key: jax.Array, expected: jax.Array) -> jax.Array:
        mu = jnp.asarray(expected)
        return mu + jnp.asarray(self.error) * jax.random.normal(key, mu.shape, mu.dtype)

    def repeated(self, key: jax.Array) -> Gaussian:
        return self
