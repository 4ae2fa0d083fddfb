"""Scans and new physics in configs and on the command line."""

import json

import numpy as np
import pytest

from cevns_jax.cli import main
from cevns_jax.commands.saving import settings_used
from cevns_jax.config.analysis import read_analysis
from cevns_jax.errors import ConfigError
from cevns_jax.inference.blocks import Blocks
from cevns_jax.results import load

CONFIG = """
[interaction.light_vector]
charges = "b_minus_l"

[experiments.coherent_csi_2021]

[[scan.axes]]
parameter = "m_vector"
scale = "log"
min = 1
max = 100
points = 4

[[scan.axes]]
parameter = "g_vector"
scale = "signed"
min = 1e-5
max = 1e-3
points = 8
"""

OWN = '''
from dataclasses import dataclass

import jax

from cevns_jax.interactions import NewPhysics
from cevns_jax.parameters import Parameter


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Shifted(NewPhysics):
    """A constant addition to the weak charge."""

    scale: float = 1.0

    parameters = (Parameter(name="d_charge", lower=-10.0, upper=10.0),)
    conventions = "Q_W grows by a constant"

    def vector_charge(self, recoil, nucleus, flavour, values):
        return self.scale * values["d_charge"] * nucleus.proton_form_factor
'''


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "plane.toml"
    path.write_text(CONFIG)
    return path


def document(capsys, *arguments):
    status = main([*map(str, arguments), "--json"])
    out = capsys.readouterr().out
    return status, json.loads(out)


def test_scan_writes_a_document_contours_and_every_point(capsys, config, tmp_path):
    out = tmp_path / "out"
    status, found = document(capsys, "scan", config, "--output", out)
    assert status == 0
    assert found["parameters"] == ["m_vector", "g_vector"]
    assert (found["n_points"], found["n_not_converged"]) == (32, 0)
    assert found["levels"] == [2.30, 6.18, 11.83]
    assert "limits" not in found
    assert found["seconds"] > 0
    assert (
        "quarks" in found["conventions"]["light vector"]
        or "u 0.3333" in (found["conventions"]["light vector"])
    )
    assert sorted(p.name for p in out.iterdir()) == [
        f"plane_scan.{kind}" for kind in ("csv", "nc", "png")
    ]
    result = load(out / "plane_scan.nc")
    assert result.kind == "scan"
    assert result.variables["chi2"][1].shape == (4, 8)
    grid = result.variables["g_vector"][1]
    np.testing.assert_allclose(grid, -grid[::-1])
    assert result.variables["minimum"][1].shape == (4, 8, 4)
    lowest = result.variables["delta_chi2"][1].min()
    assert 0 <= lowest < 5
    header = (out / "plane_scan.csv").read_text().splitlines()[0]
    assert header == "delta_chi2,line,m_vector,g_vector"
    other = out / "again.nc"
    other.write_bytes((out / "plane_scan.nc").read_bytes())
    status, plotted = document(capsys, "plot", out / "plane_scan.nc", other)
    assert status == 0
    assert plotted["files"] == [str(out / "plane_scan_overlay.png")]


def test_scan_of_one_parameter_has_limits(capsys, config, tmp_path):
    text = CONFIG.split("[[scan.axes]]")
    config.write_text(text[0] + "[[scan.axes]]" + text[2])
    settings = ["--set", "parameters.m_vector.start=1000", "--output", tmp_path / "out"]
    status, found = document(capsys, "scan", config, *settings)
    assert status == 0
    assert [limit["delta_chi2"] for limit in found["limits"]] == [1.0, 2.71, 3.84]
    for limit in found["limits"]:
        for low, high in limit["allowed"]:
            assert -1e-3 <= low < high <= 1e-3


