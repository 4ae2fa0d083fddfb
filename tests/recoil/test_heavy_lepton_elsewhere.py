"""A heavy final lepton at a reactor, on electrons, in argon, and one of one's own."""

from dataclasses import dataclass
from functools import partial
from math import exp

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from heavy_lepton import (
    ELECTRON,
    END,
    LINE,
    MOMENT,
    QUICK,
    STANDARD,
    Line,
    accepted,
    accepted_at,
    difference,
    helm,
    over_energy,
    over_recoil,
    prediction,
    prediction_in_reverse,
    prefactor,
)

import cevns_jax as cj
from cevns_jax.electrons import electrons
from cevns_jax.experiments import coherent_lar, release
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import DipolePortal, light_scalar, with_new_physics
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.parameters import Parameter
from cevns_jax.recoil import kernel
from cevns_jax.sources import tabulated_source


@pytest.fixture(scope="module")
def reactor():
    """Germanium on the recoil panels and nodes of Dresden-II, and its source."""
    used = cj.experiments.dresden_ii().parts["cevns"].kernel
    panels = used.nodes.panels[0] ** 2
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
    panels = used.nodes.panels[0] ** 2
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
