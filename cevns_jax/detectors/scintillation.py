"""Scintillation detector: recoil -> electron-equivalent energy -> photo-electrons -> bins.

The photo-electrons x of an energy E_ee follow a gamma or a Poisson distribution. The probability of
a bin,

    R_bin(E_ee) = integral_bin efficiency(x) P(x | E_ee) dx,

depends on the recoil through E_ee alone. It is integrated once, when an experiment is built:
at the recoil nodes themselves where nothing moves them, on a table in (E_ee, efficiency pull)
where a quenching or efficiency nuisance does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.efficiency import Efficiency
from cevns_jax.detectors.quenching import Effects, polynomial_quenching
from cevns_jax.detectors.ready_response import FixedResponse
from cevns_jax.detectors.spline import Spline, Spline2D, spline, spline_2d
from cevns_jax.parameters import Values
from cevns_jax.pytree import static

# Domain of the quenching and efficiency pulls, in standard deviations; held at its ends beyond. A
# pull of 5 costs chi^2 25: no fit comes near it, and the released modes say nothing about it.
PULL_RANGE = 5.0
# End of the table [keVee]: 160 PE, above all bins, and above all nuclear recoils within the domain
# of the pulls. Farther out there is nothing to tabulate.
HIGHEST_ENERGY = 12.0
# Every 20 eV: interpolates R_bin to 4e-8. The error falls with the fourth power of the number, the
# cost of building (not of evaluating) grows with it.
ENERGY_KNOTS = 601
# Every half standard deviation: 3e-5 between them, where the threshold moves through a bin and
# R_bin has a kink, so that more knots help little.
PULL_KNOTS = 21
# Energies that stand for zero [keVee], where the densities have no logarithm. Such rows are set to
# zero afterwards.
SMALLEST_POISSON_ENERGY, SMALLEST_GAMMA_ENERGY = 1e-12, 1e-6
# Nodes on a panel of one photo-electron: R_bin to 1e-10.
PANEL_NODES = 10


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
    # Through logarithms: Gamma(1+b) and x^b overflow where the distribution itself is harmless.
    return np.exp(
        shape * np.log(rate) - np.vectorize(math.lgamma)(shape) + (shape - 1) * np.log(x) - rate * x
    )


class PhotoelectronBins(Protocol):
    """Bins of photo-electrons with the distribution that fills them."""

    def probabilities(
        self, energy_kevee: np.ndarray, efficiencies: Sequence[Efficiency]
    ) -> np.ndarray:
        """R_bin for several efficiency curves.

        Args:
            energy_kevee: E_ee [keV], shape (n,); energies up to 0 give probability 0, which is
                exact for curves that vanish at zero photo-electrons.
            efficiencies: Efficiency curves.

        Returns:
            Shape (curves, n, B).
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PoissonBins:
    """Whole photo-electrons, Poisson around the mean; n of them sit at n - 0.5
    (COHERENT CsI 2017, arXiv:1804.09459).

    Attributes:
        edges: Bin edges [PE], ascending whole numbers, shape (B + 1,): a bin from 6 to 8 holds
            n = 7 and 8.
        light_yield: Photo-electrons per keVee.
    """

    edges: np.ndarray
    light_yield: float

    def probabilities(
        self, energy_kevee: np.ndarray, efficiencies: Sequence[Efficiency]
    ) -> np.ndarray:
        """R_bin for several efficiency curves, exact; see :class:`PhotoelectronBins`."""
        numbers = np.arange(int(self.edges[0]) + 1, int(self.edges[-1]) + 1)
        mean = self.light_yield * np.maximum(energy_kevee, SMALLEST_POISSON_ENERGY)[:, None]
        log_factorials = np.array([math.lgamma(n + 1) for n in numbers])
        poisson = np.exp(numbers * np.log(mean) - mean - log_factorials)  # (n, numbers)
        centres = numbers - 0.5
        into = _into_bins(self.edges, centres)
        result = np.stack([poisson @ (e(centres)[:, None] * into) for e in efficiencies])
        return result * (np.asarray(energy_kevee) > 0)[:, None]


