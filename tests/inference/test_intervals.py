"""Ends of intervals: the same for every grid, and what they are; points that are excluded."""

import numpy as np
import pytest
from germanium import germanium

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference.edges import profile_remarks, scan_remarks
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.grids import affecting
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import light_vector, standard_model, with_new_physics


def counted(observed, background, width=0.02):
    detector = germanium(observed, background, width)
    return cj.Likelihood([detector], standard_model(), free=["n_sigma"])


@pytest.fixture(scope="module")
def like():
    return counted([86, 118, 128], [15, 30, 60])


@pytest.mark.parametrize("points", [2, 5, 11, 21])
def test_ends_do_not_depend_on_the_grid(like, points):
    found = cj.profile(like, n_sigma=np.linspace(0, 10, points))
    assert found.converged.all()
    ranges = found.intervals([1.0, 2.71, 3.84])
    right = [(0.9174, 1.0754), (0.8689, 1.1288), (0.8458, 1.1554)]
    for ((low, high, ends),), expected in zip(ranges, right, strict=True):
        assert (low, high) == pytest.approx(expected, abs=3e-4)
        assert ends == ("crossing", "crossing")
    assert profile_remarks(found) == []


def test_chi2_at_every_end_is_the_level(like):
    found = cj.profile(like, n_sigma=np.linspace(0, 4, 7))
    for level, ((low, high, _),) in zip([1.0, 4.0], found.intervals([1.0, 4.0]), strict=True):
        for end in (low, high):
            held = cj.fit(found.best.likelihood.hold(n_sigma=end))
            assert held.chi2 - found.best.chi2 == pytest.approx(level, rel=1e-4)


def test_an_end_of_the_grid_or_of_the_domain_is_said_to_be_that(like):
    ((inside,),) = cj.profile(like, n_sigma=np.linspace(0.95, 1.02, 9)).intervals([1.0])
    assert inside.ends == ("grid", "grid")
    above = cj.profile(like, n_sigma=np.linspace(1.2, 2.0, 9))
    assert above.intervals([1.0]) == [[]]
    assert "lies outside the grid" in profile_remarks(above)[0]
    deficit = cj.profile(counted([10, 22, 50], [15, 30, 60], 0.05), n_sigma=np.linspace(0, 2, 41))
    assert deficit.best_chi2 == pytest.approx(4.9203, abs=1e-4)
    ((limit,),) = deficit.intervals([2.71])
    assert limit.low == 0
    assert limit.ends == ("domain", "crossing")
    assert profile_remarks(deficit) == []


def test_nothing_expected_and_nothing_seen():
    """chi^2 = 2 n_sigma times 228.2 events: the information at zero is infinite."""
    like = counted([0, 0, 0], None)
    best = cj.fit(like)
    assert best.converged
    assert best.parameters["n_sigma"]["value"] == 0
    assert np.isnan(best.parameters["n_sigma"]["error"])
    assert best.parameters["n_sigma"]["error_high"] == pytest.approx(0.00219, abs=1e-5)
    assert "no symmetric error exists" in best.message
    ((low, high, ends),) = cj.profile(like, n_sigma=np.linspace(0, 2, 41)).intervals([1.0])[0]
    assert (low, high) == pytest.approx((0.0, 0.00219), abs=1e-5)
    assert ends == ("domain", "crossing")


def test_a_point_without_any_expectation_is_excluded_not_failed():
    found = cj.profile(counted([3, 1, 0], None), n_sigma=np.linspace(0, 2, 41))
    assert found.converged.all()
    assert found.excluded.tolist() == [True] + [False] * 40
    assert not found.affecting(3.84).any()
    ((low, high, _),) = found.intervals([1.0])[0]
    assert (low, high) == pytest.approx((0.01016, 0.02781), abs=1e-4)


def test_a_scan_without_any_possible_point_is_refused():
    with pytest.raises(ConfigError, match=r"infinite.*at every point"):
        scan(counted([3, 1, 0], None), {"n_sigma": np.array([0.0])})


def test_contours_that_leave_the_grid_are_named():
    csi = cj.experiments.coherent_csi_2021()
    like = cj.Likelihood([csi], with_new_physics(standard_model(), light_vector()))
    found = scan(
        like, {"m_vector": np.geomspace(1, 10, 4), "g_vector": np.geomspace(1e-6, 1e-3, 12)}
    )
    line = scan_remarks(found, [2.30])[-1]
    assert "leaves the grid at m_vector = 1, m_vector = 10, g_vector = 1e-06" in line


@pytest.mark.parametrize(
    ("chi2", "converged", "affected"),
    [
        ([0.0, 50.0, 60.0, 70.0], [1, 1, 0, 1], []),  # far above, like its neighbours
        ([0.0, 5.0, 60.0, 70.0], [1, 1, 0, 1], [2]),  # a neighbour is below the level
        ([0.0, 50.0, 60.0, 70.0], [1, 0, 0, 1], [1, 2]),  # a neighbour did not converge
        ([0.0, 50.0, 5.0, 70.0], [1, 1, 0, 1], [2]),
        ([0.0, 50.0, np.nan, 70.0], [1, 1, 0, 1], [2]),
        ([0.0, 50.0, 60.0, 70.0], [1, 1, 1, 0], []),  # at the end of the grid
    ],
)
def test_which_failed_points_matter(chi2, converged, affected):
    assert affecting_rows(chi2, converged, edm=1.0) == affected


def test_neighbours_that_nearly_converged_far_above_the_level_do_not_matter():
    chi2, converged = [50.0, 60.0, 70.0, 80.0], [1, 0, 0, 1]
    assert affecting_rows(chi2, converged, edm=1.0) == [1, 2]
    assert affecting_rows(chi2, converged, edm=0.01) == []


def affecting_rows(chi2, converged, edm):
    """Rows of a line of points, with an EDM of those that did not converge, that matter for a level
    of 10."""
    number, converged = len(chi2), np.array(converged, bool)
    zeros = np.zeros(number)
    minima = Minimum(
        x=np.zeros((number, 1)),
        chi2=np.array(chi2),
        gradient=zeros,
        information=zeros,
        edm=np.where(converged, 0.0, edm),
        steps=zeros,
        ending=np.where(converged, 0, int(Ending.OUT_OF_STEPS)),
    )
    return np.flatnonzero(affecting(minima, (number,), lowest=0.0, highest=10.0)).tolist()
