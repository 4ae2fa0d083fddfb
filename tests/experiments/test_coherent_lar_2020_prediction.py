"""Liquid argon (2020): energies and arrival times against an independent prediction."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from argon import ARRIVALS, ENERGY, FOLDER, NAME, energies, predicted, released
from scipy.integrate import quad, quad_vec
from scipy.special import ndtr, spherical_jn

import cevns_jax as cj
from cevns_jax.data.tables import read_table
from cevns_jax.prediction.nuisances import Nuisance

MUON = 105.6583755  # [MeV]
LINE = (139.57039**2 - MUON**2) / (2 * 139.57039)
HBAR_C = 1.973269804e-11  # [MeV cm]
G_F = 1.1663787e-11  # [MeV^-2]
ELECTRON = 0.51099895069  # [MeV]
ISOTOPES = (
    (22, 39.9623831220, 0.996035),  # N, atomic mass [u], abundance
    (20, 37.9627321000, 0.0006289),
    (18, 35.9675451060, 0.0033361),
)


def michel(flavour, energy):
    """Energy distribution of the delayed neutrinos [1/MeV]."""
    x = energy / MUON
    return (
        64 / MUON * x**2 * (0.75 - x) if flavour == "nu_mu_bar" else 192 / MUON * x**2 * (0.5 - x)
    )


def cross_section(recoil, neutrons, mass, energies):
    """dsigma/dT [cm^2/MeV] at neutrino energies: Helm with rms radii, tree level."""
    q = np.sqrt(2 * mass * recoil) / 197.3269804  # [1/fm]

    def helm(rms):
        x = q * np.sqrt(5 / 3 * rms**2 - 5 * 0.9**2)
        return 3 * spherical_jn(1, x) / x * np.exp(-((0.9 * q) ** 2) / 2)

    charge = 18 * (0.5 - 2 * 0.23857) * helm(3.448) - neutrons / 2 * helm(3.55)
    kinematics = 1 - recoil / energies - mass * recoil / (2 * energies**2)
    return HBAR_C**2 * G_F**2 * mass / np.pi * charge**2 * kinematics


def reconstruction():
    """Nodes x [keVee] and weights, shape (12, nodes): the efficiency integrated over each bin."""
    table = read_table(FOLDER / "efficiency.csv", ("energy_kevee", "efficiency"))
    rows = table["energy_kevee"]
    assert len(rows) == 80
    assert table["efficiency"][0] == 0.0
    pieces = np.union1d(np.arange(0, 130, 10.0), np.concatenate([rows, np.arange(41, 120)]))
    z, w = np.polynomial.legendre.leggauss(16)
    nodes, weights = [], []
    for low, high in pairwise(pieces):
        x = (low + high) / 2 + (high - low) / 2 * z
        row = np.zeros((12, len(x)))
        row[int(low // 10)] = (
            w * (high - low) / 2 * np.interp(x, rows, table["efficiency"])
        )  # flat outside
        nodes.append(x)
        weights.append(row)
    return np.concatenate(nodes), np.concatenate(weights, axis=1)


@cache
def recoil_rate(recoil, neutrons, mass):
    """Recoils per MeV and nucleus for one neutrino of each flavour per cm^2."""
    lowest = (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2
    rate = cross_section(recoil, neutrons, mass, LINE) if lowest < LINE else 0.0
    for flavour in ("nu_mu_bar", "nu_e"):
        rate += quad(
            lambda e: michel(flavour, e) * cross_section(recoil, neutrons, mass, e),  # noqa: B023
            lowest,
            MUON / 2,
            epsrel=1e-10,
        )[0]
    return rate


def independent_spectrum(a=0.246, b=0.78):
    """CEvNS per energy bin: adaptive over neutrino and recoil energy, E_ee = a T + b T^2."""
    x, weights = reconstruction()
    fluence = 0.09 * 1.38e23 / (4 * np.pi * 2750.0**2)
    abundances = sum(share for _, _, share in ISOTOPES)
    molar = sum(share * atomic for _, atomic, share in ISOTOPES) / abundances
    total = np.zeros(12)
    for neutrons, atomic, share in ISOTOPES:
        mass = atomic * 931.49410372 - 18 * ELECTRON
        atoms = 24.4e3 / molar * 6.02214076e23 * share / abundances

        def seen(recoil, neutrons=neutrons, mass=mass):
            energy = 1e3 * recoil * (a + b * recoil)
            sigma = 0.58 * np.sqrt(energy)
            density = np.exp(-(((x - energy) / sigma) ** 2) / 2) / np.sqrt(2 * np.pi) / sigma
            return recoil_rate(recoil, neutrons, mass) * (weights @ density)

        line, highest = (2 * e**2 / (mass + 2 * e) for e in (LINE, MUON / 2))
        integral, _ = quad_vec(seen, 0.0, highest, epsrel=1e-8, points=[2e-3, 8e-3, line])
        total += fluence * atoms * integral
    return total


def test_energy_spectrum_is_an_independent_double_integral(lar_energy):
    """Isotopes, Helm, Michel spectra, quenching, smearing, efficiency: 1e-6 of each bin."""
    expected = independent_spectrum()
    energy = energies(lar_energy)
    np.testing.assert_allclose(energy[:6], expected[:6], rtol=1e-6)
    np.testing.assert_allclose(energy, expected, rtol=0, atol=1e-7 * expected.max())


def test_quenching_pulls_move_the_coefficients_by_their_errors(lar_split):
    """0.246 +- 0.006 and 0.00078 +- 0.00009 per keV (release); up to 60 keVee 1e-6 of each bin."""
    quenching = [n for n in lar_split.nuisances if n.name.startswith("quenching")]
    movable = cj.experiments.coherent_lar_2020_energy(nuisances=quenching)
    for pulls, moved in (({"a": -1.0}, (0.240, 0.78)), ({"a": 0.5, "b": 1.0}, (0.249, 0.87))):
        values = {f"{ENERGY}_quenching_{which}": pull for which, pull in pulls.items()}
        energy = energies(movable, **values)
        np.testing.assert_allclose(energy[:6], independent_spectrum(*moved)[:6], rtol=1e-6)


PION_LIFETIME, MUON_LIFETIME = 0.026033, 2.1969811  # [us], PDG


def after_pion(time):
    """Probability that a pion of the pulse (0.44 us, 0.15 us) has decayed by a time."""
    return quad(
        lambda s: np.exp(-s) * ndtr((time - PION_LIFETIME * s - 0.44) / 0.15),
        0,
        40,
        epsabs=1e-12,
        epsrel=1e-11,
        limit=200,
    )[0]


def after_muon(time):
    """The same for the muon from its decay."""
    first = time - (0.44 - 9 * 0.15)  # nothing happens before the pulse
    return quad(
        lambda s: np.exp(-s / MUON_LIFETIME) / MUON_LIFETIME * after_pion(time - s),
        0,
        first,
        epsabs=1e-11,
        epsrel=1e-10,
        limit=200,
        points=[max(time - 0.44 + d, 1e-3) for d in (-0.3, 0.0, 0.3)],
    )[0]


@pytest.fixture(scope="module")
def arrival_fractions():
    """nu_mu, nu_mu_bar and nu_e in each time bin by numerical convolution, shape (3, 10)."""
    edges = np.linspace(-0.1, 4.9, 11)
    prompt, delayed = (np.diff([f(t) for t in edges]) for f in (after_pion, after_muon))
    return np.stack([prompt, delayed, delayed])


def timing(experiment):
    return np.asarray(experiment.parts["cevns"].energy_time.timing({}))


def test_arrival_times_are_the_pulse_folded_with_pion_and_muon_decay(lar, arrival_fractions):
    assert lar.parts["cevns"].energy_time.kernel.source.flavours == ("nu_mu", "nu_mu_bar", "nu_e")
    lossy = cj.experiments.coherent_lar_2020(arrivals="all")
    np.testing.assert_allclose(timing(lossy), arrival_fractions, atol=1e-8)
    np.testing.assert_allclose(timing(lar), 1.11618 * arrival_fractions, atol=1e-5)


RELEASED_TIMES = np.array([11.08, 39.79, 18.70, 14.85, 11.87, 9.49, 7.58, 6.03, 4.79, 3.82])


def test_released_arrival_times_are_a_sum_of_released_events():
    """README: time projection of the released prediction of 128 events."""
    np.testing.assert_allclose(released("cevns", 128.0).sum(axis=(0, 1)), RELEASED_TIMES, atol=6e-3)


def test_our_flavour_mix_gives_the_released_arrival_times(lar_nominal, lar):
    """Within 1.2 of 128 events a bin, nearly all of it in the first one: a proton pulse 10 ns
    later, of 200 ns that its mean is uncertain by, brings that to 0.3."""
    time = lar_nominal["cevns"].sum(axis=(0, 1))
    difference = np.abs(128 * time / time.sum() - RELEASED_TIMES)
    assert difference.max() < 1.2
    assert difference[1:].max() < 0.6
    later = [Nuisance(name="late", acts_on=("timing_ns",), width=10.0)]
    moved = cj.experiments.coherent_lar_2020(nuisances=later)
    time = predicted(moved, **{f"{NAME}_late": 1.0})["cevns"].sum(axis=(0, 1))
    assert np.abs(128 * time / time.sum() - RELEASED_TIMES).max() < 0.3


def test_choices_of_the_arrivals_lose_the_late_neutrinos_or_take_the_released_shape(
    lar_nominal, arrival_fractions
):
    """13 % of the delayed neutrinos come after 4.9 us, 10.4 % of the released events."""
    lossy = predicted(cj.experiments.coherent_lar_2020(arrivals="all"))["cevns"]
    shared = predicted(cj.experiments.coherent_lar_2020(arrivals="released"))["cevns"]
    energy = shared.sum(axis=(1, 2))
    np.testing.assert_allclose(
        shared.sum(axis=1), np.multiply.outer(energy, ARRIVALS["cevns"]), rtol=1e-7
    )
    assert lar_nominal["cevns"].sum() == pytest.approx(shared.sum(), rel=2e-3)
    kept = arrival_fractions[1].sum()
    assert kept == pytest.approx(0.87, abs=0.01)
    np.testing.assert_allclose(
        lossy / lossy.sum(), lar_nominal["cevns"] / lar_nominal["cevns"].sum()
    )
    assert lossy.sum() / shared.sum() == pytest.approx(1 - 0.104, abs=2e-3)
    # Above 40 keVee the line does not reach: there are delayed neutrinos only.
    late = lar_nominal["cevns"].sum(axis=1)[5]
    np.testing.assert_allclose(late / late.sum(), arrival_fractions[1] / kept, atol=1e-3)
