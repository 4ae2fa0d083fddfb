"""Quenching: electron-equivalent energy of a nuclear recoil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.table import LinearTable
from cevns_jax.domains import COLUMNS, ROUNDING
from cevns_jax.errors import ConfigError
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static

Array = TypeVar("Array", jax.Array, np.ndarray)
Effects: TypeAlias = Mapping[str, jax.Array]
# End of the domain of q in the modified Lindhard model: values in use are below 3e-4 in size. In
# germanium 1e-3 is an offset of 0.28 keV, above the threshold of the detectors it is used for.
LARGEST_Q = 1e-3
# Change of dE_ee/dT, in units of E_ee/T, above which a row of a table ends a recoil panel. Weaker
# kinks are found where counts feel them, by halving panels. Found by trial: the measured tables for
# germanium have 451 rows, of which 2 are above 0.03, but half are above 0.003.
SHARP_KINK = 0.03
NOTHING: Effects = MappingProxyType({})


class Quenching(Protocol):
    """A model of the quenching factor E_ee/T; a pytree."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the model; fixed unless freed."""
        ...

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects of nuisances that it knows."""
        ...

    @property
    def knots(self) -> np.ndarray:
        """Recoil energies [MeV] where E_ee(T) has a kink so sharp that panels should end there."""
        ...

    @property
    def factor(self) -> LinearTable | None:
        """The table of E_ee/T against the recoil energy [keV] that it is read from, which must
        hold all recoils; ``None`` for a formula."""
        ...

    @property
    def label(self) -> str:
        """The model in words."""
        ...

    def __call__(self, recoil: jax.Array, values: Values, effects: Effects = NOTHING) -> jax.Array:
        """E_ee [MeV] of recoils T [MeV], any shape."""
        ...


def quenched_energy(
    quenching: Quenching, recoil: jax.Array, values: Values, effects: Effects = NOTHING
) -> jax.Array:
    """E_ee [keV] of recoils T [MeV], any shape.

    The effect ``quenching``, a relative change of E_ee, is included. Parameters that are not given
    are at their start values.
    """
    starts = {p.name: p.start for p in quenching.parameters}
    nominal = quenching(recoil, starts | dict(values), effects)
    return 1e3 * nominal * (1 + jnp.asarray(effects.get("quenching", 0.0)))


def polynomial_quenching(recoil: Array, coefficients: Array) -> Array:
    """E_ee = c_1 T + c_2 T^2 + c_3 T^3 + ..., Horner's scheme.

    Args:
        recoil: T [MeV], any shape.
        coefficients: c_1, c_2 [1/MeV], ...; shape (n,).

    Returns:
        E_ee [MeV], shape of ``recoil``.
    """
    total = 0 * recoil  # NumPy's or JAX's, as the recoils are
    for c in coefficients[::-1]:
        total = (total + c) * recoil
    return total


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class PolynomialQuenching:
    """E_ee = c_1 T + c_2 T^2 + ...; (1.0,) is no quenching at all: energies are recoil energies.

    Attributes:
        coefficients: c_1, c_2 [1/MeV], ...; shape (n,).
        effects: Names of effects that add to the first coefficients, in their units; default none.
    """

    effects: tuple[str, ...] = static(default=())
    coefficients: tuple[float, ...]

    parameters = ()
    knots = np.zeros(0)
    factor = None

    @property
    def label(self) -> str:
        if self.coefficients == (1.0,):
            return "none, energies are recoil energies"
        return "polynomial " + ", ".join(f"{c:g}" for c in self.coefficients)

    def __call__(self, recoil: jax.Array, values: Values, effects: Effects = NOTHING) -> jax.Array:
        moves = [jnp.asarray(effects.get(name, 0.0)) for name in self.effects]
        added = moves + [jnp.zeros(())] * (len(self.coefficients) - len(moves))
        return polynomial_quenching(recoil, jnp.asarray(self.coefficients) + jnp.stack(added))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Lindhard:
    """E_ee/T = k g/(1 + k g), g = 3 e^0.15 + 0.7 e^0.6 + e, e = 11.5 Z^(-7/3) T/keV.

    J. Lindhard et al., Mat. Fys. Medd. Dan. Vid. Selsk. 33 (1963) 10, as parametrised by Lewin and
    Smith, Astropart. Phys. 6 (1996) 87.

    Attributes:
        parameter: Name of the parameter that holds k.
        protons: Z of the only element.
        k: Value of k at the start of a fit; 0.133 Z^(2/3) A^(-1/2) in the theory.
    """

    parameter: str = static(default="lindhard_k")
    protons: int = static()
    k: float

    effects = ()
    knots = np.zeros(0)
    factor = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name=self.parameter, start=self.k, lower=0.0, upper=1.0, label="$k$"),)

    @property
    def label(self) -> str:
        return f"Lindhard, k = {self.k:g}"

    def __call__(self, recoil: jax.Array, values: Values, effects: Effects = NOTHING) -> jax.Array:
        return _lindhard(recoil, self.protons, values[self.parameter])


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class ModifiedLindhard:
    """E_ee/T = k g/(1 + k g) - q/e: the Lindhard model and a constant offset of E_ee.

    P. Sorensen, Phys. Rev. D 91 (2015) 083509; J. Liao, H. Liu and D. Marfatia, arXiv:2202.10622.
    The offset is -q/(11.5 Z^(-7/3)) keV for every recoil, down to zero energy.

    Attributes:
        prefix: Names of the parameters are ``<prefix>_k`` and ``<prefix>_q``.
        protons: Z of the only element.
        k, q: Values at the start of a fit. q must not be positive: it would lower E_ee below zero
            for the smallest recoils.
    """

    prefix: str = static(default="lindhard")
    protons: int = static()
    k: float
    q: float

    effects = ()
    knots = np.zeros(0)
    factor = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter(name=f"{self.prefix}_k", start=self.k, lower=0.0, upper=1.0, label="$k$"),
            Parameter(
                name=f"{self.prefix}_q", start=self.q, lower=-LARGEST_Q, upper=0.0, label="$q$"
            ),
        )

    @property
    def label(self) -> str:
        return f"modified Lindhard, k = {self.k:g}, q = {self.q:g}"

    def __call__(self, recoil: jax.Array, values: Values, effects: Effects = NOTHING) -> jax.Array:
        offset = values[f"{self.prefix}_q"] / (11.5 * self.protons ** (-7 / 3)) * 1e-3
        return _lindhard(recoil, self.protons, values[f"{self.prefix}_k"]) - offset


def _lindhard(recoil: jax.Array, protons: int, k: jax.Array | float) -> jax.Array:
    """E_ee [MeV] of the Lindhard model."""
    reduced = 11.5 * protons ** (-7 / 3) * recoil * 1e3
    g = 3 * reduced**0.15 + 0.7 * reduced**0.6 + reduced
    return recoil * k * g / (1 + k * g)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TabulatedQuenching:
    """A measured quenching factor, linear between its rows.

    Attributes:
        factor: E_ee/T against the recoil energy [keV].
    """

    factor: LinearTable

    parameters = ()
    effects = ()
    label = "table"

    @property
    def knots(self) -> np.ndarray:
        # A factor may be zero, at which the kink has no relative size: any is sharp there.
        x, y = self.factor.x, np.maximum(self.factor.y, 1e-300)
        kink = np.abs(np.diff(np.diff(y) / np.diff(x))) * x[1:-1] / y[1:-1]
        return x[1:-1][kink > SHARP_KINK] * 1e-3

    def __call__(self, recoil: jax.Array, values: Values, effects: Effects = NOTHING) -> jax.Array:
        return recoil * self.factor(recoil * 1e3)


def check_factor(recoil: np.ndarray, energy: np.ndarray, at_rest: float) -> None:
    """Check that no recoil leaves more than its energy.

    Args:
        recoil: T [MeV], shape (n,).
        energy: E_ee [MeV], shape (n,).
        at_rest: E_ee at T = 0 [MeV]. The modified Lindhard model has such an offset, with which
            E_ee/T grows without end towards low T; so the offset is subtracted before E_ee/T is
            compared with one.

    Raises:
        ConfigError: E_ee/T outside 0 to 1 at one of the recoils; the message names the worst.
    """
    factor = np.divide(energy - at_rest, recoil, out=np.zeros_like(energy), where=recoil > 0)
    outside = ~((energy >= 0) & (factor <= 1 + ROUNDING))
    if outside.any():
        # The allowed range is 0 to 1, so the worst factor is the farthest from its middle.
        distance = np.where(outside, np.abs(factor - 0.5), -1.0)
        worst = int(np.argmax(np.nan_to_num(distance, nan=np.inf)))
        raise ConfigError(
            f"quenching: E_ee/T must lie between 0 and 1 for all recoils of the source, not at "
            f"{factor[worst]:.4g} (T = {recoil[worst] * 1e3:.4g} keV); it is a fraction, not per "
            "cent, and coefficients are c_1, c_2 [1/MeV], ..."
        )


def check_model(quenching: Quenching) -> None:
    """Check the numbers of a model, whatever the recoils.

    Raises:
        ConfigError: a table with a factor E_ee/T above 1, or a parameter that starts outside its
            domain.
    """
    factor = quenching.factor
    if factor is not None and (factor.y > 1 + ROUNDING).any():
        row = int(np.argmax(factor.y))
        refusal = COLUMNS["quenching_factor"].refusal("quenching factor", float(factor.y[row]))
        raise ConfigError(f"{factor.name}: {refusal} at {factor.x[row]:g} keV")
    for p in quenching.parameters:
        if not p.lower <= p.start <= p.upper:
            raise ConfigError(
                f"quenching: {p.name} must lie between {p.lower:g} and {p.upper:g}, not at "
                f"{p.start:g} (a fraction, not per cent)"
            )


def lindhard(k: float, protons: int, parameter: str = "lindhard_k") -> Lindhard:
    """The Lindhard model of one element; arguments as the attributes of :class:`Lindhard`.

    Raises:
        ConfigError: k outside 0 to 1.
    """
    if not 0 < k <= 1:
        raise ConfigError(
            f"quenching: k must lie between 0 and 1, not at {k} (a fraction, not per cent)"
        )
    return Lindhard(parameter=parameter, protons=protons, k=k)
