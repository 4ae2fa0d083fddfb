"""The priors of a posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cevns_jax.errors import unknown
from cevns_jax.inference.model import sampled_prior
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Parameter
from cevns_jax.priors import Prior


def with_sampled_priors(likelihood: Likelihood, priors: Mapping[str, Prior]) -> Likelihood:
    """The likelihood in which every varying parameter declares the prior with which it is sampled.

    Args:
        likelihood: Whose parameters vary.
        priors: Priors by name of the parameter, in place of those of
            :func:`cevns_jax.inference.model.sampled_prior`.

    Raises:
        ConfigError: a prior of a parameter that does not vary, or with nothing in its domain.
    """
    for name in priors:
        if name not in likelihood.names:
            raise unknown("sample, priors", "varying parameter", name, likelihood.names)
    made = {}
    for name in likelihood.names:
        declared = likelihood.parameters[name]
        if name in priors:
            declared = replace(declared, prior=priors[name], start=_inside(declared, priors[name]))
        made[name] = replace(declared, prior=sampled_prior(declared))
    return likelihood.declared(made)


def _inside(declared: Parameter, prior: Prior) -> float:
    """The start of a parameter, moved into the range of another prior."""
    low, high = max(declared.lower, prior.lower), min(declared.upper, prior.upper)
    return float(np.clip(declared.start, low, high))
