"""Neutral-current couplings of protons and neutrons, and how they follow sin^2 theta_W."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from cevns_jax.constants import SIN2_THETA_W_LOW_ENERGY
from cevns_jax.errors import unknown
from cevns_jax.flavours import family
from cevns_jax.parameters import Parameter
from cevns_jax.pytree import static

SIN2_THETA_W = Parameter(
    name="sin2_theta_w",
    start=SIN2_THETA_W_LOW_ENERGY,
    lower=-1.0,
    upper=2.0,
    expected=(0.0, 1.0),  # the square of a sine; the mirror solution lies near -0.4
    label=r"$\sin^2\theta_W$",
)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Couplings:
    """Vector couplings of the nucleons at sin^2 theta_W = 0.23857.

    Away from it g_V^p = g_V^p(0.23857) - 2 (sin^2 theta_W - 0.23857) for every flavour, g_V^n is
    constant: exact at tree level, and the usual way to free the angle in radiatively corrected
    couplings.

    Attributes:
        name: How the set is called in configs and results.
        source: Where the numbers are from.
        proton_electron: g_V^p for electron neutrinos.
        proton_muon: g_V^p for muon neutrinos.
        proton_tau: g_V^p for tau neutrinos; ``None`` where the set has none.
        neutron: g_V^n.
    """

    name: str = static()
    source: str = static()
    proton_electron: float
    proton_muon: float
    proton_tau: float | None = None
    neutron: float

    def proton(self, flavour: str, sin2_theta_w: jax.Array | float) -> jax.Array | float:
        """g_V^p of a flavour such as ``"nu_e"`` or ``"nu_mu_bar"``.

        Raises:
            ConfigError: unknown flavour, or one that this set of couplings does not have.
        """
        by_family = {"e": self.proton_electron, "mu": self.proton_muon, "tau": self.proton_tau}
        coupling = by_family[family(flavour)]
        if coupling is None:
            known = [f"nu_{name}" for name, value in by_family.items() if value is not None]
            raise unknown(f"couplings {self.name}", "flavour", flavour, known)
        return coupling - 2 * (sin2_theta_w - SIN2_THETA_W_LOW_ENERGY)


TREE = Couplings(
    name="tree",
    source="g_V^p = 1/2 - 2 sin^2 theta_W, g_V^n = -1/2",
    proton_electron=0.5 - 2 * SIN2_THETA_W_LOW_ENERGY,
    proton_muon=0.5 - 2 * SIN2_THETA_W_LOW_ENERGY,
    proton_tau=0.5 - 2 * SIN2_THETA_W_LOW_ENERGY,
    neutron=-0.5,
)
RADIATIVE_2020 = Couplings(
    name="radiative_2020",
    source="Cadeddu et al., arXiv:2008.05022",
    proton_electron=0.0401,
    proton_muon=0.0318,
    neutron=-0.5094,
)
RADIATIVE_2023 = Couplings(
    name="radiative_2023",
    source="Atzori Corona et al., arXiv:2303.09360 (not checked against the publication)",
    proton_electron=0.0382,
    proton_muon=0.0300,
    neutron=-0.5117,
)


def named_couplings(name: str) -> Couplings:
    """The set of couplings that a config names.

    Raises:
        ConfigError: unknown name.
    """
    sets = {c.name: c for c in (TREE, RADIATIVE_2020, RADIATIVE_2023)}
    if name not in sets:
        raise unknown("interaction.couplings", "set of couplings", name, sets)
    return sets[name]
