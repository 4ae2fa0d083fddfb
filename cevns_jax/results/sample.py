"""A posterior: its draws, its JSON document and its summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.results import told
from cevns_jax.results.prediction import events_blocks, expected_groups
from cevns_jax.results.provenance import about
from cevns_jax.results.result import Result
from cevns_jax.summary import Block, Summary, number

if TYPE_CHECKING:
    from cevns_jax.inference.predictive import Predicted
    from cevns_jax.inference.sample import Posterior

PARAMETERS_SHOWN = 12  # rows of a short summary


def sample_result(posterior: Posterior, analysis: Mapping[str, Any] | None = None) -> Result:
    """The result of sampling, with all groups of ArviZ and the mean expected counts.

    Args:
        posterior: The posterior.
        analysis: What the caller knows of its origin: config, overrides, data set.
    """
    from cevns_jax.inference.predictive import predicted

    return _result(posterior, analysis, predicted(posterior))


def described(posterior: Posterior) -> Result:
    """The result without what the draws predict, which takes longer than all else: enough for the
    summary that is printed."""
    return _result(posterior, None, None)


def _result(
    posterior: Posterior, analysis: Mapping[str, Any] | None, predicted: Predicted | None
) -> Result:
    from cevns_jax.inference.convergence import verdict
    from cevns_jax.inference.diagnostics import energy_diagnostics, mixing, scatter
    from cevns_jax.results.draws import improper, posterior_groups

    likelihood, names = posterior.likelihood, posterior.names
    nuts = posterior.method == "nuts"
    mixed = mixing(posterior.x) if nuts else scatter(posterior.x)
    told_by_sampler = energy_diagnostics(posterior.statistics) if nuts else {"divergences": 0}
    converged, message = verdict(posterior, mixed, told_by_sampler)
    chains, draws, _ = posterior.x.shape
    attributes = about(likelihood, analysis)
    return Result(
        kind="posterior",
        attributes=attributes
        | {
            "method": posterior.method,
            "seed": posterior.seed,
            "chains": chains,
            "draws": draws,
            "retried": posterior.retried,
            "parameters": _parameters(posterior, mixed._asdict()),
            "diagnostics": told_by_sampler,
            "modes": [
                {
                    "weight": mode.weight,
                    "weight_error": mode.weight_error,
                    "delta_chi2": mode.delta_chi2,
                    "parameters": dict(zip(names, map(float, mode.x), strict=True)),
                }
                for mode in posterior.modes
            ],
            "priors": {name: likelihood.parameters[name].prior.text for name in names},
            "improper": improper(posterior),
            "log_evidence": _log_evidence(posterior),
            **_p_values(predicted),
            "converged": converged,
            "message": message,
        },
        variables={},
        groups={} if predicted is None else _groups(posterior, predicted),
        draws=posterior_groups(posterior, predicted),
    )


def _parameters(posterior: Posterior, mixed: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Moments, intervals, limits and diagnostics of each parameter."""
    from cevns_jax.inference.credible import (
        NINETY,
        ONE_SIGMA,
        equal_tailed,
        highest_density,
        one_sided,
    )

    flat = posterior.x.reshape(-1, len(posterior.names))
    intervals = {
        "hdi_68": highest_density(flat, ONE_SIGMA),
        "hdi_90": highest_density(flat, NINETY),
        "eti_68": equal_tailed(flat, ONE_SIGMA),
        "eti_90": equal_tailed(flat, NINETY),
    }
    numbers = {
        "mean": flat.mean(axis=0),
        "sd": flat.std(axis=0, ddof=1),
        "median": np.median(flat, axis=0),
    }
    found: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(posterior.names):
        prior = posterior.likelihood.parameters[name].prior
        lowest, highest = one_sided(flat[:, i], float(prior.lower), float(prior.upper))
        found[name] = {
            **{key: float(values[i]) for key, values in numbers.items()},
            **{key: [float(end) for end in ends[:, i]] for key, ends in intervals.items()},
            "lower_limit_90": lowest,
            "upper_limit_90": highest,
            **{key: _known(values[i]) for key, values in mixed.items()},
        }
    return found


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _log_evidence(posterior: Posterior) -> dict[str, Any] | None:
    """Mean over the runs, and its error as far as they scatter."""
    if posterior.log_evidence is None:
        return None
    runs = np.asarray(posterior.log_evidence, dtype=float)
    error = runs.std(ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else math.nan
    return {"value": float(runs.mean()), "error": _known(error), "runs": runs.tolist()}


def _p_values(predicted: Predicted | None) -> dict[str, dict[str, float]]:
    """Share of the replicas that are at least as far off as the data, and its Monte Carlo error."""
    from cevns_jax.inference.predictive import p_value

    found = {} if predicted is None else {n: p_value(a) for n, a in predicted.larger.items()}
    return {
        "p_values": {name: p for name, (p, _) in found.items()},
        "p_value_errors": {name: error for name, (_, error) in found.items()},
    }


def _groups(posterior: Posterior, predicted: Predicted) -> dict[str, Any]:
    """Bins, observed counts and the mean of the expected ones, as those of a fit."""
    likelihood = posterior.likelihood
    groups = expected_groups(likelihood, likelihood.values(posterior.x.mean(axis=(0, 1))))
    for name, mean in predicted.mean.items():
        dimensions, _ = groups[name]["expected"]
        groups[name]["expected"] = (dimensions, mean)
    return groups


def sample_document(result: Result) -> dict[str, Any]:
    """The JSON document of a posterior."""
    a = result.attributes
    return {
        "parameters": a["parameters"],
        "divergences": a["diagnostics"]["divergences"],
        **{
            key: a[key]
            for key in (
                *("modes", "converged", "message", "diagnostics", "method", "seed", "chains"),
                *("draws", "retried", "log_evidence", "p_values", "p_value_errors", "priors"),
                *("held", "experiments", "n_bins", "conventions", "provenance"),
            )
        },
    }


def sample_summary(result: Result) -> Summary:
    """Summary of a posterior: the physics parameters first, beside published values; all parameters
    with their intervals; how well they were sampled; and the events."""
    a = result.attributes
    notes = [] if a["converged"] else [f"{a['message']}"]
    notes += told.notes(a, result.groups)
    return Summary(
        title=f"Posterior: {told.title_of(a)}",
        blocks=[
            told.warnings(notes),
            Block(
                title="parameters",
                columns=("name", "mean", "sd", "68 % from", "to", "90 % from", "to", "unit"),
                rows=[_row(a, name) for name in a["parameters"]],
                most=PARAMETERS_SHOWN,
            ),
            Block(rows=[["converged", f"{'yes' if a['converged'] else 'NO'}: {a['message']}"]]),
            *events_blocks(result, "in the mean over the draws"),
            told.conventions_block(a["conventions"]),
        ],
    )


def _row(a: Mapping[str, Any], name: str) -> list[str]:
    found = a["parameters"][name]
    values = [found["mean"], found["sd"], *found["hdi_68"], *found["hdi_90"]]
    return [name, *(number(value, 4) for value in values), a["units"].get(name, "")]
