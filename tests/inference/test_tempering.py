"""Tempered Monte Carlo: evidence against closed forms and quadrature, and runs that go on."""

import math
from dataclasses import replace

import jax
import numpy as np
import pytest
from germanium import germanium
from scipy.special import gammainc, gammaln, logsumexp

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.target import log_likelihood, log_prior, target_of
from cevns_jax.interactions import light_vector, standard_model, with_new_physics
from cevns_jax.priors import Flat, LogUniform

OBSERVED = [80.0, 100.0, 75.0]
HIGHEST = 3.0  # of the flat prior of n_sigma
RUNS, PARTICLES = 32, 250


class Interrupted(Exception):
    pass


def counting(observed=OBSERVED):
    """Signal alone: n_sigma has a gamma distribution, cut off at both ends of its prior."""
    return cj.Likelihood(germanium(observed), free=["n_sigma"])


def tempered(likelihood, **options):
    wanted = {"seed": 1, "draws": PARTICLES, "chains": RUNS, "method": "tempered"}
    return cj.sample(likelihood, **wanted | {"priors": {"n_sigma": Flat(0.0, HIGHEST)}} | options)


def closed_form(likelihood):
    """ln of (1/3) integral from 0 to 3 of prod_i exp(n_i - s_i x) (s_i x/n_i)^n_i, x = n_sigma."""
    (experiment,) = likelihood.experiments
    values = likelihood.values()
    signal = np.asarray(experiment.expected(likelihood.interaction, values)) / values["n_sigma"]
    observed = np.asarray(experiment.observed)
    number, total = observed.sum(), signal.sum()
    log_gamma = gammaln(number + 1) + np.log(gammainc(number + 1, total * HIGHEST))
    constant = np.sum(observed * np.log(signal / observed) + observed)
    return constant + log_gamma - (number + 1) * np.log(total) - np.log(HIGHEST)


@pytest.fixture(scope="module")
def found():
    return tempered(counting())


def test_the_evidence_is_the_closed_form_and_runs_scatter_around_it_as_they_say(found):
    off = found.log_evidence - closed_form(counting())
    error = off.std(ddof=1) / math.sqrt(RUNS)
    assert error < 0.03
    # exp(ln Z) has no bias; ln Z lies lower by half the variance.
    assert abs(off.mean() + off.var(ddof=1) / 2) < 4 * error
    half = off.reshape(2, -1)
    assert 1 / 3 < half[0].std() / half[1].std() < 3


def test_particles_are_draws_of_the_posterior(found):
    """Mean and variance of a gamma distribution of shape N + 1; its upper end is 12 sigma away."""
    (experiment,) = counting().experiments
    signal = float(np.sum(experiment.expected(counting().interaction, counting().values())))
    number = sum(OBSERVED)
    x = found.draws["n_sigma"]
    of_runs = x.mean(axis=1)
    error = of_runs.std(ddof=1) / math.sqrt(RUNS)
    assert abs(of_runs.mean() - (number + 1) / signal) < 4 * error
    assert error < 0.05 * math.sqrt(number) / signal
    assert x.var() == pytest.approx((number + 1) / signal**2, rel=0.06)


def test_one_valley_has_all_the_weight(found):
    (mode,) = found.modes
    assert (mode.weight, mode.weight_error, mode.delta_chi2) == (1.0, 0.0, 0.0)
    assert mode.x[0] == pytest.approx(np.median(found.draws["n_sigma"]), rel=0.02)


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    few = {"draws": 100, "chains": 2}
    first, again, other = (tempered(counting(), seed=seed, **few) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.log_evidence, again.log_evidence)
    assert not np.isin(first.x, other.x).any()
    assert len(np.unique(first.x[0])) > 90, "copies of particles have parted"


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_run_that_was_stopped_goes_on_at_its_temperature_to_the_same_bits(stop, tmp_path):
    few = {"draws": 100, "chains": 2}
    whole, seen = tempered(counting(), **few), []

    def stopped(items):
        for number, item in enumerate(items):
            if number == stop:
                raise Interrupted
            yield item

    def counted(items):
        for item in items:
            seen.append(item)
            yield item

    with pytest.raises(Interrupted):
        tempered(counting(), progress=stopped, blocks=Blocks(tmp_path, {"seed": 1}), **few)
    assert len(list(tmp_path.glob("*.block"))) == stop
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.block")}
    resumed = tempered(counting(), progress=counted, blocks=Blocks(tmp_path, {"seed": 1}), **few)
    np.testing.assert_array_equal(resumed.x, whole.x)
    np.testing.assert_array_equal(resumed.log_evidence, whole.log_evidence)
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    assert len(list(tmp_path.glob("*.block"))) == len(seen) - 1, "the last pass finds it arrived"


