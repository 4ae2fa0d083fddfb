"""COHERENT CsI (2021): the data as published, the prediction, and what its choices move."""

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.data.tables import DATA
from cevns_jax.experiments.coherent_csi_2021 import PRESETS
from cevns_jax.form_factors import KleinNystrand, SymmetrisedFermi, TwoParameterFermi

MODEL = cj.interactions.standard_model(axial=False)


def predicted(csi, model=MODEL, **values):
    like = cj.Likelihood([csi], model)
    parts = jax.jit(lambda v: like.components(v))(like.values() | values)
    return {name: np.asarray(counts) for name, counts in parts[csi.name].items()}


@pytest.fixture(scope="module")
def csi():
    return cj.experiments.coherent_csi_2021()


def test_counts_have_the_projections_of_the_release(csi):
    """Energy and time projections counted from the released events, 1578 in all."""
    np.testing.assert_array_equal(
        csi.observed.sum(axis=1), [11, 147, 224, 177, 144, 237, 210, 231, 197]
    )
    np.testing.assert_array_equal(
        csi.observed.sum(axis=0), [34, 31, 42, 42, 52, 58, 56, 41, 314, 491, 417]
    )


def test_bins_are_those_of_the_phenomenologists(csi):
    assert csi.axes == ("photoelectrons", "time_us")
    np.testing.assert_array_equal(csi.edges[0], [0, 8, 12, 16, 20, 24, 32, 40, 50, 60])
    np.testing.assert_array_equal(
        csi.edges[1], [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6]
    )


def test_backgrounds_have_their_published_totals(csi):
    totals = {name: float(t.sum()) for name, t in csi.backgrounds.items()}
    assert totals == pytest.approx({"steady_state": 1286, "brn": 18.4, "nin": 5.6})


def test_steady_state_is_flat_in_time_then_falls_with_the_efficiency(csi):
    """1 up to 0.52 us, exp(-0.0494 (t - 0.52)) after it; energy from anti-coincidence events."""
    shape = csi.backgrounds["steady_state"]
    rate = shape.sum(axis=0) / np.diff(csi.edges[1])
    np.testing.assert_allclose(rate[:4] / rate[0], 1.0, rtol=1e-12)
    late = np.exp(0.0494 * 0.52) * (np.exp(-0.0494 * 4) - np.exp(-0.0494 * 6)) / 0.0494
    assert rate[-1] / rate[0] == pytest.approx(late / 2, rel=1e-9)
    np.testing.assert_allclose(
        shape.sum(axis=1) / shape.sum() * 1295, [4, 98, 144, 123, 105, 202, 182, 216, 221]
    )


def test_prediction_agrees_with_an_independent_one(csi):
    """324.4 events: analytic flux, tree couplings, Helm, made with another code."""
    assert predicted(csi)["cevns"].sum() == pytest.approx(324.4, rel=2e-3)


def test_prompt_flavour_fills_the_first_microsecond(csi):
    """nu_mu arrive below 1 us to 99.9 %, the delayed flavours to a fifth."""
    fractions = csi.signal.timing({})
    early = np.asarray(fractions)[:, :8].sum(axis=1)
    np.testing.assert_allclose(early, [0.999, 0.204, 0.202], atol=0.01)


@pytest.mark.parametrize(
    ("form_factor", "expected"),
    [(KleinNystrand(), 1.0), (SymmetrisedFermi(), 1.0), (TwoParameterFermi(), 1.0)],
)
def test_form_factors_with_the_same_radii_agree_to_two_per_cent(csi, form_factor, expected):
    other = cj.experiments.coherent_csi_2021(form_factor=form_factor)
    ratio = predicted(other)["cevns"].sum() / predicted(csi)["cevns"].sum()
    assert ratio == pytest.approx(expected, abs=0.02)


def test_exposure_scales_the_signal_and_nothing_else(csi):
    double = cj.experiments.coherent_csi_2021(mass_kg=29.2, distance_m=19.3 * np.sqrt(2))
    np.testing.assert_allclose(predicted(double)["cevns"], predicted(csi)["cevns"], rtol=1e-12)
    heavy = predicted(cj.experiments.coherent_csi_2021(mass_kg=29.2))
    np.testing.assert_allclose(heavy["cevns"], 2 * predicted(csi)["cevns"], rtol=1e-12)
    np.testing.assert_array_equal(heavy["brn"], csi.backgrounds["brn"])


def test_fixed_and_movable_response_agree_at_zero_pull(csi):
    split = predicted(cj.experiments.coherent_csi_2021(nuisances="split"))["cevns"]
    fixed = predicted(csi)["cevns"]
    np.testing.assert_allclose(split, fixed, atol=1e-6 * fixed.max())


def test_a_larger_neutron_radius_lowers_the_rate_mostly_at_high_energy(csi):
    ratio = predicted(csi, r_n_cs133=5.5, r_n_i127=5.5)["cevns"].sum(axis=1)
    ratio = ratio / predicted(csi)["cevns"].sum(axis=1)
    assert (ratio < 1).all()
    assert (np.diff(ratio[1:]) < 0).all()


def test_a_later_beam_moves_events_to_later_bins():
    split = cj.experiments.coherent_csi_2021(nuisances="split")
    late = predicted(split, coherent_csi_2021_timing=1.0)["cevns"].sum(axis=0)
    early = predicted(split, coherent_csi_2021_timing=-1.0)["cevns"].sum(axis=0)
    assert late[:4].sum() < early[:4].sum()
    assert late[5:8].sum() > early[5:8].sum()
    assert late.sum() == pytest.approx(early.sum(), rel=0.03)


@pytest.mark.parametrize("name", PRESETS)
def test_nominal_values_lie_inside_their_priors(name):
    csi = cj.experiments.coherent_csi_2021(nuisances=name)
    for parameter in csi.parameters:
        assert abs(parameter.start - parameter.prior_mean) <= parameter.prior_width
        assert parameter.lower <= parameter.start <= parameter.upper


def test_conventions_name_every_choice(csi):
    named = dict(csi.conventions)
    assert "Helm" in named["form factor"]
    assert "5.01" in named["R_n [fm]"]
    assert "1286" in named["steady state"]
    assert "analytic" in named["flux"]


def test_tables_cite_their_source():
    for path in (DATA / "coherent_csi_2021").iterdir():
        head = path.read_text(encoding="utf-8")[:400]
        assert "2110.07730" in head
        assert "not stated" in head
