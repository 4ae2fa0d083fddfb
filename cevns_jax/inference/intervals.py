"""Intervals of one parameter: where its profiled chi^2 crosses a level.

The ends come from a root search on the profiled chi^2 itself, never from the grid, which only shows
where to search. The best fit and the bottom of every local minimum that the grid shows are added to
its points, so that a range is found even on a grid that is coarser than the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import RELEVANT_CHI2, minimise_all, minimise_firmly
from cevns_jax.inference.crossings import bracket_of, crossings
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import BETTER, keep_better
from cevns_jax.inference.regions import coordinate, from_coordinate
from cevns_jax.inference.valleys import take
from cevns_jax.likelihood import Likelihood


class Interval(NamedTuple):
    """A range in which Delta chi^2 is below a level.

    Attributes:
        low, high: Its ends.
        ends: What each end is: a ``"crossing"`` of the level, or the end of the ``"grid"``, of the
            ``"search"`` or of the ``"domain"`` of the parameter. At the last three Delta chi^2 is
            still below the level.
    """

    low: float
    high: float
    ends: tuple[str, str]


class Curve(NamedTuple):
    """The profiled chi^2 at P values of the parameter.

    Attributes:
        values: Values of the parameter, ascending, shape (P,).
        minima: Minima over the n other parameters there, with a leading axis of P.
    """

    values: np.ndarray
    minima: Minimum


def intervals(
    likelihood: Likelihood,
    name: str,
    curve: Curve,
    lowest: float,
    levels: Sequence[float],
) -> list[list[Interval]]:
    """Ranges of a parameter in which Delta chi^2 is below each of several levels.

    Args:
        likelihood: Whose chi^2; the parameter varies in it.
        name: The parameter.
        curve: Grid and best fit, with their minima; the first and the last value limit the search.
        lowest: Lowest chi^2, from which Delta chi^2 counts.
        levels: E.g. 1 (68 %), 2.71 (90 %) and 3.84 (95 %) for one parameter.

    Returns:
        For each level its ranges, ascending; disconnected ranges are separate.
    """
    curve = _with_local_minima(likelihood, name, curve)
    heights = np.where(np.isnan(curve.minima.chi2), np.inf, curve.minima.chi2) - lowest
    brackets = [
        (level, i)
        for level in levels
        for i in range(len(heights) - 1)
        if (heights[i] < level) != (heights[i + 1] < level)
    ]
    # Roots are searched on the axis on which the grid is even: chi^2 in ln g is smoother than in g
    # where a grid covers decades.
    u = coordinate(curve.values, curve.values)

    def lowest_at(values: np.ndarray, lanes: np.ndarray, starts: np.ndarray) -> Minimum:
        points = from_coordinate(curve.values, values)[:, None]
        return lower_of_ends(likelihood, (name,), points, starts)

    inside = bracket_of(u, curve.minima, [i for _, i in brackets])
    found = crossings(lowest_at, inside, lowest, [level for level, _ in brackets])
    roots = from_coordinate(curve.values, found.values)
    of = dict(zip(brackets, roots, strict=True))
    declared = likelihood.parameters[name]
    at_bounds = (curve.values[0] == declared.lower, curve.values[-1] == declared.upper)
    low, high = ("domain" if at_bound else "grid" for at_bound in at_bounds)
    return [ranges(curve.values, heights, level, of, (low, high)) for level in levels]


def _with_local_minima(likelihood: Likelihood, name: str, curve: Curve) -> Curve:
    """The curve with the bottom of every local minimum of its points added to it."""
    chi2 = np.where(curve.minima.converged, curve.minima.chi2, np.inf)
    beside = np.pad(chi2, 1, constant_values=np.inf)
    local = (chi2 <= beside[:-2]) & (chi2 <= beside[2:]) & (chi2 < chi2.min() + RELEVANT_CHI2)
    rows = np.flatnonzero(local)
    if not rows.size:
        return curve
    free = likelihood.names.index(name)
    starts = np.insert(curve.minima.x[rows], free, curve.values[rows], axis=1)
    # Not firmly: these ends are only offers, minimised again below with the parameter held.
    ends = minimise_all(likelihood, starts, firmly=False)
    found = np.asarray(ends.x)[:, free]
    inside = (found > curve.values[0]) & (found < curve.values[-1])
    new = inside & (ends.chi2 < chi2[rows] - BETTER)
    if not new.any():
        return curve
    # Minimised once more with the parameter held, so that these points have the same kind of
    # minimum as all others of the curve.
    values, unique = np.unique(found[new], return_index=True)
    apart = ~np.isin(values, curve.values)
    values, unique = values[apart], unique[apart]
    if not values.size:
        return curve
    rest = np.delete(np.asarray(ends.x)[new][unique], free, axis=1)
    minima = minimise_firmly(likelihood, (name,), values[:, None], rest)
    return joined(curve, Curve(values, minima))


def joined(one: Curve, other: Curve) -> Curve:
    """The points of two curves in ascending order."""
    values = np.concatenate([one.values, other.values])
    minima = Minimum(
        *(np.concatenate(arrays) for arrays in zip(one.minima, other.minima, strict=True))
    )
    order = np.argsort(values, kind="stable")
    return Curve(values[order], take(minima, order))


def local_minima(
    chi2: np.ndarray,
    converged: np.ndarray,
    level: float,
    lowest: float | None = None,
    depth: float = 1.0,
) -> np.ndarray:
    """Rows of a curve at which chi^2 has a local minimum whose bottom may be below a level.

    The two ends of the curve are left out: at an end, as at zero coupling, the first points are so
    close together that no minimum hides between them.

    Args:
        chi2, converged: Of the points of the curve, shape (P,).
        level: Delta chi^2 up to which minima count.
        lowest: chi^2 from which Delta chi^2 counts; default the lowest of the curve.
        depth: How far below the point the bottom may be, in units of the height of the higher
            neighbour above the point. The default of one holds for a parabola.
    """
    chi2 = np.where(converged, chi2, np.inf)
    inner, before, after = chi2[1:-1], chi2[:-2], chi2[2:]
    local = (inner < before) & (inner <= after)  # of a flat stretch one is enough
    with np.errstate(invalid="ignore"):  # infinite where counts are impossible
        bottom = inner - depth * (np.maximum(before, after) - inner)
    highest = (chi2.min() if lowest is None else lowest) + level
    found: np.ndarray = 1 + np.flatnonzero(local & (bottom < highest))
    return found


def lower_of_ends(
    likelihood: Likelihood, names: tuple[str, ...], points: np.ndarray, starts: np.ndarray
) -> Minimum:
    """The better of the minima at each of L points that two starts, shape (2, L, n), lead to.

    Two ends of a bracket can lie in different valleys. Then the lower one counts, or the one in
    which the parameters are where they are expected. Where there is only one valley, the second
    start is used only if the first fails.
    """
    found = minimise_firmly(likelihood, names, points, starts[0])
    several = bool(set(likelihood.many_valleys) - set(names))
    rows = np.arange(len(points)) if several else np.flatnonzero(~found.converged)
    if rows.size:
        others = minimise_firmly(likelihood, names, points[rows], starts[1, rows])
        rest = likelihood.hold(**dict(zip(names, map(float, points[0]), strict=True)))
        keep_better(rest, found, rows, others)
    return found


def ranges(
    values: np.ndarray,
    heights: np.ndarray,
    level: float,
    roots: dict[tuple[float, int], float],
    borders: tuple[str, str],
) -> list[Interval]:
    """Ranges below a level, from the points of the curve and the crossings between them.

    Args:
        values: Values of the parameter, ascending, shape (P,).
        heights: Delta chi^2 there, same shape.
        level: The level.
        roots: Value at which a level is crossed, by the level and the number of the point before.
        borders: What the first and the last value are, in the words of :class:`Interval`.
    """
    found, begin = [], None
    # Ranges begin and end in ascending order: each change between two points has its root.
    below = heights < level
    for i, value in enumerate(map(float, values)):
        if below[i] and begin is None:
            begin = (value, borders[0]) if i == 0 else (float(roots[level, i - 1]), "crossing")
        if begin is not None and not below[i]:
            found.append(Interval(begin[0], float(roots[level, i - 1]), (begin[1], "crossing")))
            begin = None
    if begin is not None:
        found.append(Interval(begin[0], float(values[-1]), (begin[1], borders[1])))
    return found
