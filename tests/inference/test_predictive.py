"""What draws predict, against scipy: the probability of each bin, replicas, and their p-values."""

import dataclasses

import jax
import numpy as np
import pytest
from germanium import germanium
from posteriors import OBSERVED, likelihood, posterior
from scipy import stats

from cevns_jax.correlated_bins import CorrelatedGaussian
from cevns_jax.inference import predictive
from cevns_jax.inference.predictive import p_value, predicted
from cevns_jax.statistics import Gaussian
from cevns_jax.template_errors import PoissonWithTemplateErrors

COVARIANCE = np.array([[81.0, 20.0, 0.0], [20.0, 90.0, -10.0], [0.0, -10.0, 64.0]])
COUNTING = germanium(OBSERVED, background=[10.0, 10.0, 10.0], width=0.2)
NORMAL = dataclasses.replace(
    germanium(OBSERVED), name="normal", statistic=Gaussian(np.array([9.0, 9.5, 8.0]))
)
CORRELATED = dataclasses.replace(
    germanium(OBSERVED), name="correlated", statistic=CorrelatedGaussian(COVARIANCE)
)
TEMPLATES = dataclasses.replace(
    germanium(OBSERVED), name="templates", statistic=PoissonWithTemplateErrors(np.full(3, 5.0))
)
LIKE = likelihood(COUNTING, NORMAL, CORRELATED, TEMPLATES)


@pytest.fixture(scope="module")
def made():
    return posterior(LIKE)


@pytest.fixture(scope="module")
def found(made):
    return predicted(made)


@pytest.fixture(scope="module")
def expected(made):
    """Expected counts of every draw by name of the experiment, shape (4, 250, 3)."""

    def of(x):
        values = LIKE.values(x)
        return {e.name: e.expected(LIKE.interaction, values) for e in LIKE.experiments}

    mu = jax.jit(jax.vmap(jax.vmap(of)))(made.x)
    return {name: np.asarray(counts) for name, counts in mu.items()}


def test_it_is_the_probability_of_each_bin(found, expected):
    n = np.array(OBSERVED)
    of_counts = stats.poisson.logpmf(n, expected["germanium"])
    np.testing.assert_allclose(found.log_likelihood["germanium"], of_counts, rtol=1e-6)
    of_normal = stats.norm.logpdf(n, expected["normal"], [9.0, 9.5, 8.0])
    np.testing.assert_allclose(found.log_likelihood["normal"], of_normal, rtol=1e-6)
    assert found.log_likelihood["germanium"].dtype == np.float32


def test_of_correlated_bins_it_is_that_given_the_bins_before(found, expected):
    """So that the sum is that of all."""
    away = np.array(OBSERVED) - expected["correlated"]
    whole = stats.multivariate_normal(np.zeros(3), COVARIANCE).logpdf(away)
    logs = found.log_likelihood["correlated"]
    np.testing.assert_allclose(logs.sum(axis=-1), whole, rtol=1e-6)
    of_two = stats.multivariate_normal(np.zeros(2), COVARIANCE[:2, :2]).logpdf(away[..., :2])
    np.testing.assert_allclose(logs[..., :2].sum(axis=-1), of_two, rtol=1e-6)


def test_of_uncertain_templates_it_is_that_at_their_best_values(found, expected):
    mu, n = expected["templates"][0, 0], np.array(OBSERVED)
    theta = np.linspace(-6.0, 6.0, 20_001)[:, None]
    logs = stats.poisson.logpmf(n, np.maximum(mu + 5 * theta, 1e-300)) - theta**2 / 2
    np.testing.assert_allclose(found.log_likelihood["templates"][0, 0], logs.max(axis=0), rtol=1e-5)


def test_the_sum_is_that_of_the_likelihood_up_to_a_constant(made, found):
    def of(x):
        values = LIKE.values(x)
        return sum(e.deviance(e.expected(LIKE.interaction, values)).sum() for e in LIKE.experiments)

    chi2 = np.asarray(jax.jit(jax.vmap(jax.vmap(of)))(made.x))
    logs = sum(values.sum(axis=-1) for values in found.log_likelihood.values())
    assert np.ptp(chi2) > 5
    assert np.ptp(logs + chi2 / 2) < 1e-4


def test_the_mean_is_that_over_all_draws(made, found, expected):
    for name, mu in expected.items():
        np.testing.assert_allclose(found.mean[name].sum(axis=0), mu.mean(axis=(0, 1)), rtol=1e-10)
    assert found.mean["germanium"].shape == (2, 3)


