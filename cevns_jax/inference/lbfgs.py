"""The global stage of a fit: from its start to the neighbourhood of a minimum.

The steps that finish a fit take the expected information for the curvature of chi^2, which is true
of a good fit and poor far from the data. L-BFGS assumes nothing of the kind.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.likelihood import Likelihood

MEMORY = 10  # steps that L-BFGS remembers: optax's default
# Steps before it hands over wherever it is, found by trial: the final stage goes on from anywhere,
# and takes more of its own steps where it has to begin far away.
STEPS = 200
# Halvings of a step: to 1e-9 of it, below which there is no descent that rounding leaves visible.
BACKTRACKS = 30
# Norm of the scaled gradient of chi^2/2 at which the global stage hands over: in units of prior
# widths a distance of about 0.1, where the quadratic model of the final stage holds. Ten times less
# takes more steps here, each slower than one of the final stage; ten times more hands over where
# that model may be poor.
SMALL_GRADIENT = 0.1
SUFFICIENT = 1e-4  # share of the expected descent that a step must give: Armijo's usual value


@jax.jit
@partial(jax.value_and_grad, argnums=1)
def _loss(likelihood: Likelihood, z: jax.Array, start: jax.Array, scale: jax.Array) -> jax.Array:
    """chi^2/2 and its gradient in scaled coordinates x = start + scale z, clipped to the bounds."""
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

    The loop runs in Python, so that one compilation of value and gradient serves both the steps and
    the line search. The same loop inside ``jit`` takes twice as long to compile and saves nothing.

    Args:
        likelihood: What is minimised.
        start: Start values, shape (n,).

    Returns:
        Values near a minimum, shape (n,); the start itself where chi^2 is not finite there.
    """
    precision = np.asarray(likelihood.prior_mean_and_precision[1])
    # One unit of a scaled coordinate is the width of the prior, or else a tenth of the value (0.01
    # at zero): a guess of the error within a factor of ten or so, which the memory corrects.
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
        # The first direction is the gradient, of which only the direction means something: no
        # farther than one unit.
        step = 1.0 if count else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        for _ in range(BACKTRACKS):
            new, new_gradient = loss(z - step * direction)
            if new <= value - SUFFICIENT * step * slope:
                break
            step /= 2
        else:
            break  # no descent left: the final stage decides
        z, value, gradient = z - step * direction, new, new_gradient
    return np.clip(start + scale * z, *map(np.asarray, likelihood.bounds))
