"""Cross sections on point nuclei and on electrons, and random inputs, for tests of new physics."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from cevns_jax.interactions import Charges, NonStandardInteractions, standard_model
from cevns_jax.nuclei import NUCLIDES, target

G_F = 1.1663787e-11  # [MeV^-2]
ROOT2_G_F = np.sqrt(2) * G_F
ELECTRON = 0.51099895069  # [MeV]
ANGLE = 0.23857
SM = {"sin2_theta_w": ANGLE}
VECTOR = standard_model(axial=False)
AXIAL = standard_model()
FLAVOURS = ("nu_e", "nu_mu", "nu_tau", "nu_e_bar", "nu_mu_bar", "nu_tau_bar")
FAMILIES = ("e", "mu", "tau")

# Columns over all nuclides.
ROWS = list(NUCLIDES.values())
Z, N, M, J, S_P, S_N = (
    np.array([getattr(row, name) for row in ROWS], dtype=float)[:, None]
    for name in ("protons", "neutrons", "mass", "spin", "spin_protons", "spin_neutrons")
)
A = Z + N
WEAK = N - (1 - 4 * ANGLE) * Z  # Q_W as published, with G_F^2 M/(4 pi)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Point:
    """Form factor of a point nucleus."""

    def __call__(self, q, rms_radius):
        return jnp.ones_like(q * rms_radius)


POINTS = target(dict.fromkeys(NUCLIDES, 1.0), form_factor=Point())

energies = st.floats(0.5, 100.0)  # [MeV]
shares = st.floats(1e-6, 1.0)  # of the highest recoil
masses = st.one_of(st.just(0.0), st.floats(-3.0, 5.0).map(lambda x: 10**x))  # [MeV]
couplings = st.floats(-7.0, -2.0).map(lambda x: 10**x)
signs = st.sampled_from([-1.0, 1.0])
flavours = st.sampled_from(FLAVOURS)

OWN_CHARGES = Charges(up=0.3, down=-0.7, electron=2.0, nu_e=1.0, nu_mu=-2.0, nu_tau=0.0)
VECTOR_CHARGES = {  # g_u, g_d, g_e, and g_nu by family
    "universal": (1.0, 1.0, 1.0, (1.0, 1.0, 1.0)),
    "b_minus_l": (1 / 3, 1 / 3, -1.0, (-1.0, -1.0, -1.0)),
    OWN_CHARGES: (0.3, -0.7, 2.0, (1.0, -2.0, 0.0)),
}

NSI = NonStandardInteractions()


def recoils(energy, share, mass=M):
    """Columns of recoils up to 2 E^2/(M + 2 E)."""
    return share * 2 * energy**2 / (mass + 2 * energy)


def along(a_k, energy):
    return np.asarray(a_k[0] + a_k[1] / energy + a_k[2] / energy**2)


def cross_section(interaction, recoil, energy, values, flavour="nu_mu"):
    """dsigma/dT [MeV^-3] of every nuclide; of the new physics alone if that is what it is."""
    nucleus = POINTS.at(jnp.asarray(recoil), {})
    return along(
        interaction.coefficients(jnp.asarray(recoil), nucleus, flavour, SM | values), energy
    )


def on_electrons(interaction, recoil, energy, values, flavour="nu_mu"):
    found = interaction.electron_coefficients(jnp.asarray(recoil), flavour, SM | values)
    return along(found, energy)


def kinematic(recoil, energy):
    """1 - T/E - M T/(2 E^2)."""
    return 1 - recoil / energy - M * recoil / (2 * energy**2)


def assert_agrees(found, expected, scale=0.0, rel=1e-11):
    """To rounding, which is relative to what has cancelled."""
    np.testing.assert_array_less(abs(found - expected), rel * (abs(expected) + scale) + 1e-300)
