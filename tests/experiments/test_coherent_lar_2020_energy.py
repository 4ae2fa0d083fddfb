"""Liquid argon (2020) by least squares on its subtracted energy spectrum."""

import numpy as np
import pytest
from argon import CHI2, COMPONENTS, ENERGY, FOLDER, MODEL, energies, likelihood, numbers, released

import cevns_jax as cj
from cevns_jax.data.tables import read_table
from cevns_jax.errors import ConfigError


def test_least_squares_in_energy_is_the_published_formula(lar_energy):
    """arXiv:2008.05022 with NumPy, at pulls away from zero."""
    table = read_table(
        FOLDER / "subtracted_energy.csv",
        ("energy_low_kevee", "energy_high_kevee", "counts", "error"),
    )
    pulls = {"cevns": 0.7, "brn": -1.1, "delayed_brn": 0.4}
    widths = {"cevns": 0.134, "brn": 0.32, "delayed_brn": 1.0}
    like = likelihood(lar_energy)
    start = like.values()
    counts = {
        "cevns": np.asarray(COMPONENTS(like, start)[ENERGY]["cevns"]),
        "brn": released("brn", 497.0).sum(axis=(1, 2)),
        "delayed_brn": released("delayed_brn", 33.0).sum(axis=(1, 2)),
    }
    expected = sum((1 + widths[name] * x) * counts[name] for name, x in pulls.items())
    neutrons = counts["brn"] + counts["delayed_brn"]
    variance = table["error"] ** 2 + 0.058**2 / 12 * neutrons**2
    chi2 = ((table["counts"] - expected) ** 2 / variance).sum() + sum(x**2 for x in pulls.values())
    values = {f"{ENERGY}_{name}": x for name, x in pulls.items()}
    assert float(CHI2(like, start | numbers(values))) == pytest.approx(chi2, rel=1e-8)


def test_energies_are_those_of_the_analysis_in_all_bins(lar_energy, lar_nominal):
    """As many events; delayed ones, at higher energies, keep those that come after 4.9 us."""
    energy, projected = energies(lar_energy), lar_nominal["cevns"].sum(axis=(1, 2))
    assert energy.sum() == pytest.approx(projected.sum(), rel=2e-3)
    np.testing.assert_allclose(energy[:4], projected[:4], rtol=0.05)
    assert energy[0] < projected[0]
    assert (energy[1:4] > projected[1:4]).all()


def test_weak_mixing_angle_from_the_energy_alone(lar_energy):
    """Cadeddu et al., arXiv:2005.01645: 0.31 +- 0.06, printed to two digits."""
    best = cj.fit(likelihood(lar_energy, "sin2_theta_w"))
    assert best.converged
    angle = best.parameters["sin2_theta_w"]
    assert angle["value"] == pytest.approx(0.31, abs=0.01)
    assert angle["error_high"] == pytest.approx(0.06, rel=0.1)
    assert angle["error_low"] == pytest.approx(0.06, rel=0.1)


def test_both_analyses_of_the_same_events_are_not_combined(lar_energy, lar):
    with pytest.raises(ConfigError, match="have events in common"):
        cj.Likelihood([lar_energy, lar], MODEL)
