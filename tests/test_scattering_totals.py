"""Total cross sections against independent quadrature, closed forms and differences."""

import jax
import mpmath
import numpy as np
import pytest
from cross_section_reference import (
    ALPHA,
    AREA,
    ELECTRON,
    G_F,
    VECTOR,
    added,
    close,
    helm,
    highest,
    integral,
    weak,
)
from point_nuclei import Point

from cevns_jax.errors import ConfigError
from cevns_jax.interactions import (
    DipolePortal,
    MagneticMoment,
    light_pseudoscalar,
    light_scalar,
    light_tensor,
    light_vector,
)
from cevns_jax.nuclei import NUCLIDES
from cevns_jax.scattering import cross_section


@pytest.mark.parametrize("symbol", ["Na23", "Cs133"])
@pytest.mark.parametrize("energy", [0.5, 52.8, 1000.0])
def test_total_of_the_standard_model_is_its_integral(symbol, energy):
    """1e-10 also at 1 GeV, where the form factor has gone through many zeros."""
    with mpmath.workdps(30):
        high, e = highest(symbol, energy), mpmath.mpf(energy)
        expected = integral(
            lambda t: weak(symbol, e, t, helm(symbol, t)), high * mpmath.mpf("1e-14"), high, 40
        )
    close(cross_section(symbol, energy_mev=energy, interaction=VECTOR), expected)


def test_total_on_a_point_nucleus_is_the_closed_form():
    """C [T - T^2/(2E) - M T^2/(4 E^2)] at T_max, of Freedman's cross section."""
    energy = np.geomspace(0.01, 500.0, 12)
    found = cross_section("Ar40", energy_mev=energy, interaction=VECTOR, form_factor=Point())
    for e, sigma in zip(map(mpmath.mpf, energy), found, strict=True):
        t, mass = highest("Ar40", e), NUCLIDES["Ar40"].mass
        strength = weak("Ar40", e, 0, 1)
        close(sigma, float(strength * (t - t**2 / (2 * e) - mass * t**2 / (4 * e**2))), 1e-12)


def scalar_closed_form(energy, mass, coupling=1e-5):
    """(g^2 Q_S M)^2/(4 pi E^2) of the integral of T/(2 M T + m^2)^2, Q_S = 15.1 Z + 14 N."""
    n = NUCLIDES["Ar40"]
    charge = mpmath.mpf("15.1") * n.protons + 14 * n.neutrons
    strength = AREA * (mpmath.mpf(coupling) ** 2 * charge * n.mass) ** 2
    strength /= 4 * mpmath.pi * mpmath.mpf(energy) ** 2
    light = mpmath.mpf(mass) ** 2
    end = 2 * n.mass * highest("Ar40", energy) + light
    return strength / (4 * mpmath.mpf(n.mass) ** 2) * (mpmath.log(end / light) + light / end - 1)


@pytest.mark.parametrize("mass", [1e-9, 1e-4, 0.1, 3.0, 100.0, 1e3])
def test_total_with_a_light_scalar_is_the_closed_form_at_any_mass(mass):
    """Value, and derivatives in energy, mass and coupling, from 1e-9 MeV on."""
    model = added(light_scalar())

    def scalar(energy, values):
        both, alone = (
            cross_section(
                "Ar40",
                energy_mev=energy,
                interaction=model,
                values={**values, "g_scalar": g},
                form_factor=Point(),
            )
            for g in (values["g_scalar"], 0.0)
        )
        return 1e40 * (both - alone)

    values = {"g_scalar": 1e-2, "m_scalar": mass}
    slopes = jax.grad(scalar, argnums=(0, 1))(20.0, values)
    # What the Standard Model has in common cancels: it must not be the larger part by far.
    weight = float(scalar_closed_form(20.0, mass, 1e-2)) / float(
        cross_section("Ar40", energy_mev=20.0, form_factor=Point())
    )
    rel = 1e-10 * max(1.0, 1e-4 / weight)
    with mpmath.workdps(40):
        close(scalar(20.0, values), float(1e40 * scalar_closed_form(20.0, mass, 1e-2)), rel)
        by_energy = mpmath.diff(lambda e: 1e40 * scalar_closed_form(e, mass, 1e-2), 20.0)
        by_mass = mpmath.diff(
            lambda k: 1e40 * scalar_closed_form(20.0, mass * mpmath.exp(k), 1e-2), 0
        )
        by_coupling = mpmath.diff(lambda g: 1e40 * scalar_closed_form(20.0, mass, g), 1e-2)
    close(slopes[0], float(by_energy), 10 * rel)
    close(slopes[1]["m_scalar"], float(by_mass) / mass, 10 * rel)
    close(slopes[1]["g_scalar"], float(by_coupling), 10 * rel)


