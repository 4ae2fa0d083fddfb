"""Priors on the whole line: each parameter x as a function of a number u without bounds.

Samplers move without bounds, and they sample u:

    x = u                                   no bounds
    x = lower + softplus(u)                 a lower bound; mirrored for an upper one
    x = lower + (upper - lower) sigmoid(u)  both bounds; for a log-uniform prior the same in ln x

Softplus and not the exponential function: a normalisation that ends where nothing is left of what
it scales is many widths away from there, and its density stays nearly Gaussian in u.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.likelihood import Likelihood
from cevns_jax.priors import Flat, Gaussian, LogUniform, Prior, TruncatedGaussian
from cevns_jax.pytree import plain_pytree, static

# Nearest to an end of an interval, as a share of its width, that a place is taken to be: there u is
# -36, where the sigmoid function is about to round to its end.
NEAREST = 2.0**-52


@plain_pytree
@dataclass(frozen=True, kw_only=True)
class Line:
    """Priors of n parameters as one density on R^n. All is done by a few operations on vectors:
    some for each prior would make every program of a sampler longer to compile.

    Attributes:
        lower, upper: Ends of the ranges, in ln x where the prior is log-uniform; 0 where there is
            none. Shape (n,), like all that follow.
        mean, precision: Of the priors that are Gaussian, truncated or not; else 0.
        log_norm: What the logarithm of all densities has beside -penalty/2.
        others: The priors that are neither flat nor Gaussian.
        bounded: Which ends there are, booleans.
        logarithmic: Whether the prior is log-uniform.
        places: The numbers of the parameters whose priors are ``others``.
    """

    lower: np.ndarray | jax.Array
    upper: np.ndarray | jax.Array
    mean: np.ndarray | jax.Array
    precision: np.ndarray | jax.Array
    log_norm: float | jax.Array
    others: tuple[Prior, ...]
    bounded: tuple[tuple[bool, bool], ...] = static()
    logarithmic: tuple[bool, ...] = static()
    places: tuple[int, ...] = static()

    def constrained(self, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Parameters x and ln |dx/du|, shape (..., n) each, at numbers u on the line.

        For a log-uniform prior the second one is ln |d ln x/du|.
        """
        below, above = np.array(self.bounded).reshape(-1, 2).T
        both, ln = below & above, np.array(self.logarithmic, bool)
        width = jnp.where(both, jnp.subtract(self.upper, self.lower), 1.0)
        y, log_slope = u, jnp.zeros_like(u)
        if (below ^ above).any():
            away = jax.nn.softplus(u)
            y = jnp.where(below, self.lower + away, jnp.where(above, self.upper - away, u))
            log_slope = jnp.where(below | above, jax.nn.log_sigmoid(u), 0.0)
        if both.any():
            inside = jnp.clip(self.lower + width * jax.nn.sigmoid(u), self.lower, self.upper)
            log_share = jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u)
            y = jnp.where(both, inside, y)
            log_slope = jnp.where(both, log_share + jnp.log(width), log_slope)
        if ln.any():
            y = jnp.where(ln, jnp.exp(jnp.where(ln, y, 0.0)), y)
        return y, log_slope

    def log_prior(self, x: jax.Array, log_slope: jax.Array) -> jax.Array:
        """Natural logarithm of the density in u, shape (...), normalised if all priors are proper.

        Args:
            x, log_slope: As :meth:`constrained` returns them, shape (n,).
        """
        penalty = jnp.sum(self.precision * (x - self.mean) ** 2)
        for place, prior in zip(self.places, self.others, strict=True):
            penalty += prior.penalty(x[place])
        return self.log_norm - penalty / 2 + jnp.sum(log_slope)

    def unconstrained(self, x: np.ndarray) -> np.ndarray:
        """Numbers on the line for parameters x, shape (..., n) each. A place at an end is moved
        inside by the rounding of the range."""
        columns = []
        for i, ((below, above), ln) in enumerate(zip(self.bounded, self.logarithmic, strict=True)):
            y = np.log(x[..., i]) if ln else x[..., i]
            low, high = float(self.lower[i]), float(self.upper[i])
            if below and above:
                share = np.clip((y - low) / (high - low), NEAREST, 1 - NEAREST)
                y = np.log(share) - np.log1p(-share)
            elif below or above:
                away = np.maximum(y - low if below else high - y, NEAREST)
                y = away + np.log(-np.expm1(-away))
            columns.append(y)
        return np.stack(columns, axis=-1)


