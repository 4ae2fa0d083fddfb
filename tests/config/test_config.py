"""Configs: what they build, and that nothing wrong gets past them."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cevns_jax.config.analysis import read_analysis
from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import KleinNystrand
from configs import BASE, changed, write


def test_a_config_becomes_what_it_says(tmp_path):
    analysis = read_analysis(write(tmp_path, BASE))
    assert analysis.title == "test"
    assert analysis.likelihood.names[0] == "sin2_theta_w"
    assert analysis.likelihood.start[0] == 0.23
    grid = analysis.profile.grid
    assert (grid[0], grid[-1], len(grid)) == (0.1, 0.3, 11)
    target = analysis.likelihood.experiments[0].parts["cevns"].kernel.target
    np.testing.assert_allclose(target.neutron_radius, [5.0, 4.94])  # I-127 keeps its default


def test_overrides_replace_values_and_are_recorded(tmp_path):
    path = write(tmp_path, BASE)
    overrides = [
        "interaction.couplings=radiative_2023",
        "experiments.coherent_csi_2021.mass_kg=7.3",
        'experiments.coherent_csi_2021.form_factor={model="klein_nystrand", range_fm=0.6}',
    ]
    analysis = read_analysis(path, overrides)
    assert analysis.likelihood.interaction.couplings.name == "radiative_2023"
    assert analysis.record["overrides"] == overrides
    assert analysis.record["settings"]["interaction"]["couplings"] == "radiative_2023"
    target = analysis.likelihood.experiments[0].parts["cevns"].kernel.target
    assert target.form_factor == KleinNystrand(range=0.6)


def test_nuisances_priors_and_held_parameters_are_data(tmp_path):
    content = changed(
        "experiments.coherent_csi_2021.nuisances",
        [
            {"name": "sns_flux", "acts_on": ["cevns"], "width": 0.1, "shared": True},
            {"name": "brn", "acts_on": ["brn", "nin"], "width": 0.2, "form": "exponential"},
        ],
    )
    content["parameters"] = {
        "sin2_theta_w": {"start": 0.24, "prior_width": 0.01},
        "coherent_csi_2021_brn": {"fixed": True, "start": 1.0},
    }
    like = read_analysis(write(tmp_path, content)).likelihood
    assert like.names == ("sin2_theta_w", "sns_flux")
    mean, precision = like.prior_mean_and_precision
    np.testing.assert_allclose(mean, [0.24, 0.0])
    np.testing.assert_allclose(precision, [1e4, 1.0])
    parts = like.components(like.values())["coherent_csi_2021"]
    assert float(parts["nin"].sum()) == pytest.approx(5.6 * np.exp(0.2), rel=1e-6)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("experiments.coherent_csi_2021.mass_kgg", 3.0, ["mass_kgg", 'did you mean "mass_kg"']),
        ("experiments.coherent_csi_2021.mass_kg", -3.0, ["mass_kg", "positive", "-3"]),
        ("experiments.coherent_csi_2021.mass_kg", "heavy", ["mass_kg", "number", "string"]),
        ("experiments.coherent_csi_2021.mass_kg", True, ["mass_kg", "number"]),
        ("experiments.coherent_csi_2021.protons_on_target", float("nan"), ["protons", "finite"]),
        ("experiments.coherent_csi_2021.distance_m", 0, ["distance_m", "positive"]),
        ("experiments.coherent_csi_2021.nuisances", "atzori", ["preset", "atzori_corona_2023"]),
        ("experiments.coherent_csi_2021.form_factor", "helmm", ["form_factor", '"helm"']),
        ("experiments.coherent_csi_2021.neutron_radius_fm", {"Cs132": 5.0}, ["Cs132", "Cs133"]),
        ("experiments.coherent_csi_2021.neutron_radius_fm", {"Cs133": -5.0}, ["Cs133", "positive"]),
        ("experiments.coherent_csi_2021.proton_radius_fm", {"Cs133": 0.5}, ["Cs133", "above 1.56"]),
        ("experiments.coherent_csi_2021.proton_radius_fm", "lewin", ["proton_radius_fm", "lewin"]),
        ("experiments.coherent_csi_2021.exposure_scale", 0, ["exposure_scale", "positive"]),
        ("experiments.coherent_csi_2021.counts", "missing.csv", ["missing.csv", "read"]),
        ("experiments.coherent_csi_2012", {}, ["experiment", "coherent_csi_2021"]),
        ("experiments.coherent_csi_2017", {"quenching": "chicago"}, ["quenching", "constant"]),
        ("experiments", {}, ["at least one experiment", "coherent_csi_2021"]),
        ("experiments", 5, ["experiments", "table", "number"]),
        ("experiments.coherent_csi_2021.mass_kg", 10**400, ["mass_kg", "finite"]),
        (
            "experiments.coherent_csi_2021.distance_m",
            1e-200,
            ["distance_m", "between 0.1 and 1000"],
        ),
        (
            "experiments.coherent_csi_2021.distance_m",
            1e200,
            ["distance_m", "not cm"],
        ),
        ("experiments.coherent_csi_2021.neutron_radius_fm", {"I127": 20}, ["I127", "up to 10 fm"]),
        ("experiments.coherent_csi_2021.nuisances", "", ["nuisances", "empty"]),
        ("interaction.couplings", "", ["couplings", "empty"]),
        ("profile.points", 10**9, ["points", "1000000"]),
        ("interaction.name", "standart_model", ["standard_model"]),
        ("interaction.couplings", "three", ["couplings", "tree"]),
        ("interaction.axial", "yes", ["axial", "true or false"]),
        ("fit.free", ["sin2_theta"], ["parameter", "sin2_theta_w"]),
        ("fit.free", "sin2_theta_w", ["free", "list of strings"]),
        ("fit.starts", [{"n_sigma": 1.0}], ["start 1", "n_sigma"]),
        ("parameters.sin2_theta", {}, ["sin2_theta_w"]),
        ("parameters.sin2_theta_w", {"start": 12.0}, ["start", "between -1 and 2"]),
        ("parameters.sin2_theta_w", {"prior_mean": 0.2}, ["prior_width"]),
        ("profile.min", 0.4, ["min", "max"]),
        ("profile.points", 2.5, ["points", "whole number"]),
        ("profile.max", 1e9, ["domain"]),
        ("profil", {}, ["profil", 'did you mean "profile"']),
    ],
)
def test_a_wrong_value_is_one_sentence_with_file_key_and_what_is_allowed(
    tmp_path, path, value, words
):
    config = write(tmp_path, changed(path, value))
    with pytest.raises(ConfigError) as caught:
        read_analysis(config)
    text = str(caught.value)
    assert "config.toml" in text
    assert "\n" not in text
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    "nuisance",
    [
        {"name": "sin2_theta_w", "acts_on": ["cevns"], "width": 0.1, "shared": True},
        {"name": "n_sigma", "acts_on": ["cevns"], "width": 0.1, "shared": True},
        {"name": "late", "acts_on": ["timing_ns"], "width": 10.0, "form": "exponential"},
    ],
)
def test_nuisances_that_would_act_twice_or_otherwise_than_declared_are_refused(tmp_path, nuisance):
    content = changed("experiments.coherent_csi_2021.nuisances", [nuisance])
    with pytest.raises(ConfigError, match=r"sin2_theta_w|n_sigma|linear"):
        read_analysis(write(tmp_path, content))


@pytest.mark.parametrize("nuisance", [{"name": "a b"}, {"width": 0.1}, {"name": "a", "width": -1}])
def test_incomplete_nuisances_are_refused(tmp_path, nuisance):
    content = changed("experiments.coherent_csi_2021.nuisances", [{"acts_on": ["brn"], **nuisance}])
    with pytest.raises(ConfigError, match=r"config\.toml.*nuisances 1"):
        read_analysis(write(tmp_path, content))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"this is no TOML", "not TOML"),
        (bytes(range(256)), "not a text file"),
        (b"", "experiment"),
        (b"a = " + b"[" * 5000, "not TOML"),
        (b"a = 1" + b"0" * 6000, "not TOML"),
    ],
)
def test_files_that_are_no_config_are_refused(tmp_path, data, words):
    path = tmp_path / "config.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=rf"config\.toml.*{words}"):
        read_analysis(path)


def test_missing_files_folders_and_bad_overrides_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_analysis(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_analysis(tmp_path)
    for override in ("mass", "=3", "title.x=3", "a..b=1", "fit.free=[]\nother=3"):
        with pytest.raises(ConfigError, match="--set"):
            read_analysis(write(tmp_path, BASE), [override])


HEADER = "pe_low,pe_high,time_low_us,time_high_us,coincidence,anticoincidence\n"
GOOD = HEADER + "0,20,0,1,30,20\n0,20,1,6,50,60\n20,60,0,1,20,20\n20,60,1,6,90,100\n"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (GOOD.replace("0,20,1,6", "0,20,6,1"), "time_high_us must be above"),
        (GOOD.replace("20,60,0", "60,20,0"), "pe_high must be above"),
        (GOOD.replace("60", "70"), "within 0 to 60"),
        (GOOD.replace("30,20", "nan,20"), "finite"),
        (GOOD.replace("30,20", "-30,20"), "none negative"),
        (HEADER, "no rows"),
        (GOOD.replace("0,20,1,6,50,60\n", ""), "cells of one grid"),
        (GOOD.replace("coincidence", "events", 1), "columns must be"),
        (HEADER + "0,20,0,1,0,0\n0,20,1,6,0,0\n", "not all zero"),
    ],
)
def test_tables_of_counts_that_cannot_be_used_are_refused(tmp_path, table, words):
    (tmp_path / "mine.csv").write_text(table)
    content = changed("experiments.coherent_csi_2021.counts", "mine.csv")
    with pytest.raises(
        ConfigError, match=rf"config\.toml \[experiments\.coherent_csi_2021\]: .*mine\.csv.*{words}"
    ):
        read_analysis(write(tmp_path, content))


def test_an_own_table_of_counts_brings_its_bins(tmp_path):
    (tmp_path / "mine.csv").write_text(GOOD)
    content = changed("experiments.coherent_csi_2021.counts", "mine.csv")
    like = read_analysis(write(tmp_path, content)).likelihood
    parts = like.components(like.values())["coherent_csi_2021"]
    assert parts["cevns"].shape == (2, 2)
    full = read_analysis(write(tmp_path, BASE)).likelihood
    whole = full.components(full.values())["coherent_csi_2021"]
    for name in ("cevns", "brn", "nin", "steady_state"):
        assert float(parts[name].sum()) == pytest.approx(float(whole[name].sum()), rel=1e-9)


JUNK = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-5, 5),
        st.floats(allow_nan=True, width=32),
        st.text(string.ascii_letters + "_ .é", max_size=8),
    ),
    lambda part: (
        st.lists(part, max_size=2)
        | st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=6), part, max_size=2)
    ),
    max_leaves=4,
)
PLACES = st.sampled_from(
    [
        *("title", "interaction", "interaction.name", "interaction.couplings", "interaction.axial"),
        *("experiments", "experiments.coherent_csi_2021", "fit", "fit.free", "fit.starts"),
        *(f"experiments.coherent_csi_2021.{key}" for key in ("mass_kg", "nuisances", "counts")),
        *(f"experiments.coherent_csi_2021.{key}" for key in ("form_factor", "neutron_radius_fm")),
        *("parameters", "parameters.sin2_theta_w", "parameters.sin2_theta_w.start", "profile"),
        *("profile.parameter", "profile.min", "profile.points", "profile.new", "new", "fit.new"),
    ]
)


@settings(max_examples=150)
@given(place=PLACES, value=JUNK)
def test_any_config_is_understood_or_refused_in_one_sentence(tmp_path_factory, place, value):
    config = write(tmp_path_factory.mktemp("generated"), changed(place, value))
    refusal = None
    try:
        analysis = read_analysis(config)
    except ConfigError as error:
        refusal = str(error)
    if refusal is None:
        assert analysis.likelihood.names
    else:
        assert str(config) in refusal
        assert "\n" not in refusal
