"""The minimiser on functions of its own, without any experiment: bounds, metrics, endings."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, lsq_linear

from cevns_jax.inference.endings import SENTENCES, Ending
from cevns_jax.inference.minimise import MAX_STEPS, Local, minimise

INF = np.inf


def of_residuals(residuals, *, bend=False):
    """chi^2 of a sum of squares, with the information J^T J."""

    def local(x):
        r, jacobian = residuals(x), jax.jacfwd(residuals)(x)
        rest = jnp.einsum("i,ijk->jk", r, jax.hessian(residuals)(x)) if bend else None
        return Local(r @ r, jnp.array(False), jacobian.T @ r, jacobian.T @ jacobian, rest)

    return local


def of_function(half, metric=1.0):
    """chi^2 / 2 = half(x), with its Hessian, or a multiple of it, as the information."""

    def local(x):
        information = metric * jax.hessian(half)(x)
        return Local(2 * half(x), jnp.array(False), jax.grad(half)(x), information, None)

    return local


@cache
def watched(local, **options):
    """The minimiser of a function, compiled, and a list of the places that it asks for."""
    asked = []

    def watch(x):
        jax.debug.callback(lambda at: asked.append(np.array(at)), x)
        return local(x)

    return jax.jit(partial(minimise, watch, **options)), asked


def run(local, start, lower=-INF, upper=INF, moving=None, **options):
    """The minimum, and every place at which chi^2 was asked for, shape (steps, n)."""
    program, asked = watched(local, **options)
    asked.clear()
    start = np.array(start, dtype=float)
    bounds = tuple(np.broadcast_to(np.array(b, dtype=float), start.shape) for b in (lower, upper))
    moves = np.ones(start.shape, bool) if moving is None else np.array(moving)
    found = program(start, bounds, moves)
    jax.effects_barrier()
    return found, np.array(asked)


def check_minimum(found, asked, lower=-INF, upper=INF):
    """Converged, nowhere outside the bounds, and the gradient points outwards where it counts."""
    assert int(found.ending) == Ending.CONVERGED
    assert bool(found.converged)
    assert (asked >= lower).all()
    assert (asked <= upper).all()
    errors = np.diag(np.asarray(found.information)) ** -0.5
    assert np.abs(found.gradient) * errors == pytest.approx(0.0, abs=1e-4)


@partial(jax.jit, static_argnames="n")
def quadratic(root, target, start, lower, upper, *, n):
    """Minimum of |root x - target|^2 in a box."""
    return minimise(of_residuals(lambda x: root @ x - target), start, (lower, upper))


def numbers(low, high, *shape):
    """Arrays of rounded numbers."""
    one = st.floats(low, high, width=32).map(lambda x: round(x, 3))
    size = int(np.prod(shape))
    return st.lists(one, min_size=size, max_size=size).map(lambda x: np.reshape(x, shape))


@given(
    mixing=numbers(-1, 1, 3, 3),
    scale=numbers(-1, 1, 3),
    target=numbers(-5, 5, 3),
    start=numbers(-9, 9, 3),
    lower=numbers(-3, 0, 3),
    width=numbers(0, 4, 3),
    open_=st.lists(st.sampled_from(["both", "lower", "upper", "none"]), min_size=3, max_size=3),
)
def test_quadratics_in_boxes_against_scipy(mixing, scale, target, start, lower, width, open_):
    """Positive definite ones, parameters of unlike sizes; the start may lie outside the box."""
    size = 10**scale
    # The smallest singular value of this is at least one before the parameters get their sizes.
    left, values, right = np.linalg.svd(mixing)
    root = left @ np.diag(1 + values) @ right / size
    low = np.where([o in ("both", "lower") for o in open_], lower * size, -INF)
    high = np.where([o in ("both", "upper") for o in open_], (lower + width + 1e-3) * size, INF)
    found = quadratic(root, target, start * size, low, high, n=3)
    expected = lsq_linear(root, target, (low, high), method="bvls", tol=1e-14)
    assert int(found.ending) == Ending.CONVERGED
    assert ((found.x >= low) & (found.x <= high)).all()
    assert float(found.chi2) == pytest.approx(2 * expected.cost, rel=1e-9, abs=1e-8)
    np.testing.assert_allclose(found.x / size, expected.x / size, atol=1e-4)
    slope = 2 * root.T @ (root @ np.asarray(found.x) - target)
    outwards = ((found.x == low) & (slope > 0)) | ((found.x == high) & (slope < 0))
    kept = np.where(outwards, 0.0, slope)
    np.testing.assert_allclose(found.gradient, kept, rtol=1e-6, atol=1e-6 * np.abs(slope).max())


def test_a_start_outside_the_bounds_begins_at_the_nearest_place_inside():
    found, asked = run(of_residuals(lambda x: x - 3.0), [-8.0, 9.0], [0.0, 0.0], [5.0, 2.0])
    check_minimum(found, asked, 0.0, [5.0, 2.0])
    assert asked[0].tolist() == [0.0, 2.0]
    assert found.x == pytest.approx([3.0, 2.0], abs=1e-4)
    assert float(found.chi2) == pytest.approx(1.0)


def test_an_end_at_a_bound_is_that_number_to_the_bit():
    """1 + (-0.1 - 1) is below -0.1: such an end would be no value of the parameter any more."""
    starts = np.random.default_rng(1).uniform(0.0, 20.0, 50)
    lower = -np.random.default_rng(2).uniform(0.0, 1.0, 50)
    local = of_residuals(lambda x: x + 5.0)
    found, asked = run(local, starts, lower)
    check_minimum(found, asked, lower)
    assert (np.asarray(found.x) == lower).all()


def test_one_bound_in_the_way_of_correlated_parameters_costs_no_steps():
    """What stops at its bound is put there at once, and the others go where they belong then: the
    minimum of this parabola on y = 1 is at x = 1 - 0.9 (y - 3) = 2.8."""
    information = jnp.array([[1.0, 0.9], [0.9, 1.0]])
    middle = np.array([1.0, 3.0])

    def half(x):
        return (x - middle) @ information @ (x - middle) / 2

    local = of_function(half)
    free, _ = run(local, [0.0, 0.0])
    found, asked = run(local, [0.0, 0.0], [-INF, -INF], [INF, 1.0])
    check_minimum(found, asked, -INF, [INF, 1.0])
    assert found.x == pytest.approx([1.0 + 0.9 * 2.0, 1.0], abs=1e-5)
    assert float(found.x[1]) == 1.0
    assert int(found.steps) <= int(free.steps)


def test_what_the_others_are_pushed_past_stops_them_as_well():
    """As above, but that place is beyond a bound of its own: it is never asked for."""
    information = jnp.array([[1.0, 0.9], [0.9, 1.0]])
    middle = np.array([1.0, 3.0])
    local = of_function(lambda x: (x - middle) @ information @ (x - middle) / 2)
    found, asked = run(local, [0.0, 0.0], -INF, [2.0, 1.0])
    check_minimum(found, asked, -INF, [2.0, 1.0])
    assert found.x.tolist() == [2.0, 1.0]


def rosenbrock(x):
    return jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


VALLEY = of_residuals(rosenbrock)


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ((-INF, -INF), (INF, INF), (1.0, 1.0)),
        ((-2.0, -1.0), (0.5, INF), (0.5, 0.25)),  # x ends at its bound, y where it belongs then
        ((0.0, 0.5), (0.5, 2.0), (0.5, 0.5)),  # both
        ((0.0, 2.0), (4.0, 4.0), None),  # y; x is the root of a cubic
    ],
)
@pytest.mark.parametrize("start", [(-1.2, 1.0), (3.0, 3.0)])
def test_a_curved_valley_in_boxes(lower, upper, expected, start):
    """Rosenbrock's, which Gauss-Newton knows only half: its bounds cut the valley in four ways."""
    if expected is None:
        root = brentq(lambda x: 400 * x * (x**2 - 2.0) + 2 * (x - 1), 1.0, 2.0, xtol=1e-13)
        expected = (root, 2.0)
    found, asked = run(VALLEY, start, lower, upper)
    check_minimum(found, asked, lower, upper)
    assert found.x == pytest.approx(expected, abs=1e-5)
    residuals = rosenbrock(np.array(expected))
    assert float(found.chi2) == pytest.approx(float(residuals @ residuals), abs=1e-9)


