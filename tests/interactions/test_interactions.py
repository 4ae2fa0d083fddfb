"""The Standard-Model cross section: couplings, limits and gradients."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import standard_model
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.recoil import kernel
from cevns_jax.sources import spallation_source
from cevns_jax.weak_mixing import named_couplings

FERMI = 1.1663787e-11  # [MeV^-2]
ANGLE = 0.23857
SM = {"sin2_theta_w": ANGLE}
ALL = {symbol: 1.0 for symbol in NUCLIDES}
CSI = target("CsI", form_factor=Helm())
SNS = spallation_source(neutrinos_per_proton=0.0848, protons_on_target=3.198e23, distance_m=19.3)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Point:
    """Form factor of a point nucleus."""

    def __call__(self, q, rms_radius):
        return jnp.ones_like(q * rms_radius)


POINTS = target(ALL, form_factor=Point())
NUCLEI = target(ALL, form_factor=Helm())


def cross_section(interaction, material, recoil, energy, values=SM, flavour="nu_mu"):
    """dsigma/dT [MeV^-3] at T of shape (I, n) and E that broadcasts against it."""
    nucleus = material.at(jnp.asarray(recoil), values)
    a = interaction.coefficients(jnp.asarray(recoil), nucleus, flavour, values)
    return np.asarray(a[0] + a[1] / energy + a[2] / energy**2)


def highest_recoil(energy, material):
    return 2 * energy**2 / (material.mass[:, None] + 2 * energy)


def test_total_cross_section_has_the_freedman_limit_for_every_nuclide():
    """Freedman (1974): sigma -> G_F^2 Q_W^2 E^2/(4 pi), Q_W = N - (1 - 4 s^2) Z, F = 1, E << M.

    The correction is of relative size 2 E/M; at 0.01 MeV it is below 1e-6.
    """
    energy = 0.01
    x, w = np.polynomial.legendre.leggauss(3)  # exact: dsigma/dT is a straight line in T
    top = highest_recoil(energy, POINTS)
    rate = cross_section(standard_model(axial=False), POINTS, top * (1 + x) / 2, energy)
    total = np.sum(rate * w * top / 2, axis=1)
    weak = np.array([n.neutrons - (1 - 4 * ANGLE) * n.protons for n in NUCLIDES.values()])
    limit = FERMI**2 * weak**2 * energy**2 / (4 * np.pi)
    np.testing.assert_allclose(total, limit, rtol=2 * energy / POINTS.mass.min())


def test_tree_couplings():
    """g_V^p = 1/2 - 2 sin^2 theta_W, g_V^n = -1/2 for every flavour and every angle."""
    tree = named_couplings("tree")
    assert tree.neutron == -0.5
    for flavour in ("nu_e", "nu_mu", "nu_e_bar", "nu_mu_bar"):
        for angle in (0.0, ANGLE, 0.25, 0.3):
            assert tree.proton(flavour, angle) == pytest.approx(0.5 - 2 * angle, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "electron", "muon", "neutron"),
    [
        ("radiative_2020", 0.0401, 0.0318, -0.5094),  # arXiv:2008.05022
        ("radiative_2023", 0.0382, 0.0300, -0.5117),  # arXiv:2303.09360, not checked
    ],
)
def test_radiative_couplings_are_the_documented_ones(name, electron, muon, neutron):
    couplings = named_couplings(name)
    assert couplings.neutron == neutron
    for bar in ("", "_bar"):
        assert couplings.proton("nu_e" + bar, ANGLE) == pytest.approx(electron, abs=1e-15)
        assert couplings.proton("nu_mu" + bar, ANGLE) == pytest.approx(muon, abs=1e-15)


@pytest.mark.parametrize("name", ["tree", "radiative_2020", "radiative_2023"])
@given(shift=st.floats(-1.0, 1.0))
def test_the_mixing_angle_moves_the_proton_coupling_by_minus_two(name, shift):
    couplings = named_couplings(name)
    for flavour in ("nu_e", "nu_mu_bar"):
        moved = couplings.proton(flavour, ANGLE + shift) - couplings.proton(flavour, ANGLE)
        assert moved == pytest.approx(-2 * shift, abs=1e-14)


def test_radiative_couplings_reach_the_cross_section_by_flavour():
    """For a point nucleus dsigma/dT is proportional to (Z g_V^p + N g_V^n)^2."""
    recoil = np.full((len(ALL), 1), 1e-6)
    interaction = standard_model(couplings="radiative_2020", axial=False)
    found = [
        cross_section(interaction, POINTS, recoil, 30.0, flavour=flavour)[:, 0]
        for flavour in ("nu_e", "nu_mu")
    ]
    charge = [
        np.array([n.protons * g - 0.5094 * n.neutrons for n in NUCLIDES.values()])
        for g in (0.0401, 0.0318)
    ]
    np.testing.assert_allclose(found[0] / found[1], (charge[0] / charge[1]) ** 2, rtol=1e-12)


def test_unknown_couplings_are_refused():
    with pytest.raises(ConfigError, match='"radiative"') as caught:
        standard_model(couplings="radiative")
    assert all(name in str(caught.value) for name in ("tree", "radiative_2020", "radiative_2023"))


def test_unknown_flavour_is_refused():
    with pytest.raises(ConfigError, match=r'radiative_2023.*no flavour "nu_tau".*nu_e, nu_mu'):
        named_couplings("radiative_2023").proton("nu_tau", ANGLE)
    with pytest.raises(ConfigError, match="nu_x"):
        named_couplings("tree").proton("nu_x", ANGLE)
    tree = named_couplings("tree")
    assert tree.proton("nu_tau_bar", ANGLE) == tree.proton("nu_e", ANGLE)


def test_declared_angle_starts_at_the_low_energy_value_inside_its_bounds():
    (angle,) = standard_model().parameters
    assert angle.name == "sin2_theta_w"
    assert angle.start == ANGLE
    assert angle.lower < angle.start < angle.upper


def test_axial_part_is_zero_without_spin_and_positive_with_it():
    """F_A(0) = (4/3) ((J+1)/J) g_A^2 (<S_p> - <S_n>)^2; Ar40 is spinless, I127 has J = 5/2."""
    recoil = np.full((len(ALL), 1), 0.01)
    with_axial, without = (
        cross_section(standard_model(axial=axial), NUCLEI, recoil, 1e6) for axial in (True, False)
    )
    unit = FERMI**2 * NUCLEI.mass / (4 * np.pi)  # of F_A, where E is far above T
    charge = np.where(with_axial == without, 0.0, with_axial - without)[:, 0] / unit
    by_symbol = dict(zip(NUCLEI.symbols, charge, strict=True))
    for symbol, nuclide in NUCLIDES.items():
        assert (by_symbol[symbol] == 0) if nuclide.spin == 0 else (by_symbol[symbol] > 0)
    iodine = 4 / 3 * (3.5 / 2.5) * 1.27**2 * (0.342 - 0.031) ** 2
    assert by_symbol["I127"] == pytest.approx(iodine, rel=1e-7)


def test_axial_part_is_a_small_addition_to_the_caesium_iodide_rate():
    """Facts of the project: about 1e-4 of the CsI rate; below 1e-3 in every flavour."""
    csi = kernel(SNS, CSI, mass_kg=14.6)
    everything = np.ones((*csi.recoil.shape, 1))
    with_axial, without = (
        np.asarray(csi.counts(standard_model(axial=axial), SM, everything))
        for axial in (True, False)
    )
    assert (with_axial > without).all()
    assert (with_axial / without - 1 < 1e-3).all()


@given(
    energy=st.floats(0.01, 300.0),
    fraction=st.floats(0.0, 1.0),
    angle=st.floats(-1.0, 2.0),
    axial=st.booleans(),
)
def test_cross_section_is_not_negative_where_kinematics_allows(energy, fraction, angle, axial):
    """Up to rounding at the highest recoil, where the vector part ends at exactly zero."""
    recoil = fraction * highest_recoil(energy, NUCLEI)
    interaction = standard_model(axial=axial)
    values = {"sin2_theta_w": angle}
    found = cross_section(interaction, NUCLEI, recoil, energy, values)
    forward = cross_section(interaction, NUCLEI, 0 * recoil, energy, values)
    assert (found >= -1e-14 * forward).all()


def test_vector_part_vanishes_and_axial_part_stays_at_backward_scattering():
    """Helicity: a vector coupling cannot turn the neutrino round on a spinless nucleus."""
    energy = 40.0
    top = highest_recoil(energy, POINTS)
    vector = cross_section(standard_model(axial=False), POINTS, top, energy)[:, 0]
    both = cross_section(standard_model(), POINTS, top, energy)[:, 0]
    forward = cross_section(standard_model(axial=False), POINTS, 0 * top, energy)[:, 0]
    assert (abs(vector) < 1e-14 * forward).all()
    spin = np.array([n.spin > 0 for n in NUCLIDES.values()])
    assert (both[spin] > 1e-8 * forward[spin]).all()
    assert (abs(both[~spin]) < 1e-14 * forward[~spin]).all()


@pytest.mark.parametrize("couplings", ["tree", "radiative_2023"])
def test_gradient_in_the_mixing_angle_is_the_difference_quotient(couplings):
    """The rate is a quadratic in the angle: central differences are exact up to rounding."""
    csi = kernel(SNS, CSI, mass_kg=14.6)
    everything = np.ones((*csi.recoil.shape, 1))
    interaction = standard_model(couplings=couplings)

    @jax.jit
    def events(angle):
        return csi.counts(interaction, {"sin2_theta_w": angle}, everything)[:, 0]

    slope = jax.jit(jax.jacfwd(events))
    for angle in (-0.5, 0.0, ANGLE, 0.5, 1.5):
        difference = (events(angle + 0.01) - events(angle - 0.01)) / 0.02
        np.testing.assert_allclose(slope(angle), difference, rtol=1e-10)
