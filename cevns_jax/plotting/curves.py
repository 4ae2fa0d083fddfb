"""Curves of Delta chi^2 against one parameter, with published values below them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from cevns_jax.inference.levels import LEVELS, name_of
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
from cevns_jax.plotting.text import drawable, with_unit
from cevns_jax.published import Published, published_for
from cevns_jax.results.result import Result
from cevns_jax.results.told import as_released

FILLS = ("full", "none", "left", "right", "bottom", "top")  # publications on one data set
FEW_POINTS = 40  # below which the points of a curve are marked
TOP = 9.0  # Delta chi^2 at the upper end of profiles: three standard deviations


def profiles(results: list[Result]) -> Figure:
    """Delta chi^2 of one parameter from one or several profiles, with published values.

    Args:
        results: Profiles of the same parameter.
    """
    first, shown = results[0], _shown(results)
    a, parameter = first.attributes, first.attributes["parameter"]
    held, more_held = held_texts(results)
    rows = 0.33 * len(shown)
    figure = new_figure(6.4, 3.9 + 0.17 * (len(results) + len(shown)) + rows)
    heights = (3.9, rows) if shown else (3.9,)
    axes, *below = figure.subplots(
        len(heights), 1, sharex=True, height_ratios=heights, squeeze=False
    )[:, 0]
    for number, result in enumerate(results):
        _curve(axes, result, number, _name(results, number) + more_held[number])
    level_lines(axes, [limit["delta_chi2"] for limit in a["limits"]] or LEVELS[1])
    axes.set_ylabel(r"$\Delta\chi^2$")
    axes.set_ylim(0, TOP)
    axes.set_xlim(_visible(results))
    axes.set_title(held, fontsize=8, loc="right")
    handles, labels = axes.get_legend_handles_labels()
    for panel in below:
        _published(panel, results, shown)
        more = panel.get_legend_handles_labels()
        handles, labels = [*handles, *more[0]], [*labels, *more[1]]
    lowest = [axes, *below][-1]
    lowest.set_xlabel(with_unit(a["labels"][parameter] or parameter, a["units"][parameter]))
    short_numbers(lowest, "x")
    legend_above(figure, handles, labels, title=own_title(first))
    return figure


def _shown(results: list[Result]) -> list[tuple[Published, str]]:
    """Published values of the data sets of the results, each once, in the colour of its curve."""
    colours: dict[Published, str] = {}
    for number, result in enumerate(results):
        if not as_released(result.attributes):
            continue
        data = tuple(result.attributes["experiments"])
        for known in published_for(result.attributes["parameter"], data):
            colours.setdefault(known, colour_of(number))
    return list(colours.items())


def _name(results: list[Result], number: int) -> str:
    """Label of a curve: its experiments, the name of the config if another curve has the same
    experiments, and the kind of data unless they are measured."""
    names = [joined_titles(r) for r in results]
    name, kind = names[number], data_set_words(results[number])
    if names.count(name) > 1:
        config = results[number].attributes["provenance"].get("config", f"{number + 1}")
        name += f" ({drawable(Path(config).stem)})"
    return f"cevns_jax, {name}" + (f", {kind}" if kind else "")


def _curve(axes: Axes, result: Result, number: int, name: str) -> None:
    """Delta chi^2 of one result, with marks where it is not known or infinite."""
    parameter = result.attributes["parameter"]
    grid, delta = result.variables[parameter][1], result.variables["delta_chi2"][1]
    good = result.variables["point_converged"][1].astype(bool)
    excluded = result.variables["point_excluded"][1].astype(bool)
    known = known_points(result, parameter, grid)
    axes.plot(
        *known,
        color=colour_of(number),
        marker="." if len(known[0]) < FEW_POINTS else None,
        linestyle=LINES[number % len(LINES)],
        label=name,
    )
    if not good.all():
        axes.plot(grid[~good], delta[~good], "x", color="C3", label=once(axes, FAILED))
    mark_excluded(axes, grid[excluded], TOP)


def _published(panel: Axes, results: list[Result], shown: list[tuple[Published, str]]) -> None:
    """Published values with their 68 % errors, in a panel of their own below the curves: among the
    curves their heights would be read as Delta chi^2."""
    titles = {n: drawable(t) for r in results for n, t in r.attributes["titles"].items()}
    for number, (published, colour) in enumerate(shown):
        same = [p for p, _ in shown[:number] if p.experiments == published.experiments]
        panel.errorbar(
            published.value,
            -number,
            xerr=[[published.error_low], [published.error_high]],
            fmt="sD^v"[number % 4],
            color=colour,
            fillstyle=FILLS[len(same) % len(FILLS)],
            markersize=5,
            capsize=3,
            label=f"{published.short}, {' + '.join(titles[e] for e in published.experiments)}: "
            f"{published.text().replace('+-', '±')} (68 %)",
        )
    panel.set_ylim(-len(shown) + 0.5, 0.5)
    panel.set_yticks([])
    panel.set_ylabel("published", fontsize=8, rotation=0, ha="right", va="center")


def known_points(result: Result, name: str, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points at which Delta chi^2 of one parameter is known.

    Besides the grid these are the best fit and the crossings of the levels, so that the curve of a
    coarse grid agrees with the printed numbers.

    Args:
        result: A profile, or a scan of one parameter.
        name: The parameter.
        grid: Its values.
    """
    a, delta = result.attributes, result.variables["delta_chi2"][1]
    use = result.variables["point_converged"][1].astype(bool) & np.isfinite(delta)
    best = a["best"]["parameters"][name]
    value = best["value"] if isinstance(best, dict) else best
    more = []
    if use.any() and grid[0] < value < grid[-1]:
        lowest = np.median(
            result.variables["chi2"][1][use] - delta[use]
        )  # up to rounding all alike
        more.append((value, float(a["best"]["chi2"] - lowest)))
    for limit in a["limits"]:
        for ends, kinds in zip(limit["allowed"], limit["ends"], strict=True):
            pairs = zip(ends, kinds, strict=True)
            more += [(end, limit["delta_chi2"]) for end, kind in pairs if kind == "crossing"]
    points = np.array([*zip(grid[use], delta[use], strict=True), *more]).reshape(-1, 2)
    order = np.argsort(points[:, 0], kind="stable")
    return points[order, 0], points[order, 1]


