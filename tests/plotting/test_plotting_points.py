"""Figures of grids with hardly a point, of failed points, and of numbers out of all measure."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import fit_of, profile_of, scan_of

from cevns_jax.inference.regions import contours
from cevns_jax.plotting import profiles, scans, spectra
from cevns_jax.plotting.regions import panels

GRIDS = {1: np.array([0.5]), 2: np.array([0.1, 1.0]), 4: np.geomspace(1e-3, 1.0, 4)}


def draw(figure):
    """Without a warning, and with axes that have room."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=20)
    for axes in figure.axes:
        for low, high in (axes.get_xlim(), axes.get_ylim()):
            assert np.isfinite([low, high]).all()
            assert low < high


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


def test_figure_3_marks_how_far_others_reach():
    """At the left end of the planes of a coupling that a source states, nowhere else."""
    planes = {}
    for name, coupling in (("vector", "g_vector"), ("dipole", "mu_dipole")):
        result = scan_of("x")
        a, v = result.attributes, result.variables
        a["parameters"], a["levels"] = ["a", coupling], [2.3, 6.18, 11.83]
        a["labels"][coupling] = a["units"][coupling] = ""
        a["best"]["parameters"][coupling] = 1e-5
        v["a"] = (("a",), np.geomspace(1e-2, 10, 5))
        v[coupling] = ((coupling,), np.geomspace(1e-6, 1e-4, 5))
        planes |= {f"{name}_iron": result, f"{name}_coherent": result}
    figure = panels(planes, {"iron": "Dresden-II, iron"}, "COHERENT")
    draw(figure)
    marks = [
        [line for line in axes.lines if str(line.get_label()).startswith("CONUS")]
        for axes in figure.axes
    ]
    assert [len(found) for found in marks] == [1, 0]
    assert set(marks[0][0].get_ydata()) == {5e-5}
