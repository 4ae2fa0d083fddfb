"""What a posterior leaves behind: its file, its document and its summary."""

import dataclasses
import json
import os

import jax
import numpy as np
import pytest
from posteriors import OBSERVED, likelihood, posterior
from scipy import stats

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.priors import Flat, Gaussian, LogUniform, TruncatedGaussian
from cevns_jax.results import document_of, load, sample_document
from cevns_jax.results.draws import prior_draws
from cevns_jax.results.sample_summary import rounded_together
from cevns_jax.results.told import plain

KEYS = ("mean", "sd", "median", "hdi_68", "hdi_90", "r_hat", "ess_bulk", "ess_tail", "mcse")


@pytest.fixture(scope="module")
def made():
    return posterior()


@pytest.fixture(scope="module")
def result(made):
    return cj.sample_result(made, {"settings": {"title": "Germanium by hand"}})


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("posterior") / "germanium_posterior.nc"
    result.save(path)
    return path


# ----------------------------------------------------------------------------------------- the file


def test_it_comes_back_bit_for_bit(result, path):
    again = load(path)
    assert again.kind == "posterior"
    assert again.attributes == result.attributes
    assert set(again.draws) == set(result.draws)
    for parts, others in ((result.draws, again.draws), (result.groups, again.groups)):
        for group, variables in parts.items():
            assert set(others[group]) == set(variables)
            for name, (dimensions, values) in variables.items():
                assert others[group][name][0] == dimensions
                found = others[group][name][1]
                np.testing.assert_array_equal(found, values)
                assert values.dtype.kind == "U" or found.dtype == values.dtype
    assert again.summary().text(verbose=True) == result.summary().text(verbose=True)


def test_groups_have_the_names_and_dimensions_of_arviz(result, made):
    assert list(result.draws) == [
        *("posterior", "sample_stats", "prior", "log_likelihood", "observed_data"),
        "posterior_predictive",
    ]
    for name, x in made.draws.items():
        dimensions, values = result.draws["posterior"][name]
        assert dimensions == ("chain", "draw")
        np.testing.assert_array_equal(values, x)
        assert result.draws["prior"][name][1].shape == (1, 1000)
    assert result.draws["sample_stats"].keys() >= {"lp", "energy", "diverging", "acceptance_rate"}
    dimensions, observed = result.draws["observed_data"]["germanium"]
    assert dimensions == ("germanium__energy_kevee",)
    np.testing.assert_array_equal(observed, OBSERVED)
    for group in ("log_likelihood", "posterior_predictive"):
        assert result.draws[group]["germanium"][0] == ("chain", "draw", *dimensions)
        np.testing.assert_array_equal(result.draws[group][dimensions[0]][1], [1.5, 3.0, 6.0])
    root = result.to_xarray()
    assert root["posterior/n_sigma"].attrs == {"long_name": "parameter n_sigma", "units": "1"}
    assert root["observed_data/germanium"].attrs["long_name"] == "events, observed"
    for node in root.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            assert variable.attrs.get("long_name"), (node.path, name)


def test_figures_of_spectra_find_what_a_fit_has(result, made):
    """The expected counts of a fit are those at one place, here their mean over the draws."""
    group = result.groups["germanium"]
    like = made.likelihood
    predicted = cj.prediction_result(like).groups["germanium"]
    assert set(group) == set(predicted) - {"recoil_energy_kev", "flavour", "isotope", "spectrum"}
    assert list(group["component"][1]) == ["cevns", "bkg"]
    scale = made.draws["n_sigma"].mean()
    np.testing.assert_allclose(
        group["expected"][1][0], scale * np.array([71.4706, 88.2336, 68.4921]), rtol=1e-5
    )


def test_draws_are_stored_small(result, path):
    """Compressed, and in 32 bits where that is enough."""
    raw = sum(v.nbytes for g in result.draws.values() for _, v in g.values())
    assert result.draws["log_likelihood"]["germanium"][1].dtype == np.float32
    assert result.draws["posterior"]["n_sigma"][1].dtype == np.float64
    assert os.path.getsize(path) < 0.9 * raw + 60_000  # the rest is HDF5's own


