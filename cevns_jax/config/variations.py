"""Options of the command line that change a config for one run, written into its tables.

So they are checked, hashed and kept in the provenance as if they had stood in the file.
"""

from __future__ import annotations

import argparse
import copy
import math
from typing import Any

from cevns_jax.errors import ConfigError, shown


def vary(content: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The tables of a config with what the options say.

    Args:
        content: The tables.
        options: ``free``, ``fix``, ``grid``, ``cl`` and ``title``, those that the command has, and
            ``command``, its name.

    Raises:
        ConfigError: an option that does not have its form, or a table of the config that is none.
    """
    content = copy.deepcopy(content)
    for name in getattr(options, "free", []):
        free = _table(content, "fit").setdefault("free", [])
        if isinstance(free, list) and name not in free:
            free.append(name)
        _forget(content, name, "fixed")
    for text in getattr(options, "fix", []):
        name, value = _assignment("--fix", text, "NAME=VALUE")
        free = _table(content, "fit").get("free", [])
        if isinstance(free, list):
            _table(content, "fit")["free"] = [other for other in free if other != name]
        _table(content, "parameters").setdefault(name, {})
        _table(content, "parameters", name).update(start=_number("--fix", value), fixed=True)
    grids = [_grid(text) for text in getattr(options, "grid", [])]
    _put_grids(content, options.command, grids)
    if getattr(options, "cl", None) is not None:
        _table(content, options.command)["confidence_level"] = options.cl
    if getattr(options, "title", None) is not None:
        content["title"] = options.title
    return content


def _put_grids(content: dict[str, Any], command: str, grids: list[dict[str, Any]]) -> None:
    """Grids where the table of a command has them."""
    if command == "profile" and grids:
        if len(grids) > 1:
            raise ConfigError("--grid: a profile has one parameter; scan takes several")
        _table(content, "profile").update(grids[0])
    elif command == "scan" and grids:
        axes = _table(content, "scan").setdefault("axes", [])
        if not isinstance(axes, list):
            raise ConfigError("[scan]: axes must be a list of tables")
        for grid in grids:
            names = [axis.get("parameter") if isinstance(axis, dict) else None for axis in axes]
            if grid["parameter"] in names:
                axes[names.index(grid["parameter"])] = grid
            else:
                axes.append(grid)
    elif command == "limit":
        for grid in grids:
            held = _table(content, "limit").setdefault("held", {})
            if not isinstance(held, dict):
                raise ConfigError("[limit]: held must be a table")
            name = grid.pop("parameter")
            held[name] = grid


def _grid(text: str) -> dict[str, Any]:
    """``NAME=LOW:HIGH:POINTS[:log]`` as keys of an axis."""
    form = "NAME=LOW:HIGH:POINTS, with :log or :signed behind it"
    name, values = _assignment("--grid", text, form)
    parts = values.split(":")
    if len(parts) not in (3, 4):
        raise ConfigError(f'--grid: must look like {form}, not "{shown(text)}"')
    scale = parts[3] if len(parts) == 4 else "linear"
    try:
        points = int(parts[2])
    except ValueError:
        text = f'--grid: POINTS must be a whole number, not "{shown(parts[2])}"'
        raise ConfigError(text) from None
    low, high = (_number("--grid", part) for part in parts[:2])
    return {"parameter": name, "min": low, "max": high, "points": points, "scale": scale}


def _assignment(option: str, text: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise ConfigError(f'{option}: must look like {form}, not "{shown(text)}"')
    return name.strip(), value.strip()


def _number(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f'{option}: "{shown(text)}" is not a finite number')
    return number


def _table(content: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A table of a config, made where there is none."""
    place = content
    for key in keys:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise ConfigError(f"[{'.'.join(keys)}]: must be a table")
    return place


def _forget(content: dict[str, Any], name: str, key: str) -> None:
    declared = content.get("parameters")
    if isinstance(declared, dict) and isinstance(declared.get(name), dict):
        declared[name].pop(key, None)
