"""Fingerprints: what changes them, and that nothing else does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax import fingerprint
from cevns_jax.config.analysis import read_analysis
from cevns_jax.fingerprint import computation, inputs

CONFIG = """
[experiments.mine]
target = "Ge"
form_factor = "helm"
mass_kg = 10.0
bins = "bins.csv"
statistic = "poisson"
nuisances = []
[experiments.mine.source]
type = "table"
flux = "flux.csv"
live_time_days = 100
[experiments.mine.response]
quenching = "perfect"
resolution = "perfect"
efficiency = "perfect"
[[interaction.own]]
object = "physics_of_a_fingerprint:Shift"
"""
OWN = """
from dataclasses import dataclass
import jax
from helper_of_a_fingerprint import SIZE
from cevns_jax.interactions import NewPhysics
from cevns_jax.parameters import Parameter

@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Shift(NewPhysics):
    conventions = "a shift"
    parameters = (Parameter(name="shift", lower=-1.0, upper=1.0),)
    def vector_charge(self, recoil, nucleus, flavour, values):
        return SIZE * values["shift"] * nucleus.proton_form_factor
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    for module in ("physics_of_a_fingerprint", "helper_of_a_fingerprint"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    (tmp_path / "analysis.toml").write_text(CONFIG)
    (tmp_path / "bins.csv").write_text(
        "energy_kevnr_low,energy_kevnr_high,observed\n0.1,0.5,12\n0.5,1,3\n"
    )
    (tmp_path / "flux.csv").write_text("energy_mev,nu_e_bar\n2,1e12\n5,2e11\n8,5e9\n")
    (tmp_path / "physics_of_a_fingerprint.py").write_text(OWN)
    (tmp_path / "helper_of_a_fingerprint.py").write_text("SIZE = 1.0\n")
    return tmp_path / "analysis.toml"


def test_inputs_are_tables_and_own_code_with_what_it_imports(config):
    settings = read_analysis(config).record["settings"]
    found = inputs(settings, config.parent)
    assert list(found) == [
        "bins.csv",
        "flux.csv",
        "helper_of_a_fingerprint.py",
        "physics_of_a_fingerprint.py",
    ]
    assert inputs(settings, config.parent) == found
    for name in found:
        (config.parent / name).write_text((config.parent / name).read_text() + "\n# more\n")
        again = inputs(settings, config.parent)
        assert {n for n in found if again[n] != found[n]} == {name}
        found = again


def test_texts_that_name_no_file_are_no_inputs(tmp_path):
    texts = ["", "x" * 5000, "a\0b", "nothing.csv", str(tmp_path), 'χ²"']
    assert inputs({"experiments": {"a": texts}}, tmp_path) == {}


def test_a_computation_is_known_again_in_another_process(config):
    """Whatever the order in which that process keeps its sets."""
    here = computation(read_analysis(config).likelihood)
    code = (
        "import json, sys, jax\n"
        "jax.config.update('jax_enable_x64', True)\n"
        "jax.config.update('jax_num_cpu_devices', 2)\n"
        "from cevns_jax.config.analysis import read_analysis\n"
        "from cevns_jax.fingerprint import computation\n"
        "print(json.dumps(computation(read_analysis(sys.argv[1]).likelihood)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(config)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == json.loads(json.dumps(here))


def test_a_computation_knows_every_number_and_the_code(config, monkeypatch, tmp_path):
    like = read_analysis(config).likelihood
    before = computation(like)
    (mine,) = like.experiments
    counts = np.array(mine.observed)
    counts[0] += 1e-12
    for other in (
        like.with_observed({"mine": counts}),
        like.hold(n_sigma=1.0),
        cj.Likelihood([mine], cj.interactions.standard_model()),
    ):
        after = computation(other)
        assert {k for k in before if before[k] != after[k]} == {"numbers of the likelihood"}
    assert "cevns_jax/recoil/kernel.py" in before["code"]
    assert "cevns_jax/data/dresden_ii/rates.csv" in before["code"]
    package = tmp_path / "cevns_jax"
    (package / "recoil").mkdir(parents=True)
    (package / "recoil" / "kernel.py").write_text("changed")
    monkeypatch.setattr(fingerprint, "PACKAGE", Path(package))
    recoil = "cevns_jax/recoil/kernel.py"
    assert computation(like)["code"][recoil] != before["code"][recoil]
