"""COHERENT liquid argon (2020): the release, an independent prediction, and published fits."""

import dataclasses
from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, quad_vec
from scipy.optimize import minimize
from scipy.special import ndtr, spherical_jn

import cevns_jax as cj
from cevns_jax.data.tables import DATA, read_table
from cevns_jax.errors import ConfigError
from cevns_jax.experiments.coherent_lar_2020 import PRESETS
from cevns_jax.prediction.component import Precomputed
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.priors import width_of

NAME = "coherent_lar_2020"
ENERGY = "coherent_lar_2020_energy"
FOLDER = DATA / NAME
MODEL = cj.interactions.standard_model()
COMPONENTS = jax.jit(cj.Likelihood.components)
CHI2 = jax.jit(cj.Likelihood.chi2)
GRADIENT = jax.jit(jax.grad(cj.Likelihood.chi2, argnums=1))

ENDS = ("energy_low_kevee", "energy_high_kevee", "f90_low", "f90_high")
VARIED = (
    *("brn_energy_plus", "brn_energy_minus", "brn_time_plus", "brn_time_minus"),
    "brn_time_width",
)
NAMES = (
    *("cevns", "cevns_f90_plus", "cevns_f90_minus", "cevns_time"),
    *("brn", *VARIED, "delayed_brn", "steady_state"),
)
SHAPES = read_table(FOLDER / "energy_f90.csv", (*ENDS, *NAMES))
ARRIVALS = read_table(FOLDER / "time.csv", ("time_low_us", "time_high_us", *NAMES))


def released(name, total):
    """A released template as (energy, F90, time)."""
    return total * np.multiply.outer(SHAPES[name].reshape(12, 8), ARRIVALS[name])


def numbers(values):
    """Values of one type, so that nothing compiles twice."""
    return {name: jnp.asarray(value, dtype=float) for name, value in values.items()}


def likelihood(experiment, *free):
    return cj.Likelihood([experiment], MODEL, free=free)


def predicted(experiment, **values):
    like = likelihood(experiment)
    parts = COMPONENTS(like, like.values() | numbers(values))
    return {name: np.asarray(counts) for name, counts in parts[NAME].items()}


@pytest.fixture(scope="module")
def lar():
    return cj.experiments.coherent_lar_2020()


@pytest.fixture(scope="module")
def split():
    return cj.experiments.coherent_lar_2020(nuisances="split")


@pytest.fixture(scope="module")
def nominal(lar):
    return predicted(lar)


# ------------------------------------------------------------------ data and released templates


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


def test_backgrounds_are_the_released_ones(nominal):
    for name, total in (("brn", 497.0), ("delayed_brn", 33.0), ("steady_state", 3152.0)):
        np.testing.assert_allclose(nominal[name], released(name, total), rtol=1e-8, atol=1e-12)
        assert nominal[name].sum() == pytest.approx(total, rel=1e-8)


def test_steady_state_is_flat_in_time_and_the_delayed_neutrons_come_after_the_prompt(nominal):
    time = {name: nominal[name].sum(axis=(0, 1)) / nominal[name].sum() for name in nominal}
    np.testing.assert_allclose(time["steady_state"], 0.1, atol=1e-8)
    assert time["brn"][:3].sum() == pytest.approx(1.0, abs=1e-8)
    assert time["delayed_brn"][:3].sum() == 0.0


# -------------------------------------------------------------------------------- the prediction


def test_prediction_is_close_to_the_released_one(nominal):
    """128 events and their energies, within 5 % and 10 %: the collaboration's own simulation."""
    energy = nominal["cevns"].sum(axis=(1, 2))
    assert energy.sum() == pytest.approx(128.0, rel=0.05)
    reference = released("cevns", 128.0).sum(axis=(1, 2))
    np.testing.assert_allclose(energy[:4], reference[:4], rtol=0.10)


