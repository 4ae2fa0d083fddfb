"""Results of one likelihood side by side: best fits, ranges of Delta chi^2, and posteriors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.files import differences
from cevns_jax.inference.levels import per_cent
from cevns_jax.results import told
from cevns_jax.results.limit import limit_rows
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary, number, sentences, with_errors

ONE_SIGMA, NINETY = 0.683, 0.90
SAME = 1e-6  # relative difference up to which two held values are one: grids are rounded in files
Named = Sequence[tuple[str, Result]]


def check_comparable(results: Named) -> None:
    """Check that results are of the same data.

    Args:
        results: The results, each with its name.

    Raises:
        ConfigError: fewer than two, one without any parameter, or others of other data.
    """
    if len(results) < 2:
        raise ConfigError("compare: needs two results at least")
    name, first = results[0]
    for other, result in results:
        if result.kind not in ENTRIES:
            raise ConfigError(f"{other}: a {result.kind} has no parameters to compare")
        experiments = [sorted(r.attributes["experiments"]) for r in (first, result)]
        if experiments[0] != experiments[1]:
            raise ConfigError(
                f"{other}: is of {', '.join(experiments[1])}, and {name} of "
                f"{', '.join(experiments[0])}; compare results of the same experiments"
            )
        data = [_data_of(r) for r in (first, result)]
        if data[0] != data[1] or not _same_counts(first, result):
            raise ConfigError(
                f"{other}: is of other data ({_said(*data)}) than {name}; compare results of the "
                "same data"
            )


def _data_of(result: Result) -> dict[str, Any]:
    record = result.attributes["provenance"]
    kept = {key: record.get(key) for key in ("data_set", "seed", "inputs")}
    return kept | {"inputs": kept["inputs"] or None, "n_bins": result.attributes["n_bins"]}


def _said(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return differences(one, other) or "other counts"


def _same_counts(one: Result, other: Result) -> bool:
    """Whether the observed counts of the experiments are the same, where both results have them."""
    return all(
        np.array_equal(group["observed"][1], other.groups[name]["observed"][1])
        for name, group in one.groups.items()
        if name in other.groups
    )


def compared_document(results: Named) -> dict[str, Any]:
    """Entries of each parameter of the interaction, and Bayes factors.

    Args:
        results: As :func:`check_comparable`.

    Returns:
        ``parameters`` (name -> entries, each with ``result``, ``kind``, and what a result of this
        kind says of the parameter), ``bayes_factors`` and ``differences``, sentences.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, result in results:
        for parameter, entry in ENTRIES[result.kind](result, _held(results)):
            line = {"result": name, "kind": result.kind} | entry
            found.setdefault(parameter, []).append(line)
    return {
        "parameters": found,
        "bayes_factors": [
            _bayes_factor(one, other)
            for one, other in combinations(results, 2)
            if all(result.attributes.get("log_evidence") for _, result in (one, other))
        ],
        "differences": _differences(results),
    }


def _held(results: Named) -> dict[str, float]:
    """Values at which parameters are held in results that are not limits."""
    held: dict[str, float] = {}
    for _, result in results:
        if result.kind != "limit":
            held |= result.attributes["held"]
    return held


def _of_fit(result: Result, _: Mapping[str, float]) -> list[tuple[str, dict[str, Any]]]:
    v = result.variables
    names = [str(name) for name in v["parameter"][1]]
    entries = []
    for name in map(str, v["physics"][1]):
        value, low, high = (
            float(v[key][1][names.index(name)]) for key in ("value", "error_low", "error_high")
        )
        entry = {"value": value, "error_low": low, "error_high": high}
        ends = [[value - low, value + high]]
        ranges = {"ranges": [{"confidence_level": ONE_SIGMA, "allowed": ends}]}
        entries.append((name, entry | (ranges if math.isfinite(low + high) else {"ranges": []})))
    return entries


def _of_curve(result: Result, _: Mapping[str, float]) -> list[tuple[str, dict[str, Any]]]:
    """Of a profile, or a scan of one parameter; contours of more are in figures."""
    a = result.attributes
    best = a["best"]["parameters"]
    if result.kind == "scan" and len(a["parameters"]) > 1:
        return [(name, {"value": best[name], "ranges": []}) for name in a["parameters"]]
    name = a["parameter"] if result.kind == "profile" else a["parameters"][0]
    value = best[name]["value"] if result.kind == "profile" else best[name]
    ranges = [{key: limit[key] for key in ("confidence_level", "allowed")} for limit in a["limits"]]
    return [(name, {"value": float(value), "ranges": ranges})]


def _of_limit(result: Result, held: Mapping[str, float]) -> list[tuple[str, dict[str, Any]]]:
    """The rows at the values at which other results hold the same parameters; all if there is one
    or if nothing is held elsewhere."""
    rows = limit_rows(result)
    fits = [
        row
        for row in rows
        if all(math.isclose(held.get(n, x), x, rel_tol=SAME) for n, x in row["held"].items())
    ]
    known = any(name in held for name in result.attributes["axes"])
    return [
        (
            row["parameter"],
            {
                "value": row["best"],
                "held": row["held"],
                "ranges": [{key: row[key] for key in ("confidence_level", "allowed")}],
            },
        )
        for row in (fits if known or len(rows) == 1 else [])
    ]


