"""Several sources, shapes, errors of templates and covariances of an own experiment in a config."""

import json

import numpy as np
import pytest
from own_configs import (
    BINS,
    EDGES,
    FLAT,
    FLUX,
    FLUX_NUISANCE,
    FORECAST,
    HEAD,
    MINE,
    OBSERVED,
    ROWS,
    SOURCE,
    TIMED,
    TIMES,
    TIMES_IN,
    in_python,
    nuisances,
    read_and_built,
    refused,
    run,
    write,
)

import cevns_jax as cj
from cevns_jax.config.analysis import read_analysis
from cevns_jax.experiments import Nuisance, morphed_template

BEAM = MINE["source"]
LINE = {
    "type": "line",
    "energy_mev": 20.0,
    "flavour": "nu_e",
    "flux_per_cm2_s": 1e6,
    "live_time_days": 30,
}
NO_FLUX = {"type": "table", "flux": "boron8.csv", "live_time_days": 30}
SOURCES = {"source": None, "sources": {"beam": BEAM, "solar": LINE}}
FLUXES = [
    {"name": "beam_flux", "acts_on": ["beam"], "width": 0.1},
    {"name": "solar_flux", "acts_on": ["solar"], "width": 0.2, "width_down": 0.1},
]
IN_PYTHON = {
    "beam": cj.sources.spallation_source(
        neutrinos_per_proton=0.08, protons_on_target=1e22, distance_m=20.0
    ),
    "solar": cj.sources.line_source(
        energy_mev=20.0, flavour="nu_e", flux_per_cm2_s=1e6, live_time_s=30 * 86400.0
    ),
}
TILT = {"name": "tilt", "acts_on": ["tilt"], "width": 1.0}
SHAPES = {"shapes": {"tilt": "flat"}, "nuisances": [FLUX_NUISANCE, TILT]}


def with_columns(names, *columns):
    """The table of bins with more columns."""
    cells = zip(ROWS, *columns, strict=True)
    rows = [",".join(map(str, row)) for row in cells]
    return "\n".join([f"{HEAD},{names}", *rows]) + "\n"


ONE_SIDED = with_columns("tilt_up", (6, 6, 6))
TWO_SIDED = with_columns("tilt_down,tilt_up", (4.5, 6, 7.5), (6, 6, 6))
SMEARED = with_columns("template_error", (2, 0, 3))
NO_ERROR = "x_kev_low,x_kev_high,observed,flat\n1,4,30,5\n4,8,-2,6\n8,20,15,7\n"
COVARIANCE = "bin_0,bin_1,bin_2\n16,6,2\n6,9,-3\n2,-3,25\n"
MATRIX = np.array([[16.0, 6, 2], [6, 9, -3], [2, -3, 25]])
CORRELATED = {"statistic": "gaussian", "covariance": "covariance.csv"}


def several_sources():
    given = [
        Nuisance(name="beam_flux", acts_on=("beam",), width=0.1),
        Nuisance(name="solar_flux", acts_on=("solar",), width=0.2, width_down=0.1),
    ]
    own = in_python(source=IN_PYTHON, nuisances=given)
    return SOURCES | {"nuisances": FLUXES}, {}, own


def a_source_with_a_name():
    changes = {"source": None, "sources": {"solar": LINE}, "backgrounds": ["cevns"]}
    given = [Nuisance(name="solar_flux", acts_on=("solar",), width=0.2, width_down=0.1)]
    own = in_python(
        source={"solar": IN_PYTHON["solar"]}, nuisances=given, backgrounds={"cevns": FLAT}
    )
    files = {"bins.csv": BINS.replace("flat", "cevns")}
    return changes | {"nuisances": FLUXES[1:]}, files, own


def a_shape(files, down):
    template = morphed_template(FLAT, {"tilt": (np.array([6.0, 6, 6]), down)})
    given = [*nuisances(), Nuisance(name="tilt", acts_on=("tilt",), width=1.0)]
    return SHAPES, files, in_python(backgrounds={"flat": template}, nuisances=given)


def a_shape_known_on_one_side():
    return a_shape({"bins.csv": ONE_SIDED}, None)


