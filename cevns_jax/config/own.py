"""A user's own experiment in a config: a TOML table and its CSV tables.

Nothing that changes a prediction has a default here: a perfect resolution or efficiency must be
declared ``"perfect"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.config.own_bins import read_bin_columns, read_bins
from cevns_jax.config.parts import form_factor, made_nuisances, needed, nuisances, radii
from cevns_jax.config.response import read_response
from cevns_jax.config.sources import read_source, read_sources
from cevns_jax.config.strict_toml import Table
from cevns_jax.data.tables import (
    bin_edges,
    check_column,
    grid_points,
    read_columns,
    same_edges,
)
from cevns_jax.domains import COLUMNS
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.flavours import FLAVOURS

if TYPE_CHECKING:
    from cevns_jax.experiments import ArrivalTimes, Experiment, Nuisance
    from cevns_jax.nuclei import Target
    from cevns_jax.prediction.experiment import Scale
    from cevns_jax.sources import Source


def read_own_experiment(name: str, table: Table, folder: Path) -> Experiment:
    """The experiment of a table ``experiments.NAME`` that has a target.

    Args:
        name: Name of the experiment.
        table: The table.
        folder: Folder that file names in it are relative to.

    Raises:
        ConfigError: anything that is missing or not understood, in the table or in its files.
    """
    from cevns_jax.experiments.own_experiment import own_experiment

    with table.naming():
        return own_experiment(name=name, **_arguments(name, table, folder))


def _arguments(name: str, table: Table, folder: Path) -> dict[str, Any]:
    """Arguments of :func:`cevns_jax.experiments.own_experiment`."""
    material = _target(table)
    mass_kg = needed(table, "mass_kg", table.positive("mass_kg"))
    source = _sources(table, folder)
    nuisances = _own_nuisances(table)
    columns = read_bin_columns(table, source, nuisances)
    bins = read_bins(table, folder, columns)
    with table.naming("arrival_times"):
        arrivals = _arrival_times(table, folder, bins.edges)
    response = read_response(name, table.table("response"), folder, bins.path, bins.edges, material)
    given: dict[str, Any] = {
        "target": material,
        "source": source,
        "mass_kg": mass_kg,
        "response": response,
        "backgrounds": bins.backgrounds,
        "scales": _scales(table, (*columns.neutrinos, *bins.backgrounds)),
        "nuisances": nuisances,
        **bins.data,
        "arrival_times": arrivals,
        "recoil_min_kev": table.number("recoil_min_kev", 0.0),
        **{key: table.text(key) or "" for key in ("title", "citation", "exposure")},
    }
    table.done()
    return given


def _sources(table: Table, folder: Path) -> Source | dict[str, Source]:
    """The source, or several by name."""
    if "sources" not in table:
        return read_source(table.table("source"), folder)
    if "source" in table:
        raise ConfigError(f"{table.where}: source and sources exclude each other")
    return read_sources(table.table("sources"), folder)


def _scales(table: Table, components: Sequence[str]) -> tuple[Scale, ...] | None:
    """``n_sigma`` on the components that the key names; without the key the usual scales."""
    from cevns_jax.prediction.experiment import n_sigma

    if "n_sigma" not in table:
        return None
    names = table.texts("n_sigma")
    for component in names:
        if component not in components:
            raise unknown(table.where, "component in n_sigma", component, components)
    if not names:
        raise ConfigError(
            f"{table.where}: n_sigma must name a component (allowed: {', '.join(components)})"
        )
    return (n_sigma(*dict.fromkeys(names)),)


def _own_nuisances(table: Table) -> tuple[Nuisance, ...]:
    if not isinstance(table.content.get("nuisances"), list):
        raise table.lacks(
            "nuisances",
            "needs nuisances, a list of tables; presets belong to the data sets of the library",
        )
    return made_nuisances(nuisances(table))


def _target(table: Table) -> Target:
    from cevns_jax.nuclei import target

    content = table.content["target"]
    if not isinstance(content, str | dict):
        raise ConfigError(f'{table.where}: target must be a formula such as "Ge", or a table')
    formula = table.text("target") if isinstance(content, str) else table.table("target").numbers()
    shape = needed(table, "form_factor", form_factor(table))
    return target(
        formula or "",
        form_factor=shape(),
        proton_radius_fm=radii(table, "proton_radius_fm"),
        neutron_radius_fm=radii(table, "neutron_radius_fm"),
        common_neutron_radius=table.flag("common_neutron_radius", False),
    )


def _arrival_times(table: Table, folder: Path, edges: dict[str, np.ndarray]) -> ArrivalTimes | None:
    """Arrival times for the axis ``time_us``, which must then be the last one."""
    from cevns_jax.experiments import ArrivalTimes

    name = table.text("arrival_times")
    if name is None:
        if "time_us" in edges:
            raise ConfigError(f"{table.where}: bins in time_us need arrival_times")
        return None
    if list(edges)[-1:] != ["time_us"]:
        raise ConfigError(f"{table.where}: arrival_times needs time_us as last axis of the bins")
    path = folder / name
    ends = ("time_us_low", "time_us_high")
    times = read_columns(
        path,
        lambda found: set(found[:2]) == {*ends} and set(found[2:]) <= {*FLAVOURS},
        f"{', '.join(ends)}, then flavours out of {', '.join(FLAVOURS)}",
    )
    found = bin_edges(path, times, *ends)
    grid_points(path, times, ends[:1])
    for column in times:
        check_column(path, times, column, COLUMNS["time_us" if column in ends else "probability"])
    if not same_edges(found, edges["time_us"]):
        raise ConfigError(f"{path}: time bins must be those of the table of bins")
    fractions = {key: values for key, values in times.items() if key not in ends}
    return ArrivalTimes(edges_us=edges["time_us"], fractions=fractions)
