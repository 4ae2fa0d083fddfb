"""Nuisance parameters: systematic uncertainties as data, and what they may act on."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Real

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.pytree import static


def gamma_factor(move: jax.Array) -> jax.Array:
    """Factor f with 2 (f - 1 - ln f) = move^2 and the sign of f - 1 that of the move.

    A unit-normal pull x = move/width then costs 2 (f - 1 - ln f)/width^2, the asymmetric penalty
    of arXiv:2008.06062: f has a gamma distribution of mode 1 and is never negative.
    """
    u = jnp.where(move > 0, jnp.log1p(jnp.abs(move)), -jnp.abs(move) - move**2 / 2)
    for _ in range(6):  # Newton for ln f; the left side is nearly linear in it
        small = jnp.abs(u) < 1e-2
        safe = jnp.where(small, 1.0, u)
        bend = jnp.where(
            small, 1 + u / 3 + u**2 / 12 + u**3 / 60, 2 * (jnp.expm1(safe) - safe) / safe**2
        )
        root = u * jnp.sqrt(bend)
        slope = jnp.where(small, 1 + u / 2 + u**2 / 6, jnp.expm1(safe) / safe) / jnp.sqrt(bend)
        u = u - (root - move) / slope
    return jnp.exp(u)


FORMS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "linear": lambda move: 1 + move,
    "exponential": jnp.exp,
    "gamma": gamma_factor,
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Nuisance:
    """A systematic uncertainty as data: a unit-normal pull and what it moves.

    Attributes:
        name: Name of the uncertainty; the parameter is ``<experiment>_<name>`` unless shared.
        acts_on: Components whose normalisation it moves, or one effect of the signal.
        width: One standard deviation: relative for a normalisation, in the unit of the effect else.
        form: How a normalisation moves with the pull x, one of ``FORMS``. Effects are linear.
        shared: Whether all experiments that declare the name share one parameter.
        includes: Shared uncertainties that are lumped into it, e.g. the flux of a source.
    """

    name: str = static()
    acts_on: tuple[str, ...] = static()
    width: float
    form: str = static(default="linear")
    shared: bool = static(default=False)
    includes: tuple[str, ...] = static(default=())

    def lowest(self, components: Collection[str]) -> float:
        """Lowest pull: where a linear one leaves nothing of a component that it scales. Beyond it
        counts would be negative, which far from the data a fit would try.

        Args:
            components: Names of the components; what else it acts on are effects, which have no
                such end.
        """
        scales = self.form == "linear" and not set(components).isdisjoint(self.acts_on)
        # Anything else is a placeholder, when JAX looks at the structure alone.
        known = isinstance(self.width, Real | np.ndarray | jax.Array)
        return -1 / self.width if scales and known else -math.inf

    def factor(self, x: jax.Array | float) -> jax.Array:
        """Factor on a normalisation at pull x."""
        return FORMS[self.form](jnp.asarray(self.width * x))


def check_nuisances(
    where: str,
    nuisances: tuple[Nuisance, ...],
    components: tuple[str, ...],
    effects: tuple[str, ...],
) -> None:
    """Check nuisances against the components and effects that an experiment has.

    Raises:
        ConfigError: a name used twice, nothing or something unknown to act on, a width that is not
            positive, or a form that is unknown or does not fit an effect.
    """
    seen: set[str] = set()
    for nuisance in nuisances:
        place = f'{where}, nuisance "{nuisance.name}"'
        if nuisance.name in seen:
            raise ConfigError(f"{place}: declared twice")
        seen.add(nuisance.name)
        if not nuisance.acts_on:
            raise ConfigError(f"{place}: acts_on must name a component or an effect")
        for name in nuisance.acts_on:
            if name not in components and name not in effects:
                raise unknown(place, "component or effect", name, [*components, *effects])
        if not (math.isfinite(nuisance.width) and nuisance.width > 0):
            raise ConfigError(f"{place}: width must be positive and finite, not {nuisance.width}")
        allowed = list(FORMS)
        if not set(nuisance.acts_on) <= set(components):
            allowed = ["linear"]  # an effect is a shift, not a factor
        if nuisance.form not in allowed:
            raise unknown(place, "form", nuisance.form, allowed)
