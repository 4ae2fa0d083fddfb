r"""Running of sin^2 theta_W with the scale, MS-bar, leading logarithms.

J. Erler and M. J. Ramsey-Musolf, Phys. Rev. D 72 (2005) 073003, hep-ph/0409169, at leading order:

    d s^2/d ln mu^2      = (alpha/pi) [43/24 W - (1/6) sum N_c Q T_3 + (s^2/3) (sum N_c Q^2
                           - 21/4 W)]
    d (1/alpha)/d ln mu^2 = -(1/(3 pi)) [sum N_c Q^2 - 21/4 W]

The sums run over the fermions lighter than mu, quarks times 1 + alpha_s/pi, and W is 1 above M_W.
Together they say that s^2/alpha = 1/alpha_2 has a beta function that does not depend on a coupling,

    d (1/alpha_2)/d ln mu^2 = (1/pi) [43/24 W - (1/6) sum N_c Q T_3],

so 1/alpha and 1/alpha_2 are sums of logarithms, and s^2 is their ratio. Between two thresholds this
is s^2(mu) = (alpha/alpha_0) s_0^2 + lambda_1 (1 - alpha/alpha_0) with
lambda_1 = sum N_c Q T_3/(2 sum N_c Q^2), as in the paper.

s^2(0) comes out as 0.23870; the full calculation has 0.23867 +- 0.00016 (``SIN2_THETA_W_ZERO`` in
``constants.py``). That is closer than the approximation deserves. Left out are the matching terms
at thresholds (the largest, -1/(6 pi) in 1/alpha and 1/alpha_2 at M_W, would move s^2 below it by
-3e-4) and higher orders in alpha_s (+4e-5 from its second loop). Effective masses of 246 and 342
MeV for the light quarks in place of 176 and 305 MeV would move s^2(0) by -2.3e-4. Take 3e-4 as the
uncertainty of s^2. Its shift at CEvNS momenta, below 176 MeV, is 1e-4 at most and due to leptons
alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from cevns_jax.constants import ELECTRON_MASS, MUON_MASS

SIN2_THETA_W_Z = 0.23122  # s^2(M_Z), MS-bar, PDG 2020, +- 4e-5
INVERSE_ALPHA_Z = 127.95  # 1/alpha(M_Z), MS-bar, PDG, +- 0.01
ALPHA_S_Z = 0.1180  # alpha_s(M_Z), MS-bar, PDG 2024, +- 0.0009
Z_MASS = 91188.0  # [MeV], PDG 2024
W_MASS = 80369.2  # [MeV], PDG 2024


class Fermion(NamedTuple):
    """A charged fermion.

    Attributes:
        name: Its symbol.
        colours: N_c.
        charge: Q.
        isospin: T_3 of the left-handed field.
        mass: Where it decouples [MeV].
    """

    name: str
    colours: int
    charge: float
    isospin: float
    mass: float


# Masses: leptons and top PDG 2024, b and c m(m) in MS-bar, PDG 2024. Those of u, d and s are
# effective ones that stand for the hadronic vacuum polarisation (hep-ph/0409169, not checked
# against the publication): at these scales quarks are no free particles, and a threshold at their
# MS-bar masses of a few MeV would run far too much.
CHARM_MASS = 1273.0
BOTTOM_MASS = 4183.0
FERMIONS = (
    Fermion("e", 1, -1.0, -0.5, ELECTRON_MASS),
    Fermion("mu", 1, -1.0, -0.5, MUON_MASS),
    Fermion("u", 3, 2 / 3, 0.5, 176.0),
    Fermion("d", 3, -1 / 3, -0.5, 176.0),
    Fermion("s", 3, -1 / 3, -0.5, 305.0),
    Fermion("c", 3, 2 / 3, 0.5, CHARM_MASS),
    Fermion("tau", 1, -1.0, -0.5, 1776.93),
    Fermion("b", 3, -1 / 3, -0.5, BOTTOM_MASS),
    Fermion("t", 3, 2 / 3, 0.5, 172570.0),
)


def sin2_theta_w(mu: jax.Array | float) -> jax.Array:
    """s^2(mu) = alpha(mu)/alpha_2(mu) in the MS-bar scheme, from s^2(M_Z) = 0.23122.

    Continuous, with a kink at each threshold; constant below the electron mass.

    Args:
        mu: Scale [MeV], any shape, from 0 to about 1 TeV.

    Returns:
        sin^2 theta_W [dimensionless], same shape as ``mu``.
    """
    return inverse_alpha_2(mu) / inverse_alpha(mu)


def shift(q: jax.Array | float) -> jax.Array:
    """s^2(q) - s^2(0): what the running adds to an angle defined at zero momentum transfer.

    Args:
        q: Momentum transfer [MeV], any shape.
    """
    return sin2_theta_w(q) - sin2_theta_w(0.0)


def inverse_alpha(mu: jax.Array | float) -> jax.Array:
    """1/alpha(mu), electromagnetic, MS-bar; 136.96 at zero (CODATA 137.04)."""
    fermions = sum(f.colours * f.charge**2 * _logarithm(mu, f) for f in FERMIONS)
    return INVERSE_ALPHA_Z + (fermions - 21 / 4 * _w_logarithm(mu)) / (3 * jnp.pi)


def inverse_alpha_2(mu: jax.Array | float) -> jax.Array:
    """1/alpha_2(mu) = s^2(mu)/alpha(mu), MS-bar."""
    fermions = sum(f.colours * f.charge * f.isospin * _logarithm(mu, f) for f in FERMIONS)
    start = SIN2_THETA_W_Z * INVERSE_ALPHA_Z
    return start + (fermions / 6 - 43 / 24 * _w_logarithm(mu)) / jnp.pi


def _logarithm(mu: jax.Array | float, fermion: Fermion) -> jax.Array:
    """Integral over ln mu^2 from mu to M_Z where a fermion is active; quarks: of 1 + alpha_s/pi."""
    start = max(Z_MASS, fermion.mass)  # the top is not active at M_Z, but above its mass
    end = jnp.maximum(mu, fermion.mass)  # never zero, so that the logarithm has a value at mu = 0
    result = 2 * jnp.log(start / end)
    if fermion.colours == 1:
        return result
    return result + _strong_integral(start) - _strong_integral(end)


def _w_logarithm(mu: jax.Array | float) -> jax.Array:
    """Integral over ln mu^2 from mu to M_Z where the W is active, above M_W."""
    return 2 * jnp.log(Z_MASS / jnp.maximum(mu, W_MASS))


def _beta_0(flavours: int) -> float:
    """d(1/alpha_s)/d ln mu^2 at one loop."""
    return (33 - 2 * flavours) / (12 * math.pi)


INVERSE_ALPHA_S_BOTTOM = 1 / ALPHA_S_Z + 2 * _beta_0(5) * math.log(BOTTOM_MASS / Z_MASS)
INVERSE_ALPHA_S_CHARM = INVERSE_ALPHA_S_BOTTOM + 2 * _beta_0(4) * math.log(CHARM_MASS / BOTTOM_MASS)


def alpha_s(mu: jax.Array | float) -> jax.Array:
    """alpha_s at one loop, frozen below m_c, where the perturbation series ends.

    Five flavours above m_b (also above m_t), four above m_c.

    Args:
        mu: Scale [MeV], any shape.
    """
    # Each of the two runs in its own range and is constant outside, at m_b with the same value: so
    # their sum less that value is 1/alpha_s, with no branch for a gradient to go astray in.
    return 1 / (_five_flavours(mu) + _four_flavours(mu) - INVERSE_ALPHA_S_BOTTOM)


def _five_flavours(mu: jax.Array | float) -> jax.Array:
    """1/alpha_s(mu), that at m_b below."""
    return 1 / ALPHA_S_Z + 2 * _beta_0(5) * jnp.log(jnp.maximum(mu, BOTTOM_MASS) / Z_MASS)


def _four_flavours(mu: jax.Array | float) -> jax.Array:
    """1/alpha_s(mu) between m_c and m_b, that at the nearer end outside."""
    inside = jnp.clip(mu, CHARM_MASS, BOTTOM_MASS)
    return INVERSE_ALPHA_S_BOTTOM + 2 * _beta_0(4) * jnp.log(inside / BOTTOM_MASS)


def _strong_integral(mu: jax.Array | float) -> jax.Array:
    """Integral of alpha_s/pi over ln mu^2 from M_Z to mu: ln(1/alpha_s)/beta_0 where it runs."""
    five = jnp.log(_five_flavours(mu) * ALPHA_S_Z) / _beta_0(5)
    four = jnp.log(_four_flavours(mu) / INVERSE_ALPHA_S_BOTTOM) / _beta_0(4)
    frozen = 2 * jnp.log(jnp.minimum(mu, CHARM_MASS) / CHARM_MASS) / INVERSE_ALPHA_S_CHARM
    return (five + four + frozen) / jnp.pi
