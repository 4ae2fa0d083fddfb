"""Cross sections of one energy against independent quadrature, closed forms and differences.

The references are written here from the published formulae and integrated in 30 digits.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from point_nuclei import Point

from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import (
    DipolePortal,
    MagneticMoment,
    light_pseudoscalar,
    light_scalar,
    light_tensor,
    light_vector,
    standard_model,
    with_new_physics,
)
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.scattering import cross_section

G_F = mpmath.mpf("1.1663787e-11")  # [MeV^-2]
HBAR_C = mpmath.mpf("197.3269804")  # [MeV fm]
AREA = (HBAR_C * mpmath.mpf("1e-13")) ** 2  # [MeV^2 cm^2]
ALPHA, ELECTRON = mpmath.mpf("7.2973525643e-3"), mpmath.mpf("0.51099895069")
ANGLE = mpmath.mpf("0.23857")
VECTOR = standard_model(axial=False)


def added(*terms):
    return with_new_physics(VECTOR, *terms)


def helm(symbol, recoil):
    """3 j1(q R0)/(q R0) exp(-(q s)^2/2) with R0^2 = (5/3) R_rms^2 - 5 s^2 and s = 0.9 fm."""
    nuclide = NUCLIDES[symbol]
    q = mpmath.sqrt(2 * nuclide.mass * recoil) / HBAR_C
    skin = mpmath.mpf("0.9")
    x = q * mpmath.sqrt(mpmath.mpf(5) / 3 * nuclide.charge_radius**2 - 5 * skin**2)
    return 3 * (mpmath.sin(x) - x * mpmath.cos(x)) / x**3 * mpmath.exp(-((q * skin) ** 2) / 2)


def weak(symbol, energy, recoil, form, charge=0):
    """(G_F^2 M/pi) Q^2 (1 - T/E - M T/(2 E^2)), in cm^2/MeV; ``charge`` adds to Q/F."""
    n = NUCLIDES[symbol]
    q = ((mpmath.mpf(1) / 2 - 2 * ANGLE) * n.protons - mpmath.mpf(n.neutrons) / 2 + charge) * form
    shape = 1 - recoil / energy - n.mass * recoil / (2 * energy**2)
    return AREA * G_F**2 * n.mass / mpmath.pi * q**2 * shape


def highest(symbol, energy):
    return 2 * mpmath.mpf(energy) ** 2 / (NUCLIDES[symbol].mass + 2 * mpmath.mpf(energy))


def integral(function, low, high, pieces):
    """In ln T, which suits all that is here; mpmath stops at an absolute error."""
    unit = mpmath.mpf(10) ** 40
    ends = mpmath.linspace(mpmath.log(low), mpmath.log(high), pieces + 1)
    return float(mpmath.quad(lambda y: unit * function(mpmath.exp(y)) * mpmath.exp(y), ends) / unit)


def close(found, expected, rel=1e-10):
    assert float(found) == pytest.approx(expected, rel=rel, abs=0)


@pytest.mark.parametrize("symbol", ["Na23", "Cs133"])
@pytest.mark.parametrize("energy", [0.5, 52.8, 1000.0])
def test_total_of_the_standard_model_is_its_integral(symbol, energy):
    """1e-10 also at 1 GeV, where the form factor has gone through many zeros."""
    with mpmath.workdps(30):
        high, e = highest(symbol, energy), mpmath.mpf(energy)
        expected = integral(
            lambda t: weak(symbol, e, t, helm(symbol, t)), high * mpmath.mpf("1e-14"), high, 40
        )
    close(cross_section(symbol, energy_mev=energy, interaction=VECTOR), expected)


def test_total_on_a_point_nucleus_is_the_closed_form():
    """C [T - T^2/(2E) - M T^2/(4 E^2)] at T_max, of Freedman's cross section."""
    energy = np.geomspace(0.01, 500.0, 12)
    found = cross_section("Ar40", energy_mev=energy, interaction=VECTOR, form_factor=Point())
    for e, sigma in zip(map(mpmath.mpf, energy), found, strict=True):
        t, mass = highest("Ar40", e), NUCLIDES["Ar40"].mass
        strength = weak("Ar40", e, 0, 1)
        close(sigma, float(strength * (t - t**2 / (2 * e) - mass * t**2 / (4 * e**2))), 1e-12)


def scalar_closed_form(energy, mass, coupling=1e-5):
    """(g^2 Q_S M)^2/(4 pi E^2) of the integral of T/(2 M T + m^2)^2, Q_S = 15.1 Z + 14 N."""
    n = NUCLIDES["Ar40"]
    charge = mpmath.mpf("15.1") * n.protons + 14 * n.neutrons
    strength = AREA * (mpmath.mpf(coupling) ** 2 * charge * n.mass) ** 2
    strength /= 4 * mpmath.pi * mpmath.mpf(energy) ** 2
    light = mpmath.mpf(mass) ** 2
    end = 2 * n.mass * highest("Ar40", energy) + light
    return strength / (4 * mpmath.mpf(n.mass) ** 2) * (mpmath.log(end / light) + light / end - 1)


