"""Figures of scans: regions of two parameters, curves of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patheffects import withStroke

from cevns_jax.inference.levels import LEVELS, name_of
from cevns_jax.inference.regions import contours, filled, scale_of, smallest
from cevns_jax.plotting.curves import (
    FEW_POINTS,
    known_points,
    level_lines,
    mark_excluded,
    with_room,
)
from cevns_jax.plotting.figures import (
    EXCLUDED,
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
from cevns_jax.plotting.text import number_text, with_unit
from cevns_jax.published import reaches_for
from cevns_jax.results.scan import surface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

GREYS = ("0.45", "0.65", "0.85")
PURPLES = ("#e6ddf2", "#bda6dc", "#8a66b8")  # ever darker, also without colours
FEW_LABELS = 6  # lines of a legend that there is room for; for more the figure becomes higher


def scans(results: list[Result]) -> Figure:
    """Regions of the first scan, filled, and outlines of the others; or curves of one parameter.

    Args:
        results: Scans over the same one or two parameters.
    """
    common, more = held_texts(results)
    names = [_data(result) + held for result, held in zip(results, more, strict=True)]
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    if len(results[0].attributes["parameters"]) == 1:
        _curves(axes, results, names)
    else:
        region(axes, results[0], names[0])
        for i, result in enumerate(results[1:], start=1):
            outline(axes, result, colour_of(i), LINES[i % len(LINES)], name=names[i])
    axes.set_title(common, fontsize=8, loc="right")
    handles, labels = axes.get_legend_handles_labels()
    figure.set_figheight(5.2 + 0.19 * max(len(labels) - FEW_LABELS, 0))
    legend_above(figure, handles, labels, columns=2, title=own_title(results[0]))
    return figure


def panels(planes: dict[str, Result], columns: dict[str, str], sns: str) -> Figure:
    """Figure 3: a row for each interaction, a column for each quenching factor of Dresden-II, its
    excluded regions shaded, the 2 sigma outline of COHERENT over each, and what others state.

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
            result = planes[f"{plane}_{column}"]
            region(axes, result, title, excluded=True)
            outline(axes, planes[f"{plane}_coherent"], "black", "--", LEVELS[2][1], sns)
            _reaches(axes, result.attributes["parameters"][1])
            held, _ = held_texts([result])
            axes.set_title("\n".join(line for line in (title, held) if line), fontsize=10)
    shown: dict[str, Any] = {}
    for axes, title in zip(grid.flat, [*columns.values()] * len(rows), strict=True):
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            shown.setdefault(text.replace(f"{title}, ", "Dresden-II, "), handle)
    legend_above(figure, list(shown.values()), list(shown), columns=2)
    return figure


def region(axes: Axes, result: Result, name: str = "", *, excluded: bool = False) -> None:
    """Regions of a scan, and its best fit as a star.

    Args:
        axes: Where to draw.
        result: The scan.
        name: What the data are called.
        excluded: Whether to shade what each level excludes, the darker the higher, instead of what
            it allows, the innermost darkest.
    """
    plane, levels = surface(result), sorted(result.attributes["levels"])
    name = name or _data(result)
    if min(plane.delta.shape) < 2:  # a line of points has no area
        levels = []
    shades = [*zip(levels, _shades(PURPLES if excluded else GREYS, len(levels)), strict=True)]
    for order, (level, shade) in enumerate(shades if excluded else reversed(shades)):
        _shade(axes, filled(*plane[:2], level, plane.between, above=excluded), shade, order)
        for path in contours(*plane[:2], level, plane.between):
            axes.plot(path[:, 0], path[:, 1], color="black", linewidth=0.5)
        text = f"excluded at {level_text(level, '>')}" if excluded else level_text(level)
        axes.plot([], [], "s", color=shade, label=f"{name}, {text}")
    _best_fit(axes, result)
    _marks(axes, result)
    describe(axes, result)


def _shades(colours: Sequence[str], number: int) -> list[str]:
    """The first of some colours, or where there are more levels as many between them."""
    if number <= len(colours):
        return [*colours[:number]]
    places = np.linspace(0, len(colours) - 1, number)
    parts = np.array([to_rgb(colour) for colour in colours]).T
    found = [np.interp(places, np.arange(len(colours)), part) for part in parts]
    return [to_hex(colour) for colour in zip(*found, strict=True)]


