"""A config of an own experiment with its tables, and the same experiment in Python."""

import copy

import numpy as np

import cevns_jax as cj
from cevns_jax import cli
from cevns_jax.config.analysis import read_analysis
from configs import toml

BINS = "x_kev_low,x_kev_high,observed,flat\n1,4,30,5\n4,8,20,6\n8,20,15,7\n"
HEAD, *ROWS = BINS.splitlines()
EDGES = np.array([1.0, 4, 8, 20])
OBSERVED, FLAT = np.array([30.0, 20, 15]), np.array([5.0, 6, 7])
FORECAST = "x_kev_low,x_kev_high,flat\n1,4,5\n4,8,6\n8,20,7\n"
GAUSSIAN = "x_kev_low,x_kev_high,observed,error,flat\n1,4,30,4,5\n4,8,-2,3,6\n8,20,15,5,7\n"
TWO_AXES = (
    "x_kev_low,x_kev_high,angle_low,angle_high,observed,flat\n"
    "1,4,0,1,3,1\n1,4,1,2,4,2\n4,8,0,1,5,3\n4,8,1,2,6,4\n"
)
TIMED = (
    "x_kev_low,x_kev_high,time_us_low,time_us_high,observed,flat\n"
    "1,4,0,1,3,1\n1,4,1,6,4,2\n4,8,0,1,5,3\n4,8,1,6,6,4\n"
)
TIMES = "time_us_low,time_us_high,nu_e,nu_mu,nu_mu_bar\n0,1,0.3,0.8,0.3\n1,6,0.6,0.1,0.5\n"
FLUX = "energy_mev,nu_e_bar,nu_mu\n5,0,1e3\n10,2e5,3e5\n40,1e5,0\n"
QUENCHING = "recoil_kev,quenching_factor\n0,0.1\n20,0.3\n100,0.5\n"
SIGMA = "energy_kev,sigma_kev\n0,1\n60,3\n"
EFFICIENCY = "x_kev,efficiency\n0,0\n6,0.8\n20,0.9\n"
RECOIL_EFFICIENCY = "recoil_kev,efficiency\n0,0\n30,0.8\n100,0.9\n"
READY = (
    "recoil_kev,x_kev_low,x_kev_high,probability\n"
    "0,1,4,0\n0,4,8,0\n0,8,20,0\n"
    "10,1,4,0.5\n10,4,8,0.2\n10,8,20,0.1\n"
    "100,1,4,0.1\n100,4,8,0.2\n100,8,20,0.6\n"
)
READY_TWO = (
    "recoil_kev,x_kev_low,x_kev_high,angle_low,angle_high,probability\n"
    "0,1,4,0,1,0.1\n0,1,4,1,2,0.2\n0,4,8,0,1,0.3\n0,4,8,1,2,0\n"
    "100,1,4,0,1,0.4\n100,1,4,1,2,0.3\n100,4,8,0,1,0.2\n100,4,8,1,2,0.1\n"
)
SOURCE = {"type": "table", "flux": "flux.csv", "live_time_days": 30.0}
TIMES_IN = {"arrival_times": "times.csv"}
READY_IN = {"response": {"table": "response.csv"}}
TABLED = {"response.quenching": {"table": "quenching.csv"}}
CURVED = {"response.efficiency": {"table": "efficiency.csv"}}
FLUX_NUISANCE = {"name": "flux", "acts_on": ["cevns"], "width": 0.1}
MINE = {
    "target": "Ge",
    "form_factor": "helm",
    "mass_kg": 10.0,
    "bins": "bins.csv",
    "statistic": "poisson",
    "backgrounds": ["flat"],
    "source": {
        "type": "pion_decay_at_rest",
        "neutrinos_per_proton": 0.08,
        "protons_on_target": 1e22,
        "distance_m": 20.0,
    },
    "response": {"quenching": "perfect", "resolution": "perfect", "efficiency": "perfect"},
    "nuisances": [FLUX_NUISANCE],
}


def write(folder, changes=None, files=None, names=("mine",)):
    """A config with MINE, values changed by their path (``None``: removed), and its tables."""
    own = copy.deepcopy(MINE)
    for path, value in (changes or {}).items():
        *tables, key = path.split(".")
        place = own
        for table in tables:
            place = place[table]
        place[key] = value
        if value is None:
            del place[key]
    for file, text in ({"bins.csv": BINS} | (files or {})).items():
        (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    content = {
        "experiments": dict.fromkeys(names, own),
        "fit": {"free": ["sin2_theta_w"]},
        "profile": {"min": 0.1, "max": 0.4, "points": 4},
    }
    config = folder / "config.toml"
    config.write_text("\n".join(f"{key} = {toml(value)}" for key, value in content.items()))
    return config


def germanium(formula="Ge", form_factor=None, **radii):
    return cj.nuclei.target(formula, form_factor=form_factor or cj.form_factors.Helm(), **radii)


def formula(**changes):
    """A response with everything perfect but for the changes."""
    perfect = {
        "axis": "x_kev",
        "edges": EDGES,
        "quenching": cj.detectors.PolynomialQuenching(coefficients=(1.0,)),
        "resolution": cj.detectors.PerfectResolution(),
        "efficiency": 1.0,
    }
    return cj.detectors.energy_response(**perfect | changes)


def table(x, y):
    return cj.detectors.linear_table("a table", x, y)


def nuisances(*effects):
    """The flux, and one of 5 % on each effect."""
    given = [cj.experiments.Nuisance(name="flux", acts_on=("cevns",), width=0.1)]
    return given + [cj.experiments.Nuisance(name=e, acts_on=(e,), width=0.05) for e in effects]


def declared(*effects):
    """The same in TOML."""
    return [FLUX_NUISANCE, *({"name": e, "acts_on": [e], "width": 0.05} for e in effects)]


def in_python(**changes):
    """The experiment of MINE but for the changes."""
    source = cj.sources.spallation_source(
        neutrinos_per_proton=0.08, protons_on_target=1e22, distance_m=20.0
    )
    given = {
        "name": "mine",
        "target": germanium(),
        "source": source,
        "mass_kg": 10.0,
        "response": formula(),
        "backgrounds": {"flat": FLAT},
        "nuisances": nuisances(),
        "observed": OBSERVED,
    }
    return cj.experiments.own_experiment(**given | changes)


def read_and_built(folder, changes, files, own):
    """The likelihood of a config, and that of the same experiment in Python, named alike."""
    like = read_analysis(write(folder, changes, files)).likelihood
    (read,) = like.experiments
    built = cj.Likelihood([own], like.interaction, like.free)
    assert like.names == built.names
    assert read.conventions == own.conventions
    assert type(read.statistic) is type(own.statistic)
    return like, built


def run(capsys, *arguments):
    status = cli.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def refused(capsys, config, words):
    status, out, err = run(capsys, "predict", config)
    assert (status, out) == (2, "")
    assert err.startswith(f"cevns: {config}")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
