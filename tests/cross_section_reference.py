"""The cross section of one energy from the published formulae, integrated in 30 digits."""

import mpmath
import numpy as np

from cevns_jax.interactions import standard_model, with_new_physics
from cevns_jax.nuclei import NUCLIDES

G_F = mpmath.mpf("1.1663787e-11")  # [MeV^-2]
HBAR_C = mpmath.mpf("197.3269804")  # [MeV fm]
AREA = (HBAR_C * mpmath.mpf("1e-13")) ** 2  # [MeV^2 cm^2]
ALPHA, ELECTRON = mpmath.mpf("7.2973525643e-3"), mpmath.mpf("0.51099895069")
ANGLE = mpmath.mpf("0.23857")
VECTOR = standard_model(axial=False)


def added(*terms):
    return with_new_physics(VECTOR, *terms)


def helm(symbol, recoil):
    """3 j1(q R0)/(q R0) exp(-(q s)^2/2) with R0^2 = (5/3) R_rms^2 - 5 s^2 and s = 0.9 fm."""
    nuclide = NUCLIDES[symbol]
    q = mpmath.sqrt(2 * nuclide.mass * recoil) / HBAR_C
    skin = mpmath.mpf("0.9")
    x = q * mpmath.sqrt(mpmath.mpf(5) / 3 * nuclide.charge_radius**2 - 5 * skin**2)
    return 3 * (mpmath.sin(x) - x * mpmath.cos(x)) / x**3 * mpmath.exp(-((q * skin) ** 2) / 2)


def weak(symbol, energy, recoil, form, charge=0):
    """(G_F^2 M/pi) Q^2 (1 - T/E - M T/(2 E^2)), in cm^2/MeV; ``charge`` adds to Q/F."""
    n = NUCLIDES[symbol]
    q = ((mpmath.mpf(1) / 2 - 2 * ANGLE) * n.protons - mpmath.mpf(n.neutrons) / 2 + charge) * form
    shape = 1 - recoil / energy - n.mass * recoil / (2 * energy**2)
    return AREA * G_F**2 * n.mass / mpmath.pi * q**2 * shape


def highest(symbol, energy):
    return 2 * mpmath.mpf(energy) ** 2 / (NUCLIDES[symbol].mass + 2 * mpmath.mpf(energy))


def integral(function, low, high, pieces):
    """In ln T, which suits all that is here; mpmath stops at an absolute error."""
    unit = mpmath.mpf(10) ** 40
    ends = mpmath.linspace(mpmath.log(low), mpmath.log(high), pieces + 1)
    return float(mpmath.quad(lambda y: unit * function(mpmath.exp(y)) * mpmath.exp(y), ends) / unit)


def close(found, expected, rel=1e-10):
    np.testing.assert_allclose(float(found), expected, rtol=rel, atol=0)
