"""Fits: against iminuit, against closed forms, their errors, and how they say that they failed."""

import dataclasses

import iminuit
import jax
import numpy as np
import pytest
from scipy.stats import chi2 as chi2_distribution

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference.batches import minimise_lanes
from cevns_jax.inference.fit import chi2_survival
from cevns_jax.prediction.component import Template


def build(nuisances="atzori_corona_2023", free=("sin2_theta_w",), **options):
    csi = cj.experiments.coherent_csi_2021(nuisances=nuisances, **options)
    return cj.Likelihood([csi], cj.interactions.standard_model(), free=free)


@pytest.fixture(scope="module", params=["atzori_corona_2023", "split"])
def fitted(request):
    return cj.fit(build(request.param))


def test_minimum_and_minos_errors_agree_with_iminuit(fitted):
    """The same chi^2, another minimiser with numerical derivatives of its own."""
    like = fitted.likelihood
    chi2 = jax.jit(lambda like, x: like.chi2(like.values(x)))
    minuit = iminuit.Minuit(lambda x: float(chi2(like, x)), like.start, name=like.names)
    minuit.errordef, minuit.strategy, minuit.tol = 1.0, 2, 1e-4
    minuit.errors = np.where(np.array(like.names) == "sin2_theta_w", 0.02, 1.0)
    minuit.migrad()
    minuit.minos("sin2_theta_w", "coherent_csi_2021_steady_state")
    assert minuit.valid
    assert fitted.chi2 == pytest.approx(minuit.fval, abs=1e-5)
    np.testing.assert_allclose(fitted.x, minuit.values, atol=2e-3)
    for name in ("sin2_theta_w", "coherent_csi_2021_steady_state"):
        i = fitted.names.index(name)
        assert fitted.error_low[i] == pytest.approx(-minuit.merrors[name].lower, rel=2e-3)
        assert fitted.error_high[i] == pytest.approx(minuit.merrors[name].upper, rel=2e-3)


def test_many_minimisations_do_not_wait_for_the_threads_of_lapack():
    """Its batched Cholesky decomposition, two at a time, never returns (jaxlib 0.10)."""
    like = build()
    starts = np.tile(like.start, (64, 1))
    program = minimise_lanes.lower(
        like, starts, np.ones(starts.shape, bool), second_order=False
    ).as_text()
    assert "lapack" not in program


def test_fit_says_that_it_converged_and_how_it_knows(fitted):
    assert fitted.converged
    assert fitted.edm < 1e-9
    assert fitted.gradient_norm < 1e-4
    assert "EDM" in fitted.message
    assert (fitted.errors > 0).all()
    assert (fitted.error_low > 0).all()
    assert (fitted.error_high > 0).all()


@pytest.mark.parametrize(
    ("prior", "measured"),
    [
        (cj.priors.Flat(), 0),
        (cj.priors.LogUniform(0.1, 1.0), 0),
        (cj.priors.Gaussian(0.2, 0.1), 1),
        (cj.priors.LogNormal(0.02, 0.5), 1),  # the start is in its tail
    ],
)
def test_a_prior_that_is_a_measurement_offsets_its_parameter(fitted, prior, measured, monkeypatch):
    """Whatever the curvature of its penalty is, or what stands for it."""
    monkeypatch.setattr(cj.priors.LogUniform, "precision", lambda self, x: 1.0)
    angle = dataclasses.replace(fitted.likelihood.parameters["sin2_theta_w"], prior=prior)
    like = fitted.likelihood.declared({"sin2_theta_w": angle})
    free = dataclasses.replace(fitted, likelihood=like)
    assert free.degrees_of_freedom == 99 - 1 + measured


def test_correlation_is_one_on_the_diagonal_and_bounded(fitted):
    np.testing.assert_allclose(np.diag(fitted.correlation), 1.0)
    assert np.abs(fitted.correlation).max() <= 1 + 1e-12
    np.testing.assert_allclose(fitted.correlation, fitted.correlation.T, atol=1e-12)


