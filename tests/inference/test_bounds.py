"""Minima at bounds, in fits, profiles and scans: against bounded optimisers of scipy."""

import dataclasses

import numpy as np
import pytest
from germanium import germanium
from scipy.optimize import minimize, minimize_scalar

import cevns_jax as cj
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import light_scalar, standard_model, with_new_physics

BACKGROUND = [15, 30, 60]
PULL = "germanium_b"
SCALAR = with_new_physics(standard_model(), light_scalar())
# Counts, width of the pull on the background, another upper end of n_sigma, and what is at a bound.
CASES = {
    "inside": ([86, 118, 128], 0.02, np.inf, {}),
    "a deficit": ([10, 22, 50], 0.05, np.inf, {"n_sigma": "lower"}),
    "no background": ([40, 1, 0], 2.0, np.inf, {PULL: "lower"}),
    "an excess": ([86, 118, 128], 0.02, 0.8, {"n_sigma": "upper"}),
    "an excess, no background": ([40, 1, 0], 2.0, 0.1, {"n_sigma": "upper", PULL: "lower"}),
    "nothing": ([0, 0, 0], 2.0, np.inf, {"n_sigma": "lower", PULL: "lower"}),
}


def cut(likelihood, name, lower=-np.inf, upper=np.inf):
    """The likelihood with the domain of a parameter cut."""
    known = likelihood.parameters[name]
    low, high = max(known.lower, lower), min(known.upper, upper)
    start = min(max(known.start, low), high)
    declared = dataclasses.replace(known, lower=low, upper=high, start=start)
    return likelihood.declared({name: declared})


def counted(observed, width, upper=np.inf):
    detector = germanium(observed, BACKGROUND, width)
    return cut(cj.Likelihood([detector], standard_model(), free=["n_sigma"]), "n_sigma", 0.0, upper)


def bounded(likelihood, scale, starts):
    """The lowest end of L-BFGS-B and then SLSQP in x/scale, from several starts: x and chi^2."""
    chi2, gradient, _, _, bounds, _ = cj.objective(likelihood)
    ends = [(low / s, high / s) for (low, high), s in zip(bounds, scale, strict=True)]
    keep = np.array(bounds).T

    def value(z):
        # z times scale can round to beyond a bound, where chi^2 is infinite.
        return chi2(np.clip(z * scale, *keep))

    def slope(z):
        return gradient(np.clip(z * scale, *keep)) * scale

    best = None
    for start in starts:
        z = np.clip(np.array(start) / scale, *np.array(ends).T)
        for method, options in (
            ("L-BFGS-B", {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000}),
            ("SLSQP", {"ftol": 1e-13, "maxiter": 500}),
        ):
            found = minimize(value, z, jac=slope, bounds=ends, method=method, options=options)
            if best is None or found.fun < best[1]:
                best = np.clip(found.x * scale, *keep), float(found.fun)
            z = found.x
    return best


def sides(likelihood, x):
    """Names of the parameters at a bound, and at which."""
    lower, upper = likelihood.bounds
    at = {"lower": np.asarray(x) == lower, "upper": np.asarray(x) == upper}
    return {
        name: side
        for side, rows in at.items()
        for name, here in zip(likelihood.names, rows, strict=True)
        if here
    }


@pytest.mark.parametrize("case", CASES)
def test_fits_end_where_a_bounded_optimiser_does(case):
    observed, width, upper, at_bound = CASES[case]
    like = counted(observed, width, upper)
    best = cj.fit(like)
    assert best.converged
    assert sides(like, best.x) == at_bound
    x, chi2 = bounded(like, np.array([0.1, 0.1]), [(0.5, 0.0), (2.0, 1.5), (0.05, -0.3)])
    assert best.chi2 == pytest.approx(chi2, abs=1e-7)
    np.testing.assert_allclose(best.x, x, atol=2e-4)
    # Inside, chi^2 is level; at a bound it falls outwards.
    slope = cj.objective(like).gradient(best.x)
    for name, value in zip(like.names, slope, strict=True):
        sign = {"lower": 1, "upper": -1}.get(at_bound.get(name))
        if sign is None:
            assert value == pytest.approx(0.0, abs=1e-3)
        elif case != "nothing":  # where nothing is expected the slope is that of one side alone
            assert sign * value > 0.1


