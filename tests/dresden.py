"""Dresden-II: what is predicted of it, and an independent prediction."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq
from scipy.special import spherical_jn
from scipy.stats import truncnorm

import cevns_jax as cj
from cevns_jax.data.tables import DATA, read_table

NAME = "dresden_ii"
FOLDER = DATA / NAME
VECTOR = cj.interactions.standard_model(axial=False)
MODEL = cj.interactions.standard_model()
COMPONENTS = jax.jit(cj.Likelihood.components)
CHI2_AND_GRADIENT = jax.jit(jax.value_and_grad(cj.Likelihood.chi2, argnums=1))
EDGES = np.linspace(0.2, 1.5, 131)  # [keV]
QUENCHINGS = ("iron_filter", "photo_neutron", "lindhard", "modified_lindhard")


def numbers(values):
    """Values of one type, so that nothing compiles twice."""
    return {name: jnp.asarray(value, dtype=float) for name, value in values.items()}


def likelihood(experiment, *free, model=MODEL):
    return cj.Likelihood([experiment], model, free=free)


def predicted(experiment, model=VECTOR, **values):
    like = likelihood(experiment, model=model)
    parts = COMPONENTS(like, like.values() | numbers(values))
    return {name: np.asarray(counts) for name, counts in parts[NAME].items()}


# ---------------------------------------------------------------------- an independent prediction

G_F, HBAR_C, U, ELECTRON = 1.1663787e-11, 1.973269804e-11, 931.49410372, 0.51099895069
ISOTOPES = (  # N, atomic mass [u], abundance, charge radius [fm]
    (38, 69.9242485, 0.2052, 4.0414),
    (40, 71.92207582, 0.2745, 4.0576),
    (41, 72.92345895, 0.0776, 4.0632),
    (42, 73.921177761, 0.3652, 4.0742),
    (44, 75.921402725, 0.0775, 4.0811),
)
ABUNDANCE = np.array([row[2] for row in ISOTOPES])
MOLAR = np.dot(ABUNDANCE, [row[1] for row in ISOTOPES])
ATOMS = 2.924e3 / MOLAR * 6.02214076e23
FRACTIONS = {"u235": 0.58, "u238": 0.08, "pu239": 0.29, "pu241": 0.05}
PAIR = 2.96e-3  # [keV]
GAUSS = np.polynomial.legendre.leggauss(5)


def reactor(spectra="vogel_mueller"):
    """Energies [MeV] and antineutrinos per cm^2, day and MeV: linear, constant below the rows
    down to 0.1 keV (a millionth of the flux lies below)."""
    table = read_table(DATA / "reactor" / f"{spectra}.csv", ("energy_mev", *FRACTIONS))
    energy = np.append(1e-4, table["energy_mev"])
    total = np.zeros(len(energy))
    for isotope, share in FRACTIONS.items():
        spectrum = np.append(table[isotope][0], table[isotope])
        total += share * spectrum / np.sum(np.diff(energy) * (spectrum[1:] + spectrum[:-1]) / 2)
    return energy, 4.8e13 * 86400 * total


def gauss(pieces):
    """Nodes and weights on pieces, in one line."""
    low, high = pieces[:-1, None], pieces[1:, None]
    return (
        ((low + high) / 2 + (high - low) / 2 * GAUSS[0]).ravel(),
        ((high - low) / 2 * GAUSS[1]).ravel(),
    )


def integrated(recoil, mass, kinematics, flux):
    """Integral over the neutrino energy of flux times a function of it, from E_min(T)."""
    lowest = (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2
    if lowest >= flux[0][-1]:
        return 0.0
    energy, weight = gauss(np.append(lowest, flux[0][flux[0] > lowest]))
    return np.sum(weight * np.interp(energy, *flux) * kinematics(recoil, energy))


def smeared(energy):
    """Share of each bin at ionisation energies [keV], shape (n, 130): Gaussian above zero."""
    energy = np.asarray(energy)[:, None]
    sigma = np.sqrt(0.0685**2 + 0.11 * PAIR * energy)
    return np.diff(truncnorm.cdf(EDGES, -energy / sigma, np.inf, energy, sigma), axis=1)


def lindhard_energy(recoil, k=0.157, q=0.0):
    """E_ee [keV] of recoils [keV]: k g/(1 + k g) - q/eps."""
    eps = 11.5 * 32 ** (-7 / 3) * recoil
    g = 3 * eps**0.15 + 0.7 * eps**0.6 + eps
    return recoil * (k * g / (1 + k * g) - q / eps)


def ionisation(quenching):
    if quenching == "lindhard":
        return lindhard_energy
    if quenching == "modified_lindhard":
        return lambda t: lindhard_energy(t, q=-22.5e-5)
    table = read_table(FOLDER / "quenching.csv", ("recoil_kev", "iron_filter", "photo_neutron"))
    return lambda t: t * np.interp(t, table["recoil_kev"], table[quenching])


def independent(quenching, spectra="vogel_mueller", lowest=None, energy=None):
    """CEvNS per bin and day: isotopes with Helm form factors, tree couplings, no axial part."""
    energy = energy or ionisation(quenching)
    flux = reactor(spectra)
    if lowest is None:
        modified = quenching == "modified_lindhard"
        lowest = PAIR if modified else brentq(lambda t: energy(t) - PAIR, 1e-6, 1.0, xtol=1e-15)
    masses = [atomic * U - 32 * ELECTRON for _, atomic, _, _ in ISOTOPES]
    ends = [2e3 * flux[0][-1] ** 2 / (mass + 2 * flux[0][-1]) for mass in masses]  # [keV]
    steps = np.concatenate([np.geomspace(1e-4, 0.01, 9), np.arange(0.02, max(ends), 0.01), ends])
    recoil, weight = gauss(np.unique(np.append(lowest, steps[steps > lowest + 1e-6])))
    mean = np.dot(ABUNDANCE, [row[3] for row in ISOTOPES]) / ABUNDANCE.sum()
    rate = np.zeros(len(recoil))
    for mass, (neutrons, _, abundance, radius) in zip(masses, ISOTOPES, strict=True):
        q = np.sqrt(2 * mass * recoil * 1e-3) / 197.3269804

        def helm(rms, q=q):
            x = q * np.sqrt(5 / 3 * rms**2 - 5 * 0.9**2)
            return 3 * spherical_jn(1, x) / x * np.exp(-((0.9 * q) ** 2) / 2)

        charge = 32 * (0.5 - 2 * 0.23857) * helm(radius) - neutrons / 2 * helm(mean)
        strength = HBAR_C**2 * G_F**2 * mass / np.pi * charge**2 * ATOMS * abundance
        rate += strength * [
            integrated(t, mass, lambda t, e, m=mass: 1 - t / e - m * t / (2 * e**2), flux)
            for t in recoil * 1e-3
        ]
    return (weight * 1e-3 * rate) @ smeared(energy(recoil))
