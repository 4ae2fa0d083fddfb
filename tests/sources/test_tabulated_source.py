"""Tabulated fluxes: exact moments of straight lines, and what is refused."""

from itertools import pairwise

import jax
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import DipolePortal, standard_model, with_new_physics
from cevns_jax.nuclei import target
from cevns_jax.recoil import kernel
from cevns_jax.sources import TabulatedSource, tabulated_source

ENERGY = np.array([0.5, 0.50001, 1.0, 2.5, 25.0, 30.0])
FLUX = {
    "nu_e_bar": np.array([0.0, 4e11, 3e12, 8e11, 2e8, 0.0]),
    "nu_mu": np.array([1e10, 1e10, 0.0, 0.0, 5e9, 7e9]),
}
SECONDS = 3e7


@pytest.fixture(scope="module")
def source():
    return tabulated_source(ENERGY, FLUX, live_time_s=SECONDS)


def moment(k, e_min, energy, flux):
    """Integral of phi E^-k from e_min on, in 60 digits: phi = a + b E between the rows.

    The antiderivatives are a E + b E^2/2, a ln E + b E and -a/E + b ln E.
    """
    with mpmath.workdps(60):
        total = mpmath.mpf(0)
        for (e0, e1), (f0, f1) in zip(pairwise(energy), pairwise(flux), strict=True):
            e0, e1, f0, f1 = (mpmath.mpf(float(x)) for x in (e0, e1, f0, f1))
            b = (f1 - f0) / (e1 - e0)
            a = f0 - b * e0
            low = max(mpmath.mpf(e_min), e0)
            if low < e1:
                total += [
                    a * (e1 - low) + b * (e1**2 - low**2) / 2,
                    a * mpmath.log(e1 / low) + b * (e1 - low),
                    a * (1 / low - 1 / e1) + b * mpmath.log(e1 / low),
                ][k]
        return float(total)


@st.composite
def tables(draw):
    """Rows from a millionth apart to a factor 12, fluxes over many orders, some of them zero."""
    ratios = st.one_of(
        st.floats(1e-6, 1e-3).map(lambda d: 1 + d), st.floats(1.01, 2.1), st.floats(9.0, 12.0)
    )
    steps = draw(st.lists(ratios, min_size=1, max_size=6))
    energy = draw(st.floats(0.05, 3.0)) * np.cumprod([1.0, *steps])
    rows = st.one_of(st.just(0.0), st.floats(1e-3, 1.0), st.floats(1e6, 1e13))
    size = len(energy)
    flux = draw(st.lists(rows, min_size=size, max_size=size).filter(any))
    return energy, np.array(flux)


@given(table=tables(), where=st.floats(0.0, 1.0), row=st.integers(0, 6))
def test_moments_are_the_integrals_of_straight_lines(table, where, row):
    """1e-11 of the moment, from anywhere below, at a row, between rows and at the last one.

    Energies a millionth apart have lost digits when they are written down: besides, e_min and
    the rows above it may move by two units in the last place, each at its flux.
    """
    energy, flux = table
    found = tabulated_source(energy, {"nu_mu": flux}, live_time_s=1.0)
    row = min(row, len(energy) - 1)
    inside = energy[0] + where * (energy[-1] - energy[0])
    last = energy[-2] + where * (energy[-1] - energy[-2])
    for e_min in (inside, last, energy[row], energy[0] * (1e-3 + 0.999 * where)):
        moved = np.append(e_min, energy[energy > e_min])
        there = np.interp(moved, energy, flux, left=0.0)
        for k in range(3):
            exact = moment(k, e_min, energy, flux)
            rounding = 2 * np.sum(np.spacing(moved) * there * moved**-k)
            value = found.moments(np.array(e_min))[0, k]
            assert abs(value - exact) <= 1e-11 * exact + rounding


