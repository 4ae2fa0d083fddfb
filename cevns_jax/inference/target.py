"""The posterior of a likelihood as a density on the line, prior and likelihood apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from cevns_jax.inference.batches import lanes_on_device
from cevns_jax.inference.curvature import terms_and_slopes
from cevns_jax.inference.line import Line, line_of
from cevns_jax.inference.objective import precomputed
from cevns_jax.likelihood import Likelihood
from cevns_jax.priors import Flat
from cevns_jax.pytree import plain_pytree, static


@plain_pytree
@dataclass(frozen=True, kw_only=True)
class Target:
    """A posterior of n parameters; vectors follow ``names``.

    Attributes:
        bins: The likelihood with flat priors, everything evaluated that no varying parameter
            affects.
        line: The priors.
        names: The varying parameters.
    """

    bins: Likelihood
    line: Line
    names: tuple[str, ...] = static()


def target_of(likelihood: Likelihood) -> Target:
    """The posterior of a likelihood with its declared priors."""
    declared = likelihood.parameters
    flat = {name: replace(declared[name], prior=Flat()) for name in likelihood.names}
    return Target(
        bins=precomputed(likelihood.declared(flat)),
        line=line_of(likelihood),
        names=likelihood.names,
    )


def parameters(target: Target, u: jax.Array) -> jax.Array:
    """Parameters x at numbers u on the line, shape (..., n) each."""
    return target.line.constrained(u)[0]


def log_prior(target: Target, u: jax.Array) -> jax.Array:
    """Natural logarithm of the density of the prior in u, normalised if all priors are proper."""
    return target.line.log_prior(*target.line.constrained(u))


def log_likelihood(target: Target, u: jax.Array) -> jax.Array:
    """-chi^2/2 of the bins, and of the priors of held parameters, at numbers u on the line. Where
    counts are impossible it goes on, see :class:`cevns_jax.statistics.Statistic`."""
    return -chi2_of_bins(target.bins, parameters(target, u)) / 2


def potential(target: Target, u: jax.Array) -> jax.Array:
    """-ln of the density of the posterior in u, up to a constant."""
    x, log_slope = target.line.constrained(u)
    return chi2_of_bins(target.bins, x) / 2 - target.line.log_prior(x, log_slope)


def chi2_of_bins(bins: Likelihood, x: jax.Array) -> jax.Array:
    """chi^2 of a likelihood with flat priors, continued where counts are impossible."""
    return bins.penalty(bins.values(x)) + jnp.sum(terms_of_bins(bins, x))


@jax.custom_jvp
def terms_of_bins(bins: Likelihood, x: jax.Array) -> jax.Array:
    """chi^2 of the bins of each of E experiments, continued where counts are impossible, shape
    (E,), at varying parameters x, shape (n,).

    Its gradient is pushed forward, one parameter at a time, as for the minimiser: most parameters
    scale one component. Pulled backward it costs three to eight times as much as the value.
    Derivatives in numbers of the likelihood itself are zero, which nobody asks for.
    """
    return _terms(bins, x)


@terms_of_bins.defjvp
def _pushed(at: tuple[Likelihood, jax.Array], along: Any) -> tuple[jax.Array, jax.Array]:
    terms, slopes = _terms_and_slopes(*at)
    return terms, slopes @ along[1]


def _in_pieces(one: Callable[[Likelihood, jax.Array], Any]) -> Any:
    """A function of a likelihood and parameters, of which many lanes are evaluated in pieces that
    fit the cache: thousands at once take 2.5 to 5 times as long."""
    # Also within compiled functions: JAX then traces it once, however often it stands there.
    one = jax.jit(one)
    alone = jax.custom_batching.custom_vmap(one)

    @alone.def_vmap
    def lanes(size: int, batched: Any, bins: Likelihood, x: jax.Array) -> tuple[Any, Any]:
        leaves, tree = jax.tree.flatten((bins, x))
        split = jax.tree.leaves(batched)
        rows = [leaf for leaf, several in zip(leaves, split, strict=True) if several]

        def of_row(row: list[jax.Array]) -> Any:
            given = iter(row)
            whole = [next(given) if s else leaf for leaf, s in zip(leaves, split, strict=True)]
            return one(*jax.tree.unflatten(tree, whole))

        most = lanes_on_device()
        if size <= 2 * most:
            found = jax.vmap(of_row)(rows)
        else:
            found = jax.lax.map(of_row, rows, batch_size=most)
        return found, jax.tree.map(lambda _: True, found)

    return alone


@_in_pieces
def _terms(bins: Likelihood, x: jax.Array) -> jax.Array:
    values = bins.values(x)
    return jnp.stack(
        [
            jnp.sum(
                experiment.statistic.continued(
                    experiment.expected(bins.interaction, values), jnp.asarray(experiment.observed)
                )
            )
            for experiment in bins.experiments
        ]
    )


_terms_and_slopes = _in_pieces(terms_and_slopes)
