"""Figures of limits: points, disconnected ranges, ends that are not reached, held values."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import limit_of

from cevns_jax.plotting import limits

CROSSINGS, FROM_ZERO, NO_END = (
    ("crossing", "crossing"),
    ("domain", "crossing"),
    ("crossing", "domain"),
)
UPPER = ((0.0, 1e-5), FROM_ZERO)
BAND = ((6e-5, 9e-5), CROSSINGS)
WHOLE = ((0.0, 10.0), ("domain", "domain"))


def draw(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure.axes[0]


def curves(axes):
    """Lines through ends, as many as there are."""
    return [line for line in axes.lines if len(line.get_xdata()) and line.get_label()[0] == "_"]


def shaded(axes, x, y):
    """Whether a point is shaded: no allowed range is drawn over it."""
    paths = [path for c in axes.collections for path in c.get_paths()]
    point = axes.transData.transform((x, y))
    return not any(path.contains_point(point, axes.transData) for path in paths)


@pytest.mark.parametrize(
    ("ranges", "points"),
    [
        ([UPPER], 1),
        ([UPPER, BAND], 3),
        ([((1e-5, 10.0), NO_END)], 1),
        ([WHOLE], 0),
        ([], 0),
        ([((-1.0, 2.0), CROSSINGS)], 2),
    ],
)
def test_limits_at_one_held_value_are_points(ranges, points):
    """A logarithmic axis with a single value must not warn either."""
    lines = curves(draw(limits([limit_of([ranges])])))
    assert [(line.get_marker(), len(line.get_xdata())) for line in lines] == [("o", 1)] * points


@pytest.mark.parametrize("number", [1, 2, 5])
def test_disconnected_ranges_are_not_shaded(number):
    axes = draw(limits([limit_of([[UPPER, BAND]] * number)] * 2))
    low, high = axes.get_ylim()
    assert low < 1e-5 < 9e-5 < high
    assert axes.get_yscale() == "log"
    assert [shaded(axes, 10.3, y) for y in (5e-6, 2e-5, 7e-5, 2e-4)] == [0, 1, 0, 1]


def test_a_range_at_a_single_held_value_is_not_shaded():
    """It stands for what is nearer to that value than to others."""
    axes = draw(limits([limit_of([[UPPER], [UPPER, BAND], [UPPER]])]))
    assert [shaded(axes, mass, 7e-5) for mass in (1.0, 3.0, 3.3, 10.0, 30.0, 33.0)] == [
        *(True, True, False, False, False, True)
    ]
    assert not any(shaded(axes, mass, 5e-6) for mass in (1.5, 3.0, 10.0, 50.0))


@pytest.mark.parametrize("order", [1, -1])
def test_a_range_that_begins_or_ends_below_another_leaves_that_where_it_is(order):
    low = ((1e-6, 2e-6), CROSSINGS)
    axes = draw(limits([limit_of([[BAND], [low, BAND], [low, BAND]][::order])]))
    masses = np.geomspace(1.01, 99.0, 40)[::order]
    assert not any(shaded(axes, mass, 7e-5) for mass in masses)
    assert all(shaded(axes, mass, 1e-5) for mass in masses)
    assert [shaded(axes, mass, 1.5e-6) for mass in masses] == [True] * 20 + [False] * 20
    assert sorted(len(line.get_xdata()) for line in curves(axes)) == [2, 2, 3, 3]


def test_a_gap_that_opens_in_a_range_is_shaded_from_half_way_on():
    whole = ((0.0, 9e-5), FROM_ZERO)
    axes = draw(limits([limit_of([[whole], [UPPER, BAND], [UPPER, BAND]])]))
    masses = (1.1, 3.0, 3.3, 11.0, 99.0)
    assert [shaded(axes, mass, 2e-5) for mass in masses] == [False, False, True, True, True]
    assert not any(shaded(axes, mass, y) for mass in masses for y in (5e-6, 8.9e-5))
    upper = max(curves(axes), key=lambda line: len(line.get_xdata()))
    assert upper.get_ydata() == pytest.approx([9e-5] * 3)


def test_a_range_is_not_joined_with_another_kind_of_range():
    """A band at one value, an upper limit at the next: as many, but not the same."""
    lines = curves(draw(limits([limit_of([[BAND], [UPPER]])])))
    assert [len(line.get_xdata()) for line in lines] == [1, 1, 1]


def test_shading_follows_the_lines():
    """Just inside a rising upper limit nothing is shaded, just outside it is."""
    rising = [((0.0, 1e-5 * 2**n), FROM_ZERO) for n in range(5)]
    axes = draw(limits([limit_of([[end] for end in rising])]))
    for mass in np.geomspace(1.05, 95.0, 23):
        end = 1e-5 * mass ** (np.log(16) / np.log(100))
        assert not shaded(axes, mass, 0.97 * end)
        assert shaded(axes, mass, 1.03 * end)


def failed_at(ranges, *places):
    result = limit_of(ranges)
    result.variables["point_converged"][1][list(places)] = False
    return result


@pytest.mark.parametrize("ranges", [[UPPER], [((1e-5, 10.0), NO_END)], []])
def test_what_did_not_converge_is_marked_in_sight(ranges):
    """At its upper end, or at the edge of the figure where that is out of sight or missing."""
    axes = draw(limits([failed_at([[UPPER], ranges, [UPPER]], 1)]))
    (mark,) = [line for line in axes.lines if line.get_label() == "not converged"]
    assert mark.get_xdata() == pytest.approx([10.0])
    assert mark.get_ydata() == pytest.approx([1e-5 if ranges == [UPPER] else axes.get_ylim()[1]])


def test_the_legend_of_an_overlay_says_once_that_something_did_not_converge():
    axes = draw(limits([failed_at([[UPPER]] * 3, 0), failed_at([[UPPER]] * 3, 1)]))
    assert axes.get_legend_handles_labels()[1].count("not converged") == 1


def test_limits_of_different_held_values_say_which_are_whose():
    axes = draw(limits([limit_of([[UPPER]] * 3, held={"s": s}) for s in (0.2, 0.3)]))
    texts = [text for text in axes.get_legend_handles_labels()[1] if "CL" in text]
    assert ["0.2" in text for text in texts] == [True, False]
    assert ["0.3" in text for text in texts] == [False, True]
    assert axes.get_title(loc="right") == ""


def test_a_range_without_an_upper_end_goes_to_the_edge():
    axes = draw(limits([limit_of([[((1e-5, 10.0), NO_END)], [((2e-5, 10.0), NO_END)]])]))
    assert not shaded(axes, 10.0, 0.9 * axes.get_ylim()[1])
    assert len(curves(axes)) == 1


def test_a_band_at_some_held_values_alone_ends_with_them():
    axes = draw(limits([limit_of([[UPPER], [UPPER, BAND], [UPPER, BAND], [UPPER], [UPPER, BAND]])]))
    masses = np.geomspace(1.0, 100.0, 5)
    assert not shaded(axes, np.sqrt(masses[1] * masses[2]), 7e-5)
    assert shaded(axes, masses[0], 7e-5)
    assert shaded(axes, masses[3], 7e-5)
    assert sum(line.get_marker() == "o" for line in curves(axes)) == 2  # both ends of the last


def test_what_is_held_is_told_by_symbols_with_units():
    axes = draw(limits([limit_of([[UPPER]] * 3, held={"s": 0.23857, "mu": 2e-10})]))
    assert axes.get_title(loc="right") == (
        r"held: $\sin^2\theta_W = 0.23857$, $\mu_\nu = 2 \times 10^{-10}$ $\mu_B$"
    )


def test_lines_go_on_over_coarse_grids():
    """Ends that rise tenfold from one held value to the next are one line all the same."""
    rising = [((0.0, 10.0**-n), FROM_ZERO) for n in (5, 4, 3)]
    (line,) = curves(draw(limits([limit_of([[end] for end in rising])])))
    assert line.get_ydata() == pytest.approx([1e-5, 1e-4, 1e-3])
