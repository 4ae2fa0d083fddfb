"""Curves of Delta chi^2: what is written on them stays in the figure."""

import pytest
from drawn_results import profile_of

from cevns_jax.plotting import profiles

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
