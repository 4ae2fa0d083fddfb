"""Intervals of one parameter: where its profiled chi^2 crosses a level.

The ends come from a root search on the profiled chi^2 itself, never from the grid, which only shows
where to search. The best fit and the bottom of every local minimum that the grid shows are added to
its points, so that a range is found even on a grid that is coarser than the range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import RELEVANT, minimise_all, minimise_firmly
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import BETTER, keep_better
from cevns_jax.inference.regions import coordinate, from_coordinate
from cevns_jax.inference.valleys import take
from cevns_jax.likelihood import Likelihood

# Of the level, to which Delta chi^2 is met at an end. The end of a parabola is then known to 5e-5
# of its distance, below any digit that is quoted; each further digit costs about one more secant
# step, and below 1e-8 the noise of the minimisations would be searched.
LEVEL_ACCURACY = 1e-4
# Relative width of a bracket that counts as an end. It is for jumps of chi^2 across the level,
# where another valley leaves the range in which a parameter is expected: no value meets the level.
NARROW = 1e-7
# Secant steps to an end; usual are a few. Every third one halves the bracket, so that 60
# shrink it by 2^20, about as far as ``NARROW`` asks, whatever chi^2 does inside.
MOST_STEPS = 60
# Steps to the bottom of a valley. Found by trial: parabolas arrive in a few; the others are
# for a narrow valley between high walls, which a step half way every other time closes in on by
# 2^12.
MOST_BOTTOM_STEPS = 24
# chi^2 above the middle point up to which the outer points of a bracket tell by a parabola where
# its bottom is. Ten times more, and the parabola is one of the walls, not of the bottom; much less,
# and steps are lost to halving that a parabola would save.
NEAR = 1.0


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
    local = (chi2 <= beside[:-2]) & (chi2 <= beside[2:]) & (chi2 < chi2.min() + RELEVANT)
    rows = np.flatnonzero(local)
    if not rows.size:
        return curve
    free = likelihood.names.index(name)
    starts = np.insert(curve.minima.x[rows], free, curve.values[rows], axis=1)
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


class Bracket(NamedTuple):
    """Neighbouring points of each of B curves, between which something is searched: two, with chi^2
    below a level at one and above it at the other; or three, with the lowest in the middle.

    Attributes:
        at: Values of the parameter, or coordinates on the axis on which its grid is even,
            ascending, shape (2, B) or (3, B).
        chi2: chi^2 there, same shape.
        x: The minimised parameters there, shape (2, B, n) or (3, B, n).
    """

    at: np.ndarray
    chi2: np.ndarray
    x: np.ndarray


class Crossings(NamedTuple):
    """Where curves cross their levels: values, shape (B,), and whether the search converged, same
    shape."""

    values: np.ndarray
    converged: np.ndarray


LowestAt = Callable[[np.ndarray, np.ndarray, np.ndarray], Minimum]
"""Function that gives the minima at one value in each of some lanes, a lane being one bracket. Its
arguments: the values, shape (L,); numbers of the lanes, shape (L,); two starts each, (2, L, n)."""


def bracket_of(
    at: np.ndarray, minima: Minimum, rows: Sequence[int] | np.ndarray, number: int = 2
) -> Bracket:
    """Brackets of ``number`` neighbouring points of a curve, beginning at each of some rows."""
    first = np.asarray(rows, dtype=int)
    ends = np.stack([first + step for step in range(number)])
    return Bracket(at[ends], np.asarray(minima.chi2)[ends], np.asarray(minima.x)[ends])


def merged(brackets: Sequence[Bracket]) -> Bracket:
    """The brackets of several curves as one."""
    return Bracket(*(np.concatenate(arrays, axis=1) for arrays in zip(*brackets, strict=True)))


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


class Bottoms(NamedTuple):
    """Lowest points inside brackets: values, shape (B,); the minima there, which are known only
    where the last is true; and whether each is lower than the points of its bracket."""

    values: np.ndarray
    minima: Minimum
    lower: np.ndarray


def lowest_in(lowest_at: LowestAt, bracket: Bracket) -> Bottoms:
    """The bottom of a valley inside each of B brackets of three points, the middle one the lowest.

    Each step evaluates the vertex of the parabola through the three points, which then close in.

    Args:
        lowest_at: The profiled chi^2.
        bracket: Arrays of shape (3, B).
    """
    at, chi2, x = (np.array(part) for part in bracket)
    size, n = x.shape[1:]
    todo, first, best = np.arange(size), chi2[1].copy(), _unknown(size, n)
    for step in range(MOST_BOTTOM_STEPS):
        # A parabola through far points says little of the bottom: every other step goes half way
        # to the farther one until both are near in chi^2.
        vertex, gain = _vertex(at[:, todo], chi2[:, todo])
        far = ~(np.maximum(chi2[0, todo], chi2[2, todo]) < chi2[1, todo] + NEAR)
        vertex = np.where(far & (step % 2 == 1), _halfway(at[:, todo]), vertex)
        use = (gain > BETTER) | far
        todo, vertex = todo[use], vertex[use]
        if not todo.size:
            break
        new = lowest_at(vertex, todo, x[[1, 0]][:, todo])
        height = np.where(new.converged, new.chi2, np.inf)
        lower = height < chi2[1, todo]
        rows = todo[lower]
        for old, array in zip(best, new, strict=True):
            old[rows] = np.asarray(array)[lower]
        # The new point is the middle where it is lower, and an end where it is not.
        right = vertex > at[1, todo]
        outer = np.where(right, 2, 0)
        beside = np.where(lower, 2 - outer, outer)
        for array, values in ((at, vertex), (chi2, height), (x, np.asarray(new.x))):
            middle = array[1, todo]
            array[1, rows] = values[lower]
            array[beside, todo] = values
            array[beside[lower], rows] = middle[lower]
    return Bottoms(at[1], best, chi2[1] < first - BETTER)


def _unknown(size: int, n: int) -> Minimum:
    """Placeholders for minima of n parameters that are not known yet."""
    return Minimum(
        x=np.zeros((size, n)),
        chi2=np.full(size, np.inf),
        gradient=np.zeros((size, n)),
        information=np.zeros((size, n, n)),
        edm=np.full(size, np.inf),
        steps=np.zeros(size, int),
        ending=np.full(size, int(Ending.OUT_OF_STEPS)),
    )


def _vertex(at: np.ndarray, chi2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertex of the parabola through three points, shape (3, L), and how much lower than the middle
    one it is expected to be, shape (L,) each. The vertex is kept inside the range of the points.
    Where they make no parabola it is a point half way, with an infinite gain."""
    with np.errstate(invalid="ignore", divide="ignore"):
        left, right = at[0] - at[1], at[2] - at[1]
        rise_left, rise_right = (chi2[0] - chi2[1]) / left, (chi2[2] - chi2[1]) / right
        bend = (rise_right - rise_left) / (right - left)
        slope = rise_left - bend * left
        step = -slope / (2 * bend)
        gain = slope**2 / (4 * bend)
    sound = np.isfinite(step) & (bend > 0)
    # Not nearer to an end than a tenth: a place almost at an end would tell nothing new.
    vertex = np.where(sound, at[1] + np.clip(step, 0.9 * left, 0.9 * right), _halfway(at))
    return vertex, np.where(sound, gain, np.where(np.isfinite(chi2[1]), np.inf, 0.0))


