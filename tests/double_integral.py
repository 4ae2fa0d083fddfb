"""Counts of CEvNS as double integrals, written here from the formulae; of the library they take
nuclides and the fluence alone."""

import numpy as np
from own_germanium import EDGES, SNS, K
from scipy.integrate import fixed_quad, quad_vec
from scipy.optimize import brentq
from scipy.special import ndtr

from cevns_jax.nuclei import NUCLIDES

HBAR_C = 197.3269804  # [MeV fm]
FERMI = 1.1663787e-11  # [MeV^-2]
MUON, PION = 105.6583755, 139.57039  # [MeV]
END, LINE = MUON / 2, (PION**2 - MUON**2) / (2 * PION)
ANGLE = 0.23857

GERMANIUM = ("Ge70", "Ge72", "Ge73", "Ge74", "Ge76")
SILICON = ("Si28", "Si29", "Si30")


def element(symbols):
    """Masses [MeV] and nuclei per kg times (hbar c)^2 (G_F^2 M/pi) Q^2 of natural isotopes.

    Q = ((1/2 - 2 s^2) Z - N/2) F(q), Helm with s = 0.9 fm at the charge radius.
    """
    rows = [NUCLIDES[symbol] for symbol in symbols]
    mass, share, atomic, radius, neutrons = (
        np.array([getattr(row, name) for row in rows])
        for name in ("mass", "abundance", "atomic_mass_u", "charge_radius", "neutrons")
    )
    per_kg = 6.02214076e26 * share / (share @ atomic)
    charge = (0.5 - 2 * ANGLE) * rows[0].protons - neutrons / 2

    def strength(recoil):
        q = np.sqrt(2 * mass * recoil) / HBAR_C
        x = q * np.sqrt(5 / 3 * radius**2 - 5 * 0.9**2)
        helm = 3 * (np.sin(x) - x * np.cos(x)) / x**3 * np.exp(-((q * 0.9) ** 2) / 2)
        return per_kg * (HBAR_C * 1e-13) ** 2 * FERMI**2 * mass / np.pi * (charge * helm) ** 2

    return mass, strength


def shape(mass, recoil, energy):
    """1 - T/E - M T/(2 E^2), zero where the recoil is too high for the energy."""
    return np.maximum(1 - recoil / energy - mass * recoil / (2 * energy**2), 0.0)


def highest(energy, mass):
    return 2 * energy**2 / (mass + 2 * energy)


def lowest_energy(mass, recoil):
    return (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2


def spallation_spectrum(mass, recoil):
    """Integral of the three spectra times ``shape`` over the energy, for unit fluence."""
    lowest = np.minimum(lowest_energy(mass, recoil), END)[:, None]

    def michel(share):
        energy = lowest + share * (END - lowest)
        x = energy / MUON
        both = 64 / MUON * x**2 * (0.75 - x) + 192 / MUON * x**2 * (0.5 - x)
        return both * shape(mass[:, None], recoil, energy) * (END - lowest)

    return fixed_quad(michel, 0, 1, n=20)[0] + shape(mass, recoil, LINE)


def double_integral(symbols, spectrum, ends, probability, bends, lowest=0.0):
    """Counts per kg and bin by adaptive quadrature over sqrt(T), fixed quadrature over E inside.

    Args:
        symbols: Isotopes.
        spectrum: (masses, recoil) -> integral over the neutrino energy.
        ends: Neutrino energies at which the spectrum bends [MeV].
        probability: Recoil [MeV] -> probability of each bin.
        bends: Recoils where that bends or jumps [MeV].
        lowest: Lowest recoil seen [MeV].
    """
    mass, strength = element(symbols)
    kinks = np.concatenate([highest(np.array(ends)[:, None], mass).ravel(), bends])
    top = highest(max(ends), mass).max()

    def integrand(root):
        recoil = root**2
        return 2 * root * (strength(recoil) @ spectrum(mass, recoil)) * probability(recoil)

    low, high = np.sqrt([lowest, top])
    return quad_vec(
        integrand, low, high, points=np.sqrt(kinks[kinks > lowest]), epsrel=1e-9, limit=3000
    )[0]


def lindhard_energy(recoil):
    """E_ee [keV] of T [MeV] in germanium."""
    e = 11.5 * 32 ** (-7 / 3) * 1e3 * recoil
    g = 3 * e**0.15 + 0.7 * e**0.6 + e
    return 1e3 * recoil * K * g / (1 + K * g)


def recoils_of(energies, quenched, top):
    """T [MeV] at which the quenched energy takes each value [keV] below that of the top."""
    seen = [e for e in energies if 0 < e < quenched(top)]
    return np.array([brentq(lambda t, e=e: quenched(t) - e, 1e-12, top, xtol=1e-17) for e in seen])


def counts_at_the_sns(sigma, quenched=lindhard_energy, near=()):
    """Counts of the 10 kg of germanium, x normal around E_ee with sigma(E_ee).

    Args:
        sigma: E_ee [keV] -> width [keV]; ``None``: perfect.
        quenched: T [MeV] -> E_ee [keV].
        near: More energies [keV] to split at.
    """

    def probability(recoil):
        energy = quenched(recoil)
        above = energy >= EDGES if sigma is None else ndtr((energy - EDGES) / sigma(energy))
        return -np.diff(above.astype(float))

    top = highest(END, min(NUCLIDES[symbol].mass for symbol in GERMANIUM))
    bends = recoils_of([*EDGES, *near], quenched, top)
    integral = double_integral(GERMANIUM, spallation_spectrum, [LINE, END], probability, bends)
    return 10 * SNS.fluence * integral
