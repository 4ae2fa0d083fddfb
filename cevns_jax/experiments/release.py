"""What all released data sets share: their published figures, choices and names of columns."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.domains import check_positive
from cevns_jax.errors import ConfigError, shown, unknown
from cevns_jax.prediction.nuisances import Nuisance


def measurement(folder: Path) -> dict[str, Any]:
    """The published figures of a data set."""
    return tomllib.loads((folder / "measurement.toml").read_text(encoding="utf-8"))


def chosen(
    where: str, published: Mapping[str, float], given: Mapping[str, float | None]
) -> dict[str, float]:
    """Published numbers, those that were given replaced.

    Raises:
        ConfigError: a value that is no number, not positive and finite, or outside its domain.
    """
    numbers = dict(published) | {key: v for key, v in given.items() if v is not None}
    for key, value in numbers.items():
        array = np.asarray(value)
        if array.ndim or not np.issubdtype(array.dtype, np.number):
            raise ConfigError(f"{where}: {key} must be a number, not {shown(value)}")
        check_positive(where, key, value)
    return numbers


def chosen_nuisances(
    where: str,
    presets: Mapping[str, tuple[Nuisance, ...]],
    given: str | Sequence[Nuisance],
    *,
    electrons: bool = False,
) -> tuple[Nuisance, ...]:
    """A preset by its name, or own nuisances.

    Args:
        where: Name of the experiment, for messages.
        presets: The presets; their pulls may act on a component ``electrons``.
        given: Name of a preset, or own nuisances.
        electrons: Whether the experiment has this component; if not, pulls of presets leave it out.

    Raises:
        ConfigError: unknown preset.
    """
    if not isinstance(given, str):
        return tuple(given)
    if given not in presets:
        raise unknown(f"{where}.nuisances", "preset", given, presets)
    if electrons:
        return presets[given]
    without = [tuple(a for a in n.acts_on if a != "electrons") for n in presets[given]]
    return tuple(
        dataclasses.replace(nuisance, acts_on=acts_on)
        for nuisance, acts_on in zip(presets[given], without, strict=True)
    )


def ends(axis: str) -> tuple[str, str]:
    """Columns with the lower and upper ends of the bins of an axis whose name carries a unit."""
    quantity, _, unit = axis.partition("_")
    return f"{quantity}_low" + f"_{unit}" * bool(unit), f"{quantity}_high" + f"_{unit}" * bool(unit)
