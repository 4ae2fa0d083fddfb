"""Figure 3 of the mission paper: light mediators and the dipole portal."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cevns_jax.experiments import coherent_csi_2021, coherent_lar_2020, dresden_ii
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import (
    DipolePortal,
    NewPhysics,
    light_scalar,
    light_vector,
    standard_model,
    with_new_physics,
)
from cevns_jax.likelihood import Likelihood
from cevns_jax.results.result import Result
from cevns_jax.results.scan import scan_result

SNS = "COHERENT CsI (2021) + LAr (2020)"
QUENCHING = {
    "modified_lindhard": "Dresden-II, modified Lindhard",
    "iron_filter": "Dresden-II, iron filter",
}
# The grids of configs/fig3_*.toml: bands that are narrower than a cell are found between points.
PLANES: dict[str, tuple[NewPhysics, dict[str, np.ndarray]]] = {
    "vector": (
        light_vector(),
        {"m_vector": np.geomspace(1e-2, 1e3, 100), "g_vector": np.geomspace(1e-7, 3e-3, 150)},
    ),
    "scalar": (
        light_scalar(),
        {"m_scalar": np.geomspace(1e-2, 1e3, 100), "g_scalar": np.geomspace(1e-7, 1e-3, 100)},
    ),
    "dipole": (
        DipolePortal(),
        {"m4": np.geomspace(1e-2, 60, 100), "mu_dipole": np.geomspace(1e-11, 1e-8, 100)},
    ),
}


def fig3(levels: tuple[float, ...]) -> Iterator[tuple[str, Result]]:
    """Figure 3: regions of coupling and mass of a vector, a scalar and the dipole portal.

    Args:
        levels: Delta chi^2 of the contours.

    Yields:
        Name and scan of Dresden-II with either quenching, and of COHERENT, for each interaction.
    """
    for plane, (physics, grids) in PLANES.items():
        interaction = with_new_physics(standard_model(), physics)
        sns = [
            coherent_csi_2021(nuisances="normalisations"),
            coherent_lar_2020(nuisances="normalisations"),
        ]
        data = {name: [dresden_ii(quenching=name)] for name in QUENCHING} | {"coherent": sns}
        for name, experiments in data.items():
            found = scan(Likelihood(experiments, interaction), grids, levels=levels)
            yield f"{plane}_{name}", scan_result(found, levels, {"figure": "fig3"})
