"""Liquid argon (2020): the release, nuisances, published fits, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from argon import (
    CHI2,
    COMPONENTS,
    FOLDER,
    GRADIENT,
    NAME,
    SHAPES,
    likelihood,
    numbers,
    predicted,
    released,
)
from scipy.optimize import minimize

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.experiments.coherent_lar_2020 import PRESETS
from cevns_jax.prediction.component import Precomputed
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.priors import width_of


def test_counts_have_the_total_and_projections_of_the_release(lar):
    """README of the release: 3752 events, and the three projections."""
    assert lar.observed.shape == (12, 8, 10)
    assert lar.observed.sum() == 3752
    np.testing.assert_array_equal(
        lar.observed.sum(axis=(1, 2)), [1194, 697, 419, 297, 219, 196, 146, 143, 133, 111, 109, 88]
    )
    np.testing.assert_array_equal(
        lar.observed.sum(axis=(0, 2)), [677, 498, 404, 430, 481, 489, 363, 410]
    )
    np.testing.assert_array_equal(
        lar.observed.sum(axis=(0, 1)), [351, 799, 387, 328, 319, 324, 320, 300, 332, 292]
    )


def test_bins_are_those_of_analysis_a(lar):
    assert lar.axes == ("energy_kevee", "f90", "time_us")
    for edges, expected in zip(
        lar.edges,
        (np.linspace(0, 120, 13), np.linspace(0.5, 0.9, 9), np.linspace(-0.1, 4.9, 11)),
        strict=True,
    ):
        np.testing.assert_allclose(edges, expected, atol=1e-9)


def test_backgrounds_are_the_released_ones(lar_nominal):
    for name, total in (("brn", 497.0), ("delayed_brn", 33.0), ("steady_state", 3152.0)):
        np.testing.assert_allclose(lar_nominal[name], released(name, total), rtol=1e-8, atol=1e-12)
        assert lar_nominal[name].sum() == pytest.approx(total, rel=1e-8)


def test_steady_state_is_flat_in_time_and_the_delayed_neutrons_come_after_the_prompt(lar_nominal):
    time = {
        name: lar_nominal[name].sum(axis=(0, 1)) / lar_nominal[name].sum() for name in lar_nominal
    }
    np.testing.assert_allclose(time["steady_state"], 0.1, atol=1e-8)
    assert time["brn"][:3].sum() == pytest.approx(1.0, abs=1e-8)
    assert time["delayed_brn"][:3].sum() == 0.0


# -------------------------------------------------------------------------------- the prediction


def test_prediction_is_close_to_the_released_one(lar_nominal):
    """128 events and their energies, within 5 % and 10 %: the collaboration's own simulation."""
    energy = lar_nominal["cevns"].sum(axis=(1, 2))
    assert energy.sum() == pytest.approx(128.0, rel=0.05)
    reference = released("cevns", 128.0).sum(axis=(1, 2))
    np.testing.assert_allclose(energy[:4], reference[:4], rtol=0.10)


def test_a_timing_nuisance_needs_arrival_times_that_can_move():
    for nuisances in ("split", [Nuisance(name="late", acts_on=("timing_ns",), width=50.0)]):
        with pytest.raises(
            ConfigError, match=r'cannot move.*"released", only with "inside_window"'
        ):
            cj.experiments.coherent_lar_2020(arrivals="released", nuisances=nuisances)


def test_pulse_shape_is_the_released_one_in_each_energy_bin(lar_nominal):
    """Above the last bin of the released CEvNS, its F90 is that of this bin."""
    shape = SHAPES["cevns"].reshape(12, 8)
    filled = np.flatnonzero(shape.sum(axis=1) > 0)
    row = np.minimum(np.arange(12), filled[-1])
    share = shape[row] / shape[row].sum(axis=1, keepdims=True)
    found = lar_nominal["cevns"].sum(axis=2)
    np.testing.assert_allclose(
        found[:9] / found[:9].sum(axis=1, keepdims=True), share[:9], rtol=1e-9
    )


def test_exposure_scales_the_signal_alone_and_the_exposure_scale_everything(lar_nominal):
    heavy = predicted(
        cj.experiments.coherent_lar_2020(
            exposure=cj.experiments.Exposure(
                mass_kg=48.8, distance_m=55.0, neutrinos_per_proton=0.18, protons_on_target=2.76e23
            )
        )
    )
    np.testing.assert_allclose(heavy["cevns"], 2 * lar_nominal["cevns"], rtol=1e-12)
    np.testing.assert_array_equal(heavy["brn"], lar_nominal["brn"])
    more = predicted(
        cj.experiments.coherent_lar_2020(exposure_scale=10.0, steady_state_events=1576.0)
    )
    for name, factor in (("cevns", 10), ("brn", 10), ("delayed_brn", 10), ("steady_state", 5)):
        np.testing.assert_allclose(more[name], factor * lar_nominal[name], rtol=1e-12)


