"""New physics against the formulae as published, and against the Lagrangians they belong to.

dsigma/dT is a_0 + a_1/E + a_2/E^2 at recoils and energies inside the kinematic domain, for a point
nucleus of every nuclide of the table.
"""

import dataclasses
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.interactions import (
    Charges,
    DipolePortal,
    MagneticMoment,
    NewPhysics,
    NonStandardInteractions,
    light_axial_vector,
    light_pseudoscalar,
    light_scalar,
    light_tensor,
    light_vector,
    standard_model,
    with_new_physics,
)
from cevns_jax.nuclei import NUCLIDES, NucleusAtRecoil, target
from cevns_jax.parameters import Parameter

G_F = 1.1663787e-11  # [MeV^-2]
ROOT2_G_F = np.sqrt(2) * G_F
ALPHA = 7.2973525643e-3
ELECTRON = 0.51099895069  # [MeV]
ANGLE = 0.23857
SM = {"sin2_theta_w": ANGLE}
VECTOR = standard_model(axial=False)
AXIAL = standard_model()
FLAVOURS = ("nu_e", "nu_mu", "nu_tau", "nu_e_bar", "nu_mu_bar", "nu_tau_bar")
FAMILIES = ("e", "mu", "tau")

# Columns over all nuclides.
ROWS = list(NUCLIDES.values())
Z, N, M, J, S_P, S_N = (
    np.array([getattr(row, name) for row in ROWS], dtype=float)[:, None]
    for name in ("protons", "neutrons", "mass", "spin", "spin_protons", "spin_neutrons")
)
A = Z + N
WEAK = N - (1 - 4 * ANGLE) * Z  # Q_W as published, with G_F^2 M/(4 pi)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Point:
    """Form factor of a point nucleus."""

    def __call__(self, q, rms_radius):
        return jnp.ones_like(q * rms_radius)


POINTS = target(dict.fromkeys(NUCLIDES, 1.0), form_factor=Point())

energies = st.floats(0.5, 100.0)  # [MeV]
shares = st.floats(1e-6, 1.0)  # of the highest recoil
masses = st.one_of(st.just(0.0), st.floats(-3.0, 5.0).map(lambda x: 10**x))  # [MeV]
couplings = st.floats(-7.0, -2.0).map(lambda x: 10**x)
signs = st.sampled_from([-1.0, 1.0])
flavours = st.sampled_from(FLAVOURS)


def recoils(energy, share, mass=M):
    """Columns of recoils up to 2 E^2/(M + 2 E)."""
    return share * 2 * energy**2 / (mass + 2 * energy)


def along(a_k, energy):
    return np.asarray(a_k[0] + a_k[1] / energy + a_k[2] / energy**2)


def cross_section(interaction, recoil, energy, values, flavour="nu_mu"):
    """dsigma/dT [MeV^-3] of every nuclide; of the new physics alone if that is what it is."""
    nucleus = POINTS.at(jnp.asarray(recoil), {})
    return along(
        interaction.coefficients(jnp.asarray(recoil), nucleus, flavour, SM | values), energy
    )


def on_electrons(interaction, recoil, energy, values, flavour="nu_mu"):
    found = interaction.electron_coefficients(jnp.asarray(recoil), flavour, SM | values)
    return along(found, energy)


def kinematic(recoil, energy):
    """1 - T/E - M T/(2 E^2)."""
    return 1 - recoil / energy - M * recoil / (2 * energy**2)


def agree(found, expected, scale=0.0, rel=1e-11):
    """To rounding, which is relative to what has cancelled."""
    np.testing.assert_array_less(abs(found - expected), rel * (abs(expected) + scale) + 1e-300)


# ---------------------------------------------------------------------------------- light vector

OWN = Charges(up=0.3, down=-0.7, electron=2.0, nu_e=1.0, nu_mu=-2.0, nu_tau=0.0)
VECTOR_CHARGES = {  # g_u, g_d, g_e, and g_nu by family
    "universal": (1.0, 1.0, 1.0, (1.0, 1.0, 1.0)),
    "b_minus_l": (1 / 3, 1 / 3, -1.0, (-1.0, -1.0, -1.0)),
    OWN: (0.3, -0.7, 2.0, (1.0, -2.0, 0.0)),
}


def neutrino_charge(charges, flavour):
    return charges[3][FAMILIES.index(flavour.split("_")[1])]


