"""Densities of draws on grids, smooth up to the ends of the range that the draws can have.

Draws are counted in bins and smoothed by a Gaussian kernel, of which no part is across an end: a
straight line is fitted locally in place of a constant, and where that is negative the factor of
Jones and Foster (Stat. Sinica 6 (1996) 1005) keeps the density positive. Inside it is the usual
estimate.

The width of the kernel is that for a normal distribution (Silverman 1986, section 4.3) or a part of
it, as several valleys or bands need: the largest whose density describes chains that did not make
it as well as the best one does, within two standard errors. (The rule of one, Breiman et al. 1984,
section 3.4.3, is wrong too often with few chains.)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

BINS = {1: 512, 2: 128}  # on each axis, by the number of axes
# Widths that are tried, in units of that for a normal distribution. On two axes they start above
# it: a wider kernel leaves the regions of a normal distribution as they are, with smoother edges.
PARTS = {1: np.geomspace(1.0, 0.01, 14), 2: np.geomspace(1.5, 0.015, 14)}
PATIENCE = 3  # parts that describe the draws worse, after which smaller ones are not tried
ERRORS = 2.0  # standard errors by which the score of a width may be above the lowest
REACH = 5.0  # of the kernel, in widths, beyond which it is nothing
FOLDS = 5  # most groups of chains that are left out in turn; groups of draws of a single chain

Ends = tuple[float, float]
"""Lower and upper end of the values that are possible; infinite where there is none."""


class Density(NamedTuple):
    """A density on a grid of one or two axes.

    Attributes:
        grids: Places on each axis, ascending: middles of bins, and ends of the range.
        height: The density there, shape (len(grid), ...); its integral is one.
    """

    grids: tuple[np.ndarray, ...]
    height: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """The density at some places, shape (N,), interpolated linearly; zero outside.

        Args:
            points: Shape (N, axes).
        """
        from scipy.interpolate import RegularGridInterpolator

        if len(self.grids) == 1:
            return np.interp(points[:, 0], self.grids[0], self.height, left=0.0, right=0.0)
        interpolated = RegularGridInterpolator(
            self.grids, self.height, bounds_error=False, fill_value=0.0
        )
        return np.asarray(interpolated(points))

    def levels(self, points: np.ndarray, shares: Sequence[float]) -> list[float]:
        """For each share of some draws the height above which it lies: that of the edge of the
        region of the highest density.

        Args:
            points: The draws, shape (N, axes).
            shares: From 0 to 1.
        """
        return np.quantile(self.at(points), [1 - share for share in shares]).tolist()


def density_of(
    points: np.ndarray, ends: Sequence[Ends], independent: float | None = None
) -> Density:
    """The density of draws of one or two parameters.

    Args:
        points: Draws of each chain, shape (chains, draws, axes).
        ends: Of each axis; no draw is across.
        independent: Number of independent draws that these are worth; default: all.
    """
    flat = points.reshape(-1, points.shape[-1])
    axes = flat.shape[-1]
    number = len(flat) if independent is None else float(np.clip(independent, 2, len(flat)))
    covariance = _covariance(flat)
    margin = REACH * _factor(number, axes) * np.sqrt(np.diag(covariance))
    edges = [
        np.linspace(max(x.min() - m, low), min(x.max() + m, high), BINS[axes] + 1)
        for x, m, (low, high) in zip(flat.T, margin, ends, strict=True)
    ]
    chains = points if len(points) > 1 else np.array_split(points[0], min(FOLDS, len(flat)))
    groups = [np.concatenate(chains[i::FOLDS]) for i in range(min(len(chains), FOLDS))]
    counts = np.stack([np.histogramdd(group, edges)[0] for group in groups])
    steps = np.array([edge[1] - edge[0] for edge in edges])
    kernel = _kernel(counts, covariance / np.outer(steps, steps), number)
    (height,) = _smooth(counts.sum(axis=0)[None], _part(counts, kernel) ** 2 * kernel)
    grids = tuple(np.concatenate([e[:1], (e[1:] + e[:-1]) / 2, e[-1:]]) for e in edges)
    height = np.pad(height, 1, mode="edge")
    return Density(grids, height / _integral(grids, height))


def _factor(number: float, axes: int) -> float:
    """Width of the best kernel for a normal distribution, in standard deviations (Silverman 1986,
    equation 4.14)."""
    return float((4 / ((axes + 2) * number)) ** (1 / (axes + 4)))


def _kernel(counts: np.ndarray, covariance: np.ndarray, number: float) -> np.ndarray:
    """Covariance of the widest kernel to try, in bins.

    On two axes each axis is as wide as its marginal needs. The less that is of the width for a
    normal distribution, the less the correlation of all draws is that of a valley: it is reduced.

    Args:
        counts: Of each group of chains, shape (groups, ...).
        covariance: Of all draws, in bins.
        number: Of independent draws.
    """
    axes = counts.ndim - 1
    kernel = _factor(number, axes) ** 2 * covariance
    if axes == 1:
        return kernel
    one = _factor(number, 1) ** 2 * np.diag(covariance)
    across, up = (_part(counts.sum(axis=2 - i), one[i : i + 1, None]) for i in range(2))
    shared = across * up
    return kernel * np.array([[across**2, shared**2], [shared**2, up**2]])


def _covariance(flat: np.ndarray) -> np.ndarray:
    """Covariance of draws; something small of draws that are all alike."""
    found = np.cov(flat, rowvar=False).reshape(flat.shape[-1], -1)
    largest = np.abs(flat).max(axis=0)
    least = 1e-9 * np.where(largest > 0, largest, 1.0)
    return np.asarray(found + np.diag(least**2))


def _part(counts: np.ndarray, kernel: np.ndarray) -> float:
    """The part of the width of the kernel to use.

    Args:
        counts: Of each group of chains, shape (groups, ...).
        kernel: Covariance of the widest kernel, in bins.
    """
    others = counts.sum(axis=0) - counts
    axes = tuple(range(1, counts.ndim))
    scores: list[np.ndarray] = []
    means: list[float] = []
    for part in PARTS[len(axes)]:
        made = _smooth(others, part**2 * kernel)
        made /= made.sum(axis=axes, keepdims=True)
        # The integrated squared error but for a constant: that of f^2, less twice the mean of f
        # over the draws that did not make it.
        seen = (made * counts).sum(axis=axes) / counts.sum(axis=axes)
        scores.append((made**2).sum(axis=axes) - 2 * seen)
        means.append(float(scores[-1].mean()))
        if len(means) > int(np.argmin(means)) + PATIENCE:
            break
    best = scores[int(np.argmin(means))]
    for part, score in zip(PARTS[len(axes)], scores, strict=False):
        worse = score - best
        if worse.mean() <= ERRORS * worse.std(ddof=1) / np.sqrt(len(worse)):
            return float(part)
    raise AssertionError("the best one is no worse than itself")


def _smooth(counts: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Counts smoothed inside the box of their bins by local lines, see above.

    Args:
        counts: Some of them, each on one or two axes, shape (some, ...).
        kernel: Covariance of the Gaussian kernel, in bins, shape (axes, axes).
    """
    from scipy.fft import irfftn, next_fast_len, rfftn

    shape, axes = counts.shape[1:], counts.ndim - 1
    last = tuple(range(-axes, 0))
    more = np.ceil(REACH * np.sqrt(np.diag(kernel))).astype(int)
    whole = tuple(next_fast_len(int(n + m), real=True) for n, m in zip(shape, more, strict=True))
    waves = [2 * np.pi * np.fft.fftfreq(n) for n in whole[:-1]]
    waves.append(2 * np.pi * np.fft.rfftfreq(whole[-1]))
    k = np.stack(np.meshgrid(*waves, indexing="ij"))
    pushed = np.tensordot(kernel, k, axes=1)
    gauss = np.exp(-(k * pushed).sum(axis=0) / 2)
    inside: Any = (..., *(slice(n) for n in shape))

    def convolved(transformed: np.ndarray, factor: np.ndarray | float = 1.0) -> np.ndarray:
        return np.asarray(irfftn(transformed * gauss * factor, whole, axes=last))[inside]

    data, box = rfftn(counts, whole, axes=last), rfftn(np.ones(shape), whole)
    # Moments of the distances, weighted by the kernel: to the draws, and to all places of the box.
    zeroth, mass = np.maximum(convolved(data), 0.0), convolved(box)
    first = np.stack([convolved(data, 1j * p) for p in pushed], axis=-1)
    lever = np.stack([convolved(box, 1j * p) for p in pushed], axis=-1)
    spread = np.empty((*shape, axes, axes))
    for i, j in itertools.product(range(axes), repeat=2):
        spread[..., i, j] = convolved(box, kernel[i, j] - pushed[i] * pushed[j])
    spread += 1e-9 * np.trace(kernel) * np.eye(axes)  # a kernel within one bin has none
    arm = np.linalg.solve(spread, lever[..., None])[..., 0]
    line = zeroth - (arm * first).sum(axis=-1)
    line /= np.maximum(mass - (arm * lever).sum(axis=-1), 1e-6)
    constant = zeroth / mass
    known = constant > 1e-9 * constant.max(axis=last, keepdims=True)
    ratio = np.divide(line, constant, out=np.ones_like(constant), where=known)
    return np.asarray(np.where(known, constant * np.exp(np.minimum(ratio - 1, 1.0)), 0.0))


def _integral(grids: Sequence[np.ndarray], height: np.ndarray) -> float:
    found = height
    for grid in reversed(grids):
        found = np.trapezoid(found, grid, axis=-1)
    return float(found)
