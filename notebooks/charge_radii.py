"""Charge radii of the electron and muon neutrino, as an interaction of one's own."""

from dataclasses import dataclass

import jax
import numpy as np

from cevns_jax.constants import FERMI_CONSTANT, FINE_STRUCTURE, HBAR_C_MEV_CM
from cevns_jax.interactions import NewPhysics
from cevns_jax.parameters import Parameter

# sqrt(2) pi alpha/(3 G_F) [MeV^2], times 1e-32 cm^2 [MeV^-2]
UNIT = np.sqrt(2) * np.pi * FINE_STRUCTURE / (3 * FERMI_CONSTANT) * 1e-32 / HBAR_C_MEV_CM**2


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ChargeRadii(NewPhysics):
    """g_V^p falls by sqrt(2) pi alpha/(3 G_F) <r^2> for the neutrinos of each family."""

    parameters = tuple(
        Parameter(name=f"r2_{name}", lower=-500, upper=500, unit=r"$10^{-32}$ cm$^2$", label=label)
        for name, label in (
            ("e", r"$\langle r^2_{\nu_e}\rangle$"),
            ("mu", r"$\langle r^2_{\nu_\mu}\rangle$"),
        )
    )
    conventions = "charge radii on top of those of the Standard Model, no flavour change"

    def vector_charge(self, recoil, nucleus, flavour, values):
        radius = values["r2_" + flavour.split("_")[1]]
        return -UNIT * radius * nucleus.Z * nucleus.proton_form_factor

    def electron_couplings(self, recoil, flavour, values):
        return UNIT * values["r2_" + flavour.split("_")[1]], 0.0
