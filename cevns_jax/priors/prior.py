"""What a prior is.

The minimiser reads penalties, toys repeat the measurements that priors stand for, samplers draw.
The kind of a prior is structure and its numbers are traced: another centre compiles nothing again.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, Self, runtime_checkable

import jax

from cevns_jax.priors.numbers import Number


@runtime_checkable
class Prior(Protocol):
    """A density of one parameter x; a frozen pytree. x is a number or an array of them."""

    @property
    def mean(self) -> Number:
        """Mean; of a prior on a part of its range that of the whole; NaN where there is none."""
        ...

    @property
    def centre(self) -> Number:
        """What the measurement gave that it stands for, see :meth:`centred`; NaN where it stands
        for none."""
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
        """Whether it counts as a measurement; part of the structure."""
        ...

    @property
    def text(self) -> str:
        """In words, for whom it has numbers and not what JAX traces."""
        ...

    def log_density(self, x: Number) -> jax.Array:
        """Natural logarithm of the density in x itself: normalised where it is proper, minus
        infinity outside the support, and with a finite gradient inside."""
        ...

    def penalty(self, x: Number) -> jax.Array:
        """-2 ln density plus the constant that makes it zero where the density is highest, if there
        is such a place: the squared pull of a Gaussian."""
        ...

    def precision(self, x: Number) -> jax.Array:
        """Curvature of half the penalty that a minimiser may take for a metric; never negative."""
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
        """The same prior where only a part of its range is allowed: normalised there.

        Raises:
            ConfigError: nothing of its support is in the range.
        """
        ...

    def centred(self, centre: Number) -> Self:
        """The same prior after another outcome of the measurement that it stands for; itself where
        it stands for none."""
        ...

    def repeated(self, key: jax.Array, truth: Number) -> jax.Array:
        """Outcome of a repetition of that measurement where the parameter is ``truth``, also beyond
        the support; the truth where there is none to repeat."""
        ...


def width_of(prior: Prior) -> float:
    """The error that a prior gives to its parameter: that of a Gaussian with its curvature at the
    mean; infinite where it constrains nothing."""
    if not prior.constrains:
        return math.inf
    return float(prior.precision(prior.mean)) ** -0.5
