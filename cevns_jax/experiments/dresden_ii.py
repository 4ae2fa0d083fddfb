"""Dresden-II, germanium at a reactor: J. Colaresi et al., Phys. Rev. Lett. 129 (2022) 211802.

130 bins of 10 eV ionisation energy (0.2 to 1.5 keVee), reactor on, corrected for the acceptance;
Gaussian bins with the released errors. The background has seven free parameters and is fitted in
the same data: the reactor-off data cannot be subtracted, as the activation differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax import priors
from cevns_jax.choices import GERMANIUM_MEASURED, GERMANIUM_QUENCHING
from cevns_jax.constants import SECONDS_PER_DAY
from cevns_jax.data.tables import DATA, bin_edges, grid_points, read_table
from cevns_jax.detectors.detector import energy_detector
from cevns_jax.detectors.quenching import (
    ModifiedLindhard,
    PolynomialQuenching,
    Quenching,
    TabulatedQuenching,
    lindhard,
)
from cevns_jax.detectors.resolution import GaussianResolution, gaussian_resolution
from cevns_jax.detectors.response import EnergyResponse, energy_response
from cevns_jax.detectors.table import linear_table
from cevns_jax.electrons import electrons
from cevns_jax.errors import unknown
from cevns_jax.experiments import release
from cevns_jax.experiments.exposure import Exposure, exposure_numbers
from cevns_jax.experiments.targets import chosen_target, germanium_target
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Parameter, Values
from cevns_jax.precision import require_float64
from cevns_jax.prediction.about import About, conventions
from cevns_jax.prediction.component import Component, Formula
from cevns_jax.prediction.experiment import Experiment, n_sigma
from cevns_jax.prediction.nuisances import Nuisance, check_nuisances
from cevns_jax.prediction.recoil_nodes import check_events, scattering_component
from cevns_jax.prediction.scattering import Scattering
from cevns_jax.sources.reactor import reactor_source
from cevns_jax.sources.tabulated import TabulatedSource
from cevns_jax.statistics import Gaussian

NAME = "dresden_ii"
FOLDER = DATA / NAME
AXIS = "energy_kevee"
GERMANIUM = 32
# Recoils of electrons above it cannot be reconstructed below 1.5 keV, where the bins end: at 3 keV
# sigma is 0.075 keV, so that the bins are 20 widths away.
ELECTRON_RANGE_KEV = 3.0

FLUX = Nuisance(name="reactor_flux", acts_on=("cevns", "electrons"), width=0.05)
PRESETS: dict[str, tuple[Nuisance, ...]] = {"flux_fixed": (), "flux_5_percent": (FLUX,)}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Continuum(Formula):
    """a + b exp(-c (E - 0.2 keV)) per bin, the exponential integrated over each.

    Attributes:
        edges: Bin edges [keV], shape (B + 1,).
    """

    edges: np.ndarray

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            _rate("constant", 14.0),
            _rate("exponential", 65.0),
            _free("exponential_slope", 4.0, 0.1, 100.0, "1/keV"),
        )

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Counts per bin."""
        constant, height, slope = (values[p.name] for p in self.parameters)
        decay = jnp.exp(-slope * (jnp.asarray(self.edges) - 0.2))
        mean = -jnp.diff(decay) / (slope * jnp.diff(jnp.asarray(self.edges)))
        return constant + height * mean


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class CaptureLines(Formula):
    """Lines of electron capture in 71Ge, Gaussians integrated over each bin.

    Height, centre and width of L1 are free. L2 has a fixed energy, the width of L1 and a fixed
    fraction of its height; M the width of the resolution and an intensity relative to L1.

    Attributes:
        edges: Bin edges [keV], shape (B + 1,).
        second: Energy [keV] of L2 and its height in units of L1.
        third: Energy [keV] of M, its width [keV] and its nominal intensity in units of L1.
        start: Energy of L1 at the start of a fit [keV].
        ratio_error: Relative error of the intensity of M.
    """

    edges: np.ndarray
    second: tuple[float, float]
    third: tuple[float, float, float]
    start: float
    ratio_error: float

    effects = ("resolution",)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            _rate("l_height", 85.0),
            _free("l_energy", self.start, 1.2, 1.4, "keV"),
            _free("l_width", 0.07, 0.02, 0.2, "keV"),
            Parameter(
                name=f"{NAME}_m_ratio",
                start=1.0,
                prior=priors.Gaussian(1.0, self.ratio_error),
                varies=True,
                lower=0.0,
                upper=2.0,
            ),
        )

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Counts per bin."""
        height, energy, width, ratio = (values[p.name] for p in self.parameters)
        m_energy, noise, m_intensity = self.third
        m_width = noise * (1 + jnp.asarray(effects.get("resolution", 0.0)))
        return (
            height * self._line(energy, width)
            + height * self.second[1] * self._line(self.second[0], width)
            + ratio * m_intensity * height * width / m_width * self._line(m_energy, m_width)
        )

    def _line(self, energy: jax.Array | float, width: jax.Array | float) -> jax.Array:
        """Mean over each bin of a Gaussian of unit height."""
        z = (jnp.asarray(self.edges) - energy) / (np.sqrt(2) * width)
        area = np.sqrt(np.pi / 2) * width * jnp.diff(jax.scipy.special.erf(z))
        return area / jnp.diff(jnp.asarray(self.edges))


def dresden_ii(
    *,
    quenching: str | Quenching = "iron_filter",
    nuisances: str | Sequence[Nuisance] = "flux_fixed",
    spectra: str = "vogel_mueller",
    fission_fractions: Mapping[str, float] | None = None,
    recoil_min_kev: float | None = None,
    exposure: Exposure | None = None,
    target: Target | None = None,
) -> Experiment:
    """Dresden-II with the chosen conventions. Counts are per day.

    Args:
        quenching: ``"iron_filter"`` or ``"photo_neutron"`` (measured tables), ``"lindhard"``
            (parameter ``dresden_ii_k``), ``"modified_lindhard"`` (``dresden_ii_k`` and
            ``dresden_ii_q``), or an own model.
        nuisances: ``"flux_fixed"``, ``"flux_5_percent"``, or own nuisances.
        spectra: As in :func:`cevns_jax.sources.reactor.reactor_source`.
        fission_fractions: In place of 0.58, 0.08, 0.29 and 0.05 of U235, U238, Pu239 and Pu241.
        recoil_min_kev: Recoils below it leave no signal [keV]. Default: the recoil with E_ee =
            2.96 eV, the energy of one electron-hole pair; T = 2.96 eV with the modified Lindhard
            model, in which every recoil has E_ee above 63 eV.
        exposure: Mass and flux in place of the published ones; they change only the scattering on
            nuclei and electrons.
        target: Nuclei, of the same nuclides, in place of those of
            :func:`cevns_jax.experiments.germanium_target` without arguments.

    Raises:
        ConfigError: unknown preset, isotope, nuclide, effect or choice, or a number out of its
            domain.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    measured = release.measurement(FOLDER)
    numbers = exposure_numbers(NAME, measured["exposure"], exposure)
    material = chosen_target(NAME, germanium_target, target)
    nuisances = release.chosen_nuisances(NAME, PRESETS, nuisances, electrons=True)
    acting = {name for nuisance in nuisances for name in nuisance.acts_on}
    edges, table = _rates()
    source = reactor_source(
        spectra=spectra,
        fission_fractions=measured["fission_fractions"]
        if fission_fractions is None
        else fission_fractions,
        flux_per_cm2_s=numbers["flux_per_cm2_s"],
        live_time_s=SECONDS_PER_DAY,
    )
    response = _response(edges, _quenching(measured, quenching), _resolution(measured))
    pair_kev = measured["resolution"]["pair_energy_kev"]
    lowest = _cut_off(response, pair_kev) if recoil_min_kev is None else recoil_min_kev
    signal = scattering_component(
        NAME,
        source,
        material,
        numbers["mass_kg"],
        response,
        shape=(len(edges) - 1,),
        acting=acting,
        recoil_min_kev=lowest,
    )
    check_events(NAME, signal.kernel, response, lowest)
    backgrounds: dict[str, Component] = {
        "electrons": _electrons(
            *(source, numbers["mass_kg"], edges, _resolution(measured), acting),
            recoil_min_kev=pair_kev,
        ),
        "capture_lines": _lines(measured, edges),
        "continuum": Continuum(edges=edges),
    }
    choices = response.conventions | {"lowest_recoil": f"{lowest * 1e3:.3g} eV"}
    if quenching in GERMANIUM_MEASURED:
        choices |= {"quenching": f"{quenching} table"}
    effects = (*response.effects, "neutron_radius")
    check_nuisances(NAME, nuisances, ("cevns", *backgrounds), effects)
    return Experiment(
        name=NAME,
        about=_about(measured, numbers, source.label, material, nuisances, choices),
        axes=(AXIS,),
        edges=(edges,),
        per_day=True,
        observed=table["rate"],
        statistic=Gaussian(table["error"]),
        parts={"cevns": signal, **backgrounds},
        scales=(n_sigma("cevns"),),
        nuisances=nuisances,
        detector=energy_detector(response),
    )


