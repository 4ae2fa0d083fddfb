"""Profiles: against single fits and iminuit, their flags, their intervals."""

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.errors import ConfigError


def build(nuisances="atzori_corona_2023"):
    csi = cj.experiments.coherent_csi_2021(nuisances=nuisances)
    return cj.Likelihood([csi], cj.interactions.standard_model(), free=["sin2_theta_w"])


@pytest.fixture(scope="module", params=["atzori_corona_2023", "split"])
def scan(request):
    return cj.profile(build(request.param), sin2_theta_w=np.linspace(0.15, 0.34, 77))


def test_every_point_converged_and_says_so(scan):
    assert scan.converged.all()
    assert (scan.edm < 1e-9).all()


def test_points_equal_fits_with_the_angle_held(scan):
    for i in (0, 30, 76):
        single = cj.fit(scan.best.likelihood.hold(sin2_theta_w=float(scan.grid[i])))
        assert scan.chi2[i] == pytest.approx(single.chi2, abs=1e-7)


def test_interval_at_one_equals_the_errors_of_the_fit(scan):
    ((low, high),) = scan.allowed(1.0)
    best = scan.best.values["sin2_theta_w"]
    i = scan.best.names.index("sin2_theta_w")
    assert best - low == pytest.approx(scan.best.error_low[i], rel=1e-4)
    assert high - best == pytest.approx(scan.best.error_high[i], rel=1e-4)


def test_delta_chi2_is_never_negative_and_zero_at_the_best_fit(scan):
    assert (scan.delta_chi2 >= 0).all()
    assert scan.delta_chi2[np.argmin(np.abs(scan.grid - scan.best.values["sin2_theta_w"]))] < 0.01


def test_profile_lies_below_the_slice_with_fixed_nuisances(scan):
    like, best = scan.best.likelihood, scan.best
    i = best.names.index("sin2_theta_w")
    chi2 = jax.jit(lambda like, x: like.chi2(like.values(x)))
    for k in range(0, 77, 19):
        x = best.x.copy()
        x[i] = scan.grid[k]
        assert scan.chi2[k] <= float(chi2(like, x)) + 1e-8


def test_a_parameter_that_was_not_free_can_be_profiled():
    csi = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    like = cj.Likelihood([csi], cj.interactions.standard_model())
    found = cj.profile(like, n_sigma=np.linspace(0.6, 1.4, 9))
    assert found.converged.all()
    assert "n_sigma" in found.best.names


def test_without_nuisances_a_profile_is_the_likelihood_itself():
    like = build(nuisances=[])
    scan = cj.profile(like, sin2_theta_w=np.linspace(0.2, 0.26, 131))
    assert scan.converged.all()
    chi2 = jax.jit(lambda like, s: like.chi2(like.values() | {"sin2_theta_w": s}))
    np.testing.assert_allclose(scan.chi2, [float(chi2(like, s)) for s in scan.grid], rtol=1e-12)


def test_disconnected_ranges_are_kept_apart():
    """The weak charge is even in its sign: a second minimum mirrors the first."""
    wide = cj.profile(build(), sin2_theta_w=np.linspace(-0.9, 0.9, 361))
    assert wide.converged.all()
    mirror, best = wide.allowed(2.71)
    assert -0.5 < mirror[0] < mirror[1] < -0.3
    assert best == pytest.approx((0.1917, 0.2770), abs=2e-3)


def test_a_level_never_reached_allows_the_whole_grid(scan):
    assert scan.allowed(1e4) == [(scan.grid[0], scan.grid[-1])]


@pytest.mark.parametrize(
    "grid", [{}, {"sin2_theta_w": [0.2], "n_sigma": [1.0]}, {"sin2_theta_w": []}]
)
def test_grids_that_cannot_be_scanned_are_refused(grid):
    with pytest.raises(ConfigError, match="profile"):
        cj.profile(build(), **grid)


def test_unknown_parameters_and_bad_numbers_are_refused():
    with pytest.raises(ConfigError, match='did you mean "sin2_theta_w"'):
        cj.profile(build(), sin2_thetaw=[0.2])
    for grid, words in (([0.2, np.nan], "finite"), ([0.2, 5.0], "between"), ([0.3, 0.2], "asc")):
        with pytest.raises(ConfigError, match=words):
            cj.profile(build(), sin2_theta_w=grid)