def test_pulls_are_no_wider_than_their_priors(fitted):
    pulls = [i for i, name in enumerate(fitted.names) if name != "sin2_theta_w"]
    assert (fitted.errors[pulls] <= 1 + 1e-12).all()


def test_impact_of_a_nuisance_is_the_shift_of_the_angle_at_its_error(fitted):
    """Recomputed by holding the nuisance parameter there and fitting again."""
    name = "coherent_csi_2021_steady_state"
    i = fitted.names.index(name)
    up = cj.fit(fitted.likelihood.hold(**{name: fitted.x[i] + fitted.error_high[i]}))
    shift = up.values["sin2_theta_w"] - fitted.values["sin2_theta_w"]
    assert fitted.impacts["sin2_theta_w"][i, 1] == pytest.approx(shift, abs=2e-6)
    assert up.chi2 - fitted.chi2 == pytest.approx(1.0, abs=1e-5)


def test_asimov_fit_returns_its_truth():
    like = build()
    truth = {"sin2_theta_w": 0.21, "coherent_csi_2021_brn": 0.4}
    best = cj.fit(cj.asimov(like, truth))
    # The pull of 0.4 is pulled back by its prior; the angle stays within a fraction of its error.
    assert best.values["sin2_theta_w"] == pytest.approx(0.21, abs=3e-3)
    assert best.converged
    at_start = cj.fit(cj.asimov(like))
    np.testing.assert_allclose(at_start.x, like.start, atol=1e-5)
    assert at_start.chi2 == pytest.approx(0.0, abs=1e-8)


def test_expected_errors_of_the_asimov_data_equal_its_profile_errors_for_large_exposure():
    """With ten thousand times the data everything is Gaussian: both errors are one.

    (A pull on the signal would stay: it multiplies the square of the weak charge.)
    """
    large = cj.experiments.Exposure(protons_on_target=3.198e27)
    like = build("backgrounds_only", exposure=large, steady_state_events=1286e4)
    best = cj.fit(cj.asimov(like))
    np.testing.assert_allclose(best.error_low, best.errors, rtol=2e-2)
    np.testing.assert_allclose(best.error_high, best.errors, rtol=2e-2)
    assert best.converged


def test_several_starts_find_the_lower_of_two_minima():
    """Q_W^2 is even: a second, mirror minimum lies at sin^2 theta_W far below zero."""
    like = build()
    best = cj.fit(like, [{"sin2_theta_w": -0.8}, {}, {"sin2_theta_w": 0.4}])
    assert len(best.ends) == 3
    assert all(converged for _, converged in best.ends)
    assert best.chi2 == pytest.approx(min(chi2 for chi2, _ in best.ends))
    assert best.chi2 <= cj.fit(like).chi2 + 1e-7


def test_a_common_neutron_radius_can_be_fitted():
    best = cj.fit(
        build(free=["r_n_csi"], target=cj.experiments.csi_target(common_neutron_radius=True))
    )
    assert best.converged
    assert 4.5 < best.values["r_n_csi"] < 6.5


def test_a_parameter_driven_to_its_bound_is_reported():
    """Without any excess the cross-section ratio falls to its lower bound, zero."""
    like = build("backgrounds_only", free=["n_sigma"])
    nothing = cj.asimov(like, {"n_sigma": 0.0})
    fewer = nothing.with_observed(
        {"coherent_csi_2021": np.asarray(nothing.experiments[0].observed) * 0.9}
    )
    best = cj.fit(fewer)
    assert best.values["n_sigma"] == 0.0
    assert np.isnan(best.error_low[0])
    assert "n_sigma" in best.message
    assert best.error_high[0] > 0


def test_a_parameter_that_nothing_depends_on_is_named():
    """Without a signal the angle has no effect: no minimum, no traceback."""
    best = cj.fit(build().hold(n_sigma=0.0))
    assert not best.converged
    assert "sin2_theta_w" in best.message


