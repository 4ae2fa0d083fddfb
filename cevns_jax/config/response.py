"""The response of a user's own experiment in a config: quenching, resolution, efficiency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cevns_jax.config.strict_toml import Table
from cevns_jax.data.tables import (
    bin_edges,
    check_ascending,
    check_column,
    grid_points,
    read_columns,
    read_table,
    same_edges,
)
from cevns_jax.domains import COLUMNS, EDGES
from cevns_jax.errors import ConfigError, unknown

if TYPE_CHECKING:
    from cevns_jax.data.tables import Columns
    from cevns_jax.detectors.quenching import Quenching
    from cevns_jax.detectors.ready_response import TabulatedResponse
    from cevns_jax.detectors.resolution import Resolution
    from cevns_jax.detectors.response import EnergyResponse
    from cevns_jax.detectors.table import LinearTable
    from cevns_jax.nuclei import Target

# Of a table of a response, recoils times bins: about as much text as a table may hold.
MOST_RESPONSE_ROWS = 500_000


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Put the file, or the file and its table, in front of errors raised inside."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_response(
    name: str,
    table: Table,
    folder: Path,
    path: Path,
    edges: dict[str, np.ndarray],
    material: Target,
) -> EnergyResponse | TabulatedResponse:
    """The response of a table ``response``.

    Args:
        name: Name of the experiment.
        table: The table.
        folder: Folder that file names in it are relative to.
        path: The table of bins, for messages.
        edges: Bin edges of its axes.
        material: What is hit.

    Raises:
        ConfigError: anything that is missing or not understood, in the table or in its files.
    """
    from cevns_jax.detectors.response import energy_response

    axes = {axis: e for axis, e in edges.items() if axis != "time_us"}
    if "table" in table:
        with table.naming("table"):
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
    quenching = _quenching(name, table, folder, material)
    resolution = _resolution(table, folder)
    table.done()
    with table.naming():
        return energy_response(
            axis=axis,
            edges=axes[axis],
            quenching=quenching,
            resolution=resolution,
            efficiency=efficiency,
            recoil_efficiency=recoil_efficiency,
        )


def _tabulated(path: Path, axes: dict[str, np.ndarray]) -> TabulatedResponse:
    """A ready response: one row for each recoil energy and bin."""
    from cevns_jax.detectors.ready_response import tabulated_response

    ends = [f"{axis}_{end}" for axis in axes for end in ("low", "high")]
    table = read_table(path, ["recoil_kev", *ends, "probability"], MOST_RESPONSE_ROWS)
    check_column(path, table, "recoil_kev", COLUMNS["recoil_kev"])
    found = {axis: bin_edges(path, table, f"{axis}_low", f"{axis}_high") for axis in axes}
    recoil, *_ = grid_points(path, table, ["recoil_kev", *(f"{axis}_low" for axis in axes)])
    for axis, e in axes.items():
        if not same_edges(found[axis], e):
            raise ConfigError(f"{path}: bins of {axis} must be those of the table of bins")
    shape = (len(recoil), *(len(e) - 1 for e in axes.values()))
    with naming(path):
        return tabulated_response(axes, recoil, table["probability"].reshape(shape))


def _given(table: Table, key: str, what: str) -> str | Table:
    """A key that is ``"perfect"`` or a table."""
    if key not in table:
        raise table.lacks(key, f'needs {key}, "perfect" or {what}')
    if isinstance(table.content[key], str):
        return table.choice(key, None, ["perfect"])
    if not isinstance(table.content[key], dict):
        raise ConfigError(f'{table.where}: {key} must be "perfect" or {what}')
    return table.table(key)


def _curve(path: Path, x: str, y: str) -> LinearTable:
    """A function given by two columns."""
    return _linear(path, read_table(path, (x, y)), x, y)


def _linear(path: Path, columns: Columns, x: str, y: str) -> LinearTable:
    from cevns_jax.detectors.table import linear_table

    for column in (x, y):
        check_column(path, columns, column, COLUMNS.get(column, EDGES))
    check_ascending(path, columns, x)
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
        with part.naming("table"):
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
        with part.naming("table"):
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
    with part.naming("table"):
        table_ = read_columns(
            path,
            lambda found: "efficiency" in found and len(found) == 2 and bool({*found} & {*columns}),
            f"efficiency, and {axis} or recoil_kev",
        )
        x = next(name for name in columns if name in table_)
        curve = _linear(path, table_, x, "efficiency")
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
