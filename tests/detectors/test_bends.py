"""Where responses bend, and what quenching and resolution say of themselves for it."""

import jax.numpy as jnp
import numpy as np
import pytest

from cevns_jax.detectors import (
    GaussianResolution,
    PerfectResolution,
    PoissonResolution,
    PolynomialQuenching,
    TabulatedQuenching,
    energy_response,
    gaussian_resolution,
    lindhard,
    linear_table,
)
from cevns_jax.detectors.bends import (
    MOST_PANELS,
    around_edges,
    bends_in_energy,
    can_be_followed,
    everywhere,
    recoils_at,
)
from cevns_jax.detectors.quenching import ModifiedLindhard
from cevns_jax.errors import ConfigError

BINS = np.array([1.0, 2.0, 4.0])
SIGMAS = linear_table("sigma", [0.0, 1.5, 50.0], [0.1, 0.2, 0.5])
FACTORS = linear_table("factor", [0.0, 1.0, 100.0], [0.1, 0.2, 0.3])


def test_a_table_is_known_by_who_is_read_from_one():
    assert GaussianResolution(SIGMAS).table is SIGMAS
    assert TabulatedQuenching(FACTORS).factor is FACTORS
    for formula in (
        PerfectResolution(),
        PoissonResolution(quanta_per_kev=3.0),
        gaussian_resolution(noise_kev=0.1),
    ):
        assert formula.table is None
    for model in (
        lindhard(0.157, 32),
        PolynomialQuenching(coefficients=(1.0,)),
        ModifiedLindhard(protons=32, k=0.157, q=-1e-5),
    ):
        assert model.factor is None


def test_every_resolution_says_what_it_reconstructs():
    quanta = [
        r.quanta_per_kev
        for r in (
            PerfectResolution(),
            gaussian_resolution(noise_kev=0.1),
            PoissonResolution(quanta_per_kev=13.3),
        )
    ]
    assert quanta == [1.0, 1.0, 13.3]
    assert gaussian_resolution(noise_kev=0.1, truncated=True).truncated
    assert not PoissonResolution(quanta_per_kev=1.0).truncated
    assert not PerfectResolution().truncated


def test_a_sharp_resolution_has_a_narrow_range_around_each_edge_and_a_wide_one_none():
    sharp = around_edges(BINS, BINS, gaussian_resolution(noise_kev=1e-3))
    for edge in BINS:
        assert {edge - 7e-3, edge, edge + 7e-3} <= set(np.round(sharp, 12))
    wide = around_edges(BINS, BINS, gaussian_resolution(noise_kev=1.0))
    assert set(BINS) <= set(wide)
    assert not ((wide > 1.0) & (wide < 4.0) & (wide != 2.0)).any()
    assert wide.min() <= 1.0 - 8.0  # eight widths beyond the bins
    assert wide.max() >= 4.0 + 8.0


def test_points_everywhere_are_a_few_widths_apart_where_the_width_is():
    resolution = gaussian_resolution(noise_kev=0.05, proportional=0.1)
    x = everywhere(BINS, resolution)
    steps = np.diff(x) / (4 * resolution.width((x[1:] + x[:-1]) / 2))
    np.testing.assert_allclose(steps, 1.0, rtol=0.02)
    assert x[0] <= 0.75
    assert x[-1] >= 4.0 * 1.3 - 4 * resolution.width(x[-1:])[0]
    assert can_be_followed(BINS, resolution)


@pytest.mark.parametrize(
    "resolution",
    [PerfectResolution(), gaussian_resolution(noise_kev=1e-5)],
    ids=["perfect", "sharp"],
)
def test_what_is_too_sharp_cannot_be_followed(resolution):
    assert not can_be_followed(BINS, resolution)
    assert len(everywhere(BINS, resolution)) == MOST_PANELS + 1


def test_bends_are_energies_also_where_photoelectrons_are_counted():
    """Edges at 1e4 and 2e4 photo-electrons, 100 per keV, lie at 100 and 200 keV, and the rows of a
    width at theirs."""
    edges, counted = np.array([1e4, 2e4]), PoissonResolution(quanta_per_kev=100.0)
    found = bends_in_energy(edges, edges, counted, 400.0, moves=False)
    for energy in (100.0, 200.0):
        assert np.isclose(found, energy, rtol=1e-12).any()
    rows = bends_in_energy(BINS, BINS, GaussianResolution(SIGMAS), 10.0, moves=False)
    assert 1.5 in rows
    assert (rows > 0).all()


def test_a_response_that_moves_bends_anywhere_up_to_the_highest_energy():
    resolution = gaussian_resolution(noise_kev=0.2)
    still, moving = (
        bends_in_energy(BINS, BINS, resolution, 30.0, moves=moves) for moves in (False, True)
    )
    assert still.max() < 30.0
    assert moving.max() > 29.0
    assert np.diff(np.sort(moving)).max() < 0.81


def test_recoils_are_found_where_an_energy_rises_and_where_it_falls():
    """sin(pi T) takes 1/2 at 1/6 and 5/6; what it never takes is not found."""
    scanned = np.linspace(0.0, 1.0, 40)
    found = recoils_at(np.array([0.5, 1.7]), scanned, lambda t: np.sin(np.pi * t))
    np.testing.assert_allclose(np.sort(found), [1 / 6, 5 / 6], rtol=1e-10)


def response(**changed):
    given = {
        "axis": "energy_kevee",
        "edges": BINS,
        "quenching": lindhard(0.157, 32),
        "resolution": gaussian_resolution(noise_kev=0.2),
        "efficiency": 1.0,
    }
    return energy_response(**given | changed)


def test_splits_hold_the_recoils_at_the_edges():
    one = response(resolution=PerfectResolution())
    splits = one.splits(0.0, 0.05)
    energy = np.asarray(one.energy(jnp.asarray(splits), {}))
    for edge in BINS:
        assert np.isclose(energy, edge, rtol=1e-9).any()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"quenching": TabulatedQuenching(FACTORS)}, "factor: the table must reach"),
        (
            {
                "resolution": GaussianResolution(SIGMAS),
                "quenching": PolynomialQuenching(coefficients=(1.0,)),
            },
            "sigma: the table must reach",
        ),
        ({"recoil_efficiency": linear_table("kept", [0, 9], [0, 1])}, "kept: the table must"),
    ],
)
def test_tables_must_hold_all_recoils(changed, text):
    with pytest.raises(ConfigError, match=text):
        response(**changed).splits(0.0, 0.2)


def test_bins_below_zero_are_refused_where_nothing_below_zero_is_reconstructed():
    cut = gaussian_resolution(noise_kev=0.2, truncated=True)
    with pytest.raises(ConfigError, match="must begin at 0 or above"):
        response(resolution=cut, edges=np.array([-1.0, 1.0]))
