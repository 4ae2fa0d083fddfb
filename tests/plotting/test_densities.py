"""Densities of draws against those that they were drawn from, at the ends of their range too."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import expon, norm, uniform

from cevns_jax.plotting.densities import density_of

LINE = (-np.inf, np.inf)
SHAPE = (4, 4000)


def made(draw, ends, seed=0):
    x = draw(np.random.default_rng(seed), SHAPE)
    return x, density_of(x[..., None], [ends])


CASES = [
    (lambda r, s: r.normal(size=s), LINE, norm()),
    (lambda r, s: r.exponential(size=s), (0.0, np.inf), expon()),
    (lambda r, s: -r.exponential(size=s), (-np.inf, 0.0), None),
    (lambda r, s: r.uniform(size=s), (0.0, 1.0), uniform()),
]


@pytest.mark.parametrize(("draw", "ends", "true"), CASES)
def test_a_density_is_that_of_the_draws_up_to_the_ends(draw, ends, true):
    _, ((grid,), height) = made(draw, ends)
    assert trapezoid(height, grid) == pytest.approx(1, abs=1e-12)
    assert (height >= 0).all()
    expected = expon().pdf(-grid) if true is None else true.pdf(grid)
    # The noise of 16,000 draws is 2 % of the height where it is flat, 3 % at an end.
    assert height == pytest.approx(expected, abs=0.08 * expected.max())
    for place, end, found, there in zip((0, -1), ends, grid[[0, -1]], height[[0, -1]], strict=True):
        if np.isfinite(end):
            assert found == end
            assert there == pytest.approx(expected[place], rel=0.08)


def test_a_reflection_at_the_end_would_be_too_low_there():
    """What the local line is for: of an exponential, a density that is reflected is too flat."""
    x, (_, height) = made(CASES[1][0], (0.0, np.inf))
    both = np.concatenate([x, -x], axis=1)
    (places,), reflected = density_of(both[..., None], [LINE])
    assert 2 * np.interp(0.0, places, reflected) < 0.9
    assert height[0] > 0.92


@pytest.mark.parametrize("width", [0.05, 0.01])
def test_narrow_valleys_are_not_smeared(width):
    """A width for one normal distribution would make them 0.09 wide."""
    middle = np.random.default_rng(1).integers(0, 2, SHAPE)
    x = middle + width * np.random.default_rng(2).normal(size=SHAPE)
    (grid,), height = density_of(x[..., None], [LINE])
    expected = (norm(0, width).pdf(grid) + norm(1, width).pdf(grid)) / 2
    assert height.max() == pytest.approx(expected.max(), rel=0.15)
    assert trapezoid(height[grid < 0.5], grid[grid < 0.5]) == pytest.approx(
        (x < 0.5).mean(), abs=0.002
    )


def test_correlated_chains_are_smoothed_as_the_draws_that_they_are_worth():
    """Each draw fifty times over: taken for independent, their density would be a row of peaks."""
    x = np.repeat(np.random.default_rng(3).normal(size=(4, 80)), 50, axis=1)
    (grid,), height = density_of(x[..., None], [LINE], independent=320)
    slope = np.diff(np.sign(np.diff(height[height > 0.1 * height.max()])))
    assert (slope != 0).sum() == 1  # one peak
    assert height == pytest.approx(norm().pdf(grid), abs=0.06)


@pytest.mark.parametrize("correlation", [0.0, 0.95])
def test_regions_of_a_normal_distribution_have_its_area(correlation):
    """The region of the highest density with a share p has the area -2 pi ln(1 - p) sqrt(det)."""
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    x = np.random.default_rng(4).multivariate_normal([0, 0], covariance, SHAPE)
    density = density_of(x, [LINE, LINE])
    flat = x.reshape(-1, 2)
    fine = [np.linspace(g[0], g[-1], 400) for g in density.grids]
    places = np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = np.prod([f[1] - f[0] for f in fine])
    shares = (0.68, 0.90)
    for share, level in zip(shares, density.levels(flat, shares), strict=True):
        assert (density.at(flat) > level).mean() == pytest.approx(share, abs=1e-3)
        area = (density.at(places) > level).sum() * cell
        true = -2 * np.pi * np.log(1 - share) * np.sqrt(np.linalg.det(covariance))
        assert area == pytest.approx(true, rel=0.04)


def test_nothing_is_across_the_ends_of_a_plane():
    rng = np.random.default_rng(5)
    x = np.stack([rng.exponential(size=SHAPE), rng.uniform(size=SHAPE)], axis=-1)
    (a, b), height = density_of(x, [(0.0, np.inf), (0.0, 1.0)])
    assert (a[0], b[0], b[-1]) == (0.0, 0.0, 1.0)
    assert trapezoid(trapezoid(height, b), a) == pytest.approx(1, abs=1e-12)
    assert height[0] == pytest.approx(np.ones(len(b)), abs=0.25)
    assert trapezoid(height[0], b) == pytest.approx(1, rel=0.1)


def test_valleys_of_a_plane_keep_their_weights():
    rng = np.random.default_rng(6)
    first = rng.random(SHAPE) < 0.3
    x = 0.05 * rng.normal(size=(*SHAPE, 2)) + first[..., None]
    (a, b), height = density_of(x, [LINE, LINE])
    near = a > 0.5
    found = trapezoid(trapezoid(height[near], b), a[near])
    assert found == pytest.approx(first.mean(), abs=0.005)
    assert height.max() == pytest.approx(0.7 / (2 * np.pi * 0.05**2), rel=0.2)


def test_draws_that_do_not_move_have_a_density():
    (grid,), height = density_of(np.full((2, 5, 1), 3.0), [LINE])
    assert np.isfinite(height).all()
    assert grid[0] < 3.0 < grid[-1]
