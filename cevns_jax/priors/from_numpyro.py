"""Any distribution of NumPyro as a prior.

NumPyro itself is not imported: a user who passes one of its distributions has imported it already,
and a user who only fits does not need it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.priors.numbers import (
    Number,
    check_range,
    common_range,
    contains,
    digits,
    known,
    range_text,
    store,
    whole_shape,
)
from cevns_jax.pytree import plain_pytree, static

# Draws, and even places, among which the highest density is searched first. Found by trial: fewer
# could miss a narrow peak; more cost time once for each prior.
DRAWS = 512
ZOOMS = 8  # each to a sixteenth of the range: 16^-8 = 2e-10 of it, and the density is flat there
UNBOUNDED = 2.0
"""Rise of the log density, from the best of the draws to the end of the search, above which the
density is taken to have no highest place. Next to a finite maximum the best draw is within 0.1; an
unbounded density rises by several units in eight zooms."""
RESOLVED = 1e-6
"""Smallest probability of an allowed part of the range, relative to the probability below its upper
end. The difference of the two cumulative probabilities is then known to 1e-10."""


@plain_pytree
@dataclass(frozen=True)
class FromNumPyro:
    """A continuous distribution of one number with NumPyro's interface, as a prior.

    The support tells what kind of measurement it represents. On the whole line it is one whose
    errors do not depend on the true value, so that another outcome shifts the prior. On a half-line
    it is the measurement of a scale, so that another outcome stretches the prior from the finite
    end. On a finite range it represents no measurement.

    Attributes:
        distribution: A pytree with ``sample``, ``log_prob``, ``support``, ``mean``, and, if only a
            part of its range is allowed, ``cdf`` and ``icdf``.
        offset, scale: x = offset + scale y, where y follows the distribution; :meth:`centred` sets
            them.
        low, high: Ends of the allowed part of the range, in x.
        peak: Highest logarithm of the density in y; found when the prior is built.
        mass: Probability of the allowed part.
        family: Kind of the support: ``"line"``, ``"half-line"`` or ``"range"``.
        cut: Whether only a part of the range is allowed.

    Raises:
        ConfigError: not a distribution of one continuous number; one that cannot be drawn from; or
            an allowed part of the range with next to no probability.
    """

    distribution: Any
    offset: Number = 0.0
    scale: Number = 1.0
    low: Number = -math.inf
    high: Number = math.inf
    peak: Number = dataclasses.field(init=False, repr=False)
    mass: Number = dataclasses.field(init=False, repr=False)
    family: str = static(init=False, repr=False)
    cut: bool = static(default=False, repr=False)

    proper = True

    def __post_init__(self) -> None:
        _check_distribution(self.distribution)
        where = f"prior {type(self.distribution).__name__}"
        store(self, where, offset=self.offset, scale=self.scale, low=self.low, high=self.high)
        check_range(where, self.lower, self.upper)
        ends = _support(self.distribution)
        infinite = [known(end) and bool(np.isinf(end).all()) for end in ends]
        family = {0: "range", 1: "half-line", 2: "line"}[sum(infinite)]
        if known(self._location) and not np.isfinite(self._location).all():
            family = "range"  # neither mean nor median, by which it could be centred
        object.__setattr__(self, "family", family)
        object.__setattr__(self, "mass", self._mass(where) if self.cut else 1.0)
        object.__setattr__(self, "peak", _peak(self.distribution, *self._allowed()))

    @property
    def constrains(self) -> bool:
        return self.family != "range"

    @property
    def mean(self) -> Number:
        return self.offset + self.scale * _asked(self.distribution, "mean")

    @property
    def centre(self) -> Number:
        return self.offset + self.scale * self._location if self.constrains else jnp.nan

    @property
    def lower(self) -> Number:
        return self._of_part()[0]

    @property
    def upper(self) -> Number:
        return self._of_part()[1]

    @property
    def text(self) -> str:
        numbers = self.distribution.arg_constraints
        told = (f"{name}={digits(getattr(self.distribution, name))}" for name in numbers)
        whole = f"{type(self.distribution).__name__}({', '.join(told)})"
        if np.any(np.not_equal(self.offset, 0) | np.not_equal(self.scale, 1)):
            whole += f" around {digits(self.centre)}"
        return whole + (range_text(self.low, self.high, ", from") if self.cut else "")

    def log_density(self, x: Number) -> jax.Array:
        return self._log_density(x) - jnp.log(self.scale * self.mass)

    def penalty(self, x: Number) -> jax.Array:
        return jnp.asarray(-2 * (self._log_density(x) - self.peak))

    def precision(self, x: Number) -> jax.Array:
        """Second derivative of half the penalty where it is positive, else zero."""
        curvature = jax.grad(jax.grad(lambda x: -self._log_density(x)))
        found = jnp.vectorize(curvature)(jnp.asarray(x, float))
        return jnp.maximum(found, 0.0)

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        if not self.cut:
            shape = whole_shape(shape, self.offset, self.scale)
            y = self.distribution.sample(key, shape)
            return jnp.asarray(self.offset + self.scale * y)
        shape = whole_shape(shape, self.offset, self.scale, self.low, self.high)
        u = jax.random.uniform(key, shape, float)
        low, high = self._allowed()
        y = self.distribution.icdf(self.distribution.cdf(low) + u * self.mass)
        return jnp.clip(self.offset + self.scale * jnp.clip(y, low, high), self.lower, self.upper)

    def within(self, lower: Number, upper: Number) -> FromNumPyro:
        low, high = common_range((self.lower, self.upper), (lower, upper))
        return dataclasses.replace(self, low=low, high=high, cut=True)

    def centred(self, centre: Number) -> Self:
        if not self.constrains:
            return self
        if self.family == "line":
            moved = {"offset": centre - self._location, "scale": jnp.ones_like(centre, float)}
        else:
            end = self._end()
            scale = (centre - end) / (self._location - end)
            moved = {"offset": end * (1 - scale), "scale": scale}
        if self.cut:
            return dataclasses.replace(self, **moved)
        # A copy without the constructor: the highest density in y stays the same, and its search
        # would take longer than all the rest.
        made = object.__new__(type(self))
        made.__dict__.update(vars(self) | moved)
        return made

    def repeated(self, key: jax.Array, truth: Number) -> jax.Array:
        if not self.constrains:
            return jnp.asarray(truth, float)
        y = self.distribution.sample(key, np.shape(truth))
        # As a function of the true value x, the prior is a density of x - centre. For a fixed true
        # value the outcome, which is the new centre, then scatters by minus that difference;
        # on a half-line the same holds for the logarithm of the distance from the end.
        if self.family == "line":
            return jnp.asarray(truth - self.scale * (y - self._location))
        end = self._end()
        return jnp.asarray(end + (truth - end) * (self._location - end) / (y - end))

    def _end(self) -> Number:
        """The finite end of a half-line, which stays in place when the prior is stretched."""
        lower, upper = _support(self.distribution)
        return upper if known(lower) and bool(np.isinf(lower).all()) else lower

    @property
    def _location(self) -> Number:
        """Mean of y, or its median if there is no mean."""
        mean = _asked(self.distribution, "mean")
        if known(mean) and not np.isfinite(mean).all():
            return _asked(self.distribution, "icdf", 0.5)
        return mean

    def _of_part(self) -> tuple[Number, Number]:
        """Ends of the support in x, or of its allowed part."""
        lower, upper = (self.offset + self.scale * end for end in _support(self.distribution))
        return common_range((lower, upper), (self.low, self.high)) if self.cut else (lower, upper)

    def _allowed(self) -> tuple[Number, Number]:
        """Ends of the support in y, or of its allowed part."""
        lower, upper = _support(self.distribution)
        if not self.cut:
            return lower, upper
        return (
            jnp.maximum(lower, (self.low - self.offset) / self.scale),
            jnp.minimum(upper, (self.high - self.offset) / self.scale),
        )

    def _mass(self, where: str) -> Number:
        """Probability of the allowed part.

        Args:
            where: What is being built, for the error.

        Raises:
            ConfigError: it cannot be computed, or not to enough digits.
        """
        cumulative = [_asked(self.distribution, "cdf", end) for end in self._allowed()]
        median = _asked(self.distribution, "icdf", 0.5)
        if known(*cumulative, median):
            below, up_to = np.asarray(cumulative)
            if np.isnan(below).any() or np.isnan(median).any():
                raise ConfigError(
                    f"{where}: has no cdf and icdf in NumPyro, so a part of its range cannot be "
                    "taken; choose another distribution, or bounds that hold all of it"
                )
            if not np.all(up_to - below > RESOLVED * up_to):
                raise ConfigError(
                    f"{where}: too little of it lies in the range {digits(self.low)} to "
                    f"{digits(self.high)}"
                )
        return cumulative[1] - cumulative[0]

    def _log_density(self, x: Number) -> jax.Array:
        """Log density of y at x, not normalised to the allowed part of the range; minus infinity
        outside it."""
        inside = contains(self, x)
        y = jnp.where(inside, (x - self.offset) / self.scale, _inner(*self._allowed()))
        return jnp.where(inside, self.distribution.log_prob(y), -jnp.inf)


def _inner(low: Number, high: Number) -> jax.Array:
    """Some place between two ends, to evaluate in the branch of a selection that is not taken."""
    below, above = jnp.isfinite(low), jnp.isfinite(high)
    beside = jnp.where(below, low + 1.0, jnp.where(above, high - 1.0, 0.0))
    return jnp.where(below & above, (low + high) / 2, beside)


def _support(distribution: Any) -> tuple[Number, Number]:
    """Ends of the support: NumPyro's constraints name those that are finite."""
    support = distribution.support
    return getattr(support, "lower_bound", -math.inf), getattr(support, "upper_bound", math.inf)


