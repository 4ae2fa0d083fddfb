"""Grids in a config: the tables ``profile``, ``scan`` and ``limit``.

The keys are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.inference.levels import LEVELS, check_confidence_level, delta_chi2

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.parameters import Parameter

MOST_POINTS = 10_000_000
MOST_LEVELS = 20
FINEST_STEP = 1e-12  # between neighbours of a grid, relative to its largest value
CONFIDENCE_LEVEL = 0.90  # of limits, unless another is asked for


@dataclass(frozen=True, kw_only=True)
class ProfileSettings:
    """Grid of a profile, and the levels of Delta chi^2 whose ranges are reported."""

    parameter: str
    grid: list[float]
    levels: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ScanSettings:
    """Grid of a scan: parameter -> its values; and the levels of Delta chi^2 to be drawn."""

    grids: dict[str, list[float]]
    levels: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """What is limited, at which confidence level, and the values of what is held."""

    parameter: str
    confidence_level: float
    held: dict[str, list[float]]
    within: tuple[float, float] | None


def known(where: str, names: Iterable[str], likelihood: Likelihood) -> None:
    """Raise ConfigError where a name is not that of a parameter."""
    for name in names:
        if name not in likelihood.parameters:
            raise unknown(where, "parameter", name, likelihood.parameters)


def read_profile(table: Table, likelihood: Likelihood) -> ProfileSettings:
    """The table ``profile``.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    parameter = table.text("parameter", next(iter(likelihood.free), None))
    if parameter is None:
        raise ConfigError(f"{table.where}: name the parameter")
    known(table.where, [parameter], likelihood)
    table.integer("points", 121, 4, 1_000_000)
    chosen = _confidence_level(table)
    grid = _axis(table, likelihood.parameters[parameter], points=121)
    levels = LEVELS[1] if chosen is None else (delta_chi2(chosen),)
    return ProfileSettings(parameter=parameter, grid=grid, levels=levels)


def read_scan(table: Table, likelihood: Likelihood) -> ScanSettings:
    """The table ``scan``.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    grids: dict[str, list[float]] = {}
    for axis in table.tables("axes"):
        name = axis.text("parameter")
        if name is None:
            raise ConfigError(f"{axis.where}: name the parameter")
        known(axis.where, [name], likelihood)
        if name in grids:
            raise ConfigError(f"{axis.where}: {name} has an axis already")
        grids[name] = _axis(axis, likelihood.parameters[name])
        _bearable(table, grids)
    if not grids:
        raise ConfigError(f"{table.where}: needs one table [[scan.axes]] at least")
    levels = tuple(table.list_of_numbers("levels")) if "levels" in table else ()
    if len(levels) > MOST_LEVELS or any(level <= 0 for level in levels):
        raise ConfigError(f"{table.where}: levels must be positive, and at most {MOST_LEVELS}")
    chosen = _confidence_level(table)
    if chosen is not None:
        levels = (delta_chi2(chosen, len(grids)),)
    table.done()
    return ScanSettings(grids=grids, levels=levels or LEVELS.get(len(grids), ()))


def read_limit(table: Table, scan: Table | None, likelihood: Likelihood) -> LimitSettings:
    """The table ``limit``; what it leaves open, from the axes of a scan: the limited parameter is
    the one on its last axis, the others are held.

    Raises:
        ConfigError: anything in them that is not understood, or no parameter.
    """
    axes = [] if scan is None else scan.tables("axes")
    on_axes = {name: axis for axis in axes if (name := axis.text("parameter")) is not None}
    parameter = table.text("parameter", next(reversed(on_axes), None))
    if parameter is None:
        raise ConfigError(f"{table.where}: name the parameter")
    known(table.where, [parameter], likelihood)
    declared = likelihood.parameters[parameter]
    level = _confidence_level(table)
    tables = {name: axis for name, axis in on_axes.items() if name != parameter}
    if "held" in table:
        part = table.table("held")
        tables = {name: part.table(name) for name in part.content}
    held: dict[str, list[float]] = {}
    for name, axis in tables.items():
        known(table.where, [name], likelihood)
        if name == parameter:
            raise ConfigError(f"{axis.where}: {name} is limited, it cannot be held as well")
        axis.text("parameter")
        held[name] = _axis(axis, likelihood.parameters[name])
        _bearable(table, held)
    low, high = table.number("min"), table.number("max")
    within = None
    if low is not None or high is not None:
        ends = (
            float(declared.lower) if low is None else low,
            float(declared.upper) if high is None else high,
        )
        if not declared.lower <= ends[0] < ends[1] <= declared.upper:
            raise ConfigError(
                f"{table.where}: min must be below max, both between {declared.lower:g} and "
                f"{declared.upper:g}, the domain of {parameter}"
            )
        within = ends
    table.done()
    return LimitSettings(
        parameter=parameter,
        confidence_level=CONFIDENCE_LEVEL if level is None else level,
        held=held,
        within=within,
    )


def _confidence_level(table: Table) -> float | None:
    if "confidence_level" not in table:
        return None
    check_confidence_level(f"{table.where}: confidence_level", table.content["confidence_level"])
    return float(table.content["confidence_level"])


def _bearable(table: Table, grids: dict[str, list[float]]) -> None:
    """Check the number of points of a grid."""
    points = math.prod(len(grid) for grid in grids.values())
    if points > MOST_POINTS:
        raise ConfigError(f"{table.where}: {points} points are more than {MOST_POINTS}")


def _distinct(table: Table, grid: np.ndarray) -> None:
    """Check that the values of a grid can be told apart."""
    step = float(np.diff(grid).min(initial=math.inf))
    if not step > FINEST_STEP * float(np.abs(grid).max()):
        raise ConfigError(
            f"{table.where}: {len(grid)} points between {float(grid[0])!r} and "
            f"{float(grid[-1])!r} are {step:.3g} apart; neighbours must differ by more than "
            f"{FINEST_STEP:g} of the largest value: widen the range, or take fewer points"
        )


def _axis(table: Table, declared: Parameter, points: int = 100) -> list[float]:
    """Values of one axis."""
    low, high = table.number("min"), table.number("max")
    points = table.integer("points", points, 1, 1_000_000)
    scale = table.choice("scale", "linear", ("linear", "log", "signed"))
    table.done()
    if low is None or high is None or not (low < high or (low == high and points == 1)):
        raise ConfigError(f"{table.where}: needs min and max, min below max")
    if scale != "linear" and low <= 0:
        raise ConfigError(f'{table.where}: min must be positive with scale = "{scale}"')
    if scale == "signed" and points % 2:
        raise ConfigError(f'{table.where}: points must be even with scale = "signed"')
    smallest = -high if scale == "signed" else low
    if smallest < declared.lower or high > declared.upper:
        raise ConfigError(
            f"{table.where}: values must lie between {declared.lower:g} and {declared.upper:g}, "
            f"the domain of {declared.name}"
        )
    if scale == "linear":
        grid = np.linspace(low, high, points)
    else:
        half = np.geomspace(low, high, points if scale == "log" else points // 2)
        grid = half if scale == "log" else np.concatenate([-half[::-1], half])
    _distinct(table, grid)
    return [float(value) for value in grid]
