"""Intervals of one parameter: where its profiled chi^2 crosses a level.

The ends come from a root search on the profiled chi^2 itself; a grid shows where to look. Ranges
begin at the best fit and at every local minimum that the grid shows, however coarse it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import better, minimise_all, minimise_firmly, where
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import BETTER
from cevns_jax.inference.regions import coordinate, from_coordinate
from cevns_jax.inference.valleys import RELEVANT, take
from cevns_jax.likelihood import Likelihood

LEVEL_ACCURACY = 1e-4  # of the level, to which Delta chi^2 is there at an end
MOST_STEPS = 60


class Interval(NamedTuple):
    """A range in which Delta chi^2 is below a level.

    Attributes:
        low, high: Its ends.
        ends: What each end is: ``"crossing"`` of the level, or the end of the ``"grid"`` or of the
            ``"domain"`` of the parameter, beyond which Delta chi^2 may still be below the level.
    """

    low: float
    high: float
    ends: tuple[str, str]


class Curve(NamedTuple):
    """The profiled chi^2 where it is known: P values of the parameter, ascending.

    Attributes:
        values: Values of the parameter, shape (P,).
        minima: Minima of the n other parameters there.
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
    """Ranges of a parameter in which Delta chi^2 is below each of some levels.

    Args:
        likelihood: Whose chi^2; the parameter varies in it.
        name: The parameter.
        curve: Grid and best fit, with their minima; the first and the last value limit the search.
        lowest: Lowest chi^2, from which Delta chi^2 counts.
        levels: E.g. 1 (68 %), 2.71 (90 %) and 3.84 (95 %) for one parameter.

    Returns:
        Ranges by level, ascending, disconnected ones apart.
    """
    curve = _with_local_minima(likelihood, name, curve)
    heights = np.where(np.isnan(curve.minima.chi2), np.inf, curve.minima.chi2) - lowest
    brackets = [
        (level, i)
        for level in levels
        for i in range(len(heights) - 1)
        if (heights[i] < level) != (heights[i + 1] < level)
    ]
    roots = _roots(likelihood, name, curve, lowest, brackets)
    of = dict(zip(brackets, roots, strict=True))
    declared = likelihood.parameters[name]
    bounds = (declared.lower, declared.upper)
    return [_ranges(curve.values, heights, level, of, bounds) for level in levels]


def _with_local_minima(likelihood: Likelihood, name: str, curve: Curve) -> Curve:
    """The curve with the minimum below every local minimum of its points."""
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
    # Once more with the parameter held: a point of the curve like every other.
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


def _roots(
    likelihood: Likelihood,
    name: str,
    curve: Curve,
    lowest: float,
    brackets: list[tuple[float, int]],
) -> np.ndarray:
    """Where chi^2 crosses the level between the points i and i + 1 of the curve, for all brackets
    (level, i) at once.

    Secant steps in sqrt(Delta chi^2), which is nearly straight, kept inside the bracket; halved
    where that does not shrink it. Every point starts from the minima at both its ends, so that the
    lower of two valleys counts.
    """
    if not brackets:
        return np.zeros(0)
    level = np.array([level for level, _ in brackets])
    rows = np.array([row for _, row in brackets])
    u = coordinate(curve.values, curve.values)
    ends = np.stack([rows, rows + 1])  # (2, B): lower and upper end of each bracket
    at, chi2, x = u[ends], curve.minima.chi2[ends], curve.minima.x[ends]
    target = np.sqrt(level)
    height = _height(chi2, lowest) - target
    root, done = at.mean(axis=0), np.zeros(len(rows), bool)
    lanes = np.arange(len(rows))
    for step in range(MOST_STEPS):
        with np.errstate(invalid="ignore"):
            secant = at[0] - height[0] * (at[1] - at[0]) / (height[1] - height[0])
        inside = np.isfinite(secant) & (secant > at[0]) & (secant < at[1]) & (step % 3 < 2)
        root = np.where(done, root, np.where(inside, secant, at.mean(axis=0)))
        values = from_coordinate(curve.values, root)
        new = _lower_of_two(likelihood, name, values, x)
        miss = _height(np.asarray(new.chi2), lowest) - target
        done |= np.abs((miss + target) ** 2 - level) < LEVEL_ACCURACY * level
        done |= np.abs(at[1] - at[0]) <= 4 * np.spacing(np.abs(at).max(axis=0))
        if done.all():
            break
        which = ((miss < 0) != (height[0] < 0)).astype(int)  # the end that the point replaces
        moving = lanes[~done]
        at[which[moving], moving] = root[moving]
        height[which[moving], moving] = miss[moving]
        x[which[moving], moving] = np.asarray(new.x)[moving]
    found: np.ndarray = from_coordinate(curve.values, root)
    return found


def _height(chi2: np.ndarray, lowest: float) -> np.ndarray:
    height: np.ndarray = np.sqrt(np.maximum(np.where(np.isnan(chi2), np.inf, chi2) - lowest, 0.0))
    return height


def _lower_of_two(
    likelihood: Likelihood, name: str, values: np.ndarray, starts: np.ndarray
) -> Minimum:
    """The lower minimum at each of B values that two starts, shape (2, B, n), lead to."""
    both = minimise_firmly(
        likelihood, (name,), np.tile(values, 2)[:, None], np.concatenate(list(starts))
    )
    first, second = (
        Minimum(*halves) for halves in zip(*(np.split(a, 2) for a in both), strict=True)
    )
    return where(better(second, first), second, first)


def _ranges(
    values: np.ndarray,
    heights: np.ndarray,
    level: float,
    roots: dict[tuple[float, int], float],
    bounds: tuple[float, float],
) -> list[Interval]:
    """Ranges below a level, from the points of the curve and the crossings between them."""

    def border(value: float, bound: float) -> str:
        return "domain" if value == bound else "grid"

    found, begin = [], None
    below = heights < level
    for i, value in enumerate(map(float, values)):
        if below[i] and begin is None:
            begin = (value, border(value, bounds[0])) if i == 0 else None
            if begin is None:
                begin = (float(roots[level, i - 1]), "crossing")
        if begin is not None and not below[i]:
            found.append(Interval(begin[0], float(roots[level, i - 1]), (begin[1], "crossing")))
            begin = None
    if begin is not None:
        last = float(values[-1])
        found.append(Interval(begin[0], last, (begin[1], border(last, bounds[1]))))
    return found
