"""A posterior: its draws and numbers, and its JSON document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.priors import LogUniform
from cevns_jax.results.prediction import counted_groups
from cevns_jax.results.provenance import POSTERIOR_CONVENTIONS, about
from cevns_jax.results.result import Result

if TYPE_CHECKING:
    from cevns_jax.inference.diagnostics import Mixing
    from cevns_jax.inference.predictive import Predicted
    from cevns_jax.inference.sample import Posterior

PACKAGES = ("numpyro", "blackjax", "arviz")  # whose versions stand beside those of all results


def sample_result(posterior: Posterior, analysis: Mapping[str, Any] | None = None) -> Result:
    """The result of sampling: all groups of ArviZ, and in the groups of the experiments the mean of
    the expected counts over the draws.

    Args:
        posterior: The posterior.
        analysis: What the caller knows of its origin: config, overrides, data set.

    Raises:
        ConfigError: a parameter with the name of a dimension of draws.
    """
    from cevns_jax.inference.predictive import predicted
    from cevns_jax.results.draws import check_names, predicted_groups, prior_draws, sampled_groups

    check_names(posterior)
    # Most of the time goes to compiling programs that know nothing of one another, and to importing
    # ArviZ for the diagnostics.
    with ThreadPoolExecutor() as pool:
        of_prior = pool.submit(prior_draws, posterior)
        of_draws = pool.submit(predicted, posterior)
        attributes = _attributes(posterior, analysis)
        found = of_draws.result()
        prior = {"prior": drawn} if (drawn := of_prior.result()) else {}
    return Result(
        kind="posterior",
        attributes=attributes | _p_values(found),
        variables={},
        groups=counted_groups(posterior.likelihood, found.mean),
        draws=sampled_groups(posterior) | prior | predicted_groups(posterior, found),
    )


def described(posterior: Posterior) -> Result:
    """The result without what the draws predict, which takes longer than all else: enough for the
    summary that is printed."""
    from cevns_jax.results.draws import sampled_groups

    return Result(
        kind="posterior",
        attributes=_attributes(posterior, None),
        variables={},
        draws=sampled_groups(posterior),
    )


def _attributes(posterior: Posterior, analysis: Mapping[str, Any] | None) -> dict[str, Any]:
    """Everything but arrays."""
    from cevns_jax.inference.convergence import verdict
    from cevns_jax.inference.diagnostics import energy_diagnostics, mixing, scatter
    from cevns_jax.results.draws import improper

    likelihood, names = posterior.likelihood, posterior.names
    chains, draws, _ = posterior.x.shape
    nuts = posterior.method == "nuts"
    mixed = mixing(posterior.x) if nuts else scatter(posterior.x)
    diagnostics = energy_diagnostics(posterior.statistics) if nuts else {"divergences": 0}
    converged, message = verdict(posterior, mixed, diagnostics)
    attributes = about(likelihood, analysis, chosen_here=POSTERIOR_CONVENTIONS)
    attributes["provenance"]["versions"] |= {name: version(name) for name in PACKAGES}
    return attributes | {
        "method": posterior.method,
        "seed": posterior.seed,
        "chains": chains,
        "draws": draws,
        "retried": posterior.retried,
        "parameters": _parameters(posterior, mixed),
        "diagnostics": diagnostics,
        "modes": [
            {
                "weight": _known(mode.weight),
                "weight_error": _known(mode.weight_error),
                "delta_chi2": mode.delta_chi2,
                "parameters": dict(zip(names, map(float, mode.x), strict=True)),
            }
            for mode in posterior.modes
        ],
        "priors": {name: likelihood.parameters[name].prior.text for name in names},
        "improper": improper(posterior),
        "log_evidence": _log_evidence(posterior),
        "p_values": {},
        "p_value_errors": {},
        "converged": converged,
        "message": message,
    }


def _parameters(posterior: Posterior, mixed: Mixing) -> dict[str, dict[str, Any]]:
    """Moments, intervals, limits and diagnostics of each parameter."""
    from cevns_jax.inference.credible import NINETY, ONE_SIGMA, equal_tailed, shortest
    from cevns_jax.inference.credible import one_sided as limits_of

    flat = posterior.x.reshape(-1, len(posterior.names))
    priors = [posterior.likelihood.parameters[name].prior for name in posterior.names]
    # What is shortest, and whether an end is preferred, depends on the scale. A prior that is flat
    # in ln x says on which one the parameter is thought of; figures show it on that one too.
    logarithmic = np.array([isinstance(prior, LogUniform) for prior in priors])
    scaled = np.where(logarithmic, np.log(np.where(logarithmic, flat, 1.0)), flat)
    scales = [(np.log, np.exp) if log else (float, float) for log in logarithmic]
    intervals = {
        "hdi_68": _back(shortest(scaled, ONE_SIGMA), logarithmic),
        "hdi_90": _back(shortest(scaled, NINETY), logarithmic),
        "eti_68": equal_tailed(flat, ONE_SIGMA),
        "eti_90": equal_tailed(flat, NINETY),
    }
    moments = {
        "mean": flat.mean(axis=0),
        "sd": flat.std(axis=0, ddof=1),
        "median": np.median(flat, axis=0),
    }
    found: dict[str, dict[str, Any]] = {}
    for i, (name, prior) in enumerate(zip(posterior.names, priors, strict=True)):
        there, back = scales[i]
        ends = there(float(prior.lower)), there(float(prior.upper))
        lower, upper = (
            None if end is None else float(back(end)) for end in limits_of(scaled[:, i], *ends)
        )
        found[name] = {
            **{key: float(values[i]) for key, values in moments.items()},
            **{key: [float(end) for end in pair[:, i]] for key, pair in intervals.items()},
            "lower_limit_90": lower,
            "upper_limit_90": upper,
            **{key: _known(values[i]) for key, values in mixed._asdict().items()},
        }
    return found


def _back(ends: np.ndarray, logarithmic: np.ndarray) -> np.ndarray:
    """Ends of intervals, shape (2, n), from the scales on which they were found."""
    found: np.ndarray = np.where(logarithmic, np.exp(np.where(logarithmic, ends, 0.0)), ends)
    return found


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _log_evidence(posterior: Posterior) -> dict[str, Any] | None:
    """Mean over the runs, and the error that their scatter gives it."""
    if posterior.log_evidence is None:
        return None
    runs = np.asarray(posterior.log_evidence, dtype=float)
    error = runs.std(ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else math.nan
    return {"value": float(runs.mean()), "error": _known(error), "runs": runs.tolist()}


def _p_values(predicted: Predicted) -> dict[str, dict[str, float]]:
    """Share of the replicas that are at least as far off as the data, and its Monte Carlo error."""
    from cevns_jax.inference.predictive import p_value

    found = {name: p_value(larger) for name, larger in predicted.larger.items()}
    return {
        "p_values": {name: p for name, (p, _) in found.items()},
        "p_value_errors": {name: error for name, (_, error) in found.items()},
    }


def sample_document(result: Result) -> dict[str, Any]:
    """The JSON document of a posterior."""
    a = result.attributes
    keys = (
        *("modes", "converged", "message", "diagnostics", "method", "seed", "chains", "draws"),
        *("retried", "log_evidence", "p_values", "p_value_errors", "priors", "held"),
        *("experiments", "n_bins", "conventions", "provenance"),
    )
    return {
        "parameters": a["parameters"],
        "divergences": a["diagnostics"]["divergences"],
        **{key: a[key] for key in keys},
    }
