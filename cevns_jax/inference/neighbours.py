"""Better minima spread over a grid from neighbour to neighbour."""

from __future__ import annotations

import jax
import numpy as np

from cevns_jax.inference.batches import RELEVANT_CHI2, chi2_of, minimise_firmly, settled
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.valleys import APART, outside, preferred, take
from cevns_jax.likelihood import Likelihood

# chi^2 by which a minimum has to be lower to count as better. It is far below what a contour or an
# interval shows, and far above the 1e-9 to which minimisations agree: much less, and neighbours
# would pass around differences of rounding until the sweeps are used up.
BETTER = 1e-4
# Sweeps at most, in each of which a better minimum spreads by one point. Nearly always it ends
# earlier, when nothing changes; the number bounds the time, and a valley wider than that is found
# at several searched points anyhow.
SWEEPS = 30


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
    """Minimise again from the minimum of a neighbour wherever that does better, until nothing
    changes.

    Every sweep reads only the minima of the one before: the order of the points does not matter. A
    point that did not converge goes on from where it ended and from the lowest offer of its
    neighbours; if that does not help, from the offers of all of them.

    Args:
        likelihood: What is minimised, n parameters beside those held at the points.
        rest: The likelihood with those held, at any values.
        names: The k parameters held at the points.
        points: Their values, shape (P, k), the points of a grid.
        shape: Shape of the grid.
        minima: The minima found so far, with a leading axis of P.
        several: Whether there are several valleys. If so, an offer from another valley is minimised
            before it is compared: its own chi^2 does not tell which valley is lower.

    Returns:
        The minima, a copy.
    """
    result = jax.tree.map(np.array, minima)
    neighbours = neighbours_of(shape)
    active = np.ones(len(points), bool)
    # Points that did not converge and did not get lower in a sweep. With several valleys all points
    # count as such from the beginning, so that the offers of all neighbours are tried at once.
    stuck = np.full(len(points), several)
    for _ in range(SWEEPS):
        known = np.where(np.isfinite(result.chi2), result.chi2, np.inf)
        rows = np.flatnonzero(active & ((known < known.min() + RELEVANT_CHI2) | ~result.converged))
        elsewhere = _elsewhere(result, rows, neighbours[rows], several)
        # Neighbours in the same valley have nothing to offer, which spares most points the rest.
        use = elsewhere.any(axis=1) | ~result.converged[rows]
        if not use.any():
            break
        rows, elsewhere = rows[use], elsewhere[use]
        offered = result.x[np.concatenate([neighbours[rows], rows[:, None]], axis=1)]
        # chi^2 of the offers, shape (R, 2k + 1), infinite where it is not needed: a neighbour in
        # the same valley can only be above the minimum of a point that converged.
        asked = elsewhere | ~result.converged[rows, None]
        chi2 = np.full(offered.shape[:2], np.inf)
        chi2[:, -1] = known[rows]
        row, column = np.nonzero(asked)
        found = chi2_of(likelihood, names, points[rows[row]], offered[row, column])
        chi2[row, column] = np.where(np.isfinite(found), found, np.inf)
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
        active = _active(result, neighbours, changed, failed)
    return result


def _active(
    result: Minimum, neighbours: np.ndarray, changed: np.ndarray, failed: np.ndarray
) -> np.ndarray:
    """Points that the next sweep looks at, shape (P,), boolean: the neighbours of those that
    changed, and those that failed or changed without having converged."""
    active = np.zeros(len(neighbours), bool)
    active[failed] = True
    active[neighbours[changed].ravel()] = True
    active[changed] |= ~result.converged[changed]
    return active


def _tries(
    result: Minimum, rows: np.ndarray, chi2: np.ndarray, elsewhere: np.ndarray, several: bool
) -> np.ndarray:
    """Which of the offered starts each row follows, shape (R, 2k + 1), boolean.

    Args:
        result: The minima found so far.
        rows: Points that get offers, shape (R,).
        chi2: chi^2 at these points with the parameters offered: those of their 2k neighbours, and
            last their own; shape (R, 2k + 1).
        elsewhere: Whether each neighbour may be in another valley and is to be followed to its
            minimum, shape (R, 2k).
        several: Whether there are several valleys.
    """
    failed = ~result.converged[rows][:, None]
    own = np.where(np.isfinite(result.chi2[rows]), result.chi2[rows], np.inf)[:, None]
    lowest = np.arange(chi2.shape[1]) == np.argmin(chi2, axis=1)[:, None]
    tries = lowest & (chi2 < own - BETTER)
    tries[:, :-1] |= elsewhere & (failed | (several & (chi2[:, :-1] < own + RELEVANT_CHI2)))
    tries[:, -1:] |= failed
    return tries


def keep_better(
    likelihood: Likelihood, result: Minimum, rows: np.ndarray, ends: Minimum
) -> np.ndarray:
    """Replace minima by better ends, of which a row may have several.

    Args:
        likelihood: Whose parameters the minima are.
        result: Minima, changed in place.
        rows: Row of the result that each end belongs to, shape (R,).
        ends: New minima, with a leading axis of R.

    Returns:
        The rows that changed.
    """
    sound, chi2 = settled(ends), np.nan_to_num(ends.chi2, nan=np.inf)
    # By row; in each row those that settled first, of these those in the expected ranges, of these
    # the lowest.
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
    """Whether the minimum of each neighbour is away from that of a point, and so may be in another
    valley; shape (R, 2k), boolean.

    It is away if the parabola at the minimum of the point has risen there by ``APART``. With
    several valleys the parabola of the neighbour counts as well, because that of the point is flat
    where a rate has its minimum.
    """
    away = result.x[neighbours] - result.x[rows][:, None]
    above = np.einsum("rki,rij,rkj->rk", away, result.information[rows], away)
    if several:
        theirs = np.einsum("rki,rkij,rkj->rk", away, result.information[neighbours], away)
        above = np.maximum(above, theirs)
    far: np.ndarray = ~(above < APART)
    return far


def neighbours_of(shape: tuple[int, ...]) -> np.ndarray:
    """Rows of the two neighbours of each point along each of k axes, shape (points, 2k). A point at
    an edge is its own neighbour there."""
    index = np.arange(int(np.prod(shape))).reshape(shape)
    found = []
    for axis in range(len(shape)):
        for step in (-1, 1):
            places = np.clip(np.arange(shape[axis]) + step, 0, shape[axis] - 1)
            found.append(np.take(index, places, axis=axis).ravel())
    return np.stack(found, axis=1)