@pytest.mark.parametrize("mass", [1e-9, 1e-4, 0.1, 3.0, 100.0, 1e3])
def test_total_with_a_light_scalar_is_the_closed_form_at_any_mass(mass):
    """Value, and derivatives in energy, mass and coupling, from 1e-9 MeV on."""
    model = added(light_scalar())

    def scalar(energy, values):
        both, alone = (
            cross_section(
                "Ar40",
                energy_mev=energy,
                interaction=model,
                values={**values, "g_scalar": g},
                form_factor=Point(),
            )
            for g in (values["g_scalar"], 0.0)
        )
        return 1e40 * (both - alone)

    values = {"g_scalar": 1e-2, "m_scalar": mass}
    slopes = jax.grad(scalar, argnums=(0, 1))(20.0, values)
    # What the Standard Model has in common cancels: it must not be the larger part by far.
    weight = float(scalar_closed_form(20.0, mass, 1e-2)) / float(
        cross_section("Ar40", energy_mev=20.0, form_factor=Point())
    )
    rel = 1e-10 * max(1.0, 1e-4 / weight)
    with mpmath.workdps(40):
        close(scalar(20.0, values), float(1e40 * scalar_closed_form(20.0, mass, 1e-2)), rel)
        by_energy = mpmath.diff(lambda e: 1e40 * scalar_closed_form(e, mass, 1e-2), 20.0)
        by_mass = mpmath.diff(
            lambda k: 1e40 * scalar_closed_form(20.0, mass * mpmath.exp(k), 1e-2), 0
        )
        by_coupling = mpmath.diff(lambda g: 1e40 * scalar_closed_form(20.0, mass, g), 1e-2)
    close(slopes[0], float(by_energy), 10 * rel)
    close(slopes[1]["m_scalar"], float(by_mass) / mass, 10 * rel)
    close(slopes[1]["g_scalar"], float(by_coupling), 10 * rel)


@pytest.mark.parametrize(("mass", "lowest"), [(1e-3, 0.0), (0.0, 0.05), (20.0, 0.3)])
def test_total_with_a_light_vector_is_its_integral(mass, lowest):
    """It interferes; a massless one is integrated from a lowest recoil on."""
    values = {"g_vector": 3e-5, "m_vector": mass}
    found = cross_section(
        "Ge74",
        energy_mev=12.0,
        interaction=added(light_vector()),
        values=values,
        recoil_min_kev=lowest,
    )
    n = NUCLIDES["Ge74"]

    def reference(t):
        propagator = 2 * n.mass * t + mpmath.mpf(mass) ** 2
        charge = 3 * mpmath.mpf(3e-5) ** 2 * n.mass_number / (mpmath.sqrt(2) * G_F * propagator)
        return weak("Ge74", mpmath.mpf(12), t, helm("Ge74", t), charge)

    with mpmath.workdps(30):
        high = highest("Ge74", 12)
        low = mpmath.mpf(lowest) * mpmath.mpf("1e-3") if lowest else high * mpmath.mpf("1e-20")
        expected = integral(reference, low, high, 40)
    close(found, expected)


def moment(symbol, moment, recoil):
    """K = (pi alpha^2/m_e^2) (mu/mu_B)^2 Z^2 F_p^2, in cm^2."""
    strength = AREA * mpmath.pi * (ALPHA / ELECTRON) ** 2
    return strength * (mpmath.mpf(moment) * NUCLIDES[symbol].protons * helm(symbol, recoil)) ** 2


def test_total_with_a_magnetic_moment_from_a_lowest_recoil_on():
    found = cross_section(
        "Ge74",
        energy_mev=4.0,
        interaction=added(MagneticMoment()),
        values={"mu_nu": 1e-9},
        recoil_min_kev=0.01,
    )
    with mpmath.workdps(30):
        e = mpmath.mpf(4)
        expected = integral(
            lambda t: (
                weak("Ge74", e, t, helm("Ge74", t)) + moment("Ge74", 1e-9, t) * (1 / t - 1 / e)
            ),
            mpmath.mpf("1e-5"),
            highest("Ge74", 4),
            20,
        )
    close(found, expected)


def portal(symbol, energy, heavy, size):
    """Eq. 4 of De Romeri, LHEP 2023, 343, between the exact ends of the recoils."""
    mass, e, m4 = (mpmath.mpf(x) for x in (NUCLIDES[symbol].mass, energy, heavy))
    root = mpmath.sqrt((2 * mass * e - m4**2) ** 2 - 4 * mass**2 * m4**2)
    high = (2 * mass * e**2 - m4**2 * (e + mass) + e * root) / (2 * mass * (mass + 2 * e))
    low = m4**4 / (4 * mass * (mass + 2 * e) * high)

    def spectrum(t):
        bracket = 1 - t / (2 * e) + mass / (2 * e)
        return moment(symbol, size, t) * (
            1 / t
            - 1 / e
            - m4**2 / (2 * e * t * mass) * bracket
            - m4**4 / (8 * mass * e**2 * t**2) * (1 - t / mass)
        )

    return integral(spectrum, low, high, 12)


