"""Own experiments without data: forecasts, toys, their results, and what they say of themselves."""

import jax
import numpy as np
import pytest
from own_germanium import MODEL, expected, ge_response, own

import cevns_jax as cj
from cevns_jax.detectors import lindhard
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Nuisance


@pytest.fixture(scope="module")
def forecast():
    return own(
        backgrounds={"flat": np.full(6, 9.0)},
        nuisances=[
            Nuisance(name="flux", acts_on=("cevns",), width=0.1, shared=True),
            Nuisance(name="flat", acts_on=("flat",), width=0.1),
        ],
    )


@pytest.fixture(scope="module")
def gaussian():
    return own(
        backgrounds={"residual": np.array([-1.0, 2.0, 0.5, -3.0, 0.0, 1.0])},
        nuisances=[Nuisance(name="flux", acts_on=("cevns",), width=0.1, shared=True)],
        errors=np.array([9.0, 7.0, 6.0, 5.0, 4.0, 3.0]),
    )


def test_a_forecast_has_no_data_and_says_what_to_do(forecast):
    like = cj.Likelihood([forecast], MODEL, free=["n_sigma"])
    assert np.isnan(forecast.observed).all()
    with pytest.raises(ConfigError, match=r"ge: has no data.*asimov.*toy"):
        cj.fit(like)


@pytest.fixture(scope="module")
def asimov_fit(forecast):
    """Asimov data of another quenching, with the flux and a background unknown besides."""
    like = cj.Likelihood([forecast], MODEL, free=["lindhard_k"])
    return cj.fit(cj.asimov(like, {"lindhard_k": 0.18}))


def test_a_freed_lindhard_parameter_comes_back(asimov_fit):
    assert asimov_fit.converged
    assert asimov_fit.names == ("lindhard_k", "flux", "ge_flat")
    np.testing.assert_allclose(asimov_fit.x, [0.18, 0.0, 0.0], atol=1e-6)
    assert asimov_fit.chi2 == pytest.approx(0.0, abs=1e-8)


def test_asimov_data_of_a_forecast_are_signal_plus_background(asimov_fit):
    """Those of an experiment that is built with the other quenching."""
    rebuilt = own(response=ge_response(quenching=lindhard(0.18, 32)))
    data = np.asarray(asimov_fit.likelihood.experiments[0].observed)
    np.testing.assert_allclose(data, expected(rebuilt) + 9, rtol=1e-6)


def test_toys_of_forecasts_follow_their_statistic(forecast, gaussian):
    """Whole counts, or numbers with the given errors: 400 toys, five standard deviations."""
    for experiment, errors in (
        (forecast, np.sqrt(expected(forecast))),
        (gaussian, gaussian.statistic.error),
    ):
        like = cj.Likelihood([experiment], MODEL)
        keys = jax.random.split(jax.random.key(5), 400)
        mean = expected(experiment)
        toys = np.stack([experiment.statistic.draw(key, mean) for key in keys])
        assert (abs(toys.mean(axis=0) - mean) < 5 * errors / 20).all()
        assert (abs(toys.std(axis=0) / errors - 1) < 5 / np.sqrt(800)).all()
        one, same, other = (cj.toy(like, seed).experiments[0].observed for seed in (1, 1, 2))
        assert one.shape == (6,)
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()
        assert (one % 1 == 0).all() == (experiment is forecast)
        assert (abs(one - mean) < 6 * errors).all()


def test_results_of_gaussian_bins_hold_their_errors_and_round_trip(gaussian, tmp_path):
    like = cj.Likelihood([gaussian], MODEL, free=["n_sigma"]).hold(flux=0.0)
    best = cj.fit(cj.toy(like, 4))
    result = cj.fit_result(best)
    group = result.groups["ge"]
    assert group["error"][0] == ("energy_kevee",)
    np.testing.assert_array_equal(group["error"][1], [9.0, 7.0, 6.0, 5.0, 4.0, 3.0])
    assert "Gaussian" in result.attributes["conventions"]["ge"]["bins"]
    result.save(tmp_path / "fit.nc")
    again = cj.load(tmp_path / "fit.nc")
    assert again.attributes == result.attributes
    assert set(again.groups["ge"]) == set(group)
    for name, (dimensions, values) in group.items():
        assert again.groups["ge"][name][0] == dimensions
        assert (again.groups["ge"][name][1].astype(str) == values.astype(str)).all()


def test_results_of_poisson_bins_have_no_error(asimov_fit):
    result = cj.fit_result(asimov_fit)
    assert "error" not in result.groups["ge"]
    assert result.attributes["conventions"]["ge"]["bins"] == "Poisson"


def test_an_own_experiment_says_what_it_is(forecast):
    assert forecast.title == "ge"
    assert forecast.exposure.startswith("10 kg Ge, pion decay at rest")
    told = forecast.conventions
    assert told["quenching"] == "Lindhard, k = 0.157"
    assert told["resolution"] == "Gaussian, sigma^2 = 0.2^2 + 0.05^2 E + (0 E)^2"
    assert told["efficiency"] == "1"
    assert told["nuisances"] == "flux 0.1 linear on cevns, flat 0.1 linear"
    named = own(title="Ours", citation="arXiv", exposure="a year")
    assert (named.title, named.citation, named.exposure) == ("Ours", "arXiv", "a year")
