"""Posteriors: draws of all varying parameters of a likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from cevns_jax.choices import SAMPLERS
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.batches import Progress
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.checks import check_data
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.mode import LEAST_WEIGHT, modes_of, that_matter
from cevns_jax.inference.nuts import Draws
from cevns_jax.inference.proper import check_proper
from cevns_jax.inference.run import Run
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.target import Target, parameters, potential, target_of
from cevns_jax.inference.valleys import one
from cevns_jax.likelihood import Likelihood, predictions
from cevns_jax.priors import Prior
from cevns_jax.pseudo_data import HIGHEST_SEED
from cevns_jax.summary import Summarised, Summary

FEWEST_DRAWS = 4  # of a chain: ArviZ needs as many for its diagnostics


class Mode(NamedTuple):
    """A valley of a posterior.

    Attributes:
        x: Where the density on the line is highest, shape (n,).
        delta_chi2: -2 ln of the density there, above that of the highest mode.
        weight: Share of the posterior, and its error. NaN where chains of NUTS sit in several
            valleys, which cannot tell.
        weight_error: As far as runs of tempered Monte Carlo scatter; zero of a single valley.
    """

    x: np.ndarray
    delta_chi2: float
    weight: float
    weight_error: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Posterior(Summarised):
    """Draws of a posterior. n parameters vary; vectors follow ``names``.

    Attributes:
        likelihood: What was sampled; its declarations hold the priors that were used.
        names: The varying parameters.
        x: Draws, shape (C, D, n): of C chains, or particles of C runs of tempered Monte Carlo.
        statistics: How each was made, name -> shape (C, D), in ArviZ's names: ``lp``, ``energy``,
            ``acceptance_rate``, ``n_steps``, ``tree_depth``, ``diverging``, ``step_size``; of
            tempered Monte Carlo ``lp`` alone.
        modes: The valleys of the posterior that hold more than a thousandth of it.
        seed: Of the random numbers.
        method: ``"nuts"`` or ``"tempered"``.
        retried: Whether the draws are those of a second attempt with a smaller step.
        log_evidence: Of each run of tempered Monte Carlo, shape (C,): ln of the integral of
            exp(-chi^2/2) times the density of the prior, chi^2 that of the bins; ``None`` of NUTS.
    """

    likelihood: Likelihood
    names: tuple[str, ...]
    x: np.ndarray
    statistics: dict[str, np.ndarray]
    modes: tuple[Mode, ...]
    seed: int
    method: str
    retried: bool = False
    log_evidence: np.ndarray | None = None

    def summary(self) -> Summary:
        """What was found, in words and tables."""
        from cevns_jax.results.sample import described

        return described(self).summary()

    def to_arviz(self) -> Any:
        """The draws and what they predict as the installed ArviZ has them: ``InferenceData`` of
        ArviZ 0.23, ``xarray.DataTree`` of ArviZ 1."""
        from cevns_jax.results.sample import sample_result

        return sample_result(self).to_arviz()

    @property
    def draws(self) -> dict[str, np.ndarray]:
        """Draws by name of the parameter, shape (chains, draws)."""
        return {name: self.x[..., i] for i, name in enumerate(self.names)}


def sample(
    likelihood: Likelihood,
    *,
    seed: int,
    draws: int = 2000,
    chains: int = 4,
    priors: Mapping[str, Prior] = MappingProxyType({}),
    starts: Sequence[Mapping[str, float]] = ({},),
    method: str = "nuts",
    progress: Progress = iter,
    blocks: Blocks | None = None,
) -> Posterior:
    """Draw from the posterior of all varying parameters.

    ``"nuts"``: the No-U-Turn sampler starts at the mode of the posterior and moves in coordinates
    in which the posterior is nearly a unit normal distribution: first those of the information at
    the mode, then those of the covariance of the first draws of all chains. Where there are several
    valleys chains stay in one of them; the result then says so.

    ``"tempered"``: sequential Monte Carlo leads particles from the prior to the posterior, in
    several independent runs whose scatter is the error of everything. It weighs valleys, and gives
    the evidence.

    Args:
        likelihood: At least one parameter varies in it.
        seed: Seed of the random numbers; the same seed gives the same bits on the same devices.
        draws: Draws of each chain after the warm-up, or particles of each run.
        chains: Number of chains or runs, two at least.
        priors: Priors by name in place of the declared ones.
        starts: As :func:`cevns_jax.inference.fit.fit`.
        method: One of :data:`cevns_jax.choices.SAMPLERS`.
        progress: Wraps the iterable of blocks.
        blocks: Where finished blocks are kept; a run goes on after the last one found there.

    Raises:
        ConfigError: nothing varies, numbers that cannot be used, an experiment without data, or as
            :func:`cevns_jax.inference.sampled_priors.with_sampled_priors` and
            :func:`cevns_jax.inference.proper.check_proper`, or
            :class:`cevns_jax.inference.tempering.Tempering`.
    """
    stop_if_forked()
    if not likelihood.names:
        raise ConfigError("sample: no parameter varies; free one or declare a nuisance")
    _check_numbers(seed, draws, chains)
    if method not in SAMPLERS:
        raise unknown("sample", "method", method, SAMPLERS)
    check_data("sample", likelihood)
    likelihood = with_sampled_priors(likelihood, priors)
    target, key = target_of(likelihood), jax.random.key(seed)
    if method == "tempered":
        return _tempered(likelihood, target, seed, chains, draws, progress, blocks)
    modes = modes_of(likelihood, target, starts)
    if not np.isfinite(modes[0].chi2):
        predictions(likelihood)  # says which experiment and component
    check_proper(likelihood, target, modes)
    modes = that_matter(modes)
    run = Run(
        target=target,
        modes=tuple(modes),
        key=key,
        chains=chains,
        draws=draws,
        blocks=blocks,
        progress=progress,
    )
    made = run.attempt(0)
    retried = made is None
    if made is None:
        made = run.attempt(1)
    assert made is not None
    return Posterior(
        likelihood=likelihood,
        names=likelihood.names,
        x=np.asarray(jax.jit(parameters)(target, made.u)),
        statistics=_statistics(made),
        modes=_modes(target, modes, *((1.0, 0.0) if len(modes) == 1 else (math.nan, math.nan))),
        seed=seed,
        method="nuts",
        retried=retried,
    )


def _tempered(
    likelihood: Likelihood,
    target: Target,
    seed: int,
    runs: int,
    size: int,
    progress: Progress,
    blocks: Blocks | None,
) -> Posterior:
    """The posterior by tempered Monte Carlo: several independent runs of ``size`` particles."""
    from cevns_jax.inference.lobes import lobes_of
    from cevns_jax.inference.tempering import Tempering, from_prior

    begin, walk = jax.random.split(jax.random.key(seed))
    particles = from_prior(likelihood, target, begin, runs, size)
    run = Tempering(target=target, key=walk, blocks=blocks, progress=progress)
    found = run.run(particles)
    valleys, shares = lobes_of(target, found.u)
    error = shares.std(axis=0, ddof=1) / math.sqrt(runs)
    modes = [one(valleys, v) for v in range(len(valleys.chi2))]
    log_density = jax.jit(jax.vmap(jax.vmap(potential, (None, 0)), (None, 0)))
    return Posterior(
        likelihood=likelihood,
        names=likelihood.names,
        x=np.asarray(jax.jit(parameters)(target, found.u)),
        statistics={"lp": -np.asarray(log_density(target, found.u))},
        modes=_modes(target, modes, shares.mean(axis=0), error),
        seed=seed,
        method="tempered",
        log_evidence=np.asarray(found.log_evidence),
    )


def _modes(target: Target, modes: Sequence[Minimum], weights: Any, errors: Any) -> tuple[Mode, ...]:
    """Valleys with their weights, the heaviest first where weights are known."""
    weights, errors = (np.broadcast_to(given, len(modes)) for given in (weights, errors))
    highest = min(float(mode.chi2) for mode in modes)
    found = [
        Mode(
            x=np.asarray(parameters(target, mode.x)),
            delta_chi2=float(mode.chi2) - highest,
            weight=float(weight),
            weight_error=float(error),
        )
        for mode, weight, error in zip(modes, weights, errors, strict=True)
        if not weight < LEAST_WEIGHT
    ]
    return tuple(sorted(found, key=lambda mode: -mode.weight))


def _check_numbers(seed: int, draws: int, chains: int) -> None:
    """Check the numbers that a caller gives."""
    if not 0 <= seed <= HIGHEST_SEED:
        raise ConfigError(
            f"sample: seed must be a whole number from 0 to {HIGHEST_SEED}, not {seed}"
        )
    if draws < FEWEST_DRAWS:
        raise ConfigError(f"sample: draws must be {FEWEST_DRAWS} at least, not {draws}")
    if chains < 2:
        raise ConfigError(f"sample: chains must be 2 at least, not {chains}: one has no R-hat")


def _statistics(made: Draws) -> dict[str, np.ndarray]:
    """How the draws were made, in ArviZ's names."""
    found = {name: value for name, value in made._asdict().items() if name != "u"}
    return found | {"tree_depth": np.log2(made.n_steps + 1).astype(int)}
