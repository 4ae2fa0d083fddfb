"""Configs and tables of own experiments that are not understood: status 2 and one sentence."""

import pytest
from own_configs import (
    BINS,
    CURVED,
    EFFICIENCY,
    FLUX,
    GAUSSIAN,
    HEAD,
    QUENCHING,
    READY,
    READY_IN,
    RECOIL_EFFICIENCY,
    ROWS,
    SIGMA,
    SOURCE,
    TABLED,
    TIMED,
    TIMES,
    TIMES_IN,
    TWO_AXES,
    declared,
    refused,
    write,
)


def lines(*rows):
    return "\n".join(rows) + "\n"


KEYS = [
    ({"statistic": None}, ["statistic", "poisson", "gaussian"]),
    ({"source": None}, ["mine.source]", "type", "pion_decay_at_rest"]),
    ({"nuisances": "split"}, ["nuisances", "list of tables"]),
    ({"nuisances": 3}, ["nuisances", "list of tables"]),
    ({"target": {"Ge74": 0}}, ["target", "Ge74", "positive"]),
    ({"backgrounds": ["flat", "flat"]}, ["backgrounds", "flat"]),
    ({"backgrounds": ["flat", "observed"]}, ["a background cannot be", "observed"]),
    ({"response.quenching": {"coefficients": [10**400]}}, ["coefficients", "finite"]),
    ({"response.resolution": {"noise": 0.1}}, ['did you mean "noise_kev"']),
    ({"response": None}, ["mine.response]", "needs table, or quenching"]),
    ({"target": None}, ["[experiments]", '"mine"', "has a target"]),
    ({"target": 3}, ["mine]", "target", "formula"]),
    ({"target": "W"}, ['mine]: target: no element "W"', "Ge"]),
    ({"target": "germanium"}, ["target", '"germanium"', "chemical formula"]),
    ({"target": {"Ge75": 1.0}}, ["target", "Ge75", "Ge76"]),
    ({"form_factor": None}, ["needs form_factor"]),
    ({"form_factor": "hel"}, ["form_factor", 'did you mean "helm"']),
    ({"neutron_radius_fm": {"Cs133": 5.0}}, ["neutron_radius_fm", "Cs133", "Ge74"]),
    ({"mass_kg": None}, ["needs mass_kg"]),
    ({"mass_kg": None, "mas_kg": 10.0}, ['mine]: no key "mas_kg"; did you mean "mass_kg"?']),
    ({"target": None, "traget": "Ge"}, ['mine]: no key "traget"; did you mean "target"?']),
    ({"statistic": None, "statistics": "poisson"}, ['did you mean "statistic"?']),
    ({"nuisances": None, "nuisance": "a"}, ['did you mean "nuisances"?']),
    (
        {"nuisances": [{"name": "a", "acts_on": ["cevns"], "widht": 0.1}]},
        ["nuisances 1]", 'did you mean "width"'],
    ),
    (
        {"source.distance_m": None, "source.distnace_m": 3.0},
        ['mine.source]: no key "distnace_m"; did you mean "distance_m"?'],
    ),
    (
        {"response.quenching": None, "response.quenchin": "perfect"},
        ['mine.response]: no key "quenchin"; did you mean "quenching"?'],
    ),
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
    (
        {},
        {"bins.csv": BINS.replace("20,15", "20,-15")},
        ["mine]: bins: ", "bins.csv: line 4: observed", "not negative", "Poisson"],
    ),
    (
        {},
        {"bins.csv": BINS.replace("15,7", "15,-7")},
        ["bins.csv: line 4: flat", "not negative", "Poisson"],
    ),
    ({}, {"bins.csv": BINS.replace("x_kev_low", "x_kev")}, ["bins.csv", "NAME_low, NAME_high"]),
    ({}, {"bins.csv": BINS.replace("flat", "observed")}, ["bins.csv", "columns must be"]),
    ({}, {"bins.csv": BINS.replace(",", ";")}, ["bins.csv", "columns must be"]),
    ({}, {"bins.csv": lines(HEAD)}, ["bins.csv", "no rows"]),
    ({}, {"bins.csv": ""}, ["bins.csv", "NAME_low, NAME_high", "found nothing"]),
    ({}, {"bins.csv": bytes(range(256))}, ["bins.csv", "not a text file", "CSV"]),
    ({"bins": "nothing.csv"}, {}, ["mine]: bins: ", "nothing.csv: cannot be read"]),
    ({}, {"bins.csv": lines(HEAD, "1e3,2e3,3,3")}, ["no recoil", "reaches a bin"]),
    ({}, {"bins.csv": TWO_AXES}, ["bins.csv", "x_kev, angle", "table of the response"]),
    (READY_IN, {}, ["mine.response]: table: ", "response.csv: cannot be read"]),
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
    ({"source": SOURCE}, {}, ["mine.source]: flux: ", "flux.csv: cannot be read"]),
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
