"""Scans that are killed, or cannot save: what was computed is kept, and never mixed."""

import os
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from compiled import FLAGS

from cevns_jax.cli import main
from cevns_jax.commands import scan as scan_command
from cevns_jax.data.tables import DATA
from cevns_jax.errors import ConfigError
from cevns_jax.inference import grids
from cevns_jax.results import load

CONFIG = """
[experiments.coherent_csi_2021]
counts = "counts.csv"
[[scan.axes]]
parameter = "sin2_theta_w"
min = 0.1
max = 0.4
points = 24
[[scan.axes]]
parameter = "coherent_csi_2021_brn"
min = -2
max = 2
points = 8
"""
BLOCK = 32  # points, in place of 1024: six blocks
SMALL_BLOCKS = (
    "import sys\n"
    "from cevns_jax.inference import grids\n"
    f"grids.BLOCK = {BLOCK}\n"
    "from cevns_jax.cli import main\n"
    "sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(grids, "BLOCK", BLOCK)
    counts = (DATA / "coherent_csi_2021" / "counts.csv").read_text()
    (tmp_path / "counts.csv").write_text(counts)
    path = tmp_path / "plane.toml"
    path.write_text(CONFIG)
    return path


def scan(config, folder, *more):
    return main(["scan", str(config), "--output", str(folder), "--json", *more])


def same(one, other):
    a, b = (load(folder / "plane_scan.nc") for folder in (one, other))
    for name, (_, values) in a.variables.items():
        np.testing.assert_array_equal(values, b.variables[name][1])
    assert a.attributes["best"] == b.attributes["best"]


def killed(config, folder, blocks, seconds, *more):
    """Run a scan and kill it, seconds after so many blocks are there."""
    devices = f"--xla_force_host_platform_device_count={jax.local_device_count()}"
    command = [sys.executable, "-c", SMALL_BLOCKS, "scan", str(config), "--output", str(folder)]
    cache = {"CEVNS_CACHE": "on", "XDG_CACHE_HOME": str(config.parent / "cache")}
    env = os.environ | cache | {"XLA_FLAGS": f"{FLAGS} {devices}"}
    del env["JAX_COMPILATION_CACHE_DIR"]
    running = subprocess.Popen([*command, *more], env=env, stdout=subprocess.DEVNULL)
    while len(list(folder.glob("plane_scan.blocks/*.block"))) < blocks and running.poll() is None:
        time.sleep(0.002)
    time.sleep(seconds)
    running.send_signal(signal.SIGKILL)
    running.wait()


def test_a_scan_that_is_killed_twice_ends_with_the_same_bits(config, tmp_path, capsys, monkeypatch):
    """SIGKILL at random moments; 30 of them in the slow tests."""
    monkeypatch.setenv("XLA_FLAGS", FLAGS)  # those of this process, which is a part of the inputs
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert scan(config, whole) == 0
    moment = random.Random(5)
    killed(config, parts, 1, 0.0)
    before = len(list(parts.glob("plane_scan.blocks/*.block")))
    assert before >= 1
    killed(config, parts, before + 1, moment.uniform(0, 0.05), "--resume")
    assert not (parts / "plane_scan.nc").exists()
    assert scan(config, parts, "--resume") == 0
    assert "again" not in capsys.readouterr().err
    same(whole, parts)
    assert sorted(p.name for p in parts.iterdir() if not p.name.startswith(".")) == [
        f"plane_scan.{kind}" for kind in ("csv", "nc", "png")
    ]


@pytest.fixture
def unsaved(config, tmp_path, monkeypatch, capsys):
    """A scan that found the disk full at its end."""
    folder = tmp_path / "out"

    def full(path, text):
        raise ConfigError(f"{path}: cannot be written (No space left on device)")

    with monkeypatch.context() as patched:
        patched.setattr(scan_command, "write_text", full)
        assert scan(config, folder) == 2
    assert "No space left" in capsys.readouterr().err
    assert len(list(folder.glob("plane_scan.blocks/*.block"))) == 6
    return folder


def test_a_result_that_cannot_be_written_leaves_the_blocks(config, unsaved, tmp_path, monkeypatch):
    assert scan(config, unsaved) == 2  # not without --resume
    monkeypatch.setattr(grids.Blocks, "save", lambda *_: pytest.fail("computed again"))
    assert scan(config, unsaved, "--resume") == 0
    assert not (unsaved / "plane_scan.blocks").exists()


def test_a_damaged_block_is_computed_again_with_a_line_that_says_so(config, unsaved, capsys):
    whole = unsaved.parent / "whole"
    assert scan(config, whole) == 0
    block = unsaved / "plane_scan.blocks" / "000002.block"
    block.write_bytes(block.read_bytes()[:-7])
    capsys.readouterr()
    assert scan(config, unsaved, "--resume") == 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "000002.block: damaged" in err
    same(whole, unsaved)


def test_blocks_of_other_inputs_are_refused_in_words(config, unsaved, capsys, monkeypatch):
    table = config.parent / "counts.csv"
    text = table.read_text()
    rows = text.splitlines()
    *cell, last = rows[-1].split(",")
    table.write_text("\n".join([*rows[:-1], ",".join([*cell, str(float(last) + 1)])]))
    assert scan(config, unsaved, "--resume") == 2
    err = capsys.readouterr().err
    assert "holds blocks of another run" in err
    assert "inputs.counts.csv has changed; numbers of the likelihood has changed" in err
    table.write_text(text)
    monkeypatch.setattr("cevns_jax.fingerprint.version", lambda name: "0.0")
    assert scan(config, unsaved, "--resume") == 2
    assert "version.jax was " in capsys.readouterr().err
