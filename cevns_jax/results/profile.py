"""A profile: its arrays, table, JSON document and summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.results import told
from cevns_jax.results.provenance import about
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary, with_errors

if TYPE_CHECKING:
    from cevns_jax.inference.profile import Profile


def profile_result(
    profile: Profile, levels: Sequence[float], analysis: Mapping[str, Any] | None = None
) -> Result:
    """The result of a profile.

    Args:
        profile: The profile.
        levels: Delta chi^2 of the ranges.
        analysis: What the caller knows of its origin: config, overrides, data set.
    """
    from cevns_jax.inference.edges import profile_remarks

    likelihood, name = profile.best.likelihood, profile.parameter
    highest = max(levels, default=0.0)
    return Result(
        kind="profile",
        attributes={
            "parameter": name,
            "best": {
                "parameters": profile.best.parameters,
                "chi2": profile.best.chi2,
                "converged": profile.best.converged,
                "message": profile.best.message,
            },
            "limits": told.limits_of(levels, profile.intervals(levels)),
            "n_valleys": int(profile.valleys.max()),
            "points": told.points_of(profile, highest),
            "remarks": profile_remarks(profile),
            "converged": profile.best.converged and not profile.affecting(highest).any(),
            **about(likelihood, analysis, {name: "profiled"}),
        },
        variables={
            name: ((name,), profile.grid),
            "chi2": ((name,), profile.chi2),
            "delta_chi2": ((name,), profile.delta_chi2),
            "point_converged": ((name,), profile.converged),
            "point_excluded": ((name,), profile.excluded),
            "point_valleys": ((name,), profile.valleys),
            "edm": ((name,), profile.edm),
            "minimised": (("minimised",), np.array(profile.names, dtype=str)),
            "minimum": ((name, "minimised"), profile.x),
        },
    )


def profile_table(result: Result) -> str:
    """CSV: the profiled parameter, Delta chi^2, chi^2, whether the point converged, and the
    minimised parameters."""
    v, name = result.variables, result.attributes["parameter"]
    names = [str(other) for other in v["minimised"][1]]
    rows = [",".join([name, "delta_chi2", "chi2", "point_converged", *names])]
    columns = (v[name][1], v["delta_chi2"][1], v["chi2"][1], v["point_converged"][1])
    for *numbers, flag, minimised in zip(*columns, v["minimum"][1], strict=True):
        values = [f"{x:.10g}" for x in (*numbers,)] + [str(int(flag))]
        rows.append(",".join([*values, *(f"{x:.10g}" for x in minimised)]))
    return "\n".join(rows) + "\n"


def profile_document(result: Result) -> dict[str, Any]:
    """The JSON document of a profile."""
    v, a = result.variables, result.attributes
    flags = v["point_converged"][1]
    return {
        **{key: a[key] for key in ("parameter", "best", "limits", "held", "experiments", "n_bins")},
        "grid": v[a["parameter"]][1].tolist(),
        "delta_chi2": v["delta_chi2"][1].tolist(),
        "point_converged": flags.tolist(),
        "point_excluded": v["point_excluded"][1].tolist(),
        **a["points"],
        **{key: a[key] for key in ("n_valleys", "remarks")},
        **{key: a[key] for key in ("converged", "conventions", "provenance")},
    }


def profile_summary(result: Result) -> Summary:
    """Summary of a profile: the best fit, published values, and the ranges at each confidence
    level."""
    a = result.attributes
    name = a["parameter"]
    best = a["best"]["parameters"][name]
    unit = a["units"].get(name, "")
    value = with_errors(best["value"], best["error_low"], best["error_high"])
    fitted = f"{told.written(a, name)} = {value}" + (f" {unit}" if unit else "")
    notes = told.point_sentences(a)
    if not a["best"]["converged"]:
        notes.insert(0, f"the best fit is {a['best']['message']}")
    done = a["points"]["n_points"] - a["points"]["n_not_converged"]
    return Summary(
        title=f"Profile of {name}: {told.title_of(a)}",
        blocks=[
            Block(
                rows=[
                    ["best fit", fitted],
                    *told.published_rows(a, name),
                    *told.context(a),
                    *told.choices(a),
                ]
            ),
            told.limit_block(a, name),
            told.warnings(notes),
            Block(rows=[["points", f"{done} of {a['points']['n_points']} converged"]]),
            told.conventions_block(a["conventions"]),
        ],
    )
