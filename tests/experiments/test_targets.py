"""Nuclei of the data sets: what the published ones are, others in their place, and refusals."""

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import argon_target, csi_target, germanium_target
from cevns_jax.form_factors import Helm, KleinNystrand
from cevns_jax.nuclei import NUCLIDES, target

FUNCTIONS = {
    "coherent_csi_2017": csi_target,
    "coherent_csi_2021": csi_target,
    "coherent_lar_2020": argon_target,
    "coherent_lar_2020_energy": argon_target,
    "dresden_ii": germanium_target,
}


def built(name, **given):
    return getattr(cj.experiments, name)(**given)


def signal(experiment, **values):
    like = cj.Likelihood([experiment])
    expected = jax.jit(lambda v: like.components(v))(like.values() | values)
    return np.asarray(expected[experiment.name]["cevns"])


# rms radii of arXiv:2008.05022, and of Angeli and Marinova for germanium.
@pytest.mark.parametrize(
    ("function", "protons", "neutrons"),
    [
        (csi_target, {"Cs133": 4.804, "I127": 4.749}, {"Cs133": 5.01, "I127": 4.94}),
        (argon_target, {"Ar36": 3.448, "Ar40": 3.448}, {"Ar36": 3.55, "Ar40": 3.55}),
        (germanium_target, {"Ge70": 4.0414, "Ge74": 4.0742}, {"Ge70": 4.0414, "Ge74": 4.0742}),
    ],
)
def test_without_arguments_they_are_as_published(function, protons, neutrons):
    nuclei = function(common_neutron_radius=False)
    assert nuclei.form_factor == Helm()
    of_protons = dict(zip(nuclei.symbols, nuclei.properties[-1], strict=True))
    of_neutrons = dict(zip(nuclei.symbols, nuclei.neutron_radius, strict=True))
    assert {s: of_protons[s] for s in protons} == protons
    assert {s: of_neutrons[s] for s in neutrons} == neutrons


def test_isotopes_of_argon_and_germanium_share_a_radius_and_those_of_the_crystal_do_not():
    names = [[p.name for p in f().parameters] for f in (csi_target, argon_target, germanium_target)]
    assert names == [["r_n_cs133", "r_n_i127"], ["r_n_ar"], ["r_n_ge"]]
    assert [p.name for p in csi_target(common_neutron_radius=True).parameters] == ["r_n_csi"]
    starts = [p.start for p in germanium_target().parameters]
    rows = [n for n in NUCLIDES.values() if n.element == "Ge"]
    mean = sum(n.abundance * n.charge_radius for n in rows) / sum(n.abundance for n in rows)
    assert starts == pytest.approx([mean])


@pytest.mark.parametrize("function", [csi_target, argon_target, germanium_target])
def test_what_is_left_out_stays(function):
    usual = function(common_neutron_radius=False)
    first = usual.symbols[0]
    moved = function(
        form_factor=KleinNystrand(range=0.6),
        neutron_radius_fm={first: 5.3},
        common_neutron_radius=False,
    )
    assert moved.form_factor == KleinNystrand(range=0.6)
    assert moved.neutron_radius == (5.3, *usual.neutron_radius[1:])
    np.testing.assert_array_equal(moved.properties, usual.properties)
    np.testing.assert_array_equal(moved.nuclei_per_kg, usual.nuclei_per_kg)
    rule = function(neutron_radius_fm="lewin_smith", common_neutron_radius=False)
    numbers = [int(symbol[2:] if symbol[1].isalpha() else symbol[1:]) for symbol in usual.symbols]
    for number, radius in zip(numbers, rule.neutron_radius, strict=True):
        assert radius == pytest.approx(cj.nuclei.lewin_smith_radius(number))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_radius_of_the_target_does_as_the_parameter_of_the_data_set(name):
    """Two routes to one number: the nuclei start elsewhere, or the parameter is moved there."""
    function = FUNCTIONS[name]
    usual = built(name, target=function(common_neutron_radius=False))
    parameters = [p.name for p in function(common_neutron_radius=False).parameters]
    radii = {s: 3.9 + 0.05 * i for i, s in enumerate(function().symbols)}
    moved = built(name, target=function(neutron_radius_fm=radii, common_neutron_radius=False))
    expected = signal(usual, **dict(zip(parameters, radii.values(), strict=True)))
    np.testing.assert_allclose(signal(moved), expected, rtol=1e-6, atol=1e-9 * expected.max())


@pytest.mark.parametrize("name", ["coherent_csi_2021", "coherent_lar_2020_energy", "dresden_ii"])
def test_a_target_of_ones_own_does_as_that_of_the_function(name):
    """Nuclides by their names and abundances, in another order."""
    usual = FUNCTIONS[name](common_neutron_radius=False)
    backwards = usual.symbols[::-1]
    atoms = {s: NUCLIDES[s].abundance for s in backwards}
    own = target(
        atoms,
        form_factor=Helm(),
        proton_radius_fm=dict(zip(usual.symbols, usual.properties[-1].tolist(), strict=True)),
        neutron_radius_fm=dict(zip(usual.symbols, usual.neutron_radius, strict=True)),
    )
    expected = signal(built(name, target=usual))
    np.testing.assert_allclose(signal(built(name, target=own)), expected, rtol=1e-9)


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_nuclides_are_refused_with_those_of_the_data_set(name):
    function = FUNCTIONS[name]
    symbols = function().symbols
    others = [
        target("Xe", form_factor=Helm()),
        target({symbols[0]: 1.0}, form_factor=Helm()),
        target(dict.fromkeys((*symbols, "Na23"), 1.0), form_factor=Helm()),
    ]
    for other in others:
        with pytest.raises(ConfigError) as caught:
            built(name, target=other)
        said = str(caught.value)
        assert said.startswith(f"{name}: target must hold {', '.join(symbols)}, ")
        assert f"cj.experiments.{function.__name__}" in said
        assert said.endswith(f"not {', '.join(other.symbols)}")


@pytest.mark.parametrize("given", ["Ge", Helm(), 3.0])
def test_what_is_no_target_is_refused(given):
    with pytest.raises(ConfigError, match=r"^dresden_ii: target must hold Ge70.*germanium_target"):
        built("dresden_ii", target=given)


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        (argon_target, {"neutron_radius_fm": {"Ar41": 3.5}}, 'nuclide "Ar41"'),
        (argon_target, {"proton_radius_fm": {"Ar40": 0.3}}, r"rms radii above 1\.56 fm"),
        (argon_target, {"neutron_radius_fm": "lewin"}, "lewin_smith"),
        (germanium_target, {"neutron_radius_fm": {"Ge71": 4.0}}, 'nuclide "Ge71"'),
        (germanium_target, {"neutron_radius_fm": {"Ge70": -4.0}}, "Ge70 must be positive"),
        (germanium_target, {"proton_radius_fm": {"Ge70": 0.5}}, r"rms radii above 1\.56 fm"),
        (germanium_target, {"proton_radius_fm": "angeli"}, "lewin_smith"),
        (csi_target, {"neutron_radius_fm": {"Cs133": 11.0}}, "up to 10 fm, not 11 fm for Cs133"),
        (csi_target, {"proton_radius_fm": {"I128": 4.7}}, 'nuclide "I128"'),
    ],
)
def test_radii_that_cannot_be_are_refused(function, given, words):
    with pytest.raises(ConfigError, match=words):
        function(**given)
