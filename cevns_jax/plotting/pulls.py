"""Pulls, impacts and correlation of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.plotting.figures import (
    data_set_words,
    headline,
    joined_titles,
    new_figure,
    own_title,
    short_numbers,
)
from cevns_jax.plotting.text import with_unit
from cevns_jax.plotting.words import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

# Nuisances that are drawn, those with the largest impacts: a row takes a quarter of an inch, so
# that these fill a page.
PULLS_SHOWN = 30
FEWEST = 4  # rows that there is room for, so that one or two rows are not stretched
# Size of a negative correlation above which its sign is written if there is no room for the number.
MARKED = 0.1
ANNOTATED = 12  # parameters up to which correlations are written as numbers
LETTER = 0.055  # width of a letter of a name [inch]


def pulls(result: Result) -> Figure:
    """Pulls of the parameters that have a prior, the impact of each on the first physics parameter,
    and the correlation of all parameters.

    Args:
        result: A fit.
    """
    v = result.variables
    names = [str(n) for n in v["parameter"][1]]
    physics = [str(n) for n in v["physics"][1]]
    index = {n: i for i, n in enumerate(names)}
    constrained = np.isfinite(v["prior_width"][1])
    nuisances = [n for n in names if n not in physics and constrained[index[n]]]
    impact = v["impact"][1][0] if physics else np.zeros((len(names), 2))
    largest = sorted(
        nuisances, key=lambda n: -float(np.nanmax(np.abs(impact[index[n]]), initial=0))
    )
    shown = largest[:PULLS_SHOWN][::-1]
    columns = 2 if physics else 1
    words = in_words(result, names, physics)
    longest = LETTER * max(map(len, words.values()))
    square = max(min(max(3.0, 0.26 * len(names)), 5.5), 0.12 * len(names))
    widths = (3.2 * columns + longest, square + longest + 1.2)
    figure = new_figure(sum(widths), 0.6 + max(square + longest, 1.0 + 0.26 * len(shown)))
    parts: Any = figure.subfigures(1, 2, width_ratios=widths)
    left, right = parts
    panels = left.subplots(1, columns, squeeze=False)[0]
    _pulls(panels[0], result, shown, index, words)
    if physics:
        label = result.attributes["labels"].get(physics[0]) or physics[0]
        unit = result.attributes["units"].get(physics[0], "")
        _impacts(panels[1], impact, shown, index, with_unit(label, unit))
    _correlation(right.subplots(), v["correlation"][1], [words[n] for n in names])
    kind = data_set_words(result)
    titles = (own_title(result) or joined_titles(result)) + (f", {kind}" if kind else "")
    figure.suptitle(f"{titles}\nbest fit: {headline(result)}", fontsize=10)
    return figure


def _pulls(
    panel: Axes, result: Result, shown: list[str], index: dict[str, int], words: dict[str, str]
) -> None:
    v = result.variables
    rows = [index[n] for n in shown]
    value, low, high, mean, width = (
        v[k][1][rows] for k in ("value", "error_low", "error_high", "prior_mean", "prior_width")
    )
    place = np.arange(len(shown))
    panel.axvspan(-1, 1, color="0.9")
    panel.axvline(0, color="black", linewidth=0.8)
    panel.errorbar(
        (value - mean) / width,
        place,
        xerr=np.nan_to_num(np.stack([low, high]) / width),
        fmt="o",
        color="black",
        markersize=4,
    )
    panel.set_yticks(place, [words[n] for n in shown], fontsize=8)
    panel.set_ylim(*_room(shown))
    panel.set_xlabel("pull [its prior width], grey: prior")


def _room(shown: list[str]) -> tuple[float, float]:
    """Limits of the rows; bars of a few rows are no higher than those of many."""
    spare = max(FEWEST - len(shown), 0) / 2
    return -0.6 - spare, len(shown) - 0.4 + spare


def _impacts(
    panel: Axes, impact: np.ndarray, shown: list[str], index: dict[str, int], physics: str
) -> None:
    place = np.arange(len(shown))
    for side, (name, hatch, colour) in enumerate(
        (("at lower error", "////", "white"), ("at upper error", "", "0.5"))
    ):
        panel.barh(
            place,
            [impact[index[n], side] for n in shown],
            color=colour,
            edgecolor="black",
            hatch=hatch,
            linewidth=0.6,
            height=0.7,
            label=name,
        )
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set_yticks(place, [""] * len(shown))
    panel.set_ylim(*_room(shown))
    panel.set_xlabel(f"impact on {physics}")
    short_numbers(panel, "x")
    panel.locator_params(axis="x", nbins=5)  # of small shifts numbers are wide
    panel.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _correlation(panel: Axes, matrix: np.ndarray, names: list[str]) -> None:
    image = panel.imshow(matrix, vmin=-1, vmax=1, cmap="RdGy")
    places = np.arange(len(names))
    panel.set_xticks(places, names, rotation=90, fontsize=7)
    panel.set_yticks(places, names, fontsize=7)
    if len(names) > ANNOTATED:
        for i, j in np.argwhere(matrix < -MARKED):  # the sign also without colours
            panel.text(j, i, "$-$", ha="center", va="center", fontsize=6)
    else:
        for i in range(len(names)):
            for j in range(len(names)):
                dark = abs(matrix[i, j]) > 0.6
                panel.text(
                    *(j, i, f"{matrix[i, j]:z.2f}"),
                    ha="center",
                    va="center",
                    fontsize=6,
                    color="white" if dark else "black",
                )
    panel.figure.colorbar(image, ax=panel, shrink=0.7, label="correlation")
