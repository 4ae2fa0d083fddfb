"""``cevns sample``: files, documents, refusals, and runs that are interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from compiled import FLAGS
from conftest import WritesHere

from cevns_jax.cli import main
from cevns_jax.commands import output
from cevns_jax.commands.progress import Progress
from cevns_jax.results import load
from configs import write

ROOT = Path(__file__).parents[2]
SMALL = {
    "title": "Events of CsI (2017)",
    "experiments": {"coherent_csi_2017": {"nuisances": "backgrounds_only"}},
    "fit": {"free": ["n_sigma"]},
    "profile": {"parameter": "n_sigma", "min": 0.5, "max": 2.5, "points": 21},
    "sample": {"chains": 4, "draws": 950, "seed": 5},
}
FILES = [
    *("count_corner.png", "count_posterior.nc", "count_predictive.png"),
    *("count_ranks.png", "count_traces.png"),
]


def drawn(result, figure, path):
    """In place of a figure, which tests of plotting see to."""
    assert result.kind == "posterior"
    path.write_text(json.dumps(figure))


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    patch(monkeypatch)


def patch(patched):
    patched.setattr(output, "Writer", WritesHere)
    patched.setattr(output, "save_posterior", drawn)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A config, and the results of one run."""
    folder = tmp_path_factory.mktemp("sample")
    write(folder, SMALL, "count.toml")
    with pytest.MonkeyPatch.context() as patched:
        patch(patched)
        assert sample(folder, folder / "whole") == 0
    return folder


def sample(folder, out, *more):
    return main(["sample", str(folder / "count.toml"), "--output", str(out), "--json", *more])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def same(one, other):
    a, b = (load(folder / "count_posterior.nc") for folder in (one, other))
    assert a.draws.keys() == b.draws.keys()
    for group, variables in a.draws.items():
        for name, (_, values) in variables.items():
            np.testing.assert_array_equal(values, b.draws[group][name][1])


