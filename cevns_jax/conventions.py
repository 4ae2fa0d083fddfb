"""Conventions of a result: the choices that change its numbers, as they were used.

What an experiment says of itself is how it was built. A likelihood can start its parameters
elsewhere, hold them, or give them other priors; so what concerns parameters is told from the
likelihood's declarations.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import jax

from cevns_jax.detectors.quenching import Lindhard, ModifiedLindhard
from cevns_jax.experiments.experiment import Experiment, Nuisance
from cevns_jax.likelihood import Likelihood
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Parameter


def conventions(likelihood: Likelihood) -> dict[str, Any]:
    """Choices that change a prediction or a fit, in words.

    Args:
        likelihood: What was evaluated.

    Returns:
        Those of the interaction, ``parameters`` (name -> free or fixed, start value, prior; without
        radii and pulls), and those of each experiment under its name.
    """
    found: dict[str, Any] = dict(likelihood.interaction.conventions)
    found["parameters"] = _parameters(likelihood)
    return found | {e.name: _experiment(e, likelihood) for e in likelihood.experiments}


def _experiment(experiment: Experiment, likelihood: Likelihood) -> dict[str, str]:
    told = {"bins": experiment.statistic.label, **dict(experiment.conventions)}
    for target in _parts(experiment, Target):
        told["R_n [fm]"] = ", ".join(
            f"{symbol} {_used(likelihood, name):.4g}" + " (free)" * (name in likelihood.names)
            for symbol, name in zip(target.symbols, target.radius_parameters, strict=True)
        )
    for quenching in (*_parts(experiment, Lindhard), *_parts(experiment, ModifiedLindhard)):
        told["quenching"] = _quenching(quenching, likelihood)
    if experiment.nuisances:
        pulls = zip(experiment.pulls, experiment.nuisances, strict=True)
        told["nuisances"] = ", ".join(_nuisance(name, n, likelihood) for name, n in pulls)
    return told


def _parts(experiment: Experiment, kind: type) -> list[Any]:
    """What the signal has of a kind, e.g. its target."""
    leaves = jax.tree.leaves(experiment.signal, is_leaf=lambda part: isinstance(part, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def _quenching(model: Lindhard | ModifiedLindhard, likelihood: Likelihood) -> str:
    """The label with the values that were used."""
    names = {k: p.name for k, p in zip("kq", model.parameters, strict=False)}
    if not set(names.values()) <= set(likelihood.parameters):
        return model.label  # with a perfect resolution k and q are numbers
    used: dict[str, Any] = {k: _used(likelihood, name) for k, name in names.items()}
    free = [k for k, name in names.items() if name in likelihood.names]
    return replace(model, **used).label + (f" ({' and '.join(free)} free)" if free else "")


def _nuisance(name: str, nuisance: Nuisance, likelihood: Likelihood) -> str:
    """Name, width and form of an uncertainty; its prior, start or value where they are unusual.

    The width is that of the prior in use; the pull stays in units of the declared one.
    """
    declared, width = likelihood.parameters[name], float(nuisance.width)
    mean, prior = float(declared.prior_mean), float(declared.prior_width)
    used, remarks = _used(likelihood, name), []
    if (mean, prior) != (0.0, 1.0):
        unit = f", its unit {width:g}" if prior != 1 else ""
        remarks.append(f"prior of the pull {mean:.3g} +- {prior:g}{unit}")
    if name in likelihood.held:
        remarks.append(f"pull held at {used:g}")
    elif used != 0:
        remarks.append(f"pull starts at {used:g}")
    size = f"{width * prior:g}" if math.isfinite(prior) else "free"
    return f"{nuisance.name} {size} {nuisance.form}" + (f" ({'; '.join(remarks)})" * bool(remarks))


def _parameters(likelihood: Likelihood) -> dict[str, str]:
    """What became of each parameter that is neither a radius nor a pull."""
    elsewhere = {name for e in likelihood.experiments for name in e.pulls}
    for experiment in likelihood.experiments:
        for target in _parts(experiment, Target):
            elsewhere |= {n for n in target.radius_parameters if n not in likelihood.declarations}
    return {
        name: _parameter(declared, likelihood)
        for name, declared in likelihood.parameters.items()
        if name not in elsewhere
    }


def _parameter(declared: Parameter, likelihood: Likelihood) -> str:
    name, unit = declared.name, f" {declared.unit}" if declared.unit else ""
    free = name in likelihood.names
    text = f"{'free, start' if free else 'fixed at'} {_used(likelihood, name):.6g}{unit}"
    if (free or name in likelihood.held) and math.isfinite(float(declared.prior_width)):
        text += f", prior {float(declared.prior_mean):.6g} +- {float(declared.prior_width):.6g}"
    return text


def _used(likelihood: Likelihood, name: str) -> float:
    """Value of a parameter: where it is held, or starts."""
    return float(likelihood.held.get(name, likelihood.parameters[name].start))
