"""Dresden-II (2022), iron-filter quenching, in NumPy."""

from __future__ import annotations

import tomllib

import numpy as np
from numpy_iminuit import Model
from numpy_physics import (
    AVOGADRO,
    DATA,
    ELECTRON,
    FERMI,
    GERMANIUM,
    HBAR_C,
    Recoils,
    Tabulated,
    lowest_energy,
    panels,
    read,
)
from numpy_tables import Kept
from scipy.optimize import brentq
from scipy.special import erf

FOLDER = DATA / "dresden_ii"
NODES = 4  # per panel in sqrt(T)
DAY = 86400.0  # [s]
LOWEST = 1e-4  # [MeV], spectra are constant below their first row
PAIR = 2.96e-3  # [keV], lowest E_ee
HIGHEST_ELECTRON = 3.0  # [keV]
# Electrons bound by less than an energy [keV]
SHELLS = np.array(
    [
        *([0.0, 4], [0.0298, 14], [0.1208, 18], [0.1249, 20], [0.1801, 22]),
        *([1.217, 26], [1.248, 28], [1.4146, 30], [11.11, 32]),
    ]
)
FLUX = 0.05  # width of the pull
SQRT_2, SQRT_HALF_PI = 2**0.5, (np.pi / 2) ** 0.5


class Released:
    """Data and the signal, electrons included, as a quadratic in sin^2 theta_W: (power, bin)."""

    def __init__(self) -> None:
        self.measured = tomllib.loads((FOLDER / "measurement.toml").read_text())
        table = read(FOLDER / "rates.csv")
        self.edges = np.append(table["energy_low_kevee"], table["energy_high_kevee"][-1])
        self.rate, self.error = table["rate"], table["error"]
        source = self._reactor()
        self.quadratic = self._nuclei(source) + self._electrons(source)

    def _reactor(self) -> Tabulated:
        table = read(DATA / "reactor" / "vogel_mueller.csv")
        energy, shape = np.append(LOWEST, table["energy_mev"]), 0.0
        for isotope, fraction in self.measured["fission_fractions"].items():
            spectrum = np.append(table[isotope][0], table[isotope])
            shape = shape + fraction * spectrum / np.trapezoid(spectrum, energy)
        return Tabulated(energy, DAY * self.measured["exposure"]["flux_per_cm2_s"] * shape)

    def _response(self, energy: np.ndarray) -> np.ndarray:
        """Probability of each bin at E_ee [keV], shape (n, bins): a Gaussian above zero."""
        r = self.measured["resolution"]
        sigma = np.sqrt(r["noise_kev"] ** 2 + r["fano"] * r["pair_energy_kev"] * energy)[:, None]
        e = energy[:, None]
        inside = np.diff(erf((self.edges - e) / (np.sqrt(2) * sigma)))
        return inside / (1 + erf(e / (np.sqrt(2) * sigma)))

    def _nuclei(self, source: Tabulated) -> np.ndarray:
        table = read(FOLDER / "quenching.csv")
        nuclei = GERMANIUM.copy()
        nuclei[:, -1] = np.average(nuclei[:, -1], weights=nuclei[:, 0])  # one radius for all

        def quenched(t: np.ndarray) -> np.ndarray:
            return t * np.interp(t, table["recoil_kev"], table["iron_filter"])

        lowest = brentq(lambda t: quenched(t) - PAIR, 1e-6, 1.0, xtol=1e-14)
        recoils = Recoils(
            nuclei,
            self.measured["exposure"]["mass_kg"],
            source,
            NODES,
            lowest * 1e-3,
            table["recoil_kev"] * 1e-3,
        )
        self.recoils, self.into = recoils, self._response(quenched(1e3 * recoils.recoil))
        return recoils.by_power()[:, 0] @ self.into

    def _electrons(self, source: Tabulated) -> np.ndarray:
        """Antineutrinos on free electrons, g_L and g_R exchanged: s and s + 1/2."""
        ends = np.union1d(SHELLS[:, 0], np.geomspace(PAIR, HIGHEST_ELECTRON, 33))
        ends = ends[(ends >= PAIR) & (ends <= HIGHEST_ELECTRON)]
        t, w = panels(1e-3 * ends, 8)
        m0, m1, m2 = source.moments(lowest_energy(t, ELECTRON))[0]
        molar = GERMANIUM[:, 0] @ GERMANIUM[:, 3] / GERMANIUM[:, 0].sum()
        atoms = 1e3 * self.measured["exposure"]["mass_kg"] * AVOGADRO / molar
        bound_less = np.searchsorted(1e-3 * SHELLS[:, 0], t, "right") - 1
        weight = atoms * SHELLS[bound_less, 1] * w * (HBAR_C * 1e-13) ** 2
        weight *= 2 * FERMI**2 * ELECTRON / np.pi
        left, right, both = m0, m0 - 2 * t * m1 + t**2 * m2, -ELECTRON * t * m2
        self.electrons = t, weight * np.stack([left, right, both]), self._response(1e3 * t)
        # s^2 left + (s + 1/2)^2 right + s (s + 1/2) both
        powers = np.stack([right / 4, right + both / 2, left + right + both])
        return weight * powers @ self.electrons[2]


