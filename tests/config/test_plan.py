"""What is wrong with a config is said before anything heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cevns_jax import choices, experiments, form_factors, pseudo_data, weak_mixing
from cevns_jax.config import names, parts
from cevns_jax.config.analysis import analysis_of
from cevns_jax.config.experiments import DATA_SETS, TARGETS
from cevns_jax.config.interaction import INTERACTIONS
from cevns_jax.config.plan import read_plan
from cevns_jax.config.strict_toml import read_toml
from cevns_jax.errors import ConfigError
from cevns_jax.inference import toys
from cevns_jax.interactions import mediators
from cevns_jax.plotting.needs import CHECKS
from cevns_jax.prediction import nuisances
from cevns_jax.results import MADE
from cevns_jax.results.file_format import KINDS
from configs import write

ROOT = Path(__file__).parents[2]
CSI = ROOT / "configs" / "coherent_csi_2021.toml"
SHIPPED = sorted((ROOT / "configs").glob("*.toml"))
OWN = {"germanium_sns"}  # configs whose parameters only building them tells


def plan_of(content):
    return read_plan(Path("x.toml"), content)


def data_set(name, **keys):
    return {"experiments": {name: keys}}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_parameter_of_a_config_is_known_before_it_is_built(path):
    plan = read_plan(path, read_toml(path))
    likelihood = analysis_of(plan).likelihood
    if path.stem in OWN:
        assert plan.parameters is None
        return
    assert plan.parameters == tuple(likelihood.parameters)
    varying = [name for experiment in plan.experiments for name in experiment.varying]
    held = {name for name, declared in plan.declarations.items() if declared.fixed}
    assert [n for n in dict.fromkeys([*plan.free, *varying]) if n not in held] == [
        *likelihood.names
    ]
    content = read_toml(path)
    for name in plan.parameters:
        read_plan(path, content | {"fit": {"free": [name]}})
        misspelt = content | {"fit": {"free": [f"{name}x"]}}
        with pytest.raises(ConfigError, match=rf'\[fit\] free: no parameter "{name}x"; did you'):
            read_plan(path, misspelt)


def variants():
    """Data sets with every choice that their parameters depend on."""
    for name, presets in names.PRESETS.items():
        for preset in presets:
            yield name, {"nuisances": preset}
        for common in (False, True):
            yield name, {"common_neutron_radius": common}
    yield "coherent_csi_2021", {"electrons": True, "nuisances": "split"}
    own = [{"name": "sns_flux", "acts_on": ["cevns"], "width": 0.1, "shared": True}]
    yield "coherent_csi_2017", {"nuisances": [*own, {"name": "a", "acts_on": ["brn"], "width": 1}]}
    for quenching in (
        *choices.GERMANIUM_QUENCHING,
        {"lindhard_k": 0.16},
        {"lindhard_k": 0.16, "lindhard_q": -1e-5},
        {"coefficients": [0.2]},
    ):
        yield "dresden_ii", {"quenching": quenching}


@pytest.mark.parametrize(("name", "keys"), [*variants()], ids=str)
def test_the_parameters_of_a_data_set_are_those_that_it_declares(name, keys):
    plan = plan_of(data_set(name, **keys))
    likelihood = analysis_of(plan).likelihood
    assert plan.parameters == tuple(likelihood.parameters)
    assert plan.experiments[0].varying == likelihood.names


@pytest.mark.parametrize("contact", [False, True])
@pytest.mark.parametrize("name", [*INTERACTIONS])
def test_the_parameters_of_an_interaction_are_those_that_it_declares(name, contact):
    has_contact = name.startswith("light_")
    content = {"interaction": {name: {"contact": True} if contact and has_contact else {}}}
    interaction = plan_of(content | data_set("coherent_csi_2021")).interaction
    assert interaction.parameters == tuple(p.name for p in interaction.build().parameters)


def test_names_and_words_are_those_of_what_they_stand_for():
    assert set(DATA_SETS) == set(names.PRESETS) == set(names.TARGETS)
    assert set(choices.COUPLINGS) == {
        c.name for c in vars(weak_mixing).values() if isinstance(c, weak_mixing.Couplings)
    }
    assert set(choices.CHARGES) == set(mediators.CHARGES)
    assert set(choices.SCALAR_CHARGES) == set(mediators.SCALAR_CHARGES)
    assert set(choices.NUISANCE_FORMS) == set(nuisances.FORMS)
    assert set(names.ISOTOPES) == set(TARGETS) == set(names.TARGETS.values())
    for formula, isotopes in names.ISOTOPES.items():
        nuclei = getattr(experiments, TARGETS[formula])()
        assert (nuclei.name, nuclei.symbols) == (formula, isotopes)
        assert (len(nuclei.parameters) == 1) == (formula in names.ONE_RADIUS)
    assert tuple(pseudo_data.TOYS.values()) == toys.ENSEMBLES
    assert set(MADE) == set(CHECKS) == set(KINDS)
    for kind, length in parts.FORM_FACTORS.values():
        assert hasattr(getattr(form_factors, kind)(), length)


@pytest.mark.parametrize("name", [*DATA_SETS])
def test_the_presets_of_a_data_set_are_those_that_it_has(name):
    module = sys.modules[f"cevns_jax.experiments.{name}"]
    assert {
        preset: tuple(n.name for n in found) for preset, found in module.PRESETS.items()
    } == names.PRESETS[name]
    for found in module.PRESETS.values():
        assert all(n.shared == (n.name in names.SHARED) for n in found)
        assert all(bool(n.includes) == (n.name in names.LUMPED) for n in found)
    others = {other for pair in names.OVERLAPS if name in pair for other in pair} - {name}
    assert set(getattr(experiments, name)().overlaps) == others


SLIPS = [
    ({"interaction": {"couplings": "treee"}}, '[interaction]: no set of couplings "treee"'),
    ({"interaction": {"axial": "yes"}}, "[interaction]: axial must be true or false"),
    ({"interaction": {"light_vector": {"charges": "b_minus"}}}, 'no charges "b_minus"'),
    ({"interaction": {"light_scalar": {"nucleons": "cerdeno"}}}, 'no nucleons "cerdeno"'),
    ({"interaction": {"light_tensor": {"contct": True}}}, 'no key "contct"; did you mean'),
    ({"interaction": {"magnetic_moment": {"families": ["nu_e"]}}}, "some of e, mu, tau"),
    (
        data_set("coherent_csi_2021", nuisances="splitt"),
        'no preset of nuisances "splitt"',
    ),
    (data_set("coherent_csi_2021", form_factor="helmm"), 'no form_factor "helmm"'),
    (data_set("coherent_csi_2021", form_factor={"model": "helmm"}), 'no model "helmm"'),
    (data_set("coherent_csi_2021", mass_kg="14"), "mass_kg must be a number, not a string"),
    (data_set("coherent_csi_2021", distance_m=1930), "distance_m must lie between"),
    (data_set("coherent_csi_2021", neutron_radius_fm={"Cs131": 5}), 'no nuclide "Cs131"'),
    (
        data_set("coherent_csi_2021", neutron_radius_fm="lewin"),
        "no convention of neutron_rad",
    ),
    (data_set("coherent_csi_2017", quenching="poly"), 'no quenching "poly"'),
    (data_set("coherent_csi_2017", steady_state_slope="0"), 'no steady_state_slope "0"'),
    (data_set("coherent_lar_2020", arrivals="in"), 'no arrivals "in"'),
    (data_set("dresden_ii", quenching="lindhart"), 'no quenching "lindhart"; did you mean'),
    (data_set("dresden_ii", spectra="huber"), 'no spectra "huber"'),
    (data_set("dresden_ii", fission_fractions={"u236": 1.0}), 'no isotope "u236"'),
    ({"parameters": {"n_sigm": {"start": 1}}}, '[parameters]: no parameter "n_sigm"'),
    ({"parameters": {"n_sigma": {"start": "1"}}}, "[parameters.n_sigma]: start must be a number"),
    ({"parameters": {"n_sigma": {"prior_mean": 1}}}, "prior_mean needs a prior_width"),
    ({"fit": {"starts": [{"sin2_theta": 0.2}]}}, 'start 1: no varying parameter "sin2_theta"'),
    ({"profile": {"parameter": "n_sigm", "min": 1, "max": 2}}, '[profile]: no parameter "n_sigm"'),
    ({"profile": {"parameter": "n_sigma", "min": 2, "max": 1}}, "min below max"),
    ({"profile": {"parameter": "n_sigma", "min": 1, "max": 2, "scale": "lg"}}, 'no scale "lg"'),
    ({"scan": {"axes": [{"parameter": "x", "min": 1, "max": 2}]}}, "[scan.axes 1]: no parameter"),
    ({"limit": {"parameter": "n_sigm"}}, '[limit]: no parameter "n_sigm"'),
    ({"limit": {"parameter": "n_sigma", "confidence_level": 90}}, "0.9 is 90 %"),
    (
        {"limit": {"parameter": "n_sigma", "held": {"sin2": {"min": 1, "max": 2}}}},
        '[limit]: no parameter "sin2"; did you mean "sin2_theta_w"',
    ),
]
OPTIONS = [
    (["fit", "--free", "sin2_theta"], 'free: no parameter "sin2_theta"; did you mean'),
    (["fit", "--fix", "n_sigm=1"], '[parameters]: no parameter "n_sigm"; did you mean "n_sigma"'),
    (["profile", "--grid", "n_sigm=0.5:2:5"], '[profile]: no parameter "n_sigm"'),
    (["scan", "--grid", "n_sigm=0.5:2:5"], '[scan.axes 1]: no parameter "n_sigm"'),
    (["limit", "--set", "limit.parameter=n_sigma", "--grid", "sin=1:2:5"], 'no parameter "sin"'),
    (
        ["fit", "--set", "experiments.coherent_csi_2021.nuisances=lump"],
        "no preset of nuisances",
    ),
]
CODE = """
import contextlib, io, json, sys
from cevns_jax.cli import main
said = []
for arguments in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as stream:
        said.append((main(arguments), stream.getvalue()))
heavy = {"jax", "numpy", "scipy", "xarray", "matplotlib"} & set(sys.modules)
print(json.dumps({"said": said, "heavy": sorted(heavy)}))
"""


def test_slips_are_said_before_anything_heavy_is_imported(tmp_path):
    asked = [[command, str(CSI), *rest] for (command, *rest), _ in OPTIONS]
    for number, (content, _) in enumerate(SLIPS):
        content = {"experiments": {"coherent_csi_2021": {}}} | content
        asked.append(["fit", str(write(tmp_path, content, f"slip{number}.toml"))])
    done = subprocess.run(
        [sys.executable, "-c", CODE], input=json.dumps(asked), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["heavy"] == []
    for arguments, (status, text), words in zip(
        asked, found["said"], [words for _, words in (*OPTIONS, *SLIPS)], strict=True
    ):
        assert status == 2, text
        assert words in text
        assert text.startswith(f"cevns: {arguments[1]}")
        assert text.count("\n") == 1
