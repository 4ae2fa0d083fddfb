"""What result files say of their arrays: of all arrays of all kinds of results, and truly."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from germanium import germanium

import cevns_jax as cj
from cevns_jax.inference.refine import Between
from cevns_jax.prediction.axes import BESIDE
from cevns_jax.results import (
    fit_result,
    limit_result,
    load,
    prediction_result,
    profile_result,
    scan_result,
)
from cevns_jax.statistics import Gaussian

EXPERIMENTS = (
    germanium([80.0, 90.0, 70.0], background=[10.0, 10.0, 10.0]),
    dataclasses.replace(
        germanium([80.0, 90.0, 70.0]),
        name="normal",
        statistic=Gaussian(np.array([9.0, 9.5, 8.0])),
    ),
)
VECTOR = cj.interactions.with_new_physics(
    cj.interactions.standard_model(), cj.interactions.light_vector()
)


def fit():
    return fit_result(cj.fit(cj.Likelihood(EXPERIMENTS, free=["n_sigma"])))


def profile():
    likelihood = cj.Likelihood(EXPERIMENTS, free=["n_sigma"])
    return profile_result(cj.profile(likelihood, n_sigma=jnp.linspace(0.5, 1.5, 5)), [1.0])


def scan():
    found = cj.scan(
        cj.Likelihood(EXPERIMENTS),
        {"n_sigma": np.linspace(0.5, 1.5, 3), "sin2_theta_w": np.linspace(0.1, 0.4, 3)},
    )
    between = Between(np.full((3, 1), 0.2), np.full((3, 1), 1.0))
    return scan_result(dataclasses.replace(found, between=between), [2.3])


def limit():
    return limit_result(cj.limit(cj.Likelihood(EXPERIMENTS, VECTOR), "g_vector", m_vector=[10.0]))


def prediction():
    return prediction_result(cj.Likelihood(EXPERIMENTS, VECTOR))


@pytest.mark.parametrize("make", [fit, profile, scan, limit, prediction])
def test_every_array_of_a_result_says_what_it_is(tmp_path, make):
    result = make()
    result.save(tmp_path / "result.nc")
    tree = load(tmp_path / "result.nc").to_xarray()
    axes = {axis for e in EXPERIMENTS for axis in e.axes}
    edges = {f"{axis}_edges" for axis in axes}
    for node in tree.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            text = variable.attrs.get("long_name", "")
            assert text, (node.path, name)
            if node.path != "/":
                assert ("bins of" in text) == (name in axes | edges), (name, text)
                assert name in axes | edges | {*BESIDE}
            else:
                assert "bins of" not in text
            if "expected information" in text:
                assert (node.path, name) == ("/", "error")


def test_the_error_of_gaussian_bins_is_theirs_and_rates_have_their_unit():
    root = fit().to_xarray()
    assert "expected information" in root["error"].attrs["long_name"]
    of_bins = root["experiments/normal/error"].attrs["long_name"]
    assert of_bins == "events, one standard deviation of the bin"
    assert prediction().to_xarray()["experiments/normal/spectrum"].attrs["units"] == "1/keV"
    dresden = prediction_result(cj.Likelihood(cj.experiments.dresden_ii())).to_xarray()
    group = dresden["experiments/dresden_ii"]
    assert group["spectrum"].attrs["units"] == "1/(keV day)"
    assert group["observed"].attrs["long_name"] == "events per day, observed"
    assert group["recoil_energy_kev"].attrs == {"long_name": "recoil energy", "units": "keV"}
    assert group["flavour"].attrs["long_name"] == "flavours of the neutrinos"
    assert group["energy_kevee"].attrs["units"] == "keVee"
