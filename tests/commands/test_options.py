"""Options of the command line: variations of a config, limits, templates, early refusals."""

import argparse
import json
import re
import subprocess
import sys
from itertools import combinations, product
from pathlib import Path

import pytest

from cevns_jax.cli import COMMANDS, main
from cevns_jax.config.analysis import read_analysis
from cevns_jax.config.experiments import DATA_SETS
from cevns_jax.config.interaction import INTERACTIONS
from cevns_jax.config.names import OVERLAPS, PRESETS
from cevns_jax.config.strict_toml import read_toml
from cevns_jax.config.template import template
from cevns_jax.config.variations import vary

ROOT = Path(__file__).parents[2]
CSI = str(ROOT / "configs" / "coherent_csi_2021.toml")
VECTOR = str(ROOT / "configs" / "limits_vector_csi.toml")
PLANE = str(ROOT / "configs" / "fig3_vector_fef.toml")
FEW = ["--grid", "m_vector=1:100:2:log"]

pytestmark = pytest.mark.usefixtures("written_here")


def document(capsys, *arguments):
    status = main([*arguments, "--json"])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return json.loads(captured.out)


def refusal(capsys, *arguments):
    status = main(list(arguments))
    captured = capsys.readouterr()
    assert (status, captured.out, captured.err.count("\n")) == (2, "", 1)
    return captured.err


def test_limit_document_files_and_what_show_says_of_them(capsys, tmp_path):
    found = document(
        capsys, "limit", VECTOR, *FEW, "--output", str(tmp_path), "--format", "png,pdf"
    )
    light, heavy = found["limits"]
    assert light["held"] == {"m_vector": 1.0}
    assert light["allowed"] == [[0.0, pytest.approx(2.067e-5, rel=1e-3)]]
    assert light["ends"] == [["domain", "crossing"]]
    assert len(heavy["allowed"]) == 2
    suffixes = [Path(f).suffix for f in found["files"]]
    assert suffixes == [".nc", ".csv", ".png", ".pdf"]
    assert (tmp_path / "limits_vector_csi_limit.pdf").read_bytes().startswith(b"%PDF")
    shown = document(capsys, "show", found["files"][0])
    assert shown["limits"] == found["limits"]
    assert main(["show", found["files"][0]]) == 0
    text = capsys.readouterr().out
    assert "g_V < 2.07e-5" in text
    assert "Delta chi^2 < 2.71" in text
    assert "90 % CL" in text
    assert "conventions" not in text
    assert main(["show", found["files"][0], "--verbose"]) == 0
    assert "conventions" in capsys.readouterr().out
    assert document(capsys, "plot", found["files"][0], "--output", str(tmp_path / "again"))["files"]


def test_one_held_value_is_one_sentence(capsys, tmp_path):
    arguments = ["limit", VECTOR, "--grid", "m_vector=1:1:1", "--output", str(tmp_path)]
    assert main(arguments) == 0
    first = " ".join(capsys.readouterr().out.splitlines()[2:4])
    said = r"g_V < 2.07e-5 \(90 % CL, m_V = 1 MeV, sin\^2 theta_W = 0.23857; COHERENT CsI\[Na\].*"
    assert re.match(said + r"\(2021\); Delta chi\^2 < 2.71\)", first), first


def test_axes_of_a_scan_are_held_values_of_a_limit(capsys, tmp_path):
    more = [
        "--set",
        "scan.axes=[{parameter='m_vector',min=1,max=10,points=2},{parameter='g_vector',min=1e-7,max=1e-3,points=9}]",
    ]
    found = document(capsys, "limit", PLANE, *more, "--output", str(tmp_path), "--cl", "0.95")
    assert [entry["held"]["m_vector"] for entry in found["limits"]] == [1.0, 10.0]
    assert found["delta_chi2"] == 3.84
    assert found["provenance"]["settings"]["limit"]["confidence_level"] == 0.95
    assert found["provenance"]["options"] == ["--cl 0.95"]


