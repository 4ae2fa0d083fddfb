"""The lowest point of a plane along narrow, bent valleys, against bounded optimisers of scipy."""

import numpy as np
import pytest
import scipy.optimize
from germanium import germanium

import cevns_jax as cj
from cevns_jax.inference import lowest
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import light_vector, standard_model, with_new_physics


class Valley(lowest._Plane):
    """A plane whose profiled chi^2 is a function of its two parameters."""

    def evaluated(self, places, x):
        columns = [
            np.clip(lowest.from_coordinate(grid, places[..., i] * self.cells[i]), grid[0], grid[-1])
            for i, grid in enumerate(self.grids.values())
        ]
        values = np.stack(columns, axis=-1)
        return lowest.Points(values, np.zeros((*places.shape[:-1], 1)), self.likelihood(values))


def found_from(chi2, grids, start, along, monkeypatch):
    monkeypatch.setattr(lowest, "_Plane", Valley)
    monkeypatch.setattr(lowest, "on_devices", lambda given: given)
    begin = np.array([start], dtype=float)
    points = lowest.Points(begin, np.zeros((1, 1)), chi2(begin))
    return lowest.lowest_near(chi2, grids, points, np.array([along]))


LINEAR = {"a": np.linspace(0.0, 10.0, 21), "b": np.linspace(0.0, 10.0, 21)}
SPREAD = {"mass": np.geomspace(0.01, 1e3, 31), "coupling": np.geomspace(1e-6, 1e-2, 31)}


def tilted(v):
    """Lowest at a = 3.25, where b ends."""
    a, b = v[..., 0] - 3.2, v[..., 1] - 12
    return a**2 + 0.01 * b**2 + 0.05 * a * b


def contact(v):
    """What a mediator gives: g^2/(m^2 + q^2) is known well, the mass hardly."""
    mass, coupling = v[..., 0], v[..., 1]
    strength = 1e10 * coupling**2 / (mass**2 + 50.0**2)
    return 4e3 * (strength - 0.03) ** 2 + 1e-2 * np.log(mass / 220) ** 2


@pytest.mark.parametrize("along", [0, 1])
@pytest.mark.parametrize("start", [(4.0, 9.0), (9.0, 1.0), (3.0, 10.0)])
def test_a_tilted_valley_ends_at_the_edge_of_the_plane(start, along, monkeypatch):
    found = found_from(tilted, LINEAR, start, along, monkeypatch)
    np.testing.assert_allclose(found.values[0], [3.25, 10.0], atol=1e-4)
    assert found.chi2[0] == pytest.approx(0.0375, abs=1e-9)


@pytest.mark.parametrize("along", [0, 1])
@pytest.mark.parametrize("start", [(30.0, 4e-4), (900.0, 2e-3)])
def test_a_narrow_bent_valley_is_followed_over_decades(start, along, monkeypatch):
    found = found_from(contact, SPREAD, start, along, monkeypatch)
    assert found.chi2[0] < 1e-6
    assert found.values[0, 0] == pytest.approx(220.0, rel=0.02)


def test_a_flat_plane_has_no_lowest_point_and_no_end_of_looking(monkeypatch):
    flat = found_from(lambda v: np.full(v.shape[:-1], 7.0), LINEAR, (4.0, 9.0), 0, monkeypatch)
    assert flat.chi2[0] == 7.0


def test_the_best_point_of_a_scan_is_that_of_a_bounded_optimiser():
    """A vector mediator in three bins of germanium, a coarse plane around a narrow valley."""
    detector = germanium([90, 101, 73], [15.0, 30.0, 60.0], 0.1)
    model = with_new_physics(standard_model(), light_vector())
    like = cj.Likelihood([detector], model, free=["m_vector", "g_vector"])
    grids = {"m_vector": np.geomspace(1.0, 300.0, 9), "g_vector": np.geomspace(1e-6, 3e-3, 11)}
    best = scan(like, grids).best
    lows = [lowest_from(like, grids, m, g) for m in (2.0, 20.0, 200.0) for g in (2e-6, 5e-5, 1e-3)]
    assert best.chi2 == pytest.approx(min(lows), abs=1e-5)
    assert best.chi2 == pytest.approx(float(like.chi2(best.values)), abs=1e-9)


def lowest_from(like, grids, mass, coupling):
    """chi^2 where L-BFGS-B ends inside the range of a grid, all parameters free."""
    chi2, gradient, names, start, _, _ = cj.objective(like)
    begin = dict(zip(names, start, strict=True)) | {"m_vector": mass, "g_vector": coupling}
    units = {"m_vector": 1e-3 * mass, "g_vector": 1e-3 * coupling}
    unit = np.array([units.get(name, 1.0) for name in names])
    ends = [
        np.array(grids.get(name, (-9.0, 9.0)))[[0, -1]] / u
        for name, u in zip(names, unit, strict=True)
    ]
    return scipy.optimize.minimize(
        lambda z: chi2(np.clip(z, *np.transpose(ends)) * unit),
        np.clip([begin[name] for name in names] / unit, *np.transpose(ends)),
        jac=lambda z: gradient(z * unit) * unit,
        bounds=ends,
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000},
    ).fun
