"""Expected counts of argon along every pull of every preset: never negative, and no kink."""

from importlib import import_module

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.inference.objective import precomputed

MODEL = cj.interactions.standard_model()
FARTHEST = 7.0  # the shift of the pulse ends at 7.5
PIECES = 1200  # of the line, also joined by fours
EXPERIMENTS = ("coherent_lar_2020", "coherent_lar_2020_energy")


@jax.jit
def along(like, start, direction, grid):
    (experiment,) = like.experiments

    def counts(x):
        return experiment.expected(like.interaction, like.values(x))

    def one(t):
        return jax.jvp(counts, (start + t * direction,), (direction,))

    return jax.lax.map(one, grid, batch_size=16)


def jumps(slopes):
    """Bins in which a quarter of the distance does not make the largest change of the slope smaller
    by half at least: it is a quarter where the slope bends, and all of it where it jumps."""
    change, of_four = (np.abs(np.diff(s, axis=0)).max(axis=0) for s in (slopes, slopes[::4]))
    return change > of_four / 2 + 1e-9 * np.abs(slopes).max()


CASES = [
    pytest.param(
        *(name, preset),
        marks=[pytest.mark.slow] if preset == "split" else [],
    )
    for name in EXPERIMENTS
    for preset in import_module(f"cevns_jax.experiments.{name}").PRESETS
]


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_counts_are_never_negative_and_their_slope_never_jumps(name, preset):
    experiment = getattr(cj.experiments, name)(nuisances=preset)
    like = cj.Likelihood([experiment], MODEL)
    ready, start = precomputed(like), np.asarray(like.start)
    for i, pull in enumerate(like.names):
        low, high = (np.clip(end[i], -FARTHEST, FARTHEST) for end in like.bounds)
        grid = np.linspace(low, high, PIECES + 1)
        found = along(ready, start, np.eye(len(start))[i], grid)
        counts, slopes = (np.asarray(a).reshape(len(grid), -1) for a in found)
        assert (counts >= 0).all(), pull
        assert np.abs(slopes).max() > 0, pull
        assert not jumps(slopes).any(), pull


def test_a_kink_would_be_seen():
    """A bin that ends at zero, beside one that bends."""
    grid = np.linspace(-7, 7, PIECES + 1)
    slopes = np.stack([np.where(grid > 1.3, 0.0, -1e-3), 100 * np.sin(grid)], axis=1)
    assert jumps(slopes).tolist() == [True, False]
