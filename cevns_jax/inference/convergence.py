"""Whether the draws of a posterior can be trusted, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.inference.diagnostics import HIGHEST_R_HAT, LEAST_PER_CHAIN, Mixing

if TYPE_CHECKING:
    from cevns_jax.inference.sample import Posterior

# chi^2 above the highest mode up to which a mode counts as a valley of its own: at 14 one of the
# same width holds a thousandth of the posterior.
OTHER_VALLEYS = 14.0
# Error of a mean, in standard deviations, that independent runs may leave: as that of chains with
# LEAST_PER_CHAIN effective draws each.
MOST_SCATTER = LEAST_PER_CHAIN**-0.5


def verdict(posterior: Posterior, mixing: Mixing, diagnostics: dict[str, Any]) -> tuple[bool, str]:
    """Whether a run converged, and one sentence about it.

    Args:
        posterior: The run.
        mixing: Of its parameters.
        diagnostics: As :func:`cevns_jax.inference.diagnostics.energy_diagnostics` says.
    """
    nuts = posterior.method == "nuts"
    wrong = _of_chains(posterior, mixing, diagnostics) if nuts else _of_runs(posterior, mixing)
    if wrong:
        return False, "not converged: " + ", and ".join(wrong)
    if nuts:
        lowest = min(np.min(mixing.ess_bulk), np.min(mixing.ess_tail))
        return True, (
            f"R-hat {np.max(mixing.r_hat):.3f} or less, {lowest:.0f} effective draws or more, no "
            "divergence"
        )
    return True, f"{len(posterior.x)} runs agree"


def several_valleys(posterior: Posterior) -> bool:
    """Whether the posterior has several valleys, which chains of NUTS cannot weigh."""
    return len([mode for mode in posterior.modes if mode.delta_chi2 < OTHER_VALLEYS]) > 1


def _of_chains(posterior: Posterior, mixing: Mixing, diagnostics: dict[str, Any]) -> list[str]:
    """What is wrong with chains of NUTS."""
    names, wrong = posterior.names, []
    if several_valleys(posterior):
        wrong.append(
            "the posterior has several valleys, between which chains of NUTS do not move: sample "
            'it with the method "tempered"'
        )
    # Not a number, as of a chain that never moved, is wrong too.
    if not (mixing.r_hat <= HIGHEST_R_HAT).all():
        name, value = _worst(names, mixing.r_hat, np.nanargmax)
        wrong.append(f"R-hat of {name} is {value:.3f}, above {HIGHEST_R_HAT}")
    least = LEAST_PER_CHAIN * len(posterior.x)
    for what, ess in (("bulk", mixing.ess_bulk), ("tail", mixing.ess_tail)):
        if not (ess >= least).all():
            name, value = _worst(names, ess, np.nanargmin)
            wrong.append(f"the {what} ESS of {name} is {value:.0f}, below {least}")
    if count := diagnostics["divergences"]:
        plural = "s" if count > 1 else ""
        wrong.append(f"{count} divergence{plural} with the smaller step too")
    return wrong


def _of_runs(posterior: Posterior, mixing: Mixing) -> list[str]:
    """What is wrong with independent runs of tempered Monte Carlo."""
    share = mixing.mcse / posterior.x.std(axis=(0, 1))
    if (share <= MOST_SCATTER).all():
        return []
    if not np.isfinite(share).any():
        return ["a single run does not tell its error"]
    name, value = _worst(posterior.names, share, np.nanargmax)
    return [
        f"the runs differ: the mean of {name} is known to {value:.2f} of its standard deviation, "
        f"more than {MOST_SCATTER:.1f}"
    ]


def _worst(names: tuple[str, ...], values: np.ndarray, pick: Any) -> tuple[str, float]:
    if not np.isfinite(values).any():
        return names[0], float("nan")
    place = int(pick(values))
    return names[place], float(values[place])
