"""Detector responses against adaptive quadrature of the released description."""

import tomllib
from itertools import pairwise
from math import exp, log

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.signal import fftconvolve
from scipy.stats import gamma, poisson

from cevns_jax.data.tables import DATA, read_table
from cevns_jax.detectors.efficiency import LogisticEfficiency, SteppedEfficiency
from cevns_jax.detectors.quenching import polynomial_quenching
from cevns_jax.detectors.scintillation import (
    FixedResponse,
    GammaBins,
    PoissonBins,
    fixed_response,
    movable_response,
    photoelectron_density,
)
from cevns_jax.detectors.spline import spline, spline_2d
from cevns_jax.detectors.timing import (
    DecayingEfficiency,
    accepted_fractions,
    pulse_fractions,
    timing,
)

FOLDER = DATA / "coherent_csi_2021"
MEASURED = tomllib.loads((FOLDER / "measurement.toml").read_text(encoding="utf-8"))
QUENCHING = {name: np.array(row) for name, row in MEASURED["quenching"].items()}
CURVES = {name: np.array(row) for name, row in MEASURED["energy_efficiency"].items()}
MODES = np.stack([(QUENCHING[f"mode_{i}_plus"] - QUENCHING[f"mode_{i}_minus"]) / 2 for i in (0, 1)])
CURVE_MODE = (CURVES["plus"] - CURVES["minus"]) / 2
BINS = GammaBins(
    edges=np.array([0.0, 8, 12, 16, 20, 24, 32, 40, 50, 60]), inverse_yield=0.0749, spread=9.56
)
RECOIL = np.linspace(1e-4, 0.05, 150)  # [MeV]
TIME_EDGES = np.array([0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6])
FLAVOURS = ("nu_mu", "nu_mu_bar", "nu_e")
ARRIVALS = read_table(FOLDER / "neutrino_time.csv", ("time_us", *FLAVOURS))
CUMULATIVE = np.stack([ARRIVALS[flavour] for flavour in FLAVOURS])
DECAYING = DecayingEfficiency(start=0.52, rate=0.0494)
NAMED_MODES = {f"quenching_{i}": mode for i, mode in enumerate(MODES)}


def efficiency(pull=0.0):
    return LogisticEfficiency(coefficients=CURVES["nominal"] + pull * CURVE_MODE)


def released_efficiency(x, curve):
    a, b, c, d = curve
    return max(a / (1 + exp(-b * (x - c))) + d, 0.0)


@pytest.mark.parametrize("energy", [0.05, 0.3, 1.0, 2.5, 6.0])
def test_photoelectron_density_has_the_released_moments(energy):
    """T371/NT: P(x|E) = [a(1+b)]^(1+b)/Gamma(1+b) x^b exp(-a(1+b)x): norm 1, mean 1/a,
    variance 1/(a^2 (1+b)) with a = 0.0749/E and b = 9.56 E."""
    a, b = 0.0749 / energy, 9.56 * energy

    def moment(power):
        def integrand(x):
            p = photoelectron_density(x, energy, inverse_yield=0.0749, spread=9.56)
            return float(p) * x**power

        pieces = zip((0, 0.5 / a, 2 / a), (0.5 / a, 2 / a, 60 / a), strict=True)
        return sum(quad(integrand, *piece, epsabs=1e-13, epsrel=1e-11)[0] for piece in pieces)

    assert moment(0) == pytest.approx(1.0, rel=1e-9)
    assert moment(1) == pytest.approx(1 / a, rel=1e-9)
    assert moment(2) - moment(1) ** 2 == pytest.approx(1 / (a**2 * (1 + b)), rel=1e-8)


@pytest.mark.parametrize("curve", ["nominal", "plus", "minus"])
def test_bin_probabilities_are_adaptive_integrals(curve):
    """All 9 bins, recoils from far below threshold to above the last bin, the kink split."""
    a, b, c, d = CURVES[curve]
    kink = c - log(-a / d - 1) / b
    energies = np.array([0.02, 0.1, 0.3, 0.5, 0.8, 1.2, 1.7, 2.4, 3.3, 4.2, 5.5, 9.0])
    found = BINS.probabilities(energies, [LogisticEfficiency(coefficients=CURVES[curve])])[0]
    for energy, row in zip(energies, found, strict=True):
        shape = 1 + 9.56 * energy
        density = gamma(shape, scale=energy / (0.0749 * shape)).pdf
        for low, high, value in zip(BINS.edges[:-1], BINS.edges[1:], row, strict=True):
            points = [kink] if low < kink < high else None
            expected = quad(
                lambda x, density=density: released_efficiency(x, CURVES[curve]) * density(x),
                low,
                high,
                points=points,
                epsabs=1e-12,
            )[0]
            assert value == pytest.approx(expected, abs=1e-9)


