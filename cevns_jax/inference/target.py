"""The posterior of a likelihood as a density on the line, prior and likelihood apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.inference.batches import lanes_on_device
from cevns_jax.inference.curvature import local_of
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


class Slope(NamedTuple):
    """chi^2 of the bins, shape (), and its gradient in the parameters themselves, shape (n,)."""

    chi2: Any
    gradient: Any


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


@jax.custom_vjp
def chi2_of_bins(bins: Likelihood, x: jax.Array) -> jax.Array:
    """chi^2 of a likelihood with flat priors, continued where counts are impossible.

    Its gradient is pushed forward, one parameter at a time, as for the minimiser: most parameters
    scale one component. Pulled backward it costs three to eight times as much as the value.
    """
    return _value(bins, x)


def _forward(bins: Likelihood, x: jax.Array) -> tuple[jax.Array, Any]:
    found = _slope(bins, x)
    return found.chi2, (found.gradient, bins)


def _backward(kept: Any, bar: jax.Array) -> tuple[Any, jax.Array]:
    gradient, bins = kept
    return jax.tree.map(_no_tangent, bins), bar * gradient


def _no_tangent(leaf: Any) -> Any:
    """The derivative in a number of the likelihood itself, which nobody asks for."""
    if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact):
        return jnp.zeros_like(leaf)
    return np.zeros(np.shape(leaf), jax.dtypes.float0)


chi2_of_bins.defvjp(_forward, _backward)


def _in_pieces(function: Callable[[Likelihood, jax.Array], Any]) -> Any:
    """The same function. Many lanes of it are evaluated in pieces that fit the cache: thousands at
    once take 2.5 to 5 times as long."""
    once = jax.jit(function)  # however often it stands in a program, JAX traces it once

    @jax.custom_batching.custom_vmap
    def evaluated(bins: Likelihood, x: jax.Array) -> Any:
        return once(bins, x)

    @evaluated.def_vmap
    def lanes(axis_size: int, batched: Any, bins: Likelihood, x: jax.Array) -> tuple[Any, Any]:
        leaves, tree = jax.tree.flatten((bins, x))
        split = jax.tree.leaves(batched)
        rows = [leaf for leaf, several in zip(leaves, split, strict=True) if several]

        def one(row: list[jax.Array]) -> Any:
            given = iter(row)
            whole = [next(given) if s else leaf for leaf, s in zip(leaves, split, strict=True)]
            return once(*jax.tree.unflatten(tree, whole))

        size = lanes_on_device()
        if axis_size <= 2 * size:
            found = jax.vmap(one)(rows)
        else:
            found = jax.lax.map(one, rows, batch_size=size)
        return found, jax.tree.map(lambda _: True, found)

    return evaluated


@_in_pieces
def _slope(bins: Likelihood, x: jax.Array) -> Slope:
    found = local_of(bins)(x)
    return Slope(found.chi2, 2 * found.gradient)


@_in_pieces
def _value(bins: Likelihood, x: jax.Array) -> jax.Array:
    values = bins.values(x)
    chi2 = bins.penalty(values)
    for experiment in bins.experiments:
        expected = experiment.expected(bins.interaction, values)
        observed = jnp.asarray(experiment.observed)
        chi2 += jnp.sum(experiment.statistic.continued(expected, observed))
    return chi2
