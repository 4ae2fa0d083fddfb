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
from cevns_jax.plotting.text import drawable, equation
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
MANY_BINS = 50
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
    """The free physics parameters with their errors; where none is free, that nuisances alone
    vary."""
    names = [str(n) for n in result.variables["parameter"][1]]
    physics = [str(n) for n in result.variables["physics"][1]]
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
    return ", ".join(texts).strip() or "nuisances alone vary"
