"""Regions of a Delta chi^2 that is known on a grid, and the axes on which grids are even."""

from __future__ import annotations

import numpy as np


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
    return np.arcsinh(values / smallest(grid)) if scale == "signed" else values


def from_coordinate(grid: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The inverse of :func:`coordinate`."""
    scale = scale_of(grid)
    if scale == "log":
        return np.exp(u)
    return np.sinh(u) * smallest(grid) if scale == "signed" else u


def smallest(grid: np.ndarray) -> float:
    """The smallest distance of a grid from zero, but for zero itself."""
    return float(np.abs(grid[grid != 0]).min())


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
