"""Many points at once: in batches that fit the cache, over all local devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.curvature import local_of
from cevns_jax.inference.minimise import MAX_STEPS, Minimum, minimise
from cevns_jax.likelihood import Likelihood

# Points of one call, after which progress is shown and a block is saved. Ten times as many are
# 10 % faster, and lose ten times as much when a run is interrupted; a tenth of them pays the cost
# of a call (dispatch, copies to and from the device) ten times as often.
BLOCK = 1024
# chi^2 above the lowest up to which minima count. Levels that are quoted end at 12, and a failed
# minimisation may still fall: at 10 a valley that is reported could be missed, at 1000 work would
# go into points that no result shows.
RELEVANT_CHI2 = 100.0
# Points minimised together on a CPU device, whose intermediate arrays have to fit the cache. Of a
# likelihood with few nodes 8 to 64 take equally long within 10 %, and 4096 twice as long; of planes
# with many nodes 4 to 16 are within 15 %, and 64 take twice as long (docs/benchmarks.md).
CPU_LANES = 16

# Steps of a second attempt. Without counts and background chi^2 falls in a straight line with the
# expected counts, while its expected information grows as they vanish: steps then become short, and
# some hundred lead to the end of a pull.
MORE_STEPS = 1000

Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""Wraps the iterable of a loop, e.g. ``tqdm.tqdm``; ``iter`` shows nothing."""


def minimum_of(
    likelihood: Likelihood,
    start: jax.Array,
    moving: jax.Array | None = None,
    *,
    second_order: bool = False,
    most_steps: int | jax.Array | None = None,
) -> Minimum:
    """Minimise chi^2 over the varying parameters of a likelihood, inside their domains.

    Args:
        likelihood: What to minimise; parameters held in it stay.
        start: Start values, shape (n,).
        moving, most_steps: As :func:`cevns_jax.inference.minimise.minimise`.
        second_order: As :func:`cevns_jax.inference.curvature.local_of`.
    """
    bent = second_order and bool(likelihood.many_valleys)
    local = local_of(likelihood, second_order=bent)
    return minimise(local, start, likelihood.bounds, moving, bent=bent, most_steps=most_steps)


def minimise_points(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    starts: np.ndarray,
    progress: Progress = iter,
    steps: np.ndarray | None = None,
    *,
    second_order: bool = False,
    most_steps: int = MAX_STEPS,
) -> Minimum:
    """Minimise at every point of a grid, in blocks, over all local devices.

    Args:
        likelihood: What to minimise.
        names: The k parameters held at the points.
        points: Their values, shape (P, k).
        starts: Start values of the n parameters that vary, shape (P, n).
        progress: Wraps the iterable of blocks.
        steps: A guess of the steps that each point takes, shape (P,). A batch runs until its
            slowest lane has finished, so points with equal guesses are put together.
        second_order, most_steps: As :func:`minimum_of`.

    Returns:
        The minima as NumPy arrays with a leading axis of P points.
    """
    stop_if_forked()
    likelihood = on_devices(likelihood)
    blocks = []
    for rows, batches, back in blocks_of(len(points), steps, progress):
        block = _minimise_block(
            likelihood,
            batches,
            most_steps,
            points[rows],
            starts[rows],
            names=names,
            devices=jax.local_device_count(),
            second_order=second_order,
        )
        blocks.append(jax.tree.map(lambda array, back=back: np.asarray(array)[back], block))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *blocks)


def on_devices(likelihood: Likelihood) -> Likelihood:
    """A copy of a likelihood on every device, where many calls find it without another copy."""
    if all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(likelihood)):
        return likelihood  # it is there already
    return jax.device_put(likelihood, NamedSharding(mesh(), PartitionSpec()))


def minimise_firmly(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    starts: np.ndarray,
    steps: np.ndarray | None = None,
) -> Minimum:
    """As :func:`minimise_points`; points that do not converge go on from where they ended.

    They do with second derivatives if chi^2 can have several minima in one of the minimised
    parameters, or else, those that may matter, with ``MORE_STEPS``.
    """
    found = minimise_points(likelihood, names, points, starts, steps=steps)
    bent = bool(set(likelihood.many_valleys) - set(names))
    failed = np.flatnonzero(~found.converged) if bent else relevant_failures(found)
    if failed.size:
        again = minimise_points(
            *(likelihood, names, points[failed], found.x[failed]),
            second_order=bent,
            most_steps=MAX_STEPS if bent else MORE_STEPS,
        )
        put_better(found, failed, again)
    return found