# ------------------------------------------------------------------------------------- nuisances


def test_response_that_can_move_agrees_with_the_fixed_one(lar_split, lar_nominal):
    moved = predicted(lar_split)
    assert set(moved) == set(lar_nominal)
    for name, counts in lar_nominal.items():
        np.testing.assert_allclose(moved[name], counts, atol=1e-6 * counts.max())


def test_signal_pulls_move_what_they_name(lar_split, lar_nominal):
    """The pulse shifts times, F90 moves along the released variation, factors scale."""
    start = lar_nominal["cevns"]
    mean = (lar_split.edges[2][1:] + lar_split.edges[2][:-1]) / 2
    late, early = (
        predicted(lar_split, **{f"{NAME}_timing": x})["cevns"].sum(axis=(0, 1)) @ mean
        for x in (0.5, -0.5)
    )
    assert late > early
    wider = predicted(lar_split, **{f"{NAME}_f90": 1.0})["cevns"].sum(axis=2)
    plus = SHAPES["cevns_f90_plus"].reshape(12, 8)[:5]
    per_energy = start.sum(axis=(1, 2))[:5, None] / SHAPES["cevns"].reshape(12, 8)[:5].sum(
        axis=1, keepdims=True
    )
    np.testing.assert_allclose(wider[:5], plus * per_energy, rtol=2e-6)
    both = predicted(lar_split, sns_flux=1.0, **{f"{NAME}_mass": -1.0})["cevns"]
    np.testing.assert_allclose(both, 1.1 * 0.975 * start, atol=1e-6 * start.max())


@pytest.mark.parametrize(
    ("pull", "plus", "minus"),
    [
        ("brn_energy", "brn_energy_plus", "brn_energy_minus"),
        ("brn_time", "brn_time_plus", "brn_time_minus"),
        ("brn_time_width", "brn_time_width", None),
    ],
)
def test_prompt_neutrons_take_the_released_shapes_at_one_sigma(lar_split, pull, plus, minus):
    """All with the nominal total: one variation is released with 523.67 events for 497."""
    up, down = (predicted(lar_split, **{f"{NAME}_{pull}": x})["brn"] for x in (1.0, -1.0))
    np.testing.assert_allclose(up, released(plus, 497.0), rtol=1e-7, atol=1e-9)
    if minus:
        np.testing.assert_allclose(down, released(minus, 497.0), rtol=1e-7, atol=1e-9)
    else:  # one-sided: as far the other way
        expected = 2 * released("brn", 497.0) - released(plus, 497.0)
        np.testing.assert_allclose(down, np.maximum(expected, 0), rtol=1e-7, atol=1e-9)
    assert up.sum() == pytest.approx(497.0, rel=1e-7)


def test_gradients_in_every_parameter_agree_with_finite_differences(lar_split):
    """Of fourth order, from differences of 1e-3 and 2e-3 of a prior or error."""
    like = likelihood(lar_split, "sin2_theta_w", "n_sigma", "r_n_ar")
    random = np.random.default_rng(2020)
    scale = np.array([0.05, 0.3, 0.2, *np.ones(len(like.names) - 3)])
    x = np.asarray(like.start) + random.uniform(-0.6, 0.6, len(scale)) * scale
    gradient = GRADIENT(like, like.values(x))
    for i, name in enumerate(like.names):
        step = 1e-3 * scale[i]
        moved = np.tile(x, (4, 1))
        moved[:, i] += np.array([-2, -1, 1, 2]) * step
        chi2 = [float(CHI2(like, like.values(y))) for y in moved]
        slope = np.dot([1, -8, 8, -1], chi2) / (12 * step)
        assert float(gradient[name]) == pytest.approx(slope, rel=1e-7, abs=1e-7), name


def test_freezing_what_does_not_move_changes_no_count(lar_split, lar_nominal):
    """Also where only the pulse shape and a background stay free."""
    like = likelihood(lar_split)
    names = (f"{NAME}_f90", f"{NAME}_brn_time")
    values = like.values() | numbers({f"{NAME}_quenching_a": 0.7})
    ready = jax.jit(lambda k, v: k.precomputed(v, names))(like, values)
    moved = values | numbers(dict.fromkeys(names, 0.4))
    found, whole = (COMPONENTS(k, moved)[NAME] for k in (ready, like))
    for name, counts in whole.items():
        np.testing.assert_allclose(found[name], counts, rtol=1e-12, atol=1e-15)
    assert abs(whole["cevns"] - lar_nominal["cevns"]).max() > 1e-2  # it did move


@pytest.mark.parametrize("name", PRESETS)
def test_nominal_values_lie_inside_their_priors(name):
    for parameter in cj.experiments.coherent_lar_2020(nuisances=name).parameters:
        prior = parameter.prior
        assert not prior.constrains or abs(parameter.start - prior.mean) <= width_of(prior)
        assert parameter.lower <= parameter.start <= parameter.upper


# ------------------------------------------------------------------------------------------ fits


