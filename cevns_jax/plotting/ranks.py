"""Ranks of the draws of each chain among those of all chains.

Vehtari et al., Bayesian Analysis 16 (2021) 667, arXiv:1903.08008, section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch

from cevns_jax.inference.levels import per_cent
from cevns_jax.plotting.chains import (
    MOST_CHAINS,
    check_chains,
    few_text,
    mixing_text,
    not_shown,
    worst,
)
from cevns_jax.plotting.draws import Shown, shown
from cevns_jax.plotting.figures import legend_above, new_figure
from cevns_jax.plotting.shades import title, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

BINS = 20  # of ranks, as Vehtari et al. (2021) draw them
BAND = 0.95  # of the bars of uniform ranks are in the band


def ranks(result: Result) -> Figure:
    """How often the draws of each chain have each rank among the draws of all chains, and the band
    in which the bars of chains are that sample the same posterior (Vehtari et al., Bayesian
    Analysis 16 (2021) 667).

    Args:
        result: A posterior of chains.

    Raises:
        ConfigError: one of independent runs.
    """
    check_chains(result, "ranks")
    rows = shown(result, worst(result))
    chains = len(rows[0].values)
    drawn = min(chains, MOST_CHAINS)
    columns = min(len(rows), 3)
    high = -(-len(rows) // columns)
    figure = new_figure(3.3 * columns + 0.4, 1.3 + high * (0.8 + 0.36 * drawn))
    panels = figure.subplots(high, columns, squeeze=False, sharex=True)
    for panel in panels.flat[len(rows) :]:
        panel.axis("off")
    for panel, parameter in zip(panels.flat, rows, strict=False):
        _rank_bars(panel, parameter, drawn)
    for panel in panels[-1]:
        panel.set_xlabel("rank among all draws [%]", fontsize=8)
    for panel in panels[:, 0]:
        panel.set_ylabel("chain", fontsize=8)
    handles = [
        Patch(facecolor="0.75", edgecolor="black", linewidth=0.6),
        Patch(facecolor="none", edgecolor="#b45f06", hatch="//////", linewidth=0),
    ]
    labels = [
        f"share of the draws of a chain, in {BINS} bins",
        f"{per_cent(BAND)} of the bars of chains that sample the same posterior",
    ]
    lines = title(result, not_shown(result, rows), few_text("chains", chains))
    legend_above(figure, handles, labels, columns=2, title="\n".join(lines))
    return figure


def rank_shares(values: np.ndarray) -> np.ndarray:
    """Shares of the draws of each chain by their rank among all draws, in units of the uniform
    share, shape (chains, BINS).

    Args:
        values: Draws, shape (chains, draws).
    """
    order = np.argsort(values, axis=None, kind="stable")
    rank = np.empty(values.size, dtype=int)
    rank[order] = np.arange(values.size)
    place = (rank * BINS // values.size).reshape(values.shape)
    counts = np.stack([np.bincount(chain, minlength=BINS) for chain in place])
    # Bins do not hold equally many ranks where their number is no multiple of that of the bins, and
    # some none of a few draws.
    uniform = np.bincount(place.ravel(), minlength=BINS) / len(values)
    return np.divide(counts, uniform, out=np.ones(counts.shape), where=uniform > 0)


def rank_spread(chains: int, independent: float) -> float:
    """Standard deviation of :func:`rank_shares` of chains that sample the same posterior.

    The number of draws of a chain in a bin of ranks is hypergeometric; draws that are not
    independent count as fewer.

    Args:
        chains: Number of chains.
        independent: Independent draws of all chains.
    """
    share = 1 / BINS
    return float(np.sqrt((1 - share) * (1 - 1 / chains) / (share * independent / chains)))


def _rank_bars(panel: Axes, parameter: Shown, drawn: int) -> None:
    """Bars of each chain, one row for each, around a line at the uniform share."""
    from scipy.stats import norm

    chains, size = len(parameter.values), parameter.values.size
    shares = rank_shares(parameter.values)[:drawn]
    independent = min(parameter.independent or size, size)
    band = float(norm.ppf((1 + BAND) / 2)) * rank_spread(chains, independent)
    edges = np.linspace(0, 100, BINS + 1)
    reach = 1.15 * max(float(np.abs(shares - 1).max()), band)
    for row, bars in enumerate(shares):
        base = -2 * row
        heights = base + (bars - 1) / reach
        panel.stairs(
            *(heights, edges),
            baseline=base,
            fill=True,
            facecolor="0.75",
            edgecolor="black",
            linewidth=0.6,
        )
        panel.fill_between(
            [0, 100],
            base - band / reach,
            base + band / reach,
            facecolor="none",
            edgecolor="#b45f06",
            hatch="//////",
            linewidth=0,
            zorder=0,
        )
        panel.axhline(base, color="black", linewidth=0.7)
    panel.set_yticks(-2 * np.arange(drawn), [str(c + 1) for c in range(drawn)])
    panel.set_ylim(-2 * drawn + 0.9, 1.1)
    panel.set_xlim(0, 100)
    panel.tick_params(labelsize=7)
    lines = [
        *wrapped(parameter.words),
        f"{mixing_text(parameter)}, rows of $\\pm${100 * reach:.0f} %",
    ]
    panel.set_title("\n".join(lines), fontsize=7.5, loc="left", pad=3)
