"""Posteriors of many data sets of one likelihood at once, a chain of NUTS each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.diagnostics import effective_sample_size

from cevns_jax.inference.batches import Progress, blocks_of, over_points
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.mode import from_starts, starts_of, that_matter
from cevns_jax.inference.nuts import Metric, advance, begin, metric_of
from cevns_jax.inference.run import ACCEPTANCE, pooled
from cevns_jax.inference.target import Target, chi2_of_bins, log_prior, parameters
from cevns_jax.inference.valleys import distinct, one
from cevns_jax.likelihood import Likelihood

KEPT = 99  # draws of each posterior among which the truth is ranked: a hundred ranks
# Draws that adapt the coordinates, and after them the step size, in units of KEPT; about as many
# for each chain as in a run of a single data set, which pools the first of all its chains.
COORDINATES, STEP = 2, 2
# Draws, in units of KEPT, after which a chain is looked at, and at most. Few need more than the
# first: those of data sets whose posterior ends at an end of a prior.
LENGTHS = (5, 10, 20, 40)
# Effective draws of every quantity, in units of KEPT, from which a chain is long enough. With one
# draw in k kept, the autocorrelation time is then below k/2, and what is left between neighbouring
# draws that are kept is (3/7)^5, two per cent, at k = 5 if it falls off exponentially.
ENOUGH = 2


@dataclass(frozen=True, kw_only=True)
class Chains:
    """Draws of N posteriors of n parameters, and how they were made.

    Attributes:
        x: Draws that were kept, shape (N, KEPT, n).
        chi2: chi^2 of the bins at these, shape (N, KEPT).
        thinning: One draw was kept of so many, shape (N,) as all that follow but the last.
        lost: Whether no descent to the mode converged.
        several: Whether descents from different starts ended in modes that are far apart.
        dependent: Whether the longest chain has too few effective draws, or draws that are NaN.
        retried: Whether the draws are those of a second attempt with a smaller step, after a
            divergence in the first.
        divergences: Draws whose trajectory ended because its energy was too far off.
        gradients: Gradients of the draws, those of the warm-up included.
        autocorrelation: Between neighbouring kept draws, the mean of all data sets about their own
            means, of each parameter and of chi^2, shape (n + 1,). It is -1/KEPT for independent
            draws, with an error of 1/sqrt(N KEPT).
    """

    x: np.ndarray
    chi2: np.ndarray
    thinning: np.ndarray
    lost: np.ndarray
    several: np.ndarray
    dependent: np.ndarray
    retried: np.ndarray
    divergences: np.ndarray
    gradients: np.ndarray
    autocorrelation: np.ndarray


class _Row(NamedTuple):
    """One data set: its counts by name of the experiment, the coordinates, and the chain."""

    counts: Any
    metric: Metric
    chain: Any


def many_chains(
    likelihood: Likelihood,
    target: Target,
    counts: dict[str, np.ndarray],
    key: jax.Array,
    progress: Progress = iter,
) -> Chains:
    """Sample the posterior of each data set.

    Args:
        likelihood: The likelihood of the target; its own data are not used.
        target: The posterior.
        counts: Counts by name of the experiment, with a leading axis of N data sets.
        key: Of the random numbers.
        progress: Wraps iterables of blocks of data sets.
    """
    ends = _each(_ended, (target, starts_of(likelihood, target)), counts)
    modes = [_modes(one(ends, place)) for place in range(len(ends.chi2))]
    metric = Metric(*map(np.stack, zip(*(_metric(mode[0]) for mode in modes), strict=True)))
    made, going = None, np.arange(len(modes))
    for number, acceptance in enumerate(ACCEPTANCE):
        some = jax.tree.map(lambda a, going=going: a[going], _Row(counts, metric, None))
        new = _Attempt(target, acceptance, progress).made(some, jax.random.fold_in(key, number))
        made = new if made is None else _replaced(made, going, new)
        going = np.flatnonzero(made.divergences > 0)
        if not going.size:
            break
    assert made is not None
    kept = made.quantities
    return Chains(
        x=kept[..., :-1],
        chi2=kept[..., -1],
        thinning=made.thinning,
        lost=np.array([not mode[0].converged for mode in modes]),
        several=np.array([len(mode) > 1 for mode in modes]),
        dependent=made.dependent,
        retried=made.retried,
        divergences=made.divergences,
        gradients=made.gradients,
        autocorrelation=_neighbours(kept),
    )


def chi2_at(target: Target, counts: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """chi^2 of the bins of N data sets, each at its own parameters x, shape (N, n)."""
    found: np.ndarray = _each(_chi2, target, (counts, x))
    return found


def _modes(ends: Minimum) -> list[Minimum]:
    """The modes that may matter among the ends of descents; one at least, the largest first."""
    return that_matter([one(ends, row) for row in distinct(ends)])


def _metric(mode: Minimum) -> Metric:
    """Coordinates of the information at a mode; unit ones where there is none."""
    if not np.isfinite(mode.information).all():
        return Metric(np.zeros_like(mode.x), np.eye(mode.x.size))
    return metric_of(mode.information, mode.x)


class _Made(NamedTuple):
    """Draws that were kept, shape (N, KEPT, n + 1), and the rest as in :class:`Chains`."""

    quantities: np.ndarray
    thinning: np.ndarray
    dependent: np.ndarray
    retried: np.ndarray
    divergences: np.ndarray
    gradients: np.ndarray


class _Block(NamedTuple):
    """KEPT draws of each chain.

    Attributes:
        chain: The chain after them, as NumPyro has it.
        u: Numbers on the line, shape (KEPT, n).
        quantities: Parameters and chi^2, shape (KEPT, n + 1).
        gradients, divergences: How many there were.
    """

    chain: Any
    u: Any
    quantities: Any
    gradients: Any
    divergences: Any


@dataclass(frozen=True)
class _Attempt:
    """One attempt to sample posteriors.

    Attributes:
        target: The posterior, of whatever data.
        acceptance: Acceptance probability to which steps are adapted.
        progress: Wraps iterables of blocks of data sets.
    """

    target: Target
    acceptance: float
    progress: Progress

    def made(self, rows: _Row, key: jax.Array) -> _Made:
        """Warm chains up, and draw until each is long enough or has a divergence.

        Args:
            rows: Data sets without their chains.
            key: Of the random numbers.
        """
        rows, gradients = self._warmed_up(rows, key)
        number, size = rows.metric.centre.shape
        made = _Made(
            quantities=np.zeros((number, KEPT, size + 1)),
            thinning=np.zeros(number, int),
            dependent=np.zeros(number, bool),
            retried=np.full(number, self.acceptance != ACCEPTANCE[0]),
            divergences=np.zeros(number, int),
            gradients=gradients,
        )
        going, drawn = np.arange(number), np.zeros((number, 0, size + 1))
        for length in LENGTHS:
            for _ in range(length - drawn.shape[1] // KEPT):
                rows, block = self._advanced(rows, made.gradients[going])
                drawn = np.concatenate([drawn, block.quantities], axis=1)
                made.gradients[going] += block.gradients
                made.divergences[going] += block.divergences
            made.quantities[going] = drawn[:, length - 1 :: length]
            made.thinning[going] = length
            made.dependent[going] = short = ~(_effective(drawn) >= ENOUGH * KEPT)
            short &= (made.divergences[going] == 0) | made.retried[going]
            if not short.any():
                break
            rows = jax.tree.map(lambda a, short=short: a[short], rows)
            going, drawn = going[short], drawn[short]
        return made

    def _warmed_up(self, rows: _Row, key: jax.Array) -> tuple[_Row, np.ndarray]:
        """Chains after their warm-up in coordinates of their own, and gradients of each."""
        first, second, places = jax.random.split(key, 3)
        shape = rows.metric.centre.shape
        z = np.asarray(jax.random.normal(places, shape))
        rows, gradients = self._begun(rows, z, first), np.zeros(shape[0], int)
        for _ in range(COORDINATES):
            rows, block = self._advanced(rows, gradients)
            gradients += block.gradients
        pairs = [
            pooled(Metric(*metric), u[None])
            for *metric, u in zip(*rows.metric, block.u, strict=True)
        ]
        metric = Metric(*(np.stack([new[i] for new, _ in pairs]) for i in range(2)))
        z = np.concatenate([place for _, place in pairs])
        rows = self._begun(rows._replace(metric=metric), z, second)
        for _ in range(STEP):
            rows, block = self._advanced(rows, gradients)
            gradients += block.gradients
        return rows, gradients

    def _begun(self, rows: _Row, z: np.ndarray, key: jax.Array) -> _Row:
        """Data sets with chains that begin at z, shape (N, n)."""
        keys = np.asarray(jax.random.key_data(jax.random.split(key, len(z))))
        begin_one = _BEGIN[self.acceptance]
        return rows._replace(chain=_each(begin_one, self.target, (rows._replace(chain=keys), z)))

    def _advanced(self, rows: _Row, gradients: np.ndarray) -> tuple[_Row, _Block]:
        """Data sets after KEPT draws, and these; those that took equally many gradients so far are
        put together, as a batch waits for its slowest chain."""
        advance_one = _ADVANCE[self.acceptance]
        block = _each(advance_one, self.target, rows, gradients, self.progress)
        return rows._replace(chain=block.chain), block


def _replaced(made: _Made, places: np.ndarray, new: _Made) -> _Made:
    """Draws of which some are replaced by those of another attempt; gradients of both count."""
    for old, better in zip(made[:-1], new[:-1], strict=True):
        old[places] = better
    made.gradients[places] += new.gradients
    return made


def _effective(drawn: np.ndarray) -> np.ndarray:
    """Effective draws of the quantity of each chain that has the fewest, shape (N,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = effective_sample_size(np.swapaxes(drawn, 0, 1)[None])
    return np.min(found, axis=-1)


def _neighbours(kept: np.ndarray) -> np.ndarray:
    """Autocorrelation of neighbouring draws, as in :class:`Chains`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        away = (kept - kept.mean(axis=1, keepdims=True)) / kept.std(axis=1, keepdims=True)
    found: np.ndarray = np.nanmean(away[:, 1:] * away[:, :-1], axis=(0, 1))
    return found


def _with_counts(target: Target, counts: dict[str, jax.Array]) -> Target:
    """The posterior of other data."""
    return replace(target, bins=target.bins.with_observed(counts))


def _ended(common: tuple[Target, jax.Array], counts: dict[str, jax.Array]) -> Minimum:
    target, starts = common
    return from_starts(_with_counts(target, counts), starts)


def _chi2(target: Target, of: tuple[dict[str, jax.Array], jax.Array]) -> jax.Array:
    return chi2_of_bins(_with_counts(target, of[0]).bins, of[1])


def _begin_one(acceptance: float, target: Target, of: tuple[_Row, jax.Array]) -> Any:
    """A chain that begins at a place z, with the key in the place of the chain."""
    row, z = of
    options = {"adapting": STEP * KEPT, "acceptance": acceptance, "devices": 1}
    here = _with_counts(target, row.counts)
    return begin(here, row.metric, z[None], row.chain[None], **options)


def _advance_one(acceptance: float, target: Target, row: _Row) -> _Block:
    options = {"adapting": STEP * KEPT, "acceptance": acceptance, "devices": 1}
    here = _with_counts(target, row.counts)
    chain, draws = advance(here, row.metric, row.chain, draws=KEPT, **options)
    u, lp = draws.u[0], draws.lp[0]
    chi2 = 2 * (jax.vmap(partial(log_prior, target))(u) - lp)
    return _Block(
        chain=chain,
        u=u,
        quantities=jnp.concatenate([parameters(target, u), chi2[:, None]], axis=1),
        gradients=jnp.sum(draws.n_steps),
        divergences=jnp.sum(draws.diverging),
    )


# One function object for each acceptance: JAX knows a compiled program by the object.
_BEGIN = {acceptance: partial(_begin_one, acceptance) for acceptance in ACCEPTANCE}
_ADVANCE = {acceptance: partial(_advance_one, acceptance) for acceptance in ACCEPTANCE}


def _each(
    function: Callable[[Any, Any], Any],
    common: Any,
    rows: Any,
    costs: np.ndarray | None = None,
    progress: Progress = iter,
) -> Any:
    """Apply a function of a common argument and of a row to N rows, in batches that fit the cache
    and on all devices.

    Args:
        function: The function, the same object whenever it is used.
        common: The first argument, a pytree.
        rows: The second one, a pytree of NumPy arrays with a leading axis.
        costs: How long rows take: those that take equally long are put together.
        progress: Wraps the iterable of blocks.

    Returns:
        A pytree of NumPy arrays with a leading axis.
    """
    leaves, tree = jax.tree.flatten(rows)
    found = []
    for places, batches, back in blocks_of(len(leaves[0]), costs, progress):
        some = tuple(leaf[places] for leaf in leaves)
        made = _block(
            common, batches, some, function=function, tree=tree, devices=jax.local_device_count()
        )
        found.append(jax.tree.map(lambda a, back=back: np.asarray(a)[back], made))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *found)


@partial(jax.jit, static_argnames=("function", "tree", "devices"))
def _block(
    common: Any,
    batches: int,
    leaves: tuple[jax.Array, ...],
    *,
    function: Callable[[Any, Any], Any],
    tree: Any,
    devices: int,
) -> Any:
    def of_row(common: Any, *row: jax.Array) -> Any:
        return function(common, jax.tree.unflatten(tree, row))

    return over_points(of_row, common, batches, leaves, devices)
