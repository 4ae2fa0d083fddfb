"""Dresden-II: every component against an independent prediction."""

import dataclasses
from itertools import pairwise

import jax
import numpy as np
import pytest
from dresden import (
    ABUNDANCE,
    ATOMS,
    EDGES,
    ELECTRON,
    FOLDER,
    G_F,
    HBAR_C,
    MODEL,
    NAME,
    PAIR,
    QUENCHINGS,
    gauss,
    independent,
    integrated,
    ionisation,
    likelihood,
    lindhard_energy,
    predicted,
    reactor,
    smeared,
)
from scipy.integrate import quad
from scipy.optimize import brentq

import cevns_jax as cj
from cevns_jax.data.tables import read_table
from cevns_jax.detectors.quenching import PolynomialQuenching, TabulatedQuenching
from cevns_jax.detectors.table import linear_table
from cevns_jax.prediction.nuisances import Nuisance


@pytest.mark.parametrize("quenching", QUENCHINGS)
def test_cevns_rate_is_an_independent_integral(by_quenching, quenching):
    """To 1e-7 of the fullest bin, and 1e-6 of each in which 1e-4 of it arrives."""
    expected = independent(quenching)
    found = predicted(by_quenching[quenching])["cevns"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * expected.max())
    seen = expected > 1e-4 * expected.max()
    assert seen.sum() > 20
    np.testing.assert_allclose(found[seen], expected[seen], rtol=1e-6)


@pytest.mark.parametrize("spectra", ["huber_mueller", "estienne_fallot_2019"])
def test_other_spectra_give_other_rates(iron_nominal, spectra):
    """As an independent integral, and within 15 % of the first set."""
    expected = independent("iron_filter", spectra)
    found = predicted(cj.experiments.dresden_ii(spectra=spectra))["cevns"]
    np.testing.assert_allclose(found[:20], expected[:20], rtol=1e-6)
    ratio = found[:20].sum() / iron_nominal["cevns"][:20].sum()
    assert 0.85 < ratio < 1.15
    assert abs(ratio - 1) > 1e-3


def test_recoils_below_the_cut_off_leave_nothing(iron_nominal):
    """One electron-hole pair by default. Recoils of some 10 eV reach the bins through the noise."""
    for lowest in (0.0, 0.5):
        found = predicted(cj.experiments.dresden_ii(recoil_min_kev=lowest))["cevns"]
        expected = independent("iron_filter", lowest=max(lowest, 1e-9))
        np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())
        assert (found[0] > iron_nominal["cevns"][0]) == (lowest == 0.0)


def test_cut_off_is_one_pair_and_for_the_modified_lindhard_model_its_energy(by_quenching):
    """2.96 eV of ionisation are 6.8 eV of recoil with a factor of 0.435, 7.9 eV with 0.375; with
    the modified model every recoil has 63 eV, and the recoil itself is cut at 2.96 eV."""
    cuts = {name: e.conventions["lowest recoil"] for name, e in by_quenching.items()}
    assert cuts["iron_filter"] == "6.81 eV"
    assert cuts["photo_neutron"] == "7.9 eV"
    lowest = brentq(lambda t: lindhard_energy(t) - PAIR, 1e-6, 1.0)
    assert cuts["lindhard"] == f"{lowest * 1e3:.3g} eV"
    assert cuts["modified_lindhard"] == "2.96 eV"
    for name, experiment in by_quenching.items():
        first = experiment.parts["cevns"].kernel.nodes.panels[0, 0] ** 2 * 1e6
        assert first == pytest.approx(float(cuts[name].split()[0]), rel=0.01)


def test_axial_part_of_germanium_73_is_small(iron, iron_nominal):
    ratio = predicted(iron, MODEL)["cevns"][:20] / iron_nominal["cevns"][:20]
    assert (ratio > 1).all()
    assert (ratio < 1 + 1e-3).all()


def test_an_own_quenching_model_does_as_the_named_one(iron_nominal):
    table = read_table(FOLDER / "quenching.csv", ("recoil_kev", "iron_filter", "photo_neutron"))
    own = TabulatedQuenching(linear_table("mine", table["recoil_kev"], table["iron_filter"]))
    found = predicted(cj.experiments.dresden_ii(quenching=own))["cevns"]
    np.testing.assert_allclose(found, iron_nominal["cevns"], rtol=1e-10)
    constant = cj.experiments.dresden_ii(quenching=PolynomialQuenching(coefficients=(0.3,)))
    expected = independent("constant", energy=lambda t: 0.3 * t)
    np.testing.assert_allclose(predicted(constant)["cevns"][:20], expected[:20], rtol=1e-5)


def test_exposure_scales_the_neutrinos_alone(iron_nominal):
    larger = cj.experiments.Exposure(mass_kg=2 * 2.924, flux_per_cm2_s=1.5 * 4.8e13)
    more = predicted(cj.experiments.dresden_ii(exposure=larger))
    for name, factor in (("cevns", 3), ("electrons", 3), ("continuum", 1), ("capture_lines", 1)):
        np.testing.assert_allclose(more[name], factor * iron_nominal[name], rtol=1e-11)


SHELLS = (  # facts of the project: number of electrons bound by less than T [keV]
    *((0.0, 4), (0.0298, 14), (0.1208, 18), (0.1249, 20), (0.1801, 22)),
    *((1.217, 26), (1.248, 28), (1.4146, 30)),
)


