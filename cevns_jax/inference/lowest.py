"""The lowest chi^2 between the points of a grid.

By quadratic models of the profiled chi^2 around its lowest points: they need chi^2 with the
parameters of the grid held, which the program of the scan gives. A minimisation with these
parameters free would be another program, and take as long to compile as the scan itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import minimise_points
from cevns_jax.inference.regions import coordinate, from_coordinate
from cevns_jax.likelihood import Likelihood

FIRST_STEP = 0.5  # of a cell of the grid
SHRINK = 4.0  # of the step, where the model has its vertex near the middle
# Of a cell: the model is then exact to 1e-5 of it. Much finer, the differences of chi^2 would be
# lost in the 1e-9 to which a minimisation knows it.
LAST_STEP = 1 / 300
FARTHEST = 2.0  # steps that a model is believed
MOST_MODELS = 30  # the step shrinks five times; the others are for a start that is far off
FLAT = 1e-9  # eigenvalue of the model, of the largest, along which chi^2 does not change
HOPELESS = 0.1  # chi^2 that a start may lie above the lowest after the fall that its model promises


class Points(NamedTuple):
    """S points of the plane, or whatever a grid of k parameters spans.

    Attributes:
        values: Values of the parameters of the grid, shape (S, k).
        x: Minimised parameters there, shape (S, n).
        chi2: Shape (S,).
    """

    values: np.ndarray
    x: np.ndarray
    chi2: np.ndarray

    def of(self, rows: np.ndarray) -> Points:
        """Some of them."""
        return Points(*(array[rows] for array in self))


def lowest_near(likelihood: Likelihood, grids: Mapping[str, np.ndarray], starts: Points) -> Points:
    """The lowest point near each of some, inside the range of a grid.

    Args:
        likelihood: What is minimised; the parameters of the grid may vary in it or not.
        grids: Parameter -> its values, ascending.
        starts: Points with a finite chi^2.

    Returns:
        As many points; where a start has no chance to be the lowest, none that is exact.
    """
    frame = _Frame.of(grids)
    best = Points(*(np.array(array, dtype=float) for array in starts))
    centres = frame.from_values(best.values)
    step = np.full(len(centres), FIRST_STEP)
    left = np.arange(len(centres))
    for _ in range(MOST_MODELS):
        places = frame.stencil(centres[left], step[left])
        found = _evaluated(likelihood, frame, places, best.x[left])
        improved = _lower(best, left, found)
        vertex, fall = _vertices(places, found.chi2, centres[left], step[left])
        target = frame.inside(vertex)
        near = np.abs(target - centres[left]).max(axis=1) <= step[left] / 2
        known = np.isfinite(fall)
        middle = frame.from_values(best.values[left])
        centres[left] = np.where(known[:, None], target, middle)
        # Without a model the lowest point is the next middle, and the step shrinks if it was one.
        step[left] /= np.where(np.where(known, near, ~improved), SHRINK, 1.0)
        promised = best.chi2[left] - np.where(known, 2 * fall, np.inf)
        hopeful = promised < best.chi2.min() + HOPELESS
        left = left[hopeful & (step[left] > LAST_STEP)]
        if not left.size:
            break
    _lower(best, np.arange(len(centres)), _evaluated(likelihood, frame, centres[:, None], best.x))
    return best


class _Frame(NamedTuple):
    """The range of a grid, in coordinates in which its cells have the width one.

    Attributes:
        grids: Parameter -> its values.
        cells: Width of a cell on the axis on which the grid is even, shape (k,).
        ends: First and last value in coordinates, shape (2, k).
    """

    grids: Mapping[str, np.ndarray]
    cells: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, grids: Mapping[str, np.ndarray]) -> _Frame:
        """The frame of a grid; an axis of one value has no width, and stays."""
        axes = [coordinate(grid, grid) for grid in grids.values()]
        cells = np.array([np.median(np.diff(u)) if len(u) > 1 else 1.0 for u in axes])
        return cls(grids, cells, np.array([[u[0], u[-1]] for u in axes]).T / cells)

    def from_values(self, values: np.ndarray) -> np.ndarray:
        """Coordinates of values of the parameters, shape (..., k)."""
        columns = [coordinate(g, values[..., i]) for i, g in enumerate(self.grids.values())]
        return np.stack(columns, axis=-1) / self.cells

    def values(self, places: np.ndarray) -> np.ndarray:
        """The inverse; ends of the grid are met to the last bit."""
        columns = []
        for i, grid in enumerate(self.grids.values()):
            u = places[..., i]
            inner = np.clip(from_coordinate(grid, u * self.cells[i]), grid[0], grid[-1])
            low, high = self.ends[:, i]
            columns.append(np.where(u <= low, grid[0], np.where(u >= high, grid[-1], inner)))
        return np.stack(columns, axis=-1)

    def inside(self, places: np.ndarray) -> np.ndarray:
        """The nearest places inside the range."""
        return np.clip(places, *self.ends)

    def stencil(self, centres: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Places around centres, three along each axis, shape (S, 3^k, k). Beside an end all three
        lie on the one side: three in a row make a parabola, two do not."""
        offsets = np.array([*product((0.0, -1.0, 1.0), repeat=len(self.cells))])
        moved = centres[:, None] + step[:, None, None] * offsets
        turned = centres[:, None] - 2 * step[:, None, None] * offsets
        beyond = (moved < self.ends[0]) | (moved > self.ends[1])
        return self.inside(np.where(beyond, turned, moved))


