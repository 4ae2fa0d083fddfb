"""Detection efficiencies as functions of the reconstructed photo-electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Efficiency(Protocol):
    """Probability to keep an event, as the responses see it."""

    @property
    def threshold(self) -> float:
        """Below it the efficiency is zero [PE]; it may have a kink there."""
        ...

    def __call__(self, photoelectrons: np.ndarray) -> np.ndarray:
        """Efficiency at reconstructed x [PE], any shape."""
        ...


@dataclass(frozen=True, kw_only=True)
class LogisticEfficiency:
    """a/(1 + exp(-b (x - c))) + d, zero where negative (COHERENT CsI, arXiv:2110.07730).

    Attributes:
        coefficients: a, b [1/PE], c [PE], d; shape (4,).
    """

    coefficients: np.ndarray

    @property
    def threshold(self) -> float:
        """Where the curve becomes positive [PE]; zero if it is positive everywhere above zero."""
        a, b, c, d = self.coefficients
        return 0.0 if d >= 0 else max(float(c - np.log(-a / d - 1) / b), 0.0)

    def __call__(self, photoelectrons: np.ndarray) -> np.ndarray:
        a, b, c, d = self.coefficients
        return np.maximum(a / (1 + np.exp(-b * (photoelectrons - c))) + d, 0.0)


@dataclass(frozen=True, kw_only=True)
class SteppedEfficiency:
    """a/(1 + exp(-k (x - x0))) H(x), H = 0 below 5, 1/2 from 5 to 6, 1 from 6 photo-electrons
    (COHERENT CsI 2017, arXiv:1804.09459).

    Attributes:
        coefficients: a, k [1/PE], x0 [PE]; shape (3,).
    """

    coefficients: np.ndarray
    threshold = 5.0

    def __call__(self, photoelectrons: np.ndarray) -> np.ndarray:
        a, k, x0 = self.coefficients
        x = np.asarray(photoelectrons)
        step = np.where(x < 5, 0.0, np.where(x < 6, 0.5, 1.0))
        return step * a / (1 + np.exp(-k * (x - x0)))
