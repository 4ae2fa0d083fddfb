"""Non-standard neutrino interactions with quarks: vector contact interactions of any flavour."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from cevns_jax.flavours import FAMILIES, family
from cevns_jax.interactions.interaction import NewPhysics
from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values

PAIRS = tuple((a, b) for i, a in enumerate(FAMILIES) for b in FAMILIES[i:])


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class NonStandardInteractions(NewPhysics):
    """L = -sqrt(2) G_F eps_{ab}^q (nubar_a gamma^mu P_L nu_b)(qbar gamma_mu q), q = u, d: eps is
    eps^V = eps^L + eps^R of L = -2 sqrt(2) G_F eps^X (nubar gamma P_L nu)(qbar gamma P_X q).

    Real parameters ``eps_u_ee``, ``eps_u_emu``, ... ``eps_d_tautau``, zero unless set. Flavour a:
    Q_W grows by Z (2 eps_aa^u + eps_aa^d) F_p + N (eps_aa^u + 2 eps_aa^d) F_n; other flavours b add
    |Z (2 eps_ab^u + eps_ab^d) F_p + N (eps_ab^u + 2 eps_ab^d) F_n|^2 to Q_W^2. J. Barranco, O. G.
    Miranda and T. I. Rashba, JHEP 12 (2005) 021.
    """

    conventions = "L = -sqrt(2) G_F eps_ab^q (nubar_a gamma P_L nu_b)(qbar gamma q), eps real"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(
            Parameter(
                name=f"eps_{q}_{a}{b}",
                lower=-10.0,
                upper=10.0,
                label=rf"$\epsilon_{{{_greek(a)}{_greek(b)}}}^{q}$",
            )
            for q in ("u", "d")
            for a, b in PAIRS
        )

    def vector_charge(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array:
        """Vector charge that keeps the flavour of the neutrino."""
        own = family(flavour)
        return _charge(nucleus, own, own, values)

    def changing_charge_squared(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> jax.Array | float:
        """Sum of the squared charges that change the flavour into one of the two others."""
        own = family(flavour)
        others = [other for other in FAMILIES if other != own]
        return sum(_charge(nucleus, own, other, values) ** 2 for other in others)


def _charge(nucleus: NucleusAtRecoil, one: str, other: str, values: Values) -> jax.Array:
    """Vector charge of the nucleus between two families, in either order: eps is symmetric."""
    pair = "".join(sorted((one, other), key=FAMILIES.index))
    up, down = values[f"eps_u_{pair}"], values[f"eps_d_{pair}"]
    return (
        nucleus.Z * (2 * up + down) * nucleus.proton_form_factor
        + nucleus.N * (up + 2 * down) * nucleus.neutron_form_factor
    )


def _greek(name: str) -> str:
    return {"e": "e", "mu": r"\mu", "tau": r"\tau"}[name]
