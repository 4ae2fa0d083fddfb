"""Responses from formulas and tables, against mpmath, scipy and adaptive quadrature."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm, poisson, truncnorm

from cevns_jax.detectors import (
    EnergyResponse,
    GaussianResolution,
    PerfectResolution,
    PoissonResolution,
    PolynomialQuenching,
    TabulatedQuenching,
    energy_response,
    gaussian_resolution,
    lindhard,
    linear_table,
    tabulated_response,
)
from cevns_jax.detectors.quenched_response import QuenchedResponse, quenched_response
from cevns_jax.errors import ConfigError

K = 0.157
EDGES = np.array([0.2, 0.5, 1.0, 2.5, 6.0])
EFFICIENCY = linear_table(
    "efficiency", [0.0, 0.3, 0.45, 1.7, 4.0, 9.0], [0.0, 0.1, 0.8, 0.85, 0.6, 0.6]
)
RECOIL = np.linspace(1e-4, 0.05, 120)  # [MeV]
UNQUENCHED = PolynomialQuenching(coefficients=(1.0,))
WIDTH = gaussian_resolution(noise_kev=0.08, statistical=0.05, proportional=0.02)
WIDTH_TABLE = GaussianResolution(
    linear_table("resolution", [0.0, 1.0, 3.0, 60.0], [0.1, 0.2, 0.15, 0.9])
)


def build(**changed):
    """Lindhard quenching, Gaussian resolution and an efficiency table, all of germanium size."""
    given = {
        "axis": "energy_kevee",
        "edges": EDGES,
        "quenching": lindhard(K, 32),
        "resolution": WIDTH,
        "efficiency": EFFICIENCY,
    }
    return energy_response(**(given | changed))


def probabilities(response, recoil=RECOIL, k=None, **effects):
    """Probability of each bin; ``k`` is that of Lindhard, at its start where it is not given."""
    values = {p.name: p.start if k is None else k for p in response.parameters}
    return np.asarray(response(jnp.asarray(recoil), values, effects))


@jax.jit
def moved(response, k, quenching, resolution):
    """Probability of each bin, compiled, for a value of k and two effects."""
    effects = {"quenching": quenching, "resolution": resolution}
    return response(jnp.asarray(RECOIL), {"lindhard_k": k}, effects)


# Quenching


def lindhard_energy(recoil, k, protons):
    """E_ee = T k g/(1 + k g), g = 3 e^0.15 + 0.7 e^0.6 + e, e = 11.5 Z^(-7/3) T/keV, 30 digits."""
    with mpmath.workdps(30):
        e = mpmath.mpf("11.5") * mpmath.mpf(protons) ** (mpmath.mpf(-7) / 3) * recoil * 1000
        g = 3 * e ** mpmath.mpf("0.15") + mpmath.mpf("0.7") * e ** mpmath.mpf("0.6") + e
        return float(recoil * k * g / (1 + k * g))


@pytest.mark.parametrize(("k", "protons"), [(0.157, 32), (0.1, 14), (0.2, 54)])
def test_lindhard_is_its_formula(k, protons):
    recoil = np.geomspace(1e-7, 0.1, 25)  # [MeV]
    found = lindhard(k, protons)(recoil, {"lindhard_k": k})
    exact = [lindhard_energy(t, k, protons) for t in recoil]
    np.testing.assert_allclose(found, exact, rtol=1e-13)


def test_lindhard_declares_its_parameter():
    (declared,) = lindhard(0.16, 32, parameter="k_ge").parameters
    assert (declared.name, declared.start) == ("k_ge", 0.16)
    assert (declared.lower, declared.upper) == (0.0, 1.0)


@given(recoil=st.floats(1e-6, 0.1))
def test_tabulated_quenching_is_linear_in_the_factor(recoil):
    factor = linear_table("quenching", [0.0, 1.0, 10.0, 50.0], [0.1, 0.18, 0.22, 0.3])
    found = TabulatedQuenching(factor)(recoil, {})
    expected = recoil * np.interp(1e3 * recoil, factor.x, factor.y)
    assert float(found) == pytest.approx(expected, rel=1e-13)


def test_linear_table_goes_through_its_rows_and_stays_at_its_ends():
    table = linear_table("x", [1.0, 2.0, 4.0], [3.0, 5.0, 1.0])
    found = table(jnp.array([0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 9.0]))
    np.testing.assert_allclose(found, [3.0, 3.0, 4.0, 5.0, 3.0, 1.0, 1.0], rtol=1e-15)


# Resolution


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


# Efficiency


@pytest.mark.parametrize("resolution", [WIDTH, WIDTH_TABLE])
def test_an_efficiency_table_is_folded_exactly(resolution):
    """Integral of efficiency(x) P(x | E) over each bin by quadrature, split at all rows."""
    response = build(quenching=UNQUENCHED, resolution=resolution)
    energies = [0.05, 0.3, 0.47, 1.2, 2.5, 4.1, 7.0]
    found = probabilities(response, 1e-3 * np.array(energies))
    for energy, row in zip(energies, found, strict=True):
        density = norm(energy, float(resolution.sigma(jnp.array(energy)))).pdf
        for value, (low, high) in zip(row, pairwise(EDGES), strict=True):
            rows = EFFICIENCY.x[(EFFICIENCY.x > low) & (EFFICIENCY.x < high)]
            near = energy + np.array([-1.0, -0.3, 0.0, 0.3, 1.0]) * 0.3
            points = sorted({low, high, *rows, *near[(near > low) & (near < high)]})
            expected = sum(
                quad(
                    lambda x, density=density: (
                        np.interp(x, EFFICIENCY.x, EFFICIENCY.y) * density(x)
                    ),
                    *piece,
                    epsabs=1e-14,
                    epsrel=1e-12,
                )[0]
                for piece in pairwise(points)
            )
            assert value == pytest.approx(expected, abs=1e-12)


def test_an_efficiency_table_acts_on_whole_numbers():
    """Against the number of quanta, where the resolution is Poisson."""
    efficiency = linear_table("efficiency", [0.0, 2.5, 10.0, 20.0], [0.0, 0.5, 0.9, 0.4])
    response = build(
        edges=np.array([1.0, 3.0, 12.0]),
        quenching=UNQUENCHED,
        resolution=PoissonResolution(quanta_per_kev=2.0),
        efficiency=efficiency,
    )
    for energy, row in zip(
        (0.3, 2.0, 9.0), probabilities(response, [3e-4, 2e-3, 9e-3]), strict=True
    ):
        for value, numbers in zip(row, (np.arange(1, 3), np.arange(3, 12)), strict=True):
            kept = np.interp(numbers, efficiency.x, efficiency.y)
            assert value == pytest.approx(kept @ poisson.pmf(numbers, 2 * energy), rel=1e-11)


@given(energy=st.floats(0.0, 20.0), efficiency=st.floats(0.0, 1.0))
@pytest.mark.parametrize(
    ("resolution", "edges"),
    [
        (WIDTH, np.array([-3.0, 0.1, 0.7, 5.0, 40.0])),
        (PoissonResolution(quanta_per_kev=4.0), np.array([0.0, 1.0, 7.0, 300.0])),
        (PerfectResolution(), np.array([0.0, 0.3, 9.0, 25.0])),
    ],
)
def test_probabilities_add_up_to_the_efficiency(resolution, edges, energy, efficiency):
    """Bins that hold everything: nothing is lost, and nothing counted twice."""
    response = build(
        edges=edges, quenching=UNQUENCHED, resolution=resolution, efficiency=efficiency
    )
    found = probabilities(response, energy * 1e-3)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(efficiency, rel=1e-12, abs=1e-15)


@given(energy=st.floats(0.0, 9.0))
def test_coarse_bins_are_sums_of_fine_ones(energy):
    fine = build(edges=np.union1d(EDGES, [0.31, 0.77, 1.9, 4.4]), quenching=UNQUENCHED)
    parts, whole = (probabilities(r, energy * 1e-3) for r in (fine, build(quenching=UNQUENCHED)))
    starts = np.searchsorted(fine.bins, EDGES[:-1])
    np.testing.assert_allclose(np.add.reduceat(parts, starts), whole, atol=1e-14)


def test_a_recoil_efficiency_is_one_more_factor():
    curve = linear_table("efficiency", [0.0, 4.0, 10.0, 60.0], [0.0, 0.4, 1.0, 0.9])
    both = build(recoil_efficiency=curve)
    factor = np.interp(RECOIL * 1e3, curve.x, curve.y)[:, None]
    expected = factor * moved(build(), K, 0.0, 0.0)
    np.testing.assert_allclose(moved(both, K, 0.0, 0.0), expected, rtol=1e-13)
    table = quenched_response(both, RECOIL)
    assert isinstance(table, QuenchedResponse)
    np.testing.assert_allclose(moved(table, K, 0.0, 0.0), expected, atol=1e-7)


# The table in E_ee


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"resolution": gaussian_resolution(noise_kev=0.03), "efficiency": 0.9},
        {"resolution": PoissonResolution(quanta_per_kev=5.0), "edges": np.arange(0.0, 31.0, 6)},
        {"edges": np.array([0.2, 1.0, 30.0])},
    ],
    ids=["formula", "sharp", "poisson", "open"],
)
def tabulated(request):
    """A response and its table in E_ee, compiled: recoils, k and effect -> probabilities."""
    efficiency = {"efficiency": 0.8} if "edges" in request.param else {}
    response = build(**(efficiency | request.param))
    table = quenched_response(response, RECOIL)
    assert isinstance(table, QuenchedResponse)
    return lambda k, q: tuple(np.asarray(moved(r, k, q, 0.0)) for r in (response, table))


@given(effect=st.floats(-0.2, 0.2))
def test_the_table_in_energy_is_the_response(tabulated, effect):
    """For every change of the quenching by up to 20 %: 1e-7 of a probability in the middle between
    knots, where the table is judged, and hardly more elsewhere."""
    exact, found = tabulated(K, effect)
    np.testing.assert_allclose(found, exact, atol=1.1e-7, rtol=0)
    assert exact.max() > 0.1


@given(k=st.floats(0.1, 0.22))
def test_the_table_in_energy_follows_the_quenching_model(tabulated, k):
    exact, found = tabulated(k, 0.0)
    np.testing.assert_allclose(found, exact, atol=1.1e-7, rtol=0)


@pytest.mark.parametrize("resolution", [gaussian_resolution(noise_kev=1e-5), WIDTH_TABLE])
def test_a_response_that_no_table_can_hold_stays_what_it_is(resolution):
    """Too sharp, or with kinks where its width has them."""
    assert isinstance(quenched_response(build(resolution=resolution), RECOIL), EnergyResponse)


def test_bins_that_only_a_tail_reaches_can_be_tabulated():
    """Twenty widths above the highest energy: nothing of note arrives, but it is no error."""
    response = build(
        edges=np.array([55.0, 60.0]),
        quenching=UNQUENCHED,
        resolution=gaussian_resolution(noise_kev=1.2),
        efficiency=1.0,
    )
    recoil = np.linspace(1e-4, 0.02, 50)
    found = probabilities(quenched_response(response, recoil), recoil)
    np.testing.assert_allclose(found, 0.0, atol=1e-15)


# Derivatives


slopes_of = jax.jit(jax.jacfwd(moved, argnums=(1, 2, 3)))


def check_slopes(response, which, points, step, accuracy):
    """Derivative in one argument of ``moved`` against a central difference of fourth order."""
    for point in points:
        start = np.array(point)
        slope = slopes_of(response, *start)[which]
        numbers = [moved(response, *(start + i * step * np.eye(3)[which])) for i in (-2, -1, 1, 2)]
        difference = (numbers[0] - 8 * numbers[1] + 8 * numbers[2] - numbers[3]) / (12 * step)
        np.testing.assert_allclose(slope, difference, atol=accuracy, rtol=0)
        assert abs(difference).max() > 0.05  # it acts


@pytest.mark.parametrize("resolution", [WIDTH, WIDTH_TABLE, PoissonResolution(quanta_per_kev=1.0)])
def test_slope_in_the_quenching_effect(resolution):
    """At recoils whose energies do not sit on a row of the table of widths."""
    points = [(K, q, 0.0) for q in (-0.15, 0.0, 0.1)]
    check_slopes(build(resolution=resolution), 1, points, 1e-5, 1e-6)


def test_slope_in_the_resolution_effect():
    points = [(K, 0.0, w) for w in (-0.3, 0.0, 0.2)]
    check_slopes(build(), 2, points, 1e-4, 1e-8)


@pytest.mark.parametrize("make", [lambda r: r, lambda r: quenched_response(r, RECOIL)])
def test_slope_in_the_lindhard_parameter(make):
    points = [(k, 0.0, 0.0) for k in (0.12, K, 0.2)]
    check_slopes(make(build()), 0, points, 1e-5, 1e-6)


def test_slopes_of_the_table_in_energy_are_those_of_the_response():
    """The derivative of the description itself: 1e-4 of a probability per unit of the effect."""
    both = (build(), quenched_response(build(), RECOIL))
    slopes = [slopes_of(response, K, 0.0, 0.0)[1] for response in both]
    assert abs(slopes[0]).max() > 0.5
    np.testing.assert_allclose(slopes[1], slopes[0], atol=1e-4)


def test_a_resolution_moved_by_an_effect_is_the_wider_one():
    wide = gaussian_resolution(noise_kev=0.08 * 1.3, statistical=0.05 * 1.3, proportional=0.026)
    found = probabilities(build(), resolution=0.3)
    np.testing.assert_allclose(found, probabilities(build(resolution=wide)), atol=1e-14)


def test_a_quenching_moved_by_an_effect_is_the_scaled_one():
    factor = linear_table("quenching", [0.0, 10.0, 60.0], [0.15, 0.25, 0.3])
    scaled = linear_table("quenching", [0.0, 10.0, 60.0], 0.9 * np.array([0.15, 0.25, 0.3]))
    found = probabilities(build(quenching=TabulatedQuenching(factor)), quenching=-0.1)
    expected = probabilities(build(quenching=TabulatedQuenching(scaled)))
    np.testing.assert_allclose(found, expected, atol=1e-13)


# A ready table


CURVES = {
    "recoil_kev": np.array([0.0, 1.0, 5.0, 30.0]),
    "probability": np.array(
        [
            [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
            [[0.2, 0.1], [0.1, 0.0], [0.0, 0.0]],
            [[0.0, 0.1], [0.3, 0.2], [0.1, 0.05]],
            [[0.0, 0.0], [0.0, 0.1], [0.5, 0.4]],
        ]
    ),
}
AXES = {"s1_pe": np.array([0.0, 3.0, 8.0, 20.0]), "s2_pe": np.array([10.0, 50.0, 400.0])}


@given(recoil=st.floats(0.0, 40.0))
def test_a_table_of_recoils_is_linear_between_them(recoil):
    """Bins of both quantities in the order of the table, the last one running fastest."""
    response = tabulated_response(AXES, **CURVES)
    found = probabilities(response, np.array([[recoil, 2.0]]) * 1e-3)
    assert found.shape == (1, 2, 6)
    flat = CURVES["probability"].reshape(4, 6)
    for value, t in zip(found[0], (recoil, 2.0), strict=True):
        expected = [np.interp(t, CURVES["recoil_kev"], column) for column in flat.T]
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15)


def test_a_table_of_recoils_knows_its_axes_and_where_it_bends():
    response = tabulated_response(AXES, **CURVES)
    assert list(response.axes) == ["s1_pe", "s2_pe"]
    np.testing.assert_array_equal(response.axes["s2_pe"], AXES["s2_pe"])
    np.testing.assert_allclose(response.splits(0.0, 0.03), [0.0, 1e-3, 5e-3, 0.03])
    assert response.effects == ()
    assert response.parameters == ()


# What is refused


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([1.0], [1.0], "at least two rows"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "same length"),
        ([[1.0, 2.0]], [[1.0, 2.0]], "two columns"),
        ([1.0, 1.0], [1.0, 2.0], "must ascend"),
        ([2.0, 1.0], [1.0, 2.0], "must ascend"),
        ([1.0, np.inf], [1.0, 2.0], "finite"),
        ([1.0, 2.0], [1.0, np.nan], "finite"),
        ([1.0, 2.0, 3.0], [1.0, -0.1, -2.0], "row 2 is negative"),
    ],
)
def test_a_table_that_is_none_is_refused(x, y, text):
    with pytest.raises(ConfigError, match=f"curve: .*{text}"):
        linear_table("curve", x, y)


@pytest.mark.parametrize("k", [0.0, -0.1, 1.01, np.nan])
def test_a_lindhard_parameter_outside_its_domain_is_refused(k):
    with pytest.raises(ConfigError, match="quenching: k must lie between 0 and 1"):
        lindhard(k, 32)


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


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"edges": np.array([1.0])}, "energy_kevee: needs at least two finite bin edges"),
        ({"edges": np.array([[1.0, 2.0]])}, "two finite bin edges"),
        ({"edges": np.array([1.0, np.nan])}, "finite bin edges"),
        ({"edges": np.array([1.0, 3.0, 2.0])}, "energy_kevee: bin edges must ascend"),
        ({"edges": np.array([1.0, 1.0])}, "bin edges must ascend"),
        ({"edges": np.array([0.5, 9.5])}, "efficiency: the table must reach from 0.5 to 9.5"),
        (
            {
                "edges": np.array([-0.1, 1.0]),
                "efficiency": 1.0,
                "resolution": gaussian_resolution(noise_kev=0.1, truncated=True),
            },
            "bins must begin at 0 or above with a truncated resolution",
        ),
        (
            {
                "edges": np.array([0.0, 1e6]),
                "efficiency": 1.0,
                "resolution": PoissonResolution(quanta_per_kev=1.0),
            },
            "bins must lie within 0 and 10000 photo-electrons",
        ),
        ({"efficiency": 1.2}, "efficiency: must lie between 0 and 1, not at 1.2"),
        ({"efficiency": -0.1}, "efficiency: must lie between 0 and 1"),
        ({"efficiency": np.nan}, "efficiency: must lie between 0 and 1"),
        (
            {"efficiency": linear_table("efficiency", [0, 2.5, 9], [0.0, 1.1, 0.5])},
            "efficiency: must lie between 0 and 1, not at 1.1",
        ),
        (
            {"recoil_efficiency": linear_table("efficiency", [0, 9], [0.0, 1.4])},
            "efficiency: must lie between 0 and 1, not at 1.4",
        ),
    ],
)
def test_a_response_that_makes_no_sense_is_refused(changed, text):
    with pytest.raises(ConfigError, match=text):
        build(**changed)


def short(name):
    return linear_table(name, [0.01, 20.0], [0.3, 0.3])


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("quenching", {"quenching": TabulatedQuenching(short("quenching"))}),
        ("acceptance", {"recoil_efficiency": short("acceptance")}),
        ("width", {"resolution": GaussianResolution(short("width")), "quenching": UNQUENCHED}),
    ],
)
def test_a_table_that_does_not_hold_all_recoils_is_refused(name, changed):
    """Recoils from 0 to 30 keV; what helps besides a longer table is said."""
    text = f"{name}: the table must reach from 0 to 30.*, not from 0.01 to 20.*recoil_min_kev"
    with pytest.raises(ConfigError, match=text):
        build(**changed).splits(0.0, 0.03)


def test_a_table_of_widths_is_needed_up_to_the_quenched_energy_only():
    """8 keV, where recoils end at 30 keV."""
    response = build(resolution=GaussianResolution(short("width")))
    assert response.splits(0.001, 0.03).max() < 0.03


@pytest.mark.parametrize(("sigma", "split"), [(1e-4, True), (0.3, False)])
def test_recoils_are_split_at_bin_edges_that_are_sharp(sigma, split):
    """A resolution that is wide beside the bins leaves nothing of them to split at."""
    width = linear_table("width", [0.01, 20.0], [sigma, sigma])
    bends = build(resolution=GaussianResolution(width)).splits(0.001, 0.03)
    quenched = lindhard(K, 32)(bends, {"lindhard_k": K}) * 1e3
    nearest = abs(quenched[:, None] - np.array(EDGES)).min(axis=0)
    assert (nearest.max() < 1e-9) == split


def test_a_table_of_recoils_must_hold_all_of_them():
    with pytest.raises(
        ConfigError, match=r"response: the table must reach from 0 to 31.*recoil_min"
    ):
        tabulated_response(AXES, **CURVES).splits(0.0, 0.031)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"probability": np.zeros((4, 6))}, r"shape \(4, 6\), not recoils x bins \(4, 3, 2\)"),
        ({"probability": np.zeros((3, 3, 2))}, r"shape \(3, 3, 2\), not"),
        ({"recoil_kev": np.array([0.0, 1.0, 1.0, 30.0])}, "recoil_kev must ascend"),
        ({"recoil_kev": np.array([-1.0, 1.0, 2.0, 30.0])}, "recoil_kev must ascend, from 0"),
        ({"recoil_kev": np.array([0.0, 1.0, 2.0, np.nan])}, "recoil_kev must ascend"),
        ({"recoil_kev": np.zeros((2, 2))}, "at least two recoil energies"),
        ({"probability": CURVES["probability"] - 0.01}, "at 0 keV must not be negative"),
        ({"probability": 1.2 * CURVES["probability"]}, r"at 30 keV .*more than 1 \(sum 1.2\)"),
        ({"probability": CURVES["probability"] * np.nan}, "must not be negative"),
        ({"axes": AXES | {"s1_pe": np.array([0.0, 8.0, 3.0, 20.0])}}, "s1_pe: bin edges must"),
        ({"axes": AXES | {"s2_pe": np.array([1.0, 2.0, np.inf])}}, "s2_pe: needs .* finite"),
    ],
)
def test_a_table_of_recoils_that_makes_no_sense_is_refused(changed, text):
    with pytest.raises(ConfigError, match=f"response: .*{text}"):
        tabulated_response(**({"axes": AXES} | CURVES | changed))


def test_a_table_of_recoils_needs_two_of_them():
    with pytest.raises(ConfigError, match="at least two recoil energies"):
        tabulated_response({"x": np.array([0.0, 1.0])}, np.array([1.0]), np.zeros((1, 1)))