MUON = 105.6583755  # [MeV]
LINE = (139.57039**2 - MUON**2) / (2 * 139.57039)
HBAR_C = 1.973269804e-11  # [MeV cm]
G_F = 1.1663787e-11  # [MeV^-2]
ELECTRON = 0.51099895069  # [MeV]
ISOTOPES = (
    (22, 39.9623831220, 0.996035),  # N, atomic mass [u], abundance
    (20, 37.9627321000, 0.0006289),
    (18, 35.9675451060, 0.0033361),
)


def michel(flavour, energy):
    """Energy distribution of the delayed neutrinos [1/MeV]."""
    x = energy / MUON
    return (
        64 / MUON * x**2 * (0.75 - x) if flavour == "nu_mu_bar" else 192 / MUON * x**2 * (0.5 - x)
    )


def cross_section(recoil, neutrons, mass, energies):
    """dsigma/dT [cm^2/MeV] at neutrino energies: Helm with rms radii, tree level."""
    q = np.sqrt(2 * mass * recoil) / 197.3269804  # [1/fm]

    def helm(rms):
        x = q * np.sqrt(5 / 3 * rms**2 - 5 * 0.9**2)
        return 3 * spherical_jn(1, x) / x * np.exp(-((0.9 * q) ** 2) / 2)

    charge = 18 * (0.5 - 2 * 0.23857) * helm(3.448) - neutrons / 2 * helm(3.55)
    kinematics = 1 - recoil / energies - mass * recoil / (2 * energies**2)
    return HBAR_C**2 * G_F**2 * mass / np.pi * charge**2 * kinematics


