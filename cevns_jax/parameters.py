"""Declaration of a parameter of a fit: name, start, prior, bounds, unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import jax

Values: TypeAlias = Mapping[str, jax.Array | float]
"""Values of parameters: a flat mapping name -> number, so that gradients have the same shape."""


def static(**kwargs: Any) -> Any:
    """A dataclass field that belongs to the structure of a pytree, not to its numbers."""
    return field(metadata={"static": True}, **kwargs)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter, free or fixed.

    Attributes:
        name: Python identifier, unique in a likelihood.
        start: Value where fits start, and the value of a fixed parameter [unit].
        prior_mean: Mean of the Gaussian prior [unit].
        prior_width: Width of the Gaussian prior [unit]; infinite where there is none.
        lower: Lowest value of the declared domain [unit].
        upper: Highest value of the declared domain [unit].
        expected: Range inside the domain in which the value is expected [unit]. A minimum outside
            it is another solution, which is reported only where there is none inside, or where a
            start asks for it.
        unit: Unit of the value; empty for a pure number.
        label: TeX label for figures.
    """

    name: str = static()
    start: float = 0.0
    prior_mean: float = 0.0
    prior_width: float = math.inf
    lower: float = -math.inf
    upper: float = math.inf
    expected: tuple[float, float] = static(default=(-math.inf, math.inf))
    unit: str = static(default="")
    label: str = static(default="")


def pull(name: str, lower: float = -math.inf) -> Parameter:
    """A nuisance parameter: unit-normal pull, in units of its own width, with a lowest value."""
    return Parameter(name=name, prior_width=1.0, lower=lower, label=name.replace("_", " "))
