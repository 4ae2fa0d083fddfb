"""Curves of Delta chi^2 against one parameter, with published values below them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevns_jax.inference.levels import LEVELS, name_of
from cevns_jax.plotting.figures import (
    EXCLUDED,
    FAILED,
    LINES,
    data_set_words,
    joined_titles,
    legend_above,
    new_figure,
)
from cevns_jax.plotting.text import drawable, values_text, with_unit
from cevns_jax.published import Published, published_for
from cevns_jax.results.result import Result

FILLS = ("full", "none", "left", "right", "bottom", "top")  # publications on one data set
FEW_POINTS = 40  # below which the points of a curve are marked
TOP = 9.0  # Delta chi^2 at the upper end of profiles


def profiles(results: list[Result]) -> Figure:
    """Delta chi^2 of one parameter from one or several profiles, with published values.

    Args:
        results: Profiles of the same parameter.
    """
    figure = new_figure(6.4, 4.8)
    axes = figure.subplots()
    first = results[0]
    parameter = first.attributes["parameter"]
    shown: list[tuple[Published, str]] = []
    titles = {n: drawable(t) for r in results for n, t in r.attributes["titles"].items()}
    names = [joined_titles(r) for r in results]
    for number, (result, name) in enumerate(zip(results, names, strict=True)):
        grid, delta = result.variables[parameter][1], result.variables["delta_chi2"][1]
        good = result.variables["point_converged"][1].astype(bool)
        excluded = result.variables["point_excluded"][1].astype(bool)
        if names.count(name) > 1:
            config = result.attributes["provenance"].get("config", f"{number + 1}")
            name += f" ({drawable(Path(config).stem)})"
        kind = data_set_words(result)
        colour = "black" if number == 0 else f"C{number - 1}"
        known = known_points(result, parameter, grid)
        axes.plot(
            *known,
            color=colour,
            marker="." if len(known[0]) < FEW_POINTS else None,
            linestyle=LINES[number % len(LINES)],
            label=f"cevns_jax, {name}" + (f", {kind}" if kind else ""),
        )
        if not good.all():
            axes.plot(grid[~good], delta[~good], "x", color="C3", label=_once(axes, FAILED))
        mark_excluded(axes, grid[excluded], TOP)
        before = [p for p, _ in shown]
        data = tuple(result.attributes["experiments"])
        found = published_for(result.attributes["parameter"], data)
        shown += [(p, colour) for p in found if p not in before]
    level_lines(axes, [limit["delta_chi2"] for limit in first.attributes["limits"]] or LEVELS[1])
    a = first.attributes
    axes.set_ylabel(r"$\Delta\chi^2$")
    axes.set_ylim(0, TOP)
    axes.set_xlim(_visible(results))
    axes.ticklabel_format(axis="x", useMathText=True)
    below = _published(axes, shown, titles) if shown else axes
    below.set_xlabel(with_unit(a["labels"][parameter] or parameter, a["units"][parameter]))
    held = a.get("held") or {}
    if held:
        axes.set_title(f"held: {values_text(a, held)}", fontsize=8, loc="right")
    handles, labels = axes.get_legend_handles_labels()
    if shown:
        more = below.get_legend_handles_labels()
        handles, labels = [*handles, *more[0]], [*labels, *more[1]]
    legend_above(figure, handles, labels)
    return figure


def _published(axes: Axes, shown: list[tuple[Published, str]], titles: dict[str, str]) -> Axes:
    """Published values with their 68 % errors, in a panel of their own below the curves: a height
    on the axis of Delta chi^2 would mean something. Returns the panel."""
    panel = axes.inset_axes((0, -0.075 * len(shown) - 0.03, 1, 0.075 * len(shown)), sharex=axes)
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
            f"{published.text()} (68 %)",
        )
    panel.set_ylim(-len(shown) + 0.5, 0.5)
    panel.set_yticks([])
    panel.set_ylabel("published", fontsize=8, rotation=0, ha="right", va="center")
    axes.tick_params(labelbottom=False)
    return panel


def known_points(result: Result, name: str, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where Delta chi^2 of one parameter is known: at the points of the grid, at the best fit, and
    where it crosses a level; so that a coarse grid draws what the numbers say.

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
        )


def mark_excluded(axes: Axes, values: np.ndarray, top: float) -> None:
    """Arrows that leave the figure where chi^2 is infinite."""
    if values.size:
        heights = np.full(values.size, 0.96 * top)
        axes.plot(values, heights, "^", color="grey", label=_once(axes, EXCLUDED))


def _once(axes: Axes, label: str) -> str:
    """A label for the legend, unless it is there."""
    return "" if label in axes.get_legend_handles_labels()[1] else label


def _visible(results: list[Result]) -> tuple[float, float]:
    """Range in which Delta chi^2 is below the upper end of the figure, and a margin."""
    parts = []
    for result in results:
        name = result.attributes["parameter"]
        grid = result.variables[name][1]
        x, delta = known_points(result, name, grid)
        seen = x[delta < TOP + 0.5]
        excluded = grid[result.variables["point_excluded"][1].astype(bool)]
        if seen.size:  # and the nearest on each side that are excluded
            beside = (excluded[excluded < seen.min()][-1:], excluded[excluded > seen.max()][:1])
            seen = np.concatenate([seen, *beside])
        parts.append(seen)
    used = np.concatenate(
        [p for p in parts if p.size]
        or [results[0].variables[results[0].attributes["parameter"]][1]]
    )
    return with_room(float(used.min()), float(used.max()), 0.02)


def with_room(low: float, high: float, share: float = 0.0) -> tuple[float, float]:
    """Limits of an axis with a share of its range as margin; of one point something around it."""
    margin = share * (high - low) if high > low else 0.1 * abs(low) or 1.0
    return low - margin, high + margin
