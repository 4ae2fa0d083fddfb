"""A scan: its arrays, table, JSON document and summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cevns_jax.inference.levels import name_of
from cevns_jax.results import told
from cevns_jax.results.notes import Variables
from cevns_jax.results.provenance import about
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary, number

if TYPE_CHECKING:
    from cevns_jax.inference.scan import Scan

# Delta chi^2 in place of an infinite one, of which contours cannot be interpolated: so far above
# all levels that they run next to the last point that is not excluded.
FAR_ABOVE = 1e12


def scan_result(
    scan: Scan, levels: Sequence[float], analysis: Mapping[str, Any] | None = None
) -> Result:
    """The result of a scan.

    Args:
        scan: The scan.
        levels: Delta chi^2 of the contours, or of the ranges if there is one parameter.
        analysis: What the caller knows of its origin: config, overrides, data set.
    """
    from cevns_jax.inference.edges import scan_remarks

    likelihood, axes = scan.likelihood, tuple(scan.grids)
    highest = max(levels, default=0.0)
    limits = told.limits_of(levels, scan.intervals(levels)) if len(axes) == 1 else []
    return Result(
        kind="scan",
        attributes={
            "parameters": list(axes),
            "levels": list(levels),
            "best": {"parameters": scan.best.values, "chi2": scan.best.chi2},
            "limits": limits,
            "n_valleys": int(scan.valleys.max()),
            "points": told.points_of(scan, highest),
            "remarks": scan_remarks(scan, levels),
            "converged": not scan.affecting(highest).any(),
            **about(likelihood, analysis, dict.fromkeys(axes, "scanned")),
        },
        variables={name: ((name,), grid) for name, grid in scan.grids.items()}
        | {
            "chi2": (axes, scan.chi2),
            "delta_chi2": (axes, scan.delta_chi2),
            "point_converged": (axes, scan.converged),
            "point_excluded": (axes, scan.excluded),
            "point_valleys": (axes, scan.valleys),
            "edm": (axes, scan.edm),
            "minimised": (("minimised",), np.array(scan.names, dtype=str)),
            "minimum": ((*axes, "minimised"), scan.x),
        }
        | _bands(scan),
    )


def _bands(scan: Scan) -> Variables:
    """Values and chi^2 between the points of the grid, if the scan has any."""
    if scan.between is None or not scan.between.values.size:
        return {}
    axes = (next(iter(scan.grids)), "band_point")
    return {"band_value": (axes, scan.between.values), "band_chi2": (axes, scan.between.chi2)}


class Surface(NamedTuple):
    """Delta chi^2 of a scan of two parameters, from which its contours are drawn.

    Attributes:
        grids: Values of both parameters, shape (P,) and (Q,).
        delta: Delta chi^2, shape (P, Q): NaN where the minimisation did not converge, and
            ``FAR_ABOVE`` where it is infinite.
        between: Values of the second parameter between those of its grid, and Delta chi^2 there,
            shape (P, K) each, as :func:`cevns_jax.inference.regions.contours` takes them.
    """

    grids: tuple[np.ndarray, np.ndarray]
    delta: np.ndarray
    between: tuple[np.ndarray, np.ndarray] | None


def surface(result: Result) -> Surface:
    """Delta chi^2 of a scan of two parameters, on its grid and between its points."""
    x, y = (result.variables[p][1] for p in result.attributes["parameters"])
    good = result.variables["point_converged"][1].astype(bool)
    excluded = result.variables["point_excluded"][1].astype(bool)
    delta = np.where(excluded, FAR_ABOVE, result.variables["delta_chi2"][1])
    between = None
    if "band_value" in result.variables:
        value, chi2 = (result.variables[name][1] for name in ("band_value", "band_chi2"))
        between = value, chi2 - result.attributes["best"]["chi2"]
    return Surface((x, y), np.where(good, delta, np.nan), between)


def scan_table(result: Result) -> str:
    """CSV of a scan: the contours if it has two parameters, else the points."""
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
    plane = surface(result)
    rows = [",".join(["delta_chi2", "line", *axes])]
    for level in result.attributes["levels"]:
        lines = contours(plane.grids, plane.delta, level, plane.between)
        for number_, line in enumerate(lines, start=1):
            rows += [f"{level:g},{number_},{a:.10g},{b:.10g}" for a, b in line]
    return "\n".join(rows) + "\n"


def scan_document(result: Result) -> dict[str, Any]:
    """The JSON document of a scan."""
    a = result.attributes
    one = {"limits": a["limits"]} if len(a["parameters"]) == 1 else {}
    return {
        **{key: a[key] for key in ("parameters", "best", "levels", "held", "experiments")},
        **one,
        "n_bins": a["n_bins"],
        **a["points"],
        **{key: a[key] for key in ("n_valleys", "remarks")},
        **{key: a[key] for key in ("converged", "conventions", "provenance")},
    }


def scan_summary(result: Result) -> Summary:
    """Summary of a scan: the best point, the values of held parameters, and ranges or regions with
    their confidence levels."""
    a = result.attributes
    axes, best = a["parameters"], a["best"]
    grids = [result.variables[name][1] for name in axes]
    units = [f" {a['units'][name]}" if a["units"].get(name) else "" for name in axes]
    over = [
        [name, f"{number(g[0], 4)} to {number(g[-1], 4)}{unit}, {len(g)} points"]
        for name, g, unit in zip(axes, grids, units, strict=True)
    ]
    lowest = f"chi^2 = {number(best['chi2'], 6)} ({a['n_bins']} bins) at "
    lowest += told.at(a, {name: best["parameters"][name] for name in axes})
    if len(axes) == 1:
        found = told.limit_block(a, axes[0])
    else:
        found = Block(title="regions", rows=[*_regions(result)])
    points = a["points"]
    done = points["n_points"] - points["n_not_converged"]
    return Summary(
        title=f"Scan of {' and '.join(axes)}: {told.title_of(a)}",
        blocks=[
            Block(
                rows=[
                    ["lowest", lowest],
                    *over,
                    *(told.published_limits(a, axes[0], a["levels"]) if len(axes) == 1 else []),
                    *told.context(a),
                    *told.choices(a),
                ]
            ),
            found,
            told.warnings(told.point_sentences(a)),
            Block(rows=[["points", f"{done} of {points['n_points']} converged"]]),
            told.conventions_block(a["conventions"]),
        ],
    )


def _regions(result: Result) -> list[list[str]]:
    """A row for each level with the number of points of the grid inside its region."""
    a, v = result.attributes, result.variables
    good = v["point_converged"][1].astype(bool)
    delta, axes = v["delta_chi2"][1], len(a["parameters"])
    rows = []
    for level in a["levels"]:
        inside = int(np.sum(good & (delta < level)))
        text = f"{inside} of {delta.size} points of the grid inside"
        name = f"{name_of(level, axes)} CL, {axes} parameters"
        rows.append([name, text, f"Delta chi^2 < {number(level, 4)}"])
    return rows
