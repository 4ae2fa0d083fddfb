"""Posteriors made by hand, of a small likelihood: what is drawn is known."""

import dataclasses

import numpy as np
from germanium import germanium

import cevns_jax as cj
from cevns_jax.inference.sample import Mode, Posterior
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.priors import Flat

OBSERVED = [80.0, 100.0, 75.0]


def likelihood(*experiments, prior=None):
    """n_sigma and the pull of a background vary."""
    data = experiments or (germanium(OBSERVED, background=[10.0, 10.0, 10.0], width=0.2),)
    free = cj.Likelihood(data, free=["n_sigma"])
    return with_sampled_priors(free, {"n_sigma": prior or Flat(0.0, 3.0)})


def posterior(like=None, x=None, chains=4, draws=250, diverging=0, modes=1, **fields):
    """Independent Gaussian draws, or those that are given, with plausible statistics."""
    like = like or likelihood()
    size = len(like.names)
    random = np.random.default_rng(7)
    if x is None:
        x = random.normal(
            [1.0] + [0.0] * (size - 1), [0.08] + [0.5] * (size - 1), (chains, draws, size)
        )
    shape = x.shape[:2]
    statistics = {
        "lp": random.normal(size=shape),
        "energy": random.normal(size=shape),
        "acceptance_rate": random.uniform(0.8, 1.0, shape),
        "n_steps": np.full(shape, 3),
        "diverging": np.arange(x[..., 0].size).reshape(shape) < diverging,
        "step_size": np.full(shape, 0.7),
        "tree_depth": np.full(shape, 2),
    }
    made = Posterior(
        likelihood=like,
        names=like.names,
        x=x,
        statistics=statistics,
        modes=tuple(Mode(x.mean(axis=(0, 1)) + i, 3.0 * i, 1 / modes, 0.0) for i in range(modes)),
        seed=3,
        method="nuts",
    )
    return dataclasses.replace(made, **fields)
