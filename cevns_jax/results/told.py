"""Pieces of summaries and documents that several kinds of results share."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.endings import Ending
from cevns_jax.inference.levels import confidence_level, name_of
from cevns_jax.pseudo_data import in_words
from cevns_jax.published import Published, limits_for, published_for
from cevns_jax.results.notes import Variables
from cevns_jax.results.provenance import FIT_CONVENTIONS, POSTERIOR_CONVENTIONS
from cevns_jax.summary import Block, number, sentences, symbol, with_errors

STANDARD_MODEL = ("interaction", "couplings", "axial part", "weak mixing angle")  # its conventions
UNIVERSAL = re.compile(r"charges (?:\w+ 1(?:, )?)+(?=;|$)")  # all charges are one
NOTHING = 1e-9  # share of the events below which a component has none

if TYPE_CHECKING:
    from cevns_jax.inference.intervals import Interval
    from cevns_jax.inference.profile import Profile
    from cevns_jax.inference.scan import Scan


def plain(value: Any) -> Any:
    """The value with ``None`` in place of numbers that are not finite, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def data_set(provenance: Mapping[str, Any]) -> str:
    """What kind of data the counts are, in words; empty for measured data."""
    return in_words(provenance.get("data_set"), provenance.get("seed"))


def title_of(attributes: Mapping[str, Any]) -> str:
    """Title of a result: that of its config, or else those of its experiments; with the kind of its
    data unless they are measured."""
    record = attributes["provenance"]
    given = (record.get("settings") or {}).get("title")
    title = given or " + ".join(attributes["titles"].values())
    kind = data_set(record)
    return f"{title} ({kind})" if kind else title


def data_of(attributes: Mapping[str, Any]) -> str:
    """The titles of the experiments, and the kind of their data unless they are measured."""
    kind = data_set(attributes["provenance"])
    return " + ".join(attributes["titles"].values()) + (f", {kind}" if kind else "")


def written(attributes: Mapping[str, Any], name: str) -> str:
    """The symbol of a parameter, for a line of text."""
    return symbol(name, attributes["labels"].get(name, ""))


def at(attributes: Mapping[str, Any], values: Mapping[str, float]) -> str:
    """``m_V = 1 MeV, g_V = 0``."""
    parts = []
    for name, value in values.items():
        unit = attributes["units"].get(name, "")
        parts.append(f"{written(attributes, name)} = {number(value, 5)}" + f" {unit}".rstrip())
    return ", ".join(parts)


def range_text(
    name: str, low: float, high: float, ends: Sequence[str], unit: str = "", digits: int = 4
) -> str:
    """A range in words. It is written as an interval only if chi^2 crosses the level at both ends.

    Args:
        name: The parameter as it is written.
        low, high: Ends of the range.
        ends: What each end is: ``"crossing"``, ``"grid"`` or ``"domain"``.
        unit: Unit of the parameter.
        digits: Significant digits.
    """
    a, b = number(low, digits), number(high, digits)
    unit = f" {unit}" if unit else ""
    at_low, at_high = ends
    if at_low == at_high == "crossing":
        return f"{a} < {name} < {b}{unit}"
    if at_high == "crossing":
        down = "" if at_low == "domain" else f" (down to the end of the grid, {a})"
        return f"{name} < {b}{unit}{down}"
    if at_low == "crossing":
        return f"{name} > {a}{unit} (up to the end of the {at_high}, {b})"
    whole = at_low if at_low == at_high else "grid"
    return f"{name} from {a} to {b}{unit}, the whole {whole}"


def limits_of(levels: Sequence[float], found: list[list[Interval]]) -> list[dict[str, Any]]:
    """For each level its confidence level, its ranges and what their ends are, for documents."""
    return [
        {
            "delta_chi2": level,
            "confidence_level": confidence_level(level),
            "allowed": [[interval.low, interval.high] for interval in intervals],
            "ends": [list(interval.ends) for interval in intervals],
        }
        for level, intervals in zip(levels, found, strict=True)
    ]


def limit_block(attributes: Mapping[str, Any], name: str) -> Block:
    """Allowed ranges of a parameter, one row for each level."""
    unit = attributes["units"].get(name, "")
    rows = []
    for limit in attributes["limits"]:
        level = limit["delta_chi2"]
        pairs = zip(limit["allowed"], limit["ends"], strict=True)
        ranges = [
            range_text(written(attributes, name), e[0], e[1], kinds, unit) for e, kinds in pairs
        ]
        text = "; or ".join(ranges) or "nowhere on the grid"
        rows.append([f"{name_of(level)} CL", text, f"Delta chi^2 < {number(level)}"])
    return Block(title="allowed", rows=rows)


