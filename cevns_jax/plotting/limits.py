"""Figures of limits: the allowed ranges of a parameter against what was held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.levels import per_cent
from cevns_jax.inference.regions import scale_of
from cevns_jax.plotting.curves import with_room
from cevns_jax.plotting.figures import (
    FAILED,
    LINES,
    colour_of,
    data_set_words,
    held_texts,
    joined_titles,
    legend_above,
    new_figure,
    once,
    own_title,
    short_numbers,
)
from cevns_jax.plotting.text import with_unit
from cevns_jax.results.limit import limit_rows
from cevns_jax.summary import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

SHADE = "0.88"  # of what is excluded
# Largest relative step from an end of a range to the one at the next held value that continues its
# line. Found by trial: larger, ends of different ranges are joined; smaller, steep lines break.
STEP = 0.35


def limits(results: list[Result]) -> Figure:
    """Allowed ranges of one parameter against one held parameter: the excluded part of the first
    result is shaded, ends are lines.

    Args:
        results: Limits of the same parameter against the same held one.
    """
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    first = results[0].attributes
    (held,) = first["axes"]
    name = first["parameter"]
    common, more = held_texts(results)
    for i, result in enumerate(results):
        _draw(axes, result, colour_of(i), LINES[i % len(LINES)], more[i])
    grid = results[0].variables[held][1]
    log = len(grid) > 2 and scale_of(grid) == "log"
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(*with_room(grid[0], grid[-1]))
    axes.set_xlabel(_label(first, held))
    axes.set_ylabel(_label(first, name))
    _vertical(axes, results)
    _shade(axes, results[0])
    for result in results:
        _mark_failed(axes, result)
    axes.set_title(common, fontsize=8, loc="right")
    legend_above(figure, *axes.get_legend_handles_labels(), title=own_title(results[0]))
    return figure


def _draw(axes: Axes, result: Result, colour: str, line: str, more: str) -> None:
    """Ends of the allowed ranges as lines."""
    a, v = result.attributes, result.variables
    (held,) = a["axes"]
    kind = data_set_words(result)
    label = f"{joined_titles(result)}, {per_cent(a['confidence_level'])} CL"
    label += rf" ($\Delta\chi^2 < {a['delta_chi2']:.3g}$)" + (f", {kind}" if kind else "")
    axes.plot([], [], color=colour, linestyle=line, label=label + more)
    low, high = _ends(result)
    for edge, following in zip((low, high), _followers(low, high), strict=True):
        for piece in _pieces(v[held][1], edge, following):
            marker = "o" if len(piece) == 1 else None  # a line of one point would not be seen
            axes.plot(*piece.T, color=colour, linestyle=line, linewidth=1.1, marker=marker)


def _mark_failed(axes: Axes, result: Result) -> None:
    """Marks at the held values whose ranges did not converge: at the upper end of the first range,
    or at the upper edge of the figure if there is none."""
    x = result.variables[result.attributes["axes"][0]][1]
    left, right = axes.get_xlim()
    failed = ~result.variables["point_converged"][1].astype(bool) & (left <= x) & (x <= right)
    if failed.any():
        bottom, top = axes.get_ylim()
        end = _ends(result)[1][failed, 0]
        heights = np.where(np.isfinite(end), np.clip(end, bottom, top), top)
        axes.plot(
            x[failed], heights, "x", color="C3", label=once(axes, FAILED), clip_on=False, zorder=5
        )


def _ends(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of R ranges at H held values, shape (H, R).

    NaN if there is no such range, infinite if the domain ends before the level is reached, zero if
    the range begins at the lowest coupling.
    """
    rows = limit_rows(result)
    most = max(1, *(len(row["allowed"]) for row in rows))
    low, high = (np.full((len(rows), most), np.nan) for _ in range(2))
    for h, row in enumerate(rows):
        for i, (a, b) in enumerate(row["allowed"]):
            low[h, i] = -np.inf if a is None else a
            high[h, i] = np.inf if b is None else b
    return low, high