def _halfway(at: np.ndarray) -> np.ndarray:
    """The place half way from the middle one of three points to the farther end."""
    left, right = at[0] - at[1], at[2] - at[1]
    found: np.ndarray = at[1] + np.where(-left > right, left, right) / 2
    return found


def crossings(
    lowest_at: LowestAt,
    bracket: Bracket,
    lowest: float | np.ndarray,
    level: Sequence[float] | np.ndarray,
) -> Crossings:
    """Where chi^2 crosses a level inside B brackets, all at once.

    Secant steps in sqrt(Delta chi^2), which is nearly a straight line, kept inside the bracket.
    Every third step halves the bracket, as a secant can leave one of its ends where it is.

    Args:
        lowest_at: The profiled chi^2.
        bracket: The brackets.
        lowest: chi^2 from which Delta chi^2 counts, shape (B,) or one for all.
        level: Delta chi^2 at the crossing, shape (B,).
    """
    at, chi2, x = (np.array(part) for part in bracket)
    lanes = np.arange(at.shape[1])
    level = np.asarray(level, dtype=float)
    lowest, target = np.broadcast_to(lowest, lanes.shape), np.sqrt(level)
    height = _height(chi2, lowest) - target
    root, converged = at.mean(axis=0), np.zeros(len(lanes), bool)
    done = np.zeros(len(lanes), bool)
    for step in range(MOST_STEPS):
        todo = lanes[~done]
        if not todo.size:
            break
        with np.errstate(invalid="ignore"):
            run, rise = at[1, todo] - at[0, todo], height[1, todo] - height[0, todo]
            secant = at[0, todo] - height[0, todo] * run / rise
        inside = np.isfinite(secant) & (secant > at[0, todo]) & (secant < at[1, todo])
        root[todo] = np.where(inside & (step % 3 < 2), secant, at[:, todo].mean(axis=0))
        new = lowest_at(root[todo], todo, x[:, todo])
        miss = _height(np.asarray(new.chi2), lowest[todo]) - target[todo]
        close = np.abs((miss + target[todo]) ** 2 - level[todo]) < LEVEL_ACCURACY * level[todo]
        narrow = np.abs(run) <= NARROW * np.abs(at[:, todo]).max(axis=0)
        done[todo] = close | narrow
        converged[todo] = new.converged
        which = ((miss < 0) != (height[0, todo] < 0)).astype(int)  # the end that is replaced
        at[which, todo], height[which, todo] = root[todo], miss
        x[which, todo] = np.asarray(new.x)
    return Crossings(root, converged & done)


def _height(chi2: np.ndarray, lowest: np.ndarray) -> np.ndarray:
    """sqrt(Delta chi^2), infinite where chi^2 is not a number."""
    height: np.ndarray = np.sqrt(np.maximum(np.where(np.isnan(chi2), np.inf, chi2) - lowest, 0.0))
    return height


def lower_of_ends(
    likelihood: Likelihood, names: tuple[str, ...], points: np.ndarray, starts: np.ndarray
) -> Minimum:
    """The better of the minima at each of L points that two starts, shape (2, L, n), lead to.

    Two ends of a bracket can lie in different valleys. Then the lower one counts, or the one in
    which the parameters are where they are expected. Where there is only one valley, the second
    start is used only if the first fails.
    """
    found = minimise_firmly(likelihood, names, points, starts[0])
    several = bool(set(likelihood.shaping) - set(names))
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