@given(table=tables(), beyond=st.floats(1.0, 100.0))
def test_moments_are_exactly_zero_from_the_last_row_on(table, beyond):
    energy, flux = table
    found = tabulated_source(energy, {"nu_mu": flux}, live_time_s=1.0)
    assert (found.moments(np.array(energy[-1] * beyond)) == 0.0).all()


@given(table=tables(), first=st.floats(0.0, 1.1), second=st.floats(0.0, 1.1))
def test_moments_never_rise_with_the_lowest_energy(table, first, second):
    """The flux is not negative. Equal up to rounding where it is zero."""
    energy, flux = table
    found = tabulated_source(energy, {"nu_mu": flux}, live_time_s=1.0)
    low, high = sorted(energy[0] / 2 + x * (energy[-1] - energy[0] / 2) for x in (first, second))
    at_low, at_high = np.moveaxis(found.moments(np.array([low, high])), -1, 0)
    assert (at_high <= at_low * (1 + 1e-13)).all()
    assert (at_high >= 0).all()


@given(share=st.floats(0.02, 0.98), segment=st.integers(0, len(ENERGY) - 2))
def test_slope_of_a_moment_is_minus_the_integrand(source, share, segment):
    """d M_k/d e_min = -phi(e_min) e_min^-k, by central differences inside a segment."""
    low, high = ENERGY[segment : segment + 2]
    e_min = low + share * (high - low)
    h = 0.01 * min(share, 1 - share) * (high - low)
    up, down = source.moments(np.array(e_min + h)), source.moments(np.array(e_min - h))
    largest = np.abs(source.moments(np.array(0.1))).max()
    for row, flux in enumerate(FLUX.values()):
        here = SECONDS * np.interp(e_min, ENERGY, flux)
        for k in range(3):
            slope = (up - down)[row, k] / (2 * h)
            rounding = 1e-15 * largest / h  # of the differences
            expected = -here / e_min**k
            assert slope == pytest.approx(expected, rel=1e-3 * (1 + k**2), abs=rounding)


def test_moments_of_several_flavours_and_energies_keep_their_order_and_shape(source):
    e_min = np.array([[0.1, 0.7, 3.0], [24.0, 29.0, 40.0]])
    found = source.moments(e_min)
    assert source.flavours == ("nu_e_bar", "nu_mu")
    assert found.shape == (2, 3, 2, 3)
    for row, flux in enumerate(FLUX.values()):
        for k in range(3):
            exact = [[moment(k, e, ENERGY, SECONDS * flux) for e in line] for line in e_min]
            np.testing.assert_allclose(found[row, k], exact, rtol=1e-11)


def test_zeroth_moment_counts_the_neutrinos_of_the_exposure(source):
    """Flux times live time, added up by trapezoids, which are exact for straight lines."""
    expected = [SECONDS * np.trapezoid(flux, ENERGY) for flux in FLUX.values()]
    np.testing.assert_allclose(source.moments(np.array(1e-6))[:, 0], expected, rtol=1e-13)