@given(energy=st.floats(-1.0, 12.0), pull=st.floats(-5.0, 5.0))
def test_no_recoil_is_counted_more_than_once(energy, pull):
    found = BINS.probabilities(np.array([energy]), [efficiency(pull)])
    assert (found >= 0).all()
    assert found.sum() <= 1
    assert energy > 0 or (found == 0).all()


def test_finer_bins_add_up_to_coarse_ones():
    fine = GammaBins(edges=np.arange(61.0), inverse_yield=0.0749, spread=9.56)
    energies = np.linspace(0.1, 5.0, 20)
    whole = BINS.probabilities(energies, [efficiency()])[0]
    parts = fine.probabilities(energies, [efficiency()])[0]
    starts = BINS.edges[:-1].astype(int)
    np.testing.assert_allclose(np.add.reduceat(parts, starts, axis=1), whole, atol=1e-14)


@pytest.fixture(scope="module")
def response():
    """The tabulated response, compiled: recoils and three pulls -> probabilities."""
    table = movable_response(BINS, QUENCHING["nominal"], NAMED_MODES, efficiency)
    names = ("quenching_0", "quenching_1", "efficiency")
    return jax.jit(lambda t, pulls: table(t, {}, dict(zip(names, pulls, strict=True))))


def direct(pulls):
    energy = polynomial_quenching(RECOIL, QUENCHING["nominal"] + pulls[:2] @ MODES)
    return BINS.probabilities(1e3 * energy, [efficiency(pulls[2])])[0]


@pytest.mark.parametrize(
    ("pulls", "accuracy"),
    [
        ((0, 0, 0), 1e-7),
        ((1, 0, 0), 1e-7),
        ((-3, 2, 0), 1e-7),
        ((5, -5, 0), 1e-7),
        ((0, 0, 1), 1e-7),  # a knot of the table
        ((0, 0, 0.25), 3e-5),
        ((0, 0, -1.3125), 3e-5),  # the worst: the threshold crosses the first bin edge nearby
        ((0, 0, 4.75), 3e-5),
        ((1.3, -2.2, 1.77), 3e-5),
        ((-5, -5, -4.9), 3e-5),
    ],
)
def test_tabulated_response_is_the_direct_one(response, pulls, accuracy):
    """Measured: 3e-8 at the knots in the efficiency pull, at most 2.2e-5 between them."""
    pulls = np.array(pulls, dtype=float)
    np.testing.assert_allclose(response(RECOIL, pulls), direct(pulls), atol=accuracy, rtol=0)


