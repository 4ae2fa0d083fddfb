"""The kernel with a heavy final lepton against direct quadrature over neutrino energy and recoil.

The reference integrates the printed cross section (eq. 4 of De Romeri, LHEP 2023, 343) adaptively,
first over the recoil between the two roots of E_min(T; m4) = E, found numerically, then over the
neutrino energy. The kernel does neither.
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import cos, exp, expm1, log, pi, sin, sqrt

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

import cevns_jax as cj
from cevns_jax.electrons import electrons
from cevns_jax.experiments import coherent_lar, release
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import (
    DipolePortal,
    MagneticMoment,
    light_scalar,
    standard_model,
    with_new_physics,
)
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.parameters import Parameter
from cevns_jax.recoil import kernel, maximum_recoil, recoil_window
from cevns_jax.sources import PionDecayAtRest, tabulated_source

HBAR_C = 197.3269804  # [MeV fm]
ALPHA = 7.2973525643e-3
ELECTRON = 0.51099895069  # [MeV]
MUON, PION = 105.6583755, 139.57039  # [MeV]
END, LINE = MUON / 2, (PION**2 - MUON**2) / (2 * PION)
MOMENT = 1e-3  # [mu_B]
VALUES = {"sin2_theta_w": 0.23857, "mu_dipole": MOMENT}
SOURCE = PionDecayAtRest(fluence=1e15)
STANDARD = standard_model()
PORTAL = with_new_physics(STANDARD, DipolePortal())
QUICK = {"xla_backend_optimization_level": 0}  # compiled in half the time, and run a few times


# ---------------------------------------------------------------------------------- the reference


def printed(recoil, energy, mass, m4):
    """The bracket of eq. 4 [1/MeV]."""
    return (
        1 / recoil
        - 1 / energy
        + m4**4 * (recoil - mass) / (8 * energy**2 * recoil**2 * mass**2)
        - m4**2 / (2 * energy * recoil * mass) * (1 - recoil / (2 * energy) + mass / (2 * energy))
    )


def lowest_energy(recoil, mass, m4):
    """Two-body kinematics with a final lepton of mass m4."""
    return (recoil + sqrt(recoil**2 + 2 * mass * recoil)) / 2 * (1 + m4**2 / (2 * mass * recoil))


def threshold(mass, m4):
    """s = (M + m4)^2."""
    return m4 + m4**2 / (2 * mass)


def window(energy, mass, m4):
    """Logarithms of the lowest and highest recoil, on both sides of the recoil at threshold."""
    top = log(m4**2 / (2 * (mass + m4)))

    def distance(x):
        return lowest_energy(exp(x), mass, m4) - energy

    ends = (top - 60, top), (top, log(energy))
    return [brentq(distance, *bracket, xtol=1e-14, rtol=1e-14) for bracket in ends]


def helm(mass, rms):
    """F(T)^2 with 3 j1(q R0)/(q R0) exp(-(q s)^2/2), R0^2 = (5/3) R_rms^2 - 5 s^2, s = 0.9 fm."""
    radius = sqrt(5 / 3 * rms**2 - 5 * 0.9**2)

    def squared(recoil):
        q = sqrt(2 * mass * recoil) / HBAR_C
        x = q * radius
        return (3 * (sin(x) - x * cos(x)) / x**3) ** 2 * exp(-((q * 0.9) ** 2))

    return squared


def piecewise(function, ends):
    """Adaptive integral to 1e-12 over each of the pieces, of which the largest are about one."""
    pieces = [(a, b) for a, b in pairwise(ends) if b > a]
    return sum(quad(function, a, b, epsabs=1e-15, epsrel=1e-12)[0] for a, b in pieces)


def over_recoil(energy, mass, m4, weight, cuts):
    """Integral of eq. 4 times a weight over T from one of the cuts to the next, in log T."""
    low, high = window(energy, mass, m4)
    ends = [min(max(log(cut), low), high) for cut in cuts]

    def events(x):
        return exp(x) * printed(exp(x), energy, mass, m4) * weight(exp(x))

    return piecewise(events, ends)


def over_energy(spectrum, rows, mass, m4, weight, cuts):
    """The same times a spectrum that is smooth between rows; sqrt(E - threshold) is the variable,
    as the window opens with it."""
    start = threshold(mass, m4)

    def events(u):
        energy = start + u**2
        return 2 * u * spectrum(energy) * over_recoil(energy, mass, m4, weight, cuts)

    ends = np.sqrt(np.maximum(np.asarray(rows) - start, 0.0))
    return piecewise(events, ends)


def pion_decay(mass, m4, weight, cuts):
    """Line and continua, normalised to one neutrino."""
    seen = (mass, m4, weight, cuts)
    return np.array(
        [
            over_recoil(LINE, *seen) if threshold(mass, m4) < LINE else 0.0,
            over_energy(lambda e: 64 / MUON * (e / MUON) ** 2 * (0.75 - e / MUON), (0, END), *seen),
            over_energy(lambda e: 192 / MUON * (e / MUON) ** 2 * (0.5 - e / MUON), (0, END), *seen),
        ]
    )


def prefactor(atoms_per_kg):
    """(pi alpha^2/m_e^2) (mu/mu_B)^2 on one kg and 1e15 neutrinos per cm^2, for a charge of one."""
    return 1e15 * atoms_per_kg * pi * (ALPHA / ELECTRON * HBAR_C * 1e-13) ** 2 * MOMENT**2


def accepted_at(recoil, scale):
    return -expm1(-((recoil / scale) ** 4))


def accepted(recoil, scale):
    """A response that opens smoothly: T^4 at low recoils, one far above ``scale``."""
    return -np.expm1(-((recoil / scale) ** 4))


def difference(counts, m4, room):
    """Derivative in m4 by Richardson from two central differences, whose steps are short against
    the distance to where something opens or closes."""
    step = 0.005 * room
    wide, narrow = ((counts(m4 + h) - counts(m4 - h)) / (2 * h) for h in (step, step / 2))
    return (4 * narrow - wide) / 3


def prediction(one, response):
    """Counts with a heavy lepton beyond those of the Standard Model, shape (F, B), and their
    derivative in m4, both as a function of m4."""
    known = one.counts(STANDARD, VALUES, response)

    @partial(jax.jit, compiler_options=QUICK)
    def both(m4):
        return jax.jvp(lambda m: one.counts(PORTAL, VALUES | {"m4": m}, response), (m4,), (1.0,))

    def counts_and_slope(m4):
        counts, slope = both(jnp.asarray(m4, dtype=float))
        return np.asarray(counts - known), np.asarray(slope)

    return counts_and_slope


def prediction_in_reverse(one, response):
    """The same of one flavour and bin, as numbers, by reverse differentiation."""
    known = one.counts(STANDARD, VALUES, response)

    @partial(jax.jit, compiler_options=QUICK)
    def both(m4):
        return jax.value_and_grad(
            lambda m: jnp.sum(one.counts(PORTAL, VALUES | {"m4": m}, response) - known)
        )(m4)

    return lambda m4: tuple(map(float, both(jnp.asarray(m4, dtype=float))))


# ------------------------------------------------------------------------------------- kinematics


@given(
    mass=st.sampled_from([ELECTRON, 938.272, *(n.mass for n in NUCLIDES.values())]),
    m4=st.floats(1e-3, 100.0),
    above=st.floats(-6.0, 2.0),
)
def test_recoil_window_is_where_the_lowest_energy_is_that_of_the_neutrino(mass, m4, above):
    """From a millionth above the threshold; roots of E_min(T; m4) = E in 40 digits."""
    energy = threshold(mass, m4) * (1 + 10**above)
    found = recoil_window(energy, jnp.array([mass]), jnp.array(m4), closed=jnp.array(9.0))
    with mpmath.workdps(40):
        m, x, e = map(mpmath.mpf, (mass, m4, energy))

        def distance(t):
            lowest = (t + mpmath.sqrt(t**2 + 2 * m * t)) / 2 * (1 + x**2 / (2 * m * t))
            return mpmath.log(lowest / e)

        top = x**2 / (2 * (m + x))
        assert distance(top) < 0
        for end, bound in zip(found, (top / 1e30, e), strict=True):
            root = mpmath.findroot(
                lambda y: distance(mpmath.exp(y)),
                (mpmath.log(bound), mpmath.log(top)),
                solver="anderson",
                tol=1e-50,
                maxsteps=200,
            )
            exact = float(mpmath.exp(root))
            assert float(end[0]) ** 2 == pytest.approx(exact, rel=1e-12, abs=0)


def test_recoil_window_closes_below_the_threshold():
    """And opens above it, by a part in 1e12 of the energy."""
    masses = np.array([ELECTRON, *(n.mass for n in NUCLIDES.values())])
    for m4 in (0.1, 5.0, 60.0):
        for mass in masses:
            at = threshold(mass, m4)
            ends = [
                np.asarray(
                    recoil_window(e, jnp.array([mass]), jnp.array(m4), closed=jnp.array(9.0))
                )
                for e in (at * (1 - 1e-12), at * (1 + 1e-12))
            ]
            assert (ends[0] == 9.0).all()
            assert ends[1][0] < ends[1][1] < 9.0


def test_recoil_window_of_a_massless_lepton_reaches_from_zero_to_the_highest_recoil():
    masses = jnp.array([ELECTRON, *(n.mass for n in NUCLIDES.values())])
    low, high = recoil_window(LINE, masses, jnp.array(0.0), closed=jnp.array(9.0))
    np.testing.assert_array_equal(low, 0.0)
    np.testing.assert_allclose(high**2, maximum_recoil(LINE, np.asarray(masses)), rtol=1e-14)


# -------------------------------------------------------------------------- pion decay at rest

SCALES = {"Cs133": 0.010, "I127": 0.010, "Ge74": 0.015}  # of the response [MeV]


@pytest.fixture(scope="module")
def nuclei():
    """Caesium iodide and germanium in one kernel, on the default nodes; a bin for each nuclide.

    Beside its prediction the same with a magnetic moment, counts on nuclides and flavours as
    columns."""
    material = target(dict.fromkeys(SCALES, 1.0), form_factor=Helm())
    one = kernel(SOURCE, material, mass_kg=1.0)
    scales = np.array(list(SCALES.values()))
    response = accepted(one.recoil, scales[:, None])[..., None] * np.eye(3)[:, None]
    moment = with_new_physics(STANDARD, MagneticMoment())
    seen = VALUES | {"mu_nu": MOMENT}
    magnetic = one.counts(moment, seen, response) - one.counts(STANDARD, seen, response)
    return prediction(one, response), np.asarray(magnetic)


def on_nuclei(m4):
    """Counts in a kg of one atom of each, shape (3, 3)."""
    rows = [NUCLIDES[symbol] for symbol in SCALES]
    per_kg = 6.02214076e26 / sum(row.atomic_mass_u for row in rows)
    counts = []
    for row, scale in zip(rows, SCALES.values(), strict=True):
        form = helm(row.mass, row.charge_radius)
        integrals = pion_decay(
            row.mass,
            m4,
            lambda t, form=form, scale=scale: form(t) * accepted_at(t, scale),
            (scale * exp(-8), END),  # of what is below, 1e-14 are accepted
        )
        counts.append(row.protons**2 * integrals)
    return prefactor(per_kg) * np.stack(counts, axis=1)


@pytest.mark.parametrize("m4", [2.0, 5.0, 10.0, 20.0, 25.0, 28.0])
def test_counts_and_slope_of_pion_decay_are_those_of_the_double_integral(nuclei, m4):
    """1e-11 in value and 1e-6 in slope, for each nuclide and flavour, the line among them, whose
    window closes at 29.79 MeV.

    The response is closed at low recoils: the spectrum rises as 1/T there.
    """
    counts, slope = nuclei[0](m4)
    np.testing.assert_allclose(counts, on_nuclei(m4), rtol=1e-11)
    moved = difference(on_nuclei, m4, min(m4, LINE - m4))
    assert (moved < 0).all()
    np.testing.assert_allclose(slope, moved, rtol=1e-6)


def test_a_light_lepton_is_the_magnetic_moment(nuclei):
    """1e-10, at 0 and at 10 eV. Counts are even in m4: the slope at 0 is 0."""
    predicted, magnetic = nuclei
    for m4 in (0.0, 1e-5):
        counts, slope = predicted(m4)
        np.testing.assert_allclose(counts, magnetic, rtol=1e-10)
        assert (abs(slope) <= m4 * magnetic).all()


def test_counts_fall_as_the_lepton_gets_heavier_and_end_at_the_threshold(nuclei):
    """There is no line above 29.79 MeV, and nothing above 52.83 MeV; slopes are zero there."""
    masses = np.append(np.linspace(0.0, 56.0, 57), 100.0)
    counts, slope = (np.stack(rows) for rows in zip(*map(nuclei[0], masses), strict=True))
    ends = np.array([LINE, END, END])
    opened = (masses[:, None] < ends)[..., None] & np.ones(3, dtype=bool)
    assert (counts[opened] > 0).all()
    assert (abs(counts[~opened]) < 1e-12).all()  # of ten events of the Standard Model
    assert (slope[opened][1:] <= 0).all()
    assert (slope[~opened] == 0).all()
    assert (np.diff(counts, axis=0)[opened[:-1]] < 0).all()


def test_counts_and_slope_are_finite_at_the_threshold(nuclei):
    """To rounding on both sides of s = (M + m4)^2, for each nuclide and end of a spectrum."""
    for mass in (NUCLIDES[symbol].mass for symbol in SCALES):
        for energy in (LINE, END):
            closing = sqrt(mass**2 + 2 * mass * energy) - mass
            for m4 in closing * (1 + np.array([-1e-6, -1e-12, -1e-15, 0.0, 1e-15])):
                counts, slope = nuclei[0](m4)
                assert np.isfinite(counts).all()
                assert np.isfinite(slope).all()


# ------------------------------------------------------------------------------------- a reactor


@pytest.fixture(scope="module")
def reactor():
    """Germanium on the recoil panels and nodes of Dresden-II, and its source."""
    used = cj.experiments.dresden_ii().parts["cevns"].kernel
    panels = used.panels[0] ** 2
    one = kernel(
        used.source,
        target({"Ge70": 1.0, "Ge76": 1.0}, form_factor=Helm()),
        mass_kg=1.0,
        nodes=used.recoil.shape[1] // (len(panels) - 1),
        splits=panels,
        recoil_min=panels[0],
        recoil_max=panels[-1],
        common_nodes=True,
    )
    predicted = prediction_in_reverse(one, accepted(one.recoil, 6e-4)[..., None])
    return predicted, used.source, panels


def at_the_reactor(source, panels, m4):
    """Counts on a kg of both isotopes alike; each row of the linear spectrum is a bend."""
    rows = np.asarray(source.energy)
    flux = np.asarray(source.fluence)[0] / 1e15
    nuclides = [NUCLIDES["Ge70"], NUCLIDES["Ge76"]]
    total = 0.0
    for nuclide in nuclides:
        form = helm(nuclide.mass, nuclide.charge_radius)
        total += nuclide.protons**2 * over_energy(
            lambda e: np.interp(e, rows, flux),
            rows,
            nuclide.mass,
            m4,
            lambda t, form=form: form(t) * accepted_at(t, 6e-4),
            (panels[0], panels[-1]),
        )
    return prefactor(6.02214076e26 / sum(nuclide.atomic_mass_u for nuclide in nuclides)) * total


@pytest.mark.parametrize("m4", [0.5, 2.0, 5.0, 7.0])
def test_counts_and_slope_at_a_reactor_are_those_of_the_double_integral(reactor, m4):
    """1e-7 in value and 3e-6 in slope: the bends of the spectrum move through the panels.

    The steps are short, as counts are not smooth in m4 where the threshold crosses a bend.
    """
    predicted, source, panels = reactor
    counts, slope = predicted(m4)
    assert counts == pytest.approx(at_the_reactor(source, panels, m4), rel=1e-7)
    moved = difference(lambda m: at_the_reactor(source, panels, m), m4, min(m4, 0.5))
    assert slope == pytest.approx(moved, rel=3e-6)


def test_a_reactor_makes_a_light_lepton_and_no_heavy_one(reactor):
    """The spectrum ends at 8 MeV; at m4 = 0 the slope is that of an even function."""
    predicted, _, _ = reactor
    massless, light = predicted(0.0), predicted(1e-5)
    assert massless[0] == pytest.approx(light[0], rel=1e-8)
    assert massless[1] == 0
    assert predicted(7.9)[0] > 0
    for m4 in (8.0, 100.0):
        counts, slope = predicted(m4)
        assert abs(counts) < 1e-9 * massless[0]
        assert slope == 0


# ------------------------------------------------------------------------------------- electrons

SHELLS = (  # [MeV], electrons of germanium that a recoil above it can free
    *((0.0, 4), (2.98e-5, 14), (1.208e-4, 18), (1.249e-4, 20), (1.801e-4, 22)),
    *((1.217e-3, 26), (1.248e-3, 28), (1.4146e-3, 30), (1.111e-2, 32)),
)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Line:
    """A source of one's own: 1e15 muon neutrinos per cm^2 of one energy."""

    energy: float

    flavours = ("nu_mu",)
    parameters = ()
    bends = ()
    label = "a line"

    @property
    def edges(self):
        return LINE, END

    @property
    def end_points(self):
        return (self.energy,)

    def moments(self, e_min, values=None):
        above = (e_min <= self.energy) * 1e15
        return (above * self.energy ** -np.arange(3.0).reshape(3, *[1] * e_min.ndim))[None]


