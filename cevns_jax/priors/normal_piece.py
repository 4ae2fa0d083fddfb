"""Mass and quantiles of a piece of the standard normal distribution, however far from its centre.

Far out the probability of the piece underflows. Everything here is therefore relative to the
highest density of the piece, which is at its place nearest to zero.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfcx, ndtr, ndtri

NARROW = 2.0
"""Change of the exponent across a piece up to which its mass is computed by quadrature: a
difference of error functions would lose the digits that both ends have in common. Above, it loses
less than one digit; much larger, and the quadrature would need more nodes."""

CONSTANT = 1e-8
"""Change of the exponent across a piece below which its density counts as constant for quantiles.
The quantile is then wrong by at most this share of the piece, which is below the rounding of its
ends."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)  # exact to rounding for such a change

FAR = 10.0
"""Place in the tail from which its integral is an asymptotic series. The erfcx of JAX is 0 between
37.5 and 37.7, where its own two forms meet."""

SERIES = np.cumprod(np.concatenate([[1.0], -np.arange(1.0, 37.0, 2.0)]))[::-1]
"""Coefficients (-1)^k (2k - 1)!! of z^-2k in Mills' ratio times z, highest first. The first that is
left out is below 2e-16 of it at ``FAR``."""

TINY = 1e-300  # in place of a probability that underflows

NEWTON_STEPS = 12
"""Steps to a quantile of a tail. Each step from far away halves the distance, and the furthest of
53 binary digits, 8.3 from the centre, is overshot to 46 by the first."""


def log_mass(a: jax.Array, b: jax.Array) -> jax.Array:
    """Logarithm of the integral of exp((c^2 - z^2)/2) over a < z < b, where c is the place of the
    piece that is nearest to zero.

    Args:
        a, b: Ends of the piece, which may be infinite.
    """
    a, b = _upwards(a, b)
    # A selection where jnp.maximum would do: at a = 0 that has half a derivative.
    inner, above = jnp.where(a < 0, a, 0.0), jnp.where(a < 0, 0.0, a)
    largest = jnp.maximum(jnp.abs(a), jnp.abs(b))
    narrow = (b - a) * jnp.maximum(largest, 1.0) < NARROW
    low, high = jnp.where(narrow, a, 0.0), jnp.where(narrow, b, 1.0)
    c = jnp.where(narrow, above, 0.0)
    # The exponent (z^2 - c^2)/2 from the distance z - c, which is exact: a difference of two large
    # squares would not be.
    away = (low - c)[..., None] + (high - low)[..., None] * (NODES + 1) / 2
    mean = jnp.sum(WEIGHTS / 2 * jnp.exp(-away * (away + 2 * c[..., None]) / 2), axis=-1)
    both = jnp.sqrt(jnp.pi / 2) * (erf(b / jnp.sqrt(2)) - erf(inner / jnp.sqrt(2)))
    tail = _tail(above) - _beyond(above, b)
    wide = jnp.where(a < 0, both, tail)
    return jnp.where(
        narrow, jnp.log(high - low) + jnp.log(mean), jnp.log(jnp.where(narrow, 1.0, wide))
    )


def quantile(u: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """The place z below which a share u of the probability of the piece a < z < b lies.

    Args:
        u: Share, from 0 to 1.
        a, b: Ends of the piece, which may be infinite.
    """
    mirrored = b <= 0  # a piece below zero is mirrored, and its quantile counted from the other end
    a, b = _upwards(a, b)
    u = jnp.where(mirrored, 1 - u, u)
    inner = _central(u, jnp.where(a < 0, a, 0.0), b)
    outer = _in_tail(u, jnp.where(a < 0, 0.0, a), b)
    z = jnp.where(a < 0, inner, outer)
    constant = (b - a) * jnp.maximum(jnp.maximum(jnp.abs(a), b), 1.0) < CONSTANT
    z = jnp.clip(jnp.where(constant, a + u * jnp.where(constant, b - a, 0.0), z), a, b)
    return jnp.where(mirrored, -z, z)


def _upwards(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The ends of the piece, mirrored if all of it is below zero."""
    mirrored = b <= 0
    return jnp.where(mirrored, -b, a), jnp.where(mirrored, -a, b)


def _tail(z: jax.Array) -> jax.Array:
    """Integral of exp(-t^2/2) over t > z in units of exp(-z^2/2), for z >= 0 (Mills' ratio)."""
    far = z > FAR
    inverse = 1 / jnp.where(far, z, FAR)
    near = jnp.sqrt(jnp.pi / 2) * erfcx(jnp.where(far, FAR, z) / jnp.sqrt(2))
    return jnp.where(far, inverse * jnp.polyval(jnp.asarray(SERIES), inverse**2), near)


def _beyond(a: jax.Array, b: jax.Array) -> jax.Array:
    """Integral of exp((a^2 - t^2)/2) over t > b, for 0 <= a < b; zero if b is infinite."""
    finite = jnp.isfinite(b)
    end = jnp.where(finite, b, a + 1.0)  # an infinite one has no gradient, not even a zero
    return jnp.where(finite, jnp.exp((a - end) * (a + end) / 2) * _tail(end), 0.0)


def _central(u: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """Quantile of a piece that contains zero. Below the median it is computed from the probability
    below, above from the probability above, so that both tails keep their digits."""
    below, beyond = ndtr(a), ndtr(-b)
    share = below + u * (1 - beyond - below)
    left = beyond + (1 - u) * (1 - beyond - below)
    upper = share > 0.5
    half = jnp.clip(jnp.where(upper, left, share), TINY, 0.5)
    return jnp.where(upper, -ndtri(half), ndtri(half))


def _in_tail(u: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """Quantile of a piece above zero, by Newton's method on the logarithm of the integral above z.
    That is concave, so that steps from a overshoot once and then approach from above."""
    remains = _tail(a) * (1 - u) + u * _beyond(a, b)
    goal = jnp.log(jnp.maximum(remains, TINY))

    def step(_: int, z: jax.Array) -> jax.Array:
        mills = _tail(z)
        return z + mills * (jnp.log(mills) - (z - a) * (z + a) / 2 - goal)

    found: jax.Array = jax.lax.fori_loop(0, NEWTON_STEPS, step, a + jnp.zeros_like(goal))
    return found
