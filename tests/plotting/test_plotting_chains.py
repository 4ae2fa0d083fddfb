"""Traces and ranks of chains, and independent runs on top of each other."""

import io
import warnings

import numpy as np
import pytest
from drawn_results import posterior_of
from matplotlib.colors import to_hex

from cevns_jax.errors import ConfigError
from cevns_jax.plotting import corner, ranks, runs, traces
from cevns_jax.plotting.chains import valley_shares, worst
from cevns_jax.plotting.draws import shown
from cevns_jax.plotting.ranks import BAND, BINS, rank_shares, rank_spread

SHAPE = (4, 500)


def draw(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=30)
    return figure


def legend_of(figure):
    (legend,) = figure.legends
    return [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]


def chains(number=4, **attributes):
    x = np.random.default_rng(0).normal(size=(2, number, 500))
    draws = {"a": x[0], "pull_b": x[1]}
    return posterior_of(draws, {"a": "flat", "pull_b": "0 +- 1"}, **attributes)


def test_traces_mark_divergences():
    result = chains()
    diverging = np.zeros(SHAPE, bool)
    diverging[1, 7] = diverging[3, 70] = True
    result.draws["sample_stats"]["diverging"] = (("chain", "draw"), diverging)
    result.attributes["diagnostics"]["divergences"] = 2
    figure = draw(traces(result))
    title, *labels = legend_of(figure)
    assert "2 divergences" in title
    assert labels == ["chain 1", "chain 2", "chain 3", "chain 4", "divergence"]
    marks = [
        x for line in figure.axes[0].lines if line.get_marker() == "x" for x in line.get_xdata()
    ]
    assert marks == [7, 70]
    assert figure.axes[0].get_title(loc="right") == r"$\hat{R}$ = 1.001, 2000 effective draws"


def test_chains_differ_by_line_and_by_brightness():
    """So that they can be told apart without colours."""
    marginals = traces(chains()).axes[1].lines
    assert len({line.get_linestyle() for line in marginals}) == 4
    assert len({to_hex(line.get_color()) for line in marginals}) == 4


def test_of_many_chains_some_are_drawn():
    for make in (traces, ranks):
        title, *_ = legend_of(make(chains(number=12)))
        assert "8 of 12 chains shown" in title


def test_nuisances_with_the_largest_r_hat_are_drawn_after_physics():
    rng = np.random.default_rng(1)
    names = ["pull_0", "a", *(f"pull_{i}" for i in range(1, 9))]
    result = posterior_of({n: rng.normal(size=SHAPE) for n in names}, dict.fromkeys(names, ""))
    told = result.attributes["parameters"]
    for i in range(9):
        told[f"pull_{i}"]["r_hat"] = 1.0 + 0.01 * i
    told["pull_2"]["r_hat"] = None  # did not move
    assert worst(result) == ["a", "pull_2", "pull_8", "pull_7", "pull_6", "pull_5"]
    assert r"4 nuisances of smaller $\hat{R}$ not shown" in legend_of(traces(result))[0]


def test_ranks_of_chains_that_agree_are_in_the_band():
    rng = np.random.default_rng(2)
    spread = rank_spread(4, 2000.0)
    found = np.stack([rank_shares(rng.normal(size=SHAPE)) for _ in range(200)])
    assert found.mean() == pytest.approx(1, abs=1e-12)
    assert found.std() == pytest.approx(spread, rel=0.03)
    assert (np.abs(found - 1) < 1.96 * spread).mean() == pytest.approx(BAND, abs=0.02)


def test_ranks_of_a_chain_elsewhere_leave_the_band():
    x = np.random.default_rng(3).normal(size=SHAPE)
    x[0] += 0.5
    shares = rank_shares(x)
    assert np.abs(shares[0] - 1).max() > 5 * rank_spread(4, 2000.0)
    assert shares[0, -1] > 1 > shares[0, 0]
    assert shares.mean(axis=0) == pytest.approx(np.ones(BINS))


def test_ranks_of_draws_in_numbers_that_the_bins_do_not_divide():
    x = np.random.default_rng(4).normal(size=(3, 101))
    assert rank_shares(x).mean(axis=0) == pytest.approx(np.ones(BINS))


def test_ranks_say_what_the_bars_are():
    figure = draw(ranks(chains()))
    _, bars, band = legend_of(figure)
    assert bars == "share of the draws of a chain, in 20 bins"
    assert band == "95 % of the bars of chains that sample the same posterior"
    assert figure.axes[0].get_xlabel() == "rank among all draws [%]"
    assert len(figure.axes[0].patches) == 4


def test_a_few_draws_can_be_drawn():
    x = np.random.default_rng(6).normal(size=(2, 4))
    result = posterior_of({"a": x}, {"a": "flat"})
    for make in (traces, ranks, corner):
        draw(make(result))
    result.attributes["method"] = "tempered"
    draw(runs(result))


def valleys():
    rng = np.random.default_rng(5)
    weights = np.array([0.2, 0.3, 0.25, 0.25])
    first = rng.random(SHAPE) < weights[:, None]
    x = np.where(first, 1.0, 0.0) + 0.05 * rng.normal(size=SHAPE)
    modes = [
        {"weight": 0.75, "weight_error": 0.02, "parameters": {"a": 0.0, "pull_b": 0.0}},
        {"weight": 0.25, "weight_error": 0.02, "parameters": {"a": 1.0, "pull_b": 0.0}},
    ]
    draws = {"a": x, "pull_b": rng.normal(size=SHAPE)}
    priors = {"a": "flat from -2 to 2", "pull_b": "0 +- 1"}
    evidence = {"value": -3.0, "error": 0.1, "runs": [-3.1, -2.9, -3.0, -3.0]}
    result = posterior_of(draws, priors, "a", modes=modes, method="tempered", log_evidence=evidence)
    return result, first.mean(axis=1)


def test_runs_show_the_share_of_each_valley_in_each_of_them():
    result, shares = valleys()
    rows = shown(result, ["a"])
    found = valley_shares(rows, result.attributes["modes"])
    assert found == pytest.approx(np.stack([1 - shares, shares], axis=1))
    figure = draw(runs(result))
    title, *labels = legend_of(figure)
    assert len(figure.axes) == 1  # physics alone
    assert r"weight 0.750 $\pm$ 0.020" in title
    assert labels[0] == (
        f"run 1, share nearest to valley 1: {1 - shares[0]:.3f}, 2: {shares[0]:.3f}; ln Z = -3.10"
    )
    assert len(labels) == len(figure.axes[0].lines) == 4


def test_particles_are_no_chains_and_chains_no_runs():
    result, _ = valleys()
    for make in (traces, ranks):
        with pytest.raises(ConfigError, match="particles of tempered Monte Carlo are no chains"):
            make(result)
    with pytest.raises(ConfigError, match="not independent of where they start"):
        runs(chains())
