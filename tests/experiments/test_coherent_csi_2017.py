"""COHERENT CsI (2017): the data as published, the prediction, and what its choices move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from caesium_iodide import MODEL, predicted
from scipy.optimize import minimize_scalar

import cevns_jax as cj
from cevns_jax.data.tables import read_table
from cevns_jax.errors import ConfigError
from cevns_jax.experiments.coherent_csi_2017 import FOLDER, PRESETS
from cevns_jax.prediction.nuisances import gamma_factor


@pytest.fixture(scope="module")
def csi():
    return cj.experiments.coherent_csi_2017()


def test_region_holds_the_published_numbers_of_events(csi):
    """547 coincidence and 405 anti-coincidence events, 5.42 prompt neutrons (arXiv:1804.09459)."""
    assert csi.observed.shape == (12, 12)
    assert csi.observed.sum() == 547
    assert csi.parts["steady_state"].counts.sum() == pytest.approx(405)
    assert csi.parts["brn"].counts.sum() == pytest.approx(5.42, abs=0.005)


@pytest.mark.parametrize(("bins", "rate"), [(24, 0.0586), (12, 0.127)])
def test_steady_state_slopes_are_fits_of_the_anticoincidence_events(bins, rate):
    columns = ("time_low_us", "time_high_us", "anticoincidence")
    low, high, n = (
        read_table(FOLDER / "steady_state_time.csv", columns)[c][:bins] for c in columns
    )

    def nll(slope):
        p = np.exp(-slope * low) - np.exp(-slope * high)
        return -n @ np.log(p / p.sum())

    fitted = minimize_scalar(nll, bounds=(1e-3, 1), method="bounded").x
    assert fitted == pytest.approx(rate, rel=3e-3)


def test_prediction_is_made_of_whole_photoelectrons_counted_directly(csi):
    """Energy bins of one flavour against a sum over n of Poisson times efficiency at n - 0.5."""
    signal = csi.parts["cevns"]
    response = np.asarray(signal.response(signal.kernel.recoil, {}, {}))
    recoil = signal.kernel.recoil[0, 40]
    mean = 13.348 * 0.0878 * recoil * 1e3
    n = np.arange(1, 60)
    poisson = np.exp(n * np.log(mean) - mean - np.cumsum(np.log(n)))
    x = n - 0.5
    kept = 0.6655 / (1 + np.exp(-0.4942 * (x - 10.8507))) * np.where(x < 6, 0.5, 1.0) * (x >= 5)
    for b, (low, high) in enumerate(zip(csi.edges[0][:-1], csi.edges[0][1:], strict=True)):
        inside = (x > low) & (x < high)
        assert response[0, 40, b] == pytest.approx((poisson * kept)[inside].sum(), rel=1e-10)


def test_delayed_neutrinos_arrive_late(csi):
    """91.48 % of the delayed and all prompt neutrinos below 6 us, 30 % of the delayed below 1.5."""
    fractions = csi.parts["cevns"].timing.fractions
    np.testing.assert_allclose(fractions.sum(axis=1), [1.0, 0.9148, 0.9148], atol=2e-4)
    np.testing.assert_allclose(fractions[:, :3].sum(axis=1), [1.0, 0.3002, 0.3002], atol=2e-4)


def test_quenching_pull_moves_the_light_and_the_polynomial_is_an_alternative(csi):
    split = cj.experiments.coherent_csi_2017(nuisances="split")
    start = predicted(split)["cevns"]
    np.testing.assert_allclose(start, predicted(csi)["cevns"], atol=1e-6 * start.max())
    more = predicted(split, coherent_csi_2017_quenching=jnp.array(1.0))["cevns"]
    assert more.sum() > start.sum() * 1.1
    later = predicted(cj.experiments.coherent_csi_2017(quenching="polynomial_2021"))["cevns"]
    assert later.sum() == pytest.approx(start.sum(), rel=0.15)
    assert later.sum() != start.sum()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_converges(name):
    csi = cj.experiments.coherent_csi_2017(nuisances=name)
    best = cj.fit(cj.Likelihood([csi], MODEL, free=["sin2_theta_w"]))
    assert best.converged
    assert best.values["sin2_theta_w"] == pytest.approx(0.22, abs=0.03)


def test_gamma_normalisation_costs_what_denton_and_gehrlein_charge():
    """x^2 = 2 (f - 1 - ln f)/width^2 for pulls far out on both sides; f is positive and rises."""
    move = jnp.linspace(-3.0, 3.0, 121)
    factor = gamma_factor(move)
    np.testing.assert_allclose(2 * (factor - 1 - jnp.log(factor)), move**2, rtol=1e-9, atol=1e-13)
    assert (factor > 0).all()
    assert (jnp.diff(factor) > 0).all()
    slope = jax.vmap(jax.grad(gamma_factor))(move)
    step = 1e-5
    difference = (gamma_factor(move + step) - gamma_factor(move - step)) / (2 * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-7)
    assert float(jax.grad(gamma_factor)(0.0)) == pytest.approx(1.0, abs=1e-12)


def test_choices_that_do_not_exist_are_refused():
    with pytest.raises(ConfigError, match="constant"):
        cj.experiments.coherent_csi_2017(quenching="chicago")
    with pytest.raises(ConfigError, match="0_12_us"):
        cj.experiments.coherent_csi_2017(steady_state_slope="12")