def test_variations_are_in_the_settings_that_a_result_records(capsys, tmp_path):
    fit = ["fit", CSI, "--output", str(tmp_path), "--free", "n_sigma", "--fix", "sin2_theta_w=0.25"]
    found = document(capsys, *fit, "--name", "mine", "--title", "Mine")
    assert "n_sigma" in found["parameters"]
    assert "sin2_theta_w" not in found["parameters"]
    assert found["held"]["sin2_theta_w"] == 0.25
    settings = found["provenance"]["settings"]
    assert settings["fit"]["free"] == ["n_sigma"]
    assert settings["parameters"]["sin2_theta_w"] == {"start": 0.25, "fixed": True}
    assert settings["title"] == "Mine"
    assert [Path(f).name for f in found["files"]] == ["mine_fit.nc", "mine_spectra.png"]


def test_grids_and_levels_of_profiles_and_scans(capsys, tmp_path):
    grid = ["--grid", "sin2_theta_w=0.1:0.4:5", "--output", str(tmp_path)]
    found = document(capsys, "profile", CSI, *grid, "--cl", "0.9")
    assert found["grid"] == pytest.approx([0.1, 0.175, 0.25, 0.325, 0.4])
    assert [limit["delta_chi2"] for limit in found["limits"]] == [2.71]
    more = ["--grid", "n_sigma=0.5:1.5:3:log"]
    found = document(capsys, "scan", CSI, *grid, *more, "--cl", "0.9")
    assert found["parameters"] == ["sin2_theta_w", "n_sigma"]
    assert found["levels"] == [4.61]


@pytest.mark.parametrize("option", [["--fix", "m_vector=10"], ["--grid", "m_vector=10"]])
def test_one_mass_is_held_at_a_value(capsys, tmp_path, option):
    (row,) = document(capsys, "limit", VECTOR, *option, "--output", str(tmp_path))["limits"]
    assert row["held"] == {"m_vector": 10.0}
    assert row["allowed"][0] == pytest.approx([0.0, 2.12e-5], rel=3e-3)


def test_a_fixed_axis_of_a_scan_is_one_value_of_a_limit():
    options = argparse.Namespace(command="limit", fix=["m_vector=1"])
    held = vary(read_toml(Path(PLANE)), options)["limit"]["held"]
    assert held == {"m_vector": {"min": 1.0, "max": 1.0, "points": 1}}


def test_the_last_of_several_options_for_one_parameter_or_key_counts():
    first, last = "sin2_theta_w=0.1:0.4:5", "sin2_theta_w=0.2:0.3:3"
    for command, path in (("profile", CSI), ("scan", CSI), ("limit", PLANE)):
        both = argparse.Namespace(command=command, grid=[first, last])
        alone = argparse.Namespace(command=command, grid=[last])
        assert vary(read_toml(Path(path)), both) == vary(read_toml(Path(path)), alone)
    fixed = argparse.Namespace(command="fit", fix=["n_sigma=2", "n_sigma=0.5"])
    assert vary(read_toml(Path(CSI)), fixed)["parameters"]["n_sigma"]["start"] == 0.5
    content = read_toml(Path(CSI), ["profile.points=5", "profile.points=7"])
    assert content["profile"]["points"] == 7


