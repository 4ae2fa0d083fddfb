"""CEvNS in the Standard Model: Z exchange with the vector and axial charge of the nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cevns_jax.constants import (
    AXIAL_COUPLING,
    ELECTRON_MASS,
    FERMI_CONSTANT,
    SIN2_THETA_W_LOW_ENERGY,
)
from cevns_jax.flavours import family, is_antineutrino
from cevns_jax.interactions.interaction import (
    Coefficients,
    axial_coefficients,
    spin_factor,
    total,
    vector_coefficients,
)
from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static
from cevns_jax.running import shift
from cevns_jax.summaries import of_interaction
from cevns_jax.summary import Summarised, Summary
from cevns_jax.weak_mixing import SIN2_THETA_W, Couplings, named_couplings


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class StandardModel(Summarised):
    """dsigma/dT = (G_F^2 M/pi) Q_W^2 [1 - T/E - M T/(2 E^2)] + axial part.

    Q_W = Z g_V^p F_p(q) + N g_V^n F_n(q), D. Z. Freedman, Phys. Rev. D 9 (1974) 1389, eqs. 1 and 2
    of De Romeri, LHEP 2023, 343 (whose 1/(4 pi) belongs to Q_W = N - (1 - 4 s^2) Z). Axial part:
    (G_F^2 M/(4 pi)) F_A [1 - T/E + M T/(2 E^2)], F_A = (4/3) ((J+1)/J) g_A^2 (<S_p> - <S_n>)^2
    at zero momentum transfer, an upper limit at larger ones; that is (G_F^2 M/pi) (4/3) ((J+1)/J)
    (a_p <S_p> + a_n <S_n>)^2 with the axial couplings a_p = -a_n = g_A/2 of the nucleons.

    Attributes:
        couplings: Vector couplings of the nucleons.
        axial: Whether the axial part is included.
        running: Whether the weak mixing angle of the proton coupling runs with q (``running.py``);
            the parameter is then its value at q = 0.
    """

    couplings: Couplings
    axial: bool = static(default=True)
    running: bool = static(default=False)

    heavy = ()
    nucleon_axial_couplings = (AXIAL_COUPLING / 2, -AXIAL_COUPLING / 2)

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_interaction(self)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (SIN2_THETA_W,)

    @property
    def conventions(self) -> dict[str, str]:
        c = self.couplings
        return {
            "interaction": "Standard Model CEvNS",
            "couplings": f"{c.name}: g_V^p(nu_e) = {c.proton_electron:.5g}, "
            f"g_V^p(nu_mu) = {c.proton_muon:.5g}, g_V^n = {c.neutron:.5g} "
            f"at sin^2 theta_W = {SIN2_THETA_W_LOW_ENERGY}; {c.source}",
            "axial part": "F_A at zero momentum transfer" if self.axial else "neglected",
            "weak mixing angle": "runs with q = sqrt(2 M T), MS-bar, leading logarithms; the "
            "parameter is its value at q = 0"
            if self.running
            else "the same at every q",
        }

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T); see :class:`Interaction`."""
        charge = self.weak_charge(recoil, nucleus, flavour, values)
        return self.exchange(recoil, nucleus, charge**2, self.nucleon_axial_couplings)

    def exchange(
        self,
        recoil: jax.Array,
        nucleus: NucleusAtRecoil,
        charge_squared: jax.Array,
        axial: tuple[jax.Array | float, jax.Array | float],
    ) -> Coefficients:
        """a_k(T) of Z exchange with a given vector charge Q^2 and axial couplings of p and n."""
        unit = FERMI_CONSTANT**2 * nucleus.mass / jnp.pi
        vector = vector_coefficients(unit * charge_squared, recoil, nucleus.mass)
        if not self.axial:
            return vector
        spins = axial[0] * nucleus.spin_protons + axial[1] * nucleus.spin_neutrons
        strength = jnp.broadcast_to(unit * spin_factor(nucleus) * spins**2, recoil.shape)
        return total([vector, axial_coefficients(strength, recoil, nucleus.mass)])

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T) of a free electron; see :class:`Interaction`."""
        return electron_exchange(recoil, flavour, *self.electron_couplings(flavour, values))

    def electron_couplings(self, flavour: str, values: Values) -> tuple[jax.Array | float, float]:
        """g_V and g_A of the electron: Z exchange and, for electron neutrinos, W exchange. Tree
        level, G. 't Hooft, Phys. Lett. B 37 (1971) 195."""
        half = 0.5 if family(flavour) == "e" else -0.5
        return 2 * values["sin2_theta_w"] + half, half

    def weak_charge(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array:
        """Q_W(q) = Z g_V^p F_p + N g_V^n F_n, shape of the form factors."""
        angle = values["sin2_theta_w"]
        if self.running:
            angle = angle + shift(jnp.sqrt(2 * nucleus.mass * recoil))
        proton = self.couplings.proton(flavour, angle)
        return (
            nucleus.Z * proton * nucleus.proton_form_factor
            + nucleus.N * self.couplings.neutron * nucleus.neutron_form_factor
        )


def electron_exchange(
    recoil: jax.Array, flavour: str, vector: jax.Array | float, axial: jax.Array | float
) -> Coefficients:
    """a_k(T) of vector and axial exchange with a free electron.

    (2 G_F^2 m_e/pi) [g_L^2 + g_R^2 (1 - T/E)^2 - g_L g_R m_e T/E^2] with g_L, g_R = (g_V +- g_A)/2;
    g_L and g_R change places for antineutrinos.

    Args:
        recoil: T [MeV].
        flavour: As in :class:`Interaction`.
        vector, axial: g_V and g_A.
    """
    left, right = (vector + axial) / 2, (vector - axial) / 2
    if is_antineutrino(flavour):
        left, right = right, left
    strength = 2 * FERMI_CONSTANT**2 * ELECTRON_MASS / jnp.pi
    return (
        strength * (left**2 + right**2) * jnp.ones_like(recoil),
        -2 * strength * right**2 * recoil,
        strength * (right**2 * recoil**2 - left * right * ELECTRON_MASS * recoil),
    )


def standard_model(
    *, couplings: str | Couplings = "tree", axial: bool = True, running: bool = False
) -> StandardModel:
    """Standard-Model CEvNS.

    Args:
        couplings: ``"tree"``, ``"radiative_2020"``, ``"radiative_2023"`` or own couplings.
        axial: Whether to include the axial part.
        running: Whether the weak mixing angle runs with the momentum transfer; not in scattering
            on electrons.

    Raises:
        ConfigError: unknown set of couplings.
    """
    if isinstance(couplings, str):
        couplings = named_couplings(couplings)
    return StandardModel(couplings=couplings, axial=axial, running=running)
