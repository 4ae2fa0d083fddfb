"""A reader's own experiment in TOML and CSV: as the one built in Python."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from own_configs import (
    EDGES,
    EFFICIENCY,
    FLUX,
    FLUX_NUISANCE,
    FORECAST,
    GAUSSIAN,
    QUENCHING,
    READY,
    READY_TWO,
    RECOIL_EFFICIENCY,
    SIGMA,
    TIMED,
    TIMES,
    TWO_AXES,
    declared,
    formula,
    germanium,
    in_python,
    nuisances,
    read_and_built,
    run,
    table,
    write,
)

import cevns_jax as cj
from cevns_jax import results
from cevns_jax.config.analysis import read_analysis


def perfect():
    return {}, {}, in_python()


def lindhard_and_a_width_that_move():
    changes = {
        "response.quenching": {"lindhard_k": 0.157},
        "response.resolution": {"noise_kev": 0.3, "statistical": 0.1, "proportional": 0.05},
        "nuisances": declared("quenching", "resolution", "neutron_radius"),
    }
    response = formula(
        quenching=cj.detectors.lindhard(0.157, 32, parameter="mine_lindhard_k"),
        resolution=cj.detectors.gaussian_resolution(
            noise_kev=0.3, statistical=0.1, proportional=0.05
        ),
    )
    moved = nuisances("quenching", "resolution", "neutron_radius")
    return changes, {}, in_python(response=response, nuisances=moved)


def a_width_cut_at_zero():
    width = {"noise_kev": 2.0, "statistical": 0.5}
    response = formula(resolution=cj.detectors.gaussian_resolution(**width, truncated=True))
    return {"response.resolution": width | {"truncated": True}}, {}, in_python(response=response)


def coefficients_photoelectrons_and_a_number():
    changes = {
        "response.quenching": {"coefficients": [0.2, 3.0]},
        "response.resolution": {"photoelectrons_per_kev": 1.5},
        "response.efficiency": {"value": 0.7},
        "nuisances": declared("quenching"),
    }
    response = formula(
        quenching=cj.detectors.PolynomialQuenching(coefficients=(0.2, 3.0)),
        resolution=cj.detectors.PoissonResolution(quanta_per_kev=1.5),
        efficiency=0.7,
    )
    return changes, {}, in_python(response=response, nuisances=nuisances("quenching"))


def tables_and_an_efficiency_against_the_axis():
    changes = {
        "response.quenching": {"table": "quenching.csv"},
        "response.resolution": {"table": "sigma.csv"},
        "response.efficiency": {"table": "efficiency.csv"},
    }
    files = {"quenching.csv": QUENCHING, "sigma.csv": SIGMA, "efficiency.csv": EFFICIENCY}
    response = formula(
        quenching=cj.detectors.TabulatedQuenching(table([0, 20, 100], [0.1, 0.3, 0.5])),
        resolution=cj.detectors.GaussianResolution(table([0, 60], [1, 3])),
        efficiency=table([0, 6, 20], [0, 0.8, 0.9]),
    )
    return changes, files, in_python(response=response)


def an_efficiency_against_the_recoil():
    changes = {"response.efficiency": {"table": "efficiency.csv"}}
    response = formula(recoil_efficiency=table([0, 30, 100], [0, 0.8, 0.9]))
    return changes, {"efficiency.csv": RECOIL_EFFICIENCY}, in_python(response=response)


def a_ready_response():
    probability = np.array([[0, 0, 0], [0.5, 0.2, 0.1], [0.1, 0.2, 0.6]])
    response = cj.detectors.tabulated_response({"x_kev": EDGES}, [0, 10, 100], probability)
    files = {"response.csv": READY}
    return {"response": {"table": "response.csv"}}, files, in_python(response=response)


def a_ready_response_with_two_axes():
    probability = np.array([[[0.1, 0.2], [0.3, 0]], [[0.4, 0.3], [0.2, 0.1]]])
    axes = {"x_kev": np.array([1.0, 4, 8]), "angle": np.array([0.0, 1, 2])}
    own = in_python(
        response=cj.detectors.tabulated_response(axes, [0, 100], probability),
        observed=np.array([[3, 4], [5, 6]]),
        backgrounds={"flat": np.array([[1, 2], [3, 4]])},
    )
    files = {"bins.csv": TWO_AXES, "response.csv": READY_TWO}
    return {"response": {"table": "response.csv"}}, files, own


def a_tabulated_source():
    changes = {"source": {"type": "table", "flux": "flux.csv", "live_time_days": 30.0}}
    source = cj.sources.tabulated_source(
        [5, 10, 40],
        {"nu_e_bar": [0, 2e5, 1e5], "nu_mu": [1e3, 3e5, 0]},
        live_time_s=30 * 86400,
    )
    return changes, {"flux.csv": FLUX}, in_python(source=source)


def arrival_times():
    times = cj.experiments.ArrivalTimes(
        edges_us=[0, 1, 6],
        fractions={"nu_e": [0.3, 0.6], "nu_mu": [0.8, 0.1], "nu_mu_bar": [0.3, 0.5]},
    )
    own = in_python(
        response=formula(edges=[1, 4, 8]),
        arrival_times=times,
        observed=np.array([[3, 4], [5, 6]]),
        backgrounds={"flat": np.array([[1, 2], [3, 4]])},
    )
    return {"arrival_times": "times.csv"}, {"bins.csv": TIMED, "times.csv": TIMES}, own


def gaussian_bins():
    own = in_python(observed=np.array([30, -2, 15]), errors=np.array([4, 3, 5]))
    return {"statistic": "gaussian"}, {"bins.csv": GAUSSIAN}, own


def forecast():
    return {"forecast": True}, {"bins.csv": FORECAST}, in_python(observed=None)


def a_gaussian_forecast_without_backgrounds():
    changes = {"forecast": True, "statistic": "gaussian", "backgrounds": [], "nuisances": []}
    own = in_python(
        response=formula(edges=[1, 8]),
        observed=None,
        errors=np.array([2]),
        backgrounds={},
        nuisances=[],
    )
    return changes, {"bins.csv": "x_kev_low,x_kev_high,error\n1,8,2\n"}, own


def nuclides_radii_and_a_threshold():
    radii = {"proton_radius_fm": "lewin_smith", "neutron_radius_fm": {"Ge74": 4.3}}
    changes = {
        "target": {"Ge74": 1, "Ge76": 3},
        "form_factor": {"model": "klein_nystrand", "range_fm": 0.8},
        "common_neutron_radius": True,
        "recoil_min_kev": 3.0,
        "title": "Enriched",
        "citation": "nobody (2026)",
        "exposure": "a year",
        **radii,
    }
    target = germanium(
        {"Ge74": 1, "Ge76": 3},
        cj.form_factors.KleinNystrand(range=0.8),
        common_neutron_radius=True,
        **radii,
    )
    texts = {key: changes[key] for key in ("title", "citation", "exposure")}
    return changes, {}, in_python(target=target, recoil_min_kev=3.0, **texts)


@jax.jit
def counts(likelihood, values):
    return likelihood.components(values)["mine"]


@pytest.mark.parametrize(
    "case",
    [
        perfect,
        lindhard_and_a_width_that_move,
        a_width_cut_at_zero,
        coefficients_photoelectrons_and_a_number,
        tables_and_an_efficiency_against_the_axis,
        an_efficiency_against_the_recoil,
        a_ready_response,
        a_ready_response_with_two_axes,
        a_tabulated_source,
        arrival_times,
        gaussian_bins,
        forecast,
        a_gaussian_forecast_without_backgrounds,
        nuclides_radii_and_a_threshold,
    ],
)
def test_a_config_is_the_experiment_built_in_python(tmp_path, case):
    """Same expected counts at the start and with every parameter moved; same data and texts."""
    changes, files, own = case()
    like, built = read_and_built(tmp_path, changes, files, own)
    (read,) = like.experiments
    assert {n: p.start for n, p in like.parameters.items()} == {
        n: p.start for n, p in built.parameters.items()
    }
    moved = {name: 1.02 * value + 0.01 for name, value in like.values().items()}
    for values in (like.values(), moved):
        here, there = counts(like, values), counts(built, values)
        assert list(here) == list(there)
        assert float(here["cevns"].sum()) > 0.1
        for name, expected in there.items():
            np.testing.assert_allclose(here[name], expected, rtol=1e-12)
    np.testing.assert_array_equal(read.observed, own.observed)
    assert (read.axes, read.title, read.exposure) == (own.axes, own.title, own.exposure)
    for found, edges in zip(read.edges, own.edges, strict=True):
        np.testing.assert_array_equal(found, edges)
    assert read.citation == own.citation
    for found, number in zip(*map(jax.tree.leaves, (read.statistic, own.statistic)), strict=True):
        np.testing.assert_array_equal(found, number)


def test_two_own_experiments_share_a_nuisance(tmp_path):
    """The shared pull is there once, the others once each."""
    changes = {"nuisances": [FLUX_NUISANCE | {"shared": True}, *declared("neutron_radius")[1:]]}
    like = read_analysis(write(tmp_path, changes, names=("near", "far"))).likelihood
    assert like.names == ("sin2_theta_w", "flux", "near_neutron_radius", "far_neutron_radius")


def test_the_command_line_predicts_fits_and_profiles(capsys, tmp_path):
    out = tmp_path / "out"
    config = write(tmp_path)
    found = {}
    for command, *options in (
        ("predict",),
        ("fit", "--data", "asimov"),
        ("fit", "--data", "toy", "--seed", "1"),
        ("profile", "--data", "asimov"),
    ):
        status, text, err = run(capsys, command, config, *options, "--json", "--output", out)
        assert (status, err) == (0, "")
        found[" ".join(options)] = json.loads(text)
        assert all(Path(f).is_file() for f in found[" ".join(options)]["files"])
    names = [f"prediction.{kind}" for kind in ("json", "nc", "png")]
    names += [*(f"asimov_profile.{kind}" for kind in ("nc", "csv", "png"))]
    names += [f"{data}_{file}" for data in ("asimov", "toy1") for file in ("fit.nc", "spectra.png")]
    assert sorted(p.name for p in out.iterdir()) == sorted(f"config_{name}" for name in names)
    predicted = found[""]["predictions"]["mine"]
    assert predicted["observed"] == 65
    assert predicted["bins"]["edges"] == {"x_kev": EDGES.tolist()}
    assert predicted["components"]["flat"] == 18
    assert (
        results.load(out / "config_toy1_fit.nc").groups["mine"]["observed"][1].sum()
        == (found["--data toy --seed 1"]["fitted"]["mine"]["observed"])
    )


def test_a_forecast_has_no_data_to_fit(capsys, tmp_path):
    config = write(tmp_path, {"forecast": True}, {"bins.csv": FORECAST})
    before = sorted(tmp_path.iterdir())
    for command in ("fit", "profile"):
        status, out, err = run(capsys, command, config, "--output", tmp_path)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert "mine: has no data" in err
        assert "--data asimov" in err
        assert sorted(tmp_path.iterdir()) == before
    status, out, err = run(capsys, "predict", config, "--json")
    assert (status, err) == (0, "")
    predicted = json.loads(out)["predictions"]["mine"]
    assert predicted["observed"] is None
    assert predicted["bins"]["observed"] == [None, None, None]
