"""Simulation-based calibration: ranks that are uniform, and mistakes that make them otherwise."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from germanium import germanium
from scipy.stats import chi2 as chi2_distribution

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference import calibration
from cevns_jax.inference.calibration import calibrate
from cevns_jax.inference.many_chains import KEPT
from cevns_jax.inference.mode import modes_of
from cevns_jax.inference.ranks import uniformity
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.simulated import simulated
from cevns_jax.inference.target import parameters, potential, target_of
from cevns_jax.priors import Flat, Gaussian
from cevns_jax.template_errors import PoissonWithTemplateErrors

PRIORS = {"n_sigma": Flat(0.0, 1.0)}
LEVEL = (
    1e-3  # p-values below are mistakes: one of a hundred quantities would be so by chance at ten
)


def counting(**changes):
    """A signal and a background, 60 % uncertain so that its pull ends where nothing is left."""
    experiment = germanium(np.zeros(3), background=[60.0, 20.0, 5.0], width=0.6)
    return cj.Likelihood(replace(experiment, **changes), free=["n_sigma"])


@pytest.fixture(scope="module")
def calibrated():
    return calibrate(counting(), number=400, seed=3, priors=PRIORS)


def lowest(found):
    """The lowest p-value of all quantities."""
    return min(min(u.p_chi2, u.p_ecdf) for u in found.uniformity.values())


@pytest.mark.slow
def test_ranks_of_a_counting_experiment_are_uniform(calibrated):
    assert calibrated.names == ("n_sigma", "germanium_b", "chi2")
    assert lowest(calibrated) > LEVEL
    chains = calibrated.chains
    assert not chains.lost.any()
    assert not chains.several.any()
    assert not chains.dependent.any()
    assert not chains.divergences.any()
    error = 1 / math.sqrt(400 * KEPT)
    np.testing.assert_allclose(chains.autocorrelation, -1 / KEPT, atol=5 * error + 0.02)
    text = str(calibrated)
    for words in ("400, seed 3, 99 draws kept of each", "germanium_b", "divergences"):
        assert words in text


@pytest.mark.slow
def test_ranks_are_those_of_the_posterior_by_quadrature(calibrated):
    """The truth has a place in the posterior of its data, here by a grid: its rank is binomial."""
    number = 60
    likelihood = with_sampled_priors(counting(), PRIORS)
    data = simulated(likelihood, 400, jax.random.split(jax.random.key(3))[0])
    np.testing.assert_array_equal(data.x, calibrated.truths[:, :2])
    low = likelihood.parameters["germanium_b"].lower
    n, b = np.linspace(0, 1, 401), np.linspace(low, 6, 801)
    n, b = (n[1:] + n[:-1]) / 2, (b[1:] + b[:-1]) / 2
    signal = np.asarray(likelihood.components({"n_sigma": 1.0})["germanium"]["cevns"])
    mu = signal * n[:, None, None] + np.array([60.0, 20.0, 5.0]) * (1 + 0.6 * b)[:, None]
    pulls = []
    for counts, truth, ranks in zip(
        data.counts["germanium"][:number], data.x, calibrated.ranks, strict=False
    ):
        log = np.sum(counts * np.log(mu) - mu, axis=-1) - b**2 / 2
        density = np.exp(log - log.max())
        for axis, grid in enumerate((n, b)):
            along = density.sum(axis=1 - axis)
            share = along[grid < truth[axis]].sum() / along.sum()
            share = np.clip(share, 0.005, 0.995)
            pulls.append((ranks[axis] - KEPT * share) / math.sqrt(KEPT * share * (1 - share)))
    # Of binomial numbers the sum of squares follows chi^2, if the draws are independent.
    assert 1e-4 < chi2_distribution.cdf(np.sum(np.square(pulls)), len(pulls)) < 1 - 1e-4


@pytest.mark.slow
def test_chi2_is_that_of_the_bins_at_the_truth(calibrated):
    likelihood = with_sampled_priors(counting(), PRIORS)
    data = simulated(likelihood, 400, jax.random.split(jax.random.key(3))[0])
    for place in (0, 17):
        here = likelihood.with_observed({"germanium": data.counts["germanium"][place]})
        expected = jnp.sum(here.deviance(here.values(data.x[place])))
        assert calibrated.truths[place, -1] == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.slow
def test_draws_that_are_too_wide_are_noticed(calibrated):
    """1.3 times, about their mean, in each data set."""
    x = calibrated.chains.x
    mean = x.mean(axis=1, keepdims=True)
    wide = np.sum(mean + 1.3 * (x - mean) < calibrated.truths[:, None, :-1], axis=1)
    for ranks in wide.T:
        found = uniformity(ranks, calibrated.band)
        assert min(found.p_chi2, found.p_ecdf) < LEVEL


@pytest.mark.slow
def test_another_exposure_than_that_of_the_simulation_is_noticed(monkeypatch):
    """15 per cent more of everything in the data than in the likelihood."""

    def more(likelihood, number, key):
        data = simulated(likelihood, number, key)
        extra = np.random.default_rng(5).poisson(0.15 * data.counts["germanium"])
        return data._replace(counts={"germanium": data.counts["germanium"] + extra})

    monkeypatch.setattr(calibration, "simulated", more)
    assert lowest(calibrate(counting(), number=400, seed=3, priors=PRIORS)) < LEVEL


@pytest.mark.slow
def test_simulated_data_follow_the_priors_and_the_prediction():
    """Pulls end where nothing is left of the background; centres of priors stay at zero."""
    likelihood = with_sampled_priors(counting(), PRIORS)
    data = simulated(likelihood, 1000, jax.random.key(1))
    n, b = data.x.T
    assert 0 <= n.min() < 0.02 < 0.98 < n.max() <= 1
    assert b.min() >= -1 / 0.6
    assert b.min() < -1.55
    prior = likelihood.parameters["germanium_b"].prior
    grid = np.linspace(float(prior.lower), 8, 20001)
    density = np.exp(-(grid**2) / 2)
    assert b.mean() == pytest.approx((grid * density).sum() / density.sum(), abs=5 / 32)
    mu = np.asarray(jax.vmap(lambda x: likelihood.expected(likelihood.values(x)))(data.x[:300]))
    pulls = (data.counts["germanium"][:300] - mu) / np.sqrt(mu)
    assert (abs(pulls.mean(axis=0)) < 4.5 / math.sqrt(300)).all()
    assert (abs(np.mean(pulls**2, axis=0) - 1) < 4.5 * math.sqrt(2 / 300) + 0.1).all()
    alone = counting().hold(germanium_b=0.0)
    again = simulated(with_sampled_priors(alone, PRIORS), 1000, jax.random.key(1))
    np.testing.assert_array_equal(again.x[:, 0], n)  # whatever else varies


def test_a_mode_next_to_the_end_of_a_prior_is_found_with_its_curvature():
    """Fewer counts than background: the posterior falls nearly as exp(-s x), and in u, where x is
    nearly exp(u), it is highest near s x = 1, with curvature 1 and not that of the information."""
    few = germanium([40.0, 10.0, 2.0], background=[60.0, 20.0, 5.0], width=0.6)
    alone = cj.Likelihood(few, free=["n_sigma"]).hold(germanium_b=0.0)
    likelihood = with_sampled_priors(alone, PRIORS)
    target = target_of(likelihood)
    mode, *others = modes_of(likelihood, target)
    assert not others
    assert mode.converged
    x = float(parameters(target, jnp.asarray(mode.x))[0])
    assert 0 < x < 0.02
    slope = jax.grad(lambda u: potential(target, u))
    above, below = (float(slope(jnp.asarray(mode.x) + step)[0]) for step in (1e-3, -1e-3))
    # The expected information of the bins is larger by mu/n, a tenth of it.
    assert mode.information[0, 0] == pytest.approx((above - below) / 2e-3, rel=0.1)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"priors": {}}, r"prior of n_sigma, which is flat without two finite ends; give it some"),
        ({"seed": -1}, "calibrate: seed must be a whole number from 0"),
        ({"number": 99}, "calibrate: number must be 100 at least, not 99"),
        ({"priors": {"n_sigm": Flat(0.0, 1.0)}}, 'did you mean "n_sigma"'),
        ({"priors": {"n_sigma": Gaussian(1e40, 1.0)}}, "no counts can be drawn for 100 of 100 tru"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(numbers, sentence):
    with pytest.raises(ConfigError, match=sentence):
        calibrate(counting(), **{"number": 100, "seed": 1, "priors": PRIORS, **numbers})


def test_likelihoods_that_no_simulation_follows_are_refused():
    smeared = counting(statistic=PoissonWithTemplateErrors(np.ones(3)))
    with pytest.raises(ConfigError, match="germanium: its templates have errors, for which chi"):
        calibrate(smeared, number=100, seed=1, priors=PRIORS)
    nothing = counting().hold(n_sigma=1.0, germanium_b=0.0)
    with pytest.raises(ConfigError, match="calibrate: no parameter varies"):
        calibrate(nothing, number=100, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coherent_csi_2021", "coherent_csi_2017"])
def test_posteriors_of_caesium_iodide_are_calibrated(name):
    """sin^2 theta_W over 0 to 0.6, so that truths lie at both ends of the prior as well."""
    likelihood = cj.Likelihood(getattr(cj.experiments, name)(), free=["sin2_theta_w"])
    priors = {"sin2_theta_w": Flat(0.0, 0.6)}
    found = calibrate(likelihood, number=200, seed=1, priors=priors)
    assert lowest(found) > LEVEL, str(found)
    assert not found.chains.lost.any()
    assert not found.chains.several.any()
    # Of 1,000 data sets 0 and 26 were so; they are ranked all the same.
    assert found.chains.dependent.sum() <= 14
    assert (found.chains.divergences > 0).sum() <= 2