@pytest.mark.parametrize("heavy", [1e-3, 5.0, 29.9])
def test_total_of_the_dipole_portal_and_its_slopes_in_energy_and_mass(heavy):
    """1e-10 up to just below the threshold at 30 MeV; both ends of the recoils move."""
    model = added(DipolePortal())

    def total(energy, m4):
        values = {"mu_dipole": 1e-7, "m4": m4}
        return 1e40 * cross_section("Cs133", energy_mev=energy, interaction=model, values=values)

    without = float(cross_section("Cs133", energy_mev=30.0, interaction=VECTOR))
    with mpmath.workdps(30):
        expected = portal("Cs133", 30.0, heavy, 1e-7)
        close(total(30.0, heavy), 1e40 * (without + expected), 1e-10)
        step = 1e-3 * min(heavy, 30.0 - heavy)
        by_mass = (
            8
            * (portal("Cs133", 30.0, heavy + step, 1e-7) - portal("Cs133", 30, heavy - step, 1e-7))
            - portal("Cs133", 30.0, heavy + 2 * step, 1e-7)
            + portal("Cs133", 30.0, heavy - 2 * step, 1e-7)
        ) / (12 * step)
    slopes = jax.grad(total, argnums=(0, 1))(30.0, heavy)
    close(slopes[1], 1e40 * by_mass, 1e-6)
    numbers = [float(total(30.0 + k * step, heavy)) for k in (-2, -1, 1, 2)]
    close(slopes[0], (numbers[0] - 8 * numbers[1] + 8 * numbers[2] - numbers[3]) / 12 / step, 1e-5)


def test_no_heavy_lepton_below_its_threshold():
    model, values = added(DipolePortal()), {"mu_dipole": 1e-7, "m4": 10.0}
    energy = np.array([5.0, 10.0, 10.01])
    with_it = cross_section("Ar40", energy_mev=energy, interaction=model, values=values)
    without = cross_section("Ar40", energy_mev=energy, interaction=VECTOR)
    np.testing.assert_array_equal(np.asarray(with_it > without), [False, False, True])
    slope = jax.grad(
        lambda m4: cross_section(
            "Ar40", energy_mev=5.0, interaction=model, values={**values, "m4": m4}
        )
    )(10.0)
    assert slope == 0


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


@pytest.mark.parametrize(
    ("term", "values"),
    [
        (MagneticMoment(), {"mu_nu": 1e-16}),
        (light_scalar(), {"g_scalar": 1e-6, "m_scalar": 0.0}),
        (light_vector(), {"g_vector": 1e-6, "m_vector": 0.0}),
        (light_tensor(), {"g_tensor": 1e-6, "m_tensor": 0.0}),
        (DipolePortal(), {"mu_dipole": 1e-10, "m4": 0.0}),
    ],
)
def test_a_total_without_end_is_refused_and_has_one_above_a_lowest_recoil(term, values):
    """However small the coupling; traced, where nothing can be refused, it is infinite."""
    model = added(term)

    def total(values, **lowest):
        return cross_section("Ge", energy_mev=4.0, interaction=model, values=values, **lowest)

    with pytest.raises(ConfigError, match=r"diverges towards T = 0.*give recoil_min_kev"):
        total(values)
    assert np.isfinite(total(values, recoil_min_kev=0.1))
    assert np.isinf(jax.jit(total)(values))
    assert np.isfinite(total(dict.fromkeys(values, 0.0)))  # no coupling, no divergence


def test_a_massless_pseudoscalar_has_a_total():
    """T^2/(2 M T)^2 is a constant: M/(8 pi E^2) g^4 S T_max/(4 M^2) on a nucleus with spin."""
    model = added(light_pseudoscalar())
    values = {"g_pseudoscalar": 0.05, "m_pseudoscalar": 0.0}
    with_it, without = (
        cross_section("Cs133", energy_mev=30.0, interaction=model, values=v)
        for v in (values, {**values, "g_pseudoscalar": 0.0})
    )
    n = NUCLIDES["Cs133"]
    spins = 4 / 3 * (n.spin + 1) / n.spin * (n.spin_protons + n.spin_neutrons) ** 2
    expected = AREA * mpmath.mpf(0.05) ** 4 * spins * highest("Cs133", 30.0) / (4 * n.mass)
    expected /= 8 * mpmath.pi * 30**2
    close(with_it - without, float(expected), 1e-8)


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
