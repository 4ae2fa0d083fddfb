"""chi^2 as other minimisers and samplers want it: a function of a vector, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.checks import check_data
from cevns_jax.inference.curvature import local_of
from cevns_jax.likelihood import Likelihood, predictions

# First step of other minimisers where neither data nor prior set a scale: a share of the width of
# the domain, or of the start value. They adapt it; a hundred times less can be lost in the rounding
# of chi^2, and more than a half would leave the domain.
BLIND_STEP = 0.1


class Objective(NamedTuple):
    """chi^2 of a likelihood in its n varying parameters; vectors follow ``names``.

    Attributes:
        chi2: Vector, shape (n,) -> -2 ln L up to a constant, a float; infinite outside the bounds
            and where counts are impossible. A log-posterior with the declared priors is -chi2/2.
        gradient: Vector -> d chi^2/dx, shape (n,), of chi^2 inside the bounds.
        names: Names of the parameters.
        start: Where they start, shape (n,).
        bounds: Lowest and highest value of each, infinite where there is none.
        errors: Step sizes, shape (n,), finite and positive: the error that each parameter would
            have at the start if the others were known, from priors and expected information.
    """

    chi2: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    names: tuple[str, ...]
    start: np.ndarray
    bounds: list[tuple[float, float]]
    errors: np.ndarray


def objective(likelihood: Likelihood) -> Objective:
    """chi^2 of a likelihood as iminuit, scipy, emcee and others need it.

    Both functions are compiled at their first call, and only once for all likelihoods of the same
    structure.

    Args:
        likelihood: At least one parameter varies in it.

    Raises:
        ConfigError: nothing varies, an experiment without data, or predictions that are not finite
            at the start; from ``chi2`` and ``gradient``: a vector of another shape.
    """
    stop_if_forked()
    names = likelihood.names
    if not names:
        raise ConfigError("objective: no parameter varies; free one or declare a nuisance")
    check_data("objective", likelihood)
    predictions(likelihood)  # refuses counts that are not finite
    start = np.asarray(likelihood.start, dtype=float)
    lower, upper = (np.asarray(bound, dtype=float) for bound in likelihood.bounds)
    ready = precomputed(likelihood)

    def checked(x: np.ndarray) -> np.ndarray:
        vector = np.asarray(x, dtype=float)
        if vector.shape != start.shape:
            raise ConfigError(
                f"objective: needs a vector of {len(names)} parameters ({', '.join(names)}), not "
                f"one of shape {vector.shape}"
            )
        return vector

    def chi2(x: np.ndarray) -> float:
        vector = checked(x)
        inside = bool(np.all((vector >= lower) & (vector <= upper)))
        return float(_chi2(ready, vector)) if inside else float("inf")

    def gradient(x: np.ndarray) -> np.ndarray:
        return np.array(_gradient(ready, np.clip(checked(x), lower, upper)))

    return Objective(
        chi2=chi2,
        gradient=gradient,
        names=names,
        start=start,
        bounds=list(zip(lower.tolist(), upper.tolist(), strict=True)),
        errors=_errors(ready, start, lower, upper),
    )


@jax.jit
def precomputed(likelihood: Likelihood) -> Likelihood:
    """The likelihood with everything evaluated that no varying parameter affects. Its numbers are
    on the device from here on, so that a call copies only the vector."""
    return likelihood.precomputed(likelihood.values(), varying=likelihood.names)


def _of_vector(likelihood: Likelihood, x: jax.Array) -> jax.Array:
    return likelihood.chi2(likelihood.values(x))


_chi2 = jax.jit(_of_vector)


@jax.jit
def _gradient(likelihood: Likelihood, x: jax.Array) -> jax.Array:
    """Pushed forward, as for our own minimiser."""
    return 2 * local_of(likelihood)(x).gradient


@jax.jit
def _information(likelihood: Likelihood, x: jax.Array) -> jax.Array:
    """Expected information of each parameter by itself, prior included, shape (n,)."""
    return jnp.diag(local_of(likelihood)(x).information)


def _errors(
    likelihood: Likelihood, start: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Step sizes, shape (n,), at most half the width of the domain. Where the data do not set a
    scale, as for a coupling at zero, the step is a part of the domain or of the start value."""
    information = np.asarray(_information(likelihood, start))
    width = upper - lower
    # A coupling that enters squared has no slope at zero, one in an empty bin an infinite one.
    known = np.isfinite(information) & (information > 0)
    size = np.maximum(np.abs(start), 1.0)
    blind = BLIND_STEP * np.where(np.isfinite(width), width, size)
    errors = np.where(known, np.where(known, information, 1.0) ** -0.5, blind)
    return np.minimum(errors, np.where(np.isfinite(width), width / 2, np.inf))
