"""From the data release of Dresden-II (2022) to our compact tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cevns_jax.data.releases import check_total, release_columns
from cevns_jax.data.tables import format_table
from cevns_jax.errors import ConfigError

FOLDER = "dresden_ii"
ENERGY_EDGES_KEVEE = np.linspace(0.2, 1.5, 131).round(2)
RATE = 5106.253  # sum of the released reactor-ON rates
QUENCHING = "QF_Fef_YBe.txt"  # of the same release, may lie elsewhere
FACTORS = (103.50917, 95.68221)  # sums of the two columns

SOURCE = (
    "J. Colaresi et al., Phys. Rev. Lett. 129 (2022) 211802, arXiv:2202.09672",
    "Release: ancillary files of arXiv:2202.09672. Licence: not stated; published measurement",
    "results, cited. This table is our own condensation of them.",
)
CHECKSUMS = {  # sha256 of the released files
    "data_release.txt": "5b8b37749f0d32a3e5daebc24ab9c636a920e61eac8f093c78f0af0d3cf535dc",
    "QF_Fef_YBe.txt": "a53ff7708b474b036e43b9173365bc2cb21e68d47c4a75176b2476000a704f93",
}


def compact_tables(release: Path) -> dict[str, str]:
    """Condense a folder with the release files.

    Args:
        release: Folder that holds ``data_release.txt``, and ``QF_Fef_YBe.txt`` if at hand.

    Returns:
        File name -> text of each compact table; without the second file, no quenching factors.

    Raises:
        ConfigError: a file is missing or does not hold what the release holds.
    """
    path = release / "data_release.txt"
    rows = release_columns(path, 5, rows=130)
    low, high = ENERGY_EDGES_KEVEE[:-1], ENERGY_EDGES_KEVEE[1:]
    if not np.allclose(rows[:, 0], (low + high) / 2, atol=1e-6):
        raise ConfigError(f"{path}: energies are not the centres of bins of 10 eV from 0.2 keV")
    check_total(path, "reactor-ON rates", rows[:, 1].sum(), RATE, tolerance=1e-6)
    tables = {
        "rates.csv": format_table(
            [*SOURCE, "Reactor on: counts per day and 10 eV, corrected for the acceptance."],
            {
                "energy_low_kevee": low,
                "energy_high_kevee": high,
                "rate": rows[:, 1],
                "error": rows[:, 2],
            },
        )
    }
    if (release / QUENCHING).is_file():
        tables["quenching.csv"] = _quenching(release / QUENCHING)
    return tables


def _quenching(path: Path) -> str:
    rows = release_columns(path, 3, rows=451)
    for name, column, total in zip(("iron filter", "YBe"), rows.T[1:], FACTORS, strict=True):
        check_total(path, f"{name} factors", column.sum(), total, tolerance=1e-5)
    return format_table(
        [
            "J. I. Collar, A. R. L. Kavner and C. M. Lewis, Phys. Rev. D 103 (2021) 122003,",
            "arXiv:2102.10089, as released with arXiv:2202.09672. Licence: not stated; published",
            "measurement results, cited. Quenching factor of germanium, E_ee/T, from iron-filtered",
            "neutrons and from photo-neutrons of 88Y/Be.",
        ],
        {"recoil_kev": rows[:, 0], "iron_filter": rows[:, 1], "photo_neutron": rows[:, 2]},
    )
