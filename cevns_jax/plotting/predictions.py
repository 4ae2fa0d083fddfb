"""Figures of predictions: expected spectra per bin, and recoil spectra before the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cevns_jax.plotting.figures import LINES, data_set_words, new_figure, own_title
from cevns_jax.plotting.stack import (
    Projection,
    axis_label,
    components_stack,
    count_label,
    hidden_signal,
    projections,
    template_band,
)
from cevns_jax.plotting.text import drawable, values_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.notes import Variables
    from cevns_jax.results.result import Result

FLAVOURS = {
    **{"nu_e": r"$\nu_e$", "nu_mu": r"$\nu_\mu$", "nu_tau": r"$\nu_\tau$"},
    **{"nu_e_bar": r"$\bar\nu_e$", "nu_mu_bar": r"$\bar\nu_\mu$", "nu_tau_bar": r"$\bar\nu_\tau$"},
}
COLOURS = ("#08306b", "#e69138", "#9ecae1")  # of isotopes; ever lighter, also without colours


def prediction(result: Result, experiment: str) -> Figure:
    """Expected counts of one experiment on each axis, and dR/dT per flavour and isotope.

    With new physics the Standard Model alone is a dashed line. If the signal can hardly be seen on
    its background on any axis, it is drawn alone below.

    Args:
        result: A prediction.
        experiment: Name of the experiment.
    """
    a, group = result.attributes, result.groups[experiment]
    drawn, standard = projections(group), _standard(group)
    rows = 2 if hidden_signal(drawn) else 1
    columns = len(drawn) + ("spectrum" in group)
    figure = new_figure(4.6 * columns, 2.4 + 2.0 * rows)
    grid = figure.add_gridspec(rows, columns, height_ratios=(3, 2)[:rows])
    for column, (projection, alone) in enumerate(zip(drawn, standard, strict=True)):
        for row, only in zip(range(rows), (None, projection.signals), strict=False):
            panel = figure.add_subplot(grid[row, column])
            _counts(panel, projection, alone, a["counted"][experiment], only)
            if row == column == 0:
                handles, labels = panel.get_legend_handles_labels()
                panel.legend(handles[::-1], labels[::-1], frameon=False, fontsize=8)
    if "spectrum" in group:
        _recoils(figure.add_subplot(grid[:, -1]), group)
    kind = data_set_words(result)
    title = own_title(result) or drawable(a["titles"][experiment])
    title += f", {kind}" if kind else ""
    figure.suptitle(f"{title}\nexpected at {values_text(a, a['values'])}", fontsize=10)
    return figure


def _standard(group: Variables) -> list[Projection | None]:
    """What the Standard Model alone gives, if there is new physics."""
    if "without_new_physics" not in group:
        return [None] * len(group["observed"][0])
    return [*projections(group | {"expected": group["without_new_physics"]})]


def _counts(
    panel: Axes,
    projection: Projection,
    standard: Projection | None,
    counted: str,
    only: tuple[str, ...] | None,
) -> None:
    """Stacked components on one axis, the Standard Model as a line.

    With ``only`` these components alone, in the bins that hold nearly all of the signal.
    """
    bins = projection.signal_bins() if only else slice(0, len(projection.width))
    seen = projection.only(bins)
    components_stack(panel, seen, only)
    if only is None:
        template_band(panel, seen)
    if standard is not None:
        total = (standard.signal if only else standard.total)[bins] / seen.width
        panel.stairs(total, seen.edges, color="black", ls="--", label="Standard Model alone")
    panel.set_xlim(seen.edges[0], seen.edges[-1])
    panel.set_ylim(bottom=0)
    panel.set_xlabel(axis_label(seen.axis))
    label = count_label(seen.axis, counted)
    panel.set_ylabel(f"neutrinos alone\n{label}" if only else label, fontsize=9 if only else 10)


def _flavour(name: str) -> str:
    """A flavour in symbols, behind the name of its component where there are several."""
    component, colon, flavour = name.rpartition(": ")
    return f"{drawable(component.replace('_', ' '))}{colon}{FLAVOURS.get(flavour, flavour)}"


def _recoils(panel: Axes, group: Variables) -> None:
    """dR/dT: a line style for each flavour, a colour for each isotope."""
    recoil, spectrum = group["recoil_energy_kev"][1], group["spectrum"][1]
    flavours, isotopes = (([str(n) for n in group[k][1]]) for k in ("flavour", "isotope"))
    if len(isotopes) > len(COLOURS):
        isotopes, spectrum = ["all isotopes"], spectrum.sum(axis=1, keepdims=True)
    order = np.argsort(-spectrum.sum(axis=(0, 2)), kind="stable")  # the darkest is the largest
    names, rates = [isotopes[i] for i in order], spectrum[:, order]
    for f, flavour in enumerate(flavours):
        line = LINES[f % len(LINES)]
        for i in range(len(names)):
            panel.plot(recoil, rates[f, i], color=COLOURS[i], linestyle=line)
        panel.plot([], [], color=COLOURS[0], linestyle=line, label=_flavour(flavour))
    if len(names) > 1:
        for colour, name in zip(COLOURS, names, strict=False):
            panel.plot([], [], color=colour, linewidth=4, label=name)
    panel.set_xscale("log")
    panel.set_yscale("log")
    top = float(np.max(rates))
    panel.set_ylim(1e-6 * top, 2 * top)
    seen = recoil[rates.sum(axis=(0, 1)) > 1e-6 * top]
    panel.set_xlim(recoil[0], 1.5 * seen[-1])
    panel.set_xlabel("recoil energy [keV]")
    panel.set_ylabel("recoils / keV in the exposure,\nbefore the detector", fontsize=9)
    title = None if len(names) > 1 else names[0]
    panel.legend(frameon=False, fontsize=8, title_fontsize=8, loc="lower left", title=title)
