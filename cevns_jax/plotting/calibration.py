"""Ranks of simulation-based calibrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from cevns_jax.inference.ranks import BINS, LEVEL
from cevns_jax.plotting.figures import LINES, new_figure
from cevns_jax.plotting.text import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.inference.calibration import Calibration

ROW = 3.6  # height of a data set [inch]
ACROSS = 3  # histograms beside each other
COLOURS = ("black", "C0", "C3", "C2", "C1", "C4")
CHI2_LABEL = r"$\chi^2$ of the bins"


def calibrations(found: Sequence[Calibration], labels: Mapping[str, str] | None = None) -> Figure:
    """For each calibration the empirical distributions of the ranks with their band, and the
    histograms with the range of 95 % of counts in a bin.

    Args:
        found: One row each.
        labels: Names of quantities for people, by name; default the names.
    """
    figure = new_figure(10.5, ROW * len(found))
    rows = np.atleast_1d(np.asarray(figure.subfigures(len(found), 1), dtype=object))
    for row, calibration in zip(rows, found, strict=True):
        left, right = row.subfigures(1, 2, width_ratios=(1.15, 1))
        names = [_label(name, labels or {}) for name in calibration.names]
        _distributions(left.subplots(), calibration, names)
        down = -(-len(names) // ACROSS)
        panels = right.subplots(down, ACROSS, sharex=True, sharey=True, squeeze=False).ravel()
        for place, (axes, name) in enumerate(zip(panels, names, strict=False)):
            _histogram(axes, calibration, place, name)
        for axes in panels[len(names) :]:
            axes.remove()
        right.supylabel("data sets", fontsize=9)
        right.supxlabel("rank / (L + 1)", fontsize=9)
    return figure


def _label(name: str, labels: Mapping[str, str]) -> str:
    return CHI2_LABEL if name == "chi2" else drawable(labels.get(name) or name)


def _distributions(axes: Axes, calibration: Calibration, names: Sequence[str]) -> None:
    """Empirical distribution minus the uniform one, of all quantities, with the band."""
    band, number = calibration.band, len(calibration.ranks)
    share = np.concatenate([[0.0], band.share, [1.0]])

    def closed(inner: np.ndarray) -> np.ndarray:
        return np.concatenate([[0.0], inner, [0.0]])

    low, high = (closed(end / number - band.share) for end in (band.low, band.high))
    axes.fill_between(
        share, low, high, color="0.88", lw=0, label=f"{LEVEL:.0%}, everywhere at once"
    )
    axes.axhline(0.0, color="0.6", lw=0.7)
    for i, (name, found) in enumerate(zip(names, calibration.uniformity.values(), strict=True)):
        axes.plot(
            share,
            closed(found.difference),
            LINES[i % len(LINES)],
            color=COLOURS[i % len(COLOURS)],
            lw=1.0 + 0.6 * (i >= len(LINES)),
            label=f"{name}, p = {found.p_ecdf:.2f}",
        )
    widest = float(np.max(high))
    axes.set_ylim(-1.6 * widest, 2.6 * widest)  # room for the legend above
    axes.set_xlim(0.0, 1.0)
    axes.set_title(f"{drawable(calibration.title)}, {number} simulated data sets", fontsize=9)
    axes.set_xlabel("rank / (L + 1)", fontsize=9)
    axes.set_ylabel("empirical distribution - uniform", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(frameon=False, fontsize=7, ncols=2, loc="upper center")


def _histogram(axes: Axes, calibration: Calibration, place: int, name: str) -> None:
    """Ranks of one quantity in bins."""
    number = len(calibration.ranks)
    found = list(calibration.uniformity.values())[place]
    low, high = binom.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], number, 1 / BINS)
    axes.axhspan(low, high, color="0.88", lw=0)
    axes.axhline(number / BINS, color="0.6", lw=0.7)
    axes.stairs(found.counts, np.linspace(0, 1, BINS + 1), color="black", lw=1.0)
    axes.set_ylim(0, 2.2 * number / BINS)
    axes.set_xlim(0, 1)
    axes.set_title(name, fontsize=7)
    axes.text(
        0.5,
        0.93,
        f"p = {found.p_chi2:.2f}",
        fontsize=7,
        ha="center",
        va="top",
        transform=axes.transAxes,
    )
    axes.tick_params(labelsize=7)
