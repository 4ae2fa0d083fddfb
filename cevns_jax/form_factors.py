"""Nuclear form factors: Fourier transforms of the nucleon density, normalised to F(0) = 1.

Every model takes the momentum transfer and the rms radius of the density, so that "the neutron
radius" means the same number in all of them. A model is a small frozen object whose second
length (surface thickness, range, diffuseness) is a field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp

from cevns_jax.constants import HBAR_C_MEV_FM


class FormFactor(Protocol):
    """F(q, R_rms); see the models of this module.

    A model may declare ``smallest_radius``, the rms radius [fm] above which it has a density.
    """

    def __call__(self, q: jax.Array, rms_radius: jax.Array) -> jax.Array:
        """F(q) [dimensionless] for q [MeV] and rms radius [fm]; the shapes broadcast."""
        ...


# Where the series replace the closed forms, in which terms of the size of q R cancel to (q R)^3.
# The series are exact to 1e-14 up to here. For the sphere the closed form errs by 2e-15 at 0.2, by
# 1e-12 at 0.02; the series by 6e-6 at 2. For the Fermi density, with one term less, the closed form
# errs by 2e-13 at 0.07, by 2e-11 at 0.007; the series by 3e-7 at 0.7.
SMALL_SPHERE = 0.2
SMALL_FERMI = 0.07
# Smallest squared radius [fm^2]: at 0 the root would have no derivative. A target refuses such
# radii, but fits may try them.
SMALLEST_SQUARE = 0.01
# Terms of the series by which the two Fermi densities differ; exp(-m c/a) falls so fast that eight
# give 1e-14 above the smallest radius.
FERMI_TERMS = 8


def sphere(x: jax.Array) -> jax.Array:
    """Form factor of a homogeneous sphere, 3 j1(x)/x, for x = q R, any shape, x >= 0."""
    small = x < SMALL_SPHERE
    safe = jnp.where(small, 1.0, x)  # the unused branch must stay finite for gradients
    exact = 3 * (jnp.sin(safe) - safe * jnp.cos(safe)) / safe**3
    series = 1 - x**2 / 10 + x**4 / 280 - x**6 / 15120 + x**8 / 1330560
    return jnp.where(small, series, exact)


def _radius_from_square(square: jax.Array) -> jax.Array:
    """Root of a squared radius [fm], at least 0.1 fm."""
    return jnp.sqrt(jnp.maximum(square, SMALLEST_SQUARE))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Helm:
    """Helm, Phys. Rev. 104 (1956) 1466: sphere folded with a Gaussian of width ``skin``.

    R0^2 = (5/3) R_rms^2 - 5 s^2.

    Attributes:
        skin: Surface thickness s [fm].
    """

    skin: float = 0.9

    @property
    def smallest_radius(self) -> float:
        return math.sqrt(3) * self.skin

    def __call__(self, q: jax.Array, rms_radius: jax.Array) -> jax.Array:
        q = q / HBAR_C_MEV_FM
        radius = _radius_from_square(5 / 3 * rms_radius**2 - 5 * self.skin**2)
        return sphere(q * radius) * jnp.exp(-0.5 * (q * self.skin) ** 2)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class KleinNystrand:
    """Klein and Nystrand, Phys. Rev. C 60 (1999) 014903: sphere folded with a Yukawa potential.

    R_rms^2 = (3/5) R_A^2 + 6 a^2.

    Attributes:
        range: Range a of the Yukawa potential [fm].
    """

    range: float = 0.7

    @property
    def smallest_radius(self) -> float:
        return math.sqrt(6) * self.range

    def __call__(self, q: jax.Array, rms_radius: jax.Array) -> jax.Array:
        q = q / HBAR_C_MEV_FM
        radius = _radius_from_square(5 / 3 * (rms_radius**2 - 6 * self.range**2))
        return sphere(q * radius) / (1 + (q * self.range) ** 2)


def _fermi_half_radius(rms_radius: jax.Array, diffuseness: jax.Array | float) -> jax.Array:
    """Half-density radius c [fm]: R_rms^2 = (3/5) c^2 + (7/5) (pi a)^2."""
    return _radius_from_square(5 / 3 * rms_radius**2 - 7 / 3 * (jnp.pi * diffuseness) ** 2)


def _fermi_integral(q: jax.Array, c: jax.Array, a: jax.Array | float) -> jax.Array:
    """q^3 times the symmetrised-Fermi integral of r^2 j0(q r), which has a closed form."""
    p = jnp.pi * q * a
    return p / jnp.sinh(p) * (p / jnp.tanh(p) * jnp.sin(q * c) - q * c * jnp.cos(q * c))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class SymmetrisedFermi:
    """Symmetrised Fermi density, Sprung and Martorell, J. Phys. A 30 (1997) 6525.

    F = 3/[q c ((q c)^2 + (pi q a)^2)] (pi q a)/sinh(pi q a) [pi q a/tanh(pi q a) sin(q c)
    - q c cos(q c)], R_rms^2 = (3/5) c^2 + (7/5) (pi a)^2.

    Attributes:
        diffuseness: a [fm]; 0.52 fm is a surface thickness (90 % to 10 %) of 2.3 fm.
    """

    diffuseness: float = 0.52

    @property
    def smallest_radius(self) -> float:
        return math.sqrt(7 / 5) * math.pi * self.diffuseness

    def __call__(self, q: jax.Array, rms_radius: jax.Array) -> jax.Array:
        q = q / HBAR_C_MEV_FM
        a = self.diffuseness
        c = _fermi_half_radius(rms_radius, a)
        small = q * c < SMALL_FERMI
        safe = jnp.where(small, 1.0, q)
        exact = 3 * _fermi_integral(safe, c, a) / (safe**3 * c * (c**2 + (jnp.pi * a) ** 2))
        # 1 - q^2 <r^2>/6 + q^4 <r^4>/120 - q^6 <r^6>/5040 with the moments of the density.
        b = (jnp.pi * a) ** 2
        r4 = (3 * c**4 + 18 * b * c**2 + 31 * b**2) / 7
        r6 = (5 * c**6 + 55 * b * c**4 + 239 * b**2 * c**2 + 381 * b**3) / 15
        series = 1 - (q * rms_radius) ** 2 / 6 + q**4 * r4 / 120 - q**6 * r6 / 5040
        return jnp.where(small, series, exact)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class TwoParameterFermi:
    """Two-parameter Fermi (Woods-Saxon) density 1/(1 + exp((r - c)/a)).

    It differs from the symmetrised one by sum_m (-1)^(m-1) exp(-m (r + c)/a), whose transform is
    elementary (Maximon and Schrack, J. Res. NBS 70B (1966) 85); eight terms give 1e-14. The
    half-density radius c is that of the symmetrised density with the same rms radius; the two
    rms radii differ by less than 1e-4 fm, below 3e-5 fm from argon upwards.

    Attributes:
        diffuseness: a [fm].
    """

    diffuseness: float = 0.52

    @property
    def smallest_radius(self) -> float:
        return 4.5 * self.diffuseness  # below, the series of exponentials converges too slowly

    def __call__(self, q: jax.Array, rms_radius: jax.Array) -> jax.Array:
        q = q / HBAR_C_MEV_FM
        a = self.diffuseness
        c = _fermi_half_radius(rms_radius, a)
        b = (jnp.pi * a) ** 2
        terms = [((-1) ** (m - 1) * jnp.exp(-m * c / a), a / m) for m in range(1, FERMI_TERMS + 1)]
        # Integrals of r^2, r^4, r^6, r^8 times the density: polynomials in c and (pi a)^2 for the
        # symmetrised one, plus (2 n)! s^(2 n + 1) for each exponential exp(-r/s).
        r0 = c * (c**2 + b) / 3 + sum(w * 2 * s**3 for w, s in terms)
        r2 = c * (3 * c**4 + 10 * b * c**2 + 7 * b**2) / 15 + sum(w * 24 * s**5 for w, s in terms)
        r4 = c * (3 * c**6 + 21 * b * c**4 + 49 * b**2 * c**2 + 31 * b**3) / 21
        r4 = r4 + sum(w * 720 * s**7 for w, s in terms)
        r6 = 5 * c**8 + 60 * b * c**6 + 294 * b**2 * c**4 + 620 * b**3 * c**2 + 381 * b**4
        r6 = c * r6 / 45 + sum(w * 40320 * s**9 for w, s in terms)
        small = q * c < SMALL_FERMI
        safe = jnp.where(small, 1.0, q)
        exact = _fermi_integral(safe, c, a) / safe**3
        exact = exact + sum(w * 2 * s**3 / (1 + (s * safe) ** 2) ** 2 for w, s in terms)
        series = 1 - (q**2 * r2 / 6 - q**4 * r4 / 120 + q**6 * r6 / 5040) / r0
        return jnp.where(small, series, exact / r0)
