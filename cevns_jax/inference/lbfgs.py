"""The global stage of a fit: from its start to near a minimum."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.likelihood import Likelihood

MEMORY = 10
STEPS = 200
BACKTRACKS = 30
SMALL_GRADIENT = 0.1  # norm of the scaled gradient at which the global stage hands over


@jax.jit
@partial(jax.value_and_grad, argnums=1)
def _loss(likelihood: Likelihood, z: jax.Array, start: jax.Array, scale: jax.Array) -> jax.Array:
    """chi^2/2 and its gradient in scaled coordinates x = start + scale z, inside the bounds."""
    x = jnp.clip(start + scale * z, *likelihood.bounds)
    return likelihood.chi2(likelihood.values(x)) / 2


@jax.jit
def _lbfgs_state(z: jax.Array) -> Any:
    """Empty memory of L-BFGS."""
    import optax  # only fits need it

    return optax.scale_by_lbfgs(memory_size=MEMORY).init(z)


@jax.jit
def _lbfgs_direction(gradient: jax.Array, state: Any, z: jax.Array) -> tuple[jax.Array, Any]:
    """The gradient times the approximate inverse Hessian, and the memory with this point."""
    import optax

    return optax.scale_by_lbfgs(memory_size=MEMORY).update(gradient, state, z)


def lbfgs(likelihood: Likelihood, start: np.ndarray) -> np.ndarray:
    """L-BFGS with backtracking until near a minimum, inside the bounds.

    The loop runs in Python: one compilation of value and gradient serves steps and line search,
    where the same loop inside ``jit`` takes twice as long to compile and saves nothing here.
    """
    precision = np.asarray(likelihood.priors[1])
    # One unit of a scaled coordinate: the prior width, else a tenth of the value.
    width = np.where(precision > 0, precision, 1.0) ** -0.5
    scale = np.where(precision > 0, width, 0.1 * np.where(start != 0, np.abs(start), 0.1))

    def loss(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _loss(likelihood, z, start, scale)
        return float(value), np.asarray(gradient)

    z = np.zeros_like(start)
    state = _lbfgs_state(z)
    value, gradient = loss(z)
    if not np.isfinite(value):  # no direction from here: the final stage finds its way out
        return start
    for count in range(STEPS):
        if not np.linalg.norm(gradient) > SMALL_GRADIENT:
            break
        direction, state = _lbfgs_direction(gradient, state, z)
        direction = np.asarray(direction)
        slope = gradient @ direction
        step = 1.0 if count else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        for _ in range(BACKTRACKS):
            new, new_gradient = loss(z - step * direction)
            if new <= value - 1e-4 * step * slope:
                break
            step /= 2
        else:
            break  # no descent left: the final stage decides
        z, value, gradient = z - step * direction, new, new_gradient
    return np.clip(start + scale * z, *map(np.asarray, likelihood.bounds))
