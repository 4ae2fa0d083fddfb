"""Scintillation detector: recoil -> electron-equivalent energy -> photo-electrons -> bins.

The photo-electrons x of an energy E_ee follow a gamma distribution. The probability of a bin,

    R_bin(E_ee) = integral_bin efficiency(x) P(x | E_ee) dx,

depends on the recoil through E_ee alone. It is integrated once, when an experiment is built:
at the recoil nodes themselves where nothing moves them, on a table in (E_ee, efficiency pull)
where a quenching or efficiency nuisance does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.efficiency import logistic_efficiency, logistic_threshold
from cevns_jax.detectors.quenching import polynomial_quenching
from cevns_jax.detectors.spline import Spline2D, spline_2d

PULL_RANGE = 5.0  # domain of the quenching and efficiency pulls, in standard deviations
ENERGY_KNOTS = 601  # on 0 to 12 keVee: interpolates R_bin to 4e-8
PULL_KNOTS = 21  # every half standard deviation: 3e-5 between them, where the threshold cuts a bin


def photoelectron_density(
    photoelectrons: np.ndarray, energy_kevee: np.ndarray, *, inverse_yield: float, spread: float
) -> np.ndarray:
    """Gamma distribution of the photo-electrons of COHERENT CsI (release of arXiv:2110.07730).

    P(x | E) = [a (1+b)]^(1+b)/Gamma(1+b) x^b exp(-a (1+b) x), a = inverse_yield/E, b = spread E:
    mean 1/a, variance 1/(a^2 (1+b)).

    Args:
        photoelectrons: x [PE], positive.
        energy_kevee: E_ee [keV], positive; the shapes broadcast.
        inverse_yield: keVee per photo-electron.
        spread: b per keVee.

    Returns:
        P [1/PE].
    """
    shape = 1 + spread * energy_kevee
    rate = inverse_yield / energy_kevee * shape
    x = photoelectrons
    return np.exp(
        shape * np.log(rate) - np.vectorize(math.lgamma)(shape) + (shape - 1) * np.log(x) - rate * x
    )


@dataclass(frozen=True, kw_only=True)
class PhotoelectronBins:
    """What the released description says about photo-electrons.

    Attributes:
        edges: Bin edges [PE], ascending, shape (B + 1,).
        inverse_yield: keVee per photo-electron.
        spread: Parameter of the gamma distribution [1/keVee].
    """

    edges: np.ndarray
    inverse_yield: float
    spread: float

    def probabilities(
        self, energy_kevee: np.ndarray, efficiencies: Sequence[np.ndarray]
    ) -> np.ndarray:
        """R_bin for several efficiency curves, by Gauss-Legendre quadrature (1e-10).

        Args:
            energy_kevee: E_ee [keV], shape (n,); energies up to 0 give probability 0, which is
                exact for curves that vanish at zero photo-electrons.
            efficiencies: Coefficients of logistic efficiency curves.

        Returns:
            Shape (curves, n, B).
        """
        positive = np.maximum(energy_kevee, 1e-6)
        result = np.empty((len(efficiencies), len(energy_kevee), len(self.edges) - 1))
        # Panels of one photo-electron are shared by all curves; each curve adds the panel that
        # its threshold cuts, where the efficiency has a kink.
        panels = np.union1d(np.arange(np.floor(self.edges[0]), self.edges[-1] + 1), self.edges)
        panels = panels[(panels >= self.edges[0]) & (panels <= self.edges[-1])]
        x, w = _panel_nodes(panels)
        shared = self._density(x, positive)
        for curve, coefficients in enumerate(efficiencies):
            threshold = logistic_threshold(coefficients)
            above = w * (_panel_starts(panels, x) >= threshold)
            result[curve] = shared @ self._into_bins(
                x, above * logistic_efficiency(x, coefficients)
            )
            cut = np.searchsorted(panels, threshold)
            if 0 < cut < len(panels):
                y, v = _panel_nodes(np.array([threshold, panels[cut]]))
                folded = self._into_bins(y, v * logistic_efficiency(y, coefficients))
                result[curve] += self._density(y, positive) @ folded
        return result * (np.asarray(energy_kevee) > 0)[:, None]

    def _density(self, x: np.ndarray, energy: np.ndarray) -> np.ndarray:
        return photoelectron_density(
            x, energy[:, None], inverse_yield=self.inverse_yield, spread=self.spread
        )

    def _into_bins(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Weights of nodes as a matrix (nodes, B), each node in its bin."""
        bins = np.searchsorted(self.edges, x) - 1
        return weights[:, None] * (bins[:, None] == np.arange(len(self.edges) - 1))


