"""Grids, starts and best fits that profiles and scans are given."""

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import standard_model

GRID = np.linspace(0.5, 1.5, 3)


@pytest.fixture(scope="module")
def like():
    csi = cj.experiments.coherent_csi_2021()
    return cj.Likelihood([csi], standard_model(), free=["n_sigma"])


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ([], "at least one start"),
        ([{"n_sigma": np.nan}], "n_sigma must lie between 0 and inf, not at nan"),
        ([{"n_sigma": -1.0}], "n_sigma must lie between 0 and inf, not at -1"),
        ([{"n_sgima": 1.0}], 'no varying parameter "n_sgima"'),
        ([{}, {"sin2_theta_w": 0.2}], 'no varying parameter "sin2_theta_w"'),
    ],
)
def test_starts_are_checked_alike(like, starts, words):
    with pytest.raises(ConfigError, match=f"^fit.*{words}"):
        cj.fit(like, starts)
    with pytest.raises(ConfigError, match=f"^scan.*{words}"):
        scan(like, {"n_sigma": GRID}, starts=starts)


@pytest.mark.parametrize(
    ("name", "grid", "words"),
    [
        ("n_sgima", GRID, 'no parameter "n_sgima"'),
        ("n_sigma", [], "must be a list of finite numbers"),
        ("n_sigma", [[0.5, 1.0]], "must be a list of finite numbers"),
        ("n_sigma", [0.5, np.inf], "must be a list of finite numbers"),
        ("n_sigma", GRID[::-1], "must be ascending"),
        ("n_sigma", [0.5, 0.5], "must be ascending"),
        ("n_sigma", GRID - 2, "must lie between 0 and inf, not from -1.5 to -0.5"),
    ],
)
def test_grids_are_checked_alike(like, name, grid, words):
    with pytest.raises(ConfigError, match=f"^profile: .*{words}"):
        cj.profile(like, **{name: np.array(grid)})
    with pytest.raises(ConfigError, match=f"^scan: .*{words}"):
        scan(like, {name: np.array(grid)})


def test_a_best_fit_of_other_parameters_is_no_best_fit(like):
    best = cj.fit(like)
    with pytest.raises(ConfigError, match=r"best is a fit of n_sigma, .*not of n_sigma, sin2"):
        cj.profile(like, best=best, sin2_theta_w=np.linspace(0.1, 0.3, 3))


def test_a_best_fit_with_its_parameters_in_another_order_is_one():
    csi = cj.experiments.coherent_csi_2021()
    best = cj.fit(cj.Likelihood([csi], standard_model(), free=["sin2_theta_w", "n_sigma"]))
    like = cj.Likelihood([csi], standard_model(), free=["n_sigma"])
    found = cj.profile(like, best=best, sin2_theta_w=best.x[:1])
    assert found.names == like.names
    assert found.chi2[0] == pytest.approx(best.chi2, abs=1e-6)
