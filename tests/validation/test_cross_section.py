"""Flux-averaged cross section of CsI with the energies of the released flux histogram."""

import os
from pathlib import Path

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.nuclei import target
from cevns_jax.sources.pion_decay import END_POINT, LINE_ENERGY
from cevns_jax.validation.cross_section import (
    Lines,
    flux_averaged_cross_section,
    histogram_read_at,
)

RADII = {
    "proton_radius_fm": {"Cs133": 4.804, "I127": 4.749},
    "neutron_radius_fm": {"Cs133": 5.01, "I127": 4.94},
}
CSI = target("CsI", form_factor=cj.form_factors.Helm(), **RADII)
TREE = cj.interactions.standard_model(couplings="tree")
ANGLE = {"sin2_theta_w": 0.23857}


def average(*source):
    return flux_averaged_cross_section(CSI, TREE, ANGLE, *source)


def test_half_a_bin_raises_the_cross_section_by_2_37_per_cent():
    """182.2 to 186.5, in 1e-40 cm^2; at the centres of the bins the histogram costs 0.3 %."""
    ours = average()
    assert ours == pytest.approx(182.2e-40, abs=0.1e-40)
    assert average(histogram_read_at(0.5)) / ours == pytest.approx(1.0237, abs=1e-4)
    assert average(histogram_read_at(0.0)) / ours == pytest.approx(1.0031, abs=1e-4)


def test_bins_hold_every_neutrino_and_the_line_is_in_bin_30():
    lines = histogram_read_at(0.5)
    np.testing.assert_allclose(lines.fluence.sum(axis=1), 1.0, atol=1e-4)
    assert lines.energy[lines.fluence[0] == 1] == 30.5
    assert lines.edges[-1] == lines.end_points[0] == 53.5 > END_POINT


def test_a_single_energy_is_the_line_of_pion_decay():
    """Moments of one energy by hand: E^-k below it, nothing above."""
    line = Lines(flavours=("nu_mu",), energy=np.array([LINE_ENERGY]), fluence=np.ones((1, 1)))
    found = line.moments(np.array([10.0, 29.0, 30.0]))
    powers = LINE_ENERGY ** -np.arange(3.0)
    np.testing.assert_allclose(found[0], np.outer(powers, [1.0, 1.0, 0.0]), rtol=1e-14)


@pytest.mark.skipif(
    "CEVNS_RELEASES" not in os.environ,
    reason="CEVNS_RELEASES does not name a folder with the official releases",
)
def test_the_released_histogram_has_these_bins():
    """Line in bin 30, a third of bin 53 below the end point; the histogram itself, with what it
    holds beyond decay at rest, gives 1.0284 at its bin centres."""
    path = "coherent_csi_2021/snsFlux2D_projection_energy_1MeV.csv"
    table = np.genfromtxt(Path(os.environ["CEVNS_RELEASES"]) / path, delimiter=",", names=True)
    axis = table["root_axis_low_edge_MeV"]
    fluence = np.stack([table[name] for name in ("nu_mu", "anti_nu_mu", "nu_e")])
    assert axis[fluence[0].argmax()] == 30
    assert fluence[1][axis == 53] / fluence[1][axis == 52] == pytest.approx(
        END_POINT - 52.5, abs=0.01
    )
    ours = histogram_read_at(0.5)
    below = axis < 53
    np.testing.assert_allclose(fluence[1:, below], ours.fluence[1:, :52], atol=6e-4)
    released = Lines(flavours=ours.flavours, energy=axis + 0.5, fluence=fluence)
    assert average(released) / average() == pytest.approx(1.0284, abs=1e-4)