@pytest.mark.parametrize(("mass", "lowest"), [(1e-3, 0.0), (0.0, 0.05), (20.0, 0.3)])
def test_total_with_a_light_vector_is_its_integral(mass, lowest):
    """It interferes; a massless one is integrated from a lowest recoil on."""
    values = {"g_vector": 3e-5, "m_vector": mass}
    found = cross_section(
        "Ge74",
        energy_mev=12.0,
        interaction=added(light_vector()),
        values=values,
        recoil_min_kev=lowest,
    )
    n = NUCLIDES["Ge74"]

    def reference(t):
        propagator = 2 * n.mass * t + mpmath.mpf(mass) ** 2
        charge = 3 * mpmath.mpf(3e-5) ** 2 * n.mass_number / (mpmath.sqrt(2) * G_F * propagator)
        return weak("Ge74", mpmath.mpf(12), t, helm("Ge74", t), charge)

    with mpmath.workdps(30):
        high = highest("Ge74", 12)
        low = mpmath.mpf(lowest) * mpmath.mpf("1e-3") if lowest else high * mpmath.mpf("1e-20")
        expected = integral(reference, low, high, 40)
    close(found, expected)


def moment(symbol, moment, recoil):
    """K = (pi alpha^2/m_e^2) (mu/mu_B)^2 Z^2 F_p^2, in cm^2."""
    strength = AREA * mpmath.pi * (ALPHA / ELECTRON) ** 2
    return strength * (mpmath.mpf(moment) * NUCLIDES[symbol].protons * helm(symbol, recoil)) ** 2


def test_total_with_a_magnetic_moment_from_a_lowest_recoil_on():
    found = cross_section(
        "Ge74",
        energy_mev=4.0,
        interaction=added(MagneticMoment()),
        values={"mu_nu": 1e-9},
        recoil_min_kev=0.01,
    )
    with mpmath.workdps(30):
        e = mpmath.mpf(4)
        expected = integral(
            lambda t: (
                weak("Ge74", e, t, helm("Ge74", t)) + moment("Ge74", 1e-9, t) * (1 / t - 1 / e)
            ),
            mpmath.mpf("1e-5"),
            highest("Ge74", 4),
            20,
        )
    close(found, expected)


def portal(symbol, energy, heavy, size):
    """Eq. 4 of De Romeri, LHEP 2023, 343, between the exact ends of the recoils."""
    mass, e, m4 = (mpmath.mpf(x) for x in (NUCLIDES[symbol].mass, energy, heavy))
    root = mpmath.sqrt((2 * mass * e - m4**2) ** 2 - 4 * mass**2 * m4**2)
    high = (2 * mass * e**2 - m4**2 * (e + mass) + e * root) / (2 * mass * (mass + 2 * e))
    low = m4**4 / (4 * mass * (mass + 2 * e) * high)

    def spectrum(t):
        bracket = 1 - t / (2 * e) + mass / (2 * e)
        return moment(symbol, size, t) * (
            1 / t
            - 1 / e
            - m4**2 / (2 * e * t * mass) * bracket
            - m4**4 / (8 * mass * e**2 * t**2) * (1 - t / mass)
        )

    return integral(spectrum, low, high, 12)


