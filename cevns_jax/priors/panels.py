"""Integral and quantiles of a piece of a density, by quadrature about its highest place.

They are for a piece that holds next to none of a distribution, whose cumulative probabilities have
no digits left for it. Such a piece is mostly a tail, which is highest at one of its ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
HALVINGS = 60
"""Panels on either side. Each is as long as all that are nearer to the highest place, so that a
density with any scale between the smallest and the largest is smooth on all of them."""
FAR = 2.0**30
"""Where the panels end on a piece without end, in lengths over which the density falls to 1/e."""
NEWTON_STEPS = 10  # from the middle of a panel, on which the density changes little


@dataclass(frozen=True)
class Panels:
    """A piece of a density, cut into panels that shrink towards its highest place.

    Attributes:
        edges: Ends of the panels, rising, shape (n + 1,).
        masses: Integral over each of the density relative to its highest, shape (n,).
        log_density: Logarithm of the density relative to its highest.
    """

    edges: jax.Array
    masses: jax.Array
    log_density: Callable[[jax.Array], jax.Array]

    @classmethod
    def around(
        cls, mode: Any, low: Any, high: Any, log_density: Callable[[jax.Array], jax.Array]
    ) -> Panels:
        """The panels of a piece.

        Args:
            mode: Its highest place.
            low, high: Its ends, one of which may be infinite.
            log_density: Logarithm of the density relative to that at ``mode``.
        """
        slope = jnp.abs(jax.grad(lambda y: log_density(y))(jnp.asarray(mode, float)))
        known = (slope > 0) & jnp.isfinite(slope)
        length = jnp.where(known, 1 / jnp.where(known, slope, 1.0), 1.0)
        finite = jnp.isfinite(low) & jnp.isfinite(high)
        piece = jnp.where(finite, high, 0.0) - jnp.where(finite, low, 0.0)
        reach = jnp.where(finite, piece, FAR * length)
        away = reach * np.concatenate([[0.0], 2.0 ** np.arange(-HALVINGS, 1.0)])
        edges = jnp.clip(jnp.concatenate([mode - away[:0:-1], mode + away]), low, high)
        return cls(edges, _integral(log_density, edges[:-1], edges[1:]), log_density)

    @property
    def log_mass(self) -> jax.Array:
        """Logarithm of the integral over the piece."""
        return jnp.log(jnp.sum(self.masses))

    def quantile(self, u: jax.Array) -> jax.Array:
        """The place below which a share u of the integral lies, same shape as u."""
        below = jnp.concatenate([jnp.zeros(1), jnp.cumsum(self.masses)])
        goal = u * below[-1]
        panel = jnp.clip(jnp.searchsorted(below, goal, side="right") - 1, 0, len(self.masses) - 1)
        start, end = self.edges[panel], self.edges[panel + 1]
        rest = goal - below[panel]

        def step(_: int, y: jax.Array) -> jax.Array:
            excess = _integral(self.log_density, start, y) - rest
            return jnp.clip(y - excess / jnp.exp(self.log_density(y)), start, end)

        found: jax.Array = jax.lax.fori_loop(0, NEWTON_STEPS, step, (start + end) / 2)
        return found


def _integral(
    log_density: Callable[[jax.Array], jax.Array], low: jax.Array, high: jax.Array
) -> jax.Array:
    """Integral of a density between ends of the same shape, by Gauss and Legendre."""
    length = (high - low)[..., None]
    density = jnp.exp(log_density(low[..., None] + length * (NODES + 1) / 2))
    return jnp.sum(WEIGHTS / 2 * length * density, axis=-1)
