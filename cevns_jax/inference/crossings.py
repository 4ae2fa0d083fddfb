"""Searches on the profiled chi^2 along one parameter, of many curves at once: where it crosses a
level, and where it is lowest.

A search begins with a bracket, two or three points of a curve around what is searched. All brackets
go on together, as one call of the minimiser for many points costs little more than one for a few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.endings import Ending
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import BETTER
from cevns_jax.inference.parabola import step_to_vertex

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


class Bottoms(NamedTuple):
    """Lowest points inside B brackets.

    Attributes:
        values: Values of the parameter, shape (B,).
        minima: The minima there; meaningful only where ``lower`` is true.
        lower: Whether each is lower than the points of its bracket, shape (B,), boolean.
    """

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
    step, gain = step_to_vertex(at, chi2)
    known = np.isfinite(step)
    # Not nearer to an end than a tenth: a place almost at an end would tell nothing new.
    inside = np.clip(step, 0.9 * (at[0] - at[1]), 0.9 * (at[2] - at[1]))
    vertex = np.where(known, at[1] + inside, _halfway(at))
    return vertex, np.where(known, gain, np.where(np.isfinite(chi2[1]), np.inf, 0.0))


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
