"""Results: saved, loaded, and never half written."""

import subprocess
import sys

import numpy as np
import pytest
import xarray

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.files import write_atomically
from cevns_jax.inference.levels import delta_chi2
from cevns_jax.results import Result, fit_result, limit_result, load, prediction_result, told
from cevns_jax.results.provenance import about
from cevns_jax.summary import alike, with_errors


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
    with pytest.raises(ConfigError, match="is a folder; expected a result"):
        load(tmp_path)
    for content in (b"text", bytes(100), b"\x89HDF\r\n\x1a\n broken"):
        (tmp_path / "bad.nc").write_bytes(content)
        with pytest.raises(ConfigError, match=r"bad\.nc: is not a result"):
            load(tmp_path / "bad.nc")
    xarray.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ConfigError, match="is not a result"):
        load(tmp_path / "other.nc")


def dresden(added=None, quenching="iron_filter", **more):
    interaction = cj.interactions.standard_model()
    if added is not None:
        interaction = cj.interactions.with_new_physics(interaction, added)
    built = cj.experiments.dresden_ii(quenching=quenching, nuisances="flux_5_percent")
    return cj.Likelihood(built, interaction, **more)


def words(summary, **options):
    """The text in one line."""
    return " ".join(summary.text(**options).split())


def test_every_summary_names_charges_radii_and_the_lowest_recoil():
    vector, moment = cj.interactions.light_vector, cj.interactions.MagneticMoment
    said = words(prediction_result(dresden(vector())).summary())
    assert "light vector L = g Z'_mu" in said
    assert "universal charges" in said
    assert "lowest recoil 6.81 eV" in said
    assert "R_p [fm] 4.041 to 4.081; R_n [fm] all 4.063" in said
    assert "charges u 0.33" in words(
        prediction_result(dresden(vector(charges="b_minus_l"))).summary()
    )
    of_e = words(prediction_result(dresden(moment(families=("e",)))).summary())
    assert "effective moment of nu_e;" in of_e
    assert " free " not in of_e  # nothing is minimised


def test_a_fit_of_dresden_stays_short_and_stands_beside_what_is_published():
    like = dresden(free=["sin2_theta_w"])
    summary = fit_result(cj.fit(like)).summary()
    said = words(summary)
    assert "published 0.219 +0.060 -0.050 (M. Atzori Corona" in said
    assert "not checked against the publication)" in said
    assert "free sin^2 theta_W; and 1 nuisance and 7 background parameters" in said
    assert len(summary.text().splitlines()) <= 44


@pytest.mark.parametrize(
    ("quenching", "value"),
    [("iron_filter", "0.219"), ("photo_neutron", "0.286"), ("modified_lindhard", "0.178")],
)
def test_published_values_need_the_same_choices_and_nothing_else_free(quenching, value):
    def rows(like):
        return told.published_rows(about(like), "sin2_theta_w")

    ((_, text),) = rows(dresden(quenching=quenching, free=["sin2_theta_w"]))
    assert text.startswith(value)
    assert rows(dresden(quenching=quenching, free=["sin2_theta_w", "n_sigma"])) == []
    assert rows(dresden(cj.interactions.light_vector(), quenching, free=["sin2_theta_w"])) == []
    assert rows(dresden(quenching="lindhard", free=["sin2_theta_w"])) == []


def test_a_published_limit_needs_its_quenching_families_and_level():
    moment = cj.interactions.MagneticMoment

    def rows(like, cl=0.9):
        return told.published_limits(about(like), "mu_nu", [delta_chi2(cl)])

    ((_, text),) = rows(dresden(moment(families=("e",))))
    assert text.startswith("< 2.13e-10 mu_B (M. Atzori Corona")
    assert text.endswith("with COHERENT; not checked against the publication)")
    assert rows(dresden(moment(families=("e",))), cl=0.95) == []
    assert rows(dresden(moment())) == []
    assert rows(dresden(moment(families=("e",)), "photo_neutron")) == []
    limit = cj.limit(dresden(moment(families=("e",))), "mu_nu")
    assert "published < 2.13e-10 mu_B" in words(limit_result(limit).summary())


def test_an_error_that_is_not_known_is_named():
    assert with_errors(2.7e-4, np.nan, 2.0e-4) == "2.7e-4 +2.0e-4 (no lower error)"
    assert with_errors(2.7e-4, 2.0e-4, np.nan) == "2.7e-4 -2.0e-4 (no upper error)"
    assert with_errors(0.25, np.nan, np.nan) == "0.25 (no errors)"
    assert with_errors(0.231, 0.024, 0.027) == "0.231 +0.027 -0.024"


def test_numbers_of_one_table_have_one_style():
    assert alike([4.68e-4, 0.0017, 0.0018]) == ["4.68e-4", "1.70e-3", "1.80e-3"]
    assert alike([0.1, 2.0, 0.0, -30.25, 0.9996]) == ["0.100", "2.00", "0", "-30.2", "1.00"]


def test_published_values_stand_beside_observed_counts_of_the_release_only():
    csi = cj.experiments.coherent_csi_2021

    def rows(like):
        return told.published_rows(about(like), "sin2_theta_w")

    def with_angle(experiment):
        return cj.Likelihood(experiment, cj.interactions.standard_model(), free=["sin2_theta_w"])

    like = with_angle(csi())
    assert rows(like)
    heavier = cj.experiments.Exposure(mass_kg=20.0)
    others = [
        *(cj.asimov(like), cj.toy(like, 7), cj.toy(like, 7, ensemble="fixed_pulls")),
        *(with_angle(csi(exposure_scale=10)), with_angle(csi(exposure=heavier))),
        with_angle(csi(steady_state_events=1000.0)),
        like.with_observed({"coherent_csi_2021": like.experiments[0].observed + 1}),
    ]
    assert [rows(other) for other in others] == [[]] * len(others)
    assert rows(with_angle(csi(exposure=cj.experiments.Exposure(mass_kg=14.6))))
