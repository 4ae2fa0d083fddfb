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
    "ranges",
    [[UPPER], [UPPER, BAND], [((1e-5, 10.0), NO_END)], [WHOLE], [], [((-1.0, 2.0), CROSSINGS)]],
)
def test_limits_at_one_held_value_are_points(ranges):
    """A logarithmic axis with a single value must not warn either."""
    for line in curves(draw(limits([limit_of([ranges])]))):
        assert line.get_marker() == "o"


@pytest.mark.parametrize("number", [1, 2, 5])
def test_disconnected_ranges_are_not_shaded(number):
    axes = draw(limits([limit_of([[UPPER, BAND]] * number)] * 2))
    low, high = axes.get_ylim()
    assert low < 1e-5 < 9e-5 < high
    assert axes.get_yscale() == "log"
    if number > 1:
        assert [shaded(axes, 10.0, y) for y in (5e-6, 2e-5, 7e-5, 2e-4)] == [0, 1, 0, 1]


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
