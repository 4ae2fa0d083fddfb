"""Intervals of draws against those of the distributions that they are drawn from."""

import numpy as np
import pytest
from scipy import stats

from cevns_jax.inference.credible import NINETY, ONE_SIGMA, equal_tailed, one_sided, shortest

RANDOM = np.random.default_rng(11)
N = 200_000
NORMAL = RANDOM.normal(2.0, 3.0, N)
DECAYING = RANDOM.exponential(2.0, N)


def test_of_a_gaussian_all_intervals_are_one():
    """One sigma on both sides of the mean, and 1.645."""
    x = np.stack([NORMAL, -NORMAL], axis=-1)
    for probability, width in ((ONE_SIGMA, 1.0), (NINETY, stats.norm.ppf(0.95))):
        ends = np.array([2.0 - 3 * width, 2.0 + 3 * width])
        for found in (shortest(x, probability), equal_tailed(x, probability)):
            assert found.shape == (2, 2)
            np.testing.assert_allclose(found[:, 0], ends, atol=0.12)
            np.testing.assert_allclose(found[:, 1], -ends[::-1], atol=0.12)
    inside = equal_tailed(x, ONE_SIGMA)[:, 0]
    assert np.mean((x[:, 0] > inside[0]) & (x[:, 0] < inside[1])) == pytest.approx(ONE_SIGMA, 1e-4)


def test_of_a_falling_density_the_shortest_interval_begins_where_it_begins():
    x = DECAYING[:, None]
    for probability in (ONE_SIGMA, NINETY):
        low, high = shortest(x, probability)[:, 0]
        assert low == pytest.approx(0.0, abs=1e-3)
        assert high == pytest.approx(stats.expon.ppf(probability, scale=2.0), rel=0.01)
        tails = stats.expon.ppf([(1 - probability) / 2, (1 + probability) / 2], scale=2.0)
        np.testing.assert_allclose(equal_tailed(x, probability)[:, 0], tails, rtol=0.02)


def test_a_limit_holds_ninety_per_cent():
    lower, upper = one_sided(DECAYING, 0.0, np.inf)
    assert lower is None
    assert upper == pytest.approx(2 * np.log(10), rel=0.01)
    lower, upper = one_sided(1 - DECAYING, -np.inf, 1.0)
    assert upper is None
    assert lower == pytest.approx(1 - 2 * np.log(10), rel=0.01)


@pytest.mark.parametrize("draws", [400, 8000])
def test_what_has_a_limit(draws):
    """A density that is highest at an end has one; one that is measured, or flat, has none."""

    def ends(x, lower=0.0, upper=np.inf):
        return tuple(end is not None for end in one_sided(x[:draws], lower, upper))

    assert ends(np.abs(NORMAL - 2.0), 0.0, 15.0) == (False, True)
    assert ends(NORMAL[NORMAL > 0]) == (False, True)  # the peak is less than a sigma away
    assert ends((NORMAL + 7.0)[NORMAL > -7]) == (False, False)  # three sigma
    assert ends(RANDOM.uniform(size=draws), 0.0, 1.0) == (False, False)
    assert ends(RANDOM.beta(3, 1, draws), 0.0, 1.0) == (True, False)
    assert ends(DECAYING, -np.inf) == (False, False)
    assert ends(10 ** RANDOM.uniform(-7, -4, draws), 1e-7, 3e-3) == (False, True)  # flat in ln g
