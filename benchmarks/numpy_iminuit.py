"""The other side of the benchmark: COHERENT CsI (2021) in NumPy, minimised by iminuit.

Written as one would without JAX, and independent of cevns_jax but for its tables of measured data.
All that no parameter moves is computed once; what a call leaves unmoved is kept from the call
before. Tree-level couplings, axial part included, Helm form factors. Units: MeV and fm.
"""

from __future__ import annotations

import abc
import tomllib
from pathlib import Path

import numpy as np
from iminuit import Minuit
from scipy.interpolate import CubicSpline
from scipy.special import gammaln

DATA = Path(__file__).parents[1] / "cevns_jax" / "data" / "coherent_csi_2021"
HBAR_C = 197.3269804  # [MeV fm]
FERMI = 1.1663787e-11  # [MeV^-2]
PION, MUON, ELECTRON = 139.57039, 105.6583755, 0.51099895069  # [MeV]
DALTON, AVOGADRO = 931.49410372, 6.02214076e23
LINE = (PION**2 - MUON**2) / (2 * PION)
AXIAL, SKIN = 1.27, 0.9  # g_A; surface thickness [fm]
# Z, N, atomic mass [u], J, <S_p>, <S_n>, R_p, R_n [fm] of Cs-133 and I-127
NUCLEI = np.array(
    [
        [55, 78, 132.9054519590, 3.5, -0.370, 0.000, 4.804, 5.01],
        [53, 74, 126.9044730000, 2.5, 0.342, 0.031, 4.749, 4.94],
    ]
).T[..., None]
NODES = 16  # per panel in sqrt(T): chi^2 to 4e-9
HIGHEST, ENERGY_KNOTS, PULL_KNOTS = 12.0, 601, 21  # response table: E_ee to 12 keVee, pulls to +-5
WIDTHS_FOUR = np.array([0.12, 0.25, 0.35, 0.021])


def read(name: str) -> np.ndarray:
    lines = [row for row in (DATA / name).read_text().splitlines() if not row.startswith("#")]
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
    """Nodes in T for both nuclei, and all weights that no parameter moves; n nodes in all."""

    def __init__(self, measured: dict) -> None:
        z, n, atomic, spin, s_p, s_n, r_p, self.r_n = NUCLEI
        mass = atomic * DALTON - z * ELECTRON
        roots = [np.sqrt(2 * e**2 / (mass + 2 * e)) for e in (LINE, MUON / 2)]
        x, w = np.polynomial.legendre.leggauss(NODES)
        half = np.concatenate(
            [np.repeat(roots[0] / 2, NODES, 1), np.repeat((roots[1] - roots[0]) / 2, NODES, 1)], 1
        )
        root = half * np.tile(1 + x, 2) + np.repeat(
            np.concatenate([0 * roots[0], roots[0]], 1), NODES, 1
        )
        t = root**2
        m = moments((t + np.sqrt(t**2 + 2 * mass * t)) / 2)
        exposure = measured["exposure"]
        fluence = exposure["neutrinos_per_proton"] * exposure["protons_on_target"]
        fluence /= 4 * np.pi * (100 * exposure["distance_m"]) ** 2
        number = 1e3 * exposure["mass_kg"] * AVOGADRO / atomic.sum()
        weight = fluence * number * (HBAR_C * 1e-13) ** 2 * FERMI**2 * mass / np.pi
        weight = weight * 2 * root * half * np.tile(w, 2)
        f_a = 4 / 3 * (spin + 1) / spin * AXIAL**2 * (s_p - s_n) ** 2
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

    def quenched(self, coefficients: np.ndarray) -> np.ndarray:
        """E_ee [keV], shape (n,)."""
        return 1e3 * np.polyval([*np.asarray(coefficients)[::-1], 0.0], self.recoil)


def response(
    energy: np.ndarray, edges: np.ndarray, curves: np.ndarray, measured: dict
) -> np.ndarray:
    """Probability of each photo-electron bin, shape (curves, energies, bins): midpoint rule."""
    step = 0.01  # [PE]
    x = np.arange(edges[0] + step / 2, edges[-1], step)
    inverse_yield, spread = measured["inverse_yield_kev"], measured["spread_per_kev"]
    e = np.maximum(energy, 1e-6)[:, None]
    shape = 1 + spread * e
    rate = shape * inverse_yield / e
    density = np.exp(shape * np.log(rate) - gammaln(shape) + spread * e * np.log(x) - rate * x)
    a, b, c, d = curves.T[:, :, None]
    efficiency = step * np.maximum(a / (1 + np.exp(-b * (x - c))) + d, 0)
    inside = np.searchsorted(edges, x)[:, None] == 1 + np.arange(len(edges) - 1)
    return np.stack([density @ (row[:, None] * inside) for row in efficiency])


