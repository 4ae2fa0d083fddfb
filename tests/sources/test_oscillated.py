"""Oscillated sources against quadrature of flux times probability; derivatives; what is refused."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.integrate import quad

from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import Helm
from cevns_jax.interactions import standard_model
from cevns_jax.nuclei import target
from cevns_jax.recoil import kernel
from cevns_jax.sources import PionDecayAtRest, line_source, oscillated_source, tabulated_source
from cevns_jax.sources.oscillated import MOST_PANELS

SNS = PionDecayAtRest(fluence=1e15)
MUON = 105.6583755  # [MeV]
END, LINE = SNS.end_points[1], SNS.end_points[0]
BASELINE = 27.5  # [m]
POINT = {"sin2_2theta_sterile": 0.37, "delta_m2_sterile": 1.9}
ROWS = np.array([1.5, 2.0, 3.1, 4.7, 6.0, 8.0])
REACTOR_FLUX = np.array([3.0, 2.0, 1.1, 0.5, 0.2, 0.0])
REACTOR = tabulated_source(ROWS, {"nu_e_bar": REACTOR_FLUX}, live_time_s=1e3)
compiled = jax.jit(lambda source, e_min, values: source.moments(e_min, values))


def survival(energy, mixing, splitting, baseline):
    """1 - sin^2(2 theta) sin^2(1.267 Delta m^2 L/E), where 1.267 is 1/(4 x 0.197...)."""
    return 1 - mixing * np.sin(splitting * baseline / (4 * 0.1973269804 * energy)) ** 2


def michel(flavour, energy):
    x = energy / MUON
    return (64 * x**2 * (0.75 - x) if flavour == "nu_mu_bar" else 192 * x**2 * (0.5 - x)) / MUON


@settings(max_examples=20, deadline=None)
@given(e_min=st.floats(3.0, 52.0), mixing=st.floats(0.0, 1.0), splitting=st.floats(0.0, 10.0))
def test_moments_of_pion_decay_are_the_integrals(e_min, mixing, splitting):
    """1e-9 of the moment without oscillation, for all of the declared domain."""
    source = oscillated_source(SNS, baseline_m=BASELINE)
    values = {"sin2_2theta_sterile": mixing, "delta_m2_sterile": splitting}
    found = np.asarray(compiled(source, jnp.array(e_min), values))
    plain = SNS.moments(np.array(e_min))
    for k in range(3):
        line = 1e15 * survival(LINE, mixing, splitting, BASELINE) * LINE**-k * (e_min <= LINE)
        assert found[0, k] == pytest.approx(line, rel=1e-9, abs=1e-9 * plain[0, k])
        for row, flavour in ((1, "nu_mu_bar"), (2, "nu_e")):
            exact = quad(
                lambda e, f=flavour, k=k: (
                    michel(f, e) * survival(e, mixing, splitting, BASELINE) * e**-k
                ),
                *(e_min, END),
                epsabs=0,
                epsrel=1e-11,
                limit=500,
            )[0]
            assert found[row, k] == pytest.approx(1e15 * exact, abs=1e-9 * plain[row, k])


def test_moments_of_a_table_are_the_integrals():
    """Straight lines between rows, below the first row too."""
    source = oscillated_source(REACTOR, baseline_m=10.0, lowest_mev=0.5)
    e_min = np.array([0.7, 1.5, 1.7, 3.1, 5.5, 7.9, 8.0, 9.0])
    found = np.asarray(compiled(source, e_min, POINT))[0]
    for column, low in enumerate(e_min):
        ends = [max(low, ROWS[0]), *ROWS[(low < ROWS) & (ROWS[0] < ROWS)]]
        for k in range(3):
            exact = sum(
                quad(
                    lambda e, k=k: (
                        np.interp(e, ROWS, REACTOR_FLUX)
                        * survival(e, *POINT.values(), 10.0)
                        * e**-k
                    ),
                    *pair,
                    epsrel=1e-11,
                )[0]
                for pair in pairwise(ends)
            )
            assert found[k, column] == pytest.approx(1e3 * exact, rel=1e-9, abs=1e-9)


def test_without_mixing_it_is_the_source_itself():
    source = oscillated_source(SNS, baseline_m=BASELINE)
    e_min = np.linspace(0.1, 60.0, 50)
    still = compiled(source, e_min, {"sin2_2theta_sterile": 0.0, "delta_m2_sterile": 5.0})
    np.testing.assert_allclose(still, SNS.moments(e_min), rtol=1e-14)


def test_only_the_families_that_mix_disappear():
    source = oscillated_source(SNS, baseline_m=BASELINE, families=("e",))
    found = np.asarray(compiled(source, np.array([5.0]), POINT))
    plain = SNS.moments(np.array([5.0]))
    np.testing.assert_allclose(found[:2], plain[:2], rtol=1e-14)
    assert (found[2] < 0.95 * plain[2]).all()


def test_parameters_that_are_not_given_are_at_their_start():
    source = oscillated_source(SNS, baseline_m=BASELINE, sin2_2theta=0.37, delta_m2_ev2=1.9)
    e_min = np.array([5.0, 20.0])
    np.testing.assert_array_equal(compiled(source, e_min, {}), compiled(source, e_min, POINT))
    assert "27.5 m" in source.label


@pytest.mark.parametrize("source", [SNS, REACTOR], ids=["pions", "table"])
def test_gradients_of_moments_are_those_of_finite_differences(source):
    """In the parameters of the oscillation, and in E_min, whose derivative is -phi P E^-k."""
    oscillated = oscillated_source(source, baseline_m=10.0)

    @jax.jit
    def moments(mixing, splitting, e_min):
        values = {"sin2_2theta_sterile": mixing, "delta_m2_sterile": splitting}
        plain = oscillated.source.moments(jnp.array(2.0))
        return oscillated.moments(e_min, values) / plain

    check_grads(moments, (0.3, 1.7, jnp.array(5.13)), order=1, modes=("fwd", "rev"), rtol=1e-5)


def test_counts_of_an_oscillated_source_are_the_double_integral():
    """Germanium at 27.5 m: a flux with parameters is evaluated under trace, on the same nodes."""
    material = target({"Ge74": 1.0}, form_factor=Helm())
    source = oscillated_source(SNS, baseline_m=BASELINE)
    one = kernel(source, material, mass_kg=1.0)
    assert [p.name for p in one.parameters] == ["r_n_ge74", *POINT]
    assert one.weighted_moments is None
    model = standard_model()
    response = jnp.asarray(1 / (1 + np.exp(-(one.recoil - 5e-3) / 2e-3)))[..., None]

    @jax.jit
    def counts(values):
        return one.counts(model, {"sin2_theta_w": 0.23857} | values, response)[:, 0]

    radius = {p.name: p.start for p in material.parameters}

    @jax.jit
    def accepted(plain):
        kept = 1 / (1 + jnp.exp(-(plain.recoil - 5e-3) / 2e-3))
        return plain.counts(model, {"sin2_theta_w": 0.23857} | radius, kept[..., None])[0, 0]

    def per_energy(energy):
        """Recoils of one neutrino per cm^2 that are accepted, per kg."""
        plain = kernel(
            line_source(energy_mev=energy, flux_per_cm2_s=1.0, live_time_s=1.0, flavour="nu_mu"),
            material,
            mass_kg=1.0,
            nodes=32,
        )
        return float(accepted(plain))

    x, w = np.polynomial.legendre.leggauss(64)
    low = 3.0  # below it no recoil is accepted to a part in a million
    energy = low + (END - low) * (1 + x) / 2
    seen = np.array([per_energy(e) for e in energy])
    chance = survival(energy, *POINT.values(), BASELINE)
    found = np.asarray(counts(POINT | radius))
    line = 1e15 * survival(LINE, *POINT.values(), BASELINE) * per_energy(LINE)
    assert found[0] == pytest.approx(line, rel=1e-8)
    for row, flavour in ((1, "nu_mu_bar"), (2, "nu_e")):
        exact = 1e15 * np.sum(w * (END - low) / 2 * seen * chance * michel(flavour, energy))
        assert found[row] == pytest.approx(exact, rel=1e-6)
    jacobian = jax.jacfwd(counts)(POINT | radius)
    for name in POINT:
        up, down = (counts(POINT | radius | {name: POINT[name] + h}) for h in (1e-4, -1e-4))
        np.testing.assert_allclose(jacobian[name], (up - down) / 2e-4, rtol=1e-5)


def test_a_line_has_the_probability_at_its_energy():
    source = oscillated_source(
        line_source(energy_mev=0.747, flux_per_cm2_s=1e13, live_time_s=1e6),
        baseline_m=0.5,
        lowest_mev=0.1,
    )
    e_min = np.array([0.01, 0.3, 0.747, 0.75])
    found = np.asarray(compiled(source, e_min, POINT))[0]
    one = 1e19 * survival(0.747, *POINT.values(), 0.5)
    for k in range(3):
        np.testing.assert_allclose(found[k], one * 0.747**-k * (e_min <= 0.747), rtol=1e-10)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"families": ("nu_e",)}, 'no family "nu_e"'),
        ({"families": ()}, "families must hold one of the source, which has nu_mu,"),
        ({"families": ("tau",)}, r"with \(tau\) nothing oscillates"),
        ({"families": "mu"}, r'families must be a tuple of names such as \("mu",\), not "mu"'),
        ({"families": 3}, "families must be a tuple of names"),
        ({"baseline_m": 0.0}, "oscillation: baseline_m must"),
        ({"baseline_m": 1e6}, "oscillation: baseline_m must"),
        ({"baseline_m": "a"}, 'baseline_m must be a number, not "a"'),
        ({"sin2_2theta": "a"}, 'sin2_2theta must be a number, not "a"'),
        ({"delta_m2_ev2": [1.0]}, "delta_m2_ev2 must be a number, not a list"),
        ({"lowest_mev": "a"}, 'lowest_mev must be a number, not "a"'),
        ({"highest_delta_m2_ev2": -1.0}, "highest_delta_m2_ev2 must be positive"),
        ({"lowest_mev": 0.0}, "lowest_mev must be positive"),
        ({"lowest_mev": 60.0}, "lowest_mev must lie below 52.8"),
        ({"sin2_2theta": 1.5}, "sin2_2theta_sterile must be finite and lie between 0 and 1"),
        ({"delta_m2_ev2": 30.0}, "delta_m2_sterile must be finite and lie between 0 and 10"),
    ],
)
def test_what_is_no_oscillation_is_refused(changed, text):
    with pytest.raises(ConfigError, match=text):
        oscillated_source(SNS, **{"baseline_m": BASELINE} | changed)


def test_no_more_oscillations_than_can_be_integrated():
    """The sentence names the largest Delta m^2 that fits, and it does fit."""
    far = {"baseline_m": 1000.0, "lowest_mev": 1.5}
    with pytest.raises(ConfigError) as refused:
        oscillated_source(REACTOR, **far, highest_delta_m2_ev2=1e7)
    text = str(refused.value)
    assert "highest_delta_m2_ev2 = 1e+07 with baseline_m = 1000 and lowest_mev = 1.5" in text
    largest = float(text.rsplit("up to ", 1)[1])
    fits = oscillated_source(REACTOR, **far, highest_delta_m2_ev2=largest)
    assert len(fits.panels) > MOST_PANELS * 0.99
    with pytest.raises(ConfigError, match="more than the 4096"):
        oscillated_source(REACTOR, **far, highest_delta_m2_ev2=1.01 * largest)
