"""Errors of a best fit: how far each parameter moves until the profiled chi^2 has risen by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import Progress, better, minimise_lanes, replaced_where
from cevns_jax.inference.minimise import Minimum
from cevns_jax.likelihood import Likelihood

# Secant steps towards Delta chi^2 = 1. A parabola takes two or three, a step against a wall halves
# the bracket: 20 halvings bring it to 1e-6 of the error. More would only cost time for parameters
# that have no such error.
ERROR_STEPS = 20
# Of Delta chi^2; an error is then known to half of it, which is far below the digits quoted and
# far above the 1e-9 to which a minimisation knows chi^2.
ERROR_TOLERANCE = 1e-6
# chi^2 by which a point has to be lower to be in another valley. Much less would be mistaken for
# one where a minimisation stopped early on a flat floor; much more would leave errors that count
# from a point that is not the lowest.
LOWER = 1e-4
# Of the information scaled to ones on its diagonal. Rounding of n parameters leaves about
# n x 2e-16 in place of a zero eigenvalue, and its inverse would be a covariance of noise; above
# 1e-10 the inverse still has six digits.
SMALLEST_EIGENVALUE = 1e-10


class ProfileErrors(NamedTuple):
    """Where the profiled chi^2 has risen by one, for n parameters.

    Attributes:
        low, high: Distances down and up, shape (n,); NaN where it does not rise that far.
        bounded: Whether the search reached the bound of the parameter without finding a rise of
            one, shape (n, 2).
        shifted: Values of all parameters there, shape (n, 2, n).
        lowest: The lowest point met on the way; ``None`` where there was no search.
    """

    low: np.ndarray
    high: np.ndarray
    bounded: np.ndarray
    shifted: np.ndarray
    lowest: Minimum | None


def no_errors(n: int) -> ProfileErrors:
    """Errors that are all unknown, for a fit without a minimum to start from."""
    nothing = np.full(n, np.nan)
    return ProfileErrors(nothing, nothing, np.zeros((n, 2), bool), np.full((n, 2, n), np.nan), None)


def covariance_of(information: np.ndarray) -> np.ndarray:
    """Inverse of an information matrix, shape (n, n); all NaN where a direction is not constrained,
    as far as rounding allows to tell."""
    scale = np.sqrt(np.diag(information))
    if not scale.size:
        return information
    if not (np.isfinite(information).all() and (scale > 0).all()):
        return np.full_like(information, np.nan)
    correlation = information / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlation)[0] < SMALLEST_EIGENVALUE:
        return np.full_like(information, np.nan)
    return np.linalg.inv(correlation) / np.outer(scale, scale)


def profile_errors(
    likelihood: Likelihood,
    best: Minimum,
    covariance: np.ndarray,
    others: Sequence[np.ndarray],
    progress: Progress,
) -> ProfileErrors:
    """Distances to Delta chi^2 = 1 below and above, all n parameters at once.

    Args:
        likelihood: What was fitted.
        best: Its minimum.
        covariance: There, shape (n, n).
        others: Minima in other valleys, shape (n,) each; the profiled chi^2 is the lowest of all.
        progress: Wraps the loop.
    """
    found = _search(likelihood, best, covariance, [], progress)
    if not others:
        return found
    # Mostly the other valleys are higher there: then the errors are those of this one.
    n = len(best.x)
    moving = np.arange(n) != np.repeat(np.arange(n), 2)[:, None]
    ends = found.shifted.reshape(2 * n, n)
    lanes = [np.where(moving, other, ends) for other in others]
    lowest = _lowest_from(likelihood, lanes, ends[~moving], moving)
    if not (lowest.converged & (lowest.chi2 < best.chi2 + 1 - LOWER)).any():
        return found
    return _search(likelihood, best, covariance, others, progress)


def _search(
    likelihood: Likelihood,
    best: Minimum,
    covariance: np.ndarray,
    others: Sequence[np.ndarray],
    progress: Progress,
) -> ProfileErrors:
    """Secant iteration in sqrt(Delta chi^2), which is nearly linear in the distance; arguments as
    of :func:`profile_errors`. Each of the 2n lanes holds one parameter, below or above its best
    value, and minimises the others."""
    n = len(best.x)
    which = np.repeat(np.arange(n), 2)
    sign = np.tile([-1.0, 1.0], n)
    lower, upper = (np.asarray(b) for b in likelihood.bounds)
    room = np.where(sign < 0, best.x[which] - lower[which], upper[which] - best.x[which])
    moving = np.arange(n) != which[:, None]
    error = np.sqrt(np.diag(covariance))[which]
    # Where the information is infinite it says how small a step has to begin, all the same.
    error = np.where(np.isfinite(error), error, np.diag(best.information)[which] ** -0.5)
    # Secant between the last two points, kept inside the bracket (below, above) of the crossing.
    last, h_last = np.zeros(2 * n), np.zeros(2 * n)
    below, above = np.zeros(2 * n), room.copy()
    distance = np.minimum(error, room)
    x = np.tile(best.x, (2 * n, 1))
    found = np.zeros(2 * n, bool)
    lowest: Minimum | None = None
    for _ in progress(range(ERROR_STEPS)):
        held = best.x[which] + sign * distance
        result = _lowest_from(
            likelihood, [x, *(np.tile(o, (2 * n, 1)) for o in others)], held, moving
        )
        chi2 = result.chi2
        lowest = _lower(lowest, result)
        x = np.array(result.x)
        h = np.sqrt(np.maximum(chi2 - best.chi2, 0.0))
        found = result.converged & (np.abs(h**2 - 1) < ERROR_TOLERANCE)
        if found.all():
            break
        below = np.where(h < 1, distance, below)
        above = np.where(h < 1, above, distance)
        proposed = _proposed((last, distance), (h_last, h), (below, above))
        # Lanes that have arrived keep their distance and go on being evaluated with the others: a
        # smaller batch would be another compilation.
        last, h_last = np.where(found, last, distance), np.where(found, h_last, h)
        distance = np.where(found, distance, proposed)
    distance = np.where(found, distance, np.nan)
    bounded = (below >= room).reshape(n, 2)
    return ProfileErrors(distance[::2], distance[1::2], bounded, x.reshape(n, 2, n), lowest)


def _proposed(
    distances: tuple[np.ndarray, np.ndarray],
    heights: tuple[np.ndarray, np.ndarray],
    bracket: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """The next distance of each lane: that of the secant if it lies in the bracket, or else the
    middle.

    Args:
        distances: The one before the last, and the last.
        heights: sqrt(Delta chi^2) at both.
        bracket: Farthest distance known to be below the level, and nearest one above it; infinite
            where none is known.
    """
    (before, last), (h_before, h), (below, above) = distances, heights, bracket
    run = last - before
    with np.errstate(invalid="ignore"):  # chi^2 can be infinite: then the middle is next
        rise = h - h_before
        ahead = last + (1 - h) * run / np.where(rise == 0, np.inf, rise)
    # Without a point above the level yet, the search grows: to at most four times the distance, as
    # chi^2 may be flat here and a wall beyond.
    end = np.where(np.isfinite(above), above, 4 * last)
    found: np.ndarray = np.where((ahead > below) & (ahead < above), ahead, (below + end) / 2)
    return found


def _lowest_from(
    likelihood: Likelihood, starts: Sequence[np.ndarray], held: np.ndarray, moving: np.ndarray
) -> Minimum:
    """The lowest minimum of each lane, from several starts.

    Args:
        likelihood: What is minimised.
        starts: Starts of all lanes, shape (2n, n) each.
        held: Value of the parameter that each lane holds, shape (2n,).
        moving: Which parameters each lane minimises, shape (2n, n).
    """

    def end(start: np.ndarray) -> Minimum:
        rows = np.where(moving, start, held[:, None])
        lanes = minimise_lanes(likelihood, rows, moving, second_order=False)
        return Minimum(*map(np.asarray, lanes))

    best = end(starts[0])
    for start in starts[1:]:
        other = end(start)
        best = replaced_where(better(other, best), other, best)
    return best


def _lower(known: Minimum | None, ends: Minimum) -> Minimum | None:
    """The lowest of a known point and the converged lanes of a call."""
    chi2 = np.where(ends.converged, ends.chi2, np.inf)
    lane = int(np.argmin(chi2))
    if chi2[lane] < (np.inf if known is None else known.chi2):
        return Minimum(*(array[lane] for array in ends))
    return known