@pytest.fixture(scope="module")
def germanium_electrons():
    """Panels of a factor of two, and at the binding energies."""
    splits = [*(energy for energy, _ in SHELLS[1:]), *np.geomspace(1e-4, 40.0, 20)]
    one = kernel(Line(LINE), electrons("Ge"), mass_kg=1.0, nodes=16, splits=splits, recoil_min=1e-5)
    return prediction(one, accepted(one.recoil, 0.005)[..., None])


def on_electrons(m4):
    """Counts per kg."""

    def weight(recoil):
        free = max(number for energy, number in SHELLS if recoil >= energy)
        return free * accepted_at(recoil, 0.005)

    cuts = [1e-5, *(energy for energy, _ in SHELLS[1:]), END]
    return prefactor(6.02214076e26 / 72.630) * over_recoil(LINE, ELECTRON, m4, weight, cuts)


@pytest.mark.parametrize("m4", [0.5, 2.0, 4.5])
def test_counts_and_slope_on_electrons_are_those_of_the_integral(germanium_electrons, m4):
    """1e-10 and 1e-6 relative to m4 = 1 MeV, as the standard atomic weight, 72.630(8), is known
    to 1.1e-4 only; the window closes at 5.03 MeV."""
    counts, slope = germanium_electrons(m4)
    expected = on_electrons(m4)
    assert counts == pytest.approx(expected, rel=1.2e-4)
    scale = germanium_electrons(1.0)[0] / on_electrons(1.0)
    assert counts == pytest.approx(scale * expected, rel=1e-10)
    moved = difference(on_electrons, m4, min(m4, 5.03 - m4))
    assert slope == pytest.approx(scale * moved, rel=1e-6)


