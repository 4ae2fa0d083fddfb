"""Valleys of chi^2: its minima in the parameters that can have several.

These are the parameters of the interaction and of costly components: radii, flux, response. A
coupling enters squared, or interferes, so that chi^2 has a mirror solution behind the one near the
start, bands, or islands. In all other parameters (normalisations, pulls, backgrounds) a likelihood
has one minimum, to which every start leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from cevns_jax.inference.batches import (
    RELEVANT_CHI2,
    better,
    minimise_points,
    put_better,
    relevant_failures,
    settled,
)
from cevns_jax.inference.minimise import Minimum
from cevns_jax.likelihood import Likelihood

# Farthest start of a parameter without bounds. The units of parameters are chosen so that values of
# interest are of order one or small; from much farther out the counts would be 1e12 times too large
# or more, where steps with the expected information lead nowhere.
FARTHEST = 1e6
# Distances from zero at which chi^2 is evaluated, in units of the farthest one: six per decade, so
# that the last one before chi^2 moves is within a factor of 1.5, and a mirror solution, about as
# wide as it is far away, shows as a local minimum.
TRIED_FOR_VALLEYS = np.geomspace(1e-12, 1.0, 73)
# chi^2 by which a minimum beside zero coupling has to be lower than the one at zero to count. Much
# above the 1e-9 of a minimisation, much below anything that is reported.
LEVEL = 1e-6
# chi^2, by the parabola at one minimum, above which another one is a valley of its own. Ends of
# minimisations in the same valley agree to the 1e-9 of their tolerance, unless they were stopped
# early; two valleys are usually further apart than the distance of an error, which is 1.
APART = 0.1
# Range of the starts on each side of zero, in decades of the distance at which chi^2 begins to
# move: from a little inside, to beyond a mirror solution, whose distance is the size of what the
# Standard Model predicts over that of an error.
DECADES = (-0.5, 5.0)
# Range of the starts around a value that is not zero: from a hundredth of it to a hundred times.
FACTOR = 100.0
# Width of a domain, in units of the distance at which chi^2 begins to move, up to which every other
# start is spread evenly over all of it. In a wider one even starts would all be far out.
WIDEST = 1e5
# Number of starts by the number of parameters that can have several minima. Found by trial: fewer
# can miss an island between two others; each is one more minimisation of every fit and search.
STARTS = {0: 0, 1: 16, 2: 32}
MOST_STARTS = 64  # for more parameters: a number that covers their space would grow without limit
EVENLY = 7  # starts in one parameter of a small domain: few, as every fit of an angle has them


class Valley(NamedTuple):
    """One minimum: x, shape (n,), and chi^2 there."""

    x: np.ndarray
    chi2: float


def wide_starts(likelihood: Likelihood, centre: np.ndarray, whole_domain: bool) -> np.ndarray:
    """Starts all over the domain of the parameters that can have several minima, the others at
    their centre.

    Args:
        likelihood: What is to be minimised.
        centre: Where the parameters start otherwise, shape (n,).
        whole_domain: Whether starts may lie outside the range in which a parameter is expected.

    Returns:
        Starts, shape (S, n); S = 0 where there is no such parameter.
    """
    names = likelihood.many_valleys
    number = STARTS.get(len(names), MOST_STARTS)
    if len(names) == 1 and _small_domain(likelihood, names[0], centre):
        number = EVENLY
    places = _even_cover(number, len(names))
    starts = np.tile(centre, (len(places), 1))
    minima = [np.zeros((0, len(centre)))]
    for column, name in enumerate(names):
        declared, index = likelihood.parameters[name], likelihood.names.index(name)
        ends = np.array([float(declared.lower), float(declared.upper)])
        if not whole_domain:
            ends = np.clip(ends, *declared.expected)
        unit = None
        if centre[index] == 0:
            sides = _along(likelihood, centre, index)
            unit = min((abs(row[index]) for row in _first_moves(sides)), default=1.0)
            minima += [rows[_local_minima(chi2)] for rows, chi2 in sides]
        starts[:, index] = np.clip(_spread(places[:, column], centre[index], ends, unit), *ends)
    return np.concatenate([starts, *minima])


def _small_domain(likelihood: Likelihood, name: str, centre: np.ndarray) -> bool:
    """Whether the domain of a parameter is at most ``FACTOR`` times its start value wide."""
    declared, value = likelihood.parameters[name], centre[likelihood.names.index(name)]
    return bool(declared.upper - declared.lower <= FACTOR * abs(value))


def _even_cover(points: int, dimensions: int) -> np.ndarray:
    """Points that cover the unit cube evenly, shape (points, dimensions).

    They follow the additive recurrence with the powers of 1/phi, where phi^(d+1) = phi + 1 in d
    dimensions, which is even for any number of points (M. Roberts, 2018).
    """
    root = 2.0
    for _ in range(40):  # each iteration at least halves the distance to phi: to rounding
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = root ** -np.arange(1, dimensions + 1)
    cover: np.ndarray = (0.5 + np.outer(np.arange(1, points + 1), steps)) % 1
    return cover


def _spread(places: np.ndarray, centre: float, ends: np.ndarray, unit: float | None) -> np.ndarray:
    """Start values of one parameter from evenly distributed numbers between 0 and 1.

    Args:
        places: These numbers.
        centre: Where the parameter starts otherwise.
        ends: Ends of the domain.
        unit: Distance at which chi^2 begins to move, if the centre is zero; else ``None``.
    """
    low, high = np.clip(ends, -FARTHEST, FARTHEST)
    evenly = low + (high - low) * places
    if unit is None:
        if high - low <= FACTOR * abs(centre):
            return evenly
        return centre * FACTOR ** (2 * places - 1)
    # On both sides of zero, from where chi^2 begins to move to beyond the mirror solution.
    side = np.where(places < 0.5, -1.0, 1.0)
    if low >= 0 or high <= 0:
        side = np.full_like(places, 1.0 if low >= 0 else -1.0)
        share = places
    else:
        share = np.abs(2 * places - 1)
    around = side * unit * 10 ** (DECADES[0] + (DECADES[1] - DECADES[0]) * share)
    if high - low > WIDEST * unit:
        return around
    return np.where(np.arange(len(places)) % 2, evenly, around)


def _along(
    likelihood: Likelihood, point: np.ndarray, index: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each end of the domain of a parameter that is not zero: points from zero to there, shape
    (T, n), with the other parameters as in ``point``, and chi^2 at them, shape (T,)."""
    declared = likelihood.parameters[likelihood.names[index]]
    sides = []
    for end in np.clip([declared.lower, declared.upper], -FARTHEST, FARTHEST):
        if end != 0:
            rows = np.tile(point, (len(TRIED_FOR_VALLEYS) + 1, 1))
            rows[1:, index] = end * TRIED_FOR_VALLEYS
            sides.append((rows, np.asarray(_chi2_of_rows(likelihood, rows))))
    return sides


