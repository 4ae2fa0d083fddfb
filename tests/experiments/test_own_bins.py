"""Shapes, errors of templates and covariances of an own experiment: what they do to counts, to
chi^2, to fits and to results, and what is refused."""

import io
import warnings
from dataclasses import dataclass

import iminuit
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from own_configs import FLAT, OBSERVED, formula, in_python, nuisances

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import ArrivalTimes, Nuisance, morphed_template
from cevns_jax.plotting import spectra
from cevns_jax.plotting.stack import projections
from cevns_jax.prediction.component import Formula, Template

ERRORS = np.array([4.0, 3.0, 5.0])
COVARIANCE = np.outer(ERRORS, ERRORS) * np.array([[1, 0.6, 0.2], [0.6, 1, -0.3], [0.2, -0.3, 1]])
UP, DOWN = np.array([6.0, 6.0, 6.0]), np.array([4.5, 6.0, 7.5])  # of FLAT, total 18
TILT = Nuisance(name="tilt", acts_on=("tilt",), width=1.0)


def like_of(experiment):
    return cj.Likelihood(experiment, free=["n_sigma"])


def minuit_of(likelihood):
    handed = cj.objective(likelihood)
    minuit = iminuit.Minuit(handed.chi2, handed.start, grad=handed.gradient)
    minuit.limits, minuit.errors, minuit.tol = handed.bounds, handed.errors, 1e-5
    return minuit.migrad()


# ------------------------------------------------------------------------------------- shapes


