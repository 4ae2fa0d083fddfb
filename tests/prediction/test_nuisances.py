"""Nuisances with one width and with two: how they move, where they end, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Nuisance
from cevns_jax.prediction.nuisances import FORMS, check_nuisances

widths = st.tuples(st.floats(0.01, 5.0), st.floats(0.16, 6.0)).map(lambda w: (w[0], w[0] * w[1]))
pulls = st.floats(-6.0, 6.0)


move = jax.jit(lambda nuisance, x: nuisance.move(x))
slope = jax.jit(jax.vmap(jax.grad(lambda nuisance, x: nuisance.move(x), 1), (None, 0)))
bend = jax.jit(jax.vmap(jax.grad(jax.grad(lambda nuisance, x: nuisance.move(x), 1), 1), (None, 0)))


lowest_traced = jax.jit(lambda nuisance: nuisance.lowest(("brn",)))


def uneven(up, down, form="linear"):
    return Nuisance(name="a", acts_on=("brn",), width=up, width_down=down, form=form)


def checked(nuisance):
    check_nuisances("experiment", (nuisance,), ("cevns", "brn"), ("quenching",))


@given(width=st.floats(0.01, 5.0), x=pulls)
def test_one_width_moves_as_it_always_did(width, x):
    """The width times the pull, to the last digit and as the same program."""
    for form, of in FORMS.items():
        even = uneven(width, None, form)
        assert even.move(x) == width * x
        assert float(even.factor(x)) == float(of(jnp.asarray(width * x)))
    assert uneven(width, None).lowest(("brn",)) == -1 / width
    program = lambda n: str(jax.make_jaxpr(lambda n, x: n.move(x))(n, 0.3))  # noqa: E731
    assert program(uneven(width, None)).count("mul") == 1


@given(w=widths)
def test_two_widths_are_reached_at_one_and_minus_one(w):
    up, down = w
    nuisance = uneven(up, down)
    checked(nuisance)
    x = jnp.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    expected = np.array([-3 * down, -down, 0.0, up, 3 * up])
    np.testing.assert_allclose(nuisance.move(x), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(nuisance.factor(x), 1 + expected, rtol=1e-12, atol=1e-14)


@given(w=widths)
def test_moves_grow_with_the_pull_and_are_smooth(w):
    nuisance = uneven(*w)
    x = jnp.linspace(-2, 2, 401)
    assert (np.diff(move(nuisance, x)) > 0).all()
    edges = jnp.array([-1.0, 0.0, 1.0])
    for derivative in (move, slope, bend):
        before, after = derivative(nuisance, edges - 1e-9), derivative(nuisance, edges + 1e-9)
        np.testing.assert_allclose(before, after, atol=1e-6 * sum(w))
    step = (move(nuisance, x + 1e-6) - move(nuisance, x - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope(nuisance, x), step, rtol=1e-5)


@given(w=widths)
def test_a_linear_normalisation_with_two_widths_ends_where_nothing_is_left(w):
    up, down = w
    nuisance = uneven(up, down)
    lowest = nuisance.lowest(("cevns", "brn"))
    assert isinstance(lowest, float)
    assert float(nuisance.factor(lowest)) == pytest.approx(0.0, abs=1e-13)
    assert float(nuisance.factor(lowest + 1e-6)) > 0
    assert uneven(up, down, "exponential").lowest(("brn",)) == -np.inf
    assert nuisance.lowest(("cevns",)) == -np.inf
    traced = lowest_traced(nuisance)
    assert float(traced) == pytest.approx(lowest, rel=1e-14)


def test_two_equal_widths_are_one_width():
    x = jnp.linspace(-3, 3, 13)
    np.testing.assert_allclose(uneven(0.3, 0.3).move(x), uneven(0.3, None).move(x), rtol=1e-15)


@pytest.mark.parametrize(
    ("down", "message"),
    [
        (0.0, "width_down must be positive and finite, not 0.0"),
        (-0.1, "width_down must be positive"),
        (np.nan, "width_down must be positive"),
        (0.7, "within a factor of 6.76 of each other, not 0.1 and 0.7"),
        (0.014, "within a factor of 6.76"),
    ],
)
def test_two_widths_that_make_no_sense_are_refused(down, message):
    with pytest.raises(ConfigError, match=message):
        checked(uneven(0.1, down))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"width": 0.0}, 'nuisance "flux": width must be positive and finite, not 0'),
        ({"width": np.inf}, "width must be positive and finite, not inf"),
        ({"width": "5%"}, "width must be positive and finite, not 5%"),
        ({"width_down": -1}, 'nuisance "flux": width_down must be positive and finite, not -1'),
        (
            {"acts_on": "solar"},
            r'nuisance "flux": acts_on must be a list of names, \["solar"\], not a string',
        ),
    ],
)
def test_a_nuisance_that_makes_no_sense_is_refused_where_it_is_made(changed, message):
    with pytest.raises(ConfigError, match=message):
        Nuisance(**{"name": "flux", "acts_on": ["cevns"], "width": 0.1} | changed)


def test_a_nuisance_goes_through_jax_with_any_numbers_in_it():
    """Trees of axes and gradients are no nuisances, and pass; its names may be a list."""
    nuisance = Nuisance(name="flux", acts_on=["cevns"], width=0.1)
    assert jax.tree.map(lambda _: -1, nuisance).width == -1
    assert float(jax.grad(lambda n: -2.0 * n.width)(nuisance).width) == -2.0
    assert nuisance.acts_on == ("cevns",)


def test_the_widest_ratio_that_is_allowed_is_the_last_that_grows():
    x = jnp.linspace(-1, 1, 100_001)
    assert (np.diff(uneven(6.75, 1.0).move(x)) > 0).all()
    assert (np.diff(uneven(6.80, 1.0).move(x)) < 0).any()


def test_sizes_are_told():
    assert uneven(0.1, None).size == "0.1"
    assert uneven(0.1, 0.05).size == "+0.1 -0.05"


def test_a_fit_with_two_widths_pulls_up_and_down_by_each():
    """An excess that one width fits takes the pull that the other width takes for a deficit."""
    csi = cj.experiments.coherent_csi_2021(nuisances=[uneven(0.25, 0.1)])
    like = cj.Likelihood([csi], cj.interactions.standard_model())
    (pull,) = like.names
    parts = like.components({pull: jnp.array(0.0)})["coherent_csi_2021"]
    for x, factor in ((1.0, 1.25), (-1.0, 0.9), (2.0, 1.5), (-2.0, 0.8)):
        moved = like.components({pull: jnp.array(x)})["coherent_csi_2021"]["brn"]
        np.testing.assert_allclose(moved, factor * parts["brn"], rtol=1e-13)
