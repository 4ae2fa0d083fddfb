"""Priors in a config: as the objects in Python, or refused in one sentence before JAX is imported
where that can be known."""

import math

import numpy as np
import pytest
from own_configs import run, write

import cevns_jax as cj
from cevns_jax.config.analysis import read_analysis
from cevns_jax.config.plan import read_plan
from cevns_jax.errors import ConfigError
from configs import BASE
from configs import write as write_config

PRIORS = [
    ({"type": "flat"}, cj.priors.Flat()),
    ({"type": "flat", "min": 0.5}, cj.priors.Flat(0.5)),
    ({"type": "flat", "min": 0.5, "max": 3}, cj.priors.Flat(0.5, 3.0)),
    ({"type": "gaussian", "mean": 1.1, "width": 0.2}, cj.priors.Gaussian(1.1, 0.2)),
    (
        {"type": "truncated_gaussian", "mean": 1.1, "width": 0.2, "min": 0.9, "max": 2},
        cj.priors.TruncatedGaussian(1.1, 0.2, 0.9, 2.0),
    ),
    (
        {"type": "truncated_gaussian", "mean": -1, "width": 2, "min": 0},
        cj.priors.TruncatedGaussian(-1.0, 2.0, 0.0, math.inf),
    ),
    ({"type": "log_normal", "median": 1.2, "width": 0.3}, cj.priors.LogNormal(1.2, 0.3)),
    ({"type": "log_uniform", "min": 0.1, "max": 10}, cj.priors.LogUniform(0.1, 10.0)),
]


def content(prior, name="n_sigma", **more):
    experiments = {"coherent_csi_2017": {"nuisances": "backgrounds_only"}}
    fit = {"free": [name]} if name in ("n_sigma", "sin2_theta_w") else {}
    parameters = {name: {"prior": prior} | more}
    return {"experiments": experiments, "parameters": parameters, "fit": fit}


def declared(folder, prior, name="n_sigma", **more):
    config = write_config(folder, content(prior, name, **more))
    return read_analysis(config).likelihood.parameters[name]


@pytest.mark.parametrize(("given", "expected"), PRIORS, ids=lambda x: str(x)[:40])
def test_a_table_is_the_prior_built_in_python(tmp_path, given, expected):
    found = declared(tmp_path, given)
    assert type(found.prior) is type(expected)
    assert found.prior.text == expected.text
    x = np.linspace(0.91, 1.9, 7)
    np.testing.assert_array_equal(found.prior.log_density(x), expected.log_density(x))
    assert found.lower == max(0.0, expected.lower)
    assert found.upper == min(math.inf, expected.upper)


def test_a_gaussian_is_what_prior_mean_and_prior_width_give(tmp_path):
    short = write_config(
        tmp_path, content(None) | {"parameters": {"n_sigma": {"prior_mean": 1.1, "prior_width": 2}}}
    )
    found = read_analysis(short).likelihood.parameters["n_sigma"]
    assert found == declared(tmp_path, {"type": "gaussian", "mean": 1.1, "width": 2})


def test_chi2_holds_the_density_in_the_parameter_itself(tmp_path):
    """So that a fit is where the posterior density in the parameter is highest."""
    flat, log = (
        read_analysis(write_config(tmp_path, content(prior))).likelihood
        for prior in ({"type": "flat"}, {"type": "log_uniform", "min": 0.1, "max": 10})
    )
    one, other = ({"n_sigma": x} for x in (0.8, 1.2))
    rise = float(log.chi2(other) - log.chi2(one)) - float(flat.chi2(other) - flat.chi2(one))
    assert rise == pytest.approx(2 * np.log(1.2 / 0.8), rel=1e-8)
    free, prior = cj.fit(flat), cj.fit(log)
    assert prior.converged
    assert prior.x[0] < free.x[0]
    assert "(prior flat in ln x from 0.1 to 10)" in str(cj.fit_result(prior))
    grid = np.linspace(prior.x[0] - 0.05, prior.x[0] + 0.05, 41)
    held = {n: x for n, x in zip(prior.names, prior.x, strict=True) if n != "n_sigma"}
    lowest = grid[np.argmin([float(log.chi2(held | {"n_sigma": x})) for x in grid])]
    assert lowest == pytest.approx(prior.x[0], abs=0.003)


def test_a_pull_can_be_freed_and_results_say_so(capsys, tmp_path):
    """A flat prior takes the constraint away: the width of the pull is its unit alone."""
    name = "mine_flux"
    config = write(tmp_path, {"nuisances": [{"name": "flux", "acts_on": ["cevns"], "width": 0.1}]})
    text = config.read_text()
    config.write_text(f'{text}\n[parameters.{name}]\nprior = {{type = "flat", min = -5, max = 5}}')
    like = read_analysis(config).likelihood
    assert float(like.penalty({name: 3.0})) == 0.0
    assert name in like.names
    out = tmp_path / "out"
    status, _, err = run(capsys, "fit", config, "--data", "asimov", "--output", out)
    assert (status in (0, 3), err) == (True, "")
    text = str(cj.load(out / "config_asimov_fit.nc").attributes["conventions"])
    assert "flux free linear on cevns (prior of the pull flat from -5 to 5, its unit 0.1)" in text


