"""The bins of a user's own experiment in a config: a CSV table, and perhaps a covariance."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cevns_jax.config.parts import needed
from cevns_jax.config.response import naming
from cevns_jax.config.strict_toml import Table
from cevns_jax.data.tables import (
    Columns,
    bin_edges,
    check_column,
    grid_points,
    read_columns,
)
from cevns_jax.domains import COUNTS, COVARIANCE, ERRORS, TEMPLATE_ERRORS
from cevns_jax.errors import ConfigError, shown
from cevns_jax.names import check_name

if TYPE_CHECKING:
    from cevns_jax.experiments import Nuisance
    from cevns_jax.prediction.component import Component

EFFECTS = ("quenching", "resolution", "neutron_radius")  # of the response and of the nuclei
TEMPLATE_ERROR = "template_error"
NOT_NEGATIVE = TEMPLATE_ERRORS
POISSON_COUNTS = NOT_NEGATIVE._replace(hint="events in Poisson bins")


@dataclass(frozen=True, kw_only=True)
class BinColumns:
    """What the columns of a table of bins mean, besides the ends of the bins.

    Attributes:
        neutrinos: Names of the components in which neutrinos scatter, which have no columns.
        backgrounds: Names of the backgrounds, columns of their counts.
        shapes: Effect -> the background whose shape it moves; columns ``EFFECT_up`` and, if it is
            known, ``EFFECT_down``.
        forecast: Whether there is no column ``observed``.
        gaussian: Whether the bins are Gaussian.
        covariance: Name of the file of their covariance; none: a column ``error``.
    """

    neutrinos: tuple[str, ...]
    backgrounds: tuple[str, ...]
    shapes: dict[str, str]
    forecast: bool
    gaussian: bool
    covariance: str | None

    @property
    def needed(self) -> list[str]:
        """Columns that must be there."""
        observed = [] if self.forecast else ["observed"]
        error = ["error"] if self.gaussian and self.covariance is None else []
        return [*observed, *self.backgrounds, *(f"{e}_up" for e in self.shapes), *error]

    @property
    def optional(self) -> list[str]:
        """Columns that may be there."""
        return [*(f"{effect}_down" for effect in self.shapes), TEMPLATE_ERROR]


@dataclass(frozen=True, kw_only=True)
class Bins:
    """What a table of bins holds.

    Attributes:
        path: The table.
        edges: Bin edges by axis.
        backgrounds: Counts by name, or a template that effects move.
        data: Arguments of an own experiment: counts and their errors.
    """

    path: Path
    edges: dict[str, np.ndarray]
    backgrounds: dict[str, np.ndarray | Component]
    data: dict[str, np.ndarray | None]


def read_bin_columns(table: Table, sources: object, nuisances: Iterable[Nuisance]) -> BinColumns:
    """The keys of an own experiment that say what is in its table of bins.

    Args:
        table: The table of the experiment.
        sources: Its source, or several by name.
        nuisances: Its nuisances, one of which moves each shape.

    Raises:
        ConfigError: a name that is none or that something else has, a shape that nothing moves, or
            a covariance of Poisson bins.
    """
    taken = tuple(sources) if isinstance(sources, Mapping) else ("cevns",)
    backgrounds = table.texts("backgrounds")
    reserved = (*taken, *EFFECTS)
    for name in backgrounds:
        check_name(table.where, "a background", name)
        if name in reserved or backgrounds.count(name) > 1:
            raise ConfigError(
                f"{table.where}: backgrounds must be there once each, and be none of "
                f'{", ".join(reserved)}; not "{shown(name)}"'
            )
    acting = {effect for nuisance in nuisances for effect in nuisance.acts_on}
    shapes = _shapes(table.table("shapes"), backgrounds, (*taken, *EFFECTS), acting)
    gaussian = table.choice("statistic", None, ["poisson", "gaussian"]) == "gaussian"
    covariance = table.text("covariance")
    if covariance is not None and not gaussian:
        raise ConfigError(f'{table.where}: covariance needs statistic = "gaussian"')
    return BinColumns(
        neutrinos=taken,
        backgrounds=backgrounds,
        shapes=shapes,
        forecast=table.flag("forecast", False),
        gaussian=gaussian,
        covariance=covariance,
    )


def _shapes(
    table: Table, backgrounds: Collection[str], taken: Collection[str], acting: Collection[str]
) -> dict[str, str]:
    """The table ``shapes``: effect -> the background that it moves."""
    found = {}
    for effect in table.content:
        if not effect.isidentifier() or effect in {*taken, *backgrounds}:
            raise ConfigError(
                f"{table.where}: effects must be identifiers, and none of "
                f'{", ".join((*taken, *backgrounds))}; not "{shown(effect)}"'
            )
        for column in (f"{effect}_up", f"{effect}_down"):
            if column in backgrounds:
                raise ConfigError(
                    f'{table.where}: the column "{column}" is a background, and a variation of '
                    f'"{effect}"; call one of them otherwise'
                )
        found[effect] = table.choice(effect, None, backgrounds, "background")
        if effect not in acting:
            raise ConfigError(
                f'{table.where}: no nuisance has acts_on = ["{effect}"], so that nothing moves it'
            )
    return found


def read_bins(table: Table, folder: Path, meant: BinColumns) -> Bins:
    """The table of bins, and the covariance if there is one.

    Args:
        table: The table of the experiment.
        folder: Folder that file names in it are relative to.
        meant: What the columns mean.

    Raises:
        ConfigError: anything that is missing or not understood, in one of the files.
    """
    path = folder / needed(table, "bins", table.text("bins"))
    with table.naming("bins"):
        edges, columns = _binned(path, meant)
        backgrounds = _made(path, meant, columns)
    given: dict[str, np.ndarray | None] = {
        "observed": columns.get("observed"),
        "errors": columns.get("error"),
        "template_errors": columns.get(TEMPLATE_ERROR),
    }
    if meant.covariance is not None:
        shape = tuple(len(ends) - 1 for ends in edges.values())
        with table.naming("covariance"):
            given["covariance"] = _covariance(folder / meant.covariance, shape)
    return Bins(path=path, edges=edges, backgrounds=backgrounds, data=given)


def _binned(path: Path, meant: BinColumns) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Bin edges by axis, and columns in the shape of the bins."""
    from cevns_jax.prediction.axes import check_axes

    required, optional = meant.needed, meant.optional

    def fit(found: list[str]) -> bool:
        ends = [name for name in found if name not in {*required, *optional}]
        axes = _axes(found)
        return bool(axes) and set(required) <= set(found) and len(ends) == 2 * len(axes)

    allowed = ", ".join(["NAME_low, NAME_high of each axis", *required])
    table = read_columns(path, fit, f"{allowed} (and may be {', '.join(optional)})")
    axes = _axes(table)
    columns = [*required, *(name for name in optional if name in table)]
    varied = {f"{effect}_{way}" for effect in meant.shapes for way in ("up", "down")}
    for column in columns:
        not_negative = column in {TEMPLATE_ERROR, *varied, *meant.shapes.values()}
        counts = COUNTS if meant.gaussian else POISSON_COUNTS
        domain = ERRORS if column == "error" else NOT_NEGATIVE if not_negative else counts
        check_column(path, table, column, domain)
    check_axes(str(path), axes)
    edges = {axis: bin_edges(path, table, f"{axis}_low", f"{axis}_high") for axis in axes}
    grid_points(path, table, [f"{axis}_low" for axis in axes])
    shape = tuple(len(e) - 1 for e in edges.values())
    return edges, {column: table[column].reshape(shape) for column in columns}