def line_of(likelihood: Likelihood) -> Line:
    """The declared priors of the varying parameters of a likelihood, inside their domains."""
    declared = [likelihood.parameters[name] for name in likelihood.names]
    priors = [_inside(p.prior, float(p.lower), float(p.upper)) for p in declared]
    ln = [isinstance(prior, LogUniform) for prior in priors]
    ends = np.array([[float(p.lower), float(p.upper)] for p in priors]).reshape(-1, 2)
    ends[ln] = np.log(ends[ln])
    quadratic = [isinstance(prior, Gaussian | TruncatedGaussian) for prior in priors]
    moments = [
        (float(p.mean), float(p.width) ** -2) if q else (0.0, 0.0)  # type: ignore[attr-defined]
        for p, q in zip(priors, quadratic, strict=True)
    ]
    mean, precision = np.array(moments).reshape(-1, 2).T
    places = tuple(
        i for i, p in enumerate(priors) if not (quadratic[i] or isinstance(p, Flat | LogUniform))
    )
    starts = np.array([float(p.start) for p in declared])
    return Line(
        lower=np.where(np.isfinite(ends[:, 0]), ends[:, 0], 0.0),
        upper=np.where(np.isfinite(ends[:, 1]), ends[:, 1], 0.0),
        mean=mean,
        precision=precision,
        log_norm=_log_norm(priors, starts),
        others=tuple(priors[i] for i in places),
        bounded=tuple((bool(a), bool(b)) for a, b in np.isfinite(ends)),
        logarithmic=tuple(ln),
        places=places,
    )


def _inside(prior: Prior, lower: float, upper: float) -> Prior:
    """The part of a prior that lies in a domain."""
    inside = bool(lower <= prior.lower and prior.upper <= upper)
    return prior if inside else prior.within(lower, upper)


def _log_norm(priors: Sequence[Prior], starts: np.ndarray) -> float:
    """What the logarithms of all densities, of ln x for a log-uniform prior, have beside their
    -penalty/2.

    Each is read off where the density is highest among a few places, as the difference of two large
    numbers would lose digits elsewhere.
    """
    total = 0.0
    normal: list[tuple[float, ...]] = []
    for prior, start in zip(priors, starts, strict=True):
        if isinstance(prior, LogUniform):
            total -= float(np.log(np.log(float(prior.upper) / float(prior.lower))))
        elif isinstance(prior, Flat):
            total -= float(np.log(prior.upper - prior.lower)) if prior.proper else 0.0
        elif isinstance(prior, Gaussian | TruncatedGaussian):
            low, high = float(prior.lower), float(prior.upper)
            at = float(np.clip(float(prior.mean), low, high))
            normal.append((float(prior.mean), float(prior.width), low, high, at))
        else:
            total += _read_off(prior, start)
    if normal:
        total += float(_normal_norms(*np.array(normal).T))
    return total


@jax.jit
def _normal_norms(mean: Any, width: Any, lower: Any, upper: Any, at: Any) -> jax.Array:
    """The same of normal distributions, whole or cut off, evaluated at the places ``at``; one
    program for all of them."""
    density = TruncatedGaussian(mean, width, lower, upper).log_density(at)
    return jnp.sum(density + jnp.square((at - mean) / width) / 2)


def _read_off(prior: Prior, start: float) -> float:
    """ln density + penalty/2, where the density is highest among a few places."""
    places = [float(prior.mean), float(prior.lower), float(prior.upper), start]
    found = []
    for x in filter(np.isfinite, places):
        penalty, density = float(prior.penalty(x)), float(prior.log_density(x))
        if np.isfinite(density) and np.isfinite(penalty):
            found.append((penalty, density + penalty / 2))
    return min(found)[1]
