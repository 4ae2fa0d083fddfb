"""What results look like in JSON, in text and as a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cevns_jax.results import Result, Variables, surface


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
                *("edm", "gradient_norm", "steps", "ends", "valleys"),
            )
        },
        "n_valleys": len(a["valleys"]),
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
        cells = [f"{x:>10.4f}" if math.isfinite(x) else f"{'none':>10}" for x in row]
        lines.append(f"{name:<38}" + "".join(cells))
    lines += [
        "",
        f"chi2 / dof   {a['chi2']:.2f} / {a['degrees_of_freedom']} ({a['n_bins']} bins), "
        f"p = {a['p_value']:.2f}",
        f"converged    {'yes' if a['converged'] else 'NO'}: {a['message']}",
    ]
    for name, group in result.groups.items():
        lines += prediction_text(f"{name}, at the best fit", group, data_set(a["provenance"]))
    return "\n".join([*lines, conventions_text(a["conventions"])])


def data_set(provenance: dict[str, Any]) -> str:
    """What the counts are: empty for measured ones, else words for the pseudo-data."""
    seed = provenance.get("seed")
    toy = "toy data" if seed is None else f"toy data, seed {seed}"
    words = {"asimov": "Asimov data", "toy": toy, "toy_fixed_pulls": f"{toy}, pulls at their start"}
    return words.get(str(provenance.get("data_set")), "")


def titled(title: str, provenance: dict[str, Any]) -> str:
    """The title of a result, with what its data are unless they are measured."""
    kind = data_set(provenance)
    return f"{title} ({kind})" if kind else title


def prediction_text(name: str, group: Variables, kind: str = "") -> list[str]:
    """Lines with the counts of one experiment; kind: what they are, as of :func:`data_set`."""
    found = prediction(group)
    counts = f"{found['observed']:g} {f'in {kind}' if kind else 'observed'}"
    lines = ["", f"{name}: {counts if math.isfinite(found['observed']) else 'no data'}"]
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
        "point_excluded": v["point_excluded"][1].tolist(),
        **a["points"],
        **{key: a[key] for key in ("n_valleys", "remarks")},
        "seconds": seconds,
        **{key: a[key] for key in ("converged", "conventions", "provenance")},
    }


def profile_text(title: str, summary: dict[str, Any]) -> str:
    """A profile for people, from its document."""
    best = summary["best"]["parameters"][summary["parameter"]]["value"]
    lines = [title, "", f"{summary['parameter']} = {best:.4f} at the best fit"]
    lines += _limit_lines(summary["parameter"], summary["limits"])
    return "\n".join([*lines, *_point_lines(summary)])


def _limit_lines(name: str, limits: list[dict[str, Any]]) -> list[str]:
    """One line for each level."""
    lines = []
    for limit in limits:
        pairs = zip(limit["allowed"], limit["ends"], strict=True)
        ranges = ", ".join(range_text(name, *ends, *kinds) for ends, kinds in pairs)
        lines.append(f"  Delta chi2 < {limit['delta_chi2']:<5g} {ranges or 'nowhere on the grid'}")
    return lines


def range_text(name: str, low: float, high: float, at_low: str, at_high: str) -> str:
    """A range in words: as an interval only where chi^2 crosses the level at both its ends.

    Args:
        name: The parameter.
        low, high: Ends of the range.
        at_low, at_high: ``"crossing"``, ``"grid"`` or ``"domain"``.
    """
    if at_low == at_high == "crossing":
        return f"{name} = [{low:.4g}, {high:.4g}]"
    if at_high == "crossing":
        return f"{name} < {high:.4g} (down to the end of the {at_low}, {low:.4g})"
    if at_low == "crossing":
        return f"{name} > {low:.4g} (up to the end of the {at_high}, {high:.4g})"
    return (
        f"{name} from {low:.4g} to {high:.4g}, the whole {at_low if at_low == at_high else 'grid'}"
    )


def _point_lines(summary: dict[str, Any]) -> list[str]:
    """What is to be known about the points of a grid."""
    lines = list(summary["remarks"])
    failed, affecting = summary["n_not_converged"], summary["n_affecting"]
    if failed and not affecting:
        lines.append(
            f"points without convergence: {failed}, all above Delta chi2 = "
            f"{summary['not_converged_above']:.4g} like all their neighbours: no range or contour "
            "depends on them"
        )
    elif failed:
        lines.append(
            f"points without convergence: {failed}; ranges or contours depend on {affecting}"
        )
    if excluded := summary["n_excluded"]:
        lines.append(
            f"points excluded, as chi2 is infinite whatever the other parameters: {excluded}"
        )
    if summary["n_valleys"] > 1:
        lines.append(
            f"up to {summary['n_valleys']} valleys of chi2 at a point, the lowest is taken"
        )
    done = summary["n_points"] - failed
    return [*lines, f"{done} of {summary['n_points']} points converged, {summary['seconds']:.2f} s"]


def scan_table(result: Result) -> str:
    """CSV of a scan: of one parameter its points, of two its contours, else its points."""
    v, axes = result.variables, result.attributes["parameters"]
    if len(axes) == 2:
        return _contour_table(result)
    names = [str(name) for name in v["minimised"][1]]
    rows = [",".join([*axes, "delta_chi2", "chi2", "point_converged", *names])]
    grids = np.meshgrid(*(v[name][1] for name in axes), indexing="ij")
    columns = [*grids, *(v[name][1] for name in ("delta_chi2", "chi2", "point_converged"))]
    minima = v["minimum"][1].reshape(columns[0].size, len(names))
    for row, minimum in zip(zip(*map(np.ravel, columns), strict=True), minima, strict=True):
        rows.append(",".join(f"{float(x):.10g}" for x in (*row, *minimum)))
    return "\n".join(rows) + "\n"


def _contour_table(result: Result) -> str:
    """CSV: level, number of the line, and its points."""
    from cevns_jax.inference.regions import contours

    axes = result.attributes["parameters"]
    x, y, delta = surface(result)
    rows = [",".join(["delta_chi2", "line", *axes])]
    for level in result.attributes["levels"]:
        for number, line in enumerate(contours((x, y), delta, level), start=1):
            rows += [f"{level:g},{number},{a:.10g},{b:.10g}" for a, b in line]
    return "\n".join(rows) + "\n"


def scan_document(result: Result, seconds: float) -> dict[str, Any]:
    """The JSON document of a scan that took a time."""
    a = result.attributes
    one = {"limits": a["limits"]} if len(a["parameters"]) == 1 else {}
    return {
        **{key: a[key] for key in ("parameters", "best", "levels", "experiments", "n_bins")},
        **one,
        **a["points"],
        **{key: a[key] for key in ("n_valleys", "remarks")},
        "seconds": seconds,
        **{key: a[key] for key in ("converged", "conventions", "provenance")},
    }


def scan_text(title: str, summary: dict[str, Any]) -> str:
    """A scan for people, from its document."""
    best = summary["best"]
    lines = [title, "", f"lowest chi2 {best['chi2']:.2f} ({summary['n_bins']} bins) at"]
    lines += [f"  {name} = {best['parameters'][name]:.4g}" for name in summary["parameters"]]
    for name in summary["parameters"] if "limits" in summary else ():
        lines += _limit_lines(name, summary["limits"])
    return "\n".join([*lines, *_point_lines(summary)])
