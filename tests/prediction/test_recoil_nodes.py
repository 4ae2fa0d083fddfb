"""Recoil nodes that are found for a response: enough of them, and no more than counts can feel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from cevns_jax.detectors import PolynomialQuenching, energy_response, gaussian_resolution
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import own_experiment
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import standard_model
from cevns_jax.nuclei import NUCLIDES, target
from cevns_jax.prediction import recoil_nodes
from cevns_jax.prediction.recoil_nodes import check_events, scattering_component
from cevns_jax.sources import line_source, oscillated_source, reactor_source, tabulated_source

HBAR_C = 197.3269804  # [MeV fm]
FERMI = 1.1663787e-11  # [MeV^-2]
ANGLE = 0.23857
EDGES = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
SIGMA = 0.15  # [keV]
ISOTOPES = ("Xe129", "Xe136")
XENON = target(dict.fromkeys(ISOTOPES, 1.0), form_factor=Helm())
MODEL = standard_model(axial=False)


def solar(rows):
    """A spectrum of the shape of 8B up to 15 MeV, rounded to five digits as tables are."""
    energy = np.round(np.linspace(0.02, 15.0, rows), 4)
    shape = energy**2 * (15.0 - energy) ** 2
    return energy, np.array([float(f"{flux:.4e}") for flux in 1e2 * shape])


def response(**changed):
    given = {
        "axis": "energy_kev",
        "edges": EDGES,
        "quenching": PolynomialQuenching(coefficients=(1.0,)),
        "resolution": gaussian_resolution(noise_kev=SIGMA),
        "efficiency": 1.0,
    }
    return energy_response(**given | changed)


def signal(source, made=None, **changed):
    shape = (len(EDGES) - 1,)
    return scattering_component(
        "xe", source, XENON, 100.0, made or response(), shape=shape, acting=set(), **changed
    )


def counts(part):
    values = {p.name: p.start for p in part.parameters} | {"sin2_theta_w": ANGLE}
    return np.asarray(part(MODEL, values, {}))


def by_energy(energy, flux, seconds, lowest):
    """Counts, neutrino energies outside and recoils inside: three Gauss-Legendre nodes between
    rows, recoils T = T_max u^2 in panels of u."""
    x, w = np.polynomial.legendre.leggauss(3)
    half = np.diff(energy)[:, None] / 2
    e = (energy[:-1, None] + half * (1 + x)).ravel()
    weight = seconds * np.interp(e, energy, flux) * (half * w).ravel()
    y, v = np.polynomial.legendre.leggauss(16)
    total = np.zeros(len(EDGES) - 1)
    per_kg = 6.02214076e26 / sum(NUCLIDES[symbol].atomic_mass_u for symbol in ISOTOPES)
    for symbol in ISOTOPES:
        row = NUCLIDES[symbol]
        seen = 2 * e**2 / (row.mass + 2 * e) > lowest
        for one, much in zip(e[seen], weight[seen], strict=True):
            top = 2 * one**2 / (row.mass + 2 * one)
            ends = np.linspace(np.sqrt(lowest / top), 1.0, 9)
            u = (ends[:-1, None] + np.diff(ends)[:, None] / 2 * (1 + y)).ravel()
            du = (np.diff(ends)[:, None] / 2 * v).ravel()
            t = top * u**2
            q = np.sqrt(2 * row.mass * t) / HBAR_C
            z = q * np.sqrt(5 / 3 * row.charge_radius**2 - 5 * 0.9**2)
            helm = 3 * (np.sin(z) - z * np.cos(z)) / z**3 * np.exp(-((q * 0.9) ** 2) / 2)
            charge = ((0.5 - 2 * ANGLE) * row.protons - row.neutrons / 2) * helm
            sigma = FERMI**2 * row.mass / np.pi * charge**2 * (HBAR_C * 1e-13) ** 2
            sigma = sigma * (1 - t / one - row.mass * t / (2 * one**2))
            kept = np.diff(ndtr((EDGES - 1e3 * t[:, None]) / SIGMA), axis=1)
            total += 100.0 * per_kg * much * ((sigma * 2 * u * top * du) @ kept)
    return total


@pytest.mark.parametrize("rows", [1000, 40])
def test_a_table_of_any_fineness_is_integrated_to_a_hundred_millionth(rows):
    """1e-8 of the fullest bin. A thousand rows take panels where the flux bends, not at each."""
    energy, flux = solar(rows)
    source = tabulated_source(energy, {"nu_e": flux}, live_time_s=3e7)
    part = signal(source, recoil_min_kev=0.1)
    reference = by_energy(energy, flux, 3e7, 1e-4)
    assert np.abs(counts(part) - reference).max() <= 1e-8 * reference.max()
    assert part.kernel.nodes.panels.shape[1] < 250


THRESHOLD = {"recoil_min_kev": 0.5}  # 7Be moves xenon by 0.012 keV


def beryllium():
    return line_source(energy_mev=0.8613, flux_per_cm2_s=4.5e9, live_time_s=3e7)


@pytest.mark.parametrize("lowest", [0.0, 0.5])
def test_a_source_that_ends_below_the_threshold_gives_no_events(lowest):
    """Whether recoils lie below the lowest that is seen, or below the bins alone."""
    sharp = response(resolution=gaussian_resolution(noise_kev=0.01))
    part = signal(beryllium(), sharp, recoil_min_kev=lowest)
    np.testing.assert_array_equal(counts(part), np.zeros(5))


def test_an_experiment_without_any_event_is_refused():
    """As its only neutrinos: a unit is mistaken then."""
    sharp = response(resolution=gaussian_resolution(noise_kev=0.01))
    given = {
        "name": "xe",
        "target": XENON,
        "source": beryllium(),
        "mass_kg": 100.0,
        "response": sharp,
        "backgrounds": {},
        "nuisances": (),
        "observed": None,
    }
    with pytest.raises(ConfigError, match=r"xe: no recoil of this source reaches a bin.*0\.0123"):
        own_experiment(**given)
    with pytest.raises(ConfigError, match=r"recoil_min_kev must lie from 0 to below 0\.0123"):
        own_experiment(**given | THRESHOLD)
    for lowest in (0.0, 0.5):
        part = signal(beryllium(), sharp, recoil_min_kev=lowest)
        with pytest.raises(ConfigError, match="xe: "):
            check_events("xe", part.kernel, sharp, lowest)


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_a_tail_of_the_resolution_is_no_event(noise):
    """Recoils up to 3e-8 keV, bins from 1 keV: ten widths away 1e-23 of them are left."""
    edges = np.array([1.0, 2.0, 3.0])
    far = response(edges=edges, resolution=gaussian_resolution(noise_kev=noise))
    source = line_source(energy_mev=1e-3, flux_per_cm2_s=1e9, live_time_s=1e7)
    part = signal(source, far)
    with pytest.raises(ConfigError, match="xe: no recoil of this source reaches a bin"):
        check_events("xe", part.kernel, far)


def test_a_small_share_of_recoils_above_the_threshold_is_an_experiment():
    """Bins from four widths above all recoils."""
    near = response(resolution=gaussian_resolution(noise_kev=0.12))
    check_events("xe", signal(beryllium(), near).kernel, near)


def test_isotopes_that_are_not_reached_have_none_where_others_have():
    """A line that moves the lighter isotope above the threshold and the heavier one not."""
    heavy, light = (2 * 10.0**2 / (NUCLIDES[s].mass + 20.0) * 1e3 for s in ISOTOPES[::-1])
    threshold = (heavy + light) / 2
    source = line_source(energy_mev=10.0, flux_per_cm2_s=1e9, live_time_s=1e7)
    part = signal(source, recoil_min_kev=threshold)
    events = np.asarray(part.kernel.weighted_moments[0, 0] * jnp.ones(1)).sum(axis=-1)
    assert events[0] > 0
    assert events[1] == 0
    assert np.isfinite(counts(part)).all()


@pytest.mark.parametrize("lowest", [-1.0, np.nan, np.inf])
def test_a_threshold_that_is_none_is_refused(lowest):
    with pytest.raises(ConfigError, match="recoil_min_kev must lie from 0 to below"):
        signal(beryllium(), recoil_min_kev=lowest)


@pytest.mark.parametrize("highest", [10.0, 30.0])
def test_nodes_are_enough_all_over_the_domain_of_an_oscillation(monkeypatch, highest):
    """Where a fit starts, 1 eV^2 at 30 m, the spectrum is much smoother than at the end: nodes that
    are enough there were off by 1e-6. The reference has four times as many on a panel."""
    reactor = reactor_source(
        spectra="huber_mueller",
        fission_fractions={"u235": 1.0},
        flux_per_cm2_s=1e13,
        live_time_s=1e7,
    )
    waves = oscillated_source(
        reactor, baseline_m=30.0, delta_m2_ev2=1.0, highest_delta_m2_ev2=highest
    )
    sharp = response(
        edges=np.array([0.1, 0.2, 0.3, 0.5, 0.7, 1.0]),
        resolution=gaussian_resolution(noise_kev=0.02),
    )
    part = signal(waves, sharp, recoil_min_kev=0.05)
    monkeypatch.setattr(recoil_nodes, "NODES", 32)
    finer = signal(waves, sharp, recoil_min_kev=0.05)
    assert finer.kernel.recoil.size > part.kernel.recoil.size
    predict = jax.jit(lambda p, v: p(MODEL, v, {}))
    for mixing in (0.3, 1.0):
        for splitting in np.array([0.01, 0.1, 0.3, 0.7, 1.0]) * highest:
            values = {p.name: p.start for p in part.parameters} | {"sin2_theta_w": ANGLE}
            values |= {"sin2_2theta_sterile": mixing, "delta_m2_sterile": splitting}
            exact = np.asarray(predict(finer, values))
            found = np.asarray(predict(part, values))
            assert np.abs(found - exact).max() < 1e-8 * exact.max()
