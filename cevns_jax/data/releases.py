"""Reading official release files: what the importers share."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cevns_jax.errors import ConfigError


def release_columns(
    path: Path,
    number: int,
    delimiter: str | None = None,
    skip: int = 0,
    rows: int | None = None,
) -> np.ndarray:
    """Numbers of a release file.

    Args:
        path: The file; lines that start with ``#`` are comments.
        number: Columns that it has.
        delimiter: Between the columns; default white space.
        skip: Lines to leave out at the beginning.
        rows: Rows that it has; default any number.

    Returns:
        Shape (rows, number).

    Raises:
        ConfigError: the file cannot be read, or holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file, refused below
            values = np.loadtxt(path, delimiter=delimiter, skiprows=skip, ndmin=2)
    except OSError:
        raise ConfigError(f"{path}: cannot be read; it is part of the release") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from None
    if values.size == 0 or values.shape[1] != number or not np.isfinite(values).all():
        raise ConfigError(f"{path}: expected {number} columns of finite numbers")
    if rows is not None and len(values) != rows:
        raise ConfigError(f"{path}: expected {rows} rows, found {len(values)}")
    return values


def check_total(
    path: Path, what: str, found: float, expected: float, tolerance: float = 0.0
) -> None:
    """Check a sum of a release file, which a wrong unit or a lost row changes.

    Raises:
        ConfigError: it differs by more than the relative tolerance.
    """
    if not abs(found - expected) <= tolerance * expected:
        raise ConfigError(
            f"{path}: {what} sum to {found:g}, not {expected:g}; is it the released file, in the "
            "released units?"
        )


def unknown_versions(release: Path, checksums: Mapping[str, str]) -> list[str]:
    """Files of a release folder that are not byte for byte the known ones."""
    unknown = []
    for name, checksum in checksums.items():
        path = release / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
            unknown.append(name)
    return unknown


def grid_columns(*axes: tuple[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns ``<axis>_low`` and ``<axis>_high`` of all cells of a grid, the first axis slowest.

    Args:
        axes: Name, unit included, and edges of each axis. The unit of time stays last in the
            column's name: ``("time_us", edges)`` gives ``time_low_us`` and ``time_high_us``.
    """
    cells = np.meshgrid(*[np.arange(len(edges) - 1) for _, edges in axes], indexing="ij")
    columns = {}
    for (name, edges), cell in zip(axes, cells, strict=True):
        quantity, _, unit = name.partition("_")
        unit = f"_{unit}" if unit else ""
        columns[f"{quantity}_low{unit}"] = edges[:-1][cell.ravel()]
        columns[f"{quantity}_high{unit}"] = edges[1:][cell.ravel()]
    return columns
