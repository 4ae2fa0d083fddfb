"""The valleys that particles of a posterior lie in, and their weights."""

from __future__ import annotations

import numpy as np

from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.mode import ends_of
from cevns_jax.inference.target import Target
from cevns_jax.inference.valleys import distinct, take

# Particles of each run whose valley is looked up, at least: the share of a valley is then known to
# 0.011 in one run, which is less than runs scatter by themselves.
LOOKED_UP = 2000


def lobes_of(target: Target, u: np.ndarray) -> tuple[Minimum, np.ndarray]:
    """The valleys in which particles lie, and the share of each in every run.

    A particle lies in the valley into which the minimiser leads from it. Nothing has to be known of
    the shape of valleys, or of their number: what the sampler has found is found here. Valleys are
    told apart as those of a fit: two that the parabola at either joins are one, so that a plain on
    which the posterior is flat is one valley, wherever on it a descent ends.

    Args:
        target: The posterior.
        u: Particles on the line, shape (S, P, n), of equal weights.

    Returns:
        The valleys, with a leading axis of V, the highest density first; shares, shape (S, V).
    """
    some = u[:, :: max(1, u.shape[1] // LOOKED_UP)]
    runs, number, size = some.shape
    ends = ends_of(target, some.reshape(-1, size))
    valleys = take(ends, distinct(ends))
    away = ends.x[:, None] - valleys.x[None]
    above = np.einsum("pvi,vij,pvj->pv", away, valleys.information, away)
    nearest = np.argmin(np.where(np.isfinite(above), above, np.inf), axis=1).reshape(runs, number)
    shares = np.stack([(nearest == v).mean(axis=1) for v in range(len(valleys.chi2))], axis=1)
    return valleys, shares