def _made(
    path: Path, meant: BinColumns, columns: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray | Component]:
    """Backgrounds: counts, or a template where effects move its shape."""
    from cevns_jax.experiments import morphed_template

    found: dict[str, np.ndarray | Component] = {}
    for name in meant.backgrounds:
        effects = [effect for effect, moved in meant.shapes.items() if moved == name]
        found[name] = columns[name]
        if effects:
            variations = {e: (columns[f"{e}_up"], columns.get(f"{e}_down")) for e in effects}
            with naming(f"{path}: {name}"):
                found[name] = morphed_template(columns[name], variations)
    return found


def _covariance(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A square matrix, a row and a column for each bin, in the order of the rows of bins."""
    from cevns_jax.experiments.own_bins import statistic_of_bins

    bins = math.prod(shape)
    names = [f"bin_{i}" for i in range(bins)]
    allowed = f"bin_0 to bin_{bins - 1}, one of each bin in their order"
    table = read_columns(path, lambda found: found == names, allowed)
    if len(table.lines) != bins:
        raise ConfigError(
            f"{path}: must have {bins} rows, one for each bin, not {len(table.lines)}"
        )
    for name in names:
        check_column(path, table, name, COVARIANCE)
    covariance = np.stack([*table.values()], axis=1)
    # The experiment checks it as well, but knows nothing of the file.
    statistic_of_bins(str(path), shape, None, covariance, None)
    return covariance


def _axes(columns: Sequence[str] | Columns) -> list[str]:
    """Names of the axes whose bins a table has, in its order."""
    lows = [name.removesuffix("_low") for name in columns if name.endswith("_low")]
    return [axis for axis in lows if f"{axis}_high" in columns]