def test_a_bound_that_is_met_on_the_way_is_left_again():
    """The step from 2 would end at -8: it stops at the bound, from where the minimum is inside."""
    found, asked = run(of_function(lambda x: jnp.sum(jnp.sqrt(1 + x**2))), [2.0], -0.9, 3.0)
    check_minimum(found, asked, -0.9, 3.0)
    assert asked.min() == -0.9
    assert found.x == pytest.approx([0.0], abs=1e-5)


LINE = of_residuals(lambda x: x - 2.0)


@pytest.mark.parametrize(("start", "ends"), [(0.0, (0.0, 5.0)), (4.0, (-1.0, 4.0))])
def test_a_bound_is_left_where_chi2_falls_inwards(start, ends):
    found, asked = run(LINE, [start], *ends)
    check_minimum(found, asked, *ends)
    assert found.x == pytest.approx([2.0], abs=1e-4)


@pytest.mark.parametrize(("start", "ends"), [(3.0, (3.0, 5.0)), (1.0, (-1.0, 1.0))])
def test_a_bound_is_kept_where_chi2_falls_outwards(start, ends):
    """At once: nothing is left to be done, and the gradient that pulls outwards is none."""
    found, asked = run(LINE, [start], *ends)
    check_minimum(found, asked, *ends)
    assert found.x.tolist() == [start]
    assert found.gradient.tolist() == [0.0]
    assert float(found.chi2) == 1.0
    assert int(found.steps) == 1


