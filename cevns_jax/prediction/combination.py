"""Several experiments in one likelihood: what they must agree on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.experiment import Experiment
from cevns_jax.prediction.nuisances import Nuisance


def tabulated(interaction: Interaction, experiments: Sequence[Experiment]) -> dict[str, Parameter]:
    """All parameters by name, each once, in the order of interaction and experiments.

    One that several of them declare can take the values that all of them allow. Its domain is not
    empty, as they agree on a start.
    """
    declared: dict[str, Parameter] = {}
    for _, parameters in _declarations(interaction, experiments):
        for p in parameters:
            declared[p.name] = _in_both(declared[p.name], p) if p.name in declared else p
    return declared


def _declarations(
    interaction: Interaction, experiments: Sequence[Experiment]
) -> list[tuple[str, tuple[Parameter, ...]]]:
    """What the interaction and each experiment declare, with the name of who declares it."""
    return [
        ("the interaction", tuple(interaction.parameters)),
        *((experiment.name, experiment.parameters) for experiment in experiments),
    ]


def _in_both(first: Parameter, second: Parameter) -> Parameter:
    """The first of two declarations of a parameter, with the values that both allow."""
    lower, upper = _narrower((first.lower, first.upper), (second.lower, second.upper))
    return replace(
        first,
        lower=lower,
        upper=upper,
        expected=_narrower(first.expected, second.expected),
        searched=_narrower(first.searched, second.searched),
    )


def _narrower(first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Any, Any]:
    """The range that lies in both of two ranges."""
    lower, upper = zip(first, second, strict=True)
    if any(isinstance(end, jax.core.Tracer) for end in (*lower, *upper)):
        return jnp.maximum(*lower), jnp.minimum(*upper)
    return max(lower), min(upper)


def check_combination(
    interaction: Interaction, experiments: Sequence[Experiment], allow_overlap: bool
) -> None:
    """Check that experiments can be fitted together.

    Raises:
        ConfigError: experiments with the same name or with common events, a nuisance named as
            another parameter, two declarations of one parameter that differ, or an
            uncertainty that the pulls of two experiments contain under different names.
    """
    names = [experiment.name for experiment in experiments]
    if len(set(names)) < len(names):
        raise ConfigError(f"likelihood: an experiment is there twice ({', '.join(names)})")
    for one, other in combinations(experiments, 2):
        common = other.name in one.overlaps or one.name in other.overlaps
        if common and not allow_overlap:
            raise ConfigError(
                f"likelihood: {one.name} and {other.name} have events in common, which would "
                "count twice; take one of them, or set allow_overlap = true"
            )
    for experiment in experiments:
        all_names = [p.name for p in (*interaction.parameters, *experiment.parameters)]
        for name in experiment.pulls:
            if all_names.count(name) > 1:
                raise ConfigError(f'likelihood: a nuisance takes the name of parameter "{name}"')
        scales = {scale.parameter.name for scale in experiment.scales}
        of_parts = [p for part in experiment.parts.values() for p in part.parameters]
        for parameter in (*interaction.parameters, *of_parts):
            if parameter.name in scales:
                raise ConfigError(
                    f'likelihood: a scale of {experiment.name} takes the name of parameter "'
                    f'{parameter.name}"'
                )
    _check_private(experiments)
    _check_widths(experiments)
    _check_declarations(interaction, experiments)
    _check_lumped(experiments)


def _check_declarations(interaction: Interaction, experiments: Sequence[Experiment]) -> None:
    """A name is declared the same wherever it is; only the domains may differ."""
    first: dict[str, tuple[str, Parameter]] = {}
    for owner, parameters in _declarations(interaction, experiments):
        for parameter in parameters:
            other, known = first.setdefault(parameter.name, (owner, parameter))
            places = (other, owner) if other != owner else (f"one component of {owner}", "another")
            for what, one, two in _differences(known, parameter):
                raise ConfigError(
                    f'likelihood: parameter "{parameter.name}" has the {what} {one} in '
                    f"{places[0]} and {two} in {places[1]}; give both the same"
                )


def _differences(known: Parameter, other: Parameter) -> Iterator[tuple[str, str, str]]:
    """What differs between two declarations of one parameter: its name, and both in words."""
    if not _same(known.start, other.start):
        yield "start", f"{known.start:g}", f"{other.start:g}"
    if not _same(known.prior, other.prior):
        yield "prior", known.prior.text, other.prior.text
    if known.varies != other.varies:
        yield "kind", *(("varying", "fixed") if known.varies else ("fixed", "varying"))
    if known.unit != other.unit:
        yield "unit", known.unit or "none", other.unit or "none"


def _same(one: Any, other: Any) -> bool:
    """Whether two pytrees hold the same numbers; those that JAX traces cannot be compared, and
    count as equal."""
    structure: Any = jax.tree.structure(one)
    if structure != jax.tree.structure(other):
        return False
    return all(
        any(isinstance(number, jax.core.Tracer) for number in pair) or np.array_equal(*pair)
        for pair in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def _check_private(experiments: Sequence[Experiment]) -> None:
    """The name of a private nuisance of one experiment is that of no parameter of another."""
    first: dict[str, tuple[Experiment, bool]] = {}
    for experiment in experiments:
        shared = {n.name for n in experiment.nuisances if n.shared}
        for name in (parameter.name for parameter in experiment.parameters):
            other, shared_there = first.setdefault(name, (experiment, name in shared))
            is_pull = name in (*experiment.pulls, *other.pulls)
            if other is not experiment and is_pull and not (shared_there and name in shared):
                raise ConfigError(
                    f'likelihood: "{name}" is a private nuisance of {other.name} or '
                    f"{experiment.name} and a parameter of the other"
                )


def _check_widths(experiments: Sequence[Experiment]) -> None:
    """A shared nuisance has one width and one form."""
    widths: dict[str, tuple[Experiment, Nuisance]] = {}
    for experiment in experiments:
        for n in (n for n in experiment.nuisances if n.shared):
            other, known = widths.setdefault(n.name, (experiment, n))
            if (n.width, n.width_down, n.form) != (known.width, known.width_down, known.form):
                raise ConfigError(
                    f'likelihood: the shared nuisance "{n.name}" is {known.size} {known.form} in '
                    f"{other.name} and {n.size} {n.form} in {experiment.name}; give both the same"
                )


def _check_lumped(experiments: Sequence[Experiment]) -> None:
    """An uncertainty that is lumped into a pull of one experiment must not be in another's pulls:
    the two would vary independently, though they are one."""
    for one, other in permutations(experiments, 2):
        lumped = {name: n.name for n in one.nuisances for name in n.includes}
        for nuisance in other.nuisances:
            for name in {nuisance.name, *nuisance.includes} & set(lumped):
                raise ConfigError(
                    f'likelihood: the pull "{lumped[name]}" of {one.name} contains {name}, '
                    f'and so does "{nuisance.name}" of {other.name}; combine experiments with '
                    'their "split" nuisances, which share it'
                )
