"""Light mediators between neutrinos and quarks or electrons, with their propagators.

Each is exchanged with D = q^2 + m^2 = 2 M T + m^2. Where ``contact`` is set it is so heavy that
the neutrino sees a point: the parameter is then eps with sqrt(2) G_F eps = g_nu g_q/D, and the
coefficients are the generalised neutrino interactions of eq. 3 of De Romeri, LHEP 2023, 343, whose
zeta_V = Q_W + eps_V Q_V, zeta_S = eps_S Q_S and zeta_T = 2 sqrt(2) eps_T Q_T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cevns_jax.constants import ELECTRON_MASS, FERMI_CONSTANT
from cevns_jax.errors import unknown
from cevns_jax.flavours import family
from cevns_jax.interactions.interaction import Coefficients, NewPhysics, spin_factor
from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static

# End of the domain of masses [MeV], 1 TeV: from about 1 GeV on the propagator is that of a contact
# interaction, and only g/m can be seen.
HEAVIEST = 1e6
UNIT = math.sqrt(2) * FERMI_CONSTANT  # of eps [MeV^-2]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Charges:
    """Charges in units of the coupling g.

    Attributes:
        up, down: Of the quarks.
        electron: Of the electron.
        nu_e, nu_mu, nu_tau: Of the neutrinos.
    """

    up: float = 1.0
    down: float = 1.0
    electron: float = 1.0
    nu_e: float = 1.0
    nu_mu: float = 1.0
    nu_tau: float = 1.0

    def neutrino(self, flavour: str) -> float:
        """That of a flavour such as ``"nu_mu_bar"``."""
        return {"e": self.nu_e, "mu": self.nu_mu, "tau": self.nu_tau}[family(flavour)]

    def __str__(self) -> str:
        numbers = (self.up, self.down, self.electron, self.nu_e, self.nu_mu, self.nu_tau)
        names = ("u", "d", "e", "nu_e", "nu_mu", "nu_tau")
        return ", ".join(f"{name} {x:.4g}" for name, x in zip(names, numbers, strict=True))


UNIVERSAL = Charges()
B_MINUS_L = Charges(up=1 / 3, down=1 / 3, electron=-1.0, nu_e=-1.0, nu_mu=-1.0, nu_tau=-1.0)
CHARGES = {"universal": UNIVERSAL, "b_minus_l": B_MINUS_L}


@dataclass(frozen=True, kw_only=True)
class Mediator(NewPhysics):
    """What all mediators have in common.

    Attributes:
        charges: Charges of quarks, electrons and neutrinos.
        contact: Whether it is so heavy that only eps = g_nu g_q/(sqrt(2) G_F m^2) counts.
    """

    charges: Charges = UNIVERSAL
    contact: bool = static(default=False)

    name = ""
    signed = False  # whether the sign of g_nu g_q matters, as it does if amplitudes interfere

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        sign = -1.0 if self.signed else 0.0
        if self.contact:
            return (
                Parameter(
                    name=f"eps_{self.name}",
                    lower=-100.0,
                    upper=100.0,
                    label=rf"$\epsilon_{self.symbol}$",
                ),
            )
        return (
            Parameter(
                name=f"g_{self.name}",
                lower=10 * sign,
                upper=10.0,
                searched=(0.0, math.inf),  # below zero the charges have opposite signs
                label=f"$g_{self.symbol}$",
            ),
            Parameter(
                name=f"m_{self.name}",
                start=10.0,
                lower=0.0,
                upper=HEAVIEST,
                unit="MeV",
                label=f"$m_{self.symbol}$",
            ),
        )

    @property
    def symbol(self) -> str:
        """Index of coupling and mass in figures."""
        return self.name[0].upper()

    @property
    def conventions(self) -> str:
        """Lagrangian and charges."""
        size = "contact interaction" if self.contact else "propagator 1/(2 M T + m^2)"
        return f"{self.lagrangian}; charges {self.charges}; {size}"

    @property
    def lagrangian(self) -> str:
        raise NotImplementedError

    def exchanged(
        self, flavour: str, momentum_squared: jax.Array, values: Values
    ) -> jax.Array | float:
        """Coupling of the neutrino times g, divided by D = q^2 + m^2 [MeV^-2].

        The product of two couplings g is written g |g|: a negative g then means that neutrino and
        target have charges of opposite sign.
        """
        neutrino = self.charges.neutrino(flavour)
        if self.contact:
            return neutrino * UNIT * values[f"eps_{self.name}"]
        g, mass = values[f"g_{self.name}"], values[f"m_{self.name}"]
        return neutrino * g * jnp.abs(g) / (momentum_squared + mass**2)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LightVector(Mediator):
    """A vector mediator: parameters ``g_vector``, ``m_vector`` [MeV]; ``eps_vector``.

    L = Z'_mu g [Q_nu nubar gamma^mu P_L nu + Q_u ubar gamma^mu u + Q_d dbar gamma^mu d + Q_e ebar
    gamma^mu e]. Exchange gives -g^2 Q_nu Q_q/D (nubar gamma P_L nu)(qbar gamma q), that of the
    Standard Model is -sqrt(2) G_F g_V^q times the same: g_V^q grows by g^2 Q_nu Q_q/(sqrt(2) G_F
    D), and Q_W by that times (2 Q_u + Q_d) Z F_p + (Q_u + 2 Q_d) N F_n. As Q_W is negative, charges
    of one sign interfere destructively. ``g_vector`` below zero stands for g_nu g_q = -g^2.
    """

    name = "vector"
    signed = True
    lagrangian = (
        "L = g Z'_mu (Q_nu nubar gamma^mu P_L nu + Q_q qbar gamma^mu q + Q_e ebar gamma^mu e)"
    )

    def vector_charge(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array:
        """g_nu [(2 g_u + g_d) Z F_p + (g_u + 2 g_d) N F_n]/(sqrt(2) G_F D)."""
        up, down = self.charges.up, self.charges.down
        charge = (2 * up + down) * nucleus.Z * nucleus.proton_form_factor
        charge = charge + (up + 2 * down) * nucleus.N * nucleus.neutron_form_factor
        return self.exchanged(flavour, 2 * nucleus.mass * recoil, values) * charge / UNIT

    def electron_couplings(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> tuple[jax.Array | float, float]:
        """g_V of the electron grows by g_nu g_e/(sqrt(2) G_F (2 m_e T + m^2))."""
        exchanged = self.exchanged(flavour, 2 * ELECTRON_MASS * recoil, values)
        return exchanged * self.charges.electron / UNIT, 0.0


# Axial charges of the quarks in the proton; mirrored in the neutron. Lattice averages, FLAG 2021
# (not checked against the publication).
AXIAL_UP, AXIAL_DOWN = 0.847, -0.407


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LightAxialVector(Mediator):
    """An axial-vector mediator: ``g_axial``, ``m_axial`` [MeV]; ``eps_axial``.

    L = Z'_mu g [Q_nu nubar gamma^mu P_L nu + Q_q qbar gamma^mu gamma_5 q]. It lowers the axial
    couplings g_A^q (1/2 for u, -1/2 for d, in L = -sqrt(2) G_F nubar gamma P_L nu (g_V qbar gamma q
    - g_A qbar gamma gamma_5 q)) by g^2 Q_nu Q_q/(sqrt(2) G_F D), and those of the nucleons by that
    times the axial charges of the quarks in them. Only nuclei with spin feel it.
    """

    name = "axial"
    signed = True
    lagrangian = "L = g Z'_mu (Q_nu nubar gamma^mu P_L nu + Q_q qbar gamma^mu gamma_5 q)"

    def axial_couplings(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> tuple[jax.Array, jax.Array]:
        """-g_nu (g_u Delta_u + g_d Delta_d)/(sqrt(2) G_F D), of the proton and of the neutron."""
        exchanged = -self.exchanged(flavour, 2 * nucleus.mass * recoil, values) / UNIT
        up, down = self.charges.up, self.charges.down
        proton = exchanged * (up * AXIAL_UP + down * AXIAL_DOWN)
        neutron = exchanged * (up * AXIAL_DOWN + down * AXIAL_UP)
        return jnp.asarray(proton), jnp.asarray(neutron)


# Nucleon charges for g_q = 1: proton, neutron.
# D. G. Cerdeno et al., JHEP 05 (2016) 118, arXiv:1604.01025, equal couplings of all quarks
SCALAR_CERDENO = (15.1, 14.0)
# sum over u and d of f_Tq m_N/m_q: f_Tu^p = 0.0208, f_Td^p = 0.0411, f_Tu^n = 0.0189,
# f_Td^n = 0.0451 (M. Hoferichter et al., arXiv:1506.04142), m_u = 2.2 and m_d = 4.7 MeV
SCALAR_HOFERICHTER = (
    0.0208 * 938.272 / 2.2 + 0.0411 * 938.272 / 4.7,
    0.0189 * 939.565 / 2.2 + 0.0451 * 939.565 / 4.7,
)
SCALAR_CHARGES = {"cerdeno_2016": SCALAR_CERDENO, "hoferichter_2015": SCALAR_HOFERICHTER}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LightScalar(Mediator):
    """A scalar mediator: ``g_scalar``, ``m_scalar`` [MeV]; ``eps_scalar``.

    L = g phi (nubar_R nu_L + h.c. + qbar q + ebar e). (g_nu Q_S F)^2 M^2 T/(4 pi E^2 D^2) with
    Q_S F = q_p Z F_p + q_n N F_n; it flips the chirality of the neutrino and does not interfere.
    On electrons (g_nu g_e)^2 m_e^2 T/(4 pi E^2 D^2) (1 + T/(2 m_e)).

    Attributes:
        nucleons: Charges q_p and q_n of proton and neutron where those of the quarks are one.
    """

    nucleons: tuple[float, float] = SCALAR_CERDENO

    name = "scalar"
    lagrangian = "L = g phi (Q_nu nubar_R nu_L + h.c. + qbar q + Q_e ebar e)"

    @property
    def conventions(self) -> str:
        """Lagrangian and charges."""
        proton, neutron = self.nucleons
        return f"{super().conventions}; Q_S = {proton:.4g} Z + {neutron:.4g} N"

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """a_2 alone."""
        proton, neutron = self.nucleons
        charge = proton * nucleus.Z * nucleus.proton_form_factor
        charge = charge + neutron * nucleus.N * nucleus.neutron_form_factor
        exchanged = self.exchanged(flavour, 2 * nucleus.mass * recoil, values)
        return 0.0, 0.0, (exchanged * charge * nucleus.mass) ** 2 * recoil / (4 * jnp.pi)

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        """a_2 alone."""
        exchanged = self.exchanged(flavour, 2 * ELECTRON_MASS * recoil, values)
        strength = (exchanged * self.charges.electron * ELECTRON_MASS) ** 2 / (4 * jnp.pi)
        return 0.0, 0.0, strength * recoil * (1 + recoil / (2 * ELECTRON_MASS))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LightPseudoscalar(Mediator):
    """A pseudoscalar mediator: ``g_pseudoscalar``, ``m_pseudoscalar`` [MeV]; ``eps_pseudoscalar``.

    L = g phi (nubar_R i gamma_5 nu_L + h.c. + Nbar i gamma_5 N), one coupling to protons and
    neutrons: (g_nu g_N)^2 (4/3) ((J+1)/J) (<S_p> + <S_n>)^2 M T^2/(8 pi E^2 D^2), exact for a
    nucleon, without form factor. Only nuclei with spin feel it.
    """

    name = "pseudoscalar"
    lagrangian = "L = g phi (Q_nu nubar_R i gamma_5 nu_L + h.c. + Nbar i gamma_5 N)"

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """a_2 alone."""
        spins = spin_factor(nucleus) * (nucleus.spin_protons + nucleus.spin_neutrons) ** 2
        exchanged = self.exchanged(flavour, 2 * nucleus.mass * recoil, values)
        return 0.0, 0.0, exchanged**2 * spins * nucleus.mass * recoil**2 / (8 * jnp.pi)


# Tensor charges of the quarks in the proton; mirrored in the neutron (as used with CEvNS; newer
# lattice numbers 0.784 and -0.204; neither checked against a publication).
TENSOR_UP, TENSOR_DOWN = 0.54, -0.23


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LightTensor(Mediator):
    """A tensor interaction: ``g_tensor``, ``m_tensor`` [MeV]; ``eps_tensor``.

    L = (g^2/D) (nubar sigma^{mn} P_L nu)(qbar sigma_{mn} q): C_T [1 - T/E - (M T - T^2)/(4 E^2)],
    C_T = (4 M/pi) (g_nu Q_T F)^2/D^2, Q_T F = sum_q g_q (delta_q^p Z F_p + delta_q^n N F_n). Part
    of the literature has a coupling that is larger by sqrt(2).
    """

    name = "tensor"
    lagrangian = "L = (g^2 Q_nu Q_q/D) (nubar sigma^{mn} P_L nu)(qbar sigma_{mn} q)"

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """All three."""
        up, down = self.charges.up, self.charges.down
        charge = (up * TENSOR_UP + down * TENSOR_DOWN) * nucleus.Z * nucleus.proton_form_factor
        charge = charge + (
            (up * TENSOR_DOWN + down * TENSOR_UP) * nucleus.N * nucleus.neutron_form_factor
        )
        exchanged = self.exchanged(flavour, 2 * nucleus.mass * recoil, values)
        strength = 4 * nucleus.mass / jnp.pi * (exchanged * charge) ** 2
        return (
            strength,
            -strength * recoil,
            -strength * (nucleus.mass * recoil - recoil**2) / 4,
        )


def light_vector(*, charges: str | Charges = "universal", contact: bool = False) -> LightVector:
    """A light vector mediator.

    Args:
        charges: ``"universal"``, ``"b_minus_l"`` or own ones.
        contact: As in :class:`Mediator`.

    Raises:
        ConfigError: unknown charges.
    """
    return LightVector(charges=_charges("light_vector", charges), contact=contact)


def light_axial_vector(
    *, charges: str | Charges = "universal", contact: bool = False
) -> LightAxialVector:
    """A light axial-vector mediator; arguments as :func:`light_vector`."""
    return LightAxialVector(charges=_charges("light_axial_vector", charges), contact=contact)


def light_scalar(
    *,
    charges: str | Charges = "universal",
    nucleons: str | tuple[float, float] = "cerdeno_2016",
    contact: bool = False,
) -> LightScalar:
    """A light scalar mediator.

    Args:
        charges: Of electrons and neutrinos; those of the quarks are one.
        nucleons: Charges of proton and neutron: ``"cerdeno_2016"`` (15.1, 14), or
            ``"hoferichter_2015"`` (17.1, 17.1), or own ones.
        contact: As in :class:`Mediator`.

    Raises:
        ConfigError: unknown charges.
    """
    if isinstance(nucleons, str):
        if nucleons not in SCALAR_CHARGES:
            raise unknown("light_scalar.nucleons", "charges", nucleons, SCALAR_CHARGES)
        nucleons = SCALAR_CHARGES[nucleons]
    return LightScalar(
        charges=_charges("light_scalar", charges), nucleons=nucleons, contact=contact
    )


def light_pseudoscalar(*, contact: bool = False) -> LightPseudoscalar:
    """A light pseudoscalar mediator; ``contact`` as in :class:`Mediator`."""
    return LightPseudoscalar(contact=contact)


def light_tensor(*, charges: str | Charges = "universal", contact: bool = False) -> LightTensor:
    """A light tensor mediator; arguments as :func:`light_vector`."""
    return LightTensor(charges=_charges("light_tensor", charges), contact=contact)


def _charges(where: str, given: str | Charges) -> Charges:
    if not isinstance(given, str):
        return given
    if given not in CHARGES:
        raise unknown(f"{where}.charges", "charges", given, CHARGES)
    return CHARGES[given]
