"""What results look like in JSON, in text and as a table."""

from __future__ import annotations

import math
from typing import Any

from cevns_jax.results import Result, Variables


def plain(value: Any) -> Any:
    """The value with null in place of numbers that are not finite, which JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def prediction(group: Variables) -> dict[str, Any]:
    """Observed and expected counts of one experiment, in total and per bin."""
    axes, observed = group["observed"]
    expected = group["expected"][1]
    components = [str(name) for name in group["component"][1]]
    return {
        "observed": float(observed.sum()),
        "components": {n: float(c.sum()) for n, c in zip(components, expected, strict=True)},
        "bins": {
            "edges": {axis: group[f"{axis}_edges"][1].tolist() for axis in axes},
            "observed": observed.tolist(),
            "components": {n: c.tolist() for n, c in zip(components, expected, strict=True)},
        },
    }


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
                *("edm", "gradient_norm", "steps", "ends"),
            )
        },
        "experiments": list(result.groups),
        "fitted": {name: prediction(group) for name, group in result.groups.items()},
        "conventions": a["conventions"],
        "provenance": a["provenance"],
    }


def fit_text(title: str, result: Result) -> str:
    """A fit for people."""
    v, a = result.variables, result.attributes
    lines = [title, "", f"{'parameter':<38}{'value':>10}{'error':>10}{'down':>10}{'up':>10}"]
    for i, name in enumerate(v["parameter"][1]):
        row = [float(v[c][1][i]) for c in ("value", "error", "error_low", "error_high")]
        lines.append(f"{name:<38}" + "".join(f"{x:>10.4f}" for x in row))
    lines += [
        "",
        f"chi2 / dof   {a['chi2']:.2f} / {a['degrees_of_freedom']} ({a['n_bins']} bins), "
        f"p = {a['p_value']:.2f}",
        f"converged    {'yes' if a['converged'] else 'NO'}: {a['message']}",
    ]
    for name, group in result.groups.items():
        lines += prediction_text(f"{name}, at the best fit", group)
    return "\n".join([*lines, conventions_text(a["conventions"])])


def prediction_text(name: str, group: Variables) -> list[str]:
    """Lines with the counts of one experiment."""
    found = prediction(group)
    known = math.isfinite(found["observed"])
    lines = ["", f"{name}: {found['observed']:g} observed" if known else f"{name}: no data"]
    lines += [f"  {component:<14}{n:>10.1f}" for component, n in found["components"].items()]
    return [*lines, f"  {'sum':<14}{sum(found['components'].values()):>10.1f}"]


def conventions_text(chosen: dict[str, Any], indent: str = "  ") -> str:
    """The choices that change numbers, one a line."""
    lines = ["", "conventions"] if indent == "  " else []
    for key, value in chosen.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}", conventions_text(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {value}")
    return "\n".join(lines)


def profile_table(result: Result) -> str:
    """CSV: the profiled parameter, chi^2, flag, and the minimised parameters."""
    v = result.variables
    names = [str(name) for name in v["minimised"][1]]
    rows = [
        ",".join([result.attributes["parameter"], "delta_chi2", "chi2", "point_converged", *names])
    ]
    columns = (v["grid"][1], v["delta_chi2"][1], v["chi2"][1], v["point_converged"][1])
    for *numbers, flag, minimised in zip(*columns, v["minimum"][1], strict=True):
        values = [f"{x:.10g}" for x in (*numbers,)] + [str(int(flag))]
        rows.append(",".join([*values, *(f"{x:.10g}" for x in minimised)]))
    return "\n".join(rows) + "\n"


def profile_document(result: Result, seconds: float) -> dict[str, Any]:
    """The JSON document of a profile that took a time."""
    v, a = result.variables, result.attributes
    flags = v["point_converged"][1]
    return {
        **{key: a[key] for key in ("parameter", "best", "limits", "experiments", "n_bins")},
        "grid": v["grid"][1].tolist(),
        "delta_chi2": v["delta_chi2"][1].tolist(),
        "point_converged": flags.tolist(),
        "n_points": len(flags),
        "n_not_converged": int((~flags).sum()),
        "seconds": seconds,
        **{key: a[key] for key in ("converged", "conventions", "provenance")},
    }


def profile_text(title: str, summary: dict[str, Any]) -> str:
    """A profile for people, from its document."""
    best = summary["best"]["parameters"][summary["parameter"]]["value"]
    lines = [title, "", f"{summary['parameter']} = {best:.4f} at the best fit"]
    for limit in summary["limits"]:
        ranges = ", ".join(f"[{low:.4f}, {high:.4f}]" for low, high in limit["allowed"])
        lines.append(f"  Delta chi2 < {limit['delta_chi2']:<5g} {ranges or 'nowhere on the grid'}")
    done = summary["n_points"] - summary["n_not_converged"]
    lines.append(f"{done} of {summary['n_points']} points converged, {summary['seconds']:.2f} s")
    return "\n".join(lines)