def test_what_does_not_move_stays_to_the_bit():
    """Whatever the gradient there; the others go to the minimum with it held."""
    moving = [True, False]
    found, asked = run(VALLEY, [-1.2, 1.7], moving=moving)
    check_minimum(found, asked)
    assert (asked[:, 1] == 1.7).all()
    root = brentq(lambda x: 400 * x * (x**2 - 1.7) + 2 * (x - 1), -2.0, -1.0, xtol=1e-13)
    assert found.x == pytest.approx([root, 1.7], abs=1e-5)
    assert float(found.gradient[1]) == 0.0


def test_what_changes_nothing_stays_where_it_is():
    """As the mass of a mediator without coupling: no information, no gradient."""
    found, asked = run(of_residuals(lambda x: jnp.stack([x[0] - 2.0, 3.0 + 0 * x[1]])), [0.0, 7.0])
    assert int(found.ending) == Ending.CONVERGED
    assert found.x == pytest.approx([2.0, 7.0], abs=1e-4)
    assert (asked[:, 1] == 7.0).all()


def test_second_derivatives_find_a_minimum_where_the_first_vanish():
    """1 + x^2 has no slope at its minimum: the information alone creeps towards it."""
    half, bent = (of_residuals(lambda x: 1 + x**2, bend=b) for b in (False, True))
    creeping, _ = run(half, [3.0])
    found, _ = run(bent, [3.0], bent=True)
    assert int(found.ending) == Ending.CONVERGED
    assert found.x == pytest.approx([0.0], abs=1e-4)
    assert int(found.steps) < 15 < int(creeping.steps)


def test_a_curvature_that_is_not_definite_gives_way_to_the_information():
    """sqrt(1 + x^2) - 1 as the square of a residual: the whole curvature is negative far out."""
    local = of_residuals(lambda x: jnp.log1p(x**2) + x / 2, bend=True)
    found, asked = run(local, [4.0], -10.0, 10.0, bent=True)
    check_minimum(found, asked, -10.0, 10.0)
    assert float(found.chi2) == pytest.approx(0.0, abs=1e-8)


def test_an_end_where_chi2_is_infinite_is_excluded_not_failed():
    def local(x):
        return of_residuals(lambda x: x - 1.0)(x)._replace(impossible=jnp.array(True))

    found, _ = run(local, [5.0])
    assert int(found.ending) == Ending.EXCLUDED
    assert bool(found.converged)
    assert float(found.chi2) == INF
    assert found.x == pytest.approx([1.0], abs=1e-4)


def test_steps_run_out_where_the_metric_is_far_too_stiff():
    """An information a million times too large: every step is a millionth of the way."""
    found, asked = run(of_function(lambda x: 5e5 * x @ x, 1e6), [1.0])
    assert int(found.ending) == Ending.OUT_OF_STEPS
    assert not bool(found.converged)
    assert int(found.steps) == MAX_STEPS == len(asked)
    assert float(found.x[0]) > 0.5
    # What the parabola of that metric promises: g^2/h with the slope of chi^2/2 and its metric.
    slope, metric = 1e6 * float(found.x[0]), 1e12
    assert float(found.edm) == pytest.approx(slope**2 / metric, rel=1e-9)


def test_success_takes_the_damping_away():
    """Each step of a parabola is longer in units of what is left: ten of them go over 50 decades,
    where the damping of the first one alone would need 17."""
    found, asked = run(LINE, [1e50])
    check_minimum(found, asked)
    assert int(found.steps) <= 12


def test_a_metric_far_too_soft_is_damped():
    """An information a thousand times too small: steps a thousand times too long are refused."""
    found, asked = run(of_function(lambda x: 500 * (x - 1) @ (x - 1), 1e-3), [3.0], -1e6, 1e6)
    assert int(found.ending) == Ending.CONVERGED
    assert np.abs(asked).max() > 100
    assert found.x == pytest.approx([1.0], abs=1e-4)


@pytest.mark.parametrize("where", ["everywhere", "beyond"])
def test_what_is_not_a_number_is_said_or_avoided(where):
    """At the start there is nothing to be done; on the way such a step is refused."""
    edge = INF if where == "everywhere" else -5.0

    def local(x):
        known = of_function(lambda x: jnp.sum(jnp.sqrt(1 + x**2)))(x)
        return known._replace(chi2=jnp.where(x[0] < edge, jnp.nan, known.chi2))

    found, asked = run(local, [2.0])
    if where == "everywhere":
        assert int(found.ending) == Ending.NOT_A_NUMBER
        assert not bool(found.converged)
    else:
        assert (asked < -5).any()
        assert int(found.ending) == Ending.CONVERGED
        assert found.x == pytest.approx([0.0], abs=1e-5)