@given(
    charges=st.sampled_from(list(VECTOR_CHARGES)),
    g=couplings,
    sign=signs,
    mass=masses,
    energy=energies,
    share=shares,
    flavour=flavours,
)
def test_light_vector_adds_to_the_weak_charge(charges, g, sign, mass, energy, share, flavour):
    """Z g_V^p + N g_V^n + g_nu [(2 g_u + g_d) Z + (g_u + 2 g_d) N]/(sqrt2 G_F (2 M T + m_V^2)),
    squared; a coupling below zero stands for charges of opposite sign."""
    recoil = recoils(energy, share)
    model = with_new_physics(VECTOR, light_vector(charges=charges))
    found = cross_section(model, recoil, energy, {"g_vector": sign * g, "m_vector": mass}, flavour)
    up, down, *_ = numbers = VECTOR_CHARGES[charges]
    size = sign * g**2 * neutrino_charge(numbers, flavour) / (2 * M * recoil + mass**2) / ROOT2_G_F
    new = size * ((2 * up + down) * Z + (up + 2 * down) * N)
    known = Z * (0.5 - 2 * ANGLE) - 0.5 * N
    unit = G_F**2 * M / np.pi
    scale = unit * (abs(known) + abs(new)) ** 2
    agree(found, unit * (known + new) ** 2 * kinematic(recoil, energy), scale)


def test_universal_vector_is_destructive_and_cancels_the_weak_charge():
    """3 A g^2/(sqrt2 G_F (2 M T + m^2)) = Q_W/2 at the coupling where nothing is left; the rate is
    back at that of the Standard Model at sqrt2 times it, and higher beyond."""
    energy, mass = 30.0, 20.0
    recoil = recoils(energy, 0.3)
    model = with_new_physics(VECTOR, light_vector())
    zero = np.sqrt(WEAK / 2 * ROOT2_G_F * (2 * M * recoil + mass**2) / (3 * A))
    standard = cross_section(VECTOR, recoil, energy, {})

    def ratio(factor):
        """Couplings are those of each nuclide: one at a time."""
        rates = [
            cross_section(model, recoil, energy, {"g_vector": g, "m_vector": mass})[i]
            for i, g in enumerate(factor * zero[:, 0])
        ]
        return np.stack(rates) / standard

    assert (ratio(0.5) < 1).all()
    assert (ratio(1.0) < 1e-25).all()
    assert (ratio(1.2) < 1).all()
    np.testing.assert_allclose(ratio(np.sqrt(2)), 1.0, rtol=1e-12)
    assert (ratio(1.6) > 1).all()
    assert (ratio(-0.5) > 1).all()  # g_nu g_q < 0


@pytest.mark.parametrize(("charges", "sign"), [("universal", -1), ("b_minus_l", 1)])
def test_opposite_charges_and_b_minus_l_are_constructive(charges, sign):
    """The rate rises with the coupling from the start."""
    recoil = recoils(30.0, 0.3)
    model = with_new_physics(VECTOR, light_vector(charges=charges))
    rates = np.stack(
        [
            cross_section(model, recoil, 30.0, {"g_vector": sign * g, "m_vector": 20.0})
            for g in np.linspace(0.0, 1e-3, 9)
        ]
    )
    assert (np.diff(rates, axis=0) > 0).all()


@given(
    charges=st.sampled_from(list(VECTOR_CHARGES)),
    g=couplings,
    sign=signs,
    mass=masses,
    energy=energies,
    share=shares,
    flavour=flavours,
)
def test_light_vector_shifts_the_vector_coupling_of_the_electron(
    charges, g, sign, mass, energy, share, flavour
):
    """G_F^2 m/(2 pi) [(g_V + g_A)^2 + (g_V - g_A)^2 (1 - T/E)^2 - (g_V^2 - g_A^2) m T/E^2] with
    g_V -> g_V + g_nu g_e/(sqrt2 G_F (2 m_e T + m_V^2)); antineutrinos: g_A -> -g_A."""
    recoil = recoils(energy, share, ELECTRON)
    model = with_new_physics(AXIAL, light_vector(charges=charges))
    values = {"g_vector": sign * g, "m_vector": mass}
    numbers = VECTOR_CHARGES[charges]
    size = sign * g**2 * neutrino_charge(numbers, flavour) * numbers[2]
    g_a = 0.5 if flavour.startswith("nu_e") else -0.5
    g_v = 2 * ANGLE + g_a + size / (ROOT2_G_F * (2 * ELECTRON * recoil + mass**2))
    if flavour.endswith("bar"):
        g_a = -g_a
    bracket = (
        (g_v + g_a) ** 2
        + (g_v - g_a) ** 2 * (1 - recoil / energy) ** 2
        - (g_v**2 - g_a**2) * ELECTRON * recoil / energy**2
    )
    unit = G_F**2 * ELECTRON / (2 * np.pi)
    found = on_electrons(model, recoil, energy, values, flavour)
    agree(found, unit * bracket, unit * (abs(g_v) + 1) ** 2)


# ------------------------------------------------------------------------- what all mediators share

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


