"""Reading text files that a user gives: not too large, and in UTF-8."""

from __future__ import annotations

import re
from pathlib import Path

from cevns_jax.errors import LONGEST_TEXT, ConfigError, shown

CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # bytes that no text has


def read_text(path: Path, expected: str, most_bytes: int) -> str:
    """Text of a file, its lines ended by line feeds.

    Args:
        path: The file.
        expected: What it should hold, for messages, e.g. ``"a CSV table"``.
        most_bytes: Size that is allowed; no more than that is read.

    Raises:
        ConfigError: the file cannot be read, is larger, or is no text in UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise ConfigError(
            f"{shown(path, LONGEST_TEXT)}: cannot be read ({error.strerror})"
        ) from None
    except ValueError:  # a NUL in its name
        raise ConfigError(f"{shown(path, LONGEST_TEXT)}: is no name of a file") from None
    if len(data) > most_bytes:
        raise ConfigError(
            f"{path}: is larger than {most_bytes / 1e6:g} MB, the most that is allowed for "
            f"{expected}"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {_encoding(data, expected, error.start)}") from None
    if CONTROL.search(data):
        raise ConfigError(f"{path}: {_encoding(data, expected, 0)}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoding(data: bytes, expected: str, start: int) -> str:
    """What is wrong with bytes that are no text in UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or 3 * data.count(0) > len(data):
        return f"is not a text file in UTF-8 but in UTF-16; save it as UTF-8 ({expected})"
    if CONTROL.search(data):
        return f"is not a text file; expected {expected}"
    line = data[:start].count(b"\n") + 1
    return (
        f"is not a text file in UTF-8 but in Latin-1 or the like (line {line}); save it as UTF-8 "
        f"({expected})"
    )
