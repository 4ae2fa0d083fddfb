"""What the analyses of COHERENT liquid argon share: response, nuisances, templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cevns_jax.data.tables import DATA, read_table
from cevns_jax.detectors.quenching import PolynomialQuenching
from cevns_jax.detectors.resolution import gaussian_resolution
from cevns_jax.detectors.response import EnergyResponse, energy_response
from cevns_jax.detectors.table import linear_table
from cevns_jax.experiments import release
from cevns_jax.prediction.nuisances import Nuisance

FOLDER = DATA / "coherent_lar_2020"
AXES = ("energy_kevee", "f90", "time_us")
COLUMNS = {axis: release.ends(axis) for axis in AXES}

# What moves all CEvNS events, taken apart, for combinations: one flux for all detectors at the SNS.
SIGNAL_PARTS = (
    Nuisance(name="sns_flux", acts_on=("cevns",), width=0.10, shared=True),
    Nuisance(name="quenching_a", acts_on=("quenching_a",), width=0.006),
    Nuisance(name="quenching_b", acts_on=("quenching_b",), width=0.09),
    Nuisance(name="mass", acts_on=("cevns",), width=0.025),
)
NEUTRONS = (
    Nuisance(name="brn", acts_on=("brn",), width=0.32),
    Nuisance(name="delayed_brn", acts_on=("delayed_brn",), width=1.0),
)


def templates() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Released templates: shape in energy and F90, and in time; each adds up to one."""
    names = (
        *("cevns", "cevns_f90_plus", "cevns_f90_minus", "cevns_time"),
        *("brn", "brn_energy_plus", "brn_energy_minus", "brn_time_plus", "brn_time_minus"),
        *("brn_time_width", "delayed_brn", "steady_state"),
    )
    ends = (*COLUMNS["energy_kevee"], *COLUMNS["f90"])
    shape = read_table(FOLDER / "energy_f90.csv", (*ends, *names))
    time = read_table(FOLDER / "time.csv", (*COLUMNS["time_us"], *names))
    return {name: (shape[name].reshape(12, 8), time[name]) for name in names}


def response(measured: Mapping[str, Any], edges: np.ndarray) -> EnergyResponse:
    """Released quenching, resolution and efficiency, which is constant above its last row."""
    table = read_table(FOLDER / "efficiency.csv", ("energy_kevee", "efficiency"))
    x = np.concatenate([edges[:1], table["energy_kevee"], edges[-1:]])
    y = np.concatenate([table["efficiency"][:1], table["efficiency"], table["efficiency"][-1:]])
    return energy_response(
        axis="energy_kevee",
        edges=edges,
        quenching=PolynomialQuenching(
            effects=("quenching_a", "quenching_b"),
            coefficients=tuple(measured["quenching"]["nominal"]),
        ),
        resolution=gaussian_resolution(statistical=measured["resolution"]["statistical"]),
        efficiency=linear_table("efficiency", x, y),
    )
