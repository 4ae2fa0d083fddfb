"""Limits: the places of the limited parameter at which the profiled chi^2 is evaluated.

They are chosen for each held point in units of the distance at which chi^2 begins to move, because
the scale of a coupling can change by many decades with the mass of its mediator.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import chi2_of, minimise_firmly
from cevns_jax.inference.valleys import FARTHEST
from cevns_jax.inference.valleys import search as valleys_at
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Parameter

# Distances at which the unit, where chi^2 begins to move, is searched, as shares of the farthest
# one. Four per decade find it within a factor of 1.8, which ``PLACES`` cover. The farthest is 1e6
# without bounds, and the couplings of light mediators begin to count at 1e-6: 1e-12 of it.
TRIED_FOR_UNIT = np.geomspace(1e-12, 1.0, 49)
# Places of the parameter on each side, in units of the distance at which chi^2 has changed by one.
# The first ones resolve a minimum beside zero. The others have a constant ratio of 1.4, as a mirror
# solution is about as wide as it is far away. Found by trial: fewer miss second ranges, more take
# longer in proportion.
PLACES = np.concatenate([[0.03, 0.1], np.geomspace(0.3, 60.0, 17)])
# Held values at which the unit is searched; it is interpolated between them. It changes by a power
# of a mass, and a factor of two in it does no harm.
UNITS = 12
# Held values at which valleys farther out are searched. Found by trial: such a search costs as much
# as all places of one held value, and the valleys found are followed at the same multiple of the
# unit at all others.
ANCHORS = 4
# Places at which chi^2 is evaluated to find them: steps of 3 to 7 % of the distance over the
# decades of an unbounded parameter, against 40 % of ``PLACES``.
FINE = 200
# Valleys farther out that are followed: each adds three places at all held values.
MOST_HIDDEN = 6
FLANK = 1.25  # ratio of the places beside each of them to its own, one on each side
# Units from which on they are searched: a valley out there may be narrower than the step between
# two places. Farther in, chi^2 changes by one in about a unit, which the places resolve.
FAR = 5.0
ALIKE = 1.05  # ratio of two places up to which they count as one: about the step of ``FINE``


class Search(NamedTuple):
    """What limits are looked for, at H held points.

    Attributes:
        likelihood: Whose chi^2; the domain of the limited parameter is the range of the search.
        names: The k held parameters, and last the limited one.
        points: Values of the held ones, shape (H, k).
        level: Delta chi^2 at the ends of the ranges.
        borders: What the two ends of the search are, in the words of
            :class:`cevns_jax.inference.intervals.Interval`.
    """

    likelihood: Likelihood
    names: tuple[str, ...]
    points: np.ndarray
    level: float
    borders: tuple[str, str]

    @property
    def declared(self) -> Parameter:
        """Declaration of the limited parameter."""
        return self.likelihood.parameters[self.names[-1]]

    def at(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Values of the held and the limited parameters, shape (L, k + 1), from the numbers of L
        held points and the values of the limited one, shape (L,) each."""
        return np.column_stack([self.points[rows], values])


class Side(NamedTuple):
    """One side of the start of the limited parameter.

    Attributes:
        centre: The start value.
        reach: Signed distance from there to the end of the search.
        rest: Two choices of the n other parameters at each held point, shape (H, n) each: their
            values at the minimum at the centre, and their start values. If the centre is far from
            the data, the former mean nothing at other places.
    """

    centre: float
    reach: float
    rest: tuple[np.ndarray, np.ndarray]


def places(search: Search, start: np.ndarray) -> np.ndarray:
    """Values of the limited parameter at which the profiled chi^2 is evaluated, ascending, shape
    (H, K).

    Args:
        search: What limits are looked for.
        start: Start values of the n other parameters, shape (n,).
    """
    size, centre = len(search.points), float(search.declared.start)
    at_centre = search.at(np.arange(size), np.full(size, centre))
    starts = np.broadcast_to(start, (size, len(start)))
    rest = minimise_firmly(search.likelihood, search.names, at_centre, starts).x
    sides = [np.full((size, 1), centre)]
    for end in ends_of(search.declared):
        reach = end - centre
        if reach == 0:
            continue
        side = Side(centre, reach, (rest, starts))
        unit = abs(reach) * _first_move(search, side)
        more = _hidden(search, side, unit)
        distances = _laid_out(unit, more, abs(reach))
        wide = distances[:, -1] == abs(reach)
        values = centre + np.sign(reach) * distances
        values[wide, -1] = end  # exactly, free of rounding
        sides.append(values)
    found: np.ndarray = np.sort(np.concatenate(sides, axis=1), axis=1)
    return found


def _laid_out(unit: np.ndarray, more: np.ndarray, reach: float) -> np.ndarray:
    """Distances of the places from the centre, ascending, shape (H, K).

    Args:
        unit: Distance at which chi^2 begins to move at each held point, shape (H,).
        more: Places besides ``PLACES``, in the same units.
        reach: The farthest distance.
    """
    near, last = np.outer(unit, PLACES), unit[:, None] * PLACES[-1]
    share = np.arange(1, len(more) + 1) / (len(more) + 1)
    # Places past the end are replaced by places between the last one and the end, as all held
    # points need the same number of them.
    beyond = last * (reach / last) ** share
    extra = np.outer(unit, more)
    distances = np.sort(np.hstack([near, np.where(extra < reach, extra, beyond)]), axis=1)
    wide = last[:, 0] >= reach  # chi^2 hardly moves inside the domain: even places to its end
    distances[wide] = np.linspace(0, reach, distances.shape[1] + 1)[1:]
    return distances


