"""Many points at once: in batches that fit the cache, over all local devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec

from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.curvature import local_of
from cevns_jax.inference.minimise import Minimum, minimise
from cevns_jax.likelihood import Likelihood

BLOCK = 1024  # points of one call: the unit of progress
RELEVANT = 100.0  # chi^2 above the lowest up to which minima count
CPU_LANES = 16  # points minimised together on a CPU device, whose cache they have to fit

Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""Wraps the iterable of a loop, e.g. ``tqdm.tqdm``; ``iter`` shows nothing."""


def minimum_of(
    likelihood: Likelihood,
    start: jax.Array,
    moving: jax.Array | None = None,
    *,
    second_order: bool = False,
) -> Minimum:
    """Minimise chi^2 over the varying parameters of a likelihood, inside their domains.

    Args:
        likelihood: What to minimise; parameters held in it stay.
        start: Start values, shape (n,).
        moving: As :func:`cevns_jax.inference.minimise.minimise`.
        second_order: As :func:`cevns_jax.inference.curvature.local_of`.
    """
    bent = second_order and bool(likelihood.shaping)
    local = local_of(likelihood, second_order=bent)
    return minimise(local, start, likelihood.bounds, moving, bent=bent)


def minimise_points(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    starts: np.ndarray,
    progress: Progress = iter,
    steps: np.ndarray | None = None,
    *,
    whole: int = 0,
    second_order: bool = False,
) -> Minimum:
    """Minimise at every point of a grid, in blocks, over all local devices.

    Args:
        likelihood: What to minimise.
        names: The k parameters held at the points.
        points: Their values, shape (P, k).
        starts: Start values of the n parameters that vary, shape (P, n).
        progress: Wraps the iterable of blocks.
        steps: Steps that each point is guessed to take, shape (P,): a batch walks until its
            slowest lane has finished, so points that take as many go together.
        whole: Points of all calls, if this is one of several: the last takes the same program.
        second_order: As :func:`minimum_of`.

    Returns:
        The minima as NumPy arrays with a leading axis of P points.
    """
    stop_if_forked()
    likelihood = jax.device_put(likelihood)
    size, devices = block_size(max(len(points), whole))
    blocks = []
    for first in progress(range(0, len(points), size)):
        # The last block repeats its last point.
        rows = np.minimum(np.arange(first, first + size), len(points) - 1)
        order = np.arange(size) if steps is None else _alike_together(steps[rows], devices)
        block = _minimise_block(
            likelihood,
            points[rows[order]],
            starts[rows[order]],
            names=names,
            devices=devices,
            second_order=second_order,
        )
        back = np.argsort(order)
        blocks.append(jax.tree.map(lambda array, back=back: np.asarray(array)[back], block))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(points)], *blocks)


def minimise_firmly(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    starts: np.ndarray,
    steps: np.ndarray | None = None,
    *,
    whole: int = 0,
) -> Minimum:
    """As :func:`minimise_points`, and where that does not converge once more with second
    derivatives, if a parameter that shapes the signal is among the minimised ones."""
    found = minimise_points(likelihood, names, points, starts, steps=steps, whole=whole)
    failed = np.flatnonzero(~found.converged)
    if failed.size and set(likelihood.shaping) - set(names):
        again = minimise_points(
            likelihood, names, points[failed], found.x[failed], second_order=True
        )
        put_better(found, failed, again)
    return found


def better(new: Minimum, old: Minimum, by: float = 0.0) -> np.ndarray:
    """Where one of two ends of the same minimisations is to be preferred, boolean: one that
    converged to a finite chi^2, and of two that did, or did not, the lower one.

    Args:
        new, old: With the same leading axis.
        by: chi^2 by which the new one has to be lower.
    """
    settled_new, settled_old = settled(new), settled(old)
    lower = (new.chi2 < old.chi2 - by) | (np.isfinite(new.chi2) & ~np.isfinite(old.chi2))
    found: np.ndarray = (settled_new & ~settled_old) | ((settled_new == settled_old) & lower)
    return found


def settled(minima: Minimum) -> np.ndarray:
    """Whether minimisations converged to a finite chi^2; an excluded point has none."""
    return np.asarray(minima.converged) & np.isfinite(minima.chi2)


def where(chosen: np.ndarray, new: Minimum, old: Minimum) -> Minimum:
    """The new minima where they are chosen, with a leading axis, the old ones elsewhere."""
    rows = np.arange(len(chosen))
    return Minimum(
        *(np.stack(pair)[chosen.astype(int), rows] for pair in zip(old, new, strict=True))
    )


def put_better(minima: Minimum, rows: np.ndarray, others: Minimum) -> None:
    """Put other ends of the same minimisations in place where they are better."""
    chosen = better(others, Minimum(*(array[rows] for array in minima)))
    for old, new in zip(minima, others, strict=True):
        old[rows[chosen]] = new[chosen]


def relevant_failures(minima: Minimum) -> np.ndarray:
    """Rows of minima that did not converge, and are not far above the lowest one that did."""
    lowest = np.min(minima.chi2, initial=np.inf, where=np.asarray(minima.converged))
    rows: np.ndarray = np.flatnonzero(~minima.converged & (minima.chi2 < lowest + RELEVANT))
    return rows


@partial(jax.jit, static_argnames="second_order")
def minimise_lanes(
    likelihood: Likelihood, starts: jax.Array, moving: jax.Array, *, second_order: bool
) -> Minimum:
    """Many minimisations of one likelihood.

    Args:
        likelihood: What to minimise.
        starts: Start values, shape (L, n).
        moving: Which parameters move, shape (L, n), boolean.
        second_order: As :func:`minimum_of`.
    """

    def one(start: jax.Array, moves: jax.Array) -> Minimum:
        return minimum_of(likelihood, start, moves, second_order=second_order)

    return jax.vmap(one)(starts, moving)


