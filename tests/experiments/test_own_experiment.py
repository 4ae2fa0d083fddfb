"""Own experiments against double integrals over the energies of neutrino and recoil."""

import numpy as np
import pytest
from double_integral import (
    GERMANIUM,
    SILICON,
    counts_at_the_sns,
    double_integral,
    element,
    highest,
    lindhard_energy,
    lowest_energy,
    recoils_of,
    shape,
)
from own_germanium import EDGES, MODEL, expected, ge_response, own
from scipy.integrate import fixed_quad
from scipy.special import ndtr

import cevns_jax as cj
from cevns_jax.detectors import (
    GaussianResolution,
    PerfectResolution,
    PolynomialQuenching,
    TabulatedQuenching,
    gaussian_resolution,
    linear_table,
    tabulated_response,
)
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Nuisance
from cevns_jax.form_factors import Helm
from cevns_jax.nuclei import target
from cevns_jax.prediction.templates import morphed_template
from cevns_jax.sources import tabulated_source

# A table of the size of a reactor's flux, 1/(cm^2 s MeV); linear between rows.
REACTOR_ENERGY = np.array([0.3, 1.0, 1.8, 2.5, 3.2, 4.0, 5.0, 6.0, 7.0, 8.0, 9.5])
REACTOR_FLUX = 1e12 * np.array([4.0, 2.6, 1.9, 1.35, 0.9, 0.5, 0.22, 0.09, 0.03, 0.008, 0.0])
DAYS = 86400.0 * 180
REACTOR = tabulated_source(REACTOR_ENERGY, {"nu_e_bar": REACTOR_FLUX}, live_time_s=DAYS)
FACTOR = linear_table("quenching", [0.0, 0.4, 1.1, 3.0, 9.0], [0.08, 0.13, 0.19, 0.22, 0.25])
LOW_EDGES = np.array([0.03, 0.06, 0.1, 0.2, 0.4, 0.7])
LOW_EFFICIENCY = linear_table(
    "efficiency", [0.0, 0.05, 0.08, 0.25, 1.0], [0.0, 0.1, 0.8, 0.95, 0.9]
)


def low_response(**changed):
    """Of a small crystal at a reactor, quenching and efficiency from tables."""
    given = {
        "edges": LOW_EDGES,
        "quenching": TabulatedQuenching(FACTOR),
        "resolution": gaussian_resolution(noise_kev=0.02),
        "efficiency": LOW_EFFICIENCY,
    }
    return ge_response(**(given | changed))


def reactor_spectrum(mass, recoil):
    """The same for the table, in each of its segments."""
    ends = np.maximum(REACTOR_ENERGY, lowest_energy(mass, recoil)[:, None])[..., None]
    low, width = ends[:, :-1], np.diff(ends, axis=1)

    def integrand(share):
        energy = low + share * width
        flux = np.interp(energy, REACTOR_ENERGY, REACTOR_FLUX)
        return flux * shape(mass[:, None, None], recoil, energy) * width

    return fixed_quad(integrand, 0, 1, n=12)[0].sum(axis=1)


def test_germanium_at_the_sns_is_the_double_integral():
    """Michel spectra and line, Helm, SM cross section, Lindhard, sigma^2 = 0.2^2 + 0.05^2 E."""
    reference = counts_at_the_sns(lambda energy: np.sqrt(0.2**2 + 0.05**2 * energy))
    np.testing.assert_allclose(expected(own()), reference, rtol=1e-8)


@pytest.mark.parametrize("pull", [-4.0, 3.0])
def test_a_quenching_that_moves_far_is_the_double_integral(pull):
    """E_ee lower by 40 % or higher by 30 %: recoils that lie far above or below the bins come to
    their edges."""
    nuisance = Nuisance(name="quenching", acts_on=("quenching",), width=0.1)
    reference = counts_at_the_sns(
        lambda energy: np.sqrt(0.2**2 + 0.05**2 * energy),
        lambda recoil: (1 + 0.1 * pull) * lindhard_energy(recoil),
    )
    moved = expected(own(nuisances=[nuisance]), ge_quenching=pull)
    np.testing.assert_allclose(moved, reference, rtol=1e-6)


def test_germanium_with_perfect_resolution_is_the_double_integral():
    found = expected(own(response=ge_response(resolution=PerfectResolution())))
    np.testing.assert_allclose(found, counts_at_the_sns(None), rtol=1e-11)


