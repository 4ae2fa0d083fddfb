"""Names of results, and results that are not replaced by others."""

import json

import numpy as np
import pytest

from cevns_jax.commands.saving import (
    figures,
    posterior_figures,
    refuse_to_replace,
    stem,
    unsuffixed,
)
from cevns_jax.errors import ConfigError
from cevns_jax.results import Result

RECORD = {
    "config": "a.toml",
    "settings": {
        "title": "A",
        "interaction": {"couplings": "tree"},
        "experiments": {"coherent_csi_2021": {}},
        "profile": {"points": 9},
    },
    "overrides": [],
    "data_set": "observed",
    "seed": None,
    "inputs": {},
}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"data_set": "observed", "seed": None}, "a"),
        ({"data_set": "asimov", "seed": None}, "a_asimov"),
        ({"data_set": "toy", "seed": 7}, "a_toy7"),
        ({"data_set": "toy", "seed": 0}, "a_toy0"),
        ({"data_set": "toy_fixed_pulls", "seed": 7}, "a_toy_fixed_pulls7"),
    ],
)
def test_names_say_what_the_data_are(data, name):
    assert stem("a", data) == name


def test_figures_are_named_after_the_run_and_of_several_experiments_after_each():
    assert figures("a_toy7", "fit", ["one"]) == {"one": "a_toy7_spectra"}
    assert figures(unsuffixed("a_fit_fit", "fit"), "fit", ["one", "two"]) == {
        "one": "a_fit_spectra_one",
        "two": "a_fit_spectra_two",
    }
    assert figures(unsuffixed("renamed", "prediction"), "prediction", ["one"]) == {
        "one": "renamed_prediction"
    }


def test_figures_of_posteriors_depend_on_whether_there_are_chains():
    assert posterior_figures("a", "nuts", ["one"]) == {
        "a_corner": ("corner",),
        "a_traces": ("traces",),
        "a_ranks": ("ranks",),
        "a_predictive": ("predictive", "one"),
    }
    assert list(posterior_figures("a", "tempered", ["one", "two"])) == [
        *("a_corner", "a_runs", "a_predictive_one", "a_predictive_two"),
    ]


def changed(**parts):
    return RECORD | {"settings": RECORD["settings"] | parts}


def save(path, kind, record):
    """A result as a command saves it; with long attributes, which HDF5 keeps elsewhere."""
    trap = '"provenance": {"settings": {}}'  # inside a text it is none
    attributes = {
        "message": trap + "x" * 100_000,
        "conventions": {"provenance": {"bins": "Poisson"}},
        "provenance": record,
    }
    if path.suffix == ".json":
        path.write_text(json.dumps(attributes, indent=1))
    else:
        variables = {"grid": (("grid",), np.linspace(0, 1, 50))}
        Result(kind=kind, attributes=attributes, variables=variables).save(path)


@pytest.mark.parametrize("name", ["a_profile.nc", "a_prediction.json"])
def test_the_same_settings_replace_a_result_and_others_do_not(tmp_path, name):
    path = tmp_path / name
    refuse_to_replace(path, "profile", RECORD)
    save(path, "profile", RECORD)
    refuse_to_replace(path, "profile", RECORD)
    refuse_to_replace(path, "profile", RECORD | {"overrides": ["profile.points=9"]})
    refuse_to_replace(path, "profile", changed(title="B"))
    for other, words in (
        (changed(interaction={"couplings": "radiative_2023"}), "couplings was tree and is"),
        (changed(profile={"points": 8}), "profile.points was 9 and is 8"),
        (changed(parameters={"brn": {"fixed": True}}), "brn was not set"),
        (RECORD | {"data_set": "asimov"}, "data_set was observed and is asimov"),
        (RECORD | {"inputs": {"bins.csv": {"sha256": "a"}}}, "inputs.bins.csv is new"),
    ):
        with pytest.raises(ConfigError, match=words) as error:
            refuse_to_replace(path, "profile", other)
        assert "--overwrite" in str(error.value)
        assert name in str(error.value)


def test_a_fit_does_not_depend_on_the_grid_of_a_profile(tmp_path):
    path, record = tmp_path / "a_fit.nc", changed(profile={"points": 8})
    save(path, "fit", RECORD)
    assert refuse_to_replace(path, "fit", record) is None
    with pytest.raises(ConfigError, match=r"profile\.points was 9 and is 8"):
        refuse_to_replace(path, "profile", record)


@pytest.mark.parametrize("content", [b"", b"text", b'{"provenance": {"a": 1}}', b'"provenance": {'])
def test_files_of_another_origin_are_not_replaced(tmp_path, content):
    path = tmp_path / "a_fit.nc"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not a result of this config"):
        refuse_to_replace(path, "fit", RECORD)
