"""Limits: their arrays, table, JSON document and summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.levels import per_cent
from cevns_jax.results import told
from cevns_jax.results.provenance import about
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary, number

if TYPE_CHECKING:
    from cevns_jax.inference.limit import Limit

ROWS_SHOWN = 13  # held values of a short summary


def limit_result(limit: Limit, analysis: Mapping[str, Any] | None = None) -> Result:
    """Everything a limit found.

    Args:
        limit: The limit.
        analysis: What the caller knows: config, overrides, data set.
    """
    axes = tuple(limit.held)
    grids = {name: np.unique(values) for name, values in limit.held.items()}
    shape = tuple(len(grid) for grid in grids.values())
    most = max(1, *(len(found) for found in limit.intervals))
    low, high = (np.full((len(limit.intervals), most), np.nan) for _ in range(2))
    kinds = np.full((len(limit.intervals), most, 2), "", dtype="U8")
    for h, found in enumerate(limit.intervals):
        for i, interval in enumerate(found):
            low[h, i], high[h, i], kinds[h, i] = interval.low, interval.high, interval.ends
    of = (*axes, "range")
    return Result(
        kind="limit",
        attributes={
            "parameter": limit.parameter,
            "axes": list(axes),
            "confidence_level": limit.confidence_level,
            "delta_chi2": limit.delta_chi2,
            "searched": list(limit.searched),
            "converged": bool(limit.converged.all()),
            **about(limit.likelihood, analysis, (*axes, limit.parameter)),
        },
        variables={name: ((name,), grid) for name, grid in grids.items()}
        | {
            "range": (("range",), np.arange(1, most + 1)),
            "limit_low": (of, low.reshape(*shape, most)),
            "limit_high": (of, high.reshape(*shape, most)),
            "end_low": (of, kinds[..., 0].reshape(*shape, most)),
            "end_high": (of, kinds[..., 1].reshape(*shape, most)),
            "best": (axes, limit.best.reshape(shape)),
            "chi2": (axes, limit.chi2.reshape(shape)),
            "point_converged": (axes, limit.converged.reshape(shape)),
        },
    )


def limit_rows(result: Result) -> list[dict[str, Any]]:
    """The limits at each held point, as documents have them: an end where Delta chi^2 does not
    reach the level is null, unless it is zero and the domain of the parameter begins there."""
    v, a = result.variables, result.attributes
    axes = a["axes"]
    grids = np.meshgrid(*(v[name][1] for name in axes), indexing="ij")
    size = v["point_converged"][1].size
    low, high, at_low, at_high = (
        v[name][1].reshape(size, -1) for name in ("limit_low", "limit_high", "end_low", "end_high")
    )
    rows = []
    for h in range(size):
        number_ = int(np.sum(at_low[h] != ""))
        kinds = [[str(at_low[h, i]), str(at_high[h, i])] for i in range(number_)]
        ends = [[float(low[h, i]), float(high[h, i])] for i in range(number_)]
        rows.append(
            {
                "held": {n: float(g.ravel()[h]) for n, g in zip(axes, grids, strict=True)},
                "parameter": a["parameter"],
                "confidence_level": a["confidence_level"],
                "delta_chi2": a["delta_chi2"],
                "allowed": [
                    [e if _is_end(e, k) else None for e, k in zip(*pair, strict=True)]
                    for pair in zip(ends, kinds, strict=True)
                ],
                "ends": kinds,
                "best": float(v["best"][1].ravel()[h]),
                "chi2": float(v["chi2"][1].ravel()[h]),
                "converged": bool(v["point_converged"][1].ravel()[h]),
            }
        )
    return rows


def _is_end(value: float, kind: str) -> bool:
    return kind == "crossing" or (kind == "domain" and value == 0)


def limit_document(result: Result) -> dict[str, Any]:
    """The JSON document of limits."""
    a = result.attributes
    return {
        "limits": limit_rows(result),
        **{
            key: a[key]
            for key in ("parameter", "confidence_level", "delta_chi2", "searched", "held")
        },
        **{key: a[key] for key in ("experiments", "n_bins", "converged")},
        **{key: a[key] for key in ("conventions", "provenance")},
    }


def limit_table(result: Result) -> str:
    """CSV: a row for each allowed range at each held point, or one with range 0 where there is
    none; an empty end is not reached."""
    a = result.attributes
    rows = [",".join([*a["axes"], "range", "low", "high", "end_low", "end_high", "converged"])]
    for row in limit_rows(result):
        held = [f"{value:.10g}" for value in row["held"].values()]
        found = [*zip(row["allowed"], row["ends"], strict=True)]
        first = 1 if found else 0
        for i, (ends, kinds) in enumerate(found or [([None, None], ["", ""])], start=first):
            texts = ["" if end is None else f"{end:.10g}" for end in ends]
            rows.append(",".join([*held, str(i), *texts, *kinds, str(int(row["converged"]))]))
    return "\n".join(rows) + "\n"


def limit_summary(result: Result) -> Summary:
    """Limits for people: a sentence for one held point, a table for many."""
    a, rows = result.attributes, limit_rows(result)
    name, axes = a["parameter"], a["axes"]
    level = f"{per_cent(a['confidence_level'])} CL"
    below = f"Delta chi^2 < {number(a['delta_chi2'])}"
    failed = [row for row in rows if not row["converged"]]
    notes = []
    if failed:
        first = told.at(a, failed[0]["held"])
        notes.append(
            f"the ranges at {len(failed)} of {len(rows)} points depend on minimisations that did "
            f"not converge" + (f" (first: {first})" if first else "")
        )
    if len(rows) == 1:
        held = told.at(a, rows[0]["held"] | a["held"])
        inside = "; ".join([", ".join(p for p in (level, held) if p), told.data_of(a), below])
        found = Block(rows=[[f"{ranges_text(a, rows[0])} ({inside})"]])
    else:
        units = [f" [{a['units'][n]}]" if a["units"].get(n) else "" for n in axes]
        found = Block(
            title=f"{told.written(a, name)} at {level}, {below}",
            columns=(*(f"{n}{u}" for n, u in zip(axes, units, strict=True)), "allowed"),
            rows=[
                [*(number(x, 4) for x in row["held"].values()), ranges_text(a, row)]
                for row in _some(rows)
            ],
        )
    shown = _some(rows)
    more = [] if len(shown) == len(rows) else [f"{len(shown)} of {len(rows)} values are shown"]
    every = Block(
        title="all values",
        columns=(*axes, "allowed"),
        rows=[[*(number(x, 6) for x in row["held"].values()), ranges_text(a, row)] for row in rows],
        detail=True,
    )
    return Summary(
        title=f"Limit on {name}: {told.title_of(a)}",
        blocks=[
            found,
            told.warnings([*notes, *more]),
            Block(rows=[*_best(a, rows), *told.context(a), *told.choices(a)]),
            *([every] if more else []),
            told.conventions_block(a["conventions"]),
        ],
    )


def ranges_text(attributes: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """All allowed ranges at one held point in words."""
    name = told.written(attributes, attributes["parameter"])
    unit = attributes["units"].get(attributes["parameter"], "")
    if not row["allowed"]:
        return "nowhere: counts are impossible" if row["converged"] else "not known"
    found = zip(row["allowed"], row["ends"], strict=True)
    return "; or ".join(_range(name, ends, kinds, unit) for ends, kinds in found)


def _range(name: str, ends: list[float | None], kinds: list[str], unit: str) -> str:
    low, high = ends
    of = {"domain": "its domain", "search": "the range searched"}
    unit = f" {unit}" if unit else ""
    if high is None:
        if low is None or low == 0:
            to = f"to the end of {of[kinds[1]]}"
            return f"{name} not limited (Delta chi^2 stays below the level {to})"
        return f"{name} > {number(low, 3)}{unit} (no upper end in {of[kinds[1]]})"
    if low is None and kinds[0] == "search":
        return f"{name} < {number(high, 3)}{unit} (no lower end in {of['search']})"
    if low is None or low == 0:
        return f"{name} < {number(high, 3)}{unit}"
    low_text, high_text = number(low, 3), number(high, 3)
    if low_text == high_text:
        low_text, high_text = number(low, 6), number(high, 6)
    return f"{low_text} < {name} < {high_text}{unit}"


def _some(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a short summary, the first and the last among them."""
    if len(rows) <= ROWS_SHOWN:
        return rows
    places = np.unique(np.linspace(0, len(rows) - 1, ROWS_SHOWN).round().astype(int))
    return [rows[i] for i in places]


def _best(attributes: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[list[str]]:
    """The lowest chi^2 of all held points, and where it is."""
    finite = [row for row in rows if np.isfinite(row["chi2"])]
    if not finite:
        return []
    row = min(finite, key=lambda row: row["chi2"])
    where = told.at(attributes, {attributes["parameter"]: row["best"]} | row["held"])
    return [
        ["lowest", f"chi^2 = {number(row['chi2'], 6)} ({attributes['n_bins']} bins) at {where}"]
    ]
