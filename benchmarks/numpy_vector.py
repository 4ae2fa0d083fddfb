"""A universal light vector mediator in NumPy: planes of its mass and coupling.

At a fixed mass the signal is a quadratic in g^2: three templates, made once for each mass.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy_csi_2021
import numpy_dresden_ii
import numpy_lar_2020
from numpy_iminuit import Combination, Model, Poisson, inside, linear_factor
from numpy_physics import ARGON, CSI, DALTON, ELECTRON, FERMI, GERMANIUM, Recoils, read

ANGLE = 0.23857  # sin^2 theta_W
UNIT = np.sqrt(2) * FERMI  # [MeV^-2]


class Plane(Protocol):
    """A model whose first number is g^2, at a mass that is chosen before."""

    def choose(self, mass: float) -> None:
        """Make the templates of a mass [MeV]."""
        ...


def by_power(recoils: Recoils, nuclei: np.ndarray, mass: float) -> np.ndarray:
    """Recoils as a quadratic in g^2, shape (power, flavour, n), for a mediator mass [MeV]."""
    z, atomic = nuclei.T[[1, 3], :, None]
    neutron = recoils.neutron()
    standard = (0.5 - 2 * ANGLE) * recoils.proton - neutron / 2
    momentum_squared = 2 * (atomic * DALTON - z * ELECTRON) * recoils.recoil.reshape(len(z), -1)
    mediator = 3 * (recoils.proton + neutron) / (UNIT * (momentum_squared.ravel() + mass**2))
    vector = recoils.vector
    return np.stack(
        [
            vector * standard**2 + recoils.axial,
            vector * 2 * standard * mediator,
            vector * mediator**2,
        ]
    )


class Scaled(Poisson):
    """Pulls of the flux and of all else that scales the signal, and of backgrounds."""

    def __init__(
        self, counts: np.ndarray, backgrounds: np.ndarray, widths: dict[str, float]
    ) -> None:
        """Widths of the pulls, of flux and signal first."""
        super().__init__(counts, backgrounds)
        self.names = tuple(widths)
        self.scaling = [*enumerate(widths.values())][:2]
        moving = np.array([*widths.values()][2:])[:, None] * backgrounds
        self.base_sum, self.sums = 2 * self.total.sum() + self.constant, 2 * moving.sum(axis=1)
        self.base, self.moving = self.total[self.some], moving[:, self.some]

    def templates(self, mass: float) -> np.ndarray:
        """Signal by power of g^2 and bin."""
        raise NotImplementedError

    def choose(self, mass: float) -> None:
        self.quadratic = self.templates(mass)

    def fix(self, s: float) -> None:
        signal = np.array([1.0, s, s * s]) @ self.quadratic
        self.signal, self.signal_sum, self.s = signal[self.some], 2 * signal.sum(), s

    def _expected(self, x: np.ndarray) -> tuple[float, float, np.ndarray]:
        scale, pulls = linear_factor(self.scaling, x), x[2:]
        total = self.base_sum + scale * self.signal_sum + pulls @ self.sums
        return scale, total, self.base + scale * self.signal + pulls @ self.moving

    def conditional(self, x: np.ndarray) -> float:
        _, total, mu = self._expected(x)
        return inside(total + x @ x - 2 * (self.n @ np.log(mu)))

    def _gradient(self, x: np.ndarray, scale: float, ratio: np.ndarray) -> np.ndarray:
        result = 2 * x
        by_scale = self.signal_sum - 2 * (self.signal @ ratio)
        for i, width in self.scaling:
            result[i] += by_scale * scale * width / (1 + width * x[i])
        result[2:] += self.sums - 2 * (self.moving @ ratio)
        return result

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        scale, _, mu = self._expected(x)
        return self._gradient(x, scale, self.n / mu)

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        scale, total, mu = self._expected(x)
        value, ratio = total + x @ x - 2 * (self.n @ np.log(mu)), self.n / mu
        slope = np.array([0.0, 1.0, 2 * self.s]) @ self.quadratic
        by_s = 2 * scale * (slope.sum() - slope[self.some] @ ratio)
        return value, np.append(by_s, self._gradient(x, scale, ratio))


class Csi(Scaled):
    """CsI (2021)."""

    def __init__(self) -> None:
        released = self.released = numpy_csi_2021.Released()
        measured = released.measured
        curve = np.array([measured["energy_efficiency"]["nominal"]])
        energy = released.recoils.quenched(measured["quenching"]["nominal"])
        photoelectrons = measured["photoelectrons"]
        self.into = numpy_csi_2021.response(energy, released.pe, curve, photoelectrons)[0]
        accepted = measured["time_efficiency"]
        self.time = numpy_csi_2021.time_fractions(released.time, 0.0, accepted)
        widths = {"sns_flux": 0.1, "signal": 0.0663, "brn": 0.25, "nin": 0.35}
        super().__init__(released.counts, released.backgrounds, widths | {"steady_state": 0.021})

    def templates(self, mass: float) -> np.ndarray:
        events = by_power(self.released.recoils, CSI, mass)
        return np.einsum("kfn,ne,ft->ket", events, self.into, self.time).reshape(3, -1)


class Argon(Scaled):
    """Argon (2020)."""

    def __init__(self) -> None:
        released = self.released = numpy_lar_2020.Released()
        energy = released.recoils.quenched(released.measured["quenching"]["nominal"])
        efficiency = read(numpy_lar_2020.FOLDER / "efficiency.csv")
        spread = released.measured["resolution"]["statistical"]
        self.into = numpy_lar_2020.response(energy, released.energy, efficiency, spread)
        self.shape, self.time = released.share(released.pulse_shape()(0.0)), released.fractions()
        widths = {"sns_flux": 0.1, "signal": 0.0831} | numpy_lar_2020.BACKGROUNDS
        super().__init__(released.counts, released.backgrounds, widths)

    def templates(self, mass: float) -> np.ndarray:
        flavours = by_power(self.released.recoils, ARGON, mass)
        flavours = np.stack([flavours[:, 0], flavours[:, 1] + flavours[:, 2]], axis=1)
        spectra = flavours @ self.into
        return np.einsum("kfe,ft,ep->kept", spectra, self.time, self.shape).reshape(3, -1)


class DresdenII(numpy_dresden_ii.DresdenII):
    """Dresden-II, electrons included."""

    def choose(self, mass: float) -> None:
        of = self.released
        nuclei = by_power(of.recoils, GERMANIUM, mass)[:, 0] @ of.into
        t, (left, right, both), into = of.electrons
        # g_L = s + k g^2 and g_R = s + 1/2 + k g^2 of antineutrinos
        k = 1 / (2 * UNIT * (2 * ELECTRON * t + mass**2))
        powers = [
            ANGLE**2 * left + (ANGLE + 0.5) ** 2 * right + ANGLE * (ANGLE + 0.5) * both,
            k * (2 * ANGLE * left + (2 * ANGLE + 1) * right + (2 * ANGLE + 0.5) * both),
            k**2 * (left + right + both),
        ]
        self.quadratic = (nuclei + np.stack(powers) @ into) / of.error


class CsiAndArgon(Combination):
    """Both data sets of the SNS."""

    def __init__(self) -> None:
        parts: dict[str, Model] = {"coherent_csi_2021": Csi(), "coherent_lar_2020": Argon()}
        self.models = [*parts.values()]
        super().__init__(parts, ["sns_flux"])

    def choose(self, mass: float) -> None:
        for model in self.models:
            model.choose(mass)