def test_electrons_make_a_light_lepton_and_no_heavy_one(germanium_electrons):
    """m4 = 0 is finite, and nothing is left above 5.03 MeV."""
    massless, light = germanium_electrons(0.0), germanium_electrons(1e-5)
    assert massless[0] == pytest.approx(light[0], rel=1e-8)
    assert massless[1] == 0
    for m4 in (5.04, 100.0):
        assert abs(germanium_electrons(m4)[0]) < 1e-12
        assert germanium_electrons(m4)[1] == 0


# ---------------------------------------------------------------- an own heavy lepton, and flavours


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class OwnLepton(DipolePortal):
    """Another heavy lepton, with parameters of its own."""

    heavy_lepton = "m5"

    @property
    def parameters(self):
        return Parameter(name="mu_own"), Parameter(name="m5", unit="MeV")

    def coefficients(self, recoil, nucleus, flavour, values):
        own = values | {"mu_dipole": values["mu_own"], "m4": values["m5"]}
        return super().coefficients(recoil, nucleus, flavour, own)


def test_an_own_heavy_lepton_has_its_window_its_families_and_all_flavours_add_up():
    """Beside a light final state, on five isotopes with common nodes, in two bins."""
    flux = {"nu_e": np.array([1e15, 1e14]), "nu_mu_bar": np.array([1e15, 1e14])}
    source = tabulated_source(np.array([1e-3, 50.0]), flux, live_time_s=1)
    material = target("Ge", form_factor=Helm())
    splits = np.geomspace(1e-5, 0.05, 12)  # the response rises from the lowest recoils on
    one = kernel(source, material, mass_kg=1.0, nodes=32, splits=splits, common_nodes=True)
    share = np.exp(-one.recoil / 0.03)
    response = accepted(one.recoil, 0.02)[..., None] * np.stack([share, 1 - share], axis=-1)
    model = with_new_physics(STANDARD, light_scalar(), OwnLepton(families=("mu",)))

    @partial(jax.jit, compiler_options=QUICK)
    def compiled(moment):
        values = {"sin2_theta_w": 0.23857, "g_scalar": 1e-5, "m_scalar": 10.0}
        values |= {"mu_own": moment, "m5": 35.0}
        return [one.counts(model, values, response, by_flavour=by) for by in (True, False)]

    (known, _), (found, together) = (map(np.asarray, compiled(m)) for m in (0.0, MOMENT))
    assert found.shape == (2, 2)
    np.testing.assert_allclose(together, found.sum(axis=0, keepdims=True), rtol=1e-13)
    np.testing.assert_array_equal(found[0], known[0])
    expected = 0.0
    rows = [row for row in NUCLIDES.values() if row.protons == 32]
    for row in rows:
        form = helm(row.mass, row.charge_radius)
        expected += row.abundance * over_energy(
            lambda e: 1 - 0.9 * (e - 1e-3) / (50.0 - 1e-3),
            (0.0, 50.0),
            row.mass,
            35.0,
            lambda t, form=form: form(t) * accepted_at(t, 0.02),
            (0.02 * exp(-8), END),
        )
    molar = sum(row.abundance * row.atomic_mass_u for row in rows)
    expected *= 32**2 * prefactor(6.02214076e26 / molar)
    assert (found - known)[1].sum() == pytest.approx(expected, rel=1e-8)