@pytest.mark.parametrize("end", [0, 100, 5000, -1])
def test_a_damaged_file_is_refused(path, tmp_path, end):
    content = path.read_bytes()
    broken = tmp_path / "broken.nc"
    broken.write_bytes(content[:end])
    with pytest.raises(ConfigError, match=r"broken\.nc: "):
        load(broken)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    broken.write_bytes(flipped)
    with pytest.raises(ConfigError, match="is damaged: its checksum"):
        load(broken)


def test_the_prior_is_drawn_where_it_can_be(made):
    like = likelihood(prior=Flat(0.5, 2.0))
    drawn = prior_draws(posterior(like, made.x))
    x = drawn["n_sigma"][1]
    assert x.min() >= 0.5
    assert x.max() <= 2.0
    assert x.mean() == pytest.approx(1.25, abs=0.06)
    pull = like.parameters["germanium_b"].prior
    ours = np.asarray(pull.draw(jax.random.key(0), (5000,)))  # ends at -5, where nothing is left
    assert stats.ks_2samp(drawn["germanium_b"][1].ravel(), ours).pvalue > 0.01
    cut = likelihood(prior=TruncatedGaussian(0.0, 0.2, 0.9, 1.5))
    tail = prior_draws(posterior(cut, made.x))["n_sigma"][1].ravel()
    assert stats.kstest(tail, stats.truncnorm(4.5, 7.5, 0.0, 0.2).cdf).pvalue > 0.01
    half_line = posterior(likelihood(prior=Flat(0.0)), made.x)
    assert prior_draws(half_line) == {}
    assert "no draws of the prior, which is improper in n_sigma" in repr(half_line)
    alone = prior_draws(posterior(like.hold(n_sigma=1.0), made.x[..., 1:]))
    np.testing.assert_array_equal(alone["germanium_b"][1], drawn["germanium_b"][1])


def test_a_parameter_with_the_name_of_a_dimension_is_refused(made):
    renamed = dataclasses.replace(made, names=("chain", "germanium_b"))
    with pytest.raises(ConfigError, match='a parameter cannot be called "chain"'):
        cj.sample_result(renamed)


# ---------------------------------------------------------------------------- document and summary


def test_the_document_has_what_is_promised(result, made):
    document = json.loads(json.dumps(plain(sample_document(result)), allow_nan=False))
    assert document == json.loads(json.dumps(plain(document_of(result))))
    assert set(document["parameters"]) == {"n_sigma", "germanium_b"}
    for name, x in made.draws.items():
        found = document["parameters"][name]
        assert set(KEYS) <= set(found)
        assert found["mean"] == pytest.approx(x.mean())
        assert found["sd"] == pytest.approx(x.std(), rel=1e-3)
        assert found["hdi_68"][0] < found["median"] < found["hdi_68"][1]
        inside = (x > found["eti_90"][0]) & (x < found["eti_90"][1])
        assert inside.mean() == pytest.approx(0.9, abs=2e-3)
    assert document["divergences"] == 0
    assert document["converged"] is True
    ((mode,),) = (document["modes"],)
    assert set(mode) >= {"weight", "weight_error", "parameters"}
    assert mode["weight"] == 1
    assert document["priors"]["n_sigma"] == "flat from 0 to 3"
    assert 0 < document["p_values"]["germanium"] < 1
    assert document["provenance"]["versions"]["arviz"]


def test_the_summary_says_what_a_physicist_needs(result):
    text = result.summary().text(verbose=True)
    p = result.attributes["parameters"]["n_sigma"]
    assert "Posterior: Germanium by hand" in text
    assert (
        f"n_sigma = {p['mean']:.3f} +- {p['sd']:.3f}  mean and sd; 68.3 % {p['hdi_68'][0]:.3f}"
        in text
    )
    assert "n_sigma      flat from 0 to 3" in text
    assert "converged  yes: R-hat 1.0" in text
    assert "0 divergences, E-BFMI" in text
    assert "equal-tailed intervals" in text
    assert f"{p['ess_bulk']:.0f}" in text
    assert "posterior predictive" in text
    assert "4 chains of 250 draws, NUTS, seed 3" in text
    assert "255 observed" in text


def test_a_posterior_shows_itself_without_predicting(made, monkeypatch):
    def never(_):
        raise AssertionError

    monkeypatch.setattr("cevns_jax.inference.predictive.predicted", never)
    text = repr(made)
    assert "n_sigma = " in text
    assert "R-hat" in text
    assert "p-value" not in text


