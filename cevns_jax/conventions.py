"""Conventions of a result: the choices that change its numbers, as they were used.

An experiment only knows how it was built. A likelihood can start its parameters elsewhere, hold
them, or give them other priors. Whatever concerns parameters is therefore taken from the
declarations of the likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax

from cevns_jax.detectors.quenching import Lindhard, ModifiedLindhard
from cevns_jax.likelihood import Likelihood
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.experiment import Experiment
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.priors import Gaussian, width_of


@dataclass(frozen=True)
class Used:
    """How a likelihood uses its parameters.

    Attributes:
        parameters: Declarations in use.
        varying: Names of those that vary.
        held: Values of those that are held.
    """

    parameters: Mapping[str, Parameter]
    varying: frozenset[str]
    held: Mapping[str, Any]

    def value(self, name: str) -> float:
        """Value of a parameter: where it is held, or starts."""
        return float(self.held.get(name, self.parameters[name].start))


def conventions(likelihood: Likelihood) -> dict[str, Any]:
    """Choices that change a prediction or a fit, in words.

    Args:
        likelihood: What was evaluated.

    Returns:
        The conventions of the interaction; ``parameters``, a mapping name -> free or fixed, start
        value, prior, which leaves out pulls and those radii whose declaration was not replaced; and
        the conventions of each experiment under its name.
    """
    used = Used(likelihood.parameters, frozenset(likelihood.names), likelihood.held)
    elsewhere: set[str] = set()  # parameters that the text of an experiment already tells of
    experiments = {}
    for experiment in likelihood.experiments:
        targets, models = _parts(experiment)
        experiments[experiment.name] = _experiment(experiment, targets, models, used)
        radii = {name for target in targets for name in target.radius_parameters}
        elsewhere |= {*experiment.pulls, *(radii - set(likelihood.declared_anew))}
    parameters = {
        name: _parameter(declared, used)
        for name, declared in used.parameters.items()
        if name not in elsewhere
    }
    return {**likelihood.interaction.conventions, "parameters": parameters, **experiments}


def _parts(experiment: Experiment) -> tuple[list[Target], list[Lindhard | ModifiedLindhard]]:
    """The targets of an experiment, and those of its quenching models that have parameters."""
    kinds = (Target, Lindhard, ModifiedLindhard)
    leaves = jax.tree.leaves(experiment.parts, is_leaf=lambda part: isinstance(part, kinds))
    targets = [leaf for leaf in leaves if isinstance(leaf, Target)]
    return targets, [leaf for leaf in leaves if isinstance(leaf, Lindhard | ModifiedLindhard)]


def _experiment(
    experiment: Experiment,
    targets: list[Target],
    models: list[Lindhard | ModifiedLindhard],
    used: Used,
) -> dict[str, str]:
    told = {"bins": experiment.statistic.label, **dict(experiment.conventions)}
    if scales := [scale.text for scale in experiment.partial_scales]:
        told["scales"] = "; ".join(scales)
    for target in targets:
        told["form factor"] = f"{target.form_factor}"
        told["R_n [fm]"] = ", ".join(
            f"{symbol} {used.value(name):.4g}" + (" (free)" if name in used.varying else "")
            for symbol, name in zip(target.symbols, target.radius_parameters, strict=True)
        )
    for model in models:
        told["quenching"] = _quenching(model, used)
    pulls = zip(experiment.pulls, experiment.nuisances, strict=True)
    told["nuisances"] = ", ".join(_nuisance(name, n, used) for name, n in pulls) or "none"
    return told


def _quenching(model: Lindhard | ModifiedLindhard, used: Used) -> str:
    """The label of a quenching model with the values that were used."""
    names = {k: p.name for k, p in zip("kq", model.parameters, strict=False)}
    if not set(names.values()) <= set(used.parameters):
        return model.label  # with a perfect resolution k and q are numbers
    values: dict[str, Any] = {k: used.value(name) for k, name in names.items()}
    free = [k for k, name in names.items() if name in used.varying]
    return replace(model, **values).label + (f" ({' and '.join(free)} free)" if free else "")


def _nuisance(name: str, nuisance: Nuisance, used: Used) -> str:
    """Name, width and form of an uncertainty, what it acts on, and its prior, start or held value
    where these are unusual.

    The width is that of the prior in use, while the pull stays in units of the declared width.
    """
    declared, width = used.parameters[name], float(nuisance.width)
    mean, prior = float(declared.prior.mean), width_of(declared.prior)
    value, remarks = used.value(name), []
    unit = f", its unit {width:g}" if prior != 1 else ""
    if not isinstance(declared.prior, Gaussian):
        remarks.append(f"prior of the pull {declared.prior.text}{unit}")
    elif (mean, prior) != (0.0, 1.0):
        remarks.append(f"prior of the pull {mean:.3g} +- {prior:g}{unit}")
    if name in used.held:
        remarks.append(f"pull held at {value:g}")
    elif value != 0:
        remarks.append(f"pull starts at {value:g}")
    size = nuisance.size if prior == 1 else f"{width * prior:g}"
    size = size if math.isfinite(prior) else "free"
    told = f" ({'; '.join(remarks)})" if remarks else ""
    return f"{nuisance.name} {size} {nuisance.form}{nuisance.where}{told}"


def _parameter(declared: Parameter, used: Used) -> str:
    """Whether a parameter is free or fixed, its value and its prior, in words."""
    name, unit = declared.name, f" {declared.unit}" if declared.unit else ""
    free = name in used.varying
    text = f"{'free, start' if free else 'fixed at'} {used.value(name):.6g}{unit}"
    if (free or name in used.held) and declared.prior.text != "flat":
        text += f", prior {declared.prior.text}"
    return text
