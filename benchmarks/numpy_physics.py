"""CEvNS at the SNS in plain NumPy: the other side of the benchmarks.

Written as one would without JAX, and independent of cevns_jax but for its tables of measured data
and its configs. Tree-level couplings, axial part included, Helm form factors. Units: MeV and fm.
"""

from __future__ import annotations

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


def moments(e_min: np.ndarray) -> np.ndarray:
    """Integrals of phi E^-k above e_min for nu_mu, nu_mu_bar, nu_e: shape (3, 3, ...)."""
    x = np.minimum(e_min / MUON, 0.5)

    def michel(norm: float, a: float, k: int) -> np.ndarray:
        def primitive(y):
            return a * y ** (3 - k) / (3 - k) - y ** (4 - k) / (4 - k)

        return norm * MUON**-k * (primitive(0.5) - primitive(x))

    line = [(e_min <= LINE) * LINE**-k for k in range(3)]
    return np.array(
        [line, *([michel(n, a, k) for k in range(3)] for n, a in ((64, 0.75), (192, 0.5)))]
    )


def helm(q: np.ndarray, rms: np.ndarray) -> np.ndarray:
    x = q * np.sqrt(5 / 3 * rms**2 - 5 * SKIN**2)
    return 3 * (np.sin(x) - x * np.cos(x)) / x**3 * np.exp(-0.5 * (q * SKIN) ** 2)


class Recoils:
    """Nodes in T for all nuclei, and all weights that no parameter moves; n nodes in all.

    Args:
        nuclei: Rows as in ``CSI``.
        exposure: ``mass_kg``, ``distance_m``, ``protons_on_target``, ``neutrinos_per_proton``.
        nodes: Per panel in sqrt(T); the line and the end point are the ends of panels.
    """

    def __init__(self, nuclei: np.ndarray, exposure: dict, nodes: int) -> None:
        atoms, z, n, atomic, spin, s_p, s_n, r_p, self.r_n = nuclei.T[..., None]
        mass = atomic * DALTON - z * ELECTRON
        roots = [np.sqrt(2 * e**2 / (mass + 2 * e)) for e in (LINE, MUON / 2)]
        x, w = np.polynomial.legendre.leggauss(nodes)
        half = np.concatenate(
            [np.repeat(roots[0] / 2, nodes, 1), np.repeat((roots[1] - roots[0]) / 2, nodes, 1)], 1
        )
        root = half * np.tile(1 + x, 2) + np.repeat(
            np.concatenate([0 * roots[0], roots[0]], 1), nodes, 1
        )
        t = root**2
        m = moments((t + np.sqrt(t**2 + 2 * mass * t)) / 2)
        fluence = exposure["neutrinos_per_proton"] * exposure["protons_on_target"]
        fluence /= 4 * np.pi * (100 * exposure["distance_m"]) ** 2
        number = 1e3 * exposure["mass_kg"] * AVOGADRO * atoms / (atoms * atomic).sum()
        weight = fluence * number * (HBAR_C * 1e-13) ** 2 * FERMI**2 * mass / np.pi
        weight = weight * 2 * root * half * np.tile(w, 2)
        f_a = 4 / 3 * (spin + 1) / np.maximum(spin, 0.5) * AXIAL**2 * (s_p - s_n) ** 2
        self.q = np.sqrt(2 * mass * t) / HBAR_C
        vector = weight * (m[:, 0] - t * m[:, 1] - mass * t / 2 * m[:, 2])
        axial = weight * f_a / 4 * (m[:, 0] - t * m[:, 1] + mass * t / 2 * m[:, 2])
        self.vector, self.axial = vector.reshape(3, -1), axial.reshape(3, -1)  # by flavour
        self.proton = (z * helm(self.q, r_p)).ravel()
        self.neutrons = n
        self.recoil = t.ravel()

    def neutron(self, scale: float = 1.0) -> np.ndarray:
        """N F_n, shape (n,)."""
        return (self.neutrons * helm(self.q, self.r_n * scale)).ravel()

    def by_power(self, scale: float = 1.0) -> np.ndarray:
        """Recoils as a quadratic in sin^2 theta_W: (power, flavour, n), at a scale of the radii."""
        a, b = self.proton / 2 - self.neutron(scale) / 2, -2 * self.proton  # Q_W = a + b s
        return np.stack(
            [self.vector * a**2 + self.axial, self.vector * 2 * a * b, self.vector * b**2]
        )

    def quenched(self, coefficients: np.ndarray) -> np.ndarray:
        """E_ee [keV] of a polynomial, shape (n,)."""
        return 1e3 * np.polyval([*np.asarray(coefficients)[::-1], 0.0], self.recoil)
