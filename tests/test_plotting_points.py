"""Figures of grids with hardly a point, of failed points, and of numbers out of all measure."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import fit_of, profile_of, scan_of

from cevns_jax.inference.regions import contours
from cevns_jax.plotting import profiles, scans, spectra

GRIDS = {1: np.array([0.5]), 2: np.array([0.1, 1.0]), 4: np.geomspace(1e-3, 1.0, 4)}


def draw(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=20)


@pytest.mark.parametrize(
    ("n", "m", "failed"), [(1, 1, False), (1, 4, True), (2, 1, False), (2, 2, True)]
)
def test_planes_of_few_points(n, m, failed):
    x, y = GRIDS[n], GRIDS[m]
    result = scan_of("x")
    delta = np.add.outer(x, y) ** 2
    result.variables.update(
        a=(("a",), x),
        b=(("b",), y),
        delta_chi2=(("a", "b"), delta),
        chi2=(("a", "b"), delta),
        point_converged=(("a", "b"), np.full(delta.shape, not failed)),
        point_excluded=(("a", "b"), np.full(delta.shape, False)),
    )
    draw(scans([result, result]))
    assert (contours((x, y), delta, 2.3) == []) == (min(n, m) < 2)


@pytest.mark.parametrize(("n", "failed"), [(1, False), (1, True), (2, False), (4, True)])
def test_curves_of_few_points(n, failed):
    x = GRIDS[n]
    good = np.full(n, not failed)
    curve, profile = scan_of("x"), profile_of("x")
    curve.attributes["parameters"] = ["a"]
    for result, grid in ((curve, "a"), (profile, "a")):
        result.variables.update(
            {grid: ((grid,), x), "delta_chi2": ((grid,), x), "point_converged": ((grid,), good)}
        )
        result.variables["chi2"] = ((grid,), x)
        result.variables["point_excluded"] = ((grid,), ~good)
    draw(scans([curve]))
    draw(profiles([profile]))


@pytest.mark.parametrize("factor", [0.0, np.nan, -1e300])
def test_spectra_of_counts_out_of_measure(factor):
    result = fit_of("x")
    group = result.groups["mine"]
    for name in ("observed", "expected"):
        axes, values = group[name]
        group[name] = (axes, values * factor)
    for name in ("value", "error_high"):
        result.variables[name] = (("parameter",), np.array([1e300]))
    draw(spectra(result, "mine"))
