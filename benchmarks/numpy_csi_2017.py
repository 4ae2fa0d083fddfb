"""COHERENT CsI (2017) in NumPy."""

from __future__ import annotations

import tomllib

import numpy as np
from numpy_iminuit import Morphed, Normalisations
from numpy_physics import CSI, DATA, PionDecay, Recoils, read
from numpy_tables import knots
from scipy.special import gammaln

FOLDER = DATA / "coherent_csi_2017"
NODES = 16  # per panel in sqrt(T)
QUENCHING_KNOTS, RADIUS_KNOTS = 81, 11
BACKGROUNDS = {"brn": 0.25, "steady_state": 20 / 405}


class Released:
    """Data, backgrounds by name and bin, fractions of line and delayed neutrinos, recoil nodes."""

    def __init__(self) -> None:
        self.measured = tomllib.loads((FOLDER / "measurement.toml").read_text())
        table, arrival = read(FOLDER / "counts.csv"), read(FOLDER / "arrival_time.csv")
        self.pe = np.union1d(table["pe_low"], table["pe_high"])
        self.time = np.union1d(table["time_low_us"], table["time_high_us"])
        self.counts = table["coincidence"]
        nu_mu, delayed, brn = (
            np.diff(np.interp(self.time, arrival["time_us"], arrival[name]))
            for name in ("nu_mu", "delayed", "brn")
        )
        self.fractions = np.stack([nu_mu, delayed])
        anticoincidence = table["anticoincidence"].reshape(len(self.pe) - 1, -1).sum(axis=1)
        self.backgrounds = np.stack([self._neutrons(brn), self._steady_state(anticoincidence)])
        exposure = self.measured["exposure"]
        self.recoils = Recoils(CSI, exposure["mass_kg"], PionDecay(exposure), NODES)

    def efficiency(self, x: np.ndarray) -> np.ndarray:
        """Probability to keep x photo-electrons."""
        a, k, x0 = self.measured["energy_efficiency"]["nominal"]
        step = np.where(x < 5, 0, np.where(x < 6, 0.5, 1))
        return step * a / (1 + np.exp(-k * (x - x0)))

    def _neutrons(self, in_time: np.ndarray) -> np.ndarray:
        table = read(FOLDER / "neutron_energy.csv")
        kept = table["brn"] * self.efficiency((table["pe_low"] + table["pe_high"]) / 2)
        edges = np.append(table["pe_low"], table["pe_high"][-1])
        energy = np.diff(np.interp(self.pe, edges, np.append(0, np.cumsum(kept))))
        return self.measured["exposure"]["beam_gwh"] * np.outer(energy, in_time).ravel()

    def _steady_state(self, anticoincidence: np.ndarray) -> np.ndarray:
        steady = self.measured["steady_state"]
        shape = np.outer(anticoincidence, -np.diff(np.exp(-steady["rate_per_us"] * self.time)))
        return steady["events"] * shape.ravel() / shape.sum()

    def response(self, factor: float) -> np.ndarray:
        """Probability of each bin at the nodes, shape (n, bins), for a quenching factor.

        A number n of photo-electrons is Poisson and sits at n - 0.5.
        """
        n = np.arange(self.pe[0] + 1, self.pe[-1] + 1)
        mean = self.measured["photoelectrons"]["light_yield_per_kev"] * self.recoils.quenched(
            [factor]
        )
        probability = np.exp(n * np.log(mean[:, None]) - mean[:, None] - gammaln(n + 1))
        starts = np.searchsorted(n, self.pe[:-1], side="right")
        return np.add.reduceat(probability * self.efficiency(n - 0.5), starts, axis=1)

    def spectra(self, factors: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Line and delayed events by quenching factor, scale of the neutron radii, power, flavour
        and energy bin."""
        by_power = np.stack([self.recoils.by_power(scale) for scale in scales])
        flavours = np.stack([by_power[:, :, 0], by_power[:, :, 1] + by_power[:, :, 2]], axis=2)
        into = np.stack([self.response(factor) for factor in factors])
        return np.einsum("rkfn,qne->qrkfe", flavours, into, optimize=True)


def three_normalisations() -> Normalisations:
    """Linear pulls of CEvNS, BRN, steady state."""
    released = Released()
    spectra = released.spectra(released.measured["quenching"]["nominal"], np.ones(1))[0, 0]
    return Normalisations(
        released.counts,
        np.einsum("kfe,ft->ket", spectra, released.fractions).reshape(3, -1),
        released.backgrounds,
        {"cevns": 0.28, **BACKGROUNDS},
    )


def split() -> Morphed:
    """Pulls of flux, quenching, acceptance, neutron radius, BRN, steady state."""
    released = Released()
    quenching = released.measured["quenching"]
    (nominal,), (plus,) = quenching["nominal"], quenching["mode_plus"]
    widths = {
        "sns_flux": 0.10,
        "quenching": plus - nominal,
        "acceptance": 0.05,
        "neutron_radius": 0.05,
        **BACKGROUNDS,
    }
    factors = nominal + widths["quenching"] * knots(QUENCHING_KNOTS)
    scales = 1 + widths["neutron_radius"] * knots(RADIUS_KNOTS)
    return Morphed(
        released.counts,
        released.spectra(factors, scales),
        released.fractions,
        released.backgrounds,
        widths,
        ("quenching", "neutron_radius"),
    )
