"""Resolution: from the energy that a recoil leaves to the reconstructed one.

A resolution integrates its distribution P(x | E) of the reconstructed quantity x, and x P(x | E),
over pieces in x. With these two an efficiency that is a straight line in each piece is folded in
exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from cevns_jax.detectors.table import LinearTable
from cevns_jax.domains import check_number
from cevns_jax.errors import ConfigError
from cevns_jax.pytree import static

# Stands for a width of zero [keV], by which one cannot divide: 1e-6 eV, far below the resolution of
# any detector. A formula without noise reaches it at E = 0.
SMALLEST_SIGMA = 1e-9
# A fit may try pulls that would make the width negative; it stays at this share of the nominal one.
# Found by trial: any small positive number does, as no data ask for such a pull.
SMALLEST_FACTOR = 1e-3
# Stands for a mean of zero photo-electrons, which has no logarithm.
SMALLEST_MEAN = 1e-300


class Resolution(Protocol):
    """Distribution of the reconstructed x at an energy E; a pytree."""

    @property
    def effects(self) -> tuple[str, ...]:
        """``("resolution",)`` where a nuisance can widen it, else nothing."""
        ...

    @property
    def label(self) -> str:
        """The resolution in words."""
        ...

    @property
    def table(self) -> LinearTable | None:
        """The table of the width against the energy [keV] that it is read from, which must hold
        all energies; ``None`` for a formula."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether only x > 0 can be reconstructed."""
        ...

    @property
    def quanta_per_kev(self) -> float:
        """Mean of x per keV; 1 where x is an energy itself."""
        ...

    def width(self, x: np.ndarray) -> np.ndarray:
        """Standard deviation of x where its mean is x."""
        ...

    def pieces(
        self, energy: jax.Array, cuts: np.ndarray, widening: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Integrals of P(x | E) and x P(x | E) over pieces in x.

        Args:
            energy: E [keV], any shape.
            cuts: Ends of the pieces, ascending, shape (C + 1,).
            widening: Relative change of the width.

        Returns:
            Two arrays with the shape of ``energy``, then C.
        """
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PerfectResolution:
    """x = E."""

    effects = ()
    label = "perfect"
    table = None
    truncated = False
    quanta_per_kev = 1.0

    def width(self, x: np.ndarray) -> np.ndarray:
        return np.zeros_like(x)

    def pieces(
        self, energy: jax.Array, cuts: np.ndarray, widening: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        x = energy[..., None]
        inside = jnp.where((x >= cuts[:-1]) & (x < cuts[1:]), 1.0, 0.0)
        return inside, inside * x


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class WidthFormula:
    """sigma^2 = noise^2 + statistical^2 E + proportional^2 E^2.

    Attributes:
        noise: [keV].
        statistical: [keV^(1/2)], e.g. sqrt(Fano factor x energy per pair).
        proportional: Relative width.
    """

    noise: float
    statistical: float
    proportional: float

    def __call__(self, energy: Any) -> Any:
        """sigma [keV] at E [keV]."""
        # NumPy where an experiment is built: operations of JAX outside jit compile one by one.
        xp: Any = jnp if isinstance(energy, jax.Array) else np
        e = xp.maximum(energy, 0.0)
        variance = self.noise**2 + self.statistical**2 * e + (self.proportional * e) ** 2
        return xp.sqrt(xp.maximum(variance, SMALLEST_SIGMA**2))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GaussianResolution:
    """Normal distribution of x around E, in closed form for every piece.

    Attributes:
        sigma: Width [keV] against the energy E [keV].
        truncated: Whether only x > 0 can be reconstructed, with unit probability together.
    """

    sigma: WidthFormula | LinearTable
    truncated: bool = static(default=False)

    effects = ("resolution",)
    quanta_per_kev = 1.0

    @property
    def table(self) -> LinearTable | None:
        return self.sigma if isinstance(self.sigma, LinearTable) else None

    @property
    def label(self) -> str:
        if isinstance(self.sigma, WidthFormula):
            noise, statistical, proportional = (
                f"{term:g}"
                for term in (self.sigma.noise, self.sigma.statistical, self.sigma.proportional)
            )
            kind = "Gaussian above zero" if self.truncated else "Gaussian"
            return f"{kind}, sigma^2 = {noise}^2 + {statistical}^2 E + ({proportional} E)^2"
        return "Gaussian, sigma(E) from a table"

    def width(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.sigma(x))

    def pieces(
        self, energy: jax.Array, cuts: np.ndarray, widening: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        factor = jnp.maximum(1 + widening, SMALLEST_FACTOR)
        sigma = (jnp.maximum(self.sigma(energy), SMALLEST_SIGMA) * factor)[..., None]
        mean = energy[..., None]
        z = (jnp.asarray(cuts) - mean) / sigma
        # The smaller tail beyond each cut, from erfc: far from the mean erf is one to all its
        # digits, and a difference of two of them would be zero.
        tail = jax.scipy.special.erfc(jnp.abs(z) / np.sqrt(2)) / 2
        low, high = z[..., :-1], z[..., 1:]
        at_low, at_high = tail[..., :-1], tail[..., 1:]
        # Pieces above the mean, below it, and the one that holds it.
        inside = jnp.where(
            low > 0, at_low - at_high, jnp.where(high < 0, at_high - at_low, 1 - at_low - at_high)
        )
        density = jnp.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        # x P = mean P - sigma^2 dP/dx, which integrates in closed form.
        first = mean * inside - sigma * jnp.diff(density, axis=-1)
        if self.truncated:
            # Probability above zero, at least 1/2 as the mean is held at zero or above: dividing by
            # it is safe.
            positive = jax.scipy.special.erfc(-jnp.maximum(mean, 0.0) / sigma / np.sqrt(2)) / 2
            return inside / positive, first / positive
        return inside, first


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class PoissonResolution:
    """x is a number of photo-electrons (or quanta) with a Poisson distribution of mean Y E.

    A number n counts for the piece with low <= n < high.

    Attributes:
        quanta_per_kev: Y [1/keV].
    """

    quanta_per_kev: float

    effects = ()
    table = None
    truncated = False

    @property
    def label(self) -> str:
        return f"Poisson, {self.quanta_per_kev:g} per keV"

    def width(self, x: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(x, 0.0))

    def pieces(
        self, energy: jax.Array, cuts: np.ndarray, widening: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        n = np.arange(np.ceil(cuts[0]), np.ceil(cuts[-1]))
        mean = jnp.maximum(self.quanta_per_kev * energy[..., None], SMALLEST_MEAN)
        # Through logarithms: powers and factorials of thousands overflow.
        probability = jnp.exp(n * jnp.log(mean) - mean - gammaln(n + 1))
        into = (np.searchsorted(cuts, n, side="right") - 1)[:, None] == np.arange(len(cuts) - 1)
        return probability @ into.astype(float), (probability * n) @ into.astype(float)


def gaussian_resolution(
    *,
    noise_kev: float = 0.0,
    statistical: float = 0.0,
    proportional: float = 0.0,
    truncated: bool = False,
) -> GaussianResolution:
    """Gaussian resolution with the width of :class:`WidthFormula`; terms left out are zero.

    Raises:
        ConfigError: a term that is negative or beyond its domain, or none.
    """
    terms = {"noise_kev": noise_kev, "statistical": statistical, "proportional": proportional}
    for key, value in terms.items():
        if not (np.isfinite(value) and value >= 0):
            raise ConfigError(f"resolution: {key} must be finite and not negative, not {value}")
        check_number("resolution", key, value)
    if not any(terms.values()):
        raise ConfigError('resolution: give a term of the width, or declare it "perfect"')
    return GaussianResolution(
        WidthFormula(noise=noise_kev, statistical=statistical, proportional=proportional),
        truncated,
    )
