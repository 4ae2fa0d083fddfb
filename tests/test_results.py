"""Results: saved, loaded, and never half written."""

import subprocess
import sys

import numpy as np
import pytest
import xarray

from cevns_jax.errors import ConfigError
from cevns_jax.files import write_atomically
from cevns_jax.results import Result, load


@pytest.fixture
def result():
    return Result(
        kind="profile",
        attributes={"parameter": "grid", "limits": [{"allowed": [[0.1, 0.2]]}], "flag": True},
        variables={
            "grid": (("grid",), np.linspace(0, 1, 5)),
            "chi2": (("grid",), np.array([4.0, 1.0, np.nan, 1.0, 4.0])),
            "nuisance": (("nuisance",), np.array(["b", "a long name"])),
            "minimised": (("grid", "nuisance"), np.ones((5, 2))),
        },
        groups={"one": {"observed": (("x", "y"), np.arange(6.0).reshape(2, 3))}},
    )


def test_a_saved_result_comes_back_bit_for_bit(result, tmp_path):
    path = tmp_path / "deep" / "result.nc"
    result.save(path)
    again = load(path)
    assert again.kind == result.kind
    assert again.attributes == result.attributes
    for mine, other in (
        (result.variables, again.variables),
        (result.groups["one"], again.groups["one"]),
    ):
        assert set(mine) == set(other)
        for name, (dimensions, values) in mine.items():
            assert other[name][0] == dimensions
            assert (other[name][1].astype(str) == values.astype(str)).all()
    np.testing.assert_array_equal(again.variables["chi2"][1], result.variables["chi2"][1])


def test_the_file_opens_in_plain_xarray(result, tmp_path):
    result.save(tmp_path / "result.nc")
    with xarray.open_datatree(tmp_path / "result.nc", engine="h5netcdf") as tree:
        assert tree["chi2"].sel(grid=0.25) == 1.0
        assert tree["experiments/one/observed"].shape == (2, 3)


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fails(part):
        part.write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_atomically(path, fails)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    code = (
        "import os, sys, pathlib, cevns_jax.files as r\n"
        "def die(part):\n"
        "    part.write_text('half'); os.kill(os.getpid(), 9)\n"
        "r.write_atomically(pathlib.Path(sys.argv[1]), die)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)])
    assert done.returncode == -9
    assert path.read_text() == "old"


def test_places_that_cannot_be_written_and_files_that_are_no_results_are_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "x.txt", lambda part: part.write_text("x"))
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "nothing.nc")
    for content in (b"text", bytes(100), b"\x89HDF\r\n\x1a\n broken"):
        (tmp_path / "bad.nc").write_bytes(content)
        with pytest.raises(ConfigError, match=r"bad\.nc: is not a result"):
            load(tmp_path / "bad.nc")
    xarray.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ConfigError, match="is not a result"):
        load(tmp_path / "other.nc")
