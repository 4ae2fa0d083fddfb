"""Numbers of priors: checked where a user gives them, and left alone where JAX traces them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, shown

Number = Any  # a float, or an array of JAX


def where_inside(prior: Any, x: Number, found: jax.Array, beyond: float) -> jax.Array:
    """What was found where x is in the support, and what holds beyond it."""
    inside = jnp.greater_equal(x, prior.lower) & jnp.less_equal(x, prior.upper)
    return jnp.where(inside, found, beyond)


def whole_shape(shape: tuple[int, ...], *numbers: Number) -> tuple[int, ...]:
    return (*shape, *np.broadcast_shapes(*(np.shape(number) for number in numbers)))


def known(*numbers: Number) -> bool:
    """Whether these are numbers, and not what JAX traces."""
    return not any(isinstance(number, jax.core.Tracer) for number in numbers)


def is_finite(number: Number) -> Any:
    return np.isfinite(number) if known(number) else jnp.isfinite(number)


def common_range(prior: Any, lower: Number, upper: Number) -> tuple[Number, Number]:
    """The part of a range that is in the support."""
    library = np if known(prior.lower, prior.upper, lower, upper) else jnp
    return library.maximum(prior.lower, lower), library.minimum(prior.upper, upper)


def store(prior: Any, where: str, **numbers: Number) -> None:
    """Numbers as floats, so that 1 and 1.0 are one program; arrays stay as they are."""
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
    """A number for people; an array of them as a list."""
    values = np.asarray(number)
    return f"{values:g}" if values.ndim == 0 else shown(values.tolist())


def range_text(lower: Number, upper: Number, joint: str) -> str:
    """Ends of a range, or nothing where there is none."""
    if np.all(np.isneginf(lower) & np.isposinf(upper)):
        return ""
    return f"{joint} {digits(lower)} to {digits(upper)}"