def test_an_end_is_a_value_that_can_be_held():
    """To the last bit: beyond a bound it would be refused."""
    for case, (observed, width, upper, at_bound) in CASES.items():
        best = cj.fit(counted(observed, width, upper))
        held = best.likelihood.hold(**{name: best.values[name] for name in at_bound})
        assert float(held.chi2(best.values)) == pytest.approx(best.chi2, abs=1e-9), case


@pytest.mark.parametrize(
    "start", [{"n_sigma": 0.0, PULL: -50.0}, {"n_sigma": 0.0, PULL: 40.0}, {"n_sigma": 50.0}]
)
def test_a_start_at_a_bound_is_left_where_the_minimum_is_inside(start):
    like = counted(*CASES["inside"][:2])
    best = cj.fit(like, [start])
    assert best.converged
    assert best.ends[0] == (pytest.approx(cj.fit(like).chi2, abs=1e-8), True)
    assert sides(like, best.x) == {}


def test_points_of_profiles_with_the_pull_at_its_end():
    """From where nothing of the background is left to where there is a use for it."""
    grid = np.linspace(0.0, 0.5, 11)
    found = cj.profile(counted([40, 1, 0], 2.0), n_sigma=grid)
    assert found.converged.all()
    pull = found.x[:, found.names.index(PULL)]
    for value, chi2, x in zip(grid, found.chi2, pull, strict=True):
        lowest = cj.objective(found.best.likelihood.hold(n_sigma=value)).chi2
        options = {"bounds": (-0.5, 5.0), "method": "bounded", "options": {"xatol": 1e-10}}
        inner = minimize_scalar(lambda y, f=lowest: f(np.array([y])), **options)
        assert chi2 == pytest.approx(min(inner.fun, lowest(np.array([-0.5]))), abs=1e-7)
        assert x == pytest.approx(inner.x, abs=1e-4)
    assert (pull == -0.5).sum() > 3
    assert (pull > -0.5).any()


@pytest.fixture(scope="module")
def excess():
    """Counts made with a scalar of 30 MeV."""
    like = cj.Likelihood([germanium([1, 1, 1], BACKGROUND, 0.02)], SCALAR, free=["g_scalar"])
    return cj.asimov(like, {"g_scalar": 6e-5, "m_scalar": 30.0})


@pytest.mark.parametrize(
    ("ends", "side"), [((60.0, 500.0), "lower"), ((1.0, 15.0), "upper"), ((1.0, 500.0), None)]
)
def test_the_mass_of_a_mediator_at_the_end_of_its_domain(excess, ends, side):
    """The coupling varies as well, and makes up for it as far as it can."""
    like = cut(excess.freed("m_scalar"), "m_scalar", *ends)
    best = cj.fit(like, [{"g_scalar": 1e-4}])
    assert best.converged
    assert sides(like, best.x) == ({"m_scalar": side} if side else {})
    assert like.names == ("g_scalar", "m_scalar", PULL)
    starts = [(g, m, 0.0) for g in (3e-5, 2e-4) for m in np.clip([1.0, 30.0, 500.0], *ends)]
    x, chi2 = bounded(like, np.array([1e-5, 10.0, 1.0]), starts)
    assert best.chi2 == pytest.approx(chi2, abs=1e-6)
    np.testing.assert_allclose(best.x, x, rtol=2e-3, atol=2e-3)


def test_points_of_scans_with_the_coupling_at_its_end(excess):
    """Heavier mediators need a larger coupling for the same counts than there is."""
    like = cut(excess, "g_scalar", 0.0, 7e-5)
    masses = np.array([10.0, 20.0, 60.0, 120.0])
    found = scan(like, {"m_scalar": masses})
    assert found.converged.all()
    for mass, chi2, x in zip(masses, found.chi2, found.x, strict=True):
        held = like.hold(m_scalar=mass)
        other, lowest = bounded(held, np.array([1e-5, 1.0]), [(3e-5, 0.0), (6e-5, 1.0)])
        assert chi2 == pytest.approx(lowest, abs=1e-7)
        np.testing.assert_allclose(x, other, rtol=1e-3, atol=1e-3)
    coupling = found.x[:, found.names.index("g_scalar")]
    assert (coupling == 7e-5).tolist() == [False, False, True, True]