def _evaluated(likelihood: Likelihood, frame: _Frame, places: np.ndarray, x: np.ndarray) -> Points:
    """chi^2 at places, shape (S, M, k), the other parameters minimised from x, shape (S, n);
    infinite where that fails."""
    values = frame.values(places)
    shape = places.shape[:2]
    found = minimise_points(
        likelihood,
        tuple(frame.grids),
        values.reshape(-1, len(frame.cells)),
        np.repeat(x, shape[1], axis=0),
    )
    chi2 = np.where(found.converged, found.chi2, np.inf)
    return Points(values, found.x.reshape(*shape, -1), chi2.reshape(shape))


def _lower(best: Points, rows: np.ndarray, found: Points) -> np.ndarray:
    """Put the lowest of what was found in place where it is lower; says where it was."""
    which = np.argmin(found.chi2, axis=1)
    lanes = np.arange(len(rows))
    lower: np.ndarray = found.chi2[lanes, which] < best.chi2[rows]
    for kept, new in zip(best, found, strict=True):
        kept[rows[lower]] = new[lanes, which][lower]
    return lower


def _vertices(
    places: np.ndarray, chi2: np.ndarray, centres: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the quadratic models through chi^2 at places, not far from the centres, shape
    (S, k), and how far chi^2 falls to them from the centre; NaN where there is no model."""
    vertices, falls = centres.copy(), np.full(len(centres), np.nan)
    k = centres.shape[1]
    pairs = [(i, j) for i in range(k) for j in range(i, k)]
    for row, (there, height) in enumerate(zip(places, chi2, strict=True)):
        d = (there - centres[row]) / step[row]
        moves = np.ptp(d, axis=0) > 0  # not along an axis of one value
        if not np.isfinite(height).all():
            continue
        columns = [np.ones(len(d)), *d.T, *(d[:, i] * d[:, j] for i, j in pairs)]
        fitted = np.linalg.lstsq(np.stack(columns, axis=1), height - height[0])[0]
        slope, bend = fitted[1 : k + 1], np.zeros((k, k))
        for (i, j), coefficient in zip(pairs, fitted[k + 1 :], strict=True):
            bend[i, j] += coefficient
            bend[j, i] += coefficient
        curvature, axes = np.linalg.eigh(bend)
        curved = curvature > FLAT * np.abs(curvature).max()
        if not curved.any() or (curvature < -FLAT * np.abs(curvature).max()).any():
            continue
        along = axes[:, curved]
        move = -along @ ((along.T @ slope) / curvature[curved]) * moves
        length = np.abs(move).max()
        move *= min(1.0, FARTHEST / length) if length > 0 else 1.0
        vertices[row] = centres[row] + step[row] * move
        falls[row] = max(-(slope @ move + move @ bend @ move / 2), 0.0)
    return vertices, falls