def test_published_values_stand_beside_ours():
    csi = cj.experiments.coherent_csi_2021()
    like = cj.Likelihood(csi, free=["sin2_theta_w"])
    x = np.random.default_rng(0).normal(0.23, 0.02, (4, 200, 5))
    assert "published" in repr(posterior(like, x))


def test_a_coupling_at_zero_has_a_limit(made):
    x = np.abs(made.x - 1.0)
    text = repr(dataclasses.replace(made, x=x))
    limit = np.quantile(x[..., 0], 0.9)
    assert f"n_sigma < {limit:.3f}".rstrip("0") in text
    assert "90 % credible" in text


def test_intervals_of_a_log_uniform_parameter_are_those_of_its_logarithm(made):
    """Spread over all decades there is no limit, although most numbers are small ones; where large
    values are excluded there is one."""
    low, high = 1e-7, 1e-2
    like = likelihood(prior=LogUniform(low, high))
    random, x = np.random.default_rng(2), made.x.copy()
    for highest in (high, 1e-5):
        x[..., 0] = low * (highest / low) ** random.uniform(size=x.shape[:2])
        found = cj.sample_result(posterior(like, x)).attributes["parameters"]["n_sigma"]
        shortest = np.log(found["hdi_68"][1] / found["hdi_68"][0])
        assert shortest == pytest.approx(0.683 * np.log(highest / low), rel=0.05)
        assert found["lower_limit_90"] is None
        expected = None if highest == high else pytest.approx(np.quantile(x[..., 0], 0.9), rel=1e-4)
        assert found["upper_limit_90"] == expected


def test_what_did_not_converge_says_so_first(made):
    result = cj.sample_result(
        dataclasses.replace(
            made, x=made.x[:, :20], statistics={n: a[:, :20] for n, a in made.statistics.items()}
        )
    )
    assert not result.attributes["converged"]
    lines = str(result).splitlines()
    assert any(
        "NOT CONVERGED: the bulk ESS of" in line or "NOT CONVERGED: R-hat" in line
        for line in lines[:6]
    )


def test_runs_have_weights_and_evidence_but_no_r_hat(made):
    runs = dataclasses.replace(
        posterior(x=made.x, modes=2),
        method="tempered",
        statistics={"lp": made.statistics["lp"]},
        log_evidence=np.array([-10.0, -10.2, -9.9, -10.1]),
    )
    runs = dataclasses.replace(
        runs,
        modes=tuple(
            m._replace(weight=w, weight_error=0.02)
            for m, w in zip(runs.modes, (0.7, 0.3), strict=True)
        ),
    )
    result = cj.sample_result(runs)
    a = result.attributes
    assert a["log_evidence"]["value"] == pytest.approx(-10.05)
    assert a["log_evidence"]["error"] == pytest.approx(
        np.std([-10.0, -10.2, -9.9, -10.1], ddof=1) / 2
    )
    assert a["parameters"]["n_sigma"]["r_hat"] is None
    assert [m["weight"] for m in a["modes"]] == [0.7, 0.3]
    text = str(result)
    assert "R-hat" not in text
    assert "0.700 +- 0.020" in text
    assert "mean and sd of all 2 valleys" in text
    assert "log evidence  -10.050 +- 0.065, with the priors above" in text
    json.dumps(sample_document(result), allow_nan=False)


def test_digits_follow_the_error():
    """Two figures of the standard deviation, fewer where the Monte Carlo error is larger."""
    assert rounded_together({"sd": 0.0264, "mcse": 1e-5}, 0.23312, 0.0264) == ("0.233", "0.026")
    assert rounded_together({"sd": 0.0264, "mcse": 0.004}, 0.23312, 0.0264) == ("0.233", "0.026")
    assert rounded_together({"sd": 0.0264, "mcse": 0.012}, 0.23312, 0.0264) == ("0.23", "0.03")
    assert rounded_together({"sd": 3e-6, "mcse": None}, 2.14e-5) == ("2.14e-5",)
    assert rounded_together({"sd": 0.0, "mcse": None}, 1.0) == ("1",)


def test_other_results_have_no_draws(result):
    with pytest.raises(ConfigError, match="a fit has no draws"):
        dataclasses.replace(result, kind="fit", draws={}).to_arviz()


def test_priors_stand_in_words():
    like = likelihood(prior=Gaussian(1.0, 0.2))
    text = repr(posterior(like))
    assert "1 +- 0.2, above 0" in text
    assert "0 +- 1, above -5" in text
