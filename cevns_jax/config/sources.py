"""Neutrino sources of a user's own experiment in a config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cevns_jax.choices import REACTOR_SPECTRA
from cevns_jax.config.parts import fission_fractions, needed
from cevns_jax.config.response import naming
from cevns_jax.config.strict_toml import Table
from cevns_jax.constants import SECONDS_PER_DAY
from cevns_jax.data.tables import check_ascending, check_column, read_columns
from cevns_jax.domains import COLUMNS, FLUX, check_number
from cevns_jax.errors import ConfigError
from cevns_jax.flavours import FLAVOURS
from cevns_jax.names import check_name

if TYPE_CHECKING:
    from cevns_jax.sources import (
        LineSource,
        PionDecayAtRest,
        ReactorSource,
        Source,
        TabulatedSource,
    )


def read_source(table: Table, folder: Path) -> Source:
    """The source of a table ``source``; which keys it has depends on its type.

    Args:
        table: The table.
        folder: Folder that file names in it are relative to.

    Raises:
        ConfigError: anything that is missing or not understood, in the table or in its file.
    """
    with table.naming():
        source = TYPES[table.choice("type", None, TYPES)](table, folder)
    table.done()
    return source


def read_sources(table: Table, folder: Path) -> dict[str, Source]:
    """Several sources by name, of a table ``sources`` that holds a table for each.

    Args:
        table: The table.
        folder: Folder that file names in it are relative to.

    Raises:
        ConfigError: no source, a name that is none, or anything in one of the tables.
    """
    if not table.content:
        raise ConfigError(f"{table.where}: needs at least one source, a table with its name")
    for name in table.content:
        check_name(table.where, "a source", name)
    return {name: read_source(table.table(name), folder) for name in table.content}


def _spallation(table: Table, folder: Path) -> PionDecayAtRest:
    from cevns_jax.sources import spallation_source

    keys = ("neutrinos_per_proton", "protons_on_target", "distance_m")
    return spallation_source(**{k: needed(table, k, table.positive(k)) for k in keys})


def _tabulated(table: Table, folder: Path) -> TabulatedSource:
    path = folder / needed(table, "flux", table.text("flux"))
    seconds = _live_time(table)
    with table.naming("flux"):
        return _of_table(path, seconds)


def _of_table(path: Path, seconds: float) -> TabulatedSource:
    """The source of a CSV table.

    Args:
        path: The table.
        seconds: Live time [s].
    """
    from cevns_jax.sources import tabulated_source
    from cevns_jax.sources.tabulated import check_unit

    flux = read_columns(
        path,
        lambda found: found[:1] == ["energy_mev"] and set(found[1:]) <= {*FLAVOURS},
        f"energy_mev, then flavours out of {', '.join(FLAVOURS)}",
    )
    check_ascending(path, flux, "energy_mev")
    for column in flux:
        check_column(path, flux, column, COLUMNS.get(column, FLUX))
    energy = flux.pop("energy_mev")
    with naming(path):
        source = tabulated_source(energy, flux, live_time_s=seconds)
        check_unit(source)
    return source


def _line(table: Table, folder: Path) -> LineSource:
    from cevns_jax.sources import line_source

    energy = needed(table, "energy_mev", table.positive("energy_mev"))
    check_number(table.where, "energy_mev", energy, COLUMNS["energy_mev"])
    return line_source(
        flavour=table.choice("flavour", None, FLAVOURS),
        energy_mev=energy,
        flux_per_cm2_s=needed(table, "flux_per_cm2_s", table.positive("flux_per_cm2_s")),
        live_time_s=_live_time(table),
    )


def _reactor(table: Table, folder: Path) -> ReactorSource:
    from cevns_jax.sources import reactor_source

    spectra = table.choice("spectra", None, REACTOR_SPECTRA)
    fractions = needed(table, "fission_fractions", fission_fractions(table))
    flux = needed(table, "flux_per_cm2_s", table.positive("flux_per_cm2_s"))
    seconds = _live_time(table)
    return reactor_source(
        spectra=spectra,
        fission_fractions=fractions,
        flux_per_cm2_s=flux,
        live_time_s=seconds,
    )


def _live_time(table: Table) -> float:
    """Live time [s]."""
    days = needed(table, "live_time_days", table.positive("live_time_days"))
    return days * SECONDS_PER_DAY


TYPES: dict[str, Callable[[Table, Path], Source]] = {
    "pion_decay_at_rest": _spallation,
    "table": _tabulated,
    "line": _line,
    "reactor": _reactor,
}
