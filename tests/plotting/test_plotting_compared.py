"""Profiles and scans beside posteriors."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import fit_of, posterior_of, profile_of, scan_of

from cevns_jax.errors import ConfigError
from cevns_jax.plotting import compared
from cevns_jax.plotting.compared import LIKELIHOOD

SHAPE = (4, 4000)


def draw(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=30)
    return figure


def legend_of(figure):
    (legend,) = figure.legends
    return [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]


def normal_profile():
    """chi^2 of a = 0.5 +- 0.1."""
    result = profile_of("x")
    grid = np.linspace(0.0, 1.0, 101)
    delta = ((grid - 0.5) / 0.1) ** 2
    a, v = result.attributes, result.variables
    v |= {name: (("a",), delta) for name in ("chi2", "delta_chi2")}
    v |= {"a": (("a",), grid), "point_converged": (("a",), np.ones(101, bool))}
    v["point_excluded"] = (("a",), np.zeros(101, bool))
    ends = [["crossing"] * 2]
    a["limits"] = [
        {"delta_chi2": 1.0, "allowed": [[0.4, 0.6]], "ends": ends},
        {"delta_chi2": 2.71, "allowed": [[0.335, 0.665]], "ends": ends},
        {"delta_chi2": 3.84, "allowed": [[0.304, 0.696]], "ends": ends},
    ]
    a["labels"], a["units"] = {"a": "$a$"}, {"a": "fm"}
    return result


def normal_posterior(**attributes):
    rng = np.random.default_rng(0)
    draws = {name: 0.5 + 0.1 * rng.normal(size=SHAPE) for name in "ab"}
    result = posterior_of(draws, dict.fromkeys("ab", "flat from 0 to 1"), "x", **attributes)
    result.attributes["labels"] = {"a": "$a$", "b": "$b$"}
    result.attributes["units"] = {"a": "fm", "b": ""}
    return result


def test_both_curves_of_a_normal_likelihood_are_the_same():
    """With a flat prior the posterior is the likelihood."""
    figure = draw(compared(normal_profile(), normal_posterior()))
    (panel,) = figure.axes
    by_style = {
        line.get_linestyle(): line.get_xydata()
        for line in panel.lines
        if len(line.get_xdata()) > 50
    }
    (x, likelihood), marginal = by_style["-."].T, by_style["-"]
    # Ends of ranges are points of the curve, here rounded to three digits.
    assert likelihood == pytest.approx(np.exp(-(((x - 0.5) / 0.1) ** 2) / 2), abs=0.002)
    assert np.interp(x, *marginal.T, 0, 0) == pytest.approx(likelihood, abs=0.05)
    assert marginal[:, 1].max() == pytest.approx(1)
    assert panel.get_xlabel() == "$a$ [fm]"


def test_intervals_of_both_are_printed_in_their_own_words():
    title, *labels = legend_of(compared(normal_profile(), normal_posterior(), "a"))
    said = "\n".join(labels)
    assert "confidence, 68.3 %: $0.400$ to $0.600$" in said
    assert "confidence, 90 %: $0.335$ to $0.665$" in said
    assert "95 %" not in said  # of a posterior 68.3 and 90 % alone are known
    assert "credible, 68.3 %: $0.40" in said
    assert "highest at $0.500$" in said
    assert "CL" not in said
    assert "prior of $a$: flat from $0$ to $1$" in title
    assert title.startswith("x\n")


def test_ends_without_a_crossing_are_said():
    curve = normal_profile()
    curve.attributes["limits"][1] |= {"allowed": [[0.0, 0.6]], "ends": [["domain", "crossing"]]}
    curve.attributes["limits"][0] |= {"allowed": [[0.0, 1.0]], "ends": [["grid", "grid"]]}
    said = "\n".join(legend_of(compared(curve, normal_posterior())))
    assert "confidence, 90 %: below $0.600$" in said
    assert "confidence, 68.3 %: all from $0.000$ to $1.000$" in said


def test_the_contour_of_a_scan_is_the_edge_of_the_credible_region():
    """Of a normal likelihood with flat priors: Delta chi^2 = 4.61."""
    grid = np.linspace(0.0, 1.0, 61)
    delta = np.add.outer(((grid - 0.5) / 0.1) ** 2, ((grid - 0.5) / 0.1) ** 2)
    curve = scan_of("x")
    curve.variables.update({name: ((name,), grid) for name in "ab"})
    for name, values in (
        *(("chi2", delta), ("delta_chi2", delta)),
        *(
            ("point_converged", np.ones((61, 61), bool)),
            ("point_excluded", np.zeros((61, 61), bool)),
        ),
    ):
        curve.variables[name] = (("a", "b"), values)
    figure = draw(compared(curve, normal_posterior()))
    (panel,) = figure.axes
    (line,) = [x for x in panel.lines if x.get_linestyle() == "-." and len(x.get_xdata()) > 9]
    assert np.hypot(*(line.get_xydata().T - 0.5)) == pytest.approx(0.1 * np.sqrt(4.61), rel=0.01)
    outlines = [c for c in panel.collections if not c.get_facecolor().size]
    reach = {}
    for outline in outlines:
        radius = np.hypot(*(outline.get_paths()[0].vertices.T - 0.5))
        reach[outline.get_linestyle()[0][1] is None] = radius.mean()
    assert reach[False] == pytest.approx(0.1 * np.sqrt(4.61), rel=0.03)  # dashed: 90 %
    assert reach[True] == pytest.approx(0.1 * np.sqrt(2.30), rel=0.03)
    said = "\n".join(legend_of(figure))
    assert r"90 % confidence ($\Delta\chi^2 < 4.61$)" in said
    assert "90 % credible, highest density" in said
    assert line.get_color() == LIKELIHOOD["color"]


def test_what_differs_between_the_two_is_said():
    curve, result = normal_profile(), normal_posterior(held={"b": 1.0}, converged=False)
    result.attributes["provenance"]["data_set"] = "asimov"
    title = legend_of(compared(curve, result))[0]
    assert "profile: x" in title
    assert "posterior: x, Asimov data" in title
    assert "posterior, held: $b = 1$" in title
    assert "NOT CONVERGED" in title


def test_what_cannot_be_compared_is_refused():
    posterior = normal_posterior()
    with pytest.raises(ConfigError, match="the second result must be a posterior, not a profile"):
        compared(normal_profile(), normal_profile())
    with pytest.raises(ConfigError, match="one or two parameters, not a fit"):
        compared(fit_of("x"), posterior)
    with pytest.raises(ConfigError, match="the profile is of a, not b"):
        compared(normal_profile(), posterior, "b")
    curve = scan_of("x")
    curve.attributes["parameters"] = ["a", "b", "c"]
    with pytest.raises(ConfigError, match="not a scan of more than two parameters"):
        compared(curve, posterior)
    curve = normal_profile()
    curve.attributes["parameter"] = "z"
    with pytest.raises(ConfigError, match='no varying parameter "z"'):
        compared(curve, posterior)
