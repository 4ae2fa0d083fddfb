"""Arrival times: fractions per time bin of a time shape, shifted and weighted by an efficiency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.spline import Spline, spline

PION_LIFETIME = 0.026033  # [us], PDG 2024
MUON_LIFETIME = 2.1969811  # [us], PDG 2024
# Domain of the shift, either way: five standard deviations of the preset of COHERENT CsI, 100 ns.
SHIFT_RANGE_US = 0.5
# Every 10 ns, the binning of the shapes: fractions bend where an edge of the shape passes one of
# the bins. Finer knots would follow these kinks, which the spline is there to smooth.
SHIFT_KNOTS = 101


@dataclass(frozen=True, kw_only=True)
class DecayingEfficiency:
    """Time efficiency 1 up to ``start``, exp(-rate (t - start)) after it.

    Attributes:
        start: [us].
        rate: [1/us].
    """

    start: float
    rate: float

    def __call__(self, time: np.ndarray) -> np.ndarray:
        """Efficiency at times [us]."""
        return np.exp(-self.rate * np.maximum(time - self.start, 0.0))

    def integral(self, time: np.ndarray) -> np.ndarray:
        """Integral of the efficiency from ``start`` to each time [us]."""
        late = np.maximum(time - self.start, 0.0)
        return np.minimum(time - self.start, 0.0) - np.expm1(-self.rate * late) / self.rate


def accepted_fractions(
    edges: np.ndarray,
    shape_edges: np.ndarray,
    cumulative: np.ndarray,
    efficiency: DecayingEfficiency,
    shift: float = 0.0,
) -> np.ndarray:
    """Fraction of a time shape in each bin that the efficiency at the arrival time lets pass.

    Exact: between the edges of bins and shape the density is constant, and the efficiency is
    integrated in closed form.

    Args:
        edges: Bin edges [us], shape (B + 1,).
        shape_edges: Edges of the shape's histogram [us], shape (m,).
        cumulative: Cumulative shapes at these edges, shape (F, m); the densities between them
            are constant.
        efficiency: Time efficiency, at the shifted time.
        shift: Delay of all arrivals [us].

    Returns:
        Shape (F, B).
    """
    cuts = np.union1d(edges, shape_edges + shift)
    at_cuts = np.stack([np.interp(cuts, shape_edges + shift, row) for row in cumulative])
    width = np.diff(cuts)
    weight = np.diff(efficiency.integral(cuts)) / width
    bins = np.searchsorted(edges, cuts[:-1] + width / 2) - 1
    into = bins[:, None] == np.arange(len(edges) - 1)
    return (np.diff(at_cuts, axis=1) * weight) @ into


def pulse_fractions(edges: np.ndarray, *, mean: float, width: float) -> np.ndarray:
    """Fraction of pion-decay neutrinos in each time bin, after a Gaussian pulse of protons.

    The prompt flavour follows the pulse with the lifetime of the pion, the delayed ones with
    those of pion and muon; both in closed form.

    Args:
        edges: Bin edges [us], shape (B + 1,).
        mean, width: Of the pulse [us].

    Returns:
        Fractions of nu_mu, nu_mu_bar and nu_e, shape (3, B).
    """
    prompt, muon = (_after_decay(edges, mean, width, t) for t in (PION_LIFETIME, MUON_LIFETIME))
    delayed = (MUON_LIFETIME * muon - PION_LIFETIME * prompt) / (MUON_LIFETIME - PION_LIFETIME)
    return np.diff(np.stack([prompt, delayed, delayed]), axis=1)


def _after_decay(time: np.ndarray, mean: float, width: float, lifetime: float) -> np.ndarray:
    """Cumulative distribution of the sum of a Gaussian and an exponential time."""
    from scipy.special import log_ndtr, ndtr  # slow to import, needed only while building

    z, ratio = (time - mean) / width, width / lifetime
    # One exponent: well before the pulse exp(-ratio z) overflows, while the product vanishes.
    return ndtr(z) - np.exp(ratio**2 / 2 - ratio * z + log_ndtr(z - ratio))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class FixedTiming:
    """Time fractions that no nuisance moves.

    Attributes:
        fractions: Accepted fraction of each flavour in each time bin, shape (F, B).
    """

    fractions: np.ndarray

    effects = ()

    def __call__(self, effects: Mapping[str, jax.Array]) -> jax.Array:
        return jnp.asarray(self.fractions)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class ShiftedTiming:
    """Time fractions as a smooth function of a common shift.

    The exact fractions are tabulated every 10 ns of shift and interpolated by a cubic spline: the
    histogram itself has a kinked derivative wherever an edge meets an edge.

    Attributes:
        table: Fractions of each flavour and bin, shape (F, B), against the shift [us].
    """

    table: Spline

    effects = ("timing_ns",)

    def __call__(self, effects: Mapping[str, jax.Array]) -> jax.Array:
        """Fractions, shape (F, B), for the effect ``timing_ns``; constant beyond the table."""
        shift = jnp.asarray(effects.get("timing_ns", 0.0)) * 1e-3
        return self.table(shift)


def timing(
    edges: np.ndarray,
    shape_edges: np.ndarray,
    cumulative: np.ndarray,
    efficiency: DecayingEfficiency,
    *,
    movable: bool,
) -> FixedTiming | ShiftedTiming:
    """Accepted time fractions of each flavour; arguments as :func:`accepted_fractions`.

    Args:
        movable: Whether a nuisance shifts the shapes.
    """
    if not movable:
        return FixedTiming(fractions=accepted_fractions(edges, shape_edges, cumulative, efficiency))
    shifts = np.linspace(-SHIFT_RANGE_US, SHIFT_RANGE_US, SHIFT_KNOTS)
    values = np.stack(
        [accepted_fractions(edges, shape_edges, cumulative, efficiency, s) for s in shifts]
    )
    return ShiftedTiming(table=spline(shifts[0], shifts[-1], values))
