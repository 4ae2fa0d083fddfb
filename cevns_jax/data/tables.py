"""Compact tables: CSV with a header of ``#`` lines, one line of column names, numbers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cevns_jax.errors import ConfigError

DATA = Path(__file__).parent


def read_table(path: Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the named columns of a compact table.

    Args:
        path: The CSV file.
        columns: Columns that must be there; the file has no others.

    Returns:
        Column -> values, shape (rows,).

    Raises:
        ConfigError: the file cannot be read, is no text, has other columns, holds something that
            is not a finite number, or has no rows.
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
    if not rows or sorted(rows[0]) != sorted(columns):
        found = ", ".join(rows[0]) if rows else "nothing"
        raise ConfigError(f"{path}: columns must be {', '.join(columns)}; found {found[:200]}")
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
    return dict(zip(rows[0], values.T, strict=True))


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
