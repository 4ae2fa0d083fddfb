"""Cross sections of one energy: differential, slopes, elements, and what is refused."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from cross_section_reference import VECTOR, close, helm, highest, weak

from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import (
    DipolePortal,
    MagneticMoment,
    light_tensor,
    standard_model,
    with_new_physics,
)
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.scattering import cross_section


@pytest.mark.parametrize("name", ["sin2_theta_w", "g_tensor", "m_tensor", "r_n_ge73"])
def test_gradients_in_parameters_are_differences(name):
    """Standard Model with axial part, a light tensor and a neutron radius, natural germanium."""
    model = with_new_physics(standard_model(), light_tensor())
    point = {"sin2_theta_w": 0.23, "g_tensor": 3e-5, "m_tensor": 8.0, "r_n_ge73": 4.1}

    def total(value):
        at = {**point, name: value}
        return 1e40 * cross_section("Ge", energy_mev=25.0, interaction=model, values=at)

    step = 1e-3 * point[name]
    numbers = [float(total(point[name] + k * step)) for k in (-2, -1, 1, 2)]
    slope = (numbers[0] - 8 * numbers[1] + 8 * numbers[2] - numbers[3]) / (12 * step)
    close(jax.grad(total)(point[name]), slope, 1e-7)
    assert slope != 0


def test_differential_cross_section_broadcasts_is_per_kev_and_ends_where_recoils_end():
    energy, recoil = np.array([[5.0], [30.0]]), np.array([0.0, 0.2, 3.0, 14.0, 1e4])
    found = np.asarray(
        cross_section("Cs133", energy_mev=energy, recoil_kev=recoil, interaction=VECTOR)
    )
    assert found.shape == (2, 5)
    for row, e in zip(found, (5.0, 30.0), strict=True):
        top = 1e3 * float(highest("Cs133", e))
        assert ((row > 0) == (recoil < top)).all()
        for sigma, t in zip(row[1:], recoil[1:], strict=True):
            if t < top:
                t = mpmath.mpf(t) / 1000
                expected = weak("Cs133", mpmath.mpf(e), t, helm("Cs133", t)) / 1000
                close(sigma, float(expected), 1e-11)
        close(row[0], float(weak("Cs133", mpmath.mpf(e), 0, 1) / 1000), 1e-11)


def test_gradients_of_the_differential_one_are_finite_everywhere():
    """At the ends of the kinematic range and beyond them, for heavy and massless leptons."""
    model = with_new_physics(standard_model(), MagneticMoment(), DipolePortal())
    values = {"mu_nu": 1e-10, "mu_dipole": 1e-9, "m4": 3.0, "sin2_theta_w": 0.24}
    top = 1e3 * float(highest("Cs133", 30.0))
    for recoil in (1e-6, 1.0, top * (1 - 1e-15), top, top * (1 + 1e-15), 2 * top):
        slopes = jax.grad(
            lambda e, t, v: cross_section(
                "Cs133", energy_mev=e, recoil_kev=t, interaction=model, values=v
            ),
            argnums=(0, 1, 2),
        )(30.0, recoil, values)
        assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(slopes)), recoil


def test_an_element_is_the_mean_of_its_isotopes():
    rows = [row for row in NUCLIDES.values() if row.element == "Ge"]
    each = [float(cross_section(row.symbol, energy_mev=40.0)) for row in rows]
    mean = np.average(each, weights=[row.abundance for row in rows])
    close(cross_section("Ge", energy_mev=40.0), mean, 1e-13)
    built = target("Ge", form_factor=Helm())
    close(cross_section(built, energy_mev=40.0), mean, 1e-13)
    light = cross_section("Ge", energy_mev=40.0, neutron_radius_fm={r.symbol: 4.3 for r in rows})
    assert light < mean


def test_antineutrinos_differ_by_the_couplings_of_their_flavour_alone():
    """Tree couplings know no flavour, radiative ones do."""
    tree, radiative = standard_model(), standard_model(couplings="radiative_2023")
    e, mu, e_bar = (
        [
            float(cross_section("Ar40", energy_mev=20.0, interaction=i, flavour=f))
            for i in (tree, radiative)
        ]
        for f in ("nu_e", "nu_mu", "nu_e_bar")
    )
    assert e[0] == mu[0]
    assert e[1] != mu[1]
    assert e == e_bar


def test_nothing_is_left_above_the_highest_recoil():
    assert cross_section("Ar40", energy_mev=1.0, recoil_min_kev=1e3) == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"target": "Cs134"}, "chemical formula|no nuclide|no element"),
        ({"flavour": "nu_electron"}, 'no flavour "nu_electron".*did you mean'),
        ({"values": {"sin2_theta": 0.2}}, 'did you mean "sin2_theta_w"'),
        ({"values": {"sin2_theta_w": [0.2, 0.3]}}, "must be one number.*jax.vmap"),
        ({"values": {"sin2_theta_w": np.nan}}, "sin2_theta_w"),
        ({"energy_mev": 0.0}, "energy_mev must be positive"),
        ({"energy_mev": "thirty"}, "energy_mev must be numbers"),
        ({"recoil_kev": -1.0}, "recoil_kev must be finite and not negative"),
        ({"recoil_min_kev": -1.0}, "recoil_min_kev must be finite and not negative"),
        ({"energy_mev": [1.0, 2.0], "recoil_kev": [1.0, 2.0, 3.0]}, "must broadcast"),
        (
            {"target": target("Ge", form_factor=Helm()), "form_factor": Helm()},
            "belong to the target",
        ),
    ],
)
def test_what_cannot_be_is_refused(given, words):
    given = {"target": "Cs133", "energy_mev": 30.0} | given
    with pytest.raises(ConfigError, match=words):
        cross_section(given.pop("target"), **given)


def test_one_compiled_function_serves_every_energy():
    compiled = jax.jit(jax.vmap(lambda e: cross_section("Ar40", energy_mev=e)))
    energy = jnp.linspace(1.0, 50.0, 7)
    np.testing.assert_allclose(
        compiled(energy), cross_section("Ar40", energy_mev=energy), rtol=1e-13
    )
