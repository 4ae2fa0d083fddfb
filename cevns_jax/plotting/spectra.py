"""Spectra of fits: data and fitted components on each axis, residuals, what is above background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.plotting.figures import data_set_words, headline, new_figure, own_title
from cevns_jax.plotting.stack import (
    Projection,
    axis_label,
    components_stack,
    count_label,
    count_text,
    hidden_signal,
    projections,
    template_band,
)
from cevns_jax.plotting.text import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result

HEIGHTS = (3.0, 1.0, 1.7)  # of the counts, their residuals, and what is above the background


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What the data are, and what is counted."""

    data: str
    counted: str


def spectra(result: Result, experiment: str) -> Figure:
    """Observed and fitted counts of one experiment: projections on each axis, with residuals.

    Where the signal can hardly be seen on its background in any of them, each has a third panel:
    data without the fitted background, beside the fitted signal.

    Args:
        result: A fit.
        experiment: Name of the experiment.
    """
    a = result.attributes
    drawn = projections(result.groups[experiment])
    heights = HEIGHTS if hidden_signal(drawn) else HEIGHTS[:2]
    words = _Words(
        data=data_set_words(result) or "observed",
        counted=a.get("counted", {}).get(experiment, "events"),
    )
    width = 5.2 if len(drawn) == 1 else 4.4 * len(drawn)
    figure = new_figure(width, 0.8 + 1.2 * sum(heights))
    panels = figure.subplots(len(heights), len(drawn), height_ratios=heights, squeeze=False)
    for column, projection in zip(panels.T, drawn, strict=True):
        _counts(column[0], projection, words)
        _residuals(column[1], projection)
        column[0].sharex(column[1])
        column[0].tick_params(labelbottom=False)
        if len(column) > 2:
            _above_background(column[2], projection, words)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    panels[0, -1].legend(handles[::-1], labels[::-1], frameon=False, fontsize=8)
    quality = f", $\\chi^2$/dof = {a['chi2']:.1f}/{a['degrees_of_freedom']}"
    if a["provenance"].get("data_set") == "asimov":
        quality = " (Asimov data)"
    title = own_title(result) or drawable(a["titles"][experiment])
    figure.suptitle(f"{title}\nbest fit: {headline(result)}{quality}", fontsize=11)
    return figure


def _points(projection: Projection) -> dict[str, Any]:
    """How points are drawn: smaller where there are many, which have no widths."""
    many = projection.many
    return {
        "fmt": "o",
        "color": "black",
        "markersize": 1.8 if many else 3.5,
        "linewidth": 0.6 if many else 1,
        "xerr": None if many else projection.width / 2,
        "zorder": 5,
    }


def _counts(panel: Axes, projection: Projection, words: _Words) -> None:
    """Stacked components and data per unit of the axis."""
    observed, width = projection.observed, projection.width
    components_stack(panel, projection)
    template_band(panel, projection)
    errors = "; errors: diagonal of the covariance" if projection.correlated else ""
    panel.errorbar(
        projection.centre,
        observed / width,
        yerr=projection.error / width,
        label=f"{words.data} ({count_text(observed.sum())}){errors}",
        **_points(projection),
    )
    panel.set_ylabel(count_label(projection.axis, words.counted))
    if (observed >= 0).all():
        panel.set_ylim(bottom=0)


def _residuals(panel: Axes, projection: Projection) -> None:
    """Residuals in units of the expected error."""
    total, variance = projection.total, projection.spread
    expected = np.where(total > 0, total, np.nan)  # no residual where nothing is expected
    error = np.sqrt(expected if variance is None else variance)
    panel.axhline(0, color="black", linewidth=0.8)
    residual = (projection.observed - total) / error
    panel.errorbar(projection.centre, residual, yerr=1, **_points(projection))
    panel.set_ylabel(r"(n $-$ $\mu$)/" + (r"$\sqrt{\mu}$" if variance is None else r"$\sigma$"))
    reach = max(3.8, 1.3 + np.nanmax(np.abs(residual), initial=0.0))
    panel.set_ylim(-reach, reach)
    panel.set_xlim(projection.edges[0], projection.edges[-1])
    panel.set_xlabel(axis_label(projection.axis))


def _above_background(panel: Axes, whole: Projection, words: _Words) -> None:
    """Data without the fitted background beside the fitted signal, where nearly all of that is.

    Errors are those of the data, as in the panel of the counts.
    """
    seen = whole.only(whole.signal_bins())
    width, error = seen.width, seen.error / seen.width
    above = (seen.observed - (seen.total - seen.signal)) / width
    components_stack(panel, seen, seen.signals)
    panel.errorbar(seen.centre, above, yerr=error, **_points(seen))
    panel.axhline(0, color="black", linewidth=0.8)
    panel.set_xlim(seen.edges[0], seen.edges[-1])
    panel.set_xlabel(axis_label(seen.axis))
    label = count_label(seen.axis, words.counted)
    panel.set_ylabel(f"above background\n{label}", fontsize=9)
