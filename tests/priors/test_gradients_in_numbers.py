"""Derivatives of priors with respect to their own numbers, and what they give when traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import Beta, Cauchy, Gamma, Normal

from cevns_jax.priors import (
    Flat,
    FromNumPyro,
    Gaussian,
    LogNormal,
    LogUniform,
    TruncatedGaussian,
)

pytestmark = pytest.mark.slow  # every case compiles programs of its own, half a minute in all

INF = np.inf
CASES = {  # how it is made, of which numbers, at which x
    "flat": (Flat, (-1.0, 3.0), 0.4),
    "half-line": (Flat, (-1.0, INF), 0.4),
    "log-uniform": (LogUniform, (0.1, 3.0), 0.4),
    "gaussian": (Gaussian, (0.2, 0.5), 0.4),
    "truncated": (TruncatedGaussian, (1.0, 2.0, 0.0, 4.0), 0.4),
    "narrow": (TruncatedGaussian, (1.0, 2.0, 0.3, 0.5), 0.4),
    "above": (TruncatedGaussian, (0.1, 1.0, 0.0, INF), 0.4),
    "above its mean": (TruncatedGaussian, (0.0, 1.0, 0.0, INF), 0.4),
    "below": (TruncatedGaussian, (0.1, 1.0, -INF, 2.0), 0.4),
    "below its mean": (TruncatedGaussian, (0.5, 1.0, -INF, 0.5), 0.4),
    "everywhere": (TruncatedGaussian, (0.1, 1.0, -INF, INF), 0.4),
    "far tail": (TruncatedGaussian, (-20.0, 0.5, 0.0, INF), 0.02),
    "far lower tail": (TruncatedGaussian, (20.0, 0.5, -INF, 0.0), -0.02),
    "log-normal": (LogNormal, (1.0, 0.3), 0.4),
    "part of a log-normal": (LogNormal, (1.0, 0.3, 0.2, INF), 0.4),
    "lower part of a log-normal": (LogNormal, (1.0, 0.3, 0.0, 0.9), 0.4),
    "far part of a log-normal": (LogNormal, (1.0, 0.1, 5.0, 9.0), 5.01),
    "numpyro normal": (lambda m, s: FromNumPyro(Normal(m, s)), (0.2, 0.5), 0.4),
    "numpyro gamma": (lambda k, r: FromNumPyro(Gamma(k, r)), (3.0, 2.0), 0.4),
    "numpyro beta": (lambda a, b: FromNumPyro(Beta(a, b)), (3.0, 2.0), 0.4),
    "moved": (lambda m, s: FromNumPyro(Normal(m, s)).centred(1.5), (0.2, 0.5), 0.4),
    "moved cauchy": (lambda m, s: FromNumPyro(Cauchy(m, s)).centred(1.5), (0.2, 0.5), 0.4),
    "stretched": (lambda k, r: FromNumPyro(Gamma(k, r)).centred(1.5), (3.0, 2.0), 0.4),
    "part": (lambda m, s, a, b: FromNumPyro(Normal(m, s)).within(a, b), (0.2, 0.5, 0.0, 1.0), 0.4),
    "upper part": (lambda m, s, a: FromNumPyro(Normal(m, s)).within(a, INF), (0.2, 0.5, 0.0), 0.4),
    "moved part": (
        lambda m, s, c: FromNumPyro(Normal(m, s)).within(0.0, INF).centred(c),
        (0.2, 0.5, -0.5),
        0.4,
    ),
}
every = pytest.mark.parametrize(("make", "numbers", "x"), CASES.values(), ids=CASES)
KEY = jax.random.key(3)


def told(make, *numbers_and_x):
    """What a minimiser and a sampler ask, as one vector."""
    *numbers, x = numbers_and_x
    prior = make(*numbers)
    # Draws by rejection, of gamma and beta distributions, do not depend smoothly on their numbers.
    smooth = not (isinstance(prior, Flat) or {"concentration", "concentration1"} & _names(prior))
    drawn = prior.draw(KEY) if smooth else jnp.zeros(())
    return jnp.stack([prior.log_density(x), prior.penalty(x), drawn])


def _names(prior):
    return set(prior.distribution.arg_constraints) if isinstance(prior, FromNumPyro) else set()


@every
def test_derivatives_with_respect_to_all_numbers_are_those_of_finite_differences(make, numbers, x):
    given = jnp.array([*numbers, x])
    one = jax.jit(lambda given: told(make, *given))
    slopes = np.asarray(jax.jit(jax.jacrev(one))(given))
    assert np.isfinite(slopes).all()
    for i in np.flatnonzero(np.isfinite(given)):
        step = 1e-5 * np.eye(given.size)[i]
        up, down = (
            one(jnp.where(jnp.arange(given.size) == i, given + s, given)) for s in (step, -step)
        )
        found = (np.asarray(up) - np.asarray(down)) / 2e-5
        np.testing.assert_allclose(slopes[:, i], found, rtol=1e-5, atol=1e-5, err_msg=f"{i}")


@every
def test_a_prior_that_is_made_and_asked_under_jit_and_vmap_is_the_same(make, numbers, x):
    def asked(x, *numbers):
        prior = make(*numbers)
        drawn = x if isinstance(prior, Flat) else prior.draw(KEY)
        centre, repeated = jnp.asarray(prior.centre), prior.repeated(KEY, x)
        other = prior.centred(0.9) if prior.constrains else prior
        return (
            prior.log_density(x),
            prior.penalty(x),
            prior.precision(x),
            jax.grad(prior.penalty)(x),
            other.penalty(x),
            other.log_density(x),
            jnp.asarray(prior.mean),
            centre,
            repeated,
            drawn,
        )

    eager = asked(x, *numbers)
    batched = jax.jit(jax.vmap(asked, (0, *(None,) * len(numbers))))(jnp.array([x, x]), *numbers)
    prior = make(*numbers)
    leaves, structure = jax.tree.flatten(prior)
    again = jax.tree.unflatten(structure, leaves)
    assert jax.tree.structure(again) == structure
    through = jax.jit(lambda prior: prior.centred(0.9).penalty(x))(again)
    np.testing.assert_allclose(through, eager[4], rtol=1e-11, atol=1e-11)
    for one, both in zip(eager, batched, strict=True):
        np.testing.assert_allclose(both, jnp.stack([one, one]), rtol=1e-11, atol=1e-11)