WRONG = [
    ({"type": "flat", "min": 3, "max": 1}, "prior]: min must be below max, not 3 and 1"),
    ({"type": "uniform"}, 'no type "uniform"'),
    ({}, "needs type (allowed: flat, gaussian, truncated_gaussian, log_normal, log_uniform"),
    ({"type": "gaussian", "mean": 1}, "needs width"),
    ({"type": "gaussian", "width": 1}, "needs mean"),
    ({"type": "gaussian", "mean": 1, "width": 0}, "width must be positive, not 0"),
    ({"type": "gaussian", "mean": 1, "width": -1}, "width must be positive, not -1"),
    ({"type": "gaussian", "mean": 1, "width": 1, "min": 0}, 'no key "min"'),
    ({"type": "gaussian", "mean": "1", "width": 1}, "mean must be a number, not a string"),
    ({"type": "truncated_gaussian", "mean": 1, "width": 1}, "needs min or max, or both"),
    ({"type": "log_normal", "median": -1, "width": 1}, "median must be positive, not -1"),
    ({"type": "log_normal", "median": 1, "width": 1e9}, "width must lie between"),
    ({"type": "log_normal", "mean": 1, "width": 1}, 'no key "mean"; did you mean "median"'),
    ({"type": "log_uniform", "min": 1e-12}, "needs max"),
    ({"type": "log_uniform", "min": 0, "max": 1}, "min must be positive, not 0"),
    ({"type": "log_uniform", "min": 2, "max": 1}, "min must be below max"),
    ("flat", "prior]: must be a table, not a string"),
    ({"type": "horseshoe", "scale": 1}, "log_uniform"),
    ({"type": "numpyro", "concentration1": 2}, "needs distribution, the name of a class"),
    ({"type": "numpyro", "distributon": "Beta"}, 'no key "distributon"'),
    ({"type": "numpyro", "distribution": "Beta", "concentration1": "2"}, "must be a number"),
]


@pytest.mark.parametrize(("given", "words"), WRONG, ids=lambda x: str(x)[:50])
def test_a_prior_that_is_none_is_refused_before_anything_is_built(tmp_path, given, words):
    with pytest.raises(ConfigError) as caught:
        read_plan(tmp_path / "x.toml", content(given))
    assert "x.toml [parameters.n_sigma" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"prior": {"type": "flat"}, "prior_width": 1.0},
            "[parameters.n_sigma]: prior and prior_width exclude each other",
        ),
        ({"prior": {"type": "flat"}, "prior_mean": 1.0}, "prior_mean needs a prior_width"),
        (
            {"prior": {"type": "flat", "min": 2, "max": 3}},
            "start is 1, where the prior (flat from 2 to 3) is zero",
        ),
        ({"prior": {"type": "flat", "max": -1}}, "is zero in all of the domain, 0 to inf"),
        (
            {"prior": {"type": "log_normal", "median": 1, "width": 1}, "start": 0.0},
            "start is 0, where the prior (log-normal 1 x/ 2.71828) is zero",
        ),
    ],
)
def test_a_prior_that_does_not_fit_its_parameter_is_status_2(capsys, tmp_path, parameters, words):
    config = write_config(tmp_path, BASE | {"parameters": {"n_sigma": parameters}})
    status, out, err = run(capsys, "fit", config)
    assert (status, out) == (2, "")
    assert err.startswith(f"cevns: {config} [parameters.n_sigma]")
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize(
    ("prior", "profile", "words"),
    [
        (
            {"type": "flat", "min": 0.5, "max": 70},
            {"min": 0.25, "max": 2.0},
            "[profile]: min is 0.25, but n_sigma must lie between 0.5 and 70, the range of its "
            "prior (flat from 0.5 to 70)",
        ),
        (
            {"type": "flat", "max": 1.5},
            {"min": 0.25, "max": 2.0},
            "[profile]: max is 2, but n_sigma must lie between 0 and 1.5, the range of its prior",
        ),
        (
            {"type": "flat"},
            {"min": 0.5, "max": 2.0, "points": 4, "scale": "signed"},
            "max is 2, and the grid begins at -2, but n_sigma must lie between 0 and inf, its "
            "domain",
        ),
    ],
)
def test_a_grid_outside_a_prior_is_refused_with_the_key_and_the_prior(
    tmp_path, prior, profile, words
):
    given = {"parameters": {"n_sigma": {"prior": prior}}, "profile": profile}
    config = write_config(tmp_path, BASE | {"fit": {"free": ["n_sigma"]}} | given)
    with pytest.raises(ConfigError) as caught:
        read_analysis(config)
    assert words in str(caught.value)


def test_a_distribution_of_numpyro_is_taken_with_its_numbers(tmp_path):
    """One that grows with x, so that it is flat in x^2."""
    power = {"distribution": "DoublyTruncatedPowerLaw", "alpha": 1, "low": 0.5, "high": 3}
    found = declared(tmp_path, {"type": "numpyro", **power})
    assert (found.lower, found.upper) == (0.5, 3.0)
    x = np.array([0.6, 1.0, 2.9])
    np.testing.assert_allclose(found.prior.log_density(x), np.log(2 * x / (9 - 0.25)), rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"distribution": "Betta"}, 'numpyro.distributions has no "Betta"; did you mean "Beta"?'),
        ({"distribution": "Beta", "alpha": 1}, "Beta of NumPyro: "),
        ({"distribution": "HalfNormal", "scale": -1}, "HalfNormal of NumPyro: "),
        ({"distribution": "Poisson", "rate": 1}, "continuous"),
        ({"distribution": "constraints"}, 'no "constraints"'),
    ],
)
def test_what_numpyro_does_not_take_is_status_2(capsys, tmp_path, given, words):
    parameters = {"n_sigma": {"prior": {"type": "numpyro", **given}}}
    config = write_config(tmp_path, BASE | {"parameters": parameters})
    status, out, err = run(capsys, "fit", config)
    assert (status, out) == (2, "")
    assert err.startswith(f"cevns: {config} [parameters.n_sigma]: ")
    assert err.count("\n") == 1
    assert words in err
