"""Compact tables: reading, writing, refusing, and the committed ones against the release."""

import os
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevns_jax import cli
from cevns_jax.data import import_csi_2017, import_csi_2021
from cevns_jax.data.tables import DATA, format_table, read_table
from cevns_jax.errors import ConfigError

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(rows=st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=20))
def test_reading_undoes_writing_to_nine_digits(rows, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    first, second = np.array(rows).T
    path.write_text(format_table(["a header", ""], {"first": first, "second": second}))
    found = read_table(path, ("second", "first"))
    np.testing.assert_allclose(found["first"], first, rtol=5.1e-9, atol=0)
    np.testing.assert_allclose(found["second"], second, rtol=5.1e-9, atol=0)


def test_header_lines_are_comments_and_columns_come_first_after_them():
    text = format_table(["who", "where"], {"a": np.array([1.0]), "b": np.array([0.125])})
    assert text.splitlines() == ["# who", "# where", "a,b", "1,0.125"]
    assert text.endswith("\n")


def test_blank_lines_comments_and_column_order_do_not_matter(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("# source\n\nb,a\n1,2\n# between\n3,4\n\n")
    found = read_table(path, ("a", "b"))
    np.testing.assert_array_equal(found["a"], [2.0, 4.0])
    np.testing.assert_array_equal(found["b"], [1.0, 3.0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00\x81", ["not a text file"]),
        (b"", ["columns must be a, b", "nothing"]),
        (b"# only a header\n", ["columns must be a, b", "nothing"]),
        (b"a,c\n1,2\n", ["columns must be a, b", "a, c"]),
        (b"a\n1\n", ["columns must be a, b"]),
        (b"a,b,c\n1,2,3\n", ["columns must be a, b", "c"]),
        (b"a,b\n", ["no rows"]),
        (b"a,b\n1,2\n3\n", ["line 3", "1 values, not 2"]),
        (b"a,b\n1,2,3\n", ["line 2", "3 values, not 2"]),
        (b"a,b\n1,2\n3,nan\n", ["line 3", "not finite"]),
        (b"a,b\ninf,2\n", ["line 2", "not finite"]),
        (b"a,b\n1,two\n", ["two", "must be a number"]),
        (b"a,b\n1,\n", ["must be a number"]),
        (b"x" * 200_000, ["not a CSV table"]),  # longer than a field of the csv module
    ],
)
def test_a_bad_table_is_refused_with_its_name_and_the_reason(tmp_path, content, words):
    path = tmp_path / "counts_of_mine.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_table(path, ("a", "b"))
    message = str(caught.value)
    assert str(path) in message
    assert len(message) < 600
    for word in words:
        assert word in message


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            read_table(path, ("a", "b"))
        assert str(path) in str(caught.value)


COMMITTED = {
    "counts.csv": (
        *("pe_low", "pe_high", "time_low_us", "time_high_us"),
        *("coincidence", "anticoincidence"),
    ),
    "neutron_energy.csv": ("pe_low", "pe_high", "brn", "nin"),
    "neutron_time.csv": ("time_us", "brn", "nin"),
    "neutrino_time.csv": ("time_us", "nu_mu", "nu_mu_bar", "nu_e"),
}


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_table_names_its_source_and_licence(name):
    path = DATA / "coherent_csi_2021" / name
    read_table(path, COMMITTED[name])
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any("arXiv:2110.07730" in line for line in header)
    assert any("icence" in line for line in header)


def test_counts_have_the_projections_of_the_release():
    """Facts of the project, section 4: energy and time projections of both event lists."""
    table = read_table(DATA / "coherent_csi_2021" / "counts.csv", COMMITTED["counts.csv"])
    coincidence, anticoincidence = (
        table[name].reshape(9, 11) for name in ("coincidence", "anticoincidence")
    )
    assert coincidence.sum(1).tolist() == [11, 147, 224, 177, 144, 237, 210, 231, 197]
    assert anticoincidence.sum(1).tolist() == [4, 98, 144, 123, 105, 202, 182, 216, 221]
    assert coincidence.sum(0).tolist() == [34, 31, 42, 42, 52, 58, 56, 41, 314, 491, 417]
    assert anticoincidence.sum(0).tolist() == [23, 24, 30, 32, 28, 32, 31, 30, 234, 433, 398]


def test_neutron_templates_are_normalised_in_the_analysis_region():
    folder = DATA / "coherent_csi_2021"
    energy = read_table(folder / "neutron_energy.csv", COMMITTED["neutron_energy.csv"])
    time = read_table(folder / "neutron_time.csv", COMMITTED["neutron_time.csv"])
    for name in ("brn", "nin"):
        assert energy[name].sum() == pytest.approx(1.0, abs=1e-7)
        assert (energy[name] >= 0).all()
        assert (energy[name][energy["pe_high"] <= 7] == 0).all()  # efficiency included
        assert (np.diff(time[name]) >= 0).all()
        assert (time[name][0], time[name][-1]) == (0.0, 1.0)


def test_neutrino_arrival_times_have_the_released_medians():
    """Facts of the project, section 4: medians 495, 2015 and 2025 ns; 91.9 % below 6 us."""
    table = read_table(
        DATA / "coherent_csi_2021" / "neutrino_time.csv", COMMITTED["neutrino_time.csv"]
    )
    assert np.all(np.diff(table["time_us"]) > 0)
    for flavour, median in (("nu_mu", 0.495), ("nu_mu_bar", 2.015), ("nu_e", 2.025)):
        assert (np.diff(table[flavour]) >= 0).all()
        assert np.interp(0.5, table[flavour], table["time_us"]) == pytest.approx(median, abs=0.006)
    for flavour in ("nu_mu_bar", "nu_e"):
        at_end = np.interp(6.0, table["time_us"], table[flavour])
        assert at_end == pytest.approx(0.919, abs=0.001)


def test_import_names_the_file_that_is_missing_or_wrong(tmp_path):
    with pytest.raises(ConfigError, match="part of the release") as caught:
        import_csi_2021.compact_tables(tmp_path)
    assert str(tmp_path / "dataBeamOnC.txt") in str(caught.value)
    for content in ("1 2 3\n4 5 6\n", "a b\n", "1 nan\n"):
        (tmp_path / "dataBeamOnC.txt").write_text(content)
        with pytest.raises(ConfigError) as caught:
            import_csi_2021.compact_tables(tmp_path)
        assert str(tmp_path / "dataBeamOnC.txt") in str(caught.value)


needs_releases = pytest.mark.skipif(
    "CEVNS_RELEASES" not in os.environ,
    reason="CEVNS_RELEASES does not name a folder with the official releases",
)


@needs_releases
@pytest.mark.parametrize("importer", [import_csi_2017, import_csi_2021])
def test_committed_tables_are_what_the_release_condenses_to(importer):
    made = importer.compact_tables(Path(os.environ["CEVNS_RELEASES"]) / importer.FOLDER)
    folder = DATA / importer.FOLDER
    assert set(made) == {path.name for path in folder.glob("*.csv")}
    for name, text in made.items():
        assert text == (folder / name).read_text(encoding="utf-8"), name


@needs_releases
def test_released_coefficients_are_the_published_figures_in_use():
    folder = Path(os.environ["CEVNS_RELEASES"]) / "coherent_csi_2021"
    measured = tomllib.loads((DATA / "coherent_csi_2021" / "measurement.toml").read_text("utf-8"))
    for name, key in (
        ("effCoefficients", "energy_efficiency"),
        ("scintRespCoefficients", "quenching"),
    ):
        released = np.loadtxt(folder / f"{name}.txt")
        np.testing.assert_array_equal(released, list(measured[key].values()))


@pytest.fixture
def release(tmp_path):
    """A copy of the release that a test can spoil."""
    folder = tmp_path / "release"
    shutil.copytree(Path(os.environ["CEVNS_RELEASES"]) / "coherent_csi_2017", folder)
    return folder


@needs_releases
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text[: len(text) // 2].rsplit("\n", 1)[0] + "\n", "600 rows"),
        (lambda text: text + "51.0, 0.25, 3\n", "600 rows"),
        (lambda text: text.replace("1.0, 0.25, 2", "1.0, 0.25, nan"), "finite"),
        (lambda text: text.replace("1.0, 0.25, 2", "1.0, 0.25"), "columns|number"),
        (lambda text: text.replace(", 0.25, ", ", 250, "), "0.5 us"),
        (lambda text: text.replace("7.0, 0.75, ", "7.0, 0.75, 9"), "547"),
    ],
)
def test_spoilt_releases_are_refused_and_leave_the_old_tables(
    release, tmp_path, capsys, spoil, words
):
    """Truncated, extra rows, NaN, a missing column, other units, other counts."""
    old = tmp_path / "tables" / "counts.csv"
    old.parent.mkdir()
    old.write_text("old")
    path = release / "data_coincidence_beamOn.txt"
    path.write_text(spoil(path.read_text()))
    arguments = ["import", "coherent-csi-2017", str(release), "--output", str(old.parent)]
    assert cli.main(arguments) == 2
    assert re.search(rf"data_coincidence_beamOn\.txt: .*({words})", capsys.readouterr().err)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


@needs_releases
def test_import_says_when_a_version_is_not_known(release, tmp_path, capsys):
    path = release / "promptPDF.txt"
    path.write_text("# another header\n" + path.read_text())
    arguments = ["import", "coherent-csi-2017", str(release), "--output", str(tmp_path / "tables")]
    assert cli.main(arguments) == 0
    assert "promptPDF.txt: unknown version" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "tables").iterdir()} == {
        *("counts.csv", "steady_state_time.csv", "neutron_energy.csv", "arrival_time.csv")
    }


@needs_releases
def test_import_keeps_the_arrival_times_where_the_release_has_none(tmp_path, capsys):
    folder = tmp_path / "release"
    shutil.copytree(Path(os.environ["CEVNS_RELEASES"]) / "coherent_csi_2021", folder)
    (folder / import_csi_2021.FLUX).unlink()
    arguments = ["import", "coherent-csi-2021", str(folder), "--output", str(tmp_path / "tables")]
    assert cli.main(arguments) == 0
    assert "neutrino_time.csv: kept" in capsys.readouterr().out
    assert not (tmp_path / "tables" / "neutrino_time.csv").exists()
