"""Declarations of parameters, their domains, and who may read what."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cevns_jax.errors import ConfigError
from cevns_jax.parameters import Declared, Parameter, check_domain
from cevns_jax.priors import Gaussian

G = Parameter(name="g", start=1.0, lower=0.0, upper=10.0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"start": -1.0}, r"g must be finite and lie between 0 and 10, not at -1"),
        ({"start": 11}, r"not at 11"),
        ({"start": math.nan}, "finite"),
        ({"start": math.inf, "upper": math.inf}, "finite"),
        ({"lower": 2.0}, "between 2 and 10"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(changed, words):
    with pytest.raises(ConfigError, match=words):
        dataclasses.replace(G, **changed)


class Bad:
    """A prior of which most is missing."""

    mean, centre, proper, constrains, text = 0.0, 0.0, True, True, "bad"


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (
            Bad(),
            "prior of g: Bad lacks lower, upper, log_density, penalty, precision, draw, within, "
            "centred, repeated; see cevns_jax.priors.Prior",
        ),
        (Gaussian, "prior of g: Gaussian is a class, and an object is needed"),
        (None, "prior of g: NoneType lacks mean, centre, lower"),
    ],
)
def test_a_prior_that_is_none_is_refused_with_what_it_lacks(prior, words):
    with pytest.raises(ConfigError, match=words):
        dataclasses.replace(G, prior=prior)


@pytest.mark.parametrize("value", [-1e-9, 10.1, math.nan, math.inf, np.array([1.0, 11.0]), "a"])
def test_values_outside_a_domain_are_refused(value):
    with pytest.raises(ConfigError, match=r"there: g must be"):
        check_domain("there", G, value)


def test_values_inside_a_domain_and_traced_ones_pass():
    for value in (0, 10.0, np.float32(3), jnp.array([0.0, 1.0])):
        assert check_domain("there", G, value) is None
    assert jax.jit(lambda value: check_domain("there", G, value))(-1.0) is None


def test_declarations_go_through_jax_with_any_numbers_in_them():
    """Gradients, and trees that say which leaves are mapped, are no declarations."""
    slope = jax.grad(lambda p: -3.0 * p.start + p.lower)(G)
    assert (float(slope.start), float(slope.lower), float(slope.upper)) == (-3.0, 1.0, 0.0)
    axes = jax.tree.map(lambda _: 0, G)
    assert axes.upper == 0


def test_only_what_is_declared_can_be_read():
    values = Declared({"g": 1.0, "m": 2.0}, ["g", "h"], 'x, component "c": reads the parameter')
    assert values["g"] == 1.0
    assert values.get("h", 3.0) == 3.0
    with pytest.raises(KeyError, match="h"):
        values["h"]
    words = r'x, component "c": reads the parameter "m", which .* declares \(declared: g, h\)'
    with pytest.raises(ConfigError, match=words):
        values["m"]
    with pytest.raises(ConfigError, match=words):
        values.get("m", 2.0)
    doubled = jax.tree.map(lambda x: 2 * x, values)
    assert doubled == {"g": 2.0}
    with pytest.raises(ConfigError, match=words):
        doubled["m"]
