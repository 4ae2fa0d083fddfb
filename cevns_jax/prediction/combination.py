"""Several experiments in one likelihood: what they must agree on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

from cevns_jax.errors import ConfigError
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.experiment import Experiment
from cevns_jax.prediction.nuisances import Nuisance


def tabulated(interaction: Interaction, experiments: Sequence[Experiment]) -> dict[str, Parameter]:
    """All parameters by name, each once, in the order of interaction and experiments."""
    declared = {p.name: p for p in interaction.parameters}
    for experiment in experiments:
        declared |= {p.name: p for p in experiment.parameters}
    return declared


def check_combination(
    interaction: Interaction, experiments: Sequence[Experiment], allow_overlap: bool
) -> None:
    """Check that experiments can be fitted together.

    Raises:
        ConfigError: experiments with the same name or with common events, a nuisance named as
            another parameter, two definitions of a shared parameter, or an uncertainty that the
            pulls of two experiments contain under different names.
    """
    names = [experiment.name for experiment in experiments]
    if len(set(names)) < len(names):
        raise ConfigError(f"likelihood: an experiment is there twice ({', '.join(names)})")
    for one, other in combinations(experiments, 2):
        if other.name in one.overlaps and not allow_overlap:
            raise ConfigError(
                f"likelihood: {one.name} and {other.name} have events in common, which would "
                "count twice; take one of them, or set allow_overlap = true"
            )
    _check_shared(experiments)
    _check_widths(experiments)
    _check_lumped(experiments)
    for experiment in experiments:
        all_names = [p.name for p in (*interaction.parameters, *experiment.parameters)]
        for name in experiment.pulls:
            if all_names.count(name) > 1:
                raise ConfigError(f'likelihood: a nuisance takes the name of parameter "{name}"')


def _check_shared(experiments: Sequence[Experiment]) -> None:
    """Names that several experiments use must mean the same in all of them."""
    first: dict[str, tuple[Experiment, Parameter, bool]] = {}
    for experiment in experiments:
        shared = {n.name for n in experiment.nuisances if n.shared}
        for parameter in experiment.parameters:
            name = parameter.name
            mine = (experiment, parameter, name in shared)
            other, known, shared_there = first.setdefault(name, mine)
            if known.start != parameter.start:
                raise ConfigError(
                    f'likelihood: parameter "{name}" starts at {known.start:g} in {other.name} '
                    f"and at {parameter.start:g} in {experiment.name}; give both the same"
                )
            if other is experiment:
                continue
            is_pull = name in (*experiment.pulls, *other.pulls)
            if is_pull and not (shared_there and name in shared):
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
