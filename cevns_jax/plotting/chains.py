"""How a posterior was sampled: traces of chains, marginals of independent runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from cevns_jax.errors import ConfigError
from cevns_jax.plotting.densities import density_of
from cevns_jax.plotting.draws import Shown, names_of, physics_of, shown
from cevns_jax.plotting.figures import LINES, legend_above, new_figure
from cevns_jax.plotting.shades import scaled, title, weight_text, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

MOST = 6  # parameters of a figure, as many as fit on a page
MOST_CHAINS = 8  # chains of a figure: more cannot be told apart
POINTS = 1000  # of a trace: more are no wider apart than a line
# From light to dark, so that chains differ also without colours.
COLOURS = ("#08306b", "#e69138", "#6aa84f", "#a64d79", "#3d85c6", "#b45f06", "#999999", "#cc0000")


def traces(result: Result) -> Figure:
    """The draws of each chain one after another, and beside them the density of each chain:
    parameters of physics, then the nuisances of the largest R-hat. Divergences are marked.

    Args:
        result: A posterior of chains.

    Raises:
        ConfigError: one of independent runs.
    """
    check_chains(result, "traces")
    rows = shown(result, worst(result))
    chains, draws = rows[0].values.shape
    diverging = _diverging(result)
    figure = new_figure(9.0, 1.2 + 1.35 * len(rows))
    panels = figure.subplots(len(rows), 2, sharey="row", width_ratios=(4, 1), squeeze=False)
    step = -(-draws // POINTS)
    for (left, right), parameter in zip(panels, rows, strict=True):
        for chain in range(min(chains, MOST_CHAINS)):
            values, style = parameter.values[chain], _style(chain)
            left.plot(
                np.arange(0, draws, step), values[::step], color=style["color"], linewidth=0.35
            )
            _sideways(right, parameter, values[None], style)
            lost = np.flatnonzero(diverging[chain])
            left.plot(lost, values[lost], "x", color="black", markersize=5, zorder=4)
        scaled(left, "y", parameter)
        left.set_ylim(*_whole(parameter))
        left.set_ylabel("\n".join(wrapped(parameter.label)), fontsize=7)
        left.set_title(mixing_text(parameter), fontsize=7.5, loc="right", pad=2)
        left.set_xlim(0, draws)
        right.set_xlim(left=0)
        right.set_xticks([])
        for panel in (left, right):
            panel.tick_params(labelsize=7, labelbottom=left is panels[-1, 0])
    panels[-1, 0].set_xlabel("draw")
    panels[-1, 1].set_xlabel("density of each chain", fontsize=8)
    handles = [Line2D([], [], **_style(c)) for c in range(min(chains, MOST_CHAINS))]
    labels = [f"chain {c + 1}" for c in range(len(handles))]
    if diverging.any():
        handles.append(Line2D([], [], marker="x", color="black", linestyle="none"))
        labels.append("divergence")
    lines = title(result, not_shown(result, rows), few_text("chains", chains))
    legend_above(figure, handles, labels, columns=5, title="\n".join(lines))
    return figure


def runs(result: Result) -> Figure:
    """The marginals of independent runs on top of each other, and the share of each valley in each
    of them: how far they scatter says how well the posterior is known.

    Args:
        result: A posterior of independent runs.

    Raises:
        ConfigError: one of chains.
    """
    if result.attributes["method"] != "tempered":
        raise ConfigError("runs: chains are not independent of where they start; draw their traces")
    names = (physics_of(result) or names_of(result))[:MOST]
    rows = shown(result, names)
    number = len(rows[0].values)
    columns = min(len(rows), 3)
    high = -(-len(rows) // columns)
    modes = [mode for mode in result.attributes["modes"] if mode.get("parameters")]
    texts = min(number, MOST_CHAINS) + len(modes)
    figure = new_figure(max(4.0 * columns + 0.4, 6.0), 2.6 * high + 0.8 + 0.2 * texts)
    panels = figure.subplots(high, columns, squeeze=False)
    for panel in panels.flat[len(rows) :]:
        panel.axis("off")
    for panel, parameter in zip(panels.flat, rows, strict=False):
        for run in range(min(number, MOST_CHAINS)):
            density = density_of(
                parameter.on_axis(parameter.values[run])[None, :, None], [parameter.ends_on_axis]
            )
            panel.plot(parameter.from_axis(density.grids[0]), density.height, **_style(run))
        scaled(panel, "x", parameter)
        panel.set_ylim(bottom=0)
        panel.set_yticks([])
        panel.set_xlabel(parameter.label)
        panel.set_ylabel("density", fontsize=8)
    shares = valley_shares(rows, modes)
    handles = [Line2D([], [], **_style(run)) for run in range(min(number, MOST_CHAINS))]
    labels = [_run_text(result, run, shares) for run in range(len(handles))]
    valleys = [
        f"valley {k} ({_place(rows, mode)}): {weight_text(mode)}"
        for k, mode in enumerate(modes, start=1)
        if len(modes) > 1
    ]
    text = "\n".join(title(result, *valleys, few_text("runs", number)))
    legend_above(figure, handles, labels, title=text)
    return figure


def valley_shares(rows: Sequence[Shown], modes: Sequence[dict[str, Any]]) -> np.ndarray:
    """Share of the draws of each run that is nearest to each mode, shape (runs, modes).

    Args:
        rows: Parameters of physics; distances are in their standard deviations.
        modes: Of the posterior.
    """
    draws = np.stack([p.on_axis(p.values) for p in rows], axis=-1)
    places = np.array([[p.on_axis(mode["parameters"][p.name]) for p in rows] for mode in modes])
    scale = draws.std(axis=(0, 1))
    scale = np.where(scale > 0, scale, 1.0)
    distance = (((draws[..., None, :] - places) / scale) ** 2).sum(axis=-1)
    nearest = distance.argmin(axis=-1)
    return np.stack([(nearest == k).mean(axis=1) for k in range(len(modes))], axis=1)


def worst(result: Result) -> list[str]:
    """The parameters of physics, and the nuisances with the largest R-hat."""
    physics, told = physics_of(result)[:MOST], result.attributes["parameters"]
    others = [name for name in names_of(result) if name not in physics]
    # One whose R-hat is not known did not move, which is worse than any.
    order = sorted(others, key=lambda n: -(told[n].get("r_hat") or np.inf))
    return [*physics, *order[: MOST - len(physics)]]


def check_chains(result: Result, figure: str) -> None:
    if result.attributes["method"] == "tempered":
        raise ConfigError(
            f"{figure}: the particles of tempered Monte Carlo are no chains; draw the runs instead"
        )


def _diverging(result: Result) -> np.ndarray:
    """Which draws ended trajectories that diverged, shape (chains, draws)."""
    shape = result.draws["posterior"][names_of(result)[0]][1].shape
    found = result.draws.get("sample_stats", {}).get("diverging")
    return np.zeros(shape, bool) if found is None else found[1].astype(bool)


def _style(number: int) -> dict[str, Any]:
    """Line of a chain or a run."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": LINES[number % len(LINES)],
        "linewidth": 1.0,
    }


