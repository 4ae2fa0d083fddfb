"""Scans: chi^2 on a grid of any dimension, everything else minimised at each point.

A scan runs in blocks; a finished block can be kept in a folder, from which an interrupted scan goes
on. Afterwards every point looks at the minima of its neighbours: where one of them is better than
its own, or its own did not converge, it starts again from there.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.fit import Progress
from cevns_jax.inference.minimise import Minimum, minimise_lanes
from cevns_jax.inference.profile import (
    BLOCK,
    block_size,
    freed,
    minimise_points,
    over_points,
)
from cevns_jax.likelihood import Likelihood
from cevns_jax.results import write_atomically

RELEVANT = 100.0  # chi^2 above the lowest up to which a converged point looks at its neighbours
BETTER = 1e-4  # chi^2 by which a neighbour's minimum has to be lower to count
APART = 0.1  # chi^2 by which a neighbour's minimum is away from one's own
SWEEPS = 30  # in which a better minimum spreads from neighbour to neighbour
LOWEST = 8  # local minima of the grid from which the best fit is looked for


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan over k parameters; n parameters minimised at each point.

    Attributes:
        grids: Parameter -> its values, ascending, shape (P_i,).
        chi2: Minimum of chi^2, shape (P_1, ..., P_k).
        converged: Whether the minimisation converged, same shape.
        edm: Expected distance to the minimum, in units of chi^2, same shape.
        names: The minimised parameters.
        x: Their values, shape (P_1, ..., P_k, n).
        best: Values of all parameters at the lowest chi^2, on the grid or off it.
        best_chi2: chi^2 there.
        likelihood: What was scanned.
    """

    grids: dict[str, np.ndarray]
    chi2: np.ndarray
    converged: np.ndarray
    edm: np.ndarray
    names: tuple[str, ...]
    x: np.ndarray
    best: dict[str, float]
    best_chi2: float
    likelihood: Likelihood

    @property
    def delta_chi2(self) -> np.ndarray:
        """chi^2 above its lowest value."""
        return self.chi2 - self.best_chi2


