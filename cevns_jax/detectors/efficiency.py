"""Detection efficiencies as functions of the reconstructed photo-electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

Array = TypeVar("Array", np.ndarray, jax.Array)


class Efficiency(Protocol):
    """Probability to keep an event, as the responses see it."""

    @property
    def threshold(self) -> float:
        """Below it the efficiency is zero [PE]; it may have a kink there."""
        ...

    def __call__(self, photoelectrons: Array) -> Array:
        """Efficiency at reconstructed x [PE], any shape."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LogisticEfficiency:
    """a/(1 + exp(-b (x - c))) + d, zero where negative (COHERENT CsI, arXiv:2110.07730).

    Attributes:
        coefficients: a, b [1/PE], c [PE], d; shape (4,).
    """

    coefficients: np.ndarray | jax.Array

    @property
    def threshold(self) -> float:
        """Where the curve becomes positive [PE]; zero if it is positive everywhere above zero."""
        a, b, c, d = self.coefficients
        # d >= 0: the curve is positive everywhere, and the logarithm would have no value.
        return 0.0 if d >= 0 else max(float(c - np.log(-a / d - 1) / b), 0.0)

    def __call__(self, photoelectrons: Array) -> Array:
        a, b, c, d = self.coefficients
        xp: Any = jnp if isinstance(photoelectrons, jax.Array) else np
        return xp.maximum(a / (1 + xp.exp(-b * (photoelectrons - c))) + d, 0.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class MovableLogistic:
    """A logistic efficiency whose coefficients move along one mode.

    Attributes:
        nominal: Coefficients of :class:`LogisticEfficiency`, shape (4,).
        mode: Their change per standard deviation, shape (4,).
    """

    nominal: np.ndarray
    mode: np.ndarray

    def __call__(self, pull: float | jax.Array) -> LogisticEfficiency:
        """The curve at a pull [standard deviations]."""
        return LogisticEfficiency(coefficients=self.nominal + pull * self.mode)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class SteppedEfficiency:
    """a/(1 + exp(-k (x - x0))) H(x), H = 0 below 5, 1/2 from 5 to 6, 1 from 6 photo-electrons
    (COHERENT CsI 2017, arXiv:1804.09459).

    Attributes:
        coefficients: a, k [1/PE], x0 [PE]; shape (3,).
    """

    coefficients: np.ndarray
    threshold = 5.0

    def __call__(self, photoelectrons: Array) -> Array:
        a, k, x0 = self.coefficients
        xp: Any = jnp if isinstance(photoelectrons, jax.Array) else np
        x = xp.asarray(photoelectrons)
        step = xp.where(x < 5, 0.0, xp.where(x < 6, 0.5, 1.0))
        return step * a / (1 + xp.exp(-k * (x - x0)))
