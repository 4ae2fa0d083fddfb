"""stub"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from cevns_jax.errors import ConfigError
from cevns_jax.pytree import changed, plain_pytree


@plain_pytree
@dataclass(frozen=True)
class Flat:
    lower: float = -jnp.inf
    upper: float = jnp.inf
    constrains = False
    mean = 0.0
    text = "flat"

    def penalty(self, x: Any) -> Any:
        return jnp.zeros_like(x)

    def precision(self, x: Any) -> Any:
        return 0.0 * x

    def centred(self, centre: Any) -> Any:
        return self


@plain_pytree
@dataclass(frozen=True)
class Gaussian:
    mean: Any
    width: Any
    constrains = True

    @property
    def text(self) -> str:
        from cevns_jax.summary import number

        return f"{number(self.mean)} +- {number(self.width)}"

    lower = -jnp.inf
    upper = jnp.inf

    def __post_init__(self) -> None:
        if not self.width > 0 or not abs(self.mean) < float("inf"):
            raise ConfigError(
                f"prior: must have a finite mean and a positive width, not {self.mean:g} +- "
                f"{self.width:g}"
            )

    def penalty(self, x: Any) -> Any:
        return ((x - self.mean) / self.width) ** 2

    def precision(self, x: Any) -> Any:
        return self.width**-2.0 + 0.0 * x

    def centred(self, centre: Any) -> Any:
        return changed(self, mean=centre)


Prior = Any


def width_of(prior: Any) -> float:
    return float(prior.precision(prior.mean)) ** -0.5 if prior.constrains else float("inf")