def _panel_nodes(edges: np.ndarray, nodes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


def _panel_starts(edges: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    return edges[np.searchsorted(edges, nodes) - 1]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class FixedResponse:
    """Response that no nuisance moves.

    Attributes:
        matrix: Probability of each bin at each recoil node, shape (I, n, B).
    """

    matrix: np.ndarray

    def __call__(self, recoil: jax.Array, effects: Mapping[str, jax.Array]) -> jax.Array:
        """The matrix, whatever the recoil nodes (it was made for them)."""
        return jnp.asarray(self.matrix)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class ScintillationResponse:
    """Response with quenching and efficiency pulls.

    Attributes:
        quenching: Nominal coefficients of the quenching polynomial, shape (4,).
        quenching_modes: Change of the coefficients per standard deviation, shape (2, 4).
        table: R_bin(E_ee [keV], efficiency pull).
    """

    quenching: np.ndarray
    quenching_modes: np.ndarray
    table: Spline2D

    def __call__(self, recoil: jax.Array, effects: Mapping[str, jax.Array]) -> jax.Array:
        """Probability of each bin.

        Args:
            recoil: T [MeV], any shape.
            effects: Pulls ``quenching_0``, ``quenching_1`` and ``efficiency`` [standard
                deviations]; missing ones are zero. Domain: +-5, constant beyond.

        Returns:
            Shape of ``recoil``, then bins.
        """
        pulls = jnp.stack([jnp.asarray(effects.get(f"quenching_{i}", 0.0)) for i in range(2)])
        pulls = jnp.clip(pulls, -PULL_RANGE, PULL_RANGE)
        coefficients = jnp.asarray(self.quenching) + pulls @ self.quenching_modes
        energy = polynomial_quenching(recoil, coefficients)
        return self.table(energy * 1e3, jnp.asarray(effects.get("efficiency", 0.0)))


def scintillation_response(
    recoil: np.ndarray,
    bins: PhotoelectronBins,
    *,
    quenching: np.ndarray,
    quenching_modes: np.ndarray,
    efficiency: np.ndarray,
    efficiency_mode: np.ndarray,
    movable: bool,
) -> FixedResponse | ScintillationResponse:
    """Response of a scintillation detector at the recoil nodes of a kernel.

    Args:
        recoil: Recoil nodes T [MeV], shape (I, n).
        bins: Photo-electron bins and resolution.
        quenching: Coefficients of the quenching polynomial [MeV], shape (4,).
        quenching_modes: Their change per standard deviation of each mode, shape (2, 4).
        efficiency: Coefficients of the efficiency curve, shape (4,).
        efficiency_mode: Their change per standard deviation, shape (4,).
        movable: Whether a nuisance moves quenching or efficiency.
    """
    if not movable:
        energy = 1e3 * polynomial_quenching(recoil, quenching)
        matrix = bins.probabilities(energy.ravel(), [efficiency])[0]
        return FixedResponse(matrix=matrix.reshape(*recoil.shape, -1))
    highest = 12.0  # [keVee]: 160 PE, above all bins and all recoils within the pulls' domain
    pulls = np.linspace(-PULL_RANGE, PULL_RANGE, PULL_KNOTS)
    table = bins.probabilities(
        np.linspace(0.0, highest, ENERGY_KNOTS), [efficiency + p * efficiency_mode for p in pulls]
    )
    return ScintillationResponse(
        quenching=quenching,
        quenching_modes=quenching_modes,
        table=spline_2d(
            (0.0, highest), (-PULL_RANGE, PULL_RANGE), np.ascontiguousarray(table.swapaxes(0, 1))
        ),
    )
