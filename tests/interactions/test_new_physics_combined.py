"""What every interaction beyond the Standard Model must satisfy, and several of them together."""

import dataclasses
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from point_nuclei import (
    ANGLE,
    AXIAL,
    ELECTRON,
    FAMILIES,
    FLAVOURS,
    G_F,
    NSI,
    POINTS,
    ROOT2_G_F,
    SM,
    VECTOR,
    A,
    M,
    N,
    Z,
    assert_agrees,
    cross_section,
    kinematic,
    on_electrons,
    recoils,
)

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.interactions import (
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
from cevns_jax.parameters import Parameter

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
    Standard Model tells them apart, in the same way with what is added to g_V."""
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


def test_axial_couplings_need_the_axial_part_of_the_standard_model():
    with pytest.raises(ConfigError, match=r"light axial vector changes axial couplings.*axial = t"):
        with_new_physics(standard_model(axial=False), light_axial_vector())


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
    assert_agrees(found, float(expected), rel=1e-12)
    np.testing.assert_allclose(counts, usual_counts, rtol=1e-12)
    (_, standard), _ = compared(own, own.values() | at)
    assert (abs(counts / standard - 1) > 1e-4).any()
    for key in ("g", "m"):
        both = float(usual_slope[f"{key}_vector"] + usual_slope[f"{key}_scalar"])
        assert float(slope[f"{key}_own"]) == pytest.approx(both, rel=1e-10)
    for name in at:
        assert float(slope[name]) == pytest.approx(float(usual_slope[name]), rel=1e-10)
