"""Figures of scans: regions of two parameters, curves of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.levels import LEVELS, name_of
from cevns_jax.inference.regions import contours, scale_of, smallest
from cevns_jax.plotting.figures import (
    EXCLUDED,
    FAILED,
    FEW_POINTS,
    LINES,
    data_set_words,
    joined_titles,
    known_points,
    mark_excluded,
    new_figure,
    with_room,
)
from cevns_jax.plotting.text import with_unit
from cevns_jax.results.scan import surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

GREYS = ("0.45", "0.65", "0.85")


def scans(results: list[Result]) -> Figure:
    """Regions of the first scan, filled, and outlines of the others; or curves of one parameter.

    Args:
        results: Scans over the same one or two parameters.
    """
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    if len(results[0].attributes["parameters"]) == 1:
        _curves(axes, results)
    else:
        region(axes, results[0])
        for number, result in enumerate(results[1:], start=1):
            outline(axes, result, f"C{number}", LINES[number % len(LINES)])
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=2)
    return figure


def panels(planes: dict[str, Result], columns: dict[str, str], sns: str) -> Figure:
    """Figure 3: a row for each interaction, a column for each quenching factor of Dresden-II, the
    2 sigma outline of COHERENT over each.

    Args:
        planes: Scans by ``<interaction>_<column>`` and ``<interaction>_coherent``.
        columns: Columns and their titles.
        sns: Title of the outline.
    """
    rows = list(dict.fromkeys(name.split("_")[0] for name in planes))
    figure = new_figure(5.2 * len(columns), 4.0 * len(rows))
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for row, plane in zip(grid, rows, strict=True):
        for axes, (column, title) in zip(row, columns.items(), strict=True):
            region(axes, planes[f"{plane}_{column}"], title)
            outline(axes, planes[f"{plane}_coherent"], "C0", "--", LEVELS[2][1], sns)
            axes.set_title(title, fontsize=10)
    shown: dict[str, Any] = {}
    for axes, title in zip(grid.flat, [*columns.values()] * len(rows), strict=True):
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            shown.setdefault(text.replace(f"{title}, ", "Dresden-II, "), handle)
    figure.legend(
        list(shown.values()),
        list(shown),
        frameon=False,
        fontsize=9,
        loc="outside upper center",
        ncols=5,
    )
    return figure


def region(axes: Axes, result: Result, name: str = "") -> None:
    """Allowed regions of a scan in greys, the innermost darkest, and its best fit as a star."""
    x, y, delta = surface(result)
    levels = sorted(result.attributes["levels"])
    name = name or _data(result)
    if min(delta.shape) < 2:  # a line of points has no area
        levels = []
    height = np.sqrt(np.maximum(delta, 0.0)).T  # straighter between points than Delta chi^2
    for level, grey in reversed([*zip(levels, GREYS, strict=False)]):
        axes.contourf(x, y, height, levels=[-1.0, np.sqrt(level)], colors=[grey])
        for path in contours((x, y), delta, level):
            axes.plot(path[:, 0], path[:, 1], color="black", linewidth=0.7)
        axes.plot([], [], "s", color=grey, label=f"{name}, {level_text(level)}")
    best = result.attributes["best"]["parameters"]
    at = [best[p] for p in result.attributes["parameters"]]
    if x[0] <= at[0] <= x[-1] and y[0] <= at[1] <= y[-1]:
        axes.plot(
            *at,
            "*",
            color="white",
            markeredgecolor="black",
            markersize=13,
            label="best fit",
            zorder=5,
            clip_on=False,
        )
    excluded = result.variables["point_excluded"][1].astype(bool)
    failed = ~result.variables["point_converged"][1].astype(bool)
    marks = (
        (excluded, "x", "grey", EXCLUDED),
        (failed, "+", "black", FAILED),
    )
    for where, mark, colour, label in marks:
        if where.any():
            at_x, at_y = np.nonzero(where)
            axes.plot(x[at_x], y[at_y], mark, color=colour, markersize=3, label=label)
    describe(axes, result)


def outline(
    axes: Axes,
    result: Result,
    colour: str,
    line: str,
    level: float | None = None,
    name: str = "",
) -> None:
    """Outline of one level of a scan (default: the middle one)."""
    x, y, delta = surface(result)
    levels = sorted(result.attributes["levels"])
    level = levels[len(levels) // 2] if level is None else level
    for path in contours((x, y), delta, level):
        axes.plot(path[:, 0], path[:, 1], color=colour, linestyle=line, linewidth=1.5)
    name = name or _data(result)
    text = level_text(level)
    axes.plot([], [], color=colour, linestyle=line, label=f"{name}, {text}")


def level_text(level: float) -> str:
    """What a level of a plane is called, and its Delta chi^2."""
    name = name_of(level, 2).replace("sigma", r"$\sigma$")
    return rf"{name} ($\Delta\chi^2 < {level:.4g}$)"


def _data(result: Result) -> str:
    """The experiments, and what their data are unless they are measured."""
    kind = data_set_words(result)
    return joined_titles(result) + (f", {kind}" if kind else "")


def describe(axes: Axes, result: Result) -> None:
    """Labels, scales and limits of the axes."""
    for which, name in zip("xy", result.attributes["parameters"], strict=True):
        grid = result.variables[name][1]
        getattr(axes, f"set_{which}label")(_label(result, name))
        scale = scale_of(grid)
        if scale == "signed":
            getattr(axes, f"set_{which}scale")("symlog", linthresh=smallest(grid))
        elif scale == "log":
            getattr(axes, f"set_{which}scale")("log")
        getattr(axes, f"set_{which}lim")(*with_room(grid[0], grid[-1]))


def _label(result: Result, name: str) -> str:
    return with_unit(result.attributes["labels"][name] or name, result.attributes["units"][name])


def _curves(axes: Axes, results: list[Result]) -> None:
    """Delta chi^2 against the parameter, one curve for each scan."""
    (name,) = results[0].attributes["parameters"]
    for number, result in enumerate(results):
        known = known_points(result, name, result.variables[name][1])
        axes.plot(
            *known,
            marker="." if len(known[0]) < FEW_POINTS else None,
            color="black" if number == 0 else f"C{number}",
            linestyle=LINES[number % len(LINES)],
            label=_data(result),
        )
    first = results[0]
    highest = 3 * max(first.attributes["levels"])
    for level in first.attributes["levels"]:
        axes.axhline(level, color="grey", linewidth=0.7, linestyle="--")
    axes.set_xlabel(_label(first, name))
    axes.set_ylabel(r"$\Delta\chi^2$")
    axes.set_ylim(0, highest)
    grid = first.variables[name][1]
    mark_excluded(axes, grid[first.variables["point_excluded"][1].astype(bool)], highest)
    failed = ~first.variables["point_converged"][1].astype(bool)
    if failed.any():
        heights = first.variables["delta_chi2"][1][failed]
        axes.plot(grid[failed], heights, "x", color="C3", label=FAILED)
    # Only what is in sight, and a tenth of the points more.
    below = first.variables["delta_chi2"][1] < highest
    if below.any():
        ends, more = np.flatnonzero(below)[[0, -1]], len(grid) // 10
        low, high = np.clip((ends[0] - more, ends[1] + more), 0, len(grid) - 1)
        axes.set_xlim(*with_room(grid[low], grid[high]))
    scale = scale_of(first.variables[name][1])
    if scale == "log":
        axes.set_xscale("log")
    elif scale == "signed":
        axes.set_xscale("symlog", linthresh=smallest(first.variables[name][1]))