def vector(**held):
    """A light vector of 1 MeV in the counts of CsI (2017), two pulls of backgrounds beside it."""
    csi = cj.experiments.coherent_csi_2017(nuisances="backgrounds_only")
    interaction = with_new_physics(standard_model(), light_vector())
    like = cj.Likelihood([csi], interaction, free=["g_vector"])
    return like.hold(m_vector=1.0, n_sigma=1.0, **held)


COUPLINGS = {"g_vector": LogUniform(1e-7, 1e-4)}


def by_quadrature(likelihood, points):
    """ln of the evidence by the trapezoidal rule on the line of each parameter, where densities
    fall off towards both ends."""
    target = target_of(likelihood)
    centre = target.line.unconstrained(np.asarray(likelihood.start))
    centre[[name in COUPLINGS for name in likelihood.names]] = 0.0  # the start is g = 0, far out
    widths = [18.0 if name in COUPLINGS else 8.0 for name in likelihood.names]
    axes = [
        np.linspace(at - width, at + width, n)
        for at, width, n in zip(centre, widths, points, strict=True)
    ]
    u = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)

    @jax.jit
    def density(target, u):
        return jax.lax.map(
            lambda v: log_prior(target, v) + log_likelihood(target, v), u, batch_size=64
        )

    cells = sum(math.log(axis[1] - axis[0]) for axis in axes)
    return float(logsumexp(np.asarray(density(target, u)))) + cells


@pytest.mark.slow
def test_a_light_mediator_against_the_standard_model_is_the_ratio_of_two_quadratures():
    both = with_sampled_priors(vector(), COUPLINGS), with_sampled_priors(vector(g_vector=0.0), {})
    size = {"draws": 500, "chains": 6, "seed": 2, "method": "tempered"}
    mediator, standard_model = (cj.sample(like, **size) for like in both)
    factor = cj.bayes_factor(standard_model, mediator)
    pulls = len(standard_model.names)
    expected = by_quadrature(both[1], (41,) * pulls) - by_quadrature(both[0], (601, *(41,) * pulls))
    assert mediator.names[0] == "g_vector"
    assert factor.error < 0.04
    assert abs(factor.log - expected) < 4 * factor.error
    for words in ("ln B", "g_vector: flat in ln x from 1e-07 to 0.0001", "Bayes factor"):
        assert words in str(factor)


def test_no_evidence_without_a_sampler_that_gives_it_or_of_other_data(found):
    with pytest.raises(ConfigError, match=r'bayes_factor: needs .* cj.sample\(method="tempered"\)'):
        cj.bayes_factor(found, replace(found, log_evidence=None, method="nuts"))
    other = replace(found, likelihood=counting([80.0, 100.0, 74.0]))
    with pytest.raises(ConfigError, match="bayes_factor: the two posteriors are of other data"):
        cj.bayes_factor(found, other)


def test_a_model_against_itself_is_undecided(found):
    assert cj.bayes_factor(found, found).log == 0.0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"priors": {}}, r"the prior of n_sigma \(.*\) is improper, and particles cannot be drawn"),
        ({"method": "smc"}, r'sample: no method "smc" \(allowed: nuts, tempered\)'),
        ({"chains": 1}, "chains must be 2 at least, not 1"),
        ({"draws": 3}, "draws must be 4 at least, not 3"),
    ],
)
def test_what_cannot_be_tempered_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        tempered(counting(), **{"draws": 100, "chains": 2} | options)
