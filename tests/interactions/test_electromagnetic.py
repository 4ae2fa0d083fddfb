"""Magnetic moments and the dipole portal against their cross sections as published."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from point_nuclei import (
    ELECTRON,
    FLAVOURS,
    M,
    Z,
    assert_agrees,
    cross_section,
    energies,
    masses,
    on_electrons,
    recoils,
    shares,
)

from cevns_jax.errors import ConfigError
from cevns_jax.interactions import DipolePortal, MagneticMoment


def moment_unit(moment):
    """pi alpha^2/m_e^2 (mu/mu_B)^2 out of the classical electron radius, 2.8179403205 fm."""
    return np.pi * (2.8179403205 / 197.3269804) ** 2 * moment**2


@given(moment=st.floats(-12.0, -3.0).map(lambda x: 10**x), energy=energies, share=shares)
def test_magnetic_moment(moment, energy, share):
    """pi alpha^2/m_e^2 (mu/mu_B)^2 Z^2 (1/T - 1/E), for spin 0 + T/(4 E^2); electrons: Z = 1."""
    recoil, values = recoils(energy, share), {"mu_nu": moment}
    unit = moment_unit(moment) * Z**2
    found = cross_section(MagneticMoment(), recoil, energy, values)
    assert_agrees(found, unit * (1 / recoil - 1 / energy), unit / recoil, rel=2e-9)
    found = cross_section(MagneticMoment(spin_zero=True), recoil, energy, values)
    expected = unit * (1 / recoil - 1 / energy + recoil / (4 * energy**2))
    assert_agrees(found, expected, unit / recoil, rel=2e-9)
    recoil, unit = recoils(energy, share, ELECTRON), moment_unit(moment)
    for spin_zero in (False, True):
        found = on_electrons(MagneticMoment(spin_zero=spin_zero), recoil, energy, values)
        assert_agrees(found, unit * (1 / recoil - 1 / energy), unit / recoil, rel=2e-9)


def test_magnetic_moment_of_the_textbooks():
    """pi alpha^2/m_e^2 = 2.495e-25 cm^2 (P. Vogel and J. Engel, Phys. Rev. D 39 (1989) 3378)."""
    found = on_electrons(MagneticMoment(), 1e-3, 1e9, {"mu_nu": 1.0}) * 1e-3
    assert_agrees(found * 1.973269804e-11**2, 2.495e-25, rel=2e-4)


@pytest.mark.parametrize("term", [MagneticMoment, DipolePortal])
@pytest.mark.parametrize("families", [(), ("e",), ("mu",), ("e", "tau")])
def test_moments_belong_to_families(term, families):
    """Of neutrinos and antineutrinos; by default of all."""
    values = {"mu_nu": 1e-9, "mu_dipole": 1e-9, "m4": 1.0}
    recoil = recoils(30.0, 0.3)
    for flavour in FLAVOURS:
        every = term()
        some = term(families=families)
        coupled = flavour.split("_")[1] in families
        for of in (cross_section, on_electrons):
            expected = of(every, recoil, 30.0, values, flavour)
            assert (expected != 0).all()
            found = of(some, recoil, 30.0, values, flavour)
            np.testing.assert_array_equal(found, expected if coupled else 0.0)


def test_an_unknown_family_is_refused():
    for term in (MagneticMoment, DipolePortal):
        with pytest.raises(ConfigError, match="nu_e"):
            term(families=("nu_e",))


def eq_4(recoil, energy, mass, m4):
    """As printed, for a charge and a moment of one."""
    return (
        1 / recoil
        - 1 / energy
        + m4**4 * (recoil - mass) / (8 * energy**2 * recoil**2 * mass**2)
        - m4**2 / (2 * energy * recoil * mass) * (1 - recoil / (2 * energy) + mass / (2 * energy))
    )


@given(energy=energies, share=shares, m4=masses)
def test_dipole_portal_is_eq_4(energy, share, m4):
    """Of De Romeri, LHEP 2023, 343; for spin 0 T/4 - m4^2/(8 M) - m4^4/(8 T M^2) over E^2 more."""
    recoil = recoils(energy, share)
    values = {"mu_dipole": 1e-6, "m4": m4}
    unit = moment_unit(1e-6) * Z**2
    x = m4**2 / (2 * M * recoil)
    scale = unit / recoil * (1 + x + M * recoil * x * (1 + x) / energy**2)
    printed = unit * eq_4(recoil, energy, M, m4)
    assert_agrees(cross_section(DipolePortal(), recoil, energy, values), printed, scale, rel=2e-9)
    more = recoil / 4 - m4**2 / (8 * M) - m4**4 / (8 * recoil * M**2)
    found = cross_section(DipolePortal(spin_zero=True), recoil, energy, values)
    assert_agrees(found, printed + unit * more / energy**2, scale, rel=2e-9)
    recoil = recoils(energy, share, ELECTRON)
    x = m4**2 / (2 * ELECTRON * recoil)
    scale = moment_unit(1e-6) / recoil * (1 + x + ELECTRON * recoil * x * (1 + x) / energy**2)
    found = on_electrons(DipolePortal(), recoil, energy, values)
    expected = moment_unit(1e-6) * eq_4(recoil, energy, ELECTRON, m4)
    assert_agrees(found, expected, scale, rel=2e-9)


@pytest.mark.parametrize("spin_zero", [False, True])
def test_dipole_portal_to_a_massless_lepton_is_the_magnetic_moment(spin_zero):
    recoil = recoils(30.0, np.array([1e-4, 0.1, 0.9]))
    values = {"mu_dipole": 1e-9, "mu_nu": 1e-9}
    portal, moment = DipolePortal(spin_zero=spin_zero), MagneticMoment(spin_zero=spin_zero)
    for of in (cross_section, on_electrons):
        expected = of(moment, recoil, 30.0, values)
        np.testing.assert_allclose(
            of(portal, recoil, 30.0, values | {"m4": 0.0}), expected, rtol=1e-14
        )
        np.testing.assert_allclose(
            of(portal, recoil, 30.0, values | {"m4": 1e-6}), expected, rtol=1e-8
        )