@pytest.mark.parametrize(
    ("symbols", "name", "lowest"), [(SILICON, "Si", 0.25), (GERMANIUM, "Ge", 0.0)]
)
def test_a_tabulated_flux_on_a_crystal_is_the_double_integral(symbols, name, lowest):
    """Quenching and efficiency tables, a lowest recoil: folded by Gauss-Legendre in each piece."""
    sigma = 0.02
    cuts = np.union1d(LOW_EDGES, LOW_EFFICIENCY.x[1:-1])

    def quenched(recoil):
        return 1e3 * recoil * np.interp(1e3 * recoil, FACTOR.x, FACTOR.y)

    def probability(recoil):
        """a + b x against the normal distribution in each piece of the efficiency table."""
        energy = quenched(recoil)
        z = (cuts - energy) / sigma
        inside, density = np.diff(ndtr(z)), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        at_cuts = np.interp(cuts, LOW_EFFICIENCY.x, LOW_EFFICIENCY.y)
        slope = np.diff(at_cuts) / np.diff(cuts)
        kept = (at_cuts[:-1] + slope * (energy - cuts[:-1])) * inside
        kept = kept - slope * sigma * np.diff(density)
        return np.add.reduceat(kept, np.searchsorted(cuts, LOW_EDGES[:-1]))

    top = highest(9.5, element(symbols)[0]).max()
    bends = np.append(recoils_of(cuts, quenched, top), 1e-3 * FACTOR.x[1:-1])
    bends = bends[bends < top]
    reference = double_integral(
        symbols, reactor_spectrum, REACTOR_ENERGY, probability, bends, lowest * 1e-3
    )
    experiment = own(
        target=target(name, form_factor=Helm()),
        source=REACTOR,
        mass_kg=0.7,
        response=low_response(),
        recoil_min_kev=lowest,
    )
    found = expected(experiment)
    counts = 0.7 * DAYS * reference
    assert (abs(found - counts) <= 1e-8 * counts.max()).all()
    assert experiment.conventions["lowest recoil"] == f"{lowest:g} keV"


@pytest.mark.parametrize("sigma", [1e-5, 0.02])
def test_a_sharp_resolution_that_nothing_moves_is_integrated(sigma):
    """1e-7 of the fullest bin, where no recoil node, or many, lie in the rise of the response."""
    near = (EDGES[:, None] + sigma * np.array([-8.0, -3.0, 3.0, 8.0])).ravel()
    reference = counts_at_the_sns(lambda energy: sigma, lambda recoil: 200 * recoil, near)
    response = ge_response(
        quenching=PolynomialQuenching(coefficients=(0.2,)),
        resolution=gaussian_resolution(noise_kev=sigma),
    )
    found = expected(own(response=response))
    np.testing.assert_allclose(found, reference, atol=1e-7 * reference.max(), rtol=0)


@pytest.mark.parametrize("sigma", [1e-4, 0.02])
def test_a_sharp_resolution_is_resolved_or_refused(sigma):
    """1e-5 of the fullest bin where a quenching nuisance has moved the edges between the nodes.

    At the start 1e-7. An experiment whose recoil nodes cannot follow may say so instead.
    """
    nuisance = Nuisance(name="quenching", acts_on=("quenching",), width=0.1)
    response = ge_response(resolution=gaussian_resolution(noise_kev=sigma))
    try:
        sharp = own(response=response, nuisances=[nuisance])
    except ConfigError as error:
        assert "too sharp" in str(error)  # noqa: PT017
        return
    near = (EDGES[:, None] + sigma * np.array([-8.0, -3.0, 3.0, 8.0])).ravel()
    for pull, accuracy in ((0.0, 1e-7), (-1.0, 1e-5)):
        scale = 1 + 0.1 * pull
        reference = counts_at_the_sns(
            lambda energy: sigma, lambda recoil, by=scale: by * lindhard_energy(recoil), near
        )
        found = expected(sharp, ge_quenching=pull)
        np.testing.assert_allclose(found, reference, atol=accuracy * reference.max(), rtol=0)


def test_a_width_with_kinks_is_integrated():
    """sigma(E) from a table bends at its rows, wherever the bins end."""
    rows, widths = [0.0, 1.0, 2.0, 4.0, 40.0], [0.1, 0.2, 0.15, 0.3, 1.2]
    table = GaussianResolution(linear_table("resolution", rows, widths))
    found = expected(own(response=ge_response(resolution=table)))
    reference = counts_at_the_sns(lambda energy: np.interp(energy, rows, widths), near=rows)
    np.testing.assert_allclose(found, reference, rtol=1e-7)


def test_recoils_may_be_energies():
    """No quenching, perfect resolution and efficiency: bins of recoil energy, all counted."""
    edges = np.array([0.0, 10.0, 90.0])
    bins = ge_response(
        edges=edges,
        quenching=PolynomialQuenching(coefficients=(1.0,)),
        resolution=PerfectResolution(),
    )
    everything = tabulated_response({"x": np.array([0.0, 1.0])}, edges[[0, 2]], np.ones((2, 1)))
    found = expected(own(response=bins)).sum()
    assert found == pytest.approx(expected(own(response=everything))[0], rel=1e-8)


def test_a_background_can_have_parameters_of_its_own():
    """A morphing template: its effect is known, and it moves with its pull."""
    flat = np.full(len(EDGES) - 1, 10.0)
    tilted = morphed_template(flat, {"tilt": (flat * np.linspace(0.5, 1.5, flat.size), None)})
    tilt = Nuisance(name="tilt", acts_on=("tilt",), width=1.0)
    mine = own(backgrounds={"flat": flat, "tilted": tilted}, nuisances=[tilt])
    counts = mine.components(MODEL, cj.Likelihood([mine], MODEL).values() | {"ge_tilt": 1.0})
    np.testing.assert_allclose(counts["flat"], flat)
    np.testing.assert_allclose(counts["tilted"], flat * np.linspace(0.5, 1.5, flat.size))
