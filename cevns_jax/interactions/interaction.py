"""What every interaction is: parameters and three coefficients.

At fixed recoil energy T every cross section with a spin-0 or spin-1 exchange is a quadratic in
1/E_nu,

    dsigma/dT (E, T) = (hbar c)^2 sum_k a_k(T) E^-k,    k = 0, 1, 2,    E >= E_min(T),

so that a source enters through its moments only (see ``recoil``). A new interaction declares
its parameters and writes down a_k; :class:`NewPhysics` is where to start from.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import jax
import jax.numpy as jnp

from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values
from cevns_jax.summaries import of_interaction
from cevns_jax.summary import Summarised, Summary

Coefficients: TypeAlias = tuple[jax.Array | float, jax.Array | float, jax.Array | float]
"""a_0 [MeV^-3], a_1 [MeV^-2] and a_2 [MeV^-1]; arrays of the shape of the recoils, or numbers."""

NOTHING: Coefficients = (0.0, 0.0, 0.0)


class CrossSection(Protocol):
    """Coefficients of one kind of final state."""

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T) of a nucleus.

        Args:
            recoil: T [MeV], shape (I, ...), one row per isotope.
            nucleus: The isotopes with their form factors at these recoils.
            flavour: ``"nu_e"``, ``"nu_mu"``, ... with ``"_bar"`` for antineutrinos.
            values: Values of the parameters.
        """
        ...

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T) of one free electron.

        Args:
            recoil: T [MeV], any shape.
            flavour, values: As above.
        """
        ...


class Interaction(CrossSection, Protocol):
    """Parameters and coefficients of a cross section; a frozen dataclass registered as a pytree.

    Its own coefficients are those of a massless final neutrino.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters of the interaction."""
        ...

    @property
    def conventions(self) -> dict[str, str]:
        """Choices that change numbers, by name; printed with every result."""
        ...

    @property
    def heavy(self) -> tuple[tuple[str, CrossSection], ...]:
        """Final states with a massive lepton: name of the parameter with its mass [MeV], and
        their coefficients."""
        ...


class NewPhysics(Summarised):
    """An addition to the Standard Model: a base class whose contributions are all zero.

    A subclass is a frozen dataclass registered as a pytree (``jax.tree_util.register_dataclass``).
    It names its parameters and conventions, and overrides the methods below in which it is not
    zero.
    """

    heavy_lepton: str = ""
    """Name of the parameter with the mass [MeV] of a heavy final lepton: E_min follows from it."""

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_interaction(self)

    def described_as(self) -> type[NewPhysics]:
        """The class that names this in messages and says which methods it has."""
        return type(self)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters, with names that no other part of the interaction has."""
        raise NotImplementedError

    @property
    def conventions(self) -> str:
        """The Lagrangian, and choices that change numbers."""
        raise NotImplementedError

    def vector_charge(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array | float:
        """Term that is added to Q_W = Z g_V^p F_p + N g_V^n F_n before the square is taken."""
        return 0.0

    def changing_charge_squared(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array | float:
        """Sum of the squared vector charges into other flavours, which do not interfere."""
        return 0.0

    def axial_couplings(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> tuple[jax.Array | float, jax.Array | float]:
        """Terms that are added to the axial couplings g_A/2 of protons, -g_A/2 of neutrons."""
        return 0.0, 0.0

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T) of the part that does not interfere with the Standard Model."""
        return NOTHING

    def electron_couplings(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> tuple[jax.Array | float, jax.Array | float]:
        """Terms that are added to g_V and g_A of the electron."""
        return 0.0, 0.0

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T) of a free electron: the part that does not interfere with the Standard Model."""
        return NOTHING


def vector_coefficients(
    strength: jax.Array, recoil: jax.Array, mass: jax.Array | float
) -> Coefficients:
    """Coherent vector exchange with a nucleus: C (1 - T/E - M T/(2 E^2)).

    Args:
        strength: C = (G_F^2 M/pi) Q^2 [MeV^-3], any shape.
        recoil: T [MeV].
        mass: M [MeV].
    """
    return strength, -strength * recoil, -strength * mass * recoil / 2


def axial_coefficients(
    strength: jax.Array, recoil: jax.Array, mass: jax.Array | float
) -> Coefficients:
    """Axial exchange with a nucleus: C_A (1 - T/E + M T/(2 E^2)); arguments as the vector's."""
    return strength, -strength * recoil, strength * mass * recoil / 2


def total(parts: list[Coefficients]) -> Coefficients:
    """Sum of coefficients."""
    a_0, a_1, a_2 = (sum(rows, start=0.0) for rows in zip(*parts, strict=True))
    return a_0, a_1, a_2


def spin_factor(nucleus: NucleusAtRecoil) -> jax.Array:
    """(4/3) (J+1)/J, zero for J = 0. Times (<S_p> g_p + <S_n> g_n)^2 it is g^2 for one nucleon."""
    spin = jnp.where(nucleus.spin > 0, nucleus.spin, 1.0)
    return jnp.where(nucleus.spin > 0, 4 / 3 * (spin + 1) / spin, 0.0)
