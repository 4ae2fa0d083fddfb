"""What all figures share: how they are made and saved, and what they say of a result.

Matplotlib without pyplot: no global state, no window.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cevns_jax.files import write_atomically
from cevns_jax.plotting.text import LARGE, drawable, equation, unit_text
from cevns_jax.results.result import Result
from cevns_jax.results.told import data_set

LINES = ("-", "--", ":", "-.")
SMALLEST = 5.0  # font size
FAILED, EXCLUDED = "not converged", r"excluded ($\chi^2$ infinite)"


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


def legend_above(
    figure: Figure, handles: Sequence[Any], labels: Sequence[str], columns: int = 1
) -> None:
    """A legend above all panels, as wide as the figure at most: with fewer columns, then smaller.

    Args:
        figure: The figure.
        handles, labels: What to explain.
        columns: Columns, if there is room.
    """
    room = figure.bbox.width
    for size, number in ((8.0, columns), (8.0, 1), (7.0, 1), (6.0, 1), (SMALLEST, 1)):
        legend = figure.legend(
            handles,
            labels,
            frameon=False,
            fontsize=size,
            ncols=number,
            loc="outside upper center",
        )
        if legend.get_window_extent().width <= room or size == SMALLEST:
            return
        legend.remove()


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
        unit = unit_text(result.attributes["units"][name])
        digits = 2 if value > 1 else 3
        form = f".{digits}f" if np.nanmax(np.abs([value, low, high])) < LARGE else ".3g"
        right = f"{value:{form}}"
        for mark, sign, error in (("^", "+", high), ("_", "-", low)):
            right += f"{mark}{{{sign}{error:{form}}}}" if np.isfinite(error) else ""
        texts.append(f"{equation(result.attributes['labels'][name] or name, right)} {unit}")
    return ", ".join(texts).strip() or "nuisances alone vary"
