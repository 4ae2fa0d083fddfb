"""Toy data sets: the errors cover what they say (slow: hundreds of fits)."""

import numpy as np
import pytest

import cevns_jax as cj

TOYS = 300


@pytest.mark.slow
def test_intervals_of_toys_cover_the_truth_two_times_in_three():
    """Delta chi^2 < 1 of a free cross-section ratio holds the truth in 68 % of the toys.

    The background pulls are drawn as well: a toy of the measurement and of its priors.
    """
    csi = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    like = cj.Likelihood([csi], cj.interactions.standard_model(), free=["n_sigma"])
    random = np.random.default_rng(7)
    inside, shifts = 0, []
    for seed in range(TOYS):
        pulls = {name: random.normal() for name in like.names if name != "n_sigma"}
        data = cj.toy(like, seed, pulls)
        counts = {e.name: np.asarray(e.observed) for e in data.experiments}
        best = cj.fit(like.with_observed(counts))
        assert best.converged
        i = best.names.index("n_sigma")
        low, high = best.x[i] - best.error_low[i], best.x[i] + best.error_high[i]
        inside += low <= 1.0 <= high
        shifts.append((best.x[i] - 1) / best.errors[i])
    spread = np.sqrt(0.683 * 0.317 / TOYS)
    assert abs(inside / TOYS - 0.683) < 4 * spread
    assert abs(np.mean(shifts)) < 4 / np.sqrt(TOYS)
    assert abs(np.std(shifts) - 1) < 4 / np.sqrt(2 * TOYS)
