"""Figures of limits: the allowed ranges of a parameter against what was held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.levels import per_cent
from cevns_jax.inference.regions import scale_of
from cevns_jax.plotting.curves import with_room
from cevns_jax.plotting.figures import (
    LINES,
    data_set_words,
    joined_titles,
    legend_above,
    new_figure,
)
from cevns_jax.plotting.text import values_text, with_unit
from cevns_jax.results.limit import limit_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

EXCLUDED = "0.88"
STEP = 0.35  # of an end, up to which that at the next held value belongs to the same line


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
    for number, result in enumerate(results):
        colour = "black" if number == 0 else f"C{number - 1}"
        _draw(axes, result, colour, LINES[number % len(LINES)])
    grid = results[0].variables[held][1]
    log = len(grid) > 2 and scale_of(grid) == "log"
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(*with_room(grid[0], grid[-1]))
    axes.set_xlabel(_label(first, held))
    axes.set_ylabel(_label(first, name))
    _vertical(axes, results)
    _shade(axes, results[0])
    fixed = values_text(first, first["held"])
    axes.set_title(f"held: {fixed}" if fixed else "", fontsize=8, loc="right")
    legend_above(figure, *axes.get_legend_handles_labels())
    return figure


def _draw(axes: Axes, result: Result, colour: str, line: str) -> None:
    """Ends of the allowed ranges as lines."""
    a, v = result.attributes, result.variables
    (held,) = a["axes"]
    x = v[held][1]
    low, high = _ends(result)
    kind = data_set_words(result)
    label = f"{joined_titles(result)}, {per_cent(a['confidence_level'])} CL"
    label += rf" ($\Delta\chi^2 < {a['delta_chi2']:.3g}$)" + (f", {kind}" if kind else "")
    axes.plot([], [], color=colour, linestyle=line, label=label)
    for edge in (low, high):
        for piece in _pieces(x, edge):
            marker = "o" if len(piece) == 1 else None  # a line of one point would not be seen
            axes.plot(*piece.T, color=colour, linestyle=line, linewidth=1.1, marker=marker)
    failed = ~v["point_converged"][1].astype(bool)
    if failed.any():
        axes.plot(x[failed], high[failed, 0], "x", color="C3", label="not converged")


def _ends(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends, shape (H, R); NaN where there is no range, infinite where the domain
    ends before the level is reached, zero where a coupling begins."""
    rows = limit_rows(result)
    most = max(1, *(len(row["allowed"]) for row in rows))
    low, high = (np.full((len(rows), most), np.nan) for _ in range(2))
    for h, row in enumerate(rows):
        for i, (a, b) in enumerate(row["allowed"]):
            low[h, i] = -np.inf if a is None else a
            high[h, i] = np.inf if b is None else b
    return low, high


def _pieces(x: np.ndarray, edge: np.ndarray) -> list[np.ndarray]:
    """Lines through the ends of one kind, shape (H, R): each goes on to that of the same place at
    the next held value if there are as many, else to the nearest, if that is near. Where a range
    begins or ends, its lines do."""
    lines: list[list[tuple[float, float]]] = []
    going: list[list[tuple[float, float]]] = []
    for value, ends in zip(x, edge, strict=True):
        here = [float(y) for y in ends if np.isfinite(y) and y != 0]
        before = list(going)
        follow = []
        for place, y in enumerate(here):
            if len(here) == len(going):
                line = going[place]
            else:
                line = min(before, key=lambda k: abs(k[-1][1] - y), default=[])
                if line and abs(line[-1][1] - y) < STEP * abs(y):
                    before.remove(line)
                else:
                    line = []
            if not line:
                lines.append(line)
            line.append((float(value), y))
            follow.append(line)
        going = follow
    return [np.array(line) for line in lines]


def _shade(axes: Axes, result: Result) -> None:
    """What is excluded: everything in sight except the ranges, which are drawn over it.

    A range goes on to the next held value if there are as many below it there; what is between a
    value that has it and one that has not is not known, and stays shaded.
    """
    a, v = result.attributes, result.variables
    x = v[a["axes"][0]][1]
    low, high = _ends(result)
    limits = axes.get_ylim()
    axes.axhspan(*limits, color=EXCLUDED, linewidth=0, zorder=0)
    for bottom, top in zip(low.T, high.T, strict=True):
        ends = np.clip(bottom, *limits), np.clip(top, *limits)
        axes.fill_between(x, *ends, where=~np.isnan(bottom), color="white", linewidth=0, zorder=0)
    axes.set_ylim(limits)
    axes.plot([], [], "s", color=EXCLUDED, label="excluded")


def _vertical(axes: Axes, results: list[Result]) -> None:
    """Scale and limits of the vertical axis: logarithmic where all ends that are seen are
    positive."""
    ends = np.concatenate([np.concatenate([e.ravel() for e in _ends(r)]) for r in results])
    seen = ends[np.isfinite(ends) & (ends != 0)]
    if not seen.size:
        return
    if (seen > 0).all() and seen.max() > 5 * seen.min():
        axes.set_yscale("log")
        axes.set_ylim(seen.min() / 5, seen.max() * 5)
    else:
        margin = 0.25 * (seen.max() - min(seen.min(), 0.0) or 1.0)
        axes.set_ylim(
            min(seen.min() - margin, 0.0) if (seen < 0).any() else 0.0, seen.max() + margin
        )


def _label(attributes: dict[str, Any], name: str) -> str:
    return with_unit(attributes["labels"].get(name) or name, attributes["units"].get(name, ""))
