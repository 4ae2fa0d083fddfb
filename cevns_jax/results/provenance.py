"""The origin of a result: versions, data and conventions, and the values of held parameters."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cevns_jax.priors import Gaussian, width_of

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood

FIT_CONVENTIONS = {
    "chi2": "-2 ln L: deviance of the bins plus squared pulls, and -2 ln of other prior densities",
    "error": "square root of the diagonal of the inverse expected information, priors included",
    "error_low, error_high": "profiled chi2 rises by 1; others refitted",
    "nuisance parameters": "pulls in units of the widths under nuisances",
    "edm": "expected distance to the minimum, in units of chi2",
}

POSTERIOR_CONVENTIONS = {
    "chi2": FIT_CONVENTIONS["chi2"],
    "intervals": "hdi: the shortest with its probability, of the parameter, or of its logarithm "
    "where the prior is flat in that; eti: equal probabilities beyond both ends; 68 is 68.27 %",
    "upper_limit_90, lower_limit_90": "one-sided, where the shortest interval of 90 % begins at an "
    "end of the range of the prior",
    "log_likelihood": "ln of the probability of the bin; of correlated bins given those before it; "
    "of templates with errors at their best values",
    "p_values": "probability that replicated data have at least the deviance of the observed ones, "
    "at the same draw",
    "nuisance parameters": FIT_CONVENTIONS["nuisance parameters"],
}


def provenance(likelihood: Likelihood, analysis: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Versions, device and data behind a result, and what the caller knows of its origin.

    Args:
        likelihood: What was evaluated.
        analysis: What the caller knows: config, overrides, data set.
    """
    import jax

    packages = ("cevns-jax", "jax", "jaxlib", "numpy", "optax")
    return {
        "data_set": next((e.data for e in likelihood.experiments), "observed"),
        **(analysis or {}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in packages}
        | {"python": platform.python_version()},
        "device": jax.devices()[0].device_kind,
        "data": {e.name: e.citation for e in likelihood.experiments},
    }


def about(
    likelihood: Likelihood,
    analysis: Mapping[str, Any] | None = None,
    scanned: Mapping[str, str] | None = None,
    chosen_here: Mapping[str, str] = FIT_CONVENTIONS,
) -> dict[str, Any]:
    """Attributes that every result of a likelihood has: experiments, parameters, held values,
    conventions and provenance.

    Args:
        likelihood: What was evaluated.
        analysis: As :func:`provenance`.
        scanned: Parameters that do not vary freely, such as those on axes -> how they are treated,
            in words.
        chosen_here: Conventions of the numbers of the result, beside those of the likelihood.
    """
    from cevns_jax.conventions import conventions

    scanned = scanned or {}
    declared = likelihood.parameters
    chosen = conventions(likelihood)
    for name in scanned.keys() & chosen["parameters"].keys():
        _, *prior = chosen["parameters"][name].partition(", prior")
        chosen["parameters"][name] = scanned[name] + "".join(prior)
    mentioned = dict.fromkeys((*scanned, *likelihood.names, *_theory(likelihood)))
    return {
        "experiments": [e.name for e in likelihood.experiments],
        "titles": {e.name: e.title for e in likelihood.experiments},
        "counted": {e.name: e.about.counted for e in likelihood.experiments},
        "n_bins": likelihood.n_bins,
        "as_released": all(e.about.as_released for e in likelihood.experiments),
        "notes": [f"{e.name}: {text}" for e in likelihood.experiments for text in e.about.notes],
        "labels": {name: declared[name].label for name in mentioned},
        "units": {name: declared[name].unit for name in mentioned},
        "held": held(likelihood, scanned),
        **minimised(likelihood, scanned),
        "conventions": {**chosen_here, **chosen},
        "provenance": provenance(likelihood, analysis),
    }


def minimised(likelihood: Likelihood, scanned: Collection[str] = ()) -> dict[str, Any]:
    """The parameters that are minimised.

    ``free`` maps each physics parameter to mean and width of its prior, or to ``None`` if it has
    none; ``priors`` maps those with a prior that is not Gaussian to its text; ``n_nuisances`` is
    the number of all others, but for those of backgrounds, ``n_background_parameters``, which are
    no pulls of nuisances.

    Args:
        likelihood: What was evaluated.
        scanned: Parameters that do not vary freely.
    """
    nuisances = {name for name, p in likelihood.parameters.items() if p.varies}
    names = [name for name in likelihood.names if name not in scanned]
    free: dict[str, list[float] | None] = {}
    priors: dict[str, str] = {}
    for name in names:
        if name not in nuisances:
            prior = likelihood.parameters[name].prior
            known = [float(prior.mean), width_of(prior)]
            free[name] = known if prior.constrains else None
            if not (isinstance(prior, Gaussian) or prior.text == "flat"):
                priors[name] = prior.text
    background = _of_backgrounds(likelihood).difference(free).intersection(names)
    return {
        "free": free,
        "priors": priors,
        "n_nuisances": len(names) - len(free) - len(background),
        "n_background_parameters": len(background),
    }


def _of_backgrounds(likelihood: Likelihood) -> set[str]:
    """Names of the parameters of components without neutrinos."""
    parts = [part for e in likelihood.experiments for part in e.parts.values()]
    return {p.name for part in parts if not part.scatters for p in part.parameters}


def held(likelihood: Likelihood, scanned: Collection[str] = ()) -> dict[str, float]:
    """Values of the parameters of the interaction that neither vary nor stand on an axis, and of
    all parameters that are held explicitly. A zero, as of a coupling that is not used, is left out
    unless it is held explicitly.

    Args:
        likelihood: What was evaluated.
        scanned: Parameters that stand on axes.
    """
    moving = {*likelihood.names, *scanned}
    values = {n: float(likelihood.parameters[n].start) for n in _theory(likelihood)}
    values |= {n: float(value) for n, value in likelihood.held.items()}
    there = {*(n for n, value in values.items() if value), *likelihood.held}
    return {name: value for name, value in values.items() if name in there - moving}


def _theory(likelihood: Likelihood) -> list[str]:
    """Names of the parameters of the interaction, and of all that are held."""
    return [*(p.name for p in likelihood.interaction.parameters), *likelihood.held]
