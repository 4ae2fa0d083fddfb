"""Priors that represent an earlier measurement, with an error that is Gaussian in x or in ln x."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.priors.normal_piece import log_mass, quantile
from cevns_jax.priors.numbers import (
    Number,
    check_normal,
    check_positive,
    check_range,
    common_range,
    digits,
    in_units,
    known,
    range_text,
    store,
    where_inside,
    whole_shape,
)
from cevns_jax.pytree import plain_pytree


@plain_pytree
@dataclass(frozen=True)
class Gaussian:
    """A measurement with a Gaussian error.

    Attributes:
        mean: Its outcome.
        width: Its standard deviation, positive.

    Raises:
        ConfigError: a mean that is not finite, or a width that is not positive and finite.
    """

    mean: Number
    width: Number

    constrains = True
    proper = True
    lower = -math.inf
    upper = math.inf

    def __post_init__(self) -> None:
        store(self, "Gaussian prior", mean=self.mean, width=self.width)
        check_normal("Gaussian prior", "mean", self.mean, self.width)

    @property
    def centre(self) -> Number:
        return self.mean

    @property
    def text(self) -> str:
        return f"{digits(self.mean)} +- {digits(self.width)}"

    def log_density(self, x: Number) -> jax.Array:
        return -self.penalty(x) / 2 - jnp.log(self.width * math.sqrt(2 * math.pi))

    def penalty(self, x: Number) -> jax.Array:
        return jnp.square(jnp.subtract(x, self.mean) / self.width)

    def precision(self, x: Number) -> jax.Array:
        return jnp.divide(1.0, jnp.square(self.width)) + jnp.zeros_like(x, float)

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        z = jax.random.normal(key, whole_shape(shape, self.mean, self.width), float)
        return jnp.asarray(self.mean + self.width * z)

    def within(self, lower: Number, upper: Number) -> TruncatedGaussian:
        return TruncatedGaussian(self.mean, self.width, lower, upper)

    def centred(self, centre: Number) -> Self:
        return replace(self, mean=centre)

    def repeated(self, key: jax.Array, truth: Number) -> jax.Array:
        z = jax.random.normal(key, whole_shape((), truth, self.width), float)
        return jnp.asarray(truth + self.width * z)


@plain_pytree
@dataclass(frozen=True)
class TruncatedGaussian:
    """A measurement with a Gaussian error, of a quantity that can only lie in a range.

    The outcome may lie outside the range: the density is then the tail that reaches into it.

    Attributes:
        mean: Its outcome, which is the mean before truncation.
        width: Its standard deviation, positive.
        lower, upper: Ends of the range.

    Raises:
        ConfigError: a mean that is not finite, a width that is not positive and finite, or ends
            that are no range.
    """

    mean: Number
    width: Number
    lower: Number
    upper: Number

    constrains = True
    proper = True

    def __post_init__(self) -> None:
        where = "truncated Gaussian prior"
        store(self, where, mean=self.mean, width=self.width, lower=self.lower, upper=self.upper)
        check_normal(where, "mean", self.mean, self.width)
        check_range(where, self.lower, self.upper)

    @property
    def centre(self) -> Number:
        return self.mean

    @property
    def text(self) -> str:
        whole = f"{digits(self.mean)} +- {digits(self.width)}"
        return whole + range_text(self.lower, self.upper, ", from")

    def log_density(self, x: Number) -> jax.Array:
        # The mass is relative to the highest density of the piece, so that nothing underflows even
        # if that is far out in the tail.
        highest = -log_mass(*self._ends()) - jnp.log(self.width)
        return -self.penalty(x) / 2 + highest

    def penalty(self, x: Number) -> jax.Array:
        pull = jnp.subtract(x, self.mean) / self.width
        return where_inside(self, x, _above(pull, jnp.clip(0.0, *self._ends())), jnp.inf)

    def precision(self, x: Number) -> jax.Array:
        return jnp.divide(1.0, jnp.square(self.width)) + jnp.zeros_like(x, float)

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        shape = whole_shape(shape, self.mean, self.width, self.lower, self.upper)
        z = quantile(jax.random.uniform(key, shape, float), *self._ends())
        return jnp.clip(self.mean + self.width * z, self.lower, self.upper)

    def within(self, lower: Number, upper: Number) -> TruncatedGaussian:
        return TruncatedGaussian(
            self.mean, self.width, *common_range((self.lower, self.upper), (lower, upper))
        )

    def centred(self, centre: Number) -> Self:
        return replace(self, mean=centre)

    def repeated(self, key: jax.Array, truth: Number) -> jax.Array:
        return Gaussian(self.mean, self.width).repeated(key, truth)

    def _ends(self) -> tuple[jax.Array, jax.Array]:
        """Ends of the range as pulls."""
        return (
            in_units(self.lower, self.mean, self.width),
            in_units(self.upper, self.mean, self.width),
        )


@plain_pytree
@dataclass(frozen=True)
class LogNormal:
    """A measurement of a positive number with a Gaussian error of its logarithm.

    The density is one in x, not in ln x. It is highest at median exp(-width^2), where the penalty
    is zero. With t = ln(x/median) the penalty is the square of the pull t/width + width.

    A repeated measurement scatters in ln x about the truth, without the shift by width. Of such
    outcomes alone Delta chi^2 < 1 therefore holds the truth in the share Phi(1 + width) -
    Phi(width - 1): 68.0 % for a width of 0.1, 66.1 % for 0.3 and 62.5 % for 0.5, instead of 68.3 %.
    A nuisance of exponential form, whose pull is Gaussian, has no shift.

    Attributes:
        median: Its outcome, positive.
        width: Standard deviation of ln x, positive.
        lower, upper: Ends of the range where only a part is allowed.

    Raises:
        ConfigError: a median or width that is not positive and finite, or ends that are no range.
    """

    median: Number
    width: Number
    lower: Number = 0.0
    upper: Number = math.inf

    constrains = True
    proper = True

    def __post_init__(self) -> None:
        where = "log-normal prior"
        given = {"median": self.median, "width": self.width}
        store(self, where, **given, lower=self.lower, upper=self.upper)
        check_normal(where, "median", self.median, self.width)
        check_positive(where, "median", self.median)
        check_range(where, self.lower, self.upper)
        if known(self.lower) and np.any(np.less(self.lower, 0)):
            raise ConfigError(f"{where}: lower must not be negative, not {digits(self.lower)}")

    @property
    def mean(self) -> Number:
        return self.median * jnp.exp(jnp.square(self.width) / 2)

    @property
    def centre(self) -> Number:
        return self.median

    @property
    def text(self) -> str:
        whole = f"log-normal {digits(self.median)} x/ {digits(np.exp(self.width))}"
        part = known(self.lower, self.upper) and not np.all(
            np.equal(self.lower, 0) & np.isposinf(self.upper)
        )
        return whole + (range_text(self.lower, self.upper, ", from") if part else "")

    def log_density(self, x: Number) -> jax.Array:
        a, b = self._ends()
        # The mass is relative to the density in ln x at its highest place z; the penalty is
        # relative to the density in x at its own highest place, which has another pull.
        z = jnp.clip(0.0, a, b)
        pull = jnp.clip(0.0, a + self.width, b + self.width)
        highest = (z - pull) * (z + pull) / 2 + jnp.square(self.width) / 2
        highest = highest - jnp.log(self.median * self.width) - log_mass(a, b)
        return -self.penalty(x) / 2 + highest

    def penalty(self, x: Number) -> jax.Array:
        possible = jnp.greater(x, 0)
        t = jnp.log(jnp.where(possible, x, self.median) / self.median)
        a, b = self._ends()
        mode = jnp.clip(0.0, a + self.width, b + self.width)
        found = _above(t / self.width + self.width, mode)
        return jnp.where(possible, where_inside(self, x, found, jnp.inf), jnp.inf)

    def precision(self, x: Number) -> jax.Array:
        """Square of the derivative of the pull. The curvature itself becomes negative far above the
        median, and could not serve as a metric."""
        safe = jnp.where(jnp.greater(x, 0), x, self.median)
        return jnp.square(1 / (self.width * safe))

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        shape = whole_shape(shape, self.median, self.width, self.lower, self.upper)
        z = quantile(jax.random.uniform(key, shape, float), *self._ends())
        return jnp.clip(self.median * jnp.exp(self.width * z), self.lower, self.upper)

    def within(self, lower: Number, upper: Number) -> LogNormal:
        return LogNormal(
            self.median, self.width, *common_range((self.lower, self.upper), (lower, upper))
        )

    def centred(self, centre: Number) -> Self:
        return replace(self, median=centre)

    def repeated(self, key: jax.Array, truth: Number) -> jax.Array:
        z = jax.random.normal(key, whole_shape((), truth, self.width), float)
        return jnp.asarray(truth * jnp.exp(self.width * z))

    def _ends(self) -> tuple[jax.Array, jax.Array]:
        """Ends of the range in (ln x - ln median)/width."""
        return self._end(self.lower, -jnp.inf), self._end(self.upper, jnp.inf)

    def _end(self, x: Number, infinite: float) -> jax.Array:
        """An end, or what it is in ln x if it is zero or infinite: there derivatives with respect
        to median and width would be infinity times zero."""
        finite = jnp.isfinite(x) & jnp.greater(x, 0)
        ratio = jnp.where(finite, x, self.median) / self.median
        return jnp.where(finite, jnp.log(ratio) / self.width, infinite)


def _above(pull: jax.Array, least: jax.Array) -> jax.Array:
    """pull^2 - least^2 without cancellation; exactly the square if least is zero."""
    return (pull - least) * (pull + least)
