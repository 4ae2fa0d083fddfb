"""Corner plots, posterior predictive checks, and what a posterior must hold to be drawn."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import posterior_of
from matplotlib.path import Path

from cevns_jax.errors import ConfigError
from cevns_jax.plotting import corner, predictive
from cevns_jax.plotting.corners import chosen
from cevns_jax.plotting.draws import SHARES
from cevns_jax.plotting.needs import check_drawable
from cevns_jax.plotting.predictive import band, summed

SHAPE = (4, 1000)
FLAT = "flat from -10 to 10"


def draw(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=30)
    return figure


def texts(figure):
    """All that is written above, beside and in the panels."""
    found = [figure.get_suptitle()]
    legends = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    for legend in legends:
        found += [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        found += [t.get_text() for t in axes.texts]
    return "\n".join(filter(None, found))


def correlated(**attributes):
    x = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], SHAPE)
    draws = {"pull_b": x[..., 1], "a": x[..., 0]}
    result = posterior_of(draws, {"a": FLAT, "pull_b": "0 +- 1"}, **attributes)
    result.attributes["units"]["a"] = "fm"
    result.attributes["labels"] |= {"a": "$R_n$", "pull_b": "pull b"}
    return result


def test_a_corner_says_what_was_found_and_how():
    figure = draw(corner(correlated(held={"a": 1.0})))
    said = texts(figure)
    for text in (
        *("mine", "posterior by NUTS: 4 chains of 1000 draws", r"$\hat{R} \leq 1.001$"),
        *("0 divergences", "68.3 % credible, highest density", "90 % credible, highest density"),
        *("median", "mean", r"prior: $R_n$ flat from $-10$ to $10$", "held: $R_n = 1$ fm"),
        *("$R_n$ [fm]", "pull b [pull]", "68.3 %: $", "90 %: $", "highest density of all"),
    ):
        assert text in said
    assert "CL" not in said
    panels = np.array(figure.axes).reshape(2, 2)
    assert panels[1, 0].get_xlabel() == "$R_n$ [fm]"  # physics first
    assert panels[1, 1].get_xlabel() == "pull b [pull]"
    assert not panels[0, 1].axison


@pytest.mark.parametrize("logarithmic", [False, True])
def test_regions_of_a_corner_hold_their_share_of_the_draws(logarithmic):
    x, y = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], SHAPE).T
    x = np.exp(x) if logarithmic else x
    prior = "flat in ln x from 1e-6 to 1e6" if logarithmic else "flat"
    panel = corner(posterior_of({"a": x, "b": y}, {"a": prior, "b": "flat"})).axes[2]
    assert panel.get_xscale() == ("log" if logarithmic else "linear")
    outlines = [c for c in panel.collections if not c.get_facecolor().size]
    draws = np.stack([x.ravel(), y.ravel()], axis=1)
    held = []
    for outline in outlines:
        inside = [Path(p).contains_points(draws) for p in outline.get_paths()[0].to_polygons()]
        held.append(np.bitwise_xor.reduce(inside).mean())
    assert sorted(held) == pytest.approx(SHARES, abs=0.01)


def test_regions_are_cut_off_where_the_prior_ends():
    x = np.abs(np.random.default_rng(1).normal(size=(2, *SHAPE)))
    result = posterior_of(dict(zip("ab", x, strict=True)), dict.fromkeys("ab", "flat from 0 to 9"))
    panel = corner(result).axes[2]
    for outline in panel.collections:
        for path in outline.get_paths():
            assert path.vertices.min() >= 0
    assert panel.get_xlim()[0] == panel.get_ylim()[0] == 0


def test_of_many_nuisances_the_most_correlated_are_shown():
    rng = np.random.default_rng(2)
    a = rng.normal(size=SHAPE)
    draws = {"a": a, "pull_still": np.ones(SHAPE)}
    for i in range(19):
        draws[f"pull_{i}"] = rng.normal(size=SHAPE) + (a if i in (3, 11) else 0)
    result = posterior_of(draws, dict.fromkeys(draws, "0 +- 1"))
    names, text = chosen(result)
    assert len(names) == 7
    assert names[0] == "a"
    assert {"pull_3", "pull_11"} < set(names)
    left = [n for n in draws if n not in (*names, "pull_still")]
    largest = max(abs(np.corrcoef(a.ravel(), draws[n].ravel())[0, 1]) for n in left)
    assert text == f"14 nuisances not shown, of correlations up to {largest:.2f} with mine"
    assert chosen(correlated()) == (["a", "pull_b"], "")
    result.attributes["free"] = dict.fromkeys([*draws][:9])
    names, text = chosen(result)
    assert names == [*draws][:7]
    assert text.startswith("14 parameters not shown")


def test_valleys_have_their_weights_in_the_legend_and_numbers_in_the_panels():
    rng = np.random.default_rng(3)
    first = rng.random(SHAPE) < 0.3
    x = np.where(first, 1.0, 0.0) + 0.05 * rng.normal(size=SHAPE)
    modes = [
        {"weight": 0.7, "weight_error": 0.01, "parameters": {"a": 0.0}},
        {"weight": 0.3, "weight_error": 0.01, "parameters": {"a": 1.0}},
    ]
    result = posterior_of({"a": x}, {"a": FLAT}, modes=modes, method="tempered")
    figure = draw(corner(result))
    said = texts(figure)
    assert r"valley 1, weight 0.700 $\pm$ 0.010" in said
    assert r"valley 2, weight 0.300 $\pm$ 0.010" in said
    assert "4 runs of 1000 particles" in said
    assert "R}" not in said
    assert " or " in said
    marks = {line.get_marker(): line.get_xdata()[0] for line in figure.axes[0].lines}
    assert (marks["$1$"], marks["$2$"]) == (0.0, 1.0)
    modes[0]["weight"] = None
    assert "valley 1, its weight is not known" in texts(corner(result))


def test_published_values_are_marked_for_the_same_data():
    x = 0.23 + 0.025 * np.random.default_rng(4).normal(size=SHAPE)
    data = "coherent_csi_2021"
    result = posterior_of({"sin2_theta_w": x}, {"sin2_theta_w": "flat from 0 to 1"})
    assert "Atzori" not in texts(corner(result))
    result.attributes["experiments"] = [data]
    figure = draw(corner(result))
    assert "Atzori Corona et al. 2023: 0.231 +0.027 -0.024 (68 %)" in texts(figure)
    result.attributes["provenance"]["data_set"] = "asimov"
    assert "Atzori" not in texts(corner(result))


def test_what_has_not_converged_says_so():
    result = correlated(converged=False, message="R-hat 1.4 of a: sample longer")
    assert "NOT CONVERGED: R-hat 1.4 of a: sample longer" in texts(corner(result))


@pytest.mark.parametrize("text", [r"$\foo$ 5 $", "日本 🎉", "long " * 100])
def test_a_corner_can_be_drawn_whatever_its_texts_are(text):
    x = np.random.default_rng(5).normal(size=(4, 20))
    result = posterior_of({"a": x}, {"a": text}, text)
    draw(corner(result))
    draw(predictive(result, "mine"))


def test_chains_that_do_not_move_can_be_drawn():
    result = posterior_of({"a": np.zeros((2, 10)), "b": np.zeros((2, 10))}, {"a": "", "b": ""})
    draw(corner(result))


def test_predicted_counts_are_those_of_the_draws():
    result = correlated()
    figure = draw(predictive(result, "mine"))
    said = texts(figure)
    for text in (
        *("68.3 % of predicted counts", "90 % of predicted counts", "mean prediction"),
        *("observed (6)", "expected background"),
        r"posterior predictive p-value 0.250 $\pm$ 0.010",
        r"$R_n = ",
    ):
        assert text in said
    counts = result.draws["posterior_predictive"]["mine"][1]
    (ninety, sixty_eight, mean, _) = (p.get_data() for p in figure.axes[0].patches)
    assert mean.values == pytest.approx(counts.mean(axis=(0, 1)))
    for step, share in ((ninety, 0.90), (sixty_eight, SHARES[0])):
        low, high = np.quantile(counts.reshape(-1, 3), [(1 - share) / 2, (1 + share) / 2], axis=0)
        assert step.values == pytest.approx(high)
        assert step.baseline == pytest.approx(low)
    (points,) = figure.axes[1].lines[-1:]
    observed = result.groups["mine"]["observed"][1]
    flat = counts.reshape(-1, 3)
    assert points.get_ydata() == pytest.approx((observed - flat.mean(0)) / flat.std(0), rel=1e-5)


def test_predicted_counts_are_added_up_on_each_axis():
    counts = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    assert summed(counts, 0) == pytest.approx(counts.sum(axis=3).reshape(6, 4))
    assert summed(counts, 1) == pytest.approx(counts.sum(axis=2).reshape(6, 5))
    low, high = band(summed(counts, 0), 0.5)
    assert (low < high).all()


def test_predictions_of_another_experiment_are_refused():
    with pytest.raises(ConfigError, match='no experiment with predicted counts "other"'):
        predictive(correlated(), "other")
    result = correlated()
    del result.draws["posterior_predictive"]
    with pytest.raises(ConfigError, match=r"\(allowed: none\)"):
        predictive(result, "mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.attributes.pop("method"), "the attribute method"),
        (lambda r: r.attributes["parameters"].clear(), "parameters that vary"),
        (lambda r: r.attributes["parameters"]["a"].pop("sd"), "the attribute sd, a number"),
        (lambda r: r.attributes["parameters"]["a"].update(hdi_90=[1]), "two numbers in hdi_90"),
        (lambda r: r.attributes["priors"].pop("a"), "strings in the attribute priors"),
        (lambda r: r.attributes.update(converged=None), "the attribute converged"),
        (lambda r: r.draws.clear(), "draws of "),
        (lambda r: r.draws["posterior"].update(a=((), np.zeros((4, 7)))), r"shape \(4, 1000\)"),
        (lambda r: r.draws["posterior_predictive"].update(mine=((), np.zeros((4, 7)))), "numbers"),
    ],
)
def test_a_posterior_that_cannot_be_drawn_is_refused(tmp_path, change, message):
    result = correlated()
    check_drawable(tmp_path, result)
    change(result)
    with pytest.raises(ConfigError, match=f"cannot be drawn: a posterior must have .*{message}"):
        check_drawable(tmp_path, result)
