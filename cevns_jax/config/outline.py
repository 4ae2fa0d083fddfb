"""What a config may hold, as names alone: a slip is said before anything heavy is imported.

The readers of this package decide what is understood; this table repeats the names of their keys,
and a test holds both together. What it does not know of, as the keys of own experiments, is left to
the readers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cevns_jax.errors import unknown

_NUCLEI = ("form_factor", "proton_radius_fm", "neutron_radius_fm", "common_neutron_radius")
_SNS = ("nuisances", *_NUCLEI, "mass_kg", "distance_m", "protons_on_target", "neutrinos_per_proton")
_FORECAST = ("exposure_scale", "steady_state_events")
DATA_SETS: dict[str, tuple[str, ...]] = {
    "coherent_csi_2017": (*_SNS, *_FORECAST, "quenching", "steady_state_slope"),
    "coherent_csi_2021": (*_SNS, *_FORECAST, "electrons", "counts"),
    "coherent_lar_2020": (*_SNS, *_FORECAST, "arrivals"),
    "coherent_lar_2020_energy": _SNS,
    "dresden_ii": (
        *("quenching", "nuisances", *_NUCLEI, "mass_kg", "flux_per_cm2_s"),
        *("spectra", "fission_fractions", "recoil_min_kev"),
    ),
}
"""Data set of the library -> keys of its table."""
INTERACTIONS: dict[str, tuple[str, ...]] = {
    "light_vector": ("charges", "contact"),
    "light_axial_vector": ("charges", "contact"),
    "light_scalar": ("charges", "contact", "nucleons"),
    "light_pseudoscalar": ("contact",),
    "light_tensor": ("charges", "contact"),
    "non_standard_interactions": (),
    "magnetic_moment": ("families", "spin_zero"),
    "dipole_portal": ("families", "spin_zero"),
}
"""Addition to the Standard Model -> keys of its table."""
_AXIS = ("parameter", "min", "max", "points", "scale")
TABLES: dict[str, tuple[str, ...]] = {
    "interaction": ("name", "couplings", "axial", "running", "own", *INTERACTIONS),
    "fit": ("free", "starts", "allow_overlap"),
    "profile": (*_AXIS, "confidence_level"),
    "scan": ("axes", "levels", "confidence_level"),
    "limit": ("parameter", "confidence_level", "held", "min", "max"),
}
TOP = ("title", "interaction", "experiments", "fit", "parameters", "profile", "scan", "limit")
PARAMETER = ("start", "prior_mean", "prior_width", "fixed")


def check_outline(path: Path, content: dict[str, Any]) -> None:
    """Check the names of tables and keys.

    Args:
        path: The file, for messages.
        content: Its tables.

    Raises:
        ConfigError: a name that nothing reads.
    """
    _keys(f"{path}", content, TOP)
    for name, keys in TABLES.items():
        _keys(f"{path} [{name}]", content.get(name), keys)
    for name, keys in INTERACTIONS.items():
        _keys(f"{path} [interaction.{name}]", _at(content, "interaction", name), keys)
    for name in _names(content.get("parameters")):
        _keys(f"{path} [parameters.{name}]", content["parameters"][name], PARAMETER)
    for name in _names(content.get("experiments")):
        table = content["experiments"][name]
        if name in DATA_SETS:
            _keys(f"{path} [experiments.{name}]", table, DATA_SETS[name])
        elif not (isinstance(table, dict) and "target" in table):
            known = [*DATA_SETS, "an own one, which has a target"]
            raise unknown(f"{path} [experiments]", "experiment", name, known)
    for axis in _tables(_at(content, "scan", "axes")):
        _keys(f"{path} [scan.axes]", axis, _AXIS)
    for name in _names(_at(content, "limit", "held")):
        held = content["limit"]["held"][name]
        _keys(f"{path} [limit.held.{name}]", held, ("min", "max", "points", "scale"))


def _keys(where: str, table: object, allowed: tuple[str, ...]) -> None:
    for key in _names(table):
        if key not in allowed:
            raise unknown(where, "key", key, allowed)


def _names(table: object) -> list[str]:
    """Keys of a table; none of what is no table, of which its reader complains."""
    return list(table) if isinstance(table, dict) else []


def _tables(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _at(content: dict[str, Any], *keys: str) -> object:
    """What is at a place in nested tables, if anything is."""
    place: object = content
    for key in keys:
        place = place.get(key) if isinstance(place, dict) else None
    return place
