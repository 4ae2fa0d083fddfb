"""Remarks on what a grid cuts off: a best fit at its edge or outside it, contours that leave it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cevns_jax.inference.profile import Profile
from cevns_jax.inference.scan import Scan


def profile_remarks(profile: Profile) -> list[str]:
    """A sentence if the best fit is not inside the grid; else none."""
    name, grid = profile.parameter, profile.grid
    declared = profile.best.likelihood.parameters[name]
    return _best_fit(name, profile.best.values[name], grid, (declared.lower, declared.upper))


def scan_remarks(scan: Scan, levels: Sequence[float]) -> list[str]:
    """A sentence for each axis at whose edge the lowest chi^2 is, and one for contours of two
    parameters that leave the grid."""
    declared = scan.likelihood.parameters
    remarks = []
    for name, grid in scan.grids.items():
        domain = (declared[name].lower, declared[name].upper)
        remarks += _best_fit(name, scan.best.values[name], grid, domain)
    return remarks + (_leaving(scan, levels) if len(scan.grids) == 2 else [])


# A grid whose end is that of the domain cuts nothing off, and so neither function mentions it.


def _best_fit(name: str, value: float, grid: np.ndarray, domain: tuple[float, float]) -> list[str]:
    if value < grid[0] or value > grid[-1]:
        return [f"the best fit, {name} = {value:.4g}, lies outside the grid"]
    if value in (grid[0], grid[-1]) and value not in domain:
        return [f"the lowest chi^2 on the grid is at its end, {name} = {value:.4g}"]
    return []


def _leaving(scan: Scan, levels: Sequence[float]) -> list[str]:
    """A sentence for each level whose region reaches an end of the grid that is not an end of the
    domain."""
    delta = np.where(scan.converged, scan.delta_chi2, np.inf)
    ends: dict[float, list[str]] = {}
    for axis, (name, grid) in enumerate(scan.grids.items()):
        declared = scan.likelihood.parameters[name]
        for row, bound in ((0, declared.lower), (-1, declared.upper)):
            edge = np.take(delta, row, axis=axis)
            for level in levels:
                if grid[row] != bound and (edge < level).any():
                    ends.setdefault(level, []).append(f"{name} = {grid[row]:.4g}")
    return [
        f"the region of Delta chi^2 < {level:g} leaves the grid at {', '.join(places)}"
        for level, places in ends.items()
    ]
