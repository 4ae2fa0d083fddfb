"""Bins with correlated Gaussian errors, e.g. an unfolded spectrum with its covariance."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import solve_triangular

from cevns_jax.errors import ConfigError
from cevns_jax.pytree import plain_pytree
from cevns_jax.statistics import HALF_LOG_2_PI

ASYMMETRY = 1e-8
"""Largest difference between the two halves of a correlation matrix that counts as rounding, as of
a table with nine digits. A larger one is a mistake in the file, and is refused."""

SINGULAR = 1e-13
"""Lowest eigenvalue of a correlation matrix, times the number of bins, that can be told from zero:
eigenvalues of N bins are rounded by about N times 2e-16. Below, the inverse would be noise."""


@plain_pytree
@dataclass(frozen=True)
class CorrelatedGaussian:
    """Numbers with Gaussian errors that are correlated between the bins of an experiment.

    Attributes:
        covariance: Covariance of all bins, in the order in which their array is flattened, shape
            (bins, bins); it does not depend on the expectation.
        whitening: Matrix W for which W^T W is the inverse of the covariance, same shape; computed.

    Raises:
        ConfigError: a covariance that is not square, finite, symmetric and positive definite.
    """

    covariance: np.ndarray
    whitening: np.ndarray = dataclasses.field(init=False, repr=False)

    label = "Gaussian, given covariance"

    def __post_init__(self) -> None:
        covariance, whitening = _whitened(self.covariance)
        object.__setattr__(self, "covariance", covariance)
        object.__setattr__(self, "whitening", whitening)

    def deviance(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        """Squares of the whitened residuals: only their sum belongs to the data."""
        return self.deviance_from(expected - observed, observed)

    def deviance_from(self, difference: jax.Array, observed: jax.Array) -> jax.Array:
        return self._times(self.whitening, difference) ** 2

    def log_norm(self, observed: jax.Array) -> jax.Array:
        """W is triangular, so that the square of a whitened residual is that of a bin about what is
        expected of it given the bins before it, and 1/W_ii its error."""
        return jnp.reshape(jnp.log(jnp.diag(self.whitening)), observed.shape) - HALF_LOG_2_PI

    def continued(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return self.deviance(expected, observed)

    def impossible(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return jnp.zeros(expected.shape, bool)

    def slope(self, expected: jax.Array, observed: jax.Array) -> jax.Array:
        return self._times(self.whitening.T, self._times(self.whitening, expected - observed))

    def information(self, expected: jax.Array) -> jax.Array:
        return jnp.reshape(jnp.sum(jnp.asarray(self.whitening) ** 2, axis=0), expected.shape)

    def weighted(self, expected: jax.Array, rows: jax.Array) -> jax.Array:
        flat = jnp.reshape(rows, (rows.shape[0], -1))
        whitened = jnp.asarray(self.whitening)
        return jnp.reshape((flat @ whitened.T) @ whitened, rows.shape)

    def draw(self, key: jax.Array, expected: jax.Array) -> jax.Array:
        mu = jnp.asarray(expected)
        z = jax.random.normal(key, (mu.size,), mu.dtype)
        moved = jax.scipy.linalg.solve_triangular(jnp.asarray(self.whitening), z, lower=True)
        return mu + jnp.reshape(moved, mu.shape)

    def repeated(self, key: jax.Array) -> CorrelatedGaussian:
        return self

    def _times(self, matrix: np.ndarray, bins: jax.Array) -> jax.Array:
        return jnp.reshape(jnp.asarray(matrix) @ jnp.ravel(bins), bins.shape)


def _whitened(given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A covariance, checked and made exactly symmetric, and its whitening matrix."""
    try:
        covariance = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError("covariance must be a matrix of numbers") from None
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
        raise ConfigError(f"covariance must be a square matrix, not of shape {covariance.shape}")
    variance = np.diag(covariance)
    if not (np.isfinite(covariance).all() and (variance > 0).all()):
        raise ConfigError("covariance must be finite, with a positive diagonal")
    errors = np.sqrt(variance)
    # Checked and decomposed as correlations: bins with very different errors would make the
    # covariance itself look singular.
    correlation = covariance / np.outer(errors, errors)
    if (np.abs(correlation - correlation.T) > ASYMMETRY).any():
        i, j = np.unravel_index(np.argmax(np.abs(correlation - correlation.T)), covariance.shape)
        raise ConfigError(
            f"covariance must be symmetric, but bins {i} and {j} have {covariance[i, j]:g} and "
            f"{covariance[j, i]:g}"
        )
    correlation = (correlation + correlation.T) / 2
    lowest = float(np.linalg.eigvalsh(correlation)[0])
    if lowest < SINGULAR * len(errors):
        raise ConfigError(
            "covariance must be positive definite, but the lowest eigenvalue of its correlations "
            f"is {lowest:.2g}"
        )
    lower = np.linalg.cholesky(correlation)
    whitening = solve_triangular(lower, np.diag(1 / errors), lower=True)
    return (covariance + covariance.T) / 2, whitening