def test_replicas_scatter_as_data_do(found, expected):
    """About their expectation, with the errors of the statistic; counts are whole."""
    for name, counts in found.replicated.items():
        assert counts.shape == (4, 250, 3)
        mu = expected[name][:, found.thinned]
        variance = np.array([81.0, 90.0, 64.0]) if name == "correlated" else mu
        variance = np.array([9.0, 9.5, 8.0]) ** 2 if name == "normal" else variance
        pulls = ((counts - mu) / np.sqrt(variance)).reshape(-1, 3)
        np.testing.assert_allclose(pulls.mean(axis=0), 0, atol=4 / np.sqrt(len(pulls)))
        np.testing.assert_allclose(pulls.var(axis=0), 1, atol=4 * np.sqrt(2 / len(pulls)))
        whole = (counts == np.round(counts)).all()
        assert whole == (name in ("germanium", "templates"))
    scatter = np.corrcoef(
        (found.replicated["correlated"] - expected["correlated"]).reshape(-1, 3).T
    )
    assert scatter[0, 1] == pytest.approx(20 / np.sqrt(81 * 90), abs=0.12)


def test_p_values_are_those_of_brute_force(found, expected):
    """Replicas of numpy, with deviances written out."""
    random, n = np.random.default_rng(1), np.array(OBSERVED)

    def deviance(mu, n):
        return 2 * (mu - n + n * np.log(np.where(n > 0, n, 1) / mu)).sum(axis=-1)

    mu = np.tile(expected["germanium"].reshape(-1, 3), (20, 1))
    direct = np.mean(deviance(mu, random.poisson(mu)) >= deviance(mu, n))
    p, error = p_value(found.larger["germanium"])
    assert 0.1 < direct < 0.9
    assert error == pytest.approx(np.sqrt(direct * (1 - direct) / 1000), rel=0.1)
    assert p == pytest.approx(direct, abs=4 * error)
    # Of Gaussian bins the deviance of replicas is that of as many squares.
    away = ((n - expected["normal"]) / [9.0, 9.5, 8.0]).reshape(-1, 3)
    direct = stats.chi2.sf((away**2).sum(axis=1), 3).mean()
    p, error = p_value(found.larger["normal"])
    assert p == pytest.approx(direct, abs=4 * error)


def test_a_p_value_of_nothing_has_an_error():
    p, error = p_value(np.zeros((4, 250), bool))
    assert p == 0
    assert error == pytest.approx(0.001, rel=0.05)


@pytest.mark.slow
def test_uncertain_templates_are_simulated_anew():
    """Data that scatter by the errors of the templates as well are nothing unusual."""
    random = np.random.default_rng(3)
    error, mean, x = 20.0, np.array([71.5, 88.2, 68.5]), np.ones((2, 50, 1))
    wide = dataclasses.replace(TEMPLATES, statistic=PoissonWithTemplateErrors(np.full(3, error)))
    like, p = likelihood(wide), []
    for _ in range(40):
        counts = random.poisson(np.maximum(mean + error * random.normal(size=3), 0.0))
        drawn = like.with_observed({"templates": counts.astype(float)})
        p.append(p_value(predicted(posterior(drawn, x)).larger["templates"])[0])
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_the_seed_and_the_name_decide_alone(made, found):
    """Another experiment beside it changes nothing; another seed does."""
    alone = posterior(likelihood(COUNTING), made.x)
    again = predicted(alone)
    np.testing.assert_array_equal(again.replicated["germanium"], found.replicated["germanium"])
    other = predicted(dataclasses.replace(alone, seed=4))
    assert (other.replicated["germanium"] != again.replicated["germanium"]).any()


def test_many_draws_take_blocks_of_one_program_and_few_replicas(made):
    like = likelihood(COUNTING)
    programs = predictive._block._cache_size()
    x = np.tile(made.x, (1, 3, 1))[..., :2]
    many = predicted(posterior(like, x))
    assert many.log_likelihood["germanium"].shape == (4, 750, 3)
    assert many.replicated["germanium"].shape == (4, 250, 3)
    np.testing.assert_array_equal(many.thinned, np.arange(0, 750, 3))
    np.testing.assert_array_equal(
        many.log_likelihood["germanium"][:, :250], many.log_likelihood["germanium"][:, 250:500]
    )
    assert predictive._block._cache_size() <= programs + 1
