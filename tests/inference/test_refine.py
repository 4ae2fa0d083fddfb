"""Bands of a plane that are narrower than a cell: found, drawn as one, and where a search along
the coupling finds their edges."""

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.inference.batches import minimise_firmly
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.levels import LEVELS
from cevns_jax.inference.regions import contours
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import light_vector, standard_model, with_new_physics
from cevns_jax.results import load
from cevns_jax.results.scan import scan_result, scan_table, surface

# As in configs/fig3_vector_fef.toml, at large masses, coarser.
GRIDS = {"m_vector": np.geomspace(3.0, 1e3, 22), "g_vector": np.geomspace(1e-6, 3e-3, 40)}


@pytest.fixture(scope="module")
def like():
    germanium = cj.experiments.dresden_ii(quenching="iron_filter", nuisances="flux_fixed")
    return cj.Likelihood([germanium], with_new_physics(standard_model(), light_vector()))


@pytest.fixture(scope="module")
def found(like):
    return scan(like, GRIDS)


@pytest.fixture(scope="module")
def lines(found):
    plane = surface(scan_result(found, LEVELS[2]))
    return {level: contours(*plane[:2], level, plane.between) for level in LEVELS[2]}


def test_the_degenerate_band_is_one(found, lines):
    """The grid alone shows it in pieces; it leaves the plane at the largest mass."""
    assert found.converged.all()
    assert len(contours(tuple(GRIDS.values()), found.delta_chi2, 2.30)) > 5
    assert len(lines[2.30]) == 2  # the region at small couplings, and the band
    band = max(lines[2.30], key=lambda line: line[:, 1].max())
    assert band[:, 0].min() < 25
    assert band[:, 0].max() == pytest.approx(1e3)
    ratio = (band[:, 1] / band[:, 0])[band[:, 0] > 100]
    assert np.ptp(np.log(ratio)) < 0.15  # the coupling is proportional to the mass


def test_its_edges_are_where_chi2_between_the_columns_crosses_the_levels(like, found, lines):
    """To a per cent of the coupling: chi^2 minimised at 200 couplings across the band, at masses
    half-way between the columns."""
    columns = GRIDS["m_vector"]
    masses = np.sqrt(columns[[12, 14, 17, 20]] * columns[[13, 15, 18, 21]])
    ratios = np.geomspace(1.2e-6, 2.2e-6, 200)
    points = np.array([(mass, ratio * mass) for mass in masses for ratio in ratios])
    chi2 = lowest_at(like, points).reshape(len(masses), len(ratios)) - found.best_chi2
    for mass, height in zip(masses, chi2, strict=True):
        for level in (2.30, 6.18):
            drawn = crossed(lines[level], mass)
            ends = np.flatnonzero((height[:-1] < level) != (height[1:] < level))
            assert len(ends) == 2
            for i in ends:
                share = (level - height[i]) / (height[i + 1] - height[i])
                edge = mass * ratios[i] * (ratios[i + 1] / ratios[i]) ** share
                assert np.abs(drawn / edge - 1).min() < 0.01, (mass, level, edge, drawn)


def lowest_at(like, points):
    """chi^2 at points of the plane, minimised from the declared start."""
    names = tuple(GRIDS)
    start = np.asarray(like.hold(**dict.fromkeys(names, 1.0)).start)
    starts = np.broadcast_to(start, (len(points), len(start)))
    found = minimise_firmly(like, names, points, starts)
    assert found.converged.all()
    return np.asarray(found.chi2)


def crossed(lines, mass):
    """Couplings at which lines cross a mass, straight between their points in logarithms."""
    found = []
    for line in lines:
        m, g = np.log(line).T
        for i in np.flatnonzero((m[:-1] < np.log(mass)) != (m[1:] < np.log(mass))):
            share = (np.log(mass) - m[i]) / (m[i + 1] - m[i])
            found.append(np.exp(g[i] + share * (g[i + 1] - g[i])))
    return np.array(found)


def test_bottoms_and_edges_are_minima_of_chi2(like, found):
    """Minimised anew from the start; the best fit is no higher than any of them."""
    values, chi2 = found.between.values, found.between.chi2
    known = np.isfinite(values)
    assert known.sum() > 30
    assert found.best_chi2 <= chi2[known].min()
    assert (np.diff(values, axis=1)[known[:, 1:]] > 0).all()
    columns = np.broadcast_to(GRIDS["m_vector"][:, None], known.shape)
    points = np.column_stack([columns[known], values[known]])
    np.testing.assert_allclose(lowest_at(like, points), chi2[known], atol=2e-3)


def test_points_of_the_grid_are_what_they_are_without_levels(like, found):
    plain = scan(like, GRIDS, levels=[])
    np.testing.assert_array_equal(plain.chi2, found.chi2)
    assert not np.isfinite(plain.between.values).any()


def test_a_resumed_scan_has_the_same_bands(like, found, tmp_path):
    blocks = Blocks(tmp_path / "blocks")
    scan(like, GRIDS, blocks=blocks)
    resumed = scan(like, GRIDS, blocks=Blocks(tmp_path / "blocks"))
    for one, other in zip(resumed.between, found.between, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_table_and_the_saved_result_have_the_same_lines(found, lines, tmp_path):
    result = scan_result(found, LEVELS[2])
    result.save(tmp_path / "plane.nc")
    assert scan_table(load(tmp_path / "plane.nc")) == scan_table(result)
    rows = np.genfromtxt(scan_table(result).splitlines(), delimiter=",", names=True)
    for level in LEVELS[2]:
        numbers = np.unique(rows["line"][rows["delta_chi2"] == level])
        assert len(numbers) == len(lines[level])
