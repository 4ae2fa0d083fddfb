"""The file of a result from outside: its format version, and a seal that shows damage.

A result is netCDF (HDF5) with a seal at its end: the SHA-256 of all bytes before it. Readers of
netCDF do not see the seal, and a program that rewrites or cuts the file loses it. It is checked
before HDF5 opens the file, because HDF5 can crash on damaged files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.results.notes import Variables

FORMAT_VERSION = 2  # goes up when an older cevns_jax could not read the file any more
KINDS = ("fit", "profile", "scan", "limit", "prediction", "posterior")  # of results
ANY = ", ".join(KINDS)
SEAL = b"\ncevns_jax sha256 "
SEAL_BYTES = len(SEAL) + 64


def encoding(draws: Mapping[str, Variables]) -> dict[str, dict[str, dict[str, Any]]]:
    """How draws are stored: compressed, without loss."""
    stored = {"zlib": True, "complevel": 1, "shuffle": True}
    return {
        f"/{group}": {name: stored for name, (dims, _) in variables.items() if len(dims) > 1}
        for group, variables in draws.items()
    }


def seal(path: Path) -> None:
    """Put the seal at the end of a file."""
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0, 2)
        file.write(SEAL + digest.encode())


def header(kind: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes of the root of the file.

    Args:
        kind: One of ``KINDS``.
        attributes: Those of the result; anything JSON can hold.
    """
    return {
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "attributes": json.dumps(attributes),
    }


def read_header(path: Path) -> tuple[str, dict[str, Any]]:
    """Kind and attributes of a saved result, after checking that the file is not damaged.

    Raises:
        ConfigError: the file cannot be read, is not a result, has a format that this version does
            not know, or is not as it was written.
    """
    sealed = _is_sealed(path)
    found = _root_attributes(path)
    foreign = f"{path}: is not a result of cevns_jax (netCDF of {ANY})"
    if missing := [name for name in ("format_version", "kind", "attributes") if name not in found]:
        older = "; an older cevns_jax wrote it, compute it again" if len(missing) == 1 else ""
        raise ConfigError(f"{foreign}: it has no attribute {', '.join(missing)}{older}")
    version, kind = found["format_version"], found["kind"]
    try:
        version = int(version)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{foreign}: its format_version is not a number") from None
    if version != FORMAT_VERSION:
        writer = "a newer" if version > FORMAT_VERSION else "an older"
        raise ConfigError(
            f"{path}: has format_version {version}, {writer} cevns_jax wrote it; this one reads "
            f"{FORMAT_VERSION}: compute it again"
        )
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(f"{foreign}: its kind must be one of {ANY}")
    try:
        attributes = json.loads(found["attributes"])
    except (TypeError, ValueError, RecursionError):
        attributes = None
    if not isinstance(attributes, dict):
        raise ConfigError(f"{path}: is damaged: its attributes are not JSON")
    if not sealed:
        raise ConfigError(
            f"{path}: is not as it was written: it was changed, or its end is missing; compute it "
            "again"
        )
    return kind, attributes


def _is_sealed(path: Path) -> bool:
    """Whether the file has a seal; if it has, the seal is right.

    Raises:
        ConfigError: the file cannot be read, or the seal is broken.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2) - SEAL_BYTES
            file.seek(max(size, 0))
            end = file.read()
            if not end.startswith(SEAL):
                return False
            file.seek(0)
            digest = hashlib.sha256()
            while size > 0:
                part = file.read(min(size, 1 << 20))  # a MiB at a time: files can exceed memory
                digest.update(part)
                size -= len(part) or size  # a file that became shorter ends the loop as well
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    if end[len(SEAL) :] != digest.hexdigest().encode():
        raise ConfigError(f"{path}: is damaged: its checksum is not that of its content")
    return True


def _root_attributes(path: Path) -> dict[str, Any]:
    """Attributes of the root of any HDF5 file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            names = ("format_version", "kind", "attributes")
            found = {name: file.attrs[name] for name in names if name in file.attrs}
    except Exception:  # whatever a broken file makes HDF5 raise
        raise ConfigError(
            f"{path}: is not a result of cevns_jax (netCDF of {ANY}), or not a whole one"
        ) from None
    # netCDF writes numbers as arrays of one.
    one = (np.ndarray, np.generic)
    return {
        name: value.item() if isinstance(value, one) and value.size == 1 else value
        for name, value in found.items()
    }