def _first_moves(sides: list[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """On each side the farthest point up to which chi^2 has changed by less than one from its value
    at zero. A side is left out if chi^2 never moves there, or moves at the first point."""
    found = []
    for rows, chi2 in sides:
        with np.errstate(invalid="ignore"):  # infinite where counts are impossible
            changed = np.flatnonzero(~(np.abs(chi2 - chi2[0]) < 1))
        if changed.size and changed[0] > 1:
            found.append(rows[changed[0] - 1])
    return found


def _local_minima(chi2: np.ndarray) -> np.ndarray:
    """Rows at which chi^2 is lower than at both neighbours by more than ``APART``."""
    inner = chi2[1:-1]
    with np.errstate(invalid="ignore"):
        lower = (inner < chi2[:-2] - APART) & (inner < chi2[2:] - APART)
    return 1 + np.flatnonzero(lower)


def off_zero(likelihood: Likelihood, point: np.ndarray, index: int) -> list[np.ndarray]:
    """Starts on both sides of zero for a parameter that is zero at a point; none if it is not.

    A coupling that enters squared has no gradient at zero and would never leave it. Each start is
    the farthest point on its side up to which chi^2 has changed by less than one.
    """
    return _first_moves(_along(likelihood, point, index)) if point[index] == 0 else []


@jax.jit
def _chi2_of_rows(likelihood: Likelihood, rows: jax.Array) -> jax.Array:
    return jax.vmap(lambda x: likelihood.chi2(likelihood.values(x)))(rows)


def outside(likelihood: Likelihood, x: np.ndarray) -> np.ndarray:
    """Whether any parameter is outside the range in which it is expected, shape (...,) for x of
    shape (..., n).

    A solution there, as the mirror of sin^2 theta_W below zero, is reported only if there is none
    inside.
    """
    declared = likelihood.parameters
    ends = np.array([declared[name].expected for name in likelihood.names]).reshape(-1, 2)
    found: np.ndarray = np.asarray(((x < ends[:, 0]) | (x > ends[:, 1])).any(axis=-1))
    return found


def preferred(likelihood: Likelihood, new: Minimum, old: Minimum, by: float = 0.0) -> np.ndarray:
    """As :func:`cevns_jax.inference.batches.better`, but a minimum with all parameters in their
    expected ranges is preferred to one outside, whichever is lower, if both converged."""
    out_new, out_old = outside(likelihood, new.x), outside(likelihood, old.x)
    decided = settled(new) & settled(old) & (out_new != out_old)
    return np.where(decided, out_old, better(new, old, by))


def distinct(minima: Minimum) -> list[int]:
    """Rows of minima that are valleys of their own, the lowest first; at least one.

    Two minima are in the same valley if each lies where the parabola at the other has risen by less
    than ``APART``.

    Args:
        minima: With a leading axis.
    """
    chi2 = np.where(minima.converged, minima.chi2, np.inf)
    # At zero coupling a parameter that enters squared has no gradient, so that a minimisation ends
    # there even at a maximum. It counts as a minimum only if none is lower. A parameter without
    # information in any row changes nothing anywhere, and tells no row from another.
    blind = np.diagonal(minima.information, axis1=1, axis2=2) == 0
    at_rest = (blind & ~blind.all(axis=0)).any(axis=1)
    rows: list[int] = []
    for row in map(int, np.argsort(chi2 - np.where(at_rest, LEVEL, 0.0), kind="stable")):
        if not chi2[row] < chi2.min() + RELEVANT_CHI2:
            break
        if rows and at_rest[row]:
            continue
        away = np.asarray(minima.x)[rows] - np.asarray(minima.x)[row]
        above = [
            np.einsum("ri,rij,rj->r", away, np.asarray(minima.information)[which], away)
            for which in (rows, [row] * len(rows))
        ]
        if not rows or np.maximum(*above).min() > APART:
            rows.append(row)
    return rows or [int(np.argmin(np.nan_to_num(minima.chi2, nan=np.inf)))]


def search(
    likelihood: Likelihood, names: tuple[str, ...], points: np.ndarray, known: np.ndarray
) -> list[Minimum]:
    """The valleys at some points of a grid, each searched from starts of its own.

    Args:
        likelihood: What is minimised, n parameters beside those held at the points.
        names: The k parameters held at the points.
        points: Their values, shape (A, k).
        known: More starts for each point, shape (A, K, n).

    Returns:
        For each point its minima, with a leading axis: lowest first, but those outside the expected
        ranges of the parameters last.
    """
    starts, held = [], likelihood
    for point, near in zip(points, known, strict=True):
        held = likelihood.hold(**dict(zip(names, map(float, point), strict=True)))
        starts.append(np.concatenate([near, wide_starts(held, near[0], whole_domain=False)]))
    number = [len(rows) for rows in starts]
    places = np.repeat(points, number, axis=0)
    minima = minimise_points(likelihood, names, places, np.concatenate(starts))
    lanes = np.split(np.arange(len(places)), np.cumsum(number)[:-1])
    failed = np.concatenate([rows[relevant_failures(take(minima, rows))] for rows in lanes])
    if failed.size:
        again = minimise_points(
            likelihood, names, places[failed], minima.x[failed], second_order=True
        )
        put_better(minima, failed, again)
    found = []
    for rows in lanes:
        here = take(minima, rows)
        here = take(here, distinct(here))
        found.append(take(here, np.argsort(outside(held, here.x), kind="stable")))
    return found


def take(minima: Minimum, rows: Sequence[int] | np.ndarray) -> Minimum:
    """Minima of some rows of the leading axis."""
    return Minimum(*(np.asarray(array)[np.asarray(rows, dtype=int)] for array in minima))


def one(minima: Minimum, row: int) -> Minimum:
    """The minimum of one row of the leading axis."""
    return Minimum(*(np.asarray(array)[row] for array in minima))
