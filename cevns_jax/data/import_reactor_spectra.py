"""From published tables of reactor antineutrino spectra to our compact ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cevns_jax.data.releases import check_total, release_columns
from cevns_jax.data.tables import format_table

FOLDER = "reactor"
HIGHEST_MEV = 12.0
CHECKSUMS: dict[str, str] = {}  # the sums below tell other files apart
# Files of each set, with the sum of the spectrum in each.
VOGEL = {
    "u235": ("vogel_mueller/spectraMeVU235.txt", 22.03398),
    "u238": ("vogel_mueller/spectraMeVU238.txt", 27.0308),
    "pu239": ("vogel_mueller/spectraMeVPu239.txt", 22.198671),
    "pu241": ("vogel_mueller/spectraMeVPu241.txt", 25.775823),
}
HUBER = {
    "u235": ("huber2011/U235-anti-neutrino-flux-250keV.dat", 7.42505388),
    "pu239": ("huber2011/Pu239-anti-neutrino-flux-250keV.dat", 5.629955753),
    "pu241": ("huber2011/Pu241-anti-neutrino-flux-250keV.dat", 7.13323779),
}
SUMMATION = {
    "u235": ("estienne_fallot2019/Pure_U235_SM.dat", 47.05494081),
    "u238": ("estienne_fallot2019/Pure_U238_SM.dat", 67.55581518),
    "pu239": ("estienne_fallot2019/Pure_Pu239_SM.dat", 46.21913746),
    "pu241": ("estienne_fallot2019/Pure_Pu241_SM.dat", 54.30969662),
}


def compact_tables(release: Path) -> dict[str, str]:
    """Condense a folder with the spectra, in antineutrinos per MeV and fission.

    Args:
        release: Folder with ``vogel_mueller``, ``huber2011`` and ``estienne_fallot2019``.

    Returns:
        File name -> text of each compact table.

    Raises:
        ConfigError: a file is missing or does not hold what was published.
    """
    licence = "Licence: not stated; published results, cited."
    vogel = {i: _spectrum(release / f, total, 35, 2, 1) for i, (f, total) in VOGEL.items()}
    huber = dict(vogel)
    for i, (file, total) in HUBER.items():
        high = _spectrum(release / file, total, 25, 14, 1)
        huber[i] = np.concatenate([vogel[i][vogel[i][:, 0] < high[0, 0]], high])
    summation = {}
    for i, (file, total) in SUMMATION.items():
        rows = _spectrum(release / file, total, 199, 7, 4) * [1e3, 1.0]  # from GeV
        summation[i] = rows[rows[:, 0] <= HIGHEST_MEV]
    return {
        "vogel_mueller.csv": _table(
            [
                "Below 2 MeV P. Vogel and J. Engel, Phys. Rev. D 39 (1989) 3378, table II; from 2 MeV",
                "Th. A. Mueller et al., Phys. Rev. C 83 (2011) 054615, arXiv:1101.2663.",
                licence,
            ],
            vogel,
        ),
        "huber_mueller.csv": _table(
            [
                "Below 2 MeV P. Vogel and J. Engel, Phys. Rev. D 39 (1989) 3378, table II; from 2 MeV",
                "P. Huber, Phys. Rev. C 84 (2011) 024617, arXiv:1106.0687, and for U238",
                "Th. A. Mueller et al., Phys. Rev. C 83 (2011) 054615, arXiv:1101.2663.",
                licence,
            ],
            huber,
        ),
        "estienne_fallot_2019.csv": _table(
            [
                "Summation model of M. Estienne et al., Phys. Rev. Lett. 123 (2019) 022502,",
                f"up to {HIGHEST_MEV:g} MeV. {licence}",
            ],
            summation,
        ),
    }


def _spectrum(path: Path, total: float, rows: int, columns: int, column: int) -> np.ndarray:
    """Energy and spectrum of a file, shape (rows, 2)."""
    values = release_columns(path, columns, rows=rows)
    check_total(path, "the spectrum", values[:, column].sum(), total, tolerance=1e-6)
    return values[:, [0, column]]


def _table(header: list[str], spectra: dict[str, np.ndarray]) -> str:
    columns = {"energy_mev": spectra["u235"][:, 0]} | {i: s[:, 1] for i, s in spectra.items()}
    return format_table([*header, "Antineutrinos per MeV and fission."], columns)