@pytest.mark.parametrize(
    ("chi2", "impossible", "ending"),
    [
        (4.0, False, Ending.CONVERGED),
        (4.0, True, Ending.EXCLUDED),
        (np.nan, False, Ending.NOT_A_NUMBER),
    ],
)
def test_without_parameters_the_only_point_is_judged(chi2, impossible, ending):
    nothing = jnp.zeros(0)
    point = Local(jnp.array(chi2), jnp.array(impossible), nothing, jnp.zeros((0, 0)), None)
    found = minimise(lambda x: point, nothing, (nothing, nothing))
    assert int(found.ending) == ending
    assert float(found.chi2) == pytest.approx(INF if impossible else chi2, nan_ok=True)
    assert int(found.steps) == 0


def test_lanes_of_a_batch_do_not_know_of_each_other():
    """Each with its own start, moving parameters and bounds: as one by one."""
    local = VALLEY
    starts = jnp.array([[-1.2, 1.0], [3.0, 3.0], [0.0, 1.7], [-3.0, -1.0]])
    moving = jnp.array([[True, True], [True, True], [True, False], [False, True]])
    lower = jnp.array([[-INF, -INF], [0.0, 0.5], [-INF, -INF], [-INF, -2.0]])
    upper = jnp.array([[INF, INF], [0.5, 2.0], [INF, INF], [INF, 6.0]])

    def one(start, moves, low, high):
        return minimise(local, start, (low, high), moves)

    together = jax.jit(jax.vmap(one))(starts, moving, lower, upper)
    alone = jax.jit(one)
    for lane in range(4):
        single = alone(starts[lane], moving[lane], lower[lane], upper[lane])
        np.testing.assert_allclose(together.x[lane], single.x, rtol=1e-9, atol=1e-9)
        assert int(together.ending[lane]) == int(single.ending) == Ending.CONVERGED
        assert int(together.steps[lane]) == int(single.steps)
    assert together.x[3].tolist() == [-3.0, 6.0]


def test_every_ending_has_its_sentence():
    assert set(SENTENCES) == set(Ending)
    assert len({ending.sentence for ending in Ending}) == len(Ending)


# ------------------------------------------------------------------- a gradient and no information


def uninformed(half):
    """chi^2 / 2 = half(x), of whose first parameter the information says nothing."""

    def local(x):
        information = jax.hessian(half)(x).at[0].set(0.0).at[:, 0].set(0.0)
        return Local(2 * half(x), jnp.array(False), jax.grad(half)(x), information, None)

    return local


def slope(x):
    return 1e-3 * x[0] + 0.5 * (x[1] - 2.0) ** 2


def bowl(x):
    return 0.5 * (x[0] - 7.0) ** 2 + 0.5 * (x[1] - 2.0) ** 2


DOWNHILL, BOWL = uninformed(slope), uninformed(bowl)


@pytest.mark.parametrize("lower", [-4.0, -3e4])
def test_a_parameter_with_a_gradient_and_no_information_goes_to_its_bound(lower):
    """It used to stay where it was, and to count as converged."""
    found, _ = run(DOWNHILL, [1.0, 0.0], lower, INF)
    assert int(found.ending) == Ending.CONVERGED
    assert found.x.tolist() == [lower, pytest.approx(2.0, abs=1e-4)]


@pytest.mark.parametrize("local", [DOWNHILL, BOWL])
def test_a_parameter_with_a_gradient_and_no_information_never_converges(local):
    found, _ = run(local, [1.0, 0.0])
    assert int(found.ending) == Ending.OUT_OF_STEPS
    assert float(found.chi2) < float(local(jnp.array([1.0, 2.0])).chi2)
    assert float(found.edm) >= 1.0
    assert float(found.x[1]) == pytest.approx(2.0, abs=1e-3)


def test_a_parameter_with_neither_gradient_nor_information_stays():
    found, _ = run(BOWL, [7.0, 0.0])
    assert int(found.ending) == Ending.CONVERGED
    assert found.x.tolist() == [7.0, pytest.approx(2.0, abs=1e-4)]


def test_information_that_is_not_a_number_is_no_convergence():
    def local(x):
        nothing = jnp.full((1, 1), jnp.nan) * x
        return Local(x @ x, jnp.array(False), jnp.nan * x, nothing, None)

    assert int(minimise(local, jnp.ones(1), (-INF, INF)).ending) == Ending.OUT_OF_STEPS