def level_lines(axes: Axes, levels: Sequence[float]) -> None:
    """Lines of constant Delta chi^2 of one parameter, with their confidence levels."""
    for level in levels:
        axes.axhline(level, color="grey", linewidth=0.7, linestyle="--")
        axes.annotate(
            name_of(level),
            (1, level),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 2),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color="0.35",
            path_effects=[withStroke(linewidth=2, foreground="white")],  # on curves
            zorder=4,
        )


def mark_excluded(axes: Axes, values: np.ndarray, top: float) -> None:
    """Arrows that leave the figure where chi^2 is infinite."""
    if values.size:
        heights = np.full(values.size, 0.96 * top)
        axes.plot(values, heights, "^", color="grey", label=once(axes, EXCLUDED))


def _visible(results: list[Result]) -> tuple[float, float]:
    """Range in which Delta chi^2 is below the upper end of the figure, and a margin."""
    parts = []
    for result in results:
        name = result.attributes["parameter"]
        grid = result.variables[name][1]
        x, delta = known_points(result, name, grid)
        seen = x[delta < TOP + 0.5]
        excluded = grid[result.variables["point_excluded"][1].astype(bool)]
        if seen.size:  # and the nearest excluded point on each side
            beside = (excluded[excluded < seen.min()][-1:], excluded[excluded > seen.max()][:1])
            seen = np.concatenate([seen, *beside])
        parts.append(seen)
    used = np.concatenate(
        [p for p in parts if p.size]
        or [results[0].variables[results[0].attributes["parameter"]][1]]
    )
    return with_room(float(used.min()), float(used.max()), 0.02)


def with_room(low: float, high: float, share: float = 0.0) -> tuple[float, float]:
    """Limits of an axis with a share of its range as margin; a single point gets some room."""
    margin = share * (high - low) if high > low else 0.1 * abs(low) or 1.0
    return low - margin, high + margin