@dataclass(frozen=True, kw_only=True)
class GammaBins:
    """Gamma-distributed photo-electrons, see :func:`photoelectron_density`.

    Attributes:
        edges: Bin edges [PE], ascending, shape (B + 1,).
        inverse_yield: keVee per photo-electron.
        spread: Parameter of the gamma distribution [1/keVee].
    """

    edges: np.ndarray
    inverse_yield: float
    spread: float

    def probabilities(
        self, energy_kevee: np.ndarray, efficiencies: Sequence[Efficiency]
    ) -> np.ndarray:
        """R_bin for several efficiency curves, by Gauss-Legendre quadrature (1e-10); see
        :class:`PhotoelectronBins`."""
        positive = np.maximum(energy_kevee, SMALLEST_GAMMA_ENERGY)
        result = np.empty((len(efficiencies), len(energy_kevee), len(self.edges) - 1))
        # Panels of one photo-electron are shared by all curves, as the density is what costs. Each
        # curve has a kink at its threshold: of the panel that holds it only the part above counts,
        # and is integrated on nodes of its own.
        panels = np.union1d(np.arange(np.floor(self.edges[0]), self.edges[-1] + 1), self.edges)
        panels = panels[(panels >= self.edges[0]) & (panels <= self.edges[-1])]
        x, w = _panel_nodes(panels)
        shared = self._density(x, positive)
        for curve, efficiency in enumerate(efficiencies):
            whole = _panel_starts(panels, x) >= efficiency.threshold
            weights = w * efficiency(x) * whole
            result[curve] = shared @ (weights[:, None] * _into_bins(self.edges, x))
            cut = np.searchsorted(panels, efficiency.threshold)
            if 0 < cut < len(panels):
                y, v = _panel_nodes(np.array([efficiency.threshold, panels[cut]]))
                weights = (v * efficiency(y))[:, None] * _into_bins(self.edges, y)
                result[curve] += self._density(y, positive) @ weights
        return result * (np.asarray(energy_kevee) > 0)[:, None]

    def _density(self, x: np.ndarray, energy: np.ndarray) -> np.ndarray:
        return photoelectron_density(
            x, energy[:, None], inverse_yield=self.inverse_yield, spread=self.spread
        )


