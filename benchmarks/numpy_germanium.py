"""The forecast for germanium at the SNS, an own experiment, in NumPy."""

from __future__ import annotations

import tomllib

import numpy as np
from numpy_iminuit import Morphed
from numpy_physics import GERMANIUM, ROOT, PionDecay, Recoils, read
from numpy_tables import knots
from scipy.special import erf

CONFIG = ROOT / "configs" / "germanium_sns.toml"
NODES = 192  # per panel in sqrt(T): chi^2 to 3e-7
QUENCHING_KNOTS = 31
ANGLE = 0.23857  # sin^2 theta_W of the Asimov data set


def response(energy: np.ndarray, edges: np.ndarray, width: dict) -> np.ndarray:
    """Probability of each bin at E_ee [keV], shape of the energies, then bins: Gaussian."""
    sigma = np.sqrt(width["noise_kev"] ** 2 + width["statistical"] ** 2 * energy)[..., None]
    return np.diff(erf((edges - energy[..., None]) / (np.sqrt(2) * sigma)) / 2, axis=-1)


def quenched(recoil: np.ndarray, k: float) -> np.ndarray:
    """E_ee [keV] of recoils T [MeV]: Lindhard."""
    t = 1e3 * recoil
    e = 11.5 * 32 ** (-7 / 3) * t
    g = 3 * e**0.15 + 0.7 * e**0.6 + e
    return t * k * g / (1 + k * g)


def germanium() -> Morphed:
    """Asimov data; pulls of flux, quenching, steady state."""
    experiment = tomllib.loads(CONFIG.read_text())["experiments"]["germanium_sns"]
    bins = read(CONFIG.parent / experiment["bins"])
    edges = np.append(bins["energy_kevee_low"], bins["energy_kevee_high"][-1])
    widths = {nuisance["name"]: nuisance["width"] for nuisance in experiment["nuisances"]}
    source = PionDecay(experiment["source"])
    recoils = Recoils(GERMANIUM, experiment["mass_kg"], source, NODES)
    energy = quenched(recoils.recoil, experiment["response"]["quenching"]["lindhard_k"])
    efficiency = experiment["response"]["efficiency"]["value"]
    by_power = efficiency * recoils.by_power().sum(axis=1)

    def spectra(pulls: np.ndarray) -> np.ndarray:
        moved = np.outer(1 + widths["quenching"] * pulls, energy)
        return by_power @ response(moved, edges, experiment["response"]["resolution"])

    background = bins["steady_state"]
    asimov = background + np.array([1.0, ANGLE, ANGLE**2]) @ spectra(np.zeros(1))[0]
    templates = spectra(knots(QUENCHING_KNOTS))[:, :, None]  # one flavour, the sum of all
    return Morphed(asimov, templates, None, background[None], widths, ("quenching",))
