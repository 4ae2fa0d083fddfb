"""The kernel with a heavy final lepton against direct quadrature over neutrino energy and recoil.

The reference integrates the printed cross section (eq. 4 of De Romeri, LHEP 2023, 343) adaptively,
first over the recoil between the two roots of E_min(T; m4) = E, found numerically, then over the
neutrino energy. The kernel does neither.
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import cos, exp, expm1, log, pi, sin, sqrt

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from cevns_jax.interactions import DipolePortal, standard_model, with_new_physics
from cevns_jax.sources import PionDecayAtRest

HBAR_C = 197.3269804  # [MeV fm]
ALPHA = 7.2973525643e-3
ELECTRON = 0.51099895069  # [MeV]
MUON, PION = 105.6583755, 139.57039  # [MeV]
END, LINE = MUON / 2, (PION**2 - MUON**2) / (2 * PION)
MOMENT = 1e-3  # [mu_B]
VALUES = {"sin2_theta_w": 0.23857, "mu_dipole": MOMENT}
SOURCE = PionDecayAtRest(fluence=1e15)
STANDARD = standard_model()
PORTAL = with_new_physics(STANDARD, DipolePortal())
QUICK = {"xla_backend_optimization_level": 0}  # compiled in half the time, and run a few times


# ---------------------------------------------------------------------------------- the reference


def printed(recoil, energy, mass, m4):
    """The bracket of eq. 4 [1/MeV]."""
    return (
        1 / recoil
        - 1 / energy
        + m4**4 * (recoil - mass) / (8 * energy**2 * recoil**2 * mass**2)
        - m4**2 / (2 * energy * recoil * mass) * (1 - recoil / (2 * energy) + mass / (2 * energy))
    )


def lowest_energy(recoil, mass, m4):
    """Two-body kinematics with a final lepton of mass m4."""
    return (recoil + sqrt(recoil**2 + 2 * mass * recoil)) / 2 * (1 + m4**2 / (2 * mass * recoil))


def threshold(mass, m4):
    """s = (M + m4)^2."""
    return m4 + m4**2 / (2 * mass)


def window(energy, mass, m4):
    """Logarithms of the lowest and highest recoil, on both sides of the recoil at threshold."""
    top = log(m4**2 / (2 * (mass + m4)))

    def distance(x):
        return lowest_energy(exp(x), mass, m4) - energy

    ends = (top - 60, top), (top, log(energy))
    return [brentq(distance, *bracket, xtol=1e-14, rtol=1e-14) for bracket in ends]


def helm(mass, rms):
    """F(T)^2 with 3 j1(q R0)/(q R0) exp(-(q s)^2/2), R0^2 = (5/3) R_rms^2 - 5 s^2, s = 0.9 fm."""
    radius = sqrt(5 / 3 * rms**2 - 5 * 0.9**2)

    def squared(recoil):
        q = sqrt(2 * mass * recoil) / HBAR_C
        x = q * radius
        return (3 * (sin(x) - x * cos(x)) / x**3) ** 2 * exp(-((q * 0.9) ** 2))

    return squared


def piecewise(function, ends):
    """Adaptive integral to 1e-12 over each of the pieces, of which the largest are about one."""
    pieces = [(a, b) for a, b in pairwise(ends) if b > a]
    return sum(quad(function, a, b, epsabs=1e-15, epsrel=1e-12)[0] for a, b in pieces)


def over_recoil(energy, mass, m4, weight, cuts):
    """Integral of eq. 4 times a weight over T from one of the cuts to the next, in log T."""
    low, high = window(energy, mass, m4)
    ends = [min(max(log(cut), low), high) for cut in cuts]

    def events(x):
        return exp(x) * printed(exp(x), energy, mass, m4) * weight(exp(x))

    return piecewise(events, ends)


def over_energy(spectrum, rows, mass, m4, weight, cuts):
    """The same times a spectrum that is smooth between rows; sqrt(E - threshold) is the variable,
    as the window opens with it."""
    start = threshold(mass, m4)

    def events(u):
        energy = start + u**2
        return 2 * u * spectrum(energy) * over_recoil(energy, mass, m4, weight, cuts)

    ends = np.sqrt(np.maximum(np.asarray(rows) - start, 0.0))
    return piecewise(events, ends)


def pion_decay(mass, m4, weight, cuts):
    """Line and continua, normalised to one neutrino."""
    seen = (mass, m4, weight, cuts)
    return np.array(
        [
            over_recoil(LINE, *seen) if threshold(mass, m4) < LINE else 0.0,
            over_energy(lambda e: 64 / MUON * (e / MUON) ** 2 * (0.75 - e / MUON), (0, END), *seen),
            over_energy(lambda e: 192 / MUON * (e / MUON) ** 2 * (0.5 - e / MUON), (0, END), *seen),
        ]
    )


def prefactor(atoms_per_kg):
    """(pi alpha^2/m_e^2) (mu/mu_B)^2 on one kg and 1e15 neutrinos per cm^2, for a charge of one."""
    return 1e15 * atoms_per_kg * pi * (ALPHA / ELECTRON * HBAR_C * 1e-13) ** 2 * MOMENT**2


def accepted_at(recoil, scale):
    return -expm1(-((recoil / scale) ** 4))


def accepted(recoil, scale):
    """A response that opens smoothly: T^4 at low recoils, one far above ``scale``."""
    return -np.expm1(-((recoil / scale) ** 4))


def difference(counts, m4, room):
    """Derivative in m4 by Richardson from two central differences, whose steps are short against
    the distance to where something opens or closes."""
    step = 0.005 * room
    wide, narrow = ((counts(m4 + h) - counts(m4 - h)) / (2 * h) for h in (step, step / 2))
    return (4 * narrow - wide) / 3


def prediction(one, response):
    """Counts with a heavy lepton beyond those of the Standard Model, shape (F, B), and their
    derivative in m4, both as a function of m4."""
    known = one.counts(STANDARD, VALUES, response)

    @partial(jax.jit, compiler_options=QUICK)
    def both(m4):
        return jax.jvp(lambda m: one.counts(PORTAL, VALUES | {"m4": m}, response), (m4,), (1.0,))

    def counts_and_slope(m4):
        counts, slope = both(jnp.asarray(m4, dtype=float))
        return np.asarray(counts - known), np.asarray(slope)

    return counts_and_slope


def prediction_in_reverse(one, response):
    """The same of one flavour and bin, as numbers, by reverse differentiation."""
    known = one.counts(STANDARD, VALUES, response)

    @partial(jax.jit, compiler_options=QUICK)
    def both(m4):
        return jax.value_and_grad(
            lambda m: jnp.sum(one.counts(PORTAL, VALUES | {"m4": m}, response) - known)
        )(m4)

    return lambda m4: tuple(map(float, both(jnp.asarray(m4, dtype=float))))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Line:
    """A source of one's own: 1e15 muon neutrinos per cm^2 of one energy."""

    energy: float

    flavours = ("nu_mu",)
    parameters = ()
    bends = ()
    label = "a line"

    @property
    def edges(self):
        return LINE, END

    @property
    def end_points(self):
        return (self.energy,)

    def moments(self, e_min, values=None):
        above = (e_min <= self.energy) * 1e15
        return (above * self.energy ** -np.arange(3.0).reshape(3, *[1] * e_min.ndim))[None]
