"""What a result that was read from a file must hold for its figure to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.errors import ConfigError

if TYPE_CHECKING:
    from cevns_jax.results.notes import Variables
    from cevns_jax.results.result import Result

CURVE = ("chi2", "delta_chi2", "point_converged", "point_excluded")


def check_drawable(path: Path, result: Result) -> None:
    """Refuse a result that lacks what its figure is drawn from.

    Args:
        path: Where it was read, for messages.
        result: Of any kind.

    Raises:
        ConfigError: an attribute or a variable is missing or is not what it should be.
    """
    try:
        _texts(result.attributes, "titles")
        _attribute(result.attributes, "provenance", dict)
        CHECKS[result.kind](result)
    except ConfigError as error:
        raise ConfigError(
            f"{path}: cannot be drawn: a {result.kind} must have {error}; compute it again"
        ) from None


def check_pulls(path: Path, result: Result) -> None:
    """Refuse a result of which no pulls can be drawn.

    Args:
        path: Where it was read, for messages.
        result: Of any kind.

    Raises:
        ConfigError: it is no fit, or lacks what pulls are made of.
    """
    if result.kind != "fit":
        raise ConfigError(f"{path}: --pulls goes with fits, this is a {result.kind}")
    v = result.variables
    size, physics = len(v["parameter"][1]), len(v["physics"][1])
    try:
        for key in ("prior_mean", "prior_width"):
            _variable(v, key, (size,))
        _variable(v, "correlation", (size, size))
        _variable(v, "impact", (physics, size, 2))
    except ConfigError as error:
        raise ConfigError(
            f"{path}: pulls cannot be drawn: a fit must have {error}; compute it again"
        ) from None


def _fit(result: Result) -> None:
    a, v = result.attributes, result.variables
    for key in ("chi2", "degrees_of_freedom"):
        _attribute(a, key, int | float)
    names = [str(n) for n in _variable(v, "parameter", None)]
    for key in ("labels", "units"):
        _texts(a, key, names)
    for key in ("value", "error_low", "error_high"):
        _variable(v, key, (len(names),))
    if not {str(n) for n in _variable(v, "physics", None)} <= set(names):
        raise ConfigError("the parameters of physics among all")
    _texts(a, "titles", list(result.groups))
    if "counted" in a:
        _texts(a, "counted")
    for name, group in result.groups.items():
        _bins(name, group)


def _bins(name: str, group: Variables) -> None:
    """Edges, counts and expectations of one experiment."""
    if "observed" not in group or not group["observed"][0]:
        raise ConfigError(f"observed counts of {name}")
    axes, observed = group["observed"]
    for axis, size in zip(axes, observed.shape, strict=True):
        _variable(group, f"{axis}_edges", (size + 1,))
    components = _variable(group, "component", None)
    _variable(group, "expected", (len(components), *observed.shape))
    _variable(group, "observed", observed.shape)
    if "error" in group:
        _variable(group, "error", observed.shape)


def _profile(result: Result) -> None:
    a, v = result.attributes, result.variables
    name = _attribute(a, "parameter", str)
    for key in ("labels", "units"):
        _texts(a, key, [name])
    _attribute(a, "experiments", list)
    best = _attribute(a, "best", dict)
    _attribute(best, "chi2", int | float)
    found = _attribute(_attribute(best, "parameters", dict), a["parameter"], dict)
    _attribute(found, "value", int | float)
    points = _variable(v, name, None)
    if not len(points):
        raise ConfigError("points on its grid")
    for key in (name, *CURVE):
        _variable(v, key, (len(points),))
    _limits(a)


def _scan(result: Result) -> None:
    a, v = result.attributes, result.variables
    names, levels = _attribute(a, "parameters", list), _attribute(a, "levels", list)
    if not names or not all(isinstance(name, str) for name in names):
        raise ConfigError("names of parameters")
    if len(names) > 2:
        raise ConfigError(f"one or two parameters on its grid, not {len(names)}")
    numbers = [n for n in levels if isinstance(n, int | float) and not isinstance(n, bool)]
    if not levels or len(numbers) < len(levels) or not min(numbers) > 0:
        raise ConfigError("positive numbers as levels")
    best = _attribute(_attribute(a, "best", dict), "parameters", dict)
    for name in names:
        _attribute(best, name, int | float)
    for key in ("labels", "units"):
        _texts(a, key, names)
    shape = tuple(len(_variable(v, name, None)) for name in names)
    if 0 in shape:
        raise ConfigError("points on its grid")
    for name, size in zip(names, shape, strict=True):
        _variable(v, name, (size,))
    for key in CURVE:
        _variable(v, key, shape)
    if "band_value" in v and len(shape) == 2:
        number = v["band_value"][1].shape[-1:]
        for key in ("band_value", "band_chi2"):
            _variable(v, key, shape[:1] + number)
    _attribute(a["best"], "chi2", int | float)
    _limits(a)


def _limit(result: Result) -> None:
    a, v = result.attributes, result.variables
    name, axes = _attribute(a, "parameter", str), _attribute(a, "axes", list)
    if len(axes) != 1 or not isinstance(axes[0], str):
        raise ConfigError("one held parameter")
    for key in ("labels", "units"):
        _texts(a, key, [name, *axes])
    for key in ("confidence_level", "delta_chi2"):
        _attribute(a, key, int | float)
    _attribute(a, "held", dict)
    _attribute(a, "experiments", list)
    size = len(_variable(v, axes[0], None))
    if not size:
        raise ConfigError("held values")
    ranges = len(_variable(v, "range", None))
    for key in ("limit_low", "limit_high"):
        _variable(v, key, (size, ranges))
    for key in ("best", "chi2", "point_converged"):
        _variable(v, key, (size,))
    for key in ("end_low", "end_high"):
        if key not in v or v[key][1].shape != (size, ranges):
            raise ConfigError(f"words of shape {(size, ranges)} as variable {key}")


def _prediction(result: Result) -> None:
    a = result.attributes
    for key in ("titles", "counted"):
        _texts(a, key, list(result.groups))
    for key in ("labels", "units"):
        _texts(a, key)
    _attribute(a, "values", dict)
    for name, group in result.groups.items():
        _bins(name, group)
        if "spectrum" in group:
            keys = ("flavour", "isotope", "recoil_energy_kev")
            shape = tuple(len(_variable(group, key, None)) for key in keys)
            _variable(group, "spectrum", shape)
            _variable(group, "recoil_energy_kev", shape[-1:])


def _posterior(result: Result) -> None:
    a = result.attributes
    _attribute(a, "method", str)
    for key in ("free", "priors", "units", "labels"):
        _attribute(a, key, dict)
    told = _attribute(a, "parameters", dict)
    if not told:
        raise ConfigError("parameters that vary")
    for found in told.values():
        for key in ("mean", "sd", "median"):
            _attribute(found if isinstance(found, dict) else {}, key, int | float)
        for key in ("hdi_68", "hdi_90"):
            _pair(found, key)
    for key in ("labels", "units", "priors"):
        _texts(a, key, list(told))
    _attribute(a, "modes", list)
    if not isinstance(a.get("converged"), bool):
        raise ConfigError("the attribute converged, true or false")
    drawn = result.draws.get("posterior", {})
    shape = _two(_variable_of(drawn, next(iter(told))).shape)
    for name in told:
        _variable(drawn, name, shape)
    diverging = result.draws.get("sample_stats", {})
    if "diverging" in diverging:
        _variable(diverging, "diverging", shape)
    predicted = result.draws.get("posterior_predictive", {})
    for name, group in result.groups.items():
        _bins(name, group)
        if name in predicted:
            values = _variable_of(predicted, name)
            _variable(predicted, name, (*_two(values.shape[:2]), *group["observed"][1].shape))


def _pair(attributes: dict[str, Any], key: str) -> None:
    """Both ends of an interval."""
    found = attributes.get(key)
    if not isinstance(found, list) or [isinstance(x, int | float) for x in found] != [True] * 2:
        raise ConfigError(f"two numbers in {key} of each parameter")


def _two(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of draws: of at least one chain, with two draws or more."""
    if len(shape) != 2 or shape[0] < 1 or shape[0] * shape[1] < 2:
        raise ConfigError("draws of each parameter, by chain and draw")
    return shape