def test_blocks_of_an_unfinished_scan_are_not_lost(capsys, config, tmp_path):
    out = tmp_path / "out"
    blocks = out / "plane_scan.blocks"
    blocks.mkdir(parents=True)
    assert main(["scan", str(config), "--output", str(out)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["scan", str(config), "--output", str(out), "--resume"]) == 0
    assert not blocks.exists()


def test_a_changed_config_does_not_resume(capsys, config, tmp_path):
    out = tmp_path / "out"
    blocks = out / "plane_scan.blocks"
    Blocks(blocks, settings_used("scan", read_analysis(config).record)).save(0, {})
    changed = ["--set", "experiments.coherent_csi_2021.mass_kg=14"]
    assert main(["scan", str(config), "--output", str(out), "--resume", *changed]) == 2
    err = capsys.readouterr().err
    assert "cannot be resumed" in err
    assert "mass_kg was not set and is 14" in err
    assert blocks.exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"m_vector"', '"m_vectr"', 'did you mean "m_vector"'),
        ('"g_vector"', '"m_vector"', "has an axis already"),
        ('"log"', '"logarithmic"', "scale"),
        ("min = 1\n", "min = 0\n", "min must be positive"),
        ("min = 1\n", "min = 200\n", "min below max"),
        ("max = 1e-3", "max = 100", "between -10 and 10"),
        ("points = 8", "points = 7", "even"),
        ("points = 4", "points = 0", "whole number"),
        ('"b_minus_l"', '"b_minus"', 'did you mean "b_minus_l"'),
        ("[interaction.light_vector]", "[interaction.light_vektor]", "light_vektor"),
        ("charges =", "charge =", 'did you mean "charges"'),
    ],
)
def test_wrong_keys(config, old, new, words):
    assert old in CONFIG
    config.write_text(CONFIG.replace(old, new, 1))
    with pytest.raises(ConfigError, match=words):
        read_analysis(config)


def test_scan_needs_axes(capsys, config):
    config.write_text(CONFIG.split("[[scan.axes]]")[0])
    assert main(["scan", str(config)]) == 2
    assert "[[scan.axes]]" in capsys.readouterr().err


def test_an_own_interaction_by_its_import_path(tmp_path):
    (tmp_path / "own_physics_of_a_test.py").write_text(OWN)
    path = tmp_path / "own.toml"
    table = '[[interaction.own]]\nobject = "own_physics_of_a_test:Shifted"\nscale = 2.0\n'
    rest = '[experiments.coherent_csi_2021]\n[fit]\nfree = ["d_charge"]\n'
    path.write_text(table + rest)
    analysis = read_analysis(path)
    assert "d_charge" in analysis.likelihood.names
    assert analysis.likelihood.interaction.added[0].scale == 2.0
    assert analysis.likelihood.interaction.conventions["shifted"] == "Q_W grows by a constant"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("own_physics_nowhere:Shifted", "ModuleNotFoundError"),
        ("json:loads", "cannot be made"),
        ("no_colon", "module:Class"),
        ("fractions:Fraction", "is no NewPhysics"),
    ],
)
def test_own_interactions_that_cannot_be_used(tmp_path, entry, words):
    path = tmp_path / "own.toml"
    rest = "[experiments.coherent_csi_2021]\n"
    path.write_text(f'[[interaction.own]]\nobject = "{entry}"\n{rest}')
    with pytest.raises(ConfigError, match=words):
        read_analysis(path)


@pytest.mark.parametrize(
    ("table", "parameters"),
    [
        ("light_scalar", {"g_scalar", "m_scalar"}),
        ("light_axial_vector", {"g_axial", "m_axial"}),
        ("light_pseudoscalar", {"g_pseudoscalar", "m_pseudoscalar"}),
        ("light_tensor", {"g_tensor", "m_tensor"}),
        ("non_standard_interactions", {"eps_u_ee", "eps_d_mutau"}),
        ("magnetic_moment", {"mu_nu"}),
        ("dipole_portal", {"mu_dipole", "m4"}),
    ],
)
def test_every_interaction_has_its_table(tmp_path, table, parameters):
    path = tmp_path / "new.toml"
    path.write_text(f"[interaction.{table}]\n[experiments.coherent_csi_2021]\n")
    assert parameters <= set(read_analysis(path).likelihood.parameters)
