"""Limits: their arrays, table, JSON document and summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.levels import per_cent
from cevns_jax.results import told
from cevns_jax.results.provenance import about
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary, alike, number

if TYPE_CHECKING:
    from cevns_jax.inference.limit import Limit

ROWS_SHOWN = 13  # held values of a short summary


def limit_result(limit: Limit, analysis: Mapping[str, Any] | None = None) -> Result:
    """The result of a limit. Ranges are padded with NaN to the largest number at any held point.

    Args:
        limit: The limit.
        analysis: What the caller knows of its origin: config, overrides, data set.
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
            **about(
                *(limit.likelihood, analysis),
                dict.fromkeys(axes, "held at the values given") | {limit.parameter: "limited"},
            ),
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
    """The limits at each held point, in the form of the document.

    An end at which Delta chi^2 does not reach the level is ``None``, unless it is zero and the
    domain of the parameter ends there.
    """
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
    """Whether an end of a range is one that is reported. Zero counts: for a coupling that cannot be
    negative it is the true lower end, while the end of a search is only where it stopped."""
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
    """CSV: a row for each allowed range at each held point, or a row with range 0 if there is none.
    The field of an end is empty where Delta chi^2 does not reach the level."""
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
    """Summary of limits: a sentence for one held point, a table for several."""
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
    texts = ranges_texts(a, rows)
    if len(rows) == 1:
        held = told.at(a, rows[0]["held"] | a["held"])
        free = [f"{told.written(a, n)} free" for n in a.get("free", ())]
        inside = [", ".join(p for p in (level, held, *free) if p), told.data_of(a), below]
        found = [Block(rows=[[f"{texts[0]} ({'; '.join(inside)})"]])]
    else:
        found = _tables(a, rows, texts, f"{told.written(a, name)} at {level}, {below}")
    published = [] if axes else told.published_limits(a, name, [a["delta_chi2"]])
    return Summary(
        title=f"Limit on {name}: {told.title_of(a)}",
        blocks=[
            *found,
            told.warnings(notes),
            Block(
                rows=[
                    *published,
                    *_best(a, rows),
                    ["searched", _searched(a)],
                    *told.context(a),
                    *told.choices(a),
                ]
            ),
            told.conventions_block(a["conventions"]),
        ],
    )


def _tables(
    attributes: Mapping[str, Any], rows: list[dict[str, Any]], texts: list[str], title: str
) -> list[Block]:
    """Tables of the limits at all held points; if they are many, a short summary has only some of
    them, and says so."""
    units = attributes["units"]
    columns = tuple(f"{n} [{units[n]}]" if units.get(n) else n for n in attributes["axes"])

    def table(places: list[int], digits: int, **when: bool) -> Block:
        cells = [[*(number(x, digits) for x in rows[i]["held"].values()), texts[i]] for i in places]
        return Block(title=title, columns=(*columns, "allowed"), rows=cells, **when)

    shown = _some(len(rows))
    if len(shown) == len(rows):
        return [table(shown, 4)]
    left = f"{len(shown)} of {len(rows)} values are shown (all: verbose)"
    return [
        table(shown, 4, brief=True),
        Block(rows=[[left]], brief=True),
        table([*range(len(rows))], 6, detail=True),
    ]


def ranges_texts(attributes: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """The allowed ranges at each held point in words, with all numbers in the same style."""
    name = told.written(attributes, attributes["parameter"])
    unit = attributes["units"].get(attributes["parameter"], "")
    known = [e for row in rows for ends in row["allowed"] for e in ends if e is not None]
    style, fine = (dict(zip(known, alike(known, digits), strict=True)) for digits in (3, 6))
    for ends in (ends for row in rows for ends in row["allowed"] if None not in ends):
        # Three digits would print both ends of a narrow range as the same number.
        if style[ends[0]] == style[ends[1]]:
            style |= {end: fine[end] for end in ends}
    texts = []
    for row in rows:
        found = zip(row["allowed"], row["ends"], strict=True)
        text = "; or ".join(_range(name, ends, kinds, unit, style) for ends, kinds in found)
        nowhere = "nowhere: counts are impossible" if row["converged"] else "not known"
        texts.append(text or nowhere)
    return texts


def _range(
    name: str, ends: list[float | None], kinds: list[str], unit: str, style: Mapping[float, str]
) -> str:
    """One allowed range in words.

    Args:
        name: The parameter as it is written.
        ends: Lower and upper end; ``None`` where Delta chi^2 does not reach the level.
        kinds: What the ends are, in the words of an interval.
        unit: Unit of the parameter.
        style: The ends as they are printed.
    """
    low, high = ends
    of = {"domain": "its domain", "search": "the range searched"}
    unit = f" {unit}" if unit else ""
    if high is None:
        if low is None or low == 0:
            to = f"to the end of {of[kinds[1]]}"
            return f"{name} not limited (Delta chi^2 stays below the level {to})"
        return f"{name} > {style[low]}{unit} (no upper end in {of[kinds[1]]})"
    if low is None and kinds[0] == "search":
        return f"{name} < {style[high]}{unit} (no lower end in {of['search']})"
    if low is None or low == 0:
        return f"{name} < {style[high]}{unit}"
    return f"{style[low]} < {name} < {style[high]}{unit}"


def _searched(attributes: Mapping[str, Any]) -> str:
    """The range in which limits were looked for."""
    name, (low, high) = told.written(attributes, attributes["parameter"]), attributes["searched"]
    unit = attributes["units"].get(attributes["parameter"], "")
    ends = [end is not None and bool(np.isfinite(end)) for end in (low, high)]
    if not any(ends):
        return f"{name} everywhere"
    to = f"to {number(high, 4)}" if ends[1] else "up"
    text = f"from {number(low, 4)} {to}" if ends[0] else f"up {to}"
    return f"{name} {text} {unit}".rstrip()


def _some(size: int) -> list[int]:
    """Numbers of the rows of a short summary, evenly spread from the first to the last."""
    if size <= ROWS_SHOWN:
        return [*range(size)]
    places = np.unique(np.linspace(0, size - 1, ROWS_SHOWN).round().astype(int))
    return [int(i) for i in places]


def _best(attributes: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[list[str]]:
    """A row with the lowest chi^2 of all held points, and where it is."""
    finite = [row for row in rows if np.isfinite(row["chi2"])]
    if not finite:
        return []
    row = min(finite, key=lambda row: row["chi2"])
    where = told.at(attributes, {attributes["parameter"]: row["best"]} | row["held"])
    text = f"chi^2 = {number(row['chi2'], 6)} ({attributes['n_bins']} bins) at {where}"
    if len(rows) > 1:
        each = " and ".join(told.written(attributes, name) for name in attributes["axes"])
        text += f"; Delta chi^2 counts from the lowest chi^2 at each {each}"
    return [["lowest", text]]
