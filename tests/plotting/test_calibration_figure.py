"""The figure of a calibration: a row for each, a panel for each quantity."""

from types import SimpleNamespace

import numpy as np

from cevns_jax.inference.calibration import Calibration
from cevns_jax.inference.ranks import band_of
from cevns_jax.plotting.calibration import calibrations


def calibration(names):
    ranks = np.random.default_rng(1).integers(0, 100, (200, len(names)))
    none = np.zeros(200, int)
    chains = SimpleNamespace(lost=none, dependent=none, divergences=none, thinning=none + 5)
    return Calibration(
        title="A $ sign", names=names, truths=np.zeros(ranks.shape), ranks=ranks, chains=chains,
        band=band_of(200, 99), seed=1,
    )  # fmt: skip


def test_every_quantity_has_a_curve_and_a_histogram():
    found = [calibration(("a", "b", "c", "chi2")), calibration(("a", "chi2"))]
    figure = calibrations(found, labels={"a": r"$\alpha$"})
    figure.draw_without_rendering()
    titles = [axes.get_title() for axes in figure.axes]
    assert sum(title.endswith("200 simulated data sets") for title in titles) == 2
    assert titles.count(r"$\alpha$") == 2
    assert len(figure.axes) == 2 + 4 + 2
    first = figure.axes[0]
    p = found[0].uniformity["b"].p_ecdf
    assert f"b, p = {p:.2f}" in first.get_legend_handles_labels()[1]
    curve = next(line for line in first.lines if line.get_label().startswith("b,"))
    share = np.mean(found[0].ranks[:, 1] < 50)
    assert np.interp(0.5, *curve.get_data()) == np.float64(share - 0.5)
    assert "in 0 data sets" in found[0].paragraph.lower()
