"""The posterior of a likelihood as a model of NumPyro.

NumPyro is imported with this file, which is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpyro

from cevns_jax.errors import ConfigError
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.checks import check_data
from cevns_jax.inference.objective import precomputed
from cevns_jax.inference.prior_distribution import PriorDistribution
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Values
from cevns_jax.priors import Flat, Prior
from cevns_jax.priors.numbers import known

HELD = "held_parameters"
"""Name of the factor of the parameters that are held."""


def numpyro_model(
    likelihood: Likelihood, priors: Mapping[str, Prior] = MappingProxyType({})
) -> Callable[[], dict[str, jax.Array]]:
    """The posterior of a likelihood as a model of NumPyro, to condition, to extend, to sample.

    It has a ``sample`` site for every parameter that varies, under its name and with its prior, and
    a ``factor`` for every experiment, under the name of that and with -chi^2/2 of its bins. Its log
    density is that of the likelihood, -chi^2/2, plus a constant: that by which densities of priors
    differ from penalties. Where parameters with a prior are held, their penalty is a factor as
    well, as it is a part of chi^2.

    Where counts are impossible chi^2 is infinite. The factors go on from there with a finite slope,
    so that gradients are numbers, but so steeply (1e30 for one count) that no chain goes there.

    Args:
        likelihood: Its data, and the parameters that vary in it. To condition on a parameter,
            let it vary.
        priors: As :func:`cevns_jax.inference.sampled_priors.with_sampled_priors`.

    Returns:
        The model, a function without arguments. It returns the values of all parameters by name,
        for models around it that add factors of their own.

    Raises:
        ConfigError: a prior of a parameter that does not vary, or one with nothing in its domain;
            an experiment without data, or one that shares its name with a parameter.
    """
    stop_if_forked()
    _check_sites(likelihood)
    if all(known(experiment.observed) for experiment in likelihood.experiments):
        check_data("sample", likelihood)
    likelihood = with_sampled_priors(likelihood, priors, "numpyro_model")
    distributions = {
        name: PriorDistribution(likelihood.parameters[name].prior) for name in likelihood.names
    }
    ready = precomputed(likelihood)
    held = _penalty_of_held(likelihood)

    def model() -> dict[str, jax.Array]:
        stop_if_forked()
        varying = {name: numpyro.sample(name, prior) for name, prior in distributions.items()}
        values = dict(ready.completed(varying))
        for experiment, term in zip(
            ready.experiments, _log_likelihoods(ready, values), strict=True
        ):
            numpyro.factor(experiment.name, term)
        if held is not None:
            numpyro.factor(HELD, -held / 2)
        return values

    return model


@jax.jit  # also within a compiled function: JAX then traces it once for all handlers and chains
def _log_likelihoods(likelihood: Likelihood, values: Values) -> list[jax.Array]:
    """-chi^2/2 of the bins of each experiment, continued where counts are impossible."""
    terms = []
    for experiment in likelihood.experiments:
        expected = experiment.expected(likelihood.interaction, values)
        deviance = experiment.statistic.continued(expected, jnp.asarray(experiment.observed))
        terms.append(-jnp.sum(deviance) / 2)
    return terms


def _penalty_of_held(likelihood: Likelihood) -> jax.Array | None:
    """What chi^2 counts for the parameters that are held; nothing if none of them has a prior."""
    declared = likelihood.parameters
    found = [
        jnp.asarray(declared[name].prior.penalty(value))
        for name, value in likelihood.held.items()
        if not isinstance(declared[name].prior, Flat)
    ]
    return sum(found, jnp.zeros(())) if found else None


def _check_sites(likelihood: Likelihood) -> None:
    """Every site of a model has a name of its own."""
    for experiment in likelihood.experiments:
        if experiment.name in (*likelihood.names, HELD):
            raise ConfigError(
                f'numpyro_model: "{experiment.name}" is the name of an experiment and of another '
                "part of the model; rename the experiment"
            )
    if HELD in likelihood.names:
        raise ConfigError(f'numpyro_model: no parameter can be named "{HELD}"')
