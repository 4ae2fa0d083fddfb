"""Figures of predictions: expected spectra per bin, and recoil spectra before the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cevns_jax.plotting.figures import (
    axis_label,
    components_stack,
    count_label,
    data_set_words,
    new_figure,
)
from cevns_jax.plotting.text import drawable
from cevns_jax.results.told import at

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cevns_jax.results.result import Result, Variables

STYLES = ("-", "--", ":", "-.")
FLAVOURS = {
    **{"nu_e": r"$\nu_e$", "nu_mu": r"$\nu_\mu$", "nu_tau": r"$\nu_\tau$"},
    **{"nu_e_bar": r"$\bar\nu_e$", "nu_mu_bar": r"$\bar\nu_\mu$", "nu_tau_bar": r"$\bar\nu_\tau$"},
}


def prediction(result: Result, experiment: str) -> Figure:
    """Expected counts of one experiment on each axis, and dR/dT per flavour and isotope; with the
    Standard Model alone beside new physics where there is some.

    Args:
        result: A prediction.
        experiment: Name of the experiment.
    """
    group = result.groups[experiment]
    axes, _ = group["observed"]
    panels = len(axes) + ("spectrum" in group)
    figure = new_figure(4.6 * panels, 4.4)
    drawn = figure.subplots(1, panels, squeeze=False)[0]
    for column, axis in enumerate(axes):
        _counts(drawn[column], group, column, axis, result.attributes["counted"][experiment])
    if "spectrum" in group:
        _recoils(drawn[-1], group)
    drawn[0].legend(frameon=False, fontsize=8)
    held = at(result.attributes, result.attributes["values"])
    kind = data_set_words(result)
    title = drawable(result.attributes["titles"][experiment]) + (f", {kind}" if kind else "")
    figure.suptitle(f"{title}\nexpected at {drawable(held)}", fontsize=10)
    return figure


def _counts(panel: Axes, group: Variables, column: int, axis: str, counted: str) -> None:
    """Stacked components on one axis, the Standard Model as a line."""
    edges = group[f"{axis}_edges"][1]
    width = edges[1:] - edges[:-1]
    _, expected = group["expected"]
    others = tuple(i + 1 for i in range(expected.ndim - 1) if i != column)
    names = [str(n) for n in group["component"][1]]
    parts = dict(zip(names, expected.sum(axis=others), strict=True))
    components_stack(panel, edges, parts)
    if "without_new_physics" in group:
        total = group["without_new_physics"][1].sum(axis=(0, *others)) / width
        panel.stairs(total, edges, color="black", linestyle="--", label="Standard Model alone")
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(bottom=0)
    panel.set_xlabel(axis_label(axis))
    panel.set_ylabel(count_label(axis, counted))


def _recoils(panel: Axes, group: Variables) -> None:
    """dR/dT: a line style for each flavour, a colour for each isotope."""
    recoil, spectrum = group["recoil_kev"][1], group["spectrum"][1]
    flavours, isotopes = (([str(n) for n in group[k][1]]) for k in ("flavour", "isotope"))
    few = isotopes if len(isotopes) <= 3 else ["all isotopes"]
    rates = spectrum if len(isotopes) <= 3 else spectrum.sum(axis=1, keepdims=True)
    for f, flavour in enumerate(flavours):
        for i, isotope in enumerate(few):
            panel.plot(
                recoil,
                rates[f, i],
                color=f"C{i}",
                linestyle=STYLES[f % len(STYLES)],
                label=f"{FLAVOURS.get(flavour, flavour)}, {isotope}",
            )
    panel.set_xscale("log")
    panel.set_yscale("log")
    top = float(rates.max())
    panel.set_ylim(1e-6 * top, 2 * top)
    seen = recoil[rates.sum(axis=(0, 1)) > 1e-6 * top]
    panel.set_xlim(recoil[0], 1.5 * seen[-1])
    panel.set_xlabel("recoil energy [keV]")
    panel.set_ylabel("recoils / keV in the exposure, before the detector")
    panel.legend(frameon=False, fontsize=7)