def a_shape_known_on_both_sides():
    return a_shape({"bins.csv": TWO_SIDED}, np.array([4.5, 6, 7.5]))


def template_errors():
    return {}, {"bins.csv": SMEARED}, in_python(template_errors=np.array([2.0, 0, 3]))


def a_covariance():
    files = {"bins.csv": NO_ERROR, "covariance.csv": COVARIANCE}
    own = in_python(covariance=MATRIX, observed=np.array([30.0, -2, 15]))
    return CORRELATED, files, own


def a_correlated_forecast_with_template_errors():
    text = FORECAST.replace("flat\n", "flat,template_error\n").replace(",5\n", ",5,1\n")
    text = text.replace(",6\n", ",6,0\n").replace(",7\n", ",7,2\n")
    files = {"bins.csv": text, "covariance.csv": COVARIANCE}
    own = in_python(covariance=MATRIX, observed=None, template_errors=np.array([1.0, 0, 2]))
    return CORRELATED | {"forecast": True}, files, own


@pytest.mark.parametrize(
    "case",
    [
        several_sources,
        a_source_with_a_name,
        a_shape_known_on_one_side,
        a_shape_known_on_both_sides,
        template_errors,
        a_covariance,
        a_correlated_forecast_with_template_errors,
    ],
)
def test_a_config_is_the_experiment_built_in_python(tmp_path, case):
    changes, files, own = case()
    like, built = read_and_built(tmp_path, changes, files, own)
    (read,) = like.experiments
    assert read.component_names == own.component_names
    for pull in (-1.0, 0.0, 0.7):
        values = {name: pull for name in read.pulls}
        here, there = (x.components(values)["mine"] for x in (like, built))
        for name, expected in there.items():
            np.testing.assert_allclose(here[name], expected, rtol=1e-12)
        if np.isfinite(own.observed).all():
            assert float(like.chi2(values)) == pytest.approx(float(built.chi2(values)), rel=1e-12)


def test_a_library_data_set_takes_two_widths(tmp_path):
    given = [{"name": "brn", "acts_on": ["brn"], "width": 0.3, "width_down": 0.2}]
    path = tmp_path / "csi.toml"
    path.write_text(
        "[[experiments.coherent_csi_2017.nuisances]]\n"
        + "\n".join(f"{k} = {json.dumps(v)}" for k, v in given[0].items())
    )
    like = read_analysis(path).likelihood
    name = "coherent_csi_2017"
    nominal, up, down = (
        float(like.components({f"{name}_brn": x})[name]["brn"].sum()) for x in (0.0, 1.0, -1.0)
    )
    assert (up / nominal, down / nominal) == (pytest.approx(1.3), pytest.approx(0.8))


def test_the_command_line_predicts_and_fits_two_sources_and_shows_them(capsys, tmp_path):
    out, config = tmp_path / "out", write(tmp_path, SOURCES | {"nuisances": FLUXES})
    status, text, err = run(capsys, "predict", config, "--json", "--output", out)
    assert (status, err) == (0, "")
    components = json.loads(text)["predictions"]["mine"]["components"]
    assert list(components) == ["beam", "solar", "flat"]
    assert min(components.values()) > 0.1
    status, text, err = run(capsys, "fit", config, "--data", "asimov", "--output", out)
    assert (status, err) == (0, "")
    status, text, err = run(capsys, "show", out / "config_prediction.nc", "--verbose")
    assert (status, err) == (0, "")
    for word in ("beam", "solar", "solar_flux +0.2 -0.1 linear", "Poisson"):
        assert word in text
    assert (out / "config_prediction.png").is_file()


