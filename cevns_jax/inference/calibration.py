"""Simulation-based calibration: whether posteriors mean what they say, seen in simulated data.

Parameters are drawn from their priors, data at these parameters, and the posterior of each data set
is sampled. If simulation, likelihood, priors and sampler agree, the truth is one more draw of the
posterior: its rank among L independent draws is uniform from 0 to L, for every parameter and for
every function of parameters and data, such as chi^2 (S. Talts et al., arXiv:1804.06788).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import jax
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.batches import Progress
from cevns_jax.inference.many_chains import KEPT, Chains, chi2_at, many_chains
from cevns_jax.inference.ranks import Band, Uniformity, band_of, uniformity
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.simulated import simulated
from cevns_jax.inference.target import target_of
from cevns_jax.inference.toys import HIGHEST_SEED
from cevns_jax.likelihood import Likelihood
from cevns_jax.priors import Prior
from cevns_jax.summary import Block, Summarised, Summary, number

CHI2 = "chi2"
"""Name of the quantity that is ranked beside the parameters: chi^2 of the bins."""
FEWEST = 100  # data sets: five in each bin of a histogram, below which its chi^2 has no meaning


@dataclass(frozen=True, kw_only=True, repr=False)
class Calibration(Summarised):
    """Ranks of the truth among the draws of N posteriors. n parameters vary.

    Attributes:
        title: Of the data sets that were simulated.
        names: The varying parameters, and ``"chi2"``.
        truths: True values of these, shape (N, n + 1).
        ranks: How many of the ``KEPT`` draws lie below the truth, shape (N, n + 1).
        chains: How the posteriors were sampled.
        band: Where the empirical distribution of uniform ranks lies.
        seed: Of the random numbers.
    """

    title: str
    names: tuple[str, ...]
    truths: np.ndarray
    ranks: np.ndarray
    chains: Chains
    band: Band
    seed: int

    @property
    def uniformity(self) -> dict[str, Uniformity]:
        """How uniform the ranks are, by name."""
        return {name: uniformity(self.ranks[:, i], self.band) for i, name in enumerate(self.names)}

    @property
    def paragraph(self) -> str:
        """The method and the result in words, for a document that shows the figure."""
        found, chains = self.uniformity, self.chains
        failed = int((chains.lost | chains.dependent | (chains.divergences > 0)).sum())
        chi2, ecdf = (min(getattr(u, key) for u in found.values()) for key in ("p_chi2", "p_ecdf"))
        return (
            f"{self.title}: in {len(self.ranks)} simulated data sets all parameters are drawn from "
            "their priors, nuisances too, and data at these; the centres of the priors stay. Each "
            f"posterior is sampled, and the truth ranked among {KEPT} independent draws: one in "
            f"{chains.thinning.min()} to {chains.thinning.max()}, so that the chain has twice as "
            "many effective draws of every quantity. If all agrees the ranks are uniform. "
            f"Of {len(found)} quantities, chi^2 of the bins among them, the lowest p-value is "
            f"{chi2:.2g} of the histograms and {ecdf:.2g} of the empirical distributions. In "
            f"{failed} data sets the mode was not found, a chain diverged or was too short."
        )

    def summary(self) -> Summary:
        """How uniform the ranks are, and how the posteriors were sampled."""
        chains, size = self.chains, len(self.ranks)
        rows = [
            [
                name,
                *(f"{p:.3f}" for p in (found.p_chi2, found.p_ecdf)),
                f"{found.worst:.2f}",
                f"{chains.autocorrelation[i]:+.3f}",
            ]
            for i, (name, found) in enumerate(self.uniformity.items())
        ]
        told = [
            ["data sets", f"{size}, seed {self.seed}, {KEPT} draws kept of each"],
            ["mode not found", f"{int(chains.lost.sum())}"],
            ["several modes", f"{int(chains.several.sum())}"],
            ["draws not independent", f"{int(chains.dependent.sum())}"],
            ["sampled again with a smaller step", f"{int(chains.retried.sum())}"],
            ["divergences", f"{int(chains.divergences.sum())}"],
            ["data sets with divergences", f"{int((chains.divergences > 0).sum())}"],
            ["one draw kept of", f"{chains.thinning.min()} to {chains.thinning.max()}"],
            ["gradients", number(float(chains.gradients.sum()))],
        ]
        columns = ("rank of", "p (chi2)", "p (ECDF)", "ECDF/band", "autocorrelation")
        return Summary(
            title=f"Calibration: {self.title}",
            blocks=[Block(rows=told), Block(title="ranks", columns=columns, rows=rows)],
        )


def calibrate(
    likelihood: Likelihood,
    *,
    number: int,
    seed: int,
    priors: Mapping[str, Prior] = MappingProxyType({}),
    progress: Progress = iter,
) -> Calibration:
    """Simulate data sets of a likelihood, sample their posteriors, and rank the truth in each.

    All varying parameters are drawn from their priors, nuisances too, and the centres of these
    priors stay, as in a posterior. The kernel and its coordinates are those of
    :func:`cevns_jax.inference.sample.sample`, with one chain for each data set. The data of the
    likelihood are not used.

    Choose priors under which the posteriors have one valley: a chain does not weigh two of them
    against each other. Data sets with several modes are counted.

    Args:
        likelihood: At least one parameter varies in it.
        number: N, ``FEWEST`` at least.
        seed: Seed of the random numbers.
        priors: Priors by name in place of the declared ones, all proper.
        progress: Wraps iterables of blocks of data sets.

    Raises:
        ConfigError: nothing varies, numbers that cannot be used, or as
            :func:`cevns_jax.inference.simulated.simulated` and
            :func:`cevns_jax.inference.sampled_priors.with_sampled_priors`.
    """
    stop_if_forked()
    if not likelihood.names:
        raise ConfigError("calibrate: no parameter varies; free one or declare a nuisance")
    if not 0 <= seed <= HIGHEST_SEED:
        raise ConfigError(
            f"calibrate: seed must be a whole number from 0 to {HIGHEST_SEED}, not {seed}"
        )
    if number < FEWEST:
        raise ConfigError(f"calibrate: number must be {FEWEST} at least, not {number}")
    likelihood = with_sampled_priors(likelihood, priors)
    of_data, of_chains = jax.random.split(jax.random.key(seed))
    data = simulated(likelihood, number, of_data)
    target = target_of(likelihood)
    chains = many_chains(likelihood, target, data.counts, of_chains, progress)
    true_chi2 = chi2_at(target, data.counts, data.x)
    truths = np.column_stack([data.x, true_chi2])
    draws = np.concatenate([chains.x, chains.chi2[..., None]], axis=-1)
    return Calibration(
        title=" + ".join(e.title for e in likelihood.experiments),
        names=(*likelihood.names, CHI2),
        truths=truths,
        ranks=np.sum(draws < truths[:, None], axis=1),
        chains=chains,
        band=band_of(number, KEPT),
        seed=seed,
    )
