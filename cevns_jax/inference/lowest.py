"""The lowest chi^2 of a plane, between the points of its grid.

The lowest point of each line along one axis is searched first, and then the lowest of these lines
along the other axis. For such a search a narrow, bent valley, as of a coupling and a mass, is as
easy as a straight one. It needs only chi^2 with both parameters held, which the program of the scan
gives. A minimisation with both free would be another program, and take as long to compile as the
scan itself.

A *look* evaluates a few places around a centre; the next look is narrower, around the lowest place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import minimise_points, on_devices
from cevns_jax.inference.parabola import step_to_vertex
from cevns_jax.inference.regions import coordinate, from_coordinate
from cevns_jax.likelihood import Likelihood

FIVE = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])  # places of a look, in units of its width
THREE = np.array([-1.0, 0.0, 1.0])  # the same along a line whose lowest point is nearly known
# Factor by which the next look is narrower, once the lowest place is inside. Found by trial: three
# looks shrink from a cell to ``LAST_WIDTH``. A larger factor leaves the lowest point outside where
# chi^2 is no parabola, and the looks grow again; a smaller one takes more looks.
SHRINK = 6.0
GROW = 2.0  # factor by which the next look is wider, where the lowest place is at an end of it
# Cells. How well the lowest point of a line is known beforehand from neighbouring lines, by a
# parabola through theirs. Found by trial: where it is too small the look grows, which costs a few
# evaluations; where it is too large it shrinks once more.
EXPECTED = 0.05
# Width of the last look in cells, and range of chi^2 across it: below both the search ends, after
# the vertex of its parabola was evaluated. There chi^2 is off by about 1e-3 of that range. Much
# narrower, differences would be lost in the 1e-9 to which a minimisation knows chi^2; much wider,
# the parabola is not good enough.
LAST_WIDTH, LAST_DEPTH = 0.02, 1e-3
FLAT = 1e-8  # range of chi^2 across a look below which it is flat, to ten times what is known of it
MOST_LOOKS = 14  # three or four close in; the others follow a valley that leads far away
# chi^2 by which the lowest point of the line through a start may be above that of another start, if
# the start is to be followed along its valley. Found by trial, as the number below: each start that
# is followed costs several calls of the program, and most lead to the same point. Too small or too
# few, and the one whose valley leads lowest may be dropped.
HOPELESS = 0.1
FOLLOWED = 2  # starts that are followed along their valleys


class Points(NamedTuple):
    """S points of the plane.

    Attributes:
        values: Values of both parameters, shape (S, 2).
        x: Minimised parameters there, shape (S, n).
        chi2: Shape (S,).
    """

    values: np.ndarray
    x: np.ndarray
    chi2: np.ndarray

    def of(self, rows: np.ndarray) -> Points:
        """The points of some rows."""
        return Points(*(array[rows] for array in self))

    def lower(self, rows: np.ndarray, new: Points) -> None:
        """Replace the points of R rows, in place, by the lowest of M new ones each, of shape
        (R, M, ...), where that is lower."""
        lanes, which = np.arange(len(rows)), np.argmin(new.chi2, axis=1)
        better = new.chi2[lanes, which] < self.chi2[rows]
        for kept, found in zip(self, new, strict=True):
            kept[rows[better]] = found[lanes, which][better]


def lowest_near(
    likelihood: Likelihood, grids: Mapping[str, np.ndarray], starts: Points, along: np.ndarray
) -> Points:
    """The lowest point near each start, inside the range of a grid of two parameters.

    Args:
        likelihood: What is minimised; the parameters of the grid may vary in it or not.
        grids: Parameter -> its values, ascending.
        starts: Points with a finite chi^2.
        along: Number of the parameter, 0 or 1, along which chi^2 is steeper at each start, shape
            (S,).

    Returns:
        As many points. From a start that has no chance to lead to the lowest point the search is
        broken off, and its point is not exact.
    """
    plane = _Plane.of(likelihood, grids)
    best = Points(*(np.array(array, dtype=float) for array in starts))
    axes = [(axis, np.flatnonzero(along == axis)) for axis in (0, 1)]
    # First only the line through each start: most starts are other points of the same valley, and
    # this tells which are worth following.
    for axis, rows in axes:
        if rows.size:
            begin = plane.coordinates(best.values[rows])
            look = _Look(FIVE, 1.0, plane.ends[:, axis])
            on_lines = begin[:, [1 - axis]], begin[:, [axis]], best.x[rows]
            best.lower(rows, _bottoms(plane, *on_lines, axis, look))
    hopeful = np.argsort(best.chi2, kind="stable")[:FOLLOWED]
    hopeful = hopeful[best.chi2[hopeful] < best.chi2.min() + HOPELESS]
    for axis, rows in axes:
        followed = np.intersect1d(rows, hopeful)
        if followed.size:
            best.lower(followed, _lowest_of_lines(plane, best.of(followed), axis))
    # Once more with lines along the other axis, as the valley may turn, or run along the lines.
    lowest = np.array([np.argmin(best.chi2)])
    best.lower(lowest, _lowest_of_lines(plane, best.of(lowest), 1 - along[lowest[0]]))
    return best


class _Plane(NamedTuple):
    """A grid of two parameters, in coordinates in which its cells have the width one.

    Attributes:
        likelihood: Whose profiled chi^2.
        grids: Parameter -> its values.
        cells: Width of a cell of each parameter, on the axis on which its grid is even, shape (2,).
        ends: First and last value of each parameter in these coordinates, shape (2, 2): end,
            parameter.
    """

    likelihood: Likelihood
    grids: Mapping[str, np.ndarray]
    cells: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, likelihood: Likelihood, grids: Mapping[str, np.ndarray]) -> _Plane:
        """The plane of a grid."""
        axes = [coordinate(grid, grid) for grid in grids.values()]
        cells = np.array([np.median(np.diff(u)) for u in axes])
        return cls(
            on_devices(likelihood), grids, cells, np.array([[u[0], u[-1]] for u in axes]).T / cells
        )

    def coordinates(self, values: np.ndarray) -> np.ndarray:
        """Coordinates of values of the parameters, shape (..., 2)."""
        columns = [coordinate(g, values[..., i]) for i, g in enumerate(self.grids.values())]
        return np.stack(columns, axis=-1) / self.cells

    def evaluated(self, places: np.ndarray, x: np.ndarray) -> Points:
        """Points at places in coordinates, shape (..., 2), with the other parameters minimised from
        x, shape (..., n); chi^2 is infinite where that fails."""
        columns = []
        for i, grid in enumerate(self.grids.values()):
            u, (low, high) = places[..., i], self.ends[:, i]
            inner = np.clip(from_coordinate(grid, u * self.cells[i]), grid[0], grid[-1])
            # At the ends the values of the grid itself: a coordinate and back can round to outside.
            columns.append(np.where(u <= low, grid[0], np.where(u >= high, grid[-1], inner)))
        values = np.stack(columns, axis=-1)
        shape = places.shape[:-1]
        starts = np.broadcast_to(x, (*shape, x.shape[-1])).reshape(-1, x.shape[-1])
        found = minimise_points(self.likelihood, tuple(self.grids), values.reshape(-1, 2), starts)
        chi2 = np.where(found.converged, found.chi2, np.inf)
        return Points(values, np.asarray(found.x).reshape(*shape, -1), chi2.reshape(shape))


def _lowest_of_lines(plane: _Plane, starts: Points, along: int) -> Points:
    """The lowest of the lowest points of lines along one parameter, one for each start, shape
    (S, 1, ...).

    Args:
        plane: The plane.
        starts: Where to begin, S points.
        along: Which parameter the lines run along, 0 or 1. The lines differ in the other one.
    """
    best = Points(*(np.array(array) for array in starts))
    begin = plane.coordinates(starts.values)
    # The lines of the last look from each start: where they are, and where they are lowest.
    known_at, known_lowest = begin[:, [1 - along]], begin[:, [along]]

    def height(at: np.ndarray, rows: np.ndarray) -> np.ndarray:
        nonlocal known_at, known_lowest
        lines = zip(known_at[rows], known_lowest[rows], at, strict=True)
        expected = np.stack([_continued(*line) for line in lines])
        # For the first lines nothing is known but the start itself; later a parabola through the
        # lowest points of the last lines tells where the next ones are lowest.
        places, width = (FIVE, 1.0) if known_at.shape[1] == 1 else (THREE, EXPECTED)
        look = _Look(places, width, plane.ends[:, along])
        found = _bottoms(plane, at, expected, best.x[rows], along, look)
        best.lower(rows, found)
        lowest = plane.coordinates(found.values)[..., along]
        if len(rows) == len(known_at):  # all of them, as in the first look
            known_at, known_lowest = at, lowest
        else:
            known_at[rows], known_lowest[rows] = at, lowest
        return found.chi2

    _close_in(height, begin[:, 1 - along], _Look(FIVE, 1.0, plane.ends[:, 1 - along]))
    return Points(*(array[:, None] for array in best))


def _bottoms(
    plane: _Plane,
    at: np.ndarray,
    expected: np.ndarray,
    x: np.ndarray,
    along: int,
    look: _Look,
) -> Points:
    """The lowest point of each of some lines, shape of ``at``.

    Args:
        plane: The plane.
        at: Places of the lines on the other axis, shape (S, M).
        expected: Where each is expected to be lowest, same shape.
        x: Values of the minimised parameters to start from, shape (S, n).
        along: Number of the parameter along the lines.
        look: How to look from there.
    """
    lines = at.size
    near = np.repeat(x, at.shape[1], axis=0)
    best = Points(np.zeros((lines, 2)), near.copy(), np.full(lines, np.inf))

    def height(there: np.ndarray, rows: np.ndarray) -> np.ndarray:
        other = np.broadcast_to(at.ravel()[rows, None], there.shape)
        places = np.stack([there, other] if along == 0 else [other, there], axis=-1)
        found = plane.evaluated(places, best.x[rows, None])
        best.lower(rows, found)
        return found.chi2

    _close_in(height, expected.ravel(), look)
    return Points(*(array.reshape(*at.shape, *array.shape[1:]) for array in best))


class _Look(NamedTuple):
    """How the lowest place on a line is searched.

    Attributes:
        places: Places of each look, ascending, in units of its width.
        width: Width of the first look.
        ends: Lowest and highest place that is allowed.
    """

    places: np.ndarray
    width: float
    ends: np.ndarray


def _close_in(
    height: Callable[[np.ndarray, np.ndarray], np.ndarray], centres: np.ndarray, look: _Look
) -> None:
    """Evaluate places around centres, ever closer to the lowest. The result is what ``height``
    keeps of its evaluations.

    Args:
        height: Function that gives chi^2, shape (R, M), at places of some lanes, same shape; its
            second argument are the numbers of these lanes, shape (R,).
        centres: Where to begin in each of L lanes, shape (L,).
        look: How the lowest place is searched.
    """
    ends, last = look.ends, len(look.places) - 1
    centres, widths = np.clip(centres, *ends), np.full(len(centres), look.width)
    left = np.arange(len(centres))
    for _ in range(MOST_LOOKS):
        places = np.clip(centres[left, None] + widths[left, None] * look.places, *ends)
        chi2 = height(places, left)
        lanes, lowest = np.arange(len(left)), np.argmin(chi2, axis=1)
        inside = (lowest > 0) & (lowest < last)
        three = np.clip(lowest, 1, last - 1)[:, None] + np.array([-1, 0, 1])
        vertex = _vertex(places[lanes[:, None], three], chi2[lanes[:, None], three])
        found = places[lanes, lowest]
        centres[left] = np.where(inside, vertex, found)
        # At an end of the plane there is nowhere to grow to: the minimum is there, or close by.
        at_end = (found == ends[0]) | (found == ends[1])
        widths[left] *= np.where(inside | at_end, 1 / SHRINK, GROW)
        known = np.where(np.isfinite(chi2), chi2, np.inf)
        with np.errstate(invalid="ignore"):  # NaN where all are infinite: there is no way on
            depth = known.max(axis=1) - known.min(axis=1)
        wide = (widths[left] > LAST_WIDTH) | (depth > LAST_DEPTH)
        left = left[wide & (depth > FLAT)]
        if not left.size:
            break
    height(centres[:, None], np.arange(len(centres)))


def _vertex(at: np.ndarray, chi2: np.ndarray) -> np.ndarray:
    """Vertex of the parabola through three places, shape (R, 3), of which the middle one is the
    lowest; the middle one itself where they make no parabola."""
    step, _ = step_to_vertex(at.T, chi2.T)
    return np.clip(at[:, 1] + np.nan_to_num(step), at[:, 0], at[:, 2])


def _continued(at: np.ndarray, lowest: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where lines at ``wanted`` are expected to be lowest, from the lowest places of lines ``at``
    others: by a parabola through these, as a valley is bent; shape of ``wanted``."""
    distinct = np.unique(at).size
    if distinct < 2:
        return np.full(wanted.shape, lowest[0])
    centre = at.mean()
    fitted = np.polyfit(at - centre, lowest, min(distinct - 1, 2))
    return np.polyval(fitted, wanted - centre)