def time_fractions(edges: np.ndarray, shift: float, measured: dict) -> np.ndarray:
    """Accepted fraction of each flavour in each time bin; steps of 1 ns, midpoint efficiency."""
    table = read("neutrino_time.csv")
    step = 1e-3  # [us]
    t = np.arange(round(edges[0] / step), round(edges[-1] / step) + 1) * step
    middle = t[:-1] + step / 2
    accepted = np.exp(-measured["rate_per_us"] * np.maximum(middle - measured["start_us"], 0))
    first = np.round((edges[:-1] - edges[0]) / step).astype(int)
    rows = [
        np.interp(t - shift, table["time_us"], table[f]) for f in ("nu_mu", "nu_mu_bar", "nu_e")
    ]
    return np.stack([np.add.reduceat(np.diff(row) * accepted, first) for row in rows])


class Model(abc.ABC):
    """What both sets of nuisances share: data, backgrounds, chi^2 (Baker-Cousins plus pulls)."""

    def __init__(self) -> None:
        self.measured = tomllib.loads((DATA / "measurement.toml").read_text())
        table = read("counts.csv")
        self.pe = np.union1d(table["pe_low"], table["pe_high"])
        self.time = np.union1d(table["time_low_us"], table["time_high_us"])
        counts = table["coincidence"]
        self.backgrounds = self._backgrounds(table["anticoincidence"].reshape(len(self.pe) - 1, -1))
        self.recoils = Recoils(self.measured)
        self.some = np.flatnonzero(counts)  # the logarithm is needed in bins with events only
        self.n = counts[self.some]
        self.constant = 2 * np.sum(self.n * np.log(self.n))  # of 2 (mu - n ln mu + n ln n - n)
        self.constant -= 2 * counts.sum()

    def _backgrounds(self, anticoincidence: np.ndarray) -> np.ndarray:
        energy, time = read("neutron_energy.csv"), read("neutron_time.csv")
        events, accepted = self.measured["events"], self.measured["time_efficiency"]
        rows = []
        for name in ("brn", "nin"):
            cumulative = np.append(0, np.cumsum(energy[name]))
            edges = np.append(energy["pe_low"], energy["pe_high"][-1])
            in_energy = np.diff(np.interp(self.pe, edges, cumulative))
            in_time = np.diff(np.interp(self.time, time["time_us"], time[name]))
            rows.append(events[name] * np.outer(in_energy, in_time).ravel())
        start, rate = accepted["start_us"], accepted["rate_per_us"]
        late = np.maximum(self.time - start, 0)
        in_time = np.diff(np.minimum(self.time, start) - np.expm1(-rate * late) / rate)
        steady = np.outer(anticoincidence.sum(axis=1), in_time).ravel()
        return np.stack([*rows, events["steady_state"] * steady / steady.sum()])

    def chi2(self, x: np.ndarray) -> float:
        """chi^2 of (sin^2 theta_W, pulls)."""
        self.fix(float(x[0]))
        return self.conditional(x[1:])

    @abc.abstractmethod
    def fix(self, s: float) -> None:
        """Choose sin^2 theta_W for :meth:`conditional`."""

    @abc.abstractmethod
    def conditional(self, x: np.ndarray) -> float:
        """chi^2 of the pulls."""


