"""Regions of a Delta chi^2 that is known on a grid, and the axes on which grids are even."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.mesh import mesh

if TYPE_CHECKING:
    from contourpy import ContourGenerator


def scale_of(grid: np.ndarray) -> str:
    """``"log"`` for a grid whose points have a constant ratio, ``"signed"`` for one on both sides
    of zero with constant ratios on each, else ``"linear"``."""

    def geometric(values: np.ndarray) -> bool:
        if len(values) < 3 or values.min() <= 0:
            return False
        steps = np.diff(np.log(values))
        # To what rounding leaves of a ratio, or a table with seven digits.
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
    """The smallest distance of a point of a grid from zero, zero itself left out."""
    return float(np.abs(grid[grid != 0]).min())


def contours(
    grids: tuple[np.ndarray, np.ndarray],
    delta: np.ndarray,
    level: float,
    between: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Lines at a level of Delta chi^2 of two parameters; disconnected lines are separate.

    Args:
        grids: Values of both parameters, shape (P,) and (Q,).
        delta: Delta chi^2, shape (P, Q); NaN at points that are not to be used.
        level: E.g. 2.30, 6.18, 11.83 (1, 2, 3 sigma).
        between: Values of the second parameter between those of its grid, and Delta chi^2 there,
            shape (P, K) each, NaN where a column has fewer: bottoms and edges of narrow bands,
            along which the lines are then drawn.

    Returns:
        One array of points for each line, shape (n, 2). The square root of Delta chi^2 is
        interpolated linearly, on the axes on which the grids are even.
    """
    if min(delta.shape) < 2:  # a line of points has no area
        return []
    found = _generator(grids, delta, between).lines(float(np.sqrt(level)))
    lines = [np.asarray(line) for line in found]
    if not _is_even(between):
        lines = [_once(line) for line in lines]
    return [_in_values(grids, line) for line in lines]


def filled(
    grids: tuple[np.ndarray, np.ndarray],
    delta: np.ndarray,
    level: float,
    between: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    above: bool = False,
) -> list[list[np.ndarray]]:
    """Areas below a level of Delta chi^2 of two parameters, or above it, whose edges are those of
    :func:`contours`.

    Args:
        grids, delta, level, between: As there.
        above: Whether the areas above the level are meant.

    Returns:
        For each connected area its closed lines, shape (n, 2): the outer edge, then those of holes.
    """
    from contourpy import FillType

    if min(delta.shape) < 2:
        return []
    generator = _generator(grids, delta, between, fill_type=FillType.OuterOffset)
    height = float(np.sqrt(level))
    ends = (height, float("inf")) if above else (-1.0, height)
    areas = zip(*generator.filled(*ends), strict=True)
    return [
        [_in_values(grids, line) for line in np.split(points, offsets[1:-1])]
        for points, offsets in areas
    ]


def _generator(
    grids: tuple[np.ndarray, np.ndarray],
    delta: np.ndarray,
    between: tuple[np.ndarray, np.ndarray] | None,
    **options: Any,
) -> ContourGenerator:
    """Generator of the lines and areas of a plane, for the square root of Delta chi^2, which is
    nearly linear where Delta chi^2 is nearly a parabola."""
    from contourpy import contour_generator

    x, y = (coordinate(grid, grid) for grid in grids)
    if between is None or _is_even(between):
        height = np.sqrt(np.maximum(delta.T, 0.0))
    else:
        more = coordinate(grids[1], between[0])
        x, y, height = mesh(x, y, delta, more, between[1])
    return contour_generator(x, y, np.ma.masked_invalid(height), **options)


def _is_even(between: tuple[np.ndarray, np.ndarray] | None) -> bool:
    """Whether nothing is known between the points of a grid."""
    return between is None or not np.isfinite(between[0]).any()


def _once(line: np.ndarray) -> np.ndarray:
    """A line without repeated points, which occur where rows of a mesh meet at an end of the
    grid."""
    kept = np.append(True, (np.diff(line, axis=0) != 0).any(axis=1))
    return line[kept] if kept.sum() > 1 else line


def _in_values(grids: tuple[np.ndarray, np.ndarray], line: np.ndarray) -> np.ndarray:
    return np.stack([from_coordinate(grid, line[:, i]) for i, grid in enumerate(grids)], axis=1)