def _whole(parameter: Shown) -> tuple[float, float]:
    """Limits of an axis that shows all draws."""
    places = parameter.on_axis(parameter.values)
    low, high = float(places.min()), float(places.max())
    margin = 0.03 * (high - low) or 0.5
    return float(parameter.from_axis(low - margin)), float(parameter.from_axis(high + margin))


def _sideways(panel: Axes, parameter: Shown, values: np.ndarray, style: dict[str, Any]) -> None:
    """The density of one chain, along the axis of its trace."""
    density = density_of(parameter.on_axis(values)[..., None], [parameter.ends_on_axis])
    panel.plot(density.height, parameter.from_axis(density.grids[0]), **style)


def mixing_text(parameter: Shown) -> str:
    r_hat, independent = (parameter.told.get(key) for key in ("r_hat", "ess_bulk"))
    text = r"$\hat{R}$ " + ("not known" if r_hat is None else f"= {r_hat:.3f}")
    return text + ("" if independent is None else f", {independent:.0f} effective draws")


def not_shown(result: Result, rows: Sequence[Shown]) -> str:
    left = len(names_of(result)) - len(rows)
    return rf"{left} nuisances of smaller $\hat{{R}}$ not shown" if left else ""


def few_text(what: str, number: int) -> str:
    return f"{MOST_CHAINS} of {number} {what} shown" if number > MOST_CHAINS else ""


def _run_text(result: Result, run: int, shares: np.ndarray) -> str:
    """Name of a run, the shares of the valleys in it, and its evidence."""
    text = f"run {run + 1}"
    if shares.shape[1] > 1:
        near = ", ".join(f"{k}: {w:.3f}" for k, w in enumerate(shares[run], start=1))
        text += f", share nearest to valley {near}"
    evidence = (result.attributes.get("log_evidence") or {}).get("runs")
    return text + (f"; ln Z = {evidence[run]:.2f}" if evidence else "")


def _place(rows: Sequence[Shown], mode: dict[str, Any]) -> str:
    return ", ".join(p.value_text(mode["parameters"][p.name]) for p in rows)
