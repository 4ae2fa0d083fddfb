"""A stand-in for NumPyro's distributions, with the same interface.

Parameters are children of a pytree and everything else is structure; unflattening leaves the
constructor out; a member that a distribution lacks raises NotImplementedError.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jax.scipy import special, stats


class Constraint:
    is_discrete = False
    event_dim = 0


class Real(Constraint):
    def __call__(self, x):
        return jnp.isfinite(x)


class GreaterThan(Constraint):
    def __init__(self, lower_bound):
        self.lower_bound = lower_bound

    def __call__(self, x):
        return x > self.lower_bound


class Interval(Constraint):
    def __init__(self, lower_bound, upper_bound):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def __call__(self, x):
        return (x >= self.lower_bound) & (x <= self.upper_bound)


class NonNegativeInteger(Constraint):
    is_discrete = True
    lower_bound = 0


class Distribution:
    arg_constraints: ClassVar = {}
    support = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_pytree_node(cls, cls.tree_flatten, cls.tree_unflatten)

    def __init__(self, batch_shape=(), event_shape=()):
        self._batch_shape, self._event_shape = batch_shape, event_shape

    batch_shape = property(lambda self: self._batch_shape)
    event_shape = property(lambda self: self._event_shape)

    def tree_flatten(self):
        children = tuple(getattr(self, name) for name in sorted(self.arg_constraints))
        return children, (self._batch_shape, self._event_shape)

    @classmethod
    def tree_unflatten(cls, structure, children):
        made = cls.__new__(cls)
        for name, child in zip(sorted(cls.arg_constraints), children, strict=True):
            setattr(made, name, child)
        made._batch_shape, made._event_shape = structure
        return made

    def sample(self, key, sample_shape=()):
        raise NotImplementedError

    def log_prob(self, value):
        raise NotImplementedError

    @property
    def mean(self):
        raise NotImplementedError

    @property
    def variance(self):
        raise NotImplementedError

    def cdf(self, value):
        raise NotImplementedError

    def icdf(self, q):
        raise NotImplementedError


class Normal(Distribution):
    arg_constraints: ClassVar = {"loc": Real(), "scale": GreaterThan(0.0)}
    support = Real()

    def __init__(self, loc=0.0, scale=1.0):
        self.loc, self.scale = loc, scale
        super().__init__(jnp.broadcast_shapes(jnp.shape(loc), jnp.shape(scale)))

    def sample(self, key, sample_shape=()):
        shape = sample_shape + self.batch_shape
        return self.loc + self.scale * jax.random.normal(key, shape)

    def log_prob(self, value):
        return stats.norm.logpdf(value, self.loc, self.scale)

    mean = property(lambda self: self.loc)
    variance = property(lambda self: self.scale**2)

    def cdf(self, value):
        return special.ndtr((value - self.loc) / self.scale)

    def icdf(self, q):
        return self.loc + self.scale * special.ndtri(q)


class Laplace(Normal):
    variance = property(lambda self: 2 * self.scale**2)

    def sample(self, key, sample_shape=()):
        return self.loc + self.scale * jax.random.laplace(key, sample_shape + self.batch_shape)

    def log_prob(self, value):
        return stats.laplace.logpdf(value, self.loc, self.scale)

    def cdf(self, value):
        return stats.laplace.cdf(value, self.loc, self.scale)

    def icdf(self, q):
        return self.loc - self.scale * jnp.sign(q - 0.5) * jnp.log1p(-2 * jnp.abs(q - 0.5))


class StudentT(Distribution):
    """Without an icdf, for which NumPyro imports TensorFlow Probability."""

    arg_constraints: ClassVar = {
        "df": GreaterThan(0.0),
        "loc": Real(),
        "scale": GreaterThan(0.0),
    }
    support = Real()

    def __init__(self, df, loc=0.0, scale=1.0):
        self.df, self.loc, self.scale = df, loc, scale
        super().__init__()

    def sample(self, key, sample_shape=()):
        return self.loc + self.scale * jax.random.t(key, self.df, sample_shape)

    def log_prob(self, value):
        return stats.t.logpdf(value, self.df, self.loc, self.scale)

    mean = property(lambda self: jnp.where(self.df > 1, self.loc, jnp.nan))

    def icdf(self, q):
        raise ImportError("Please install `tensorflow_probability`")


class Cauchy(Normal):
    mean = property(lambda self: jnp.full(self.batch_shape, jnp.nan))
    variance = property(lambda self: jnp.full(self.batch_shape, jnp.nan))

    def sample(self, key, sample_shape=()):
        return self.loc + self.scale * jax.random.cauchy(key, sample_shape + self.batch_shape)

    def log_prob(self, value):
        return stats.cauchy.logpdf(value, self.loc, self.scale)

    def cdf(self, value):
        return stats.cauchy.cdf(value, self.loc, self.scale)

    def icdf(self, q):
        return self.loc + self.scale * jnp.tan(jnp.pi * (q - 0.5))


class Gamma(Distribution):
    """Without an icdf, as NumPyro's has none where TensorFlow Probability is missing."""

    arg_constraints: ClassVar = {"concentration": GreaterThan(0.0), "rate": GreaterThan(0.0)}
    support = GreaterThan(0.0)

    def __init__(self, concentration, rate=1.0):
        self.concentration, self.rate = concentration, rate
        super().__init__()

    def sample(self, key, sample_shape=()):
        return jax.random.gamma(key, self.concentration, sample_shape) / self.rate

    def log_prob(self, value):
        return stats.gamma.logpdf(value, self.concentration, scale=1 / self.rate)

    mean = property(lambda self: self.concentration / self.rate)
    variance = property(lambda self: self.concentration / self.rate**2)

    def cdf(self, value):
        return special.gammainc(self.concentration, self.rate * value)


class Beta(Distribution):
    arg_constraints: ClassVar = {
        "concentration1": GreaterThan(0.0),
        "concentration0": GreaterThan(0.0),
    }
    support = Interval(0.0, 1.0)

    def __init__(self, concentration1, concentration0):
        self.concentration1, self.concentration0 = concentration1, concentration0
        super().__init__()

    def sample(self, key, sample_shape=()):
        return jax.random.beta(key, self.concentration1, self.concentration0, sample_shape)

    def log_prob(self, value):
        return stats.beta.logpdf(value, self.concentration1, self.concentration0)

    mean = property(lambda self: self.concentration1 / (self.concentration1 + self.concentration0))


class ImproperUniform(Distribution):
    support = Real()

    def log_prob(self, value):
        return jnp.zeros_like(value)


class Poisson(Distribution):
    arg_constraints: ClassVar = {"rate": GreaterThan(0.0)}
    support = NonNegativeInteger()

    def __init__(self, rate):
        self.rate = rate
        super().__init__()
