"""Valleys of chi^2: its minima in the parameters that can have several.

A coupling enters squared, or interferes: chi^2 has a mirror solution behind the one near the
start, bands, islands. Such are the parameters of the interaction and of what is scattered on. In
all others (normalisations, pulls, backgrounds) a likelihood has one minimum, to which every start
leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from cevns_jax.inference.batches import minimise_points
from cevns_jax.inference.minimise import Minimum
from cevns_jax.likelihood import Likelihood

FARTHEST = 1e6  # start of a parameter without bounds
TRIED = np.geomspace(1e-12, 1.0, 73)  # starts off zero, in units of the farthest one
APART = 0.1  # chi^2 by which two minima are away from each other, if they are two
RELEVANT = 100.0  # chi^2 above the lowest up to which minima count
DECADES = (-0.5, 2.5)  # of starts around zero, in units of the step that moves chi^2 by one
FACTOR = 100.0  # of starts around a value far from the ends of its domain
WIDEST = 1e4  # ends of a domain, in the same units, up to which all of it is searched
# Additive recurrence with the powers of 1/phi_d, phi_d^(d+1) = phi_d + 1: an even cover of the unit
# cube by any number of points (M. Roberts, 2018).
STARTS = {0: 0, 1: 16, 2: 32}
MOST_STARTS = 64


class Valley(NamedTuple):
    """One minimum: x, shape (n,), and chi^2 there."""

    x: np.ndarray
    chi2: float


def shaping(likelihood: Likelihood) -> tuple[str, ...]:
    """Names of the varying parameters in which chi^2 can have several minima."""
    declared = {p.name for p in likelihood.interaction.parameters}
    for experiment in likelihood.experiments:
        declared |= {p.name for p in experiment.signal.parameters}
    return tuple(name for name in likelihood.names if name in declared)


def wide_starts(likelihood: Likelihood, centre: np.ndarray, whole_domain: bool) -> np.ndarray:
    """Starts all over the domain of the parameters that can have several minima, the others at
    their centre.

    Args:
        likelihood: What is to be minimised.
        centre: Where the parameters start otherwise, shape (n,).
        whole_domain: Whether to leave the range in which a parameter is expected.

    Returns:
        Shape (S, n); no start where there is no such parameter.
    """
    names = shaping(likelihood)
    places = _even_cover(STARTS.get(len(names), MOST_STARTS), len(names))
    starts = np.tile(centre, (len(places), 1))
    for column, name in enumerate(names):
        declared, index = likelihood.parameters[name], likelihood.names.index(name)
        ends = np.array([float(declared.lower), float(declared.upper)])
        if not whole_domain:
            ends = np.clip(ends, *declared.expected)
        unit = _unit(likelihood, centre, index) if centre[index] == 0 else None
        starts[:, index] = np.clip(_spread(places[:, column], centre[index], ends, unit), *ends)
    return starts


def _even_cover(points: int, dimensions: int) -> np.ndarray:
    """Points of the unit cube, shape (points, dimensions)."""
    root = 2.0
    for _ in range(40):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = root ** -np.arange(1, dimensions + 1)
    cover: np.ndarray = (0.5 + np.outer(np.arange(1, points + 1), steps)) % 1
    return cover


def _spread(places: np.ndarray, centre: float, ends: np.ndarray, unit: float | None) -> np.ndarray:
    """Values of one parameter at places between 0 and 1."""
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


def _unit(likelihood: Likelihood, centre: np.ndarray, index: int) -> float:
    """Distance from zero at which chi^2 has changed by one, the smaller of both sides."""
    rows = off_zero(likelihood, centre, index)
    found = [abs(row[index]) for row in rows]
    return min(found, default=1.0)


def off_zero(likelihood: Likelihood, point: np.ndarray, index: int) -> list[np.ndarray]:
    """Starts on each side of zero for a parameter that is zero there: the farthest at which chi^2
    has changed by less than one. A coupling that enters squared would never leave zero."""
    declared = likelihood.parameters[likelihood.names[index]]
    points = []
    for end in np.clip([declared.lower, declared.upper], -FARTHEST, FARTHEST):
        if point[index] != 0 or end == 0:
            continue
        rows = np.tile(point, (len(TRIED) + 1, 1))
        rows[1:, index] = end * TRIED
        chi2 = np.asarray(_chi2_of_rows(likelihood, rows))
        changed = np.flatnonzero(~(np.abs(chi2 - chi2[0]) < 1))
        if changed.size and changed[0] > 1:
            points.append(rows[changed[0] - 1])
    return points


@jax.jit
def _chi2_of_rows(likelihood: Likelihood, rows: jax.Array) -> jax.Array:
    return jax.vmap(lambda x: likelihood.chi2(likelihood.values(x)))(rows)


def outside(likelihood: Likelihood, x: np.ndarray) -> np.ndarray:
    """Whether a parameter is outside the range in which it is expected; x has shape (..., n).

    Another solution there, as the mirror of sin^2 theta_W below zero, gives way to one inside."""
    declared = likelihood.parameters
    ends = np.array([declared[name].expected for name in likelihood.names]).reshape(-1, 2)
    found: np.ndarray = np.asarray(((x < ends[:, 0]) | (x > ends[:, 1])).any(axis=-1))
    return found


def distinct(minima: Minimum) -> list[int]:
    """Rows of minima that are valleys of their own, the lowest first; one at least.

    Args:
        minima: With a leading axis.
    """
    chi2 = np.where(minima.converged, minima.chi2, np.inf)
    # At zero coupling a parameter that enters squared is at rest: a minimum only if none is lower.
    at_rest = (np.diagonal(minima.information, axis1=1, axis2=2) == 0).any(axis=1)
    rows: list[int] = []
    for row in map(int, np.argsort(chi2, kind="stable")):
        if not chi2[row] < chi2.min() + RELEVANT:
            break
        if rows and at_rest[row]:
            continue
        away = np.asarray(minima.x)[rows] - np.asarray(minima.x)[row]
        above = [
            np.einsum("ri,rij,rj->r", away, np.asarray(minima.information)[which], away)
            for which in (rows, [row] * len(rows))
        ]
        if not rows or np.minimum(*above).min() > APART:
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
        Minima of each point with a leading axis, those to be reported first.
    """
    starts, held = [], likelihood
    for point, near in zip(points, known, strict=True):
        held = likelihood.hold(**dict(zip(names, map(float, point), strict=True)))
        starts.append(np.concatenate([near, wide_starts(held, near[0], whole_domain=False)]))
    each = len(starts[0])
    minima = minimise_points(
        likelihood, names, np.repeat(points, each, axis=0), np.concatenate(starts)
    )
    found = []
    for first in range(0, len(minima.chi2), each):
        here = take(minima, range(first, first + each))
        here = take(here, distinct(here))
        found.append(take(here, np.argsort(outside(held, here.x), kind="stable")))
    return found


def take(minima: Minimum, rows: Sequence[int] | np.ndarray) -> Minimum:
    """Some rows of minima with a leading axis."""
    return Minimum(*(np.asarray(array)[np.asarray(rows, dtype=int)] for array in minima))


def one(minima: Minimum, row: int) -> Minimum:
    """One of minima with a leading axis."""
    return Minimum(*(np.asarray(array)[row] for array in minima))