# ------------------------------------------------------------------------------------ experiments


@pytest.fixture(scope="module")
def argon():
    """Counts on the recoil nodes of the argon experiment, and on three times as many."""
    experiment = cj.experiments.coherent_lar_2020_energy()
    used = experiment.parts["cevns"].kernel
    panels = used.panels[0] ** 2
    response = coherent_lar.response(release.measurement(coherent_lar.FOLDER), experiment.edges[0])
    predictions = []
    for factor in (1, 3):
        one = kernel(
            Line(LINE),
            used.target,
            mass_kg=1.0,
            nodes=factor * used.recoil.shape[1] // (len(panels) - 1),
            splits=panels,
            recoil_max=panels[-1],
            common_nodes=True,
        )
        seen = np.asarray(response(jnp.asarray(one.recoil), {}, {}))
        predictions.append(prediction(one, seen.sum(axis=-1, keepdims=True)))
    return predictions


@pytest.mark.slow
@pytest.mark.parametrize("m4", [2.0, 5.0, 10.0, 20.0])
def test_slope_in_the_argon_experiment_does_not_hang_on_its_nodes(argon, m4):
    """1e-6, of the counts in all bins together: heavy leptons fill the lowest recoils."""
    once, thrice = (predicted(m4)[1] for predicted in argon)
    np.testing.assert_allclose(once, thrice, rtol=1e-6)
