"""What every interaction is: parameters and three coefficients.

At fixed recoil energy T every cross section with a spin-0 or spin-1 exchange is a quadratic in
1/E_nu,

    dsigma/dT (E, T) = (hbar c)^2 sum_k a_k(T) E^-k,    k = 0, 1, 2,    E >= E_min(T),

so that a source enters through its moments only (see ``recoil.py``). A new interaction declares
its parameters and writes down a_k.
"""

from __future__ import annotations

from typing import Protocol

import jax
import jax.numpy as jnp

from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values


class Interaction(Protocol):
    """Parameters and coefficients of a cross section; a frozen dataclass registered as a pytree."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters of the interaction."""
        ...

    @property
    def conventions(self) -> dict[str, str]:
        """Choices that change numbers, by name; printed with every result."""
        ...

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array:
        """a_k(T) for k = 0, 1, 2.

        Args:
            recoil: T [MeV], shape (I, ...), one row per isotope.
            nucleus: The isotopes with their form factors at these recoils.
            flavour: ``"nu_e"``, ``"nu_mu"``, ... with ``"_bar"`` for antineutrinos.
            values: Values of the parameters.

        Returns:
            a_k [MeV^(k-3)], shape (3, I, ...).
        """
        ...

    def electron_coefficients(self, recoil: jax.Array, flavour: str, values: Values) -> jax.Array:
        """a_k(T) of one free electron, k = 0, 1, 2.

        Args:
            recoil: T [MeV], any shape.
            flavour, values: As above.

        Returns:
            a_k [MeV^(k-3)], shape (3, ...).
        """
        ...


def vector_coefficients(strength: jax.Array, recoil: jax.Array, mass: jax.Array) -> jax.Array:
    """Coherent vector exchange with a nucleus: C (1 - T/E - M T/(2 E^2)).

    Args:
        strength: C = (G_F^2 M/pi) Q^2 [MeV^-3], any shape.
        recoil: T [MeV].
        mass: M [MeV].
    """
    return jnp.stack([strength, -strength * recoil, -strength * mass * recoil / 2])


def axial_coefficients(strength: jax.Array, recoil: jax.Array, mass: jax.Array) -> jax.Array:
    """Axial exchange with a nucleus: C_A (1 - T/E + M T/(2 E^2)); arguments as the vector's."""
    return jnp.stack([strength, -strength * recoil, strength * mass * recoil / 2])
