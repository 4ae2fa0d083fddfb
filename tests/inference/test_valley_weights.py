"""Posteriors with several valleys: weights and evidence against a grid without any sampler."""

import numpy as np
import pytest
from valley_grids import angle, by_importance, grid_of, non_standard

import cevns_jax as cj

RUNS = 4


def weights(target, x):
    """Share of each region in every run, shape (S, V), of named parameters, shape (S, P, k)."""
    regions = target.region(x.reshape(-1, x.shape[-1])).reshape(x.shape[:2])
    return np.stack([(regions == v).mean(axis=1) for v in range(int(regions.max()) + 1)], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "valleys", "particles"),
    [(angle, 2, 2000), (non_standard, 4, 2000)],
    ids=["angle", "non_standard"],
)
def test_weights_and_evidence_are_those_of_the_grid(make, valleys, particles):
    target = make()
    grid = grid_of(target)
    for row in np.argsort(-grid.log_density)[[0, 10, 100]]:  # the method of Laplace is good enough
        exact, error = by_importance(target, grid, row)
        assert abs(grid.log_density[row] - exact) < 0.02 + 4 * error
    found = cj.sample(
        target.likelihood,
        seed=1,
        draws=particles,
        chains=RUNS,
        method="tempered",
        priors=target.priors,
    )
    x = np.stack([found.draws[name] for name in target.names], axis=-1)
    shares = weights(target, x)
    regions = target.region(grid.points)
    expected = np.array([grid.shares[regions == v].sum() for v in range(valleys)])
    assert shares.shape[1] == valleys
    np.testing.assert_allclose(shares.mean(axis=0), expected, atol=0.02)
    error = np.std(found.log_evidence, ddof=1) / np.sqrt(RUNS)
    assert abs(np.mean(found.log_evidence) - grid.log_evidence) < 0.05 + 4 * error
    told = sorted(mode.weight for mode in found.modes)
    np.testing.assert_allclose(told, sorted(shares.mean(axis=0)), atol=0.01)
