"""Compact tables: CSV with a header of ``#`` lines, one line of column names, numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cevns_jax.data.text import read_text
from cevns_jax.domains import EDGES, Domain
from cevns_jax.errors import ConfigError, shown

DATA = Path(__file__).parent
# A larger table, or one with more rows, is a wrong file, and refused before it is parsed: the
# longest table of a data set here has 960 rows.
MOST_BYTES = 50_000_000
MOST_ROWS = 10_000
MOST_CELLS = 2**62  # of a grid: a cell has a number in 64 bits
# Relative difference below which two edges are one: far above the rounding of sums such as
# 0.1 + 0.2, 1e-16, and far below the width of any bin.
SAME_EDGE = 1e-9


class Columns(dict[str, np.ndarray]):
    """Columns of a table: name -> values, shape (rows,), in the order of the file.

    Attributes:
        lines: Line of the file that each row stands on, from 1, shape (rows,).
    """

    def __init__(self, columns: Mapping[str, np.ndarray], lines: np.ndarray) -> None:
        super().__init__(columns)
        self.lines = lines


def read_table(path: Path, columns: Sequence[str], most_rows: int = MOST_ROWS) -> Columns:
    """Read a compact table whose columns are known.

    Args:
        path: The CSV file.
        columns: Columns that must be there; the file has no others.
        most_rows: Rows that are allowed.

    Raises:
        ConfigError: other columns, or as :func:`read_columns`.
    """
    return read_columns(
        path, lambda found: sorted(found) == sorted(columns), ", ".join(columns), most_rows
    )


def read_columns(
    path: Path, fit: Callable[[list[str]], bool], allowed: str, most_rows: int = MOST_ROWS
) -> Columns:
    """Read a compact table.

    Args:
        path: The CSV file.
        fit: Whether these columns can be used.
        allowed: What the columns must be, for the message.
        most_rows: Rows that are allowed.

    Raises:
        ConfigError: the file cannot be read, is no text in UTF-8, has other columns or one twice,
            holds something that is not a finite number, or has no rows or too many.
    """
    text = read_text(path, "a CSV table", MOST_BYTES)
    numbered = [
        (number, line)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if len(numbered) > most_rows + 1:
        raise ConfigError(
            f"{path}: the table has {len(numbered) - 1} rows; at most {most_rows} are allowed"
        )
    rows, lines = _cells(path, numbered)
    columns = [name.strip() for name in rows[0]] if rows else []
    if len(set(columns)) < len(columns) or not fit(columns):
        found = ", ".join(columns).encode("unicode_escape").decode() or "nothing"
        raise ConfigError(f"{path}: columns must be {allowed}; found {found[:200]}")
    if len(rows) == 1:
        raise ConfigError(f"{path}: the table has no rows")
    for cells, line in zip(rows[1:], lines[1:], strict=True):
        if len(cells) != len(columns):
            raise ConfigError(f"{path}: line {line} has {len(cells)} values, not {len(columns)}")
    try:
        values = np.array(rows[1:], dtype=float)
    except ValueError:
        raise _no_number(path, rows[1:], lines[1:]) from None
    table = Columns(dict(zip(columns, values.T, strict=True)), np.array(lines[1:]))
    if not np.isfinite(values).all():
        row = np.argwhere(~np.isfinite(values))[0, 0]
        raise refuse(path, table, row, "holds a value that is not finite")
    return table


def _cells(path: Path, numbered: Sequence[tuple[int, str]]) -> tuple[list[list[str]], list[int]]:
    """Cells of each row, and the line of the file that it ends on."""
    reader = csv.reader(line for _, line in numbered)
    rows, lines = [], []
    try:
        for row in reader:
            rows.append(row)
            lines.append(numbered[reader.line_num - 1][0])
    except csv.Error as error:
        raise ConfigError(f"{path}: is not a CSV table ({error})") from None
    return rows, lines


def _no_number(path: Path, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> ConfigError:
    """Error that names the first cell that is no number."""
    for cells, line in zip(rows, lines, strict=True):
        for cell in cells:
            try:
                float(cell)
            except ValueError:
                text = f'"{shown(cell)}" must be a number, as every value'
                return ConfigError(f"{path}: line {line}: {text}")
    return ConfigError(f"{path}: every value must be a number")


def refuse(path: Path, table: Columns, row: int | np.integer, text: str) -> ConfigError:
    """Error that names the file and the line of a row."""
    return ConfigError(f"{path}: line {table.lines[row]}: {text}")


def check_column(path: Path, table: Columns, column: str, domain: Domain) -> None:
    """Check a column against its physical domain.

    Raises:
        ConfigError: the first value outside, with its line.
    """
    values = table[column]
    outside = np.flatnonzero(~((values >= domain.low) & (values <= domain.high)))
    if outside.size:
        refusal = domain.refusal(column, float(values[outside[0]]))
        raise refuse(path, table, outside[0], refusal or column)


def check_ascending(path: Path, table: Columns, column: str) -> None:
    """Check that a column ascends strictly.

    Raises:
        ConfigError: the first value that is not above the one before, with its line.
    """
    wrong = np.flatnonzero(np.diff(table[column]) <= 0)
    if wrong.size:
        low, high = table[column][wrong[0]], table[column][wrong[0] + 1]
        what = "repeats" if low == high else "is below"
        text = f"{high:g} {what} {low:g} of line {table.lines[wrong[0]]}"
        raise refuse(path, table, wrong[0] + 1, f"{column} must ascend, but {text}")


def same_edges(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two sets of bin edges agree except for rounding."""
    if first.shape != second.shape:
        return False
    here, there = np.split(merged(np.concatenate([first, second])), 2)
    return np.array_equal(here, there) and np.unique(here).size == first.size


