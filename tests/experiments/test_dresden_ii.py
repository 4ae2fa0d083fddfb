"""Dresden-II: the release, nuisances, published fits, and what is refused."""

import numpy as np
import pytest
from dresden import CHI2_AND_GRADIENT, EDGES, FOLDER, NAME, likelihood, predicted
from iminuit import Minuit

import cevns_jax as cj
from cevns_jax.data.tables import read_table
from cevns_jax.detectors.quenching import TabulatedQuenching
from cevns_jax.detectors.table import linear_table
from cevns_jax.errors import ConfigError
from cevns_jax.experiments.dresden_ii import PRESETS
from cevns_jax.prediction.nuisances import Nuisance


def test_rates_have_the_sums_of_the_release(iron):
    """README of the release: all bins, and the 20 bins below 0.4 keV."""
    assert iron.observed.shape == (130,)
    assert iron.observed.sum() == pytest.approx(5106.253, abs=1e-3)
    assert iron.observed[:20].sum() == pytest.approx(1347.566, abs=1e-3)
    assert iron.axes == ("energy_kevee",)
    np.testing.assert_allclose(iron.edges[0], EDGES, atol=1e-9)
    assert (np.asarray(iron.statistic.error) > 0).all()


def test_quenching_factors_are_the_measured_ones():
    """README of the quenching factors, at 0, 0.1, 0.25, 0.5, 1 and 2 keV."""
    table = read_table(FOLDER / "quenching.csv", ("recoil_kev", "iron_filter", "photo_neutron"))
    at = [0.0, 0.1, 0.25, 0.5, 1.0, 2.0]
    for name, expected in (
        ("iron_filter", [0.4361, 0.4169, 0.3881, 0.3401, 0.2440, 0.1875]),
        ("photo_neutron", [0.37738, 0.3432, 0.3003, 0.2478, 0.1939, 0.1847]),
    ):
        found = np.interp(at, table["recoil_kev"], table[name])
        np.testing.assert_allclose(found, expected, atol=6e-5)


# ----------------------------------------------------------------------------- nuisances and fits


def test_a_flux_pull_moves_cevns_and_electrons_together(iron_nominal):
    known = cj.experiments.dresden_ii(nuisances="flux_5_percent")
    moved = predicted(known, dresden_ii_reactor_flux=2.0)
    for name in iron_nominal:
        factor = 1.1 if name in ("cevns", "electrons") else 1.0
        np.testing.assert_allclose(moved[name], factor * iron_nominal[name], rtol=1e-12)
    assert PRESETS["flux_fixed"] == ()


def test_gradients_in_every_parameter_agree_with_finite_differences(by_quenching):
    """With k and q of the modified Lindhard model, the angle and the neutron radius free."""
    like = likelihood(
        by_quenching["modified_lindhard"], "sin2_theta_w", f"{NAME}_k", f"{NAME}_q", "r_n_ge"
    )
    random = np.random.default_rng(1701)
    scale = np.array([0.05, 0.01, 1e-5, 0.2, *(0.03 * np.abs(like.start[4:]))])
    x = np.asarray(like.start) + scale * random.uniform(-1, 1, len(scale))
    _, gradient = CHI2_AND_GRADIENT(like, like.values(x))
    for i, name in enumerate(like.names):
        step = 0.02 * scale[i]
        moved = np.tile(x, (4, 1))
        moved[:, i] += np.array([-2, -1, 1, 2]) * step
        chi2 = [float(CHI2_AND_GRADIENT(like, like.values(y))[0]) for y in moved]
        slope = np.dot([1, -8, 8, -1], chi2) / (12 * step)
        assert float(gradient[name]) == pytest.approx(slope, rel=1e-5, abs=1e-6), name


@pytest.fixture(scope="module")
def fits(by_quenching):
    return {n: cj.fit(likelihood(e, "sin2_theta_w")) for n, e in by_quenching.items()}


@pytest.mark.parametrize(
    ("quenching", "published", "low", "high"),
    [("iron_filter", 0.219, 0.05, 0.06), ("photo_neutron", 0.286, 0.07, 0.08)],
)
def test_weak_mixing_angle_is_the_published_one(fits, quenching, published, low, high):
    """arXiv:2205.09484: a fifth of an error for the value, a tenth for the width of the interval.

    Its errors are quoted with the larger one above; a rate that is quadratic in the angle makes
    the lower one larger.
    """
    best = fits[quenching]
    assert best.converged
    angle = best.parameters["sin2_theta_w"]
    assert angle["value"] == pytest.approx(published, abs=0.2 * low)
    assert angle["error_low"] + angle["error_high"] == pytest.approx(low + high, rel=0.1)
    assert angle["error_low"] > angle["error_high"]


def test_weak_mixing_angle_with_the_modified_lindhard_model(fits):
    """arXiv:2203.02414 as quoted by the project, 0.178 without an error: a fifth of ours."""
    best = fits["modified_lindhard"]
    assert best.converged
    assert best.values["sin2_theta_w"] == pytest.approx(0.178, abs=0.01)


