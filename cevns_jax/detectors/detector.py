"""Quenching and efficiency of a data set, so that users can plot what its response was made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.efficiency import MovableLogistic, SteppedEfficiency
from cevns_jax.detectors.quenching import Effects, Quenching, quenched_energy
from cevns_jax.detectors.response import EnergyResponse
from cevns_jax.detectors.scintillation import PolynomialModes, clipped_pull
from cevns_jax.detectors.table import LinearTable
from cevns_jax.parameters import Values


class Detector(Protocol):
    """Quenching and efficiency; a pytree without numbers in its structure."""

    @property
    def recoil_efficiency(self) -> LinearTable | None:
        """Probability to keep an event against the recoil energy [keV]; it multiplies
        :meth:`efficiency`."""
        ...

    def energy(self, recoil: jax.Array, values: Values, effects: Effects) -> jax.Array:
        """E_ee [keV] of recoils T [MeV], any shape."""
        ...

    def efficiency(self, reconstructed: jax.Array, effects: Effects) -> jax.Array:
        """Probability to keep an event at values of the reconstructed quantity, any shape."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class ScintillationDetector:
    """Quenching and efficiency of a scintillator whose photo-electrons are counted.

    Attributes:
        quenching: The polynomial.
        curve: Efficiency against photo-electrons.
    """

    quenching: PolynomialModes
    curve: MovableLogistic | SteppedEfficiency

    recoil_efficiency = None

    def energy(self, recoil: jax.Array, values: Values, effects: Effects) -> jax.Array:
        """No parameter moves it; see :class:`Detector`."""
        return 1e3 * self.quenching(recoil, effects)

    def efficiency(self, reconstructed: jax.Array, effects: Effects) -> jax.Array:
        """Against photo-electrons; see :class:`Detector`."""
        if isinstance(self.curve, MovableLogistic):
            return self.curve(clipped_pull(effects, "efficiency"))(reconstructed)
        return self.curve(reconstructed)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class EnergyDetector:
    """Quenching and efficiency of an :class:`EnergyResponse`; see :func:`energy_detector`.

    Attributes:
        quenching: E_ee(T).
        cuts: Ends of the C pieces in which the efficiency is a + b x.
        intercept, slope: a and b of each piece, shape (C,).
        recoil_efficiency: As that of the response.
    """

    quenching: Quenching
    cuts: np.ndarray
    intercept: np.ndarray
    slope: np.ndarray
    recoil_efficiency: LinearTable | None

    def energy(self, recoil: jax.Array, values: Values, effects: Effects) -> jax.Array:
        """See :class:`Detector`."""
        return quenched_energy(self.quenching, recoil, values, effects)

    def efficiency(self, reconstructed: jax.Array, effects: Effects) -> jax.Array:
        """Zero outside the bins; no effect moves it. See :class:`Detector`."""
        x, cuts = reconstructed, jnp.asarray(self.cuts)
        piece = jnp.clip(jnp.searchsorted(cuts, x, side="right") - 1, 0, len(self.slope) - 1)
        kept = jnp.asarray(self.intercept)[piece] + jnp.asarray(self.slope)[piece] * x
        return jnp.where((x >= cuts[0]) & (x <= cuts[-1]), kept, 0.0)


def energy_detector(response: EnergyResponse) -> EnergyDetector:
    """Quenching and efficiency of a response."""
    return EnergyDetector(
        quenching=response.quenching,
        cuts=np.array(response.cuts),
        intercept=response.intercept,
        slope=response.slope,
        recoil_efficiency=response.recoil_efficiency,
    )
