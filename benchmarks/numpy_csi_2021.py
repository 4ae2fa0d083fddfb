"""COHERENT CsI (2021) in NumPy."""

from __future__ import annotations

import tomllib

import numpy as np
from numpy_iminuit import Model, Normalisations, inside
from numpy_physics import CSI, DATA, Recoils, read
from scipy.interpolate import CubicSpline
from scipy.special import gammaln

FOLDER = DATA / "coherent_csi_2021"
NODES = 16  # per panel in sqrt(T): chi^2 to 4e-9
HIGHEST, ENERGY_KNOTS, PULL_KNOTS = 12.0, 601, 21  # response table: E_ee to 12 keVee, pulls to +-5


class Released:
    """Data, backgrounds by name and bin, and recoil nodes."""

    def __init__(self) -> None:
        self.measured = tomllib.loads((FOLDER / "measurement.toml").read_text())
        table = read(FOLDER / "counts.csv")
        self.pe = np.union1d(table["pe_low"], table["pe_high"])
        self.time = np.union1d(table["time_low_us"], table["time_high_us"])
        self.counts = table["coincidence"]
        self.backgrounds = self._backgrounds(table["anticoincidence"].reshape(len(self.pe) - 1, -1))
        self.recoils = Recoils(CSI, self.measured["exposure"], NODES)

    def _backgrounds(self, anticoincidence: np.ndarray) -> np.ndarray:
        energy, time = read(FOLDER / "neutron_energy.csv"), read(FOLDER / "neutron_time.csv")
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
    table = read(FOLDER / "neutrino_time.csv")
    step = 1e-3  # [us]
    t = np.arange(round(edges[0] / step), round(edges[-1] / step) + 1) * step
    middle = t[:-1] + step / 2
    accepted = np.exp(-measured["rate_per_us"] * np.maximum(middle - measured["start_us"], 0))
    first = np.round((edges[:-1] - edges[0]) / step).astype(int)
    rows = [
        np.interp(t - shift, table["time_us"], table[f]) for f in ("nu_mu", "nu_mu_bar", "nu_e")
    ]
    return np.stack([np.add.reduceat(np.diff(row) * accepted, first) for row in rows])


def four_normalisations() -> Normalisations:
    """Linear pulls of CEvNS, BRN, NIN, steady state."""
    released = Released()
    r, measured = released.recoils, released.measured
    curve = np.array([measured["energy_efficiency"]["nominal"]])
    energy = r.quenched(measured["quenching"]["nominal"])
    into = response(energy, released.pe, curve, measured["photoelectrons"])[0]
    time = time_fractions(released.time, 0.0, measured["time_efficiency"])
    return Normalisations(
        released.counts,
        np.einsum("kfn,ne,ft->ket", r.by_power(), into, time).reshape(3, -1),
        released.backgrounds,
        {"cevns": 0.12, "brn": 0.25, "nin": 0.35, "steady_state": 0.021},
    )


class Split(Model):
    """Pulls of flux, two quenching modes, efficiency, neutron radius, timing, backgrounds."""

    names = (
        *("sns_flux", "quenching_0", "quenching_1", "efficiency", "neutron_radius", "timing"),
        *("brn", "nin", "steady_state"),
    )

    def __init__(self) -> None:
        released = Released()
        super().__init__(released.counts, released.backgrounds)
        measured, self.pe, self.time = released.measured, released.pe, released.time
        self.recoils = r = released.recoils
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
        return inside(total + x @ x - 2 * (self.n @ np.log(mu)))
