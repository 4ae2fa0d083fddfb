"""Priors as pytrees, repetitions of the measurements they stand for, words, and bad input."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import (
    Beta,
    Cauchy,
    Gamma,
    ImproperUniform,
    Normal,
    Poisson,
    constraints,
)
from scipy import stats

from cevns_jax.errors import ConfigError
from cevns_jax.priors import (
    Flat,
    FromNumPyro,
    Gaussian,
    LogNormal,
    LogUniform,
    TruncatedGaussian,
)

PAIRS = {  # of one kind, with other numbers
    "flat": (Flat(0, 1), Flat(-1.0, 3.5)),
    "log-uniform": (LogUniform(1, 2), LogUniform(1e-3, 2.5)),
    "gaussian": (Gaussian(0, 1), Gaussian(0.5, 2.0)),
    "truncated": (TruncatedGaussian(0, 1, -1, 1), TruncatedGaussian(0.5, 2.0, 0.0, math.inf)),
    "log-normal": (LogNormal(1, 1), LogNormal(2.0, 0.1)),
    "numpyro": (FromNumPyro(Normal(0.0, 1.0)), FromNumPyro(Normal(0.5, 2.0))),
}
every = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


@every
def test_other_numbers_compile_nothing_again_and_give_what_they_give_by_themselves(pair):
    traces = []

    @jax.jit
    def both(prior, x):
        traces.append(1)
        return prior.log_density(x), prior.penalty(x), prior.precision(x), prior.draw(KEY, (3,))

    found = [both(prior, 0.9) for prior in pair]
    assert len(traces) == 1
    for prior, (density, penalty, precision, drawn) in zip(pair, found, strict=True):
        np.testing.assert_allclose(density, prior.log_density(0.9), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(penalty, prior.penalty(0.9), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(precision, prior.precision(0.9), rtol=1e-13)
        np.testing.assert_allclose(drawn, prior.draw(KEY, (3,)), rtol=1e-12)


@every
def test_batches_of_priors_go_through_vmap(pair):
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(x) for x in leaves]), *pair)
    found = jax.vmap(lambda prior: prior.log_density(0.9))(stacked)
    expected = [float(prior.log_density(0.9)) for prior in pair]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
    same = jax.tree.map(lambda leaf: leaf, pair[0])
    assert type(same) is type(pair[0])
    assert jax.tree.structure(pair[0]) == jax.tree.structure(pair[1])


KEY = jax.random.key(11)
KEYS = jax.random.split(KEY, 10_000)


@pytest.mark.parametrize("prior", [Gaussian(0.2, 0.5), TruncatedGaussian(0.2, 0.5, 0.0, 1.0)])
def test_repeated_gaussian_measurements_scatter_about_the_truth(prior):
    """Also where no value can lie."""
    found = np.asarray(jax.vmap(lambda key: prior.repeated(key, 0.1))(KEYS))
    assert stats.kstest(found, stats.norm(0.1, 0.5).cdf).pvalue > 1e-3
    moved = prior.centred(found[0])
    assert float(moved.centre) == found[0]
    assert moved.width == 0.5
    assert float(moved.upper) == float(prior.upper)
    assert float(prior.centre) == 0.2


def test_repeated_log_normal_measurements_scatter_about_the_logarithm_of_the_truth():
    prior = LogNormal(2.0, 0.3)
    found = np.asarray(jax.vmap(lambda key: prior.repeated(key, 5.0))(KEYS))
    assert stats.kstest(np.log(found), stats.norm(np.log(5.0), 0.3).cdf).pvalue > 1e-3
    assert prior.centred(4.0) == LogNormal(4.0, 0.3)


@pytest.mark.parametrize(("width", "share"), [(0.1, 0.680), (0.3, 0.661), (0.5, 0.625)])
def test_outcomes_of_a_log_normal_alone_cover_less_by_its_shift(width, share):
    """Delta chi^2 < 1 in the density in x, while outcomes scatter in ln x."""
    prior, truth = LogNormal(2.0, width), 3.0
    outcomes = jax.vmap(lambda key: prior.repeated(key, truth))(KEYS)
    chi2 = jax.vmap(lambda centre: prior.centred(centre).penalty(truth))(outcomes)
    expected = stats.norm.cdf(1 + width) - stats.norm.cdf(width - 1)
    assert expected == pytest.approx(share, abs=5e-4)
    assert np.mean(chi2 < 1) == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize(
    "prior", [Flat(0.0, 1.0), Flat(), LogUniform(0.1, 1.0), FromNumPyro(Beta(2.0, 3.0))]
)
def test_priors_that_stand_for_no_measurement_stay(prior):
    assert not prior.constrains
    assert np.isnan(prior.centre)
    assert float(prior.repeated(KEY, 0.7)) == 0.7
    assert prior.centred(0.7) is prior


@pytest.mark.parametrize("distribution", [Normal(1.0, 0.3), Cauchy(1.0, 0.3)])
def test_distributions_on_the_line_are_shifted(distribution):
    """A Cauchy distribution by its median, since it has no mean."""
    prior = FromNumPyro(distribution)
    moved = prior.centred(4.0)
    assert prior.constrains
    assert float(prior.centre) == pytest.approx(1.0)
    assert float(moved.centre) == pytest.approx(4.0)
    for x in (3.1, 4.0, 7.0):
        assert float(moved.log_density(x)) == pytest.approx(float(prior.log_density(x - 3.0)))
        assert float(moved.penalty(x)) == pytest.approx(float(prior.penalty(x - 3.0)), abs=1e-12)
    known = stats.norm if type(distribution) is Normal else stats.cauchy
    found = np.asarray(jax.vmap(lambda key: moved.repeated(key, -2.0))(KEYS))
    assert stats.kstest(found, known(-2.0, 0.3).cdf).pvalue > 1e-3
    assert stats.kstest(moved.draw(KEY, (10_000,)), known(4.0, 0.3).cdf).pvalue > 1e-3


def test_distributions_on_a_half_line_are_stretched():
    prior = FromNumPyro(Gamma(9.0, 3.0))
    moved = prior.centred(6.0)
    known = stats.gamma(9.0, scale=6.0 / 9.0)
    for x in (0.5, 6.0, 30.0):
        assert float(moved.log_density(x)) == pytest.approx(known.logpdf(x))
    assert float(moved.centre) == pytest.approx(6.0)
    assert float(moved.lower) == 0.0
    assert stats.kstest(moved.draw(KEY, (10_000,)), known.cdf).pvalue > 1e-3
    # x/centre has the distribution of y/3; the truth is fixed, and the centre inverse to it
    found = np.asarray(jax.vmap(lambda key: prior.repeated(key, 4.0))(KEYS))
    assert stats.kstest(4.0 * 3.0 / found, stats.gamma(9.0, scale=1 / 3).cdf).pvalue > 1e-3


def test_the_highest_place_of_a_distribution_costs_nothing():
    for distribution, mode in (
        (Gamma(3.0, 2.0), 1.0),
        (Beta(2.0, 3.0), 1 / 3),
        (Gamma(1.0, 2.0), 1e-12),
        (Normal(700.0, 1e-3), 700.0),
    ):
        assert float(FromNumPyro(distribution).penalty(mode)) == pytest.approx(0.0, abs=1e-9)
    endless = FromNumPyro(Gamma(0.5, 2.0))  # its density is infinite at zero
    assert float(endless.penalty(1e-9)) < 0 < float(endless.penalty(3.0))
    part = FromNumPyro(Normal(0.0, 1.0)).within(1.0, 2.0)
    assert float(part.penalty(1.0)) == pytest.approx(0.0, abs=1e-9)


def test_a_part_of_a_distribution_can_be_centred_elsewhere():
    part = FromNumPyro(Normal(0.0, 1.0)).within(0.0, 2.0).centred(1.0)
    known = stats.truncnorm(-1.0, 1.0, 1.0)
    for x in (0.1, 1.9):
        assert float(part.log_density(x)) == pytest.approx(known.logpdf(x), rel=1e-9)
    assert float(part.log_density(2.1)) == -np.inf
    assert (float(part.lower), float(part.upper)) == (0.0, 2.0)


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        (Flat(), "flat"),
        (Flat(0.0, 2.5), "flat from 0 to 2.5"),
        (Gaussian(0.239, 0.01), "0.239 +- 0.01"),
        (TruncatedGaussian(1.0, 0.3, 0.0, np.inf), "1 +- 0.3, from 0 to inf"),
        (LogNormal(1.0, np.log(1.1)), "log-normal 1 x/ 1.1"),
        (LogNormal(1.0, 0.1).within(0.5, 2.0), "log-normal 1 x/ 1.10517, from 0.5 to 2"),
        (LogUniform(1e-4, 1.0), "flat in ln x from 0.0001 to 1"),
        (FromNumPyro(Gamma(3.0, 2.0)), "Gamma(concentration=3, rate=2)"),
        (FromNumPyro(Normal(0.0, 1.0)).centred(2.0), "Normal(loc=0, scale=1) around 2"),
    ],
)
def test_priors_are_told_in_words(prior, text):
    assert prior.text == text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussian(0.0, 0.0), "Gaussian prior: width must be positive and finite, not 0"),
        (lambda: Gaussian(0.0, math.inf), "width must be positive and finite, not inf"),
        (lambda: Gaussian(math.nan, 1.0), "mean must be finite, not nan"),
        (lambda: Gaussian("a", 1.0), 'Gaussian prior: mean must be a number, not "a"'),
        (lambda: Gaussian(0.0, np.array([1.0, -1.0])), "width must be positive"),
        (lambda: TruncatedGaussian(0.0, 1.0, 2.0, 2.0), "lower must be below upper.* 2 to 2"),
        (lambda: TruncatedGaussian(0.0, -1.0, 0.0, 2.0), "width must be positive"),
        (lambda: Flat(1.0, 0.0), "flat prior: lower must be below upper"),
        (lambda: Flat(math.nan, 0.0), "lower must be below upper"),
        (lambda: Flat(0.0, 1.0).within(2.0, 3.0), "lower must be below upper"),
        (lambda: Flat(0.0).draw(KEY), "without two finite ends cannot be drawn"),
        (lambda: LogUniform(0.0, 1.0), "lower must be positive and upper finite, not 0 and 1"),
        (lambda: LogUniform(1.0, math.inf), "upper finite"),
        (lambda: LogNormal(0.0, 1.0), "log-normal prior: median must be positive"),
        (lambda: LogNormal(1.0, -0.1), "width must be positive"),
        (lambda: LogNormal(1.0, 0.1).within(-2.0, -1.0), "lower must be below upper"),
        (lambda: LogNormal(1.0, 0.1, -1.0, 2.0), "lower must not be negative"),
        (lambda: FromNumPyro(3.0), "float: is no distribution of NumPyro, which has sample"),
        (lambda: FromNumPyro(Poisson(2.0)), "Poisson: must be of one continuous number"),
        (lambda: FromNumPyro(Normal(jnp.zeros(2))), "Normal: must be of one continuous number"),
        (
            lambda: FromNumPyro(ImproperUniform(constraints.real, (), ())),
            "cannot be drawn from; .* Flat",
        ),
        (lambda: FromNumPyro(Gamma(2.0)).within(0.0, 1.0), "Gamma: has no cdf and icdf"),
        (lambda: FromNumPyro(Normal()).within(9.0, 99.0), "too little of it .* 9 to 99"),
    ],
)
def test_what_is_no_prior_is_refused_in_one_sentence(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_lower_tail_of_a_distribution_is_resolved():
    part = FromNumPyro(Normal()).within(-12.0, -9.0)
    known = stats.norm.logpdf(-9.5) - stats.norm.logcdf(-9.0)
    assert float(part.log_density(-9.5)) == pytest.approx(known, rel=1e-9)
