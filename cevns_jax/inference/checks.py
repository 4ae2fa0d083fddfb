"""Checks of what a user gives to fits, profiles, scans and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Parameter


def checked_starts(
    what: str, likelihood: Likelihood, starts: Sequence[Mapping[str, float]]
) -> np.ndarray:
    """Starts as vectors of the varying parameters, shape (S, n).

    Args:
        what: What the user asked for, e.g. ``"fit"`` or ``"scan"``, for messages.
        likelihood: Whose n parameters vary.
        starts: Values of some of them; those left out start where declared.

    Raises:
        ConfigError: no start, or one that names a parameter that does not vary or is outside its
            domain.
    """
    if not starts:
        raise ConfigError(f"{what}: at least one start is needed")
    names, declared = likelihood.names, likelihood.parameters
    for given in starts:
        for name, value in given.items():
            if name not in names:
                raise unknown(f"{what}.starts", "varying parameter", name, names)
            low, high = declared[name].lower, declared[name].upper
            if not low <= value <= high:
                raise ConfigError(
                    f"{what}.starts: {name} must lie between {low:g} and {high:g}, not at {value:g}"
                )
    begin = {name: declared[name].start for name in names}
    rows = [[float((begin | dict(given))[name]) for name in names] for given in starts]
    return np.array(rows).reshape(len(rows), len(names))


def checked_grid(
    what: str, likelihood: Likelihood, name: str, values: np.ndarray | jax.Array
) -> np.ndarray:
    """Values of a parameter on a grid, shape (P,).

    Args:
        what: As :func:`checked_starts`.
        likelihood: Which declares the parameter; it may be free in it or not.
        name: The parameter.
        values: Its values, ascending.

    Raises:
        ConfigError: an unknown parameter; or an empty list of values, or values that are not
            finite, not ascending or outside its domain.
    """
    declared = likelihood.parameters
    if name not in declared:
        raise unknown(what, "parameter", name, declared)
    grid = np.asarray(values, dtype=float)
    if grid.ndim != 1 or not grid.size or not np.isfinite(grid).all():
        raise ConfigError(f"{what}: the grid of {name} must be a list of finite numbers")
    if (np.diff(grid) <= 0).any():
        raise ConfigError(f"{what}: the grid of {name} must be ascending")
    low, high = declared[name].lower, declared[name].upper
    if grid[0] < low or grid[-1] > high:
        raise ConfigError(
            f"{what}: the grid of {name} must lie between {low:g} and {high:g}, not from "
            f"{grid[0]:g} to {grid[-1]:g}"
        )
    return grid


def checked_range(where: str, declared: Parameter, low: float, high: float) -> tuple[float, float]:
    """A range inside the domain of a parameter. An end may be infinite if that of the domain is.

    Raises:
        ConfigError: its ends do not ascend, or lie outside the domain.
    """
    if not declared.lower <= low < high <= declared.upper:
        raise ConfigError(
            f"{where}: min must be below max, and both must lie between {declared.lower:g} and "
            f"{declared.upper:g}, the domain of {declared.name}; they are {low:g} and {high:g}"
        )
    return float(low), float(high)


def check_data(what: str, likelihood: Likelihood) -> None:
    """Raise ConfigError where an experiment has no data."""
    for experiment in likelihood.experiments:
        if not np.isfinite(experiment.observed).all():
            raise ConfigError(
                f"{experiment.name}: has no data, only bins; {what} an Asimov or toy data set of "
                "it (--data asimov, --data toy)"
            )