def test_electrons_scatter_as_an_independent_integral(iron_nominal):
    """Antineutrinos on the electrons that a recoil can free, unquenched, tree level:
    G_F^2 m/(2 pi) [(g_V - g_A)^2 + (g_V + g_A)^2 (1 - T/E)^2 - (g_V^2 - g_A^2) m T/E^2]."""
    flux = reactor()
    vector, axial = 0.5 + 2 * 0.23857, 0.5

    def kinematics(t, energy):
        return (
            (vector - axial) ** 2
            + (vector + axial) ** 2 * (1 - t / energy) ** 2
            - (vector**2 - axial**2) * ELECTRON * t / energy**2
        )

    energies, freed = np.array(SHELLS).T
    recoil, weight = gauss(np.unique([PAIR, *energies[1:], *np.arange(0.02, 2.5, 0.02)]))
    number = freed[np.searchsorted(energies, recoil, side="right") - 1]
    rate = [integrated(t, ELECTRON, kinematics, flux) for t in recoil * 1e-3]
    strength = HBAR_C**2 * G_F**2 * ELECTRON / (2 * np.pi) * ATOMS * ABUNDANCE.sum()
    expected = (weight * 1e-3 * strength * number * rate) @ smeared(recoil)
    np.testing.assert_allclose(iron_nominal["electrons"], expected, rtol=1e-5)
    assert iron_nominal["electrons"].sum() == pytest.approx(0.03, rel=0.5)  # facts: negligible


# -------------------------------------------------------------------------------- the background

SHAPE = {
    f"{NAME}_constant": 12.0,
    f"{NAME}_exponential": 55.0,
    f"{NAME}_exponential_slope": 5.5,
    f"{NAME}_l_height": 90.0,
    f"{NAME}_l_energy": 1.31,
    f"{NAME}_l_width": 0.064,
    f"{NAME}_m_ratio": 1.04,
}


def test_background_is_the_mean_of_its_formula_over_each_bin(iron):
    """A + B exp(-C (E - 0.2)) + L1 + L2 + M per 10 eV: L2 with 0.008 of the height of L1 at 1.142
    keV, M at 0.158 keV with the width of the noise and 0.16 a_M of the intensity of L1."""
    constant, exponential, slope, height, centre, width, ratio = SHAPE.values()

    def line(energy, centre, width):
        return np.exp(-(((energy - centre) / width) ** 2) / 2)

    def continuum(energy):
        return constant + exponential * np.exp(-slope * (energy - 0.2))

    def lines(energy):
        third = 0.16 * ratio * height * width / 0.0685 * line(energy, 0.158, 0.0685)
        return height * (line(energy, centre, width) + 0.008 * line(energy, 1.142, width)) + third

    found = predicted(iron, **SHAPE)
    for name, formula in (("continuum", continuum), ("capture_lines", lines)):
        expected = [quad(formula, *ends, epsrel=1e-11)[0] / 0.01 for ends in pairwise(EDGES)]
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-12)


def test_background_parameters_are_free_and_the_intensity_of_m_has_its_error(iron):
    like = likelihood(iron, "sin2_theta_w")
    assert set(like.names) == {"sin2_theta_w", *SHAPE}
    mean, precision = (np.asarray(row) for row in like.prior_mean_and_precision)
    constrained = {
        n: (m, p**-0.5) for n, m, p in zip(like.names, mean, precision, strict=True) if p
    }
    assert constrained == {f"{NAME}_m_ratio": pytest.approx((1.0, 0.03))}
    for parameter in (like.parameters[name] for name in SHAPE):
        assert parameter.lower < parameter.start < parameter.upper
        assert parameter.lower < SHAPE[parameter.name] < parameter.upper


def test_a_quenching_nuisance_scales_the_ionisation(iron_nominal):
    own = Nuisance(name="quenching", acts_on=("quenching",), width=0.05)
    moved = predicted(cj.experiments.dresden_ii(nuisances=[own]), dresden_ii_quenching=1.0)
    lowest = brentq(lambda t: ionisation("iron_filter")(t) - PAIR, 1e-6, 1.0, xtol=1e-15)
    expected = independent(
        "scaled", lowest=lowest, energy=lambda t: 1.05 * ionisation("iron_filter")(t)
    )
    np.testing.assert_allclose(moved["cevns"][:20], expected[:20], rtol=2e-5)
    np.testing.assert_allclose(moved["electrons"], iron_nominal["electrons"], rtol=1e-12)


def test_k_and_q_move_the_rate_as_independent_integrals(by_quenching):
    """The nodes stay where they were made, for k = 0.157 and q = -22.5e-5."""
    for k, q in ((0.17, -22.5e-5), (0.157, -18e-5)):
        found = predicted(by_quenching["modified_lindhard"], dresden_ii_k=k, dresden_ii_q=q)
        expected = independent("", lowest=PAIR, energy=lambda t, k=k, q=q: lindhard_energy(t, k, q))
        np.testing.assert_allclose(found["cevns"], expected, atol=1e-5 * expected.max())
    more = predicted(by_quenching["lindhard"], dresden_ii_k=0.162)["cevns"][:20]
    assert (more > predicted(by_quenching["lindhard"])["cevns"][:20]).all()


def test_another_error_of_the_ratio_of_two_lines_is_the_same_structure():
    """It is a number: what was compiled for one value serves for another."""
    lines = cj.experiments.dresden_ii().parts["capture_lines"]
    other = dataclasses.replace(lines, ratio_error=0.05)
    assert jax.tree.structure(lines) == jax.tree.structure(other)
    assert float(other.parameters[-1].prior.width) == 0.05