def _about(
    measured: Mapping[str, Any],
    numbers: Mapping[str, float],
    flux: str,
    material: Target,
    nuisances: Sequence[Nuisance],
    choices: Mapping[str, str],
) -> About:
    """The data set in words; ``choices`` are those of response and lowest recoil."""
    return About(
        title=measured["title"],
        counted="events per day",
        as_released=numbers == exposure_numbers(NAME, measured["exposure"], None),
        citation=measured["citation"],
        exposure=f"{numbers['mass_kg']:g} kg Ge, {flux}; rates per day",
        conventions=conventions(
            flux,
            material,
            nuisances,
            **choices,
            electrons="free below the binding energies, tree level",
        ),
    )


def _rates() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Edges of the bins [keVee], and the table with their rates and errors per day."""
    path = FOLDER / "rates.csv"
    table = read_table(path, ("energy_low_kevee", "energy_high_kevee", "rate", "error"))
    grid_points(path, table, ["energy_low_kevee"])
    return bin_edges(path, table, "energy_low_kevee", "energy_high_kevee"), table


def _rate(name: str, start: float) -> Parameter:
    """A rate of the background that is free between 0 and 1000 per day and 10 eV."""
    return _free(name, start, 0.0, 1e3, "1/(day 10 eV)")


def _free(name: str, start: float, low: float, high: float, unit: str) -> Parameter:
    """A parameter of the background, which is fitted in the same data."""
    return Parameter(
        name=f"{NAME}_{name}", start=start, lower=low, upper=high, varies=True, unit=unit
    )


def _quenching(measured: dict[str, Any], choice: str | Quenching) -> Quenching:
    """The named model with its published numbers, or the given one.

    Raises:
        ConfigError: unknown name.
    """
    if not isinstance(choice, str):
        return choice
    numbers = measured["quenching"]
    if choice in GERMANIUM_MEASURED:
        factors = read_table(FOLDER / "quenching.csv", ("recoil_kev", *GERMANIUM_MEASURED))
        return TabulatedQuenching(linear_table(choice, factors["recoil_kev"], factors[choice]))
    if choice == "lindhard":
        return lindhard(numbers["lindhard_k"], GERMANIUM, parameter=f"{NAME}_k")
    if choice == "modified_lindhard":
        return ModifiedLindhard(
            prefix=NAME, protons=GERMANIUM, k=numbers["modified_k"], q=numbers["modified_q"]
        )
    raise unknown(NAME, "quenching", choice, GERMANIUM_QUENCHING)


def _resolution(measured: dict[str, Any]) -> GaussianResolution:
    r = measured["resolution"]
    statistical = np.sqrt(r["fano"] * r["pair_energy_kev"])
    return gaussian_resolution(
        noise_kev=r["noise_kev"], statistical=float(statistical), truncated=True
    )


def _response(
    edges: np.ndarray, quenching: Quenching, resolution: GaussianResolution
) -> EnergyResponse:
    """Rates are corrected for the acceptance: the efficiency is one."""
    return energy_response(
        axis=AXIS, edges=edges, quenching=quenching, resolution=resolution, efficiency=1.0
    )


def _cut_off(response: EnergyResponse, pair_kev: float) -> float:
    """Recoil energy [keV] that leaves one electron-hole pair of an energy [keV], by bisection up to
    1 keV; the modified Lindhard model, in which every recoil leaves several, is cut at that energy.
    """
    if isinstance(response.quenching, ModifiedLindhard):
        return pair_kev
    low, high = 0.0, 1.0
    for _ in range(60):  # to the last digit of a float64
        middle = (low + high) / 2
        enough = float(response.energy(jnp.asarray(middle * 1e-3), {})) > pair_kev
        low, high = (low, middle) if enough else (middle, high)
    return high


def _electrons(
    source: TabulatedSource,
    mass_kg: float,
    edges: np.ndarray,
    resolution: GaussianResolution,
    acting: set[str],
    *,
    recoil_min_kev: float,
) -> Scattering:
    """Neutrino-electron scattering, whose recoils are not quenched."""
    unquenched = PolynomialQuenching(coefficients=(1.0,))
    response = _response(edges, unquenched, resolution)
    material = electrons("Ge")
    return scattering_component(
        f"{NAME}, electrons",
        source,
        material,
        mass_kg,
        response,
        shape=(len(edges) - 1,),
        acting=acting & {"resolution"},
        recoil_min_kev=recoil_min_kev,
        recoil_max_kev=ELECTRON_RANGE_KEV,
        more_splits=material.bends,
    )


def _lines(measured: dict[str, Any], edges: np.ndarray) -> CaptureLines:
    """The lines with their published energies and ratios."""
    l_shell, m_shell = measured["l_shell"], measured["m_shell"]
    return CaptureLines(
        edges=edges,
        second=(l_shell["second_energy_kev"], l_shell["second_height"]),
        third=(m_shell["energy_kev"], measured["resolution"]["noise_kev"], m_shell["ratio"]),
        start=l_shell["energy_kev"],
        ratio_error=m_shell["ratio_error"],
    )
