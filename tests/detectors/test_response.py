"""Responses from formulas and tables, against adaptive quadrature."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses import (
    EDGES,
    EFFICIENCY,
    RECOIL,
    UNQUENCHED,
    WIDTH,
    WIDTH_TABLE,
    K,
    build,
    moved,
    probabilities,
)
from scipy.integrate import quad
from scipy.stats import norm, poisson

from cevns_jax.detectors import (
    GaussianResolution,
    PerfectResolution,
    PoissonResolution,
    TabulatedQuenching,
    gaussian_resolution,
    lindhard,
    linear_table,
)
from cevns_jax.detectors.quenched_response import QuenchedResponse, quenched_response
from cevns_jax.errors import ConfigError


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


# What is refused


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
