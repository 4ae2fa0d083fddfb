"""Meshes that follow the narrow bands of a plane, for its contours.

A contour is interpolated along the rows of a mesh from column to column. Rows of constant second
parameter would cut a band into beads, if it rises by more than its width from one column to the
next. The rows here are therefore displaced from column to column as the bands are, on the axes on
which the grids are even: a band of a coupling proportional to a mass runs along one row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# These numbers shape figures only, no interval; all were found by trial on planes of a coupling and
# a mass.
# Cells that the bottom of a band may be away from where it is expected in the next column. More
# would join different bands, less would lose one that bends.
REACH = 4.0
# Columns without its bottom, across which a band goes on: where a minimisation failed or the band
# happens to be wide. More would join pieces of different bands.
MISSED = 2
# Columns beyond its ends in which the rows still follow its direction: a band ends between columns,
# and its tip should not be cut; farther out the extrapolation means nothing.
AHEAD = 2
# Ratio of the distances of neighbouring rows from the bottom of a band: an edge is interpolated
# between rows that are 15 % of that distance apart. Nearer to one takes more rows, larger shows
# corners.
GRADED = 1.15
COARSE = 0.5  # of a cell, between rows far from every band: twice as fine as the grid itself


class Mesh(NamedTuple):
    """A plane at R points of each of its P columns.

    Attributes:
        x: The first parameter on the axis on which its grid is even, shape (R, P).
        y: The second, same shape, ascending in each column; points beyond an end of the grid are
            at that end.
        height: Square root of Delta chi^2 there, same shape; NaN where it is not known.
    """

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray


def mesh(
    x: np.ndarray, y: np.ndarray, delta: np.ndarray, more: np.ndarray, more_delta: np.ndarray
) -> Mesh:
    """The mesh of a plane. In each column the square root of Delta chi^2, nearly straight where
    Delta chi^2 is nearly a parabola, is interpolated linearly.

    Args:
        x, y: Grids of both parameters on the axes on which they are even, shape (P,) and (Q,).
        delta: Delta chi^2 on the grid, shape (P, Q).
        more: The second parameter at further points of the columns, ascending, NaN where a column
            has fewer than K, shape (P, K).
        more_delta: Delta chi^2 there, same shape.
    """
    columns = [_column(y, *rest) for rest in zip(delta, more, more_delta, strict=True)]
    centres = _tracks(x, [column[2] for column in columns], float(np.diff(y).mean()))
    rows = _rows(y, columns, centres)
    reference = centres.mean(axis=1)
    at = np.empty((len(rows), len(x)))
    for column in range(len(x)):
        away = np.interp(rows, reference, centres[:, column] - reference)
        at[:, column] = np.clip(np.maximum.accumulate(rows + away), y[0], y[-1])
    known = [np.interp(at[:, i], *column[:2]) for i, column in enumerate(columns)]
    return Mesh(np.broadcast_to(x, at.shape), at, np.stack(known, axis=1))


def _column(
    y: np.ndarray, delta: np.ndarray, more: np.ndarray, more_delta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """What is known in one column.

    Args:
        y, delta: Second parameter and Delta chi^2 of the grid, shape (Q,) each.
        more, more_delta: The same of the further points, shape (K,) each, padded with NaN.

    Returns:
        All points, ascending; the square root of Delta chi^2 there; the bottoms of the bands; and
        the shortest distance of a further point from such a bottom, which is the half-width of the
        narrowest band, infinite without one.
    """
    new = np.isfinite(more) & ~np.isin(more, y)
    at = np.concatenate([y, more[new]])
    order = np.argsort(at, kind="stable")
    height = np.sqrt(np.maximum(np.concatenate([delta, more_delta[new]]), 0.0))[order]
    at, is_new = at[order], np.repeat([False, True], [len(y), new.sum()])[order]
    known = np.pad(np.where(np.isnan(height), np.inf, height), 1, constant_values=np.inf)
    # A band is a local minimum beside one of the further points; others are wide, and the grid
    # shows them well enough.
    near = is_new | np.append(is_new[1:], False) | np.insert(is_new[:-1], 0, False)
    lowest = np.flatnonzero((known[1:-1] < known[:-2]) & (known[1:-1] <= known[2:]) & near)
    away = np.abs(np.subtract.outer(at[is_new], at[lowest]))
    return at, height, at[lowest], float(np.min(away[away > 0], initial=np.inf))


def _tracks(x: np.ndarray, bottoms: list[np.ndarray], cell: float) -> np.ndarray:
    """Where each of B bands is in every column, shape (B, P), ascending in each column.

    Args:
        x: The columns, shape (P,).
        bottoms: Bottoms of bands in each column.
        cell: Width of a cell.
    """
    bands: list[tuple[list[int], list[float]]] = []
    for column, found in enumerate(bottoms):
        free = list(map(float, found))
        for columns, places in bands:
            if not free or column - columns[-1] > MISSED + 1:
                continue
            expected = _course(x, columns, places, column)
            nearest = min(free, key=lambda place, at=expected: abs(place - at))  # type: ignore[misc]
            if abs(nearest - expected) < REACH * cell * (column - columns[-1]):
                columns.append(column)
                places.append(nearest)
                free.remove(nearest)
        bands += [([column], [place]) for place in free]
    courses = [
        [_course(x, columns, places, column) for column in range(len(x))]
        for columns, places in bands
        if len(columns) > 1
    ]
    if not courses:  # one in a single column has no direction
        return np.zeros((1, len(x)))
    ordered = np.array(sorted(courses, key=lambda course: float(np.mean(course))))
    # Two parts of one band count once, and no band crosses another, as rows must not.
    apart = np.append(True, np.diff(ordered.mean(axis=1)) > 0)
    tracks: np.ndarray = np.maximum.accumulate(ordered[apart], axis=0)
    return tracks


def _course(x: np.ndarray, columns: list[int], places: list[float], column: int) -> float:
    """Where a band is in a column: interpolated linearly between the columns in which it was found;
    beyond them for ``AHEAD`` columns in its last direction, and then constant."""
    if len(columns) > 1 and not columns[0] <= column <= columns[-1]:
        end, inner = (0, 1) if column < columns[0] else (-1, -2)
        farthest = columns[end] + int(np.clip(column - columns[end], -AHEAD, AHEAD))
        farthest = int(np.clip(farthest, 0, len(x) - 1))
        run = x[columns[end]] - x[columns[inner]]
        slope = (places[end] - places[inner]) / run
        return float(places[end] + slope * (x[farthest] - x[columns[end]]))
    return float(np.interp(x[column], x[columns], places))


def _rows(
    y: np.ndarray,
    columns: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]],
    tracks: np.ndarray,
) -> np.ndarray:
    """Rows of the mesh, given where the bands are at their mean places.

    Around the bottom of each band the distances are in geometric progression, so that a narrow band
    has as many rows as a wide one. Elsewhere rows are even.
    """
    reference = tracks.mean(axis=1)
    step = COARSE * float(np.diff(y).mean())
    away = tracks - reference[:, None]
    even = np.arange(y[0] - away.max() - step, y[-1] - away.min() + 2 * step, step)
    nearest = min(column[3] for column in columns)
    # Four rows inside the half-width of the narrowest band; not below 1e-6 of a step, whose rows
    # no figure resolves and rounding would merge.
    first = np.clip(nearest / 4, 1e-6 * step, step)
    last = max(step / (GRADED - 1), first)
    graded = first * GRADED ** np.arange(np.ceil(np.log(last / first) / np.log(GRADED)) + 1)
    around = np.concatenate([-graded[::-1], [0.0], graded])
    return np.unique(np.concatenate([even, *(around + place for place in reference)]))
