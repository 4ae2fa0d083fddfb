"""A fit: its arrays, its JSON document and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.priors import width_of
from cevns_jax.results import told
from cevns_jax.results.prediction import events_blocks, expected_groups, prediction
from cevns_jax.results.provenance import about
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary, number, rounded, with_errors

if TYPE_CHECKING:
    from cevns_jax.inference.fit import Fit

PARAMETERS_SHOWN = 12  # rows of a short summary
IMPACTS_SHOWN = 4


def fit_result(fit: Fit, analysis: Mapping[str, Any] | None = None) -> Result:
    """The result of a fit, with the expected counts at the best fit in its groups.

    Args:
        fit: The fit.
        analysis: What the caller knows of its origin: config, overrides, data set.
    """
    names, declared = np.array(fit.names), [fit.likelihood.parameters[n] for n in fit.names]
    physics = list(fit.impacts)
    shifts = [fit.impacts[name] for name in physics]
    return Result(
        kind="fit",
        attributes={
            "chi2": fit.chi2,
            "degrees_of_freedom": fit.degrees_of_freedom,
            "p_value": fit.p_value,
            "converged": fit.converged,
            "message": fit.message,
            "edm": fit.edm,
            "gradient_norm": fit.gradient_norm,
            "steps": fit.steps,
            "ends": [{"chi2": chi2, "converged": done} for chi2, done in fit.ends],
            "valleys": [
                {"chi2": chi2, "parameters": dict(zip(fit.names, map(float, x), strict=True))}
                for x, chi2 in fit.valleys
            ],
            **about(fit.likelihood, analysis),
        },
        variables={
            "parameter": (("parameter",), names),
            "parameter_2": (("parameter_2",), names),
            "unit": (("parameter",), np.array([p.unit for p in declared])),
            "prior_mean": (("parameter",), np.array([float(p.prior.mean) for p in declared])),
            "prior_width": (("parameter",), np.array([width_of(p.prior) for p in declared])),
            "value": (("parameter",), fit.x),
            "error": (("parameter",), fit.errors),
            "error_low": (("parameter",), fit.error_low),
            "error_high": (("parameter",), fit.error_high),
            "correlation": (("parameter", "parameter_2"), fit.correlation),
            "physics": (("physics",), np.array(physics, dtype=names.dtype)),
            "side": (("side",), np.array(["low", "high"])),
            "impact": (
                ("physics", "parameter", "side"),
                np.stack(shifts) if physics else np.zeros((0, len(names), 2)),
            ),
        },
        groups=expected_groups(fit.likelihood, fit.likelihood.values(fit.x)),
    )


def fit_document(result: Result) -> dict[str, Any]:
    """The JSON document of a fit."""
    v, a = result.variables, result.attributes
    names = [str(name) for name in v["parameter"][1]]
    columns = ("value", "error", "error_low", "error_high")
    return {
        "parameters": {
            name: {column: float(v[column][1][i]) for column in columns}
            for i, name in enumerate(names)
        },
        "correlation": {
            name: dict(zip(names, map(float, row), strict=True))
            for name, row in zip(names, v["correlation"][1], strict=True)
        },
        "impacts": {
            str(name): {n: list(map(float, sides)) for n, sides in zip(names, rows, strict=True)}
            for name, rows in zip(v["physics"][1], v["impact"][1], strict=True)
        },
        **{
            key: a[key]
            for key in (
                *("chi2", "n_bins", "degrees_of_freedom", "p_value", "converged", "message"),
                *("edm", "gradient_norm", "steps", "ends", "valleys", "held"),
            )
        },
        "n_valleys": len(a["valleys"]),
        "experiments": list(result.groups),
        "fitted": {name: prediction(group) for name, group in result.groups.items()},
        "conventions": a["conventions"],
        "provenance": a["provenance"],
    }


def fit_summary(result: Result) -> Summary:
    """Summary of a fit: the physics parameters first, beside published values; then all parameters,
    the largest impacts, the quality of the fit, and the events."""
    v, a = result.variables, result.attributes
    names = [str(name) for name in v["parameter"][1]]
    physics = [str(name) for name in v["physics"][1]]
    values = {c: v[c][1].astype(float) for c in ("value", "error", "error_low", "error_high")}
    width = v["prior_width"][1] if "prior_width" in v else np.ones(len(names))
    rows, found = [], []
    for name in sorted(names, key=lambda n: n not in physics):
        value, error, low, high = (float(column[names.index(name)]) for column in values.values())
        pull = name not in physics and float(width[names.index(name)]) == 1
        unit = a["units"].get(name, "") or ("pull" if pull else "")
        rows.append([name, *rounded(value, error, low, high), unit])
        if name in physics:
            text = f"{told.written(a, name)} = {with_errors(value, low, high)}"
            found.append([f"{text} {a['units'].get(name, '')}".rstrip(), "68.3 % CL"])
            found += told.published_rows(a, name)
    quality = (
        f"{number(a['chi2'], 5)} for {a['degrees_of_freedom']} degrees of freedom "
        f"({a['n_bins']} bins), p = {number(a['p_value'], 2)}"
    )
    notes = [] if a["converged"] else ["NOT CONVERGED: no number below is to be trusted"]
    notes += told.notes(a, result.groups)
    return Summary(
        title=f"Best fit: {told.title_of(a)}",
        blocks=[
            told.warnings(notes),
            Block(rows=found),
            Block(rows=[*told.context(a), *told.choices(a)]),
            Block(
                title="parameters",
                columns=("name", "value", "error", "down", "up", "unit"),
                rows=rows,
                most=PARAMETERS_SHOWN,
            ),
            *(_impacts(result, names, name) for name in physics),
            Block(
                rows=[
                    ["chi^2", quality],
                    ["converged", f"{'yes' if a['converged'] else 'NO'}: {a['message']}"],
                ]
            ),
            *events_blocks(result, "at the best fit"),
            told.conventions_block(a["conventions"]),
        ],
    )


def _impacts(result: Result, names: list[str], physics: str) -> Block:
    """The parameters that shift a physics parameter most when they move to their lower and upper
    errors."""
    v = result.variables
    row = [str(n) for n in v["physics"][1]].index(physics)
    shifts = {n: v["impact"][1][row, i] for i, n in enumerate(names) if n != physics}
    largest = sorted(shifts, key=lambda n: -float(np.nanmax(np.abs(shifts[n]), initial=0.0)))
    return Block(
        title=f"largest impacts on {physics}, of each parameter at its lower and upper error",
        rows=[
            [n, *(f"{s:+.2g}" if np.isfinite(s) else "none" for s in shifts[n])] for n in largest
        ],
        columns=("name", "down", "up"),
        most=IMPACTS_SHOWN,
    )
