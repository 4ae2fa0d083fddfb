"""Tempered sequential Monte Carlo of BlackJAX: posteriors with several valleys, and their evidence.

Particles are drawn from the prior and led to the posterior through densities prior x likelihood^t,
with t from 0 to 1: at each step they are weighted, resampled in proportion to their weights, and
moved. Valleys keep their share of particles, which chains that start in one of them cannot know.

Particles move by differences of others (ter Braak 2006, "differential evolution"): such steps have
the size and the shape of the density, also that of bands, without being told, and among them are
jumps from one valley into another. The others are those before the step, which do not move: a
proposal is then as likely as its reverse.

BlackJAX is imported with this file, which is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import blackjax.smc.adaptive_tempered as adaptive_tempered
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.mcmc import random_walk
from blackjax.smc.resampling import systematic
from blackjax.smc.tempered import TemperedSMCState
from jax.sharding import PartitionSpec

from cevns_jax.errors import ConfigError
from cevns_jax.inference.batches import Progress, mesh
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.target import Target, log_likelihood, log_prior
from cevns_jax.likelihood import Likelihood

# Effective particles after each step, as a share of all: more, smaller steps of t cost less than
# particles that are lost in large ones.
EFFECTIVE = 0.9
# Moves of each particle at each step, and more for each parameter: a step of a random walk in n
# dimensions forgets a share 0.3/n of where it came from.
MOVES, MOVES_PER_PARAMETER = 10, 4
JUMPS = 0.1  # share of the proposals that are whole differences, from one valley into another
# Spread of the proposals around a place that differences lead to, in units of the numbers on the
# line: particles that are copies of each other have to part.
SPREAD = 1e-4
MOST_STEPS = 1000  # a density that needs more cannot be reached from its prior


class Particles(NamedTuple):
    """Particles of S runs.

    Attributes:
        u: Places on the line, shape (S, P, n).
        weights: Their weights, shape (S, P), of sum one in each run.
        t: The power of the likelihood, shape (S,).
        log_evidence: ln of the evidence up to t, shape (S,).
    """

    u: Any
    weights: Any
    t: Any
    log_evidence: Any


def from_prior(likelihood: Likelihood, target: Target, key: jax.Array, runs: int, size: int) -> Any:
    """Particles drawn from the prior.

    Raises:
        ConfigError: an improper prior.
    """
    columns = []
    for name, one in zip(likelihood.names, jax.random.split(key, len(target.names)), strict=True):
        declared = likelihood.parameters[name]
        prior = declared.prior
        if not prior.proper:
            raise ConfigError(
                f"sample: the prior of {name} ({prior.text}) is improper, and particles cannot be "
                "drawn from it; give it two finite ends, or another prior"
            )
        inside = prior.within(declared.lower, declared.upper)
        columns.append(np.asarray(inside.draw(one, (runs, size))))
    u = target.line.unconstrained(np.stack(columns, axis=-1))
    weights = np.full((runs, size), 1 / size)
    return Particles(u, weights, np.zeros(runs), np.zeros(runs))


@partial(jax.jit, static_argnames="devices")
def step(target: Target, particles: Particles, keys: jax.Array, *, devices: int) -> Particles:
    """One step of every run that has not arrived: a larger t, new weights, moved particles.

    Args:
        target: The posterior.
        particles: Before the step.
        keys: A key for each run, shape (S,).
        devices: Over how many devices runs are spread; a divisor of S.
    """

    def share(target: Target, particles: Particles, keys: jax.Array) -> Particles:
        # One run after the other: each has its own t, and those that have arrived cost nothing.
        def one(row: tuple[Particles, jax.Array]) -> Particles:
            some, key = row
            return jax.lax.cond(arrived(some), lambda: some, lambda: _stepped(target, some, key))

        return jax.lax.map(one, (particles, keys))

    if devices == 1:
        return share(target, particles, keys)
    whole, split = PartitionSpec(), PartitionSpec("points")
    over = jax.shard_map(
        share, mesh=mesh(), in_specs=(whole, split, split), out_specs=split, check_vma=False
    )
    return over(target, particles, keys)


def arrived(particles: Particles) -> Any:
    """Whether runs are done, shape (S,): t is one, and the particles have equal weights again."""
    size = particles.weights.shape[-1]
    even = jnp.max(jnp.abs(particles.weights * size - 1), axis=-1) < 1e-9
    return (particles.t >= 1) & even


def _stepped(target: Target, particles: Particles, key: jax.Array) -> Particles:
    """One step of one run."""
    size = particles.u.shape[-1]
    kernel = adaptive_tempered.build_kernel(
        partial(log_prior, target),
        partial(log_likelihood, target),
        _moved,
        random_walk.init,
        systematic,
        EFFECTIVE,
    )
    state = TemperedSMCState(particles.u, particles.weights, particles.t)
    moves = MOVES + MOVES_PER_PARAMETER * size
    others = {"others": particles.u[None]}  # the leading axis: the same ones for every particle
    state, info = kernel(key, state, moves, others)
    # Rounding must not keep the last step from arriving.
    t = jnp.where(state.tempering_param > 1 - 1e-12, 1.0, state.tempering_param)
    log_evidence = particles.log_evidence + info.log_likelihood_increment
    return Particles(state.particles, state.weights, t, log_evidence)


def _moved(key: jax.Array, state: Any, log_density: Any, others: jax.Array) -> tuple[Any, Any]:
    """One move of one particle, by the difference of two others."""

    def proposed(key: jax.Array, u: jax.Array) -> jax.Array:
        pair, length, noise, jump = jax.random.split(key, 4)
        first, second = jax.random.randint(pair, (2,), 0, len(others))
        # 2.38/sqrt(2 n) suits a normal distribution in n dimensions (Roberts et al. 1997, with the
        # variance of a difference, which is two); the length varies, as no density is normal.
        local = 2.38 / jnp.sqrt(2.0 * u.size) * jax.random.uniform(length, minval=0.4, maxval=1.4)
        scale = jnp.where(jax.random.bernoulli(jump, JUMPS), 1.0, local)
        away = scale * (others[first] - others[second])
        return away + SPREAD * jax.random.normal(noise, u.shape)

    return random_walk.build_additive_step()(key, state, log_density, proposed)


@dataclass(frozen=True, kw_only=True)
class Tempering:
    """A run of tempered Monte Carlo from the prior to the posterior, each temperature a block.

    Attributes:
        target: The posterior.
        key: Key of the random numbers.
        blocks: Where temperatures are kept; ``None`` keeps none.
        progress: Wraps the temperatures, of which the number is not known.
    """

    target: Target
    key: jax.Array
    blocks: Blocks | None
    progress: Progress

    def run(self, particles: Particles) -> Particles:
        """The particles of all runs at t = 1, with equal weights.

        Raises:
            ConfigError: more than ``MOST_STEPS`` steps.
        """
        runs = len(particles.t)
        devices = jax.local_device_count()
        spread = devices if runs % devices == 0 else 1
        for number in self.progress(_numbers()):
            if bool(np.all(arrived(Particles(*map(jnp.asarray, particles))))):
                return particles
            kept = None if self.blocks is None else self.blocks.load(number)
            if kept is not None:
                particles = Particles(**kept)
                continue
            keys = jax.random.split(jax.random.fold_in(self.key, number), runs)
            moved = step(self.target, particles, keys, devices=spread)
            particles = Particles(*map(np.asarray, moved))
            if self.blocks is not None:
                self.blocks.save(number, particles._asdict())
        raise ConfigError(
            f"sample: after {MOST_STEPS} temperatures the particles have only come to the power "
            f"{float(np.min(particles.t)):.2g} of the likelihood; narrow the priors"
        )


def _numbers() -> Iterator[int]:
    """Numbers of the steps, as many as are allowed."""
    yield from range(MOST_STEPS)
