"""CEvNS in plain NumPy: the other side of the benchmarks.

Written as one would without JAX, and independent of cevns_jax but for its tables of measured data
and its configs. Tree-level couplings, axial part included, Helm form factors. Units: MeV and fm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
DATA = ROOT / "cevns_jax" / "data"
HBAR_C = 197.3269804  # [MeV fm]
FERMI = 1.1663787e-11  # [MeV^-2]
PION, MUON, ELECTRON = 139.57039, 105.6583755, 0.51099895069  # [MeV]
DALTON, AVOGADRO = 931.49410372, 6.02214076e23
LINE = (PION**2 - MUON**2) / (2 * PION)
AXIAL, SKIN = 1.27, 0.9  # g_A; surface thickness [fm]
# Atoms per formula unit, Z, N, atomic mass [u], J, <S_p>, <S_n>, R_p, R_n [fm]
CSI = np.array(
    [
        [1, 55, 78, 132.9054519590, 3.5, -0.370, 0.000, 4.804, 5.01],
        [1, 53, 74, 126.9044730000, 2.5, 0.342, 0.031, 4.749, 4.94],
    ]
)
ARGON = np.array(
    [
        [0.0033361, 18, 18, 35.9675451060, 0, 0, 0, 3.448, 3.55],
        [0.0006289, 18, 20, 37.9627321000, 0, 0, 0, 3.448, 3.55],
        [0.9960350, 18, 22, 39.9623831220, 0, 0, 0, 3.448, 3.55],
    ]
)
GERMANIUM = np.array(
    [
        [0.2052, 32, 38, 69.9242485000, 0, 0, 0, 4.0414, 4.0414],
        [0.2745, 32, 40, 71.9220758200, 0, 0, 0, 4.0576, 4.0576],
        [0.0776, 32, 41, 72.9234589500, 4.5, 0.031, 0.439, 4.0632, 4.0632],
        [0.3652, 32, 42, 73.9211777610, 0, 0, 0, 4.0742, 4.0742],
        [0.0775, 32, 44, 75.9214027250, 0, 0, 0, 4.0811, 4.0811],
    ]
)


def read(path: Path) -> np.ndarray:
    """Columns of a CSV table."""
    lines = [row for row in path.read_text().splitlines() if not row.startswith("#")]
    return np.genfromtxt(lines, delimiter=",", names=True)


class PionDecay:
    """The line of nu_mu and the Michel spectra of nu_mu_bar and nu_e.

    Args:
        exposure: ``distance_m``, ``protons_on_target``, ``neutrinos_per_proton``.
    """

    ends = (LINE, MUON / 2)  # energies where a spectrum ends or bends

    def __init__(self, exposure: dict) -> None:
        self.fluence = exposure["neutrinos_per_proton"] * exposure["protons_on_target"]
        self.fluence /= 4 * np.pi * (100 * exposure["distance_m"]) ** 2

    def moments(self, e_min: np.ndarray) -> np.ndarray:
        """Integrals of phi E^-k above e_min [MeV^-k/cm^2]: shape (flavour, k, ...)."""
        x = np.minimum(e_min / MUON, 0.5)

        def michel(norm: float, a: float, k: int) -> np.ndarray:
            def primitive(y):
                return a * y ** (3 - k) / (3 - k) - y ** (4 - k) / (4 - k)

            return norm * MUON**-k * (primitive(0.5) - primitive(x))

        line = [(e_min <= LINE) * LINE**-k for k in range(3)]
        return self.fluence * np.array(
            [line, *([michel(n, a, k) for k in range(3)] for n, a in ((64, 0.75), (192, 0.5)))]
        )


class Tabulated:
    """One flavour with a spectrum that is linear between the rows of a table, zero outside.

    Args:
        energy: [MeV], ascending.
        fluence: Neutrinos per cm^2 and MeV.
    """

    def __init__(self, energy: np.ndarray, fluence: np.ndarray) -> None:
        self.energy, self.ends = energy, tuple(energy)
        self.slope = np.diff(fluence) / np.diff(energy)
        self.at_zero = fluence[:-1] - self.slope * energy[:-1]
        every = np.arange(len(energy) - 1)
        pieces = self._primitive(energy[1:], every) - self._primitive(energy[:-1], every)
        self.above = np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1]  # from each row to the last one

    def _primitive(self, e: np.ndarray, segment: np.ndarray) -> np.ndarray:
        a, b = self.at_zero[segment], self.slope[segment]
        return np.stack([a * e + b * e**2 / 2, a * np.log(e) + b * e, b * np.log(e) - a / e])

    def moments(self, e_min: np.ndarray) -> np.ndarray:
        """As those of pion decay."""
        e = np.clip(e_min, self.energy[0], self.energy[-1])
        segment = np.clip(np.searchsorted(self.energy, e, "right") - 1, 0, len(self.slope) - 1)
        below = self._primitive(e, segment) - self._primitive(self.energy[segment], segment)
        return (self.above[:, segment] - below)[None]


def helm(q: np.ndarray, rms: np.ndarray) -> np.ndarray:
    x = q * np.sqrt(5 / 3 * rms**2 - 5 * SKIN**2)
    return 3 * (np.sin(x) - x * np.cos(x)) / x**3 * np.exp(-0.5 * (q * SKIN) ** 2)


def helm_slope(q: np.ndarray, rms: np.ndarray) -> np.ndarray:
    """Derivative of the form factor with respect to the rms radius."""
    radius = np.sqrt(5 / 3 * rms**2 - 5 * SKIN**2)
    x = q * radius
    sphere = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    slope = 3 * (np.sin(x) / x - sphere) / x  # of the sphere, in x
    return slope * np.exp(-0.5 * (q * SKIN) ** 2) * q * 5 / 3 * rms / radius


def lowest_energy(recoil: np.ndarray, mass: np.ndarray | float) -> np.ndarray:
    """Of a neutrino that leaves a recoil."""
    return (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2


def panels(ends: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes in T and their weights, shape (..., n), between the ends of panels in
    sqrt(T), where moments and form factors are smooth down to zero."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    roots = np.sqrt(ends)
    half = np.diff(roots)[..., None] / 2
    root = roots[..., :-1, None] + half * (1 + x)
    shape = (*ends.shape[:-1], -1)
    return (root**2).reshape(shape), (2 * root * half * w).reshape(shape)


class Recoils:
    """Nodes in T for all nuclei, and all weights that no parameter moves; n nodes in all.

    Args:
        nuclei: Rows as in ``CSI``.
        mass_kg: Of the detector.
        source: Its spectra; recoils are split where they end or bend.
        nodes: Per panel in sqrt(T).
        lowest: Recoils below it are left out [MeV].
        splits: More ends of panels [MeV].
    """

    def __init__(
        self,
        nuclei: np.ndarray,
        mass_kg: float,
        source: PionDecay | Tabulated,
        nodes: int,
        lowest: float = 0.0,
        splits: Sequence[float] | np.ndarray = (),
    ) -> None:
        atoms, z, n, atomic, spin, s_p, s_n, r_p, self.r_n = nuclei.T[..., None]
        mass = atomic * DALTON - z * ELECTRON
        energies, splits = np.array(source.ends), np.asarray(splits)
        ends = np.sort(2 * energies**2 / (mass + 2 * energies), axis=1)
        both = np.concatenate([ends, np.broadcast_to(splits, (len(mass), splits.size))], axis=1)
        both = np.clip(both, lowest, ends[:, -1:])
        t, w = panels(np.sort(np.insert(both, 0, lowest, axis=1), axis=1), nodes)
        m = source.moments(lowest_energy(t, mass))
        number = 1e3 * mass_kg * AVOGADRO * atoms / (atoms * atomic).sum()
        weight = number * (HBAR_C * 1e-13) ** 2 * FERMI**2 * mass / np.pi * w
        f_a = 4 / 3 * (spin + 1) / np.maximum(spin, 0.5) * AXIAL**2 * (s_p - s_n) ** 2
        self.q = np.sqrt(2 * mass * t) / HBAR_C
        vector = weight * (m[:, 0] - t * m[:, 1] - mass * t / 2 * m[:, 2])
        axial = weight * f_a / 4 * (m[:, 0] - t * m[:, 1] + mass * t / 2 * m[:, 2])
        # by flavour
        self.vector, self.axial = (part.reshape(len(m), -1) for part in (vector, axial))
        self.proton = (z * helm(self.q, r_p)).ravel()
        self.neutrons = n
        self.recoil = t.ravel()

    def neutron(self, scale: float = 1.0) -> np.ndarray:
        """N F_n, shape (n,)."""
        return (self.neutrons * helm(self.q, self.r_n * scale)).ravel()

    def neutron_slope(self, scale: float) -> np.ndarray:
        """Derivative of that with respect to the scale."""
        return (self.neutrons * helm_slope(self.q, self.r_n * scale) * self.r_n).ravel()

    def by_power(self, scale: float = 1.0) -> np.ndarray:
        """Recoils as a quadratic in sin^2 theta_W: (power, flavour, n), at a scale of the radii."""
        a, b = self.proton / 2 - self.neutron(scale) / 2, -2 * self.proton  # Q_W = a + b s
        return np.stack(
            [self.vector * a**2 + self.axial, self.vector * 2 * a * b, self.vector * b**2]
        )

    def quenched(self, coefficients: np.ndarray) -> np.ndarray:
        """E_ee [keV] of a polynomial, shape (n,)."""
        return 1e3 * np.polyval([*np.asarray(coefficients)[::-1], 0.0], self.recoil)
