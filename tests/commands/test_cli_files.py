"""Files of the command line: what they replace, and that they are saved before it is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.cli import main
from cevns_jax.commands import common, output
from cevns_jax.config.analysis import read_analysis
from cevns_jax.errors import ConfigError
from cevns_jax.results import Result, load, told
from cevns_jax.results.prediction import events_blocks
from cevns_jax.results.provenance import provenance

CONFIG = str(Path(__file__).parents[2] / "configs" / "coherent_csi_2021.toml")
OTHER = ["--set", "interaction.couplings=radiative_2023"]


def test_a_result_of_other_settings_is_replaced_only_where_asked(tmp_path, capsys):
    predict = ["predict", CONFIG, "--output", str(tmp_path)]
    assert main(predict) == 0
    path = tmp_path / "coherent_csi_2021_prediction.json"
    before = path.read_bytes()
    assert main(predict) == 0
    assert main([*predict, *OTHER]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "interaction.couplings was tree and is radiative_2023" in err
    assert "--overwrite" in err
    assert json.loads(path.read_text())["provenance"]["overrides"] == []
    assert main([*predict, *OTHER, "--overwrite"]) == 0
    assert json.loads(path.read_text())["provenance"]["overrides"] == OTHER[1:]
    assert len(before) > 100


def test_another_config_of_the_same_name_does_not_replace_a_result(tmp_path, capsys):
    text = Path(CONFIG).read_text()
    for folder, config in (("one", text), ("two", text + "\n[parameters.sin2_theta_w]\nstart=0.2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.toml").write_text(config)
    status = [
        main(["predict", str(tmp_path / folder / "same.toml"), "--output", str(tmp_path / "out")])
        for folder in ("one", "one", "two")
    ]
    assert status == [0, 0, 2]
    assert "parameters.sin2_theta_w was not set" in capsys.readouterr().err


def test_text_about_pseudo_data_says_what_they_are():
    group = {
        "observed": (("x",), np.array([3.0, 4.0])),
        "expected": (("component", "x"), np.array([[2.0, 5.0]])),
        "component": (("component",), np.array(["cevns"])),
        "x_edges": (("x_edge",), np.arange(3.0)),
    }
    for kind, seed, words in (
        ("observed", None, ""),
        ("asimov", None, "Asimov data"),
        ("toy", 7, "toy data, seed 7"),
        ("toy_fixed_pulls", 0, "toy data, seed 0, pulls at their start"),
    ):
        record = {"data_set": kind, "seed": seed}
        assert told.data_set(record) == words
        attributes = {"provenance": record, "titles": {"csi": "A"}, "counted": {"csi": "events"}}
        assert told.title_of(attributes) == (f"A ({words})" if words else "A")
        result = Result(kind="fit", attributes=attributes, variables={}, groups={"csi": group})
        (block,) = events_blocks(result, "here")
        assert block.title == f"csi: events here; 7 {f'in {words}' if words else 'observed'}"


def test_pseudo_data_made_in_python_say_what_they_are():
    like = read_analysis(CONFIG).likelihood
    for made, kind in (
        (like, "observed"),
        (cj.asimov(like), "asimov"),
        (cj.toy(like, 3), "toy"),
        (cj.toy(like, 3, ensemble="fixed_pulls"), "toy_fixed_pulls"),
    ):
        assert provenance(made)["data_set"] == kind


def test_a_fit_is_saved_before_it_is_printed(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "print_lines", lambda *_: 1 / 0)
    monkeypatch.delenv("CEVNS_TRACEBACK", raising=False)
    assert main(["fit", CONFIG, "--output", str(tmp_path)]) == 1
    assert load(tmp_path / "coherent_csi_2021_fit.nc").attributes["converged"]


def test_two_results_are_not_drawn_in_one_file(tmp_path, capsys):
    path = tmp_path / "a_fit.nc"
    groups = {"csi": {"observed": (("x",), np.zeros(2))}}
    attributes = {"provenance": {}, "titles": {"csi": "CsI"}}
    Result(kind="fit", attributes=attributes, variables={}, groups=groups).save(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cevns_jax.plotting.needs.check_drawable", lambda *_: None)
        assert main(["plot", str(path), str(path)]) == 2
    assert "a_spectra would be drawn from two results" in capsys.readouterr().err


def test_a_title_that_the_terminal_cannot_show_is_escaped():
    command = [sys.executable, "-m", "cevns_jax.cli", "predict", CONFIG, "--set", 'title="χ²"']
    env = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, env=env)
    assert done.returncode == 0
    assert done.stdout.startswith(b"Prediction: \\u03c7")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_output_that_nobody_can_take_is_status_2_and_output_that_nobody_reads_is_none(monkeypatch):
    with open("/dev/full", "w") as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        with pytest.raises(ConfigError, match=r"standard output: cannot be written \(No space"):
            common.print_lines("text")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", pipe)
        common.print_lines("text")


@pytest.mark.parametrize("name", ["fit.nc", "spectra.png"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_the_fit(
    tmp_path, capsys, monkeypatch, name
):
    monkeypatch.setattr("cevns_jax.inference.fit.fit", lambda *_: pytest.fail("computed"))
    (tmp_path / f"coherent_csi_2021_{name}").mkdir()
    assert main(["fit", CONFIG, "--output", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert f"coherent_csi_2021_{name}: is a folder" in err
    assert err.count("\n") == 1


def test_a_writing_process_that_ends_early_is_no_success(tmp_path):
    def end_early():
        with output.Writer() as writer:
            writer._worker.kill()
            writer._worker.wait()
            writer.submit(output.save_result, None, tmp_path / "a.nc")

    with pytest.raises(RuntimeError, match="ended early"):
        end_early()
