"""Files: places checked first, written whole or not at all, and differences in words."""

import errno
import resource

import numpy as np
import pytest

from cevns_jax import files
from cevns_jax.errors import ConfigError
from cevns_jax.files import check_places, differences, write_atomically, write_text
from cevns_jax.results import Result


def test_a_folder_in_the_place_of_a_file_is_found_before_and_while_writing(tmp_path):
    (tmp_path / "result.nc").mkdir()
    check_places([tmp_path / "other.nc"])
    with pytest.raises(ConfigError, match=r"result\.nc: is a folder"):
        check_places([tmp_path / "other.nc", tmp_path / "result.nc"])
    with pytest.raises(ConfigError, match=r"result\.nc: cannot be written"):
        write_text(tmp_path / "result.nc", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["result.nc"]


def test_a_disk_without_space_is_found_before_and_while_writing(tmp_path, monkeypatch):
    def full(part):
        part.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ConfigError, match=r"a\.txt: cannot be written \(No space left"):
        write_atomically(tmp_path / "a.txt", full)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(files, "LEAST_SPACE", 1 << 80)
    with pytest.raises(ConfigError, match=r"a\.txt: .*less than 1 MB is free"):
        check_places([tmp_path / "a.txt"])


@pytest.mark.parametrize("bytes_left", [100, 4000, 20_000])
def test_a_result_that_does_not_fit_leaves_the_old_one(tmp_path, bytes_left):
    """HDF5 on a full disk leaves a broken file, at some sizes without an error."""
    path = tmp_path / "result.nc"
    path.write_text("old")
    variables = {"chi2": (("grid",), np.random.default_rng(1).random(20_000))}
    result = Result(kind="profile", attributes={}, variables=variables)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        with pytest.raises(ConfigError, match=r"result\.nc: cannot be written"):
            result.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_differences_are_told_in_words():
    one, other = {"sha256": "a"}, {"sha256": "b"}
    assert differences({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1.0}) == ""
    assert differences({"a": {"b": 4}}, {"a": {"b": 5}}) == "a.b was 4 and is 5"
    assert differences({"a": {}}, {"a": {"b": True}}) == "a.b was not set and is True"
    assert differences({"code": {"x.py": one}}, {"code": {"x.py": other}}) == (
        "code.x.py has changed"
    )
    assert differences({"x": one}, {"y": one}) == "x is gone; y is new"
    many = differences({}, {str(i): i for i in range(9)})
    assert many.endswith("; and 5 more")
    assert len(differences({"a": "x" * 5000}, {"a": "y" * 5000})) < 300