def test_without_a_table_the_first_free_parameter_is_limited(capsys, tmp_path):
    found = document(capsys, "limit", CSI, "--cl", "0.95", "--output", str(tmp_path))
    assert found["parameter"] == "sin2_theta_w"
    (row,) = found["limits"]
    assert row["allowed"][0] == pytest.approx([0.185, 0.287], abs=6e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["limti", CSI], 'did you mean "limit"'),
        (["limit", VECTOR, "--fix", "g_vector=1e-5"], "it is what limit looks at"),
        (["limit", VECTOR, "--free", "m_vector"], "the limit has a grid of it"),
        (["profile", CSI, "--fix", "sin2_theta_w=0.2"], "it is what profile looks at"),
        (["profile", VECTOR], "try cevns limit"),
        (["profile", PLANE], "try cevns scan"),
        (["scan", CSI], "try cevns profile"),
        (["scan", VECTOR], "try cevns limit"),
        (["fit", CSI, "--name", "a/b"], "without folders"),
        (["fit", CSI, "--name", ".."], "without folders"),
        (["limit", CSI, "--name", "n" * 300], "of 150 bytes at most"),
        (["init", "--name", "two\nlines"], "printable name"),
        (["fit", CSI, "--title", "red \x1b[31m"], 'printable text, not "red \\x1b['),
        (["profile", CSI, "--title", "two\nlines"], "--title must be printable"),
        (["show", str(ROOT)], f"{ROOT}: is a folder; expected a result (.nc)"),
        (["fit", CSI, "--fix", "sin2_theta_w"], "NAME=VALUE"),
        (["fit", CSI, "--fix", "sin2_theta_w=nan"], "not a finite number"),
        (["fit", CSI, "--free", "sin2_theta"], 'did you mean "sin2_theta_w"'),
        (["profile", CSI, "--grid", "sin2_theta_w=1:2"], "NAME=LOW:HIGH:POINTS"),
        (["profile", CSI, "--grid", "a=1:2:3", "--grid", "b=1:2:3"], "one parameter"),
        (["scan", CSI, "--grid", "n_sigma=1:2:x"], "POINTS"),
        (["limit", VECTOR, "--cl", "90"], "0.9 is 90 %"),
        (["limit", VECTOR, "--grid", "g_vector=1e-5:1e-4:3"], "cannot be held"),
        (["limit", VECTOR, "--set", "limit.held.m_vector.step=1"], 'no key "step"'),
        (["limit", VECTOR, "--set", "limit.max=11"], "the domain of g_vector"),
        (["fit", CSI, "--format", "gif"], "no format"),
        (["fit", CSI, "--name", "a/b"], "--name"),
        (["init", "coherent_csi"], "no data set"),
        (["init", "--interaction", "light_vektor"], 'did you mean "light_vector"'),
        (["fit", CSI, "--nothing"], "--nothing"),
        (["fit", CSI, "--seed", "1"], "--seed goes with --data toy or toy_fixed_pulls"),
        (["plot", "x.nc", "--overwrite"], "--overwrite"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in refusal(capsys, *arguments)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_slip_in_a_config_is_said_before_jax_is_imported(tmp_path):
    path = tmp_path / "slip.toml"
    code = (
        "import sys\nfrom cevns_jax.cli import main\n"
        "status = main(['fit', sys.argv[1]])\n"
        "sys.exit(9 if 'jax' in sys.modules or 'numpy' in sys.modules else status)"
    )
    for text in (
        Path(CSI).read_text().replace("nuisances", "nuisance"),
        Path(CSI).read_text().replace("[fit]", "[fits]"),
        Path(CSI).read_text().replace("[experiments.coherent_csi_2021]", "[experiments.coherent]"),
    ):
        path.write_text(text)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True
        )
        assert done.returncode == 2, done.stderr
        assert "did you mean" in done.stderr


@pytest.mark.parametrize("interaction", [None, *INTERACTIONS])
def test_a_template_is_a_config_that_is_understood(capsys, tmp_path, interaction):
    chosen = [] if interaction is None else ["--interaction", interaction]
    data = ["coherent_csi_2021", "coherent_lar_2020"] if interaction == "light_vector" else []
    found = document(capsys, "init", *data, *chosen, "--output", str(tmp_path))
    analysis = read_analysis(found["files"][0])
    if interaction is None:
        assert analysis.profile.parameter == "sin2_theta_w"
        assert analysis.likelihood.free == ("sin2_theta_w",)
    else:
        assert analysis.limit.confidence_level == 0.9
        assert analysis.limit.parameter in analysis.likelihood.parameters
    assert "is there already" in refusal(capsys, "init", *data, *chosen, "--output", str(tmp_path))


