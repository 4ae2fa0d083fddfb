"""Whether ranks are uniform: chi^2 of a histogram, and the empirical distribution with its band.

S. Talts et al., arXiv:1804.06788; T. Säilynoja, P.-C. Bürkner and A. Vehtari, Stat. Comput. 32
(2022) 32, arXiv:2103.10522.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binom, chi2

BINS = 20  # of a histogram: ten ranks in each at 200 data sets, which is enough for chi^2
LEVEL = 0.95  # of the band: share of uniform samples that are inside it everywhere
# Uniform samples that set the band: its level is then known to 0.2 %. Their seed is fixed, so that
# the same ranks always give the same numbers.
SAMPLES, SEED = 10_000, 1


class Band(NamedTuple):
    """Where the empirical distribution of N uniform ranks lies.

    Attributes:
        share: The uniform distribution after each value of the rank but the last, shape (L,).
        low, high: How many ranks are below each place, at least and at most: at all places at once
            in ``LEVEL`` of uniform samples. Shape (L,).
        rarest: :func:`rarest` of uniform samples, ascending, shape (SAMPLES,).
    """

    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rarest: np.ndarray


class Uniformity(NamedTuple):
    """How uniform some ranks are.

    Attributes:
        counts: Ranks in each of ``BINS`` bins.
        chi2: Of these counts about the same number in each; BINS - 1 degrees of freedom.
        p_chi2: Share of uniform samples with a larger chi^2.
        difference: Empirical distribution minus the uniform one, shape (L,).
        worst: Largest difference in units of the distance of the band on its side: above 1 where
            it is outside.
        p_ecdf: Share of uniform samples whose worst place is as rare.
    """

    counts: np.ndarray
    chi2: float
    p_chi2: float
    difference: np.ndarray
    worst: float
    p_ecdf: float


def band_of(number: int, highest: int) -> Band:
    """The band of N ranks from 0 to L.

    It holds at each place what is not rarer than a limit, the same for all places, that is found
    from simulated uniform samples.

    Args:
        number: N.
        highest: L, the number of draws among which each is a rank.
    """
    share = np.arange(1, highest + 1) / (highest + 1)
    chances = np.full(highest + 1, 1 / (highest + 1))
    counts = np.random.default_rng(SEED).multinomial(number, chances, size=SAMPLES)
    found = np.sort(rarest(np.cumsum(counts, axis=1)[:, :-1], number, share))
    limit = np.quantile(found, 1 - LEVEL)
    low, high = binom.ppf(limit / 2, number, share), binom.isf(limit / 2, number, share)
    return Band(share, low, high, found)


def rarest(below: np.ndarray, number: int, share: np.ndarray) -> np.ndarray:
    """Probability, with both tails, of the least probable place of each empirical distribution.

    Args:
        below: How many ranks are below each place, shape (S, L).
        number: Ranks of each sample.
        share: As of :class:`Band`.
    """
    tail = np.minimum(binom.cdf(below, number, share), binom.sf(below - 1, number, share))
    found: np.ndarray = 2 * np.min(tail, axis=1)
    return found


def uniformity(ranks: np.ndarray, band: Band) -> Uniformity:
    """Compare ranks with the uniform distribution.

    Args:
        ranks: Whole numbers from 0 to L, shape (N,); L + 1 is a multiple of ``BINS``.
        band: That of N such ranks.
    """
    number, values = len(ranks), len(band.share) + 1
    by_value = np.bincount(ranks, minlength=values)
    counts = by_value.reshape(BINS, -1).sum(axis=1)
    excess = float(np.sum((counts - number / BINS) ** 2) * BINS / number)
    below, expected = np.cumsum(by_value)[:-1], number * band.share
    room = np.where(below < expected, expected - band.low, band.high - expected)
    rare = rarest(below[None], number, band.share)[0]
    return Uniformity(
        counts=counts,
        chi2=excess,
        p_chi2=float(chi2.sf(excess, BINS - 1)),
        difference=below / number - band.share,
        worst=float(np.max(np.abs(below - expected) / room)),
        p_ecdf=float(np.searchsorted(band.rarest, rare, side="right") / SAMPLES),
    )