def test_edges_are_where_a_spectrum_jumps_or_ends_and_bends_the_rows_between(source):
    """One flavour begins with a jump, the other ends at 30 MeV, where the first has one."""
    assert isinstance(source, TabulatedSource)
    assert source.edges == (ENERGY[0], ENERGY[-1])
    assert set(ENERGY[2:5]) <= set(source.bends)
    assert source.end_points == (ENERGY[-1],) * 2
    assert source.parameters == ()
    assert "nu_e_bar, nu_mu" in source.label
    assert "0.5 to 30 MeV" in source.label


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"flux": {}}, "one flavour at least"),
        ({"flux": {"nu_x": [1.0, 1.0]}}, 'no flavour "nu_x".*allowed.*nu_e_bar'),
        ({"flux": {"nu_muon": [1.0, 1.0]}}, 'did you mean "nu_mu"'),
        ({"flux": {"nu_e": [1.0, 1.0, 1.0]}}, "a flux at each"),
        ({"flux": {"nu_e": [[1.0, 1.0]]}}, "a flux at each"),
        ({"energy_mev": [1.0], "flux": {"nu_e": [1.0]}}, "at least two energies"),
        ({"energy_mev": [0.0, 1.0]}, "positive and ascend"),
        ({"energy_mev": [-1.0, 1.0]}, "positive and ascend"),
        ({"energy_mev": [2.0, 1.0]}, "positive and ascend"),
        ({"energy_mev": [1.0, 1.0]}, "positive and ascend"),
        ({"energy_mev": [1.0, np.nan]}, "positive and ascend"),
        ({"flux": {"nu_e": [1.0, -1.0]}}, "not negative"),
        ({"flux": {"nu_e": [np.inf, 1.0]}}, "finite"),
        ({"flux": {"nu_e": [0.0, 0.0]}}, "not zero everywhere"),
        ({"flux": {"nu_e": [1.0, 1.0], "nu_mu": [0.0, 0.0]}}, "not zero everywhere"),
        ({"live_time_s": 0.0}, "live_time_s must be positive and finite, not 0"),
        ({"live_time_s": -3.0}, "live_time_s must be positive and finite, not -3"),
        ({"live_time_s": np.nan}, "live_time_s must be positive and finite, not nan"),
        ({"live_time_s": 1e308, "flux": {"nu_e": [1e12, 1e12]}}, "live_time_s must lie"),
        ({"energy_mev": [1e-300, 1e300]}, "energy_mev must lie"),
        ({"energy_mev": [1e-310, 1e-309]}, "energy_mev must lie"),
    ],
)
def test_a_table_that_is_no_flux_is_refused(changed, text):
    good = {"energy_mev": [1.0, 2.0], "flux": {"nu_e": [1.0, 1.0]}, "live_time_s": 1.0}
    with pytest.raises(ConfigError, match=f"source: .*{text}"):
        tabulated_source(**(good | changed))


def test_fluxes_of_different_lengths_are_refused():
    flux = {"nu_e": [1.0, 1.0], "nu_mu": [1.0, 1.0, 1.0]}
    with pytest.raises(ConfigError, match="flux at each"):
        tabulated_source([1.0, 2.0], flux, live_time_s=1.0)


def test_each_flavour_ends_at_its_own_row():
    """A column that has come to zero at 2 MeV ends there, in traced code as well."""
    energy = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    flux = {"nu_e": [2.0, 3.0, 1.0, 0.0, 0.0, 0.0], "nu_mu": [0.0, 1.0, 2.0, 2.0, 1.0, 1.0]}
    source = tabulated_source(energy, flux, live_time_s=1.0)
    assert source.end_points == (2.0, 4.0)
    assert [float(end) for end in jax.jit(lambda s: s.end_points)(source)] == [2.0, 4.0]
    assert source.edges == (0.5, 2.0, 4.0)


def test_the_lepton_mass_has_the_slope_of_a_source_of_the_same_flavour_alone():
    """A coarse table with a flavour that ends before the other one."""
    energy = np.array([0.5, 1.0, 2.0, 4.0])
    short = [1.0, 2.0, 0.0, 0.0]
    together = tabulated_source(energy, {"nu_e": short, "nu_mu": [0.0, 0, 0, 1]}, live_time_s=1e9)
    alone = tabulated_source(energy[:3], {"nu_e": short[:3]}, live_time_s=1e9)
    material = target({"Ge74": 1.0}, form_factor=Helm())
    model = with_new_physics(standard_model(), DipolePortal())
    values = {p.name: p.start for p in (*model.parameters, *material.parameters)}
    values |= {"mu_dipole": 1e-9}

    def slope(source):
        used = kernel(source, material, mass_kg=1.0, splits=np.geomspace(1e-8, 4e-4, 40), nodes=16)
        ones = np.ones((1, used.recoil.shape[1], 1))

        def events(m4):
            return used.counts(model, values | {"m4": m4}, ones)[0, 0]

        return float(jax.jit(jax.grad(events))(0.3))

    assert slope(together) == pytest.approx(slope(alone), rel=1e-9)