def _into_bins(edges: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Which bin each x is in, as a matrix of ones and zeros, shape (x, B)."""
    return (np.searchsorted(edges, x) - 1)[:, None] == np.arange(len(edges) - 1)


def _panel_nodes(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on panels between edges, panel after panel."""
    x, w = np.polynomial.legendre.leggauss(PANEL_NODES)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


def _panel_starts(edges: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Lower end of the panel that each node lies in."""
    return edges[np.searchsorted(edges, nodes) - 1]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class PolynomialModes:
    """A quenching polynomial whose coefficients move along modes; build it with
    :func:`polynomial_modes`.

    Attributes:
        effects: Names of the effects that move it.
        nominal: Coefficients c_1, c_2 [1/MeV], ...; shape (k,).
        modes: Change of the coefficients per unit of each effect, shape (m, k).
    """

    effects: tuple[str, ...] = static()
    nominal: np.ndarray
    modes: np.ndarray

    def __call__(self, recoil: jax.Array, effects: Effects) -> jax.Array:
        """E_ee [MeV] of recoils T [MeV], any shape.

        Args:
            recoil: T [MeV].
            effects: Size of each effect [standard deviations]; missing ones are zero. Domain: +-5,
                constant beyond.
        """
        coefficients = jnp.asarray(self.nominal)
        for name, mode in zip(self.effects, self.modes, strict=True):
            coefficients = coefficients + clipped_pull(effects, name) * mode
        return polynomial_quenching(recoil, coefficients)


def polynomial_modes(nominal: np.ndarray, modes: Mapping[str, np.ndarray]) -> PolynomialModes:
    """A quenching polynomial out of its coefficients and, by name of the effect, their changes."""
    rows = np.reshape([*modes.values()], (-1, len(nominal)))
    return PolynomialModes(effects=tuple(modes), nominal=nominal, modes=rows)


def clipped_pull(effects: Effects, name: str) -> jax.Array:
    """Size of an effect [standard deviations], held at the ends of the domain; zero if missing."""
    return jnp.clip(jnp.asarray(effects.get(name, 0.0)), -PULL_RANGE, PULL_RANGE)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class ScintillationResponse:
    """Response with quenching and efficiency pulls.

    Attributes:
        quenching: The polynomial, with the effects that move it.
        table: R_bin(E_ee [keV], efficiency pull), or R_bin(E_ee) where the efficiency is fixed.
    """

    quenching: PolynomialModes
    table: Spline2D | Spline

    parameters = ()

    @property
    def effects(self) -> tuple[str, ...]:
        fixed = isinstance(self.table, Spline)
        return self.quenching.effects if fixed else (*self.quenching.effects, "efficiency")

    def __call__(
        self, recoil: jax.Array, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Probability of each bin.

        Args:
            recoil: T [MeV], any shape.
            values: Values of the parameters; none is used.
            effects: Quenching effects and ``efficiency`` [standard deviations]; missing ones are
                zero. Domain: +-5, constant beyond.

        Returns:
            Shape of ``recoil``, then bins.
        """
        energy = self.quenching(recoil, effects)
        if isinstance(self.table, Spline):
            return self.table(energy * 1e3)
        return self.table(energy * 1e3, jnp.asarray(effects.get("efficiency", 0.0)))


def fixed_response(
    recoil: np.ndarray, bins: PhotoelectronBins, quenching: np.ndarray, efficiency: Efficiency
) -> FixedResponse:
    """Response at the recoil nodes of a kernel where no nuisance moves it.

    Args:
        recoil: Recoil nodes T [MeV], shape (I, n).
        bins: Photo-electron bins and distribution.
        quenching: Coefficients of the quenching polynomial [MeV], shape (k,).
        efficiency: Efficiency curve.
    """
    energy = 1e3 * polynomial_quenching(recoil, quenching)
    matrix = bins.probabilities(energy.ravel(), [efficiency])[0]
    return FixedResponse(matrix=matrix.reshape(*recoil.shape, -1))


def movable_response(
    bins: PhotoelectronBins,
    quenching: np.ndarray,
    quenching_modes: Mapping[str, np.ndarray],
    efficiency: Callable[[float], Efficiency],
    *,
    movable_efficiency: bool = True,
) -> ScintillationResponse:
    """Response that quenching and efficiency nuisances move.

    Args:
        bins: Photo-electron bins and distribution.
        quenching: Coefficients of the quenching polynomial [MeV], shape (k,).
        quenching_modes: Effect -> change of the coefficients per standard deviation, shape (k,).
        efficiency: Efficiency curve at a pull.
        movable_efficiency: Whether the pull can be other than zero.
    """
    pulls = np.linspace(-PULL_RANGE, PULL_RANGE, PULL_KNOTS)
    curves = [efficiency(p) for p in (pulls if movable_efficiency else (0.0,))]
    values = bins.probabilities(np.linspace(0.0, HIGHEST_ENERGY, ENERGY_KNOTS), curves)
    table: Spline | Spline2D
    if movable_efficiency:
        by_pull = np.ascontiguousarray(values.swapaxes(0, 1))
        table = spline_2d((0.0, HIGHEST_ENERGY), (-PULL_RANGE, PULL_RANGE), by_pull)
    else:
        table = spline(0.0, HIGHEST_ENERGY, values[0])
    return ScintillationResponse(
        quenching=polynomial_modes(quenching, quenching_modes), table=table
    )
