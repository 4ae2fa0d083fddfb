"""Nuclides and targets: what the neutrino hits.

A nuclide is a row of the table below; a target is a mixture of nuclides with its form factor.
Atomic masses are AME2020 evaluated masses, natural abundances the IUPAC 2013 recommended
values; rms charge radii are from I. Angeli and K. P. Marinova, At. Data Nucl. Data Tables 99
(2013) 69; spin expectation values from Klos et al., Phys. Rev. D 88 (2013) 083516 (Cs from the
odd-group estimate), not checked against the publication. The axial part that needs them is
1e-4 of the CsI rate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.choices import RADII
from cevns_jax.constants import ATOMIC_MASS_UNIT, AVOGADRO, ELECTRON_MASS
from cevns_jax.domains import Domain
from cevns_jax.errors import ConfigError, shown, unknown
from cevns_jax.form_factors import FormFactor
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static
from cevns_jax.summaries import of_target
from cevns_jax.summary import Summarised, Summary

ATOMS = Domain(1e-12, 1e12)  # in a formula; only ratios count, so that any unit of amount will do
# Domain of neutron radii [fm]. The lower end lies below any nuclide here but above the radius at
# which the form factors in use lose their density; the upper one is twice the heaviest nuclide's.
SMALLEST_RADIUS = 2.5
LARGEST_RADIUS = 10.0


class Nuclide(NamedTuple):
    """One isotope.

    Attributes:
        symbol: Element and mass number, e.g. ``"Cs133"``.
        protons: Z.
        mass_number: A = Z + N.
        atomic_mass_u: Mass of the neutral atom [u].
        abundance: Natural abundance, fraction of atoms.
        charge_radius: rms charge radius [fm].
        spin: Nuclear spin J.
        spin_protons: <S_p>.
        spin_neutrons: <S_n>.
    """

    symbol: str
    protons: int
    mass_number: int
    atomic_mass_u: float
    abundance: float
    charge_radius: float
    spin: float = 0.0
    spin_protons: float = 0.0
    spin_neutrons: float = 0.0

    @property
    def neutrons(self) -> int:
        return self.mass_number - self.protons

    @property
    def element(self) -> str:
        """Symbol of the element."""
        return self.symbol.rstrip("0123456789")

    @property
    def mass(self) -> float:
        """Nuclear mass [MeV]: electrons removed, their binding (below 2e-6 of it) neglected."""
        return self.atomic_mass_u * ATOMIC_MASS_UNIT - self.protons * ELECTRON_MASS


NUCLIDES: dict[str, Nuclide] = {
    row.symbol: row
    for row in (
        Nuclide("Na23", 11, 23, 22.9897692820, 1.0, 2.9936, 1.5, 0.224, 0.024),
        Nuclide("Si28", 14, 28, 27.9769265344, 0.922545, 3.1224),
        Nuclide("Si29", 14, 29, 28.9764946643, 0.04672, 3.1176, 0.5, 0.016, 0.156),
        Nuclide("Si30", 14, 30, 29.9737701370, 0.030735, 3.1336),
        Nuclide("Ar36", 18, 36, 35.9675451060, 0.0033361, 3.3905),
        Nuclide("Ar38", 18, 38, 37.9627321000, 0.0006289, 3.4028),
        Nuclide("Ar40", 18, 40, 39.9623831220, 0.996035, 3.4274),
        Nuclide("Ge70", 32, 70, 69.9242485000, 0.2052, 4.0414),
        Nuclide("Ge72", 32, 72, 71.9220758200, 0.2745, 4.0576),
        Nuclide("Ge73", 32, 73, 72.9234589500, 0.0776, 4.0632, 4.5, 0.031, 0.439),
        Nuclide("Ge74", 32, 74, 73.9211777610, 0.3652, 4.0742),
        Nuclide("Ge76", 32, 76, 75.9214027250, 0.0775, 4.0811),
        Nuclide("I127", 53, 127, 126.9044730000, 1.0, 4.7500, 2.5, 0.342, 0.031),
        Nuclide("Xe124", 54, 124, 123.9058852000, 0.00095, 4.7661),
        Nuclide("Xe126", 54, 126, 125.9042974220, 0.00089, 4.7722),
        Nuclide("Xe128", 54, 128, 127.9035307530, 0.01910, 4.7774),
        Nuclide("Xe129", 54, 129, 128.9047808570, 0.26401, 4.7775, 0.5, 0.010, 0.329),
        Nuclide("Xe130", 54, 130, 129.9035093470, 0.04071, 4.7818),
        Nuclide("Xe131", 54, 131, 130.9050841280, 0.21232, 4.7808, 1.5, -0.009, -0.272),
        Nuclide("Xe132", 54, 132, 131.9041550830, 0.26909, 4.7859),
        Nuclide("Xe134", 54, 134, 133.9053930300, 0.10436, 4.7899),
        Nuclide("Xe136", 54, 136, 135.9072144740, 0.08857, 4.7964),
        Nuclide("Cs133", 55, 133, 132.9054519590, 1.0, 4.8041, 3.5, -0.370, 0.000),
    )
}


def lewin_smith_radius(mass_number: float) -> float:
    """rms radius [fm] of Lewin and Smith, Astropart. Phys. 6 (1996) 87, for protons and neutrons.

    Their diffraction radius R0^2 = c^2 + (7/3) pi^2 a^2 - 5 s^2 with c = 1.23 A^(1/3) - 0.60 fm and
    a = 0.52 fm belongs to the Helm rms radius (3/5) R0^2 + 3 s^2, from which s drops out.
    """
    c = 1.23 * mass_number ** (1 / 3) - 0.60
    return float(np.sqrt(3 / 5 * c**2 + 7 / 5 * (np.pi * 0.52) ** 2))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class NucleusAtRecoil:
    """What an interaction sees of the target: nuclear properties and form factors at a recoil.

    All arrays broadcast against the recoil energies; a target has one row per isotope.

    Attributes:
        Z: Number of protons.
        N: Number of neutrons.
        mass: Nuclear mass M [MeV].
        spin: Nuclear spin J.
        spin_protons: <S_p>.
        spin_neutrons: <S_n>.
        proton_form_factor: F_p(q) at q^2 = 2 M T.
        neutron_form_factor: F_n(q).
    """

    Z: jax.Array
    N: jax.Array
    mass: jax.Array
    spin: jax.Array
    spin_protons: jax.Array
    spin_neutrons: jax.Array
    proton_form_factor: jax.Array
    neutron_form_factor: jax.Array


def _radius_label(what: str) -> str:
    """TeX label of the neutron radius of a nuclide (``cs133``) or of a target (``ge``)."""
    element = what.rstrip("0123456789")
    number = what[len(element) :]
    above = f"^{{{number}}}" if number else ""
    return rf"$R_n({above}\mathrm{{{element.capitalize()}}})$"


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class Target(Summarised):
    """A mixture of isotopes with one form factor; build it with :func:`target`.

    Attributes:
        name: Name of the mixture, e.g. ``"CsI"``.
        symbols: Symbols of the I isotopes.
        radius_parameters: Name of the parameter that holds R_n of each isotope [fm].
        nuclei_per_kg: Number of nuclei of each isotope per kg of target, shape (I,).
        properties: Z, N, M [MeV], J, <S_p>, <S_n> and R_p [fm] of each isotope, shape (7, I).
        neutron_radius: rms neutron radius of each isotope at the start of a fit [fm].
        form_factor: Shape of the nucleon density.
    """

    name: str = static()
    symbols: tuple[str, ...] = static()
    radius_parameters: tuple[str, ...] = static()
    nuclei_per_kg: np.ndarray
    properties: np.ndarray
    neutron_radius: tuple[float, ...]
    form_factor: FormFactor

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_target(self)

    @property
    def mass(self) -> np.ndarray:
        """Nuclear masses M [MeV], shape (I,)."""
        return self.properties[2]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The neutron radii, one parameter per isotope or one for all. Fixed unless freed."""
        starts = dict(zip(self.radius_parameters, self.neutron_radius, strict=True))
        return tuple(
            Parameter(
                name=name,
                start=start,
                lower=SMALLEST_RADIUS,
                upper=LARGEST_RADIUS,
                unit="fm",
                label=_radius_label(name.removeprefix("r_n_")),
            )
            for name, start in starts.items()
        )

    def at(
        self, recoil: jax.Array, values: Values, radius_scale: jax.Array | float = 1.0
    ) -> NucleusAtRecoil:
        """Nuclear properties and form factors at recoil energies.

        Args:
            recoil: T [MeV], shape (I, ...): one row per isotope.
            values: Values of the parameters; radii missing in it take their start value.
            radius_scale: Factor on all neutron radii (a nuisance of the form factor).
        """
        column = (-1,) + (1,) * (recoil.ndim - 1)
        protons, neutrons, mass, spin, s_p, s_n, radius_p = (
            jnp.reshape(row, column) for row in self.properties
        )
        radius_n = jnp.stack(
            [
                jnp.asarray(values.get(name, start))
                for name, start in zip(self.radius_parameters, self.neutron_radius, strict=True)
            ]
        ).reshape(column)
        q = jnp.sqrt(2 * mass * recoil)
        return NucleusAtRecoil(
            Z=protons,
            N=neutrons,
            mass=mass,
            spin=spin,
            spin_protons=s_p,
            spin_neutrons=s_n,
            proton_form_factor=self.form_factor(q, radius_p),
            neutron_form_factor=self.form_factor(q, radius_n * radius_scale),
        )


