"""Nuclides against independent tables, and targets made of them."""

import re

import jax.numpy as jnp
import numpy as np
import periodictable
import pytest
from scipy.constants import physical_constants
from scipy.optimize import brentq

from cevns_jax.errors import ConfigError
from cevns_jax.form_factors import Helm
from cevns_jax.nuclei import NUCLIDES, lewin_smith_radius, target

ELEMENTS = sorted({re.sub(r"\d", "", symbol) for symbol in NUCLIDES})


def isotope(symbol):
    """The same nuclide in the table of periodictable (AME and IUPAC values)."""
    element, number = re.fullmatch(r"([A-Z][a-z]?)(\d+)", symbol).groups()
    return getattr(periodictable, element)[int(number)]


@pytest.mark.parametrize("symbol", NUCLIDES)
def test_nuclide_agrees_with_periodictable(symbol):
    mine, other = NUCLIDES[symbol], isotope(symbol)
    assert mine.symbol == symbol
    assert mine.protons == other.number
    assert mine.mass_number == mine.protons + mine.neutrons == other.isotope
    assert mine.atomic_mass_u == pytest.approx(other.mass, rel=1e-8)
    assert mine.abundance == pytest.approx(other.abundance / 100, abs=1e-5)


@pytest.mark.parametrize("symbol", NUCLIDES)
def test_nuclear_mass_is_the_atomic_mass_without_electrons(symbol):
    nuclide = NUCLIDES[symbol]
    unit = physical_constants["atomic mass constant energy equivalent in MeV"][0]
    electron = physical_constants["electron mass energy equivalent in MeV"][0]
    assert nuclide.mass == pytest.approx(
        isotope(symbol).mass * unit - nuclide.protons * electron, rel=1e-8
    )
    # All have a binding energy between 8.1 and 8.8 MeV per nucleon (Na23 to Ge).
    nucleons = nuclide.protons * 938.27209 + nuclide.neutrons * 939.56542
    assert 8.1 < (nucleons - nuclide.mass) / nuclide.mass_number < 8.8


@pytest.mark.parametrize("element", ELEMENTS)
def test_natural_abundances_are_complete(element):
    """All stable isotopes are there: the abundances sum to one."""
    rows = [n for n in NUCLIDES.values() if re.sub(r"\d", "", n.symbol) == element]
    assert sum(n.abundance for n in rows) == pytest.approx(1.0, abs=1e-3)
    mean = sum(n.abundance * n.atomic_mass_u for n in rows)
    assert mean == pytest.approx(getattr(periodictable, element).mass, rel=2e-4)


@pytest.mark.parametrize("symbol", NUCLIDES)
def test_charge_radius_follows_the_systematics(symbol):
    """Angeli's fit to all nuclei, (0.9071 + 1.105 A^(-2/3) - 0.548 A^(-4/3)) A^(1/3) fm.

    The coefficients are not checked against the publication. A tripwire for a typing error.
    """
    nuclide = NUCLIDES[symbol]
    a = nuclide.mass_number
    systematics = (0.9071 + 1.105 * a ** (-2 / 3) - 0.548 * a ** (-4 / 3)) * a ** (1 / 3)
    assert nuclide.charge_radius == pytest.approx(systematics, rel=0.025)


@pytest.mark.parametrize("symbol", NUCLIDES)
def test_spin_is_zero_exactly_for_even_even_nuclei(symbol):
    nuclide = NUCLIDES[symbol]
    even = nuclide.protons % 2 == 0 and nuclide.neutrons % 2 == 0
    assert (nuclide.spin == 0) == even
    if even:
        assert nuclide.spin_protons == nuclide.spin_neutrons == 0
    else:
        assert nuclide.spin % 1 == 0.5  # all nuclides of the table with spin have odd A
        odd, paired = nuclide.spin_protons, nuclide.spin_neutrons
        if nuclide.protons % 2 == 0:
            odd, paired = paired, odd
        assert abs(odd) > abs(paired)  # odd-group model: the unpaired nucleon carries the spin


def test_nuclei_per_kg_of_caesium_iodide():
    """One Cs and one I for 259.81 g/mol."""
    csi = target("CsI", form_factor=Helm())
    assert set(csi.symbols) == {"Cs133", "I127"}
    np.testing.assert_allclose(csi.nuclei_per_kg, 6.02214076e23 / 0.25981, rtol=1e-5)


@pytest.mark.parametrize("element", ["Ar", "Ge", "Xe", "Si"])
def test_nuclei_per_kg_of_an_element(element):
    """All isotopes together: N_A over the standard atomic weight."""
    natural = target(element, form_factor=Helm())
    weight = getattr(periodictable, element).mass
    assert natural.nuclei_per_kg.sum() == pytest.approx(6.02214076e26 / weight, rel=2e-4)


