"""Allowed ranges and regions of a Delta chi^2 that is known on a grid."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Limit(NamedTuple):
    """Where Delta chi^2 is below a level.

    Attributes:
        allowed: Ranges, ascending; disconnected ones apart. One that reaches an end of the grid
            ends there.
        error: How far the ends move if every other point of the grid is left out; NaN where that
            changes their number. An estimate, from above, of what interpolation costs.
    """

    allowed: list[tuple[float, float]]
    error: float


def scale_of(grid: np.ndarray) -> str:
    """``"log"`` for a grid whose points have a constant ratio, ``"signed"`` for one on both sides
    of zero with constant ratios on each, else ``"linear"``."""

    def geometric(values: np.ndarray) -> bool:
        if len(values) < 3 or values.min() <= 0:
            return False
        steps = np.diff(np.log(values))
        return bool(np.ptp(steps) < 1e-6 * steps.mean())

    if geometric(grid):
        return "log"
    both = geometric(grid[grid > 0]) and geometric(-grid[grid < 0][::-1])
    return "signed" if both else "linear"


def coordinate(grid: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of a parameter on the axis on which its grid is even, or nearly."""
    scale = scale_of(grid)
    if scale == "log":
        return np.log(values)
    return np.arcsinh(values / np.abs(grid).min()) if scale == "signed" else values


def from_coordinate(grid: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The inverse of :func:`coordinate`."""
    scale = scale_of(grid)
    if scale == "log":
        return np.exp(u)
    return np.sinh(u) * np.abs(grid).min() if scale == "signed" else u


def limit(grid: np.ndarray, delta: np.ndarray, level: float) -> Limit:
    """Where Delta chi^2 is below a level, by a cubic spline through the points.

    Args:
        grid: Values of the parameter, ascending, shape (P,).
        delta: Delta chi^2 there; NaN at points that are not to be used.
        level: E.g. 1 (68 %), 2.71 (90 %) or 3.84 (95 %) for one parameter.
    """
    use = np.isfinite(delta)
    u, delta = coordinate(grid, grid[use]), delta[use]
    ends = _ranges(u, delta, level)
    coarse = _ranges(u[::2], delta[::2], level) if len(u) >= 8 else np.zeros((0, 2))
    allowed = from_coordinate(grid, ends)
    error = np.nan
    if ends.shape == coarse.shape and ends.size:
        inside = (ends > u[0]) & (ends < u[-1])  # what the end of the grid cuts has no error
        moved = np.abs(from_coordinate(grid, coarse) - allowed)[inside]
        error = float(moved.max()) if moved.size else 0.0
    return Limit([(float(low), float(high)) for low, high in allowed], error)


def _ranges(u: np.ndarray, delta: np.ndarray, level: float) -> np.ndarray:
    """Ranges of u in which the spline is below the level, shape (R, 2)."""
    from scipy.interpolate import CubicSpline

    if len(u) < 4:
        return np.zeros((0, 2))
    curve = CubicSpline(u, delta - level)
    roots = curve.roots(extrapolate=False)
    cuts = np.unique(np.concatenate([u[:1], roots[np.isfinite(roots)], u[-1:]]))
    ranges: list[tuple[float, float]] = []
    for low, high in pairwise(cuts):
        if curve((low + high) / 2) >= 0:
            continue
        if ranges and ranges[-1][1] == low:
            low = ranges.pop()[0]
        ranges.append((low, high))
    return np.array(ranges).reshape(-1, 2)


def contours(
    grids: tuple[np.ndarray, np.ndarray], delta: np.ndarray, level: float
) -> list[np.ndarray]:
    """Lines at a level of Delta chi^2 of two parameters; disconnected ones apart.

    Args:
        grids: Values of both parameters, shape (P,) and (Q,).
        delta: Delta chi^2, shape (P, Q); NaN at points that are not to be used.
        level: E.g. 2.30, 6.18, 11.83 (1, 2, 3 sigma).

    Returns:
        One array of points for each line, shape (n, 2). Interpolated linearly on the axes on which
        the grids are even, between squares of the grid.
    """
    from contourpy import contour_generator

    if min(delta.shape) < 2:  # a line of points has no area
        return []
    x, y = (coordinate(grid, grid) for grid in grids)
    # The square root is nearly straight where Delta chi^2 is nearly a parabola.
    height = np.ma.masked_invalid(np.sqrt(np.maximum(delta.T, 0.0)))
    lines = contour_generator(x, y, height).lines(float(np.sqrt(level)))
    return [
        np.stack([from_coordinate(grid, line[:, i]) for i, grid in enumerate(grids)], axis=1)
        for line in map(np.asarray, lines)
    ]
