"""Statistics of binned data: what a difference between observed and expected counts costs.

A statistic gives the deviance of each bin, -2 ln L up to a constant that the data fix, and what a
minimiser needs of it: half its slope and its expected curvature in the expected counts mu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np


class Statistic(Protocol):
    """The distribution of the counts n of a bin; a pytree. All arrays have the bins' shape."""

    label: str

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """-2 ln L of each bin."""
        ...

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """Half the derivative of the deviance in mu."""
        ...

    def information(self, expected: jax.Array) -> jax.Array:
        """Expected information about mu: half the mean second derivative of the deviance."""
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

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return 1 - observed / jnp.where(expected > 0, expected, 1.0)

    def information(self, expected: jax.Array) -> jax.Array:
        return 1 / jnp.where(expected > 0, expected, 1.0)

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

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return (expected - observed) / jnp.asarray(self.error) ** 2

    def information(self, expected: jax.Array) -> jax.Array:
        return jnp.broadcast_to(1 / jnp.asarray(self.error) ** 2, expected.shape)

    def draw(self, random: np.random.Generator, expected: np.ndarray) -> np.ndarray:
        return random.normal(expected, np.asarray(self.error))
