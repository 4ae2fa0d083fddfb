"""Where the density of a posterior on the line is highest, and how narrow it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.inference.checks import checked_starts
from cevns_jax.inference.curvature import local_of
from cevns_jax.inference.minimise import Local, Minimum, minimise
from cevns_jax.inference.target import Target
from cevns_jax.inference.valleys import distinct, off_zero, one, take, wide_starts
from cevns_jax.likelihood import Likelihood

# Share of a posterior below which a mode of it is left aside: it would show in one draw of a
# thousand, and moves no number that is quoted.
LEAST_WEIGHT = 1e-3
LANES = 16  # starts of one call; all calls have this size, so that they share one compilation


def local_on_line(target: Target, u: jax.Array) -> Local:
    """Twice the potential at u, shape (n,), with half its gradient and its expected information.

    The information is that of the bins and of the priors, and the curvature of the Jacobian, which
    is positive: where the data say nothing of a parameter its place is that of its prior. Beside
    them stands the curvature of x(u) times the slope of chi^2 where that is positive. At a mode
    near the end of a range it is nearly all there is, as of x exp(-x) in ln x. Where there are
    fewer counts than expected both together are an upper estimate, by a factor of two at most.
    """
    line, ones = target.line, jnp.ones_like(u)

    def slopes(v: jax.Array) -> tuple[Any, Any]:
        return jax.jvp(line.constrained, (v,), (ones,))

    ((x, log_slope), (slope, tilt)), (_, (bend, tilts)) = jax.jvp(slopes, (u,), (ones,))
    bins = local_of(target.bins)(x)
    gradient = bins.gradient + line.precision * (x - line.mean)
    precision = jnp.asarray(line.precision)
    for place, prior in zip(line.places, line.others, strict=True):
        gradient = gradient.at[place].add(jax.grad(prior.penalty)(x[place]) / 2)
        precision = precision.at[place].set(prior.precision(x[place]))
    information = (bins.information + jnp.diag(precision)) * jnp.outer(slope, slope)
    bent = jnp.maximum(gradient * bend, 0.0)
    return Local(
        chi2=bins.chi2 - 2 * line.log_prior(x, log_slope),
        impossible=bins.impossible,
        gradient=gradient * slope - tilt,
        information=information + jnp.diag(bent - tilts),
        bend=None,
    )


@jax.jit  # also within compiled functions
def from_starts(target: Target, starts: jax.Array, moving: jax.Array | None = None) -> Minimum:
    """Where descents on the line end from some starts, shape (S, n), with a leading axis of S;
    ``moving`` as :func:`ends_of`."""
    everywhere = -jnp.inf * jnp.ones(starts.shape[1]), jnp.inf * jnp.ones(starts.shape[1])

    def ended(start: jax.Array) -> Minimum:
        return minimise(lambda u: local_on_line(target, u), start, everywhere, moving)

    return jax.vmap(ended)(starts)


def ends_of(target: Target, starts: np.ndarray, moving: np.ndarray | None = None) -> Minimum:
    """Where the density on the line is highest near each of some places, with a leading axis.

    Args:
        target: The posterior of n parameters.
        starts: The places, numbers on the line, shape (S, n).
        moving: Which of the parameters move, shape (n,), boolean; default all.
    """
    moving = np.ones(starts.shape[1], bool) if moving is None else moving
    found = []
    for first in range(0, len(starts), LANES):
        some = starts[first : first + LANES]
        padded = np.concatenate([some, np.tile(some[-1:], (LANES - len(some), 1))])
        found.append(take(from_starts(target, padded, moving), np.arange(len(some))))
    return Minimum(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def modes_of(
    likelihood: Likelihood, target: Target, starts: Sequence[Mapping[str, float]] = ({},)
) -> list[Minimum]:
    """The modes of a posterior that are found from starts all over the range of its prior, the
    highest first; at least one. ``x`` of each is its place on the line.

    Args:
        likelihood: The likelihood with the priors of the target.
        target: The posterior.
        starts: Values of parameters at starts of the caller; those left out start where declared.

    Raises:
        ConfigError: a start of a parameter that does not vary, or outside its domain.
    """
    minima = ends_of(target, starts_of(likelihood, target, starts))
    return [one(minima, row) for row in distinct(minima)]


def starts_of(
    likelihood: Likelihood, target: Target, starts: Sequence[Mapping[str, float]] = ({},)
) -> np.ndarray:
    """Places on the line from which modes are searched, shape (S, n): the starts that are given,
    and others all over the range of the priors; as :func:`modes_of`."""
    given = checked_starts("sample", likelihood, starts)
    free = [likelihood.names.index(name) for name in likelihood.free if name in likelihood.names]
    sides = [row for start in given for index in free for row in off_zero(likelihood, start, index)]
    wide = wide_starts(likelihood, given[0], whole_domain=True)
    return target.line.unconstrained(np.concatenate([given, *(s[None] for s in sides), wide]))


def laplace_weights(modes: Sequence[Minimum]) -> np.ndarray:
    """Share of the posterior in each of some modes by the method of Laplace, shape (V,): as if each
    were a normal distribution. A mode of which the width is not known counts as infinitely narrow,
    unless it is the only one."""
    chi2 = np.array([float(mode.chi2) for mode in modes])
    signs, logs = np.linalg.slogdet(np.stack([mode.information for mode in modes]))
    log_weight = np.where(signs > 0, -(chi2 - chi2.min()) / 2 - logs / 2, -np.inf)
    if not np.isfinite(log_weight).any():
        return np.eye(len(modes))[int(np.argmin(chi2))]
    weight = np.exp(log_weight - log_weight.max())
    shares: np.ndarray = weight / weight.sum()
    return shares


def that_matter(modes: Sequence[Minimum]) -> list[Minimum]:
    """The modes that may hold more than ``LEAST_WEIGHT`` of the posterior, the largest first; one
    at least."""
    weights = laplace_weights(modes)
    order = np.argsort(-weights, kind="stable")
    return [modes[i] for i in order if weights[i] >= LEAST_WEIGHT] or list(modes[:1])