def ends_of(declared: Parameter) -> list[float]:
    """Ends of the search: those of the domain, or far out where there is none."""
    return [float(end) for end in np.clip([declared.lower, declared.upper], -FARTHEST, FARTHEST)]


def _first_move(search: Search, side: Side) -> np.ndarray:
    """The distance from the centre up to which chi^2 changes by less than one, as a share of the
    reach, shape (H,). The other parameters are not minimised.

    With one held parameter it is computed at some of its values and interpolated, as it is smooth.
    """
    size = len(search.points)
    some = np.arange(size)
    if len(search.names) == 2:
        some = np.unique(np.linspace(0, size - 1, UNITS).round().astype(int))
    tried = np.concatenate([[0.0], TRIED_FOR_UNIT])
    rows = np.repeat(some, len(tried))
    mesh = search.at(rows, np.tile(side.centre + side.reach * tried, len(some)))
    chi2 = _as_it_is(search, mesh, rows, side.rest)[:, 0].reshape(len(some), len(tried))
    with np.errstate(invalid="ignore"):  # infinite where counts are impossible
        moved = ~(np.abs(chi2 - chi2[:, :1]) < 1)
    moved[:, 0] = False
    first = np.where(moved.any(axis=1), moved.argmax(axis=1), len(tried))
    share = np.log(tried[np.maximum(first - 1, 1)])
    found: np.ndarray = np.exp(np.interp(np.arange(size), some, share))
    return found


def _as_it_is(
    search: Search, mesh: np.ndarray, rows: np.ndarray, rest: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """chi^2 without minimising, infinite where it is not a number, shape (L, 2).

    Args:
        search: What limits are looked for.
        mesh: Values of the held and the limited parameters, shape (L, k + 1).
        rows: Numbers of their held points, shape (L,).
        rest: Two choices of the n others at each held point, shape (H, n) each.
    """
    columns = [chi2_of(search.likelihood, search.names, mesh, one[rows]) for one in rest]
    return np.nan_to_num(np.stack(columns, axis=1), nan=np.inf)


def _hidden(search: Search, side: Side, unit: np.ndarray) -> np.ndarray:
    """Places of valleys that lie far out, in the unit of each held point, ascending, shape (K,).

    They are found at some of the held points: as local minima of chi^2 with the other parameters
    not minimised; or, where the other parameters can have several minima themselves, by a search
    with everything free.

    Args:
        search, side: As :func:`_first_move`.
        unit: Distance at which chi^2 begins to move at each held point, shape (H,).
    """
    anchors = np.unique(np.linspace(0, len(search.points) - 1, ANCHORS).round().astype(int))
    if set(search.likelihood.many_valleys) - set(search.names):
        far = _searched(search, side, anchors)
    else:
        far = _seen(search, side, anchors, FAR * unit[anchors])
    ratios = np.concatenate([d / unit[a] for d, a in zip(far, anchors, strict=True)])
    ratios = np.sort(ratios[ratios > FAR])
    apart = np.diff(np.log(ratios), prepend=-np.inf) > np.log(ALIKE)
    ratios = ratios[apart][:MOST_HIDDEN]
    return np.unique(np.concatenate([ratios, ratios / FLANK, ratios * FLANK]))


def _seen(search: Search, side: Side, anchors: np.ndarray, begin: np.ndarray) -> list[np.ndarray]:
    """Distances from the centre of local minima of chi^2 with the other parameters not minimised,
    at each of A held points.

    Args:
        search, side: As :func:`_first_move`.
        anchors: Numbers of the held points, shape (A,).
        begin: Distance beyond which minima are searched, shape (A,).
    """
    reach = abs(side.reach)
    tried = np.geomspace(np.minimum(begin, 0.5 * reach), reach, FINE)
    rows = np.tile(anchors, FINE)
    mesh = search.at(rows, (side.centre + np.sign(side.reach) * tried).ravel())
    chi2 = _as_it_is(search, mesh, rows, side.rest).min(axis=1).reshape(FINE, len(anchors))
    inner = chi2[1:-1]
    with np.errstate(invalid="ignore"):  # infinite where counts are impossible
        local = (inner < chi2[:-2] - 1) & (inner < chi2[2:] - 1)
    return [tried[1:-1, a][local[:, a]] for a in range(len(anchors))]


def _searched(search: Search, side: Side, anchors: np.ndarray) -> list[np.ndarray]:
    """Distances from the centre of the minima that a search with everything free finds, at each of
    A held points."""
    points, names = search.points[anchors], search.names
    held = search.likelihood.hold(**dict(zip(names[:-1], map(float, points[0]), strict=True)))
    place = held.names.index(names[-1])
    starts = np.insert(side.rest[0][anchors], place, side.centre, axis=1)[:, None]
    found = valleys_at(search.likelihood, names[:-1], points, starts)
    away = [(valleys.x[:, place] - side.centre) * np.sign(side.reach) for valleys in found]
    return [distances[distances > 0] for distances in away]
