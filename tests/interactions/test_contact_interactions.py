"""Contact interactions: heavy mediators, NSI and the couplings of the mission paper."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from point_nuclei import (
    ANGLE,
    AXIAL,
    FAMILIES,
    FLAVOURS,
    G_F,
    NSI,
    POINTS,
    ROOT2_G_F,
    SM,
    VECTOR,
    VECTOR_CHARGES,
    WEAK,
    A,
    M,
    N,
    Z,
    along,
    cross_section,
    recoils,
    shares,
)

from cevns_jax.interactions import (
    light_axial_vector,
    light_pseudoscalar,
    light_scalar,
    light_tensor,
    light_vector,
    with_new_physics,
)

MEDIATORS = {
    "vector": light_vector,
    "axial": light_axial_vector,
    "scalar": light_scalar,
    "pseudoscalar": light_pseudoscalar,
    "tensor": light_tensor,
}


@pytest.mark.parametrize("name", MEDIATORS)
def test_a_heavy_mediator_is_a_contact_interaction(name):
    """eps = g^2/(sqrt2 G_F m^2) up to a factor 1 + q^2/m^2, at the amplitude."""
    energy, mass, g = 40.0, 1e5, 0.3
    recoil = recoils(energy, 0.7)
    light, contact = MEDIATORS[name](), MEDIATORS[name](contact=True)
    moving = {f"g_{name}": g, f"m_{name}": mass}
    still = {f"eps_{name}": g**2 / (ROOT2_G_F * mass**2)}
    assert [p.name for p in contact.parameters] == list(still)
    damping = 1 + 2 * M * recoil / mass**2
    assert damping.max() < 1 + 1e-6
    nucleus = POINTS.at(jnp.asarray(recoil), {})

    def parts(term, values):
        seen = (jnp.asarray(recoil), nucleus, "nu_mu", SM | values)
        if name == "vector":
            return [term.vector_charge(*seen)]
        if name == "axial":
            return list(term.axial_couplings(*seen))
        return [along(term.coefficients(*seen), energy) ** 0.5]

    for one, other in zip(parts(light, moving), parts(contact, still), strict=True):
        np.testing.assert_allclose(one * damping, other, rtol=1e-13)
    flipped = {"g_vector": -g, "m_vector": mass}
    if name == "vector":
        found = cross_section(with_new_physics(AXIAL, light), recoil, energy, flipped)
        point = with_new_physics(AXIAL, contact)
        still = {"eps_vector": -still["eps_vector"]}
        np.testing.assert_allclose(found, cross_section(point, recoil, energy, still), rtol=3e-6)


@pytest.mark.parametrize("charges", VECTOR_CHARGES)
def test_a_vector_contact_interaction_is_an_nsi(charges):
    """eps_aa^q = Q_nu_a Q_q eps_V; for universal charges all of them are eps_V."""
    eps = -0.17
    up, down, _, neutrinos = VECTOR_CHARGES[charges]
    values = {p.name: 0.0 for p in NSI.parameters} | {"eps_vector": eps}
    for family, charge in zip(FAMILIES, neutrinos, strict=True):
        values |= {f"eps_u_{2 * family}": charge * up * eps}
        values |= {f"eps_d_{2 * family}": charge * down * eps}
    vector = light_vector(charges=charges, contact=True)
    recoil = recoils(30.0, np.array([1e-3, 0.5, 0.9]))
    for flavour in FLAVOURS:
        np.testing.assert_allclose(
            cross_section(with_new_physics(AXIAL, vector), recoil, 30.0, values, flavour),
            cross_section(with_new_physics(AXIAL, NSI), recoil, 30.0, values, flavour),
            rtol=1e-12,
        )


@given(
    energy=st.floats(1.0, 60.0),
    share=shares,
    eps=st.tuples(*[st.floats(-1.0, 1.0)] * 3),
)
def test_contact_interactions_are_those_of_the_mission_paper(energy, share, eps):
    """Eq. 3 of De Romeri, LHEP 2023, 343, G_F^2 M/(2 pi) [zeta_S^2 2 T/T_max + zeta_V^2 (2 - 2 T/
    T_max) + zeta_T^2 (2 - T/T_max)], T_max = 2 E^2/M, up to T/E, which it neglects; with
    zeta_V = Q_W + eps_V Q_V, zeta_S = eps_S Q_S and zeta_T = 2 sqrt2 eps_T Q_T."""
    recoil = recoils(energy, share)
    terms = (light_vector, light_scalar, light_tensor)
    values = dict(zip(("eps_vector", "eps_scalar", "eps_tensor"), eps, strict=True))
    zeta_v = 0.5 * (1 - 4 * ANGLE) * Z - 0.5 * N + eps[0] * 3 * A
    zeta_s = eps[1] * (14 * N + 15.1 * Z)
    zeta_t = 2 * np.sqrt(2) * eps[2] * 0.31 * A
    x = recoil / (2 * energy**2 / M)
    unit = G_F**2 * M / (2 * np.pi)
    for squares, added in (
        ((0, zeta_v**2, 0), terms[:1]),
        ((zeta_s**2, (WEAK / 2) ** 2, 0), terms[1:2]),
        ((zeta_s**2, zeta_v**2, zeta_t**2), terms),
    ):
        model = with_new_physics(VECTOR, *(term(contact=True) for term in added))
        scalar, vector, tensor = squares
        expected = scalar * 2 * x + vector * (2 - 2 * x) + tensor * (2 - x)
        found = cross_section(model, recoil, energy, values) / unit
        neglected = 2 * (vector + tensor) * recoil / energy
        slack = 1e-12 * (scalar + (WEAK + 3 * A) ** 2 + tensor)
        assert (abs(found - expected) <= 1.0001 * neglected + slack).all()
