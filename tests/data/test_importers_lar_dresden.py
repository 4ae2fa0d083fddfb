"""Importers of argon, Dresden-II and reactor spectra: exact, and unmoved by spoilt files."""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cevns_jax import cli
from cevns_jax.data import import_dresden_ii, import_lar_2020, import_reactor_spectra
from cevns_jax.data.tables import DATA, read_table
from cevns_jax.errors import ConfigError

IMPORTERS = {
    "coherent-lar-2020": import_lar_2020,
    "dresden-ii": import_dresden_ii,
    "reactor-spectra": import_reactor_spectra,
}
FOLDERS = {
    "coherent-lar-2020": "coherent_lar_2020",
    "dresden-ii": "dresden_ii",
    "reactor-spectra": "reactor_flux",
}
needs_releases = pytest.mark.skipif(
    "CEVNS_RELEASES" not in os.environ,
    reason="CEVNS_RELEASES does not name a folder with the official releases",
)


@pytest.fixture
def release(request, tmp_path):
    """A copy of a release that a test can spoil; the quenching factors lie beside the rates."""
    root = Path(os.environ["CEVNS_RELEASES"])
    folder = tmp_path / "release"
    shutil.copytree(root / FOLDERS[request.param], folder)
    if request.param == "dresden-ii":
        shutil.copy(root / "quenching_ge" / "QF_Fef_YBe.txt", folder)
    for path in [folder, *folder.rglob("*")]:  # the releases may be read-only
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@needs_releases
@pytest.mark.parametrize(("release", "name"), [(n, n) for n in IMPORTERS], indirect=["release"])
def test_committed_tables_are_what_the_release_condenses_to(release, name):
    module = IMPORTERS[name]
    made = module.compact_tables(release)
    folder = DATA / module.FOLDER
    assert set(made) == {path.name for path in folder.glob("*.csv")}
    for file, text in made.items():
        assert text == (folder / file).read_text(encoding="utf-8"), file


@needs_releases
@pytest.mark.parametrize("release", ["coherent-lar-2020"], indirect=True)
def test_compact_argon_templates_give_back_the_released_ones(release):
    """Energy and F90 times time, to 1e-4 events of up to 523.67."""
    names = list(import_lar_2020.TEMPLATES)
    ends = ("energy_low_kevee", "energy_high_kevee", "f90_low", "f90_high")
    folder = DATA / "coherent_lar_2020"
    shape = read_table(folder / "energy_f90.csv", (*ends, *names))
    time = read_table(folder / "time.csv", ("time_low_us", "time_high_us", *names))
    for name, (file, total) in import_lar_2020.TEMPLATES.items():
        released = np.loadtxt(release / file)[:, 3]
        compact = total * np.multiply.outer(shape[name], time[name]).ravel()
        np.testing.assert_allclose(compact, released, atol=1e-2 if total == 523.67 else 2e-4)
        assert released.sum() == pytest.approx(total, rel=1e-5)


@needs_releases
@pytest.mark.parametrize("release", ["coherent-lar-2020"], indirect=True)
def test_argon_parameters_are_the_released_ones(release):
    """The values of LArParametersAnlA.yaml, each under its name, and measurement.toml."""
    text = (release / "LArParametersAnlA.yaml").read_text(encoding="utf-8")
    blocks = re.split(r"^(\w+):$", text, flags=re.MULTILINE)[1:]
    found = {
        name: [float(x) for x in re.findall(r"^\s*value: *([-+.\deE]+)", block, re.MULTILINE)]
        for name, block in zip(blocks[::2], blocks[1::2], strict=True)
    }
    folder = DATA / "coherent_lar_2020"
    ours = tomllib.loads((folder / "measurement.toml").read_text(encoding="utf-8"))
    exposure, events, pulse = ours["exposure"], ours["events"], ours["proton_pulse"]
    a, b = ours["quenching"]["nominal"]
    for name, values in {
        "beamExposure": [exposure["protons_on_target"] / 1e22],
        "distanceToTarget": [exposure["distance_m"]],
        "fiducialMass": [exposure["mass_kg"]],
        "larQF": [a, b * 1e-3],  # per MeV here, per keV there
        "neutrinosPerProton": [exposure["neutrinos_per_proton"]],
        "promptBeamRelatedNeutronPredictionNormalization": [events["brn"]],
        "delayedBeamRelatedNeutronPredictionNormalization": [events["delayed_brn"]],
        "energyResolution": [ours["resolution"]["statistical"]],
        "snsPOTTraceTiming": [pulse["mean_us"] * 1e3, pulse["width_us"] * 1e3],
    }.items():
        assert found[name] == pytest.approx(values, rel=1e-12), name


