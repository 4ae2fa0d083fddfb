"""Where limits look at the profiled chi^2: places of the limited parameter, laid out for each held
value by where chi^2 begins to move.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import chi2_of, minimise_firmly
from cevns_jax.inference.valleys import FARTHEST
from cevns_jax.inference.valleys import search as valleys_at
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Parameter

TRIED = np.geomspace(1e-12, 1.0, 49)  # distances at which chi^2 is looked at, of the farthest one
# Places of the parameter on each side, in units of where chi^2 begins to move by one. A mirror
# solution is about as wide as it is far away.
PLACES = np.concatenate([[0.03, 0.1], np.geomspace(0.3, 60.0, 17)])
UNITS = 12  # held values at which it is looked where chi^2 begins to move
ANCHORS = 4  # held values at which valleys are looked for farther out
FINE = 200  # places at which chi^2 is looked at there
MOST_HIDDEN = 6  # such valleys that are followed
FLANK = 1.25  # of their place: one more on each side
FAR = 5.0  # units from which on they are looked for: there, a valley may be narrower than a step
ALIKE = 1.05  # ratio of places up to which they are one


class Search(NamedTuple):
    """What limits are looked for.

    Attributes:
        likelihood: Whose chi^2; the limited parameter varies in it, in the range of the search.
        names: The k held parameters, and the limited one.
        points: Values of the held ones, shape (H, k).
        level: Rise of chi^2 to the ends of the ranges.
        borders: What the ends of the search are, as the ends of an :class:`Interval`.
    """

    likelihood: Likelihood
    names: tuple[str, ...]
    points: np.ndarray
    level: float
    borders: tuple[str, str]

    @property
    def declared(self) -> Parameter:
        """The limited parameter."""
        return self.likelihood.parameters[self.names[-1]]

    def at(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Held and limited parameters at some held points, shape (L,), with values of the limited
        one, same shape: shape (L, k + 1)."""
        return np.column_stack([self.points[rows], values])


class Side(NamedTuple):
    """One side of the start of the limited parameter.

    Attributes:
        centre: The start.
        reach: From there to the end of the search; negative below it.
        rest: The n other parameters at the minimum there, shape (H, n), and where they start, same
            shape: far from the data the first tell nothing of other places.
    """

    centre: float
    reach: float
    rest: tuple[np.ndarray, np.ndarray]


def places(search: Search, start: np.ndarray) -> np.ndarray:
    """Values of the parameter at which the profiled chi^2 is taken, ascending, shape (H, K).

    Args:
        search: What is looked for.
        start: Of the n others, which start there.
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
        values[wide, -1] = end  # to the last bit
        sides.append(values)
    found: np.ndarray = np.sort(np.concatenate(sides, axis=1), axis=1)
    return found


def _laid_out(unit: np.ndarray, more: np.ndarray, reach: float) -> np.ndarray:
    """Distances of the places from the centre, ascending, shape (H, K).

    Args:
        unit: Distance at which chi^2 begins to move at each held point, shape (H,).
        more: Places beside ``PLACES``, in those units.
        reach: The farthest distance.
    """
    near, last = np.outer(unit, PLACES), unit[:, None] * PLACES[-1]
    share = np.arange(1, len(more) + 1) / (len(more) + 1)
    beyond = last * (reach / last) ** share  # in place of what lies past the end
    extra = np.outer(unit, more)
    distances = np.sort(np.hstack([near, np.where(extra < reach, extra, beyond)]), axis=1)
    wide = last[:, 0] >= reach  # where chi^2 hardly moves: evenly to the end
    distances[wide] = np.linspace(0, reach, distances.shape[1] + 1)[1:]
    return distances


def ends_of(declared: Parameter) -> list[float]:
    """Ends of the search."""
    return [float(end) for end in np.clip([declared.lower, declared.upper], -FARTHEST, FARTHEST)]


def _first_move(search: Search, side: Side) -> np.ndarray:
    """The farthest distance from the centre, as a share of the reach, up to which chi^2 has changed
    by less than one with all else as it is, shape (H,). Along one held parameter it is smooth, and
    known well enough from some of its values."""
    size = len(search.points)
    some = np.arange(size)
    if len(search.names) == 2:
        some = np.unique(np.linspace(0, size - 1, UNITS).round().astype(int))
    tried = np.concatenate([[0.0], TRIED])
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
        search: What is looked for.
        mesh: Held and limited parameters, shape (L, k + 1).
        rows: Which held points they are, shape (L,).
        rest: Two choices of the n others at each held point, shape (H, n) each.
    """
    offered = np.stack([one[rows] for one in rest], axis=1)
    return np.nan_to_num(chi2_of(search.likelihood, search.names, mesh, offered), nan=np.inf)


def _hidden(search: Search, side: Side, unit: np.ndarray) -> np.ndarray:
    """Places, in the unit of each held point, of valleys that lie farther out than the others, as
    seen at some of the held points: from chi^2 with all else as it is, or where that can have
    several minima itself, from a search with everything free.

    Args:
        search, side: As :func:`_first_move`.
        unit: Distance at which chi^2 begins to move at each held point, shape (H,).
    """
    anchors = np.unique(np.linspace(0, len(search.points) - 1, ANCHORS).round().astype(int))
    if set(search.likelihood.shaping) - set(search.names):
        far = _searched(search, side, anchors)
    else:
        far = _seen(search, side, anchors, FAR * unit[anchors])
    ratios = np.concatenate([d / unit[a] for d, a in zip(far, anchors, strict=True)])
    ratios = np.sort(ratios[ratios > FAR])
    apart = np.diff(np.log(ratios), prepend=-np.inf) > np.log(ALIKE)
    ratios = ratios[apart][:MOST_HIDDEN]
    return np.unique(np.concatenate([ratios, ratios / FLANK, ratios * FLANK]))


def _seen(search: Search, side: Side, anchors: np.ndarray, begin: np.ndarray) -> list[np.ndarray]:
    """Distances from the centre of local minima of chi^2 with all else as it is, at each of A held
    points: beyond a distance, shape (A,)."""
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
    """As :func:`_seen`, of minima that a search with everything free finds."""
    points, names = search.points[anchors], search.names
    held = search.likelihood.hold(**dict(zip(names[:-1], map(float, points[0]), strict=True)))
    place = held.names.index(names[-1])
    starts = np.insert(side.rest[0][anchors], place, side.centre, axis=1)[:, None]
    found = valleys_at(search.likelihood, names[:-1], points, starts)
    away = [(valleys.x[:, place] - side.centre) * np.sign(side.reach) for valleys in found]
    return [distances[distances > 0] for distances in away]
