"""What the data sets of the COHERENT CsI[Na] crystal share: kernels, quenching, counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cevns_jax.data.tables import DATA, bin_edges, check_column, grid_points, read_table, same_edges
from cevns_jax.detectors.scintillation import HIGHEST_ENERGY
from cevns_jax.domains import COUNTS
from cevns_jax.electrons import Electrons, electrons
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import coherent, release
from cevns_jax.nuclei import Target
from cevns_jax.recoil import RecoilKernel, kernel

AXES = ("photoelectrons", "time_us")
UNQUENCHED = np.array([1.0])  # electrons: coefficients of the quenching polynomial
# Per panel between two binding energies: counts per bin to 1e-8. Found by trial; half as many lose
# digits, twice as many double the cost of the electrons.
ELECTRON_NODES = 12
COUNT_COLUMNS = (
    *("pe_low", "pe_high", "time_low_us", "time_high_us"),
    *("coincidence", "anticoincidence"),
)


def crystal(numbers: Mapping[str, float], nuclei: Target) -> RecoilKernel:
    """Neutrinos from the SNS on the nuclei of the crystal.

    Args:
        numbers: ``mass_kg``, ``distance_m``, ``protons_on_target``, ``neutrinos_per_proton``.
        nuclei: See :func:`cevns_jax.experiments.csi_target`.
    """
    # 32 nodes on each panel are enough for nuclei from germanium upwards, see ``kernel``.
    return kernel(coherent.flux(numbers), nuclei, mass_kg=numbers["mass_kg"], nodes=32)


def crystal_electrons(numbers: Mapping[str, float]) -> RecoilKernel[Electrons]:
    """Neutrinos from the SNS on the electrons of the crystal; exposure as above."""
    material = electrons("CsI")
    return kernel(
        coherent.flux(numbers),
        material,
        mass_kg=numbers["mass_kg"],
        nodes=ELECTRON_NODES,
        splits=material.bends,
        recoil_max=HIGHEST_ENERGY * 1e-3,
        common_nodes=True,
    )


def electrons_text(counted: bool) -> dict[str, str]:
    """Whether electrons of the crystal count, in words."""
    text = "free below the binding energies, tree level" if counted else "not counted"
    return {"electrons": text}


def released_quenching() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Coefficients of the quenching polynomial that was released with the full data set, and their
    change by each mode.

    The released +1 and -1 sigma coefficients lie symmetrically about the nominal ones to their
    printed digits, so half their difference is the change per standard deviation.
    """
    quenching = release.measurement(DATA / "coherent_csi_2021")["quenching"]
    rows = {key: np.array(row) for key, row in quenching.items()}
    modes = {
        f"quenching_{i}": (rows[f"mode_{i}_plus"] - rows[f"mode_{i}_minus"]) / 2 for i in range(2)
    }
    return rows["nominal"], modes


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
    # Edges may miss the ends of the region by rounding; what is returned is exactly inside.
    inside = np.clip(energy, 0, highest_pe), np.clip(time, 0, 6)
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