def test_files_document_and_numbers(folder, capsys):
    assert names(folder / "whole") == FILES
    assert main(["show", str(folder / "whole" / "count_posterior.nc"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["chains"], found["draws"], found["seed"]) == (4, 950, 5)
    assert found["converged"]
    assert found["priors"]["n_sigma"] == "flat from 0 to inf"
    events = found["parameters"]["n_sigma"]
    assert events["hdi_68"][0] < events["mean"] < events["hdi_68"][1]
    settings = found["provenance"]["settings"]
    assert settings["sample"] == SMALL["sample"]
    corner = json.loads((folder / "whole" / "count_corner.png").read_text())
    predictive = json.loads((folder / "whole" / "count_predictive.png").read_text())
    assert (corner, predictive) == (["corner"], ["predictive", "coherent_csi_2017"])


def test_saved_results_are_drawn_again(folder, capsys, tmp_path):
    result = str(folder / "whole" / "count_posterior.nc")
    assert main(["plot", result, "--output", str(tmp_path), "--format", "pdf", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["files"]
    assert sorted(Path(f).name for f in found) == sorted(
        name.replace("png", "pdf") for name in FILES if "nc" not in name
    )


class Interrupted(Exception):
    pass


def test_an_interrupted_run_is_resumed_to_the_same_bits(folder, capsys, tmp_path, monkeypatch):
    def ended(self, items):
        for number, item in enumerate(items):
            if number == 7:  # five blocks of warm-up, and two of draws
                raise Interrupted
            yield item

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "__call__", ended)
        assert sample(folder, tmp_path) == 1
    blocks = tmp_path / "count_posterior.blocks"
    assert len(list(blocks.glob("*.block"))) == 3
    capsys.readouterr()
    assert sample(folder, tmp_path) == 2
    assert "go on with it with --resume" in capsys.readouterr().err
    assert sample(folder, tmp_path, "--resume", "--draws", "400") == 2
    assert "sample.draws was 950 and is 400" in capsys.readouterr().err
    assert sample(folder, tmp_path, "--resume") == 0
    assert names(tmp_path) == FILES
    same(folder / "whole", tmp_path)


def test_options_count_before_the_table_and_what_fails_is_saved_all_the_same(
    folder, capsys, tmp_path, monkeypatch
):
    """Nor is it replaced by a run of other settings."""

    def failed(*_):
        return False, "R-hat of n_sigma is 1.3"

    monkeypatch.setattr("cevns_jax.inference.convergence.verdict", failed)
    assert sample(folder, tmp_path, "--draws", "150", "--seed", "9", "--method", "nuts") == 3
    captured = capsys.readouterr()
    assert captured.err == "cevns: R-hat of n_sigma is 1.3\n"
    found = json.loads(captured.out)
    assert (found["chains"], found["draws"], found["seed"]) == (4, 150, 9)
    assert found["converged"] is False
    assert found["provenance"]["settings"]["sample"]["seed"] == 9
    assert found["provenance"]["seed"] is None, "it is not that of a data set"
    assert found["provenance"]["options"] == ["--draws 150", "--seed 9", "--method nuts"]
    assert names(tmp_path) == FILES
    assert sample(folder, tmp_path) == 2
    assert "sample.draws was 150 and is 950" in capsys.readouterr().err


@pytest.mark.slow
def test_a_profile_and_a_posterior_side_by_side(folder, capsys):
    config, out = str(folder / "count.toml"), str(folder / "whole")
    for command in ("fit", "profile"):
        assert main([command, config, "--output", out]) == 0
    capsys.readouterr()
    results = [str(folder / "whole" / f"count_{k}.nc") for k in ("fit", "profile", "posterior")]
    assert main(["compare", *results, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["parameters"]) == ["n_sigma"]
    fit, profile, posterior = found["parameters"]["n_sigma"]
    assert [e["kind"] for e in (fit, profile, posterior)] == ["fit", "profile", "posterior"]
    one_sigma = {r["confidence_level"]: r["allowed"] for r in profile["ranges"]}
    first = min(one_sigma)
    assert first == pytest.approx(0.683, abs=1e-3)
    ends = [fit["value"] - fit["error_low"], fit["value"] + fit["error_high"]]
    assert one_sigma[first][0] == pytest.approx(ends, rel=1e-3)
    assert posterior["mean"] == pytest.approx(fit["value"], abs=fit["error_high"])
    assert found["bayes_factors"] == found["differences"] == []
    (figure,) = map(Path, found["files"])
    assert figure.name == "count_compared_n_sigma.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert main(["compare", *results]) == 0
    text = capsys.readouterr().out
    assert "n_sigma: flat from 0 to inf in count_posterior.nc" in text
    assert text.count("count_profile.nc") == 1
    figure.unlink()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--chains", "1"], "chains must be a whole number from 2"),
        (["--draws", "0"], "draws must be a whole number from 4"),
        (["--draws", "many"], "invalid int value"),
        (["--seed", "-1"], "seed must be a whole number from 0"),
        (["--method", "gibbs"], "invalid choice: 'gibbs'"),
        (["--set", "sample.warmup=100"], 'no key "warmup"'),
        (["--set", "parameters.n_sygma.prior_width=1"], 'did you mean "n_sigma"'),
        (["--data", "toy"], "--data toy needs --seed"),
        (["--fix", "n_sigma=1", "--set", "parameters.n_sigma.prior_width=-1"], "must be positive"),
    ],
)
def test_bad_input_is_one_sentence(folder, capsys, tmp_path, options, words):
    assert sample(folder, tmp_path, *options) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert words in captured.err
    assert names(tmp_path) == []


def test_data_and_parameters_are_needed(folder, capsys, tmp_path):
    config = str(ROOT / "configs" / "germanium_sns.toml")
    assert main(["sample", config, "--output", str(tmp_path)]) == 2
    assert "has no data, only bins; sample an Asimov" in capsys.readouterr().err
    fixed = [f"--fix=coherent_csi_2017_{n}=0" for n in ("brn", "steady_state")]
    assert sample(folder, tmp_path, *fixed, "--fix", "n_sigma=1") == 2
    assert "no parameter varies" in capsys.readouterr().err
    assert names(tmp_path) == []


def killed(folder, out, blocks, *more):
    """Run in a process of its own, and kill it when so many blocks are there."""
    devices = f"--xla_force_host_platform_device_count={jax.local_device_count()}"
    command = [sys.executable, "-m", "cevns_jax.cli", "sample", str(folder / "count.toml")]
    env = os.environ | {"XLA_FLAGS": f"{FLAGS} {devices}"}
    running = subprocess.Popen(
        [*command, "--output", str(out), *more], env=env, stdout=subprocess.DEVNULL
    )
    kept = out / "count_posterior.blocks"
    while len(list(kept.glob("*.block"))) < blocks and running.poll() is None:
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    return len(list(kept.glob("*.block")))


@pytest.mark.slow
def test_a_run_that_is_killed_ends_with_the_bits_of_a_whole_one(
    folder, capsys, tmp_path, monkeypatch
):
    """SIGKILL after the warm-up, and again later."""
    monkeypatch.setenv("XLA_FLAGS", FLAGS)  # those of this process, which is a part of the inputs
    many = ["--draws", "6000"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert sample(folder, whole, *many) == 0
    first = killed(folder, parts, 1, *many)
    assert 1 <= first < 60
    second = killed(folder, parts, first + 5, *many, "--resume")
    assert first < second < 60
    assert not (parts / "count_posterior.nc").exists()
    assert sample(folder, parts, *many, "--resume") == 0
    assert "again" not in capsys.readouterr().err
    assert not (parts / "count_posterior.blocks").exists()
    same(whole, parts)


@pytest.mark.slow
def test_tempered_runs_are_resumed_and_twice_the_range_of_a_prior_is_half_the_evidence(
    folder, capsys, tmp_path, monkeypatch
):
    few = ["--method", "tempered", "--draws", "400"]
    ranges = ["--set", "parameters.n_sigma.prior={type='flat',min=0,max=3}"]
    wide = [ranges[0], ranges[1].replace("3", "6")]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert sample(folder, whole, *few, *ranges) == 0

    def ended(self, items):
        for number, item in enumerate(items):
            if number == 4:
                raise Interrupted
            yield item

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "__call__", ended)
        assert sample(folder, parts, *few, *ranges) == 1
    assert len(list((parts / "count_posterior.blocks").glob("*.block"))) == 4
    assert sample(folder, parts, *few, *ranges, "--resume") == 0
    same(whole, parts)
    assert "count_runs.png" in names(parts)
    assert sample(folder, tmp_path / "wide", *few, *wide) == 0
    capsys.readouterr()
    results = [str(out / "count_posterior.nc") for out in (whole, tmp_path / "wide")]
    assert main(["compare", *results, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["bayes_factors"]
    assert 0 < found["error"] < 0.1
    assert found["log_bayes_factor"] == pytest.approx(np.log(2), abs=4 * found["error"])
    texts = [priors["n_sigma"] for priors in found["priors"]]
    assert texts == ["flat from 0 to 3", "flat from 0 to 6"]
