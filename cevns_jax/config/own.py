"""A reader's own experiment in a config: a TOML table and its CSV tables.

Nothing that shapes a prediction has a default here: what is perfect is declared ``"perfect"``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cevns_jax.config.parts import form_factor, nuisances, radii
from cevns_jax.config.strict_toml import Table
from cevns_jax.data.tables import bin_edges, grid_points, read_columns, read_table
from cevns_jax.errors import ConfigError, unknown

if TYPE_CHECKING:
    from cevns_jax.detectors.quenching import Quenching
    from cevns_jax.detectors.ready_response import TabulatedResponse
    from cevns_jax.detectors.resolution import Resolution
    from cevns_jax.detectors.response import EnergyResponse
    from cevns_jax.detectors.table import LinearTable
    from cevns_jax.experiments import Experiment, Nuisance
    from cevns_jax.experiments.own import ArrivalTimes
    from cevns_jax.nuclei import Target
    from cevns_jax.sources import PionDecayAtRest, TabulatedSource

SECONDS_PER_DAY = 86400.0
Given = TypeVar("Given")


def read_own_experiment(name: str, table: Table, folder: Path) -> Experiment:
    """The experiment of a table ``experiments.NAME`` that has a target.

    Args:
        name: Name of the experiment.
        table: The table.
        folder: Folder that file names in it are relative to.

    Raises:
        ConfigError: anything that is missing or not understood, in the table or in its files.
    """
    from cevns_jax.experiments.own import own_experiment

    material = _target(table)
    mass_kg = _needed(table, "mass_kg", table.positive("mass_kg"))
    source = _source(table.table("source"), folder)
    statistic = table.choice("statistic", None, ["poisson", "gaussian"])
    forecast = table.flag("forecast", False)
    components = _components(table)
    path = folder / _needed(table, "bins", table.text("bins"))
    columns = [*([] if forecast else ["observed"]), *components]
    columns += ["error"] if statistic == "gaussian" else []
    edges, bins = _binned(path, columns)
    arrivals = _arrival_times(table, folder, edges)
    response = _response(name, table.table("response"), folder, path, edges, material)
    given: dict[str, Any] = {
        "target": material,
        "source": source,
        "mass_kg": mass_kg,
        "response": response,
        "backgrounds": {component: bins[component] for component in components},
        "nuisances": _own_nuisances(table),
        "observed": None if forecast else bins["observed"],
        "errors": bins["error"] if statistic == "gaussian" else None,
        "arrival_times": arrivals,
        "recoil_min_kev": table.number("recoil_min_kev", 0.0),
        **{key: table.text(key) or "" for key in ("title", "citation", "exposure")},
    }
    table.done()
    return own_experiment(name=name, **given)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors name the file."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _needed(table: Table, key: str, value: Given | None) -> Given:
    if value is None:
        raise ConfigError(f"{table.where}: needs {key}")
    return value


def _components(table: Table) -> tuple[str, ...]:
    """Names of the backgrounds, which are columns of the table of bins."""
    names = table.texts("backgrounds")
    reserved = ("cevns", "observed", "error", "quenching", "resolution", "neutron_radius")
    for name in names:
        if not name.isidentifier() or name in reserved or names.count(name) > 1:
            raise ConfigError(
                f"{table.where}: backgrounds must be identifiers, each once, and none of "
                f'{", ".join(reserved)}; not "{name}"'
            )
    return names


def _own_nuisances(table: Table) -> tuple[Nuisance, ...]:
    if not isinstance(table.content.get("nuisances"), list):
        raise ConfigError(
            f"{table.where}: needs nuisances, a list of tables; presets belong to the data sets of "
            "the library"
        )
    found = nuisances(table, None)
    assert isinstance(found, tuple)
    return found


def _target(table: Table) -> Target:
    from cevns_jax.nuclei import target

    content = table.content["target"]
    if not isinstance(content, str | dict):
        raise ConfigError(f'{table.where}: target must be a formula such as "Ge", or a table')
    formula = table.text("target") if isinstance(content, str) else table.table("target").numbers()
    shape = _needed(table, "form_factor", form_factor(table))
    return target(
        formula or "",
        form_factor=shape,
        proton_radius_fm=radii(table, "proton_radius_fm"),
        neutron_radius_fm=radii(table, "neutron_radius_fm"),
        common_neutron_radius=table.flag("common_neutron_radius", False),
    )


def _source(table: Table, folder: Path) -> PionDecayAtRest | TabulatedSource:
    from cevns_jax.sources import spallation_source, tabulated_source
    from cevns_jax.sources.tabulated import FLAVOURS

    kind = table.choice("type", None, ["pion_decay_at_rest", "table"])
    source: PionDecayAtRest | TabulatedSource
    if kind == "table":
        path = folder / _needed(table, "flux", table.text("flux"))
        days = _needed(table, "live_time_days", table.positive("live_time_days"))
        flux = read_columns(
            path,
            lambda found: found[:1] == ["energy_mev"] and set(found[1:]) <= {*FLAVOURS},
            f"energy_mev, then flavours out of {', '.join(FLAVOURS)}",
        )
        energy = flux.pop("energy_mev")
        with _naming(path):
            source = tabulated_source(energy, flux, live_time_s=days * SECONDS_PER_DAY)
    else:
        keys = ("neutrinos_per_proton", "protons_on_target", "distance_m")
        source = spallation_source(**{k: _needed(table, k, table.positive(k)) for k in keys})
    table.done()
    return source


def _binned(
    path: Path, columns: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Bin edges by axis, and columns in the shape of the bins, of a table of bins."""

    def fit(found: list[str]) -> bool:
        ends = [name for name in found if name not in columns]
        axes = _axes(found)
        return bool(axes) and set(columns) <= set(found) and len(ends) == 2 * len(axes)

    allowed = ", ".join(["NAME_low, NAME_high of each axis", *columns])
    table = read_columns(path, fit, allowed)
    axes = _axes(table)
    for axis in axes:
        if not axis.isidentifier() or axis == "component":
            raise ConfigError(f'{path}: the name of an axis must be an identifier, not "{axis}"')
    edges = {axis: bin_edges(path, table, f"{axis}_low", f"{axis}_high") for axis in axes}
    grid_points(path, table, [f"{axis}_low" for axis in axes])
    shape = tuple(len(e) - 1 for e in edges.values())
    return edges, {column: table[column].reshape(shape) for column in columns}


