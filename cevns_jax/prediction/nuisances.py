"""Nuisance parameters: systematic uncertainties as data, and what they may act on."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, shown, unknown
from cevns_jax.pytree import plain_pytree, static

# |ln f| below which the series are used, as the closed forms lose digits there: 4e-14 are left at
# 1e-2, where the first term that is left out of ``bend``, u^4/360, is 3e-11. At 1e-3 they would be
# 4e-13 and 3e-15. That of ``slope`` is shorter, as it only steers the steps. Found by trial.
SMALL_LOGARITHM = 1e-2
# Newton steps from the start below: 4 are exact to rounding for |move| below 1.5, 5 to 3e-12 and 6
# to rounding for |move| up to 10. A fixed number, so that derivatives run through it.
NEWTON_STEPS = 6


def gamma_factor(move: jax.Array) -> jax.Array:
    """Factor f with 2 (f - 1 - ln f) = move^2 and the sign of f - 1 that of the move.

    A unit-normal pull x = move/width then costs 2 (f - 1 - ln f)/width^2, the asymmetric penalty
    of arXiv:2008.06062: f has a gamma distribution of mode 1 and is never negative.
    """
    # u = ln f. It starts at f = 1 + move above one; far below one -ln f is move^2/2.
    u = jnp.where(move > 0, jnp.log1p(jnp.abs(move)), -jnp.abs(move) - move**2 / 2)
    for _ in range(NEWTON_STEPS):
        # Solved is the signed root of the condition, u sqrt(bend) = move: it is nearly linear in u
        # and has a slope at u = 0, where the condition itself has a double zero.
        small = jnp.abs(u) < SMALL_LOGARITHM
        safe = jnp.where(small, 1.0, u)  # the unused branch must stay finite for gradients
        bend = jnp.where(
            small, 1 + u / 3 + u**2 / 12 + u**3 / 60, 2 * (jnp.expm1(safe) - safe) / safe**2
        )
        root = u * jnp.sqrt(bend)
        slope = jnp.where(small, 1 + u / 2 + u**2 / 6, jnp.expm1(safe) / safe) / jnp.sqrt(bend)
        u = u - (root - move) / slope
    return jnp.exp(u)


# A linear factor below this is zero: four spacings of numbers near one. At the lowest pull,
# -1/width, compiled code rounds the product only once and is off by half a spacing, to below zero;
# with two widths, where the move is a polynomial, by up to two.
NOTHING_LEFT = 2.0**-50


def linear_factor(move: jax.Array) -> jax.Array:
    """1 + move, and exactly zero where nothing is left; its slope is one everywhere."""
    factor = 1 + move
    rounded = jnp.where(jnp.abs(factor) < NOTHING_LEFT, factor, 0.0)
    return factor - jax.lax.stop_gradient(rounded)


FORMS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "linear": linear_factor,
    "exponential": jnp.exp,
    "gamma": gamma_factor,
}


def even(x: Any, library: Any = jnp) -> Any:
    """A smooth |x|: even, 0 at 0, |x| for |x| >= 1, with two continuous derivatives.

    Args:
        x: Any shape.
        library: ``jax.numpy``, or ``numpy`` where the result must be a plain number.
    """
    y = x**2
    inside = y * (15 + y * (3 * y - 10)) / 8
    return library.where(y < 1, inside, library.abs(x))


STEEPEST = 7 / 27**0.5
"""Largest slope of the even function that joins two widths, at |x| = 1/sqrt(3)."""

LARGEST_RATIO = (STEEPEST + 1) / (STEEPEST - 1)
"""Ratio of two widths beyond which the move no longer grows everywhere with the pull, 6.76: there
half their difference times the largest slope equals their mean."""

HALVINGS = 60  # of a range of length 1, to its last digit: 2^-53 is the rounding of float64


@plain_pytree
@dataclass(frozen=True, kw_only=True)
class Nuisance:
    """A systematic uncertainty as data: a unit-normal pull and what it moves.

    Attributes:
        name: Name of the uncertainty; the parameter is ``<experiment>_<name>`` unless shared.
        acts_on: Components whose normalisation it moves, and effects that components declare.
        width: One standard deviation: relative for a normalisation, in the unit of the effect else.
        width_down: The same at negative pulls, if it differs: the move is ``width`` at pull 1 and
            minus ``width_down`` at pull -1.
        form: How a normalisation moves with the pull x, one of ``FORMS``. Effects are linear.
        shared: Whether all experiments that declare the name share one parameter.
        includes: Shared uncertainties that are lumped into it, e.g. the flux of a source.

    Raises:
        ConfigError: ``acts_on`` that is a string and not a list of names, or a width that is not
            positive and finite.
    """

    name: str = static()
    acts_on: tuple[str, ...] = static()
    width: float
    width_down: float | None = None
    form: str = static(default="linear")
    shared: bool = static(default=False)
    includes: tuple[str, ...] = static(default=())

    def __post_init__(self) -> None:
        place = f'nuisance "{self.name}"'
        if isinstance(self.acts_on, str):
            raise ConfigError(
                f'{place}: acts_on must be a list of names, ["{self.acts_on}"], not a string'
            )
        object.__setattr__(self, "acts_on", tuple(self.acts_on))
        _check_width(place, "width", self.width)
        if self.width_down is not None:
            _check_width(place, "width_down", self.width_down)

    def lowest(self, components: Collection[str]) -> float:
        """Lowest pull that is allowed.

        A linear pull leaves nothing of the component it scales at some point. Beyond it counts
        would be negative, which a fit that starts far from the data would try.

        Args:
            components: Names of the components. Anything else it acts on is an effect, whose pulls
                have no lower end.
        """
        scales = self.form == "linear" and not set(components).isdisjoint(self.acts_on)
        # JAX fills pytrees with placeholders that are no numbers when it handles structure alone.
        known = isinstance(self.width, Real | np.ndarray | jax.Array)
        if not (scales and known):
            return -math.inf
        return -1 / self.width if self.width_down is None else self._lowest(self.width_down)

    def _lowest(self, down: float) -> Any:
        """Pull at which 1 + move reaches zero: bisected from -1 to 0, where the move is curved."""
        traced = any(isinstance(width, jax.core.Tracer) for width in (self.width, down))
        library: Any = jnp if traced else np

        def halve(_: int, ends: tuple[Any, Any]) -> tuple[Any, Any]:
            middle = (ends[0] + ends[1]) / 2
            negative = 1 + _bent(middle, self.width, down, library) < 0
            return (
                library.where(negative, middle, ends[0]),
                library.where(negative, ends[1], middle),
            )

        ends = (library.asarray(-1.0), library.asarray(0.0))
        if traced:
            ends = jax.lax.fori_loop(0, HALVINGS, halve, ends)
        else:
            for i in range(HALVINGS):
                ends = halve(i, ends)
        # Below -1 the move is the straight line down * x.
        found = library.where(down <= 1, -1 / down, ends[1])
        return found if traced else float(found)

    def move(self, x: jax.Array | float) -> jax.Array | float:
        """Relative change of a normalisation, or size of an effect in its unit, at pull x."""
        if self.width_down is None:
            return self.width * x
        return jnp.asarray(_bent(x, self.width, self.width_down, jnp))

    @property
    def size(self) -> str:
        """The width or both widths, for people."""
        if self.width_down is None:
            return f"{float(self.width):g}"
        return f"+{float(self.width):g} -{float(self.width_down):g}"

    @property
    def where(self) -> str:
        """``" on "`` and what it acts on, for people; empty where the name says it."""
        return "" if self.acts_on == (self.name,) else f" on {' and '.join(self.acts_on)}"

    def factor(self, x: jax.Array | float) -> jax.Array:
        """Factor on a normalisation at pull x."""
        return FORMS[self.form](jnp.asarray(self.move(x)))


def _bent(x: Any, up: Any, down: Any, library: Any) -> Any:
    """Move at pull x with two widths: straight lines with these slopes beyond |x| = 1, joined by a
    polynomial with two continuous derivatives."""
    return x * (up + down) / 2 + even(x, library) * (up - down) / 2


def _check_width(place: str, what: str, width: Any) -> None:
    """Check that a width is positive and finite; one that is traced cannot be checked, and passes.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(width, jax.core.Tracer):
        return
    try:
        positive = math.isfinite(width) and width > 0
    except TypeError:
        positive = False
    if not positive:
        raise ConfigError(f"{place}: {what} must be positive and finite, not {shown(width)}")


