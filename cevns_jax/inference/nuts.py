"""The No-U-Turn sampler of NumPyro on a posterior, whitened, in blocks.

The sampler moves in z, with u = centre + scale @ z, where the posterior is nearly a unit normal
distribution if it has one valley. All draws, those of the warm-up too, are made by one program for
a block of draws, so that a run is compiled once, can be shown, saved and resumed.

NumPyro is imported with this file, which is loaded when it is used.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from numpyro.infer import NUTS

from cevns_jax.inference.batches import mesh
from cevns_jax.inference.target import Target, potential

# Doublings of a trajectory, 2^10 - 1 steps at most; NumPyro's and Stan's default. Whitened, two or
# three are usual.
MOST_DOUBLINGS = 10


class Metric(NamedTuple):
    """The coordinates of the sampler: u = centre + scale @ z, shapes (n,) and (n, n)."""

    centre: Any
    scale: Any


class Draws(NamedTuple):
    """Draws of all chains, in NumPy, with leading axes (chains, draws).

    Attributes:
        u: Numbers on the line, shape (C, D, n).
        lp: Natural logarithm of the density of the posterior in u, up to a constant.
        energy: Energy of the Hamiltonian system.
        acceptance_rate: Mean acceptance probability along the trajectory.
        n_steps: Leapfrog steps, each one gradient.
        diverging: Whether the trajectory ended because its energy was too far off.
        step_size: Step in z.
    """

    u: Any
    lp: Any
    energy: Any
    acceptance_rate: Any
    n_steps: Any
    diverging: Any
    step_size: Any


def _kernel(target: Target, metric: Metric, acceptance: float) -> NUTS:
    def of_z(z: jax.Array) -> jax.Array:
        return potential(target, metric.centre + metric.scale @ z)

    return NUTS(
        potential_fn=of_z,
        adapt_mass_matrix=False,
        dense_mass=False,
        target_accept_prob=acceptance,
        max_tree_depth=MOST_DOUBLINGS,
        find_heuristic_step_size=False,
    )


@partial(jax.jit, static_argnames=("devices", "adapting", "acceptance"))
def begin(
    target: Target,
    metric: Metric,
    starts: jax.Array,
    keys: jax.Array,
    *,
    adapting: int,
    acceptance: float,
    devices: int,
) -> Any:
    """States of chains before the first draw: those of NumPyro, with a leading axis of C chains.

    Args:
        target, metric: The posterior, and the coordinates.
        starts: Where chains start in z, shape (C, n).
        keys: A key for each chain, shape (C,).
        adapting: Number of draws that adapt the step size.
        acceptance: Acceptance probability to which it is adapted.
        devices: Over how many devices chains are spread; a divisor of C.
    """

    def share(target: Target, metric: Metric, starts: jax.Array, keys: jax.Array) -> Any:
        kernel = _kernel(target, metric, acceptance)
        return jax.vmap(lambda z, key: kernel.init(key, adapting, z, (), {}))(starts, keys)

    return _spread(share, (target, metric), (starts, keys), devices)


@partial(jax.jit, static_argnames=("devices", "adapting", "acceptance", "draws"))
def advance(
    target: Target,
    metric: Metric,
    states: Any,
    *,
    draws: int,
    adapting: int,
    acceptance: float,
    devices: int,
) -> tuple[Any, Draws]:
    """Draw a block.

    Args:
        target, metric, adapting, acceptance, devices: As :func:`begin`.
        states: The chains before the block.
        draws: Length of the block.

    Returns:
        The chains after the block, and its draws.
    """

    def share(target: Target, metric: Metric, states: Any) -> tuple[Any, Draws]:
        kernel = _kernel(target, metric, acceptance)
        kernel.init(states.rng_key[0], adapting, states.z[0], (), {})  # only sets the kernel up

        def step(states: Any, _: None) -> tuple[Any, Draws]:
            new = jax.vmap(lambda state: kernel.sample(state, (), {}))(states)
            return new, Draws(
                u=metric.centre + new.z @ metric.scale.T,
                lp=-new.potential_energy,
                energy=new.energy,
                acceptance_rate=new.accept_prob,
                n_steps=new.num_steps,
                diverging=new.diverging,
                step_size=new.adapt_state.step_size,
            )

        states, made = jax.lax.scan(step, states, None, length=draws)
        return states, jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), made)

    return _spread(share, (target, metric), (states,), devices)


def _spread(share: Any, common: tuple[Any, ...], rows: tuple[Any, ...], devices: int) -> Any:
    """Apply a function of common arguments and of rows to shares of the rows, over devices."""
    if devices == 1:
        return share(*common, *rows)
    whole, split = PartitionSpec(), PartitionSpec("points")
    places = (*(whole for _ in common), *(split for _ in rows))
    over = jax.shard_map(share, mesh=mesh(), in_specs=places, out_specs=split, check_vma=False)
    return over(*common, *rows)


def metric_of(precision: np.ndarray, centre: np.ndarray) -> Metric:
    """Coordinates in which a Gaussian of this precision and centre is a unit normal one."""
    lower = np.linalg.cholesky(precision)
    return Metric(centre, np.linalg.inv(lower).T)