def _axes(columns: Sequence[str] | dict[str, np.ndarray]) -> list[str]:
    """Names of the axes whose bins a table has, in its order."""
    lows = [name.removesuffix("_low") for name in columns if name.endswith("_low")]
    return [axis for axis in lows if f"{axis}_high" in columns]


def _arrival_times(table: Table, folder: Path, edges: dict[str, np.ndarray]) -> ArrivalTimes | None:
    """Arrival times for the axis ``time_us``, which must then be the last one."""
    from cevns_jax.experiments.own import ArrivalTimes
    from cevns_jax.sources.tabulated import FLAVOURS

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
    if not np.array_equal(found, edges["time_us"]):
        raise ConfigError(f"{path}: time bins must be those of the table of bins")
    fractions = {key: values for key, values in times.items() if key not in ends}
    return ArrivalTimes(edges_us=edges["time_us"], fractions=fractions)


def _response(
    name: str,
    table: Table,
    folder: Path,
    path: Path,
    edges: dict[str, np.ndarray],
    material: Target,
) -> EnergyResponse | TabulatedResponse:
    from cevns_jax.detectors.response import energy_response

    axes = {axis: e for axis, e in edges.items() if axis != "time_us"}
    if "table" in table:
        response = _tabulated(folder / (table.text("table") or ""), axes)
        table.done()
        return response
    if not table.content:
        raise ConfigError(f"{table.where}: needs table, or quenching, resolution and efficiency")
    if len(axes) != 1:
        raise ConfigError(
            f"{path}: quenching and resolution make one axis beside time_us, not "
            f"{', '.join(axes) or 'none'}; give a table of the response for several"
        )
    (axis,) = axes
    efficiency, recoil_efficiency = _efficiency(table, folder, axis)
    built = energy_response(
        axis=axis,
        edges=axes[axis],
        quenching=_quenching(name, table, folder, material),
        resolution=_resolution(table, folder),
        efficiency=efficiency,
        recoil_efficiency=recoil_efficiency,
    )
    table.done()
    return built


def _tabulated(path: Path, axes: dict[str, np.ndarray]) -> TabulatedResponse:
    """A ready response: one row for each recoil energy and bin."""
    from cevns_jax.detectors.ready_response import tabulated_response

    ends = [f"{axis}_{end}" for axis in axes for end in ("low", "high")]
    table = read_table(path, ["recoil_kev", *ends, "probability"])
    found = {axis: bin_edges(path, table, f"{axis}_low", f"{axis}_high") for axis in axes}
    recoil, *_ = grid_points(path, table, ["recoil_kev", *(f"{axis}_low" for axis in axes)])
    for axis, e in axes.items():
        if not np.array_equal(found[axis], e):
            raise ConfigError(f"{path}: bins of {axis} must be those of the table of bins")
    shape = (len(recoil), *(len(e) - 1 for e in axes.values()))
    with _naming(path):
        return tabulated_response(axes, recoil, table["probability"].reshape(shape))


def _given(table: Table, key: str, what: str) -> str | Table:
    """A key that is ``"perfect"`` or a table."""
    if key not in table:
        raise ConfigError(f'{table.where}: needs {key}, "perfect" or {what}')
    if isinstance(table.content[key], str):
        return table.choice(key, None, ["perfect"])
    if not isinstance(table.content[key], dict):
        raise ConfigError(f'{table.where}: {key} must be "perfect" or {what}')
    return table.table(key)


