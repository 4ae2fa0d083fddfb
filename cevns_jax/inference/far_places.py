"""Limits: places of the limited parameter between those near its start and the ends of its domain.

The places near the start end some sixty units out, a unit being the distance at which chi^2 begins
to move. Where chi^2 has not risen to the level there, or falls again farther out, the range may
reach on: more places follow, up to the end of the domain.
"""

from __future__ import annotations

import numpy as np

from cevns_jax.inference.batches import minimise_firmly, minimise_points, settled
from cevns_jax.inference.intervals import Curve, joined
from cevns_jax.inference.places import ANCHORS, Search, ends_of
from cevns_jax.inference.valleys import take

# Places on a side out to the end of the domain, in a geometric progression. Found by trial: each is
# a minimisation at every held point, and far out one of many steps; with half as many, a step over
# the six decades of an unbounded coupling would be a factor of ten.
BEYOND = 12
PROBED = [BEYOND // 2, -1]  # of those, the places at which it is tested whether chi^2 falls again
# chi^2 by which it has to fall there: by less than one, no range at a usual level begins or ends.
FALLS = 1.0


def out_to_the_ends(search: Search, curves: list[Curve], start: np.ndarray) -> list[Curve]:
    """The curves with places out to the ends of the domain, on the sides that need them.

    A side needs them where chi^2 at its last place is not above the level, and so may still rise to
    it; and where chi^2 falls again farther out.

    Args:
        search: What limits are looked for.
        curves: The profiled chi^2 at each held point.
        start: Start values of the n other parameters, shape (n,).
    """
    sides = [_beyond(search, curves, side, start) for side in (0, -1)]
    rows, values, starts = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    if not rows.size:
        return curves
    found = minimise_firmly(search.likelihood, search.names, search.at(rows, values), starts)
    result = list(curves)
    for h in np.unique(rows):
        mine = np.flatnonzero(rows == h)
        mine = mine[np.argsort(values[mine], kind="stable")]
        result[h] = joined(curves[h], Curve(values[mine], take(found, mine)))
    return result


def _beyond(
    search: Search, curves: list[Curve], side: int, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places between the last one on a side of each curve and the end of the search there.

    Args:
        search, curves, start: As :func:`out_to_the_ends`.
        side: 0 for the lower side, -1 for the upper one.

    Returns:
        For each of L places the number of its held point, shape (L,); the value of the limited
        parameter, shape (L,); and start values of the others, shape (L, n).
    """
    end, middle = ends_of(search.declared)[side], float(search.declared.start)
    last = np.array([curve.values[side] for curve in curves])
    rows = np.flatnonzero(last != end)
    first, whole = np.abs(last[rows] - middle), abs(end - middle)
    more = np.geomspace(first, np.full(len(rows), whole), BEYOND + 1, axis=1)[:, 1:]
    values = middle + np.sign(end - middle) * more
    values[:, -1] = end  # exactly, free of rounding
    ended = np.array([curve.minima.x[side] for curve in curves]).reshape(len(curves), -1)
    chi2 = np.array([curve.minima.chi2[side] for curve in curves])
    lowest = np.array([np.min(c.minima.chi2[settled(c.minima)], initial=np.inf) for c in curves])
    # Far out a minimisation takes many steps, so only some of the held points are probed. If chi^2
    # falls again at one of them, all get the places.
    some = np.unique(np.linspace(0, len(rows) - 1, ANCHORS).round().astype(int))[: len(rows)]
    far = _lowest_at(search, rows[some], values[some][:, PROBED], start)
    falls = bool((far < chi2[rows[some]] - FALLS).any())
    wanted = ~(chi2[rows] > lowest[rows] + search.level) | falls
    # The others start from the minimum at the last place, which is near; but where chi^2 falls
    # again, that minimum tells nothing of the valley out there.
    starts = np.broadcast_to(start, ended.shape)[rows] if falls else ended[rows]
    kept = np.repeat(wanted, BEYOND)
    of = np.repeat(rows, BEYOND)[kept]
    return of, values.ravel()[kept], np.repeat(starts, BEYOND, axis=0)[kept]


def _lowest_at(
    search: Search, rows: np.ndarray, values: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """The lowest minimum of chi^2 among m values of the limited parameter, at each of R held
    points, shape (R,).

    Args:
        search: What limits are looked for.
        rows: Numbers of the held points, shape (R,).
        values: Values of the limited parameter, shape (R, m).
        start: Start values of the n other parameters, shape (n,).
    """
    if not rows.size:
        return np.zeros(0)
    mesh = search.at(np.repeat(rows, values.shape[1]), values.ravel())
    starts = np.broadcast_to(start, (len(mesh), len(start)))
    found = minimise_points(search.likelihood, search.names, mesh, starts)
    lowest: np.ndarray = np.nan_to_num(found.chi2, nan=np.inf).reshape(values.shape).min(axis=1)
    return lowest
