"""What the draws of a posterior predict: the probability of every bin, and replicated data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.inference.batches import lanes_on_device
from cevns_jax.inference.objective import precomputed
from cevns_jax.inference.toys import key_of
from cevns_jax.likelihood import Likelihood
from cevns_jax.statistics import Poisson, poisson_counts
from cevns_jax.template_errors import PoissonWithTemplateErrors

if TYPE_CHECKING:
    from cevns_jax.inference.sample import Posterior

BLOCK = 512  # draws of one call: what a call returns is small beside the draws of a posterior
# Draws, of all chains together, for which data are replicated: the error of a p-value is then 0.016
# at most, and their counts take less room than the probabilities of all draws.
REPLICATED = 1000
PIECE = 1 << 14  # counts that are drawn at once


class Predicted(NamedTuple):
    """What draws predict, by name of the experiment. C chains have D draws, of which T are thinned.

    Attributes:
        log_likelihood: ln of the probability of each bin, see
            :meth:`cevns_jax.statistics.Statistic.log_norm`, shape (C, D, *bins), 32 bits.
        mean: Mean over all draws of the expected counts of each component, shape (components,
            *bins).
        thinned: Numbers of the draws for which data are replicated, shape (T,).
        replicated: Counts that each of them gives, shape (C, T, *bins), 32 bits.
        larger: Whether their deviance is at least that of the observed counts at the same draw,
            shape (C, T).
    """

    log_likelihood: dict[str, np.ndarray]
    mean: dict[str, np.ndarray]
    thinned: np.ndarray
    replicated: dict[str, np.ndarray]
    larger: dict[str, np.ndarray]


class _Block(NamedTuple):
    """Of a block of draws: ln of the probability of each bin, its expected counts, and the sums of
    the components over the draws."""

    log_likelihood: dict[str, Any]
    expected: dict[str, Any]
    components: dict[str, Any]


def predicted(posterior: Posterior) -> Predicted:
    """What the draws of a posterior predict.

    Replicated counts are drawn by the statistic of each experiment. Templates that are known to an
    error are simulated anew for the deviance of a replica, as for a toy, while its counts scatter
    about the templates that there are. The random numbers follow from the seed of the posterior and
    the names of the experiments.

    Args:
        posterior: The draws, and the likelihood.
    """
    likelihood = precomputed(posterior.likelihood)
    chains, draws, size = posterior.x.shape
    step = -(-chains * draws // REPLICATED)
    thinned = np.arange(0, draws, step)
    blocks = []
    expected: list[dict[str, np.ndarray]] = []
    wanted = np.zeros((chains, draws), bool)
    wanted[:, thinned] = True
    for rows, used in _pieces(posterior.x.reshape(-1, size), BLOCK):
        found: _Block = jax.tree.map(np.asarray, _block(likelihood, rows, used))
        number = int(used.sum())
        blocks.append(found._replace(expected={}, log_likelihood=_first(found[0], number)))
        keep = wanted.ravel()[len(expected) * len(rows) :][:number]
        expected.append({name: mu[:number][keep] for name, mu in found.expected.items()})
    of_draws = jax.tree.map(lambda *parts: np.concatenate(parts), *(b[0] for b in blocks))
    sums = jax.tree.map(lambda *parts: sum(parts), *(b[2] for b in blocks))
    means = {n: np.concatenate([e[n] for e in expected]) for n in expected[0]}
    key = jax.random.key(posterior.seed)
    counts, larger = {}, {}
    for e in posterior.likelihood.experiments:
        of_counts, of_templates = (
            key_of(key, f"replicated {what}", e.name) for what in ("counts", "templates")
        )
        mu, observed = means[e.name], np.asarray(e.observed, dtype=float)
        drawn = _drawn(e.statistic, of_counts, mu)
        keys = jax.random.split(of_templates, len(mu))
        larger[e.name] = np.asarray(_at_least(e.statistic, keys, mu, drawn, observed))
        counts[e.name] = drawn.astype(np.float32)
    shape, few = (chains, draws), (chains, len(thinned))
    return Predicted(
        log_likelihood={n: a.reshape(*shape, *a.shape[1:]) for n, a in of_draws.items()},
        mean={name: a / (chains * draws) for name, a in sums.items()},
        thinned=thinned,
        replicated={n: a.reshape(*few, *a.shape[1:]) for n, a in counts.items()},
        larger={name: a.reshape(few) for name, a in larger.items()},
    )


def _pieces(rows: np.ndarray, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows in blocks of one size, the last one filled up, with ones where a row is real."""
    lanes = lanes_on_device()
    size = lanes * -(-min(most, len(rows)) // lanes)
    found = []
    for first in range(0, len(rows), size):
        some = rows[first : first + size]
        fill = size - len(some)
        used = np.append(np.ones(len(some)), np.zeros(fill))
        found.append((np.concatenate([some, np.repeat(some[-1:], fill, axis=0)]), used))
    return found


def _first(arrays: dict[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    return {name: array[:number] for name, array in arrays.items()}


@jax.jit
def _block(likelihood: Likelihood, rows: jax.Array, used: jax.Array) -> _Block:
    def one(x: jax.Array) -> _Block:
        values = likelihood.values(x)
        parts = likelihood.components(values)
        stacked = {n: jnp.stack([*components.values()]) for n, components in parts.items()}
        expected = {name: jnp.sum(components, axis=0) for name, components in stacked.items()}
        found = {}
        for e in likelihood.experiments:
            norm = e.statistic.log_norm(jnp.asarray(e.observed))
            found[e.name] = (norm - e.deviance(expected[e.name]) / 2).astype(jnp.float32)
        return _Block(found, expected, stacked)

    # In pieces, so that what a draw needs stays in the cache.
    made: _Block = jax.lax.map(one, rows, batch_size=lanes_on_device())
    sums = {name: jnp.tensordot(used, parts, 1) for name, parts in made.components.items()}
    return made._replace(components=sums)


def _drawn(statistic: Any, key: jax.Array, expected: np.ndarray) -> np.ndarray:
    """Counts of one replica for each of some draws, in 64 bits, shape (R, *bins) as the expected
    ones."""
    if not isinstance(statistic, Poisson | PoissonWithTemplateErrors):
        keys = jax.random.split(key, len(expected))
        return np.asarray(_draw(statistic, keys, expected))
    # Bins do not know of one another. In pieces of one size they share one program with those of
    # all other experiments; each of its own would take two seconds to compile.
    flat = expected.ravel()
    padded = np.zeros((-(-flat.size // PIECE), PIECE))
    padded.ravel()[: flat.size] = flat
    made = [poisson_counts(jax.random.fold_in(key, i), row) for i, row in enumerate(padded)]
    return np.concatenate(made)[: flat.size].reshape(expected.shape)


@jax.jit
def _draw(statistic: Any, keys: jax.Array, expected: jax.Array) -> jax.Array:
    return jax.vmap(statistic.draw)(keys, expected)


@jax.jit
def _at_least(
    statistic: Any, keys: jax.Array, expected: jax.Array, drawn: jax.Array, observed: jax.Array
) -> jax.Array:
    """Whether the deviance of replicas is at least that of the observed counts, shape (R,)."""

    def one(key: jax.Array, mu: jax.Array, counts: jax.Array) -> jax.Array:
        again = statistic.repeated(key)
        of_data = jnp.sum(statistic.deviance(mu, observed))
        return jnp.sum(again.deviance(mu, counts)) >= of_data

    return jax.vmap(one)(keys, expected, drawn)


def p_value(larger: np.ndarray) -> tuple[float, float]:
    """The probability that replicated data are at least as far from their expectation as the
    observed ones, and its Monte Carlo error.

    Args:
        larger: Whether a replica is, shape (C, T).
    """
    number = larger.size
    share = float(larger.mean())
    # One of each added, so that none out of a thousand is not said to be exactly zero.
    likely = (larger.sum() + 1) / (number + 2)
    return share, float(np.sqrt(likely * (1 - likely) / number))
