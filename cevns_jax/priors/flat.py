"""Priors that do not represent a measurement: flat in x or in ln x."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.priors.numbers import (
    TOWARDS_END,
    Number,
    check_range,
    common_range,
    contains,
    digits,
    is_finite,
    known,
    range_text,
    store,
    where_inside,
    whole_shape,
)
from cevns_jax.pytree import plain_pytree


class NotMeasured:
    """Base class of priors that represent no measurement: there is no outcome to move or repeat."""

    constrains = False

    @property
    def centre(self) -> Number:
        return jnp.nan

    def centred(self, centre: Number) -> Self:
        return self

    def repeated(self, key: jax.Array, truth: Number) -> jax.Array:
        return jnp.asarray(truth, float)


@plain_pytree
@dataclass(frozen=True)
class Flat(NotMeasured):
    """A constant density between two ends; 1, and improper, if one of them is infinite.

    Attributes:
        lower, upper: Ends of the range.

    Raises:
        ConfigError: a lower end that is not below the upper one.
    """

    lower: Number = -math.inf
    upper: Number = math.inf

    def __post_init__(self) -> None:
        store(self, "flat prior", lower=self.lower, upper=self.upper)
        check_range("flat prior", self.lower, self.upper)

    @property
    def mean(self) -> Number:
        ends = jnp.where(self.proper, self.lower, 0.0), jnp.where(self.proper, self.upper, 0.0)
        return jnp.where(self.proper, (ends[0] + ends[1]) / 2, jnp.nan)

    @property
    def proper(self) -> Any:
        return is_finite(self.lower) & is_finite(self.upper)

    @property
    def text(self) -> str:
        return "flat" + range_text(self.lower, self.upper, " from")

    def log_density(self, x: Number) -> jax.Array:
        width = jnp.where(self.proper, jnp.subtract(self.upper, self.lower), 1.0)
        return where_inside(self, x, -jnp.log(width) + jnp.zeros_like(x), -jnp.inf)

    def penalty(self, x: Number) -> jax.Array:
        return where_inside(self, x, jnp.zeros_like(x, float), jnp.inf)

    def precision(self, x: Number) -> jax.Array:
        return jnp.zeros_like(x, float)

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        if known(self.lower, self.upper) and not np.all(self.proper):
            raise ConfigError("a flat prior without two finite ends cannot be drawn from")
        u = jax.random.uniform(key, whole_shape(shape, self.lower, self.upper), float)
        return jnp.asarray(self.lower + u * jnp.subtract(self.upper, self.lower))

    def within(self, lower: Number, upper: Number) -> Flat:
        return Flat(*common_range((self.lower, self.upper), (lower, upper)))


@plain_pytree
@dataclass(frozen=True)
class LogUniform(NotMeasured):
    """A density that is constant in ln x, between two positive ends.

    Attributes:
        lower, upper: Ends of the range, finite.

    Raises:
        ConfigError: ends that are not positive and finite, or a lower one that is not below the
            upper one.
    """

    lower: Number
    upper: Number

    proper = True

    def __post_init__(self) -> None:
        store(self, "log-uniform prior", lower=self.lower, upper=self.upper)
        check_range("log-uniform prior", self.lower, self.upper)
        if known(self.lower, self.upper) and not np.all(
            np.greater(self.lower, 0) & np.isfinite(self.upper)
        ):
            raise ConfigError(
                "log-uniform prior: lower must be positive and upper finite, not "
                f"{digits(self.lower)} and {digits(self.upper)}"
            )

    @property
    def mean(self) -> Number:
        return jnp.subtract(self.upper, self.lower) / self._width

    @property
    def text(self) -> str:
        return f"flat in ln x from {digits(self.lower)} to {digits(self.upper)}"

    @property
    def _width(self) -> jax.Array:
        return jnp.log(jnp.divide(self.upper, self.lower))

    def log_density(self, x: Number) -> jax.Array:
        inside = contains(self, x)
        log = jnp.log(jnp.where(inside, x, self.lower))
        return jnp.where(inside, -log - jnp.log(self._width), -jnp.inf)

    def penalty(self, x: Number) -> jax.Array:
        inside = contains(self, x)
        # The density 1/x is highest at the lower end, where the penalty is zero.
        return jnp.where(
            inside, 2 * jnp.log(jnp.where(inside, x, self.lower) / self.lower), jnp.inf
        )

    def precision(self, x: Number) -> jax.Array:
        """A share of the square of the slope of half the penalty; the curvature is negative."""
        return TOWARDS_END / jnp.square(jnp.where(contains(self, x), x, self.lower))

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        u = jax.random.uniform(key, whole_shape(shape, self.lower, self.upper), float)
        return jnp.clip(self.lower * jnp.exp(u * self._width), self.lower, self.upper)

    def within(self, lower: Number, upper: Number) -> LogUniform:
        return LogUniform(*common_range((self.lower, self.upper), (lower, upper)))