def test_fixed_response_is_the_direct_one_at_its_nodes():
    fixed = fixed_response(RECOIL.reshape(2, 75), BINS, QUENCHING["nominal"], efficiency())
    assert isinstance(fixed, FixedResponse)
    found = np.asarray(fixed(RECOIL, {}, {})).reshape(150, -1)
    np.testing.assert_allclose(found, direct(np.zeros(3)), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("pulls", [(0.1, 0.1, 0.1), (1.3, -2.2, 1.77), (-4.0, 3.0, -0.8)])
def test_gradients_of_the_response_in_its_pulls(response, pulls):
    pulls = jnp.array(pulls)
    slopes = jax.jacfwd(response, argnums=1)(RECOIL, pulls)
    for index, step in enumerate(1e-4 * np.eye(3)):
        difference = (response(RECOIL, pulls + step) - response(RECOIL, pulls - step)) / 2e-4
        np.testing.assert_allclose(slopes[..., index], difference, atol=1e-7)
        assert abs(slopes[..., index]).max() > 1e-3  # every pull acts


def test_slopes_are_those_of_the_direct_integral(response):
    """Not only self-consistent: the derivative of the description itself.

    1e-5 for quenching; 1e-4 for the efficiency pull, whose knots are half a deviation apart.
    """
    slopes = jax.jacfwd(response, argnums=1)(RECOIL, jnp.zeros(3))
    for index, step in enumerate(1e-3 * np.eye(3)):
        difference = (direct(step) - direct(-step)) / 2e-3
        accuracy = 1e-5 if index < 2 else 1e-4
        np.testing.assert_allclose(slopes[..., index], difference, atol=accuracy)


def test_response_stays_constant_beyond_the_domain_of_its_pulls(response):
    for pulls in (np.array([5.0, -5.0, 5.0]), np.array([-5.0, 5.0, -5.0])):
        np.testing.assert_array_equal(response(RECOIL, 1.4 * pulls), response(RECOIL, pulls))


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize(("sign", "name"), [(1.0, "plus"), (-1.0, "minus")])
def test_unit_pulls_are_the_released_coefficients(mode, sign, name):
    """scintRespCoefficients.txt, six printed digits."""
    released = QUENCHING[f"mode_{mode}_{name}"]
    moved = QUENCHING["nominal"] + sign * MODES[mode]
    np.testing.assert_allclose(
        polynomial_quenching(RECOIL, moved), polynomial_quenching(RECOIL, released), rtol=1e-4
    )
    np.testing.assert_allclose(moved, released, rtol=2e-5)


def test_unit_efficiency_pulls_are_the_released_curves():
    """effCoefficients.txt: symmetric to the printed digits."""
    for sign, name in ((1, "plus"), (-1, "minus")):
        moved = CURVES["nominal"] + sign * CURVE_MODE
        np.testing.assert_allclose(moved, CURVES[name], rtol=2e-4)


@given(recoil=st.floats(1e-6, 0.05), first=st.floats(-5.0, 5.0), second=st.floats(-5.0, 5.0))
def test_quenching_is_positive_and_below_one_for_all_pulls(recoil, first, second):
    """Up to 50 keV, above the end point of CsI (47 keV): light is never negative."""
    coefficients = QUENCHING["nominal"] + first * MODES[0] + second * MODES[1]
    assert 0 < polynomial_quenching(recoil, coefficients) < recoil


def test_efficiency_is_the_released_curve_and_zero_below_its_threshold():
    """Z21: set to 0 where negative, below 7.07 PE."""
    x = np.linspace(0.0, 60.0, 601)
    found = efficiency()(x)
    np.testing.assert_allclose(found, [released_efficiency(v, CURVES["nominal"]) for v in x])
    assert efficiency().threshold == pytest.approx(7.07, abs=0.005)
    assert (found[x < 7.065] == 0).all()
    assert (found[x > 7.075] > 0).all()
    assert (found < 1).all()
    assert LogisticEfficiency(coefficients=np.array([1.0, 0.3, 10.0, 0.05])).threshold == 0.0


def test_poisson_bins_hold_whole_photoelectrons():
    """Z17: n photo-electrons sit at n - 0.5; 6 to 30 PE holds n = 7 ... 30."""
    bins = PoissonBins(edges=np.array([6.0, 8, 10, 30]), light_yield=13.348)
    stepped = SteppedEfficiency(coefficients=np.array([0.6655, 0.4942, 10.8507]))
    energy = np.array([0.0, 0.4, 1.1])
    found = bins.probabilities(energy, [stepped])[0]
    for row, mean in zip(found, 13.348 * energy, strict=True):
        for value, numbers in zip(row, ((7, 8), (9, 10), range(11, 31)), strict=True):
            kept = [0.6655 / (1 + exp(-0.4942 * (n - 0.5 - 10.8507))) for n in numbers]
            expected = np.dot(kept, poisson.pmf(numbers, mean))
            assert value == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_stepped_efficiency_has_its_half_step():
    stepped = SteppedEfficiency(coefficients=np.array([1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(stepped(np.array([4.5, 5.5, 6.5])), [0.0, 0.25, 0.5])


def test_time_efficiency_and_its_integral():
    """NT, BG: 1 below 0.52 us, exp(-0.0494 (t - 0.52)) after it."""
    time = np.array([0.0, 0.3, 0.52, 1.0, 6.0])
    expected = [1.0, 1.0, 1.0, exp(-0.0494 * 0.48), exp(-0.0494 * 5.48)]
    np.testing.assert_allclose(DECAYING(time), expected)
    for low, high in ((0.0, 0.4), (0.3, 2.0), (1.0, 6.0)):
        found = np.diff(DECAYING.integral(np.array([low, high])))[0]
        assert found == pytest.approx(quad(DECAYING, low, high, points=[0.52])[0], rel=1e-10)


@pytest.mark.parametrize("shift", [0.0, 0.0737, -0.21])
def test_accepted_fractions_are_adaptive_integrals(shift):
    """Density of the released histogram, delayed by the shift, times the time efficiency."""
    edges = ARRIVALS["time_us"] + shift
    found = accepted_fractions(TIME_EDGES, ARRIVALS["time_us"], CUMULATIVE, DECAYING, shift)
    for row, values in zip(CUMULATIVE, found, strict=True):
        density = np.diff(row) / np.diff(edges)
        for low, high, value in zip(TIME_EDGES[:-1], TIME_EDGES[1:], values, strict=True):
            cuts = [low, *edges[(edges > low) & (edges < high)], high]
            expected = 0.0
            for left, right in pairwise(cuts):
                cell = np.searchsorted(edges, (left + right) / 2) - 1
                if 0 <= cell < len(density):
                    kink = [0.52] if left < 0.52 < right else None
                    expected += density[cell] * quad(DECAYING, left, right, points=kink)[0]
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(shift=st.floats(-0.5, 0.5))
def test_a_shift_conserves_the_neutrinos_of_a_wide_window(shift):
    """Without loss by the efficiency: everything that the table holds arrives once."""
    lossless = DecayingEfficiency(start=100.0, rate=0.05)
    wide = np.array([-1.0, 0.4, 2.0, 9.0])
    found = accepted_fractions(wide, ARRIVALS["time_us"], CUMULATIVE, lossless, shift)
    np.testing.assert_allclose(found.sum(axis=1), CUMULATIVE[:, -1], rtol=1e-12)


@pytest.fixture(scope="module")
def shifted():
    movable = timing(TIME_EDGES, ARRIVALS["time_us"], CUMULATIVE, DECAYING, movable=True)
    return jax.jit(lambda ns: movable({"timing_ns": ns}))


@pytest.mark.parametrize("shift_ns", [-250.0, 0.0, 10.0, 100.0, -225.0, -33.0, 4.9, 75.0, 177.7])
def test_shifted_timing_is_the_exact_fraction(shifted, shift_ns):
    """Exact every 10 ns; between these knots the smooth spline leaves the histogram by 2.3e-4."""
    exact = accepted_fractions(
        TIME_EDGES, ARRIVALS["time_us"], CUMULATIVE, DECAYING, 1e-3 * shift_ns
    )
    accuracy = 1e-14 if shift_ns % 10 == 0 else 3e-4
    np.testing.assert_allclose(shifted(shift_ns), exact, atol=accuracy, rtol=0)


@pytest.mark.parametrize("shift_ns", [-120.0, 0.0, 3.0, 55.0])
def test_shifted_timing_has_the_right_gradient(shifted, shift_ns):
    """Its own difference quotient, and the slope of the exact fractions over 40 ns."""
    slope = jax.jacfwd(shifted)(shift_ns)
    own = (shifted(shift_ns + 0.01) - shifted(shift_ns - 0.01)) / 0.02
    np.testing.assert_allclose(slope, own, atol=1e-9)
    far = [
        accepted_fractions(TIME_EDGES, ARRIVALS["time_us"], CUMULATIVE, DECAYING, 1e-3 * s)
        for s in (shift_ns - 20, shift_ns + 20)
    ]
    assert abs(slope).max() > 1e-4
    np.testing.assert_allclose(slope, (far[1] - far[0]) / 40, atol=0.05 * abs(slope).max())


def test_unmovable_timing_is_the_shift_zero(shifted):
    fixed = timing(TIME_EDGES, ARRIVALS["time_us"], CUMULATIVE, DECAYING, movable=False)
    np.testing.assert_allclose(fixed({}), shifted(0.0), atol=1e-15)


def test_a_pulse_is_followed_by_the_decays():
    """Against a table of the density: the pulse, then the pion of 26 ns, then the muon of 2197."""
    mean, width, step = 0.4, 0.2, 5e-4
    time = np.arange(-2.0, 20.0, step)
    pulse = np.exp(-(((time - mean) / width) ** 2) / 2)

    def decayed(density, lifetime):
        return fftconvolve(density, np.exp(-(time - time[0]) / lifetime))[: len(time)]

    prompt = decayed(pulse, 0.026033)
    delayed = decayed(prompt, 2.1969811)
    edges = np.array([-0.5, 0.2, 0.5, 1.0, 3.0, 6.0])
    found = pulse_fractions(edges, mean=mean, width=width)
    for row, density in zip(found, (prompt, delayed, delayed), strict=True):
        cumulative = np.cumsum(density) / density.sum()
        expected = np.diff(np.interp(edges, time + step / 2, cumulative))
        np.testing.assert_allclose(row, expected, atol=2e-3)


@given(x=st.floats(-3.0, 6.0))
def test_spline_reproduces_a_cubic_and_stays_at_its_ends(x):
    def cubic(t):
        return np.stack([1 - 2 * t + 0.5 * t**2 + 0.3 * t**3, t**3], axis=-1)

    table = spline(-1.0, 4.0, cubic(np.linspace(-1.0, 4.0, 8)))
    np.testing.assert_allclose(table(x), cubic(np.clip(x, -1.0, 4.0)), rtol=1e-12, atol=1e-12)


@given(x=st.floats(-3.0, 6.0), y=st.floats(-2.0, 2.0))
def test_spline_in_two_variables_reproduces_a_bicubic_and_stays_at_its_ends(x, y):
    def bicubic(s, t):
        return np.stack([(s**3 - s) * (1 + t**2), (2 + s**2) * (t**3 - t) + s], axis=-1)

    grid = np.meshgrid(np.linspace(-1.0, 4.0, 8), np.linspace(-1.0, 1.0, 6), indexing="ij")
    table = spline_2d((-1.0, 4.0), (-1.0, 1.0), bicubic(*grid))
    expected = bicubic(np.clip(x, -1.0, 4.0), np.clip(y, -1.0, 1.0))
    found = table(jnp.array([[x], [0.5]]), jnp.asarray(y))
    assert found.shape == (2, 1, 2)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-12, atol=1e-11)
