"""A prediction: expected counts of every experiment, per component and bin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.results import told
from cevns_jax.results.notes import Variables
from cevns_jax.results.provenance import about
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.parameters import Values
    from cevns_jax.prediction.experiment import Experiment

# Recoil energies of spectra in files and figures [keV]: from below every threshold to beyond the
# end of pion-decay neutrinos on light nuclei, 85 a decade, between which a line looks smooth.
RECOILS = np.geomspace(0.01, 500.0, 400)


def expected_groups(likelihood: Likelihood, values: Values) -> dict[str, Variables]:
    """Edges, observed and expected counts of each experiment."""
    import jax

    from cevns_jax.likelihood import Likelihood

    expected = jax.jit(Likelihood.components)(likelihood, values)
    return counted_groups(
        likelihood,
        {
            e.name: np.stack([np.asarray(expected[e.name][name]) for name in e.component_names])
            for e in likelihood.experiments
        },
    )


def counted_groups(
    likelihood: Likelihood, expected: Mapping[str, np.ndarray]
) -> dict[str, Variables]:
    """The same with expected counts by name of the experiment, shape (components, *bins)."""
    groups: dict[str, Variables] = {}
    for experiment in likelihood.experiments:
        axes = experiment.axes
        group: Variables = {}
        for axis, given in zip(axes, experiment.edges, strict=True):
            edges = np.asarray(given)
            group[axis] = ((axis,), (edges[1:] + edges[:-1]) / 2)
            group[f"{axis}_edges"] = ((f"{axis}_edge",), edges)
        groups[experiment.name] = group | {
            "component": (("component",), np.array(list(experiment.component_names))),
            "scatters": (
                ("component",),
                np.array([part.scatters for part in experiment.parts.values()], dtype=np.int8),
            ),
            "observed": (axes, np.asarray(experiment.observed)),
            "expected": (("component", *axes), expected[experiment.name]),
        }
        groups[experiment.name] |= _errors(experiment)
    return groups


def _errors(experiment: Experiment) -> Variables:
    """Errors of Gaussian bins, with their covariance if they are correlated; errors of templates of
    Poisson bins; nothing for plain Poisson bins."""
    from cevns_jax.correlated_bins import CorrelatedGaussian
    from cevns_jax.statistics import Gaussian
    from cevns_jax.template_errors import PoissonWithTemplateErrors

    statistic, axes, shape = experiment.statistic, experiment.axes, np.shape(experiment.observed)
    if isinstance(statistic, CorrelatedGaussian):
        covariance = np.asarray(statistic.covariance)
        return {
            "error": (axes, np.sqrt(np.diag(covariance)).reshape(shape)),
            "covariance": (("bin_row", "bin_column"), covariance),
        }
    if isinstance(statistic, Gaussian):
        return {"error": (axes, np.broadcast_to(statistic.error, shape))}
    if isinstance(statistic, PoissonWithTemplateErrors):
        return {"template_error": (axes, np.broadcast_to(statistic.error, shape))}
    return {}


def prediction_result(likelihood: Likelihood, analysis: Mapping[str, Any] | None = None) -> Result:
    """The result of a prediction: expected counts at the start values of the parameters.

    Args:
        likelihood: What to evaluate.
        analysis: What the caller knows of its origin: config, overrides, data set.
    """
    declared = likelihood.parameters
    varying = {name for name, parameter in declared.items() if parameter.varies}
    values = {n: float(declared[n].start) for n in likelihood.names if n not in varying}
    attributes = about(likelihood, analysis)
    return Result(
        kind="prediction",
        attributes=attributes | {"values": values | attributes["held"]},
        variables={},
        groups=_with_spectra(likelihood),
    )


def _with_spectra(likelihood: Likelihood) -> dict[str, Variables]:
    """Expected counts of each experiment; its recoil spectrum before the detector, if it has one;
    and if the interaction has new physics, the counts with the Standard Model alone."""
    from cevns_jax.likelihood import Likelihood

    values = likelihood.values()
    groups = expected_groups(likelihood, values)
    standard = getattr(likelihood.interaction, "standard", None)
    if standard is not None:
        without = Likelihood(likelihood.experiments, standard, allow_overlap=True)
        known = {name: value for name, value in values.items() if name in without.parameters}
        alone = expected_groups(without, known)
        for name, group in groups.items():
            group["without_new_physics"] = alone[name]["expected"]
    for experiment in likelihood.experiments:
        groups[experiment.name] |= _spectra(experiment, likelihood, values)
    return groups


def _spectra(experiment: Experiment, likelihood: Likelihood, values: Values) -> Variables:
    """dR/dT by flavour and isotope of all components that have a recoil spectrum. If several have
    one, their names are put before those of the flavours."""
    from cevns_jax.prediction.spectrum import scattering_parts

    declared = {p.name for p in (*likelihood.interaction.parameters, *experiment.parameters)}
    of_its_own = {name: value for name, value in values.items() if name in declared}
    recoils = {
        name: experiment.recoil_spectrum(
            RECOILS, likelihood.interaction, of_its_own, component=name
        )
        for name in scattering_parts(experiment)
    }
    isotopes = {spectrum.isotopes for spectrum in recoils.values()}
    if len(isotopes) != 1:  # no recoils that a spectrum could be made of, or no common axis
        return {}
    flavours = [
        f"{name}: {flavour}" if len(recoils) > 1 else flavour
        for name, spectrum in recoils.items()
        for flavour in spectrum.flavours
    ]
    rates = np.concatenate([np.asarray(spectrum.rate) for spectrum in recoils.values()])
    return {
        "recoil_energy_kev": (("recoil_energy_kev",), RECOILS),
        "flavour": (("flavour",), np.array(flavours)),
        "isotope": (("isotope",), np.array(isotopes.pop())),
        "spectrum": (("flavour", "isotope", "recoil_energy_kev"), rates),
    }


def prediction(group: Variables) -> dict[str, Any]:
    """Observed and expected counts of one experiment, in total and per bin, for documents."""
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


def prediction_document(result: Result) -> dict[str, Any]:
    """The JSON document of a prediction."""
    a = result.attributes
    return {
        "predictions": {name: prediction(group) for name, group in result.groups.items()},
        "experiments": list(result.groups),
        "conventions": a["conventions"],
        "provenance": a["provenance"],
    }


def prediction_summary(result: Result) -> Summary:
    """Summary of a prediction."""
    a = result.attributes
    return Summary(
        title=f"Prediction: {told.title_of(a)}",
        blocks=[
            told.warnings(told.notes(a, result.groups)),
            Block(rows=[*told.context(a), *told.choices(a)]),
            *events_blocks(result, "where parameters start"),
            told.conventions_block(a["conventions"]),
        ],
    )


def events_blocks(result: Result, where: str) -> list[Block]:
    """Observed and expected counts of each experiment.

    Args:
        result: A fit or a prediction.
        where: At which values of the parameters the counts are expected, in words.
    """
    kind = told.data_set(result.attributes["provenance"])
    blocks = []
    for name, group in result.groups.items():
        found = prediction(group)
        counts = f"{found['observed']:g} {f'in {kind}' if kind else 'observed'}"
        rows = [[n, f"{count:.1f}"] for n, count in found["components"].items()]
        rows.append(["sum", f"{sum(found['components'].values()):.1f}"])
        has = counts if math.isfinite(found["observed"]) else "no data"
        unit = result.attributes["counted"].get(name, "events")
        title = f"{name}: {unit} {where}; {has}"
        blocks.append(Block(title=title, columns=("component", "expected"), rows=rows))
    return blocks
