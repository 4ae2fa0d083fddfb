"""Priors of this package as distributions of NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from numpyro.distributions import Distribution, constraints

from cevns_jax.errors import ConfigError
from cevns_jax.priors import Prior
from cevns_jax.priors.numbers import Number, known


class PriorDistribution(Distribution):  # type: ignore[misc]  # NumPyro has no types
    """A prior as a distribution of NumPyro; a pytree whose children are the numbers of the prior.

    Its support is an interval, a half-line or the line. That is structure, while the ends are
    numbers. An improper prior has a density, which is not normalised, but cannot be drawn from.

    Attributes:
        prior: The prior.

    Raises:
        ConfigError: ends that JAX traces, so that it is not known which of them are finite, or an
            array of ends only some of which are.
    """

    pytree_data_fields = ("prior",)
    pytree_aux_fields = ("_bounded", "_proper")

    def __init__(self, prior: Prior, *, validate_args: bool | None = None) -> None:
        self.prior = prior
        self._bounded = _is_finite("lower", prior.lower), _is_finite("upper", prior.upper)
        self._proper = bool(np.all(prior.proper))
        shape = jax.eval_shape(prior.log_density, 0.0).shape
        super().__init__(batch_shape=shape, validate_args=validate_args)

    @property
    def support(self) -> Any:
        lower, upper = self.prior.lower, self.prior.upper
        if all(self._bounded):
            return constraints.interval(lower, upper)
        if self._bounded[0]:
            return constraints.greater_than_eq(lower)
        return constraints.less_than_eq(upper) if self._bounded[1] else constraints.real

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, shape (*sample_shape, *batch_shape).

        Raises:
            ConfigError: an improper prior.
        """
        if not self._proper:
            raise ConfigError(
                "an improper prior, which is flat without two finite ends, cannot be drawn from; "
                "start chains elsewhere than at draws, or give the parameter another prior"
            )
        return self.prior.draw(key, sample_shape)

    def log_prob(self, value: Number, intermediates: Any = None) -> jax.Array:
        return self.prior.log_density(value)


def _is_finite(name: str, end: Number) -> bool:
    """Whether an end of a support is finite."""
    if not known(end):
        raise ConfigError(
            f"PriorDistribution: whether {name} is finite is not known inside a compiled function; "
            "build the distribution outside"
        )
    found = np.isfinite(end)
    if found.any() != found.all():
        raise ConfigError(f"PriorDistribution: {name} must be finite in all or in none")
    return bool(found.all())