def context(attributes: Mapping[str, Any]) -> list[list[str]]:
    """Rows that say under which conditions the numbers hold: the data, the values of held
    parameters, and what was minimised."""
    rows = [["data", data_of(attributes)]]
    if attributes["held"]:
        rows.append(["held", at(attributes, attributes["held"])])
    if text := free(attributes):
        rows.append(["free", text])
    return rows


def free(attributes: Mapping[str, Any]) -> str:
    """What was minimised: ``m_V, sin^2 theta_W (prior 0.239 +- 0.01); and 4 nuisances``. Empty for
    a file that does not record it, and for a prediction, in which nothing is minimised."""
    if "free" not in attributes or "values" in attributes:
        return ""
    names, texts = [], attributes.get("priors") or {}
    for name, prior in attributes["free"].items():
        unit = f" {attributes['units'][name]}" if attributes["units"].get(name) else ""
        text = with_errors(prior[0], prior[1], prior[1]) if prior else ""
        text = texts.get(name, text)
        names.append(written(attributes, name) + (f" (prior {text}{unit})" if text else ""))
    counts = {"nuisance": attributes["n_nuisances"]}
    counts["background parameter"] = attributes.get("n_background_parameters", 0)
    several = [f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in counts.items() if n]
    parts = (", ".join(names), " and ".join(several))
    return "; and ".join(part for part in parts if part) or "nothing else"


def as_released(attributes: Mapping[str, Any]) -> bool:
    """Whether the counts are those that were observed, with the exposure that was published. Only
    then do published results belong beside ours."""
    observed = not data_set(attributes.get("provenance", {}))
    return observed and bool(attributes.get("as_released", True))  # older files do not know


def published_values(attributes: Mapping[str, Any], name: str) -> list[Published]:
    """Published values of a parameter from the same data sets with the same choices.

    They were obtained from observed counts, in the Standard Model, with no other parameter free.
    With pseudo-data, another exposure, new physics, or another free parameter without a prior, ours
    would be another quantity: then there are none.

    Args:
        attributes: Those of the result.
        name: The parameter.
    """
    others = attributes.get("free", {}).keys() - {name}
    if (
        not as_released(attributes)
        or _new_physics(attributes)
        or any(attributes["free"][n] is None for n in others)
    ):
        return []
    # A published number belongs beside ours only if the conventions that it names are ours too.
    data, said = tuple(attributes["experiments"]), _said(attributes)
    return published_for(name, data, said)


def published_rows(attributes: Mapping[str, Any], name: str) -> list[list[str]]:
    """Rows of the published values of a parameter; arguments as :func:`published_values`."""
    return [_published_row(p) for p in published_values(attributes, name)]


def published_limits(
    attributes: Mapping[str, Any], name: str, levels: Sequence[float]
) -> list[list[str]]:
    """Rows of published limits on a parameter from the same data sets with the same choices.

    Args:
        attributes: Those of the result.
        name: The parameter.
        levels: Delta chi^2 of the ranges of the result.
    """
    if not as_released(attributes):
        return []
    data, said = tuple(attributes["experiments"]), _said(attributes)
    known = {round(confidence_level(level), 6) for level in levels}
    found = [p for p in limits_for(name, data, said) if round(p.confidence_level, 6) in known]
    unit = f" {attributes['units'][name]}" if attributes["units"].get(name) else ""
    return [_published_row(p, unit) for p in found]


def _published_row(known: Published, unit: str = "") -> list[str]:
    """A published number with its source, and a remark unless it was checked against that."""
    mark = "" if known.checked else "; not checked against the publication"
    return ["published", f"{known.text()}{unit} ({known.source}{mark})"]


def _said(attributes: Mapping[str, Any]) -> str:
    """All conventions in one text."""
    return "\n".join(text for _, text in _rows(attributes["conventions"], ""))


def points_of(found: Profile | Scan, highest: float) -> dict[str, Any]:
    """The number of points of each kind, and the lowest Delta chi^2 of those that did not
    converge."""
    failed, affecting = ~found.converged, found.affecting(highest)
    lowest = float(np.min(found.delta_chi2[failed])) if failed.any() else None
    ends = np.unique(np.asarray(found.minima.ending).ravel()[failed.ravel()], return_counts=True)
    return {
        "n_points": int(failed.size),
        "n_not_converged": int(failed.sum()),
        "n_affecting": int(affecting.sum()),
        "n_excluded": int(found.excluded.sum()),
        "endings": {Ending(e).sentence: int(n) for e, n in zip(*ends, strict=True)},
        "not_converged_above": lowest,
    }


