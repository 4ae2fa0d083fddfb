"""The kernel against direct quadrature over neutrino energy and recoil, for every nuclide.

The reference is written here from the published formulae: cross section, Helm form factor and
spectra, integrated over the neutrino energy, which the kernel never does.
"""

import tomllib
from itertools import pairwise

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from cevns_jax.data.tables import DATA
from cevns_jax.detectors.efficiency import LogisticEfficiency
from cevns_jax.detectors.scintillation import GammaBins
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import standard_model
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.recoil import differential_rate, kernel, maximum_recoil, minimum_energy
from cevns_jax.sources import PionDecayAtRest

HBAR_C = 197.3269804  # [MeV fm]
FERMI = 1.1663787e-11  # [MeV^-2]
MUON, PION = 105.6583755, 139.57039  # [MeV]
END, LINE = MUON / 2, (PION**2 - MUON**2) / (2 * PION)
ANGLE = 0.23857
SM = {"sin2_theta_w": ANGLE}
VECTOR = standard_model(axial=False)
SOURCE = PionDecayAtRest(fluence=1e15)
MEASURED = tomllib.loads(
    (DATA / "coherent_csi_2021" / "measurement.toml").read_text(encoding="utf-8")
)
EFFICIENCY = LogisticEfficiency(coefficients=np.array(MEASURED["energy_efficiency"]["nominal"]))
BINS = GammaBins(
    edges=np.array([0.0, 8, 12, 16, 20, 24, 32, 40, 50, 60]),
    inverse_yield=MEASURED["photoelectrons"]["inverse_yield_kev"],
    spread=MEASURED["photoelectrons"]["spread_per_kev"],
)


def single(symbol):
    """A target of one nuclide whose neutrons reach 0.15 fm farther out than its protons."""
    radius = NUCLIDES[symbol].charge_radius
    return target(
        {symbol: 1.0},
        form_factor=Helm(),
        proton_radius_fm={symbol: radius},
        neutron_radius_fm={symbol: radius + 0.15},
    )


def helm(momentum, rms, lib=np):
    """3 j1(q R0)/(q R0) exp(-(q s)^2/2), R0^2 = (5/3) R_rms^2 - 5 s^2, s = 0.9 fm."""
    q = momentum / HBAR_C
    x = q * np.sqrt(5 / 3 * rms**2 - 5 * 0.9**2)
    return 3 * (lib.sin(x) - x * lib.cos(x)) / x**3 * lib.exp(-((q * 0.9) ** 2) / 2)


def strength(symbol, recoil, lib=np):
    """Nuclei per kg times (hbar c)^2 (G_F^2 M/pi) Q^2, Q = (1/2 - 2 s^2) Z F_p - N F_n/2."""
    nuclide = NUCLIDES[symbol]
    q = lib.sqrt(2 * nuclide.mass * recoil)
    charge = (0.5 - 2 * ANGLE) * nuclide.protons * helm(q, nuclide.charge_radius, lib)
    charge = charge - nuclide.neutrons / 2 * helm(q, nuclide.charge_radius + 0.15, lib)
    per_kg = 6.02214076e26 / nuclide.atomic_mass_u
    return per_kg * (HBAR_C * 1e-13) ** 2 * FERMI**2 * nuclide.mass / np.pi * charge**2


def shape(mass, recoil, energy):
    """1 - T/E - M T/(2 E^2)."""
    return 1 - recoil / energy - mass * recoil / (2 * energy**2)


def spectra(energy):
    """nu_mu_bar and nu_e, normalised to one neutrino."""
    x = energy / MUON
    return [64 / MUON * x**2 * (0.75 - x), 192 / MUON * x**2 * (0.5 - x)]


