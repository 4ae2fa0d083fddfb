"""Every panel of Figure 3: the profiled minimum beside that of a global optimiser."""

from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.optimize import differential_evolution

from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference.scan import scan
from cevns_jax.reproduce.fig3 import PLANES

CONFIGS = Path(__file__).parents[2] / "configs"
CHI2 = jax.jit(
    lambda like, rows: jax.vmap(lambda x: like.chi2(like.values(x)))(rows),
)


@pytest.mark.parametrize("data", ["fef", "modified_lindhard", "coherent"])
@pytest.mark.parametrize("plane", PLANES)
def test_configs_have_the_grids_of_the_figure(plane, data):
    found = read_analysis(CONFIGS / f"fig3_{plane}_{data}.toml").scan.grids
    grids = PLANES[plane][1]
    assert list(found) == list(grids)
    for name, grid in grids.items():
        np.testing.assert_allclose(found[name], grid, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["fef", "modified_lindhard", "coherent"])
@pytest.mark.parametrize("plane", ["vector", "scalar", "dipole"])
def test_profiled_minimum_is_the_global_one(plane, data):
    """Differential evolution of scipy over all nuisance parameters, at random points: two in the
    whole plane, two where chi^2 is near its lowest value."""
    analysis = read_analysis(CONFIGS / f"fig3_{plane}_{data}.toml")
    grids = {name: np.array(values)[3::9] for name, values in analysis.scan.grids.items()}
    found = scan(analysis.likelihood, grids)
    random = np.random.default_rng(11)
    usable = np.where(found.converged, found.chi2, np.inf)
    assert np.isfinite(usable).mean() > 0.95
    near = np.argwhere(usable < usable.min() + 30)
    rows = [
        *random.permutation(np.argwhere(np.isfinite(usable)))[:2],
        *random.permutation(near)[:2],
    ]
    for place in map(tuple, rows):
        point = {name: grid[i] for (name, grid), i in zip(grids.items(), place, strict=True)}
        held = analysis.likelihood.hold(**point)
        assert held.names == found.names
        ready = held.precomputed(held.values(), varying=held.names)
        low, high = (np.asarray(ends) for ends in held.bounds)
        best = differential_evolution(
            lambda x, ready=ready: np.nan_to_num(CHI2(ready, x.T), nan=1e30, posinf=1e30),
            list(zip(np.maximum(low, -20.0), np.minimum(high, 1e3), strict=True)),
            rng=5,
            tol=1e-11,
            atol=0,
            popsize=10,
            maxiter=3000,
            vectorized=True,
            updating="deferred",
            polish=False,
        )
        assert best.success, (plane, data, point)
        assert usable[place] == pytest.approx(best.fun, rel=1e-6, abs=1e-4), (plane, data, point)


@pytest.mark.slow
@pytest.mark.parametrize("quenching", ["fef", "modified_lindhard"])
def test_heavy_vectors_are_allowed_in_two_islands(quenching):
    """Above about 10 MeV the charge of the nucleus may change sign: at 1 and 2 sigma (2.30, 6.18)
    there are two ranges of the coupling, at 1 MeV one."""
    likelihood = read_analysis(CONFIGS / f"fig3_vector_{quenching}.toml").likelihood
    found = {}
    for mass, couplings in ((1.0, (1e-7, 1e-5)), (100.0, (1e-6, 3e-4))):
        grid = np.geomspace(*couplings, 400)
        done = scan(likelihood.hold(m_vector=mass), {"g_vector": grid})
        assert done.converged.all()
        found[mass] = done.intervals([2.30, 6.18])
    assert [len(ranges) for ranges in found[100.0]] == [2, 2]
    assert [len(ranges) for ranges in found[1.0]] == [1, 1]
