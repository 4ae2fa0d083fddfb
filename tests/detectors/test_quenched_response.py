"""A response tabulated in the quenched energy, against the response itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses import RECOIL, UNQUENCHED, WIDTH_TABLE, K, build, moved, probabilities

from cevns_jax.detectors import EnergyResponse, PoissonResolution, gaussian_resolution
from cevns_jax.detectors.quenched_response import QuenchedResponse, quenched_response


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"resolution": gaussian_resolution(noise_kev=0.03), "efficiency": 0.9},
        {"resolution": PoissonResolution(quanta_per_kev=5.0), "edges": np.arange(0.0, 31.0, 6)},
        {"edges": np.array([0.2, 1.0, 30.0])},
    ],
    ids=["formula", "sharp", "poisson", "open"],
)
def tabulated(request):
    """A response and its table in E_ee, compiled: recoils, k and effect -> probabilities."""
    efficiency = {"efficiency": 0.8} if "edges" in request.param else {}
    response = build(**(efficiency | request.param))
    table = quenched_response(response, RECOIL)
    assert isinstance(table, QuenchedResponse)
    return lambda k, q: tuple(np.asarray(moved(r, k, q, 0.0)) for r in (response, table))


@given(effect=st.floats(-0.2, 0.2))
def test_the_table_in_energy_is_the_response(tabulated, effect):
    """For every change of the quenching by up to 20 %: 1e-7 of a probability in the middle between
    knots, where the table is judged, and hardly more elsewhere."""
    exact, found = tabulated(K, effect)
    np.testing.assert_allclose(found, exact, atol=1.1e-7, rtol=0)
    assert exact.max() > 0.1


@given(k=st.floats(0.1, 0.22))
def test_the_table_in_energy_follows_the_quenching_model(tabulated, k):
    exact, found = tabulated(k, 0.0)
    np.testing.assert_allclose(found, exact, atol=1.1e-7, rtol=0)


@pytest.mark.parametrize("resolution", [gaussian_resolution(noise_kev=1e-5), WIDTH_TABLE])
def test_a_response_that_no_table_can_hold_stays_what_it_is(resolution):
    """Too sharp, or with kinks where its width has them."""
    assert isinstance(quenched_response(build(resolution=resolution), RECOIL), EnergyResponse)


def test_bins_that_only_a_tail_reaches_can_be_tabulated():
    """Twenty widths above the highest energy: nothing of note arrives, but it is no error."""
    response = build(
        edges=np.array([55.0, 60.0]),
        quenching=UNQUENCHED,
        resolution=gaussian_resolution(noise_kev=1.2),
        efficiency=1.0,
    )
    recoil = np.linspace(1e-4, 0.02, 50)
    found = probabilities(quenched_response(response, recoil), recoil)
    np.testing.assert_allclose(found, 0.0, atol=1e-15)
