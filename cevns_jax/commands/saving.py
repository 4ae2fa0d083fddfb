"""Names of results, and the check that keeps one from being replaced by another."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cevns_jax.errors import ConfigError
from cevns_jax.files import differences
from cevns_jax.pseudo_data import OBSERVED

# Tables of a config that a result of each command depends on.
TABLES = ("interaction", "experiments", "fit", "parameters")
USED = {
    "fit": TABLES,
    "predict": TABLES,
    "profile": (*TABLES, "profile"),
    "scan": (*TABLES, "scan"),
    "limit": (*TABLES, "limit", "scan"),
    "sample": (*TABLES, "sample", "limit", "scan", "profile"),
}


def stem(name: str, record: Mapping[str, Any]) -> str:
    """What names of files begin with: the config, and the pseudo-data if there are any.

    Args:
        name: Stem of the config's file name.
        record: ``data_set`` and ``seed`` of the run.
    """
    kind, seed = record.get("data_set", OBSERVED), record.get("seed")
    if kind == OBSERVED:
        return name
    number = "" if seed is None else str(seed)
    return f"{name}_{kind}{number}"


FIGURES = {"fit": "spectra", "prediction": "prediction"}
"""Kind of result -> what its figures of experiments are called."""


def unsuffixed(result: str, kind: str) -> str:
    """The stem of a run out of the name of its result file without ``.nc``, ``STEM_KIND``."""
    return result.removesuffix(f"_{kind}")


def figures(stem: str, kind: str, experiments: Collection[str]) -> dict[str, str]:
    """Names of the figures of a result, without their format, one for each experiment.

    Args:
        stem: What names of files begin with.
        kind: One of ``FIGURES``.
        experiments: Names of all experiments.
    """
    several = len(experiments) > 1
    return {e: f"{stem}_{FIGURES[kind]}" + (f"_{e}" if several else "") for e in experiments}


def posterior_figures(
    stem: str, method: str, experiments: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Names of the figures of a posterior, without their format -> the function that draws each,
    and for the posterior predictive the experiment.

    Args:
        stem: What names of files begin with.
        method: ``"tempered"``, whose runs are no chains, or another one.
        experiments: Names of all experiments.
    """
    several = len(experiments) > 1
    of_draws = ("runs",) if method == "tempered" else ("traces", "ranks")
    return {
        **{f"{stem}_{figure}": (figure,) for figure in ("corner", *of_draws)},
        **{
            f"{stem}_predictive" + (f"_{e}" if several else ""): ("predictive", e)
            for e in experiments
        },
    }


def settings_used(command: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the record of a run that the result of a command depends on, as JSON has it.

    Args:
        command: One of ``USED``.
        record: ``settings`` (a config after overrides), ``data_set``, ``seed`` and ``inputs``
            (hashes of the files that the config names).
    """
    settings = record.get("settings") or {}
    used = {
        **{name: settings.get(name) or {} for name in USED[command]},
        **{name: record.get(name) for name in ("data_set", "seed")},
        "inputs": record.get("inputs") or {},
    }
    found: dict[str, Any] = json.loads(json.dumps(used, default=str))
    return found


def refuse_to_replace(path: Path, command: str, record: Mapping[str, Any]) -> None:
    """Stop before a result of other settings, or a file of another origin, is replaced.

    Args:
        path: Where the result of this run is to go.
        command: As :func:`settings_used`.
        record: Of this run.

    Raises:
        ConfigError: something else stands there.
    """
    if not path.is_file():
        return
    way_out = "--overwrite replaces it, --output DIR keeps both"
    before = _provenance(path)
    if before is None:
        raise ConfigError(f"{path}: is there, and is not a result of this config; {way_out}")
    now = settings_used(command, record)
    if changed := differences(settings_used(command, before), now):
        raise ConfigError(f"{path}: holds a result of other settings ({changed}); {way_out}")


def _provenance(path: Path) -> dict[str, Any] | None:
    """Provenance in a saved result, netCDF or JSON; None where the file has none.

    Both hold it as the text of a JSON object, in one piece. It is read as such: HDF5 takes time to
    load, and can crash on a damaged file.
    """
    try:
        content = path.read_bytes().decode("latin-1")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    key = '"provenance":'
    at = content.find(key)
    while at >= 0:
        begin = content.find("{", at)
        try:
            found = json.JSONDecoder().raw_decode(content, max(begin, 0))[0]
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and "settings" in found:
            return found
        at = content.find(key, at + 1)
    return None
