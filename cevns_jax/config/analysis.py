"""Configuration: TOML in, a likelihood and settings out; what is not understood is an error.

The tables and keys are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.config.experiments import read_experiments
from cevns_jax.config.interaction import read_interaction
from cevns_jax.config.strict_toml import Table, read_toml
from cevns_jax.errors import ConfigError, unknown

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.parameters import Parameter

MOST_POINTS = 10_000_000
MOST_LEVELS = 20
FINEST_STEP = 1e-12  # between neighbours of a grid, relative to its largest value
# Delta chi^2 by the number of parameters: 68, 90, 95 % of one; 1, 2, 3 sigma of two
LEVELS = {1: (1.0, 2.71, 3.84), 2: (2.30, 6.18, 11.83)}


@dataclass(frozen=True, kw_only=True)
class ProfileSettings:
    """Grid of a profile."""

    parameter: str
    low: float
    high: float
    points: int


@dataclass(frozen=True, kw_only=True)
class ScanSettings:
    """Grid of a scan: parameter -> its values; and the levels of Delta chi^2 to be drawn."""

    grids: dict[str, list[float]]
    levels: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What a config describes.

    Attributes:
        name: Stem of the config's file name; outputs are named after it.
        title: For people.
        likelihood: Experiments, interaction and parameters.
        starts: Start points of fits.
        profile: Grid of the profile, if the config has one.
        scan: Grid of the scan, if the config has one.
        record: Config as it was used, with the overrides: for the provenance.
    """

    name: str
    title: str
    likelihood: Likelihood
    starts: tuple[dict[str, float], ...]
    profile: ProfileSettings | None
    scan: ScanSettings | None
    record: dict[str, Any]


def read_analysis(path: Path | str, overrides: Sequence[str] = ()) -> Analysis:
    """Read a config and build what it describes; arguments as :func:`read_toml`.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    path = Path(path)
    content = read_toml(path, overrides)
    try:
        return _analysis(path, content, overrides)
    except ConfigError as error:
        text = str(error)
        raise (error if text.startswith(str(path)) else ConfigError(f"{path}: {text}")) from None


def _analysis(path: Path, content: dict[str, Any], overrides: Sequence[str]) -> Analysis:
    from cevns_jax.likelihood import Likelihood

    root = Table(path, "", content)
    title = root.text("title", path.stem) or path.stem
    interaction = read_interaction(root.table("interaction"), path.parent)
    experiments = read_experiments(root.table("experiments"), path.parent)
    settings = root.table("fit")
    free = settings.texts("free")
    starts = tuple(table.numbers() for table in settings.tables("starts")) or ({},)
    overlap = settings.flag("allow_overlap", False)
    settings.done()
    likelihood = Likelihood(experiments, interaction, (), allow_overlap=overlap)
    _known(f"{path} [fit] free", free, likelihood)
    for name in free:
        if free.count(name) > 1:
            raise ConfigError(f"{path} [fit]: free names {name} more than once")
    likelihood = _declared(replace(likelihood, free=free), root.table("parameters"))
    for number, start in enumerate(starts, start=1):
        for name in start:
            if name not in likelihood.names:
                where = f"{path} [fit] start {number}"
                raise unknown(where, "varying parameter", name, likelihood.names)
    profile = _profile(root.table("profile"), likelihood) if "profile" in root else None
    scan = _scan(root.table("scan"), likelihood) if "scan" in root else None
    root.done()
    return Analysis(
        name=path.stem,
        title=title,
        likelihood=likelihood,
        starts=starts,
        profile=profile,
        scan=scan,
        record={"config": path.name, "settings": content, "overrides": list(overrides)},
    )


def _known(where: str, names: Iterable[str], likelihood: Likelihood) -> None:
    for name in names:
        if name not in likelihood.parameters:
            raise unknown(where, "parameter", name, likelihood.parameters)


def _declared(likelihood: Likelihood, table: Table) -> Likelihood:
    """The likelihood with the declarations and held values of the table ``parameters``."""
    declarations, held = {}, {}
    for name in table.content:
        _known(table.where, [name], likelihood)
        part = table.table(name)
        declared = likelihood.parameters[name]
        start = part.number("start", float(declared.start))
        assert start is not None
        if not declared.lower <= start <= declared.upper:
            raise ConfigError(
                f"{part.where}: start must lie between {declared.lower:g} and {declared.upper:g}, "
                f"not at {start:g}"
            )
        mean, width = part.number("prior_mean"), part.positive("prior_width")
        if mean is not None and width is None:
            raise ConfigError(f"{part.where}: prior_mean needs a prior_width")
        declared = replace(declared, start=start)
        if width is not None:
            mean = start if mean is None else mean
            declared = replace(declared, prior_width=width, prior_mean=mean)
        declarations[name] = declared
        if part.flag("fixed", False):
            held[name] = start
        part.done()
    return replace(likelihood, declarations=declarations, held=held)


def _distinct(table: Table, grid: np.ndarray) -> None:
    """Check that the values of a grid can be told apart."""
    step = float(np.diff(grid).min(initial=math.inf))
    if not step > FINEST_STEP * float(np.abs(grid).max()):
        raise ConfigError(
            f"{table.where}: {len(grid)} points between {float(grid[0])!r} and "
            f"{float(grid[-1])!r} are {step:.3g} apart; neighbours must differ by more than "
            f"{FINEST_STEP:g} of the largest value: widen the range, or take fewer points"
        )


def _profile(table: Table, likelihood: Likelihood) -> ProfileSettings:
    parameter = table.text("parameter", next(iter(likelihood.free), None))
    if parameter is None:
        raise ConfigError(f"{table.where}: name the parameter")
    _known(table.where, [parameter], likelihood)
    low, high = table.number("min"), table.number("max")
    points = table.integer("points", 121, 4, 1_000_000)
    table.done()
    if low is None or high is None or not low < high:
        raise ConfigError(f"{table.where}: needs min and max, min below max")
    declared = likelihood.parameters[parameter]
    if low < declared.lower or high > declared.upper:
        raise ConfigError(
            f"{table.where}: min and max must lie between {declared.lower:g} and "
            f"{declared.upper:g}, the domain of {parameter}"
        )
    _distinct(table, np.linspace(low, high, points))
    return ProfileSettings(parameter=parameter, low=low, high=high, points=points)


def _scan(table: Table, likelihood: Likelihood) -> ScanSettings:
    grids: dict[str, list[float]] = {}
    for axis in table.tables("axes"):
        name = axis.text("parameter")
        if name is None:
            raise ConfigError(f"{axis.where}: name the parameter")
        _known(axis.where, [name], likelihood)
        if name in grids:
            raise ConfigError(f"{axis.where}: {name} has an axis already")
        grids[name] = _axis(axis, likelihood.parameters[name])
        points = math.prod(len(grid) for grid in grids.values())
        if points > MOST_POINTS:
            raise ConfigError(f"{table.where}: {points} points are more than {MOST_POINTS}")
    if not grids:
        raise ConfigError(f"{table.where}: needs one table [[scan.axes]] at least")
    levels = tuple(table.list_of_numbers("levels")) if "levels" in table else ()
    if len(levels) > MOST_LEVELS or any(level <= 0 for level in levels):
        raise ConfigError(f"{table.where}: levels must be positive, and at most {MOST_LEVELS}")
    table.done()
    return ScanSettings(grids=grids, levels=levels or LEVELS.get(len(grids), ()))


def _axis(table: Table, declared: Parameter) -> list[float]:
    """Values of one axis."""
    low, high = table.number("min"), table.number("max")
    points = table.integer("points", 100, 1, 1_000_000)
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
