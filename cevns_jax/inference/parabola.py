"""The parabola through three points of chi^2."""

from __future__ import annotations

import numpy as np


def step_to_vertex(at: np.ndarray, chi2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Way from the middle one of three points to the vertex of the parabola through them, and how
    much lower than there chi^2 is at the vertex.

    Args:
        at: The points, ascending, shape (3, L).
        chi2: chi^2 there, same shape.

    Returns:
        Both, shape (L,) each; NaN where the points make no parabola with a lowest place.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        left, right = at[0] - at[1], at[2] - at[1]
        rise_left, rise_right = (chi2[0] - chi2[1]) / left, (chi2[2] - chi2[1]) / right
        bend = (rise_right - rise_left) / (right - left)
        slope = rise_left - bend * left
        step = -slope / (2 * bend)
        gain = slope**2 / (4 * bend)
    sound = np.isfinite(step) & (bend > 0)
    return np.where(sound, step, np.nan), np.where(sound, gain, np.nan)
