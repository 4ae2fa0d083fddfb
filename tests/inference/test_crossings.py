"""Searches along a curve that is known in closed form: crossings, bottoms, and what limits say."""

import numpy as np
import pytest
from germanium import germanium
from scipy.optimize import brentq, minimize_scalar

import cevns_jax as cj
from cevns_jax.inference.crossings import Bracket, crossings, lowest_in
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.intervals import Curve, Interval, local_minima
from cevns_jax.inference.limit import Limit, _ending
from cevns_jax.inference.minimise import Minimum

CURVES = {
    "parabola": lambda x: (x - 1.3) ** 2,
    "steep wall": lambda x: np.expm1(3 * np.abs(x - 1.3)),
    "flat bottom": lambda x: (x - 1.3) ** 4,
    "lopsided": lambda x: 5 * (x / 1.3 - 1 - np.log(x / 1.3)),
}


def of_curve(curve):
    """The profiled chi^2 of one parameter, n = 0 others, as the searches ask for it; and where they
    asked."""
    asked = []

    def lowest_at(values, lanes, starts):
        asked.extend(values.tolist())
        size = len(values)
        return Minimum(
            x=np.zeros((size, 0)),
            chi2=curve(values) + 7.0,
            gradient=np.zeros((size, 0)),
            information=np.zeros((size, 0, 0)),
            edm=np.zeros(size),
            steps=np.zeros(size, int),
            ending=np.full(size, int(Ending.CONVERGED)),
        )

    return lowest_at, asked


def bracket(curve, *points):
    at = np.array([[p] for p in points], dtype=float)
    return Bracket(at, curve(at) + 7.0, np.zeros((len(points), 1, 0)))


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("ends", [(1.3, 9.0), (0.1, 1.3), (1.31, 2.9), (0.2, 1.2)])
@pytest.mark.parametrize("level", [0.5, 1.0])
def test_a_crossing_is_the_root(name, ends, level):
    curve = CURVES[name]
    if not (curve(np.array(ends)) - level).prod() < 0:
        pytest.skip("the level is not crossed there")
    lowest_at, asked = of_curve(curve)
    found = crossings(lowest_at, bracket(curve, *ends), 7.0, [level])
    root = brentq(lambda x: curve(x) - level, *ends, xtol=1e-14)
    assert found.converged.tolist() == [True]
    assert curve(found.values[0]) == pytest.approx(level, rel=1.01e-4)
    assert found.values[0] == pytest.approx(root, abs=1e-3)
    assert ends[0] <= min(asked)
    assert max(asked) <= ends[1]
    assert len(asked) < 30


@pytest.mark.parametrize("name", ["parabola", "steep wall", "lopsided"])
@pytest.mark.parametrize("points", [(0.2, 1.0, 3.0), (1.0, 1.4, 1.5), (0.3, 1.8, 2.9)])
def test_a_bottom_is_the_minimum(name, points):
    curve = CURVES[name]
    lowest_at, asked = of_curve(curve)
    found = lowest_in(lowest_at, bracket(curve, *points))
    lowest = minimize_scalar(curve, bounds=(points[0], points[2]), method="bounded")
    assert found.lower.tolist() == [True]
    assert float(found.minima.chi2[0]) == pytest.approx(7.0 + lowest.fun, abs=2e-3)
    assert found.values[0] == pytest.approx(1.3, abs=0.1)
    assert points[0] <= min(asked)
    assert max(asked) <= points[2]


def test_the_vertex_of_a_parabola_is_its_bottom_at_once():
    curve = CURVES["parabola"]
    lowest_at, asked = of_curve(curve)
    found = lowest_in(lowest_at, bracket(curve, 0.9, 1.2, 1.6))
    assert found.values[0] == pytest.approx(1.3, abs=1e-9)
    assert len(asked) == 1


def test_which_points_of_a_curve_can_hide_a_minimum():
    chi2 = np.array([9.0, 3.0, 4.0, 4.0, 8.0, 7.0, 9.0, 2.0])
    everything = np.ones(8, bool)
    assert local_minima(chi2, everything, level=2.0).tolist() == [1]
    assert local_minima(chi2, everything, level=10.0).tolist() == [1, 5]
    unknown = everything.copy()
    unknown[1] = False
    assert local_minima(chi2, unknown, level=10.0).tolist() == [2, 5]


def limit_of(*intervals):
    """A limit at one point with some ranges."""
    nothing = np.zeros(1)
    return Limit(
        parameter="g",
        confidence_level=0.9,
        delta_chi2=2.71,
        searched=(-10.0, 10.0),
        held={},
        intervals=(tuple(Interval(*one) for one in intervals),),
        best=nothing,
        chi2=nothing,
        ending=np.array([int(Ending.CONVERGED)]),
        likelihood=None,
    )


CROSSED = ("crossing", "crossing")


@pytest.mark.parametrize(
    ("ranges", "upper"),
    [
        ([(-3.0, -2.0, CROSSED), (-1.0, 1.5, CROSSED), (4.0, 5.0, CROSSED)], 1.5),
        ([(0.0, 1.5, ("domain", "crossing")), (4.0, 5.0, CROSSED)], 1.5),
        ([(2.0, 3.0, CROSSED), (4.0, 5.0, CROSSED)], 3.0),
        ([(-1.0, 10.0, ("crossing", "domain"))], np.inf),
        ([], np.nan),
    ],
)
def test_the_upper_limit_is_that_of_the_range_around_zero(ranges, upper):
    assert limit_of(*ranges).upper == pytest.approx([upper], nan_ok=True)


@pytest.mark.parametrize(
    ("ends", "minima", "lowest", "ending"),
    [
        (True, [0, 0], 1.0, Ending.CONVERGED),
        (False, [0, 0], 1.0, Ending.NO_END),
        (True, [2, 3], 1.0, Ending.NOT_A_NUMBER),
        (True, [1, 1], np.inf, Ending.EXCLUDED),
    ],
)
def test_how_a_limit_ended_is_how_that_ended_on_which_it_depends(ends, minima, lowest, ending):
    lowest_at, _ = of_curve(lambda x: lowest - 7.0 + 0 * x)
    values = np.array([0.0, 1.0])
    curve = Curve(values, lowest_at(values, None, None)._replace(ending=np.array(minima)))
    assert _ending(curve, lowest, ends, 2.71) == ending


def test_the_angle_is_limited_where_it_is_expected():
    """A square of a sine: chi^2 is as low again far below zero. The ends are roots of chi^2."""
    like = cj.Likelihood([germanium([60, 80, 60])], free=["sin2_theta_w"])
    found = cj.limit(like, "sin2_theta_w")
    assert found.converged.all()
    assert found.ending.tolist() == [Ending.CONVERGED]
    assert found.searched == (0.0, 1.0)
    chi2 = cj.objective(like).chi2
    best = minimize_scalar(lambda s: chi2(np.array([s])), bounds=(0.1, 0.3), method="bounded")
    ((low, high),) = found.allowed[0]
    for end, beyond in ((low, 0.0), (high, 0.6)):
        root = brentq(lambda s: chi2(np.array([s])) - best.fun - 2.71, best.x, beyond)
        assert end == pytest.approx(root, abs=1e-4)
