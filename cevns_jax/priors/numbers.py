"""Numbers of priors: checked where a user gives them, and left alone where JAX traces them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, shown

Number = Any  # a float, or an array of JAX

TOWARDS_END = 1e-3
"""Share of the square of the slope of half a penalty that stands in for its curvature, where that
is not positive and the density rises all the way to an end of the range. A small one is nearest to
the truth, leaves errors as the data give them, and lets a step that nothing else limits end at the
end. With zero a parameter would count as one that changes nothing."""


def contains(prior: Any, x: Number) -> jax.Array:
    """Whether x is in the support of a prior."""
    return jnp.greater_equal(x, prior.lower) & jnp.less_equal(x, prior.upper)


def where_inside(prior: Any, x: Number, found: jax.Array, beyond: float) -> jax.Array:
    """``found`` where x is in the support of the prior, and ``beyond`` elsewhere."""
    return jnp.where(contains(prior, x), found, beyond)


def whole_shape(shape: tuple[int, ...], *numbers: Number) -> tuple[int, ...]:
    """A shape followed by the common shape of the numbers of a prior."""
    return (*shape, *np.broadcast_shapes(*(np.shape(number) for number in numbers)))


def known(*numbers: Number) -> bool:
    """Whether all of these are numbers, and none is traced by JAX."""
    return not any(isinstance(number, jax.core.Tracer) for number in numbers)


def is_finite(number: Number) -> Any:
    """Whether a number is finite; of NumPy unless it is traced, so that Python can branch on it."""
    return np.isfinite(number) if known(number) else jnp.isfinite(number)


def in_units(end: Number, origin: Number, unit: Number) -> jax.Array:
    """Distance of an end of a range from an origin, in a unit. An infinite end stays infinite, and
    does not change with origin and unit: its derivatives would be infinity times zero."""
    finite = jnp.isfinite(end)
    return jnp.where(finite, jnp.subtract(jnp.where(finite, end, 0.0), origin) / unit, end)


def moved(end: Number, offset: Number, scale: Number) -> Number:
    """offset + scale end, likewise."""
    if known(end) and np.all(np.isinf(end)):
        return end
    finite = jnp.isfinite(end)
    return jnp.where(finite, offset + scale * jnp.where(finite, end, 0.0), end)


def common_range(one: tuple[Number, Number], other: tuple[Number, Number]) -> tuple[Number, Number]:
    """What two ranges have in common, as lower and upper end."""
    library = np if known(*one, *other) else jnp
    return library.maximum(one[0], other[0]), library.minimum(one[1], other[1])


def store(prior: Any, where: str, **numbers: Number) -> None:
    """Convert numbers of a prior to floats, so that 1 and 1.0 use the same compiled program; arrays
    stay as they are.

    Args:
        prior: What the numbers are attributes of.
        where: What is being built, for the error.
        **numbers: The numbers, by name.

    Raises:
        ConfigError: one is not a number.
    """
    for name, number in numbers.items():
        if not isinstance(number, jax.Array | np.ndarray):
            try:
                number = float(number)
            except (TypeError, ValueError):
                text = f'{where}: {name} must be a number, not "{shown(number)}"'
                raise ConfigError(text) from None
            object.__setattr__(prior, name, number)


def check_positive(where: str, name: str, number: Number) -> None:
    if known(number) and not np.all(np.greater(number, 0) & np.isfinite(number)):
        raise ConfigError(f"{where}: {name} must be positive and finite, not {digits(number)}")


def check_normal(where: str, name: str, centre: Number, width: Number) -> None:
    if known(centre) and not np.isfinite(centre).all():
        raise ConfigError(f"{where}: {name} must be finite, not {digits(centre)}")
    check_positive(where, "width", width)


def check_range(where: str, lower: Number, upper: Number) -> None:
    if known(lower, upper) and not np.all(np.less(lower, upper)):
        raise ConfigError(
            f"{where}: lower must be below upper, but the range is {digits(lower)} to "
            f"{digits(upper)}"
        )


def digits(number: Number) -> str:
    """A number as text, an array of them as a list."""
    values = np.asarray(number)
    return f"{values:g}" if values.ndim == 0 else shown(values.tolist())


def range_text(lower: Number, upper: Number, joint: str) -> str:
    """A range as text, after a joining word; empty if both ends are infinite."""
    if np.all(np.isneginf(lower) & np.isposinf(upper)):
        return ""
    return f"{joint} {digits(lower)} to {digits(upper)}"
