"""Credible intervals of draws."""

from __future__ import annotations

import math

import numpy as np

from cevns_jax.inference.levels import LIMIT, SIGMAS

ONE_SIGMA, NINETY = SIGMAS[0], LIMIT
# Share of the draws that may lie between an end of the range and an interval that reaches it: where
# the density hardly changes, the shortest interval of draws begins a little inside.
BEYOND = 0.01
# Density beyond a limit, in that within it, up to which draws are said to pile up at the other end.
# It is 1 of draws that are flat over the range, in which no end is better than the other.
FLAT = 0.5


def shortest(x: np.ndarray, probability: float) -> np.ndarray:
    """The shortest interval that holds a share of draws, shape (2, n), of draws (N, n)."""
    from numpyro.diagnostics import hpdi

    return np.asarray(hpdi(x, probability))


def equal_tailed(x: np.ndarray, probability: float) -> np.ndarray:
    """The interval with equal shares of draws on both sides, shape (2, n), of draws (N, n)."""
    return np.quantile(x, [(1 - probability) / 2, (1 + probability) / 2], axis=0)


def one_sided(x: np.ndarray, lower: float, upper: float) -> tuple[float | None, float | None]:
    """Lower and upper limit of a parameter at 90 % credible, where one says it all.

    There is an upper limit if the shortest interval with 90 % of the draws begins where the range
    begins: the density is highest there, or falls so little towards it that the end cannot be told
    from the values that are preferred. So a coupling of which nothing is seen has an upper limit,
    and one that is measured has none. Where draws are spread over the whole range, none of its ends
    is preferred.

    Args:
        x: Draws of one parameter, shape (N,).
        lower, upper: Ends of the range of its prior, infinite where there is none.
    """
    low, high = shortest(x[:, None], NINETY)[:, 0]
    least = (1 - NINETY) * (high - low) / (NINETY * FLAT)  # as wide must be what lies beyond
    at_lower = math.isfinite(lower) and np.mean(x < low) < BEYOND and upper - high > least
    at_upper = math.isfinite(upper) and np.mean(x > high) < BEYOND and low - lower > least
    return (
        float(np.quantile(x, 1 - NINETY)) if at_upper and not at_lower else None,
        float(np.quantile(x, NINETY)) if at_lower and not at_upper else None,
    )
