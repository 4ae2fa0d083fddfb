"""Spoiled configs, tables and results, and scans that are killed: nothing ends in a traceback.

The full numbers are slow; a sample of the same cases runs always. Every case is made by its number
alone, so that one that fails can be had again.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray
from drawn_results import fit_of, profile_of, scan_of
from judge import Judge
from mutations import spoiled_config, spoiled_result, spoiled_table
from own_experiments import CONFIGS, TABLES, USERS, write_all

SHIPPED = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
CHEAP = ("coherent_csi_2017", "coherent_csi_2021_count", "limits_vector_csi", "nsi_csi_2017")
OWN_SHARE = 4  # every n-th config is one of our own, with which something is computed
EVERY = {"fit": 70, "profile": 110}  # every n-th table goes through more than a prediction


def slow(*numbers):
    """The number of cases of the fast suite, and that of the slow one."""
    fast, full = numbers
    return [fast, pytest.param(full, marks=pytest.mark.slow)]


@pytest.fixture
def judge(capsys):
    return Judge(capsys)


@pytest.fixture
def own(tmp_path):
    write_all(tmp_path)
    return tmp_path


@pytest.mark.parametrize("cases", slow(60, 1500))
def test_spoiled_configs(judge, own, cases):
    """Shipped configs are read; with our own, whose prediction takes no time, one is made too."""
    folder = own / "germanium_sns"
    shutil.copytree(SHIPPED[0].parent / "germanium_sns", folder)
    sample = SHIPPED if cases > len(SHIPPED) * 10 else [p for p in SHIPPED if p.stem in CHEAP]
    for number in range(cases):
        dice = random.Random(f"config {number}")
        if number % OWN_SHARE == 0:
            source = CONFIGS[name := dice.choice(sorted(CONFIGS))]
        else:
            name = (chosen := dice.choice(sample)).name
            source = chosen.read_text()
        path = own / "spoiled.toml"
        path.write_bytes(spoiled_config(source, dice))
        case = f"config {number} ({name})"
        if number % OWN_SHARE == 0:
            judge.try_command(["predict", str(path)], path, case)
        else:
            judge.try_reading(path, case)
    judge.verdict("spoiled configs")


@pytest.mark.parametrize("cases", slow(40, 700))
def test_spoiled_tables(judge, own, cases):
    for number in range(cases):
        dice = random.Random(f"table {number}")
        table = dice.choice(sorted(TABLES))
        config = own / USERS.get(table, "reactor.toml")
        (own / table).write_bytes(spoiled_table(TABLES[table], dice))
        case, out = f"table {number} ({table})", str(own / "out")
        status = judge.try_command(["predict", str(config)], config, case)
        if status == 0 and cases > 100:
            for command, every in EVERY.items():
                if number % every == 0 and (command == "fit" or config.stem == "reactor"):
                    options = ["--output", out, "--overwrite"]
                    judge.try_command([command, str(config), *options], config, case)
        (own / table).write_text(TABLES[table])
    judge.verdict("spoiled tables")


@pytest.mark.parametrize("cases", slow(6, 60))
def test_spoiled_results(judge, tmp_path, cases):
    makers = (fit_of, profile_of, scan_of)
    contents = []
    for make in makers:
        make("x").save(tmp_path / "result.nc")
        contents.append((tmp_path / "result.nc").read_bytes())
    path = tmp_path / "spoiled.nc"
    for number in range(cases):
        dice = random.Random(f"result {number}")
        content = contents[number % len(contents)]
        path.write_bytes(spoiled_result(content, dice))
        status = judge.try_command(["plot", str(path)], path, f"result {number}")
        if status == 0 and path.read_bytes() != content:
            judge.faults.append(f"result {number}: was drawn all the same")
    judge.verdict("spoiled results")


# ------------------------------------------------------------------------------- killed scans


def scan(folder, *options, quick):
    """A scan of the own config in a process of its own, whose compiled programs are kept."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    del environment["CEVNS_CACHE"], environment["JAX_COMPILATION_CACHE_DIR"]
    if quick:
        environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
        axes = '[{parameter = "n_sigma", min = 0.1, max = 3, points = 2100}]'  # three blocks
        options = (*options, "--set", f"scan.axes={axes}")
    command = [sys.executable, "-m", "cevns_jax.cli", "scan", str(folder / "beam.toml"), *options]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finished(process):
    """Wait for a scan that must succeed; how long it took."""
    began = time.monotonic()
    err = process.communicate(timeout=300)[1]
    assert process.returncode == 0, err
    assert err == ""
    return time.monotonic() - began


def same(one, other):
    """Whether all numbers of two saved scans are the same, bit by bit."""
    with (
        xarray.open_dataset(one, engine="h5netcdf") as a,
        xarray.open_dataset(other, engine="h5netcdf") as b,
    ):
        assert set(a.variables) == set(b.variables)
        for name in a.variables:
            np.testing.assert_array_equal(a[name].values, b[name].values, err_msg=name)


def killed_at(process, folder, seconds):
    """Kill a scan after so many seconds, or with its first block if none are given.

    Returns:
        Whether it was killed before its end.
    """
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < (seconds or 300):
        if not seconds and any(folder.glob("*.blocks/*")):
            break
        time.sleep(0.01)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    err = process.communicate()[1]
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode != 0


@pytest.mark.parametrize("kills", slow(1, 30))
def test_killed_scans_go_on_to_the_same_bits(own, capsys, kills):
    whole, part, quick = own / "whole", own / "part", kills == 1
    finished(scan(own, "--output", str(whole), quick=quick))
    seconds = 0.0
    if not quick:  # once more, with what is compiled already: so long does a scan take
        shutil.rmtree(whole)
        seconds = finished(scan(own, "--output", str(whole), quick=quick))
    dice, killed, runs, kept = random.Random("kills"), 0, 1, 0
    while killed < kills:
        process = scan(own, "--output", str(part), "--resume", quick=quick)
        if killed_at(process, part, seconds * dice.uniform(0.4, 1.0)):
            killed += 1
            kept += any(part.glob("*.blocks/*"))
        else:
            same(whole / "beam_scan.nc", part / "beam_scan.nc")
            shutil.rmtree(part)
            runs += 1
    finished(scan(own, "--output", str(part), "--resume", quick=quick))
    same(whole / "beam_scan.nc", part / "beam_scan.nc")
    names = sorted(p.name for p in part.iterdir() if not p.name.startswith("."))
    assert names == sorted(p.name for p in whole.iterdir())
    with capsys.disabled():
        print(f"\nkilled scans: {killed} kills, {kept} left blocks, {runs} scans came to the end")
