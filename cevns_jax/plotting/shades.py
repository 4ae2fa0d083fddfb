"""What figures of posteriors have in common: titles, axes, and how regions are shaded."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from cevns_jax.plotting.densities import Density, density_of
from cevns_jax.plotting.draws import SHARES, Shown, names_of
from cevns_jax.plotting.figures import (
    data_set_words,
    held_texts,
    joined_titles,
    own_title,
    short_numbers,
)
from cevns_jax.plotting.text import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cevns_jax.results.result import Result

LETTERS = 26  # of a label, for which a panel has room
FILL: dict[float, str] = dict(zip(SHARES, ("0.55", "0.82"), strict=True))
EDGE: dict[float, Any] = dict(zip(SHARES, ("-", "--"), strict=True))
PRIOR: dict[str, Any] = {"color": "#b45f06", "linestyle": (0, (4, 2)), "linewidth": 1.1}


def title(result: Result, *more: str) -> list[str]:
    """Lines that say what was sampled and how: data, method, convergence, held values."""
    a = result.attributes
    kind = data_set_words(result)
    first = (own_title(result) or joined_titles(result)) + (f", {kind}" if kind else "")
    chains, each = result.draws["posterior"][names_of(result)[0]][1].shape
    if a["method"] == "tempered":
        how = f"posterior by tempered Monte Carlo: {chains} runs of {each} particles"
    else:
        how = f"posterior by NUTS: {chains} chains of {each} draws"
        known = [p["r_hat"] for p in a["parameters"].values() if p.get("r_hat") is not None]
        how += rf", $\hat{{R}} \leq {max(known):.3f}$" if known else ""
        lost = (a.get("diagnostics") or {}).get("divergences")
        how += "" if lost is None else f", {lost} divergence{'' if lost == 1 else 's'}"
    failed = "" if a["converged"] else drawable(f"NOT CONVERGED: {a['message']}")
    held, _ = held_texts([result])
    return [line for line in (first, how, failed, held, *more) if line]


def weight_text(mode: dict[str, Any]) -> str:
    """The weight of a valley with its error, as far as it is known."""
    weight, error = (mode.get(key) for key in ("weight", "weight_error"))
    if weight is None or not np.isfinite(weight):
        return "its weight is not known"
    known = error is not None and np.isfinite(error) and error > 0
    return f"weight {weight:.3f}" + (rf" $\pm$ {error:.3f}" if known else "")


def wrapped(words: str) -> list[str]:
    """Lines of a label that are no wider than a panel; formulae stay whole."""
    return [words] if "$" in words else textwrap.wrap(words, LETTERS) or [words]


def scaled(panel: Axes, which: str, parameter: Shown, ticks: int = 4) -> None:
    """The axis of a parameter: its scale, numbers at some ticks at most, and what is in sight."""
    if parameter.logarithmic:
        getattr(panel, f"set_{which}scale")("log")
    else:
        short_numbers(panel, which)
        getattr(panel, f"{which}axis").set_major_locator(MaxNLocator(ticks, prune="both"))
        getattr(panel, f"{which}axis").get_offset_text().set_fontsize(7)
    getattr(panel, f"set_{which}lim")(*parameter.sight)


def plane_density(across: Shown, up: Shown) -> tuple[Density, np.ndarray]:
    """The density of two parameters on their axes, and the draws there, shape (N, 2)."""
    draws = np.stack([across.on_axis(across.values), up.on_axis(up.values)], axis=-1)
    known = [p.independent for p in (across, up) if p.independent is not None]
    density = density_of(draws, [across.ends_on_axis, up.ends_on_axis], min(known, default=None))
    return density, draws.reshape(-1, 2)


def shade(panel: Axes, density: Density, draws: np.ndarray, axes: tuple[Shown, Shown]) -> None:
    """Shade the regions of the highest density of two parameters, and draw their edges.

    Args:
        panel: Where to draw.
        density: On the axes of both.
        draws: On them, shape (N, 2).
        axes: The parameters.
    """
    x, y = (p.from_axis(grid) for p, grid in zip(axes, density.grids, strict=True))
    levels = density.levels(draws, SHARES)
    for share, level in reversed([*zip(SHARES, levels, strict=True)]):
        top = float(density.height.max())
        if 0 < level < top:
            panel.contourf(x, y, density.height.T, [level, 2 * top], colors=[FILL[share]])
            panel.contour(
                *(x, y, density.height.T, [level]),
                colors="black",
                linewidths=0.9,
                linestyles=EDGE[share],
            )