NEW = {  # with parameters that are zero in the Standard Model, and others
    "vector": (light_vector(), ("g_vector",), {"m_vector": 10.0}),
    "vector contact": (light_vector(contact=True), ("eps_vector",), {}),
    "axial": (light_axial_vector(), ("g_axial",), {"m_axial": 10.0}),
    "axial contact": (light_axial_vector(contact=True), ("eps_axial",), {}),
    "scalar": (light_scalar(), ("g_scalar",), {"m_scalar": 10.0}),
    "scalar contact": (light_scalar(contact=True), ("eps_scalar",), {}),
    "pseudoscalar": (light_pseudoscalar(), ("g_pseudoscalar",), {"m_pseudoscalar": 10.0}),
    "tensor": (light_tensor(), ("g_tensor",), {"m_tensor": 10.0}),
    "tensor contact": (light_tensor(contact=True), ("eps_tensor",), {}),
    "nsi": (
        NonStandardInteractions(),
        tuple(p.name for p in NonStandardInteractions().parameters),
        {},
    ),
    "moment": (MagneticMoment(), ("mu_nu",), {}),
    "moment, spin 0": (MagneticMoment(spin_zero=True), ("mu_nu",), {}),
    "portal": (DipolePortal(), ("mu_dipole",), {"m4": 5.0}),
    "portal, spin 0": (DipolePortal(spin_zero=True), ("mu_dipole",), {"m4": 5.0}),
}


@pytest.mark.parametrize("name", NEW)
def test_without_couplings_nothing_is_added(name):
    """To the last digit, for every flavour, on nuclei and on electrons, also if massless."""
    term, off, rest = NEW[name]
    model = with_new_physics(AXIAL, term)
    recoil = recoils(30.0, np.array([1e-3, 0.5, 1.0]))
    light = recoils(30.0, np.array([1e-3, 0.5, 1.0]), ELECTRON)
    for flavour in FLAVOURS:
        for others in (rest, dict.fromkeys(rest, 0.0)):
            values = dict.fromkeys(off, 0.0) | others
            np.testing.assert_array_equal(
                cross_section(model, recoil, 30.0, values, flavour),
                cross_section(AXIAL, recoil, 30.0, {}, flavour),
            )
            np.testing.assert_array_equal(
                on_electrons(model, light, 30.0, values, flavour),
                on_electrons(AXIAL, light, 30.0, {}, flavour),
            )


