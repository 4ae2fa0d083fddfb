"""The file of a posterior in the installed ArviZ, 0.23 or 1: a run with each version runs this."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray
from posteriors import posterior

import cevns_jax as cj
from cevns_jax.inference.diagnostics import arviz

az = arviz()
OLD = az.__version__.startswith("0.")
GROUPS = {
    *("posterior", "sample_stats", "prior", "log_likelihood", "observed_data"),
    "posterior_predictive",
}


@pytest.fixture(scope="module")
def result():
    return cj.sample_result(posterior())


@pytest.fixture(scope="module")
def opened(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("arviz") / "posterior.nc"
    result.save(path)
    return az.from_netcdf(path)


def groups_of(data):
    return set(data.groups()) if OLD else set(data.children)


def test_arviz_opens_the_file(result, opened):
    assert groups_of(opened) >= GROUPS
    assert isinstance(opened, az.InferenceData if OLD else xarray.DataTree)
    for group in GROUPS:
        for name, (dimensions, values) in result.draws[group].items():
            found = opened[group][name]
            assert found.dims == dimensions
            np.testing.assert_array_equal(found, values)
    assert opened.attrs["kind"] == "posterior"


def test_it_is_what_the_result_hands_over(result, opened):
    made = result.to_arviz()
    assert type(made) is type(opened)
    assert groups_of(made) == GROUPS
    assert made.attrs["kind"] == "posterior"
    for group in GROUPS:
        assert set(made[group].data_vars) == set(opened[group].data_vars)
        for name in made[group].data_vars:
            np.testing.assert_array_equal(made[group][name], opened[group][name])
    assert groups_of(posterior().to_arviz()) == GROUPS


def test_our_diagnostics_are_those_of_arviz(result, opened):
    r_hat, bulk = az.rhat(opened), az.ess(opened, method="bulk")
    tail, error = az.ess(opened, method="tail", prob=(0.05, 0.95)), az.mcse(opened, method="mean")
    for name, ours in result.attributes["parameters"].items():
        pairs = (("r_hat", r_hat), ("ess_bulk", bulk), ("ess_tail", tail), ("mcse", error))
        for key, theirs in pairs:
            assert ours[key] == pytest.approx(float(theirs[name]), rel=1e-12), key
        x = np.asarray(opened["posterior"][name]).ravel()
        for key, probability in (("hdi_68", 0.6826894921370859), ("hdi_90", 0.9)):
            theirs = az.hdi(x, **{"hdi_prob" if OLD else "prob": probability})
            np.testing.assert_allclose(ours[key], theirs, rtol=1e-12)
    bfmi = az.bfmi(opened)
    theirs = bfmi if OLD else bfmi["energy"]
    np.testing.assert_allclose(result.attributes["diagnostics"]["e_bfmi"], theirs, rtol=1e-12)


def test_models_can_be_compared(result, opened):
    """Leave-one-out: as the plain importance sampling that it smooths."""
    loo = az.loo(opened, var_name="germanium", pointwise=True)
    logs = result.draws["log_likelihood"]["germanium"][1].astype(float).reshape(-1, 3)
    direct = -np.log(np.mean(np.exp(-logs), axis=0)).sum()
    found = float(loo.elpd_loo if OLD else loo.elpd)
    assert found == pytest.approx(direct, abs=0.05)
    if OLD:  # ArviZ 1 has no WAIC any more
        waic = az.waic(opened, var_name="germanium")
        direct = (np.log(np.mean(np.exp(logs), axis=0)) - logs.var(axis=0)).sum()
        assert float(waic.elpd_waic) == pytest.approx(direct, abs=0.01)


@pytest.mark.slow
def test_other_commands_do_not_load_arviz_and_its_announcement_is_not_heard(tmp_path):
    code = (
        "import sys, cevns_jax as cj\n"
        "cj.sample_result, cj.fit_result, cj.load\n"
        "assert 'arviz' not in sys.modules and 'xarray' not in sys.modules\n"
        "from cevns_jax.inference.diagnostics import arviz\n"
        "arviz()\n"
    )
    environment = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}  # announced once a day
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
