"""Statistics of binned data: what a difference between observed and expected counts costs.

A statistic gives the deviance of each bin, -2 ln L up to a constant that the data fix, and what a
minimiser needs of it: half its slope and its expected curvature in the expected counts mu. A
minimiser may start, or step, where the deviance is infinite; there it sees the deviance continued,
which leads back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

LEAST = 1e-30
"""Expected counts below which the deviance of a Poisson bin is continued as a straight line."""


class Statistic(Protocol):
    """The distribution of the counts n of a bin; a pytree. All arrays have the bins' shape."""

    label: str

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """-2 ln L of each bin."""
        ...

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """The deviance where it is finite, and beyond it a function that is finite, convex and
        falls towards it."""
        ...

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """Where the deviance is infinite, boolean."""
        ...

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """Half the derivative of the continued deviance in mu."""
        ...

    def information(self, expected: jax.Array) -> jax.Array:
        """Expected information about mu: half the mean second derivative of the deviance; large
        and finite where it is infinite."""
        ...

    def draw(self, random: np.random.Generator, expected: np.ndarray) -> np.ndarray:
        """Counts of a toy data set."""
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
    r = (mu - n) / n
    series = jnp.zeros_like(r)  # of (r - ln(1 + r))/r^2, to 1e-15 where it is used
    for k in range(10, 1, -1):
        series = 1 / k - r * series
    excess = jnp.where(jnp.abs(r) < 0.02, r**2 * series, r - jnp.log(mu / n))
    deviance = 2 * jnp.where(observed > 0, n * excess, mu)
    nothing = (expected == 0) & (observed == 0)
    return jnp.where(positive, deviance, jnp.where(nothing, 0.0, jnp.inf))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Poisson:
    """Counts with a Poisson distribution."""

    label = "Poisson"

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return poisson_deviance(expected, observed)

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        beyond = jnp.minimum(expected - LEAST, 0.0)
        inside = poisson_deviance(jnp.maximum(expected, LEAST), observed)
        return inside + 2 * beyond * self.slope(expected, observed)

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return ~((expected > 0) | ((expected == 0) & (observed == 0)))

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        # Below zero a bin without counts would go on falling: one count more leads back.
        n = observed + jnp.where(expected < 0, 1.0, 0.0)
        return 1 - n / jnp.maximum(expected, LEAST)

    def information(self, expected: jax.Array) -> jax.Array:
        return 1 / jnp.maximum(expected, LEAST)

    def draw(self, random: np.random.Generator, expected: np.ndarray) -> np.ndarray:
        return random.poisson(expected).astype(float)


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
        return ((expected - observed) / self.error) ** 2

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return self.deviance(expected, observed)

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return jnp.zeros(expected.shape, bool)

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return (expected - observed) / jnp.asarray(self.error) ** 2

    def information(self, expected: jax.Array) -> jax.Array:
        return jnp.broadcast_to(1 / jnp.asarray(self.error) ** 2, expected.shape)

    def draw(self, random: np.random.Generator, expected: np.ndarray) -> np.ndarray:
        return random.normal(expected, np.asarray(self.error))
