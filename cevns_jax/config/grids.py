"""Grids of profiles, scans and limits, made of what a config says, inside the domains of the
parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cevns_jax.config.axes import Axis, LimitTable, ProfileTable, ScanTable
from cevns_jax.errors import ConfigError
from cevns_jax.inference.checks import checked_range
from cevns_jax.inference.levels import LEVELS, LIMIT, delta_chi2

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.parameters import Parameter

# Smallest distance of neighbours of a grid, in units of its largest value: some thousand roundings
# of float64, so that no two values coincide, and results can be looked up by value.
FINEST_STEP = 1e-12


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


def profile_settings(table: ProfileTable, likelihood: Likelihood) -> ProfileSettings:
    """The profile of a likelihood that a table asks for.

    Raises:
        ConfigError: values outside the domain of the parameter.
    """
    name, chosen = table.axis.parameter, table.confidence_level
    levels = LEVELS[1] if chosen is None else (delta_chi2(chosen),)
    grid = _grid(table.axis, likelihood.parameters[name])
    return ProfileSettings(parameter=name, grid=grid, levels=levels)


def scan_settings(table: ScanTable, likelihood: Likelihood) -> ScanSettings:
    """The scan of a likelihood that a table asks for.

    Raises:
        ConfigError: values outside the domain of a parameter.
    """
    declared = likelihood.parameters
    grids = {axis.parameter: _grid(axis, declared[axis.parameter]) for axis in table.axes}
    levels = table.levels
    if table.confidence_level is not None:
        levels = (delta_chi2(table.confidence_level, len(grids)),)
    return ScanSettings(grids=grids, levels=levels or LEVELS.get(len(grids), ()))


def limit_settings(table: LimitTable, likelihood: Likelihood) -> LimitSettings:
    """The limit on a parameter of a likelihood that a table asks for.

    Raises:
        ConfigError: values outside the domain of a parameter.
    """
    declared = likelihood.parameters
    level = table.confidence_level
    return LimitSettings(
        parameter=table.parameter,
        confidence_level=LIMIT if level is None else level,
        held={axis.parameter: _grid(axis, declared[axis.parameter]) for axis in table.held},
        within=_within(table, declared[table.parameter]),
    )


def _within(table: LimitTable, declared: Parameter) -> tuple[float, float] | None:
    """Range in which a limit is looked for, if there is one."""
    if table.low is None and table.high is None:
        return None
    low = float(declared.lower) if table.low is None else table.low
    high = float(declared.upper) if table.high is None else table.high
    return checked_range(table.where, declared, low, high)


def _grid(axis: Axis, declared: Parameter) -> list[float]:
    """Values of one axis."""
    _inside(axis, declared)
    if axis.scale == "linear":
        grid = np.linspace(axis.low, axis.high, axis.points)
    elif axis.scale == "log":
        grid = np.geomspace(axis.low, axis.high, axis.points)
    else:
        half = np.geomspace(axis.low, axis.high, axis.points // 2)
        grid = np.concatenate([-half[::-1], half])
    _distinct(axis, grid)
    return [float(value) for value in grid]


def _inside(axis: Axis, declared: Parameter) -> None:
    """Check that the ends of a grid lie in the domain of its parameter."""
    lower, upper = float(declared.lower), float(declared.upper)
    if axis.scale == "signed" and -axis.high < lower:
        end, said = lower, f"max is {axis.high:g}, and the grid begins at {-axis.high:g}"
    elif axis.scale != "signed" and axis.low < lower:
        end, said = lower, f"min is {axis.low:g}"
    elif axis.high > upper:
        end, said = upper, f"max is {axis.high:g}"
    else:
        return
    # A prior can narrow the domain, and then it is the prior that may have to be changed.
    prior = declared.prior
    narrowed = end in (float(prior.lower), float(prior.upper))
    domain = f"the range of its prior ({prior.text})" if narrowed else "its domain"
    raise ConfigError(
        f"{axis.where}: {said}, but {declared.name} must lie between {lower:g} and {upper:g}, "
        f"{domain}"
    )


def _distinct(axis: Axis, grid: np.ndarray) -> None:
    """Check that the values of a grid can be told apart."""
    step = float(np.diff(grid).min(initial=np.inf))
    if not step > FINEST_STEP * float(np.abs(grid).max()):
        raise ConfigError(
            f"{axis.where}: {len(grid)} points between {float(grid[0])!r} and "
            f"{float(grid[-1])!r} are {step:.3g} apart; neighbours must differ by more than "
            f"{FINEST_STEP:g} of the largest value: widen the range, or take fewer points"
        )
