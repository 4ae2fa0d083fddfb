"""Posteriors of improper priors: those without a finite integral are refused before sampling."""

import math
from dataclasses import replace

import numpy as np
import pytest
from own_germanium import MODEL, own

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.inference.mode import modes_of
from cevns_jax.inference.proper import check_proper
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.target import target_of
from cevns_jax.interactions import light_vector, with_new_physics
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.priors import Flat, LogUniform

LINE = {"prior": Flat(), "lower": -math.inf}


def experiment(width=0.1):
    """With a signal known to a width, and two backgrounds that cannot be told apart."""
    pulls = [
        Nuisance(name="flux", acts_on=("cevns",), width=width),
        *(Nuisance(name=n, acts_on=(n,), width=0.3) for n in ("one", "other")),
    ]
    flat = np.full(6, 5.0)
    return own(backgrounds={"one": flat, "other": flat}, nuisances=pulls)


def counted(interaction=MODEL, width=0.1, free=("n_sigma",)):
    return cj.asimov(cj.Likelihood([experiment(width)], interaction, free=free))


def changed(likelihood, **fields):
    """With fields of declarations changed."""
    known = likelihood.parameters
    return likelihood.declared({name: replace(known[name], **f) for name, f in fields.items()})


def check(likelihood, **priors):
    sampled = with_sampled_priors(likelihood, priors)
    target = target_of(sampled)
    check_proper(sampled, target, modes_of(sampled, target))


@pytest.fixture(scope="module")
def counting():
    return counted()


@pytest.mark.slow
def test_two_backgrounds_of_one_shape_have_a_flat_direction_on_the_line(counting):
    """Not one of them alone. A number of events needs no upper end."""
    one, other = {"ge_one": LINE}, {"ge_other": LINE}
    check(changed(counting, **one))
    with pytest.raises(ConfigError, match=r"of ge_one has no finite integral, .* no end below"):
        check(changed(counting, **one, **other))


@pytest.mark.slow
def test_it_is_there_until_one_of_them_ends_on_both_sides(counting):
    """Or both where nothing is left."""
    both = changed(counting, ge_one=LINE, ge_other=LINE)
    with pytest.raises(ConfigError, match=r"of ge_\w+ has no finite integral"):
        check(both, ge_one=Flat(upper=3.0))
    check(both, ge_one=Flat(-5.0, 5.0))
    check(changed(counting, ge_one={"prior": Flat()}, ge_other={"prior": Flat()}))


def test_a_signal_whose_normalisation_can_vanish_within_three_widths_is_refused():
    """exp(-1/(2 w^2)) of a flat posterior of s = n (1 + w x) falls as 1/n: 4e-3 of it for 30 %."""
    likelihood = counted(width=0.3)
    with pytest.raises(ConfigError, match="n_sigma has no finite integral") as error:
        check(likelihood)
    assert "[parameters.n_sigma.prior]" in str(error.value)
    assert "no end above" in str(error.value)
    check(likelihood, n_sigma=Flat(0.0, 100.0))


@pytest.mark.slow
def test_a_mass_needs_an_upper_end_and_a_coupling_does_not():
    vector = counted(with_new_physics(MODEL, light_vector()), free=("g_vector", "m_vector"))
    endless = changed(vector, m_vector={"upper": math.inf})
    with pytest.raises(ConfigError, match=r"m_vector .* no end above and chi\^2 does not rise"):
        check(endless)
    with pytest.raises(ConfigError, match="m_vector has no finite integral"):
        check(endless.hold(g_vector=0.0))
    check(endless, m_vector=LogUniform(0.1, 1e3))
    ends = {"lower": -math.inf, "upper": math.inf}
    check(changed(vector, g_vector=ends).hold(m_vector=10.0))


def test_it_is_checked_before_anything_is_drawn(counting, monkeypatch):
    monkeypatch.setattr("cevns_jax.inference.run.Run.attempt", lambda *_: pytest.fail("drawn"))
    endless = changed(counting, ge_one=LINE, ge_other=LINE)
    with pytest.raises(ConfigError, match="no finite integral"):
        cj.sample(endless, seed=1, draws=100)
