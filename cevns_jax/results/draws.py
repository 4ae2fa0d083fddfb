"""The groups of a posterior that ArviZ gives a meaning, and how they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.inference.toys import key_of
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
    priors = {name: posterior.likelihood.parameters[name].prior for name in posterior.names}
    # The generator whose programs are compiled in half the time.
    key = jax.random.key(posterior.seed, impl="rbg")
    drawn = _numbers(1, np.arange(PRIOR_DRAWS))
    alike: dict[str, list[str]] = {}
    for name, prior in priors.items():
        # Pulls, which are most of all, are drawn at once, as arrays.
        plain = isinstance(prior, Gaussian | TruncatedGaussian)
        alike.setdefault(type(prior).__name__ if plain else f"of {name}", []).append(name)
    for what, names in alike.items():
        together = jax.tree.map(lambda *n: np.array(n), *(priors[name] for name in names))
        x = np.asarray(_draw(together, key_of(key, "prior", what)))
        drawn |= {name: (DRAWS, x[:, i][None]) for i, name in enumerate(names)}
    return {name: drawn[name] for name in ("chain", "draw", *posterior.names)}


@jax.jit
def _draw(prior: Prior, key: jax.Array) -> jax.Array:
    return prior.draw(key, (PRIOR_DRAWS,))


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
