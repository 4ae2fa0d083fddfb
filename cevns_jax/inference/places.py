"""Where limits look at the profiled chi^2: places of the limited parameter, laid out for each held
value by where chi^2 begins to move.
"""

from __future__ import annotations

import numpy as np

from cevns_jax.inference.batches import chi2_of, minimise_firmly
from cevns_jax.inference.valleys import FARTHEST, search
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


def places(
    likelihood: Likelihood, names: tuple[str, ...], points: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Values of the parameter at which the profiled chi^2 is taken, ascending, shape (H, K).

    Args:
        likelihood: What is limited.
        names: The held parameters, and the limited one.
        points: Values of the held ones, shape (H, k).
        start: Of the n others, which start there.
    """
    declared = likelihood.parameters[names[-1]]
    centre = float(declared.start)
    at_centre = np.column_stack([points, np.full(len(points), centre)])
    rest = minimise_firmly(
        likelihood, names, at_centre, np.broadcast_to(start, (len(points), len(start)))
    ).x
    sides = [np.full((len(points), 1), centre)]
    for end in ends_of(declared):
        reach = end - centre
        if reach == 0:
            continue
        unit = abs(reach) * _first_move(likelihood, names, points, rest, centre, reach)
        more = _hidden(likelihood, names, points, rest, centre, reach, unit)
        distances = np.outer(unit, np.sort(np.concatenate([PLACES, more])))
        wide = distances[:, -1] >= abs(reach)  # where chi^2 hardly moves: evenly to the end
        distances[wide] = np.linspace(0, abs(reach), distances.shape[1] + 1)[1:]
        side = centre + np.sign(reach) * distances
        side[wide, -1] = end  # to the last bit
        sides.append(side)
    found: np.ndarray = np.sort(np.concatenate(sides, axis=1), axis=1)
    return found


def ends_of(declared: Parameter) -> list[float]:
    """Ends of the search."""
    return [float(end) for end in np.clip([declared.lower, declared.upper], -FARTHEST, FARTHEST)]


def _first_move(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    rest: np.ndarray,
    centre: float,
    reach: float,
) -> np.ndarray:
    """The farthest distance from the centre, as a share of the reach, up to which chi^2 has changed
    by less than one with all else as it is, shape (H,). Along one held parameter it is smooth, and
    known well enough from some of its values."""
    size = len(points)
    some = np.arange(size)
    if len(names) == 2:
        some = np.unique(np.linspace(0, size - 1, UNITS).round().astype(int))
    tried = np.concatenate([[0.0], TRIED])
    values = np.tile(centre + reach * tried, len(some))
    mesh = np.column_stack([np.repeat(points[some], len(tried), axis=0), values])
    offered = np.repeat(rest[some], len(tried), axis=0)[:, None]
    chi2 = chi2_of(likelihood, names, mesh, offered).reshape(len(some), len(tried))
    with np.errstate(invalid="ignore"):  # infinite where counts are impossible
        moved = ~(np.abs(chi2 - chi2[:, :1]) < 1)
    moved[:, 0] = False
    first = np.where(moved.any(axis=1), moved.argmax(axis=1), len(tried) - 1)
    share = np.log(tried[np.maximum(first - 1, 1)])
    found: np.ndarray = np.exp(np.interp(np.arange(size), some, share))
    return found


def _hidden(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    rest: np.ndarray,
    centre: float,
    reach: float,
    unit: np.ndarray,
) -> np.ndarray:
    """Places, in the unit of each held point, of valleys that lie farther out than the others, as
    seen at some of the held points: from chi^2 with all else as it is, or where that can have
    several minima itself, from a search with everything free.

    Args:
        likelihood, names, points, rest, centre, reach: As :func:`_first_move`.
        unit: Distance at which chi^2 begins to move at each held point, shape (H,).
    """
    anchors = np.unique(np.linspace(0, len(points) - 1, ANCHORS).round().astype(int))
    looked = (likelihood, names, points[anchors], rest[anchors], centre, reach)
    if set(likelihood.shaping) - set(names):
        far = _searched(*looked)
    else:
        far = _seen(*looked, PLACES[-1] * unit[anchors])
    ratios = np.concatenate([d / unit[a] for d, a in zip(far, anchors, strict=True)])
    ratios = ratios[ratios > PLACES[-1]][:MOST_HIDDEN]
    return np.unique(np.concatenate([ratios, ratios / FLANK, ratios * FLANK]))


def _seen(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    rest: np.ndarray,
    centre: float,
    reach: float,
    begin: np.ndarray,
) -> list[np.ndarray]:
    """Distances from the centre of local minima of chi^2 with all else as it is, at each of some
    held points: beyond a distance, shape (A,), other arguments as :func:`_hidden`."""
    tried = np.geomspace(np.minimum(begin, 0.5 * abs(reach)), abs(reach), FINE)
    mesh = np.column_stack([np.tile(points, (FINE, 1)), (centre + np.sign(reach) * tried).ravel()])
    offered = np.tile(rest, (FINE, 1))[:, None]
    chi2 = chi2_of(likelihood, names, mesh, offered).reshape(FINE, len(points))
    inner = chi2[1:-1]
    with np.errstate(invalid="ignore"):  # infinite where counts are impossible
        local = (inner < chi2[:-2] - 1) & (inner < chi2[2:] - 1)
    return [tried[1:-1, a][local[:, a]] for a in range(len(points))]


def _searched(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    rest: np.ndarray,
    centre: float,
    reach: float,
) -> list[np.ndarray]:
    """As :func:`_seen`, of minima that a search with everything free finds."""
    held = likelihood.hold(**dict(zip(names[:-1], map(float, points[0]), strict=True)))
    place = held.names.index(names[-1])
    found = search(likelihood, names[:-1], points, np.insert(rest, place, centre, axis=1)[:, None])
    away = [(valleys.x[:, place] - centre) * np.sign(reach) for valleys in found]
    return [distances[distances > 0] for distances in away]
