"""From the official release of COHERENT CsI (2017) to our compact tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cevns_jax.data.releases import check_total, grid_columns, release_columns
from cevns_jax.data.tables import format_table
from cevns_jax.errors import ConfigError

FOLDER = "coherent_csi_2017"
ENERGY_EDGES_PE = np.arange(6, 31, 2)
TIME_EDGES_US = np.arange(0, 6.1, 0.5)

SOURCE = (
    "COHERENT Collaboration, Science 357 (2017) 1123, arXiv:1708.01294",
    "Release: arXiv:1804.09459, doi:10.5281/zenodo.1228631. Licence: not stated; published",
    "measurement results, cited. This table is our own condensation of them.",
)

CHECKSUMS = {  # sha256 of the released files
    "data_coincidence_beamOn.txt": "e6cfa6d22345721a0af8abb9db938c0e5d9785c698c98d9305964aeebf31aa50",
    "data_anticoincidence_beamOn.txt": "3008578093927748e872ef4e01343b9833bd90ee0548260a88114723681f5b3d",
    "promptPDF.txt": "6e74171096abb2e9a3fac3c1b1c85f3973501627b88b2a83de7e7e5121601efa",
    "arrivalTimePDF_promptNeutrinos.txt": "017c47dcbdedd4ba65f6cb604f350d219dd1a212e15c669c8bd8b2015f8c8ee9",
    "arrivalTimePDF_delayedNeutrinos.txt": "50f6c7830a718674f5983116e3b7b2d5100e1a1f041ba107dd3b25e3f07d8fe0",
    "arrivalTimePDF_promptNeutrons.txt": "0119ea56f000eda98b7637282040b2641784e856fc3125e722e9eff9fb289652",
}


def compact_tables(release: Path) -> dict[str, str]:
    """Condense a folder with the release files.

    Args:
        release: Folder that holds the files under their released names.

    Returns:
        File name -> text of each compact table.

    Raises:
        ConfigError: a file is missing or does not hold what the release holds.
    """
    names = {"coincidence": "data_coincidence", "anticoincidence": "data_anticoincidence"}
    events = {c: _histogram(release / f"{name}_beamOn.txt") for c, name in names.items()}
    inside = np.s_[3:15, :12]  # 6 to 30 photo-electrons, 0 to 6 us
    for column, total in (("coincidence", 547), ("anticoincidence", 405)):
        path = release / f"{names[column]}_beamOn.txt"
        check_total(path, "events in the analysis region", events[column][inside].sum(), total)
    counts = grid_columns(("pe", ENERGY_EDGES_PE), ("time_us", TIME_EDGES_US)) | {
        column: histogram[inside].ravel() for column, histogram in events.items()
    }
    edges = np.arange(0, 12.1, 0.5)
    steady = {
        "time_low_us": edges[:-1],
        "time_high_us": edges[1:],
        "anticoincidence": events["anticoincidence"][3:15].sum(axis=0),
    }
    path = release / "promptPDF.txt"
    neutrons = release_columns(path, 2, delimiter=",", rows=50)
    check_total(path, "neutrons per GWh", neutrons[:, 1].sum(), 3.995, tolerance=2e-3)
    arrival = {"time_us": edges}
    for column, name in (
        ("nu_mu", "promptNeutrinos"),
        ("delayed", "delayedNeutrinos"),
        ("brn", "promptNeutrons"),
    ):
        path = release / f"arrivalTimePDF_{name}.txt"
        fractions = release_columns(path, 2, delimiter=",", rows=24)[:, 1]
        check_total(path, "fractions", fractions.sum(), 1.0, tolerance=1e-3)
        arrival[column] = np.append(0.0, fractions.cumsum())
    return {
        "counts.csv": format_table(
            [*SOURCE, "Events per analysis bin, beam on, coincidence and anti-coincidence window."],
            counts,
        ),
        "steady_state_time.csv": format_table(
            [*SOURCE, "Anti-coincidence events of 6 to 30 photo-electrons by time, beam on."],
            steady,
        ),
        "neutron_energy.csv": format_table(
            [*SOURCE, "Prompt neutrons per GWh and photo-electron, no efficiency applied."],
            {"pe_low": np.arange(50.0), "pe_high": np.arange(1.0, 51.0), "brn": neutrons[:, 1]},
        ),
        "arrival_time.csv": format_table(
            [*SOURCE, "Cumulative arrival times; delayed: nu_mu_bar and nu_e."], arrival
        ),
    }


def _histogram(path: Path) -> np.ndarray:
    """Counts of a released histogram, shape (25 photo-electron bins, 24 time bins)."""
    rows = release_columns(path, 3, delimiter=",", rows=600)
    energy, time = np.meshgrid(np.arange(1.0, 50, 2), np.arange(0.25, 12, 0.5), indexing="ij")
    centres = np.stack([energy.ravel(), time.ravel()], axis=1)
    if not np.allclose(rows[:, :2], centres):
        raise ConfigError(f"{path}: expected 25 x 24 bins of 2 photo-electrons and 0.5 us")
    return rows[:, 2].reshape(25, 24)