def better(new: Minimum, old: Minimum, by: float = 0.0) -> np.ndarray:
    """Rows in which the new minimum replaces the old one, boolean.

    An end that converged to a finite chi^2 is preferred to one that did not. If both did, or
    neither, the lower one is preferred.

    Args:
        new, old: Two ends of the same minimisations, with the same leading axis.
        by: chi^2 by which the new one has to be lower.
    """
    settled_new, settled_old = settled(new), settled(old)
    lower = (new.chi2 < old.chi2 - by) | (np.isfinite(new.chi2) & ~np.isfinite(old.chi2))
    found: np.ndarray = (settled_new & ~settled_old) | ((settled_new == settled_old) & lower)
    return found


def settled(minima: Minimum) -> np.ndarray:
    """Whether minimisations converged to a finite chi^2; an excluded point has none."""
    return np.asarray(minima.converged) & np.isfinite(minima.chi2)


def replaced_where(chosen: np.ndarray, new: Minimum, old: Minimum) -> Minimum:
    """The new minima in the chosen rows of the leading axis, and the old ones in the others."""
    rows = np.arange(len(chosen))
    return Minimum(
        *(np.stack(pair)[chosen.astype(int), rows] for pair in zip(old, new, strict=True))
    )


def put_better(minima: Minimum, rows: np.ndarray, others: Minimum) -> None:
    """Replace rows of minima by other ends of the same minimisations where those are better."""
    chosen = better(others, Minimum(*(array[rows] for array in minima)))
    for old, new in zip(minima, others, strict=True):
        old[rows[chosen]] = new[chosen]


