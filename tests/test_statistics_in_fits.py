"""Fits of Poisson and Gaussian bins against closed forms and another minimiser."""

import iminuit
import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.detectors import tabulated_response
from cevns_jax.experiments import Nuisance, own_experiment
from cevns_jax.form_factors import Helm
from cevns_jax.nuclei import target
from cevns_jax.sources import spallation_source

EDGES = np.array([1.0, 2.0, 4.0, 7.0, 12.0])
SPECTRUM_ERRORS = np.array([9.0, 6.0, 5.0, 3.0])
MODEL = cj.interactions.standard_model()


def spectrum(name, observed, **options):
    """10 kg of germanium at a spallation source in four bins, and two backgrounds.

    Without errors the bins are Poisson.
    """
    recoil = np.array([0.0, 2.0, 5.0, 20.0, 90.0])
    shares = np.array(
        [[0, 0, 0, 0], [0.5, 0.1, 0, 0], [0.2, 0.5, 0.2, 0], [0, 0.1, 0.3, 0.4], [0, 0, 0.1, 0.5]]
    )
    given = {
        "target": target("Ge", form_factor=Helm()),
        "source": spallation_source(
            neutrinos_per_proton=0.09, protons_on_target=1e23, distance_m=20.0
        ),
        "mass_kg": 10.0,
        "response": tabulated_response({"energy_kevee": EDGES}, recoil, shares),
        "backgrounds": {
            "neutrons": np.array([30.0, 21.0, 11.0, 4.0]),
            "residual": np.array([-2.0, 1.0, 3.0, -1.5]) if "errors" in options else np.ones(4),
        },
        "nuisances": (
            Nuisance(name="flux", acts_on=("cevns",), width=0.1, shared=True),
            Nuisance(name="neutrons", acts_on=("neutrons",), width=0.3),
            Nuisance(name="energy", acts_on=("neutrons", "residual"), width=0.05),
        ),
    }
    return own_experiment(name=name, observed=observed, **(given | options))


NEGATIVE = np.array([95.0, 61.0, -7.0, 40.0])  # the third bin after a subtraction


@pytest.fixture(scope="module")
def subtracted():
    return spectrum("subtracted", NEGATIVE, errors=SPECTRUM_ERRORS)


@pytest.fixture(scope="module")
def counted():
    return spectrum("counted", np.array([81.0, 77.0, 60.0, 42.0]))


def minuit(like):
    """The minimum of the same chi^2 by another minimiser, with numerical derivatives."""
    chi2 = jax.jit(lambda like, x: like.chi2(like.values(x)))
    found = iminuit.Minuit(lambda x: float(chi2(like, x)), like.start, name=like.names)
    found.errordef, found.strategy, found.tol = 1.0, 2, 1e-5
    found.errors = [0.02 if name == "sin2_theta_w" else 1.0 for name in like.names]
    found.migrad()
    assert found.valid
    return found


def test_linear_fit_of_gaussian_bins_is_weighted_least_squares(subtracted):
    """x = (A^T W A + 1)^-1 A^T W (d - mu0) for d = mu0 + A x with unit priors on x."""
    like = cj.Likelihood([subtracted], MODEL)
    parts = like.components(like.values())["subtracted"]
    signal, neutrons, residual = (np.asarray(parts[n]) for n in ("cevns", "neutrons", "residual"))
    assert like.names == ("flux", "subtracted_neutrons", "subtracted_energy")
    # The two pulls on the neutrons multiply: fixed here, so that the model is linear.
    linear = like.hold(subtracted_energy=0.0)
    design = np.stack([0.1 * signal, 0.3 * neutrons], axis=1)
    residuals = NEGATIVE - signal - neutrons - residual
    information = design.T @ (design / SPECTRUM_ERRORS[:, None] ** 2) + np.eye(2)
    solution = np.linalg.solve(information, design.T @ (residuals / SPECTRUM_ERRORS**2))
    left = (residuals - design @ solution) / SPECTRUM_ERRORS

    best = cj.fit(linear)
    assert best.converged
    np.testing.assert_allclose(best.x, solution, rtol=1e-7)
    np.testing.assert_allclose(best.covariance, np.linalg.inv(information), rtol=1e-9)
    assert best.chi2 == pytest.approx(left @ left + solution @ solution, rel=1e-10)
    # A parabola rises by one at one standard deviation, both ways.
    np.testing.assert_allclose(best.error_low, best.errors, rtol=1e-5)
    np.testing.assert_allclose(best.error_high, best.errors, rtol=1e-5)


def test_fit_of_gaussian_bins_agrees_with_iminuit(subtracted):
    like = cj.Likelihood([subtracted], MODEL, free=["sin2_theta_w"])
    best, other = cj.fit(like), minuit(like)
    other.minos("sin2_theta_w")
    i = best.names.index("sin2_theta_w")
    assert best.converged
    assert best.chi2 == pytest.approx(other.fval, abs=1e-6)
    np.testing.assert_allclose(best.x, other.values, atol=1e-3 * best.errors.max())
    assert best.error_low[i] == pytest.approx(-other.merrors["sin2_theta_w"].lower, rel=2e-3)
    assert best.error_high[i] == pytest.approx(other.merrors["sin2_theta_w"].upper, rel=2e-3)


def test_gaussian_bins_may_hold_and_expect_negative_numbers(subtracted):
    """A negative expectation costs what its distance costs; in Poisson bins it is impossible."""
    like = cj.Likelihood([subtracted], MODEL).hold(n_sigma=0.0, subtracted_neutrons=-3.0)
    expected = np.asarray(like.expected(like.values()))
    assert (expected < 0).any()
    direct = np.sum(((expected - NEGATIVE) / SPECTRUM_ERRORS) ** 2) + 3.0**2
    assert float(like.chi2(like.values())) == pytest.approx(direct, rel=1e-12)


def test_chi2_of_poisson_and_gaussian_bins_is_the_sum(subtracted, counted):
    """Deviances add; the pull that both share is penalised once."""
    both = cj.Likelihood([counted, subtracted], MODEL, free=["sin2_theta_w"])
    assert both.names.count("flux") == 1
    assert both.n_bins == 8
    x = both.start + np.where(np.array(both.names) == "sin2_theta_w", 0.03, 0.7)
    values = both.values(x)
    alone = [cj.Likelihood([e], MODEL, free=["sin2_theta_w"]) for e in (counted, subtracted)]
    total = sum(float(one.chi2({n: values[n] for n in one.parameters})) for one in alone)
    assert float(both.chi2(values)) == pytest.approx(total - 0.7**2, rel=1e-12)


def test_joint_fit_of_poisson_and_gaussian_bins_agrees_with_iminuit(subtracted, counted):
    both = cj.Likelihood([counted, subtracted], MODEL, free=["sin2_theta_w"])
    best, other = cj.fit(both), minuit(both)
    assert best.converged
    assert best.chi2 == pytest.approx(other.fval, abs=1e-6)
    np.testing.assert_allclose(best.x, other.values, atol=1e-3)
    errors = np.sqrt(np.diag(other.covariance))  # observed, not expected, information
    np.testing.assert_allclose(best.errors, errors, rtol=0.1)
