"""Recoil nodes as a quadrature of their own, shared by sources."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from cevns_jax.form_factors import Helm
from cevns_jax.interactions import DipolePortal, standard_model, with_new_physics
from cevns_jax.nuclei import target
from cevns_jax.recoil import (
    kernel,
    kernel_on_nodes,
    maximum_recoil,
    minimum_energy,
    nodes_on_panels,
    panel_ends,
    pieces_between,
)
from cevns_jax.sources import PionDecayAtRest, line_source, tabulated_source

MASSES = np.array([65e3, 70e3])
GERMANIUM = target({"Ge70": 1.0, "Ge76": 1.0}, form_factor=Helm())
PIONS = PionDecayAtRest(fluence=1e15)
CHROMIUM = line_source(energy_mev=0.747, flux_per_cm2_s=1e12, live_time_s=1e6)
SM = {"sin2_theta_w": 0.23857}
MODEL = standard_model()


def test_weights_integrate_over_the_recoil():
    """Any function that is smooth in sqrt(T) between the ends of panels, each isotope its own."""
    panels = panel_ends((10.0, 40.0), MASSES, splits=[1e-3], recoil_min=2e-4)
    nodes = nodes_on_panels(panels, 16)
    assert nodes.per_panel == 16
    assert nodes.recoil.shape == nodes.weights.shape == (2, 16 * (panels.shape[1] - 1))
    found = np.sum(nodes.weights * np.exp(-50 * nodes.recoil) * np.sqrt(nodes.recoil), axis=1)
    for row, mass in enumerate(MASSES):
        top = 2 * 40.0**2 / (mass + 80.0)
        exact = quad(lambda t: np.exp(-50 * t) * np.sqrt(t), 2e-4, top, epsrel=1e-12)[0]
        assert found[row] == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("common", [False, True])
def test_panels_end_where_spectra_end_and_where_they_are_split(common):
    panels = panel_ends(
        (10.0, 40.0),
        MASSES,
        splits=[1e-3, 5e-2, 9.0],
        recoil_min=1e-5,
        recoil_max=4.6e-2,
        common_nodes=common,
    )
    assert (np.diff(panels) >= 0).all()
    assert panels.shape[0] == (1 if common else 2)
    for row, mass in enumerate(MASSES):
        inside = [1e-5, 1e-3, maximum_recoil(10.0, mass), min(maximum_recoil(40.0, mass), 4.6e-2)]
        for end in inside:
            assert np.isclose(panels[0 if common else row] ** 2, end, rtol=1e-12).any()
    assert panels.max() ** 2 <= 4.6e-2 * (1 + 1e-12)


def test_no_recoil_above_the_lowest_leaves_no_panel_of_any_width():
    panels = panel_ends((1.0,), MASSES, recoil_min=1.0)
    assert np.diff(panels).sum() == 0


def test_sources_share_nodes():
    """A line at 0.7 MeV and pion decay, on nodes that know the ends of both: as each on its own."""
    ends = panel_ends((*PIONS.edges, *CHROMIUM.edges), GERMANIUM.mass, splits=[1e-3])
    nodes = nodes_on_panels(ends, 48)
    response = np.exp(-nodes.recoil / 0.02)[..., None]
    for source in (PIONS, CHROMIUM):
        shared = kernel_on_nodes(source, GERMANIUM, nodes, mass_kg=3.0)
        assert shared.nodes is nodes
        alone = kernel(source, GERMANIUM, mass_kg=3.0)
        found, expected = (
            np.asarray(k.counts(MODEL, SM, r))
            for k, r in ((shared, response), (alone, np.exp(-alone.recoil / 0.02)[..., None]))
        )
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_source_that_ends_below_all_nodes_gives_nothing():
    """Zero counts and no NaN, with a heavy lepton as well."""
    nodes = nodes_on_panels(np.sqrt([[1e-3, 1.1e-3]]), 8)
    one = kernel_on_nodes(CHROMIUM, GERMANIUM, nodes, mass_kg=1.0)
    assert (minimum_energy(nodes.recoil, GERMANIUM.mass[:, None]) > 0.747).all()
    model = with_new_physics(MODEL, DipolePortal())
    seen = SM | {"mu_dipole": 1e-9, "m4": 0.1}
    found = one.counts(model, seen, jnp.ones((1, 8, 2)))
    np.testing.assert_array_equal(found, np.zeros((1, 2)))


def test_moments_of_a_source_without_parameters_are_constants():
    one = kernel(PIONS, GERMANIUM, mass_kg=2.0)
    assert isinstance(one.weighted_moments, np.ndarray)
    assert [p.name for p in one.parameters] == [p.name for p in GERMANIUM.parameters]
    lowest = minimum_energy(one.recoil, GERMANIUM.mass[:, None])
    expected = 2.0 * one.nodes.weights * PIONS.moments(lowest)
    np.testing.assert_allclose(one.weighted_moments_at({}), expected, rtol=1e-14)
    assert one.recoil is one.nodes.recoil


def test_panels_do_not_end_at_rows_that_bend_little():
    """A smooth flux in a thousand rows, and the same flux in twelve."""

    def source(rows):
        energy = np.linspace(0.5, 15.0, rows)
        return tabulated_source(energy, {"nu_e": energy**2 * (15 - energy) ** 2}, live_time_s=1.0)

    fine, coarse = source(1000), source(12)
    assert len(fine.bends) < 150
    assert len(coarse.bends) >= 10
    assert coarse.edges == (0.5, 15.0)


def test_a_jump_and_a_bend_inside_panels_are_integrated_on_pieces():
    """Against the closed form: a step times T^2 and a kink times T, which is exact on pieces."""
    ends = np.sqrt([[0.01, 0.5, 1.0]])
    nodes = nodes_on_panels(ends, 8)
    jump, bend = 0.2, 0.7
    found = pieces_between(nodes, np.array([[jump, bend], [0.5, 3.0]]))  # two isotopes
    t = found.recoil
    step, kink = np.where(t < jump, 1.0, 0.0), np.maximum(bend - t, 0.0)
    f = np.stack([step, kink, np.ones_like(t)])[None]
    for library in (np.asarray, jnp.asarray):
        weights = np.asarray(found.onto_nodes(library(f), 2))[0]
        assert weights.shape == (3, 2, 16)
        exact = (jump**3 - 1e-6) / 3
        assert weights[0, 0] @ nodes.recoil[0] ** 2 == pytest.approx(exact, rel=1e-13)
        exact = bend**3 / 6 - bend * 1e-4 / 2 + 1e-6 / 3
        assert weights[1, 0] @ nodes.recoil[0] == pytest.approx(exact, rel=1e-13)
        # The second isotope has its bends at the end of a panel and outside all.
        np.testing.assert_allclose(weights[2, 1], nodes.weights[0], rtol=1e-12)
    assert pieces_between(nodes, np.array([[0.5, 3.0, 0.001]])) is None
    values = (nodes.recoil**3)[..., None]
    np.testing.assert_allclose(found.between_nodes(values)[..., 0], t**3, atol=1e-14)
