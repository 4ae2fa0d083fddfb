"""Quenching: electron-equivalent energy of a nuclear recoil."""

from __future__ import annotations

from typing import TypeVar

import jax
import numpy as np

Array = TypeVar("Array", jax.Array, np.ndarray)


def polynomial_quenching(recoil: Array, coefficients: Array) -> Array:
    """E_ee = c_1 T + c_2 T^2 + c_3 T^3 + ..., Horner's scheme.

    Args:
        recoil: T [MeV], any shape.
        coefficients: c_1, c_2 [1/MeV], ...; shape (n,).

    Returns:
        E_ee [MeV], shape of ``recoil``.
    """
    total = 0 * recoil
    for c in coefficients[::-1]:
        total = (total + c) * recoil
    return total