class DresdenII(Model):
    """Seven free parameters of the background; in combinations a pull of the flux as well."""

    names: tuple[str, ...] = (
        *("l_height", "l_energy", "l_width", "m_ratio"),
        *("constant", "exponential", "exponential_slope"),
    )

    def __init__(self, free_flux: bool = False) -> None:
        released = self.released = Released()
        m, edges = released.measured, released.edges
        if free_flux:
            self.names = (*self.names, "reactor_flux")
        self.edges, self.shifted = edges, edges - 0.2
        self.ratio_error = m["m_shell"]["ratio_error"]
        # Everything in units of the error.
        self.data = released.rate / released.error
        self.quadratic = released.quadratic / released.error
        self.constant = 1 / released.error
        self.per_bin = 1 / (released.error * np.diff(edges))  # of integrals over a bin
        self.second = m["l_shell"]["second_energy_kev"], m["l_shell"]["second_height"]
        noise = m["resolution"]["noise_kev"]
        z = (edges - m["m_shell"]["energy_kev"]) / (np.sqrt(2) * noise)
        # For unit height and width of L1: its own width cancels.
        self.m_line = m["m_shell"]["ratio"] * SQRT_HALF_PI * self._bins(erf(z))
        self.keep = Kept()

    def _bins(self, primitive: np.ndarray) -> np.ndarray:
        """Means over the bins, from an integral up to each edge."""
        return (primitive[..., 1:] - primitive[..., :-1]) * self.per_bin

    def _lines(self, energy: float, width: float) -> np.ndarray:
        """L1 of unit height, and L2."""
        z = (self.edges - np.array([[energy], [self.second[0]]])) / (SQRT_2 * width)
        first, second = erf(z)
        return self._bins(SQRT_HALF_PI * width * (first + self.second[1] * second))

    def _moved_lines(self, energy: float, width: float) -> np.ndarray:
        """Their derivatives in energy and width; L2 stays where it is."""
        z = (self.edges - np.array([[energy], [self.second[0]]])) / (SQRT_2 * width)
        density = np.exp(-z * z)
        by_width = SQRT_HALF_PI * erf(z) - SQRT_2 * z * density
        return self._bins(np.stack([-density[0], by_width[0] + self.second[1] * by_width[1]]))

    def _decay(self, slope: float) -> np.ndarray:
        """Mean of exp(-slope (E - 0.2 keV)) over each bin."""
        return self._bins(np.exp(-slope * self.shifted) / -slope)

    def _moved_decay(self, slope: float) -> np.ndarray:
        """Its derivative."""
        decay = np.exp(-slope * self.shifted)
        return self._bins(decay * (self.shifted + 1 / slope) / slope)

    def fix(self, s: float) -> None:
        self.s = s
        self.signal = np.array([1.0, s, s * s]) @ self.quadratic
        self.known = self.signal - self.data

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        height, energy, width, ratio, constant, exponential, slope = x[:7].tolist()
        self.lines, _ = self.keep("lines", self._lines, energy, width)
        self.decay, _ = self.keep("decay", self._decay, slope)
        result = height * (self.lines + ratio * width * self.m_line)
        result += self.known + constant * self.constant + exponential * self.decay
        return result + FLUX * x[7] * self.signal if len(x) > 7 else result

    def _chi2(self, x: np.ndarray, residuals: np.ndarray) -> float:
        value = residuals @ residuals + ((x[3] - 1) / self.ratio_error) ** 2
        return float(value + x[7] ** 2 if len(x) > 7 else value)

    def conditional(self, x: np.ndarray) -> float:
        return self._chi2(x, self._residuals(x))

    def _gradient(self, x: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        height, energy, width, ratio, _, exponential, slope = x[:7].tolist()
        moved_lines, _ = self.keep("moved lines", self._moved_lines, energy, width)
        moved_decay, _ = self.keep("moved decay", self._moved_decay, slope)
        weight = 2 * residuals
        by_energy, by_width = moved_lines @ weight
        m_line = self.m_line @ weight
        result = [
            self.lines @ weight + ratio * width * m_line,
            height * by_energy,
            height * (by_width + ratio * m_line),
            height * width * m_line + 2 * (ratio - 1) / self.ratio_error**2,
            self.constant @ weight,
            self.decay @ weight,
            exponential * (moved_decay @ weight),
        ]
        if len(x) > 7:
            result.append(FLUX * (self.signal @ weight) + 2 * x[7])
        return np.array(result)

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        return self._gradient(x, self._residuals(x))

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        residuals = self._residuals(x)
        flux = 1 + FLUX * x[7] if len(x) > 7 else 1.0
        by_s = 2 * flux * (np.array([0.0, 1.0, 2 * self.s]) @ (self.quadratic @ residuals))
        return self._chi2(x, residuals), np.append(by_s, self._gradient(x, residuals))
