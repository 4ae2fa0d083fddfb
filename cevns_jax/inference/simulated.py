"""Simulated data sets of a Bayesian model: parameters from their priors, data at these."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.inference.batches import lanes_on_device
from cevns_jax.inference.objective import precomputed
from cevns_jax.inference.toys import key_of
from cevns_jax.likelihood import Likelihood
from cevns_jax.priors import Prior
from cevns_jax.template_errors import PoissonWithTemplateErrors


class Simulated(NamedTuple):
    """Data sets, with a leading axis of N.

    Attributes:
        x: True values of the varying parameters, shape (N, n).
        counts: Counts by name of the experiment, shape (N, *bins) each.
    """

    x: np.ndarray
    counts: dict[str, np.ndarray]


def simulated(likelihood: Likelihood, number: int, key: jax.Array) -> Simulated:
    """Data sets whose parameters are drawn from their priors.

    Nuisances are drawn from their priors too, which stay where they are centred: in the toys of a
    frequentist ensemble, :func:`cevns_jax.inference.toys.toy`, it is the centres that scatter
    around a fixed truth. Priors are cut where the domain of a parameter ends, as in the posterior.

    Args:
        likelihood: Its varying parameters declare the priors of a posterior, see
            :func:`cevns_jax.inference.sampled_priors.with_sampled_priors`.
        number: N.
        key: Of the random numbers. What is drawn for a parameter or for an experiment does not
            depend on what there is beside it.

    Raises:
        ConfigError: an improper prior, templates with errors, or counts that cannot be drawn.
    """
    for name in likelihood.names:
        if not np.all(likelihood.parameters[name].prior.proper):
            raise ConfigError(
                f"calibrate: no truth can be drawn from the prior of {name}, which is flat without "
                f'two finite ends; give it some, as priors={{"{name}": cj.priors.Flat(0.0, 1.0)}}'
            )
    for experiment in likelihood.experiments:
        if isinstance(experiment.statistic, PoissonWithTemplateErrors):
            raise ConfigError(
                f"{experiment.name}: its templates have errors, for which chi^2 is minimised and "
                "not integrated, so that no simulation follows it; leave these errors out"
            )
    drawn = [
        _draws(likelihood.parameters[name].prior, key_of(key, "truth", name), number=number)
        for name in likelihood.names
    ]
    x = np.stack(drawn, axis=-1).astype(float)
    counts = {k: np.asarray(v) for k, v in _counts(precomputed(likelihood), x, key).items()}
    for name, array in counts.items():
        wrong = np.flatnonzero(np.isnan(array).reshape(number, -1).any(axis=1))
        if wrong.size:
            at = ", ".join(
                f"{n} = {v:.4g}" for n, v in zip(likelihood.names, x[wrong[0]], strict=True)
            )
            raise ConfigError(
                f"{name}: no counts can be drawn for {wrong.size} of {number} truths, such as "
                f"{at}; narrow the priors"
            )
    return Simulated(x, counts)


@partial(jax.jit, static_argnames="number")
def _draws(prior: Prior, key: jax.Array, *, number: int) -> jax.Array:
    """Values with the density of a prior, shape (number,); compiled once for each kind of prior."""
    return prior.draw(key, (number,))


@jax.jit
def _counts(likelihood: Likelihood, x: jax.Array, key: jax.Array) -> dict[str, jax.Array]:
    """Counts by name of the experiment at true values x, shape (N, n)."""
    number = len(x)

    def one(of: tuple[jax.Array, dict[str, jax.Array]]) -> dict[str, jax.Array]:
        values, keys = likelihood.values(of[0]), of[1]
        return {
            e.name: e.statistic.draw(keys[e.name], e.expected(likelihood.interaction, values))
            for e in likelihood.experiments
        }

    keys = {
        e.name: jax.random.split(key_of(key, "counts", e.name), number)
        for e in likelihood.experiments
    }
    return jax.lax.map(one, (jnp.asarray(x), keys), batch_size=lanes_on_device())
