"""Experiments in a config: the data sets of the library, and a reader's own.

The tables and keys are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.config.parts import form_factor, nuisances, radii
from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError, unknown

if TYPE_CHECKING:
    from cevns_jax.experiments import Experiment


def read_experiments(table: Table, folder: Path) -> tuple[Experiment, ...]:
    """The experiments of a config.

    Args:
        table: The table ``experiments``.
        folder: Folder that file names in it are relative to.

    Raises:
        ConfigError: no experiment, or anything that is not understood.
    """
    from cevns_jax.config.own import read_own_experiment

    readers: dict[str, Callable[[Table, Path], Experiment]] = {
        "coherent_csi_2017": _coherent_csi_2017,
        "coherent_csi_2021": _coherent_csi_2021,
        "coherent_lar_2020": _coherent_lar_2020,
        "coherent_lar_2020_energy": _coherent_lar_2020_energy,
        "dresden_ii": _dresden_ii,
    }
    if not table.content:
        allowed = ", ".join(readers)
        raise ConfigError(f"{table.where}: name at least one experiment (allowed: {allowed})")
    experiments = []
    for name in table.content:
        part = table.table(name)
        if name in readers:
            experiments.append(readers[name](part, folder))
        elif "target" in part:
            experiments.append(read_own_experiment(name, part, folder))
        else:
            known = [*readers, "an own one, which has a target"]
            raise unknown(table.where, "experiment", name, known)
    return tuple(experiments)


def _coherent_csi_2017(table: Table, folder: Path) -> Experiment:
    from cevns_jax.experiments import coherent_csi_2017

    given = (
        _coherent(table, "lumped")
        | _forecast(table)
        | {
            "quenching": table.text("quenching", "constant"),
            "steady_state_slope": table.text("steady_state_slope", "0_12_us"),
        }
    )
    table.done()
    return coherent_csi_2017(**given)


def _coherent_csi_2021(table: Table, folder: Path) -> Experiment:
    from cevns_jax.experiments import coherent_csi_2021

    counts = table.text("counts")
    given = (
        _coherent(table, "atzori_corona_2023")
        | _forecast(table)
        | {"electrons": table.flag("electrons", False)}
        | {"counts": None if counts is None else folder / counts}
    )
    table.done()
    return coherent_csi_2021(**given)


def _coherent_lar_2020(table: Table, folder: Path) -> Experiment:
    from cevns_jax.experiments import coherent_lar_2020

    given = (
        _coherent(table, "lumped", common_radius=True)
        | _forecast(table)
        | {"arrivals": table.text("arrivals", "inside_window")}
    )
    table.done()
    return coherent_lar_2020(**given)


def _coherent_lar_2020_energy(table: Table, folder: Path) -> Experiment:
    from cevns_jax.experiments import coherent_lar_2020_energy

    given = _coherent(table, "lumped", common_radius=True)
    table.done()
    return coherent_lar_2020_energy(**given)


def _dresden_ii(table: Table, folder: Path) -> Experiment:
    from cevns_jax.config.response import read_quenching
    from cevns_jax.experiments import dresden_ii
    from cevns_jax.experiments.dresden_ii import GERMANIUM, NAME

    named = isinstance(table.content.get("quenching", ""), str)
    fractions = table.table("fission_fractions").numbers() if "fission_fractions" in table else None
    given = {
        "quenching": table.text("quenching", "iron_filter")
        if named
        else read_quenching(NAME, table.table("quenching"), folder, {GERMANIUM}),
        "nuisances": nuisances(table, "flux_fixed"),
        "spectra": table.text("spectra", "vogel_mueller"),
        "fission_fractions": fractions,
        "recoil_min_kev": table.number("recoil_min_kev"),
        "common_neutron_radius": table.flag("common_neutron_radius", True),
        **_nuclei(table),
        **{key: table.positive(key) for key in ("mass_kg", "flux_per_cm2_s")},
    }
    table.done()
    return dresden_ii(**given)


def _nuclei(table: Table) -> dict[str, Any]:
    return {
        "form_factor": form_factor(table),
        "proton_radius_fm": radii(table, "proton_radius_fm"),
        "neutron_radius_fm": radii(table, "neutron_radius_fm"),
    }


def _coherent(table: Table, preset: str, common_radius: bool = False) -> dict[str, Any]:
    """The keys that all COHERENT data sets have."""
    numbers = ("mass_kg", "distance_m", "protons_on_target", "neutrinos_per_proton")
    return {
        "nuisances": nuisances(table, preset),
        **_nuclei(table),
        "common_neutron_radius": table.flag("common_neutron_radius", common_radius),
        **{key: table.positive(key) for key in numbers},
    }


def _forecast(table: Table) -> dict[str, Any]:
    """The keys of those whose backgrounds are counts, not subtracted."""
    return {
        "exposure_scale": table.positive("exposure_scale", 1.0),
        "steady_state_events": table.positive("steady_state_events"),
    }