@pytest.mark.parametrize(
    ("changes", "files", "words"),
    [
        ({"sources": {"solar": LINE}}, {}, ["mine]", "source and sources exclude each other"]),
        ({"source": None}, {}, ["mine.source]", "needs type"]),
        ({"source": None, "sources": {}}, {}, ["mine.sources]", "at least one source"]),
        ({"source": None, "sources": 3}, {}, ["mine.sources]", "must be a table"]),
        ({"source": None, "sources": {"8B": LINE}}, {}, ["mine.sources]", "identifier", '"8B"']),
        ({"source": None, "sources": {"for": LINE}}, {}, ["mine.sources]", "keyword", '"for"']),
        ({"source": None, "sources": {"observed": LINE}}, {}, ["mine.sources]", '"observed"']),
        ({"backgrounds": ["a b"]}, {}, ["mine]", "a background must be a", 'not "a b"']),
        ({"backgrounds": ["for"]}, {}, ["mine]", "a background must be a", 'not "for"']),
        (
            {"source": None, "sources": {"solar": NO_FLUX}, "nuisances": []},
            {},
            ["mine.sources.solar]: flux: ", "boron8.csv: cannot be read"],
        ),
        (
            {"source": None, "sources": {"solar": NO_FLUX}, "nuisances": []},
            {"boron8.csv": "energy_mev,nu_e\n1,1e3\n2,-1\n"},
            ["mine.sources.solar]: flux: ", "boron8.csv: line 3: nu_e", "not negative"],
        ),
        (
            {"source": None, "sources": {"flat": LINE}},
            {},
            ["mine]", "backgrounds must be", "none of flat", 'not "flat"'],
        ),
        (
            {"source": None, "sources": {"solar": LINE | {"energy_mev": -1}}},
            {},
            ["mine.sources.solar]", "energy_mev", "positive"],
        ),
        (SOURCES | {"n_sigma": ["solr"]}, {}, ["mine]", 'n_sigma "solr"', "solar", "beam, flat"]),
        ({"n_sigma": ["solar"]}, {}, ["mine]", 'n_sigma "solar"', "allowed: cevns, flat"]),
        ({"n_sigma": []}, {}, ["mine]", "n_sigma must name a component", "cevns, flat"]),
        ({"n_sigma": "cevns"}, {}, ["mine]", "n_sigma must be a list of strings"]),
        ({"n_sigma": [1]}, {}, ["n_sigma must be", "not a list that holds a number"]),
        (SOURCES, {}, ['no component or effect "cevns"', "beam, flat, neutron_radius, solar"]),
        (
            SOURCES | TIMES_IN | {"nuisances": FLUXES},
            {"bins.csv": TIMED, "times.csv": TIMES},
            ["mine: solar: arrival times must be given for nu_e, not for nu_e, nu_mu"],
        ),
        (
            {"source": None, "sources": {"neutron_radius": LINE}, "nuisances": []},
            {},
            ['cannot be called "neutron_radius"'],
        ),
        (SHAPES | {"shapes": {"tilt": "steady"}}, {}, ["mine.shapes]", "background", "flat"]),
        (SHAPES | {"shapes": {"tilt": 3}}, {}, ["mine.shapes]", "tilt must be a string"]),
        (SHAPES | {"shapes": {"a b": "flat"}}, {}, ["mine.shapes]", "identifiers", '"a b"']),
        (SHAPES | {"shapes": {"cevns": "flat"}}, {}, ["mine.shapes]", 'not "cevns"']),
        (SHAPES | {"shapes": {"flat": "flat"}}, {}, ["mine.shapes]", 'not "flat"']),
        (SHAPES | {"shapes": 3}, {}, ["mine.shapes]", "must be a table"]),
        (
            SHAPES | {"backgrounds": ["flat", "tilt_up"]},
            {},
            ["mine.shapes]", "tilt_up", "is a background"],
        ),
        ({"shapes": {"tilt": "flat"}}, {}, ["mine.shapes]", "no nuisance", "tilt"]),
        (SHAPES, {}, ["bins.csv", "columns must be", "tilt_up", "may be tilt_down"]),
        (
            SHAPES,
            {"bins.csv": with_columns("tilt_down", (4, 6, 7))},
            ["bins.csv", "columns must be"],
        ),
        (
            SHAPES,
            {"bins.csv": with_columns("tilt_up", (6, -6, 6))},
            ["line 3", "tilt_up"],
        ),
        (SHAPES, {"bins.csv": with_columns("tilt_up", (0, 0, 0))}, ["template tilt", "all zero"]),
        ({}, {"bins.csv": ONE_SIDED}, ["bins.csv", "columns must be"]),
        (
            {"nuisances": [FLUX_NUISANCE, TILT | {"form": "gamma"}], "shapes": {"tilt": "flat"}},
            {"bins.csv": ONE_SIDED},
            ['no form "gamma"', "linear"],
        ),
        (
            {"nuisances": [FLUX_NUISANCE | {"width_down": -0.1}]},
            {},
            ["nuisances 1]", "width_down must be positive"],
        ),
        (
            {"nuisances": [FLUX_NUISANCE | {"width_down": 0.9}]},
            {},
            ["width and width_down must be within a factor of 6.76"],
        ),
        (
            {"nuisances": [FLUX_NUISANCE | {"width_up": 0.9}]},
            {},
            ["nuisances 1]", '"width_up"', "width_down"],
        ),
        (
            {},
            {"bins.csv": with_columns("template_error", (1, -1, 1))},
            ["template_error"],
        ),
        (
            {"backgrounds": ["template_error"]},
            {"bins.csv": SMEARED},
            ["a background cannot be called", "template_error"],
        ),
        ({"covariance": "c.csv"}, {}, ["mine]", 'covariance needs statistic = "gaussian"']),
        (CORRELATED | {"covariance": 3}, {}, ["covariance must be a string"]),
        (CORRELATED, {}, ["mine]: covariance: ", "covariance.csv: cannot be read"]),
        (CORRELATED, {"covariance.csv": COVARIANCE[17:]}, ["covariance.csv", "bin_0 to bin_2"]),
        (
            CORRELATED,
            {"covariance.csv": COVARIANCE.replace("bin_0,bin_1", "bin_1,bin_0")},
            ["covariance.csv", "columns must be bin_0 to bin_2"],
        ),
        (
            CORRELATED,
            {"covariance.csv": COVARIANCE + "1,2,3\n"},
            ["covariance.csv", "must have 3 rows", "not 4"],
        ),
        (
            CORRELATED,
            {"covariance.csv": COVARIANCE.replace("16,6", "16,7")},
            ["covariance.csv: covariance must be symmetric", "bins 0 and 1"],
        ),
        (
            CORRELATED,
            {"covariance.csv": COVARIANCE.replace("16,", "1,")},
            ["covariance.csv: covariance must be positive definite"],
        ),
        (
            CORRELATED,
            {"covariance.csv": COVARIANCE.replace("16,", "1e40,")},
            ["covariance.csv", "line 2", "bin_0 must lie between"],
        ),
        (
            CORRELATED,
            {"covariance.csv": COVARIANCE.replace("16,", "-16,")},
            ["covariance.csv: covariance", "positive diagonal"],
        ),
        (
            CORRELATED,
            {
                "covariance.csv": COVARIANCE,
                "bins.csv": "x_kev_low,x_kev_high,observed,error,flat\n1,20,30,4,5\n",
            },
            ["bins.csv", "columns must be"],
        ),
        (
            {"source": SOURCE, "covariance": "c.csv", "statistic": "poisson"},
            {"flux.csv": FLUX},
            ["covariance needs"],
        ),
    ],
)
def test_what_is_not_understood_is_status_2_and_one_sentence(
    capsys, tmp_path, changes, files, words
):
    refused(capsys, write(tmp_path, changes, files), words)


def test_data_and_bins_are_those_of_the_table(tmp_path):
    like = read_analysis(write(tmp_path, *template_errors()[:2])).likelihood
    np.testing.assert_array_equal(like.experiments[0].observed, OBSERVED)
    np.testing.assert_array_equal(like.experiments[0].edges[0], EDGES)


def test_n_sigma_scales_the_components_that_it_names(tmp_path):
    changes = SOURCES | {"nuisances": [], "n_sigma": ["solar", "flat"]}
    (experiment,) = read_analysis(write(tmp_path, changes)).likelihood.experiments
    (scale,) = experiment.scales
    assert scale.parameter.name == "n_sigma"
    assert scale.acts_on == ("solar", "flat")
