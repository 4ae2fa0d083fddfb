"""Limits: what a curve of the profiled chi^2 needs before its crossings with a level are searched.

More places near the level, the bottoms of its local minima, and the lowest valley at every place.
Each function returns the curves, one for each held point, with what it adds to them.
"""

from __future__ import annotations

import numpy as np

from cevns_jax.inference.batches import minimise_firmly
from cevns_jax.inference.crossings import bracket_of, lowest_in, merged
from cevns_jax.inference.intervals import Curve, joined, local_minima, lower_of_ends
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import spread_better_minima
from cevns_jax.inference.places import Search
from cevns_jax.inference.valleys import take

# chi^2 above the level up to which places are put closer together. Found by trial: a valley that
# reaches the level and lies between two lower places could hide, one between higher walls shows.
# More costs minimisations at places where nothing is, less can miss a second range.
WALLS = 30.0
# Depth of a valley that may hide between two places, in units of what shows of it. It is much more
# than the one of a parabola, because the walls of a valley end at the chi^2 of no signal at all,
# where a normalisation has taken all of it away: beyond them chi^2 is flat, and shows little.
DEPTH = 30.0
BETWEEN = (1 / 3, 2 / 3)  # where the closer places are, as shares of the way between two places


def with_closer_places(search: Search, curves: list[Curve]) -> list[Curve]:
    """The curves with more places between those near the level.

    A valley that is narrower than the distance of two places and reaches the level has high walls,
    which show at its neighbours; one between low walls could hide, and gets closer places.
    """
    inserted = []
    for h, curve in enumerate(curves):
        chi2 = np.where(curve.minima.converged, curve.minima.chi2, np.inf)
        height = chi2 - chi2.min() if np.isfinite(chi2).any() else chi2
        low = np.minimum(height[:-1], height[1:]) < search.level + WALLS
        # Deep inside a range both ends are far below the level, and nothing has to be told apart.
        near = low & (np.maximum(height[:-1], height[1:]) > search.level / 4)
        for i in np.flatnonzero(near).tolist():
            inserted += [(h, i, share) for share in BETWEEN]
    return _with_more(search, curves, inserted)


def _with_more(
    search: Search, curves: list[Curve], inserted: list[tuple[int, int, float]]
) -> list[Curve]:
    """The curves with more places between their own.

    Args:
        search: What limits are looked for.
        curves: The profiled chi^2 at each held point.
        inserted: New places: number of the curve, number of the place before, and the share of the
            way to the next place.
    """
    if not inserted:
        return curves
    rows = np.array([h for h, _, _ in inserted])
    ends = [(curves[h].values[i], curves[h].values[i + 1]) for h, i, _ in inserted]
    shares = [share for *_, share in inserted]
    values = np.array([a + share * (b - a) for (a, b), share in zip(ends, shares, strict=True)])
    starts = np.array([curves[h].minima.x[i + round(share)] for h, i, share in inserted])
    # Points at the same place of different curves take about as many steps, and share a batch.
    order = np.argsort([i for _, i, _ in inserted], kind="stable")
    mesh = search.at(rows, values)[order]
    found = minimise_firmly(search.likelihood, search.names, mesh, starts[order])
    found = take(found, np.argsort(order))
    result = list(curves)
    for h in np.unique(rows):
        mine = np.flatnonzero(rows == h)
        result[h] = joined(curves[h], Curve(values[mine], take(found, mine)))
    return result


def with_bottoms(search: Search, curves: list[Curve]) -> list[Curve]:
    """The curves with the bottoms of their local minima added to them."""
    curves = list(curves)
    at = [
        (h, int(i))
        for h, c in enumerate(curves)
        for i in local_minima(c.minima.chi2, c.minima.converged, search.level, depth=DEPTH)
    ]
    if not at:
        return curves
    rows = np.array([h for h, _ in at])

    def lowest_at(values: np.ndarray, lanes: np.ndarray, starts: np.ndarray) -> Minimum:
        mesh = search.at(rows[lanes], values)
        return lower_of_ends(search.likelihood, search.names, mesh, starts)

    triples = [bracket_of(curves[h].values, curves[h].minima, [i - 1], 3) for h, i in at]
    bottoms = lowest_in(lowest_at, merged(triples))
    for h in np.unique(rows):
        mine = np.flatnonzero((rows == h) & bottoms.lower)
        if mine.size:
            curves[h] = joined(curves[h], Curve(bottoms.values[mine], take(bottoms.minima, mine)))
    return curves


def with_better_minima(search: Search, curves: list[Curve]) -> list[Curve]:
    """The curves with better minima spread from place to place, where there can be several valleys.

    A place that missed the lowest valley would look like the end of a range, at which chi^2 jumps.
    """
    if not set(search.likelihood.many_valleys) - set(search.names):
        return curves
    held = dict(zip(search.names[:-1], map(float, search.points[0]), strict=True))
    rest = search.likelihood.hold(**held, **{search.names[-1]: float(search.declared.start)})
    result = []
    for h, curve in enumerate(curves):
        mesh = search.at(np.full(len(curve.values), h), curve.values)
        problem = (search.likelihood, rest, search.names, mesh, curve.values.shape)
        result.append(
            Curve(curve.values, spread_better_minima(*problem, curve.minima, several=True))
        )
    return result