def _followers(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each end the index of the range at the next held value that continues its line.

    If both held values have the same number of ranges, with ends of the same kinds, ranges continue
    in their order. Else an end continues at the nearest one of its kind, if that is near.

    Returns:
        Indices for lower and for upper ends, shape (H, R); -1 where the line ends.
    """
    lower, upper = (np.full(low.shape, -1) for _ in range(2))
    for h in range(len(low) - 1):
        shapes = [
            [(_kind(a), _kind(b)) for a, b in zip(low[k], high[k], strict=True)] for k in (h, h + 1)
        ]
        for edge, following in ((low, lower), (high, upper)):
            if shapes[0] == shapes[1]:
                following[h] = np.where(np.isnan(edge[h]), -1, np.arange(edge.shape[1]))
            else:
                for i, k in _nearest(edge[h], edge[h + 1]):
                    following[h, i] = k
    return lower, upper


def _kind(end: float) -> str:
    """Kind of an end: ``seen`` if it is a point of a line, else ``none``, ``0`` or ``infinite``."""
    return number(end) if end == 0 or not np.isfinite(end) else "seen"


def _nearest(before: np.ndarray, after: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of indices of ends that belong together, the nearest first.

    Ends of a line are compared by their distance; others belong to the first of the same kind.
    """
    pairs = sorted(
        (abs(b - a) / max(abs(a), abs(b)) if _kind(a) == "seen" else 0.0, i, k)
        for i, a in enumerate(before)
        for k, b in enumerate(after)
        if _kind(a) == _kind(b) != "none"
    )
    found: dict[int, int] = {}
    for distance, i, k in pairs:
        if distance < STEP and i not in found and k not in found.values():
            found[i] = k
    return list(found.items())


def _pieces(x: np.ndarray, edge: np.ndarray, following: np.ndarray) -> list[np.ndarray]:
    """Lines through the ends of one kind, shape (H, R), from each to that which follows it."""
    lines: list[list[tuple[float, float]]] = []
    going: dict[int, list[tuple[float, float]]] = {}
    for value, ends, places in zip(x, edge, following, strict=True):
        ahead = {}
        for i in (i for i, end in enumerate(ends) if _kind(end) == "seen"):
            line = going.get(i) or []
            if not line:
                lines.append(line)
            line.append((float(value), float(ends[i])))
            if places[i] >= 0:
                ahead[int(places[i])] = line
        going = ahead
    return [np.array(line) for line in lines]


def _shade(axes: Axes, result: Result) -> None:
    """What is excluded: everything in sight except the ranges, which are drawn over it.

    A range is drawn along the lines of its ends; one at a single held value half of the way to
    the next on both sides. What is between a value that has a range and one that has not is not
    known, and stays shaded.
    """
    from matplotlib.collections import PolyCollection

    grid, sight = result.variables[result.attributes["axes"][0]][1], axes.get_ylim()
    ends = _ends(result)
    sides = [_beside(following) for following in _followers(*ends)]
    goes_on: np.ndarray = np.any(np.stack(sides) >= 0, axis=0)
    goes_on = goes_on | ~np.any(goes_on, axis=-1, keepdims=True)
    cells = []
    for h, i in np.argwhere(~np.isnan(ends[0])):
        below, above = (
            _around(axes, grid, np.clip(edge, *sight), beside[h, i], goes_on[h, i], h, i)
            for edge, beside in zip(ends, sides, strict=True)
        )
        cells.append([*below, *above[::-1]])
    axes.axhspan(*sight, color=SHADE, linewidth=0, zorder=0)
    # Their own outlines hide the seams between neighbours.
    axes.add_collection(PolyCollection(cells, color="white", linewidth=0.4, zorder=0.1), False)
    axes.set_ylim(sight)
    axes.plot([], [], "s", color=SHADE, label="excluded")


def _beside(following: np.ndarray) -> np.ndarray:
    """For each end the places of the same end at the held values before and after, shape (H, R, 2);
    -1 where there is none."""
    both = np.stack([np.full_like(following, -1), following], axis=-1)
    for h, i in np.argwhere(following >= 0):
        both[h + 1, following[h, i], 0] = i
    return both


def _around(
    axes: Axes,
    grid: np.ndarray,
    edge: np.ndarray,
    beside: np.ndarray,
    goes_on: np.ndarray,
    h: int,
    i: int,
) -> list[tuple[float, float]]:
    """An end at one held value, and half of the way to its neighbours if its range goes on there:
    along its line where it has one, else level."""
    here = (float(grid[h]), float(edge[h, i]))
    points = []
    for k, place, on, border in zip((h - 1, h + 1), beside, goes_on, axes.get_xlim(), strict=True):
        if not 0 <= k < len(grid):
            points.append((border, here[1]))
        elif on:
            height = float(edge[k, place]) if place >= 0 else here[1]
            points.append(_middle(axes, here, (float(grid[k]), height)))
        else:
            points.append(here)
    return [points[0], here, points[1]]


def _middle(axes: Axes, *points: tuple[float, float]) -> tuple[float, float]:
    """The middle of two points as they are seen, whatever the scales."""
    x, y = axes.transScale.inverted().transform(axes.transScale.transform(points).mean(axis=0))
    return float(x), float(y)


def _vertical(axes: Axes, results: list[Result]) -> None:
    """Scale and limits of the vertical axis; logarithmic if all ends are positive and spread."""
    ends = np.concatenate([np.concatenate([e.ravel() for e in _ends(r)]) for r in results])
    seen = ends[np.isfinite(ends) & (ends != 0)]
    if not seen.size:
        return
    if (seen > 0).all() and seen.max() > 5 * seen.min():
        axes.set_yscale("log")
        axes.set_ylim(seen.min() / 5, seen.max() * 5)
    else:
        short_numbers(axes, "y")
        margin = 0.25 * (seen.max() - min(seen.min(), 0.0) or 1.0)
        axes.set_ylim(
            min(seen.min() - margin, 0.0) if (seen < 0).any() else 0.0, seen.max() + margin
        )


def _label(attributes: dict[str, Any], name: str) -> str:
    return with_unit(attributes["labels"].get(name) or name, attributes["units"].get(name, ""))
