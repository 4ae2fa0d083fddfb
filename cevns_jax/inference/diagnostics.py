"""Whether chains have found the posterior: the diagnostics of ArviZ, for draws as arrays.

R-hat is the rank-normalised one, folded and split, and effective sample sizes are those of the bulk
and of the tails, of Vehtari et al., Bayesian Analysis 16 (2021) 667, arXiv:1903.08008.

ArviZ is imported where it is used: it takes two to three seconds.
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

TAILS = (0.05, 0.95)  # quantiles whose effective sample sizes are those of the tails
HIGHEST_R_HAT = 1.01
LEAST_PER_CHAIN = 100  # effective draws


class Mixing(NamedTuple):
    """How well n parameters were sampled, shape (n,) each.

    Attributes:
        r_hat: Scatter between the chains against that within them; 1 where they agree. NaN where it
            is not known, as of runs that are no chains.
        ess_bulk, ess_tail: How many independent draws would be worth as much for means, and for the
            5 and 95 % quantiles. NaN as above.
        mcse: Monte Carlo standard error of the mean, in the unit of the parameter.
    """

    r_hat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    mcse: np.ndarray


def arviz() -> ModuleType:
    """ArviZ, without the announcement that 0.23 makes when it is imported."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "\nArviZ is undergoing a major refactor", category=FutureWarning
        )
        import arviz
    return arviz


def mixing(x: np.ndarray) -> Mixing:
    """Diagnostics of chains of draws, shape (C, D, n)."""
    az = arviz()
    with np.errstate(invalid="ignore"):  # of draws that are all the same, R-hat is no number
        each = [
            (
                az.rhat(one),
                az.ess(one, method="bulk"),
                az.ess(one, method="tail", prob=TAILS),
                az.mcse(one, method="mean"),
            )
            for one in np.moveaxis(x, -1, 0)
        ]
    return Mixing(*np.array(each, dtype=float).T)


def scatter(x: np.ndarray) -> Mixing:
    """Of independent runs, shape (C, D, n), the error of the mean of all as their means scatter:
    there is nothing else to tell how far particles, which are no chains, are from the posterior."""
    unknown = np.full(x.shape[-1], np.nan)
    means = x.mean(axis=1)
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else unknown
    return Mixing(unknown, unknown, unknown, error)


def energy_diagnostics(statistics: Mapping[str, np.ndarray]) -> dict[str, object]:
    """What the sampler tells of itself.

    Args:
        statistics: Name -> shape (C, D), as of a posterior by NUTS.

    Returns:
        ``divergences``, trajectories whose energy went too far off; ``e_bfmi`` of each chain, the
        fraction of missing information of Betancourt, arXiv:1604.00695, low below 0.3;
        ``acceptance``, the mean probability; mean and largest ``tree_depth``, and the number of
        ``gradients`` of all draws.
    """
    depth = statistics["tree_depth"]
    return {
        "divergences": int(statistics["diverging"].sum()),
        "e_bfmi": [float(e) for e in arviz().bfmi(statistics["energy"])],
        "acceptance": float(statistics["acceptance_rate"].mean()),
        "tree_depth": {"mean": float(depth.mean()), "largest": int(depth.max())},
        "step_size": float(statistics["step_size"].mean()),
        "gradients": int(statistics["n_steps"].sum()),
    }
