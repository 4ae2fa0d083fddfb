"""Files of results: places checked before anything is computed, written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cevns_jax.errors import ConfigError, shown

LEAST_SPACE = 1_000_000  # bytes that must be free before a computation starts
LONGEST_NAME = 150  # bytes; file systems take 255 with what is added
SHOWN = 4  # differences that a message lists
SHOWN_CHARACTERS = 80  # of a value in a message


def check_name(name: str) -> None:
    """Check what names of files are to begin with.

    Raises:
        ConfigError: nothing, folders, hidden or too long names, or characters that do not print.
    """
    plain = name.isprintable() and Path(name).name == name and not name.startswith(".")
    if not plain or len(name.encode(errors="replace")) > LONGEST_NAME:
        raise ConfigError(
            f"--name must be a printable name without folders, of {LONGEST_NAME} bytes at most, "
            f'not beginning with a dot, not "{shown(name)}"'
        )


def check_places(paths: Iterable[Path]) -> None:
    """Check that files can be written, before they are computed; their folders exist.

    Raises:
        ConfigError: a folder stands where a file is to go, or hardly any space is left.
    """
    for path in paths:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder, and a file of that name is to be written")
        if shutil.disk_usage(path.parent).free < LEAST_SPACE:
            raise ConfigError(f"{path}: cannot be written (less than 1 MB is free)")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name beside it, then put it in place.

    Raises:
        ConfigError: the folder cannot be made or written, a folder stands where the file is to go,
            or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
        try:
            write(Path(part))
            os.chmod(part, 0o644)
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror or error})") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically.

    Raises:
        ConfigError: as :func:`write_atomically`.
    """
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def differences(before: Any, now: Any) -> str:
    """What differs between two JSON documents, in words; empty where nothing does.

    A hash is written ``{"sha256": ...}``: that it has changed is all that is said of it.
    """
    found = _differences(before, now, "")
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def _differences(before: Any, now: Any, where: str) -> list[str]:
    if before == now:
        return []
    if _is_hash(before) or _is_hash(now):
        return [f"{where} {'has changed' if before and now else 'is new' if now else 'is gone'}"]
    if isinstance(before, dict) and isinstance(now, dict):
        inside = (
            _differences(before.get(k), now.get(k), f"{where}.{k}" if where else str(k))
            for k in dict.fromkeys((*before, *now))
        )
        return [text for texts in inside for text in texts]
    return [f"{where} was {_shown(before)} and is {_shown(now)}"]


def _is_hash(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"sha256"}


def _shown(value: Any) -> str:
    text = "not set" if value is None else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
