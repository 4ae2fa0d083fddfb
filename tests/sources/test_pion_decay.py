"""Pion decay at rest: spectra, moments and the domain of the source."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevns_jax.errors import ConfigError
from cevns_jax.sources import PionDecayAtRest, spallation_source
from cevns_jax.sources.pion_decay import END_POINT, LINE_ENERGY

MUON = 105.6583755  # [MeV]
END = MUON / 2
UNIT = PionDecayAtRest(fluence=1.0)
MICHEL = ("nu_mu_bar", "nu_e")


def michel(flavour, energy):
    """(64/m) x^2 (3/4 - x) for the muon antineutrino, (192/m) x^2 (1/2 - x) for nu_e, x = E/m."""
    x = energy / mpmath.mpf(MUON)
    if flavour == "nu_e":
        return 192 / mpmath.mpf(MUON) * x**2 * (mpmath.mpf(1) / 2 - x)
    return 64 / mpmath.mpf(MUON) * x**2 * (mpmath.mpf(3) / 4 - x)


def test_end_point_is_half_the_muon_mass():
    assert END_POINT == END


@pytest.mark.parametrize("flavour", MICHEL)
def test_spectrum_is_the_published_one_and_normalised(flavour):
    energy = np.linspace(0.0, 60.0, 601)
    found = UNIT.spectrum(flavour, energy)
    expected = [float(michel(flavour, e)) if e < END else 0.0 for e in energy]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-17)
    x, w = np.polynomial.legendre.leggauss(4)
    nodes = END * (1 + x) / 2
    assert np.sum(w * END / 2 * UNIT.spectrum(flavour, nodes)) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(("flavour", "mean"), [("nu_mu_bar", 0.35), ("nu_e", 0.30)])
def test_mean_energy_of_free_muon_decay(flavour, mean):
    """7/20 and 3/10 of the muon mass: 36.98 and 31.70 MeV (facts of the project, section 2)."""
    x, w = np.polynomial.legendre.leggauss(4)
    nodes = END * (1 + x) / 2
    found = np.sum(w * END / 2 * nodes * UNIT.spectrum(flavour, nodes))
    assert found == pytest.approx(mean * MUON, rel=1e-13)


def test_the_line_has_no_continuous_spectrum():
    with pytest.raises(ValueError, match=r"line at 29\.79"):
        UNIT.spectrum("nu_mu", np.array([10.0]))


def test_zeroth_moment_counts_all_neutrinos_of_each_flavour():
    source = PionDecayAtRest(fluence=7.5e14)
    np.testing.assert_allclose(source.moments(np.array(1e-9))[:, 0], 7.5e14, rtol=1e-12)
    np.testing.assert_allclose(
        source.moments(np.array([3.0, 40.0])), 7.5e14 * UNIT.moments(np.array([3.0, 40.0]))
    )


@pytest.mark.parametrize("flavour", MICHEL)
@pytest.mark.parametrize(
    "e_min",
    [1e-6, 0.01, 1.0, 10.0, 25.0, 40.0, 50.0, 52.8]
    + [END * (1 - d) for d in (1e-4, 1e-6, 1e-7, 1e-10, 1e-13)],
)
def test_moments_are_the_integrals_of_the_spectrum(flavour, e_min):
    """30-digit quadrature from the same e_min; the moments keep their digits at the end point."""
    row = UNIT.flavours.index(flavour)
    found = UNIT.moments(np.array(e_min))[row]
    with mpmath.workdps(30):
        for k in range(3):
            exact = mpmath.quad(
                lambda e, k=k: michel(flavour, e) / e**k, [mpmath.mpf(e_min), mpmath.mpf(END)]
            )
            assert found[k] == pytest.approx(float(exact), rel=1e-12, abs=0)


def test_moments_of_the_line_are_powers_of_its_energy():
    below, at, above = UNIT.moments(np.array([1.0, LINE_ENERGY, LINE_ENERGY * (1 + 1e-12)]))[0].T
    np.testing.assert_allclose(below, [1, 1 / LINE_ENERGY, LINE_ENERGY**-2.0], rtol=1e-14)
    np.testing.assert_array_equal(at, below)
    np.testing.assert_array_equal(above, 0.0)


@given(e_min=st.floats(END, 1e4))
def test_moments_are_exactly_zero_from_the_end_point_on(e_min):
    assert (UNIT.moments(np.array(e_min)) == 0.0).all()


@given(low=st.floats(1e-6, END), step=st.floats(1e-9, 30.0))
def test_moments_decrease_with_the_lowest_energy(low, step):
    """The integrand is positive: strictly for the Michel spectra, in one step for the line.

    A step below the resolution of float64 may leave a moment equal up to rounding.
    """
    first, second = np.moveaxis(UNIT.moments(np.array([low, low + step])), -1, 0)
    assert (second <= first * (1 + 1e-14)).all()
    assert (second >= 0).all()
    if 1e-3 < low < END - 1e-3 and step > 1e-3:
        assert (first[1:] > second[1:]).all()


@given(e_min=st.floats(0.1, 52.0))
def test_slope_of_a_moment_is_minus_the_integrand(e_min):
    """d M_k/d e_min = -phi(e_min) e_min^-k: the spectrum and its moments belong together."""
    h = 1e-4
    up, down = UNIT.moments(np.array(e_min + h)), UNIT.moments(np.array(e_min - h))
    for flavour in MICHEL:
        row = UNIT.flavours.index(flavour)
        for k in range(3):
            expected = -UNIT.spectrum(flavour, np.array(e_min)) / e_min**k
            assert (up - down)[row, k] / (2 * h) == pytest.approx(float(expected), rel=1e-5)


def test_moments_keep_the_shape_of_their_argument():
    assert UNIT.moments(np.full((4, 5), 20.0)).shape == (3, 3, 4, 5)


def test_fluence_at_the_detector():
    """r N_POT/(4 pi L^2) with L = 19.3 m: the CsI detector of COHERENT, per cm^2 and flavour."""
    source = spallation_source(
        neutrinos_per_proton=0.0848, protons_on_target=3.198e23, distance_m=19.3
    )
    assert source.fluence == pytest.approx(0.0848 * 3.198e23 / (4 * np.pi * 1930.0**2), rel=1e-14)
    farther = spallation_source(
        neutrinos_per_proton=0.0848, protons_on_target=3.198e23, distance_m=38.6
    )
    assert source.fluence / farther.fluence == pytest.approx(4.0)


@pytest.mark.parametrize("key", ["neutrinos_per_proton", "protons_on_target", "distance_m"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_source_out_of_its_domain_is_refused(key, value):
    good = {"neutrinos_per_proton": 0.08, "protons_on_target": 1e23, "distance_m": 20.0}
    with pytest.raises(ConfigError, match=f"{key} must be positive and finite, not {value}"):
        spallation_source(**(good | {key: value}))
