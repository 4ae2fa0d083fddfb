"""The running weak mixing angle: prediction, published measurements, own results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cevns_jax.plotting.figures import new_figure
from cevns_jax.plotting.text import drawable
from cevns_jax.published import ANGLES_AT_SCALES, AngleAtScale
from cevns_jax.running import sin2_theta_w

MEV_PER_GEV = 1e3
RANGE_GEV = (1e-3, 1e3)
NEIGHBOURS = 1.4  # ratio of the places in Q of points that stand side by side: one marker's width
MARKERS = "sD^vP*"
COLOURS = ("#000000", "#c0392b", "#0b5394", "#38761d", "#a64d79", "#7f6000")


@dataclass(frozen=True, kw_only=True)
class OwnAngle:
    """A result of one's own.

    Attributes:
        label: Data set and analysis.
        q_low, q_high: Range of the momentum transfer [MeV].
        value: sin^2 theta_W.
        error_low, error_high: Its errors, positive.
    """

    label: str
    q_low: float
    q_high: float
    value: float
    error_low: float
    error_high: float

    def __post_init__(self) -> None:
        if not 0 < self.q_low <= self.q_high:
            raise ValueError(
                f"{self.label}: q_low and q_high must be positive and in order, "
                f"not {self.q_low:g} and {self.q_high:g} MeV"
            )


def running_angle(
    own: Sequence[OwnAngle] = (), published: Sequence[AngleAtScale] = ANGLES_AT_SCALES
) -> Figure:
    """sin^2 theta_W against Q: the MS-bar running with measurements.

    The lower panel magnifies the published ones; without own results it is the only one. Points at
    nearly the same Q stand side by side.

    Args:
        own: Results of one's own, with their ranges of Q.
        published: Measurements elsewhere.
    """
    figure = new_figure(7.2, 7.4 if own else 4.6)
    if own:
        wide, narrow = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
        _curve(wide)
        _points(wide, published)
        _own(wide, own)
    else:
        narrow = figure.subplots()
    _curve(narrow)
    _points(narrow, published)
    _names(narrow, published)
    low = min([p.value - p.error_low for p in published], default=0.2305)
    high = max([p.value + p.error_high for p in published], default=0.2387)
    narrow.set_ylim(low - 0.0025, high + 0.0025)
    narrow.set_xscale("log")
    narrow.set_xlim(RANGE_GEV)
    narrow.set_xlabel(r"momentum transfer $Q$ [GeV]")
    if own:
        _mark_magnified(wide, narrow)
    figure.legend(
        *_legend(wide if own else narrow, narrow),
        loc="outside upper center",
        ncols=2,
        frameon=False,
        fontsize=8.5,
    )
    return figure


def _curve(axes: Axes) -> None:
    q = np.geomspace(*RANGE_GEV, 1201)
    axes.plot(
        q,
        np.asarray(sin2_theta_w(jnp.asarray(q * MEV_PER_GEV))),
        color="black",
        linewidth=1.4,
        label=r"Standard Model, $\overline{\mathrm{MS}}$, leading logarithms",
    )
    axes.set_ylabel(r"$\sin^2\theta_W(Q)$")
    axes.tick_params(which="both", direction="in", top=True, right=True)


def _points(axes: Axes, published: Sequence[AngleAtScale]) -> None:
    """Measurements elsewhere: full where the number was checked, open where it was not."""
    places = _side_by_side([p.scale for p in published])
    for checked, text in ((True, "checked"), (False, "not checked")):
        rows = [(p, q) for p, q in zip(published, places, strict=True) if p.checked == checked]
        if rows:
            axes.errorbar(
                [q / MEV_PER_GEV for _, q in rows],
                [p.value for p, _ in rows],
                yerr=[[p.error_low for p, _ in rows], [p.error_high for p, _ in rows]],
                fmt="o",
                color="0.4",
                markerfacecolor="0.4" if checked else "white",
                markersize=4.5,
                linewidth=1,
                capsize=2,
                label=f"published ({text})",
            )


def _names(axes: Axes, published: Sequence[AngleAtScale]) -> None:
    """Names of the measurements, on the side of the points that is away from the curve."""
    scales = [p.scale for p in published]
    places = _side_by_side(scales)
    curve = np.asarray(sin2_theta_w(jnp.asarray(places)))
    for group in _groups(scales):
        crowded = len(group) > 2
        alignments = ["right", "left"] if len(group) == 2 else ["center"] * len(group)
        bottoms = [min(published[i].value - published[i].error_low, curve[i]) for i in group]
        for i, alignment, bottom in zip(group, alignments, bottoms, strict=True):
            p = published[i]
            above = not crowded and p.value > curve[i]
            height = p.value + p.error_high if above else min(bottoms) if crowded else bottom
            axes.annotate(
                p.short,
                (places[i] / MEV_PER_GEV, height),
                xytext=(0, 4 if above else -4),
                textcoords="offset points",
                ha=alignment,
                va="bottom" if above else "top",
                rotation=90 if crowded else 0,
                fontsize=8.5,
                color="0.25",
            )
    axes.annotate(
        "points at the same Q stand side by side",
        (0.01, 0.02),
        xycoords="axes fraction",
        fontsize=8,
        color="0.35",
    )


def _own(axes: Axes, own: Sequence[OwnAngle]) -> None:
    """Own results, each with its range of Q."""
    places = _side_by_side([math.sqrt(r.q_low * r.q_high) for r in own])
    for number, (result, place) in enumerate(zip(own, places, strict=True)):
        axes.errorbar(
            place / MEV_PER_GEV,
            result.value,
            xerr=[
                [max(place - result.q_low, 0) / MEV_PER_GEV],
                [max(result.q_high - place, 0) / MEV_PER_GEV],
            ],
            yerr=[[result.error_low], [result.error_high]],
            fmt=MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            markersize=6.5,
            linewidth=1.6,
            capsize=3,
            zorder=5,
            label=f"{drawable(result.label)}: ${result.value:.3f}"
            f"^{{+{result.error_high:.3f}}}_{{-{result.error_low:.3f}}}$",
        )


def _groups(scales: Sequence[float]) -> list[list[int]]:
    """Indices of points by nearly the same Q, in rising order."""
    groups: list[list[int]] = []
    for i in sorted(range(len(scales)), key=lambda i: scales[i]):
        if groups and scales[i] < 1.1 * scales[groups[-1][0]]:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _side_by_side(scales: Sequence[float]) -> list[float]:
    """Where points are drawn: those of a group apart by a factor, around their Q."""
    places = list(scales)
    for group in _groups(scales):
        for number, i in enumerate(group):
            places[i] *= NEIGHBOURS ** (number - (len(group) - 1) / 2)
    return places


def _mark_magnified(wide: Axes, narrow: Axes) -> None:
    low, high = narrow.get_ylim()
    start, end = RANGE_GEV
    wide.add_patch(
        Rectangle(
            (start, low), end - start, high - low, facecolor="0.92", edgecolor="none", zorder=0
        )
    )
    wide.annotate(
        "magnified below",
        (1, high),
        xycoords=("axes fraction", "data"),
        xytext=(-5, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color="0.35",
    )


def _legend(*panels: Axes) -> tuple[list, list[str]]:
    """Handles and labels of all panels, each label once."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
