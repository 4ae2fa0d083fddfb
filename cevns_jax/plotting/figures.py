"""Figures of results; one function each. Matplotlib without pyplot: no global state, no window."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cevns_jax.files import write_atomically
from cevns_jax.inference.levels import LEVELS, name_of
from cevns_jax.plotting.text import drawable, equation, with_unit
from cevns_jax.published import Published, published_for
from cevns_jax.results.result import Result
from cevns_jax.results.told import data_set

STYLE = {"cevns": ("CEvNS", "#0b5394", ""), "steady_state": ("steady state", "#d9d9d9", "")}
SPARE = (("#e69138", "////"), ("#6aa84f", "...."), ("#a64d79", "xxxx"), ("#3d85c6", "\\\\\\\\"))
LABELS = {
    "brn": "beam-related neutrons",
    "delayed_brn": "delayed neutrons",
    "nin": "neutrino-induced neutrons",
    "electrons": r"$\nu$-e scattering",
    "capture_lines": "electron capture",
}
AXES = {"photoelectrons": "photo-electrons", "time_us": r"recoil time [$\mu$s]", "f90": "F90"}
UNITS = {"photoelectrons": "PE", "us": r"$\mu$s", "kev": "keV", "kevee": "keVee", "kevnr": "keVnr"}
LINES = ("-", "--", ":", "-.")
FILLS = ("full", "none", "left", "right", "bottom", "top")  # publications on one data set
MANY_BINS = 50
FEW_POINTS = 40  # below which the points of a curve are marked
TOP = 9.0  # Delta chi^2 at the upper end of profiles
FAILED, EXCLUDED = "not converged", r"excluded ($\chi^2$ infinite)"
LARGE = 1e6  # from here on numbers are written with an exponent


def save(figure: Figure, path: Path) -> None:
    """Write a figure as what its name ends in, png, pdf or svg, atomically."""
    kind = path.suffix[1:]
    more: dict[str, dict[str, Any]] = {
        "png": {"pil_kwargs": {"optimize": True}},
        "pdf": {"metadata": {"CreationDate": None}},
    }
    more["svg"] = {"metadata": {"Date": None}}
    write_atomically(path, lambda part: figure.savefig(part, dpi=160, format=kind, **more[kind]))


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def warm_up() -> None:
    """Draw an empty figure: loads fonts and parsers, which takes longer than a figure itself."""
    figure = new_figure(1, 1)
    figure.subplots().set_title(r"$\chi^2$")
    figure.savefig(io.BytesIO(), format="png")


def spectra(result: Result, experiment: str) -> Figure:
    """Observed and fitted counts of one experiment: projections on each axis, with residuals.

    Args:
        result: A fit.
        experiment: Name of the experiment.
    """
    group = result.groups[experiment]
    axes, observed = group["observed"]
    _, expected = group["expected"]
    components = [str(name) for name in group["component"][1]]
    figure = new_figure(5.2 if len(axes) == 1 else 4.4 * len(axes), 5.6)
    panels = figure.subplots(2, len(axes), height_ratios=(3, 1), sharex="col", squeeze=False)
    for column, axis in enumerate(axes):
        others = tuple(i for i in range(len(axes)) if i != column)
        edges = group[f"{axis}_edges"][1]
        parts = expected.sum(axis=tuple(i + 1 for i in others))
        variance = None
        if "error" in group:
            variance = (group["error"][1] ** 2).sum(axis=others)
        _projection(
            panels[0, column],
            panels[1, column],
            axis,
            edges,
            observed.sum(axis=others),
            dict(zip(components, parts, strict=True)),
            variance,
            data_set_words(result) or "observed",
            result.attributes.get("counted", {}).get(experiment, "events"),
        )
    handles, labels = panels[0, 0].get_legend_handles_labels()
    order = list(range(len(labels)))[::-1]
    panels[0, -1].legend(
        [handles[i] for i in order], [labels[i] for i in order], frameon=False, fontsize=9
    )
    a = result.attributes
    quality = f", $\\chi^2$/dof = {a['chi2']:.1f}/{a['degrees_of_freedom']}"
    if result.attributes["provenance"].get("data_set") == "asimov":
        quality = " (Asimov data)"
    figure.suptitle(
        f"{drawable(a['titles'][experiment])}\nbest fit: {headline(result)}{quality}", fontsize=11
    )
    return figure


def _projection(
    top: Axes,
    bottom: Axes,
    axis: str,
    edges: np.ndarray,
    observed: np.ndarray,
    parts: dict[str, np.ndarray],
    variance: np.ndarray | None,
    label: str,
    counted: str,
) -> None:
    """Stacked components and data per unit of the axis, residuals below.

    Args:
        top, bottom: Panels.
        axis: Name of the binned quantity.
        edges: Its bin edges.
        observed: Counts per bin.
        parts: Component -> expected counts.
        variance: Squared errors of Gaussian bins; none for Poisson bins.
        label: What the data are.
        counted: What the numbers are.
    """
    width = np.diff(edges)
    centre = (edges[1:] + edges[:-1]) / 2
    many = len(width) > MANY_BINS
    points: dict[str, Any] = {
        "fmt": "o",
        "color": "black",
        "markersize": 1.8 if many else 3.5,
        "linewidth": 0.6 if many else 1,
        "xerr": None if many else width / 2,
    }
    components_stack(top, edges, parts)
    error = np.sqrt(np.maximum(observed, 1) if variance is None else variance)
    top.errorbar(
        centre,
        observed / width,
        yerr=error / width,
        label=f"{label} ({_count(observed.sum())})",
        zorder=5,
        **points,
    )
    top.set_ylabel(count_label(axis, counted))
    if (observed >= 0).all():
        top.set_ylim(bottom=0)
    top.set_xlim(edges[0], edges[-1])
    total = sum(parts.values())
    expected = np.where(total > 0, total, np.nan)  # no residual where nothing is expected
    error = np.sqrt(expected if variance is None else variance)
    bottom.axhline(0, color="black", linewidth=0.8)
    residual = (observed - total) / error
    bottom.errorbar(centre, residual, yerr=1, **points)
    bottom.set_ylabel(r"(n $-$ $\mu$)/" + (r"$\sqrt{\mu}$" if variance is None else r"$\sigma$"))
    reach = max(3.8, 1.3 + np.nanmax(np.abs(residual), initial=0.0))
    bottom.set_ylim(-reach, reach)
    bottom.set_xlabel(axis_label(axis))


def components_stack(axes: Axes, edges: np.ndarray, parts: dict[str, np.ndarray]) -> None:
    """Components per unit of the axis, stacked, the signal on top.

    Args:
        axes: Where to draw.
        edges: Bin edges, shape (n + 1,).
        parts: Component -> expected counts, shape (n,).
    """
    width = np.diff(edges)
    many = len(width) > MANY_BINS
    base = np.zeros_like(width)
    spare = itertools.cycle(SPARE)
    for name in sorted(parts, key=lambda n: (n == "cevns", -parts[n].sum())):
        title = LABELS.get(name) or drawable(name.replace("_", " "))
        if name in STYLE:
            title, colour, hatch = STYLE[name]
        else:
            colour, hatch = next(spare)
        density = parts[name] / width
        axes.stairs(
            base + density,
            edges,
            baseline=base,
            fill=True,
            facecolor=colour,
            hatch=hatch,
            edgecolor="black",
            linewidth=0.0 if many else 0.6,
            label=f"{title} ({_count(parts[name].sum())})",
        )
        base = base + density


def count_label(axis: str, counted: str) -> str:
    """What is counted, per unit of a binned quantity."""
    unit, counted = UNITS.get(axis.rpartition("_")[2], ""), drawable(counted)
    if unit:
        return f"{counted} / {unit}"
    return f"{counted} per unit of {AXES.get(axis) or drawable(axis)}"


def axis_label(axis: str) -> str:
    """A binned quantity with its unit, from its name."""
    name, _, unit = axis.rpartition("_")
    unit = UNITS.get(unit, "")
    plain = drawable((name if name and unit else axis).replace("_", " "))
    return AXES.get(axis) or plain + (f" [{unit}]" if name and unit else "")


def _count(number: float) -> str:
    """Without decimals, but not zero for what is small, nor a row of digits for what is large."""
    if abs(number) >= LARGE:
        return f"{number:.3g}"
    return f"{number:.0f}" if abs(number) >= 1 else f"{number:.1g}"


def joined_titles(result: Result) -> str:
    """Titles of all experiments of a profile or scan."""
    return " + ".join(map(drawable, result.attributes["titles"].values()))


def data_set_words(result: Result) -> str:
    """What the data are, unless they are measured."""
    return data_set(result.attributes["provenance"])


def headline(result: Result) -> str:
    """The free physics parameters with their errors."""
    names = [str(n) for n in result.variables["parameter"][1]]
    physics = [str(n) for n in result.variables["physics"][1]] or names[:1]
    texts = []
    for name in physics:
        i = names.index(name)
        value, low, high = (
            float(result.variables[v][1][i]) for v in ("value", "error_low", "error_high")
        )
        unit = drawable(result.attributes["units"][name])
        digits = 2 if value > 1 else 3
        form = f".{digits}f" if np.nanmax(np.abs([value, low, high])) < LARGE else ".3g"
        right = f"{value:{form}}"
        for mark, sign, error in (("^", "+", high), ("_", "-", low)):
            right += f"{mark}{{{sign}{error:{form}}}}" if np.isfinite(error) else ""
        texts.append(f"{equation(result.attributes['labels'][name] or name, right)} {unit}")
    return ", ".join(texts).strip()


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
    for level in [limit["delta_chi2"] for limit in first.attributes["limits"]] or LEVELS[1]:
        axes.axhline(level, color="grey", linewidth=0.7, linestyle="--")
        axes.annotate(
            name_of(level),
            (1, level),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 2),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color="grey",
        )
    for number, (published, colour) in enumerate(shown):
        height = 0.5 + 0.45 * number
        same = [p for p, _ in shown[:number] if p.experiments == published.experiments]
        axes.errorbar(
            published.value,
            height,
            xerr=[[published.error_low], [published.error_high]],
            fmt="sD^v"[number % 4],
            color=colour,
            fillstyle=FILLS[len(same) % len(FILLS)],
            markersize=6,
            capsize=3,
            label=f"{published.short}, {' + '.join(titles[e] for e in published.experiments)}: "
            f"{published.text()}",
        )
    a = first.attributes
    axes.set_xlabel(with_unit(a["labels"][parameter] or parameter, a["units"][parameter]))
    axes.set_ylabel(r"$\Delta\chi^2$")
    axes.set_ylim(0, TOP)
    axes.set_xlim(_visible(results))
    figure.legend(frameon=False, fontsize=8, loc="outside upper center")
    return figure


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
