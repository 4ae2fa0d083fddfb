"""Compact tables: CSV with a header of ``#`` lines, one line of column names, numbers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cevns_jax.errors import ConfigError

DATA = Path(__file__).parent


def read_table(path: Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Read a compact table whose columns are known.

    Args:
        path: The CSV file.
        columns: Columns that must be there; the file has no others.

    Returns:
        Column -> values, shape (rows,).

    Raises:
        ConfigError: other columns, or as :func:`read_columns`.
    """
    return read_columns(path, lambda found: sorted(found) == sorted(columns), ", ".join(columns))


def read_columns(
    path: Path, fit: Callable[[list[str]], bool], allowed: str
) -> dict[str, np.ndarray]:
    """Read a compact table.

    Args:
        path: The CSV file.
        fit: Whether these columns can be used.
        allowed: What the columns must be, for the message.

    Returns:
        Column -> values, shape (rows,), in the order of the file.

    Raises:
        ConfigError: the file cannot be read, is no text, has other columns or one twice, holds
            something that is not a finite number, or has no rows.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not a text file; expected a CSV table") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        rows = list(csv.reader(lines))
    except csv.Error as error:
        raise ConfigError(f"{path}: is not a CSV table ({error})") from None
    columns = [name.strip() for name in rows[0]] if rows else []
    if len(set(columns)) < len(columns) or not fit(columns):
        found = ", ".join(columns).encode("unicode_escape").decode() or "nothing"
        raise ConfigError(f"{path}: columns must be {allowed}; found {found[:200]}")
    if len(rows) == 1:
        raise ConfigError(f"{path}: the table has no rows")
    for number, cells in enumerate(rows[1:], start=1):
        if len(cells) != len(columns):
            raise ConfigError(f"{path}: row {number} has {len(cells)} values, not {len(columns)}")
    try:
        values = np.array(rows[1:], dtype=float)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}; every value must be a number") from None
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0, 0]) + 1
        raise ConfigError(f"{path}: row {row} holds a value that is not finite")
    return dict(zip(columns, values.T, strict=True))


def grid_points(
    path: Path, table: Mapping[str, np.ndarray], columns: Sequence[str]
) -> list[np.ndarray]:
    """Points of a table whose rows are the cells of a grid.

    Args:
        path: The file, for messages.
        table: Column -> values.
        columns: The columns that index the grid, the slowest first.

    Returns:
        The values of each of these columns, ascending.

    Raises:
        ConfigError: rows that are no grid in ascending order.
    """
    points = [np.unique(table[column]) for column in columns]
    cells = np.stack([c.ravel() for c in np.meshgrid(*points, indexing="ij")])
    found = np.stack([table[column] for column in columns])
    if found.shape != cells.shape or not (found == cells).all():
        raise ConfigError(
            f"{path}: rows must be the cells of one grid in ascending order, without gaps or "
            f"repeats, {' before '.join(columns)}"
        )
    return points


def bin_edges(path: Path, table: Mapping[str, np.ndarray], low: str, high: str) -> np.ndarray:
    """Edges of bins that are given by their lower and upper ends.

    Args:
        path: The file, for messages.
        table: Column -> values.
        low, high: Columns with the ends.

    Raises:
        ConfigError: an upper end that is not above its lower end, or bins that do not join.
    """
    if not (table[high] > table[low]).all():
        row = int(np.argmin(table[high] > table[low])) + 1
        raise ConfigError(f"{path}: row {row}: {high} must be above {low}")
    edges = np.union1d(table[low], table[high])
    following = edges[np.searchsorted(edges, table[low]) + 1]
    if not (table[high] == following).all():
        row = int(np.argmin(table[high] == following)) + 1
        raise ConfigError(
            f"{path}: row {row}: {high} must be where the next bin begins, {following[row - 1]:g}"
        )
    gaps = np.setdiff1d(edges[:-1], table[low])
    if gaps.size:
        raise ConfigError(f"{path}: bins must join: {high} is {gaps[0]:g}, where no bin begins")
    return edges


def format_table(header: Sequence[str], columns: Mapping[str, np.ndarray]) -> str:
    """Text of a compact table, the inverse of :func:`read_table`.

    Args:
        header: Lines of the header, without the ``#``.
        columns: Column -> values.
    """
    lines = [f"# {line}".rstrip() for line in header]
    lines.append(",".join(columns))
    lines += [",".join(f"{v:.9g}" for v in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"
