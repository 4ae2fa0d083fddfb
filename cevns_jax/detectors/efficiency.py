"""Detection efficiencies."""

from __future__ import annotations

import numpy as np


def logistic_efficiency(photoelectrons: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """a/(1 + exp(-b (x - c))) + d, zero where negative (COHERENT CsI, arXiv:2110.07730).

    Args:
        photoelectrons: Reconstructed x [PE], any shape.
        coefficients: a, b [1/PE], c [PE], d; shape (4,).

    Returns:
        Efficiency, shape of ``photoelectrons``.
    """
    a, b, c, d = coefficients
    return np.maximum(a / (1 + np.exp(-b * (photoelectrons - c))) + d, 0.0)


def logistic_threshold(coefficients: np.ndarray) -> float:
    """Where the efficiency becomes positive [PE]; zero if it is positive everywhere above zero."""
    a, b, c, d = coefficients
    if d >= 0:
        return 0.0
    return max(float(c - np.log(-a / d - 1) / b), 0.0)
