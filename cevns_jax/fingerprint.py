"""What a computation is made from, as hashes: input files, code, numbers, versions, devices.

A hash is written ``{"sha256": ...}``, so that a message about two records says that something has
changed and not from which hash to which.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood

Hash = dict[str, str]

PACKAGE = Path(__file__).parent
DATA_FILES = (".py", ".csv", ".toml")
PACKAGES = ("jax", "jaxlib", "numpy", "scipy")
SAMPLERS = ("numpyro", "blackjax")


def inputs(settings: Mapping[str, Any], folder: Path) -> dict[str, Hash]:
    """Hashes of the files that a config names: tables, and the code of own interactions.

    Args:
        settings: The config after overrides; it has been read, so that own modules are loaded.
        folder: Folder of the config, to which paths in it are relative.
    """
    found = {}
    for text in _texts(settings):
        with contextlib.suppress(OSError, ValueError):  # a title need not be able to name a file
            if (folder / text).is_file():
                found[text] = _of_file(folder / text)
    interaction = settings.get("interaction")
    own = interaction.get("own") if isinstance(interaction, dict) else None
    for table in own or ():
        found |= _modules(str(table.get("object", "")).partition(":")[0], folder.resolve())
    return dict(sorted(found.items()))


def computation(likelihood: Likelihood, more: Sequence[str] = ()) -> dict[str, Any]:
    """Everything besides its config that the bits of a result depend on.

    Args:
        likelihood: The one that is evaluated, with its data.
        more: Packages that are used besides ``PACKAGES``.

    Returns:
        Hashes of the package's files and of all numbers in the likelihood, versions of packages,
        and the number and kind of the devices that points are spread over.
    """
    import jax

    flags = sorted(os.environ.get("XLA_FLAGS", "").split())
    return {
        "code": {
            str(path.relative_to(PACKAGE.parent).as_posix()): _of_file(path)
            for path in sorted(PACKAGE.rglob("*"))
            if path.suffix in DATA_FILES and path.is_file()
        },
        "numbers of the likelihood": _of_numbers(likelihood),
        "version": {name: version(name) for name in (*PACKAGES, *more)},
        "number of devices": jax.local_device_count(),
        "device": jax.local_devices()[0].device_kind,
        "XLA_FLAGS": [flag for flag in flags if "device_count" not in flag],
    }


def _of_numbers(likelihood: Likelihood) -> Hash:
    """Hash of all leaves of a pytree and of where they are in it."""
    import jax
    import numpy as np

    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_flatten_with_path(likelihood)[0]:
        array = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        total.update(array.tobytes())
    return {"sha256": total.hexdigest()}


def _modules(name: str, folder: Path) -> dict[str, Hash]:
    """Hashes of the loaded files of a module's package, and of what lies beside the config."""
    files = {}
    for loaded, module in list(sys.modules.items()):
        file, top = getattr(module, "__file__", None), loaded.partition(".")[0]
        if file is None or top == PACKAGE.name:
            continue
        place = Path(file).resolve()
        beside = place in (folder / f"{top}.py", folder / top / "__init__.py")
        inside = beside or place.is_relative_to(folder / top)
        if (inside or top == name.partition(".")[0]) and place.is_file():
            files[place.relative_to(folder).as_posix() if inside else loaded] = _of_file(place)
    return files


def _texts(value: Any) -> Iterator[str]:
    """All strings among the values of a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _of_file(path: Path) -> Hash:
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