@pytest.mark.parametrize(
    ("quenching", "angle", "chi2"),
    [
        ("iron_filter", 0.2257, 103.78),
        ("photo_neutron", 0.2941, 105.34),
        ("lindhard", 0.482, 105.82),
        ("modified_lindhard", 0.1789, 105.01),
    ],
)
def test_fits_are_what_they_were(fits, quenching, angle, chi2):
    """A tripwire: no publication has these digits."""
    assert fits[quenching].values["sin2_theta_w"] == pytest.approx(angle, abs=6e-4)
    assert fits[quenching].chi2 == pytest.approx(chi2, abs=0.01)
    assert fits[quenching].degrees_of_freedom == 130 - 7


def test_another_minimiser_finds_the_same_minimum_and_errors(fits):
    """iminuit with MINOS errors on the same chi^2."""
    best = fits["iron_filter"]
    like = best.likelihood

    def chi2(x):
        return float(CHI2_AND_GRADIENT(like, like.values(x))[0])

    def gradient(x):
        _, slopes = CHI2_AND_GRADIENT(like, like.values(x))
        return np.array([slopes[name] for name in like.names])

    minuit = Minuit(chi2, np.asarray(like.start), grad=gradient, name=like.names)
    minuit.errordef, minuit.tol = Minuit.LEAST_SQUARES, 1e-3
    minuit.limits = list(zip(*map(np.asarray, like.bounds), strict=True))
    minuit.migrad()
    assert minuit.valid
    assert minuit.fval == pytest.approx(best.chi2, abs=1e-5)
    errors = best.errors
    np.testing.assert_allclose(
        (np.array(minuit.values) - best.x) / errors, 0.0, atol=3e-3, err_msg=str(like.names)
    )
    minuit.minos("sin2_theta_w")
    found = minuit.merrors["sin2_theta_w"]
    angle = best.parameters["sin2_theta_w"]
    assert -found.lower == pytest.approx(angle["error_low"], rel=1e-3)
    assert found.upper == pytest.approx(angle["error_high"], rel=1e-3)


def test_nothing_but_cevns_follows_the_number_of_neutrinos(iron):
    """n_sigma = 0 leaves the backgrounds, electrons included."""
    none = predicted(iron, n_sigma=0.0)
    assert (none["cevns"] == 0).all()
    assert (none["electrons"] > 0).all()


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"quenching": "fef"}, 'quenching "fef".*iron_filter.*modified_lindhard'),
        ({"quenching": "lindhart"}, 'did you mean "lindhard"'),
        ({"nuisances": "flux_free"}, 'preset "flux_free".*flux_fixed'),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("continum",), width=0.1)]},
            'did you mean "continuum"',
        ),
        ({"nuisances": [Nuisance(name="a", acts_on=("timing_ns",), width=0.1)]}, "timing_ns"),
        ({"spectra": "huber"}, 'spectra "huber".*huber_mueller'),
        ({"fission_fractions": {"u233": 1.0}}, 'isotope "u233"'),
        ({"fission_fractions": {"u235": 0.6, "u238": 0.3}}, "add up to 1, not to 0.9"),
        ({"fission_fractions": {"u235": 1.1, "u238": -0.1}}, "u238 must not be negative"),
        ({"recoil_min_kev": -0.1}, "recoil_min_kev must lie from 0 to below"),
        ({"recoil_min_kev": 3.0}, r"recoil_min_kev must lie from 0 to below 1\.9.*not at 3"),
        ({"recoil_min_kev": float("nan")}, "recoil_min_kev must lie from 0"),
    ],
)
def test_wrong_choices_are_refused_with_what_is_allowed(given, words):
    with pytest.raises(ConfigError, match=words) as caught:
        cj.experiments.dresden_ii(**given)
    assert "\n" not in str(caught.value)


def test_a_quenching_table_that_ends_too_early_is_refused():
    short = TabulatedQuenching(linear_table("mine", [0.0, 1.0], [0.4, 0.2]))
    with pytest.raises(ConfigError, match=r"dresden_ii: mine: the table must reach .* to 1\.9"):
        cj.experiments.dresden_ii(quenching=short)


def test_conventions_name_every_choice(by_quenching):
    named = by_quenching["modified_lindhard"].conventions
    assert "vogel_mueller (u235 0.58" in named["flux"]
    assert "4.8e+13" in named["flux"]
    assert "Ge70 4.041" in named["R_p [fm]"]
    assert named["quenching"] == "modified Lindhard, k = 0.157, q = -0.000225"
    assert "Gaussian above zero" in named["resolution"]
    assert named["nuisances"] == "none"
    assert "tree level" in named["electrons"]
    assert "2.924 kg Ge" in by_quenching["lindhard"].exposure


def test_tables_cite_their_source():
    for path in FOLDER.iterdir():
        head = path.read_text(encoding="utf-8")[:400]
        assert "2202.09672" in head
        assert "not stated" in head
