"""Pieces of the normal distribution far out, against mpmath and scipy."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy import special, stats

from cevns_jax.priors import TruncatedGaussian
from cevns_jax.priors.normal_piece import log_mass, quantile

GRID = np.concatenate([np.linspace(0.0, 100.0, 20_001), [37.538, 37.6, 37.677, 1e3, 1e8, 1e200]])
tails = jax.jit(lambda a: log_mass(a, jnp.full_like(a, jnp.inf)))
slopes = jax.jit(jax.vmap(jax.grad(lambda a: log_mass(a, jnp.asarray(jnp.inf)))))


def test_the_tail_is_that_of_scipy_everywhere_and_so_is_its_slope():
    """Its slope is z - 1/M with Mills' ratio M, which mpmath gives to all digits."""
    ratio = np.sqrt(np.pi / 2) * special.erfcx(GRID / np.sqrt(2))
    np.testing.assert_allclose(tails(GRID), np.log(ratio), rtol=1e-14, atol=1e-14)
    some = GRID[::97]
    with mpmath.workdps(450):
        expected = []
        for z in map(mpmath.mpf, some.tolist()):
            mills = mpmath.exp(z**2 / 2) * mpmath.erfc(z / mpmath.sqrt(2))
            expected.append(float(z - 1 / (mills * mpmath.sqrt(mpmath.pi / 2))))
    rounded = 1e-15 * (1 + np.minimum(some, 10.0) ** 2)  # of M' = z M - 1, up to the series
    np.testing.assert_array_less(
        abs(np.asarray(slopes(some)) - expected), 5 * rounded * (1 + abs(np.asarray(expected)))
    )


@pytest.mark.parametrize("a", [9.9, 10.1, 37.5, 37.6, 37.67, 80.0])
@pytest.mark.parametrize("length", [0.01, 0.1, 2.0, np.inf])
def test_quantiles_of_far_pieces_are_those_of_mpmath(a, length):
    b = a + length
    for u in (1e-9, 0.3, 0.999):
        z = float(quantile(jnp.asarray(u), jnp.asarray(a), jnp.asarray(b)))
        with mpmath.workdps(60):
            above = [mpmath.erfc(mpmath.mpf(x) / mpmath.sqrt(2)) for x in (a, z, b)]
            share = (above[0] - above[1]) / (above[0] - above[2])
        # z itself is rounded to 2e-16 of it, which is z^2 times as much of a probability.
        assert float(share) == pytest.approx(u, abs=3e-16 * max(a * a, a / length) + 1e-14)


def test_draws_and_densities_have_no_gap_between_37_and_38_widths():
    below, above = TruncatedGaussian(0, 1, -40, -37.5), TruncatedGaussian(0, 1, 37.6, np.inf)
    drawn = np.asarray(below.draw(jax.random.key(0), (4_000,)))
    known = stats.truncexpon(2.5 * 37.5, scale=1 / 37.5)  # but for 1/z^2
    assert stats.kstest(-37.5 - drawn, known.cdf).pvalue > 1e-3
    expected = stats.norm.logpdf(37.7) - stats.norm.logsf(37.6)
    assert float(above.log_density(37.7)) == pytest.approx(expected, rel=1e-12)