def target(
    formula: str | Mapping[str, float],
    *,
    form_factor: FormFactor,
    proton_radius_fm: Mapping[str, float] | str | None = None,
    neutron_radius_fm: Mapping[str, float] | str | None = None,
    common_neutron_radius: bool = False,
) -> Target:
    """Build a target from a chemical formula.

    Args:
        formula: Elements in natural abundance with optional counts (``"CsI"``, ``"Ge"``), or a
            mapping nuclide -> number of atoms for enriched material.
        form_factor: Shape of the nucleon density.
        proton_radius_fm: rms proton radii by nuclide [fm], or ``"lewin_smith"``. Default and for
            nuclides left out: the charge radius of Angeli and Marinova.
        neutron_radius_fm: The same for neutrons. Default and for nuclides left out: R_n = R_p.
        common_neutron_radius: One parameter ``r_n_<target>`` for all isotopes in place of one
            each; it starts at the mean over the nuclei.

    Raises:
        ConfigError: unknown element or nuclide, or a radius outside the domain of the form factor.
    """
    atoms = _atoms(formula) if isinstance(formula, str) else dict(formula)
    _check_atoms(atoms)
    rows = [NUCLIDES[symbol] for symbol in atoms]
    counts = np.array(list(atoms.values()))
    molar_mass = counts @ np.array([row.atomic_mass_u for row in rows])  # [g/mol]
    charge_radii = [row.charge_radius for row in rows]
    radius_p = _radii("proton_radius_fm", rows, proton_radius_fm, charge_radii)
    radius_n = _radii("neutron_radius_fm", rows, neutron_radius_fm, list(radius_p))
    smallest = getattr(form_factor, "smallest_radius", 0.0)
    for row, radius in zip(rows * 2, [*radius_p, *radius_n], strict=True):
        if not smallest < radius <= LARGEST_RADIUS:
            raise ConfigError(
                f"target: {form_factor} needs rms radii above {smallest:.2f} fm and up to "
                f"{LARGEST_RADIUS:g} fm, not {radius:g} fm for {row.symbol}"
            )
    name = formula if isinstance(formula, str) else "_".join(atoms)
    if common_neutron_radius:
        radius_n = np.full(len(rows), np.average(radius_n, weights=counts))
        parameters = (f"r_n_{name.lower()}",) * len(rows)
    else:
        parameters = tuple(f"r_n_{row.symbol.lower()}" for row in rows)
    columns = ("protons", "neutrons", "mass", "spin", "spin_protons", "spin_neutrons")
    return Target(
        name=name,
        symbols=tuple(atoms),
        radius_parameters=parameters,
        nuclei_per_kg=counts / molar_mass * AVOGADRO * 1e3,
        properties=np.array([[getattr(r, c) for r in rows] for c in columns] + [list(radius_p)]),
        neutron_radius=tuple(map(float, radius_n)),
        form_factor=form_factor,
    )


