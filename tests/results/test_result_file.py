"""Saved results that are damaged, foreign, newer, or lack what a figure needs."""

import dataclasses
import json

import h5py
import numpy as np
import pytest
import xarray
from drawn_results import counts_of, fit_of, profile_of, scan_of

from cevns_jax.cli import main
from cevns_jax.errors import ConfigError
from cevns_jax.plotting.needs import check_drawable
from cevns_jax.results import load


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "mine_profile.nc"
    profile_of("a label").save(path)
    return path


def refused(capsys, path):
    """The one line of ``cevns plot`` that ends with status 2; no figure is left behind."""
    before = sorted(path.parent.iterdir())
    assert main(["plot", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith(f"cevns: {path}: ")
    assert sorted(path.parent.iterdir()) == before
    return line


def test_a_sound_result_is_drawn_and_is_netcdf_for_everybody(saved, capsys):
    assert main(["plot", str(saved)]) == 0
    assert saved.with_suffix(".png").is_file()
    assert capsys.readouterr().err == ""
    with xarray.open_datatree(saved) as tree:
        assert tree.attrs["format_version"] == 2
        assert json.loads(tree.attrs["attributes"])["labels"] == {"a": "a label"}


def test_a_result_is_saved_and_loaded_under_a_string(tmp_path):
    path = str(tmp_path / "results" / "x.nc")
    profile_of("a label").save(path)
    assert load(path).attributes["labels"] == {"a": "a label"}


def test_no_byte_can_be_flipped_and_no_end_be_missing(saved, capsys):
    content = saved.read_bytes()
    random = np.random.default_rng(5)
    for place in random.integers(0, len(content), 12):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        saved.write_bytes(damaged)
        refused(capsys, saved)
    for end in (0, 1, 7, 100, len(content) // 2, len(content) - 83, len(content) - 1):
        saved.write_bytes(content[:end])
        refused(capsys, saved)
    saved.write_bytes(content + b"\0")
    refused(capsys, saved)


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def set_version(version):
    return lambda file: file.attrs.__setitem__("format_version", version)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.attrs.__delitem__("kind"), "no attribute kind"),
        (lambda file: file.attrs.__delitem__("attributes"), "no attribute attributes"),
        (lambda file: file.attrs.__delitem__("format_version"), "no attribute format_version"),
        (set_version(3), "format_version 3, a newer cevns_jax"),
        (set_version(0), "format_version 0"),
        (set_version(1), "format_version 1, an older cevns_jax"),
        (set_version("one"), "not a number"),
        (set_version(np.array([1, 1])), "not a number"),
        (lambda file: file.attrs.__setitem__("kind", "chain"), "fit, profile, scan"),
        (lambda file: file.attrs.__setitem__("kind", 3), "fit, profile, scan"),
        (lambda file: file.attrs.__setitem__("attributes", "{'"), "not JSON"),
        (lambda file: file.attrs.__setitem__("attributes", "[1]"), "not JSON"),
        (lambda file: file.__delitem__("chi2"), "not as it was written"),
    ],
)
def test_what_somebody_changed_is_refused_with_what_is_wrong(saved, capsys, change, words):
    edit(saved, change)
    assert words in refused(capsys, saved)


def test_files_of_others_are_refused_without_warnings_of_libraries(tmp_path, capsys, recwarn):
    path = tmp_path / "other.nc"
    data = xarray.Dataset(
        {"a": ("time", [1.0]), "time": ("time", [5.0], {"units": "days since the flood"})}
    )
    data.to_netcdf(path, engine="h5netcdf")
    assert "is not a result of cevns_jax" in refused(capsys, path)
    data.to_netcdf(path, engine="scipy")
    assert "is not a result of cevns_jax" in refused(capsys, path)
    with h5py.File(path, "w") as file:
        file.attrs["kind"] = np.array(["fit"], dtype=h5py.string_dtype())
    assert "format_version, attributes" in refused(capsys, path)
    assert not recwarn.list


@pytest.mark.parametrize("make", [fit_of, profile_of, scan_of])
def test_whatever_a_figure_needs_is_missed_by_name(tmp_path, make):
    """Each attribute and variable in turn is taken away, and replaced by something odd."""
    path = tmp_path / "result.nc"
    check_drawable(path, make("x"))
    for key in make("x").attributes:
        for odd in (None, 3j, [None], {"x": None}):
            changed = make("x")
            if not isinstance(odd, type(changed.attributes[key])):
                changed.attributes[key] = odd
                with pytest.raises(ConfigError, match=rf"result\.nc: cannot be drawn: .*{key}"):
                    check_drawable(path, changed)
    for group in (None, *make("x").groups):
        for key in set(make("x").groups[group] if group else make("x").variables) - {"error"}:
            changed = make("x")
            part = changed.groups[group] if group else changed.variables
            part[key] = ((), np.array("odd"))
            with pytest.raises(ConfigError, match=r"result\.nc: cannot be drawn"):
                check_drawable(path, changed)
            del part[key]
            with pytest.raises(ConfigError, match=r"result\.nc: cannot be drawn"):
                check_drawable(path, changed)


@pytest.mark.parametrize("missing", ["recoil_energy_kev", "flavour", "isotope"])
def test_a_prediction_whose_recoil_spectra_lack_an_axis_is_refused(tmp_path, capsys, missing):
    result = dataclasses.replace(counts_of(1.0, 10.0), kind="prediction")
    group = result.groups["mine"]
    group["recoil_energy_kev"] = (("recoil_energy_kev",), np.geomspace(0.1, 10.0, 3))
    group["flavour"] = (("flavour",), np.array(["nu_e"]))
    group["isotope"] = (("isotope",), np.array(["Ge74"]))
    group["spectrum"] = (("flavour", "isotope", "recoil_energy_kev"), np.ones((1, 1, 3)))
    path = tmp_path / "mine_prediction.nc"
    check_drawable(path, result)
    del group[missing]
    result.save(path)
    assert f"must have the variable {missing}; compute it again" in refused(capsys, path)


def test_a_result_without_what_its_figure_needs_can_be_loaded_but_not_drawn(tmp_path, capsys):
    path = tmp_path / "half_scan.nc"
    scan = scan_of("x")
    del scan.variables["delta_chi2"]
    scan.save(path)
    assert "delta_chi2" not in load(path).variables
    assert "must have the variable delta_chi2" in refused(capsys, path)
