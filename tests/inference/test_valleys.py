"""Several valleys: fits, profiles and scans against a global optimiser."""

import jax
import numpy as np
import pytest
from scipy.optimize import differential_evolution

import cevns_jax as cj
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import (
    NonStandardInteractions,
    light_scalar,
    light_vector,
    standard_model,
    with_new_physics,
)

NSI = with_new_physics(standard_model(), NonStandardInteractions())
GRID = np.linspace(-0.6, 1.2, 37)
CHI2 = jax.jit(
    jax.vmap(lambda like, x: like.chi2(like.values(x)), in_axes=(None, 0)), static_argnums=()
)
# Scanned axes, and how far a global optimiser looks in each free coupling.
PLANES = {
    "one free": (
        NSI,
        {"eps_u_ee": np.linspace(-0.6, 1.2, 7), "eps_u_etau": np.linspace(0.0, 0.6, 4)},
        {"eps_u_mumu": (-2.0, 2.0)},
    ),
    "three free": (
        NSI,
        {"eps_u_ee": np.linspace(-0.6, 1.2, 7), "eps_u_etau": np.linspace(0.0, 0.6, 4)},
        {"eps_u_mumu": (-2.0, 2.0), "eps_u_emu": (-2.0, 2.0), "eps_d_ee": (-3.0, 3.0)},
    ),
    "vector and scalar": (
        with_new_physics(standard_model(), light_vector(), light_scalar()),
        {"m_vector": np.geomspace(1.0, 1e3, 4), "m_scalar": np.geomspace(1.0, 1e3, 4)},
        {"g_vector": (-3e-3, 3e-3), "g_scalar": (0.0, 3e-3)},
    ),
    "radius and angle": (
        standard_model(),
        {"r_n_i127": np.linspace(3.0, 8.0, 6)},
        {"sin2_theta_w": (0.0, 1.0), "r_n_cs133": (2.5, 10.0)},
    ),
}


def csi_2017(**options):
    return cj.experiments.coherent_csi_2017(nuisances="backgrounds_only", **options)


def lowest(like, bounds):
    """chi^2 of the lowest point that differential evolution finds."""
    ends = [bounds.get(name, (-8.0, 8.0)) for name in like.names]

    def chi2(x):
        return np.nan_to_num(np.asarray(CHI2(like, np.atleast_2d(x.T))), nan=1e12, posinf=1e12)

    options = {"tol": 1e-10, "popsize": 40, "maxiter": 3000, "polish": False, "rng": 4}
    return differential_evolution(chi2, ends, vectorized=True, updating="deferred", **options).fun


@pytest.mark.slow
@pytest.mark.parametrize("plane", PLANES)
def test_planes_against_a_global_optimiser(plane):
    check_plane(*PLANES[plane], points=12)


def check_plane(interaction, grids, bounds, points):
    """No point of a scan is above what the global optimiser finds, and all converge."""
    found = scan(cj.Likelihood([csi_2017()], interaction, free=tuple(bounds)), grids)
    assert found.converged.all()
    random = np.random.default_rng(1)
    below = []
    for _ in range(points):
        place = tuple(int(random.integers(size)) for size in found.shape)
        at = {name: float(grid[i]) for (name, grid), i in zip(grids.items(), place, strict=True)}
        below.append(lowest(found.likelihood.hold(**at), bounds) - found.chi2[place])
    assert min(below) > -1e-4
    # The optimiser does not always end in the lowest valley of all pulls and couplings.
    assert min(map(abs, below)) < 1e-3


def test_the_lower_of_two_valleys_is_taken_at_every_point():
    """eps_u_mumu near 0 and 0.42: with the first alone, 0.1 higher at each of these points."""
    like = cj.Likelihood([cj.experiments.coherent_csi_2017()], NSI, free=["eps_u_mumu"])
    check_lower_valley(scan(like, {"eps_u_ee": GRID}))


@pytest.mark.slow
def test_the_lower_of_two_valleys_is_taken_in_profiles():
    like = cj.Likelihood([cj.experiments.coherent_csi_2017()], NSI, free=["eps_u_mumu"])
    check_lower_valley(cj.profile(like, eps_u_ee=GRID))


def check_lower_valley(found):
    right = {0.10: 152.9431, 0.15: 152.5638, 0.20: 152.4628, 0.25: 152.5826, 0.30: 153.0010}
    assert found.converged.all()
    assert found.valleys.max() == 2
    for value, chi2 in right.items():
        here = np.argmin(np.abs(GRID - value))
        assert found.chi2[here] == pytest.approx(chi2, abs=2e-4)
        assert found.x[here, found.names.index("eps_u_mumu")] == pytest.approx(0.42, abs=0.01)


def test_a_fit_crosses_from_one_valley_to_the_other():
    like = cj.Likelihood([csi_2017(exposure_scale=30)], NSI, free=["eps_u_mumu"])
    like = cj.asimov(like, {"eps_u_mumu": 0.35})
    best = cj.fit(like)
    assert best.values["eps_u_mumu"] == pytest.approx(0.35, abs=1e-6)
    assert best.chi2 == pytest.approx(0.0, abs=1e-9)
    assert [valley.chi2 for valley in best.valleys] == pytest.approx([0.0, 0.2474], abs=1e-3)
    assert "2 valleys" in best.message
    found = cj.profile(like, eps_u_ee=np.array([0.0, 0.1, 0.2, 0.3]))
    assert found.delta_chi2 == pytest.approx([0.0, 21.071, 36.513, 18.999], abs=1e-3)


def test_the_mirror_of_the_angle_gives_way_where_it_is_not_expected():
    """Argon: chi^2 is lower by 0.07 at sin^2 theta_W = -0.35, which is no square of a sine."""
    argon = cj.experiments.coherent_lar_2020()
    best = cj.fit(cj.Likelihood([argon], standard_model(), free=["sin2_theta_w"]))
    angle = best.names.index("sin2_theta_w")
    assert best.converged
    assert 0.2 < best.x[angle] < 0.3
    assert [0 < valley.x[angle] < 1 for valley in best.valleys] == [True, False]
    assert "outside the range that is expected" in best.message
    mirror = cj.fit(best.likelihood, [{"sin2_theta_w": -0.4}])
    assert mirror.chi2 < best.chi2
    assert mirror.x[angle] == pytest.approx(best.valleys[1].x[angle], abs=1e-4)


def test_a_minimum_where_the_rate_is_smallest_is_reached():
    """eps_u_mumu cancels the weak charge: first derivative and information vanish there."""
    like = cj.Likelihood([csi_2017()], NSI, free=["eps_u_mumu"]).hold(eps_u_ee=1.2)
    found = scan(like, {"eps_u_etau": np.array([0.5, 0.8])})
    assert found.converged.all()
    cancelled = found.x[:, found.names.index("eps_u_mumu")]
    assert cancelled == pytest.approx([0.185, 0.185], abs=0.02)
