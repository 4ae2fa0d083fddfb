"""When a run is said not to have converged, and why."""

import re

import numpy as np
from posteriors import likelihood, posterior

from cevns_jax.inference.convergence import verdict
from cevns_jax.inference.diagnostics import energy_diagnostics, mixing, scatter

RANDOM = np.random.default_rng(5)
LIKE = likelihood()
GOOD = RANDOM.normal(size=(4, 500, 2))


def judged(made):
    mixed = mixing(made.x) if made.method == "nuts" else scatter(made.x)
    return verdict(made, mixed, energy_diagnostics(made.statistics))


def slow(steps):
    """Draws each of which repeats most of the one before."""
    x = np.array(GOOD)
    keep = 1 - 1 / steps
    for i in range(1, x.shape[1]):
        x[:, i] = keep * x[:, i - 1] + np.sqrt(1 - keep**2) * x[:, i]
    return x


def test_independent_draws_converge():
    converged, message = judged(posterior(LIKE, GOOD))
    assert converged
    assert message.startswith("R-hat 1.0")
    assert "no divergence" in message


def test_what_is_wrong_is_named_in_one_sentence():
    apart = GOOD + np.array([[[0.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.5]], [[0.0, 0.0]]])
    stuck = np.array(GOOD)
    stuck[..., 0] = 1.0
    cases = [
        (posterior(LIKE, apart), "R-hat of germanium_b is 1.0"),
        (posterior(LIKE, slow(20)), "the bulk ESS of "),
        (posterior(LIKE, slow(20)), "below 400"),
        (posterior(LIKE, GOOD[:, :30]), "the tail ESS of "),
        (posterior(LIKE, GOOD, diverging=1), "1 divergence with the smaller step"),
        (posterior(LIKE, GOOD, diverging=3), "3 divergences with"),
        (posterior(LIKE, GOOD, modes=2), "the posterior has 2 valleys, .* with --method tempered"),
        (posterior(LIKE, GOOD + 5 * (apart - GOOD)[..., ::-1] * 2), "places of n_sigma"),
        (posterior(LIKE, stuck), "all draws of n_sigma are the same"),
    ]
    for made, words in cases:
        converged, message = judged(made)
        assert not converged, words
        assert message.startswith("not converged: ")
        assert len(message.splitlines()) == 1
        assert re.search(words, message), message


def test_runs_are_judged_by_their_scatter():
    runs = posterior(LIKE, GOOD, method="tempered", modes=2)
    assert judged(runs) == (True, "4 runs agree")
    mixed = scatter(runs.x)
    np.testing.assert_allclose(mixed.mcse, GOOD.mean(axis=1).std(axis=0, ddof=1) / 2)
    assert np.isnan(mixed.r_hat).all()
    assert np.isnan(mixed.ess_bulk).all()
    apart = GOOD + np.array([[[0.0, 0.0]], [[0.0, 0.0]], [[0.0, 2.0]], [[0.0, 0.0]]])
    converged, message = judged(posterior(LIKE, apart, method="tempered"))
    assert not converged
    assert "the runs differ: the mean of germanium_b is known to" in message
    converged, message = judged(posterior(LIKE, GOOD[:1], method="tempered"))
    assert not converged
    assert "a single run" in message