@pytest.mark.parametrize("heavy", [1e-3, 5.0, 29.9])
def test_total_of_the_dipole_portal_and_its_slopes_in_energy_and_mass(heavy):
    """1e-10 up to just below the threshold at 30 MeV; both ends of the recoils move."""
    model = added(DipolePortal())

    def total(energy, m4):
        values = {"mu_dipole": 1e-7, "m4": m4}
        return 1e40 * cross_section("Cs133", energy_mev=energy, interaction=model, values=values)

    without = float(cross_section("Cs133", energy_mev=30.0, interaction=VECTOR))
    with mpmath.workdps(30):
        expected = portal("Cs133", 30.0, heavy, 1e-7)
        close(total(30.0, heavy), 1e40 * (without + expected), 1e-10)
        step = 1e-3 * min(heavy, 30.0 - heavy)
        by_mass = (
            8
            * (portal("Cs133", 30.0, heavy + step, 1e-7) - portal("Cs133", 30, heavy - step, 1e-7))
            - portal("Cs133", 30.0, heavy + 2 * step, 1e-7)
            + portal("Cs133", 30.0, heavy - 2 * step, 1e-7)
        ) / (12 * step)
    slopes = jax.grad(total, argnums=(0, 1))(30.0, heavy)
    close(slopes[1], 1e40 * by_mass, 1e-6)
    numbers = [float(total(30.0 + k * step, heavy)) for k in (-2, -1, 1, 2)]
    close(slopes[0], (numbers[0] - 8 * numbers[1] + 8 * numbers[2] - numbers[3]) / 12 / step, 1e-5)


def test_no_heavy_lepton_below_its_threshold():
    model, values = added(DipolePortal()), {"mu_dipole": 1e-7, "m4": 10.0}
    energy = np.array([5.0, 10.0, 10.01])
    with_it = cross_section("Ar40", energy_mev=energy, interaction=model, values=values)
    without = cross_section("Ar40", energy_mev=energy, interaction=VECTOR)
    np.testing.assert_array_equal(np.asarray(with_it > without), [False, False, True])
    slope = jax.grad(
        lambda m4: cross_section(
            "Ar40", energy_mev=5.0, interaction=model, values={**values, "m4": m4}
        )
    )(10.0)
    assert slope == 0


@pytest.mark.parametrize(
    ("term", "values"),
    [
        (MagneticMoment(), {"mu_nu": 1e-16}),
        (light_scalar(), {"g_scalar": 1e-6, "m_scalar": 0.0}),
        (light_vector(), {"g_vector": 1e-6, "m_vector": 0.0}),
        (light_tensor(), {"g_tensor": 1e-6, "m_tensor": 0.0}),
        (DipolePortal(), {"mu_dipole": 1e-10, "m4": 0.0}),
    ],
)
def test_a_total_without_end_is_refused_and_has_one_above_a_lowest_recoil(term, values):
    """However small the coupling; traced, where nothing can be refused, it is infinite."""
    model = added(term)

    def total(values, **lowest):
        return cross_section("Ge", energy_mev=4.0, interaction=model, values=values, **lowest)

    with pytest.raises(ConfigError, match=r"diverges towards T = 0.*give recoil_min_kev"):
        total(values)
    assert np.isfinite(total(values, recoil_min_kev=0.1))
    assert np.isinf(jax.jit(total)(values))
    assert np.isfinite(total(dict.fromkeys(values, 0.0)))  # no coupling, no divergence


def test_a_massless_pseudoscalar_has_a_total():
    """T^2/(2 M T)^2 is a constant: M/(8 pi E^2) g^4 S T_max/(4 M^2) on a nucleus with spin."""
    model = added(light_pseudoscalar())
    values = {"g_pseudoscalar": 0.05, "m_pseudoscalar": 0.0}
    with_it, without = (
        cross_section("Cs133", energy_mev=30.0, interaction=model, values=v)
        for v in (values, {**values, "g_pseudoscalar": 0.0})
    )
    n = NUCLIDES["Cs133"]
    spins = 4 / 3 * (n.spin + 1) / n.spin * (n.spin_protons + n.spin_neutrons) ** 2
    expected = AREA * mpmath.mpf(0.05) ** 4 * spins * highest("Cs133", 30.0) / (4 * n.mass)
    expected /= 8 * mpmath.pi * 30**2
    close(with_it - without, float(expected), 1e-8)
