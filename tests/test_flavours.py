"""Names of flavours, and what follows from them wherever they are used."""

import jax.numpy as jnp
import pytest

from cevns_jax.errors import ConfigError
from cevns_jax.flavours import (
    FAMILIES,
    FLAVOURS,
    check_families,
    check_flavours,
    family,
    is_antineutrino,
)
from cevns_jax.interactions import Charges, MagneticMoment, standard_model
from cevns_jax.sources import oscillated_source, spallation_source
from cevns_jax.weak_mixing import named_couplings

SM = {"sin2_theta_w": 0.23857}


def test_there_are_three_families_of_neutrinos_and_antineutrinos():
    assert FLAVOURS == ("nu_e", "nu_mu", "nu_tau", "nu_e_bar", "nu_mu_bar", "nu_tau_bar")
    assert [family(flavour) for flavour in FLAVOURS] == ["e", "mu", "tau"] * 2
    assert [is_antineutrino(flavour) for flavour in FLAVOURS] == [False] * 3 + [True] * 3


@pytest.mark.parametrize("name", ["e", "nu", "nu_e_bar_bar", "bar_nu_e", "nu_x", "", "NU_E"])
def test_what_is_no_flavour_is_refused_everywhere(name):
    """By whoever parses it, and so by every interaction."""
    recoil = jnp.array([1e-3])
    for ask in (
        family,
        is_antineutrino,
        Charges().neutrino,
        lambda f: named_couplings("tree").proton(f, 0.2),
        lambda f: standard_model().electron_coefficients(recoil, f, SM),
        lambda f: MagneticMoment().electron_coefficients(recoil, f, {"mu_nu": 1e-10}),
    ):
        with pytest.raises(ConfigError, match=r"no flavour.*allowed: nu_e, nu_e_bar, nu_mu"):
            ask(name)


def test_a_near_miss_is_named_with_the_place():
    with pytest.raises(ConfigError, match=r'my source: no flavour "nu_muon"; did you mean "nu_mu"'):
        check_flavours("my source", ["nu_e", "nu_muon"])
    with pytest.raises(ConfigError, match=r'mine: no family "nu_e"'):
        check_families("mine", ["nu_e"])
    check_flavours("mine", FLAVOURS)
    check_families("mine", FAMILIES)


def test_charges_belong_to_families():
    charges = Charges(nu_e=1.0, nu_mu=2.0, nu_tau=3.0)
    assert [charges.neutrino(flavour) for flavour in FLAVOURS] == [1.0, 2.0, 3.0] * 2


def test_antineutrinos_exchange_left_and_right_on_electrons():
    """g_L and g_R change places: a_0 is the same, a_1 has the other coupling squared."""
    recoil = jnp.array([1e-2])
    model = standard_model()
    left, right = (model.electron_coefficients(recoil, f, SM) for f in ("nu_e", "nu_e_bar"))
    assert float(left[0][0]) == pytest.approx(float(right[0][0]), rel=1e-14)
    by_charge = float(left[1][0] / right[1][0])
    assert by_charge == pytest.approx((0.23857 / (0.5 + 0.23857)) ** 2, rel=1e-12)


def test_an_oscillation_of_no_flavour_says_that_it_is_one():
    source = spallation_source(neutrinos_per_proton=0.1, protons_on_target=1e20, distance_m=20.0)
    survives = oscillated_source(source, baseline_m=20.0).probability
    with pytest.raises(ConfigError, match=r'^oscillation: no flavour "nu_x"'):
        survives("nu_x", jnp.array(10.0), {})