def minimise_all(likelihood: Likelihood, starts: np.ndarray, *, firmly: bool = True) -> Minimum:
    """Minimise all varying parameters from several starts.

    Args:
        likelihood: What to minimise.
        starts: Start values, shape (S, n).
        firmly: Whether what does not converge is tried again with second derivatives, as
            :func:`minimise_firmly`. They take as long to compile as the rest, and make a minimum
            sure more than they lower it.

    Returns:
        The minima as NumPy arrays with a leading axis of S.
    """
    found = _all_lanes(likelihood, starts, second_order=False)
    failed = relevant_failures(found)
    if firmly and failed.size and likelihood.shaping:
        put_better(found, failed, _all_lanes(likelihood, found.x[failed], second_order=True))
    return found


def _all_lanes(likelihood: Likelihood, starts: np.ndarray, *, second_order: bool) -> Minimum:
    lanes = lanes_of(likelihood)
    moving = np.ones((lanes, starts.shape[1]), bool)
    done = []
    for first in range(0, len(starts), lanes):
        block = starts[first : first + lanes]
        padded = np.concatenate([block, np.tile(block[-1:], (lanes - len(block), 1))])
        result = minimise_lanes(likelihood, padded, moving, second_order=second_order)
        done.append(Minimum(*(np.asarray(a)[: len(block)] for a in result)))
    return Minimum(*(np.concatenate(arrays) for arrays in zip(*done, strict=True)))


def lanes_of(likelihood: Likelihood) -> int:
    """Lanes of every batched call of a fit, two for each parameter: one size, one compilation."""
    return 2 * max(len(likelihood.names), 1)


def _alike_together(steps: np.ndarray, devices: int) -> np.ndarray:
    """Order in which batches hold points of about as many steps, and devices take turns."""
    order = np.argsort(steps, kind="stable")
    if len(order) % (devices * CPU_LANES):
        return order
    return order.reshape(-1, devices, CPU_LANES).swapaxes(0, 1).ravel()


def block_size(points: int) -> tuple[int, int]:
    """Points of one call, and devices to spread them over.

    Two sizes only, each of whole batches on every device: every other would be compiled anew.
    """
    devices = jax.local_device_count()
    few = jax.default_backend() == "cpu" and points < BLOCK
    batches = 1 if few else -(-BLOCK // (CPU_LANES * devices))
    return devices * CPU_LANES * batches, devices


@partial(jax.jit, static_argnames=("names", "devices", "second_order"))
def _minimise_block(
    likelihood: Likelihood,
    points: jax.Array,
    starts: jax.Array,
    *,
    names: tuple[str, ...],
    devices: int,
    second_order: bool,
) -> Minimum:
    def one(likelihood: Likelihood, point: jax.Array, start: jax.Array) -> Minimum:
        held = likelihood.hold(**dict(zip(names, point, strict=True)))
        return minimum_of(held, start, second_order=second_order)

    return over_points(one, likelihood, (points, starts), devices)


def over_points(
    one: Callable[..., Any],
    likelihood: Likelihood,
    arrays: tuple[jax.Array, ...],
    devices: int,
) -> Any:
    """A function of a likelihood and of one row of each array, for all rows: in batches, and over
    all devices."""

    def share(likelihood: Likelihood, *arrays: jax.Array) -> Any:
        """One device's share of the rows."""
        if any(a.size == 0 for a in arrays):  # lax.map cannot cut arrays without elements
            return jax.vmap(lambda *row: one(likelihood, *row))(*arrays)
        lanes = CPU_LANES if jax.default_backend() == "cpu" else len(arrays[0])
        return jax.lax.map(lambda row: one(likelihood, *row), arrays, batch_size=lanes)

    if devices == 1:
        return share(likelihood, *arrays)
    mesh = jax.make_mesh((devices,), ("points",), axis_types=(jax.sharding.AxisType.Auto,))
    split, whole = PartitionSpec("points"), PartitionSpec()
    places = (whole, *(split for _ in arrays))
    spread = jax.shard_map(share, mesh=mesh, in_specs=places, out_specs=split, check_vma=False)
    return spread(likelihood, *arrays)


def chi2_of(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    offered: np.ndarray,
    *,
    whole: int = 0,
) -> np.ndarray:
    """chi^2 at each of R points with each of m vectors offered for the rest, shape (R, m).

    Args:
        likelihood: Whose chi^2.
        names: The k parameters held at the points.
        points: Their values, shape (R, k).
        offered: Values of the n parameters that vary, shape (R, m, n).
        whole: As :func:`minimise_points`.
    """
    size, devices = block_size(max(len(points), whole))
    blocks = []
    for first in range(0, len(points), size):
        rows = np.minimum(np.arange(first, first + size), len(points) - 1)
        block = _chi2_block(likelihood, points[rows], offered[rows], names=names, devices=devices)
        blocks.append(np.asarray(block))
    return np.concatenate(blocks)[: len(points)]


@partial(jax.jit, static_argnames=("names", "devices"))
def _chi2_block(
    likelihood: Likelihood,
    points: jax.Array,
    offered: jax.Array,
    *,
    names: tuple[str, ...],
    devices: int,
) -> jax.Array:
    def one(likelihood: Likelihood, point: jax.Array, rows: jax.Array) -> jax.Array:
        held = likelihood.hold(**dict(zip(names, point, strict=True)))
        ready = held.precomputed(held.values(), varying=held.names)
        return jax.vmap(lambda x: ready.chi2(ready.values(x)))(rows)

    found: jax.Array = over_points(one, likelihood, (points, offered), devices)
    return found
