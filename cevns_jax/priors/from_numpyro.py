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
    TOWARDS_END,
    Number,
    check_range,
    common_range,
    contains,
    digits,
    in_units,
    is_finite,
    known,
    moved,
    range_text,
    store,
    whole_shape,
)
from cevns_jax.priors.panels import Panels
from cevns_jax.pytree import changed, plain_pytree, static

# Draws, and even places, among which the highest density is searched first. Found by trial: fewer
# could miss a narrow peak; more cost time once for each prior.
DRAWS = 512
# Each to a sixteenth of the range. The density is flat after 8, but a kink is to be met to the last
# digit.
ZOOMS = 12
UNBOUNDED = 2.0
"""Rise of the log density, from the best of the draws to the end of the search, above which the
density is taken to have no highest place. Next to a finite maximum the best draw is within 0.1; an
unbounded density rises by several units in all zooms."""
RESOLVED = 1e-6
"""Smallest probability of an allowed part of the range, relative to the probability below its upper
end, that is taken as the difference of the two cumulative probabilities. That is then known to
1e-10."""
KINK = 1e-10
"""Fall of half the penalty on the way to its lowest place, by its slope, from which on the stand-in
for the curvature stays as it is: at the kink of a Laplace distribution it would be infinite. In
chi^2 this is below the tolerance of the minimiser, which therefore ends at a kink."""
NEXT = 1e-30
"""Distance from an end at zero at which the density stands for that at the end. Its inverse, which
is the slope of a logarithm there, has a finite square."""
AT_KINK = 1e-13
"""The same, from which on a place counts as the kink itself. A start there says nothing about where
chi^2 is lowest, and must not be held by a large stand-in."""


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
        mode: Place in y where the density is highest; found when the prior is built.
        peak: Logarithm of the density in y there; if it has no maximum, that of the median draw.
        log_mass: Logarithm of the probability of the allowed part.
        family: Kind of the support: ``"line"``, ``"half-line"`` or ``"range"``.
        location: What of y is the centre: ``"mean"``, or ``"median"`` if there is no mean.
        cut: Whether only a part of the range is allowed.

    Raises:
        ConfigError: not a distribution of one continuous number; one that cannot be drawn from; or
            an allowed part of the range with next to no probability. Another centre may leave next
            to none there: the tail that reaches into the range is then integrated.
    """

    distribution: Any
    offset: Number = 0.0
    scale: Number = 1.0
    low: Number = -math.inf
    high: Number = math.inf
    mode: Number = dataclasses.field(init=False, repr=False)
    peak: Number = dataclasses.field(init=False, repr=False)
    log_mass: Number = dataclasses.field(init=False, repr=False)
    family: str = static(init=False, repr=False)
    location: str = static(init=False, repr=False)
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
        with jax.ensure_compile_time_eval():  # also under jit, where the NaN of no mean is traced
            mean = _asked(self.distribution, "mean")
            if known(mean) and not np.isfinite(mean).all():
                location, centre = "median", _asked(self.distribution, "icdf", 0.5)
            else:
                location, centre = "mean", mean
            if known(centre) and not np.isfinite(centre).all():
                family = "range"  # neither mean nor median, by which it could be centred
        object.__setattr__(self, "family", family)
        object.__setattr__(self, "location", location)
        if self.cut:
            self._check_part(where)
        self._measure()

    def _measure(self) -> None:
        """Find the highest place of the density and the probability of the allowed part."""
        mode, peak = _highest(self.distribution, *self._allowed())
        object.__setattr__(self, "mode", mode)
        object.__setattr__(self, "peak", peak)
        object.__setattr__(self, "log_mass", self._log_mass() if self.cut else 0.0)

    @property
    def constrains(self) -> bool:
        return self.family != "range"

    @property
    def mean(self) -> Number:
        return self.offset + self.scale * _asked(self.distribution, "mean")

    @property
    def standard_deviation(self) -> Number:
        """That of the whole distribution, which unlike its curvature is finite at a kink; NaN or
        infinite if it has none."""
        return self.scale * jnp.sqrt(_asked(self.distribution, "variance"))

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
        return self._log_density(x) - jnp.log(self.scale) - self.log_mass

    def penalty(self, x: Number) -> jax.Array:
        return jnp.asarray(-2 * (self._log_density(x) - self.peak))

    def precision(self, x: Number) -> jax.Array:
        """Second derivative of half the penalty where it is positive. Elsewhere, as in the tails of
        a Cauchy distribution, that of the parabola with the same slope and with its minimum where
        the density is highest.

        By the prior alone one step then leads there, where the square of the slope would need a
        step for each length over which the density falls. For tails like those of Cauchy, Student
        and Laplace the parabola is nowhere below half the penalty, so that a step that minimises
        it never leads up. If the density is highest at an end of the range, where the minimiser
        stops anyway, it is a share of the square of the slope.
        """

        def at(x: jax.Array) -> jax.Array:
            slope = jax.grad(lambda x: -self._log_density(x))
            here, curvature = slope(x), jax.grad(slope)(x)
            fall = jnp.abs(here * (x - moved(self.mode, self.offset, self.scale)))
            low, high = self._allowed()
            limit = jnp.where(fall > AT_KINK, KINK, 1.0)
            within = jnp.square(here) / jnp.maximum(fall, limit)
            inside = (low < self.mode) & (self.mode < high)
            towards = jnp.where(inside, within, TOWARDS_END * jnp.square(here))
            return jnp.where(curvature > 0, curvature, towards)

        return jnp.vectorize(at)(jnp.asarray(x, float))

    def draw(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        if not self.cut:
            shape = whole_shape(shape, self.offset, self.scale)
            y = self.distribution.sample(key, shape)
            return jnp.asarray(self.offset + self.scale * y)
        shape = whole_shape(shape, self.offset, self.scale, self.low, self.high)
        u = jax.random.uniform(key, shape, float)
        low, high = self._allowed()
        below, share, resolved = self._shares()
        y = self.distribution.icdf(below + u * share)
        if not _surely(resolved):
            y = jnp.where(resolved, y, self._panels().quantile(u))
        return jnp.clip(moved(jnp.clip(y, low, high), self.offset, self.scale), *self._of_part())

    def within(self, lower: Number, upper: Number) -> FromNumPyro:
        low, high = common_range((self.lower, self.upper), (lower, upper))
        return dataclasses.replace(self, low=low, high=high, cut=True)

    def centred(self, centre: Number) -> Self:
        if not self.constrains:
            return self
        if self.family == "line":
            numbers = {"offset": centre - self._location, "scale": jnp.ones_like(centre, float)}
        else:
            end = self._end()
            scale = (centre - end) / (self._location - end)
            numbers = {"offset": end * (1 - scale), "scale": scale}
        # A copy without the constructor: the highest density in y stays the same, and its search
        # would take longer than all the rest; and what a measurement gives is not to be refused.
        made = changed(self, **numbers)
        if self.cut:
            made._measure()
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
        # A truth at the end is no scale that another outcome could be in proportion to, and an
        # outcome at the end none that the prior could be stretched to: the outcome then stays.
        end = self._end()
        found = end + (truth - end) * (self._location - end) / jnp.where(y == end, jnp.nan, y - end)
        possible = jnp.isfinite(found) & (found != end)
        return jnp.asarray(jnp.where(possible, found, self.centre))

    def _end(self) -> Number:
        """The finite end of a half-line, which stays in place when the prior is stretched."""
        lower, upper = _support(self.distribution)
        return upper if known(lower) and bool(np.isinf(lower).all()) else lower

    @property
    def _location(self) -> Number:
        """Mean of y, or its median if there is no mean."""
        if self.location == "median":
            return _asked(self.distribution, "icdf", 0.5)
        return _asked(self.distribution, "mean")

    def _of_part(self) -> tuple[Number, Number]:
        """Ends of the support in x, or of its allowed part."""
        lower, upper = (moved(end, self.offset, self.scale) for end in _support(self.distribution))
        return common_range((lower, upper), (self.low, self.high)) if self.cut else (lower, upper)

    def _allowed(self) -> tuple[Number, Number]:
        """Ends of the support in y, or of its allowed part."""
        lower, upper = _support(self.distribution)
        if not self.cut:
            return lower, upper
        return (
            jnp.maximum(lower, in_units(self.low, self.offset, self.scale)),
            jnp.minimum(upper, in_units(self.high, self.offset, self.scale)),
        )

    def _check_part(self, where: str) -> None:
        """Raise an error if the probability of the allowed part cannot be computed or is next to
        nothing; ``where`` is what is being built."""
        below, share, resolved = self._shares()
        median = _asked(self.distribution, "icdf", 0.5)
        if known(below, share) and known(median):
            if np.isnan(share).any() or np.isnan(median).any():
                raise ConfigError(
                    f"{where}: has no cdf and icdf in NumPyro, so a part of its range cannot be "
                    "taken; choose another distribution, or bounds that hold all of it"
                )
            if not np.all(resolved):
                raise ConfigError(
                    f"{where}: too little of it lies in the range {digits(self.low)} to "
                    f"{digits(self.high)}"
                )

    def _shares(self) -> tuple[Number, Number, Any]:
        """Probability below the allowed part, that of the part, and whether it has enough digits as
        a difference of cumulative probabilities."""
        ends = self._allowed()

        def below(end: Number, whole: float) -> Number:
            # An infinite end is left out, for which the cdf has no derivatives, not even zeros.
            finite = is_finite(end)
            found = _asked(self.distribution, "cdf", jnp.where(finite, end, _inner(*ends)))
            return jnp.where(finite, found, whole)

        low, up_to = below(ends[0], 0.0), below(ends[1], 1.0)
        return low, up_to - low, up_to - low > RESOLVED * up_to

    def _log_mass(self) -> jax.Array:
        """Logarithm of the probability of the allowed part."""
        _, share, resolved = self._shares()
        if _surely(resolved):
            return jnp.log(share)
        integral = self.peak + self._panels().log_mass
        return jnp.where(resolved, jnp.log(jnp.where(resolved, share, 1.0)), integral)

    def _panels(self) -> Panels:
        """The allowed part, cut into panels."""
        return Panels.around(
            self.mode, *self._allowed(), lambda y: _log_prob(self.distribution, y) - self.peak
        )

    def _log_density(self, x: Number) -> jax.Array:
        """Log density of y at x, not normalised to the allowed part of the range; minus infinity
        outside it."""
        inside = contains(self, x)
        y = jnp.where(inside, (x - self.offset) / self.scale, _inner(*self._allowed()))
        return jnp.where(inside, _log_prob(self.distribution, y), -jnp.inf)


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
    """A member that NumPyro's distributions may or may not have; NaN if it is missing, also for
    want of TensorFlow Probability, from which NumPyro takes some quantiles."""
    try:
        found = getattr(distribution, name)
        return found(*arguments) if arguments else found
    except (NotImplementedError, ImportError):
        return math.nan


def _log_prob(distribution: Any, y: Number) -> jax.Array:
    """Logarithm of the density between the ends of the support, both included.

    NumPyro leaves most finite ends out of it: there the logarithm is minus infinity, with a
    warning, also where the density goes to a finite number. A fit may start or end there. An end
    that is left out has the density, and the slope, that are next to it.
    """
    low, high = _support(distribution)
    inner = jnp.clip(y, low + _next_to(low), high - _next_to(high))
    off = jnp.where(distribution.support(y), 0.0, jax.lax.stop_gradient(inner - y))
    return distribution.log_prob(y + off)


def _next_to(end: Number) -> jax.Array:
    """A distance from an end that rounding leaves over; zero if it is infinite."""
    finite = jnp.isfinite(end)
    size = jnp.abs(jnp.where(finite, end, 0.0))
    return jnp.where(finite, jnp.maximum(NEXT, 4 * jnp.finfo(size.dtype).eps * size), 0.0)


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


def _surely(condition: Any) -> bool:
    """Whether a condition is known to hold everywhere."""
    return known(condition) and bool(np.all(condition))


def _highest(distribution: Any, low: Number, high: Number) -> tuple[jax.Array, jax.Array]:
    """Place of the highest density between two ends, and its logarithm there; if the density has no
    maximum, its logarithm at the median draw.

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
    found = height(grid)
    best, last = jnp.argmax(found), jnp.max(found)
    before, after = grid[jnp.maximum(best - 1, 0)], grid[jnp.minimum(best + 1, len(grid) - 1)]
    # An end that is not itself in the support is approached only.
    place = jnp.where(before <= low, low, jnp.where(after >= high, high, grid[best]))
    return place, jnp.where(last - first < UNBOUNDED, last, height(draws[DRAWS // 2]))
