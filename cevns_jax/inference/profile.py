"""Profile likelihood: chi^2 on a grid, everything else minimised at each point."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.fit import Fit, Progress, fit
from cevns_jax.inference.minimise import Minimum, minimise
from cevns_jax.inference.regions import limit
from cevns_jax.likelihood import Likelihood

BLOCK = 1024  # points of one call: the unit of progress
CPU_LANES = 16  # points minimised together on a CPU device, whose cache they have to fit


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A profile over one parameter. P points, n parameters minimised at each.

    Attributes:
        parameter: Name of the parameter on the grid.
        grid: Its values, shape (P,).
        chi2: Minimum of chi^2 at each point, shape (P,).
        converged: Whether the minimisation converged at each point, shape (P,).
        edm: Expected distance to the minimum, in units of chi^2, shape (P,).
        names: The minimised parameters.
        x: Their values, shape (P, n).
        best: Best fit with the parameter free.
    """

    parameter: str
    grid: np.ndarray
    chi2: np.ndarray
    converged: np.ndarray
    edm: np.ndarray
    names: tuple[str, ...]
    x: np.ndarray
    best: Fit

    @property
    def delta_chi2(self) -> np.ndarray:
        """chi^2 above its lowest value on the grid or at the best fit."""
        converged = self.chi2[self.converged]
        return self.chi2 - min(self.best.chi2, *converged)

    def allowed(self, delta_chi2: float) -> list[tuple[float, float]]:
        """Ranges where Delta chi^2 is below a level, as :func:`cevns_jax.inference.regions.limit`
        finds them from the converged points.

        Args:
            delta_chi2: Level, e.g. 1 (68 %), 2.71 (90 %) or 3.84 (95 %) for one parameter.
        """
        delta = np.where(self.converged, self.delta_chi2, np.nan)
        return limit(self.grid, delta, delta_chi2).allowed


def profile(
    likelihood: Likelihood,
    *,
    best: Fit | None = None,
    progress: Progress = iter,
    **grid: np.ndarray | jax.Array,
) -> Profile:
    """Profile of one parameter, e.g. ``profile(like, sin2_theta_w=jnp.linspace(0.15, 0.33, 201))``.

    Args:
        likelihood: What to profile. The parameter may be free in it or not.
        best: Best fit with the parameter free; fitted here if not given.
        progress: Wraps the iterable of blocks, e.g. ``tqdm.tqdm``.
        **grid: One parameter and its values, shape (P,).

    Raises:
        ConfigError: no or several parameters, an unknown one, or a grid that is empty, not finite,
            not ascending or outside the domain.
    """
    if len(grid) != 1:
        raise ConfigError(f"profile: give one parameter and its grid, not {len(grid)}")
    ((name, values),) = grid.items()
    if name not in likelihood.parameters:
        raise unknown("profile", "parameter", name, likelihood.parameters)
    points = np.asarray(values, dtype=float)
    if points.ndim != 1 or points.size == 0 or not np.isfinite(points).all():
        raise ConfigError(f"profile: the grid of {name} must be a list of finite numbers")
    declared = likelihood.parameters[name]
    if (points < declared.lower).any() or (points > declared.upper).any():
        raise ConfigError(
            f"profile: the grid of {name} must lie between {declared.lower:g} and "
            f"{declared.upper:g}"
        )
    if (np.diff(points) <= 0).any():
        raise ConfigError(f"profile: the grid of {name} must be ascending")
    likelihood = freed(likelihood, name)
    best = best or fit(likelihood, progress=progress)
    result = minimise_points(
        likelihood, (name,), points[:, None], _conditional_starts(best, name, points), progress
    )
    again = ~result.converged
    if again.any():  # the linear prediction can lead out of the domain: start from the best fit
        index = best.names.index(name)
        starts = np.tile(np.delete(best.x, index), (int(again.sum()), 1))
        second = minimise_points(likelihood, (name,), points[again][:, None], starts, iter)
        for first_pass, second_pass in zip(result, second, strict=True):
            first_pass[again] = second_pass
    return Profile(
        parameter=name,
        grid=points,
        chi2=np.asarray(result.chi2),
        converged=np.asarray(result.converged),
        edm=np.asarray(result.edm),
        names=tuple(n for n in likelihood.names if n != name),
        x=np.asarray(result.x),
        best=best,
    )


def minimise_points(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    starts: np.ndarray,
    progress: Progress = iter,
    steps: np.ndarray | None = None,
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

    Returns:
        The minima as NumPy arrays with a leading axis of P points.
    """
    stop_if_forked()
    likelihood = jax.device_put(likelihood)
    size, devices = block_size(len(points))
    blocks = []
    for first in progress(range(0, len(points), size)):
        # The last block repeats its last point.
        rows = np.minimum(np.arange(first, first + size), len(points) - 1)
        order = np.arange(size) if steps is None else _alike_together(steps[rows], devices)
        block = _minimise_block(
            likelihood, points[rows[order]], starts[rows[order]], names=names, devices=devices
        )
        back = np.argsort(order)
        blocks.append(jax.tree.map(lambda array, back=back: np.asarray(array)[back], block))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(points)], *blocks)


def _alike_together(steps: np.ndarray, devices: int) -> np.ndarray:
    """Order in which batches hold points of about as many steps, and devices take turns."""
    order = np.argsort(steps, kind="stable")
    if len(order) % (devices * CPU_LANES):
        return order
    return order.reshape(-1, devices, CPU_LANES).swapaxes(0, 1).ravel()


def block_size(points: int) -> tuple[int, int]:
    """Points of one call, and devices to spread them over.

    Three sizes only, each of whole batches on every device: every other would be compiled anew.
    """
    devices = jax.local_device_count()
    if points <= devices:
        return devices, devices
    few = jax.default_backend() == "cpu" and points < BLOCK
    batches = 1 if few else -(-BLOCK // (CPU_LANES * devices))
    return devices * CPU_LANES * batches, devices


@partial(jax.jit, static_argnames=("names", "devices"))
def _minimise_block(
    likelihood: Likelihood,
    points: jax.Array,
    starts: jax.Array,
    *,
    names: tuple[str, ...],
    devices: int,
) -> Minimum:
    def one(likelihood: Likelihood, point: jax.Array, start: jax.Array) -> Minimum:
        return minimise(likelihood.hold(**dict(zip(names, point, strict=True))), start)

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


def _conditional_starts(best: Fit, name: str, points: np.ndarray) -> np.ndarray:
    """Where a Gaussian likelihood would put the other parameters, shape (P, n)."""
    index = best.names.index(name)
    slopes = np.delete(best.covariance[:, index], index) / best.covariance[index, index]
    return np.delete(best.x, index) + np.outer(points - best.x[index], slopes)


def freed(likelihood: Likelihood, name: str) -> Likelihood:
    """The likelihood with a parameter free, whether it was or not."""
    if name in likelihood.names:
        return likelihood
    held = {key: value for key, value in likelihood.held.items() if key != name}
    free = likelihood.free if name in likelihood.free else (*likelihood.free, name)
    return dataclasses.replace(likelihood, free=free, held=held)