def _asked(distribution: Any, name: str, *arguments: Any) -> Any:
    """A member that NumPyro's distributions may or may not have; NaN if it is missing."""
    try:
        found = getattr(distribution, name)
        return found(*arguments) if arguments else found
    except NotImplementedError:
        return math.nan


def _check_distribution(distribution: Any) -> None:
    needed = ("sample", "log_prob", "support", "batch_shape", "event_shape", "arg_constraints")
    missing = [name for name in needed if not hasattr(distribution, name)]
    if missing:
        raise ConfigError(
            f"prior {type(distribution).__name__}: is no distribution of NumPyro, which has "
            f"{', '.join(missing)}"
        )
    where = f"prior {type(distribution).__name__}"
    shape = (*distribution.batch_shape, *distribution.event_shape)
    if shape != () or distribution.support.is_discrete:
        raise ConfigError(f"{where}: must be of one continuous number")
    try:
        jax.eval_shape(distribution.sample, jax.random.key(0))
    except NotImplementedError:
        raise ConfigError(
            f"{where}: cannot be drawn from; an improper prior is written as Flat"
        ) from None


def _peak(distribution: Any, low: Number, high: Number) -> jax.Array:
    """Highest log density between two ends; if the density has no maximum, that of the median draw.

    A search with a fixed number of steps and a fixed key, so that it can be traced and gives the
    same number each time.
    """
    draws = jnp.clip(jnp.sort(distribution.sample(jax.random.key(0), (DRAWS,))), low, high)
    ends = [jnp.where(jnp.isfinite(end), end, draws[i]) for end, i in ((low, 0), (high, -1))]
    between = jnp.linspace(ends[0], ends[1], DRAWS)

    def height(y: jax.Array) -> jax.Array:
        known = distribution.support(y)
        found = distribution.log_prob(jnp.where(known, y, draws[DRAWS // 2]))
        return jnp.where(known & ~jnp.isnan(found), found, -jnp.inf)

    # Draws are dense where the probability is; even places find a peak that holds little of it.
    grid = jnp.sort(jnp.concatenate([draws, between]))
    first = jnp.max(height(grid))
    for _ in range(ZOOMS):
        best = jnp.argmax(height(grid))
        around = grid[jnp.maximum(best - 1, 0)], grid[jnp.minimum(best + 1, len(grid) - 1)]
        grid = jnp.linspace(*around, 33)  # the next interval is two of its 32 steps
    last = jnp.max(height(grid))
    return jnp.where(last - first < UNBOUNDED, last, height(draws[DRAWS // 2]))
