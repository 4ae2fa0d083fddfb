"""Better minima spread over a grid from neighbour to neighbour."""

from __future__ import annotations

import jax
import numpy as np

from cevns_jax.inference.batches import RELEVANT, chi2_of, minimise_firmly, settled
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.valleys import APART, outside, preferred, take
from cevns_jax.likelihood import Likelihood

BETTER = 1e-4  # chi^2 by which a minimum has to be lower to count
SWEEPS = 30  # in which a better minimum spreads from neighbour to neighbour


def spread_better_minima(
    likelihood: Likelihood,
    rest: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    shape: tuple[int, ...],
    minima: Minimum,
    *,
    several: bool,
) -> Minimum:
    """Start again wherever the minimum of a neighbour does better, until nothing changes.

    Every sweep reads the minima of the one before: the outcome does not depend on an order. A point
    that did not converge goes on from the lowest of its neighbours and where it ended, and where
    that does not help, from all of them.

    Args:
        likelihood: What is minimised, n parameters beside those held at the points.
        rest: The likelihood with those held.
        names: The k parameters held at the points.
        points: Their values, shape (P, k), the points of a grid.
        shape: Shape of the grid.
        minima: What was found so far, with a leading axis.
        several: Whether there are several valleys: then a neighbour's minimum in another one is
            followed to its end, as chi^2 there tells only at the end which is lower.
    """
    result = jax.tree.map(np.array, minima)
    neighbours = neighbours_of(shape)
    active = np.ones(len(points), bool)
    # Did not converge and did not get lower: of several valleys all are tried at once.
    stuck = np.full(len(points), several)
    for _ in range(SWEEPS):
        known = np.where(np.isfinite(result.chi2), result.chi2, np.inf)
        rows = np.flatnonzero(active & ((known < known.min() + RELEVANT) | ~result.converged))
        elsewhere = _elsewhere(result, rows, neighbours[rows], several)
        use = elsewhere.any(axis=1) | ~result.converged[rows]
        rows, elsewhere = rows[use], elsewhere[use]
        if not rows.size:
            break
        sources = np.concatenate([neighbours[rows], rows[:, None]], axis=1)  # (R, 2k + 1)
        offered = result.x[sources]
        chi2 = chi2_of(likelihood, names, points[rows], offered)
        chi2 = np.where(np.isfinite(chi2), chi2, np.inf)
        tries = _tries(result, rows, chi2, elsewhere & stuck[rows, None], several)
        row, column = np.nonzero(tries)
        if not row.size:
            break
        ends = minimise_firmly(likelihood, names, points[rows[row]], offered[row, column])
        changed = keep_better(rest, result, rows[row], ends)
        failed = rows[~result.converged[rows] & ~stuck[rows] & ~np.isin(rows, changed)]
        if not changed.size and not failed.size:
            break
        stuck[failed] = True
        active = np.zeros(len(points), bool)
        active[failed] = True
        active[neighbours[changed].ravel()] = True
        active[changed] |= ~result.converged[changed]
    return result


def _tries(
    result: Minimum, rows: np.ndarray, chi2: np.ndarray, elsewhere: np.ndarray, several: bool
) -> np.ndarray:
    """Which of the offered starts each row follows, shape (R, 2k + 1)."""
    failed = ~result.converged[rows][:, None]
    own = np.where(np.isfinite(result.chi2[rows]), result.chi2[rows], np.inf)[:, None]
    lowest = np.arange(chi2.shape[1]) == np.argmin(chi2, axis=1)[:, None]
    tries = lowest & (chi2 < own - BETTER)
    tries[:, :-1] |= elsewhere & (failed | (several & (chi2[:, :-1] < own + RELEVANT)))
    tries[:, -1:] |= failed
    return tries


def keep_better(
    likelihood: Likelihood, result: Minimum, rows: np.ndarray, ends: Minimum
) -> np.ndarray:
    """Put better ends in place, where a row may have several; the rows that changed.

    Args:
        likelihood: Whose parameters the minima are.
        result: Minima, changed in place.
        rows: Row of each end, shape (R,).
        ends: New minima, with a leading axis of R.
    """
    sound, chi2 = settled(ends), np.nan_to_num(ends.chi2, nan=np.inf)
    order = np.lexsort([chi2, outside(likelihood, ends.x) & sound, ~sound, rows])
    first = order[np.unique(rows[order], return_index=True)[1]]
    best = take(ends, first)
    changed = preferred(likelihood, best, take(result, rows[first]), BETTER)
    for old, new in zip(result, best, strict=True):
        old[rows[first[changed]]] = new[changed]
    found: np.ndarray = rows[first[changed]]
    return found


def _elsewhere(
    result: Minimum, rows: np.ndarray, neighbours: np.ndarray, several: bool
) -> np.ndarray:
    """Whether the minimum of each neighbour lies where chi^2 of a point, if it is a parabola, is
    above its own minimum: such a neighbour may be in another valley. Shape (R, 2k).

    With several valleys the parabola of the neighbour counts as well: one's own is flat where a
    rate is smallest."""
    away = result.x[neighbours] - result.x[rows][:, None]
    above = np.einsum("rki,rij,rkj->rk", away, result.information[rows], away)
    if several:
        theirs = np.einsum("rki,rkij,rkj->rk", away, result.information[neighbours], away)
        above = np.maximum(above, theirs)
    far: np.ndarray = ~(above < APART)
    return far


def neighbours_of(shape: tuple[int, ...]) -> np.ndarray:
    """Row of each neighbour along each axis, (points, 2k); a point at an edge is its own."""
    index = np.arange(int(np.prod(shape))).reshape(shape)
    found = []
    for axis in range(len(shape)):
        for step in (-1, 1):
            places = np.clip(np.arange(shape[axis]) + step, 0, shape[axis] - 1)
            found.append(np.take(index, places, axis=axis).ravel())
    return np.stack(found, axis=1)
