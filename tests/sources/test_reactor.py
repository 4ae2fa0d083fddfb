"""Reactor antineutrinos: normalisation, moments, and what makes no reactor."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.choices import FISSILE, REACTOR_SPECTRA
from cevns_jax.data.tables import DATA
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Exposure
from cevns_jax.sources.reactor import reactor_source

FRACTIONS = {"u235": 0.58, "u238": 0.08, "pu239": 0.29, "pu241": 0.05}
FLUX = 4.8e13  # [1/(cm^2 s)]
DAY = 86400.0
TOPS = {"vogel_mueller": 8.0, "huber_mueller": 8.0, "estienne_fallot_2019": 11.95}  # [MeV]


def reactor(spectra="vogel_mueller", fractions=FRACTIONS, flux=FLUX, seconds=DAY):
    return reactor_source(
        spectra=spectra, fission_fractions=fractions, flux_per_cm2_s=flux, live_time_s=seconds
    )


def rows(spectra):
    """Energies and spectra of the table, and the row at 0.1 keV down to which it is constant."""
    table = np.loadtxt(
        DATA / "reactor" / f"{spectra}.csv", comments="#", delimiter=",", skiprows=_header(spectra)
    )
    energy = np.append(1e-4, table[:, 0])
    return energy, np.concatenate([table[:1, 1:], table[:, 1:]])


def _header(spectra):
    lines = (DATA / "reactor" / f"{spectra}.csv").read_text(encoding="utf-8").splitlines()
    header = next(line for line in lines if not line.startswith("#"))
    assert header == "energy_mev,u235,u238,pu239,pu241"
    return lines.index(header) + 1


def exact_moments(spectra, fractions, e_min):
    """Integrals of phi E^-k in 30 digits, from antiderivatives of a + b E on every row."""
    energy, spectrum = rows(spectra)
    with mpmath.workdps(30):
        grid = [mpmath.mpf(e) for e in energy]
        columns = [[mpmath.mpf(s) for s in column] for column in spectrum.T]
        norms = [
            sum((y0 + y1) / 2 * (e1 - e0) for (e0, e1), (y0, y1) in paired(grid, column))
            for column in columns
        ]
        total = sum(mpmath.mpf(f) for f in fractions)
        shape = [
            sum(
                mpmath.mpf(f) / total * column[i] / norm
                for f, column, norm in zip(fractions, columns, norms, strict=True)
            )
            for i in range(len(grid))
        ]
        found = [mpmath.mpf(0)] * 3
        for (e0, e1), (y0, y1) in paired(grid, shape):
            low = max(mpmath.mpf(e_min), e0)
            if low >= e1:
                continue
            b = (y1 - y0) / (e1 - e0)
            a = y0 - b * e0
            log = mpmath.log(e1 / low)
            found[0] += a * (e1 - low) + b * (e1**2 - low**2) / 2
            found[1] += a * log + b * (e1 - low)
            found[2] += a * (1 / low - 1 / e1) + b * log
        return np.array([float(FLUX * DAY * m) for m in found])


def paired(grid, column):
    return zip(pairwise(grid), pairwise(column), strict=True)


@pytest.mark.parametrize("spectra", REACTOR_SPECTRA)
def test_moments_are_the_integrals_of_the_table_to_rounding(spectra):
    """Also at a row, and between the lowest ones."""
    source = reactor(spectra)
    for e_min in (1e-4, 3e-3, 0.1, 1.0, 2.0, 3.377, 7.9):
        expected = exact_moments(spectra, FRACTIONS.values(), e_min)
        np.testing.assert_allclose(source.moments(np.array(e_min))[0], expected, rtol=1e-11)


@pytest.mark.parametrize("spectra", REACTOR_SPECTRA)
@pytest.mark.parametrize("fractions", [FRACTIONS, {"pu239": 1.0}])
def test_spectrum_adds_up_to_the_flux(spectra, fractions):
    source = reactor(spectra, fractions, flux=3.1e12, seconds=7.0)
    assert source.flavours == ("nu_e_bar",)
    assert source.moments(np.array(1e-4))[0, 0] == pytest.approx(3.1e12 * 7.0, rel=1e-12)
    trapezoid = np.trapezoid(source.fluence[0], source.energy)
    assert trapezoid == pytest.approx(3.1e12 * 7.0, rel=1e-12)


@pytest.mark.parametrize("spectra", REACTOR_SPECTRA)
def test_spectrum_ends_where_its_table_ends(spectra):
    source = reactor(spectra)
    assert source.edges[-1] == TOPS[spectra]
    above = np.array([source.edges[-1], source.edges[-1] + 1e-9, 20.0])
    np.testing.assert_array_equal(source.moments(above), 0.0)


@pytest.mark.parametrize(
    ("isotope", "neutrinos"),
    [("u235", 5.7206), ("u238", 6.7909), ("pu239", 5.1305), ("pu241", 5.9106)],
)
def test_each_isotope_is_normalised_by_its_neutrinos_per_fission(isotope, neutrinos):
    """README of the spectra: trapezoid integrals from 0 to 8 MeV, constant below the first row."""
    source = reactor(fractions={isotope: 1.0}, flux=1.0, seconds=1.0)
    energy, spectrum = rows("vogel_mueller")
    expected = spectrum[:, FISSILE.index(isotope)] / neutrinos
    np.testing.assert_allclose(
        np.interp(energy, source.energy, source.fluence[0]), expected, rtol=2e-4
    )


@pytest.mark.parametrize(
    ("energy", "published"),
    [(1.0, 1.948), (2.0, 1.219), (3.0, 0.612), (4.0, 0.279), (5.0, 0.105), (6.0, 0.0349)],
)
def test_summation_model_of_uranium_has_its_published_values(energy, published):
    """README of the spectra: 235U at whole energies, per MeV and fission, half way between rows."""
    rows_at, spectrum = rows("estienne_fallot_2019")
    assert np.interp(energy, rows_at, spectrum[:, 0]) == pytest.approx(published, rel=0.01)


def test_mixtures_are_weighted_sums_of_the_isotopes():
    alone = {i: reactor(fractions={i: 1.0}).fluence for i in FISSILE}
    expected = sum(share * alone[i] for i, share in FRACTIONS.items())
    np.testing.assert_allclose(reactor().fluence, expected, rtol=1e-13)


def test_fractions_may_be_rounded_and_are_brought_to_one():
    rounded = reactor(fractions={"u235": 0.7, "pu239": 0.2995})
    exact = reactor(fractions={"u235": 0.7 / 0.9995, "pu239": 0.2995 / 0.9995})
    np.testing.assert_allclose(rounded.fluence, exact.fluence, rtol=1e-13)


def test_spectra_agree_roughly_and_differ_in_detail():
    """Above 2 MeV, where antineutrinos are counted, the sets agree to 10 % (README: 235U at
    3 MeV lies between 0.600 and 0.651), and no two are the same."""
    above = [float(reactor(s).moments(np.array(3.0))[0, 0]) for s in REACTOR_SPECTRA]
    np.testing.assert_allclose(above, np.mean(above), rtol=0.10)
    assert len(set(above)) == 3


def test_label_names_spectra_fractions_and_flux():
    label = reactor("huber_mueller").label
    for word in ("huber_mueller", "u235 0.58", "pu241 0.05", "4.8e+13 per cm^2 and s"):
        assert word in label


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"spectra": "huber"}, 'spectra "huber".*huber_mueller'),
        ({"fractions": {"u236": 1.0}}, 'isotope "u236".*did you mean "u23'),
        ({"fractions": {"u235": 1.2, "u238": -0.2}}, "u238 must not be negative"),
        ({"fractions": {"u235": float("nan"), "u238": 0.5}}, "u235 must not be negative"),
        ({"fractions": {"u235": 0.5, "u238": 0.4}}, "add up to 1, not to 0.9"),
        ({"fractions": {"u235": float("inf")}}, "add up to 1, not to inf"),
        ({"fractions": {}}, "add up to 1, not to 0"),
        ({"flux": 0.0}, "flux must be positive"),
        ({"flux": float("nan")}, "flux must be positive and finite, not nan"),
        ({"seconds": -1.0}, "live_time_s must be positive"),
    ],
)
def test_what_makes_no_reactor_is_refused(given, words):
    with pytest.raises(ConfigError, match=words):
        reactor(**given)


def test_tables_cite_their_sources():
    for spectra, paper in (
        ("vogel_mueller", "1101.2663"),
        ("huber_mueller", "1106.0687"),
        ("estienne_fallot_2019", "123 (2019) 022502"),
    ):
        head = (DATA / "reactor" / f"{spectra}.csv").read_text(encoding="utf-8")[:400]
        assert paper in head
        assert "icence" in head


def test_another_flux_is_the_same_structure_with_another_label():
    """What was compiled for one reactor serves the next; labels say which one it is, also behind
    compiled code."""
    one, two = reactor(flux=4.8e13), reactor(flux=5.3e13, fractions=FRACTIONS | {"u235": 0.581})
    assert jax.tree.structure(one) == jax.tree.structure(two)
    moments = jax.jit(lambda source, e_min: (source, source.moments(e_min)))
    for source in (one, two):
        through, found = moments(source, jnp.array(3.0))
        np.testing.assert_allclose(found, source.moments(np.array(3.0)), rtol=1e-13)
        assert sorted(through.label) == sorted(source.label)
    assert moments._cache_size() == 1
    assert "4.8e+13 per cm^2 and s" in one.label
    assert "5.3e+13 per cm^2 and s" in two.label
    assert "u235 0.581, u238 0.08" in two.label


def test_an_experiment_at_another_flux_is_not_compiled_again():
    # A function of its own: what is compiled of one function is counted wherever it is jitted.
    counts = jax.jit(lambda like, values: like.components(values))
    found = []
    for flux in (4.8e13, 9.6e13):
        experiment = cj.experiments.dresden_ii(exposure=Exposure(flux_per_cm2_s=flux))
        like = cj.Likelihood([experiment], cj.interactions.standard_model())
        found.append(np.asarray(counts(like, like.values())["dresden_ii"]["cevns"]))
        assert f"{flux:g} per cm^2" in experiment.exposure
    np.testing.assert_allclose(found[1], 2 * found[0], rtol=1e-12)
    assert counts._cache_size() == 1
