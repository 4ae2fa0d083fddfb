"""Neutrino-electron scattering: the printed cross section, its limits, and bound electrons."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

import cevns_jax as cj
from cevns_jax.electrons import electrons
from cevns_jax.errors import ConfigError
from cevns_jax.recoil import maximum_recoil, minimum_energy

G_F = 1.1663787e-11  # [MeV^-2]
HBAR_C = 1.973269804e-11  # [MeV cm]
ELECTRON = 0.51099895069  # [MeV]
MODEL = cj.interactions.standard_model()
FLAVOURS = ("nu_e", "nu_mu", "nu_e_bar", "nu_mu_bar")


def coefficients(recoil, flavour, angle=0.23857):
    a_k = MODEL.electron_coefficients(jnp.asarray(recoil), flavour, {"sin2_theta_w": angle})
    return np.stack([np.broadcast_to(a, np.shape(recoil)) for a in a_k])


def cross_section(recoil, energy, flavour, angle=0.23857):
    """dsigma/dT [cm^2/MeV] out of the three coefficients."""
    return HBAR_C**2 * coefficients(recoil, flavour, angle) @ energy ** -np.arange(3.0)


def printed(recoil, energy, flavour, angle):
    """G_F^2 m/(2 pi) [(g_V + g_A)^2 + (g_V - g_A)^2 (1 - T/E)^2 - (g_V^2 - g_A^2) m T/E^2];
    nu_e: g_V = 2 s^2 + 1/2, g_A = 1/2, others 2 s^2 - 1/2, -1/2, antineutrinos -g_A."""
    electron = flavour.startswith("nu_e")
    vector, axial = 2 * angle + (0.5 if electron else -0.5), 0.5 if electron else -0.5
    if flavour.endswith("bar"):
        axial = -axial
    bracket = (
        (vector + axial) ** 2
        + (vector - axial) ** 2 * (1 - recoil / energy) ** 2
        - (vector**2 - axial**2) * ELECTRON * recoil / energy**2
    )
    return HBAR_C**2 * G_F**2 * ELECTRON / (2 * np.pi) * bracket


@given(
    flavour=st.sampled_from(FLAVOURS),
    energy=st.floats(0.01, 100.0),
    share=st.floats(1e-6, 1.0),
    angle=st.floats(0.0, 0.5),
)
def test_cross_section_is_the_printed_one_and_never_negative(flavour, energy, share, angle):
    recoil = share * float(maximum_recoil(energy, ELECTRON))
    found = cross_section(recoil, energy, flavour, angle)
    scale = HBAR_C**2 * G_F**2 * ELECTRON
    assert found == pytest.approx(
        printed(recoil, energy, flavour, angle), rel=1e-9, abs=1e-12 * scale
    )
    assert found >= -1e-12 * scale


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_coefficients_keep_the_shape_of_the_recoils(flavour):
    recoil = np.linspace(1e-4, 2.0, 6).reshape(2, 3)
    found = coefficients(recoil, flavour)
    assert found.shape == (3, 2, 3)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(
            found[(slice(None), *place)], coefficients(recoil[place], flavour), rtol=1e-15
        )


def total(energy, flavour, angle):
    highest = float(maximum_recoil(energy, ELECTRON))
    return quad(lambda t: cross_section(t, energy, flavour, angle), 0.0, highest, epsabs=0)[0]


@pytest.mark.parametrize(
    ("flavour", "left", "right"),
    [
        ("nu_e", 0.5 + 0.2312, 0.2312),
        ("nu_mu", -0.5 + 0.2312, 0.2312),
        ("nu_e_bar", 0.2312, 0.5 + 0.2312),
        ("nu_mu_bar", 0.2312, -0.5 + 0.2312),
    ],
)
def test_total_cross_section_rises_with_the_energy(flavour, left, right):
    """(2 G_F^2 m E/pi) (g_1^2 + g_2^2/3) at E >> m, 2 G_F^2 m^2/pi = 88.06e-46 cm^2 (C. Giunti
    and C. W. Kim, Fundamentals of Neutrino Physics, section 5.1)."""
    energy = 1e4
    expected = 88.06e-46 * energy / ELECTRON * (left**2 + right**2 / 3)
    assert total(energy, flavour, 0.2312) == pytest.approx(expected, rel=3e-4)


def test_neutrinos_scatter_more_often_than_antineutrinos():
    """At high energy and s^2 = 0.2312 2.4 times as often with electron flavour; and nu_e 6.1
    times as often as nu_mu."""
    sigma = {flavour: total(1e4, flavour, 0.2312) for flavour in FLAVOURS}
    s = 0.2312
    plus, minus = 0.5 + s, 0.5 - s
    assert sigma["nu_e"] / sigma["nu_e_bar"] == pytest.approx(
        (3 * plus**2 + s**2) / (plus**2 + 3 * s**2), rel=1e-3
    )
    assert sigma["nu_e"] / sigma["nu_e_bar"] == pytest.approx(2.4, abs=0.05)
    assert sigma["nu_mu"] / sigma["nu_mu_bar"] == pytest.approx(
        (3 * minus**2 + s**2) / (minus**2 + 3 * s**2), rel=1e-3
    )
    assert sigma["nu_e"] / sigma["nu_mu"] == pytest.approx(6.1, abs=0.1)


def test_muon_and_tau_neutrinos_are_alike():
    recoil = np.geomspace(1e-4, 1.0, 5)
    for bar in ("", "_bar"):
        np.testing.assert_array_equal(
            coefficients(recoil, f"nu_mu{bar}"), coefficients(recoil, f"nu_tau{bar}")
        )


def test_derivative_in_the_angle_agrees_with_finite_differences():
    recoil = jnp.array([1e-3, 0.3])
    slope = jax.jacfwd(
        lambda s: MODEL.electron_coefficients(recoil, "nu_e_bar", {"sin2_theta_w": s})
    )(0.23)
    difference = coefficients(recoil, "nu_e_bar", 0.23 + 1e-4) - coefficients(
        recoil, "nu_e_bar", 0.23 - 1e-4
    )
    np.testing.assert_allclose(slope, difference / 2e-4, rtol=1e-8)


SHELLS = (  # [keV], electrons of germanium that a recoil above it can free
    *((0.0, 4), (0.0298, 14), (0.1208, 18), (0.1249, 20), (0.1801, 22)),
    *((1.217, 26), (1.248, 28), (1.4146, 30), (11.11, 32)),
)


def test_bound_electrons_are_freed_one_shell_after_the_other():
    """Facts of the project, section 1: at each binding energy, and just below the next."""
    germanium = electrons("Ge")
    numbers = [n for _, n in SHELLS]
    at = np.array([e for e, _ in SHELLS]) * 1e-3
    np.testing.assert_array_equal(germanium.effective_number(jnp.asarray(at)[None])[0], numbers)
    below = np.append(at[1:] * (1 - 1e-9), 5.0)
    np.testing.assert_array_equal(germanium.effective_number(jnp.asarray(below)[None])[0], numbers)
    assert germanium.effective_number(jnp.full((1, 2, 3), 2e-4)).shape == (1, 2, 3)


def test_caesium_and_iodine_have_their_own_shells():
    """Electrons of Cs and I between the K, L and M energies of the X-ray Data Booklet: two in 1s,
    2s and 2p1/2, four in 2p3/2, ..., and all 55 and 53 above the K edge."""
    csi = electrons("CsI")
    assert csi.symbols == ("e(Cs)", "e(I)")
    recoil_kev = [0.5, 0.7, 0.8, 1.05, 1.1, 3.0, 5.1, 5.3, 5.5, 20.0, 34.0, 36.0]
    found = csi.effective_number(jnp.asarray([recoil_kev, recoil_kev]) * 1e-3)
    assert found[0].tolist() == [27, 27, 37, 41, 43, 45, 49, 49, 51, 53, 53, 55]
    assert found[1].tolist() == [25, 35, 35, 41, 43, 43, 49, 51, 51, 51, 53, 53]
    assert csi.nuclei_per_kg == pytest.approx([6.02214076e26 / 259.8099] * 2, rel=1e-6)
    assert len(csi.bends) == 31  # 17 of Cs and 14 of I, none of them at zero


def test_a_kilogram_of_germanium_has_the_atoms_of_its_standard_weight():
    """Standard atomic weight 72.630(8) (IUPAC)."""
    assert electrons("Ge").nuclei_per_kg[0] == pytest.approx(6.02214076e26 / 72.630, rel=1.2e-4)
    np.testing.assert_allclose(electrons("Ge").mass, ELECTRON)


def test_an_element_whose_shells_are_not_known_is_refused():
    with pytest.raises(ConfigError, match=r'electrons: .*element "Xe".*Ge.*Cs'):
        electrons("Xe")


def test_kinematics_of_an_electron_are_relativistic():
    """The highest recoil of a neutrino needs exactly this neutrino: T = 2 E^2/(m + 2 E)."""
    energy = np.array([0.01, 0.2, 5.0, 60.0])
    recoil = maximum_recoil(energy, ELECTRON)
    np.testing.assert_allclose(recoil, energy / (1 + ELECTRON / 2 / energy), rtol=1e-14)
    np.testing.assert_allclose(minimum_energy(recoil, ELECTRON), energy, rtol=1e-13)
