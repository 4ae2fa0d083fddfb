"""What all figures share: how they are made and saved, and what they say of a result.

Matplotlib without pyplot: no global state, no window.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from cevns_jax.files import write_atomically
from cevns_jax.plotting.text import drawable, equation, errors_text, unit_text, values_text
from cevns_jax.results.result import Result
from cevns_jax.results.told import data_set, scales

LINES = ("-", "--", ":", "-.")
SMALLEST = 5.0  # font size of a legend [pt]: smaller cannot be read in print
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
    figure: Figure,
    handles: Sequence[Any],
    labels: Sequence[str],
    columns: int = 1,
    title: str = "",
) -> None:
    """A legend above all panels, as wide as the figure at most: with fewer columns, then smaller.

    Args:
        figure: The figure.
        handles, labels: What to explain.
        columns: Columns, if there is room.
        title: What stands above it, in one or several lines.
    """
    room = figure.bbox.width
    for size, number in ((8.0, columns), (8.0, 1), (7.0, 1), (6.0, 1), (SMALLEST, 1)):
        legend = figure.legend(
            handles,
            labels,
            frameon=False,
            fontsize=size,
            ncols=number,
            title=title or None,
            title_fontsize=size + 1,
            loc="outside upper center",
        )
        legend.get_title().set_multialignment("center")
        if legend.get_window_extent().width <= room or size == SMALLEST:
            return
        legend.remove()


def colour_of(number: int) -> str:
    """Colour of one of several results that are overlaid; the first is black."""
    return "black" if number == 0 else f"C{number - 1}"


def short_numbers(axes: Axes, which: str) -> None:
    """Numbers at a linear axis share an exponent where they are small or large."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 5))
    axis.set_major_formatter(formatter)


def once(axes: Axes, label: str) -> str:
    """A label for the legend, unless it is there."""
    return "" if label in axes.get_legend_handles_labels()[1] else label


def held_texts(results: Sequence[Result]) -> tuple[str, list[str]]:
    """Values at which parameters were held, and what a factor scales that is not on all
    neutrinos: one text for the figure if all results have the same,
    else one for the label of each.

    Args:
        results: What is drawn into one figure.

    Returns:
        A line for the figure, and an end for each label; empty where there is nothing to say.
    """
    said = []
    for result in results:
        held = result.attributes.get("held") or {}
        texts = [f"held: {values_text(result.attributes, held)}" if held else ""]
        said.append("; ".join(filter(None, [*texts, *scaled(result)])))
    if all(text == said[0] for text in said):
        return said[0], [""] * len(results)
    return "", [f", {text or 'nothing held'}" for text in said]


def own_title(result: Result) -> str:
    """The title that was given for this one result on the command line, if there is one."""
    record = result.attributes["provenance"]
    given = any(str(option).startswith("--title ") for option in record.get("options") or [])
    return drawable(record["settings"]["title"]) if given else ""


def joined_titles(result: Result) -> str:
    """Titles of all experiments of a profile or scan."""
    return " + ".join(map(drawable, result.attributes["titles"].values()))


def data_set_words(result: Result) -> str:
    """What the data are, unless they are measured."""
    return data_set(result.attributes["provenance"])


def headline(result: Result) -> str:
    """The free physics parameters with their errors; if there are none, the words that only
    nuisances vary."""
    names = [str(n) for n in result.variables["parameter"][1]]
    physics = [str(n) for n in result.variables["physics"][1]]
    texts = []
    for name in physics:
        i = names.index(name)
        value, low, high = (
            float(result.variables[v][1][i]) for v in ("value", "error_low", "error_high")
        )
        unit = unit_text(result.attributes["units"][name])
        right = errors_text(value, low, high)
        texts.append(f"{equation(result.attributes['labels'][name] or name, right)} {unit}")
    found = ", ".join(texts).strip() or "nuisances alone vary"
    return found + "".join(f" ({text})" for text in scaled(result))


def scaled(result: Result) -> list[str]:
    """What the parameters in use scale if that is not all neutrinos: ``n_sigma scales solar``, with
    the experiment if there are several."""
    a, names = result.attributes, result.attributes.get("experiments", ())
    several = len(names) > 1
    texts = [(name, text) for name in names for text in scales(a, name)]
    return [drawable(text + (f" in {name}" if several else "")) for name, text in texts]
