"""Exposures in place of the published ones: what they scale, what is refused, and configs."""

from pathlib import Path

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.config.plan import read_plan
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Exposure

SNS = ("coherent_csi_2017", "coherent_csi_2021", "coherent_lar_2020", "coherent_lar_2020_energy")
DATA_SETS = (*SNS, "dresden_ii")
# Published masses [kg], distances [m], protons and neutrinos per proton; mass and flux.
PUBLISHED = {
    "coherent_csi_2017": (14.6, 19.3, 1.76e23, 0.08),
    "coherent_csi_2021": (14.6, 19.3, 3.198e23, 0.0848),
    "coherent_lar_2020": (24.4, 27.5, 1.38e23, 0.09),
    "coherent_lar_2020_energy": (24.4, 27.5, 1.38e23, 0.09),
    "dresden_ii": (2.924, 4.8e13),
}
AT_THE_SNS = ("mass_kg", "distance_m", "protons_on_target", "neutrinos_per_proton")
AT_A_REACTOR = ("mass_kg", "flux_per_cm2_s")

components = jax.jit(lambda like, values: like.components(values))


def built(name, **given):
    return getattr(cj.experiments, name)(**given)


def counts(experiment):
    like = cj.Likelihood([experiment])
    parts = components(like, like.values())[experiment.name]
    return {name: np.asarray(part) for name, part in parts.items()}


def of_neutrinos(name, parts):
    return {"cevns", "electrons"} & set(parts)


def numbers(name):
    keys = AT_A_REACTOR if name == "dresden_ii" else AT_THE_SNS
    return dict(zip(keys, PUBLISHED[name], strict=True))


@pytest.fixture(scope="module", params=DATA_SETS)
def published(request):
    return request.param, counts(built(request.param))


def test_the_published_numbers_are_the_default(published):
    name, usual = published
    for exposure in (Exposure(), Exposure(**numbers(name))):
        for part, found in counts(built(name, exposure=exposure)).items():
            np.testing.assert_allclose(found, usual[part], rtol=1e-14)


def test_neutrinos_scale_with_each_number_and_backgrounds_stay(published):
    """As mass, flux, protons, neutrinos per proton and the inverse square of the distance."""
    name, usual = published
    factors = {
        "mass_kg": 1.7,
        "distance_m": 1.2,
        "protons_on_target": 0.4,
        "neutrinos_per_proton": 1.1,
        "flux_per_cm2_s": 2.3,
    }
    whole = 1.0
    given = numbers(name)
    for key in given:
        given[key] *= factors[key]
        whole *= factors[key] ** (-2 if key == "distance_m" else 1)
        found = counts(built(name, exposure=Exposure(**given)))
        assert set(found) == set(usual)
        for part in usual:
            factor = whole if part in of_neutrinos(name, usual) else 1.0
            np.testing.assert_allclose(found[part], factor * usual[part], rtol=1e-11)


def test_electrons_of_the_crystal_scale_as_its_nuclei():
    usual = counts(built("coherent_csi_2021", electrons=True))
    larger = Exposure(mass_kg=29.2, neutrinos_per_proton=0.0424, protons_on_target=9.594e23)
    found = counts(built("coherent_csi_2021", electrons=True, exposure=larger))
    for part, factor in (("cevns", 3), ("electrons", 3), ("nin", 1), ("steady_state", 1)):
        np.testing.assert_allclose(found[part], factor * usual[part], rtol=1e-11)


def test_the_exposure_scale_multiplies_a_given_exposure_too():
    usual = counts(built("coherent_csi_2017"))
    found = counts(built("coherent_csi_2017", exposure=Exposure(mass_kg=7.3), exposure_scale=10.0))
    for part, factor in (("cevns", 5), ("brn", 10), ("steady_state", 10)):
        np.testing.assert_allclose(found[part], factor * usual[part], rtol=1e-12)


def test_the_exposure_is_told_in_words():
    given = Exposure(mass_kg=750.0, distance_m=28.0)
    words = built("coherent_lar_2020_energy", exposure=given).exposure
    assert words.startswith("750 kg Ar at 28 m, 1.38e+23 protons on target, 0.09 neutrinos")
    given = Exposure(mass_kg=3.0, flux_per_cm2_s=1e13)
    words = built("dresden_ii", exposure=given).exposure
    assert words.startswith("3 kg Ge")
    assert "1e+13" in words


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", DATA_SETS)
def test_numbers_that_a_data_set_does_not_have_are_refused_with_those_that_it_has(name):
    of_others = set(AT_THE_SNS + AT_A_REACTOR) - set(numbers(name))
    for key in of_others:
        with pytest.raises(ConfigError) as caught:
            built(name, exposure=Exposure(**{key: 30.0}))
        said = str(caught.value)
        assert said.startswith(f'{name}: no number in the exposure "{key}"')
        allowed = said.partition("(allowed: ")[2].removesuffix(")").split(", ")
        assert set(allowed) == set(numbers(name))


