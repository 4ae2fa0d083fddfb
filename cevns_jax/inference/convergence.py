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
    still = [n for n, r_hat in zip(names, mixing.r_hat, strict=True) if np.isnan(r_hat)]
    if still:
        wrong.append(f"all draws of {still[0]} are the same")
    elif (mixing.r_hat > HIGHEST_R_HAT).any():
        worst = int(np.argmax(mixing.r_hat))
        wrong.append(f"R-hat of {names[worst]} is {mixing.r_hat[worst]:.3f}, above {HIGHEST_R_HAT}")
    least = LEAST_PER_CHAIN * len(posterior.x)
    for what, ess in (("bulk", mixing.ess_bulk), ("tail", mixing.ess_tail)):
        if (ess < least).any():
            worst = int(np.argmin(ess))
            wrong.append(f"the {what} ESS of {names[worst]} is {ess[worst]:.0f}, below {least}")
    if count := diagnostics["divergences"]:
        plural = "s" if count > 1 else ""
        wrong.append(f"{count} divergence{plural} with the smaller step too")
    return wrong


def _of_runs(posterior: Posterior, mixing: Mixing) -> list[str]:
    """What is wrong with independent runs of tempered Monte Carlo."""
    if len(posterior.x) < 2:
        return ["a single run does not tell its error"]
    most = MOST_SCATTER * posterior.x.std(axis=(0, 1))
    excess = mixing.mcse - most
    if (excess <= 0).all():
        return []
    worst = int(np.argmax(excess / np.where(most > 0, most, 1.0)))
    return [
        f"the runs differ: the mean of {posterior.names[worst]} is known to "
        f"{MOST_SCATTER * mixing.mcse[worst] / most[worst]:.2f} of its standard deviation, more "
        f"than {MOST_SCATTER:.1f}"
    ]