def point_sentences(attributes: Mapping[str, Any]) -> list[str]:
    """Sentences about the points of a grid that failed, are excluded or have several minima."""
    points, lines = attributes["points"], list(attributes["remarks"])
    failed, affecting = points["n_not_converged"], points["n_affecting"]
    how = ", ".join(f"{ending}: {n}" for ending, n in points.get("endings", {}).items())
    number = f"{failed} ({how})" if how else f"{failed}"
    if failed and not affecting:
        lines.append(
            f"points without convergence: {number}, all above Delta chi^2 = "
            f"{points['not_converged_above']:.4g} like all their neighbours: no range or contour "
            "depends on them"
        )
    elif failed:
        lines.append(
            f"points without convergence: {number}; ranges or contours depend on {affecting}"
        )
    if excluded := points["n_excluded"]:
        lines.append(
            f"points excluded, as chi^2 is infinite whatever the other parameters: {excluded}"
        )
    if attributes["n_valleys"] > 1:
        lines.append(
            f"up to {attributes['n_valleys']} valleys of chi^2 at a point, the lowest is taken"
        )
    return lines


def warnings(texts: Sequence[str]) -> Block:
    """Notes that a reader has to know before trusting the numbers."""
    return Block(title="notes" if texts else "", rows=sentences(texts))


def conventions_block(chosen: Mapping[str, Any]) -> Block:
    """The choices that change numbers, one in a row; shown only in a detailed summary."""
    return Block(title="conventions", rows=_rows(chosen, ""), detail=True)


def choices(attributes: Mapping[str, Any]) -> list[list[str]]:
    """Rows of the choices that most comparisons need: the couplings; what new physics adds; and for
    each data set form factor, radii, quenching and lowest recoil."""
    chosen = attributes["conventions"]
    wanted = ("form factor", "R_p [fm]", "R_n [fm]", "quenching", "lowest recoil")
    rows = []
    if "couplings" in chosen:
        rows.append(["couplings", str(chosen["couplings"]).split(";")[0]])
    for name, text in _new_physics(attributes).items():
        rows.append([name, UNIVERSAL.sub("universal charges", text)])
    for name in attributes["experiments"]:
        told = chosen.get(name, {})
        texts = {key: str(told[key]) for key in wanted if key in told}
        texts |= {key: _radii(text) for key, text in texts.items() if key.startswith("R_")}
        said = [f"{key} {text}" for key, text in texts.items()]
        rows.append([name, "; ".join([*said, *scales(attributes, name)])])
    return rows


def scales(attributes: Mapping[str, Any], experiment: str) -> list[str]:
    """What the parameters in use scale in an experiment, such as ``n_sigma scales solar``; nothing
    of those that scale all neutrinos."""
    chosen = attributes.get("conventions", {}).get(experiment, {})
    known = str(chosen.get("scales", ""))
    texts = known.split("; ") if known else []
    return [text for text in texts if text.partition(" ")[0] in attributes["labels"]]


def notes(attributes: Mapping[str, Any], groups: Mapping[str, Variables]) -> list[str]:
    """Sentences about the experiments of a fit or a prediction: what was given and is not used, and
    components without events.

    Args:
        attributes: Those of the result.
        groups: Counts of each experiment.
    """
    found = [*attributes.get("notes", ())]
    for name, group in groups.items():
        counts = np.abs(group["expected"][1].astype(float))
        each = counts.reshape(len(counts), -1).sum(axis=1)
        for component, events in zip(group["component"][1], each, strict=True):
            if events <= NOTHING * each.sum():
                found.append(f"{name}: {component} has no events in any bin")
    return found


def _new_physics(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The parts of the interaction beyond the Standard Model: name -> Lagrangian and charges."""
    known = {*FIT_CONVENTIONS, *POSTERIOR_CONVENTIONS, *STANDARD_MODEL}
    known |= {"parameters", *attributes["experiments"]}
    chosen = attributes["conventions"].items()
    return {name: text for name, text in chosen if name not in known and isinstance(text, str)}


def _radii(text: str) -> str:
    """Radii of isotopes as they are, or their range if there are more than two: ``4.041 to
    4.081``."""
    values = [part.partition(" ")[2] for part in text.split(", ")]
    if len(values) <= 2:
        return text
    low, high = (pick(values, key=lambda v: float(v.split()[0])) for pick in (min, max))
    return f"all {low}" if low == high else f"{low} to {high}"


def _rows(chosen: Mapping[str, Any], before: str) -> list[list[str]]:
    """Conventions as rows, nested ones with the names of their groups before them."""
    rows = []
    for key, value in chosen.items():
        if isinstance(value, Mapping):
            rows += _rows(value, f"{before}{key}: ")
        else:
            rows.append([f"{before}{key}", str(value)])
    return rows
