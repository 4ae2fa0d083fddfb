"""Blocks of a long run: only those that belong to it, and are whole, are used."""

import shutil

import numpy as np
import pytest

from cevns_jax.errors import ConfigError
from cevns_jax.inference.blocks import Blocks

ARRAYS = {"x": np.arange(6.0).reshape(2, 3), "file": np.array([True, False]), "steps": np.ones(2)}


@pytest.fixture
def said():
    return []


def test_a_block_comes_back_bit_for_bit(tmp_path, said):
    Blocks(tmp_path, {"a": 1}).save(3, ARRAYS)
    found = Blocks(tmp_path, {"a": 1}, said.append).load(3)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert Blocks(tmp_path, {"a": 1}, said.append).load(0) is None
    assert said == []


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def swap(path):
    shutil.copyfile(path.parent / "000001.block", path)


def foreign(path):
    other = Blocks(path.parent / "other", {"a": 2})
    other.save(0, ARRAYS)
    shutil.copyfile(other.folder / path.name, path)


def folder_in_the_way(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [cut, flip, swap, foreign, folder_in_the_way])
def test_a_damaged_swapped_or_foreign_block_is_not_used(tmp_path, said, harm):
    blocks = Blocks(tmp_path, {"a": 1}, said.append)
    for number in (0, 1):
        blocks.save(number, ARRAYS)
    harm(tmp_path / "000000.block")
    assert blocks.load(0) is None
    assert blocks.load(1) is not None
    (line,) = said
    assert "000000.block" in line
    assert "computed again" in line


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b'{"sha256": 1, "record": 2}'])
def test_a_damaged_record_is_written_anew_and_blocks_tell_for_themselves(tmp_path, said, content):
    Blocks(tmp_path, {"a": 1}).save(0, ARRAYS)
    (tmp_path / "record.json").write_bytes(content)
    blocks = Blocks(tmp_path, {"a": 1}, said.append)
    assert blocks.load(0) is not None
    assert "record.json: damaged" in said[0]
    (tmp_path / "record.json").write_bytes(content)
    assert Blocks(tmp_path, {"a": 2}, said.append).load(0) is None
    assert "another run" in said[-1]


def test_blocks_of_another_scan_are_refused_with_what_changed(tmp_path):
    Blocks(tmp_path, {"settings": {"scan": {"points": 4}, "title": "x"}}).save(0, ARRAYS)
    with pytest.raises(ConfigError, match=r"settings\.scan\.points was 4 and is 5"):
        Blocks(tmp_path, {"settings": {"scan": {"points": 5}, "title": "x"}})


def test_a_run_that_stops_before_its_first_block_leaves_nothing(tmp_path):
    Blocks(tmp_path / "blocks", {"a": 1})
    assert list(tmp_path.iterdir()) == []