def reconstruction():
    """Nodes x [keVee] and weights, shape (12, nodes): the efficiency integrated over each bin."""
    table = read_table(FOLDER / "efficiency.csv", ("energy_kevee", "efficiency"))
    rows = table["energy_kevee"]
    assert len(rows) == 80
    assert table["efficiency"][0] == 0.0
    pieces = np.union1d(np.arange(0, 130, 10.0), np.concatenate([rows, np.arange(41, 120)]))
    z, w = np.polynomial.legendre.leggauss(16)
    nodes, weights = [], []
    for low, high in pairwise(pieces):
        x = (low + high) / 2 + (high - low) / 2 * z
        row = np.zeros((12, len(x)))
        row[int(low // 10)] = (
            w * (high - low) / 2 * np.interp(x, rows, table["efficiency"])
        )  # flat outside
        nodes.append(x)
        weights.append(row)
    return np.concatenate(nodes), np.concatenate(weights, axis=1)


@cache
def recoil_rate(recoil, neutrons, mass):
    """Recoils per MeV and nucleus for one neutrino of each flavour per cm^2."""
    lowest = (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2
    rate = cross_section(recoil, neutrons, mass, LINE) if lowest < LINE else 0.0
    for flavour in ("nu_mu_bar", "nu_e"):
        rate += quad(
            lambda e: michel(flavour, e) * cross_section(recoil, neutrons, mass, e),  # noqa: B023
            lowest,
            MUON / 2,
            epsrel=1e-10,
        )[0]
    return rate


def independent_spectrum(a=0.246, b=0.78):
    """CEvNS per energy bin: adaptive over neutrino and recoil energy, E_ee = a T + b T^2."""
    x, weights = reconstruction()
    fluence = 0.09 * 1.38e23 / (4 * np.pi * 2750.0**2)
    abundances = sum(share for _, _, share in ISOTOPES)
    molar = sum(share * atomic for _, atomic, share in ISOTOPES) / abundances
    total = np.zeros(12)
    for neutrons, atomic, share in ISOTOPES:
        mass = atomic * 931.49410372 - 18 * ELECTRON
        atoms = 24.4e3 / molar * 6.02214076e23 * share / abundances

        def seen(recoil, neutrons=neutrons, mass=mass):
            energy = 1e3 * recoil * (a + b * recoil)
            sigma = 0.58 * np.sqrt(energy)
            density = np.exp(-(((x - energy) / sigma) ** 2) / 2) / np.sqrt(2 * np.pi) / sigma
            return recoil_rate(recoil, neutrons, mass) * (weights @ density)

        line, highest = (2 * e**2 / (mass + 2 * e) for e in (LINE, MUON / 2))
        integral, _ = quad_vec(seen, 0.0, highest, epsrel=1e-8, points=[2e-3, 8e-3, line])
        total += fluence * atoms * integral
    return total


@pytest.fixture(scope="module")
def energy_alone():
    return cj.experiments.coherent_lar_2020_energy()


def energies(experiment, **values):
    like = likelihood(experiment)
    return np.asarray(COMPONENTS(like, like.values() | numbers(values))[ENERGY]["cevns"])


def test_energy_spectrum_is_an_independent_double_integral(energy_alone):
    """Isotopes, Helm, Michel spectra, quenching, smearing, efficiency: 1e-6 of each bin."""
    expected = independent_spectrum()
    energy = energies(energy_alone)
    np.testing.assert_allclose(energy[:6], expected[:6], rtol=1e-6)
    np.testing.assert_allclose(energy, expected, rtol=0, atol=1e-7 * expected.max())


def test_quenching_pulls_move_the_coefficients_by_their_errors(split):
    """0.246 +- 0.006 and 0.00078 +- 0.00009 per keV (release); up to 60 keVee 1e-6 of each bin."""
    quenching = [n for n in split.nuisances if n.name.startswith("quenching")]
    movable = cj.experiments.coherent_lar_2020_energy(nuisances=quenching)
    for pulls, moved in (({"a": -1.0}, (0.240, 0.78)), ({"a": 0.5, "b": 1.0}, (0.249, 0.87))):
        values = {f"{ENERGY}_quenching_{which}": pull for which, pull in pulls.items()}
        energy = energies(movable, **values)
        np.testing.assert_allclose(energy[:6], independent_spectrum(*moved)[:6], rtol=1e-6)


PION_LIFETIME, MUON_LIFETIME = 0.026033, 2.1969811  # [us], PDG


def after_pion(time):
    """Probability that a pion of the pulse (0.44 us, 0.15 us) has decayed by a time."""
    return quad(
        lambda s: np.exp(-s) * ndtr((time - PION_LIFETIME * s - 0.44) / 0.15),
        0,
        40,
        epsabs=1e-12,
        epsrel=1e-11,
        limit=200,
    )[0]


def after_muon(time):
    """The same for the muon from its decay."""
    first = time - (0.44 - 9 * 0.15)  # nothing happens before the pulse
    return quad(
        lambda s: np.exp(-s / MUON_LIFETIME) / MUON_LIFETIME * after_pion(time - s),
        0,
        first,
        epsabs=1e-11,
        epsrel=1e-10,
        limit=200,
        points=[max(time - 0.44 + d, 1e-3) for d in (-0.3, 0.0, 0.3)],
    )[0]


@pytest.fixture(scope="module")
def arrival_fractions():
    """nu_mu, nu_mu_bar and nu_e in each time bin by numerical convolution, shape (3, 10)."""
    edges = np.linspace(-0.1, 4.9, 11)
    prompt, delayed = (np.diff([f(t) for t in edges]) for f in (after_pion, after_muon))
    return np.stack([prompt, delayed, delayed])


def timing(experiment):
    return np.asarray(experiment.parts["cevns"].energy_time.timing({}))


def test_arrival_times_are_the_pulse_folded_with_pion_and_muon_decay(lar, arrival_fractions):
    assert lar.parts["cevns"].energy_time.kernel.flavours == ("nu_mu", "nu_mu_bar", "nu_e")
    lossy = cj.experiments.coherent_lar_2020(arrivals="all")
    np.testing.assert_allclose(timing(lossy), arrival_fractions, atol=1e-8)
    np.testing.assert_allclose(timing(lar), 1.11618 * arrival_fractions, atol=1e-5)


RELEASED_TIMES = np.array([11.08, 39.79, 18.70, 14.85, 11.87, 9.49, 7.58, 6.03, 4.79, 3.82])


def test_released_arrival_times_are_a_sum_of_released_events():
    """README: time projection of the released prediction of 128 events."""
    np.testing.assert_allclose(released("cevns", 128.0).sum(axis=(0, 1)), RELEASED_TIMES, atol=6e-3)


def test_our_flavour_mix_gives_the_released_arrival_times(nominal, lar):
    """Within 1.2 of 128 events a bin, nearly all of it in the first one: a proton pulse 10 ns
    later, of 200 ns that its mean is uncertain by, brings that to 0.3."""
    time = nominal["cevns"].sum(axis=(0, 1))
    difference = np.abs(128 * time / time.sum() - RELEASED_TIMES)
    assert difference.max() < 1.2
    assert difference[1:].max() < 0.6
    later = [Nuisance(name="late", acts_on=("timing_ns",), width=10.0)]
    moved = cj.experiments.coherent_lar_2020(nuisances=later)
    time = predicted(moved, **{f"{NAME}_late": 1.0})["cevns"].sum(axis=(0, 1))
    assert np.abs(128 * time / time.sum() - RELEASED_TIMES).max() < 0.3


def test_choices_of_the_arrivals_lose_the_late_neutrinos_or_take_the_released_shape(
    nominal, arrival_fractions
):
    """13 % of the delayed neutrinos come after 4.9 us, 10.4 % of the released events."""
    lossy = predicted(cj.experiments.coherent_lar_2020(arrivals="all"))["cevns"]
    shared = predicted(cj.experiments.coherent_lar_2020(arrivals="released"))["cevns"]
    energy = shared.sum(axis=(1, 2))
    np.testing.assert_allclose(
        shared.sum(axis=1), np.multiply.outer(energy, ARRIVALS["cevns"]), rtol=1e-7
    )
    assert nominal["cevns"].sum() == pytest.approx(shared.sum(), rel=2e-3)
    kept = arrival_fractions[1].sum()
    assert kept == pytest.approx(0.87, abs=0.01)
    np.testing.assert_allclose(lossy / lossy.sum(), nominal["cevns"] / nominal["cevns"].sum())
    assert lossy.sum() / shared.sum() == pytest.approx(1 - 0.104, abs=2e-3)
    # Above 40 keVee the line does not reach: there are delayed neutrinos only.
    late = nominal["cevns"].sum(axis=1)[5]
    np.testing.assert_allclose(late / late.sum(), arrival_fractions[1] / kept, atol=1e-3)


def test_a_timing_nuisance_needs_arrival_times_that_can_move():
    for nuisances in ("split", [Nuisance(name="late", acts_on=("timing_ns",), width=50.0)]):
        with pytest.raises(
            ConfigError, match=r'cannot move.*"released", only with "inside_window"'
        ):
            cj.experiments.coherent_lar_2020(arrivals="released", nuisances=nuisances)


def test_pulse_shape_is_the_released_one_in_each_energy_bin(nominal):
    """Above the last bin of the released CEvNS, its F90 is that of this bin."""
    shape = SHAPES["cevns"].reshape(12, 8)
    filled = np.flatnonzero(shape.sum(axis=1) > 0)
    row = np.minimum(np.arange(12), filled[-1])
    share = shape[row] / shape[row].sum(axis=1, keepdims=True)
    found = nominal["cevns"].sum(axis=2)
    np.testing.assert_allclose(
        found[:9] / found[:9].sum(axis=1, keepdims=True), share[:9], rtol=1e-9
    )


def test_exposure_scales_the_signal_alone_and_the_exposure_scale_everything(nominal):
    heavy = predicted(
        cj.experiments.coherent_lar_2020(
            exposure=cj.experiments.Exposure(
                mass_kg=48.8, distance_m=55.0, neutrinos_per_proton=0.18, protons_on_target=2.76e23
            )
        )
    )
    np.testing.assert_allclose(heavy["cevns"], 2 * nominal["cevns"], rtol=1e-12)
    np.testing.assert_array_equal(heavy["brn"], nominal["brn"])
    more = predicted(
        cj.experiments.coherent_lar_2020(exposure_scale=10.0, steady_state_events=1576.0)
    )
    for name, factor in (("cevns", 10), ("brn", 10), ("delayed_brn", 10), ("steady_state", 5)):
        np.testing.assert_allclose(more[name], factor * nominal[name], rtol=1e-12)


# ------------------------------------------------------------------------------------- nuisances


def test_response_that_can_move_agrees_with_the_fixed_one(split, nominal):
    moved = predicted(split)
    assert set(moved) == set(nominal)
    for name, counts in nominal.items():
        np.testing.assert_allclose(moved[name], counts, atol=1e-6 * counts.max())


def test_signal_pulls_move_what_they_name(split, nominal):
    """The pulse shifts times, F90 moves along the released variation, factors scale."""
    start = nominal["cevns"]
    mean = (split.edges[2][1:] + split.edges[2][:-1]) / 2
    late, early = (
        predicted(split, **{f"{NAME}_timing": x})["cevns"].sum(axis=(0, 1)) @ mean
        for x in (0.5, -0.5)
    )
    assert late > early
    wider = predicted(split, **{f"{NAME}_f90": 1.0})["cevns"].sum(axis=2)
    plus = SHAPES["cevns_f90_plus"].reshape(12, 8)[:5]
    per_energy = start.sum(axis=(1, 2))[:5, None] / SHAPES["cevns"].reshape(12, 8)[:5].sum(
        axis=1, keepdims=True
    )
    np.testing.assert_allclose(wider[:5], plus * per_energy, rtol=2e-6)
    both = predicted(split, sns_flux=1.0, **{f"{NAME}_mass": -1.0})["cevns"]
    np.testing.assert_allclose(both, 1.1 * 0.975 * start, atol=1e-6 * start.max())


@pytest.mark.parametrize(
    ("pull", "plus", "minus"),
    [
        ("brn_energy", "brn_energy_plus", "brn_energy_minus"),
        ("brn_time", "brn_time_plus", "brn_time_minus"),
        ("brn_time_width", "brn_time_width", None),
    ],
)
def test_prompt_neutrons_take_the_released_shapes_at_one_sigma(split, pull, plus, minus):
    """All with the nominal total: one variation is released with 523.67 events for 497."""
    up, down = (predicted(split, **{f"{NAME}_{pull}": x})["brn"] for x in (1.0, -1.0))
    np.testing.assert_allclose(up, released(plus, 497.0), rtol=1e-7, atol=1e-9)
    if minus:
        np.testing.assert_allclose(down, released(minus, 497.0), rtol=1e-7, atol=1e-9)
    else:  # one-sided: as far the other way
        expected = 2 * released("brn", 497.0) - released(plus, 497.0)
        np.testing.assert_allclose(down, np.maximum(expected, 0), rtol=1e-7, atol=1e-9)
    assert up.sum() == pytest.approx(497.0, rel=1e-7)


def test_gradients_in_every_parameter_agree_with_finite_differences(split):
    """Of fourth order, from differences of 1e-3 and 2e-3 of a prior or error."""
    like = likelihood(split, "sin2_theta_w", "n_sigma", "r_n_ar")
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


def test_freezing_what_does_not_move_changes_no_count(split, nominal):
    """Also where only the pulse shape and a background stay free."""
    like = likelihood(split)
    names = (f"{NAME}_f90", f"{NAME}_brn_time")
    values = like.values() | numbers({f"{NAME}_quenching_a": 0.7})
    ready = jax.jit(lambda k, v: k.precomputed(v, names))(like, values)
    moved = values | numbers(dict.fromkeys(names, 0.4))
    found, whole = (COMPONENTS(k, moved)[NAME] for k in (ready, like))
    for name, counts in whole.items():
        np.testing.assert_allclose(found[name], counts, rtol=1e-12, atol=1e-15)
    assert abs(whole["cevns"] - nominal["cevns"]).max() > 1e-2  # it did move


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


def test_weak_mixing_angle_with_the_uncertainties_taken_apart(split):
    """It converges, to an angle within half an error of the lumped one, and pulls stay small."""
    best = cj.fit(likelihood(split, "sin2_theta_w"))
    assert best.converged
    assert best.values["sin2_theta_w"] == pytest.approx(0.258, abs=0.025)
    assert best.parameters["sin2_theta_w"]["error"] == pytest.approx(0.048, rel=0.1)
    assert max(abs(best.values[name]) for name in split.pulls) < 1.5
    assert best.chi2 < CHI2(best.likelihood, best.likelihood.values())


# ---------------------------------------------------------------------------------- energy alone


def test_least_squares_in_energy_is_the_published_formula(energy_alone):
    """arXiv:2008.05022 with NumPy, at pulls away from zero."""
    table = read_table(
        FOLDER / "subtracted_energy.csv",
        ("energy_low_kevee", "energy_high_kevee", "counts", "error"),
    )
    pulls = {"cevns": 0.7, "brn": -1.1, "delayed_brn": 0.4}
    widths = {"cevns": 0.134, "brn": 0.32, "delayed_brn": 1.0}
    like = likelihood(energy_alone)
    start = like.values()
    counts = {
        "cevns": np.asarray(COMPONENTS(like, start)[ENERGY]["cevns"]),
        "brn": released("brn", 497.0).sum(axis=(1, 2)),
        "delayed_brn": released("delayed_brn", 33.0).sum(axis=(1, 2)),
    }
    expected = sum((1 + widths[name] * x) * counts[name] for name, x in pulls.items())
    neutrons = counts["brn"] + counts["delayed_brn"]
    variance = table["error"] ** 2 + 0.058**2 / 12 * neutrons**2
    chi2 = ((table["counts"] - expected) ** 2 / variance).sum() + sum(x**2 for x in pulls.values())
    values = {f"{ENERGY}_{name}": x for name, x in pulls.items()}
    assert float(CHI2(like, start | numbers(values))) == pytest.approx(chi2, rel=1e-8)


def test_energies_are_those_of_the_analysis_in_all_bins(energy_alone, nominal):
    """As many events; delayed ones, at higher energies, keep those that come after 4.9 us."""
    energy, projected = energies(energy_alone), nominal["cevns"].sum(axis=(1, 2))
    assert energy.sum() == pytest.approx(projected.sum(), rel=2e-3)
    np.testing.assert_allclose(energy[:4], projected[:4], rtol=0.05)
    assert energy[0] < projected[0]
    assert (energy[1:4] > projected[1:4]).all()


def test_weak_mixing_angle_from_the_energy_alone(energy_alone):
    """Cadeddu et al., arXiv:2005.01645: 0.31 +- 0.06, printed to two digits."""
    best = cj.fit(likelihood(energy_alone, "sin2_theta_w"))
    assert best.converged
    angle = best.parameters["sin2_theta_w"]
    assert angle["value"] == pytest.approx(0.31, abs=0.01)
    assert angle["error_high"] == pytest.approx(0.06, rel=0.1)
    assert angle["error_low"] == pytest.approx(0.06, rel=0.1)


def test_both_analyses_of_the_same_events_are_not_combined(energy_alone, lar):
    with pytest.raises(ConfigError, match="have events in common"):
        cj.Likelihood([energy_alone, lar], MODEL)


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


def test_conventions_name_every_choice(split):
    named = split.conventions
    assert "Gaussian proton pulse" in named["flux"]
    assert "Ar40 3.448" in named["R_p [fm]"]
    assert "Ar40 3.55" in named["R_n [fm]"]
    assert named["arrivals"] == "inside window"
    assert "0.246, 0.78" in named["quenching"]
    assert "0.58^2 E" in named["resolution"]
    assert "sns_flux 0.1 linear" in named["nuisances"]


def test_tables_cite_their_source():
    for path in FOLDER.iterdir():
        head = path.read_text(encoding="utf-8")[:400]
        assert "2006.12659" in head
        assert "not stated" in head
