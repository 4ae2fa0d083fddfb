"""The groups of a posterior that ArviZ gives a meaning, and how they are stored."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.priors import Gaussian, Prior, TruncatedGaussian
from cevns_jax.results.notes import OF, Variables

if TYPE_CHECKING:
    from cevns_jax.inference.predictive import Predicted
    from cevns_jax.inference.sample import Posterior
    from cevns_jax.results.result import Result

DRAWS = ("chain", "draw")
PRIOR_DRAWS = 1000


def check_names(posterior: Posterior) -> None:
    """Check that no parameter has the name of a dimension of draws.

    Raises:
        ConfigError: one has.
    """
    for name in DRAWS:
        if name in posterior.names:
            raise ConfigError(
                f'sample_result: a parameter cannot be called "{name}", the draws in a file are '
                "numbered under that name"
            )


def sampled_groups(posterior: Posterior) -> dict[str, Variables]:
    """The draws, and how they were made."""
    chains, draws, _ = posterior.x.shape
    numbers = _numbers(chains, np.arange(draws))
    made = {name: (DRAWS, np.asarray(array)) for name, array in posterior.statistics.items()}
    return {
        "posterior": numbers | {name: (DRAWS, x) for name, x in posterior.draws.items()},
        "sample_stats": numbers | made,
    }


def predicted_groups(posterior: Posterior, predicted: Predicted) -> dict[str, Variables]:
    """What draws predict, beside the data. The axes of the bins carry the name of the experiment,
    as experiments can have axes of one name."""
    chains, draws, _ = posterior.x.shape
    numbers = _numbers(chains, np.arange(draws))
    likely: Variables = {**numbers}
    observed: Variables = {}
    replicated = _numbers(chains, predicted.thinned)
    for experiment in posterior.likelihood.experiments:
        name = experiment.name
        bins = tuple(f"{name}{OF}{axis}" for axis in experiment.axes)
        for axis, given in zip(bins, experiment.edges, strict=True):
            edges = np.asarray(given)
            for group in (likely, observed, replicated):
                group[axis] = ((axis,), (edges[1:] + edges[:-1]) / 2)
        likely[name] = ((*DRAWS, *bins), predicted.log_likelihood[name])
        observed[name] = (bins, np.asarray(experiment.observed))
        replicated[name] = ((*DRAWS, *bins), predicted.replicated[name])
    return {
        "log_likelihood": likely,
        "observed_data": observed,
        "posterior_predictive": replicated,
    }


def _numbers(chains: int, draws: np.ndarray) -> Variables:
    return {"chain": (("chain",), np.arange(chains)), "draw": (("draw",), draws)}


def improper(posterior: Posterior) -> list[str]:
    """Names of the parameters whose priors cannot be drawn from."""
    declared = posterior.likelihood.parameters
    return [name for name in posterior.names if not np.all(declared[name].prior.proper)]


def prior_draws(posterior: Posterior) -> Variables:
    """Draws of the prior; nothing if a part of it is improper."""
    if improper(posterior):
        return {}
    drawn = _numbers(1, np.arange(PRIOR_DRAWS))
    for name in posterior.names:
        # A key made of the name, so that another parameter beside it changes nothing.
        key = posterior.seed, zlib.crc32(name.encode())
        drawn[name] = (DRAWS, _prior(posterior.likelihood.parameters[name].prior, key)[None])
    return drawn


def _prior(prior: Prior, key: tuple[int, int]) -> np.ndarray:
    """Draws of one prior, shape (PRIOR_DRAWS,)."""
    # JAX would compile the draws of truncated normal distributions, which most priors are, for two
    # seconds: as long as it takes to sample a posterior.
    if isinstance(prior, Gaussian | TruncatedGaussian):
        from scipy.stats import truncnorm

        mean, width = float(prior.mean), float(prior.width)
        ends = [(float(end) - mean) / width for end in (prior.lower, prior.upper)]
        random = np.random.default_rng(key)
        x = truncnorm.rvs(*ends, mean, width, PRIOR_DRAWS, random_state=random)
        return np.asarray(x)
    seed, name = key
    return np.asarray(prior.draw(jax.random.fold_in(jax.random.key(seed), name), (PRIOR_DRAWS,)))


def to_arviz(result: Result) -> Any:
    """The draws of a result as the installed ArviZ has them.

    Returns:
        ``arviz.InferenceData`` of ArviZ 0.23, ``xarray.DataTree`` of ArviZ 1.

    Raises:
        ConfigError: a result without draws.
    """
    from cevns_jax.inference.diagnostics import arviz

    if not result.draws:
        raise ConfigError(f"to_arviz: a {result.kind} has no draws; only a posterior has")
    tree = result.to_xarray()
    az = arviz()
    if az.__version__.startswith("0."):
        groups = {name: tree[name].to_dataset() for name in result.draws}
        return az.InferenceData(attrs=tree.attrs, **groups)
    return tree.filter(lambda node: node.path == "/" or node.path[1:] in result.draws)
