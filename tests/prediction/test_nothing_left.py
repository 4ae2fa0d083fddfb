"""Pulls at which nothing is left of a component, and scales and pulls that are refused."""

import copy

import jax
import numpy as np
import pytest
from own_germanium import MODEL, own

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.experiment import Scale, n_sigma
from cevns_jax.prediction.nuisances import Nuisance

EMPTY = np.zeros(6)


def flux(width, **changed):
    return Nuisance(**({"name": "flux", "acts_on": ("cevns",), "width": width} | changed))


@pytest.mark.parametrize("width", [0.1, 0.3, 0.35, 0.5, 0.7, 0.99])
def test_a_linear_factor_is_exactly_zero_at_its_lowest_pull(width):
    nuisance = flux(width)
    lowest = nuisance.lowest(("cevns",))
    assert float(jax.jit(nuisance.factor)(lowest)) == 0.0
    assert float(nuisance.factor(lowest)) == 0.0
    assert float(jax.jit(jax.grad(nuisance.factor))(lowest)) == pytest.approx(width)
    assert float(jax.jit(nuisance.factor)(lowest + 1e-6)) == pytest.approx(1e-6 * width, rel=1e-6)


TWO_WIDTHS = [
    (up, down)
    for up in (0.1, 0.24, 0.3, 0.35, 0.9, 1.1)
    for down in (0.1, 0.24, 0.33, 0.7, 1.05, 1.17)
    if 1 / 6 < up / down < 6
]


def test_with_two_widths_a_linear_factor_is_exactly_zero_at_its_lowest_pull():
    factor = jax.jit(Nuisance.factor)
    left = {}
    for up, down in TWO_WIDTHS:
        nuisance = flux(up, width_down=down)
        lowest = nuisance.lowest(("cevns",))
        left[up, down] = float(factor(nuisance, lowest)), float(nuisance.factor(lowest))
    assert left == dict.fromkeys(TWO_WIDTHS, (0.0, 0.0))


def test_a_factor_of_a_ten_trillionth_is_no_zero():
    nuisance = flux(0.3, width_down=0.24)
    almost = nuisance.lowest(("cevns",)) + 1e-13
    assert float(jax.jit(nuisance.factor)(almost)) == pytest.approx(1e-13 * 0.24, rel=0.05)


def test_without_background_and_counts_an_end_of_a_pull_is_not_excluded():
    like = cj.Likelihood([own(observed=EMPTY, nuisances=(flux(0.1),))], MODEL)
    assert float(jax.jit(like.chi2)({"ge_flux": -10.0})) == pytest.approx(100.0)


@pytest.mark.parametrize("width", [0.1, 0.125, 0.2, 0.5])
def test_a_limit_where_nothing_was_seen_and_nothing_disturbs(width):
    experiment = own(observed=EMPTY, nuisances=(flux(width),))
    like = cj.Likelihood([experiment], MODEL, free=["n_sigma"]).hold(sin2_theta_w=0.23857)
    found = cj.limit(like, "n_sigma")
    assert found.converged.all()
    ((interval,),) = found.intervals
    # chi^2 = 2 n (1 + w x) + x^2 is lowest at x = -n w: 2 n - n^2 w^2 is the level at the limit.
    events = interval.high * float(np.sum(experiment.expected(MODEL, like.values())))
    level = 2 * events - (events * width) ** 2
    assert level == pytest.approx(found.delta_chi2, rel=1e-4)


def test_a_name_that_a_pull_acts_on_twice_is_refused():
    with pytest.raises(ConfigError, match='acts_on names "cevns" more than once'):
        own(nuisances=(flux(0.1, acts_on=("cevns", "cevns")),))


def test_a_scale_is_neither_another_parameter_nor_there_twice():
    angle = Scale(parameter=Parameter(name="sin2_theta_w", start=0.23857), acts_on=("cevns",))
    with pytest.raises(ConfigError, match='a scale of ge takes the name of parameter "sin2_the'):
        cj.Likelihood([own(scales=[angle])], MODEL)
    with pytest.raises(ConfigError, match="n_sigma scales cevns more than once"):
        own(scales=[n_sigma("cevns"), n_sigma("cevns")])


def test_experiments_are_equal_only_to_themselves():
    experiment = own()
    assert experiment in [experiment]
    assert copy.deepcopy(experiment) != experiment
    assert len({experiment, experiment}) == 1
