"""Cubic splines on uniform knots, built once in NumPy and evaluated inside traced code.

Detector responses and time shapes are smooth functions of one or two numbers (an energy, a pull)
that are costly to integrate. They are tabulated with their slopes and read back by cubic
Hermite interpolation, which has continuous second derivatives because the slopes are a spline's.
The derivatives by parameters, which every step of a fit uses, then have no jumps or kinks.

Knots are uniform, so that the cell of an x is one division away, with no search in traced code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np


def _slopes(values: np.ndarray, step: float, axis: int) -> np.ndarray:
    """Slopes of the not-a-knot cubic spline through values, times the distance of the knots."""
    from scipy.interpolate import CubicSpline  # slow to import, needed only while building

    knots = np.arange(values.shape[axis]) * step
    return CubicSpline(knots, values, axis=axis)(knots, 1) * step


def _cell(
    x: jax.Array, start: float, step: float, knots: int
) -> tuple[jax.Array, list[list[jax.Array]]]:
    """Cell that holds x: index of its left knot, and Hermite weights.

    ``weights[knot][order]`` belongs to the left (0) or right (1) knot, and to its value (0) or its
    slope times the distance of the knots (1).
    """
    # Held at the ends, where clip also makes the gradient zero: x may lie outside, no index may.
    position = jnp.clip((x - start) / step, 0.0, knots - 1.0)
    index = jnp.clip(position.astype(int), 0, knots - 2)
    t = position - index
    left = [(1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2]
    return index, [left, [t**2 * (3 - 2 * t), t**2 * (t - 1)]]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Spline:
    """A function of one variable with values of any shape.

    Outside the knots it stays at its end value, with zero gradient.

    Attributes:
        start: First knot.
        step: Distance of the knots.
        table: Value and slope at each knot, shape (knots, 2, ...).
    """

    start: float
    step: float
    table: np.ndarray

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x, any shape: shape of x, then that of a value."""
        table, x = jnp.asarray(self.table), jnp.asarray(x)
        index, weights = _cell(x, self.start, self.step, self.table.shape[0])
        column = x.shape + (1,) * (table.ndim - 2)
        # Four terms written out fuse into one loop, see Spline2D.
        total = jnp.zeros(())
        for knot, order in product(range(2), repeat=2):
            total = total + weights[knot][order].reshape(column) * table[index + knot, order]
        return total


def spline(start: float, stop: float, values: np.ndarray) -> Spline:
    """Spline through values on uniform knots.

    Args:
        start, stop: First and last knot.
        values: Shape (knots, ...), at least four knots.
    """
    step = (stop - start) / (len(values) - 1)
    table = np.stack([values, _slopes(values, step, 0)], axis=1)
    return Spline(start=float(start), step=float(step), table=table)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Spline2D:
    """A function of (x, y) with vector values; many x at one y. Ends as in :class:`Spline`.

    Attributes:
        start: First knot in x and in y.
        step: Distance of the knots in x and in y.
        table: Value, x slope, y slope, mixed slope; shape (x knots, y knots, 2, 2, B).
    """

    start: tuple[float, float]
    step: tuple[float, float]
    table: np.ndarray

    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Values at every x, any shape, and one y: shape of x, then B."""
        knots_x, knots_y = self.table.shape[:2]
        table = jnp.asarray(self.table).reshape(knots_x * knots_y, 4, -1)
        i, in_x = _cell(x, self.start[0], self.step[0], knots_x)
        j, in_y = _cell(y, self.start[1], self.step[1], knots_y)
        # Written out, the sixteen terms fuse into one loop; a contraction is ten times slower.
        total = jnp.zeros(())
        for a, b in product(range(2), repeat=2):
            corner = table[(i + a) * knots_y + j + b]
            for m, n in product(range(2), repeat=2):
                total = total + (in_x[a][m] * in_y[b][n])[..., None] * corner[..., 2 * m + n, :]
        return total


def spline_2d(x: tuple[float, float], y: tuple[float, float], values: np.ndarray) -> Spline2D:
    """Tensor-product spline through values on uniform knots.

    Args:
        x, y: First and last knot in each variable.
        values: Shape (x knots, y knots, B), at least four knots each.
    """
    nx, ny = values.shape[:2]
    step = ((x[1] - x[0]) / (nx - 1), (y[1] - y[0]) / (ny - 1))
    in_x = np.stack([values, _slopes(values, step[0], 0)], axis=2)  # (nx, ny, 2, B)
    table = np.stack([in_x, _slopes(in_x, step[1], 1)], axis=3)  # (nx, ny, 2, 2, B)
    return Spline2D(start=(float(x[0]), float(y[0])), step=step, table=table)
