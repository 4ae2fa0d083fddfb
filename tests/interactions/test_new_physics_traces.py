"""Cross sections of new physics against traces over spinors, from the Lagrangians as printed."""

import jax.numpy as jnp
import numpy as np
import pytest
from point_nuclei import (
    ANGLE,
    AXIAL,
    ELECTRON,
    NSI,
    ROOT2_G_F,
    SM,
    VECTOR,
    along,
    assert_agrees,
    on_electrons,
)

from cevns_jax.interactions import (
    DipolePortal,
    MagneticMoment,
    light_axial_vector,
    light_pseudoscalar,
    light_scalar,
    light_tensor,
    light_vector,
    with_new_physics,
)
from cevns_jax.nuclei import NucleusAtRecoil

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
ONE, NONE = np.eye(2), np.zeros((2, 2))
UP = np.array(  # gamma^mu
    [np.block([[ONE, NONE], [NONE, -ONE]]), *(np.block([[NONE, p], [-p, NONE]]) for p in PAULI)]
)
METRIC = np.array([1.0, -1.0, -1.0, -1.0])
DOWN = METRIC[:, None, None] * UP
FIVE = 1j * UP[0] @ UP[1] @ UP[2] @ UP[3]
LEFT = (np.eye(4) - FIVE) / 2
SIGMA = 0.5j * (np.einsum("mij,njk->mnik", UP, UP) - np.einsum("nij,mjk->mnik", UP, UP))
SIGMA_DOWN = np.einsum("m,n,mnij->mnij", METRIC, METRIC, SIGMA)


def squared(vertices, momentum_out, mass_out, momentum_in, mass_in):
    """Sum over spins of (ubar V_a u)(ubar V_b u)^*, shape (n, n)."""
    outgoing = np.einsum("m,mij->ij", momentum_out, DOWN) + mass_out * np.eye(4)
    incoming = np.einsum("m,mij->ij", momentum_in, DOWN) + mass_in * np.eye(4)
    barred = UP[0] @ np.conj(np.swapaxes(vertices, -1, -2)) @ UP[0]
    return np.einsum("ij,ajk,kl,bli->ab", outgoing, vertices, incoming, barred)


def by_traces(neutrino, scatterer, recoil, energy, mass, heavy=0.0):
    """dsigma/dT = <|A|^2>/(32 pi M E^2) of the amplitude A = sum_a (ubar' V_a u) J_a.

    Args:
        neutrino: V_a as a function of the momentum transfer q = k - k', shape (n, 4, 4).
        scatterer: J_a as a function of p and p', lowered: (n, 4, 4) between spinors, or, of a
            spinless scatterer, (n,).
        recoil, energy, mass: T, E and M [MeV].
        heavy: Mass of the final lepton [MeV].
    """
    momentum = np.sqrt(recoil**2 + 2 * mass * recoil)
    cosine = (2 * recoil * (mass + energy) + heavy**2) / (2 * energy * momentum)
    assert cosine < 1  # inside the kinematic domain
    k, p = np.array([energy, 0, 0, energy]), np.array([mass, 0, 0, 0])
    p_out = np.array([mass + recoil, momentum * np.sqrt(1 - cosine**2), 0, momentum * cosine])
    k_out = k + p - p_out
    of_neutrino = squared(neutrino(k - k_out), k_out, heavy, k, 0.0)
    current = scatterer(p, p_out)
    if current.ndim == 1:
        of_scatterer = np.outer(current, np.conj(current))
    else:
        of_scatterer = squared(current, p_out, mass, p, mass) / 2
    total = np.sum(of_neutrino * of_scatterer)
    assert abs(total.imag) <= 1e-10 * abs(total)
    return total.real / (32 * np.pi * mass * energy**2)


def left_handed(q):
    """nubar gamma^mu P_L nu."""
    return UP @ LEFT


def dipole(q):
    """(mu/2) Nbar sigma_mn nu F^mn -> mu sigma^mn q_m, from a left-handed neutrino, n upstairs."""
    return np.einsum("m,mnij->nij", METRIC * q, SIGMA) @ LEFT


def spinless(charge):
    """charge (p + p')_mu."""
    return lambda p, p_out: charge * METRIC * (p + p_out)


def dirac(charge):
    return lambda p, p_out: charge * DOWN


ALPHA = 7.2973525643e-3
PROTON = 938.272
WHERE = [(40.0, 0.5), (40.0, 3.0), (3.0, 0.015)]  # E and T [MeV], on a proton
BARE = (0.5 - 2 * ANGLE) * ROOT2_G_F  # vector coupling of the proton times sqrt2 G_F


def on_proton(interaction, recoil, energy, values, spin=0.5):
    one = {name: jnp.ones((1, 1)) for name in ("Z", "proton_form_factor", "neutron_form_factor")}
    proton = NucleusAtRecoil(
        **one,
        N=jnp.zeros((1, 1)),
        mass=jnp.full((1, 1), PROTON),
        spin=jnp.full((1, 1), spin),
        spin_protons=jnp.full((1, 1), spin),
        spin_neutrons=jnp.zeros((1, 1)),
    )
    found = interaction.coefficients(jnp.full((1, 1), recoil), proton, "nu_mu", SM | values)
    return along(found, energy).item()