def _of_posterior(result: Result, _: Mapping[str, float]) -> list[tuple[str, dict[str, Any]]]:
    a = result.attributes
    entries = []
    for name in a["free"]:
        told_ = a["parameters"][name]
        ranges = [
            {"confidence_level": level, "allowed": [told_[key]]}
            for level, key in ((ONE_SIGMA, "hdi_68"), (NINETY, "hdi_90"))
        ]
        keys = ("mean", "median", "sd", "eti_68", "eti_90", "lower_limit_90", "upper_limit_90")
        entry = {key: told_[key] for key in keys if key in told_} | {"ranges": ranges}
        entries.append((name, entry | {"prior": a["priors"][name]}))
    return entries


ENTRIES = {
    "fit": _of_fit,
    "profile": _of_curve,
    "scan": _of_curve,
    "limit": _of_limit,
    "posterior": _of_posterior,
}
"""Kind of result -> what it says of each parameter of the interaction; second argument: values at
which other results hold parameters."""


def _bayes_factor(one: tuple[str, Result], other: tuple[str, Result]) -> dict[str, Any]:
    """ln of the evidence of the first result over that of the second."""
    (name, first), (second_name, second) = one, other
    a, b = (result.attributes["log_evidence"] for result in (first, second))
    known = a["error"] is not None and b["error"] is not None
    return {
        "first": name,
        "second": second_name,
        "log_bayes_factor": a["value"] - b["value"],
        "error": math.hypot(a["error"], b["error"]) if known else None,
        "priors": [
            {n: r.attributes["priors"][n] for n in r.attributes["free"]} for r in (first, second)
        ],
    }


def _differences(results: Named) -> list[str]:
    """What differs in the settings of interaction and experiments, in sentences."""
    name, first = results[0]
    found = []
    for other, result in results[1:]:
        used = [
            {key: settings.get(key) or {} for key in ("interaction", "experiments")}
            for r in (first, result)
            if (settings := r.attributes["provenance"].get("settings"))
        ]
        if len(used) == 2 and (changed := differences(*used)):
            found.append(f"{other} differs from {name}: {changed}")
    return found


def compared_summary(results: Named) -> Summary:
    """The same as tables, one for each parameter."""
    document, first = compared_document(results), results[0][1].attributes
    units = {n: u for _, result in results for n, u in result.attributes["units"].items()}
    blocks = [told.warnings(document["differences"])]
    for parameter, entries in document["parameters"].items():
        unit = f" [{units[parameter]}]" if units.get(parameter) else ""
        blocks.append(
            Block(
                title=f"{parameter}{unit}",
                columns=("result", "best or mean", "median", "68 %", "90 %"),
                rows=[_row(entry) for entry in entries],
            )
        )
    priors = {
        f"{p}: {e['prior']} in {e['result']}"
        for p, entries in document["parameters"].items()
        for e in entries
        if "prior" in e
    }
    blocks.append(Block(title="priors", rows=sentences(sorted(priors))))
    blocks.append(
        Block(title="evidence", rows=sentences(map(_evidence, document["bayes_factors"])))
    )
    return Summary(title=f"Compared: {told.data_of(first)}", blocks=blocks)


def _row(entry: Mapping[str, Any]) -> list[str]:
    value = entry.get("value", entry.get("mean"))
    text = number(value, 4)
    if "error_low" in entry:
        text = with_errors(value, entry["error_low"], entry["error_high"])
    elif "sd" in entry:
        text = with_errors(value, entry["sd"], entry["sd"])
    held = ", ".join(f"{name} = {number(x, 4)}" for name, x in entry.get("held", {}).items())
    cells = [
        "; ".join(_ranges(r["allowed"]) for r in entry["ranges"] if _is(r, level))
        for level in (ONE_SIGMA, NINETY)
    ]
    if not any(cells):  # another level was asked for
        cells[1] = "; ".join(
            f"{per_cent(r['confidence_level'])}: {_ranges(r['allowed'])}" for r in entry["ranges"]
        )
    return [
        entry["result"] + (f" ({held})" if held else ""),
        text,
        number(entry["median"], 4) if "median" in entry else "",
        *cells,
    ]


def _is(found: Mapping[str, Any], level: float) -> bool:
    return abs(found["confidence_level"] - level) < 0.002


def _ranges(allowed: Sequence[Sequence[float | None]]) -> str:
    def end(x: float | None) -> str:
        return "no end" if x is None else number(x, 4)

    return " or ".join(f"{end(low)} to {end(high)}" for low, high in allowed)


def _evidence(found: Mapping[str, Any]) -> str:
    error = f" +- {number(found['error'], 2)}" if found["error"] is not None else ""
    priors = [
        ", ".join(f"{name} {text}" for name, text in of.items()) or "no free parameter"
        for of in found["priors"]
    ]
    return (
        f"ln Bayes factor of {found['first']} over {found['second']}: "
        f"{number(found['log_bayes_factor'], 4)}{error} (priors: {priors[0]}; {priors[1]})"
    )
