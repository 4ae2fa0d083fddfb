"""Frequentist and Bayesian results of the same parameters in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cevns_jax.errors import ConfigError
from cevns_jax.inference.levels import LIMIT, confidence_level, delta_chi2, per_cent
from cevns_jax.inference.regions import contours
from cevns_jax.plotting.curves import known_points
from cevns_jax.plotting.draws import SHARES, Shown, shown
from cevns_jax.plotting.figures import (
    data_set_words,
    held_texts,
    joined_titles,
    legend_above,
    new_figure,
    own_title,
)
from cevns_jax.plotting.shades import EDGE, FILL, PRIOR, plane_density, scaled, shade
from cevns_jax.results.scan import surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

LIKELIHOOD: dict[str, Any] = {"color": "#08306b", "linestyle": "-.", "linewidth": 1.6}
BARS = (-0.07, -0.14)  # heights of the intervals below the curves: of the posterior, the likelihood
WIDTHS = {0: 3.0, 1: 1.2}  # of the bars, the innermost first


def compared(curve: Result, result: Result, parameter: str | None = None) -> Figure:
    """The profile likelihood beside the marginal density of a posterior, both scaled to one at
    their highest; or, of a scan of two parameters, its 90 % contour over the 90 % credible region.

    Args:
        curve: A profile, or a scan of one or two parameters.
        result: A posterior.
        parameter: That of the curve; default: whichever it has. A scan of two parameters has no
            such curve.

    Raises:
        ConfigError: a result of another kind, or without the parameters of the other.
    """
    names = axes_of(curve)
    if result.kind != "posterior":
        raise ConfigError(f"compared: the second result must be a posterior, not a {result.kind}")
    if parameter is not None and [parameter] != names:
        raise ConfigError(f"compared: the {curve.kind} is of {', '.join(names)}, not {parameter}")
    rows = shown(result, names)
    figure = new_figure(6.4, 5.4)
    panel = figure.subplots()
    if len(rows) == 1:
        handles, labels = _curves(panel, curve, rows[0])
    else:
        handles, labels = _planes(panel, curve, (rows[0], rows[1]))
    legend_above(figure, handles, labels, title="\n".join(_lines(curve, result, rows)))
    return figure


def axes_of(curve: Result) -> list[str]:
    """Parameters of a profile or scan that can be compared with a posterior.

    Raises:
        ConfigError: a result of another kind, or of more than two parameters.
    """
    if curve.kind == "profile":
        return [curve.attributes["parameter"]]
    if curve.kind == "scan" and len(curve.attributes["parameters"]) <= 2:
        return list(curve.attributes["parameters"])
    what = "a scan of more than two parameters" if curve.kind == "scan" else f"a {curve.kind}"
    raise ConfigError(f"compared: needs a profile, or a scan of one or two parameters, not {what}")


def _curves(panel: Axes, curve: Result, parameter: Shown) -> tuple[list[Any], list[str]]:
    """Both curves, with their intervals as bars below; handles and labels of them."""
    grid, delta = known_points(curve, parameter.name, curve.variables[parameter.name][1])
    likelihood = np.exp(-delta / 2)
    (places,), height = parameter.density
    values, scale = parameter.from_axis(places), float(height.max())
    panel.fill_between(values, height / scale, color=FILL[LIMIT], linewidth=0)
    panel.plot(values, height / scale, color="black", linewidth=1.4)
    panel.plot(grid, likelihood, **LIKELIHOOD)
    handles: list[Any] = [
        Line2D([], [], color="black", linewidth=1.4),
        Line2D([], [], **LIKELIHOOD),
    ]
    of = "ln " if parameter.logarithmic else ""
    labels = [
        f"marginal density of {of}{parameter.words}, {parameter.centre_text()}",
        rf"profile likelihood, $\exp(-\Delta\chi^2/2)$, highest at {_best(curve, parameter)}",
    ]
    if (prior := parameter.prior_density) is not None:
        panel.plot(parameter.from_axis(prior[0]), prior[1] / scale, **PRIOR)
        handles.append(Line2D([], [], **PRIOR))
        labels.append("prior, in the units of the marginal density")
    for order, share in enumerate(SHARES):
        for ends in parameter.ranges(share):
            panel.plot(ends, [BARS[0]] * 2, color="black", linewidth=WIDTHS[order], marker="|")
        handles.append(Line2D([], [], color="black", linewidth=WIDTHS[order], marker="|"))
        labels.append(f"credible, {parameter.interval_text(share)}")
    style: dict[str, Any] = {"color": LIKELIHOOD["color"]}
    for limit in curve.attributes["limits"]:
        level = confidence_level(limit["delta_chi2"])
        if level not in SHARES:
            continue
        order = SHARES.index(level)
        for ends in limit["allowed"]:
            panel.plot(ends, [BARS[1]] * 2, **style, linewidth=WIDTHS[order], marker="|")
        handles.append(Line2D([], [], **style, linewidth=WIDTHS[order], marker="|"))
        labels.append(f"confidence, {_allowed_text(limit, parameter)}")
    beside: dict[str, Any] = {
        "transform": panel.get_yaxis_transform(),
        "fontsize": 8,
        "va": "center",
    }
    for bar, text in zip(BARS, ("credible", "confidence"), strict=True):
        panel.text(0.01, bar, text, **beside)
    scaled(panel, "x", parameter, ticks=7)
    panel.set_xlabel(parameter.label)
    panel.set_ylabel("scaled to one at the highest")
    panel.set_ylim(BARS[1] - 0.07, 1.06)
    panel.set_yticks(np.linspace(0, 1, 6))
    panel.axhline(0, color="black", linewidth=0.6)
    return handles, labels


def _planes(panel: Axes, curve: Result, rows: tuple[Shown, Shown]) -> tuple[list[Any], list[str]]:
    """The credible regions and the contour; handles and labels of them."""
    density, draws = plane_density(*rows)
    shade(panel, density, draws, rows)
    handles: list[Any] = [
        Patch(facecolor=FILL[share], edgecolor="black", linestyle=EDGE[share]) for share in SHARES
    ]
    labels = [f"{per_cent(share)} credible, highest density" for share in SHARES]
    plane, level = surface(curve), delta_chi2(LIMIT, 2)
    for line in contours(*plane[:2], level, plane.between):
        panel.plot(*line.T, **LIKELIHOOD)
    handles.append(Line2D([], [], **LIKELIHOOD))
    labels.append(rf"{per_cent(LIMIT)} confidence ($\Delta\chi^2 < {level:.2f}$)")
    best = [_best_value(curve, p.name) for p in rows]
    mark: dict[str, Any] = {
        "marker": "*",
        "color": "#08306b",
        "markeredgecolor": "white",
        "markersize": 13,
    }
    panel.plot(*best, **mark, linestyle="none", zorder=5)
    handles.append(Line2D([], [], **mark, linestyle="none"))
    labels.append("best fit")
    for which, parameter in zip("xy", rows, strict=True):
        scaled(panel, which, parameter, ticks=7)
        getattr(panel, f"set_{which}label")(parameter.label)
        # The contour may reach further than the draws.
        grid = curve.variables[parameter.name][1]
        limits = getattr(panel, f"get_{which}lim")()
        getattr(panel, f"set_{which}lim")(min(limits[0], grid[0]), max(limits[1], grid[-1]))
    return handles, labels


def _best_value(curve: Result, name: str) -> float:
    found = curve.attributes["best"]["parameters"][name]
    return float(found["value"] if isinstance(found, dict) else found)


def _best(curve: Result, parameter: Shown) -> str:
    return f"${parameter.number(_best_value(curve, parameter.name))}$"


def _allowed_text(limit: dict[str, Any], parameter: Shown) -> str:
    """Ranges of a profile or scan as those of a posterior are written; an end at which chi^2 does
    not cross the level is none."""
    texts = []
    for (low, high), kinds in zip(limit["allowed"], limit["ends"], strict=True):
        a, b = (f"${parameter.number(x)}$" for x in (low, high))
        crossed = [kind == "crossing" for kind in kinds]
        if all(crossed):
            texts.append(f"{a} to {b}")
        elif any(crossed):
            texts.append(f"above {a}" if crossed[0] else f"below {b}")
        else:
            texts.append(f"all from {a} to {b}")
    level = per_cent(confidence_level(limit["delta_chi2"]))
    return f"{level}: {' or '.join(texts) or 'nowhere on the grid'}"


def _lines(curve: Result, result: Result, rows: Sequence[Shown]) -> list[str]:
    """What is compared: the data of both, and what each held."""
    data = [own_title(r) or joined_titles(r) for r in (curve, result)]
    kinds = [data_set_words(r) for r in (curve, result)]
    texts = [d + (f", {k}" if k else "") for d, k in zip(data, kinds, strict=True)]
    lines = (
        [texts[0]]
        if texts[0] == texts[1]
        else [f"{curve.kind}: {texts[0]}", f"posterior: {texts[1]}"]
    )
    common, own = held_texts([curve, result])
    lines.append(common)
    if any(own):
        lines += [f"{r.kind}{text}" for r, text in zip((curve, result), own, strict=True)]
    lines += [f"prior of {p.words}: {p.prior_words}" for p in rows if p.prior_text]
    if not result.attributes["converged"]:
        lines.append("the posterior has NOT CONVERGED: no number of it is to be trusted")
    return [line for line in lines if line]
