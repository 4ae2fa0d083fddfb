"""Photon exchange: neutrino magnetic moments, and the dipole portal to a heavy neutral lepton.

L = (mu/2) nubar sigma_{mn} nu F^{mn}; where a publication writes d N sigma_{mn} nu F^{mn}, mu = 2d.
All moments are in Bohr magnetons and enter squared, as (pi alpha^2/m_e^2) (mu/mu_B)^2 with the mass
of the electron, also on nuclei.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cevns_jax.constants import ELECTRON_MASS, FINE_STRUCTURE
from cevns_jax.flavours import FAMILIES, check_families, family
from cevns_jax.interactions.interaction import NOTHING, Coefficients, NewPhysics
from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static

UNIT = jnp.pi * FINE_STRUCTURE**2 / ELECTRON_MASS**2  # pi alpha^2/m_e^2 [MeV^-2]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class MagneticMoment(NewPhysics):
    """An effective magnetic moment ``mu_nu`` [mu_B] of the neutrinos of some families.

    K (1/T - 1/E + T/(4 E^2)) with K = (pi alpha^2/m_e^2) (mu/mu_B)^2 Z^2 F_p^2; the last term
    belongs to nuclei without spin and is left out unless asked for, as in most publications.
    Electrons: the same with Z F_p = 1 and without the last term. P. Vogel and J. Engel, Phys. Rev.
    D 39 (1989) 3378.

    Attributes:
        families: Those that have it, of ``FAMILIES``.
        spin_zero: Whether nuclei are treated as spinless rather than as of spin 1/2.

    Raises:
        ConfigError: unknown family.
    """

    families: tuple[str, ...] = static(default=FAMILIES)
    spin_zero: bool = static(default=False)

    def __post_init__(self) -> None:
        check_families("families", self.families)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (_moment("mu_nu", r"$\mu_\nu$"),)

    @property
    def conventions(self) -> str:
        """Lagrangian and choices."""
        coupled = _in_words(self.families, self.spin_zero)
        return f"L = (mu/2) nubar sigma_{{mn}} nu F^{{mn}}, effective moment of {coupled}"

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """All three."""
        if family(flavour) not in self.families:
            return NOTHING
        k = UNIT * (values["mu_nu"] * nucleus.Z * nucleus.proton_form_factor) ** 2
        return k / recoil, -k, k * recoil / 4 if self.spin_zero else 0.0

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        """The first two."""
        if family(flavour) not in self.families:
            return NOTHING
        k = UNIT * values["mu_nu"] ** 2 * jnp.ones_like(recoil)
        return k / recoil, -k, 0.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class DipolePortal(NewPhysics):
    """Up-scattering into a heavy neutral lepton by a transition moment.

    Parameters: ``mu_dipole`` [mu_B] and ``m4`` [MeV]. Eq. 4 of De Romeri, LHEP 2023, 343 (G. Magill
    et al., arXiv:1803.03262),

        K {1/T - 1/E - m4^2/(2 E T M) [1 - T/(2 E) + M/(2 E)] - m4^4/(8 M E^2 T^2) (1 - T/M)},

    K as for the magnetic moment, which it becomes at m4 = 0. It is that of a target of spin 1/2;
    one of spin 0 has K [T/4 - m4^2/(8 M) - m4^4/(8 T M^2)]/E^2 more. Kinematics are exact:
    E_min = (T + sqrt(T^2 + 2 M T))/2 [1 + m4^2/(2 M T)].

    Attributes:
        families: Those that couple, of ``FAMILIES``.
        spin_zero: As in :class:`MagneticMoment`.

    Raises:
        ConfigError: unknown family.
    """

    families: tuple[str, ...] = static(default=FAMILIES)
    spin_zero: bool = static(default=False)

    def __post_init__(self) -> None:
        check_families("families", self.families)

    heavy_lepton = "m4"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            _moment("mu_dipole", r"$\mu_{\nu N}$"),
            Parameter(name="m4", start=1.0, lower=0.0, upper=100.0, unit="MeV", label="$m_4$"),
        )

    @property
    def conventions(self) -> str:
        """Lagrangian and choices."""
        coupled = _in_words(self.families, self.spin_zero)
        return f"L = (mu/2) Nbar_4 sigma_{{mn}} nu F^{{mn}} (mu = 2 d), from {coupled}"

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """All three."""
        k = UNIT * (values["mu_dipole"] * nucleus.Z * nucleus.proton_form_factor) ** 2
        return self._portal(recoil, nucleus.mass, flavour, values, k, spin_zero=self.spin_zero)

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        """All three."""
        k = UNIT * values["mu_dipole"] ** 2 * jnp.ones_like(recoil)
        return self._portal(recoil, ELECTRON_MASS, flavour, values, k, spin_zero=False)

    def _portal(
        self,
        recoil: jax.Array,
        mass: jax.Array | float,
        flavour: str,
        values: Values,
        k: jax.Array,
        *,
        spin_zero: bool,
    ) -> Coefficients:
        if family(flavour) not in self.families:
            return NOTHING
        x = values["m4"] ** 2 / (2 * mass * recoil)
        # (M - T) m4^2 (m4^2 + 2 M T)/(8 T^2 M^2) = (M - T) x (1 + x)/2
        a_2 = -(mass - recoil) * x * (1 + x) / 2
        if spin_zero:
            a_2 = a_2 + recoil / 4 * (1 - x * (1 + 2 * x))
        return k / recoil, -k * (1 + x), k * a_2


def _in_words(families: tuple[str, ...], spin_zero: bool) -> str:
    """Neutrinos that couple, and the spin that nuclei are taken to have."""
    return f"nu_{', nu_'.join(families)}; nuclei as of spin {'0' if spin_zero else '1/2'}"


def _moment(name: str, label: str) -> Parameter:
    return Parameter(name=name, lower=0.0, upper=1e-3, unit="mu_B", label=label)