def test_a_shape_reaches_its_variations_and_keeps_the_total():
    tilted = cj.experiments.morphed_template(FLAT, {"tilt": (2 * UP, DOWN)})
    mine = in_python(backgrounds={"flat": tilted}, nuisances=[*nuisances(), TILT])
    for pull, expected in ((0.0, FLAT), (1.0, UP), (-1.0, DOWN)):
        found = like_of(mine).components({"mine_tilt": pull})["mine"]["flat"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    for pull in (-3.0, 0.4, 2.5):
        found = like_of(mine).components({"mine_tilt": pull})["mine"]["flat"]
        assert float(found.sum()) == pytest.approx(18)
        assert (np.asarray(found) > 0).all()


def test_a_change_of_the_rate_in_a_shape_is_not_dropped_in_silence():
    """It stands in the conventions, and is a note unless a nuisance is on the background."""
    tilted = cj.experiments.morphed_template(FLAT, {"tilt": (1.02 * UP, None)})
    said = "tilt_up changes the total of flat by +2 %, which is not used"
    for more, noted in (([], True), ([Nuisance(name="r", acts_on=("flat",), width=0.1)], False)):
        mine = in_python(backgrounds={"flat": tilted}, nuisances=[*nuisances(), TILT, *more])
        assert mine.conventions["shapes"] == said
        text = cj.fit_result(cj.fit(like_of(mine))).summary().text()
        assert (f"mine: {said}; declare a nuisance on flat" in text) is noted
    kept = cj.experiments.morphed_template(FLAT, {"tilt": (UP, DOWN)})
    mine = in_python(backgrounds={"flat": kept}, nuisances=[*nuisances(), TILT])
    assert "shapes" not in mine.conventions


def test_a_fit_with_a_shape_is_that_of_minuit():
    tilted = morphed_template(FLAT, {"tilt": (UP, DOWN)})
    given = [*nuisances(), TILT, Nuisance(name="rate", acts_on=("flat",), width=0.5)]
    like = like_of(in_python(backgrounds={"flat": tilted}, nuisances=given))
    best, minuit = cj.fit(like), minuit_of(like)
    assert best.converged
    assert best.chi2 == pytest.approx(minuit.fval, abs=1e-5)
    assert (np.abs(best.x - np.array(minuit.values)) < 5e-3 * np.array(minuit.errors)).all()


@pytest.mark.parametrize(
    ("nominal", "up", "text"),
    [
        (FLAT, np.ones(4), r"template tilt: has shape \(4,\), the nominal one has \(3,\)"),
        (FLAT, -UP, "template tilt: counts must be finite, not negative"),
        (FLAT, "many", "template tilt: counts must be numbers"),
        (np.zeros(3), UP, "template nominal: counts must be .* not all zero"),
        (np.array([1e-200, 1.0, 1.0]), UP, "template tilt: a bin changes by more than a factor"),
    ],
)
def test_variations_that_are_none_are_refused(nominal, up, text):
    with pytest.raises(ConfigError, match=text):
        morphed_template(nominal, {"tilt": (up, up)})


@pytest.mark.parametrize(
    "background",
    [morphed_template(np.ones(4), {"tilt": (np.ones(4), None)}), Template(np.ones(4)), np.ones(4)],
)
def test_a_template_has_the_shape_of_the_bins(background):
    with pytest.raises(ConfigError, match=r"mine: flat: has shape \(4,\), the bins have \(3,\)"):
        in_python(backgrounds={"flat": background})


# --------------------------------------------------------------------------- errors of templates


def test_template_errors_are_one_more_pull_in_each_bin():
    """chi^2 at its minimum over three pulls that move the sum of each bin by its error."""
    errors = np.array([2.0, 0.0, 3.0])
    mine = in_python(template_errors=errors)
    like = like_of(mine)
    mu = np.asarray(like.expected({}))

    def profiled(mean, n, error):
        theta = np.linspace(-5, 5, 2_000_001) if error else np.zeros(1)
        nu = mean + error * theta
        good = nu > 0
        nu, theta = nu[good], theta[good]
        return (2 * (nu - n + n * np.log(n / nu)) + theta**2).min()

    found = np.asarray(like.deviance({}))
    expected = [profiled(*numbers) for numbers in zip(mu, OBSERVED, errors, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", ["errors", "covariance"])
def test_template_errors_add_to_gaussian_ones_in_quadrature(kind):
    more = np.array([1.0, 0.0, 2.0])
    given = {"errors": ERRORS} if kind == "errors" else {"covariance": COVARIANCE}
    whole = {
        "errors": {"errors": np.sqrt(ERRORS**2 + more**2)},
        "covariance": {"covariance": COVARIANCE + np.diag(more**2)},
    }[kind]
    one, other = (
        like_of(in_python(**numbers)) for numbers in (given | {"template_errors": more}, whole)
    )
    assert float(one.chi2({"n_sigma": 1.3})) == pytest.approx(
        float(other.chi2({"n_sigma": 1.3})), rel=1e-12
    )


# -------------------------------------------------------------------------------- covariances


def test_chi2_of_correlated_bins_is_the_quadratic_form():
    like = like_of(in_python(covariance=COVARIANCE))
    difference = np.asarray(like.expected({"n_sigma": 1.2})) - OBSERVED
    expected = difference @ np.linalg.solve(COVARIANCE, difference)
    assert float(np.sum(like.deviance({"n_sigma": 1.2}))) == pytest.approx(expected, rel=1e-10)


def test_a_diagonal_covariance_holds_squares_of_errors():
    one = like_of(in_python(covariance=np.diag(ERRORS**2)))
    other = like_of(in_python(errors=ERRORS))
    np.testing.assert_allclose(one.deviance({}), other.deviance({}), rtol=1e-12)


def test_a_fit_of_correlated_bins_is_the_weighted_mean():
    """n_sigma alone is linear in the counts: its best fit and error are a closed form."""
    like = like_of(in_python(covariance=COVARIANCE, nuisances=()))
    parts = like.components({})["mine"]
    signal, rest = np.asarray(parts["cevns"]), OBSERVED - np.asarray(parts["flat"])
    weighted = np.linalg.solve(COVARIANCE, signal)
    best = cj.fit(like)
    assert best.x[0] == pytest.approx(rest @ weighted / (signal @ weighted), rel=1e-6)
    assert best.errors[0] == pytest.approx((signal @ weighted) ** -0.5, rel=1e-6)


def test_rows_and_columns_are_the_flattened_bins():
    """Of two axes the last is the fastest: a covariance of one pair of bins joins that pair."""
    times = ArrivalTimes(
        edges_us=[0, 1, 6],
        fractions={"nu_e": [0.3, 0.6], "nu_mu": [0.8, 0.1], "nu_mu_bar": [0.3, 0.5]},
    )
    covariance = np.diag([4.0, 9.0, 16.0, 25.0])
    covariance[0, 1] = covariance[1, 0] = 3.0
    mine = in_python(
        response=formula(edges=[1, 4, 8]),
        arrival_times=times,
        observed=np.array([[3.0, 4], [5, 6]]),
        backgrounds={},
        covariance=covariance,
    )
    result = cj.fit_result(cj.fit(like_of(mine)))
    group = result.groups["mine"]
    np.testing.assert_allclose(group["error"][1], [[2, 3], [4, 5]])
    np.testing.assert_array_equal(group["covariance"][1], covariance)
    of_energy, of_time = projections(group)
    np.testing.assert_allclose(of_energy.variance, [4 + 9 + 2 * 3, 16 + 25])
    np.testing.assert_allclose(of_time.variance, [4 + 16, 9 + 25])


# ------------------------------------------------------------------------- results and figures


@pytest.mark.parametrize(
    ("given", "label", "words"),
    [
        ({"covariance": COVARIANCE}, "Gaussian, given covariance", "diagonal of the covariance"),
        ({"template_errors": ERRORS}, "Poisson, template errors", "error of the templates"),
        ({"errors": ERRORS}, "Gaussian, given errors", None),
    ],
)
def test_results_say_what_their_errors_are_and_draw_them(tmp_path, given, label, words):
    mine = in_python(**given)
    assert label in str(mine)
    result = cj.fit_result(cj.fit(like_of(mine)))
    result.save(tmp_path / "fit.nc")
    again = cj.load(tmp_path / "fit.nc")
    assert again.attributes["conventions"]["mine"]["bins"] == label
    name = "template_error" if "template_errors" in given else "error"
    assert set(again.groups["mine"]) & {"error", "template_error"} == {name}
    np.testing.assert_allclose(again.groups["mine"][name][1], ERRORS)
    note = again.to_xarray()["experiments/mine"][name].attrs["long_name"]
    assert "one standard deviation" in note
    assert ("root of the diagonal of the covariance" in note) == ("covariance" in given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = spectra(again, "mine")
        figure.savefig(io.BytesIO(), format="png", dpi=40)
    legend = " ".join(text.get_text() for text in figure.axes[0].get_legend().get_texts())
    assert words is None or words in legend


def test_residuals_of_templates_with_errors_know_both():
    result = cj.fit_result(cj.fit(like_of(in_python(template_errors=ERRORS))))
    (found,) = projections(result.groups["mine"])
    np.testing.assert_allclose(found.spread, found.total + ERRORS**2)
    np.testing.assert_allclose(found.error, np.sqrt(OBSERVED))


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"covariance": COVARIANCE, "errors": ERRORS}, "errors and a covariance exclude"),
        ({"covariance": COVARIANCE[:2, :2]}, r"has shape \(2, 2\), the 3 bins need \(3, 3\)"),
        ({"covariance": ERRORS}, r"covariance has shape \(3,\)"),
        ({"covariance": "none"}, "covariance must be a matrix of numbers"),
        ({"covariance": COVARIANCE * np.nan}, "covariance must be finite"),
        ({"covariance": COVARIANCE + np.triu(np.ones((3, 3)), 1)}, "covariance must be symmetric"),
        ({"covariance": np.outer(ERRORS, ERRORS)}, "covariance must be positive definite"),
        ({"covariance": -COVARIANCE}, "positive diagonal"),
        ({"covariance": 1e40 * COVARIANCE}, "errors, roots of the diagonal .* must lie between"),
        ({"template_errors": np.ones(2)}, r"template errors: has shape \(2,\)"),
        ({"template_errors": -ERRORS}, "template errors: must be finite and not negative"),
        ({"template_errors": ERRORS * np.inf}, "template errors: must be finite"),
        ({"template_errors": "some"}, "template errors: must be numbers"),
        ({"template_errors": ERRORS, "observed": -OBSERVED}, "observed must not be negative"),
    ],
)
def test_errors_that_are_none_are_refused(given, text):
    with pytest.raises(ConfigError, match=f"^mine: .*{text}"):
        in_python(**given)


def test_correlated_counts_may_be_negative():
    mine = in_python(covariance=COVARIANCE, observed=-OBSERVED, backgrounds={"flat": -FLAT})
    assert bool(jnp.isfinite(like_of(mine).chi2({})))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Simulated(Formula):
    """Counts of one's own kind of component, which it says are given."""

    counts: np.ndarray

    @property
    def nominal_counts(self):
        return self.counts

    def __call__(self, interaction, values, effects):
        return jnp.asarray(self.counts)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [(-np.ones(3), "mc must not be negative in Poisson bins"), (np.ones(5), r"mc: has shape \(5,")],
)
def test_given_counts_of_any_kind_of_component_are_checked(numbers, text):
    with pytest.raises(ConfigError, match=text):
        in_python(backgrounds={"mc": Simulated(numbers)})
