"""Summaries of likelihoods, experiments, interactions, targets and sources.

The classes call these functions, which use only attributes: this file imports none of the classes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from cevns_jax.pseudo_data import in_words
from cevns_jax.summary import Block, Summary, number, sentences

PARAMETERS_SHOWN = 16  # rows of a short summary
COLUMNS = ("name", "value", "prior", "domain", "unit", "")


def of_likelihood(likelihood: Any) -> Summary:
    """Data, interaction, parameters that vary and parameters that do not."""
    declared, held = likelihood.parameters, dict(likelihood.held)
    varying = likelihood.names
    rows = [_row(declared[n], declared[n].start, "free") for n in varying]
    fixed = [
        _row(p, held.get(n, p.start), "held" if n in held else "fixed")
        for n, p in declared.items()
        if n not in varying
    ]
    used = {*varying, *held}
    data = [[e.name, "; ".join(_parts_of(e, used))] for e in likelihood.experiments]
    titles = " + ".join(e.title for e in likelihood.experiments)
    return Summary(
        title=f"Likelihood: {titles}",
        blocks=[
            Block(title=f"data, {likelihood.n_bins} bins", rows=data),
            Block(title="interaction", rows=_words(likelihood.interaction.conventions)),
            Block(
                title=f"{len(rows)} parameters vary",
                columns=COLUMNS,
                rows=rows,
                most=PARAMETERS_SHOWN,
            ),
            Block(
                title=f"{len(fixed)} do not",
                columns=COLUMNS,
                rows=sorted(fixed, key=lambda row: row[-1] != "held"),
                most=PARAMETERS_SHOWN // 2,
            ),
        ],
    )


def of_experiment(experiment: Any) -> Summary:
    """Bins, exposure, components, uncertainties and conventions."""
    rows = [
        ["bins", f"{_bins(experiment)}; {experiment.statistic.label}"],
        ["data", _data(experiment)],
        ["exposure", experiment.exposure],
        ["citation", experiment.citation],
        ["components", ", ".join(experiment.component_names)],
        *(["factor", scale.text] for scale in experiment.scales),
    ]
    uncertain = [
        [name, f"{n.size} {n.form}", ", ".join(n.acts_on)]
        for name, n in zip(experiment.pulls, experiment.nuisances, strict=True)
    ]
    return Summary(
        title=f"Experiment {experiment.name}: {experiment.title}",
        blocks=[
            Block(rows=[row for row in rows if row[1]]),
            Block(
                title="nuisances",
                columns=("pull", "width", "acts on"),
                rows=uncertain,
                most=PARAMETERS_SHOWN,
            ),
            Block(title="conventions", rows=_words(experiment.conventions)),
        ],
    )


def of_interaction(interaction: Any) -> Summary:
    """Conventions and parameters of a cross section, or of what is added to one."""
    chosen = interaction.conventions
    words = _words(chosen) if isinstance(chosen, Mapping) else sentences([str(chosen)])
    name = type(interaction).__name__
    title = dict(words).get("interaction", name) if isinstance(chosen, Mapping) else name
    return Summary(
        title=f"Interaction: {title}",
        blocks=[
            Block(rows=[row for row in words if row[0] != "interaction"]),
            Block(
                title="parameters",
                columns=COLUMNS[:-1],
                rows=[_row(p, p.start, "")[:-1] for p in interaction.parameters],
            ),
        ],
    )


def of_target(target: Any) -> Summary:
    """Isotopes with their shares, masses and radii."""
    protons, neutrons, *_, proton_radius = target.properties
    columns = ("isotope", "Z", "N", "nuclei per kg", "mass [MeV]", "R_p [fm]", "R_n [fm]")
    numbers = zip(
        *(target.symbols, protons, neutrons, target.nuclei_per_kg, target.mass),
        *(proton_radius, target.neutron_radius),
        strict=True,
    )
    digits = (3, 3, 5, 8, 5, 5)
    rows = [[s, *map(number, values, digits)] for s, *values in numbers]
    radii = ", ".join(dict.fromkeys(target.radius_parameters))
    return Summary(
        title=f"Target of {', '.join(target.symbols)}",
        blocks=[
            Block(columns=columns, rows=rows),
            Block(rows=[["form factor", f"{target.form_factor}"], ["R_n are parameters", radii]]),
        ],
    )


def of_source(source: Any) -> Summary:
    """Flavours, end points and neutrinos per cm^2."""
    # M_0 from almost zero is the whole fluence.
    total = source.moments(np.array([1e-6]))[:, 0, 0]
    rows = [
        [flavour, number(fluence, 5), number(end, 6)]
        for flavour, fluence, end in zip(source.flavours, total, source.end_points, strict=True)
    ]
    return Summary(
        title=f"Neutrino source: {source.label}",
        blocks=[Block(columns=("flavour", "neutrinos / cm^2", "up to [MeV]"), rows=rows)],
    )


def _parts_of(experiment: Any, used: Collection[str]) -> list[str]:
    """Title, bins and data of an experiment, and which components the parameters in use scale if
    they do not scale all neutrinos."""
    scales = [s.text for s in experiment.partial_scales if s.parameter.name in used]
    return [experiment.title, _bins(experiment), _data(experiment), *scales]


def _row(declared: Any, value: object, state: str) -> list[str]:
    """Cells of the row of a parameter."""
    low, high = number(declared.lower), number(declared.upper)
    domain = f"above {low}" if high == "infinite" else f"{low} to {high}"
    domain = "" if (low, high) == ("-infinite", "infinite") else domain
    prior = declared.prior.text
    return [
        declared.name,
        number(value, 5),
        "" if prior == "flat" else prior,
        domain,
        declared.unit,
        state,
    ]


def _words(chosen: Mapping[str, Any]) -> list[list[str]]:
    return [[str(key), str(value)] for key, value in chosen.items()]


def _bins(experiment: Any) -> str:
    pairs = zip(experiment.axes, experiment.edges, strict=True)
    return " x ".join(f"{len(np.asarray(edges)) - 1} {axis}" for axis, edges in pairs)


def _data(experiment: Any) -> str:
    """The number of counts, and what kind of data they are."""
    try:
        total = float(np.sum(np.asarray(experiment.observed)))
    except Exception:  # counts that JAX traces
        return "traced"
    kind = in_words(experiment.data) or "observed"
    if not math.isfinite(total):
        return "no data, a forecast"
    return f"{total:.6g} {experiment.about.counted} ({kind})"
