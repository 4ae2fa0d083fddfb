"""Experiments in a config: the data sets of the library, and a user's own.

The tables and keys are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax import choices
from cevns_jax.config import names
from cevns_jax.config.parts import fission_fractions, form_factor, made_nuisances, nuisances, radii
from cevns_jax.config.planned import Planned
from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError, unknown

if TYPE_CHECKING:
    from cevns_jax.detectors.quenching import Quenching
    from cevns_jax.experiments import Experiment, Exposure
    from cevns_jax.nuclei import Target


def read_experiments(table: Table, folder: Path) -> tuple[Planned[Experiment], ...]:
    """The experiments of a config.

    Args:
        table: The table ``experiments``.
        folder: Folder that file names in it are relative to.

    Raises:
        ConfigError: no experiment, or anything that is not understood.
    """
    if not table.content:
        allowed = ", ".join(DATA_SETS)
        raise ConfigError(f"{table.where}: name at least one experiment (allowed: {allowed})")
    experiments = []
    for name in table.content:
        part = table.table(name)
        if name in DATA_SETS:
            experiments.append(DATA_SETS[name](part, folder))
        elif "target" in part:
            experiments.append(Planned(build=partial(_own, name, part, folder), parameters=None))
        elif part.typo("target") is not None:
            raise part.lacks("target")
        else:
            known = [*DATA_SETS, "an own one, which has a target"]
            raise unknown(table.where, "experiment", name, known)
    return tuple(experiments)


def _own(name: str, table: Table, folder: Path) -> Experiment:
    from cevns_jax.config.own import read_own_experiment

    return read_own_experiment(name, table, folder)


def _coherent_csi_2017(table: Table, folder: Path) -> Planned[Experiment]:
    name = "coherent_csi_2017"
    given = _beam(table) | _forecast(table)
    given["quenching"] = table.choice("quenching", "constant", choices.CSI_2017_QUENCHING)
    given["steady_state_slope"] = table.choice(
        "steady_state_slope", "0_12_us", choices.CSI_2017_SLOPES
    )
    return _data_set(table, name, "lumped", given)


def _coherent_csi_2021(table: Table, folder: Path) -> Planned[Experiment]:
    name, counts = "coherent_csi_2021", table.text("counts")
    given = _beam(table) | _forecast(table)
    given["electrons"] = table.flag("electrons", False)
    given["counts"] = None if counts is None else folder / counts
    return _data_set(table, name, "atzori_corona_2023", given)


def _coherent_lar_2020(table: Table, folder: Path) -> Planned[Experiment]:
    name = "coherent_lar_2020"
    given = _beam(table) | _forecast(table)
    given["arrivals"] = table.choice("arrivals", "inside_window", choices.ARGON_ARRIVALS)
    return _data_set(table, name, "lumped", given)


def _coherent_lar_2020_energy(table: Table, folder: Path) -> Planned[Experiment]:
    return _data_set(table, "coherent_lar_2020_energy", "lumped", _beam(table))


def _dresden_ii(table: Table, folder: Path) -> Planned[Experiment]:
    name = "dresden_ii"
    quenching, of_quenching = _germanium_quenching(name, table, folder)
    given = {
        "exposure": _exposure(table, "mass_kg", "flux_per_cm2_s"),
        "quenching": quenching,
        "spectra": table.choice("spectra", "vogel_mueller", choices.REACTOR_SPECTRA),
        "fission_fractions": fission_fractions(table),
        "recoil_min_kev": table.number("recoil_min_kev"),
    }
    return _data_set(table, name, "flux_fixed", given, of_quenching)


DATA_SETS: dict[str, Callable[[Table, Path], Planned[Experiment]]] = {
    "coherent_csi_2017": _coherent_csi_2017,
    "coherent_csi_2021": _coherent_csi_2021,
    "coherent_lar_2020": _coherent_lar_2020,
    "coherent_lar_2020_energy": _coherent_lar_2020_energy,
    "dresden_ii": _dresden_ii,
}
"""Data sets of the library, and what reads their tables."""
TARGETS = {"CsI": "csi_target", "Ar": "argon_target", "Ge": "germanium_target"}
"""Formula -> function of :mod:`cevns_jax.experiments` that makes the nuclei."""


def _data_set(
    table: Table,
    name: str,
    preset: str,
    given: dict[str, Any],
    of_quenching: tuple[str, ...] = (),
) -> Planned[Experiment]:
    """A data set of the library.

    Args:
        table: Its table, of which all has been read but the nuclei and the nuisances.
        name: Its name.
        preset: The nuisances that it has unless others are given.
        given: Its arguments, or functions that make them.
        of_quenching: Names of the parameters of its quenching model.
    """
    formula = names.TARGETS[name]
    common = table.flag("common_neutron_radius", formula in names.ONE_RADIUS)
    given["target"] = _nuclei(table, formula, common)
    if isinstance(table.content.get("nuisances"), list):
        own = nuisances(table)
        given["nuisances"] = partial(made_nuisances, own)
        pulls = names.own_pulls(name, ((one["name"], one["shared"]) for one in own))
    else:
        preset = table.choice("nuisances", preset, names.PRESETS[name], "preset of nuisances")
        given["nuisances"] = preset
        pulls = names.pulls(name, preset)
    table.done()
    varying = (*names.backgrounds(name), *pulls)
    radii = names.radii(name, common=common)
    return Planned(
        build=partial(_data_set_of, table, name, given),
        parameters=("n_sigma", *radii, *of_quenching, *varying),
        varying=varying,
    )


def _data_set_of(table: Table, name: str, given: dict[str, Any]) -> Any:
    with table.naming():
        return _built(name, given)


def _built(name: str, given: dict[str, Any]) -> Any:
    """Call a function of :mod:`cevns_jax.experiments`; arguments that are functions are called
    first."""
    from cevns_jax import experiments

    made = {key: value() if callable(value) else value for key, value in given.items()}
    return getattr(experiments, name)(**made)


def _nuclei(table: Table, formula: str, common: bool) -> Callable[[], Target]:
    """A function that makes the nuclei of a data set, with the choices of its table."""
    isotopes = names.ISOTOPES[formula]
    given = {
        "form_factor": form_factor(table),
        **{key: radii(table, key, isotopes) for key in ("proton_radius_fm", "neutron_radius_fm")},
        "common_neutron_radius": common,
    }
    return partial(_built, TARGETS[formula], given)


def _exposure(table: Table, *keys: str) -> Callable[[], Exposure]:
    """A function that makes an exposure of some keys of a table."""
    return partial(_built, "Exposure", {key: table.positive(key) for key in keys})


def _beam(table: Table) -> dict[str, Any]:
    """The keys that all data sets at the SNS have."""
    keys = ("mass_kg", "distance_m", "protons_on_target", "neutrinos_per_proton")
    return {"exposure": _exposure(table, *keys)}


def _forecast(table: Table) -> dict[str, Any]:
    """The keys that data sets have whose backgrounds are counted, not subtracted."""
    return {
        "exposure_scale": table.positive("exposure_scale", 1.0),
        "steady_state_events": table.positive("steady_state_events"),
    }


def _germanium_quenching(
    name: str, table: Table, folder: Path
) -> tuple[str | Callable[[], Quenching], tuple[str, ...]]:
    """A quenching model by its name, or a function that makes one of its table; and the names of
    its parameters."""
    if isinstance(table.content.get("quenching", ""), str):
        chosen = table.choice("quenching", "iron_filter", choices.GERMANIUM_QUENCHING)
        constants = {"lindhard": ("k",), "modified_lindhard": ("k", "q")}.get(chosen, ())
        return chosen, tuple(f"{name}_{constant}" for constant in constants)
    part = table.table("quenching")
    keys = [key for key in ("lindhard_k", "lindhard_q") if key in part.content]
    of_table = tuple(f"{name}_{key}" for key in keys if "lindhard_k" in keys)
    return partial(_quenching, name, part, folder), of_table


def _quenching(name: str, table: Table, folder: Path) -> Quenching:
    from cevns_jax.config.response import read_quenching
    from cevns_jax.experiments.dresden_ii import GERMANIUM

    return read_quenching(name, table, folder, {GERMANIUM})