def test_released_template_gives_the_count_of_an_independent_fit():
    """README, extended Poisson fit with the released CEvNS: 160.2 +- 42.6, the backgrounds
    552.1, 10.5 and 3131.4, Delta chi2 = 15.04 for no CEvNS (published 159 +- 43)."""
    base = cj.experiments.coherent_lar_2020(nuisances="backgrounds_only")
    signal = Precomputed(counts=jnp.asarray(released("cevns", 128.0)), parameters=())
    like = likelihood(dataclasses.replace(base, parts={**base.parts, "cevns": signal}), "n_sigma")
    best = cj.fit(like)
    assert best.converged
    assert 128 * best.values["n_sigma"] == pytest.approx(160.2, abs=0.1)
    errors = best.parameters["n_sigma"]
    assert 64 * (errors["error_low"] + errors["error_high"]) == pytest.approx(42.6, abs=0.2)
    parts = COMPONENTS(like, like.values(best.x))[NAME]
    for name, count in (("brn", 552.1), ("delayed_brn", 10.5), ("steady_state", 3131.4)):
        assert float(parts[name].sum()) == pytest.approx(count, abs=0.2), name
    assert like.names[0] == "n_sigma"

    def without(pulls):
        values = like.values(np.append(0.0, pulls))
        gradient = GRADIENT(like, values)
        return float(CHI2(like, values)), np.array([gradient[name] for name in like.names[1:]])

    nothing = minimize(without, best.x[1:], jac=True, tol=1e-8)
    assert nothing.fun - best.chi2 == pytest.approx(15.04, abs=0.03)


def test_count_with_the_released_arrival_times():
    """Published 159 +- 43 (stat): ours has its own energy spectrum, 3.6 % more events."""
    lar = cj.experiments.coherent_lar_2020(arrivals="released", nuisances="backgrounds_only")
    like = likelihood(lar, "n_sigma")
    best = cj.fit(like)
    assert best.converged
    unit = predicted(lar)["cevns"].sum()
    assert unit * best.values["n_sigma"] == pytest.approx(159, abs=5)
    assert unit * best.parameters["n_sigma"]["error"] == pytest.approx(43, abs=2)


def test_weak_mixing_angle_with_one_pull_for_the_signal(lar):
    """Miranda et al., arXiv:2003.12050: 0.258 +0.048 -0.050. Half an error for the value (their
    form factor and binning are others), 10 % for the errors."""
    best = cj.fit(likelihood(lar, "sin2_theta_w"))
    assert best.converged
    angle = best.parameters["sin2_theta_w"]
    assert angle["value"] == pytest.approx(0.258, abs=0.025)
    assert angle["error_high"] == pytest.approx(0.048, rel=0.1)
    assert angle["error_low"] == pytest.approx(0.050, rel=0.1)
    assert abs(best.values[f"{NAME}_cevns"]) < 0.01  # the angle takes over its part


def test_weak_mixing_angle_with_the_uncertainties_taken_apart(lar_split):
    """It converges, to an angle within half an error of the lumped one, and pulls stay small."""
    best = cj.fit(likelihood(lar_split, "sin2_theta_w"))
    assert best.converged
    assert best.values["sin2_theta_w"] == pytest.approx(0.258, abs=0.025)
    assert best.parameters["sin2_theta_w"]["error"] == pytest.approx(0.048, rel=0.1)
    assert max(abs(best.values[name]) for name in lar_split.pulls) < 1.5
    assert best.chi2 < CHI2(best.likelihood, best.likelihood.values())


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"arrivals": "late"}, 'arrivals.*"late".*inside_window'),
        ({"arrivals": "al"}, 'did you mean "all"'),
        ({"nuisances": "lumpy"}, 'preset "lumpy".*did you mean "lumped"'),
        ({"nuisances": [Nuisance(name="a", acts_on=("brm",), width=0.1)]}, 'did you mean "brn"'),
        ({"exposure_scale": 0.0}, "exposure_scale must be positive"),
        ({"steady_state_events": -3.0}, "steady_state must be positive"),
    ],
)
def test_wrong_choices_are_refused_with_what_is_allowed(given, words):
    with pytest.raises(ConfigError, match=words):
        cj.experiments.coherent_lar_2020(**given)


def test_conventions_name_every_choice(lar_split):
    named = lar_split.conventions
    assert "Gaussian proton pulse" in named["flux"]
    assert "Ar40 3.448" in named["R_p [fm]"]
    assert "Ar40 3.55" in named["R_n [fm]"]
    assert named["arrivals"] == "inside window"
    assert "0.246, 0.78" in named["quenching"]
    assert "0.58^2 E" in named["resolution"]
    assert "sns_flux 0.1 linear on cevns" in named["nuisances"]


def test_tables_cite_their_source():
    for path in FOLDER.iterdir():
        head = path.read_text(encoding="utf-8")[:400]
        assert "2006.12659" in head
        assert "not stated" in head