@pytest.mark.parametrize(("energy", "recoil"), WHERE)
def test_nuclear_cross_sections_follow_from_their_lagrangians(energy, recoil):
    """Amplitudes squared by traces of gamma matrices: a proton with spin, or taken as spinless."""
    at = recoil, energy, PROTON
    g, mass = 1e-3, 12.0
    d = 2 * PROTON * recoil + mass**2
    chiral = np.array([LEFT])  # nubar_R nu_L

    values = {"g_vector": g, "m_vector": mass}  # exchange: -g^2/D (nubar gamma P_L nu) J_mu
    for sign in (1, -1):
        amplitude = -BARE - sign * 3 * g**2 / d
        found = on_proton(
            with_new_physics(VECTOR, light_vector()), *at[:2], values | {"g_vector": sign * g}
        )
        assert_agrees(found, by_traces(left_handed, spinless(amplitude), *at), rel=1e-9)

    values = {"g_scalar": g, "m_scalar": mass}
    current = np.array([2 * PROTON * 15.1 * g**2 / d])
    expected = by_traces(lambda q: chiral, lambda p, p_out: current, *at)
    assert_agrees(on_proton(light_scalar(), *at[:2], values), expected, rel=1e-9)

    values = {"g_pseudoscalar": g, "m_pseudoscalar": mass}
    expected = by_traces(
        lambda q: 1j * FIVE @ chiral, lambda p, p_out: g**2 / d * np.array([1j * FIVE]), *at
    )
    assert_agrees(on_proton(light_pseudoscalar(), *at[:2], values), expected, rel=1e-9)

    values = {"g_tensor": g, "m_tensor": mass}
    size = 0.31 * g**2 / d
    expected = by_traces(
        lambda q: (SIGMA @ LEFT).reshape(16, 4, 4),
        lambda p, p_out: size * SIGMA_DOWN.reshape(16, 4, 4),
        *at,
    )
    assert_agrees(on_proton(light_tensor(), *at[:2], values), expected, rel=1e-9)

    # sqrt2 G_F g_A/2 of the Standard Model less g^2 (Delta_u + Delta_d)/D, up to (T/E)^2.
    values = {"g_axial": g, "m_axial": mass}
    size = ROOT2_G_F * 0.635 - 0.44 * g**2 / d
    model = with_new_physics(AXIAL, light_axial_vector())
    found = on_proton(model, *at[:2], values) - on_proton(VECTOR, *at[:2], {})
    expected = by_traces(left_handed, lambda p, p_out: size * DOWN @ FIVE, *at)
    assert_agrees(found, expected, rel=(recoil / energy) ** 2)


@pytest.mark.parametrize(("energy", "recoil"), WHERE)
@pytest.mark.parametrize("m4", [0.0, 0.3, 0.7])
def test_moments_follow_from_their_lagrangian(energy, recoil, m4):
    """mu = 1e-6 e/(2 m_e), photon exchange e/q^2 with a Dirac particle, or a spinless one."""
    charge = np.sqrt(4 * np.pi * ALPHA)
    values = {"mu_dipole": 1e-6, "m4": m4, "mu_nu": 1e-6}
    for mass, found in (
        (PROTON, lambda term: on_proton(term, recoil, energy, values)),
        (ELECTRON, lambda term: on_electrons(term, recoil, energy, values)),
    ):
        size = 1e-6 * charge / (2 * ELECTRON) * charge / (2 * mass * recoil)
        currents = {False: dirac(size)} | ({True: spinless(size)} if mass == PROTON else {})
        for spin_zero, current in currents.items():
            expected = by_traces(dipole, current, recoil, energy, mass, m4)
            terms = [DipolePortal(spin_zero=spin_zero)]
            terms += [MagneticMoment(spin_zero=spin_zero)] if m4 == 0 else []
            for term in terms:
                assert_agrees(found(term), expected, rel=1e-9)


@pytest.mark.parametrize("flavour", ["nu_e", "nu_mu"])
def test_electron_cross_sections_follow_from_their_lagrangians(flavour):
    energy, recoil, g, mass = 3.0, 1.2, 1e-4, 0.4
    d = 2 * ELECTRON * recoil + mass**2
    values = {"g_vector": g, "m_vector": mass, "g_scalar": g, "m_scalar": mass}
    half = 0.5 if flavour == "nu_e" else -0.5
    coupling = -ROOT2_G_F * ((2 * ANGLE + half) * np.eye(4) - half * FIVE) - g**2 / d * np.eye(4)
    expected = by_traces(left_handed, lambda p, p_out: DOWN @ coupling, recoil, energy, ELECTRON)
    model = with_new_physics(AXIAL, light_vector())
    found = on_electrons(model, recoil, energy, values, flavour)
    assert_agrees(found, expected, rel=1e-9)
    expected = by_traces(
        lambda q: np.array([LEFT]),
        lambda p, p_out: g**2 / d * np.array([np.eye(4)]),
        recoil,
        energy,
        ELECTRON,
    )
    found = on_electrons(light_scalar(), recoil, energy, values, flavour)
    assert_agrees(found, expected, rel=1e-9)


def test_nsi_print_the_lagrangian_that_they_have():
    """A whole vector current has -sqrt2 G_F eps; the usual factor of two belongs to chiral ones,
    eps^V = eps^L + eps^R."""
    assert "(qbar gamma q)" in NSI.conventions
    factor = 2.0 if "-2 sqrt(2) G_F" in NSI.conventions else 1.0
    values = {p.name: 0.0 for p in NSI.parameters} | {"eps_u_mumu": 0.2, "eps_d_mumu": -0.1}
    found = on_proton(with_new_physics(VECTOR, NSI), 1.0, 40.0, values)
    stated = spinless(-BARE - factor * ROOT2_G_F * (2 * 0.2 - 0.1))
    assert_agrees(found, by_traces(left_handed, stated, 1.0, 40.0, PROTON), rel=1e-9)
