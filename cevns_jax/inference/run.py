"""A run of NUTS: warm-up and draws, in blocks that are saved, from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.inference.batches import Progress
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.nuts import Draws, Metric, advance, begin, metric_of
from cevns_jax.inference.target import Target

BLOCK = 100  # draws of one call, after which progress is shown and a block is saved
# Draws that adapt the coordinates, and after them the step size: the first are pooled from all
# chains into a covariance of n parameters, the second follow NumPyro's and Stan's dual averaging,
# which settles to some per cent in two hundred.
COORDINATES, STEP = 200, 300
ACCEPTANCE = (0.8, 0.95)  # NumPyro's and Stan's default; for the second attempt, smaller steps
# Weight of the coordinates of the information, in draws for each parameter, against those of the
# pooled covariance: that of 400 draws is off by half in some direction of 30 parameters.
SHRINK = 5
# chi^2 above the highest mode up to which chains start in other modes: at 14 a mode of the same
# width holds a thousandth of the posterior.
OTHER_MODES = 14.0


class _State(NamedTuple):
    """Where a run stands: its coordinates, and the chains."""

    metric: Metric
    chains: Any


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of NUTS.

    Attributes:
        target: The posterior.
        modes: Its modes, the highest first.
        key: Key of the random numbers.
        chains: Number of chains.
        draws: Draws of each chain after the warm-up.
        blocks: Where finished blocks are kept; ``None`` keeps none.
        progress: Wraps the iterable of blocks.
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
        steps = -(-self.draws // BLOCK)
        options = self._options(number)
        state, made = None, []
        for step in self.progress(range(1 + steps)):
            place = number * (1 + steps) + step
            kept = None if self.blocks is None else self.blocks.load(place)
            if step == 0:
                state = self._warmed_up(number) if kept is None else self._state(kept, number)
                block = None
            elif kept is not None:
                state = self._state(kept, number)
                block = Draws(*(kept[f"draws_{name}"] for name in Draws._fields))
            else:
                assert state is not None
                chains, found = advance(
                    self.target, state.metric, state.chains, draws=BLOCK, **options
                )
                state = _State(state.metric, chains)
                block = Draws(*map(np.asarray, found))
            if kept is None and self.blocks is not None:
                self.blocks.save(place, _saved(state, block))
            if block is not None:
                if number == 0 and block.diverging.any():
                    return None
                made.append(block)
        joined = Draws(*(np.concatenate(parts, axis=1) for parts in zip(*made, strict=True)))
        return Draws(*(array[:, : self.draws] for array in joined))

    def _options(self, number: int) -> dict[str, Any]:
        devices = jax.local_device_count()
        spread = self.chains % devices == 0
        return {
            "adapting": STEP,
            "acceptance": ACCEPTANCE[number],
            "devices": devices if spread else 1,
        }

    def _warmed_up(self, number: int) -> _State:
        """The chains after their warm-up."""
        options = self._options(number)
        first, second, starts = jax.random.split(jax.random.fold_in(self.key, number), 3)
        metric = metric_of(np.asarray(self.modes[0].information), np.asarray(self.modes[0].x))
        places = self._starts(metric, starts)
        keys = jax.random.split(first, self.chains)
        chains = begin(self.target, metric, places, keys, **options)
        seen = []
        for _ in range(COORDINATES // BLOCK):
            chains, found = advance(self.target, metric, chains, draws=BLOCK, **options)
            seen.append(np.asarray(found.u))
        metric, places = pooled(metric, seen[-1])
        keys = jax.random.split(second, self.chains)
        chains = begin(self.target, metric, places, keys, **options)
        for _ in range(STEP // BLOCK):
            chains, _found = advance(self.target, metric, chains, draws=BLOCK, **options)
        return _State(metric, chains)

    def _starts(self, metric: Metric, key: jax.Array) -> np.ndarray:
        """Where chains start in z, in turn around each of the modes that may matter."""
        lowest = self.modes[0].chi2
        modes = [mode for mode in self.modes if mode.chi2 < lowest + OTHER_MODES]
        size = len(self.target.names)
        around = np.array(jax.random.normal(key, (self.chains, size)))
        for chain in range(self.chains):
            away = np.asarray(modes[chain % len(modes)].x) - metric.centre
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
        return _State(metric, jax.tree.unflatten(tree, restored))


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
