"""The groups of a posterior that ArviZ gives a meaning, and how they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from cevns_jax.results.notes import Variables

if TYPE_CHECKING:
    from cevns_jax.inference.predictive import Predicted
    from cevns_jax.inference.sample import Posterior
    from cevns_jax.results.result import Result

GROUPS = (
    *("posterior", "sample_stats", "prior", "log_likelihood", "observed_data"),
    "posterior_predictive",
)
"""Names of the groups, those of ArviZ."""
DRAWS = ("chain", "draw")
PRIOR_DRAWS = 1000


def posterior_groups(posterior: Posterior, predicted: Predicted | None) -> dict[str, Variables]:
    """The draws of a posterior, how they were made and, unless ``predicted`` is ``None``, what they
    predict; and draws of the prior if all of it is proper."""
    chains, draws, _ = posterior.x.shape
    numbers = _numbers(chains, np.arange(draws))
    groups: dict[str, Variables] = {
        "posterior": numbers | {name: (DRAWS, x) for name, x in posterior.draws.items()},
        "sample_stats": numbers | {n: (DRAWS, np.asarray(a)) for n, a in _statistics(posterior)},
    }
    if prior := _prior(posterior):
        groups["prior"] = prior
    if predicted is None:
        return groups
    groups |= {"log_likelihood": numbers, "observed_data": {}}
    groups["posterior_predictive"] = _numbers(chains, predicted.thinned)
    for experiment in posterior.likelihood.experiments:
        name = experiment.name
        bins = tuple(f"{name}__{axis}" for axis in experiment.axes)
        centres: Variables = {
            axis: ((axis,), (np.asarray(edges)[1:] + np.asarray(edges)[:-1]) / 2)
            for axis, edges in zip(bins, experiment.edges, strict=True)
        }
        for group, values in (
            ("log_likelihood", predicted.log_likelihood[name]),
            ("observed_data", np.asarray(experiment.observed)),
            ("posterior_predictive", predicted.replicated[name]),
        ):
            dims = bins if group == "observed_data" else (*DRAWS, *bins)
            groups[group] = groups[group] | centres | {name: (dims, values)}
    return groups


def _numbers(chains: int, draws: np.ndarray) -> Variables:
    return {"chain": (("chain",), np.arange(chains)), "draw": (("draw",), draws)}


def _statistics(posterior: Posterior) -> list[tuple[str, np.ndarray]]:
    return list(posterior.statistics.items())


def improper(posterior: Posterior) -> list[str]:
    """Names of the parameters whose priors cannot be drawn from."""
    declared = posterior.likelihood.parameters
    return [name for name in posterior.names if not np.all(declared[name].prior.proper)]


def _prior(posterior: Posterior) -> Variables:
    """Draws of the prior; nothing if a part of it is improper."""
    from cevns_jax.inference.toys import key_of

    if improper(posterior):
        return {}
    declared, key = posterior.likelihood.parameters, jax.random.key(posterior.seed)
    drawn = {
        name: declared[name].prior.draw(key_of(key, "prior", name), (PRIOR_DRAWS,))
        for name in posterior.names
    }
    numbers = _numbers(1, np.arange(PRIOR_DRAWS))
    return numbers | {name: (DRAWS, np.asarray(x)[None]) for name, x in drawn.items()}


def to_arviz(result: Result) -> Any:
    """The draws of a result as the installed ArviZ has them.

    Returns:
        ``arviz.InferenceData`` of ArviZ 0.23, ``xarray.DataTree`` of ArviZ 1.

    Raises:
        ConfigError: a result without draws.
    """
    from cevns_jax.errors import ConfigError
    from cevns_jax.inference.diagnostics import arviz

    if not result.draws:
        raise ConfigError(f"to_arviz: a {result.kind} has no draws; only a posterior has")
    tree = result.to_xarray()
    az = arviz()
    if az.__version__.startswith("0."):
        groups = {name: tree[name].to_dataset() for name in result.draws}
        return az.InferenceData(attrs=tree.attrs, **groups)
    return tree.filter(lambda node: node.path == "/" or node.path[1:] in result.draws)
