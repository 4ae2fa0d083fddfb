"""From the official release of COHERENT CENNS-10 liquid argon (2020), Analysis A, to our tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cevns_jax.data.releases import check_total, grid_columns, release_columns
from cevns_jax.data.tables import format_table
from cevns_jax.errors import ConfigError

FOLDER = "coherent_lar_2020"
ENERGY_EDGES_KEVEE = np.linspace(0, 120, 13)
F90_EDGES = np.linspace(0.5, 0.9, 9).round(3)
TIME_EDGES_US = np.linspace(-0.1, 4.9, 11).round(3)
BINS = (12, 8, 10)
FACTORISED = 1e-4  # events: templates are an (energy, F90) shape times a time shape to this

DATA = ("datanobkgsub.txt", 3752.0)
# Template -> file and the total that it is released with.
TEMPLATES = {
    "cevns": ("cevnspdf.txt", 128.0),
    "cevns_f90_plus": ("cevnspdf+1sigF90.txt", 128.0),
    "cevns_f90_minus": ("cevnspdf-1sigF90.txt", 128.0),
    "cevns_time": ("cevnspdfCEvNSTimingMeanSyst.txt", 128.0),
    "brn": ("brnpdf.txt", 497.0),
    "brn_energy_plus": ("brnpdf+1sigEnergy.txt", 497.0),
    "brn_energy_minus": ("brnpdf-1sigEnergy.txt", 497.0),
    "brn_time_plus": ("brnpdf+1sigBRNTimingMean.txt", 523.67),
    "brn_time_minus": ("brnpdf-1sigBRNTimingMean.txt", 497.0),
    "brn_time_width": ("brnpdfBRNTimingWidthSyst.txt", 497.0),
    "delayed_brn": ("delbrnpdf.txt", 33.0),
    "steady_state": ("bkgpdf.txt", 3152.0),
}
SOURCE = (
    "COHERENT Collaboration, Phys. Rev. Lett. 126 (2021) 012002, arXiv:2003.10630",
    "Release: arXiv:2006.12659, doi:10.5281/zenodo.3903810, Analysis A. Licence: not stated",
    "in its files; published measurement results, cited. Our own condensation of them.",
)
CHECKSUMS = {  # sha256 of the released files
    "CENNS10AnlAEfficiency.txt": "21ce25451c1ed552752ff4a22496deab3ff5dba178bf360813eaff1d25be89e2",
    "bkgpdf.txt": "36c89291dde3032a19ca7a8e64510d036d7b40c34b0805ce475a13ccfa739dd1",
    "brnpdf+1sigBRNTimingMean.txt": "7f06099e1bba0d2e328555c61cb255bb290607a44202327d29eb3ae3e05c1cd5",
    "brnpdf+1sigEnergy.txt": "fb6fdaf99c9941653d33e1a909d8000b81c1ee9bb8e8ad3bf31839561faf6661",
    "brnpdf-1sigBRNTimingMean.txt": "b5c1c8d0cb8b2319d093d38418da5ac2ccda59108755fb23e7f4a559cfe154f8",
    "brnpdf-1sigEnergy.txt": "20bcad29e716f3fb0f1e9eeb8ffb049b4b3d8b3b3a150800b9c8711e2b177be6",
    "brnpdf.txt": "02664ce6a84eca8c6146b6502497bc5d8165df945da132193622334ff4ff826f",
    "brnpdfBRNTimingWidthSyst.txt": "304dba1553989d7c0cd3f745df9731a5306ec07ecc1044c20efbe2952707b270",
    "cevnspdf+1sigF90.txt": "308f78e19b7fb3e54399dc29c207bd2a89b91825df5309d48068a3495e1c92e2",
    "cevnspdf-1sigF90.txt": "b4e8071f87aa22a562e0c00654a0989915251acf2c7e569068b9b78c3ae5ac35",
    "cevnspdf.txt": "3b1d5b25749e8d8e1cfdf5c32e48f026ce4aafec0a80632b3a63273e6e0e1f37",
    "cevnspdfCEvNSTimingMeanSyst.txt": "3170dafd4cf44df35bde0795e1245606d8144c05f3e50f015648c57bcdba97f5",
    "datanobkgsub.txt": "dabf3d80f13959f4b94b77c9b56f7347a645105801e8cc177424e7ffcf7c7f66",
    "delbrnpdf.txt": "ebccca6c1650b0ace71fdbaade7a80ea289a99ff3c120266ae6ecf0083df5c63",
    "energydata1d.txt": "d691284e875fb24e72787016f118c171974ca68fa6005da7ea653ca66059aa04",
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
    axes = (("energy_kevee", ENERGY_EDGES_KEVEE), ("f90", F90_EDGES), ("time_us", TIME_EDGES_US))
    counts = grid_columns(*axes)
    counts["counts"] = _histogram(release / DATA[0], DATA[1]).ravel()
    energy_f90, time = grid_columns(*axes[:2]), grid_columns(axes[2])
    for name, (file, total) in TEMPLATES.items():
        template = _histogram(release / file, total)
        shape, arrival = template.sum(axis=2) / template.sum(), template.sum(axis=(0, 1))
        arrival /= arrival.sum()
        if np.abs(shape[:, :, None] * arrival * template.sum() - template).max() > FACTORISED:
            raise ConfigError(f"{release / file}: energy and time do not factorise as released")
        energy_f90[name], time[name] = shape.ravel(), arrival
    efficiency = release_columns(release / "CENNS10AnlAEfficiency.txt", 3, rows=80)
    projected = release_columns(release / "energydata1d.txt", 8, skip=1, rows=12)
    check_total(
        release / "energydata1d.txt", "subtracted counts", projected[:, 1].sum(), 620.24642, 1e-6
    )
    return {
        "counts.csv": format_table(
            [*SOURCE, "Events per bin, beam on, nothing subtracted."], counts
        ),
        "energy_f90.csv": format_table(
            [*SOURCE, "Shape of each released template in energy and F90, sum 1."], energy_f90
        ),
        "time.csv": format_table(
            [*SOURCE, "Shape of each released template in time, sum 1."], time
        ),
        "efficiency.csv": format_table(
            [*SOURCE, "Efficiency against the reconstructed energy, F90 selection included."],
            {"energy_kevee": efficiency[:, 0], "efficiency": efficiency[:, 2]},
        ),
        "subtracted_energy.csv": format_table(
            [*SOURCE, "Events per energy bin after subtraction of the steady state, with errors."],
            grid_columns(axes[0]) | {"counts": projected[:, 1], "error": projected[:, 2]},
        ),
    }


def _histogram(path: Path, total: float) -> np.ndarray:
    """A released histogram, shape (energy, F90, time)."""
    rows = release_columns(path, 4, rows=960)
    edges = (ENERGY_EDGES_KEVEE, F90_EDGES, TIME_EDGES_US)
    centres = np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij")
    if not np.allclose(rows[:, :3], np.stack([c.ravel() for c in centres], axis=1), atol=1e-6):
        raise ConfigError(f"{path}: bin centres are not those of Analysis A, energy slowest")
    check_total(path, "counts", rows[:, 3].sum(), total, tolerance=1e-5)
    return rows[:, 3].reshape(BINS)