@pytest.mark.parametrize("symbol", NUCLIDES)
def test_recoil_spectrum_is_the_integral_over_neutrino_energy(symbol):
    """1e-9 relative up to (1 - 2e-6) T_max, 1e-12 of the maximum beyond; the line in closed form.

    At (1 - 1e-6) T_max the rounding of T and of the moments alone moves the rate, which has lost
    twenty powers of ten there, by up to 1.3e-9: 2e-9 is asked for.

    The reference integrates in 30 digits: E_min and the distance to the end point are exact there.
    """
    mass = NUCLIDES[symbol].mass
    last, line_end = 2 * END**2 / (mass + 2 * END), 2 * LINE**2 / (mass + 2 * LINE)
    inside = last * np.array(
        [1e-4, 0.01, 0.1, 0.3, 0.6, 0.9, 0.99, 0.999, 1 - 1e-5, 1 - 2e-6, 1 - 1e-6]
    )
    around = line_end * np.array([1 - 1e-9, 1 + 1e-9])
    beyond = last * np.array([1 - 1e-7, 1 - 1e-9, 1 + 1e-9, 1.5])
    recoil = np.concatenate([inside, around, beyond])
    found = np.asarray(differential_rate(recoil, SOURCE, single(symbol), VECTOR, SM))[:, 0]

    weight = np.array([float(strength(symbol, mpmath.mpf(t), mpmath)) for t in recoil]) * 1e15
    line = np.where(recoil < line_end, weight * shape(mass, recoil, LINE), 0.0)
    reference = np.stack([line, 0 * line, 0 * line])
    with mpmath.workdps(30):
        for column, t in enumerate(map(mpmath.mpf, recoil)):
            lowest = (t + mpmath.sqrt(t**2 + 2 * mpmath.mpf(mass) * t)) / 2
            for row in (0, 1) if lowest < END else ():
                integral = mpmath.quad(
                    lambda e, row=row, t=t: spectra(e)[row] * shape(mpmath.mpf(mass), t, e),
                    [lowest, mpmath.mpf(END)],
                    maxdegree=5,
                )
                reference[row + 1, column] = weight[column] * float(integral)

    near = slice(0, len(inside) + len(around))
    # The line's own factor vanishes at its edge: there rounding is relative to its maximum.
    np.testing.assert_allclose(found[0], reference[0], rtol=1e-9, atol=1e-13 * reference[0].max())
    relative = np.abs(found[1:, near] / reference[1:, near] - 1)
    assert (relative <= np.where(recoil[near] == inside[-1], 2e-9, 1e-9)).all()
    far = slice(near.stop, None)
    np.testing.assert_allclose(found[:, far], reference[:, far], atol=1e-12 * found.max(), rtol=0)
    assert (found[:, -2:] == 0).all()


def response_at(recoil):
    """Probability of each photo-electron bin for recoils [MeV], released CsI numbers."""
    quenched = np.polyval([*MEASURED["quenching"]["nominal"][::-1], 0.0], recoil) * 1e3
    return BINS.probabilities(quenched, [EFFICIENCY])[0]


def gauss(low, high, panels, nodes=24):
    x, w = np.polynomial.legendre.leggauss(nodes)
    edges = np.linspace(low, high, panels + 1)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


def counts_by_quadrature(symbol, panels):
    """Counts per bin by flavour: E outside, T = T_max(E) u^2 inside, composite Gauss-Legendre."""
    mass = NUCLIDES[symbol].mass
    energy, energy_weight = gauss(0.0, END, panels)
    u, u_weight = gauss(0.0, 1.0, panels)
    energy = np.append(energy, LINE)[:, None]
    top = 2 * energy**2 / (mass + 2 * energy)
    recoil = top * u**2
    events = strength(symbol, recoil) * shape(mass, recoil, energy) * 2 * u * top * u_weight
    response = response_at(recoil.ravel()).reshape(*recoil.shape, -1)
    by_energy = 1e15 * np.einsum("eu,eub->eb", events, response)
    michel = [(f * energy_weight) @ by_energy[:-1] for f in spectra(energy[:-1, 0])]
    return np.stack([by_energy[-1], *michel])


def counts_by_kernel(symbol, **options):
    one = kernel(SOURCE, single(symbol), mass_kg=1.0, **options)
    response = response_at(one.recoil.ravel()).reshape(*one.recoil.shape, -1)
    return np.asarray(one.counts(VECTOR, SM, response))


@pytest.mark.parametrize("symbol", NUCLIDES)
def test_counts_per_bin_are_the_two_dimensional_integral(symbol):
    """1e-9 of the largest bin of each flavour, for the default number of nodes.

    The response is that of CsI for all: on light nuclides, whose recoils reach 0.3 MeV, it is a
    narrow feature at the lower end of the spectrum, a hard case for the recoil nodes.
    """
    light = NUCLIDES[symbol].mass_number < 60
    coarse, reference = (counts_by_quadrature(symbol, p) for p in ((4, 5) if light else (2, 3)))
    largest = reference.max(axis=1, keepdims=True)
    assert (abs(coarse - reference) <= 1e-10 * largest).all()  # the reference has converged
    assert (abs(counts_by_kernel(symbol) - reference) <= 1e-9 * largest).all()


