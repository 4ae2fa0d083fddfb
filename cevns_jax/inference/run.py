"""A run of NUTS: warm-up and draws, in blocks that are saved, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from cevns_jax.inference.batches import Progress, mesh
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.nuts import Draws, Metric, advance, begin, metric_of
from cevns_jax.inference.target import Target

BLOCK = 100  # draws of one call, after which progress is shown and a block is saved
# Draws that adapt the coordinates, and after them the step size: the first are pooled from all
# chains into a covariance of n parameters, the second follow NumPyro's and Stan's dual averaging,
# which settles to some per cent in two hundred.
COORDINATES, STEP = 200, 300
WARM_UP = (COORDINATES + STEP) // BLOCK  # blocks
ACCEPTANCE = (0.8, 0.95)  # NumPyro's and Stan's default; for the second attempt, smaller steps
# Weight of the coordinates of the information, in draws for each parameter, against those of the
# pooled covariance: that of 400 draws is off by half in some direction of 30 parameters.
SHRINK = 5


class _State(NamedTuple):
    """Where a run stands: its coordinates, and the chains."""

    metric: Metric
    chains: Any


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of NUTS.

    Attributes:
        target: The posterior.
        modes: Its modes that matter; chains start in turn around each of them.
        key: Key of the random numbers.
        chains: Number of chains.
        draws: Draws of each chain after the warm-up.
        blocks: Where finished blocks are kept; ``None`` keeps none.
        progress: Wraps the iterable of blocks, those of the warm-up first.
    """

    target: Target
    modes: tuple[Minimum, ...]
    key: jax.Array
    chains: int
    draws: int
    blocks: Blocks | None
    progress: Progress

    def attempt(self, number: int) -> Draws | None:
        """All draws of the first or second attempt, 0 or 1; ``None`` if the first one has a
        divergence."""
        blocks = -(-self.draws // BLOCK)
        first = number * (1 + blocks)  # place of the state after the warm-up, then of each block
        kept = self._kept(range(first, first + 1 + blocks))
        made = [Draws(*(block[f"draws_{n}"] for n in Draws._fields)) for block in kept[1:]]
        if number == 0 and _diverged(made):
            return None
        state = self._state(kept[-1], number) if kept else None
        begun = WARM_UP + len(made) if kept else 0
        warming_up = self._warming_up(number)
        for step in self.progress(range(begun, WARM_UP + blocks)):
            if step < WARM_UP:
                state = next(warming_up)
                if step == WARM_UP - 1:
                    self._save(first, state, None)
                continue
            assert state is not None
            options = self._options(number)
            chains, found = self._advance(state.metric, state.chains, options)
            state = _State(state.metric, chains)
            made.append(Draws(*map(np.asarray, found)))
            self._save(first + len(made), state, made[-1])
            if number == 0 and _diverged(made[-1:]):
                return None
        joined = Draws(*(np.concatenate(parts, axis=1) for parts in zip(*made, strict=True)))
        return Draws(*(array[:, : self.draws] for array in joined))

    def _kept(self, places: range) -> list[dict[str, np.ndarray]]:
        """Blocks that are kept, from the first place on without a gap: what stands behind a damaged
        one is computed again as well."""
        found: list[dict[str, np.ndarray]] = []
        for place in places if self.blocks is not None else ():
            assert self.blocks is not None
            block = self.blocks.load(place)
            if block is None:
                break
            found.append(block)
        return found

    def _save(self, place: int, state: _State, block: Draws | None) -> None:
        if self.blocks is not None:
            self.blocks.save(place, _saved(state, block))

    def _options(self, number: int) -> dict[str, Any]:
        devices = jax.local_device_count()
        spread = self.chains % devices == 0
        return {
            "adapting": STEP,
            "acceptance": ACCEPTANCE[number],
            "devices": devices if spread else 1,
        }

    def _warming_up(self, number: int) -> Iterator[_State]:
        """Where the run stands after each block of its warm-up."""
        options = self._options(number)
        first, second, starts = jax.random.split(jax.random.fold_in(self.key, number), 3)
        metric = metric_of(np.asarray(self.modes[0].information), np.asarray(self.modes[0].x))
        places = self._starts(metric, starts)
        keys = jax.random.split(first, self.chains)
        chains = begin(self.target, metric, places, keys, **options)
        found = None
        for _ in range(COORDINATES // BLOCK):
            chains, found = self._advance(metric, chains, options)
            yield _State(metric, chains)
        assert found is not None
        metric, places = pooled(metric, np.asarray(found.u))
        keys = jax.random.split(second, self.chains)
        chains = begin(self.target, metric, places, keys, **options)
        for _ in range(STEP // BLOCK):
            chains, _found = self._advance(metric, chains, options)
            yield _State(metric, chains)

    def _advance(self, metric: Metric, chains: Any, options: dict[str, Any]) -> tuple[Any, Draws]:
        """The chains after a block, and its draws. Waited for, as progress shows how fast it is."""
        made = advance(self.target, metric, chains, draws=BLOCK, **options)
        return jax.block_until_ready(made)

    def _starts(self, metric: Metric, key: jax.Array) -> np.ndarray:
        """Where chains start in z, in turn around each of the modes that may matter."""
        size = len(self.target.names)
        around = np.array(jax.random.normal(key, (self.chains, size)))
        for chain in range(self.chains):
            away = np.asarray(self.modes[chain % len(self.modes)].x) - metric.centre
            around[chain] += np.linalg.solve(metric.scale, away)
        return around

    def _state(self, kept: dict[str, np.ndarray], number: int) -> _State:
        """The state that a block holds."""
        metric = Metric(kept["centre"], kept["scale"])
        keys = jax.random.split(self.key, self.chains)
        places = np.zeros((self.chains, len(self.target.names)))
        like = jax.eval_shape(
            lambda *given: begin(*given, **self._options(number)),
            *(self.target, metric, places, keys),
        )
        leaves, tree = jax.tree.flatten(like)
        values = [kept[f"state_{i}"] for i in range(len(leaves))]
        restored = [
            jax.random.wrap_key_data(jnp.asarray(value))
            if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else value
            for leaf, value in zip(leaves, values, strict=True)
        ]
        chains = jax.tree.unflatten(tree, restored)
        if self._options(number)["devices"] > 1:  # where they were: the same compiled program
            chains = jax.device_put(chains, NamedSharding(mesh(), PartitionSpec("points")))
        return _State(metric, chains)


def _diverged(blocks: list[Draws]) -> bool:
    return any(bool(block.diverging.any()) for block in blocks)


def pooled(metric: Metric, u: np.ndarray) -> tuple[Metric, np.ndarray]:
    """Coordinates from the covariance of the last draws u of all chains, shape (C, D, n), and where
    the chains are in them, shape (C, n)."""
    flat = u.reshape(-1, u.shape[-1])
    number, size = flat.shape
    z = np.linalg.solve(metric.scale, (flat - flat.mean(axis=0)).T)
    share = SHRINK * size / (number + SHRINK * size)
    covariance = (1 - share) * (z @ z.T) / number + share * np.eye(size)
    new = Metric(flat.mean(axis=0), metric.scale @ np.linalg.cholesky(covariance))
    return new, np.linalg.solve(new.scale, (u[:, -1] - new.centre).T).T


def _saved(state: _State, block: Draws | None) -> dict[str, np.ndarray]:
    """Arrays of a block: draws, coordinates, and the chains after it."""
    leaves = jax.tree.leaves(state.chains)
    arrays = {
        f"state_{i}": np.asarray(
            jax.random.key_data(leaf)
            if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else leaf
        )
        for i, leaf in enumerate(leaves)
    }
    drawn = {} if block is None else {f"draws_{n}": a for n, a in block._asdict().items()}
    return {"centre": state.metric.centre, "scale": state.metric.scale} | arrays | drawn