def _variable_of(variables: Variables, key: str) -> np.ndarray:
    if key not in variables:
        raise ConfigError(f"draws of {key}")
    return variables[key][1]


CHECKS: dict[str, Callable[[Result], None]] = {
    "fit": _fit,
    "profile": _profile,
    "scan": _scan,
    "limit": _limit,
    "prediction": _prediction,
    "posterior": _posterior,
}
"""Kind of result -> what checks it; all of :data:`cevns_jax.results.file_format.KINDS`."""


def _limits(attributes: dict[str, Any]) -> None:
    """Ranges and what their ends are."""
    for limit in _attribute(attributes, "limits", list):
        try:
            level, pairs = limit["delta_chi2"], zip(limit["allowed"], limit["ends"], strict=True)
            numbers = [level, *(end for ends, kinds in pairs for end in ends[: len(kinds)])]
            [float(number) for number in numbers]
        except (TypeError, KeyError, ValueError):
            raise ConfigError("the attribute limits, ranges with their ends") from None


def _attribute(attributes: dict[str, Any], key: str, kind: Any) -> Any:
    value = attributes.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        names = {str: "a string", dict: "a table", list: "a list"}
        raise ConfigError(f"the attribute {key}, {names.get(kind, 'a number')}")
    return value


def _texts(attributes: dict[str, Any], key: str, names: list[str] | None = None) -> None:
    """A mapping to strings, of certain names at least."""
    found = _attribute(attributes, key, dict)
    if not all(isinstance(text, str) for text in found.values()) or set(names or ()) - set(found):
        raise ConfigError(f"strings in the attribute {key}, one for each name")


def _variable(variables: Variables, key: str, shape: tuple[int, ...] | None) -> np.ndarray:
    """A variable of numbers of some shape; without a shape, a list of anything."""
    if key not in variables:
        raise ConfigError(f"the variable {key}")
    values = variables[key][1]
    numbers = np.issubdtype(values.dtype, np.number) or values.dtype == bool
    if shape is None and values.ndim != 1:
        raise ConfigError(f"a list as variable {key}")
    if shape is not None and (values.shape != shape or not numbers):
        raise ConfigError(f"numbers of shape {shape} as variable {key}")
    return values
