"""Ranges of one parameter that hold a share of its draws."""

from __future__ import annotations

import numpy as np

from cevns_jax.plotting.densities import Ends

# Ranges of the highest density are told apart where between them the density falls below this part
# of the height of their edges: the noise of some thousand draws stays above it.
VALLEY = 0.7


def shortest(places: np.ndarray, share: float) -> Ends:
    """The shortest interval that holds a share of some places."""
    ordered = np.sort(places)
    held = int(np.ceil(share * len(ordered)))
    widths = ordered[held - 1 :] - ordered[: len(ordered) - held + 1]
    first = int(np.argmin(widths))
    return float(ordered[first]), float(ordered[first + held - 1])


def above(grid: np.ndarray, height: np.ndarray, level: float) -> list[Ends]:
    """Ranges in which a curve is above a level; those that no valley separates are joined."""
    over = np.concatenate([[False], height >= level, [False]])
    starts, stops = (np.flatnonzero(np.diff(over.astype(int)) == step) for step in (1, -1))
    joined: list[list[int]] = []
    for start, stop in zip(starts.tolist(), (stops - 1).tolist(), strict=True):
        if joined and height[joined[-1][1] : start + 1].min() > VALLEY * level:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    return [
        (_crossing(grid, height, level, a, -1), _crossing(grid, height, level, b, 1))
        for a, b in joined
    ]


def _crossing(grid: np.ndarray, height: np.ndarray, level: float, place: int, step: int) -> float:
    """Where a curve falls to a level behind a point of the grid, in the direction of a step."""
    beyond = place + step
    if not 0 <= beyond < len(grid):
        return float(grid[place])
    share = (height[place] - level) / (height[place] - height[beyond])
    return float(grid[place] + share * (grid[beyond] - grid[place]))
