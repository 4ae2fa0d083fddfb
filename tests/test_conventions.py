"""Conventions: what was used is what is printed."""

import dataclasses

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.config.analysis import read_analysis
from cevns_jax.conventions import conventions

CSI = """
[experiments.coherent_csi_2021]
nuisances = "split"
[fit]
free = ["sin2_theta_w", "r_n_cs133"]
"""
GERMANIUM = """
[experiments.dresden_ii]
quenching = "modified_lindhard"
"""


@pytest.fixture
def told(tmp_path):
    def of(text, *overrides):
        path = tmp_path / "analysis.toml"
        path.write_text(text)
        return conventions(read_analysis(path, overrides).likelihood)

    return of


def test_as_declared(told):
    found = told(CSI)
    csi = found["coherent_csi_2021"]
    assert csi["nuisances"].startswith("sns_flux 0.1 linear on cevns, quenching_0 1 linear")
    assert "(" not in csi["nuisances"]
    assert csi["R_n [fm]"] == "Cs133 5.01 (free), I127 4.94"
    assert found["parameters"] == {
        "sin2_theta_w": "free, start 0.23857",
        "n_sigma": "fixed at 1",
    }


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sns_flux.prior_width=0.5", "sns_flux 0.05 linear on cevns (prior of the pull 0 +- 0.5, "),
        ("coherent_csi_2021_brn.fixed=true", "brn 0.25 linear (pull held at 0)"),
        ("coherent_csi_2021_nin.start=0.3", "nin 0.35 linear (pull starts at 0.3)"),
    ],
)
def test_a_pull_with_another_prior_start_or_value(told, override, words):
    assert words in told(CSI, f"parameters.{override}")["coherent_csi_2021"]["nuisances"]


def test_the_printed_width_is_the_one_of_the_prediction(told, tmp_path):
    """One standard deviation of the prior moves the signal by the printed width."""
    found = told(CSI, "parameters.sns_flux.prior_width=0.5")["coherent_csi_2021"]["nuisances"]
    width = float(found.split()[1])
    like = read_analysis(tmp_path / "analysis.toml", ["parameters.sns_flux.prior_width=0.5"])
    like = like.likelihood
    prior = like.parameters["sns_flux"].prior.width
    (csi,) = like.experiments
    moved = [csi.nuisances[0].factor(x) for x in (0.0, prior)]
    assert moved[1] / moved[0] - 1 == pytest.approx(width)


def test_radii_and_other_parameters_that_start_elsewhere_or_are_held(told):
    moved = [
        *("parameters.r_n_cs133.start=5.2", "parameters.r_n_cs133.prior_width=0.1"),
        *("parameters.r_n_i127.start=4.8", "parameters.sin2_theta_w.fixed=true"),
        "parameters.sin2_theta_w.start=0.24",
    ]
    found = told(CSI, *moved)
    assert found["coherent_csi_2021"]["R_n [fm]"] == "Cs133 5.2 (free), I127 4.8"
    assert found["parameters"]["sin2_theta_w"] == "fixed at 0.24"
    assert found["parameters"]["r_n_cs133"] == "free, start 5.2 fm, prior 5.2 +- 0.1"


def test_quenching_that_starts_elsewhere(told):
    found = told(GERMANIUM, "parameters.dresden_ii_k.start=0.16")
    assert found["dresden_ii"]["quenching"] == "modified Lindhard, k = 0.16, q = -0.000225"
    free = told(GERMANIUM, 'fit.free=["dresden_ii_k", "dresden_ii_q"]')
    assert free["dresden_ii"]["quenching"].endswith("k = 0.157, q = -0.000225 (k and q free)")
    assert found["parameters"]["dresden_ii_m_ratio"] == "free, start 1, prior 1 +- 0.03"


def test_an_experiment_that_was_changed_after_it_was_built():
    csi = cj.experiments.coherent_csi_2021()
    bare = dataclasses.replace(csi, nuisances=())
    told = conventions(cj.Likelihood([bare], cj.interactions.standard_model()))
    assert told["coherent_csi_2021"]["nuisances"] == "none"


def test_an_exposure_of_another_size(told):
    scaled = 'exposure_scale = 10\nnuisances = "lumped"\n'
    found = told(f"[experiments.coherent_csi_2017]\n{scaled}")["coherent_csi_2017"]
    assert found["steady state"].startswith("4050 events")


def test_any_name_of_a_quenching_parameter_and_numbers_that_are_none():
    def germanium(resolution):
        return cj.experiments.own_experiment(
            name="mine",
            target=cj.nuclei.target("Ge", form_factor=cj.form_factors.Helm()),
            mass_kg=1.0,
            source=cj.sources.spallation_source(
                neutrinos_per_proton=0.08, protons_on_target=1e23, distance_m=20.0
            ),
            response=cj.detectors.energy_response(
                axis="energy_kevee",
                edges=np.array([2.0, 4.0, 8.0]),
                efficiency=1.0,
                quenching=cj.detectors.lindhard(0.157, protons=32, parameter="kappa"),
                resolution=resolution,
            ),
            backgrounds={},
            nuisances=[],
            observed=None,
        )

    wide = germanium(cj.detectors.gaussian_resolution(noise_kev=0.1))
    like = cj.Likelihood([wide], cj.interactions.standard_model()).hold(kappa=jax.numpy.array(0.2))
    assert conventions(like)["mine"]["quenching"] == "Lindhard, k = 0.2"
    sharp = germanium(cj.detectors.PerfectResolution())
    told = conventions(cj.Likelihood([sharp], cj.interactions.standard_model()))
    assert told["mine"]["quenching"] == "Lindhard, k = 0.157"
