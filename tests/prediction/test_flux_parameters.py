"""An experiment whose flux has parameters: they are declared, predicted, differentiated, fitted."""

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.detectors import energy_response, gaussian_resolution, lindhard
from cevns_jax.experiments import own_experiment
from cevns_jax.sources import oscillated_source, spallation_source

NAMES = ("sin2_2theta_sterile", "delta_m2_sterile")
SNS = spallation_source(neutrinos_per_proton=0.08, protons_on_target=1.5e24, distance_m=25.0)
MODEL = cj.interactions.standard_model()


def germanium(source):
    return own_experiment(
        name="ge",
        target=cj.nuclei.target({"Ge74": 1}, form_factor=cj.form_factors.Helm()),
        source=source,
        mass_kg=100.0,
        response=energy_response(
            axis="energy_kevee",
            edges=np.array([0.5, 1.0, 2.0, 4.0, 8.0, 14.0]),
            quenching=lindhard(0.157, 32),
            resolution=gaussian_resolution(noise_kev=0.2),
            efficiency=1.0,
        ),
        backgrounds={},
        nuisances=(),
        observed=None,
    )


@pytest.fixture(scope="module")
def like():
    source = oscillated_source(SNS, baseline_m=25.0, sin2_2theta=0.3, delta_m2_ev2=1.5)
    return cj.Likelihood([germanium(source)], MODEL, free=NAMES)


expected = jax.jit(cj.Likelihood.expected)


def test_parameters_of_the_flux_are_those_of_the_likelihood(like):
    assert set(like.names) == set(NAMES)
    assert float(like.values()["delta_m2_sterile"]) == 1.5
    (experiment,) = like.experiments
    assert "25 m" in experiment.conventions["flux"]


def test_without_mixing_the_counts_are_those_of_the_source(like):
    plain = cj.Likelihood([germanium(SNS)], MODEL)
    still = like.values() | {"sin2_2theta_sterile": 0.0}
    np.testing.assert_allclose(expected(like, still), expected(plain, plain.values()), rtol=1e-9)


def test_gradients_are_those_of_finite_differences(like):
    at = like.values()
    slopes = jax.jit(jax.jacfwd(cj.Likelihood.expected, argnums=1))(like, at)
    for name in NAMES:
        up, down = (expected(like, at | {name: at[name] + h}) for h in (1e-4, -1e-4))
        np.testing.assert_allclose(slopes[name], (up - down) / 2e-4, rtol=1e-5)


@pytest.mark.parametrize("varying", [("sin2_theta_w",), NAMES])
def test_what_is_evaluated_ahead_predicts_the_same(like, varying):
    """With the flux held, and with it varying."""
    values = like.values()
    ahead = like.precomputed(values, varying)
    moved = values | {name: 1.1 * values[name] for name in varying}
    np.testing.assert_allclose(expected(ahead, moved), expected(like, moved), rtol=1e-12)


def test_a_fit_finds_the_oscillation_that_was_put_in(like):
    truth = like.values() | {"sin2_2theta_sterile": 0.4, "delta_m2_sterile": 1.2}
    best = cj.fit(cj.asimov(like, truth))
    assert best.converged
    for name in NAMES:
        assert float(best.values[name]) == pytest.approx(float(truth[name]), rel=1e-3)
