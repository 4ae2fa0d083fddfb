"""Minima at all points of a grid: valleys are searched at some points and followed to all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from cevns_jax.inference.batches import (
    BLOCK,
    RELEVANT_CHI2,
    Progress,
    minimise_firmly,
    replaced_where,
)
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import keep_better, neighbours_of, spread_better_minima
from cevns_jax.inference.valleys import APART, preferred, search, take
from cevns_jax.likelihood import Likelihood

# Points along each axis at which valleys are searched, by the number of axes; two for more. A
# search costs tens of minimisations. Found by trial: with fewer, a valley that begins between two
# points is left to the spreading of minima between neighbours; with more, small grids take longer.
ANCHORS = {1: 5, 2: 3}
# Starts followed over a grid: each costs a minimisation at every point. Found by trial; of more
# valleys, the lowest at the nearest searched point are followed.
MOST_FOLLOWED = 8
# chi^2 by which the minima of two points must be apart to be starts in two valleys. At two points
# of a grid one valley lies at slightly different places, so this is more than ``APART``: much more,
# and two valleys would be followed as one; much less, and one would be followed several times.
ANOTHER = 9.0
# Points at which valleys are searched once more, where their number changes along the grid. It
# bounds the work on large grids; between these points, better minima spread to the neighbours.
SEARCHED_AGAIN = 32
# Largest expected distance to the minimum, as a share of the height above the level, at which an
# unfinished minimisation counts as settled: chi^2 far from the data is no parabola, but even a fall
# of a thousand times the expected one would leave the point above the level.
NEARLY = 1e-3
COUNT = "valleys"  # name of the array in a block, beside the fields of a minimum


class GridMinima(NamedTuple):
    """Minima at P points of a grid.

    Attributes:
        minima: The lowest at each point, with a leading axis.
        valleys: Number of minima found at each point, shape (P,).
    """

    minima: Minimum
    valleys: np.ndarray


def minimise_grid(
    likelihood: Likelihood,
    grids: dict[str, np.ndarray],
    starts: np.ndarray | None = None,
    *,
    known: np.ndarray,
    progress: Progress = iter,
    blocks: Blocks | None = None,
) -> GridMinima:
    """Minimise at every point of a grid.

    Args:
        likelihood: What to minimise, n parameters beside those of the grid.
        grids: Parameter -> its values; P points in all, the last parameter moves fastest.
        starts: Where the minimisation at each point starts, shape (P, n), besides the valleys
            that are found; default the first known start, or those valleys where there are any.
        known: Starts for the search of valleys, shape (K, n).
        progress: Wraps the iterable of blocks.
        blocks: Where finished blocks are kept; those found there are not computed again.
    """
    axes = np.meshgrid(*grids.values(), indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    shape = tuple(len(values) for values in grids.values())
    return minimise_mesh(
        *(likelihood, tuple(grids), points, shape, starts),
        known=known,
        progress=progress,
        blocks=blocks,
    )


def minimise_mesh(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    shape: tuple[int, ...],
    starts: np.ndarray | None = None,
    *,
    known: np.ndarray,
    progress: Progress = iter,
    blocks: Blocks | None = None,
    highest: float = np.inf,
) -> GridMinima:
    """As :func:`minimise_grid`, at points that are connected like those of a grid, but may lie
    anywhere.

    Args:
        likelihood, starts, known, progress, blocks: As there.
        names: The k parameters held at the points.
        points: Their values, shape (P, k); the last axis of ``shape`` moves fastest.
        shape: Number of points along each axis of the mesh, P in all.
        highest: Delta chi^2, from the lowest along the first axis. A point without convergence is
            left as it is if it and its neighbours are above this.
    """
    rest = likelihood.hold(**dict(zip(names, map(float, points[0]), strict=True)))
    followed = _followed(likelihood, names, points, shape, known) if rest.many_valleys else None
    # Starts of every point, shape (V, P, n): the given ones first, then one in each valley.
    if starts is None:
        first = np.broadcast_to(known[0], (len(points), known.shape[-1]))
        all_starts = first[None] if followed is None else followed
    elif followed is None or len(followed) == 1:
        all_starts = starts[None]
    else:
        all_starts = np.concatenate([starts[None], followed])
    found = _in_blocks(likelihood, rest, names, points, all_starts, shape, progress, blocks)
    # Given starts are made for each point: if they all converged and there is only one minimum,
    # neighbours have nothing better to offer.
    sure = starts is not None and not rest.many_valleys and bool(found.minima.converged.all())
    if sure or not rest.names:
        return found
    if np.isfinite(highest) and not rest.many_valleys:
        chi2 = np.where(found.minima.converged, found.minima.chi2, np.inf).reshape(shape[0], -1)
        lowest = np.tile(chi2.min(axis=0), shape[0])
        if not affecting(found.minima, shape, lowest, highest).any():
            return found
    several = bool((found.valleys > 1).any())
    problem = (likelihood, rest, names, points, shape)
    minima = spread_better_minima(*problem, found.minima, several=several)
    if several:
        minima = _searched_again(*problem, minima, found.valleys)
    return GridMinima(minima, found.valleys)


def _followed(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    shape: tuple[int, ...],
    known: np.ndarray,
) -> np.ndarray:
    """Starts for each point in all valleys that a search at some points of the grid found, shape
    (V, P, n): those of the nearest searched point first."""
    places = [
        np.unique(np.linspace(0, size - 1, ANCHORS.get(len(shape), 2)).round().astype(int))
        for size in shape
    ]
    anchors = np.stack([axis.ravel() for axis in np.meshgrid(*places, indexing="ij")], axis=1)
    rows = np.ravel_multi_index(tuple(anchors.T), shape)
    more = np.broadcast_to(known, (len(rows), *known.shape))
    valleys = search(likelihood, names, points[rows], more)
    most = max(len(minima.chi2) for minima in valleys)
    # Where there are several, those of other points are followed as well, as a valley can begin
    # between two searched points.
    if most > 1:
        most = min(2 * most, MOST_FOLLOWED)
    index = np.stack(np.unravel_index(np.arange(len(points)), shape), axis=1)
    nearest = np.abs((index[:, None] - anchors) / np.array(shape)).sum(axis=2).argmin(axis=1)
    starts = np.empty((most, len(points), known.shape[-1]))
    for anchor, own in enumerate(valleys):
        others = [valleys[other] for other in range(len(valleys)) if other != anchor]
        chosen = _merged([own, *others], most)
        # Filled up by repetition: the array has one size, and a repeated start does no harm.
        starts[:, nearest == anchor] = chosen[np.arange(most) % len(chosen)][:, None]
    return starts


def _merged(valleys: Iterable[Minimum], most: int) -> np.ndarray:
    """Minima of several points, one of each valley as far as parabolas tell, shape (V, n)."""
    chosen: list[np.ndarray] = []
    metrics: list[np.ndarray] = []
    for minima in valleys:
        for x, information in zip(minima.x, minima.information, strict=True):
            away = [x - other for other in chosen]
            above = [
                max(a @ information @ a, a @ metric @ a)
                for a, metric in zip(away, metrics, strict=True)
            ]
            if len(chosen) < most and min(above, default=np.inf) > ANOTHER:
                chosen.append(x)
                metrics.append(information)
    return np.stack(chosen)


def _in_blocks(
    likelihood: Likelihood,
    rest: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    starts: np.ndarray,
    shape: tuple[int, ...],
    progress: Progress,
    blocks: Blocks | None,
) -> GridMinima:
    """The lowest minimum at each point, from several starts, shape (V, P, n)."""
    parts: list[GridMinima] = []
    line = len(points) // shape[0]
    for number in progress(range(-(-len(points) // BLOCK))):
        kept = blocks.load(number) if blocks is not None else None
        if kept is not None:
            found = Minimum._make(kept[name] for name in Minimum._fields)
            parts.append(GridMinima(found, kept[COUNT]))
            continue
        here = slice(number * BLOCK, (number + 1) * BLOCK)
        steps = _steps_before(parts, len(points[here]), line)
        ends = [
            minimise_firmly(likelihood, names, points[here], rows, steps)
            for rows in starts[:, here]
        ]
        parts.append(_lowest(rest, ends))
        if blocks is not None:
            blocks.save(number, parts[-1].minima._asdict() | {COUNT: parts[-1].valleys})
    minima = Minimum(*(np.concatenate(a) for a in zip(*(p.minima for p in parts), strict=True)))
    return GridMinima(minima, np.concatenate([part.valleys for part in parts]))


def _lowest(likelihood: Likelihood, ends: list[Minimum]) -> GridMinima:
    """The best of several ends at each point, and the number of distinct minima among them."""
    if len(ends) == 1:
        return GridMinima(ends[0], np.ones(len(ends[0].chi2), int))
    count = np.zeros(len(ends[0].chi2), int)
    chi2 = np.stack([np.where(end.converged, end.chi2, np.inf) for end in ends])
    relevant = chi2 < chi2.min(axis=0) + RELEVANT_CHI2
    for i, end in enumerate(ends):
        new = relevant[i]
        for j in range(i):
            away = end.x - ends[j].x
            above = np.maximum(
                *(np.einsum("pi,pij,pj->p", away, e.information, away) for e in (end, ends[j]))
            )
            new = new & ~(relevant[j] & (above < APART))
        count += new
    best = ends[0]
    for end in ends[1:]:
        best = replaced_where(preferred(likelihood, end, best), end, best)
    return GridMinima(best, np.maximum(count, 1))


def _steps_before(blocks: list[GridMinima], number: int, line: int) -> np.ndarray | None:
    """A guess of the steps that the next ``number`` of points will take: the steps at the last
    finished value of the first parameter. There are ``line`` points for each value."""
    done = np.concatenate([block.minima.steps for block in blocks]) if blocks else np.zeros(0)
    if len(done) < line:
        return None
    last: np.ndarray = done[len(done) - line :]
    return last[np.arange(number) % line]


def _searched_again(
    likelihood: Likelihood,
    rest: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    shape: tuple[int, ...],
    minima: Minimum,
    valleys: np.ndarray,
) -> Minimum:
    """The minima after another search for valleys at points where a valley ends, which are those
    where fewer are known than at a neighbour."""
    rows = np.flatnonzero((valleys[neighbours_of(shape)] > valleys[:, None]).any(axis=1))
    if not rows.size:
        return minima
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, SEARCHED_AGAIN).round().astype(int))]
    found = search(likelihood, names, points[rows], minima.x[rows][:, None])
    best = [take(valleys, [0]) for valleys in found]
    ends = Minimum(*(np.concatenate(arrays) for arrays in zip(*best, strict=True)))
    keep_better(rest, minima, rows, ends)
    return spread_better_minima(likelihood, rest, names, points, shape, minima, several=True)


def affecting(
    minima: Minimum, shape: tuple[int, ...], lowest: float | np.ndarray, highest: float
) -> np.ndarray:
    """Points that did not converge and on which a range or contour may depend, shape (P,).

    Nothing depends on a point if it and all its neighbours are above the highest level, and the
    neighbours converged, or nearly did.

    Args:
        minima: With a leading axis of the P points of a grid.
        shape: Shape of the grid.
        lowest: Lowest chi^2, one for all or shape (P,).
        highest: Highest level of Delta chi^2 that is reported.
    """
    above = minima.chi2 > lowest + highest  # False where chi^2 is NaN
    with np.errstate(invalid="ignore"):  # infinite where counts are impossible
        nearly = minima.edm < NEARLY * (minima.chi2 - lowest - highest)
    settled = ((minima.converged | nearly) & above)[neighbours_of(shape)]
    settled |= neighbours_of(shape) == np.arange(len(above))[:, None]  # at an edge: no neighbour
    found: np.ndarray = ~minima.converged & ~(above & settled.all(axis=1))
    return found
