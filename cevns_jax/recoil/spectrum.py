"""Recoil spectra: kinematics, and dR/dT out of the moments of a source and an interaction.

dR/dT = sum_isotope N_isotope (hbar c)^2 sum_k a_k(T) M_k(E_min(T))
"""

from __future__ import annotations

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import HBAR_C_MEV_CM
from cevns_jax.electrons import Electrons
from cevns_jax.interactions.interaction import CrossSection, Interaction
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Values
from cevns_jax.sources.source import Array, Source

Scatterer = TypeVar("Scatterer", bound=Target | Electrons)


def minimum_energy(recoil: Array, mass: Array) -> Array:
    """Lowest neutrino energy [MeV] that gives a recoil T [MeV] to a nucleus of mass M [MeV]."""
    return (recoil + (recoil**2 + 2 * mass * recoil) ** 0.5) / 2


def maximum_recoil(energy: float, mass: np.ndarray) -> np.ndarray:
    """Highest recoil energy [MeV] from a neutrino of an energy [MeV]: 2 E^2/(M + 2 E)."""
    return 2 * energy**2 / (mass + 2 * energy)


def recoil_window(
    energy: float | jax.Array, mass: jax.Array, heavy: jax.Array, closed: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Square roots of the lowest and highest recoil [MeV^(1/2)] with a heavy final lepton.

    T+ = [2 M E^2 - m^2 (E + M) + E sqrt((2 M E - m^2)^2 - 4 M^2 m^2)]/(2 M (M + 2 E)), exact.
    T- has the root subtracted, which loses all digits for a light lepton; so it comes from the
    product of both, T- T+ = m^4/(4 M (M + 2 E)).

    Args:
        energy: E of the neutrino [MeV].
        mass: M of the nuclei [MeV], shape (I,).
        heavy: m of the lepton [MeV].
        closed: What both are if E is below the threshold, shape (I,).
    """
    root = 2 * mass * energy - heavy**2
    open_ = root > 2 * mass * heavy
    # The branch that is not taken gets a one: the gradient of a root is infinite at zero.
    discriminant = jnp.where(open_, root**2 - (2 * mass * heavy) ** 2, 1.0)
    sum_ = 2 * mass * energy**2 - heavy**2 * (energy + mass) + energy * jnp.sqrt(discriminant)
    high = jnp.sqrt(jnp.where(open_, sum_, 1.0) / (2 * mass * (mass + 2 * energy)))
    low = heavy**2 / jnp.sqrt(4 * mass * (mass + 2 * energy)) / high
    return jnp.where(open_, low, closed), jnp.where(open_, high, closed)


def recoil_rate(
    recoil: jax.Array,
    moments: jax.Array,
    target: Target | Electrons,
    interaction: CrossSection,
    flavours: tuple[str, ...],
    values: Values,
    radius_scale: jax.Array | float = 1.0,
) -> jax.Array:
    """Recoil spectrum per kg of target, dR/dT.

    Args:
        recoil: T [MeV], shape (I, ...), one row per isotope of the target, or (1, ...) for all.
        moments: M_k(E_min(T)) [MeV^-k/cm^2], shape (F, 3, I, ...).
        target: The isotope mixture, or the electrons.
        interaction: The cross section, of one kind of final state.
        flavours: Flavours of the source.
        values: Values of the parameters.
        radius_scale: Factor on all neutron radii.

    Returns:
        Recoils per MeV and kg by flavour and isotope, shape (F, I, ...).
    """
    recoil = jnp.broadcast_to(recoil, moments.shape[2:])
    number = jnp.reshape(target.nuclei_per_kg, (-1,) + (1,) * (recoil.ndim - 1))
    if isinstance(target, Electrons):
        number = number * target.effective_number(recoil)
        coefficients = [interaction.electron_coefficients(recoil, f, values) for f in flavours]
    else:
        nucleus = target.at(recoil, values, radius_scale)
        coefficients = [interaction.coefficients(recoil, nucleus, f, values) for f in flavours]
    # Three terms written out fuse with the coefficients; a sum over a stack of them costs four
    # times as much on a CPU.
    return jnp.stack(
        [
            HBAR_C_MEV_CM**2 * number * (a[0] * m[0] + a[1] * m[1] + a[2] * m[2])
            for a, m in zip(coefficients, moments, strict=True)
        ]
    )


def differential_rate(
    recoil: Array,
    source: Source,
    target: Target,
    interaction: Interaction,
    values: Values,
    radius_scale: jax.Array | float = 1.0,
) -> jax.Array:
    """dR/dT at given recoil energies, recoils per MeV and kg in the exposure of the source.

    Args:
        recoil: T [MeV], shape (n,), positive.
        source, target, interaction: What scatters on what, and how.
        values: Values of the parameters of interaction, target and source.
        radius_scale: Factor on all neutron radii.

    Returns:
        Shape (F, I, n): by flavour and isotope.
    """
    xp: Any = jnp if isinstance(recoil, jax.Array) else np
    rows = xp.broadcast_to(recoil, (len(target.symbols), len(recoil)))
    mass = target.mass[:, None]
    lowest = minimum_energy(rows, mass)
    states: list[tuple[Any, CrossSection]] = [(1.0, interaction)]
    for name, term in interaction.heavy:
        states.append((1 + jnp.asarray(values[name]) ** 2 / (2 * mass * rows), term))
    total: Any = 0.0
    for factor, term in states:
        seen = jnp.asarray(rows), jnp.asarray(source.moments(lowest * factor, values))
        total += recoil_rate(*seen, target, term, source.flavours, values, radius_scale)
    return total
