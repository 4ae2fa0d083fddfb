"""A reader's own experiment in TOML and CSV: as the one built in Python, or refused in a line."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from own_configs import (
    BINS,
    CURVED,
    EDGES,
    EFFICIENCY,
    FLUX,
    FLUX_NUISANCE,
    FORECAST,
    GAUSSIAN,
    QUENCHING,
    READY,
    READY_IN,
    READY_TWO,
    RECOIL_EFFICIENCY,
    SIGMA,
    SOURCE,
    TABLED,
    TIMED,
    TIMES,
    TIMES_IN,
    TWO_AXES,
    declared,
    formula,
    germanium,
    in_python,
    nuisances,
    refused,
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
    like = read_analysis(write(tmp_path, changes, files)).likelihood
    (read,) = like.experiments
    built = cj.Likelihood([own], like.interaction, like.free)
    assert like.names == built.names
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
    assert read.conventions == own.conventions
    assert type(read.statistic) is type(own.statistic)
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


HEAD, *ROWS = BINS.splitlines()


def lines(*rows):
    return "\n".join(rows) + "\n"


KEYS = [
    ({"statistic": None}, ["statistic", "poisson", "gaussian"]),
    ({"source": None}, ["mine.source]", "type", "pion_decay_at_rest"]),
    ({"nuisances": "split"}, ["nuisances", "list of tables"]),
    ({"nuisances": 3}, ["nuisances", "list of tables"]),
    ({"target": {"Ge74": 0}}, ["target", "Ge74", "positive"]),
    ({"backgrounds": ["flat", "flat"]}, ["backgrounds", "flat"]),
    ({"backgrounds": ["flat", "observed"]}, ["backgrounds", "observed"]),
    ({"response.quenching": {"coefficients": [10**400]}}, ["coefficients", "finite"]),
    ({"response.resolution": {"noise": 0.1}}, ['did you mean "noise_kev"']),
    ({"response": None}, ["mine.response]", "needs table, or quenching"]),
    ({"target": None}, ["[experiments]", '"mine"', "has a target"]),
    ({"target": 3}, ["mine]", "target", "formula"]),
    ({"target": "W"}, ["target", '"W"', "Ge"]),
    ({"target": "germanium"}, ["target", '"germanium"', "chemical formula"]),
    ({"target": {"Ge75": 1.0}}, ["target", "Ge75", "Ge76"]),
    ({"form_factor": None}, ["needs form_factor"]),
    ({"form_factor": "hel"}, ["form_factor", 'did you mean "helm"']),
    ({"neutron_radius_fm": {"Cs133": 5.0}}, ["neutron_radius_fm", "Cs133", "Ge74"]),
    ({"mass_kg": None}, ["needs mass_kg"]),
    ({"mass_kg": -1.0}, ["mass_kg", "positive", "-1"]),
    ({"mass_kgg": 3.0}, ["mass_kgg", 'did you mean "mass_kg"']),
    ({"recoil_min": 3.0}, ["recoil_min", 'did you mean "recoil_min_kev"']),
    ({"recoil_min_kev": 1e3}, ["recoil_min_kev", "from 0 to below 85.58"]),
    ({"bins": None}, ["needs bins"]),
    ({"bins": 3}, ["bins", "string"]),
    ({"statistic": "poison"}, ["statistic", 'did you mean "poisson"']),
    ({"forecast": "yes"}, ["forecast", "true or false"]),
    ({"backgrounds": "flat"}, ["backgrounds", "list of strings"]),
    ({"nuisances": None}, ["needs nuisances"]),
    ({"nuisances": [{"name": "a", "acts_on": ["cevns"]}]}, ["nuisances 1", "width"]),
    ({"nuisances": declared("flatt")}, ["flatt", "cevns", "flat", "neutron_radius"]),
    ({"nuisances": declared("quenching")}, ["quenching", "allowed: cevns, flat, neutron_radius"]),
    ({"source": "sns"}, ["mine.source]", "table"]),
    ({"source.type": "sun"}, ["type", "pion_decay_at_rest", "table", "line", "reactor"]),
    ({"source.neutrinos_per_proton": None}, ["mine.source]", "needs neutrinos_per_proton"]),
    ({"source.protons_on_target": None}, ["mine.source]", "needs protons_on_target"]),
    ({"source.distance_m": None}, ["mine.source]", "needs distance_m"]),
    ({"source.distanse_m": 3.0}, ["mine.source]", 'did you mean "distance_m"']),
    ({"source": {"type": "table", "live_time_days": 1}}, ["mine.source]", "needs flux"]),
    ({"source": {"type": "table", "flux": "f.csv"}}, ["mine.source]", "needs live_time_days"]),
    ({"response": None}, ["mine.response]", "needs", "efficiency"]),
    ({"response": "perfect"}, ["mine.response]", "table"]),
    ({"response.quenching": None}, ["needs quenching", '"perfect"', "lindhard_k", "coefficients"]),
    ({"response.resolution": None}, ["needs resolution", '"perfect"', "photoelectrons_per_kev"]),
    ({"response.efficiency": None}, ["needs efficiency", '"perfect"', "value", "table"]),
    ({"response.quenchin": "perfect"}, ["quenchin", 'did you mean "quenching"']),
    ({"response.quenching": "prefect"}, ["quenching", 'did you mean "perfect"']),
    ({"response.quenching": {"k": 0.1}}, ["response.quenching]", "lindhard_k", "coefficients"]),
    ({"response.quenching": {"lindhard_k": 1.5}}, ["quenching", "between 0 and 1", "1.5"]),
    ({"response.quenching": {"coefficients": []}}, ["coefficients", "at least one"]),
    ({"response.quenching": {"coefficients": [0.0]}}, ["no recoil", "reaches a bin"]),
    ({"response.resolution": {"noise_kev": 0}}, ["response.resolution]", '"perfect"']),
    ({"response.resolution": {"noise_kev": -0.1}}, ["noise_kev", "not negative"]),
    (
        {"response.resolution": {"noise_kev": 0.1, "statistcal": 0.1}},
        ["response.resolution]", 'did you mean "statistical"'],
    ),
    (
        {"response.resolution": {"noise_kev": 0.1, "photoelectrons_per_kev": 2.0}},
        ["response.resolution]", "noise_kev"],
    ),
    ({"response.efficiency": {"value": 1.2}}, ["efficiency", "between 0 and 1", "1.2"]),
    ({"response.efficiency": {"value": 0}}, ["value", "positive"]),
    (
        {"target": "CsI", "response.quenching": {"lindhard_k": 0.1}},
        ["lindhard_k", "target of one element"],
    ),
]
TABLES = [
    ({}, {"bins.csv": BINS.replace("4,8", "5,8")}, ["bins.csv", "bins must join", "x_kev_high"]),
    ({}, {"bins.csv": TIMED}, ["arrival_times", "time_us"]),
    ({"backgrounds": ["flat", "brn"]}, {}, ["bins.csv", "flat, brn"]),
    ({"backgrounds": []}, {}, ["bins.csv", "columns must be", "flat"]),
    ({"backgrounds": ["cevns"]}, {"bins.csv": BINS.replace("flat", "cevns")}, ['"cevns"']),
    ({}, {"bins.csv": BINS.replace("observed", "seen")}, ["bins.csv", "observed", "found", "seen"]),
    ({"forecast": True}, {}, ["bins.csv", "columns must be", "observed"]),
    ({"statistic": "gaussian"}, {}, ["bins.csv", "error"]),
    ({}, {"bins.csv": GAUSSIAN}, ["bins.csv", "columns must be", "error"]),
    (
        {"statistic": "gaussian"},
        {"bins.csv": GAUSSIAN.replace("30,4", "30,0")},
        ["bins.csv", "line 2", "error", "positive"],
    ),
    ({}, {"bins.csv": BINS.replace("4,8", "3,8")}, ["bins.csv", "line 2", "x_kev_high"]),
    ({}, {"bins.csv": BINS.replace("4,8", "8,4")}, ["bins.csv", "line 3", "above x_kev_low"]),
    ({}, {"bins.csv": lines(HEAD, *ROWS[::-1])}, ["bins.csv", "ascending order", "x_kev_low"]),
    ({}, {"bins.csv": lines(HEAD, *ROWS, ROWS[2])}, ["bins.csv", "repeats", "x_kev_low"]),
    ({}, {"bins.csv": BINS.replace("20,15", "20,nan")}, ["bins.csv", "line 4", "not finite"]),
    ({}, {"bins.csv": BINS.replace("20,15", "20,many")}, ["bins.csv", "many", "number"]),
    ({}, {"bins.csv": BINS.replace("20,15,7", "20,15")}, ["bins.csv", "line 4", "3 values, not 4"]),
    ({}, {"bins.csv": BINS.replace("20,15", "20,-15")}, ["observed", "not be negative", "Poisson"]),
    ({}, {"bins.csv": BINS.replace("15,7", "15,-7")}, ["flat", "not be negative", "Poisson"]),
    ({}, {"bins.csv": BINS.replace("x_kev_low", "x_kev")}, ["bins.csv", "NAME_low, NAME_high"]),
    ({}, {"bins.csv": BINS.replace("flat", "observed")}, ["bins.csv", "columns must be"]),
    ({}, {"bins.csv": BINS.replace(",", ";")}, ["bins.csv", "columns must be"]),
    ({}, {"bins.csv": lines(HEAD)}, ["bins.csv", "no rows"]),
    ({}, {"bins.csv": ""}, ["bins.csv", "NAME_low, NAME_high", "found nothing"]),
    ({}, {"bins.csv": bytes(range(256))}, ["bins.csv", "not a text file", "CSV"]),
    ({"bins": "nothing.csv"}, {}, ["nothing.csv", "cannot be read"]),
    ({}, {"bins.csv": lines(HEAD, "1e3,2e3,3,3")}, ["no recoil", "reaches a bin"]),
    ({}, {"bins.csv": TWO_AXES}, ["bins.csv", "x_kev, angle", "table of the response"]),
    (READY_IN, {}, ["response.csv", "cannot be read"]),
    (READY_IN, {"response.csv": READY.replace("8,20", "8,30")}, ["response.csv", "bins of x_kev"]),
    (READY_IN, {"response.csv": READY.replace("x_kev", "y_kev")}, ["response.csv", "x_kev_low"]),
    (READY_IN, {"response.csv": READY.replace("0.6", "0.8")}, ["response", "more than 1", "100"]),
    (READY_IN, {"response.csv": READY.replace("0.6", "-0.1")}, ["response", "not be negative"]),
    (READY_IN, {"response.csv": READY.replace("100,", "50,")}, ["response", "85.581", "to 50"]),
    (
        READY_IN,
        {"response.csv": lines(*READY.splitlines()[:4], *READY.splitlines()[:3:-1])},
        ["response.csv", "ascending order", "recoil_kev before x_kev_low"],
    ),
    (
        {"response": {"table": "response.csv", "quenching": "perfect"}},
        {"response.csv": READY},
        ["mine.response]", "quenching", "table"],
    ),
    (
        READY_IN | {"nuisances": declared("quenching")},
        {"response.csv": READY},
        ["quenching", "allowed: cevns, flat, neutron_radius"],
    ),
    (
        TABLED,
        {"quenching.csv": QUENCHING.replace("100,", "50,")},
        [".csv: the table must reach from 0 to 85.581", "from 0 to 50"],
    ),
    (
        TABLED,
        {"quenching.csv": QUENCHING.replace("0,0.1", "1,0.1")},
        [".csv: the table must reach from 0 to 85.581", "from 1 to 100", "recoil_min_kev"],
    ),
    (TABLED, {"quenching.csv": QUENCHING.replace("20,", "200,")}, ["quenching.csv", "ascend"]),
    (TABLED, {"quenching.csv": QUENCHING.replace("0.1", "-0.1")}, ["quenching.csv", "negative"]),
    (
        TABLED,
        {"quenching.csv": QUENCHING.replace("quenching_factor", "qf")},
        ["quenching.csv", "recoil_kev, quenching_factor", "qf"],
    ),
    (
        {"response.resolution": {"table": "sigma.csv"}},
        {"sigma.csv": SIGMA},
        [".csv: the table must reach from 0 to 85.581", "from 0 to 60"],
    ),
    (
        CURVED,
        {"efficiency.csv": EFFICIENCY.replace("x_kev", "energy")},
        ["efficiency.csv", "x_kev or recoil_kev", "energy"],
    ),
    (
        CURVED,
        {"efficiency.csv": EFFICIENCY.replace("20,", "10,")},
        ["efficiency", "from 1 to 20", "from 0 to 10"],
    ),
    (
        CURVED,
        {"efficiency.csv": RECOIL_EFFICIENCY.replace("100,", "50,")},
        [".csv: the table must reach from 0 to 85.581", "from 0 to 50"],
    ),
    (CURVED, {"efficiency.csv": EFFICIENCY.replace("0.9", "1.9")}, ["efficiency", "between 0 and"]),
    (TIMES_IN, {"times.csv": TIMES}, ["arrival_times", "time_us", "last axis"]),
    (
        TIMES_IN,
        {"bins.csv": TIMED, "times.csv": TIMES.replace("1,6", "1,5")},
        ["times.csv", "time bins", "table of bins"],
    ),
    (
        TIMES_IN,
        {"bins.csv": TIMED, "times.csv": TIMES.replace("nu_e", "nu_tau")},
        ["mine: arrival times", "nu_mu, nu_mu_bar, nu_e", "not for nu_tau"],
    ),
    (
        TIMES_IN,
        {"bins.csv": TIMED, "times.csv": TIMES.replace("nu_e", "electron")},
        ["times.csv", "flavours out of nu_e", "electron"],
    ),
    (
        TIMES_IN,
        {"bins.csv": TIMED, "times.csv": TIMES.replace("0.8", "0.95")},
        ["mine: arrival times of nu_mu", "more than 1"],
    ),
    ({"source": SOURCE}, {}, ["flux.csv", "cannot be read"]),
    (
        {"source": SOURCE},
        {"flux.csv": FLUX.replace("nu_mu", "nu_muon")},
        ["flux.csv", "energy_mev", "nu_mu_bar", "nu_muon"],
    ),
    (
        {"source": SOURCE},
        {"flux.csv": FLUX.replace("10,", "50,")},
        ["flux.csv", "line 4", "energy_mev", "ascend"],
    ),
    ({"source": SOURCE}, {"flux.csv": FLUX.replace("1e5", "-1e5")}, ["flux", "not negative"]),
    (
        {"source": SOURCE | {"live_time_days": 0}},
        {"flux.csv": FLUX},
        ["live_time_days", "positive"],
    ),
    (
        {"source": SOURCE | {"distance_m": 3.0}},
        {"flux.csv": FLUX},
        ["mine.source]", "distance_m", "live_time_days"],
    ),
]


@pytest.mark.parametrize(("changes", "files", "words"), [(c, {}, w) for c, w in KEYS] + TABLES)
def test_what_is_not_understood_is_status_2_and_one_sentence(
    capsys, tmp_path, changes, files, words
):
    """It names the config, the key or the table with its column, and what is allowed."""
    refused(capsys, write(tmp_path, changes, files), words)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("coherent_csi_2019", {"target": None}, ["[experiments]", "coherent_csi_2021"]),
        ("my-crystal", {}, ["name", "Python identifier", "my-crystal"]),
        ("coherent_csi_2021", {}, ["[experiments.coherent_csi_2021]", "target"]),
    ],
)
def test_names_that_are_neither_known_nor_good_for_an_own_one(
    capsys, tmp_path, name, changes, words
):
    refused(capsys, write(tmp_path, changes, names=(name,)), words)
