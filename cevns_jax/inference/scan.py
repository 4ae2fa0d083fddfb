"""Scans: chi^2 on a grid of any dimension, everything else minimised at each point.

A scan runs in blocks. An interrupted scan continues from the finished blocks that were kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.batches import Progress, minimise_all
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.checks import check_data, checked_grid, checked_starts
from cevns_jax.inference.grids import affecting, minimise_grid
from cevns_jax.inference.intervals import Curve, Interval, intervals
from cevns_jax.inference.levels import LEVELS
from cevns_jax.inference.lowest import Points, lowest_near
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import neighbours_of
from cevns_jax.inference.refine import Bands, Between, between, narrow_bands
from cevns_jax.likelihood import Likelihood, predictions
from cevns_jax.summary import Summarised, Summary

# Local minima of the grid, lowest first, from which the best fit is searched. Found by trial: a
# grid cuts a narrow band into beads, each a local minimum, and the lowest bead need not lie beside
# the lowest point; more starts cost time in every scan.
LOWEST = 8


class Best(NamedTuple):
    """Where chi^2 is lowest: values of all varying and scanned parameters, and chi^2 there."""

    values: dict[str, float]
    chi2: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Scan(Summarised):
    """A scan over k parameters; n parameters minimised at each point.

    Attributes:
        grids: Parameter -> its values, ascending, shape (P_i,).
        minima: Minima at all points, with a leading axis of P_1 ... P_k, the last one fastest.
        valleys: Number of minima found at each point, shape (P_1, ..., P_k).
        names: The minimised parameters.
        best: The lowest chi^2, at a point of the grid or between them.
        likelihood: What was scanned.
        between: For two parameters: bottoms and edges of bands that are narrower than the grid.
    """

    grids: dict[str, np.ndarray]
    minima: Minimum
    valleys: np.ndarray
    names: tuple[str, ...]
    best: Best
    likelihood: Likelihood
    between: Between | None = None

    def summary(self) -> Summary:
        """What was found, in words and tables."""
        from cevns_jax.results.scan import scan_result

        return scan_result(self, LEVELS.get(len(self.grids), ())).summary()

    @property
    def best_chi2(self) -> float:
        """The lowest chi^2, from which Delta chi^2 counts."""
        return self.best.chi2

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(len(grid) for grid in self.grids.values())

    @property
    def chi2(self) -> np.ndarray:
        """Minimum of chi^2, shape (P_1, ..., P_k); infinite where a point is excluded."""
        return np.asarray(self.minima.chi2).reshape(self.shape)

    @property
    def converged(self) -> np.ndarray:
        """Whether the minimisation converged, same shape."""
        return np.asarray(self.minima.converged).reshape(self.shape)

    @property
    def edm(self) -> np.ndarray:
        """Expected distance to the minimum, in units of chi^2, same shape."""
        return np.asarray(self.minima.edm).reshape(self.shape)

    @property
    def x(self) -> np.ndarray:
        """Values of the minimised parameters, shape (P_1, ..., P_k, n)."""
        return np.asarray(self.minima.x).reshape(*self.shape, len(self.names))

    @property
    def excluded(self) -> np.ndarray:
        """Points at which counts are impossible whatever the other parameters, same shape,
        boolean."""
        return self.converged & np.isinf(self.chi2)

    def affecting(self, highest: float) -> np.ndarray:
        """Points that did not converge and on which ranges or contours may depend, same shape,
        boolean.

        Args:
            highest: Highest level of Delta chi^2 that is reported.
        """
        return affecting(self.minima, self.shape, self.best.chi2, highest).reshape(self.shape)

    @property
    def delta_chi2(self) -> np.ndarray:
        """chi^2 above its lowest value."""
        return self.chi2 - self.best_chi2

    def intervals(self, levels: Sequence[float]) -> list[list[Interval]]:
        """For a scan of one parameter, the ranges where Delta chi^2 is below each of some levels,
        as :meth:`cevns_jax.inference.profile.Profile.intervals`.

        Raises:
            ConfigError: a scan of several parameters, which has contours.
        """
        if len(self.grids) != 1:
            raise ConfigError(
                f"scan of {', '.join(self.grids)}: ranges are those of one parameter; several have "
                "contours of delta_chi2"
            )
        ((name, grid),) = self.grids.items()
        curve = Curve(grid, self.minima)
        return intervals(self.likelihood, name, curve, self.best.chi2, levels)

    def allowed(self, delta_chi2: float) -> list[tuple[float, float]]:
        """For a scan of one parameter, the ranges [low, high] where Delta chi^2 is below a level,
        as :meth:`cevns_jax.inference.profile.Profile.allowed`.

        Raises:
            ConfigError: as :meth:`intervals`.
        """
        (found,) = self.intervals([delta_chi2])
        return [(interval.low, interval.high) for interval in found]


def scan(
    likelihood: Likelihood,
    grids: Mapping[str, np.ndarray],
    *,
    levels: Sequence[float] = LEVELS[2],
    starts: Sequence[Mapping[str, float]] = ({},),
    progress: Progress = iter,
    blocks: Blocks | None = None,
) -> Scan:
    """Scan parameters on a grid.

    Args:
        likelihood: What to scan. The parameters may be free in it or not.
        grids: Parameter -> its values, ascending.
        levels: For two parameters: Delta chi^2 at which the edges of bands are searched between the
            points, where the grid is too coarse for them.
        starts: Values of minimised parameters near which valleys are searched as well; parameters
            that are left out start where declared.
        progress: Wraps the iterable of blocks.
        blocks: Where finished blocks are kept; those found there are not computed again. To be
            removed by the caller, once the result is on disk.

    Raises:
        ConfigError: no or an unknown parameter, a grid or start that cannot be used, an experiment
            without data, predictions that are not finite, counts that are impossible everywhere on
            the grid, or blocks that cannot be written.
    """
    stop_if_forked()
    if not grids:
        raise ConfigError("scan: name one parameter at least")
    grids = {name: checked_grid("scan", likelihood, name, values) for name, values in grids.items()}
    check_data("scan", likelihood)
    for name in grids:
        likelihood = likelihood.freed(name)
    rest = tuple(name for name in likelihood.names if name not in grids)
    known = checked_starts("scan", likelihood, starts)
    known = known[:, [likelihood.names.index(name) for name in rest]]
    found = minimise_grid(
        likelihood,
        grids,
        known=known,
        progress=progress,
        blocks=blocks,
    )
    if not np.isfinite(found.minima.chi2).any():
        if blocks is not None:  # they hold nothing that a scan could continue from
            blocks.remove()
        raise _nothing_finite(likelihood, grids, found.minima)
    problem = (likelihood, grids, found.minima)
    bands = narrow_bands(*problem, levels) if _is_plane(grids) else None
    best = _best(*problem, rest, bands)
    return Scan(
        grids=dict(grids),
        minima=found.minima,
        valleys=found.valleys.reshape([len(grid) for grid in grids.values()]),
        names=rest,
        best=best,
        likelihood=likelihood,
        between=None if bands is None else between(*problem, bands, best.chi2, levels),
    )


def _nothing_finite(
    likelihood: Likelihood, grids: Mapping[str, np.ndarray], minima: Minimum
) -> ConfigError:
    """The error of a scan without any finite chi^2.

    Raises:
        ConfigError: predictions that are not finite; it says of which experiment and component.
    """
    # Refuses counts that are not finite.
    predictions(likelihood, {name: float(values[0]) for name, values in grids.items()})
    failed = int(np.sum(~minima.converged))
    impossible = "some bins with counts expect none whatever the other parameters"
    return ConfigError(
        "scan: chi^2 is infinite or not a number at every point of the grid; "
        + (f"{failed} did not converge" if failed else impossible)
    )


def _is_plane(grids: Mapping[str, np.ndarray]) -> bool:
    """Whether a grid has contours: two parameters, of more than one value each."""
    return len(grids) == 2 and min(map(len, grids.values())) > 1


def _best(
    likelihood: Likelihood,
    grids: Mapping[str, np.ndarray],
    result: Minimum,
    rest: tuple[str, ...],
    bands: Bands | None,
) -> Best:
    """The lowest chi^2 on the grid and between its points, searched from the lowest local minima of
    the grid and from the lowest bottom of its narrow bands.

    A direction in which chi^2 is flat, as at zero coupling or where a rate has its minimum, is no
    obstacle, because points are compared by chi^2 alone.
    """
    shape = tuple(len(grid) for grid in grids.values())
    chi2 = np.where(result.converged, result.chi2, np.inf)
    around = chi2[neighbours_of(shape)]
    local = np.flatnonzero((chi2[:, None] <= around).all(axis=1))
    rows = local[np.argsort(chi2[local], kind="stable")][:LOWEST]
    rows = rows[np.isfinite(chi2[rows])]
    if not rows.size:  # no point converged
        return Best(dict.fromkeys(likelihood.names, float("nan")), float("nan"))
    index = np.unravel_index(rows, shape)
    values = np.stack([grid[i] for grid, i in zip(grids.values(), index, strict=True)], axis=1)
    points = Points(values, np.asarray(result.x)[rows], chi2[rows])
    if bands is None:
        found = _freely(likelihood, grids, rest, points)
    else:
        steep = _steeper_axis(chi2.reshape(shape), index)
        bottom = bands.lowest(grids)
        if bottom is not None:
            at, minimum = bottom
            new = (np.array(at)[None], minimum.x[None], np.atleast_1d(minimum.chi2))
            points = Points(*(np.concatenate(pair) for pair in zip(points, new, strict=True)))
            steep = np.append(steep, 1)  # bands are narrow along the second parameter
        found = lowest_near(likelihood, grids, points, steep)
    lowest = int(np.argmin(found.chi2))
    of_all = dict(zip((*grids, *rest), (*found.values[lowest], *found.x[lowest]), strict=True))
    named = {name: float(of_all[name]) for name in likelihood.names}
    return Best(named, float(found.chi2[lowest]))


def _steeper_axis(chi2: np.ndarray, index: tuple[np.ndarray, ...]) -> np.ndarray:
    """Number of the axis of a plane along which chi^2 rises more beside each of some points, shape
    (S,); for a point at an edge of the plane, the axis along that edge."""
    padded = np.pad(chi2, 1, mode="edge")
    i, j = (np.asarray(part) + 1 for part in index)
    along_first = np.maximum(padded[i - 1, j], padded[i + 1, j])
    along_second = np.maximum(padded[i, j - 1], padded[i, j + 1])
    steeper = along_second >= along_first
    first, second = (np.isin(k, (1, n)) for k, n in zip((i, j), chi2.shape, strict=True))
    along: np.ndarray = np.where(first, True, np.where(second, False, steeper)).astype(int)
    return along


def _freely(
    likelihood: Likelihood,
    grids: Mapping[str, np.ndarray],
    rest: tuple[str, ...],
    points: Points,
) -> Points:
    """The points that minimisations from some points lead to, with all parameters free inside the
    range of the grid; a point itself where its minimisation does not get lower."""
    inside = {
        name: dataclasses.replace(
            likelihood.parameters[name],
            start=float(grid[0]),
            lower=float(grid[0]),
            upper=float(grid[-1]),
        )
        for name, grid in grids.items()
    }
    columns = dict(zip((*grids, *rest), np.hstack([points.values, points.x]).T, strict=True))
    starts = np.stack([columns[name] for name in likelihood.names], axis=1)
    # Second derivatives would take as long to compile as the scan itself; where they are needed
    # the points of the grid, minimised with them, are there to compare with.
    ends = minimise_all(likelihood.declared(inside), starts, firmly=False)
    chi2 = np.nan_to_num(ends.chi2, nan=np.inf)
    found = dict(zip(likelihood.names, np.asarray(ends.x).T, strict=True))
    # Without other parameters there is nothing to stack, and x is not used below.
    values, x = (np.stack([found[n] for n in names], axis=1) for names in (grids, rest or grids))
    lower = chi2 < points.chi2
    return Points(
        np.where(lower[:, None], values, points.values),
        np.where(lower[:, None], x, points.x) if rest else points.x,
        np.where(lower, chi2, points.chi2),
    )
