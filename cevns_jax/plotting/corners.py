"""Corner plots: marginals of parameters, and the regions of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cevns_jax.inference.levels import per_cent
from cevns_jax.plotting.curves import FILLS
from cevns_jax.plotting.draws import SHARES, Shown, names_of, physics_of, shown
from cevns_jax.plotting.figures import (
    legend_above,
    new_figure,
)
from cevns_jax.plotting.shades import (
    EDGE,
    FILL,
    PRIOR,
    plane_density,
    scaled,
    shade,
    title,
    weight_text,
    wrapped,
)
from cevns_jax.plotting.text import drawable
from cevns_jax.plotting.words import in_words
from cevns_jax.results.told import published_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

MOST = 7  # parameters of a corner plot: with more, its panels cannot be read on a page
WIDE = 1.95  # a panel [inch]
ROOM = 1.28  # height of a marginal's panel, in units of its highest density
MODE = "#08306b"


def corner(result: Result) -> Figure:
    """Marginals of the parameters with their credible intervals and priors, and below them the
    credible regions of each pair.

    Parameters of physics come first. Of many nuisances those are shown that correlate most with
    them, and how many are left out is said.

    Args:
        result: A posterior.
    """
    names, left_out = chosen(result)
    rows = shown(result, names)
    size = len(rows)
    wide = 4.6 if size == 1 else WIDE if size > 2 else 2.6
    figure = new_figure(wide * size + 0.6, wide * size * (0.75 if size == 1 else 1.0) + 1.4)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0)
    grid = figure.subplots(size, size, squeeze=False)
    for first, second in combinations(range(size), 2):
        grid[first, second].axis("off")
        _plane(grid[second, first], rows[first], rows[second], result)
    for i, parameter in enumerate(rows):
        _marginal(grid[i, i], parameter, result)
        _heading(grid[i, i], parameter, first=i == 0)
    _axes(grid, rows)
    handles, labels = _legend(result, rows)
    lines = "\n".join(title(result, left_out))
    if size < 4:
        figure.set_figheight(figure.get_figheight() + 0.1 * len(labels))
        legend_above(figure, handles, labels, columns=2, title=lines)
    else:
        figure.suptitle(lines, fontsize=10)
        legend = grid[0, -1].legend(
            *(handles, labels), frameon=False, fontsize=8, loc="upper right", borderaxespad=0
        )
        legend.set_in_layout(False)
    return figure


def chosen(result: Result) -> tuple[list[str], str]:
    """The parameters that are shown, and a sentence on those that are not."""
    drawn = result.draws["posterior"]
    physics = physics_of(result)[:MOST]
    others = [name for name in names_of(result) if name not in physics]
    room = MOST - len(physics)
    if len(others) <= room:
        return [*physics, *others], ""
    with np.errstate(invalid="ignore", divide="ignore"):  # of what does not move
        matrix = np.corrcoef(np.stack([drawn[n][1].ravel() for n in (*physics, *others)]))
    strength = np.abs(matrix[len(physics) :, : len(physics)]).max(axis=1, initial=0.0)
    strength = np.nan_to_num(strength)
    order = np.argsort(-strength, kind="stable")
    left = len(others) - room
    what = "nuisance" if len(physics_of(result)) <= MOST else "parameter"
    text = f"{left} {what}{'s' if left > 1 else ''} not shown"
    if physics:
        words = in_words(result, physics, physics)
        size = strength[order[room]]
        text += f", of correlations up to {size:.2f} with {', '.join(words.values())}"
    kept = sorted(order[:room])
    return [*physics, *(others[i] for i in kept)], text


def _marginal(panel: Axes, parameter: Shown, result: Result) -> None:
    """Density with its credible intervals shaded, the prior dashed, median and mean as lines."""
    (places,), height = parameter.density
    values, top = parameter.from_axis(places), float(height.max())
    for share in reversed(SHARES):
        for low, high in parameter.ranges(share):
            start, stop = (float(parameter.on_axis(end)) for end in (low, high))
            inside = np.linspace(start, stop, 200)
            panel.fill_between(
                parameter.from_axis(inside),
                np.interp(inside, places, height),
                color=FILL[share],
                linewidth=0,
            )
    panel.plot(values, height, color="black", linewidth=1.1)
    if (prior := parameter.prior_density) is not None:
        panel.plot(parameter.from_axis(prior[0]), prior[1], **PRIOR)
    median = float(parameter.told["median"])
    panel.vlines(
        median,
        0,
        np.interp(parameter.on_axis(median), places, height),
        color="black",
        linewidth=0.9,
    )
    if not parameter.logarithmic:
        mean = float(parameter.told["mean"])
        panel.vlines(
            mean, 0, np.interp(mean, places, height), color="black", linewidth=0.9, linestyle=":"
        )
    for number, at in _marked(result, parameter):
        panel.plot(*at, (0.05 + 0.1 * (number - 1)) * top, **_mark(number, result))
    for number, published in enumerate(_published(result, parameter)):
        panel.errorbar(
            published.value,
            top * (1.08 + 0.1 * number),
            xerr=[[published.error_low], [published.error_high]],
            **_point(number),
        )
    room = max(ROOM, 1.12 + 0.1 * len(_published(result, parameter)))
    panel.set_ylim(0, room * top)
    panel.set_yticks([])


def _plane(panel: Axes, across: Shown, up: Shown, result: Result) -> None:
    """The regions of the highest density of two parameters."""
    density, draws = plane_density(across, up)
    shade(panel, density, draws, (across, up))
    for number, at in _marked(result, across, up):
        panel.plot(*at, **_mark(number, result))


def _modes(result: Result) -> list[dict[str, Any]]:
    return [mode for mode in result.attributes.get("modes") or [] if mode.get("parameters")]


def _marked(result: Result, *parameters: Shown) -> list[tuple[int, list[float]]]:
    """Numbers of the modes that are marked, and where. Several are marked on axes of physics alone:
    on those of nuisances they are on top of each other."""
    modes = _modes(result)
    if len(modes) > 1 and not all(p.physics for p in parameters):
        return []
    found = [
        (number, [mode["parameters"].get(p.name) for p in parameters])
        for number, mode in enumerate(modes, start=1)
    ]
    return [(number, at) for number, at in found if None not in at]


def _mark(number: int, result: Result) -> dict[str, Any]:
    """How a mode is marked: by a star, or by its number if there are several."""
    several = len(_modes(result)) > 1
    return {
        "marker": f"${number}$" if several else "*",
        "color": MODE,
        "markeredgecolor": MODE if several else "white",
        "markeredgewidth": 0.4,
        "markersize": 6 if several else 9,
        "linestyle": "none",
        "zorder": 5,
        "clip_on": True,
    }


def _published(result: Result, parameter: Shown) -> list[Any]:
    return published_values(result.attributes, parameter.name) if parameter.physics else []


def _point(number: int) -> dict[str, Any]:
    """How a published value is marked, as below curves of Delta chi^2."""
    return {
        "fmt": "sD^v"[number % 4],
        "color": "black",
        "fillstyle": FILLS[number % len(FILLS)],
        "markersize": 4,
        "linewidth": 0.9,
        "capsize": 2,
    }


def _heading(panel: Axes, parameter: Shown, *, first: bool) -> None:
    """The numbers of a parameter, above its marginal, where nothing is in their way."""
    lines = [*wrapped(parameter.label), parameter.centre_text()]
    lines += [parameter.interval_text(share) for share in SHARES]
    text = "\n".join(lines)
    if first:
        panel.set_title(text, fontsize=7.5, loc="left", pad=3)
        return
    panel.annotate(
        *(text, (0, 1), (0, 3)),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=7.5,
        va="bottom",
    ).set_in_layout(False)


def _axes(grid: np.ndarray, rows: Sequence[Shown]) -> None:
    """Limits, scales and labels: below the lowest panels and beside the first column alone."""
    last = len(rows) - 1
    for i, j in combinations_with_replacement(range(len(rows))[::-1], 2):
        panel, across, up = grid[i, j], rows[j], rows[i]
        scaled(panel, "x", across)
        if i != j:
            scaled(panel, "y", up)
        panel.tick_params(labelsize=7, labelbottom=i == last, labelleft=j == 0 and i != j)
        if i == last:
            panel.set_xlabel("\n".join(wrapped(across.label)), fontsize=8)
            panel.tick_params(axis="x", rotation=45)
        if j == 0 and i != j:
            panel.set_ylabel("\n".join(wrapped(up.label)), fontsize=8)


def _legend(result: Result, rows: Sequence[Shown]) -> tuple[list[Any], list[str]]:
    """Handles and labels of what is drawn."""
    found: list[tuple[Any, str]] = [
        (
            Patch(facecolor=FILL[share], edgecolor="black", linestyle=EDGE[share], linewidth=0.9),
            f"{per_cent(share)} credible, highest density",
        )
        for share in SHARES
    ]
    line: dict[str, Any] = {"color": "black", "linewidth": 0.9}
    found.append((Line2D([], [], **line), "median"))
    if not all(p.logarithmic for p in rows):
        found.append((Line2D([], [], **line, linestyle=":"), "mean"))
    if any(p.prior_density is not None for p in rows):
        found.append((Line2D([], [], **PRIOR), _priors_text(rows)))
    modes = _modes(result)
    for number, mode in enumerate(modes, start=1):
        text = "highest density of all parameters"
        if len(modes) > 1:
            text = f"valley {number}, {weight_text(mode)}"
        found.append((Line2D([], [], **_mark(number, result)), text))
    for parameter in rows:
        for number, published in enumerate(_published(result, parameter)):
            style = {k: v for k, v in _point(number).items() if k not in ("fmt", "capsize")}
            handle = Line2D([], [], **style, marker=_point(number)["fmt"])
            text = f"{drawable(published.short)}: {published.text()} (68 %)"
            found.append((handle, text))
    return [handle for handle, _ in found], [text for _, text in found]


def _priors_text(rows: Sequence[Shown]) -> str:
    """What priors there are: those of physics, in words; those of pulls are seen."""
    told = [f"{p.words} {p.prior_words}" for p in rows if p.physics and p.prior_text]
    return f"prior: {told[0]}" + "".join(f",\n{text}" for text in told[1:]) if told else "prior"
