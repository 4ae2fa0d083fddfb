"""What a prior is.

The minimiser reads penalties, toys repeat the measurements that priors represent, samplers draw
from priors. The kind of a prior is static and its numbers are traced, so that another centre needs
no new compilation.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, Self, runtime_checkable

import jax

from cevns_jax.errors import ConfigError
from cevns_jax.priors.numbers import Number


@runtime_checkable
class Prior(Protocol):
    """A density of one parameter x; a frozen pytree. x is a number or an array of them."""

    @property
    def mean(self) -> Number:
        """Mean of the prior; if only a part of its range is allowed, that of the whole; NaN if
        there is none."""
        ...

    @property
    def centre(self) -> Number:
        """Outcome of the measurement that the prior represents, see :meth:`centred`; NaN if it
        represents none."""
        ...

    @property
    def lower(self) -> Number:
        """Lower end of the support."""
        ...

    @property
    def upper(self) -> Number:
        """Upper end of the support."""
        ...

    @property
    def proper(self) -> Any:
        """Whether its integral is finite; boolean."""
        ...

    @property
    def constrains(self) -> bool:
        """Whether it represents a measurement; static."""
        ...

    @property
    def text(self) -> str:
        """The prior in words; its numbers must not be traced."""
        ...

    def log_density(self, x: Number) -> jax.Array:
        """Natural logarithm of the density in x itself: normalised where it is proper, minus
        infinity outside the support, and with a finite gradient inside."""
        ...

    def penalty(self, x: Number) -> jax.Array:
        """-2 ln density, plus a constant that makes it zero where the density is highest, if there
        is such a place. For a Gaussian it is the squared pull."""
        ...

    def precision(self, x: Number) -> jax.Array:
        """Curvature of half the penalty, or where that is not positive a positive stand-in, that a
        minimiser can use as a metric; zero only where the penalty has no slope."""
        ...

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Values with this density.

        Args:
            key: Key of ``jax.random``.
            shape: Shape of the result, before that of the numbers if they are arrays.

        Raises:
            ConfigError: an improper prior.
        """
        ...

    def within(self, lower: Number, upper: Number) -> Prior:
        """The same prior with only a part of its range allowed, normalised there.

        Raises:
            ConfigError: nothing of its support is in the range.
        """
        ...

    def centred(self, centre: Number) -> Self:
        """The prior that another outcome of the measurement would give; the same prior if it
        represents none."""
        ...

    def repeated(self, key: jax.Array, truth: Number) -> jax.Array:
        """Random outcome of a repetition of that measurement if the parameter is ``truth``. It may
        lie outside the support. A prior that represents no measurement returns the truth."""
        ...


MEMBERS = tuple(name for name in vars(Prior) if not name.startswith("_"))
"""What a prior must have."""


def check_prior(parameter: str, given: object) -> None:
    """Check that something can be the prior of a parameter.

    Args:
        parameter: Name of the parameter, for the message.
        given: What was given as its prior.

    Raises:
        ConfigError: a class in place of an object, or an object that lacks what priors have.
    """
    where, see = f"prior of {parameter}", "see cevns_jax.priors.Prior"
    if isinstance(given, type):
        raise ConfigError(f"{where}: {given.__name__} is a class, and an object is needed; {see}")
    # The class is asked first: a property of the object may fail where its numbers are traced.
    kind = type(given)
    lacks = [name for name in MEMBERS if not (hasattr(kind, name) or hasattr(given, name))]
    if lacks:
        raise ConfigError(f"{where}: {kind.__name__} lacks {', '.join(lacks)}; {see}")


def width_of(prior: Prior) -> float:
    """The error of a parameter that its prior implies: its own ``standard_deviation`` if it has one
    that is finite, else the width of a Gaussian with the same curvature at the mean, or at the
    centre if there is no mean. Infinite if the prior constrains nothing, or has no curvature."""
    if not prior.constrains:
        return math.inf
    deviation = float(getattr(prior, "standard_deviation", math.nan))
    if math.isfinite(deviation):
        return deviation
    mean = float(prior.mean)
    precision = float(prior.precision(mean if math.isfinite(mean) else prior.centre))
    return precision**-0.5 if precision > 0 else math.inf
