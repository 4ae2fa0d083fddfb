"""COHERENT liquid argon (2020) in NumPy."""

from __future__ import annotations

import tomllib

import numpy as np
from numpy_iminuit import Normalisations, Poisson, inside, linear_factor
from numpy_morphing import Morphed
from numpy_physics import ARGON, DATA, PionDecay, Recoils, read
from numpy_tables import Curve, Kept, Templates, knots
from scipy.special import ndtr
from scipy.stats import exponnorm

FOLDER = DATA / "coherent_lar_2020"
BINS = (12, 8, 10)  # energy, F90, time
NODES = 32  # per panel in sqrt(T): bins to 3e-11
QUENCHING_KNOTS = 11
LATEST = 1.5  # shift of the pulse, either way [us]
PION_LIFETIME, MUON_LIFETIME = 0.026033, 2.1969811  # [us]
BACKGROUNDS = {"brn": 0.32, "delayed_brn": 1.0, "steady_state": 0.0079}


class Released:
    """Data, templates of signal and backgrounds, and recoil nodes."""

    def __init__(self) -> None:
        self.measured = tomllib.loads((FOLDER / "measurement.toml").read_text())
        table = read(FOLDER / "counts.csv")
        self.energy, self.time = (
            np.union1d(table[f"{axis}_low_{unit}"], table[f"{axis}_high_{unit}"])
            for axis, unit in (("energy", "kevee"), ("time", "us"))
        )
        self.counts = table["counts"]
        self.shapes, self.times = read(FOLDER / "energy_f90.csv"), read(FOLDER / "time.csv")
        self.backgrounds = np.stack(
            [self.measured["events"][name] * self.template(name) for name in BACKGROUNDS]
        )
        exposure = self.measured["exposure"]
        self.recoils = Recoils(ARGON, exposure["mass_kg"], PionDecay(exposure), NODES)
        nominal = arrivals(self.time, self.measured["proton_pulse"])
        # The released prediction has no neutrinos after the last bin: theirs are spread over all.
        events, *_ = np.linalg.lstsq(nominal.T, self.times["cevns"])
        self.inside_window = events @ nominal.sum(axis=1) / events.sum()
        self.of_energy = self.shapes["cevns"].reshape(BINS[:2]).sum(axis=1)
        # No CEvNS was simulated at the highest energies: they have the last row.
        self.row = np.minimum(np.arange(BINS[0]), np.flatnonzero(self.of_energy)[-1])

    def template(self, name: str) -> np.ndarray:
        """A released template, its sum one."""
        return np.outer(self.shapes[name], self.times[name]).ravel()

    def fractions(self, shift: float = 0.0) -> np.ndarray:
        """Of prompt and delayed neutrinos in each time bin, delayed by a shift [us]."""
        return arrivals(self.time, self.measured["proton_pulse"], shift) / self.inside_window

    def pulse_shape(self) -> Morphed:
        """Released CEvNS in energy and F90, and its variation."""
        nominal, *moved = (
            self.shapes[f"cevns{which}"].reshape(BINS[:2])
            for which in ("", "_f90_plus", "_f90_minus")
        )
        return Morphed(nominal, [moved])

    def share(self, joint: np.ndarray) -> np.ndarray:
        """F90 in each energy bin from events in energy and F90."""
        return joint[self.row] / self.of_energy[self.row, None]

    def spectra(self, pulls_a: np.ndarray, pulls_b: np.ndarray) -> np.ndarray:
        """Prompt and delayed events by quenching pulls, power, flavour and energy bin."""
        linear, quadratic = self.measured["quenching"]["nominal"]
        flavours = self.recoils.by_power()
        flavours = np.stack([flavours[:, 0], flavours[:, 1] + flavours[:, 2]], axis=1)
        table = read(FOLDER / "efficiency.csv")
        spread = self.measured["resolution"]["statistical"]

        def at(a: float, b: float) -> np.ndarray:
            energy = self.recoils.quenched([linear + 0.006 * a, quadratic + 0.09 * b])
            return flavours @ response(energy, self.energy, table, spread)

        return np.stack([[at(a, b) for b in pulls_b] for a in pulls_a])


def arrivals(edges: np.ndarray, pulse: dict, shift: float = 0.0) -> np.ndarray:
    """Fraction of prompt and delayed neutrinos in each time bin after a Gaussian pulse."""
    mean, width = pulse["mean_us"] + shift, pulse["width_us"]
    pion, muon = (
        exponnorm.cdf(edges, lifetime / width, mean, width)
        for lifetime in (PION_LIFETIME, MUON_LIFETIME)
    )
    both = MUON_LIFETIME * muon - PION_LIFETIME * pion
    return np.diff([pion, both / (MUON_LIFETIME - PION_LIFETIME)])


def response(
    energy: np.ndarray, edges: np.ndarray, efficiency: np.ndarray, spread: float
) -> np.ndarray:
    """Probability of each bin at E_ee [keV], shape (n, bins): a Gaussian, the efficiency linear
    between its rows."""
    cuts = np.union1d(edges, efficiency["energy_kevee"])
    values = np.interp(cuts, efficiency["energy_kevee"], efficiency["efficiency"])
    e = energy[:, None]
    sigma = spread * np.sqrt(e)
    z = (cuts - e) / sigma
    probability, density = ndtr(z), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    slope = np.diff(values) / np.diff(cuts)
    pieces = (values[:-1] + slope * (e - cuts[:-1])) * np.diff(probability)
    pieces -= slope * sigma * np.diff(density)
    return np.add.reduceat(pieces, np.searchsorted(cuts, edges[:-1]), axis=1)


