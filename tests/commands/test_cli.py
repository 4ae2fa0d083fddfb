"""The command line: JSON documents, files, exit statuses, and what it says when it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cevns_jax import cli, results
from cevns_jax.commands import analysis

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "configs" / "coherent_csi_2021.toml")
SMALL = ["--set", "profile.points=9"]


def run(capsys, *arguments):
    status = cli.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def document(capsys, *arguments):
    status, out, err = run(capsys, *arguments, "--json")
    assert status == 0, err
    assert err == ""
    return json.loads(out)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """One fit with its files: the document and the folder."""
    folder = tmp_path_factory.mktemp("fit")
    done = subprocess.run(
        [sys.executable, "-m", "cevns_jax.cli", "fit", CONFIG, "--json", "--output", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return json.loads(done.stdout), folder


def test_fit_document_has_the_promised_keys(fitted):
    found, _ = fitted
    angle = found["parameters"]["sin2_theta_w"]
    assert set(angle) == {"value", "error", "error_low", "error_high"}
    assert all(
        number > 0 for p in found["parameters"].values() for k, number in p.items() if k != "value"
    )
    assert found["n_bins"] == 99
    assert found["converged"] is True
    assert 0 <= found["edm"] < 1e-6
    assert found["experiments"] == ["coherent_csi_2021"]
    assert "expected information" in found["conventions"]["error"]
    assert found["provenance"]["config"] == "coherent_csi_2021.toml"
    assert found["provenance"]["versions"]["jax"]
    assert set(found["impacts"]["sin2_theta_w"]) == set(found["parameters"])


def test_fit_writes_figure_and_result_and_nothing_else(fitted):
    found, folder = fitted
    names = ["coherent_csi_2021_fit.nc", "coherent_csi_2021_spectra.png"]
    assert sorted(p.name for p in folder.iterdir()) == names
    assert sorted(Path(f).name for f in found["files"]) == names
    assert (folder / names[1]).read_bytes().startswith(b"\x89PNG")


def test_saved_fit_is_what_was_printed(fitted):
    found, folder = fitted
    saved = results.load(folder / "coherent_csi_2021_fit.nc")
    names = list(saved.variables["parameter"][1])
    assert names == list(found["parameters"])
    np.testing.assert_array_equal(
        saved.variables["value"][1], [p["value"] for p in found["parameters"].values()]
    )
    assert saved.attributes["conventions"] == found["conventions"]
    expected = saved.groups["coherent_csi_2021"]["expected"][1]
    parts = found["fitted"]["coherent_csi_2021"]["components"]
    np.testing.assert_allclose(expected.sum(axis=(1, 2)), list(parts.values()))


def test_saved_results_are_plotted_again(fitted, capsys, tmp_path):
    _, folder = fitted
    found = document(capsys, "plot", folder / "coherent_csi_2021_fit.nc", "--output", tmp_path)
    assert [Path(f).name for f in found["files"]] == ["coherent_csi_2021_spectra.png"]
    again = (tmp_path / "coherent_csi_2021_spectra.png").read_bytes()
    assert again == (folder / "coherent_csi_2021_spectra.png").read_bytes()


def test_profile_document_table_and_overlay(capsys, tmp_path):
    found = document(capsys, "profile", CONFIG, *SMALL, "--output", tmp_path)
    assert found["parameter"] == "sin2_theta_w"
    assert found["n_points"] == 9
    assert found["n_not_converged"] == 0
    assert found["converged"] is True
    assert all(found["point_converged"])
    levels = {limit["delta_chi2"]: limit["allowed"] for limit in found["limits"]}
    assert set(levels) == {1.0, 2.71, 3.84}
    assert found["provenance"]["overrides"] == ["profile.points=9"]
    table = np.genfromtxt(tmp_path / "coherent_csi_2021_profile.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["delta_chi2"], found["delta_chi2"], rtol=1e-9)
    saved = tmp_path / "coherent_csi_2021_profile.nc"
    overlay = document(capsys, "plot", saved, saved, "--output", tmp_path)
    assert [Path(f).name for f in overlay["files"]] == ["coherent_csi_2021_profile_overlay.png"]


def test_predict_document(capsys):
    found = document(capsys, "predict", CONFIG)["predictions"]["coherent_csi_2021"]
    assert found["observed"] == 1578
    assert list(found["components"]) == ["cevns", "brn", "nin", "steady_state"]
    assert found["components"]["steady_state"] == pytest.approx(1286)
    assert list(found["bins"]["edges"]) == ["photoelectrons", "time_us"]
    for name, total in found["components"].items():
        assert np.sum(found["bins"]["components"][name]) == pytest.approx(total)
    assert np.shape(found["bins"]["observed"]) == (9, 11)
    assert np.sum(found["bins"]["observed"]) == 1578


def test_predict_writes_only_where_asked(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document(capsys, "predict", CONFIG)
    assert list(tmp_path.iterdir()) == []
    found = document(capsys, "predict", CONFIG, "--output", "out")
    kinds = [Path(path).suffix for path in found["files"]]
    assert kinds == [".json", ".nc", ".png"]
    assert json.loads(Path(found["files"][0]).read_text())["predictions"] == found["predictions"]


def test_predict_is_made_at_the_start_values_of_the_config(capsys):
    at = [
        document(capsys, "predict", CONFIG, "--set", f"parameters.sin2_theta_w.start={s}")
        for s in (0.23857, 0.3)
    ]
    low, high = (d["predictions"]["coherent_csi_2021"]["components"]["cevns"] for d in at)
    assert high > low * 1.1


def test_experiments_document(capsys):
    found = document(capsys, "experiments")
    argon = ["coherent_lar_2020", "coherent_lar_2020_energy"]
    assert found["experiments"] == ["coherent_csi_2017", "coherent_csi_2021", *argon, "dresden_ii"]
    assert found["data_sets"]["dresden_ii"]["counted"] == "events per day"
    assert found["data_sets"]["coherent_csi_2017"]["n_bins"] == 144
    about = found["data_sets"]["coherent_csi_2021"]
    assert about["n_bins"] == 99
    assert about["observed"] == 1578
    assert "2110.07730" in about["citation"]
    assert "14.6 kg" in about["exposure"]


@pytest.mark.parametrize("command", ["predict", "experiments"])
def test_text_for_people(capsys, command):
    arguments = [command] + ([CONFIG] if command == "predict" else [])
    status, out, err = run(capsys, *arguments)
    assert (status, err) == (0, "")
    assert "coherent_csi_2021" in out


@pytest.mark.usefixtures("written_here")
def test_pseudo_data_stand_in_for_the_observed(capsys, tmp_path):
    fit = ["fit", CONFIG, "--output", tmp_path]
    asimov = document(capsys, *fit, "--data", "asimov")
    assert asimov["parameters"]["sin2_theta_w"]["value"] == pytest.approx(0.23857, abs=1e-5)
    assert asimov["chi2"] == pytest.approx(0, abs=1e-6)
    toys = [document(capsys, *fit, "--data", "toy", "--seed", s) for s in (3, 3, 4)]
    values = [toy["parameters"]["sin2_theta_w"]["value"] for toy in toys]
    assert values[0] == values[1] != values[2]
    assert toys[0]["provenance"]["data_set"] == "toy"
    assert toys[0]["provenance"]["seed"] == 3
    assert sorted(p.stem for p in tmp_path.glob("*.nc")) == [
        f"coherent_csi_2021_{kind}_fit" for kind in ("asimov", "toy3", "toy4")
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "nothing.toml"], "nothing.toml"),
        (["fit", CONFIG, "--set", "fit.fre=[]"], 'did you mean "free"'),
        (["fit", CONFIG, "--set", "experiments.coherent_csi_2021.mass_kg=-1"], "positive"),
        (["fit", CONFIG, "--data", "toy"], "--seed"),
        (["fit", CONFIG, "--seed", "3"], "--data toy"),
        (["profile", CONFIG, "--set", "profile.points=1"], "points"),
        (["plot", "nothing.nc"], "nothing.nc"),
        (["plot", CONFIG], "not a result"),
        (["experiments", "--set", "a.b=1"], "--set"),
    ],
)
def test_bad_input_is_status_2_one_line_and_leaves_no_files(
    capsys, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_computed(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for command in ("fit", "profile"):
        status, out, err = run(capsys, command, CONFIG, "--output", tmp_path / "file" / "folder")
        assert (status, out) == (2, "")
        assert "file" in err


def test_a_run_that_does_not_converge_is_status_3_and_saved(capsys, tmp_path, monkeypatch):
    from cevns_jax.inference import batches, minimise

    monkeypatch.setattr(minimise, "MAX_STEPS", 1)
    batches.minimise_lanes.clear_cache()
    try:
        status, out, _ = run(capsys, "fit", CONFIG, "--json", "--output", tmp_path)
    finally:
        batches.minimise_lanes.clear_cache()
    assert status == 3
    assert json.loads(out)["converged"] is False
    assert (tmp_path / "coherent_csi_2021_fit.nc").is_file()


def test_an_internal_error_is_status_1_without_a_traceback(capsys, monkeypatch):
    monkeypatch.delenv("CEVNS_TRACEBACK", raising=False)
    monkeypatch.setattr(analysis, "prepare", lambda *_: 1 / 0)
    status, out, err = run(capsys, "predict", CONFIG)
    assert (status, out) == (1, "")
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err


def test_help_and_import_stay_light():
    """Neither the command line nor the package pulls in what only some commands need."""
    code = (
        "import sys, cevns_jax, cevns_jax.cli\n"
        "heavy = {'jax', 'numpyro', 'arviz', 'xarray', 'matplotlib', 'scipy', 'optax', 'numpy'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_a_killed_fit_leaves_no_files_and_no_processes(tmp_path, number, status, seconds):
    """While importing and later: the worker goes with its parent, whatever ends it."""
    slow = str(ROOT / "configs" / "coherent_csi_2021_split.toml")  # compiles for seconds
    command = [sys.executable, "-m", "cevns_jax.cli", "fit", slow, "--output", str(tmp_path)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    running.send_signal(number)
    out, err = running.communicate(timeout=15)  # ends when the last process closes the pipes
    assert running.returncode == status
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert out == ""


def test_command_line_without_arguments_explains_itself():
    done = subprocess.run(
        [sys.executable, "-m", "cevns_jax.cli"], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 2
    assert "usage: cevns" in done.stderr


def test_compiled_programs_are_kept_in_a_private_folder(tmp_path):
    """A second run finds them; a folder that others can write is not used."""
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "CEVNS_CACHE": "on"}
    del env["JAX_COMPILATION_CACHE_DIR"]
    command = [sys.executable, "-m", "cevns_jax.cli", "predict", CONFIG]
    subprocess.run(command, env=env, check=True, capture_output=True)
    (folder,) = (tmp_path / "cevns_jax").iterdir()
    kept = sorted(p.name for p in folder.iterdir())
    assert kept
    assert folder.stat().st_mode & 0o077 == 0
    again = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert again.stderr == ""
    assert sorted(p.name for p in folder.iterdir() if not p.name.endswith("-atime")) == [
        name for name in kept if not name.endswith("-atime")
    ]
    for path in folder.iterdir():
        path.unlink()
    folder.chmod(0o777)
    subprocess.run(command, env=env, check=True, capture_output=True)
    assert list(folder.iterdir()) == []
