"""COHERENT CsI (2021) in NumPy."""

from __future__ import annotations

import tomllib

import numpy as np
from numpy_iminuit import Normalisations, Poisson, inside
from numpy_physics import CSI, DATA, PionDecay, Recoils, read
from numpy_tables import Curve, Kept
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
        exposure = self.measured["exposure"]
        self.recoils = Recoils(CSI, exposure["mass_kg"], PionDecay(exposure), NODES)

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


class Split(Poisson):
    """Pulls of flux, two quenching modes, efficiency, neutron radius, timing, backgrounds."""

    names = (
        *("sns_flux", "quenching_0", "quenching_1", "efficiency", "neutron_radius", "timing"),
        *("brn", "nin", "steady_state"),
    )

    def __init__(self) -> None:
        released = Released()
        super().__init__(released.counts, released.backgrounds)
        measured, self.shape = released.measured, (len(released.pe) - 1, len(released.time) - 1)
        self.recoils = r = released.recoils
        q, eff = (
            {k: np.array(v) for k, v in measured[g].items()}
            for g in ("quenching", "energy_efficiency")
        )
        modes = [(q[f"mode_{i}_plus"] - q[f"mode_{i}_minus"]) / 2 for i in range(2)]
        rows = (q["nominal"], *modes)
        per_knot = HIGHEST / (ENERGY_KNOTS - 1)
        self.energy = [r.quenched(row) / per_knot for row in rows]  # in units of the knots
        pulls = np.linspace(-5, 5, PULL_KNOTS)
        curves = eff["nominal"] + pulls[:, None] * (eff["plus"] - eff["minus"]) / 2
        knots = np.linspace(0, HIGHEST, ENERGY_KNOTS)
        table = response(knots, released.pe, curves, measured["photoelectrons"])
        # Local cubics in E_ee, (pull, order, cell, bin), between pulls
        in_energy = CubicSpline(np.arange(ENERGY_KNOTS), table, axis=1).c
        self.curve = Curve(-5.0, 5.0, np.moveaxis(in_energy, 2, 0))
        shifts = np.linspace(-0.5, 0.5, 101)  # [us]
        fractions = [time_fractions(released.time, s, measured["time_efficiency"]) for s in shifts]
        self.timing = Curve(-5.0, 5.0, np.stack(fractions))  # 100 ns to a standard deviation
        templates = np.array([0.25, 0.35, 0.021])[:, None] * self.backgrounds
        self.base_sum = 2 * self.total.sum() + self.constant
        self.sums = 2 * templates.sum(axis=1)
        self.base, self.moving = self.total[self.some], templates[:, self.some]
        self.keep = Kept()

    def fix(self, s: float) -> None:
        self.s = s

    def _neutron(self, pull: float) -> np.ndarray:
        return self.recoils.neutron(1 + 0.05 * pull)

    def _charge(self, s: float, pull: float) -> np.ndarray:
        neutron, _ = self.keep("neutron", self._neutron, pull)
        return (0.5 - 2 * s) * self.recoils.proton - neutron / 2

    def _events(self, s: float, pull: float) -> np.ndarray:
        charge, _ = self.keep("charge", self._charge, s, pull)
        return self.recoils.vector * charge**2 + self.recoils.axial

    def _places(self, pull_0: float, pull_1: float) -> tuple[np.ndarray, np.ndarray]:
        """Cells of the table of E_ee, and where in them, shape (n, 1)."""
        position = self.energy[0] + pull_0 * self.energy[1] + pull_1 * self.energy[2]
        cell = position.astype(np.intp)
        return cell, (position - cell)[:, None]

    def _response(self, pull_0: float, pull_1: float, efficiency: float) -> np.ndarray:
        curve, _ = self.keep("curve", self.curve, efficiency)
        cell, t = self._places(pull_0, pull_1)
        c = curve[:, cell]
        return ((c[0] * t + c[1]) * t + c[2]) * t + c[3]

    def _expected(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Twice the sum of all bins, and the bins with events."""
        flux, quenching_0, quenching_1, efficiency, radius, timing = x[:6].tolist()
        self.events, new_1 = self.keep("events", self._events, self.s, radius)
        self.into, new_2 = self.keep(
            "response", self._response, quenching_0, quenching_1, efficiency
        )
        self.fractions, new_3 = self.keep("timing", self.timing, timing)
        if new_1 or new_2 or new_3:
            self.by_energy = self.events @ self.into
            signal = (self.by_energy.T @ self.fractions).ravel()
            self.signal, self.signal_sum = signal[self.some], 2 * signal.sum()
        scale, pulls = 1 + 0.1 * flux, x[6:]
        total = self.base_sum + scale * self.signal_sum + pulls @ self.sums
        return total, self.base + scale * self.signal + pulls @ self.moving

    def conditional(self, x: np.ndarray) -> float:
        total, mu = self._expected(x)
        return inside(total + x @ x - 2 * (self.n @ np.log(mu)))

    def _gradient(self, x: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        """All derivatives, from n/mu of the bins with events: back through the prediction."""
        flux, quenching_0, quenching_1, efficiency, radius, timing = x[:6].tolist()
        result = np.append(0.0, 2 * x)
        result[1] += 0.1 * (self.signal_sum - 2 * (self.signal @ ratio))
        result[7:] += self.sums - 2 * (self.moving @ ratio)
        weight = np.full(self.total.shape, 2 * (1 + 0.1 * flux))
        weight[self.some] *= 1 - ratio
        weight = weight.reshape(self.shape)
        result[6] += np.vdot(self.by_energy @ weight, self.timing.slope(timing))
        by_energy = self.fractions @ weight.T  # (flavour, energy bin)
        by_into = self.events.T @ by_energy  # (n, energy bin)
        curve, _ = self.keep("curve", self.curve, efficiency)
        moved, _ = self.keep("moved curve", self.curve.slope, efficiency)
        cell, t = self._places(quenching_0, quenching_1)
        c, d = curve[:, cell], moved[:, cell]
        by_place = np.vecdot((3 * c[0] * t + 2 * c[1]) * t + c[2], by_into)
        result[2:4] += [by_place @ energy for energy in self.energy[1:]]
        result[4] += np.vdot(((d[0] * t + d[1]) * t + d[2]) * t + d[3], by_into)
        charge, _ = self.keep("charge", self._charge, self.s, radius)
        by_charge = 2 * charge * np.sum((by_energy @ self.into.T) * self.recoils.vector, axis=0)
        result[0] = -2 * (by_charge @ self.recoils.proton)
        by_scale, _ = self.keep("neutron slope", self.recoils.neutron_slope, 1 + 0.05 * radius)
        result[5] -= 0.05 / 2 * (by_charge @ by_scale)
        return result

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        _, mu = self._expected(x)
        return self._gradient(x, self.n / mu)[1:]

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        total, mu = self._expected(x)
        return total + x @ x - 2 * (self.n @ np.log(mu)), self._gradient(x, self.n / mu)