class FourNormalisations(Model):
    """Linear pulls of CEvNS, BRN, NIN, steady state; the signal is a quadratic in the angle."""

    names = ("cevns", "brn", "nin", "steady_state")

    def __init__(self) -> None:
        super().__init__()
        r, measured = self.recoils, self.measured
        curve = np.array([measured["energy_efficiency"]["nominal"]])
        energy = r.quenched(measured["quenching"]["nominal"])
        into = response(energy, self.pe, curve, measured["photoelectrons"])[0]
        time = time_fractions(self.time, 0.0, measured["time_efficiency"])
        a, b = r.proton / 2 - r.neutron() / 2, -2 * r.proton  # Q_W = a + b sin^2 theta_W
        by_power = np.stack([r.vector * a**2 + r.axial, r.vector * 2 * a * b, r.vector * b**2])
        self.quadratic = np.einsum("kfn,ne,ft->ket", by_power, into, time).reshape(3, -1)
        self.templates = np.zeros((4, self.backgrounds.shape[1]))
        self.templates[1:] = WIDTHS_FOUR[1:, None] * self.backgrounds
        self.total = self.backgrounds.sum(axis=0)

    def fix(self, s: float) -> None:
        signal = np.array([1.0, s, s * s]) @ self.quadratic
        self.templates[0] = WIDTHS_FOUR[0] * signal
        base = self.total + signal
        self.base_sum = base.sum() * 2 + self.constant
        self.sums = 2 * self.templates.sum(axis=1)
        self.base, self.moving = base[self.some], self.templates[:, self.some]
        self.s = s

    def conditional(self, x: np.ndarray) -> float:
        mu = self.base + x @ self.moving
        return self.base_sum + x @ (self.sums + x) - 2 * (self.n @ np.log(mu))

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        """Derivatives with respect to the pulls."""
        mu = self.base + x @ self.moving
        return self.sums + 2 * x - self.moving @ (2 * self.n / mu)

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """chi^2 and its derivatives, the one for sin^2 theta_W first."""
        self.fix(float(x[0]))
        pulls = x[1:]
        mu = self.base + pulls @ self.moving
        value = self.base_sum + pulls @ (self.sums + pulls) - 2 * (self.n @ np.log(mu))
        slope = (1 + WIDTHS_FOUR[0] * pulls[0]) * (
            self.quadratic[1] + 2 * self.s * self.quadratic[2]
        )
        ratio = self.n / mu
        by_s = 2 * (slope.sum() - slope[self.some] @ ratio)
        return value, np.append(by_s, self.sums + 2 * pulls - 2 * (self.moving @ ratio))


