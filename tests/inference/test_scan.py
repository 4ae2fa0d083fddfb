"""Scans: against a general minimiser, resumed against uninterrupted, and what is read off them."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.optimize import differential_evolution

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference import grids
from cevns_jax.inference.blocks import Blocks
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.neighbours import spread_better_minima
from cevns_jax.inference.profile import profile
from cevns_jax.inference.regions import contours, scale_of
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import light_vector, standard_model, with_new_physics
from cevns_jax.results.scan import scan_result, scan_table

CHI2 = jax.jit(lambda like, x: like.chi2(like.values(x)))
GRIDS = {"m_vector": np.geomspace(1.0, 1e3, 12), "g_vector": np.geomspace(1e-5, 3e-3, 16)}


@pytest.fixture(scope="module")
def like():
    csi = cj.experiments.coherent_csi_2021()
    return cj.Likelihood([csi], with_new_physics(standard_model(), light_vector()))


@pytest.fixture(scope="module")
def found(like):
    return scan(like, GRIDS)


def test_every_point_is_the_minimum_that_a_global_optimiser_finds(like, found):
    """Differential evolution of scipy, at random points of the plane."""
    assert found.converged.all()
    assert found.chi2.shape == (12, 16)
    random = np.random.default_rng(3)
    for i, j in zip(random.integers(12, size=6), random.integers(16, size=6), strict=True):
        held = like.hold(m_vector=GRIDS["m_vector"][i], g_vector=GRIDS["g_vector"][j])
        assert held.names == found.names
        best = differential_evolution(
            lambda x, held=held: float(np.nan_to_num(CHI2(held, x), posinf=1e12)),
            [(-10.0, 10.0)] * len(held.names),
            rng=4,
            tol=1e-10,
            popsize=10,
        )
        assert found.chi2[i, j] == pytest.approx(best.fun, abs=1e-4, rel=1e-7)
        assert float(CHI2(held, found.x[i, j])) == pytest.approx(found.chi2[i, j], rel=1e-12)


def test_zero_coupling_is_the_standard_model_and_two_regions_are_allowed(like, found):
    """The charge changes sign where g^2 = 2 |Q_W|/(3 A) sqrt(2) G_F m^2: the same rate again."""
    csi = cj.experiments.coherent_csi_2021()
    standard = cj.fit(cj.Likelihood([csi], standard_model()))
    assert found.chi2[-1, 0] == pytest.approx(standard.chi2, abs=0.01)
    assert found.best.chi2 <= found.chi2.min()
    fine = np.geomspace(1e-4, 3e-3, 120)
    heavy = scan(like.hold(m_vector=1000.0), {"g_vector": fine})
    ((light, island),) = heavy.intervals([2.71])
    assert light.ends == ("grid", "crossing")
    assert island.ends == ("crossing", "crossing")
    a, protons, neutrons = 129.9, 54, 75.9
    charge = neutrons / 2 - (0.5 - 2 * 0.23857) * protons
    mirror = np.sqrt(2 * charge / (3 * a) * np.sqrt(2) * 1.1663787e-11) * 1000.0
    assert island.low < mirror < island.high


def test_best_fit_lies_in_the_scanned_range(found):
    for name, grid in GRIDS.items():
        assert grid[0] <= found.best.values[name] <= grid[-1]


def test_a_scan_of_one_parameter_is_its_profile(like):
    grid = np.linspace(0.18, 0.29, 45)
    angle = cj.Likelihood(like.experiments, standard_model(), free=["sin2_theta_w"])
    scanned, profiled = scan(angle, {"sin2_theta_w": grid}), profile(angle, sin2_theta_w=grid)
    np.testing.assert_allclose(scanned.chi2, profiled.chi2, atol=1e-7)
    assert scanned.best.chi2 == pytest.approx(profiled.best.chi2, abs=1e-7)
    ((low, high, ends),) = scanned.intervals([1.0])[0]
    assert (low, high) == pytest.approx(profiled.allowed(1.0)[0], abs=2e-6)
    assert ends == ("crossing", "crossing")


def test_parameters_that_are_held_stay(like):
    held = like.hold(**{name: 0.0 for name in like.names})
    alone = scan(held, {"g_vector": np.array([1e-4, 2e-4])})
    assert alone.names == ()
    assert alone.x.shape == (2, 0)
    assert (alone.chi2 >= scan(like, {"g_vector": np.array([1e-4, 2e-4])}).chi2).all()


class Interrupted(Exception):
    pass


def interrupted_after(blocks):
    def progress(items):
        for number, item in enumerate(items):
            if number == blocks:
                raise Interrupted
            yield item

    return progress


def test_a_resumed_scan_is_bit_identical(like, monkeypatch, tmp_path):
    monkeypatch.setattr(grids, "BLOCK", 48)
    whole = scan(like, GRIDS)
    folder = tmp_path / "parts"
    for done in (1, 1, 2):
        with pytest.raises(Interrupted):
            scan(like, GRIDS, blocks=Blocks(folder), progress=interrupted_after(done))
    assert sorted(p.name for p in folder.glob("*.block")) == ["000000.block", "000001.block"]
    resumed = scan(like, GRIDS, blocks=Blocks(folder))
    for field in ("chi2", "converged", "edm", "x"):
        np.testing.assert_array_equal(getattr(resumed, field), getattr(whole, field))
    assert resumed.best == whole.best
    assert folder.exists()  # until the caller has the result on disk


def test_a_point_that_got_stuck_starts_again_from_a_neighbour(like, found):
    names, shape = tuple(GRIDS), found.chi2.shape
    points = np.stack([a.ravel() for a in np.meshgrid(*GRIDS.values(), indexing="ij")], axis=1)
    result = Minimum(
        x=found.x.reshape(-1, len(found.names)).copy(),
        chi2=found.chi2.ravel().copy(),
        gradient=np.zeros((len(points), len(found.names))),
        information=np.tile(np.eye(len(found.names)), (len(points), 1, 1)),  # of the priors
        edm=found.edm.ravel().copy(),
        steps=np.zeros(len(points), int),
        ending=np.where(found.converged.ravel(), 0, int(Ending.OUT_OF_STEPS)),
    )
    stuck = [1, 2, 3, 17]
    result.x[stuck] += 2.0
    result.chi2[stuck] += 30.0
    result.converged[3] = False
    rest = found.likelihood.hold(m_vector=1.0, g_vector=0.0)
    mended = spread_better_minima(
        found.likelihood, rest, names, points, shape, result, several=False
    )
    np.testing.assert_allclose(mended.chi2, found.chi2.ravel(), atol=1e-6)
    assert np.asarray(mended.converged).all()


@pytest.mark.parametrize(
    ("grids", "words"),
    [
        ({}, "one parameter at least"),
        ({"g_vectr": [1.0]}, 'did you mean "g_vector"'),
        ({"g_vector": [2e-5, 1e-5]}, "ascending"),
        ({"g_vector": [np.nan]}, "finite"),
        ({"g_vector": []}, "finite"),
        ({"g_vector": [11.0]}, "between -10 and 10"),
    ],
)
def test_bad_grids(like, grids, words):
    with pytest.raises(ConfigError, match=words):
        scan(like, {name: np.array(values) for name, values in grids.items()})


def test_a_forecast_has_nothing_to_scan(like):
    (csi,) = like.experiments
    empty = dataclasses.replace(csi, observed=np.full(csi.observed.shape, np.nan))
    with pytest.raises(ConfigError, match="has no data"):
        scan(cj.Likelihood([empty], like.interaction), GRIDS)


def test_scales_of_grids():
    signed = np.concatenate([-np.geomspace(1e-3, 1, 60)[::-1], np.geomspace(1e-3, 1, 60)])
    assert scale_of(np.linspace(-2, 2, 121)) == "linear"
    assert scale_of(np.geomspace(1e-3, 10, 121)) == "log"
    assert scale_of(signed) == "signed"


def test_contours_of_a_known_surface_keep_regions_apart():
    x, y = np.linspace(-3, 3, 90), np.geomspace(0.01, 10, 80)
    square = (np.abs(x[:, None]) - 1.5) ** 2 / 0.25 + np.log(y / 0.3) ** 2
    lines = contours((x, y), square, 2.30)
    assert len(lines) == 2
    for line in lines:
        height = (np.abs(line[:, 0]) - 1.5) ** 2 / 0.25 + np.log(line[:, 1] / 0.3) ** 2
        np.testing.assert_allclose(height, 2.30, rtol=0.02)
    hole = square.copy()
    hole[square > 20] = np.nan
    assert len(contours((x, y), hole, 2.30)) == 2


def test_a_scan_that_minimises_nothing_has_a_table():
    csi = cj.experiments.coherent_csi_2021()
    like = cj.Likelihood([csi], standard_model(), free=["n_sigma"])
    like = like.hold(**{name: 0.0 for name in like.names if name != "n_sigma"})
    found = scan(like, {"n_sigma": np.array([0.9, 1.0, 1.1])})
    assert found.names == ()
    rows = scan_table(scan_result(found, [1.0])).splitlines()
    assert rows[0] == "n_sigma,delta_chi2,chi2,point_converged"
    for row, value in zip(rows[1:], [0.9, 1.0, 1.1], strict=True):
        n_sigma, _, chi2, done = map(float, row.split(","))
        assert (n_sigma, done) == (value, 1.0)
        held = like.hold(n_sigma=value)
        assert chi2 == pytest.approx(float(held.chi2(held.values())), rel=1e-9)
