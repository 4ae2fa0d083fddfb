"""Curves and overlays: what is written stays in the figure, and says what is whose."""

import itertools

import numpy as np
import pytest
from drawn_results import limit_of, profile_of, scan_of
from matplotlib.colors import to_hex

from cevns_jax.plotting import limits, profiles, scans

DATA = ["coherent_csi_2021", "coherent_csi_2017", "coherent_lar_2020", "coherent_lar_2020_energy"]


def profile_of_data(name):
    result = profile_of("x")
    a, v = result.attributes, result.variables
    a |= {"parameter": "sin2_theta_w", "experiments": [name], "titles": {name: name}}
    a["labels"] = {"sin2_theta_w": r"$\sin^2\theta_W$"}
    a["units"] = {"sin2_theta_w": ""}
    a["best"]["parameters"] = {"sin2_theta_w": {"value": 0.5}}
    v["sin2_theta_w"] = (("sin2_theta_w",), v.pop("a")[1])
    return result


@pytest.mark.parametrize("number", [1, 2, 4])
def test_published_values_have_a_panel_that_leaves_room_for_the_label(number):
    """Two published values of the first, one of each other, in one panel below the curves."""
    figure = profiles([profile_of_data(name) for name in DATA[:number]])
    figure.draw_without_rendering()
    axes, panel = figure.axes
    assert len(panel.containers) == number + 1
    label = panel.xaxis.label.get_window_extent()
    assert label.y0 > 0
    assert panel.get_window_extent().y1 < axes.get_window_extent().y0
    assert axes.get_xlim() == panel.get_xlim()
    (legend,) = figure.legends
    assert legend.get_window_extent().y0 > axes.get_window_extent().y1


def line_of(text):
    """A scan of one parameter."""
    result = scan_of(text)
    result.attributes["parameters"] = ["a"]
    for name in ("chi2", "delta_chi2", "point_converged", "point_excluded"):
        result.variables[name] = (("a",), result.variables[name][1][:, 2])
    return result


def holding(make, **held):
    result = make("mine")
    result.attributes["held"] = held
    result.attributes["labels"]["m"] = "$m_V$"
    result.attributes["units"]["m"] = "MeV"
    return result


@pytest.mark.parametrize(
    ("make", "draw"), [(profile_of, profiles), (scan_of, scans), (line_of, scans)]
)
def test_held_values_are_those_of_the_result_that_they_stand_at(make, draw):
    """One line where they are those of all, else in each label."""
    alike = draw([holding(make, m=1.0), holding(make, m=1.0)])
    assert alike.axes[0].get_title(loc="right") == "held: $m_V = 1$ MeV"
    assert not any("held" in text.get_text() for text in alike.legends[0].get_texts())
    figure = draw([holding(make, m=1.0), holding(make, m=10.0), holding(make)])
    assert figure.axes[0].get_title(loc="right") == ""
    texts = [t.get_text() for t in figure.legends[0].get_texts() if "mine" in t.get_text()]
    expected = ("held: $m_V = 1$ MeV", "held: $m_V = 10$ MeV", "nothing held")
    assert [e in t for e, t in zip(expected, texts, strict=True)] == [True] * 3


def test_results_of_every_kind_have_the_same_colours():
    """Regions are filled; of a scan the lines of the others are outlines."""
    found = []
    for make, draw in ((profile_of, profiles), (line_of, scans), (scan_of, scans)):
        axes = draw([make("mine")] * 3).axes[0]
        lines = zip(*axes.get_legend_handles_labels(), strict=True)
        found.append([to_hex(h.get_color()) for h, text in lines if "mine" in text])
    axes = limits([limit_of([[((0.0, 1.0), ("domain", "crossing"))]] * 3)] * 3).axes[0]
    lines = zip(*axes.get_legend_handles_labels(), strict=True)
    found.append([to_hex(h.get_color()) for h, text in lines if "mine" in text])
    assert found[0] == found[1] == found[3] == [to_hex(c) for c in ("black", "C0", "C1")]
    assert found[2][1:] == found[0][1:]


@pytest.mark.parametrize("make", [profile_of, line_of])
def test_failed_and_excluded_points_of_all_results_are_marked_and_explained_once(make):
    results = [make("mine"), make("mine")]
    for place, result in enumerate(results):
        good, out = np.ones(5, bool), np.zeros(5, bool)
        good[place], out[4 - place] = False, True
        result.variables.update(point_converged=(("a",), good), point_excluded=(("a",), out))
    axes = (profiles if make is profile_of else scans)(results).axes[0]
    texts = axes.get_legend_handles_labels()[1]
    assert texts.count("not converged") == 1
    assert sum(text.startswith("excluded") for text in texts) == 1
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crosses] == [[0.0], [0.25]]


@pytest.mark.parametrize("number", [1, 2, 3, 5, 20])
def test_a_scan_shows_all_of_its_levels(number):
    """Each has a shade of its own, the innermost the darkest."""
    result = scan_of("mine")
    result.attributes["levels"] = [0.4 * (i + 1) for i in range(number)]
    figure = scans([result])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    areas = sorted(axes.patches, key=lambda patch: patch.get_zorder())
    shades = [patch.get_facecolor()[0] for patch in areas]
    assert len(set(shades)) == number
    assert shades == sorted(shades, reverse=True)
    assert sum("mine" in text for text in axes.get_legend_handles_labels()[1]) == number
    assert figure.legends[0].get_window_extent().y0 > axes.get_window_extent().y1
    assert axes.get_window_extent().height > 0.5 * figure.bbox.width


@pytest.mark.parametrize(("size", "shared"), [(1e-4, True), (1.0, False)])
def test_numbers_of_small_couplings_share_an_exponent(size, shared):
    """Labels such as 0.000025 run into each other."""
    result = profile_of("mine")
    result.variables["a"] = (("a",), size * result.variables["a"][1])
    for limit in result.attributes["limits"]:
        limit["allowed"] = [[0.25 * size, 0.75 * size]]
    result.attributes["best"]["parameters"]["a"]["value"] = 0.5 * size
    figure = profiles([result])
    figure.draw_without_rendering()
    axis = figure.axes[-1].xaxis
    assert bool(axis.get_offset_text().get_text()) == shared
    ends = [t.get_window_extent() for t in axis.get_ticklabels() if t.get_text()]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(ends))


@pytest.mark.parametrize("of", [{"provenance": {"data_set": "asimov"}}, {"as_released": False}])
def test_published_values_stand_beside_released_data_only(of):
    result = profile_of_data(DATA[0])
    result.attributes.update(of)
    assert len(profiles([profile_of_data(DATA[0])]).axes) == 2
    assert len(profiles([result]).axes) == 1
