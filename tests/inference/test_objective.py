"""What other minimisers and samplers are handed."""

import iminuit
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference import objective as module
from cevns_jax.inference.objective import Objective, objective


@pytest.fixture(scope="module")
def like():
    return cj.Likelihood(cj.experiments.coherent_csi_2021(), free=["sin2_theta_w"])


@pytest.fixture(scope="module")
def handed(like):
    return objective(like)


def test_it_is_chi2_of_the_likelihood_and_plain_numbers(like, handed):
    x = handed.start + 0.1 * handed.errors
    chi2, gradient = handed.chi2(x), handed.gradient(x)
    assert type(chi2) is float
    assert chi2 == pytest.approx(float(like.chi2(like.values(x))), rel=1e-13)
    assert type(gradient) is np.ndarray
    assert gradient.flags.writeable
    assert handed.names == like.names
    assert handed.bounds == list(zip(*(np.asarray(b).tolist() for b in like.bounds), strict=True))
    for i, error in enumerate(handed.errors):
        step = np.zeros_like(x)
        step[i] = 1e-4 * error
        slope = (handed.chi2(x + step) - handed.chi2(x - step)) / (2 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-5)


def test_errors_are_those_of_one_parameter_alone(like, handed):
    """At the start chi^2 of the Asimov data set rises by about one within each of them."""
    asimov = objective(cj.asimov(like))
    np.testing.assert_allclose(asimov.errors, handed.errors, rtol=1e-12)
    assert asimov.chi2(asimov.start) == pytest.approx(0.0, abs=1e-9)
    for i, error in enumerate(asimov.errors):
        step = np.zeros_like(asimov.start)
        step[i] = 0.1 * error
        rise = asimov.chi2(asimov.start + step) + asimov.chi2(asimov.start - step)
        assert rise / 2 == pytest.approx(0.01, rel=0.02), asimov.names[i]


def test_outside_the_bounds_it_is_infinite_and_the_gradient_finite(handed):
    for name, (low, high) in zip(handed.names, handed.bounds, strict=True):
        for end, sign in ((low, -1), (high, 1)):
            if np.isfinite(end):
                x = handed.start.copy()
                x[handed.names.index(name)] = end + sign * 1e-6
                assert handed.chi2(x) == np.inf
                assert np.isfinite(handed.gradient(x)).all()
    assert handed.chi2(np.full_like(handed.start, np.nan)) == np.inf


def test_a_coupling_at_zero_has_a_finite_step():
    """Nothing is known there: no information, no prior; a part of its domain."""
    scalar = cj.interactions.with_new_physics(
        cj.interactions.standard_model(), cj.interactions.light_scalar()
    )
    csi = cj.experiments.coherent_csi_2021()
    found = objective(cj.Likelihood(csi, scalar, free=["g_scalar"]))
    assert found.errors[0] == pytest.approx(1.0)  # a tenth of 0 to 10
    assert (np.isfinite(found.errors) & (found.errors > 0)).all()


def test_another_minimiser_finds_the_same_minimum_with_the_same_error(like, handed):
    chi2, gradient, names, start, bounds, errors = handed
    minuit = iminuit.Minuit(chi2, start, grad=gradient, name=names)
    minuit.limits, minuit.errors = bounds, errors
    minuit.migrad(ncall=1000)
    minuit.hesse()
    best = cj.fit(like)
    assert minuit.valid
    assert minuit.fval == pytest.approx(best.chi2, abs=1e-4)
    for name, error in zip(best.names, best.errors, strict=True):
        assert minuit.values[name] == pytest.approx(best.values[name], abs=0.01 * error)
        assert minuit.errors[name] == pytest.approx(error, rel=0.1)


def test_both_functions_compile_once(like):
    """Also for another likelihood of the same structure, such as that of other data."""
    first = objective(like)
    first.chi2(first.start)
    first.gradient(first.start)
    sizes = [f._cache_size() for f in (module._chi2, module._gradient)]
    second = objective(cj.asimov(like))
    for place in (0.0, 0.3):
        second.chi2(second.start + place * second.errors)
        second.gradient(second.start + place * second.errors)
    assert [f._cache_size() for f in (module._chi2, module._gradient)] == sizes
    assert first.chi2(first.start) != second.chi2(second.start)


def test_what_cannot_be_handed_over_is_refused(like, handed):
    held = like.hold(**dict.fromkeys(like.names, 0.2))
    with pytest.raises(ConfigError, match="objective: no parameter varies"):
        objective(held)
    for x in (0.23, handed.start[:-1]):
        with pytest.raises(ConfigError, match="needs a vector of 5 parameters"):
            handed.chi2(x)
        with pytest.raises(ConfigError, match="needs a vector of 5 parameters"):
            handed.gradient(x)
    empty = like.with_observed({"coherent_csi_2021": np.full((9, 11), np.nan)})
    with pytest.raises(ConfigError, match="has no data"):
        objective(empty)


def test_the_parts_have_names():
    assert Objective._fields == ("chi2", "gradient", "names", "start", "bounds", "errors")
