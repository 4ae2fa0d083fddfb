"""Constants against CODATA as scipy carries it, and what follows from them."""

import pytest
from scipy.constants import physical_constants

from cevns_jax import constants
from cevns_jax.sources.pion_decay import END_POINT, LINE_ENERGY


@pytest.mark.parametrize(
    ("name", "codata", "unit_factor"),
    [
        ("HBAR_C_MEV_FM", "reduced Planck constant times c in MeV fm", 1.0),
        ("HBAR_C_MEV_CM", "reduced Planck constant times c in MeV fm", 1e-13),
        ("FERMI_CONSTANT", "Fermi coupling constant", 1e-6),  # GeV^-2 -> MeV^-2
        ("FINE_STRUCTURE", "fine-structure constant", 1.0),
        ("ELECTRON_MASS", "electron mass energy equivalent in MeV", 1.0),
        ("MUON_MASS", "muon mass energy equivalent in MeV", 1.0),
        ("ATOMIC_MASS_UNIT", "atomic mass constant energy equivalent in MeV", 1.0),
        ("AVOGADRO", "Avogadro constant", 1.0),
    ],
)
def test_constant_is_the_codata_value(name, codata, unit_factor):
    """1e-8: CODATA 2018 and 2022 differ by less than that for all of these."""
    assert getattr(constants, name) == pytest.approx(
        physical_constants[codata][0] * unit_factor, rel=1e-8, abs=0
    )


def test_pion_mass_is_within_the_pdg_uncertainty():
    """PDG: m(pi+) = 139.57039(18) MeV; CODATA does not list the pion."""
    assert pytest.approx(139.57039, abs=0.00018) == constants.CHARGED_PION_MASS


def test_axial_coupling_is_the_pdg_value_to_half_a_per_cent():
    """PDG: g_A = 1.2754(13); 1.27 is the convention of the CEvNS literature."""
    assert pytest.approx(1.2754, rel=5e-3) == constants.AXIAL_COUPLING


@pytest.mark.parametrize("name", ["SIN2_THETA_W_LOW_ENERGY", "SIN2_THETA_W_ZERO"])
def test_weak_mixing_angle_agrees_with_the_low_energy_global_fit(name):
    """arXiv:2405.09416: 0.2396 +0.0020 -0.0019 at low energy."""
    assert getattr(constants, name) == pytest.approx(0.2396, abs=0.0020)


def test_both_low_energy_mixing_angles_are_kept_apart():
    """0.23857(5) and 0.23867 differ by two uncertainties: one must not be typed for the other."""
    difference = constants.SIN2_THETA_W_ZERO - constants.SIN2_THETA_W_LOW_ENERGY
    assert difference == pytest.approx(1e-4, rel=1e-6)


def test_pion_line_energy():
    """Two-body decay at rest: E_nu = 29.79 MeV, and energy and momentum are conserved."""
    assert pytest.approx(29.79, abs=0.005) == LINE_ENERGY
    muon_energy = (LINE_ENERGY**2 + constants.MUON_MASS**2) ** 0.5
    assert muon_energy + LINE_ENERGY == pytest.approx(constants.CHARGED_PION_MASS, rel=1e-14)


def test_muon_decay_end_point():
    """Half the muon mass, 52.83 MeV; the neglected positron mass would lower it by 1.2 keV."""
    assert pytest.approx(52.83, abs=0.005) == END_POINT
    exact = (constants.MUON_MASS**2 - constants.ELECTRON_MASS**2) / (2 * constants.MUON_MASS)
    assert END_POINT - exact == pytest.approx(1.2357e-3, rel=1e-3)