@needs_releases
@pytest.mark.parametrize(("release", "name"), [(n, n) for n in IMPORTERS], indirect=["release"])
def test_command_writes_the_tables_into_a_folder(release, name, tmp_path, capsys):
    folder = tmp_path / "tables"
    assert cli.main(["import", name, str(release), "--output", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    committed = DATA / IMPORTERS[name].FOLDER
    assert document["notes"] == []
    assert {Path(f).name for f in document["files"]} == {p.name for p in committed.glob("*.csv")}
    for path in folder.iterdir():
        assert path.read_bytes() == (committed / path.name).read_bytes()


@needs_releases
@pytest.mark.parametrize("release", ["dresden-ii"], indirect=True)
def test_rates_are_imported_without_the_quenching_factors(release, tmp_path, capsys):
    (release / "QF_Fef_YBe.txt").unlink()
    folder = tmp_path / "tables"
    assert cli.main(["import", "dresden-ii", str(release), "--output", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "quenching.csv: kept as it is" in out
    assert [p.name for p in folder.iterdir()] == ["rates.csv"]


@needs_releases
@pytest.mark.parametrize(
    ("release", "name", "file"),
    [
        ("coherent-lar-2020", "coherent-lar-2020", "datanobkgsub.txt"),
        ("dresden-ii", "dresden-ii", "data_release.txt"),
    ],
    indirect=["release"],
)
def test_command_says_when_a_version_is_not_known(release, name, file, tmp_path, capsys):
    path = release / file
    path.write_text("# another header\n" + path.read_text())
    arguments = ["import", name, str(release), "--output", str(tmp_path / "tables")]
    assert cli.main(arguments) == 0
    assert f"{file}: unknown version" in capsys.readouterr().out


def cell(row, column, change):
    """Changes one number of a file of rows without a header."""

    def spoil(text):
        lines = text.splitlines()
        words = lines[row].split()
        words[column] = change(words[column])
        lines[row] = " ".join(words)
        return "\n".join(lines) + "\n"

    return spoil


def without_column(text):
    return "\n".join(" ".join(line.split()[:-1]) for line in text.splitlines()) + "\n"


def truncated(text):
    return "\n".join(text.splitlines()[:-20]) + "\n"


def doubled(text):
    """Another unit in the last column."""
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(" ".join([*row[:-1], str(2 * float(row[-1]))]) for row in rows) + "\n"


LAR, GE, REACTOR = IMPORTERS
SPOILT = [
    (LAR, "datanobkgsub.txt", truncated, "expected 960 rows, found 940"),
    (LAR, "datanobkgsub.txt", without_column, "expected 4 columns"),
    (LAR, "datanobkgsub.txt", cell(7, 3, lambda x: "nan"), "columns of finite numbers"),
    (LAR, "datanobkgsub.txt", cell(7, 3, lambda x: "many"), "many"),
    (LAR, "datanobkgsub.txt", doubled, "counts sum to 7504, not 3752"),
    (LAR, "datanobkgsub.txt", cell(0, 0, lambda x: "0.005"), "bin centres"),
    (LAR, "brnpdf.txt", truncated, "expected 960 rows"),
    (LAR, "cevnspdf+1sigF90.txt", doubled, "counts sum to 256, not 128"),
    (LAR, "delbrnpdf.txt", cell(3, 3, lambda x: "inf"), "finite"),
    (LAR, "CENNS10AnlAEfficiency.txt", truncated, "expected 80 rows, found 6"),
    (LAR, "CENNS10AnlAEfficiency.txt", without_column, "expected 3 columns"),
    (LAR, "energydata1d.txt", without_column, "expected 8 columns"),
    (LAR, "energydata1d.txt", cell(4, 1, lambda x: "1000"), "subtracted counts sum to"),
    (GE, "data_release.txt", truncated, "expected 130 rows, found 110"),
    (GE, "data_release.txt", without_column, "expected 5 columns"),
    (GE, "data_release.txt", cell(5, 1, lambda x: "nan"), "finite"),
    (GE, "data_release.txt", cell(5, 1, lambda x: "7"), "reactor-ON rates sum to"),
    (GE, "data_release.txt", cell(5, 0, lambda x: "205"), "bins of 10 eV"),
    (GE, "QF_Fef_YBe.txt", truncated, "expected 451 rows, found 431"),
    (GE, "QF_Fef_YBe.txt", without_column, "expected 3 columns"),
    (GE, "QF_Fef_YBe.txt", doubled, "YBe factors sum to 191.364, not 95.6822"),
    (GE, "QF_Fef_YBe.txt", cell(9, 1, lambda x: "nan"), "finite"),
    (REACTOR, "vogel_mueller/spectraMeVU235.txt", truncated, "expected 35 rows, found 15"),
    (REACTOR, "vogel_mueller/spectraMeVPu241.txt", without_column, "expected 2 columns"),
    (REACTOR, "vogel_mueller/spectraMeVU238.txt", doubled, "the spectrum sum to"),
    (REACTOR, "vogel_mueller/spectraMeVPu239.txt", cell(2, 1, lambda x: "nan"), "finite"),
    (REACTOR, "huber2011/U235-anti-neutrino-flux-250keV.dat", truncated, "expected 25 rows"),
    (REACTOR, "estienne_fallot2019/Pure_U235_SM.dat", truncated, "expected 199 rows"),
    (REACTOR, "estienne_fallot2019/Pure_U238_SM.dat", without_column, "expected 7 columns"),
]


@needs_releases
@pytest.mark.parametrize(
    ("release", "file", "spoil", "words"),
    SPOILT,
    indirect=["release"],
    ids=[f"{file}-{words}" for _, file, _, words in SPOILT],
)
def test_spoilt_releases_are_one_clear_error(release, file, spoil, words, request):
    """Truncated, a column less, NaN, no number, other units, other bins."""
    module = IMPORTERS[request.node.callspec.params["release"]]
    path = release / file
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        module.compact_tables(release)
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    assert "\n" not in message


@needs_releases
@pytest.mark.parametrize("release", [LAR], indirect=True)
def test_templates_that_do_not_factorise_are_refused(release):
    """A tenth of an event in the wrong time bin, the total as it was."""
    path = release / "brnpdf.txt"
    rows = np.loadtxt(path)
    rows[0, 3] += 0.1
    rows[15, 3] -= 0.1
    np.savetxt(path, rows)
    with pytest.raises(ConfigError, match=r"brnpdf\.txt: energy and time do not factorise"):
        import_lar_2020.compact_tables(release)


@needs_releases
@pytest.mark.parametrize(
    ("release", "name", "file"),
    [
        (LAR, LAR, "bkgpdf.txt"),
        (GE, GE, "data_release.txt"),
        (REACTOR, REACTOR, "huber2011/Pu239-anti-neutrino-flux-250keV.dat"),
    ],
    indirect=["release"],
)
@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"# only a header\n",
        b"\xff\xfe\x00",
    ],
)
def test_command_refuses_missing_empty_and_binary_files_and_leaves_the_old_tables(
    release, name, file, content, tmp_path, capsys
):
    old = tmp_path / "tables" / "counts.csv"
    old.parent.mkdir()
    old.write_text("old")
    path = release / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert cli.main(["import", name, str(release), "--output", str(old.parent)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"cevns: {path}: ")
    assert error.count("\n") == 1
    assert list(old.parent.iterdir()) == [old]
    assert old.read_text() == "old"


def test_command_names_what_a_folder_without_the_release_lacks(tmp_path, capsys):
    for name, file in (
        (LAR, "datanobkgsub.txt"),
        (GE, "data_release.txt"),
        (REACTOR, "spectraMeVU235.txt"),
    ):
        assert cli.main(["import", name, str(tmp_path), "--output", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert file in error
        assert "part of the release" in error
    assert not (tmp_path / "out").exists()