@pytest.mark.parametrize("pair", [*combinations(DATA_SETS, 2)], ids="-".join)
def test_a_template_of_two_data_sets_is_understood_or_refused(capsys, tmp_path, pair):
    init = ["init", *pair, "--output", str(tmp_path)]
    if pair in OVERLAPS:
        said = f"cevns: init: {pair[0]} and {pair[1]} have events in common, which would count"
        assert refusal(capsys, *init).startswith(said)
        assert [*tmp_path.iterdir()] == []
        return
    found = document(capsys, *init)
    assert [e.name for e in read_analysis(found["files"][0]).likelihood.experiments] == [*pair]


@pytest.mark.parametrize("csi", ["coherent_csi_2017", "coherent_csi_2021"])
def test_a_template_offers_nuisances_that_go_together_and_no_others(tmp_path, csi):
    """Each that a comment offers, beside each of the other data set."""
    offered = {}
    for name in (csi, "coherent_lar_2020", "dresden_ii"):
        text = template([csi, "coherent_lar_2020", "dresden_ii"], None)
        table = text.partition(f"[experiments.{name}]\n")[2]
        chosen, others = re.match(r'nuisances = "(\w+)" *# or (.*)\n', table).groups()
        offered[name] = [chosen, *others.split(", ")]
    path = tmp_path / "offered.toml"
    for presets in product(*offered.values()):
        tables = [
            f'[experiments.{name}]\nnuisances = "{preset}"\n'
            for name, preset in zip(offered, presets, strict=True)
        ]
        path.write_text("".join(tables))
        assert len(read_analysis(path).likelihood.experiments) == 3
    alone = template([csi], None)
    assert all(preset in alone for preset in PRESETS[csi])


@pytest.mark.parametrize("name", [*DATA_SETS])
def test_every_data_set_has_a_template(capsys, tmp_path, name):
    found = document(capsys, "init", name, "--output", str(tmp_path))
    (experiment,) = read_analysis(found["files"][0]).likelihood.experiments
    assert experiment.name == name


def test_every_command_is_a_file_and_explains_itself(capsys):
    assert len({command.NAME for command in COMMANDS}) == len(COMMANDS)
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([command.NAME, "--help"])
        assert ended.value.code == 0
        assert command.TEXT.split(".")[0][:20] in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--version"])
    assert re.match(r"cevns_jax \d+\.\d+\.\d+", capsys.readouterr().out)


def test_a_prediction_draws_spectra_and_the_standard_model_alone(capsys, tmp_path):
    more = ["--set", "parameters.g_vector.start=1e-5", "--output", str(tmp_path)]
    found = document(capsys, "predict", PLANE, *more)
    assert [Path(f).suffix for f in found["files"]] == [".json", ".nc", ".png"]
    from cevns_jax.results import load

    group = load(found["files"][1]).groups["dresden_ii"]
    with_vector, alone = (group[k][1][0].sum() for k in ("expected", "without_new_physics"))
    assert with_vector < 0.7 * alone  # destructive
    assert group["spectrum"][1].shape == (1, 5, len(group["recoil_energy_kev"][1]))


def test_pulls_go_with_fits(capsys, tmp_path):
    fitted = document(capsys, "fit", CSI, "--output", str(tmp_path))
    found = document(capsys, "plot", fitted["files"][0], "--pulls")
    assert [Path(f).name for f in found["files"]] == ["coherent_csi_2021_pulls.png"]
    limits = document(capsys, "limit", VECTOR, *FEW, "--output", str(tmp_path))
    assert "--pulls goes with fits" in refusal(capsys, "plot", limits["files"][0], "--pulls")
