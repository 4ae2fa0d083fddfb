"""Dataclasses as pytrees whose constructor runs where a user calls it, and nowhere else."""

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from cevns_jax.pytree import plain_pytree, static


@plain_pytree
@dataclass(frozen=True, kw_only=True)
class Ball:
    radius: Any
    name: str = static(default="ball")
    area: Any = field(init=False)

    def __post_init__(self):
        if not self.radius > 0:
            raise ValueError("no ball")
        object.__setattr__(self, "area", 4 * 3.14 * self.radius**2)


@plain_pytree
@dataclass(frozen=True)
class Nothing:
    pass


@plain_pytree
@dataclass(frozen=True)
class Single:
    only: Any


def test_constructors_run_for_users_and_not_for_jax():
    ball = Ball(radius=2.0)
    with pytest.raises(ValueError, match="no ball"):
        Ball(radius=-1.0)
    with pytest.raises(ValueError, match="no ball"):
        replace(ball, radius=0.0)
    axes = jax.tree.map(lambda _: None, ball)
    assert axes.radius is None
    assert axes.name == "ball"
    assert jax.tree.map(lambda x: -x, ball).radius == -2.0
    assert float(jax.jit(lambda b: b.radius * b.area)(ball)) == pytest.approx(2.0 * ball.area)
    many = jax.tree.map(lambda x: jnp.array([x, 2 * x]), ball)
    assert jax.vmap(lambda b: b.radius)(many).shape == (2,)
    assert float(jax.grad(lambda b: b.radius**2)(ball).radius) == 4.0


def test_static_fields_are_structure_and_others_have_their_names():
    one, other = Ball(radius=1.0), Ball(radius=1.0, name="sphere")
    assert jax.tree.structure(one) == jax.tree.structure(Ball(radius=3.0))
    assert jax.tree.structure(one) != jax.tree.structure(other)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(one)]
    assert names == [".radius", ".area"]


@pytest.mark.parametrize("made", [Nothing(), Single(3.0), Single({"a": 1.0})])
def test_classes_with_one_field_or_none_round_trip(made):
    leaves, structure = jax.tree.flatten(made)
    assert jax.tree.unflatten(structure, leaves) == made


def test_only_frozen_dataclasses_without_slots_are_registered():
    class Plain:
        pass

    @dataclass
    class Changing:
        x: float

    @dataclass(frozen=True, slots=True)
    class Slotted:
        x: float

    for wrong in (Plain, Changing):
        with pytest.raises(TypeError, match="frozen dataclass"):
            plain_pytree(wrong)
    with pytest.raises(TypeError, match="slots"):
        plain_pytree(Slotted)