@pytest.mark.parametrize("symbol", NUCLIDES)
def test_twice_the_nodes_change_nothing(symbol):
    once, twice = counts_by_kernel(symbol), counts_by_kernel(symbol, nodes=64)
    assert (abs(once - twice) <= 1e-9 * twice.max(axis=1, keepdims=True)).all()


def test_all_recoils_of_the_kernel_are_the_total_cross_section():
    """No response: the kernel conserves the integral of dR/dT, here on 3 x 64 other nodes."""
    caesium = single("Cs133")
    one = kernel(SOURCE, caesium, mass_kg=2.0)
    found = np.asarray(one.counts(VECTOR, SM, np.ones((*one.recoil.shape, 1))))[:, 0]
    ends = [0.0, *(float(maximum_recoil(e, caesium.mass)[0]) for e in (LINE, END))]
    total = np.zeros(3)
    for low, high in pairwise(ends):
        t, w = gauss(low, high, 3, nodes=64)
        total += np.asarray(differential_rate(t, SOURCE, caesium, VECTOR, SM))[:, 0] @ w
    np.testing.assert_allclose(found, 2.0 * total, rtol=1e-9)


@pytest.mark.parametrize(
    ("radii", "own"),
    [
        ({"neutron_radius_fm": {"Cs133": 5.01, "I127": 4.94}}, 183.0),
        ({"proton_radius_fm": "lewin_smith", "neutron_radius_fm": "lewin_smith"}, 188.3),
    ],
)
def test_flux_averaged_cross_section_of_caesium_iodide(radii, own):
    """Published prediction: 189 +- 6, in 1e-40 cm^2 (mean over flavours, and over Cs and I).

    ``own``: values of the project for these radii to their last printed digit, which belong to
    the radiative couplings of arXiv:2008.05022. Tree couplings are 0.5 % lower.
    """
    given = {"proton_radius_fm": {"Cs133": 4.804, "I127": 4.749}} | radii
    csi = target("CsI", form_factor=Helm(), **given)
    one = kernel(SOURCE, csi, mass_kg=1.0)
    everything = np.ones((*one.recoil.shape, 1))
    radiative, tree = (
        float(one.counts(standard_model(couplings=name), SM, everything).mean())
        / (SOURCE.fluence * csi.nuclei_per_kg.sum())
        * 1e40
        for name in ("radiative_2020", "tree")
    )
    assert radiative == pytest.approx(189.0, abs=6.0)
    assert radiative == pytest.approx(own, abs=0.05)
    assert tree == pytest.approx(own, rel=0.006)


def test_a_mixture_is_the_sum_of_its_isotopes_by_their_shares():
    """Germanium: each isotope as a target of its own, by its share of the mass of a kilogram."""
    recoil = np.array([1e-4, 2e-3, 8e-3])
    germanium = [row for row in NUCLIDES.values() if row.element == "Ge"]
    masses = np.array([row.abundance * row.atomic_mass_u for row in germanium])
    alone = [
        differential_rate(recoil, SOURCE, target({row.symbol: 1.0}, form_factor=Helm()), VECTOR, SM)
        for row in germanium
    ]
    expected = np.concatenate(alone, axis=1) * (masses / masses.sum())[:, None]
    mixed = differential_rate(recoil, SOURCE, target("Ge", form_factor=Helm()), VECTOR, SM)
    np.testing.assert_allclose(mixed, expected, rtol=1e-12)


@pytest.mark.parametrize("energy", [1.0, LINE, END])
def test_kinematic_limits_are_inverse_to_each_other(energy):
    masses = np.array([nuclide.mass for nuclide in NUCLIDES.values()])
    np.testing.assert_allclose(
        minimum_energy(maximum_recoil(energy, masses), masses), energy, rtol=1e-13
    )
    # Backward scattering: momentum and energy are conserved.
    recoil = maximum_recoil(energy, masses)
    momentum = np.sqrt(recoil**2 + 2 * masses * recoil)
    np.testing.assert_allclose(momentum, 2 * energy - recoil, rtol=1e-13)


def test_flavours_scatter_independently_and_mass_scales_the_counts():
    light, heavy = (kernel(SOURCE, single("Ar40"), mass_kg=m) for m in (1.0, 24.4))
    everything = np.ones((*light.recoil.shape, 1))
    one, many = (np.asarray(k.counts(VECTOR, SM, everything)) for k in (light, heavy))
    np.testing.assert_allclose(many, 24.4 * one, rtol=1e-13)
    assert (one > 0).all()
    assert jnp.argmax(one[:, 0]) == 1  # nu_mu_bar is the hardest flavour
