"""What a detector makes of a recoil: quenching, resolution, efficiency, time."""

from cevns_jax.detectors.quenching import PolynomialQuenching, TabulatedQuenching, lindhard
from cevns_jax.detectors.ready_response import TabulatedResponse, tabulated_response
from cevns_jax.detectors.resolution import (
    GaussianResolution,
    PerfectResolution,
    PoissonResolution,
    gaussian_resolution,
)
from cevns_jax.detectors.response import EnergyResponse, energy_response
from cevns_jax.detectors.table import LinearTable, linear_table

__all__ = [
    "EnergyResponse",
    "GaussianResolution",
    "LinearTable",
    "PerfectResolution",
    "PoissonResolution",
    "PolynomialQuenching",
    "TabulatedQuenching",
    "TabulatedResponse",
    "energy_response",
    "gaussian_resolution",
    "lindhard",
    "linear_table",
    "tabulated_response",
]