def scan(
    likelihood: Likelihood,
    grids: Mapping[str, np.ndarray],
    *,
    progress: Progress = iter,
    blocks: Path | None = None,
    record: Mapping[str, Any] | None = None,
) -> Scan:
    """Scan parameters on a grid.

    Args:
        likelihood: What to scan. The parameters may be free in it or not.
        grids: Parameter -> its values, ascending.
        progress: Wraps the iterable of blocks.
        blocks: Folder in which finished blocks are kept until the scan is done; those found in it
            are not computed again.
        record: What a folder with blocks must have been made from; anything JSON can hold.

    Raises:
        ConfigError: no or an unknown parameter, a grid that cannot be used, an experiment without
            data, or blocks of another scan.
    """
    stop_if_forked()
    grids = _checked(likelihood, grids)
    for name in grids:
        likelihood = freed(likelihood, name)
    names = tuple(grids)
    axes = np.meshgrid(*grids.values(), indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    rest = tuple(name for name in likelihood.names if name not in grids)
    start = np.array([likelihood.parameters[name].start for name in rest], dtype=float)
    kept = Blocks(blocks, record or {}) if blocks is not None else None
    parts: list[Minimum] = []
    line = len(points) // len(axes[0])
    for number in progress(range(-(-len(points) // BLOCK))):
        found = kept.load(number) if kept else None
        if found is None:
            here = points[number * BLOCK : (number + 1) * BLOCK]
            starts = np.tile(start, (len(here), 1))
            steps = _steps_before(parts, len(here), line)
            found = minimise_points(likelihood, names, here, starts, steps=steps)
            if kept:
                kept.save(number, found)
        parts.append(found)
    result = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    shape = tuple(len(values) for values in grids.values())
    if rest:
        result = _spread_better_minima(likelihood, names, points, shape, result)
    best, best_chi2 = _best(likelihood, names, points, shape, result, rest)
    if kept:
        kept.remove()
    return Scan(
        grids=dict(grids),
        chi2=np.asarray(result.chi2).reshape(shape),
        converged=np.asarray(result.converged).reshape(shape),
        edm=np.asarray(result.edm).reshape(shape),
        names=rest,
        x=np.asarray(result.x).reshape(*shape, len(rest)),
        best=best,
        best_chi2=best_chi2,
        likelihood=likelihood,
    )


def _steps_before(blocks: list[Minimum], number: int, line: int) -> np.ndarray | None:
    """Steps that points took at the last value of the first parameter that is done: a guess for
    the next ``number`` of points, of which there are ``line`` for each value."""
    done = np.concatenate([block.steps for block in blocks]) if blocks else np.zeros(0)
    if len(done) < line:
        return None
    last: np.ndarray = done[len(done) - line :]
    return last[np.arange(number) % line]


def _checked(likelihood: Likelihood, grids: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if not grids:
        raise ConfigError("scan: name one parameter at least")
    checked = {}
    for name, values in grids.items():
        if name not in likelihood.parameters:
            raise unknown("scan", "parameter", name, likelihood.parameters)
        grid = np.asarray(values, dtype=float)
        if grid.ndim != 1 or not grid.size or not np.isfinite(grid).all():
            raise ConfigError(f"scan: the grid of {name} must be a list of finite numbers")
        if (np.diff(grid) <= 0).any():
            raise ConfigError(f"scan: the grid of {name} must be ascending")
        declared = likelihood.parameters[name]
        if grid[0] < declared.lower or grid[-1] > declared.upper:
            raise ConfigError(
                f"scan: the grid of {name} must lie between {declared.lower:g} and "
                f"{declared.upper:g}"
            )
        checked[name] = grid
    for experiment in likelihood.experiments:
        if not np.isfinite(experiment.observed).all():
            raise ConfigError(f"{experiment.name}: has no data, only bins; scan an Asimov data set")
    return checked


class Blocks:
    """Finished blocks of a scan in a folder, with what they were made from."""

    def __init__(self, folder: Path, record: Mapping[str, Any]) -> None:
        self.folder = folder
        path = folder / "scan.json"
        now = json.loads(json.dumps(record))
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            changed = _differences(before, now)
            if changed:
                raise ConfigError(
                    f"{folder}: holds blocks of another scan, it cannot be resumed; changed: "
                    + "; ".join(changed)
                )
        else:
            text = json.dumps(now)
            write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))

    def load(self, number: int) -> Minimum | None:
        """A block that is there."""
        path = self._path(number)
        if not path.is_file():
            return None
        with np.load(path) as arrays:
            return Minimum(**arrays)

    def save(self, number: int, block: Minimum) -> None:
        """Write a block, atomically."""

        def write(part: Path) -> None:
            with part.open("wb") as file:
                np.savez(file, **block._asdict())

        write_atomically(self._path(number), write)

    def remove(self) -> None:
        """Remove the folder: the scan is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"block_{number:06d}.npz"


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    """What differs between two JSON documents, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys((*before, *now))
        inside = (
            _differences(before.get(k), now.get(k), f"{where}.{k}" if where else k) for k in keys
        )
        return [text for texts in inside for text in texts]
    return [] if before == now else [f"{where} was {before} and is {now}"]


def _spread_better_minima(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    shape: tuple[int, ...],
    result: Minimum,
) -> Minimum:
    """Start again wherever the minimum of a neighbour does better, until nothing changes.

    Every sweep reads the minima of the one before: the outcome does not depend on an order.
    """
    result = jax.tree.map(np.array, result)
    neighbours = _neighbours(shape)
    active = np.ones(len(points), bool)
    for _ in range(SWEEPS):
        known = np.where(np.isfinite(result.chi2), result.chi2, np.inf)
        rows = np.flatnonzero(active & ((known < known.min() + RELEVANT) | ~result.converged))
        rows = rows[_elsewhere(result, rows, neighbours[rows]) | ~result.converged[rows]]
        if not rows.size:
            break
        offered = result.x[neighbours[rows]]  # (R, 2k, n)
        chi2 = _chi2_of(likelihood, names, points[rows], offered)
        chi2 = np.where(np.isfinite(chi2), chi2, np.inf)
        best = np.argmin(chi2, axis=1)
        lowest = chi2[np.arange(len(rows)), best]
        own = np.where(np.isfinite(result.chi2[rows]), result.chi2[rows], np.inf)
        again = (lowest < own - BETTER) | (~result.converged[rows] & (lowest < np.inf))
        if not again.any():
            break
        redo = rows[again]
        starts = offered[np.flatnonzero(again), best[again]]
        found = minimise_points(likelihood, names, points[redo], np.asarray(starts))
        better = np.asarray(found.chi2) < result.chi2[redo] - BETTER
        better |= np.asarray(found.converged) & ~result.converged[redo]
        better |= ~np.isfinite(result.chi2[redo])
        for old, new in zip(result, found, strict=True):
            old[redo[better]] = np.asarray(new)[better]
        if not better.any():
            break
        active = np.zeros(len(points), bool)
        active[neighbours[redo[better]].ravel()] = True
    return result


def _elsewhere(result: Minimum, rows: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Whether the minimum of a neighbour lies where chi^2 of a point, if it is a parabola, is above
    its own minimum: such a neighbour may be in another valley."""
    away = result.x[neighbours] - result.x[rows][:, None]
    above = np.einsum("rki,rij,rkj->rk", away, result.information[rows], away)
    far: np.ndarray = ~(above < APART).all(axis=1)
    return far


def _neighbours(shape: tuple[int, ...]) -> np.ndarray:
    """Row of each neighbour along each axis, (points, 2k); a point at an edge is its own."""
    index = np.arange(int(np.prod(shape))).reshape(shape)
    found = []
    for axis in range(len(shape)):
        for step in (-1, 1):
            places = np.clip(np.arange(shape[axis]) + step, 0, shape[axis] - 1)
            found.append(np.take(index, places, axis=axis).ravel())
    return np.stack(found, axis=1)


def _chi2_of(
    likelihood: Likelihood, names: tuple[str, ...], points: np.ndarray, offered: jax.Array
) -> np.ndarray:
    """chi^2 at each point with each of the values offered for the rest, shape (R, 2k)."""
    size, devices = block_size(len(points))
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
        frozen = held.frozen(held.values(), varying=held.names)
        return jax.vmap(lambda x: frozen.chi2(frozen.values(x)))(rows)

    found: jax.Array = over_points(one, likelihood, (points, offered), devices)
    return found


def _best(
    likelihood: Likelihood,
    names: tuple[str, ...],
    points: np.ndarray,
    shape: tuple[int, ...],
    result: Minimum,
    rest: tuple[str, ...],
) -> tuple[dict[str, float], float]:
    """The lowest chi^2 on the grid and between its points: the lowest local minima of the grid,
    with all parameters free inside its range. A flat direction, as at zero coupling, is no
    obstacle: only chi^2 counts."""
    inside = {
        name: dataclasses.replace(
            likelihood.parameters[name],
            lower=float(points[:, i].min()),
            upper=float(points[:, i].max()),
        )
        for i, name in enumerate(names)
    }
    likelihood = dataclasses.replace(likelihood, declarations={**likelihood.declarations, **inside})
    chi2 = np.where(result.converged, result.chi2, np.inf)
    local = np.flatnonzero((chi2[:, None] <= chi2[_neighbours(shape)]).all(axis=1))
    rows = local[np.argsort(chi2[local], kind="stable")][:LOWEST]
    if not np.isfinite(chi2).any():
        return dict.fromkeys(likelihood.names, float("nan")), float("nan")
    values = {name: points[rows, i] for i, name in enumerate(names)}
    values |= {name: np.asarray(result.x)[rows, i] for i, name in enumerate(rest)}
    starts = np.stack([values[name] for name in likelihood.names], axis=1)
    starts = np.concatenate([starts, np.tile(starts[:1], (LOWEST - len(starts), 1))])
    ends = minimise_lanes(likelihood, jnp.asarray(starts), jnp.ones(starts.shape, bool))
    end_chi2 = np.where(np.isfinite(ends.chi2), ends.chi2, np.inf)
    if end_chi2.min() < chi2[rows[0]]:
        x, lowest = np.asarray(ends.x)[np.argmin(end_chi2)], float(end_chi2.min())
    else:
        x, lowest = starts[0], float(chi2[rows[0]])
    return dict(zip(likelihood.names, map(float, x), strict=True)), lowest
