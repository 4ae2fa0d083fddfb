"""Finished blocks of a long run, kept in a folder until its result is on disk.

The folder holds ``record.json``, the record of everything that determines the result of the run,
and one file per block: a line of JSON (hash of the record, number of the block, checksum of the
arrays), then the arrays as ``.npz``. A block is used only if all three are right.
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
from cevns_jax.files import differences, write_atomically, write_text


class Blocks:
    """Blocks of arrays in a folder, with the record of what they were computed from.

    Args:
        folder: Where they are kept; made with the first block.
        record: What they are computed from: anything that JSON can hold, with hashes in the form
            that :func:`cevns_jax.files.differences` reads.
        notice: Called with a sentence where something in the folder cannot be used.

    Raises:
        ConfigError: the folder holds blocks that were made from something else.
    """

    def __init__(
        self,
        folder: Path,
        record: Mapping[str, Any] | None = None,
        notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder, self.notice = folder, notice
        self.record = json.dumps(record or {}, sort_keys=True, default=str)
        self.hash = _sha256(self.record.encode())
        before = self._record_before()
        self.recorded = before is not None
        if self.recorded and (changed := differences(before, json.loads(self.record))):
            raise ConfigError(
                f"{folder}: holds blocks of another run, it cannot be resumed; changed: {changed}"
            )

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
        self.notice(f"{path}: damaged, or a block of another run; it is computed again")
        return None

    def save(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block, atomically.

        Raises:
            ConfigError: the folder cannot be written.
        """
        if not self.recorded:  # a run that stops before its first block leaves nothing
            document = {"sha256": self.hash, "record": self.record}
            write_text(self.folder / "record.json", json.dumps(document))
            self.recorded = True
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
        """First line of a block: the run and the number it belongs to, and its checksum."""
        line = {"record": self.hash, "number": number, "sha256": _sha256(body)}
        return json.dumps(line).encode()

    def _record_before(self) -> Any:
        """The record found in the folder; ``None`` if there is none or it is damaged."""
        path = self.folder / "record.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["sha256"] == _sha256(content["record"].encode()):
                return json.loads(content["record"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass  # whatever a damaged file makes of the lines above
        self.notice(
            f"{path}: damaged, it is written anew; blocks of this run are used, others are "
            "computed again"
        )
        return None


def _arrays(body: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return dict(arrays)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