@pytest.mark.parametrize("name", NEW)
def test_new_physics_does_not_tell_neutrinos_from_antineutrinos(name):
    """Interference of the vector with the axial charge of a nucleus is neglected; on electrons the
    Standard Model tells them apart (see above), in the same way with what is added to g_V."""
    term, off, rest = NEW[name]
    values = SM | {key: 1e-3 * (i + 1) for i, key in enumerate(off)} | rest
    recoil = jnp.asarray(recoils(30.0, 0.4))
    nucleus = POINTS.at(recoil, {})
    model = with_new_physics(AXIAL, term)
    for family in FAMILIES:
        one, other = (
            [
                *model.coefficients(recoil, nucleus, flavour, values),
                *term.coefficients(recoil, nucleus, flavour, values),
                *term.electron_couplings(recoil, flavour, values),
                *term.electron_coefficients(recoil, flavour, values),
            ]
            for flavour in (f"nu_{family}", f"nu_{family}_bar")
        )
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NEW)
def test_form_factors_belong_to_protons_and_to_neutrons(name):
    """As fewer protons and neutrons would; spins have none."""
    term, off, rest = NEW[name]
    values = SM | {key: 1e-3 * (i + 1) for i, key in enumerate(off)} | rest
    recoil = jnp.asarray(recoils(30.0, 0.4))
    nucleus = POINTS.at(recoil, {})
    one = 1.0 + 0 * recoil
    extended = dataclasses.replace(
        nucleus, proton_form_factor=0.7 * one, neutron_form_factor=0.4 * one
    )
    fewer = dataclasses.replace(nucleus, Z=0.7 * nucleus.Z, N=0.4 * nucleus.N)
    model = with_new_physics(AXIAL, term)
    found, expected = (
        model.coefficients(recoil, which, "nu_mu", values) for which in (extended, fewer)
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


# ------------------------------------------------------------------------------------------- NSI

NSI = NonStandardInteractions()


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
    agree(found, expected, unit * (10 * A) ** 2)


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


# ----------------------------------------------------------------- scalar, pseudoscalar, tensor


@pytest.mark.parametrize(
    ("nucleons", "proton", "neutron"),
    [
        ("cerdeno_2016", 15.1, 14.0),
        (
            "hoferichter_2015",
            0.0208 * 938.272 / 2.2 + 0.0411 * 938.272 / 4.7,
            0.0189 * 939.565 / 2.2 + 0.0451 * 939.565 / 4.7,
        ),
        ((1.0, -2.0), 1.0, -2.0),
    ],
)
@given(g=couplings, mass=masses, energy=energies, share=shares)
def test_light_scalar(nucleons, proton, neutron, g, mass, energy, share):
    """M^2 T/(4 pi E^2 (2 M T + m_S^2)^2) (g_nu Q_S)^2, without interference."""
    recoil = recoils(energy, share)
    scalar = light_scalar(nucleons=nucleons)
    values = {"g_scalar": g, "m_scalar": mass}
    charge = g**2 * (proton * Z + neutron * N)
    expected = M**2 * recoil / (4 * np.pi * energy**2 * (2 * M * recoil + mass**2) ** 2) * charge**2
    agree(cross_section(scalar, recoil, energy, values), expected)
    both, known = (
        cross_section(model, recoil, energy, values)
        for model in (with_new_physics(AXIAL, scalar), AXIAL)
    )
    agree(both, known + expected, G_F**2 * M / np.pi * A**2)  # what cancels at the highest recoil


def test_conventions_of_the_scalar_charges_differ_by_a_fifth():
    """Facts of the project: about 17.1 per nucleon, 13 to 22 % above 15.1 and 14."""
    recoil = recoils(30.0, 0.3)
    values = {"g_scalar": 1e-4, "m_scalar": 10.0}
    one, other = (
        cross_section(light_scalar(nucleons=nucleons), recoil, 30.0, values) ** 0.5
        for nucleons in ("cerdeno_2016", "hoferichter_2015")
    )
    assert ((other / one > 1.13) & (other / one < 1.22)).all()
    charge = other / one * (15.1 * Z + 14 * N) / A
    np.testing.assert_allclose(charge, 17.1, rtol=2e-3)


@given(g=couplings, mass=masses, energy=energies, share=shares)
def test_scalar_on_electrons(g, mass, energy, share):
    """(g_nu g_e)^2 m_e^2 T/(4 pi E^2 (2 m_e T + m_S^2)^2) (1 + T/(2 m_e))."""
    recoil = recoils(energy, share, ELECTRON)
    expected = (
        g**4
        * (ELECTRON / energy) ** 2
        * recoil
        * (1 + recoil / (2 * ELECTRON))
        / (4 * np.pi * (2 * ELECTRON * recoil + mass**2) ** 2)
    )
    values = {"g_scalar": g, "m_scalar": mass}
    agree(on_electrons(light_scalar(), recoil, energy, values), expected)
    doubled = light_scalar(charges=OWN)  # g_e = 2, g_nu = 1, -2 and 0
    for flavour, charge in (("nu_e", 2.0), ("nu_mu_bar", -4.0), ("nu_tau", 0.0)):
        found = on_electrons(doubled, recoil, energy, values, flavour)
        agree(found, charge**2 * expected)


@given(g=couplings, mass=masses, energy=energies, share=shares)
def test_pseudoscalar_couples_to_spins_alone(g, mass, energy, share):
    """(g_nu g_N)^2 (4/3) ((J+1)/J) (<S_p> + <S_n>)^2 M T^2/(8 pi E^2 (2 M T + m_P^2)^2): zero
    without spin, proportional to T^2 for a heavy mediator."""
    recoil = recoils(energy, share)
    values = {"g_pseudoscalar": g, "m_pseudoscalar": mass}
    spins = np.where(J > 0, 4 / 3 * (J + 1) / np.maximum(J, 0.5) * (S_P + S_N) ** 2, 0.0)
    expected = g**4 * spins * M * recoil**2 / (8 * np.pi * energy**2)
    found = cross_section(light_pseudoscalar(), recoil, energy, values)
    agree(found, expected / (2 * M * recoil + mass**2) ** 2)
    assert (found[J == 0] == 0).all()
    assert (found[J > 0] > 0).all()


@given(g=couplings, mass=masses, energy=energies, share=shares)
def test_tensor_has_the_shape_of_the_helicity_argument(g, mass, energy, share):
    """(4 M/pi) (g_nu Q_T)^2/D^2 (1 - T/(2 T_max)) up to T/E, and exactly with the terms in T/E;
    Q_T = (2 u-like + d-like) charges 0.54 and -0.23, mirrored in the neutron."""
    recoil = recoils(energy, share)
    charge = g**2 * (0.54 - 0.23) * A / (2 * M * recoil + mass**2)
    unit = 4 * M / np.pi * charge**2
    values = {"g_tensor": g, "m_tensor": mass}
    found = cross_section(light_tensor(), recoil, energy, values)
    leading = unit * (1 - M * recoil / (4 * energy**2))
    assert (abs(found - leading) <= unit * (1.0001 * recoil / energy + 1e-14)).all()
    exact = unit * (1 - recoil / energy - (M * recoil - recoil**2) / (4 * energy**2))
    agree(found, exact, unit)
    own = Charges(up=1.0, down=-2.0)
    shared = (0.54 + 2 * 0.23) * Z + (-0.23 - 2 * 0.54) * N
    found = cross_section(light_tensor(charges=own), recoil, energy, values)
    agree(found, exact * (shared / (0.31 * A)) ** 2, unit * (shared / A) ** 2)


@given(g=couplings, sign=signs, mass=masses, energy=energies, share=shares)
def test_axial_vector_interferes_with_the_axial_part(g, sign, mass, energy, share):
    """Couplings g_A/2 of protons, -g_A/2 of neutrons, both lowered by g^2 (Delta_u + Delta_d)/
    (sqrt2 G_F (2 M T + m^2)), Delta = 0.847 and -0.407: (G_F^2 M/pi) (4/3) ((J+1)/J) (a_p <S_p> +
    a_n <S_n>)^2 (1 - T/E + M T/(2 E^2))."""
    recoil = recoils(energy, share)
    values = {"g_axial": sign * g, "m_axial": mass}
    model = with_new_physics(AXIAL, light_axial_vector())
    new = sign * g**2 * (0.847 - 0.407) / (ROOT2_G_F * (2 * M * recoil + mass**2))
    spins = (0.635 - new) * S_P + (-0.635 - new) * S_N
    factor = np.where(J > 0, 4 / 3 * (J + 1) / np.maximum(J, 0.5), 0.0)
    unit = G_F**2 * M / np.pi * factor
    shape = 1 - recoil / energy + M * recoil / (2 * energy**2)
    vector = cross_section(VECTOR, recoil, energy, {})
    found = cross_section(model, recoil, energy, values)
    scale = unit * (abs(new) + 1) ** 2 + G_F**2 * M / np.pi * A**2
    agree(found, vector + unit * spins**2 * shape, scale)
    assert (found[J == 0] == cross_section(AXIAL, recoil, energy, {})[J == 0]).all()


def test_axial_vector_can_cancel_the_axial_part():
    """Xe129, with <S_p> = 0.010 and <S_n> = 0.329: its rate falls to the vector part alone where
    the coupling is that of the neutron, of opposite sign."""
    row = list(NUCLIDES).index("Xe129")
    recoil = recoils(30.0, 0.3)
    spins = S_P[row, 0], S_N[row, 0]
    new = 0.635 * (spins[0] - spins[1]) / (spins[0] + spins[1])
    model = with_new_physics(AXIAL, light_axial_vector(contact=True))
    vector, known, cancelled, raised = (
        cross_section(which, recoil, 30.0, {"eps_axial": eps})[row, 0]
        for which, eps in ((VECTOR, 0), (AXIAL, 0), (model, new / 0.44), (model, -new / 0.44))
    )
    agree(cancelled, vector, rel=1e-14)
    assert vector < known < raised


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


# ---------------------------------------------------------------- magnetic moment, dipole portal


def moment_unit(moment):
    """pi alpha^2/m_e^2 (mu/mu_B)^2 out of the classical electron radius, 2.8179403205 fm."""
    return np.pi * (2.8179403205 / 197.3269804) ** 2 * moment**2


@given(moment=st.floats(-12.0, -3.0).map(lambda x: 10**x), energy=energies, share=shares)
def test_magnetic_moment(moment, energy, share):
    """pi alpha^2/m_e^2 (mu/mu_B)^2 Z^2 (1/T - 1/E), for spin 0 + T/(4 E^2); electrons: Z = 1."""
    recoil, values = recoils(energy, share), {"mu_nu": moment}
    unit = moment_unit(moment) * Z**2
    found = cross_section(MagneticMoment(), recoil, energy, values)
    agree(found, unit * (1 / recoil - 1 / energy), unit / recoil, rel=2e-9)
    found = cross_section(MagneticMoment(spin_zero=True), recoil, energy, values)
    expected = unit * (1 / recoil - 1 / energy + recoil / (4 * energy**2))
    agree(found, expected, unit / recoil, rel=2e-9)
    recoil, unit = recoils(energy, share, ELECTRON), moment_unit(moment)
    for spin_zero in (False, True):
        found = on_electrons(MagneticMoment(spin_zero=spin_zero), recoil, energy, values)
        agree(found, unit * (1 / recoil - 1 / energy), unit / recoil, rel=2e-9)


def test_magnetic_moment_of_the_textbooks():
    """pi alpha^2/m_e^2 = 2.495e-25 cm^2 (P. Vogel and J. Engel, Phys. Rev. D 39 (1989) 3378)."""
    found = on_electrons(MagneticMoment(), 1e-3, 1e9, {"mu_nu": 1.0}) * 1e-3
    agree(found * 1.973269804e-11**2, 2.495e-25, rel=2e-4)


@pytest.mark.parametrize("term", [MagneticMoment, DipolePortal])
@pytest.mark.parametrize("families", [(), ("e",), ("mu",), ("e", "tau")])
def test_moments_belong_to_families(term, families):
    """Of neutrinos and antineutrinos; by default of all."""
    values = {"mu_nu": 1e-9, "mu_dipole": 1e-9, "m4": 1.0}
    recoil = recoils(30.0, 0.3)
    for flavour in FLAVOURS:
        every = term()
        some = term(families=families)
        coupled = flavour.split("_")[1] in families
        for of in (cross_section, on_electrons):
            expected = of(every, recoil, 30.0, values, flavour)
            assert (expected != 0).all()
            found = of(some, recoil, 30.0, values, flavour)
            np.testing.assert_array_equal(found, expected if coupled else 0.0)


def test_an_unknown_family_is_refused():
    for term in (MagneticMoment, DipolePortal):
        with pytest.raises(ConfigError, match="nu_e"):
            term(families=("nu_e",))


def eq_4(recoil, energy, mass, m4):
    """As printed, for a charge and a moment of one."""
    return (
        1 / recoil
        - 1 / energy
        + m4**4 * (recoil - mass) / (8 * energy**2 * recoil**2 * mass**2)
        - m4**2 / (2 * energy * recoil * mass) * (1 - recoil / (2 * energy) + mass / (2 * energy))
    )


@given(energy=energies, share=shares, m4=masses)
def test_dipole_portal_is_eq_4(energy, share, m4):
    """Of De Romeri, LHEP 2023, 343; for spin 0 T/4 - m4^2/(8 M) - m4^4/(8 T M^2) over E^2 more."""
    recoil = recoils(energy, share)
    values = {"mu_dipole": 1e-6, "m4": m4}
    unit = moment_unit(1e-6) * Z**2
    x = m4**2 / (2 * M * recoil)
    scale = unit / recoil * (1 + x + M * recoil * x * (1 + x) / energy**2)
    printed = unit * eq_4(recoil, energy, M, m4)
    agree(cross_section(DipolePortal(), recoil, energy, values), printed, scale, rel=2e-9)
    more = recoil / 4 - m4**2 / (8 * M) - m4**4 / (8 * recoil * M**2)
    found = cross_section(DipolePortal(spin_zero=True), recoil, energy, values)
    agree(found, printed + unit * more / energy**2, scale, rel=2e-9)
    recoil = recoils(energy, share, ELECTRON)
    x = m4**2 / (2 * ELECTRON * recoil)
    scale = moment_unit(1e-6) / recoil * (1 + x + ELECTRON * recoil * x * (1 + x) / energy**2)
    found = on_electrons(DipolePortal(), recoil, energy, values)
    expected = moment_unit(1e-6) * eq_4(recoil, energy, ELECTRON, m4)
    agree(found, expected, scale, rel=2e-9)


@pytest.mark.parametrize("spin_zero", [False, True])
def test_dipole_portal_to_a_massless_lepton_is_the_magnetic_moment(spin_zero):
    recoil = recoils(30.0, np.array([1e-4, 0.1, 0.9]))
    values = {"mu_dipole": 1e-9, "mu_nu": 1e-9}
    portal, moment = DipolePortal(spin_zero=spin_zero), MagneticMoment(spin_zero=spin_zero)
    for of in (cross_section, on_electrons):
        expected = of(moment, recoil, 30.0, values)
        np.testing.assert_allclose(
            of(portal, recoil, 30.0, values | {"m4": 0.0}), expected, rtol=1e-14
        )
        np.testing.assert_allclose(
            of(portal, recoil, 30.0, values | {"m4": 1e-6}), expected, rtol=1e-8
        )


# ------------------------------------------------------------------------------- the Lagrangians

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
        agree(found, by_traces(left_handed, spinless(amplitude), *at), rel=1e-9)

    values = {"g_scalar": g, "m_scalar": mass}
    current = np.array([2 * PROTON * 15.1 * g**2 / d])
    expected = by_traces(lambda q: chiral, lambda p, p_out: current, *at)
    agree(on_proton(light_scalar(), *at[:2], values), expected, rel=1e-9)

    values = {"g_pseudoscalar": g, "m_pseudoscalar": mass}
    expected = by_traces(
        lambda q: 1j * FIVE @ chiral, lambda p, p_out: g**2 / d * np.array([1j * FIVE]), *at
    )
    agree(on_proton(light_pseudoscalar(), *at[:2], values), expected, rel=1e-9)

    values = {"g_tensor": g, "m_tensor": mass}
    size = 0.31 * g**2 / d
    expected = by_traces(
        lambda q: (SIGMA @ LEFT).reshape(16, 4, 4),
        lambda p, p_out: size * SIGMA_DOWN.reshape(16, 4, 4),
        *at,
    )
    agree(on_proton(light_tensor(), *at[:2], values), expected, rel=1e-9)

    # sqrt2 G_F g_A/2 of the Standard Model less g^2 (Delta_u + Delta_d)/D, up to (T/E)^2.
    values = {"g_axial": g, "m_axial": mass}
    size = ROOT2_G_F * 0.635 - 0.44 * g**2 / d
    model = with_new_physics(AXIAL, light_axial_vector())
    found = on_proton(model, *at[:2], values) - on_proton(VECTOR, *at[:2], {})
    expected = by_traces(left_handed, lambda p, p_out: size * DOWN @ FIVE, *at)
    agree(found, expected, rel=(recoil / energy) ** 2)


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
                agree(found(term), expected, rel=1e-9)


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
    agree(found, expected, rel=1e-9)
    expected = by_traces(
        lambda q: np.array([LEFT]),
        lambda p, p_out: g**2 / d * np.array([np.eye(4)]),
        recoil,
        energy,
        ELECTRON,
    )
    found = on_electrons(light_scalar(), recoil, energy, values, flavour)
    agree(found, expected, rel=1e-9)


def test_nsi_print_the_lagrangian_that_they_have():
    """A whole vector current has -sqrt2 G_F eps; the usual factor of two belongs to chiral ones,
    eps^V = eps^L + eps^R."""
    assert "(qbar gamma q)" in NSI.conventions
    factor = 2.0 if "-2 sqrt(2) G_F" in NSI.conventions else 1.0
    values = {p.name: 0.0 for p in NSI.parameters} | {"eps_u_mumu": 0.2, "eps_d_mumu": -0.1}
    found = on_proton(with_new_physics(VECTOR, NSI), 1.0, 40.0, values)
    stated = spinless(-BARE - factor * ROOT2_G_F * (2 * 0.2 - 0.1))
    agree(found, by_traces(left_handed, stated, 1.0, 40.0, PROTON), rel=1e-9)


# ------------------------------------------------------------------------------------- gradients


def all_coefficients(model):
    """All three on nuclei, two flavours, and on electrons, as a function of the parameters."""
    recoil = jnp.asarray(recoils(30.0, np.array([1e-3, 0.3, 1.0])))
    light = jnp.asarray(recoils(30.0, np.array([1e-3, 0.3, 1.0]), ELECTRON))
    nucleus = POINTS.at(recoil, {})

    def stacked(values):
        found = [
            *model.coefficients(recoil, nucleus, "nu_e", SM | values),
            *model.coefficients(recoil, nucleus, "nu_mu_bar", SM | values),
            *model.electron_coefficients(light, "nu_mu_bar", SM | values),
        ]
        return jnp.concatenate([jnp.ravel(jnp.broadcast_to(a, recoil.shape)) for a in found])

    return jax.jit(stacked), jax.jit(jax.jacfwd(stacked))


@pytest.mark.parametrize("name", NEW)
def test_gradients_are_finite_everywhere_and_those_of_finite_differences(name):
    """At zero couplings and masses and at all bounds; five-point differences where smooth."""
    term, off, rest = NEW[name]
    function, jacobian = all_coefficients(with_new_physics(AXIAL, term))
    bounds = {p.name: (p.lower, p.upper) for p in term.parameters}
    assert set(bounds) == {*off, *rest}
    places = [{key: ends[i] for key, ends in bounds.items()} for i in (0, 1)]
    places += [
        dict.fromkeys(off, c) | dict.fromkeys(rest, m)
        for c in (0.0, 1e-8, 1.0)
        for m in (0.0, 1e-3)
    ]
    for place in places:
        place = {key: float(value) for key, value in place.items()}
        assert np.isfinite(function(place)).all()
        for slope in jacobian(place).values():
            assert np.isfinite(slope).all()
    if off[0].startswith(("g_", "mu_")):  # squared, of either sign: an extremum without a kink
        np.testing.assert_array_equal(jacobian({off[0]: 0.0} | rest)[off[0]], 0.0)
    size = 3e-4 if rest else 0.3
    sign = -1.0 if term.parameters[0].lower < 0 else 1.0
    place = {key: sign * size * (1 + 0.1 * i) for i, key in enumerate(off)} | rest
    slopes, height = jacobian(place), np.abs(function(place))
    for key, value in place.items():
        step = 1e-3 * value
        ahead, behind, far, back = (
            np.asarray(function(place | {key: value + n * step})) for n in (1, -1, 2, -2)
        )
        expected = (8 * (ahead - behind) - (far - back)) / (12 * step)
        tolerance = 1e-9 * (abs(expected) + height / abs(value))
        assert (abs(slopes[key] - expected) <= tolerance).all(), key


# ---------------------------------------------------------------------------------- put together


def test_vector_charges_add_before_they_are_squared_and_all_else_after():
    recoil, energy = recoils(30.0, 0.4), 30.0
    terms = (light_vector(), NSI, light_scalar(), light_tensor(), MagneticMoment())
    values = {p.name: 0.0 for p in NSI.parameters}
    values |= {"g_vector": 1e-4, "m_vector": 10.0, "eps_u_mumu": 0.1, "eps_d_mutau": 0.2}
    values |= {"g_scalar": 1e-4, "m_scalar": 10.0, "g_tensor": 1e-4, "m_tensor": 1.0, "mu_nu": 1e-9}
    found = cross_section(with_new_physics(VECTOR, *terms), recoil, energy, values)
    charge = 0.5 * (1 - 4 * ANGLE) * Z - 0.5 * N + 0.1 * (2 * Z + N)
    charge = charge + 3 * A * 1e-8 / (ROOT2_G_F * (2 * M * recoil + 100))
    squares = charge**2 + (0.2 * (Z + 2 * N)) ** 2
    expected = G_F**2 * M / np.pi * squares * kinematic(recoil, energy)
    expected = expected + sum(cross_section(t, recoil, energy, values) for t in terms[2:])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    electrons = recoils(30.0, 0.4, ELECTRON)
    parts = (with_new_physics(AXIAL, light_vector()), light_scalar(), MagneticMoment())
    np.testing.assert_allclose(
        on_electrons(with_new_physics(AXIAL, *terms), electrons, energy, values),
        sum(on_electrons(part, electrons, energy, values) for part in parts),
        rtol=1e-12,
    )


def test_parameters_start_inside_their_bounds_and_without_effect():
    for term, off, _ in NEW.values():
        for parameter in term.parameters:
            assert parameter.lower <= parameter.start <= parameter.upper
            assert (parameter.start == 0) == (parameter.name in off)


def test_two_parts_with_the_same_parameter_are_refused():
    for terms, name in (
        ((light_vector(), light_vector(charges="b_minus_l")), "g_vector"),
        ((NSI, light_scalar(), NSI), "eps_u_ee"),
        ((MagneticMoment(), MagneticMoment(families=("e",))), "mu_nu"),
    ):
        with pytest.raises(ConfigError, match=f'"{name}" belongs to two'):
            with_new_physics(AXIAL, *terms)
    assert len(with_new_physics(AXIAL, light_vector(), light_vector(contact=True)).parameters) == 4


def test_unknown_charges_are_refused():
    for term in (light_vector, light_axial_vector, light_scalar, light_tensor):
        with pytest.raises(ConfigError, match=r'"b-l".*b_minus_l, universal'):
            term(charges="b-l")
    with pytest.raises(ConfigError, match=r"cerdeno_2016, hoferichter_2015"):
        light_scalar(nucleons="hoferichter")


def test_conventions_of_all_parts_are_printed():
    """Also of two of one kind."""
    terms = (NSI, light_vector(), light_vector(contact=True), DipolePortal(families=("mu",)))
    printed = with_new_physics(AXIAL, *terms).conventions
    assert AXIAL.conventions.items() <= printed.items()
    for term in terms:
        assert term.conventions in printed.values()


# ------------------------------------------------------------------------- an own interaction


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class OwnMediator(NewPhysics):
    """A universal vector and a universal scalar of one mass and one coupling."""

    conventions = "L = g (Z'_mu + phi) (...)"
    parameters = (
        Parameter(name="g_own", lower=0.0, upper=1.0),
        Parameter(name="m_own", start=30.0, lower=0.0, upper=1e3, unit="MeV"),
    )

    def size(self, recoil, nucleus, values):
        return values["g_own"] ** 2 / (2 * nucleus.mass * recoil + values["m_own"] ** 2)

    def vector_charge(self, recoil, nucleus, flavour, values):
        quarks = 3 * nucleus.Z * nucleus.proton_form_factor
        quarks = quarks + 3 * nucleus.N * nucleus.neutron_form_factor
        return quarks * self.size(recoil, nucleus, values) / ROOT2_G_F

    def coefficients(self, recoil, nucleus, flavour, values):
        charge = 15.1 * nucleus.Z * nucleus.proton_form_factor
        charge = charge + 14 * nucleus.N * nucleus.neutron_form_factor
        size = self.size(recoil, nucleus, values) * charge * nucleus.mass
        return 0.0, 0.0, size**2 * recoil / (4 * jnp.pi)


def test_an_own_interaction_works_as_the_built_in_ones_do_in_a_likelihood():
    """Counts, chi^2 and its gradient of CsI (2021)."""
    csi = cj.experiments.coherent_csi_2021()
    own = cj.Likelihood([csi], with_new_physics(AXIAL, OwnMediator()), free=["g_own", "m_own"])
    free = ["g_vector", "m_vector", "g_scalar", "m_scalar"]
    built_in = with_new_physics(AXIAL, light_vector(), light_scalar())
    usual = cj.Likelihood([csi], built_in, free=free)

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def compared(like, values):
        def chi2(values):
            return like.chi2(values), like.expected(values)

        return jax.value_and_grad(chi2, has_aux=True)(values)

    at = {"coherent_csi_2021_brn": jnp.asarray(0.3)}
    values = own.values() | at | {"g_own": jnp.asarray(1e-4), "m_own": jnp.asarray(40.0)}
    same = usual.values() | at
    same |= {f"g_{name}": jnp.asarray(1e-4) for name in ("vector", "scalar")}
    same |= {f"m_{name}": jnp.asarray(40.0) for name in ("vector", "scalar")}
    (found, counts), slope = compared(own, values)
    (expected, usual_counts), usual_slope = compared(usual, same)
    agree(found, float(expected), rel=1e-12)
    np.testing.assert_allclose(counts, usual_counts, rtol=1e-12)
    (_, standard), _ = compared(own, own.values() | at)
    assert (abs(counts / standard - 1) > 1e-4).any()
    for key in ("g", "m"):
        both = float(usual_slope[f"{key}_vector"] + usual_slope[f"{key}_scalar"])
        assert float(slope[f"{key}_own"]) == pytest.approx(both, rel=1e-10)
    for name in at:
        assert float(slope[name]) == pytest.approx(float(usual_slope[name]), rel=1e-10)


def test_axial_couplings_need_the_axial_part_of_the_standard_model():
    with pytest.raises(ConfigError, match=r"light axial vector changes axial couplings.*axial = t"):
        with_new_physics(standard_model(axial=False), light_axial_vector())
