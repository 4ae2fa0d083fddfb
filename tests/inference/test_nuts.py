"""Draws by NUTS: moments of posteriors that are known by quadrature."""

import math

import jax
import numpy as np
import pytest
from numpyro.diagnostics import effective_sample_size
from scipy.integrate import quad

import cevns_jax as cj
from cevns_jax.errors import ConfigError


@pytest.fixture(scope="module")
def counting():
    csi = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    return cj.Likelihood(csi, free=["n_sigma"])


def moments(likelihood, low, high):
    """Mean and standard deviation of n_sigma, flat between two ends, everything else held."""
    chi2 = jax.jit(lambda x: likelihood.chi2({"n_sigma": x}))
    best = min(float(chi2(x)) for x in np.linspace(low, high, 200))

    def integral(power):
        def weighted(x):
            return x**power * math.exp(-(float(chi2(x)) - best) / 2)

        return quad(weighted, low, high, epsabs=1e-10, limit=200)[0]

    zero, one, two = (integral(power) for power in range(3))
    return one / zero, math.sqrt(two / zero - (one / zero) ** 2)


@pytest.mark.parametrize(("low", "high"), [(0.0, 3.0), (1.0, 1.1)])
def test_moments_of_one_parameter(counting, low, high):
    """Also where the range of the prior ends inside the bulk of the likelihood."""
    likelihood = counting.hold(**{name: 0.0 for name in counting.names if name != "n_sigma"})
    prior = cj.priors.Flat(low, high)
    found = cj.sample(likelihood, seed=3, draws=1000, priors={"n_sigma": prior})
    mean, sd = moments(likelihood, low, high)
    x = found.draws["n_sigma"]
    effective = effective_sample_size(x)
    assert effective > 1000
    assert low <= x.min() < x.max() <= high
    assert abs(x.mean() - mean) < 4 * sd / math.sqrt(effective)
    spread = effective_sample_size((x - mean) ** 2)
    assert abs(x.std() / sd - 1) < 4 / math.sqrt(spread)


def test_the_same_seed_gives_the_same_bits(counting):
    first, again = (cj.sample(counting, seed=5, draws=200, chains=2) for _ in range(2))
    np.testing.assert_array_equal(first.x, again.x)
    other = cj.sample(counting, seed=6, draws=200, chains=2)
    assert not np.isin(other.x, first.x).any()
    assert len(np.unique(first.x[..., 0])) > 390  # chains differ too


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": 1, "draws": 3}, "draws must be 4 at least, not 3"),
        ({"seed": 1, "chains": 1}, "chains must be 2 at least, not 1"),
        ({"seed": 1, "priors": {"n_sigm": cj.priors.Flat(0.0, 1.0)}}, 'did you mean "n_sigma"'),
    ],
)
def test_numbers_that_cannot_be_used_are_refused(counting, numbers, sentence):
    with pytest.raises(ConfigError, match=sentence):
        cj.sample(counting, **numbers)
