"""Resolutions against mpmath and scipy."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses import EFFICIENCY, UNQUENCHED, build, probabilities
from scipy.integrate import quad
from scipy.stats import norm, poisson, truncnorm

from cevns_jax.detectors import PerfectResolution, PoissonResolution, gaussian_resolution
from cevns_jax.errors import ConfigError


def gaussian_pieces(energy, sigma, cuts):
    """Integrals of P and x P over each piece in 60 digits, from both tails; and sum of tails."""
    with mpmath.workdps(60):
        e, s = mpmath.mpf(energy), mpmath.mpf(sigma)
        z = [(mpmath.mpf(float(c)) - e) / s for c in cuts]
        inside = [
            mpmath.ncdf(-low) - mpmath.ncdf(-high)
            if low > 0
            else mpmath.ncdf(high) - mpmath.ncdf(low)
            for low, high in pairwise(z)
        ]
        steps = [mpmath.npdf(high) - mpmath.npdf(low) for low, high in pairwise(z)]
        means = [e * p - s * d for p, d in zip(inside, steps, strict=True)]
    return np.array(inside, dtype=float), np.array(means, dtype=float)


@pytest.mark.parametrize(
    ("energy", "sigma"),
    [(e, s) for e in (0.01, 0.5, 1.3, 3.0, 7.0) for s in (0.05, 0.2, 1.0)],
)
def test_gaussian_pieces_keep_their_digits_far_out_on_both_sides(energy, sigma):
    """Down to 1e-268: 1e-11 of each piece, not of the largest one; here up to 37 widths away."""
    cuts = np.linspace(energy - 37 * sigma, energy + 37 * sigma, 38)
    resolution = gaussian_resolution(noise_kev=sigma)
    inside, mean = resolution.pieces(jnp.array(energy), cuts, jnp.array(0.0))
    exact, exact_mean = gaussian_pieces(energy, sigma, cuts)
    assert exact.min() < 1e-250
    np.testing.assert_allclose(inside, exact, rtol=1e-11)
    # x P cancels where x changes sign: relative to the largest |x| in the piece.
    size = np.maximum(abs(cuts[:-1]), abs(cuts[1:])) + energy
    assert (abs(mean - exact_mean) <= 1e-11 * size * exact).all()


@given(energy=st.floats(0.0, 5.0), sigma=st.floats(0.03, 2.0), widening=st.floats(-0.5, 1.0))
def test_gaussian_pieces_are_integrals_of_the_normal_distribution(energy, sigma, widening):
    cuts = np.array([-1.0, 0.0, 0.4, 2.0, 7.0])
    resolution = gaussian_resolution(noise_kev=sigma)
    inside, mean = resolution.pieces(jnp.array(energy), cuts, jnp.array(widening))
    wide = norm(energy, sigma * (1 + widening))
    np.testing.assert_allclose(inside, np.diff(wide.cdf(cuts)), atol=1e-14)
    for value, (low, high) in zip(mean, pairwise(cuts), strict=True):
        peak = [energy] if low < energy < high else None
        exact = quad(lambda x: x * wide.pdf(x), low, high, points=peak, epsabs=1e-13, limit=200)[0]
        assert float(value) == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize("sigma", [1e-3, 1e-6, 1e-12])
def test_a_very_narrow_gaussian_is_a_step(sigma):
    """Finite everywhere, half in each piece at a cut, all in one piece away from it."""
    cuts = np.array([0.5, 1.0, 2.0])
    energy = jnp.array([0.5 - 0.01, 0.5, 0.75, 1.0, 1.5, 2.0, 2.01, 1e4])
    resolution = gaussian_resolution(noise_kev=sigma)
    inside, mean = resolution.pieces(energy, cuts, jnp.array(0.0))
    expected = [[0, 0], [0.5, 0], [1, 0], [0.5, 0.5], [0, 1], [0, 0.5], [0, 0], [0, 0]]
    np.testing.assert_allclose(inside, expected, atol=1e-15)
    np.testing.assert_allclose(mean, expected * np.asarray(energy)[:, None], atol=sigma)
    slope = jax.jit(jax.jacfwd(lambda e: resolution.pieces(e, cuts, jnp.array(0.0))[0]))
    assert np.isfinite(slope(energy)).all()


@pytest.mark.parametrize("energy", [0.0, 0.03, 0.3, 2.0])
def test_a_truncated_gaussian_is_that_of_scipy(energy):
    """Normal above zero, with unit probability there."""
    cuts = np.array([0.0, 0.1, 0.25, 0.6, 8.0])
    resolution = gaussian_resolution(noise_kev=0.15, truncated=True)
    inside, mean = resolution.pieces(jnp.array(energy), cuts, jnp.array(0.0))
    above = truncnorm(-energy / 0.15, np.inf, energy, 0.15)
    np.testing.assert_allclose(inside, np.diff(above.cdf(cuts)), atol=1e-13)
    assert float(jnp.sum(inside)) == pytest.approx(1.0, rel=1e-12)
    assert float(jnp.sum(mean)) == pytest.approx(above.mean(), rel=1e-10)


def test_width_formula_adds_its_terms_in_quadrature():
    resolution = gaussian_resolution(noise_kev=0.3, statistical=0.2, proportional=0.1)
    found = resolution.sigma(jnp.array([-1.0, 0.0, 4.0]))
    np.testing.assert_allclose(found, np.sqrt([0.09, 0.09, 0.09 + 0.04 * 4 + 0.01 * 16]))


@pytest.mark.parametrize("energy", [0.0, 0.02, 0.7, 4.0, 30.0])
def test_poisson_pieces_hold_their_whole_numbers(energy):
    """A number n belongs to the piece with low <= n < high, edges that are no numbers included."""
    cuts = np.array([0.0, 1.0, 2.5, 7.0, 7.2, 7.9, 50.0])
    numbers = [(0,), (1, 2), (3, 4, 5, 6), (7,), (), tuple(range(8, 50))]
    resolution = PoissonResolution(quanta_per_kev=3.3)
    inside, mean = resolution.pieces(jnp.array(energy), cuts, jnp.array(0.0))
    for found, first, whole in zip(inside, mean, numbers, strict=True):
        pmf = poisson.pmf(whole, 3.3 * energy)
        assert float(found) == pytest.approx(np.sum(pmf), rel=1e-11, abs=1e-290)
        assert float(first) == pytest.approx(np.dot(pmf, whole), rel=1e-11, abs=1e-290)


def test_perfect_resolution_puts_everything_at_the_energy():
    """The lower edge belongs to a bin, the upper one to the next."""
    response = build(quenching=UNQUENCHED, resolution=PerfectResolution())
    energy = np.array([0.1, 0.2, 0.4999, 0.5, 1.7, 5.999, 6.0, 80.0])
    found = probabilities(response, energy * 1e-3)
    expected = np.zeros((8, 4))
    for row, column in ((1, 0), (2, 0), (3, 1), (4, 2), (5, 3)):
        expected[row, column] = np.interp(energy[row], EFFICIENCY.x, EFFICIENCY.y)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert response.effects == ()
    assert response.parameters == ()


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({}, 'declare it "perfect"'),
        ({"noise_kev": 0.0, "statistical": 0.0}, 'declare it "perfect"'),
        ({"noise_kev": -0.1}, "noise_kev must be finite and not negative, not -0.1"),
        ({"statistical": np.nan}, "statistical must be finite"),
        ({"proportional": np.inf}, "proportional must be finite"),
    ],
)
def test_a_width_that_is_none_is_refused(terms, text):
    with pytest.raises(ConfigError, match=f"resolution: .*{text}"):
        gaussian_resolution(**terms)
