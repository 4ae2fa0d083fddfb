"""Spectra of fits and predictions: what is above the background where it hides the signal."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import counts_of

from cevns_jax.plotting import prediction, spectra
from cevns_jax.plotting.stack import hidden_signal, projections

SHARE_OF_A_PANEL = 0.2  # that a legend may take


def draw(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure


@pytest.mark.parametrize(
    ("signal", "hidden"), [(1.0, True), (25.0, True), (60.0, False), (0, False)]
)
def test_a_signal_below_a_quarter_of_the_highest_bar_is_hidden(signal, hidden):
    result = counts_of(signal, 100.0)
    assert hidden_signal(projections(result.groups["mine"])) == hidden
    assert len(draw(spectra(result, "mine")).axes) == (3 if hidden else 2)
    assert len(draw(prediction(result, "mine")).axes) == (2 if hidden else 1)


def test_a_signal_that_is_seen_on_one_axis_is_not_hidden():
    """A signal at one time stands out there, though not in energy."""
    energy, time = np.ones((4, 1)), np.array([[1.0, 0.0, 0.0, 0.0]])
    group = {
        "e_edges": (("e_edge",), np.arange(5.0)),
        "t_edges": (("t_edge",), np.arange(5.0)),
        "component": (("component",), np.array(["cevns", "brn"])),
        "observed": (("e", "t"), np.zeros((4, 4))),
        "expected": (("component", "e", "t"), np.stack([4 * energy * time, np.full((4, 4), 4.0)])),
    }
    assert not hidden_signal(projections(group))


def test_data_above_the_background_are_those_without_it():
    result = counts_of(10.0, 100.0, factor=1.1)
    below = draw(spectra(result, "mine")).axes[2]
    (points,) = below.containers
    assert np.asarray(points.lines[0].get_ydata()) * 0.013 == pytest.approx(121 - 100)
    assert below.get_xlim() == pytest.approx((0.2, 0.33))  # where the signal is
    assert "above background" in below.get_ylabel()


def test_projections_add_up_and_keep_the_signal_on_top():
    group = counts_of(10.0, 100.0).groups["mine"]
    (found,) = projections(group)
    assert list(found.parts) == ["steady_state", "electrons", "cevns"]
    assert found.total == pytest.approx(group["expected"][1].sum(axis=0))
    assert found.signal == pytest.approx(found.total - 100, abs=1e-9)
    part = found.only(slice(0, 10))
    assert part.total == pytest.approx(found.total[:10])
    assert (len(part.edges), part.many, found.many) == (11, False, True)


@pytest.mark.parametrize("make", [spectra, prediction])
def test_legends_leave_room_for_what_they_explain(make):
    figure = draw(make(counts_of(10.0, 100.0), "mine"))
    panel = figure.axes[0]
    legend, inside = (x.get_window_extent() for x in (panel.get_legend(), panel))
    assert legend.width * legend.height < SHARE_OF_A_PANEL * inside.width * inside.height


def test_a_prediction_says_where_by_symbols():
    assert r"$\sin^2\theta_W = 0.23857$" in draw(prediction(counts_of(9, 9), "mine")).get_suptitle()