def relevant_failures(minima: Minimum) -> np.ndarray:
    """Rows of minima that did not converge and that lie less than ``RELEVANT_CHI2`` above the
    lowest chi^2 of those that did."""
    lowest = np.min(minima.chi2, initial=np.inf, where=np.asarray(minima.converged))
    rows: np.ndarray = np.flatnonzero(~minima.converged & (minima.chi2 < lowest + RELEVANT_CHI2))
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
        firmly: Whether minimisations that do not converge are repeated with second derivatives,
            as by :func:`minimise_firmly`. These take as long to compile as everything else. They
            confirm a minimum more often than they find a lower one.

    Returns:
        The minima as NumPy arrays with a leading axis of S.
    """
    found = _all_lanes(likelihood, starts, second_order=False)
    failed = relevant_failures(found)
    if firmly and failed.size and likelihood.many_valleys:
        put_better(found, failed, _all_lanes(likelihood, found.x[failed], second_order=True))
    return found


def _all_lanes(likelihood: Likelihood, starts: np.ndarray, *, second_order: bool) -> Minimum:
    lanes = lanes_of(likelihood)
    moving = np.ones((lanes, starts.shape[1]), bool)
    done = []
    # Every call has the same shape, filled up with copies of the last start: another shape would
    # be another compilation, which costs more than the copies.
    for first in range(0, len(starts), lanes):
        block = starts[first : first + lanes]
        padded = np.concatenate([block, np.tile(block[-1:], (lanes - len(block), 1))])
        result = minimise_lanes(likelihood, padded, moving, second_order=second_order)
        done.append(Minimum(*(np.asarray(a)[: len(block)] for a in result)))
    return Minimum(*(np.concatenate(arrays) for arrays in zip(*done, strict=True)))


def lanes_of(likelihood: Likelihood) -> int:
    """Lanes of every batched call of a fit: two for each parameter, as its two errors need. All
    calls have this size, so that they share one compilation."""
    return 2 * max(len(likelihood.names), 1)


def blocks_of(
    points: int, steps: np.ndarray | None, progress: Progress = iter
) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
    """Blocks of points, padded to one size.

    All blocks have the same number of rows, so that one program serves a plane and a single point
    of it. The program does not evaluate the batches that hold no point.

    Args:
        points: Number of points.
        steps: As :func:`minimise_points`; default: points stay in their order.
        progress: As :func:`minimise_points`.

    Yields:
        For each block: the number of the point in each row; how many batches of each device hold
        points; the row of each point of the block, in the order of the points.
    """
    devices, lanes = jax.local_device_count(), lanes_on_device()
    most = -(-BLOCK // (lanes * devices))  # batches of a device; the division is rounded up
    for first in progress(range(0, points, most * lanes * devices)):
        some = np.arange(first, min(first + most * lanes * devices, points))
        if steps is not None:
            some = some[np.argsort(steps[some], kind="stable")]
        batches = -(-len(some) // (lanes * devices))
        filled = np.append(some, np.full(batches * lanes * devices - len(some), some[-1]))
        rows = np.full((devices, most, lanes), some[-1])
        # Devices take turns, so that none gets all the slow ones.
        rows[:, :batches] = filled.reshape(batches, devices, lanes).swapaxes(0, 1)
        places = np.arange(rows.size).reshape(rows.shape)[:, :batches].swapaxes(0, 1).ravel()
        back = places[: len(some)][np.argsort(some, kind="stable")]
        yield rows.ravel(), batches, back


def mesh() -> jax.sharding.Mesh:
    """All local devices in a row."""
    devices = (jax.local_device_count(),)
    return jax.make_mesh(devices, ("points",), axis_types=(jax.sharding.AxisType.Auto,))


def lanes_on_device() -> int:
    """Points minimised together on a device: a whole block where there is no small cache to fit."""
    on_cpu = jax.default_backend() == "cpu"
    return CPU_LANES if on_cpu else -(-BLOCK // jax.local_device_count())


@partial(jax.jit, static_argnames=("names", "devices", "second_order"))
def _minimise_block(
    likelihood: Likelihood,
    batches: int,
    most_steps: int,
    points: jax.Array,
    starts: jax.Array,
    *,
    names: tuple[str, ...],
    devices: int,
    second_order: bool,
) -> Minimum:
    def one(common: tuple[Likelihood, jax.Array], point: jax.Array, start: jax.Array) -> Minimum:
        likelihood, most = common
        held = likelihood.hold(**dict(zip(names, point, strict=True)))
        return minimum_of(held, start, second_order=second_order, most_steps=most)

    return over_points(one, (likelihood, most_steps), batches, (points, starts), devices)


def over_points(
    one: Callable[..., Any],
    common: Any,
    batches: int | jax.Array,
    arrays: tuple[jax.Array, ...],
    devices: int,
) -> Any:
    """Apply a function to every row of some arrays, in batches and over all devices.

    Args:
        one: Function of ``common`` and of one row of each array.
        common: Argument that is the same for all rows, a pytree.
        batches: How many batches of each device are evaluated; rows of the others become zero.
        arrays: The other arguments, with a leading axis of rows as :func:`blocks_of` orders them.
        devices: Number of devices.
    """
    several = jax.jit(jax.vmap(one, in_axes=(None, *(0 for _ in arrays))))  # traced once

    def share(common: Any, batches: jax.Array, *arrays: jax.Array) -> Any:
        """One device's share of the rows."""
        number = len(arrays[0]) // lanes_on_device()
        rows = [jnp.reshape(a, (number, lanes_on_device(), *a.shape[1:])) for a in arrays]
        made = jax.eval_shape(several, common, *(a[0] for a in rows))
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), made)

        # A loop over batches, not one large vmap: what a batch needs stays in the cache, and its
        # while loop ends when its own slowest lane has finished, not the slowest of all.
        def batch(of: tuple[jax.Array, ...]) -> Any:
            place, *some = of
            evaluated = partial(several, common, *some)
            return jax.lax.cond(place < batches, evaluated, lambda: nothing)

        found = jax.lax.map(batch, (jnp.arange(number), *rows))
        return jax.tree.map(lambda a: jnp.reshape(a, (len(arrays[0]), *a.shape[2:])), found)

    if devices == 1:
        return share(common, jnp.asarray(batches), *arrays)
    split, whole = PartitionSpec("points"), PartitionSpec()
    places = (whole, whole, *(split for _ in arrays))
    spread = jax.shard_map(share, mesh=mesh(), in_specs=places, out_specs=split, check_vma=False)
    return spread(common, jnp.asarray(batches), *arrays)


def chi2_of(
    likelihood: Likelihood, names: tuple[str, ...], points: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """chi^2 at R points without minimising, shape (R,).

    Args:
        likelihood: Whose chi^2.
        names: The k parameters held at the points.
        points: Their values, shape (R, k).
        x: Values of the n parameters that vary, shape (R, n).
    """
    # This calls the program of the minimisation and stops it after its first evaluation. A program
    # for chi^2 alone would run faster, but take seconds more to compile.
    return np.asarray(minimise_points(likelihood, names, points, x, most_steps=1).chi2)