def _check_ratio(place: str, nuisance: Nuisance) -> None:
    """Check that two widths do not differ by too much.

    Raises:
        ConfigError: they do.
    """
    up, down = nuisance.width, nuisance.width_down
    if down is not None and not 1 / LARGEST_RATIO < up / down < LARGEST_RATIO:
        raise ConfigError(
            f"{place}: width and width_down must be within a factor of {LARGEST_RATIO:.2f} of each "
            f"other, not {up:g} and {down:g}; beyond it two pulls would mean the same move"
        )


def check_nuisances(
    where: str,
    nuisances: tuple[Nuisance, ...],
    components: tuple[str, ...],
    effects: tuple[str, ...],
) -> None:
    """Check nuisances against the components and effects that an experiment has.

    Raises:
        ConfigError: a name used twice, nothing, something unknown or one thing twice to act on, a
            form that is unknown or does not fit an effect, or two widths that differ by too much.
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
            if nuisance.acts_on.count(name) > 1:
                raise ConfigError(f'{place}: acts_on names "{name}" more than once')
        for name in nuisance.acts_on:
            if name not in components and name not in effects:
                raise unknown(place, "component or effect", name, [*components, *effects])
        allowed = list(FORMS)
        if not set(nuisance.acts_on) <= set(components):
            allowed = ["linear"]  # an effect is a shift, not a factor
        if nuisance.form not in allowed:
            raise unknown(place, "form", nuisance.form, allowed)
        _check_ratio(place, nuisance)
