"""The priors of a posterior: one rule for ``cj.sample``, ``cj.numpyro_model`` and the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Parameter
from cevns_jax.priors import Flat, Prior
from cevns_jax.priors.numbers import known


def with_sampled_priors(
    likelihood: Likelihood, priors: Mapping[str, Prior], what: str = "sample"
) -> Likelihood:
    """The likelihood in which every varying parameter declares the prior with which it is sampled.

    Args:
        likelihood: Whose parameters vary.
        priors: Priors by name of the parameter, in place of those of :func:`sampled_prior`. Of each
            that part is taken that lies in the domain of the parameter.
        what: What the user asked for, for messages.

    Raises:
        ConfigError: a prior of a parameter that does not vary, or with nothing in its domain.
    """
    for name in priors:
        if name not in likelihood.names:
            raise unknown(f"{what}, priors", "varying parameter", name, likelihood.names)
    made = {}
    for name in likelihood.names:
        declared = likelihood.parameters[name]
        chosen = priors.get(name)
        prior = sampled_prior(declared) if chosen is None else _in_domain(declared, chosen, what)
        made[name] = replace(declared, prior=prior, start=_inside(declared.start, prior))
    return likelihood.declared(made)


def sampled_prior(parameter: Parameter) -> Prior:
    """The prior of a parameter that samplers use: what of the declared one lies in its domain.

    A parameter of which nothing is said but its domain is flat there; if it declares a range in
    which its value is expected, and starts in it, it is flat in that range alone. So sin^2 theta_W
    goes from 0 to 1. Its domain, -1 to 2, also holds the mirror solution near -0.4, at which no
    square of a sine can be; a fit reports that only where it finds no other, but a posterior would
    share its probability with it. A declared prior with finite ends, such as ``Flat(-1.0, 2.0)``,
    is taken as it is.
    """
    prior = parameter.prior
    low, high = parameter.expected
    says_nothing = isinstance(prior, Flat) and np.isinf(prior.lower) and np.isinf(prior.upper)
    if says_nothing and low <= parameter.start <= high:
        prior = Flat(low, high)
    return _in_domain(parameter, prior, "sample")


def _in_domain(parameter: Parameter, prior: Prior, what: str) -> Prior:
    """The part of a prior that lies in the domain of a parameter. A linear normalisation ends where
    nothing is left of what it scales."""
    if parameter.lower <= prior.lower and prior.upper <= parameter.upper:
        return prior
    try:
        return prior.within(parameter.lower, parameter.upper)
    except ConfigError as error:
        raise ConfigError(
            f"{what}: the prior of {parameter.name} has nothing in its domain, "
            f"{parameter.lower:g} to {parameter.upper:g} ({error})"
        ) from None


def _inside(start: Any, prior: Prior) -> Any:
    """The start of a parameter, moved into the range of its prior."""
    if not known(start, prior.lower, prior.upper):
        return start
    return float(np.clip(start, prior.lower, prior.upper))