@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_numbers_that_are_not_positive_and_finite_are_refused(name, value):
    for key in numbers(name):
        with pytest.raises(ConfigError, match=f"^{name}: {key} must be positive and finite, not"):
            built(name, exposure=Exposure(**{key: value}))


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("coherent_csi_2021", "distance_m", 1930.0, "between 0.1 and 1000.*m, not cm or km"),
        ("coherent_csi_2017", "neutrinos_per_proton", 8.0, "not at 8.*not per cent"),
        ("coherent_lar_2020", "protons_on_target", 1380.0, r"not of 10\^20"),
        ("coherent_lar_2020_energy", "mass_kg", 1e300, "kg, not g or t"),
        ("dresden_ii", "flux_per_cm2_s", 4.8e17, r"not 1/\(m\^2 s\)"),
        ("dresden_ii", "mass_kg", "2.9", "a number, not 2.9"),
        ("dresden_ii", "mass_kg", True, "a number, not True"),
        ("coherent_csi_2021", "mass_kg", [14.6], r"a number, not \[14.6\]"),
    ],
)
def test_numbers_outside_their_domains_are_refused(name, key, value, words):
    with pytest.raises(ConfigError, match=f"^{name}: {key} must .*" + words):
        built(name, exposure=Exposure(**{key: value}))


def test_an_exposure_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match=r"^dresden_ii: exposure must be a cj\.experiments\.Exp"):
        built("dresden_ii", exposure={"mass_kg": 3.0})


def test_an_exposure_is_a_value():
    assert Exposure(mass_kg=3.0) == Exposure(mass_kg=3.0)
    with pytest.raises(AttributeError):
        Exposure().mass_kg = 3.0
    with pytest.raises(TypeError):
        Exposure(3.0)


# ---------------------------------------------------------------------------------------- configs


@pytest.mark.parametrize("name", DATA_SETS)
def test_keys_of_a_config_are_the_exposure_and_the_target(name):
    exposure = {key: 1.3 * value for key, value in numbers(name).items()}
    isotope, function = {
        "coherent_csi_2017": ("I127", cj.experiments.csi_target),
        "coherent_csi_2021": ("Cs133", cj.experiments.csi_target),
        "dresden_ii": ("Ge74", cj.experiments.germanium_target),
    }.get(name, ("Ar40", cj.experiments.argon_target))
    radii = {"proton_radius_fm": {isotope: 4.3}, "neutron_radius_fm": {isotope: 4.5}}
    keys = radii | {"form_factor": "klein_nystrand", "common_neutron_radius": False}
    plan = read_plan(Path("x.toml"), {"experiments": {name: exposure | keys}})
    found = plan.experiments[0].build()
    nuclei = function(
        form_factor=cj.form_factors.KleinNystrand(), common_neutron_radius=False, **radii
    )
    expected = built(name, exposure=Exposure(**exposure), target=nuclei)
    assert found.conventions == expected.conventions
    assert found.exposure == expected.exposure
    assert [*found.parameters] == [*expected.parameters]
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("dresden_ii", "distance_m", 10.0, 'no key "distance_m"'),
        ("coherent_csi_2017", "flux_per_cm2_s", 1e7, 'no key "flux_per_cm2_s"'),
        ("coherent_lar_2020_energy", "mass_kg", -1.0, "mass_kg must be positive"),
        ("coherent_lar_2020", "distance_m", 2750.0, "distance_m must lie between"),
        ("dresden_ii", "neutron_radius_fm", {"Cs133": 5.0}, 'no nuclide "Cs133"'),
        ("coherent_csi_2021", "common_neutron_radius", 1, "common_neutron_radius must be"),
    ],
)
def test_wrong_keys_and_numbers_of_a_config_name_their_table(name, key, value, words):
    with pytest.raises(ConfigError, match=words) as caught:
        read_plan(Path("x.toml"), {"experiments": {name: {key: value}}})
    assert str(caught.value).startswith(f"x.toml [experiments.{name}")