def test_formula_counts_and_enriched_material():
    iodide = target("NaI2", form_factor=Helm())
    per_kg = dict(zip(iodide.symbols, iodide.nuclei_per_kg, strict=True))
    assert per_kg["I127"] == pytest.approx(2 * per_kg["Na23"])
    assert per_kg["Na23"] == pytest.approx(6.02214076e26 / (22.98977 + 2 * 126.90447), rel=1e-6)
    enriched = target({"Ge76": 0.87, "Ge74": 0.13}, form_factor=Helm())
    weight = 0.87 * 75.9214 + 0.13 * 73.9212
    np.testing.assert_allclose(
        enriched.nuclei_per_kg, np.array([0.87, 0.13]) * 6.02214076e26 / weight, rtol=1e-6
    )


@pytest.mark.parametrize("mass_number", [40, 73, 133])
def test_lewin_smith_radius_gives_their_diffraction_radius(mass_number):
    """Lewin and Smith (1996): the first zero of F lies at q R0 = 4.4934 (zero of j1)."""
    c = 1.23 * mass_number ** (1 / 3) - 0.60
    r0 = np.sqrt(c**2 + 7 / 3 * np.pi**2 * 0.52**2 - 5 * 0.9**2)
    radius = lewin_smith_radius(mass_number)
    expected = 4.493409458 * 197.3269804 / r0
    zero = brentq(
        lambda q: float(Helm()(jnp.asarray(q), radius)), 0.8 * expected, 1.2 * expected, xtol=1e-10
    )
    assert zero == pytest.approx(expected, rel=1e-8)


def test_lewin_smith_radii_by_name():
    csi = target(
        "CsI", form_factor=Helm(), proton_radius_fm="lewin_smith", neutron_radius_fm="lewin_smith"
    )
    expected = [lewin_smith_radius(float(symbol.strip("CsI"))) for symbol in csi.symbols]
    assert csi.neutron_radius == pytest.approx(expected)
    assert csi.properties[-1] == pytest.approx(expected)


def test_neutron_radius_is_the_proton_radius_where_none_is_given():
    default = target("CsI", form_factor=Helm(), neutron_radius_fm={"I127": 4.94})
    radius_p = dict(zip(default.symbols, default.properties[-1], strict=True))
    radius_n = dict(zip(default.symbols, default.neutron_radius, strict=True))
    assert radius_p == {s: NUCLIDES[s].charge_radius for s in default.symbols}
    assert radius_n == {"I127": 4.94, "Cs133": NUCLIDES["Cs133"].charge_radius}
    moved = target("CsI", form_factor=Helm(), proton_radius_fm={"Cs133": 4.9})
    assert dict(zip(moved.symbols, moved.neutron_radius, strict=True))["Cs133"] == 4.9


def test_each_isotope_has_its_own_radius_parameter():
    csi = target("CsI", form_factor=Helm(), neutron_radius_fm={"Cs133": 5.01, "I127": 4.94})
    starts = {p.name: p.start for p in csi.parameters}
    assert starts == {"r_n_cs133": 5.01, "r_n_i127": 4.94}
    assert all(p.lower < p.start < p.upper and p.unit == "fm" for p in csi.parameters)


def test_common_neutron_radius_is_one_parameter_that_moves_all_isotopes():
    csi = target(
        "CsI",
        form_factor=Helm(),
        neutron_radius_fm={"Cs133": 5.01, "I127": 4.94},
        common_neutron_radius=True,
    )
    (only,) = csi.parameters
    assert only.name == "r_n_csi"
    assert only.start == pytest.approx(4.975)  # mean over the nuclei
    recoil = jnp.full((2, 1), 0.02)
    q = jnp.sqrt(2 * csi.mass * 0.02)
    seen = csi.at(recoil, {"r_n_csi": 5.5}).neutron_form_factor[:, 0]
    np.testing.assert_allclose(seen, Helm()(q, 5.5), rtol=1e-14)
    scaled = csi.at(recoil, {"r_n_csi": 5.0}, radius_scale=1.1).neutron_form_factor[:, 0]
    np.testing.assert_allclose(scaled, seen, rtol=1e-13)


@pytest.mark.parametrize(
    ("formula", "options", "words"),
    [
        ("Qq", {}, ["Qq", "element", "Xe"]),
        ("Xf", {}, ["Xf", 'did you mean "Xe"']),
        ("csi", {}, ["csi", "formula"]),
        ("", {}, ["formula"]),
        ("Cs-I", {}, ["Cs-I", "formula"]),
        ({"Ge71": 1.0}, {}, ["Ge71", "nuclide", "Ge70"]),
        ("CsI", {"neutron_radius_fm": {"Cs134": 5.0}}, ["Cs134", "Cs133"]),
        ("CsI", {"proton_radius_fm": {"Xe132": 5.0}}, ["Xe132", "Cs133"]),
        ("CsI", {"neutron_radius_fm": {"Cs133": -5.0}}, ["Cs133", "positive", "-5.0"]),
        ("CsI", {"proton_radius_fm": {"I127": float("nan")}}, ["I127", "positive", "nan"]),
        ("CsI", {"neutron_radius_fm": "lewin"}, ["lewin", "lewin_smith"]),
    ],
)
def test_bad_target_is_refused_with_a_helpful_sentence(formula, options, words):
    with pytest.raises(ConfigError) as caught:
        target(formula, form_factor=Helm(), **options)
    for word in words:
        assert word in str(caught.value)