class Split(Model):
    """Pulls of flux, two quenching modes, efficiency, neutron radius, timing, backgrounds."""

    names = (
        *("sns_flux", "quenching_0", "quenching_1", "efficiency", "neutron_radius", "timing"),
        *("brn", "nin", "steady_state"),
    )

    def __init__(self) -> None:
        super().__init__()
        r, measured = self.recoils, self.measured
        q, eff = (
            {k: np.array(v) for k, v in measured[g].items()}
            for g in ("quenching", "energy_efficiency")
        )
        modes = [(q[f"mode_{i}_plus"] - q[f"mode_{i}_minus"]) / 2 for i in range(2)]
        self.step = HIGHEST / (ENERGY_KNOTS - 1)
        rows = (q["nominal"], *modes)
        self.energy = [r.quenched(row) / self.step for row in rows]  # in units of the knots
        self.pulls = np.linspace(-5, 5, PULL_KNOTS)
        curves = eff["nominal"] + self.pulls[:, None] * (eff["plus"] - eff["minus"]) / 2
        knots = np.linspace(0, HIGHEST, ENERGY_KNOTS)
        table = response(knots, self.pe, curves, measured["photoelectrons"])
        # Local cubics: [pull cell, pull order, (energy order, energy cell, bin)], t in knots
        in_energy = CubicSpline(np.arange(ENERGY_KNOTS), table, axis=1).c  # (4, cell, pull, bin)
        both = CubicSpline(np.arange(PULL_KNOTS), in_energy, axis=2).c  # (4, cell, 4, cell_e, bin)
        self.table = np.ascontiguousarray(both.swapaxes(0, 1)).reshape(PULL_KNOTS - 1, 4, -1)
        self.shifts = np.linspace(-0.5, 0.5, 101)  # [us]
        fractions = [time_fractions(self.time, s, measured["time_efficiency"]) for s in self.shifts]
        cubics = CubicSpline(np.arange(101), np.stack(fractions)).c  # (4, cell, 3, bins)
        self.timing = np.ascontiguousarray(cubics.swapaxes(0, 1)).reshape(100, 4, -1)
        self.templates = np.array([0.25, 0.35, 0.021])[:, None] * self.backgrounds
        self.total = self.backgrounds.sum(axis=0)
        self.base_sum = 2 * self.total.sum() + self.constant
        self.sums = 2 * self.templates.sum(axis=1)
        self.base, self.moving = self.total[self.some], self.templates[:, self.some]
        self.kept: dict = {}

    def _keep(self, name: str, key: tuple, compute) -> tuple[np.ndarray, bool]:
        """Last result of a step if its arguments are the same, and whether it had to be redone."""
        if name in self.kept and self.kept[name][0] == key:
            return self.kept[name][1], False
        value = compute(*key)
        self.kept[name] = (key, value)
        return value, True

    def fix(self, s: float) -> None:
        self.s = s

    def _events(self, s: float, pull: float) -> np.ndarray:
        neutron, _ = self._keep("neutron", (1 + 0.05 * pull,), self.recoils.neutron)
        charge = (0.5 - 2 * s) * self.recoils.proton - neutron / 2
        return self.recoils.vector * charge**2 + self.recoils.axial

    def _curve(self, pull: float) -> np.ndarray:
        """Local cubics in E_ee at an efficiency pull, shape (order, cell, bin)."""
        position = (pull + 5) * (PULL_KNOTS - 1) / 10
        cell = min(max(int(position), 0), PULL_KNOTS - 2)
        t = position - cell
        return (np.array([t**3, t**2, t, 1]) @ self.table[cell]).reshape(4, ENERGY_KNOTS - 1, -1)

    def _response(self, pull_0: float, pull_1: float, efficiency: float) -> np.ndarray:
        curve, _ = self._keep("curve", (efficiency,), self._curve)
        position = self.energy[0] + pull_0 * self.energy[1] + pull_1 * self.energy[2]
        cell = position.astype(np.intp)
        t = (position - cell)[:, None]
        c = curve[:, cell]
        return ((c[0] * t + c[1]) * t + c[2]) * t + c[3]

    def _fractions(self, pull: float) -> np.ndarray:
        position = (0.1 * pull + 0.5) * 100
        cell = min(max(int(position), 0), 99)
        t = position - cell
        return (np.array([t**3, t**2, t, 1]) @ self.timing[cell]).reshape(3, -1)

    def conditional(self, x: np.ndarray) -> float:
        flux, quenching_0, quenching_1, efficiency, radius, timing = x[:6].tolist()
        events, new_1 = self._keep("events", (self.s, radius), self._events)
        key = (quenching_0, quenching_1, efficiency)
        into, new_2 = self._keep("response", key, self._response)
        fractions, new_3 = self._keep("timing", (timing,), self._fractions)
        if new_1 or new_2 or new_3:
            signal = ((events @ into).T @ fractions).ravel()
            self.signal, self.signal_sum = signal[self.some], 2 * signal.sum()
        scale, pulls = 1 + 0.1 * flux, x[6:]
        mu = self.base + scale * self.signal + pulls @ self.moving
        total = self.base_sum + scale * self.signal_sum + pulls @ self.sums
        return total + x @ x - 2 * (self.n @ np.log(mu))


def minimiser(model: Model, start: np.ndarray, gradient: bool = False, strategy: int = 0) -> Minuit:
    """Minuit over the pulls at the angle last chosen; every migrad starts where the last ended."""
    grad = model.conditional_gradient if gradient else None
    minuit = Minuit(model.conditional, np.asarray(start, dtype=float), grad=grad, name=model.names)
    minuit.errordef, minuit.strategy = Minuit.LEAST_SQUARES, strategy
    return minuit


def scan(model: Model, grid: np.ndarray, minuit: Minuit) -> np.ndarray:
    """Profiled chi^2 at every point of a grid, NaN where Minuit failed."""
    found = np.empty(len(grid))
    for i, s in enumerate(grid.tolist()):
        model.fix(s)
        minuit.migrad()
        found[i] = minuit.fval if minuit.valid else np.nan
    return found


def numerical_gradient(model: Model, x: np.ndarray, step: float = 1e-4) -> tuple[float, np.ndarray]:
    """Value and central differences, 2 n + 1 calls: what Minuit does without a gradient."""
    gradient = np.empty_like(x)
    for i in range(len(x)):
        y = x.copy()
        y[i] = x[i] + step
        above = model.chi2(y)
        y[i] = x[i] - step
        gradient[i] = (above - model.chi2(y)) / (2 * step)
    return model.chi2(x), gradient