def _curve(path: Path, x: str, y: str) -> LinearTable:
    from cevns_jax.detectors.table import linear_table

    columns = read_table(path, (x, y))
    return linear_table(str(path), columns[x], columns[y])


def _quenching(name: str, table: Table, folder: Path, material: Target) -> Quenching:
    from cevns_jax.detectors.quenching import PolynomialQuenching

    part = _given(table, "quenching", "a table with lindhard_k, coefficients or table")
    if isinstance(part, str):
        return PolynomialQuenching(coefficients=(1.0,))
    return read_quenching(name, part, folder, {int(z) for z in material.properties[0]})


def read_quenching(name: str, part: Table, folder: Path, protons: set[int]) -> Quenching:
    """A quenching model from its table in a config.

    Args:
        name: Name of the experiment; those of parameters begin with it.
        part: The table: ``lindhard_k``, with ``lindhard_q`` if modified, ``coefficients``, or the
            name of a ``table``.
        folder: Folder that file names in it are relative to.
        protons: Z of the elements of the target.
    """
    from cevns_jax.detectors.quenching import (
        LARGEST_Q,
        ModifiedLindhard,
        PolynomialQuenching,
        TabulatedQuenching,
        lindhard,
    )

    chosen = _one_of(part, ("lindhard_k", "coefficients", "table"))
    quenching: Quenching
    if chosen == "table":
        path = folder / (part.text("table") or "")
        quenching = TabulatedQuenching(_curve(path, "recoil_kev", "quenching_factor"))
    elif chosen == "coefficients":
        numbers = part.list_of_numbers("coefficients")
        quenching = PolynomialQuenching(coefficients=tuple(numbers))
    else:
        if len(protons) > 1:
            raise ConfigError(f"{part.where}: lindhard_k needs a target of one element")
        k, q, (z,) = part.positive("lindhard_k") or 0.0, part.number("lindhard_q"), protons
        quenching = lindhard(k, z, parameter=f"{name}_lindhard_k")
        if q is not None and not -LARGEST_Q <= q <= 0:
            raise ConfigError(
                f"{part.where}: lindhard_q must lie between {-LARGEST_Q:g} and 0, not at {q:g}"
            )
        if q is not None:
            quenching = ModifiedLindhard(prefix=f"{name}_lindhard", protons=z, k=k, q=q)
    part.done()
    return quenching


def _resolution(table: Table, folder: Path) -> Resolution:
    from cevns_jax.detectors import resolution as r

    terms = ("noise_kev", "statistical", "proportional")
    part = _given(table, "resolution", "a table with a width, photoelectrons_per_kev or table")
    if isinstance(part, str):
        return r.PerfectResolution()
    found: r.Resolution
    if "table" in part:
        path = folder / (part.text("table") or "")
        found = r.GaussianResolution(_curve(path, "energy_kev", "sigma_kev"))
    elif "photoelectrons_per_kev" in part:
        found = r.PoissonResolution(quanta_per_kev=part.positive("photoelectrons_per_kev") or 0.0)
    else:
        _known_keys(part, (*terms, "truncated", "table", "photoelectrons_per_kev"))
        given = {key: part.number(key) or 0.0 for key in terms if key in part}
        try:
            found = r.gaussian_resolution(**given, truncated=part.flag("truncated", False))
        except ConfigError as error:
            raise ConfigError(f"{part.where}: {str(error).removeprefix('resolution: ')}") from None
    part.done()
    return found


def _efficiency(
    table: Table, folder: Path, axis: str
) -> tuple[LinearTable | float, LinearTable | None]:
    """Efficiencies against the reconstructed quantity and against the recoil energy."""
    part = _given(table, "efficiency", "a table with value or table")
    if isinstance(part, str):
        return 1.0, None
    if _one_of(part, ("value", "table")) == "value":
        value = part.positive("value") or 0.0
        part.done()
        return value, None
    path = folder / (part.text("table") or "")
    part.done()
    columns = (axis, "recoil_kev")
    table_ = read_columns(
        path,
        lambda found: "efficiency" in found and len(found) == 2 and bool({*found} & {*columns}),
        f"efficiency, and {axis} or recoil_kev",
    )
    x = next(name for name in columns if name in table_)
    curve = _curve(path, x, "efficiency")
    return (curve, None) if x == axis else (1.0, curve)


def _one_of(table: Table, keys: Sequence[str]) -> str:
    found = [key for key in keys if key in table]
    if not found:
        _known_keys(table, keys)
    if len(found) != 1:
        raise ConfigError(f"{table.where}: needs exactly one of {', '.join(keys)}")
    return found[0]


def _known_keys(table: Table, keys: Sequence[str]) -> None:
    for key in table.content:
        if key not in keys:
            raise unknown(table.where, "key", key, keys)