def test_an_exact_degeneracy_is_not_a_minimum():
    """With one bin the angle and the cross-section ratio cannot be told apart."""
    csi = cj.experiments.coherent_csi_2021(nuisances=[])
    backgrounds = {name: part for name, part in csi.parts.items() if name != "cevns"}
    whole = dataclasses.replace(
        csi,
        observed=np.asarray(csi.observed).sum(keepdims=True),
        parts={n: Template(b.counts.sum(keepdims=True)) for n, b in backgrounds.items()}
        | {
            "cevns": dataclasses.replace(
                csi.parts["cevns"],
                shape=(1, 1),
                response=dataclasses.replace(
                    csi.parts["cevns"].response,
                    matrix=csi.parts["cevns"].response.matrix.sum(-1, keepdims=True),
                ),
                timing=dataclasses.replace(
                    csi.parts["cevns"].timing,
                    fractions=csi.parts["cevns"].timing.fractions.sum(-1, keepdims=True),
                ),
            )
        },
    )
    like = cj.Likelihood(
        [whole], cj.interactions.standard_model(axial=False), free=["sin2_theta_w", "n_sigma"]
    )
    best = cj.fit(like)
    assert not best.converged
    assert "constrain" in best.message
    assert np.isnan(best.p_value)


def test_counts_where_nothing_is_expected_are_named_and_empty_bins_cost_nothing(tmp_path):
    header = "pe_low,pe_high,time_low_us,time_high_us,coincidence,anticoincidence\n"
    for counts in (0, 9):
        path = tmp_path / f"{counts}.csv"
        path.write_text(f"{header}0,5,0,6,{counts},0\n5,60,0,6,1578,1295\n")
        best = cj.fit(build(counts=path))
        assert best.converged == (counts == 0)
        assert counts == 0 or "bin 0 of 2" in best.message


def test_nothing_to_fit_is_refused():
    with pytest.raises(ConfigError, match="no parameter varies"):
        cj.fit(build(nuisances=[], free=[]))
    with pytest.raises(ConfigError, match="start"):
        cj.fit(build(), [])
    with pytest.raises(ConfigError, match="sin2_theta_w"):
        cj.fit(build(), [{"sin2_theta": 0.2}])
    with pytest.raises(ConfigError, match="between -1 and 2"):
        cj.fit(build(), [{"sin2_theta_w": 5.0}])


@pytest.mark.parametrize("dof", [1, 2, 3, 50, 98, 99])
def test_survival_probability_agrees_with_scipy(dof):
    for x in (0.0, 0.1, 1.0, dof, 3.0 * dof):
        assert chi2_survival(x, dof) == pytest.approx(chi2_distribution.sf(x, dof), rel=1e-10)


@pytest.mark.parametrize("coupling", [3e-5, -3e-5])
def test_a_coupling_that_enters_squared_is_found_on_both_sides_of_zero(coupling):
    """chi^2 is flat at zero, where the fit starts: data made with a light vector give it back."""
    csi = cj.experiments.coherent_csi_2021()
    physics = cj.interactions.with_new_physics(
        cj.interactions.standard_model(), cj.interactions.light_vector()
    )
    like = cj.Likelihood([csi], physics, free=["g_vector"]).hold(m_vector=100.0)
    made = cj.asimov(like, {"g_vector": coupling, "m_vector": 100.0})
    found = cj.fit(made)
    assert found.converged
    assert found.values["g_vector"] == pytest.approx(coupling, rel=1e-4)
    assert len(found.ends) == 3


def test_a_magnetic_moment_that_the_data_do_not_ask_for_is_no_measurement():
    """The lowest chi^2 is at zero, where it is flat: there is no error, and the fit says so."""
    csi = cj.experiments.coherent_csi_2021()
    physics = cj.interactions.with_new_physics(
        cj.interactions.standard_model(), cj.interactions.MagneticMoment()
    )
    found = cj.fit(cj.Likelihood([csi], physics, free=["mu_nu"]))
    assert found.values["mu_nu"] < 1e-10
    assert not found.converged
    assert "(mu_nu); " in found.message
    assert "cevns limit" in found.message