def _shade(axes: Axes, areas: list[list[np.ndarray]], colour: str, order: int) -> None:
    """Areas with their holes, below all lines; those of a higher order over the others."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for lines in areas:
        path = Path.make_compound_path(*(Path(line, closed=True) for line in lines))
        axes.add_patch(PathPatch(path, facecolor=colour, linewidth=0, zorder=1 + 0.01 * order))


def _best_fit(axes: Axes, result: Result) -> None:
    """A star at the best fit, if it is in sight."""
    names = result.attributes["parameters"]
    at = [result.attributes["best"]["parameters"][name] for name in names]
    grids = [result.variables[name][1] for name in names]
    if all(grid[0] <= value <= grid[-1] for grid, value in zip(grids, at, strict=True)):
        axes.plot(
            *at,
            "*",
            color="#08306b",
            markeredgecolor="white",
            markersize=13,
            label="best fit",
            zorder=5,
            clip_on=False,
        )


def _marks(axes: Axes, result: Result) -> None:
    """Marks at points without a finite chi^2, and at those that did not converge."""
    x, y = (result.variables[name][1] for name in result.attributes["parameters"])
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


def outline(
    axes: Axes,
    result: Result,
    colour: str,
    line: str,
    level: float | None = None,
    name: str = "",
) -> None:
    """Outline of one level of a scan (default: the middle one)."""
    plane = surface(result)
    levels = sorted(result.attributes["levels"])
    level = levels[len(levels) // 2] if level is None else level
    for path in contours(*plane[:2], level, plane.between):
        axes.plot(
            *path.T,
            color=colour,
            linestyle=line,
            linewidth=1.5,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],  # on dark areas
        )
    name = name or _data(result)
    text = level_text(level)
    axes.plot([], [], color=colour, linestyle=line, label=f"{name}, {text}")


def level_text(level: float, side: str = "<") -> str:
    """What a level of a plane is called, and Delta chi^2 on one side of it."""
    name = name_of(level, 2).replace("sigma", r"$\sigma$")
    return rf"{name} ($\Delta\chi^2 {side} {level:.4g}$)"


def _data(result: Result) -> str:
    """The experiments, and what their data are unless they are measured."""
    kind = data_set_words(result)
    return joined_titles(result) + (f", {kind}" if kind else "")


def _reaches(axes: Axes, coupling: str) -> None:
    """The smallest couplings that others exclude, at the left end: up to which mass is not said."""
    for published in reaches_for(coupling):
        axes.plot(
            [0.0, 0.11],
            [published.value] * 2,
            transform=axes.get_yaxis_transform(),
            color="white",
            linewidth=2,
            marker="^",
            markersize=6,
            markeredgecolor="black",
            markevery=[1],
            path_effects=[withStroke(linewidth=3.5, foreground="black")],
            label=f"{published.short}, CEvNS: down to ${number_text(published.value)}$ at low mass",
            zorder=4,
        )


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
        else:
            short_numbers(axes, which)
        getattr(axes, f"set_{which}lim")(*with_room(grid[0], grid[-1]))


def _label(result: Result, name: str) -> str:
    return with_unit(result.attributes["labels"][name] or name, result.attributes["units"][name])


def _curves(axes: Axes, results: list[Result], names: list[str]) -> None:
    """Delta chi^2 against the parameter, one curve for each scan."""
    (name,) = results[0].attributes["parameters"]
    for number, result in enumerate(results):
        known = known_points(result, name, result.variables[name][1])
        axes.plot(
            *known,
            marker="." if len(known[0]) < FEW_POINTS else None,
            color=colour_of(number),
            linestyle=LINES[number % len(LINES)],
            label=names[number],
        )
    first = results[0]
    highest = 3 * max(first.attributes["levels"])
    level_lines(axes, first.attributes["levels"])
    axes.set_xlabel(_label(first, name))
    axes.set_ylabel(r"$\Delta\chi^2$")
    axes.set_ylim(0, highest)
    grid = first.variables[name][1]
    for result in results:
        points, v = result.variables[name][1], result.variables
        mark_excluded(axes, points[v["point_excluded"][1].astype(bool)], highest)
        failed = ~v["point_converged"][1].astype(bool)
        if failed.any():
            heights = v["delta_chi2"][1][failed]
            axes.plot(points[failed], heights, "x", color="C3", label=once(axes, FAILED))
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
    else:
        short_numbers(axes, "x")
