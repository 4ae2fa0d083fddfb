"""Named arrays with provenance, saved as netCDF and loaded again.

A :class:`Result` holds plain NumPy arrays, so that predictions and fits do not wait for the import
of xarray. It becomes an ``xarray.DataTree`` only when it is saved or when a user asks for one. The
file is documented in ``docs/results.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.files import write_atomically
from cevns_jax.results.file_format import ANY, encoding, header, read_header, seal
from cevns_jax.results.notes import Notes, Variables, draw_notes, group_notes, notes
from cevns_jax.summary import Summarised, Summary

if TYPE_CHECKING:
    import xarray

EXPERIMENTS = "experiments"  # group of the file that holds one group for each experiment


@dataclass(frozen=True, kw_only=True, repr=False)
class Result(Summarised):
    """Arrays and attributes of one computation.

    Attributes:
        kind: One of :data:`cevns_jax.results.file_format.KINDS`.
        attributes: Numbers, flags, conventions and provenance; anything JSON can hold.
        variables: Name -> (dimensions, values); a variable named as its dimension is a coordinate.
        groups: The same for each experiment: edges, observed and expected counts.
        draws: The same for each group of ArviZ; of a posterior, else empty.
    """

    kind: str
    attributes: dict[str, Any]
    variables: Variables
    groups: dict[str, Variables] = field(default_factory=dict)
    draws: dict[str, Variables] = field(default_factory=dict)

    def summary(self) -> Summary:
        """What was found, in words and tables."""
        from cevns_jax.results import summary_of

        return summary_of(self)

    def to_xarray(self) -> xarray.DataTree:
        """The result as a tree; experiments are groups below ``experiments``, draws those of
        ArviZ."""
        import xarray

        def dataset(variables: Variables, told: Notes) -> xarray.Dataset:
            described = {n: (*v, told[n]) for n, v in variables.items()}
            coordinates = {n: v for n, v in described.items() if v[0] == (n,)}
            data = {n: v for n, v in described.items() if n not in coordinates}
            return xarray.Dataset(data, coordinates)

        units = self.attributes.get("units") or {}
        root = dataset(self.variables, notes(self.variables, units))
        root.attrs = header(self.kind, self.attributes)
        counted = self.attributes.get("counted") or {}
        groups = {
            f"/{EXPERIMENTS}/{n}": dataset(v, group_notes(v, counted.get(n, "events")))
            for n, v in self.groups.items()
        }
        draws = {
            f"/{n}": dataset(v, draw_notes(n, v, units, counted)) for n, v in self.draws.items()
        }
        return xarray.DataTree.from_dict({"/": root} | draws | groups)

    def to_arviz(self) -> Any:
        """The draws of a posterior as the installed ArviZ has them: ``InferenceData`` of ArviZ
        0.23, ``xarray.DataTree`` of ArviZ 1.

        Raises:
            ConfigError: a result without draws.
        """
        from cevns_jax.results.draws import to_arviz

        return to_arviz(self)

    def save(self, path: Path | str) -> None:
        """Write netCDF with a seal, atomically.

        Args:
            path: The file; folders that are missing are made.

        Raises:
            ConfigError: the path cannot be written.
        """
        # In memory first: where a disk is full, HDF5 leaves a broken file without an error.
        tree = self.to_xarray()
        content = tree.to_netcdf(engine="h5netcdf", encoding=encoding(self.draws))

        def write(part: Path) -> None:
            part.write_bytes(content)
            seal(part)

        write_atomically(Path(path), write)


def load(path: Path | str) -> Result:
    """Read a result that :meth:`Result.save` wrote.

    Raises:
        ConfigError: the file cannot be read, is not a result of cevns_jax, is of another version of
            the format, or is damaged.
    """
    import xarray

    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; expected a result (.nc) of {ANY}")
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; expected a result (.nc) of {ANY}")
    kind, attributes = read_header(path)
    with xarray.open_datatree(path, engine="h5netcdf") as opened:
        tree = opened.load()

    def variables(node: xarray.DataTree) -> Variables:
        dataset = node.to_dataset(inherit=False)
        return {
            str(n): (tuple(map(str, v.dims)), np.asarray(v)) for n, v in dataset.variables.items()
        }

    below = tree.children.get(EXPERIMENTS)
    return Result(
        kind=kind,
        attributes=attributes,
        variables=variables(tree),
        groups={n: variables(child) for n, child in below.children.items()} if below else {},
        draws={n: variables(child) for n, child in tree.children.items() if n != EXPERIMENTS},
    )
