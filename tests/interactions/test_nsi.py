"""Non-standard interactions against their cross section as published."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from point_nuclei import (
    ANGLE,
    FAMILIES,
    G_F,
    NSI,
    VECTOR,
    WEAK,
    A,
    M,
    N,
    Z,
    assert_agrees,
    cross_section,
    energies,
    flavours,
    kinematic,
    recoils,
    shares,
)

from cevns_jax.interactions import with_new_physics


@given(
    numbers=st.lists(st.floats(-2.0, 2.0), min_size=12, max_size=12),
    energy=energies,
    share=shares,
    flavour=flavours,
)
def test_nsi_replace_the_squared_weak_charge(numbers, energy, share, flavour):
    """Q_W^2 -> 4 {[Z (g_V^p + 2 eps_aa^u + eps_aa^d) + N (g_V^n + eps_aa^u + 2 eps_aa^d)]^2 +
    sum_(b != a) |Z (2 eps_ab^u + eps_ab^d) + N (eps_ab^u + 2 eps_ab^d)|^2}, eps_ab = eps_ba."""
    pairs = ("ee", "emu", "etau", "mumu", "mutau", "tautau")
    up, down = (dict(zip(pairs, row, strict=True)) for row in (numbers[:6], numbers[6:]))
    values = {f"eps_u_{p}": up[p] for p in pairs} | {f"eps_d_{p}": down[p] for p in pairs}
    a = flavour.split("_")[1]
    charges = []
    for b in FAMILIES:
        pair = a + b if a + b in pairs else b + a
        proton, neutron = 2 * up[pair] + down[pair], up[pair] + 2 * down[pair]
        if a == b:
            proton, neutron = proton + 0.5 - 2 * ANGLE, neutron - 0.5
        charges.append((Z * proton + N * neutron) ** 2)
    recoil = recoils(energy, share)
    found = cross_section(with_new_physics(VECTOR, NSI), recoil, energy, values, flavour)
    unit = G_F**2 * M / (4 * np.pi)
    expected = unit * 4 * sum(charges) * kinematic(recoil, energy)
    assert_agrees(found, expected, unit * (10 * A) ** 2)


def test_flavour_changing_interactions_are_symmetric_and_do_not_interfere():
    """eps_emu takes nu_e to nu_mu as often as nu_mu to nu_e, whatever its sign, and leaves nu_tau
    alone; it adds (Z (2 u + d) + N (u + 2 d))^2 to (Q_W/2)^2."""
    recoil = recoils(30.0, 0.2)
    model = with_new_physics(VECTOR, NSI)
    zero = {p.name: 0.0 for p in NSI.parameters}
    standard = cross_section(VECTOR, recoil, 30.0, {})
    for sign in (-1, 1):
        values = zero | {"eps_u_emu": sign * 0.3, "eps_d_emu": sign * 0.1}
        for flavour in ("nu_e", "nu_mu", "nu_e_bar", "nu_mu_bar"):
            found = cross_section(model, recoil, 30.0, values, flavour)
            expected = 1 + (0.7 * Z + 0.5 * N) ** 2 / (WEAK / 2) ** 2
            np.testing.assert_allclose(found / standard, expected, rtol=1e-12)
        found = cross_section(model, recoil, 30.0, values, "nu_tau")
        np.testing.assert_array_equal(found, standard)
