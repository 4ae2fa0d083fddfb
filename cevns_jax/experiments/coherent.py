"""What the COHERENT data sets share: exposure, flux, nuclei, nuisances, and the tables of the
CsI[Na] crystal."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.data.tables import bin_edges, check_column, grid_points, read_table, same_edges
from cevns_jax.detectors.scintillation import HIGHEST_ENERGY
from cevns_jax.domains import COUNTS, check_number
from cevns_jax.electrons import Electrons, electrons
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.form_factors import FormFactor, Helm
from cevns_jax.nuclei import Target, target
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.recoil import RecoilKernel, kernel
from cevns_jax.sources.pion_decay import PionDecayAtRest, spallation_source

FLUX_PULL = ("sns_flux",)  # what the lumped pulls of the signal contain
FLUX = "analytic pion decay at rest, released arrival times"
AXES = ("photoelectrons", "time_us")
UNQUENCHED = np.array([1.0])  # electrons: coefficients of the quenching polynomial
ELECTRON_NODES = 12  # per panel between two binding energies: bins to 1e-8
COUNT_COLUMNS = (
    *("pe_low", "pe_high", "time_low_us", "time_high_us"),
    *("coincidence", "anticoincidence"),
)
# rms radii of arXiv:2008.05022: the default of the project.
PROTON_RADIUS_FM = {"Cs133": 4.804, "I127": 4.749}
NEUTRON_RADIUS_FM = {"Cs133": 5.01, "I127": 4.94}


def measurement(folder: Path) -> dict[str, Any]:
    """The published figures of a data set."""
    return tomllib.loads((folder / "measurement.toml").read_text(encoding="utf-8"))


def chosen(
    where: str, published: Mapping[str, float], given: Mapping[str, float | None]
) -> dict[str, float]:
    """Published numbers with those that were given in their place.

    Raises:
        ConfigError: one that is not positive and finite, or beyond its domain.
    """
    numbers = dict(published) | {key: v for key, v in given.items() if v is not None}
    for key, value in numbers.items():
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(f"{where}: {key} must be positive and finite, not {value}")
        check_number(where, key, value)
    return numbers


def chosen_exposure(
    where: str, measured: Mapping[str, Any], scale: float, **given: float | None
) -> dict[str, float]:
    """The published exposure with the numbers given in their place, times a common factor.

    Raises:
        ConfigError: a number that is not positive and finite.
    """
    numbers = chosen(where, measured["exposure"] | {"exposure_scale": scale}, given)
    return {
        key: scale * value if key in ("protons_on_target", "beam_gwh") else value
        for key, value in numbers.items()
    }


def chosen_nuisances(
    where: str,
    presets: Mapping[str, tuple[Nuisance, ...]],
    given: str | Sequence[Nuisance],
    *,
    electrons: bool = False,
) -> tuple[Nuisance, ...]:
    """A preset by its name, or own nuisances.

    Args:
        where: Name of the experiment, for messages.
        presets: The presets, whose pulls may act on ``electrons``.
        given: A name, or own ones.
        electrons: Whether there is such a component.

    Raises:
        ConfigError: unknown preset.
    """
    if not isinstance(given, str):
        return tuple(given)
    if given not in presets:
        raise unknown(f"{where}.nuisances", "preset", given, presets)
    if electrons:
        return presets[given]
    without = [tuple(a for a in n.acts_on if a != "electrons") for n in presets[given]]
    return tuple(
        dataclasses.replace(nuisance, acts_on=acts_on)
        for nuisance, acts_on in zip(presets[given], without, strict=True)
    )


def crystal(
    exposure: Mapping[str, float],
    *,
    form_factor: FormFactor | None,
    proton_radius_fm: Mapping[str, float] | str | None,
    neutron_radius_fm: Mapping[str, float] | str | None,
    common_neutron_radius: bool,
) -> RecoilKernel:
    """Neutrinos from the SNS on the crystal.

    Args:
        exposure: ``mass_kg``, ``distance_m``, ``protons_on_target``, ``neutrinos_per_proton``.
        form_factor: Shape of the nucleon density; default Helm, s = 0.9 fm.
        proton_radius_fm, neutron_radius_fm: rms radii in place of those above, by nuclide, or
            ``"lewin_smith"``.
        common_neutron_radius: One radius parameter for both nuclides.
    """
    material = nuclei(
        "CsI",
        (PROTON_RADIUS_FM, proton_radius_fm),
        (NEUTRON_RADIUS_FM, neutron_radius_fm),
        form_factor=form_factor,
        common_neutron_radius=common_neutron_radius,
    )
    return kernel(flux(exposure), material, mass_kg=exposure["mass_kg"], nodes=32)


def crystal_electrons(exposure: Mapping[str, float]) -> RecoilKernel[Electrons]:
    """Neutrinos from the SNS on the electrons of the crystal; exposure as above."""
    material = electrons("CsI")
    return kernel(
        flux(exposure),
        material,
        mass_kg=exposure["mass_kg"],
        nodes=ELECTRON_NODES,
        splits=material.bends,
        recoil_max=HIGHEST_ENERGY * 1e-3,
        common_nodes=True,
    )


def flux(exposure: Mapping[str, float]) -> PionDecayAtRest:
    """Neutrinos from the SNS at a detector, for an exposure as above."""
    return spallation_source(
        neutrinos_per_proton=exposure["neutrinos_per_proton"],
        protons_on_target=exposure["protons_on_target"],
        distance_m=exposure["distance_m"],
    )


def nuclei(
    formula: str,
    proton_radius_fm: tuple[Mapping[str, float], Mapping[str, float] | str | None],
    neutron_radius_fm: tuple[Mapping[str, float], Mapping[str, float] | str | None],
    *,
    form_factor: FormFactor | None,
    common_neutron_radius: bool,
) -> Target:
    """Nuclei of a detector; radii as a pair of the usual ones and those given in their place."""

    def merged(
        usual: Mapping[str, float], given: Mapping[str, float] | str | None
    ) -> Mapping[str, float] | str:
        return given if isinstance(given, str) else dict(usual) | dict(given or {})

    return target(
        formula,
        form_factor=form_factor if form_factor is not None else Helm(),
        proton_radius_fm=merged(*proton_radius_fm),
        neutron_radius_fm=merged(*neutron_radius_fm),
        common_neutron_radius=common_neutron_radius,
    )


def ends(axis: str) -> tuple[str, str]:
    """Columns with the lower and upper ends of the bins of an axis whose name carries a unit."""
    quantity, _, unit = axis.partition("_")
    return f"{quantity}_low" + f"_{unit}" * bool(unit), f"{quantity}_high" + f"_{unit}" * bool(unit)


def exposure_text(exposure: Mapping[str, float], material: str = "CsI") -> str:
    """The exposure in words."""
    return (
        f"{exposure['mass_kg']:g} kg {material} at {exposure['distance_m']:g} m, "
        f"{exposure['protons_on_target']:.4g} protons on target, "
        f"{exposure['neutrinos_per_proton']:g} neutrinos per flavour and proton"
    )


def electrons_text(counted: bool) -> dict[str, str]:
    """Whether electrons of the crystal count, in words."""
    text = "free below the binding energies, tree level" if counted else "not counted"
    return {"electrons": text}


def read_counts(
    path: Path, highest_pe: float
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """Edges, coincidence and anti-coincidence counts of a table.

    Args:
        path: Table whose rows are the cells of a grid, photo-electrons first.
        highest_pe: Upper end of the region that the data set describes [PE].

    Raises:
        ConfigError: rows that are no grid in ascending order, bins outside the region, or counts
            that are negative or all zero.
    """
    table = read_table(path, COUNT_COLUMNS)
    energy = bin_edges(path, table, "pe_low", "pe_high")
    time = bin_edges(path, table, "time_low_us", "time_high_us")
    inside = np.clip(energy, 0, highest_pe), np.clip(time, 0, 6)  # to the last digits
    if not (same_edges(energy, inside[0]) and same_edges(time, inside[1])):
        raise ConfigError(
            f"{path}: bins must lie within 0 to {highest_pe:g} photo-electrons and 0 to 6 us"
        )
    grid_points(path, table, ("pe_low", "time_low_us"))
    counts = []
    for name in ("coincidence", "anticoincidence"):
        check_column(path, table, name, COUNTS)
        if (table[name] < 0).any() or table[name].sum() == 0:
            raise ConfigError(f"{path}: {name} must hold counts, none negative and not all zero")
        counts.append(table[name].reshape(len(energy) - 1, len(time) - 1))
    return inside, counts[0], counts[1]