def merged(values: np.ndarray) -> np.ndarray:
    """Values in which those that differ only by rounding are replaced by the lowest of them.

    Two values count as one if they differ by less than 1e-9 of the larger, as 0.1 + 0.2 and 0.3 do,
    or if both are below 1e-9 of the next larger one, as 0.1 + 0.2 - 0.3 and zero are.

    Args:
        values: Any order, shape (n,).

    Returns:
        Shape (n,).
    """
    found, where = np.unique(values, return_inverse=True)
    size = np.abs(found)
    # Sizes below the first gap of nine orders are rounded zeros.
    larger = np.maximum(size[1:], size[:-1])
    sizes = np.unique(size[size > 0])
    jumps = np.flatnonzero(sizes[1:] > sizes[:-1] / SAME_EDGE)
    zero = sizes[jumps[0]] if jumps.size else 0.0
    apart = (np.diff(found) > SAME_EDGE * larger) & (larger > zero)
    first = np.concatenate([[True], apart])
    return found[first][np.cumsum(first)[where] - 1]


def grid_points(path: Path, table: Columns, columns: Sequence[str]) -> list[np.ndarray]:
    """Points of a table whose rows are the cells of a grid.

    Args:
        path: The file, for messages.
        table: Column -> values.
        columns: The columns that index the grid, the slowest first.

    Returns:
        The values of each of these columns, ascending; values that differ by rounding are one.

    Raises:
        ConfigError: rows that are no grid in ascending order; the message names the first of them.
    """
    found = [_merged_with_upper_ends(table, column) for column in columns]
    points = [np.unique(row) for row in found]
    rule = (
        "rows must be the cells of one grid in ascending order, without gaps or repeats, "
        + " before ".join(columns)
    )
    shape = tuple(map(len, points))
    if math.prod(shape) > MOST_CELLS:
        raise ConfigError(f"{path}: {rule}; {len(table.lines)} rows are none")
    index = tuple(np.searchsorted(p, row) for p, row in zip(points, found, strict=True))
    cell = np.ravel_multi_index(index, shape)
    wrong = np.flatnonzero(cell != np.arange(cell.size))
    if wrong.size:
        row = int(wrong[0])
        same = np.flatnonzero(cell[:row] == cell[row])
        what = f"repeats the cell of line {table.lines[same[0]]}" if same.size else "is not next"
        raise refuse(path, table, row, f"{what}; {rule}")
    if cell.size < math.prod(shape):
        raise refuse(path, table, cell.size - 1, f"cells are missing after it; {rule}")
    return points


def _merged_with_upper_ends(table: Columns, column: str) -> np.ndarray:
    """A column with values that differ by rounding merged.

    Lower ends of bins are merged together with the upper ends: a lower end that is zero but for
    rounding has no size of its own to compare with.
    """
    upper = column.replace("_low", "_high")
    if upper == column or upper not in table:
        return merged(table[column])
    return np.split(merged(np.concatenate([table[column], table[upper]])), 2)[0]


def bin_edges(path: Path, table: Columns, low: str, high: str) -> np.ndarray:
    """Edges of bins that are given by their lower and upper ends.

    Args:
        path: The file, for messages.
        table: Column -> values.
        low, high: Columns with the ends; ends that differ only by rounding are one.

    Raises:
        ConfigError: an upper end that is not above its lower end, or bins that do not join.
    """
    for column in (low, high):
        check_column(path, table, column, EDGES)
    lows, highs = np.split(merged(np.concatenate([table[low], table[high]])), 2)
    if not (highs > lows).all():
        raise refuse(path, table, np.argmin(highs > lows), f"{high} must be above {low}")
    edges = np.union1d(lows, highs)
    following = edges[np.searchsorted(edges, lows) + 1]
    if not (highs == following).all():
        row = np.argmin(highs == following)
        text = f"{high} must be where the next bin begins, {following[row]:.12g}"
        raise refuse(path, table, row, text)
    gaps = np.setdiff1d(edges[:-1], lows)
    if gaps.size:
        row = np.flatnonzero(highs == gaps[0])[0]
        text = f"bins must join: {high} is {gaps[0]:.12g}, where no bin begins"
        raise refuse(path, table, row, text)
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