def lumped() -> Normalisations:
    """Linear pulls of CEvNS, prompt and delayed BRN, steady state."""
    released = Released()
    spectra = released.spectra(np.zeros(1), np.zeros(1))[0, 0]
    shape = released.share(released.pulse_shape()(0.0))
    quadratic = np.einsum("kfe,ft,ep->kept", spectra, released.fractions(), shape)
    widths = {"cevns": 0.13, **BACKGROUNDS}
    return Normalisations(released.counts, quadratic.reshape(3, -1), released.backgrounds, widths)


class Split(Poisson):
    """Pulls of flux, quenching, mass, F90, timing, shape of the BRN, backgrounds."""

    names = (
        *("sns_flux", "quenching_a", "quenching_b", "mass", "f90", "timing"),
        *("brn_energy", "brn_time", "brn_time_width", "brn", "delayed_brn", "steady_state"),
    )
    scaling = ((0, 0.10), (3, 0.025))  # place and width of flux and mass

    def __init__(self) -> None:
        released = Released()
        super().__init__(released.counts, released.backgrounds)
        pulls = knots(QUENCHING_KNOTS)
        self.energy = Templates(released.spectra(pulls, pulls), 2)
        self.released, self.pulse_shape = released, released.pulse_shape()
        shifts = np.linspace(-LATEST, LATEST, 301)
        fractions = np.stack([released.fractions(s) for s in shifts])
        self.timing = Curve(-LATEST / 0.2, LATEST / 0.2, fractions)  # standard deviation 200 ns
        brn, *others = self.backgrounds
        moved = [
            [released.template(name) for name in names]
            for names in (
                ("brn_energy_plus", "brn_energy_minus"),
                ("brn_time_plus", "brn_time_minus"),
                ("brn_time_width",),
            )
        ]
        self.brn = Morphed(brn, moved)
        self.base = np.sum(others, axis=0)
        self.moving = np.array(list(BACKGROUNDS.values()))[1:, None] * others
        self.sums = self.moving.sum(axis=1)
        self.keep = Kept()

    def fix(self, s: float) -> None:
        self.energy.fix(s)

    def _f90(self, pull: float) -> np.ndarray:
        return self.released.share(self.pulse_shape(pull))

    def _expected(self, x: np.ndarray) -> np.ndarray:
        """All bins."""
        _, a, b, _, f90, timing, *shape = x[:9].tolist()
        new_1 = self.energy.move([a, b])
        self.fractions, new_2 = self.keep("timing", self.timing, timing)
        self.of_f90, new_3 = self.keep("f90", self._f90, f90)
        self.neutrons, _ = self.keep("brn", self.brn, *shape)
        if new_1 or new_2 or new_3:
            self.by_energy = self.energy.rows().reshape(2, -1)
            self.energy_time = self.by_energy.T @ self.fractions
            self.signal = (self.of_f90[:, :, None] * self.energy_time[:, None]).ravel()
        scale, pulls = linear_factor(self.scaling, x), x[10:]
        neutrons = (1 + BACKGROUNDS["brn"] * x[9]) * self.neutrons
        return self.base + scale * self.signal + neutrons + pulls @ self.moving

    def _chi2(self, x: np.ndarray, mu: np.ndarray) -> float:
        events = self.n @ np.log(mu[self.some])
        return inside(self.constant + 2 * (mu.sum() - events) + x @ x)

    def conditional(self, x: np.ndarray) -> float:
        return self._chi2(x, self._expected(x))

    def _gradient(self, x: np.ndarray, mu: np.ndarray) -> np.ndarray:
        """All derivatives: back through the prediction."""
        timing = float(x[5])
        result = np.append(0.0, 2 * x)
        weight = np.full(self.total.shape, 2.0)
        weight[self.some] -= 2 * self.n / mu[self.some]
        result[11:] += self.moving @ weight
        result[10] += BACKGROUNDS["brn"] * (self.neutrons @ weight)
        result[7:10] += (1 + BACKGROUNDS["brn"] * x[9]) * self.brn.slopes(weight)
        scale = linear_factor(self.scaling, x)
        by_scale = self.signal @ weight
        for i, width in self.scaling:
            result[1 + i] += by_scale * scale * width / (1 + width * x[i])
        weight, row = scale * weight.reshape(BINS), self.released.row
        by_share = np.einsum("ept,et->ep", weight, self.energy_time)
        by_joint = np.zeros(BINS[:2])
        np.add.at(by_joint, row, by_share / self.released.of_energy[row, None])
        result[5:6] += self.pulse_shape.slopes(by_joint)
        by_time = np.einsum("ept,ep->et", weight, self.of_f90)
        result[6] += np.vdot(self.by_energy @ by_time, self.timing.slope(timing))
        by_energy = (self.fractions @ by_time.T).ravel()
        result[0] = by_energy @ self.energy.by_angle()
        result[2:4] += [by_energy @ self.energy.by_pull(axis) for axis in range(2)]
        return result

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        return self._gradient(x, self._expected(x))[1:]

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        mu = self._expected(x)
        return self._chi2(x, mu), self._gradient(x, mu)
