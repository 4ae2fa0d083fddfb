"""Finished blocks of a long run, kept in a folder until its result is on disk.

The folder holds ``scan.json``, the record of everything that the run is made from, and one file
per block: a line of JSON (hash of the record, number, checksum), then the arrays as ``.npz``. A
block is used only where all three are right.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.files import write_atomically, write_text


class Blocks:
    """Blocks of arrays in a folder, with what they were made from.

    Args:
        folder: Where they are kept; made if missing.
        record: What they are made from; anything JSON can hold.
        notice: Called with a sentence where something in the folder cannot be used.

    Raises:
        ConfigError: the folder holds blocks that were made from something else, or cannot be
            written.
    """

    def __init__(
        self,
        folder: Path,
        record: Mapping[str, Any] | None = None,
        notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder, self.notice = folder, notice
        text = json.dumps(record or {}, sort_keys=True)
        self.hash = _sha256(text.encode())
        before = self._record_before()
        if before is not None:
            changed = differences(before, json.loads(text))
            if changed:
                raise ConfigError(
                    f"{folder}: holds blocks of another scan, it cannot be resumed; changed: "
                    + "; ".join(changed)
                )
        else:
            write_text(folder / "scan.json", json.dumps({"sha256": self.hash, "record": text}))

    def load(self, number: int) -> dict[str, np.ndarray] | None:
        """The arrays of a block; None where it is missing, damaged or of another run."""
        path = self._path(number)
        try:
            head, _, body = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError:
            head, body = b"", b""
        if head == self._head(number, body):
            return _arrays(body)
        self.notice(f"{path}: damaged, or a block of another scan; it is computed again")
        return None

    def save(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block, atomically.

        Raises:
            ConfigError: the folder cannot be written.
        """
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:  # np.savez would refuse the key "file"
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as part:
                    np.lib.format.write_array(part, np.asarray(array), allow_pickle=False)
        body = file.getvalue()
        content = self._head(number, body) + b"\n" + body
        write_atomically(self._path(number), lambda part: part.write_bytes(content))

    def remove(self) -> None:
        """Remove the folder: the result is on disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.block"

    def _head(self, number: int, body: bytes) -> bytes:
        """First line of a block: what it belongs to, and what it must contain."""
        line = {"record": self.hash, "number": number, "sha256": _sha256(body)}
        return json.dumps(line).encode()

    def _record_before(self) -> Any:
        """The record that is there; None without one, or where it is damaged."""
        path = self.folder / "scan.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["sha256"] == _sha256(content["record"].encode()):
                return json.loads(content["record"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass
        self.notice(
            f"{path}: damaged, it is written anew; blocks of this scan are used, others are "
            "computed again"
        )
        return None


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """What differs between two JSON documents, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys((*before, *now))
        inside = (
            differences(before.get(k), now.get(k), f"{where}.{k}" if where else k) for k in keys
        )
        return [text for texts in inside for text in texts]
    return [] if before == now else [f"{where} was {before} and is {now}"]


def _arrays(body: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return dict(arrays)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
