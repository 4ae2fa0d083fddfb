"""Options of the command line that change a config for one run.

They are written into the tables of the config, so that they are checked, hashed and kept in the
provenance as if they had been in the file.
"""

from __future__ import annotations

import argparse
import copy
import math
from typing import Any

from cevns_jax.errors import ConfigError, shown


def vary(content: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The tables of a config, changed as the options say.

    Args:
        content: The tables.
        options: ``command``, the name of the command, and those of ``free``, ``fix``, ``grid``,
            ``cl``, ``title`` and of the table ``sample`` that it has. Of several for one parameter
            the last counts.

    Raises:
        ConfigError: an option that does not have its form, or a table of the config that is none; a
            title that does not print, such as one with an escape sequence of a terminal.
    """
    content = copy.deepcopy(content)
    given = [_grid(text) for text in getattr(options, "grid", [])]
    grids = list({grid["parameter"]: grid for grid in given}.values())  # of a parameter the last
    fixed = [_fixed(text) for text in getattr(options, "fix", [])]
    _put_grids(content, options.command, grids)
    # Parameters on a grid have their values from there: --free is refused for them, and --fix makes
    # a grid of one value.
    looked_at, walked = _gridded(content, options.command)
    for name in getattr(options, "free", []):
        if name in (looked_at, *walked):
            raise ConfigError(f"--free {name}: {_WHERE[options.command]} has a grid of it")
    for name, value in fixed:
        if name == looked_at:
            raise ConfigError(f"--fix {name}: it is what {options.command} looks at")
        if name in walked:
            one = {"parameter": name, "min": value, "max": value, "points": 1}
            _put_grids(content, options.command, [one])
    fixed = [(name, value) for name, value in fixed if name not in walked]
    for name in getattr(options, "free", []):
        free = _table(content, "fit").setdefault("free", [])
        if isinstance(free, list) and name not in free:
            free.append(name)
        _forget(content, name, "fixed")
    for name, value in fixed:
        free = _table(content, "fit").get("free", [])
        if isinstance(free, list):
            _table(content, "fit")["free"] = [other for other in free if other != name]
        _table(content, "parameters").setdefault(name, {})
        _table(content, "parameters", name).update(start=value, fixed=True)
    if getattr(options, "cl", None) is not None:
        _table(content, options.command)["confidence_level"] = options.cl
    if options.command == "sample":
        for key in ("chains", "draws", "seed", "method"):
            if getattr(options, key, None) is not None:
                _table(content, "sample")[key] = getattr(options, key)
    if getattr(options, "title", None) is not None:
        if not options.title.isprintable():
            raise ConfigError(f'--title must be printable text, not "{shown(options.title)}"')
        content["title"] = options.title
    return content


def _put_grids(content: dict[str, Any], command: str, grids: list[dict[str, Any]]) -> None:
    """Write grids into the table of a command, in place of those that it has."""
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
        # A config without this table has a limit as well: on its first free parameter.
        _table(content, "limit")
        held = _held(content) if grids else {}
        for grid in grids:
            held[grid["parameter"]] = {key: grid[key] for key in grid if key != "parameter"}


def _held(content: dict[str, Any]) -> dict[str, Any]:
    """The table of the parameters that a limit holds; if there is none, the axes of a scan make
    it."""
    limit = _table(content, "limit")
    if "held" not in limit:
        axes = _axes(content)
        limited = limit.get("parameter", axes[-1]["parameter"] if axes else _first_free(content))
        limit["held"] = {
            axis["parameter"]: {key: axis[key] for key in axis if key != "parameter"}
            for axis in axes
            if axis["parameter"] != limited
        }
    return _table(content, "limit", "held")


def _axes(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The axes of a scan that name a parameter; the others are refused where they are read."""
    axes = _existing(content, "scan").get("axes", [])
    found = axes if isinstance(axes, list) else []
    return [axis for axis in found if isinstance(axis, dict) and "parameter" in axis]


_WHERE = {"profile": "the profile", "scan": "the scan", "limit": "the limit"}


def _gridded(content: dict[str, Any], command: str) -> tuple[str | None, list[str]]:
    """The one parameter that a profile or a limit is about, if any, and those on a grid."""
    walked = [axis["parameter"] for axis in _axes(content)]
    if command == "profile":
        return _existing(content, "profile").get("parameter", _first_free(content)), []
    if command == "scan":
        return None, walked
    if command == "limit":
        limit = _table(content, "limit")
        limited = limit.get("parameter", walked[-1] if walked else _first_free(content))
        held = limit.get("held", dict.fromkeys(name for name in walked if name != limited))
        return limited, list(held) if isinstance(held, dict) else []
    return None, []


def _first_free(content: dict[str, Any]) -> str | None:
    free = _existing(content, "fit").get("free", [])
    return free[0] if isinstance(free, list) and free else None


def _fixed(text: str) -> tuple[str, float]:
    """``NAME=VALUE``."""
    name, value = _assignment("--fix", text, "NAME=VALUE")
    return name, _number("--fix", value)


def _grid(text: str) -> dict[str, Any]:
    """``NAME=LOW:HIGH:POINTS[:log]``, or ``NAME=VALUE``, as keys of an axis."""
    form = "NAME=LOW:HIGH:POINTS, with :log or :signed behind it, or NAME=VALUE"
    name, values = _assignment("--grid", text, form)
    parts = values.split(":")
    if len(parts) == 1:
        value = _number("--grid", values)
        return {"parameter": name, "min": value, "max": value, "points": 1}
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
    """A table of a config, made if it is missing."""
    place = content
    for key in keys:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise ConfigError(f"[{'.'.join(keys)}]: must be a table")
    return place


def _existing(content: dict[str, Any], key: str) -> dict[str, Any]:
    """A table of a config, empty if it is missing; anything but a table is refused."""
    return _table(content, key) if key in content else {}


def _forget(content: dict[str, Any], name: str, key: str) -> None:
    """Take a key out of the declaration of a parameter, if it has one."""
    declared = content.get("parameters")
    if isinstance(declared, dict) and isinstance(declared.get(name), dict):
        declared[name].pop(key, None)
