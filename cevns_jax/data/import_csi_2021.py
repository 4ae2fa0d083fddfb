"""From the official release of COHERENT CsI (2021) to our compact tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cevns_jax.data.releases import check_total, grid_columns, release_columns
from cevns_jax.data.tables import format_table

FOLDER = "coherent_csi_2021"
# Rows of the event lists, and how many of them lie in the analysis region.
EVENTS = {"coincidence": (5142, 1578), "anticoincidence": (4890, 1295)}
COUNTS = {"brn": 27.63, "nin": 7.565}  # of the released time histograms
ENERGY_EDGES_PE = (0, 8, 12, 16, 20, 24, 32, 40, 50, 60)
TIME_EDGES_US = (0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6)

SOURCE = (
    "COHERENT Collaboration, Phys. Rev. Lett. 129 (2022) 081801, arXiv:2110.07730",
    "Release: ancillary files of arXiv:2110.07730. Licence: not stated; published measurement",
    "results, cited. This table is our own condensation of them.",
)

FLUX = "snsFlux2D_projection_time_10ns.csv"  # made from the released histogram, may be missing
CHECKSUMS = {  # sha256 of the released files
    "dataBeamOnC.txt": "0a188a0291af06dd023d966d1c9fea7a82ec32d8c1a10750fd09c2b17f10a749",
    "dataBeamOnAC.txt": "f530d4a50e889333ada0e739db2e36d7f9f3b783822c8c6e932dae88ce071639",
    "brnPE.txt": "0000b042b8d0d28b90370eb70d1409db1d8c510fcf2b3e636370b0d4443ac0b0",
    "brnTrec.txt": "6f279d835242a868dfc048abaa42b8c400bf961036de7bc7e64636efdd46466f",
    "ninPE.txt": "41cae0376003cc2dcd028a3913e7c16395471f612b56d311f80e2a6071c9950c",
    "ninTrec.txt": "2bb034d648b312f4ee329ae95078dc748ff3f83b999c411b08f86d82ddf8e151",
    "snsFlux2D_projection_time_10ns.csv": "a235b207cdc64f2e68e08a99217b8339f22dfcca67cd7de6e5d449cae1a9b476",
}


def compact_tables(release: Path) -> dict[str, str]:
    """Condense a folder with the release files.

    Args:
        release: Folder that holds the files under their released names; beside them may lie the
            projection ``snsFlux2D_projection_time_10ns.csv`` of the released flux histogram.

    Returns:
        File name -> text of each compact table; without the projection, no arrival times.

    Raises:
        ConfigError: a file is missing or does not hold what the release holds.
    """
    energy_edges, time_edges = np.array(ENERGY_EDGES_PE), np.array(TIME_EDGES_US)
    counts = grid_columns(("pe", energy_edges), ("time_us", time_edges))
    names = {"coincidence": "dataBeamOnC.txt", "anticoincidence": "dataBeamOnAC.txt"}
    for column, name in names.items():
        number, inside = EVENTS[column]
        events = release_columns(release / name, 2, rows=number)
        histogram, _ = np.histogramdd(events, bins=[energy_edges, time_edges])
        check_total(release / name, "events in the analysis region", histogram.sum(), inside)
        counts[column] = histogram.ravel()
    energy = {"pe_low": np.arange(60.0), "pe_high": np.arange(1.0, 61.0)}
    fine = np.concatenate([np.arange(0, 2, 0.01), np.arange(2, 6.01, 0.05)]).round(3)
    time = {"time_us": fine}
    for neutrons in ("brn", "nin"):
        path = release / f"{neutrons}PE.txt"
        pe = release_columns(path, 2, rows=250)[:60, 1]
        check_total(path, "the spectrum below 60 photo-electrons", pe.sum(), 1.0, tolerance=1e-3)
        energy[neutrons] = pe / pe.sum()
        path = release / f"{neutrons}Trec.txt"
        rows = release_columns(path, 2, rows=650)
        check_total(path, "counts", rows[:, 1].sum(), COUNTS[neutrons], tolerance=1e-3)
        edges = np.append(rows[:, 0] - 0.005, rows[-1, 0] + 0.005)
        inside = np.interp(fine, edges, np.append(0, rows[:, 1].cumsum()))
        time[neutrons] = (inside - inside[0]) / (inside[-1] - inside[0])
    tables = {
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
    }
    if (release / FLUX).is_file():
        tables["neutrino_time.csv"] = _arrivals(release / FLUX)
    return tables


def _arrivals(path: Path) -> str:
    """Table of the arrival times of the neutrinos."""
    flux = release_columns(path, 6, delimiter=",", skip=1, rows=1500)
    edges = np.append(flux[:, 0], flux[-1, 1]) * 1e-3
    fine = np.concatenate([np.arange(0, 2, 0.01), np.arange(2, 7.01, 0.05)]).round(3)
    neutrinos = {"time_us": fine}
    for index, flavour in ((2, "nu_mu"), (3, "nu_mu_bar"), (4, "nu_e")):
        check_total(path, f"fractions of {flavour}", flux[:, index].sum(), 1.0, tolerance=1e-3)
        neutrinos[flavour] = np.interp(fine, edges, np.append(0, flux[:, index].cumsum()))
    return format_table(
        [
            *SOURCE,
            "Cumulative arrival times of neutrinos by flavour, 1 over 0 to 15 us: projection",
            "of the released histogram snsFlux2D.root (1 ns x 1 MeV) made by BarbeauGroup,",
            "chi2_pull_test (commit 764f2f84).",
        ],
        neutrinos,
    )