def _check_atoms(atoms: Mapping[str, float]) -> None:
    """Check nuclides and their numbers of atoms.

    Raises:
        ConfigError: no nuclide, an unknown one, or a number that is not positive and finite.
    """
    for symbol, number in atoms.items():
        if symbol not in NUCLIDES:
            raise unknown("target", "nuclide", symbol, NUCLIDES)
        if not (np.isfinite(number) and number > 0):
            raise ConfigError(f"target: number of {symbol} must be positive, not {number}")
        if refusal := ATOMS.refusal(f"number of {symbol}", number):
            raise ConfigError(f"target: {refusal}")
    if not atoms:
        raise ConfigError("target: name one nuclide at least")


def element_counts(formula: str) -> dict[str, int]:
    """Elements of a chemical formula with their number per formula unit.

    Raises:
        ConfigError: no formula.
    """
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    if not parts or "".join(a + b for a, b in parts) != formula:
        raise ConfigError(
            f'target: "{shown(formula)}" is not a chemical formula such as "CsI" or "Ge"'
        )
    counts: dict[str, int] = {}
    for element, count in parts:
        counts[element] = counts.get(element, 0) + int(count or 1)
    return counts


def _atoms(formula: str) -> dict[str, float]:
    """Nuclides of a formula with their number per formula unit, natural abundances."""
    elements = {row.element for row in NUCLIDES.values()}
    atoms: dict[str, float] = {}
    for element, count in element_counts(formula).items():
        if element not in elements:
            raise unknown("target", "element", element, elements)
        isotopes = [r for r in NUCLIDES.values() if r.element == element]
        total = sum(row.abundance for row in isotopes)
        for row in isotopes:
            atoms[row.symbol] = row.abundance / total * count
    return atoms


def _radii(
    key: str,
    rows: list[Nuclide],
    given: Mapping[str, float] | str | None,
    default: list[float],
) -> np.ndarray:
    """rms radii [fm] of nuclides: those given, or the default of those left out.

    Raises:
        ConfigError: an unknown convention or nuclide, or a radius that is not positive.
    """
    if isinstance(given, str):
        if given not in RADII:
            raise unknown(key, "radius convention", given, RADII)
        return np.array([lewin_smith_radius(row.mass_number) for row in rows])
    given = given or {}
    symbols = [row.symbol for row in rows]
    for symbol, radius in given.items():
        if symbol not in symbols:
            raise unknown(key, "nuclide", symbol, symbols)
        if not radius > 0:
            raise ConfigError(f"{key}: {symbol} must be positive, not {radius}")
    return np.array([given.get(symbol, d) for symbol, d in zip(symbols, default, strict=True)])
