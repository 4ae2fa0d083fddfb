"""From the official release of COHERENT CsI (2021) to our compact tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cevns_jax.data.tables import format_table
from cevns_jax.errors import ConfigError

FOLDER = "coherent_csi_2021"
ENERGY_EDGES_PE = (0, 8, 12, 16, 20, 24, 32, 40, 50, 60)
TIME_EDGES_US = (0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6)

SOURCE = (
    "COHERENT Collaboration, Phys. Rev. Lett. 129 (2022) 081801, arXiv:2110.07730",
    "Release: ancillary files of arXiv:2110.07730. Licence: not stated; published measurement",
    "results, cited. This table is our own condensation of them.",
)


def compact_tables(release: Path) -> dict[str, str]:
    """Condense a folder with the release files.

    Args:
        release: Folder that holds the files under their released names, and the projection
            ``snsFlux2D_projection_time_10ns.csv`` of the released flux histogram.

    Returns:
        File name -> text of each compact table.

    Raises:
        ConfigError: a file is missing or does not hold what the release holds.
    """
    energy_edges, time_edges = np.array(ENERGY_EDGES_PE), np.array(TIME_EDGES_US)
    low, high = _outer_edges(energy_edges, time_edges)
    counts = {
        "pe_low": low[0],
        "pe_high": high[0],
        "time_low_us": low[1],
        "time_high_us": high[1],
    }
    names = {"coincidence": "dataBeamOnC.txt", "anticoincidence": "dataBeamOnAC.txt"}
    for column, name in names.items():
        events = _columns(release / name, 2)
        histogram, _ = np.histogramdd(events, bins=[energy_edges, time_edges])
        counts[column] = histogram.ravel()
    energy = {"pe_low": np.arange(60.0), "pe_high": np.arange(1.0, 61.0)}
    fine = np.concatenate([np.arange(0, 2, 0.01), np.arange(2, 6.01, 0.05)]).round(3)
    time = {"time_us": fine}
    for neutrons in ("brn", "nin"):
        pe = _columns(release / f"{neutrons}PE.txt", 2)[:60, 1]
        energy[neutrons] = pe / pe.sum()
        rows = _columns(release / f"{neutrons}Trec.txt", 2)
        edges = np.append(rows[:, 0] - 0.005, rows[-1, 0] + 0.005)
        inside = np.interp(fine, edges, np.append(0, rows[:, 1].cumsum()))
        time[neutrons] = (inside - inside[0]) / (inside[-1] - inside[0])
    flux = _columns(release / "snsFlux2D_projection_time_10ns.csv", 6, delimiter=",", skip=1)
    edges = np.append(flux[:, 0], flux[-1, 1]) * 1e-3
    fine = np.concatenate([np.arange(0, 2, 0.01), np.arange(2, 7.01, 0.05)]).round(3)
    neutrinos = {"time_us": fine}
    for index, flavour in ((2, "nu_mu"), (3, "nu_mu_bar"), (4, "nu_e")):
        neutrinos[flavour] = np.interp(fine, edges, np.append(0, flux[:, index].cumsum()))
    return {
        "counts.csv": format_table(
            [*SOURCE, "Events per analysis bin, beam on, coincidence and anti-coincidence window."],
            counts,
        ),
        "neutron_energy.csv": format_table(
            [
                *SOURCE,
                "Photo-electron spectra of neutrons, efficiency included, sum 1 below 60 PE.",
            ],
            energy,
        ),
        "neutron_time.csv": format_table(
            [*SOURCE, "Cumulative arrival times of neutrons, 1 over 0 to 6 us."], time
        ),
        "neutrino_time.csv": format_table(
            [
                *SOURCE,
                "Cumulative arrival times of neutrinos by flavour, 1 over 0 to 15 us: projection",
                "of the released histogram snsFlux2D.root (1 ns x 1 MeV) made by BarbeauGroup,",
                "chi2_pull_test (commit 764f2f84).",
            ],
            neutrinos,
        ),
    }


def _outer_edges(*axes: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    low = np.meshgrid(*[edges[:-1] for edges in axes], indexing="ij")
    high = np.meshgrid(*[edges[1:] for edges in axes], indexing="ij")
    return [a.ravel() for a in low], [a.ravel() for a in high]


def _columns(path: Path, number: int, delimiter: str | None = None, skip: int = 0) -> np.ndarray:
    """Numbers of a release file, shape (rows, number)."""
    try:
        values = np.loadtxt(path, delimiter=delimiter, skiprows=skip, ndmin=2)
    except OSError:
        raise ConfigError(f"{path}: cannot be read; it is part of the release") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    if values.shape[1] != number or not np.isfinite(values).all():
        raise ConfigError(f"{path}: expected {number} columns of finite numbers")
    return values
