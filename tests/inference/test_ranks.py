"""Uniformity of ranks: bands that hold what they say, and ranks that are not uniform."""

import numpy as np
import pytest
from scipy.stats import chisquare

from cevns_jax.inference.ranks import BINS, band_of, uniformity


@pytest.fixture(scope="module")
def band():
    return band_of(500, 99)


def test_the_band_holds_95_per_cent_of_uniform_samples_everywhere(band):
    """Samples of other random numbers than those that set it; three binomial errors."""
    ranks = np.random.default_rng(7).integers(0, 100, size=(2000, 500))
    below = np.stack([(ranks <= k).sum(axis=1) for k in range(99)], axis=1)
    inside = ((below >= band.low) & (below <= band.high)).all(axis=1)
    assert inside.mean() == pytest.approx(0.95, abs=0.0147)
    found = [uniformity(row, band) for row in ranks[:300]]
    np.testing.assert_array_equal([u.p_ecdf > 0.05 for u in found], inside[:300])
    np.testing.assert_array_equal([u.worst <= 1 for u in found], inside[:300])
    for share in (0.1, 0.5, 0.9):
        for p in ([u.p_ecdf for u in found], [u.p_chi2 for u in found]):
            assert np.mean(np.array(p) < share) == pytest.approx(share, abs=0.09)


def test_chi2_is_that_of_the_histogram(band):
    ranks = np.random.default_rng(2).integers(0, 100, size=500)
    found = uniformity(ranks, band)
    counts, _ = np.histogram(ranks, bins=BINS, range=(0, 100))
    np.testing.assert_array_equal(found.counts, counts)
    expected = chisquare(counts)
    assert found.chi2 == pytest.approx(expected.statistic)
    assert found.p_chi2 == pytest.approx(expected.pvalue)
    assert found.difference[9] == pytest.approx(np.mean(ranks < 10) - 0.1)


@pytest.mark.parametrize("power", [0.7, 1.45])
def test_ranks_that_lean_to_one_side_are_noticed(band, power):
    share = np.random.default_rng(4).uniform(size=500) ** power
    found = uniformity((100 * share).astype(int), band)
    assert found.p_ecdf < 1e-3
    assert found.worst > 1
    assert found.p_chi2 < 0.01
