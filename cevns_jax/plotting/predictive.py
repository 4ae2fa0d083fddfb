"""What a posterior predicts of the counts of an experiment, beside the observed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.errors import unknown
from cevns_jax.inference.levels import per_cent
from cevns_jax.plotting.draws import SHARES, physics_of, shown
from cevns_jax.plotting.figures import data_set_words, legend_above, new_figure, own_title
from cevns_jax.plotting.shades import title
from cevns_jax.plotting.stack import (
    Projection,
    axis_label,
    count_label,
    count_text,
    projections,
)
from cevns_jax.plotting.text import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

HEIGHTS = (3.0, 1.2)  # of the counts and of their residuals
FILL = {SHARES[0]: "0.65", SHARES[1]: "0.86"}
BELOW: dict[str, Any] = {
    "color": "#b45f06",
    "linestyle": "--",
    "linewidth": 1.2,
}  # what is expected without signal


def predictive(result: Result, experiment: str) -> Figure:
    """Observed counts of one experiment on each axis, and the bands that hold 68.3 and 90 % of the
    counts that the posterior predicts; below, both relative to the mean of the predictions.

    Bands are central intervals of simulated counts, one for each bin: statistics and all parameters
    are in them. So the observed counts have no errors.

    Args:
        result: A posterior with what it predicts.
        experiment: Name of the experiment.

    Raises:
        ConfigError: there are no predictions of such an experiment.
    """
    made = result.draws.get("posterior_predictive", {})
    if experiment not in result.groups or experiment not in made:
        known = [name for name in result.groups if name in made]
        raise unknown("predictive", "experiment with predicted counts", experiment, known)
    a, drawn = result.attributes, projections(result.groups[experiment])
    width = 6.0 if len(drawn) == 1 else 4.6 * len(drawn)
    figure = new_figure(width, 1.4 + 1.2 * sum(HEIGHTS))
    panels = figure.subplots(2, len(drawn), height_ratios=HEIGHTS, squeeze=False, sharex="col")
    for (upper, lower), column, projection in zip(panels.T, range(len(drawn)), drawn, strict=True):
        simulated = summed(made[experiment][1], column)
        _counts(upper, projection, simulated, a.get("counted", {}).get(experiment, "events"))
        _residuals(lower, projection, simulated)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    total = result.groups[experiment]["observed"][1].sum()
    named = {"observed": f"{data_set_words(result) or 'observed'} ({count_text(total)})"}
    labels = [named.get(label, label) for label in labels]
    kind = data_set_words(result)
    first = (own_title(result) or drawable(a["titles"][experiment])) + (f", {kind}" if kind else "")
    physics = ", ".join(p.result_text() for p in shown(result, physics_of(result)))
    lines = [first, *title(result)[1:], physics, _p_text(result, experiment)]
    legend_above(figure, handles, labels, columns=3, title="\n".join(filter(None, lines)))
    return figure


def summed(simulated: np.ndarray, column: int) -> np.ndarray:
    """Simulated counts on one axis, shape (N, n).

    Args:
        simulated: Shape (chains, draws, ...) with the axes of the observed counts.
        column: Number of the axis.
    """
    axes = simulated.ndim - 2
    others = tuple(2 + i for i in range(axes) if i != column)
    # Counts are stored in 32 bits, of which sums of many bins would lose digits.
    return simulated.sum(axis=others, dtype=float).reshape(-1, simulated.shape[2 + column])


def band(simulated: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the central intervals of the counts of each bin, shape (n,).

    Args:
        simulated: Shape (N, n).
        share: Of the counts that are inside.
    """
    low, high = np.quantile(simulated, ((1 - share) / 2, (1 + share) / 2), axis=0)
    return low, high


def _counts(panel: Axes, projection: Projection, simulated: np.ndarray, counted: str) -> None:
    """Bands, the mean with and without the signal, and data per unit of the axis."""
    width, edges = projection.width, projection.edges
    for share in reversed(SHARES):
        low, high = band(simulated, share)
        panel.stairs(
            *(high / width, edges),
            baseline=low / width,
            fill=True,
            color=FILL[share],
            label=f"{per_cent(share)} of predicted counts",
        )
    mean = simulated.mean(axis=0) / width
    panel.stairs(mean, edges, color="black", linewidth=1.0, baseline=None, label="mean prediction")
    if projection.signal.any():
        below = (projection.total - projection.signal) / width
        panel.stairs(below, edges, baseline=None, label="expected background", **BELOW)
    panel.plot(
        projection.centre, projection.observed / width, label="observed", **_points(projection)
    )
    panel.set_ylabel(count_label(projection.axis, counted))
    if (projection.observed >= 0).all():
        panel.set_ylim(bottom=0)


def _residuals(panel: Axes, projection: Projection, simulated: np.ndarray) -> None:
    """Counts minus the mean of the predicted ones, in their standard deviations."""
    mean, spread = simulated.mean(axis=0), simulated.std(axis=0)
    spread = np.where(spread > 0, spread, np.nan)
    for share in reversed(SHARES):
        low, high = ((end - mean) / spread for end in band(simulated, share))
        panel.stairs(high, projection.edges, baseline=low, fill=True, color=FILL[share])
    panel.axhline(0, color="black", linewidth=0.8)
    residual = (projection.observed - mean) / spread
    panel.plot(projection.centre, residual, **_points(projection))
    reach = max(3.2, 0.5 + np.nanmax(np.abs(residual), initial=0.0))
    panel.set_ylim(-reach, reach)
    panel.set_xlim(projection.edges[0], projection.edges[-1])
    panel.set_xlabel(axis_label(projection.axis))
    panel.set_ylabel("(n $-$ mean)/sd")


def _points(projection: Projection) -> dict[str, Any]:
    return {
        "marker": "o",
        "linestyle": "none",
        "color": "black",
        "markersize": 1.8 if projection.many else 4,
        "zorder": 5,
    }


def _p_text(result: Result, experiment: str) -> str:
    """The p-value of the experiment, with its Monte Carlo error if that is known."""
    found = result.attributes.get("p_values", {}).get(experiment)
    if found is None:
        return ""
    error = result.attributes.get("p_value_errors", {}).get(experiment)
    text = rf" $\pm$ {error:.3f}" if error else ""
    return f"posterior predictive p-value {found:.3f}{text}, of the deviance of all bins"
