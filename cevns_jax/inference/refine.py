"""Bands of a plane that are narrower than a cell of its grid, found between the points.

Where a coupling and a mass are degenerate, the allowed band may be a few per cent wide, and the
points of a grid hit it only here and there. In every column of the plane (one value of the first
parameter), the bottom of such a band and its edges are searched on the profiled chi^2 itself, along
the second parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.crossings import Bottoms, Bracket, LowestAt, crossings, lowest_in
from cevns_jax.inference.intervals import local_minima, lower_of_ends
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.regions import coordinate, from_coordinate
from cevns_jax.likelihood import Likelihood

# Bottoms above this many times the highest level shape no contour, and are left out. It is more
# than one, as contours are interpolated: a bottom a little above the level still bends
# the lines beside it. At four times it is twice as far away in standard deviations.
RELEVANT_LEVELS = 4.0
# Points of the grid across a band up to which its edges are searched between them. Found by trial:
# a contour through four or more is smooth as it is; each band costs two root searches a level in
# every column.
FEW = 3


class Between(NamedTuple):
    """What is known in the columns of a plane between the points of its grid.

    Attributes:
        values: Values of the second parameter, ascending, shape (P, K) for P columns; NaN where a
            column has fewer than K.
        chi2: The profiled chi^2 there, same shape. At an edge of a band it is that of the level
            that was searched, which is true to 1e-4 of the level.
    """

    values: np.ndarray
    chi2: np.ndarray


class Bands(NamedTuple):
    """Narrow local minima of the columns of a plane, V in all.

    Attributes:
        columns, rows: The point of the grid at which each shows, shape (V,) each.
        bottoms: Their lowest points, in coordinates on the axis on which the grid is even.
    """

    columns: np.ndarray
    rows: np.ndarray
    bottoms: Bottoms

    def lowest(self, grids: Mapping[str, np.ndarray]) -> tuple[tuple[float, float], Minimum] | None:
        """Both parameters and the minimum at the lowest bottom, of those that are lower than the
        points of the grid beside them; ``None`` if there is none."""
        chi2 = np.where(self.bottoms.lower, self.bottoms.minima.chi2, np.inf)
        if not np.isfinite(chi2).any():
            return None
        first, second = grids.values()
        row = int(np.argmin(chi2))
        value = from_coordinate(second, self.bottoms.values[row])
        minimum = Minimum(*(np.asarray(array)[row] for array in self.bottoms.minima))
        return (float(first[self.columns[row]]), float(value)), minimum


def narrow_bands(
    likelihood: Likelihood,
    grids: Mapping[str, np.ndarray],
    minima: Minimum,
    levels: Sequence[float],
) -> Bands:
    """Bottoms of the bands that are at most a few points of the grid wide in a column.

    Args:
        likelihood: What was scanned, n parameters beside the two of the grid.
        grids: Both parameters and their values, shape (P,) and (Q,).
        minima: At all points, with a leading axis of P Q, the second parameter fastest.
        levels: Delta chi^2 of the contours that are to be sharp.
    """
    first, second = grids.values()
    shape = (len(first), len(second))
    chi2 = np.where(minima.converged, minima.chi2, np.inf).reshape(shape)
    lowest, highest = chi2.min(), max(levels, default=0.0)
    found = [
        (column, int(row))
        for column, height in enumerate(chi2)
        for row in local_minima(height, np.isfinite(height), highest, lowest)
        if any(_across(height < lowest + level, row) <= FEW for level in levels)
    ]
    columns, rows = np.array(found, dtype=int).reshape(-1, 2).T
    u = coordinate(second, second)
    x = np.asarray(minima.x).reshape(*shape, -1)
    # The two neighbours of a local minimum are the ends of the bracket around its bottom.
    beside = rows + np.array([[-1], [0], [1]])
    triples = Bracket(u[beside], chi2[columns, beside], x[columns, beside])
    lowest_at = _lowest_at(likelihood, grids, columns)
    return Bands(columns, rows, lowest_in(lowest_at, triples))


def between(
    likelihood: Likelihood,
    grids: Mapping[str, np.ndarray],
    minima: Minimum,
    bands: Bands,
    best_chi2: float,
    levels: Sequence[float],
) -> Between:
    """Bottoms and edges of narrow bands, in every column.

    Args:
        likelihood, grids, minima, levels: As for :func:`narrow_bands`.
        bands: What that found.
        best_chi2: chi^2 from which Delta chi^2 counts.
    """
    first, second = grids.values()
    shape = (len(first), len(second))
    u = coordinate(second, second)
    grid = Bracket(
        np.broadcast_to(u, shape),
        np.where(minima.converged, minima.chi2, np.inf).reshape(shape),
        np.asarray(minima.x).reshape(*shape, -1),
    )
    of, at_level, pairs = [], [], []
    for number in range(len(bands.columns)):
        curve, middle = _with_bottom(grid, bands, number)
        for level in levels:
            for ends in _edges(curve.chi2 < best_chi2 + level, middle):
                of.append(number)
                at_level.append(level)
                pairs.append(Bracket(*(array[list(ends)] for array in curve)))
    lower = bands.bottoms.lower & (
        bands.bottoms.minima.chi2 < best_chi2 + RELEVANT_LEVELS * max(levels, default=0.0)
    )
    columns, values = [*bands.columns[lower]], [*bands.bottoms.values[lower]]
    chi2 = [*bands.bottoms.minima.chi2[lower]]
    if pairs:
        lanes = bands.columns[of]
        bracket = Bracket(*(np.stack(arrays, axis=1) for arrays in zip(*pairs, strict=True)))
        lowest_at = _lowest_at(likelihood, grids, lanes)
        found = crossings(lowest_at, bracket, best_chi2, at_level)
        columns += [*lanes[found.converged]]
        values += [*found.values[found.converged]]
        chi2 += [*(best_chi2 + np.array(at_level)[found.converged])]
    return _in_columns(
        *(len(first), np.array(columns, dtype=int)),
        *(from_coordinate(second, np.array(values)), np.array(chi2)),
    )


def _across(below: np.ndarray, row: int) -> int:
    """Number of consecutive points below a level around one of them; zero if that is not below."""
    above = np.flatnonzero(~below)
    after = np.searchsorted(above, row)
    if after < len(above) and above[after] == row:
        return 0
    start = above[after - 1] if after else -1
    end = above[after] if after < len(above) else len(below)
    return int(end - start - 1)


def _with_bottom(grid: Bracket, bands: Bands, number: int) -> tuple[Bracket, int]:
    """The column of a band with the bottom inserted among the points of the grid, and the row of
    the bottom in it."""
    column, row = bands.columns[number], int(bands.rows[number])
    curve = Bracket(*(array[column] for array in grid))
    if not bands.bottoms.lower[number]:
        return curve, row
    value, found = bands.bottoms.values[number], bands.bottoms.minima
    place = int(np.searchsorted(curve.at, value))
    new = (value, found.chi2[number], found.x[number])
    with_it = (np.insert(a, place, b, axis=0) for a, b in zip(curve, new, strict=True))
    return Bracket(*with_it), place


def _edges(below: np.ndarray, middle: int) -> list[tuple[int, int]]:
    """Pairs of neighbouring points between which a band crosses a level, one on each side of its
    bottom; none for a band that is many points wide."""
    if not below[middle] or _across(below, middle) > FEW + 1:  # one of them is the bottom
        return []
    above = np.flatnonzero(~below)
    after = int(np.searchsorted(above, middle))
    left = [(int(above[after - 1]), int(above[after - 1]) + 1)] if after else []
    right = [(int(above[after]) - 1, int(above[after]))] if after < len(above) else []
    return left + right


def _lowest_at(
    likelihood: Likelihood, grids: Mapping[str, np.ndarray], columns: np.ndarray
) -> LowestAt:
    """The profiled chi^2 along the second parameter, in the column of each lane."""
    first, second = grids.values()

    def lowest_at(values: np.ndarray, lanes: np.ndarray, starts: np.ndarray) -> Minimum:
        points = np.column_stack([first[columns[lanes]], from_coordinate(second, values)])
        return lower_of_ends(likelihood, tuple(grids), points, starts)

    return lowest_at


def _in_columns(size: int, columns: np.ndarray, values: np.ndarray, chi2: np.ndarray) -> Between:
    """Points of all columns as a table, ascending in each column and padded with NaN."""
    most = int(np.bincount(columns, minlength=1).max(initial=0))
    table = Between(np.full((size, most), np.nan), np.full((size, most), np.nan))
    for column in np.unique(columns):
        mine = np.flatnonzero(columns == column)
        mine = mine[np.unique(values[mine], return_index=True)[1]]
        table.values[column, : len(mine)] = values[mine]
        table.chi2[column, : len(mine)] = chi2[mine]
    return table
