"""The tables ``profile``, ``scan`` and ``limit`` of a config, as they are written.

:mod:`cevns_jax.config.grids` turns them into grids inside the domains of the parameters. The keys
are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError
from cevns_jax.inference.levels import check_confidence_level

# Of a grid: at 0.1 ms each they take a quarter of an hour, and 80 MB for each number that is kept.
MOST_POINTS = 10_000_000
MOST_LEVELS = 20  # more contours cannot be told apart in a figure
SCALES = ("linear", "log", "signed")


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Values of one parameter: ends, how many, and how they are spaced."""

    where: str
    parameter: str
    low: float
    high: float
    points: int
    scale: str


@dataclass(frozen=True, kw_only=True)
class ProfileTable:
    """The table ``profile``."""

    where: str
    axis: Axis
    confidence_level: float | None

    def named(self) -> Iterator[tuple[str, str]]:
        """Where it names a parameter, and which."""
        yield self.where, self.axis.parameter


@dataclass(frozen=True, kw_only=True)
class ScanTable:
    """The table ``scan``; levels of Delta chi^2 are none where it has none."""

    axes: tuple[Axis, ...]
    levels: tuple[float, ...]
    confidence_level: float | None

    def named(self) -> Iterator[tuple[str, str]]:
        """Where it names parameters, and which."""
        return ((axis.where, axis.parameter) for axis in self.axes)


@dataclass(frozen=True, kw_only=True)
class LimitTable:
    """The table ``limit``: what is limited, from where to where, and what is held."""

    where: str
    parameter: str
    held: tuple[Axis, ...]
    low: float | None
    high: float | None
    confidence_level: float | None

    def named(self) -> Iterator[tuple[str, str]]:
        """Where it names parameters, and which."""
        names = (self.parameter, *(axis.parameter for axis in self.held))
        return ((self.where, name) for name in names)


def read_profile(table: Table, free: Iterable[str]) -> ProfileTable:
    """The table ``profile``; its parameter is the first free one unless it names another.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    parameter = table.text("parameter", next(iter(free), None))
    if parameter is None:
        raise table.lacks("parameter", "name the parameter")
    level = _confidence_level(table)
    axis = _axis(table, parameter, points=121, fewest=4)
    return ProfileTable(where=table.where, axis=axis, confidence_level=level)


def read_scan(table: Table) -> ScanTable:
    """The table ``scan``.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    axes: list[Axis] = []
    for part in table.tables("axes"):
        name = part.text("parameter")
        if name is None:
            raise part.lacks("parameter", "name the parameter")
        if any(name == axis.parameter for axis in axes):
            raise ConfigError(f"{part.where}: {name} has an axis already")
        axes.append(_axis(part, name))
    if not axes:
        raise ConfigError(f"{table.where}: needs one table [[scan.axes]] at least")
    _bearable(table, axes)
    levels = tuple(table.list_of_numbers("levels")) if "levels" in table else ()
    if len(levels) > MOST_LEVELS or any(level <= 0 for level in levels):
        raise ConfigError(f"{table.where}: levels must be positive, and at most {MOST_LEVELS}")
    level = _confidence_level(table)
    table.done()
    return ScanTable(axes=tuple(axes), levels=levels, confidence_level=level)


def read_limit(table: Table, scan: ScanTable | None, free: Iterable[str]) -> LimitTable:
    """The table ``limit``.

    Keys that it lacks come from the axes of the scan: the parameter on the last axis is limited,
    the others are held. Without a scan the first free parameter is limited.

    Raises:
        ConfigError: anything in it that is not understood, or no parameter.
    """
    axes = () if scan is None else scan.axes
    first = next(iter(free), None)
    parameter = table.text("parameter", axes[-1].parameter if axes else first)
    if parameter is None:
        raise table.lacks("parameter", "name the parameter, e.g. --set limit.parameter=NAME")
    level = _confidence_level(table)
    held = [axis for axis in axes if axis.parameter != parameter]
    if "held" in table:
        part = table.table("held")
        if parameter in part.content:
            raise ConfigError(
                f"{part.table(parameter).where}: {parameter} is limited, it cannot be held as well"
            )
        held = [_axis(part.table(name), name) for name in part.content]
    _bearable(table, held)
    low, high = table.number("min"), table.number("max")
    table.done()
    return LimitTable(
        where=table.where,
        parameter=parameter,
        held=tuple(held),
        low=low,
        high=high,
        confidence_level=level,
    )


def _axis(table: Table, parameter: str, points: int = 100, fewest: int = 1) -> Axis:
    """One axis; its parameter is known, everything else is read from the table."""
    low, high = table.number("min"), table.number("max")
    points = table.integer("points", points, fewest, 1_000_000)
    scale = table.choice("scale", "linear", SCALES)
    table.done()
    if low is None or high is None or not (low < high or (low == high and points == 1)):
        raise ConfigError(f"{table.where}: needs min and max, min below max")
    if scale != "linear" and low <= 0:
        raise ConfigError(f'{table.where}: min must be positive with scale = "{scale}"')
    if scale == "signed" and points % 2:
        raise ConfigError(f'{table.where}: points must be even with scale = "signed"')
    return Axis(
        where=table.where, parameter=parameter, low=low, high=high, points=points, scale=scale
    )


def _bearable(table: Table, axes: Iterable[Axis]) -> None:
    """Check the number of points of a grid."""
    points = math.prod(axis.points for axis in axes)
    if points > MOST_POINTS:
        raise ConfigError(f"{table.where}: {points} points are more than {MOST_POINTS}")


def _confidence_level(table: Table) -> float | None:
    if "confidence_level" not in table:
        return None
    check_confidence_level(f"{table.where}: confidence_level", table.content["confidence_level"])
    return float(table.content["confidence_level"])
