"""The summary of a posterior."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cevns_jax.results import told
from cevns_jax.results.prediction import events_blocks
from cevns_jax.results.result import Result
from cevns_jax.summary import FIGURES, Block, Summary, at_place, number, with_errors

PARAMETERS_SHOWN = 12  # rows of a short summary
NAMES = {"nuts": "NUTS", "tempered": "tempered sequential Monte Carlo"}
INTERVALS = ("68 % from", "to", "90 % from", "to")


def sample_summary(result: Result) -> Summary:
    """Summary of a posterior: the physics parameters first, beside published values; all parameters
    with their intervals, how well they were sampled, and their priors; modes, evidence and p-values
    if there are any; and the events."""
    a = result.attributes
    physics = [name for name in a["parameters"] if name in a["free"]]
    names = sorted(a["parameters"], key=lambda name: name not in physics)
    found = []
    for name in physics:
        found.append([_value(a, name), _intervals(a, name)])
        found += told.published_rows(a, name)
    return Summary(
        title=f"Posterior: {told.title_of(a)}",
        blocks=[
            told.warnings(_notes(result)),
            Block(rows=found),
            Block(rows=[*told.context(a), *told.choices(a)]),
            *_tables(a, names),
            Block(
                title="priors",
                rows=[[name, _prior_words(a["priors"][name])] for name in names],
                most=PARAMETERS_SHOWN,
            ),
            _modes(a, physics),
            Block(rows=_quality(a)),
            *events_blocks(result, "on average over the draws"),
            told.conventions_block(a["conventions"]),
        ],
    )


def _notes(result: Result) -> list[str]:
    a = result.attributes
    notes = [] if a["converged"] else [a["message"].replace("not converged", "NOT CONVERGED", 1)]
    if a["improper"]:
        names = ", ".join(a["improper"])
        notes.append(
            f"no draws of the prior, which is improper in {names}: flat without two finite ends"
        )
    return notes + told.notes(a, result.groups)


def rounded_together(found: Mapping[str, Any], *values: float) -> tuple[str, ...]:
    """Numbers about one parameter, all to the same place: that of the second figure of its standard
    deviation, or of the first figure of the Monte Carlo error of its mean where that is larger.

    Args:
        found: What is known of the parameter: ``sd`` and ``mcse``.
        *values: The numbers.
    """
    sd, mcse = found["sd"], found["mcse"]
    if not (math.isfinite(sd) and sd > 0):
        return tuple(number(value, 4) for value in values)
    place = math.floor(math.log10(sd)) - FIGURES + 1
    if mcse:
        place = max(place, math.floor(math.log10(mcse)))
    return at_place(values, place)


def _value(a: Mapping[str, Any], name: str) -> str:
    """``sin^2 theta_W = 0.233 +- 0.026``, or a limit."""
    found, symbol = a["parameters"][name], told.written(a, name)
    unit = a["units"].get(name, "")
    lower, upper = found["lower_limit_90"], found["upper_limit_90"]
    if upper is not None or lower is not None:
        relation, limit = ("<", upper) if upper is not None else (">", lower)
        return f"{symbol} {relation} {number(limit, 3)} {unit}".rstrip()
    mean, sd = rounded_together(found, found["mean"], found["sd"])
    return f"{symbol} = {mean} +- {sd} {unit}".rstrip()


def _intervals(a: Mapping[str, Any], name: str) -> str:
    found = a["parameters"][name]
    if found["upper_limit_90"] is not None or found["lower_limit_90"] is not None:
        return "90 % credible"
    ends = rounded_together(found, *found["hdi_68"], *found["hdi_90"])
    of_all = f" of all {len(a['modes'])} valleys" if len(a["modes"]) > 1 else ""
    return f"mean and sd{of_all}; 68.3 % {ends[0]} to {ends[1]}, 90 % {ends[2]} to {ends[3]}"


def _tables(a: Mapping[str, Any], names: list[str]) -> list[Block]:
    """Moments, highest-density and equal-tailed intervals, and how well all of that is known."""
    shortest, tails, sampled = [], [], []
    has_units = any(a["units"].get(name) for name in names)
    chains = a["method"] == "nuts"
    for name in names:
        p = a["parameters"][name]
        unit = [a["units"].get(name, "")] if has_units else []
        values = (p["mean"], p["sd"], p["median"], *p["hdi_68"], *p["hdi_90"])
        shortest.append([name, *rounded_together(p, *values), *unit])
        tails.append([name, *rounded_together(p, *p["eti_68"], *p["eti_90"]), *unit])
        known = [
            "none" if p[key] is None else form.format(p[key])
            for key, form in (("r_hat", "{:.3f}"), ("ess_bulk", "{:.0f}"), ("ess_tail", "{:.0f}"))
        ]
        error = "none" if p["mcse"] is None else number(p["mcse"], FIGURES)
        sampled.append([name, *(known if chains else []), error])
    how = ("R-hat", "bulk ESS", "tail ESS", "MCSE of the mean")
    ends = (*INTERVALS, *(["unit"] if has_units else []))
    return [
        Block(
            title="parameters, with their shortest (highest-density) intervals",
            columns=("name", "mean", "sd", "median", *ends),
            rows=shortest,
            most=PARAMETERS_SHOWN,
        ),
        Block(title="equal-tailed intervals", columns=("name", *ends), rows=tails, detail=True),
        Block(
            title="how well they were sampled",
            columns=("name", *how) if chains else ("name", "error of the mean, from the runs"),
            rows=sampled,
            most=PARAMETERS_SHOWN,
        ),
    ]


def _prior_words(text: str) -> str:
    """``0 +- 1, above -4`` for ``0 +- 1, from -4 to inf``."""
    return re.sub(r"from (\S+) to inf$", r"above \1", re.sub(r"from -inf to", "below", text))


def _modes(a: Mapping[str, Any], physics: list[str]) -> Block:
    """Where the density is highest, and the share of each mode; nothing of a single one."""
    if len(a["modes"]) < 2:
        return Block(rows=[])
    rows = []
    for mode in a["modes"]:
        weight, error = mode["weight"], mode["weight_error"]
        share = "not known" if weight is None else with_errors(weight, error or 0.0, error or 0.0)
        places = [number(mode["parameters"][name], 4) for name in physics]
        rows.append([share, number(mode["delta_chi2"], 3), *places])
    return Block(
        title="modes", columns=("weight", "Delta chi^2", *physics), rows=rows, most=PARAMETERS_SHOWN
    )


def _quality(a: Mapping[str, Any]) -> list[list[str]]:
    told_by = a["diagnostics"]
    chains = "chains" if a["method"] == "nuts" else "runs"
    again = ", second attempt with a smaller step" if a["retried"] else ""
    rows = [
        [
            "sampled",
            f"{a['chains']} {chains} of {a['draws']} draws, {NAMES[a['method']]}, seed "
            f"{a['seed']}{again}",
        ],
        ["converged", f"{'yes' if a['converged'] else 'NO'}: {a['message']}"],
    ]
    if "e_bfmi" in told_by:
        depth = told_by["tree_depth"]
        rows.append(
            [
                "sampler",
                f"{told_by['divergences']} divergences, E-BFMI {min(told_by['e_bfmi']):.2f} or "
                f"more, acceptance {told_by['acceptance']:.2f}, tree depth {depth['mean']:.1f} on "
                f"average and {depth['largest']} at most",
            ]
        )
    if a["log_evidence"] is not None:
        value, error = a["log_evidence"]["value"], a["log_evidence"]["error"]
        text = with_errors(value, error, error) if error else number(value, 5)
        rows.append(["log evidence", f"{text}, with the priors above"])
    for name, p in a["p_values"].items():
        error = a["p_value_errors"][name]
        rows.append(["p-value", f"{name}: {with_errors(p, error, error)} (posterior predictive)"])
    return rows
