"""The window of a heavy final lepton, and its counts from pion decay at rest."""

from math import exp, sqrt

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from heavy_lepton import (
    ELECTRON,
    END,
    LINE,
    MOMENT,
    SOURCE,
    STANDARD,
    VALUES,
    accepted,
    accepted_at,
    difference,
    helm,
    pion_decay,
    prediction,
    prefactor,
    threshold,
)
from hypothesis import given
from hypothesis import strategies as st

from cevns_jax.form_factors import Helm
from cevns_jax.interactions import MagneticMoment, with_new_physics
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.recoil import kernel, maximum_recoil, recoil_window


@given(
    mass=st.sampled_from([ELECTRON, 938.272, *(n.mass for n in NUCLIDES.values())]),
    m4=st.floats(1e-3, 100.0),
    above=st.floats(-6.0, 2.0),
)
def test_recoil_window_is_where_the_lowest_energy_is_that_of_the_neutrino(mass, m4, above):
    """From a millionth above the threshold; roots of E_min(T; m4) = E in 40 digits."""
    energy = threshold(mass, m4) * (1 + 10**above)
    found = recoil_window(energy, jnp.array([mass]), jnp.array(m4), closed=jnp.array(9.0))
    with mpmath.workdps(40):
        m, x, e = map(mpmath.mpf, (mass, m4, energy))

        def distance(t):
            lowest = (t + mpmath.sqrt(t**2 + 2 * m * t)) / 2 * (1 + x**2 / (2 * m * t))
            return mpmath.log(lowest / e)

        top = x**2 / (2 * (m + x))
        assert distance(top) < 0
        for end, bound in zip(found, (top / 1e30, e), strict=True):
            root = mpmath.findroot(
                lambda y: distance(mpmath.exp(y)),
                (mpmath.log(bound), mpmath.log(top)),
                solver="anderson",
                tol=1e-50,
                maxsteps=200,
            )
            exact = float(mpmath.exp(root))
            assert float(end[0]) ** 2 == pytest.approx(exact, rel=1e-12, abs=0)


def test_recoil_window_closes_below_the_threshold():
    """And opens above it, by a part in 1e12 of the energy."""
    masses = np.array([ELECTRON, *(n.mass for n in NUCLIDES.values())])
    for m4 in (0.1, 5.0, 60.0):
        for mass in masses:
            at = threshold(mass, m4)
            ends = [
                np.asarray(
                    recoil_window(e, jnp.array([mass]), jnp.array(m4), closed=jnp.array(9.0))
                )
                for e in (at * (1 - 1e-12), at * (1 + 1e-12))
            ]
            assert (ends[0] == 9.0).all()
            assert ends[1][0] < ends[1][1] < 9.0


def test_recoil_window_of_a_massless_lepton_reaches_from_zero_to_the_highest_recoil():
    masses = jnp.array([ELECTRON, *(n.mass for n in NUCLIDES.values())])
    low, high = recoil_window(LINE, masses, jnp.array(0.0), closed=jnp.array(9.0))
    np.testing.assert_array_equal(low, 0.0)
    np.testing.assert_allclose(high**2, maximum_recoil(LINE, np.asarray(masses)), rtol=1e-14)


# -------------------------------------------------------------------------- pion decay at rest

SCALES = {"Cs133": 0.010, "I127": 0.010, "Ge74": 0.015}  # of the response [MeV]


@pytest.fixture(scope="module")
def nuclei():
    """Caesium iodide and germanium in one kernel, on the default nodes; a bin for each nuclide.

    Beside its prediction the same with a magnetic moment, counts on nuclides and flavours as
    columns."""
    material = target(dict.fromkeys(SCALES, 1.0), form_factor=Helm())
    one = kernel(SOURCE, material, mass_kg=1.0)
    scales = np.array(list(SCALES.values()))
    response = accepted(one.recoil, scales[:, None])[..., None] * np.eye(3)[:, None]
    moment = with_new_physics(STANDARD, MagneticMoment())
    seen = VALUES | {"mu_nu": MOMENT}
    magnetic = one.counts(moment, seen, response) - one.counts(STANDARD, seen, response)
    return prediction(one, response), np.asarray(magnetic)


def on_nuclei(m4):
    """Counts in a kg of one atom of each, shape (3, 3)."""
    rows = [NUCLIDES[symbol] for symbol in SCALES]
    per_kg = 6.02214076e26 / sum(row.atomic_mass_u for row in rows)
    counts = []
    for row, scale in zip(rows, SCALES.values(), strict=True):
        form = helm(row.mass, row.charge_radius)
        integrals = pion_decay(
            row.mass,
            m4,
            lambda t, form=form, scale=scale: form(t) * accepted_at(t, scale),
            (scale * exp(-8), END),  # of what is below, 1e-14 are accepted
        )
        counts.append(row.protons**2 * integrals)
    return prefactor(per_kg) * np.stack(counts, axis=1)


@pytest.mark.parametrize("m4", [2.0, 5.0, 10.0, 20.0, 25.0, 28.0])
def test_counts_and_slope_of_pion_decay_are_those_of_the_double_integral(nuclei, m4):
    """1e-11 in value and 1e-6 in slope, for each nuclide and flavour, the line among them, whose
    window closes at 29.79 MeV.

    The response is closed at low recoils: the spectrum rises as 1/T there.
    """
    counts, slope = nuclei[0](m4)
    np.testing.assert_allclose(counts, on_nuclei(m4), rtol=1e-11)
    moved = difference(on_nuclei, m4, min(m4, LINE - m4))
    assert (moved < 0).all()
    np.testing.assert_allclose(slope, moved, rtol=1e-6)


def test_a_light_lepton_is_the_magnetic_moment(nuclei):
    """1e-10, at 0 and at 10 eV. Counts are even in m4: the slope at 0 is 0."""
    predicted, magnetic = nuclei
    for m4 in (0.0, 1e-5):
        counts, slope = predicted(m4)
        np.testing.assert_allclose(counts, magnetic, rtol=1e-10)
        assert (abs(slope) <= m4 * magnetic).all()


def test_counts_fall_as_the_lepton_gets_heavier_and_end_at_the_threshold(nuclei):
    """There is no line above 29.79 MeV, and nothing above 52.83 MeV; slopes are zero there."""
    masses = np.append(np.linspace(0.0, 56.0, 57), 100.0)
    counts, slope = (np.stack(rows) for rows in zip(*map(nuclei[0], masses), strict=True))
    ends = np.array([LINE, END, END])
    opened = (masses[:, None] < ends)[..., None] & np.ones(3, dtype=bool)
    assert (counts[opened] > 0).all()
    assert (abs(counts[~opened]) < 1e-12).all()  # of ten events of the Standard Model
    assert (slope[opened][1:] <= 0).all()
    assert (slope[~opened] == 0).all()
    assert (np.diff(counts, axis=0)[opened[:-1]] < 0).all()


def test_counts_and_slope_are_finite_at_the_threshold(nuclei):
    """To rounding on both sides of s = (M + m4)^2, for each nuclide and end of a spectrum."""
    for mass in (NUCLIDES[symbol].mass for symbol in SCALES):
        for energy in (LINE, END):
            closing = sqrt(mass**2 + 2 * mass * energy) - mass
            for m4 in closing * (1 + np.array([-1e-6, -1e-12, -1e-15, 0.0, 1e-15])):
                counts, slope = nuclei[0](m4)
                assert np.isfinite(counts).all()
                assert np.isfinite(slope).all()
