"""Neutrinos from pions and muons that decay at rest: the Spallation Neutron Source.

pi+ -> mu+ nu_mu gives a line, mu+ -> e+ nu_e nu_mu_bar two Michel spectra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import CHARGED_PION_MASS, MUON_MASS
from cevns_jax.domains import check_positive
from cevns_jax.parameters import Values
from cevns_jax.sources.line import line_moments
from cevns_jax.sources.source import NO_VALUES, Array
from cevns_jax.summaries import of_source
from cevns_jax.summary import Summarised, Summary

LINE_ENERGY = (CHARGED_PION_MASS**2 - MUON_MASS**2) / (2 * CHARGED_PION_MASS)  # 29.79 MeV
END_POINT = MUON_MASS / 2  # 52.83 MeV, positron mass neglected


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class PionDecayAtRest(Summarised):
    """Three flavours of equal number: nu_mu line, nu_mu_bar and nu_e Michel spectra.

    f(nu_mu_bar) = (64/m) x^2 (3/4 - x), f(nu_e) = (192/m) x^2 (1/2 - x), x = E/m, m the muon mass.

    Attributes:
        fluence: Neutrinos per cm^2 and flavour in the exposure.
    """

    fluence: float

    flavours = ("nu_mu", "nu_mu_bar", "nu_e")
    edges = (LINE_ENERGY, END_POINT)
    """Energies [MeV] where a spectrum ends; recoil nodes split there."""
    end_points = (LINE_ENERGY, END_POINT, END_POINT)
    """Highest energy of each flavour [MeV]."""
    parameters = ()
    bends = ()

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_source(self)

    @property
    def label(self) -> str:
        """The source in words."""
        return f"pion decay at rest, {self.fluence:.4g} neutrinos per cm^2 and flavour"

    def spectrum(self, flavour: str, energy: np.ndarray) -> np.ndarray:
        """Continuous spectra, normalised to one neutrino [1/MeV], zero above the end point.

        Raises:
            ValueError: the flavour has no continuous spectrum.
        """
        if flavour not in ("nu_mu_bar", "nu_e"):
            raise ValueError(f"{flavour} from pion decay is a line at {LINE_ENERGY:.4f} MeV")
        return np.where(energy < END_POINT, _michel(flavour, energy, END_POINT - energy), 0.0)

    def moments(self, e_min: Array, values: Values = NO_VALUES) -> Array:
        """Flux moments M_k = integral_{e_min} phi(E) E^-k dE, exact to rounding.

        Args:
            e_min: Lowest neutrino energy [MeV], any shape, positive; NumPy's or JAX's.
            values: There are no parameters.

        Returns:
            M_k [MeV^-k/cm^2] for the three flavours and k = 0, 1, 2: shape (3, 3) + that of e_min.
        """
        xp: Any = jnp if isinstance(e_min, jax.Array) else np
        nu_mu = line_moments(e_min, LINE_ENERGY)
        # phi E^-k is a cubic at most: three Gauss-Legendre nodes integrate it exactly, and the
        # distance to the end point, taken from the nodes, keeps all digits near the end point.
        nodes, weights = np.polynomial.legendre.leggauss(3)
        width = xp.maximum(END_POINT - e_min, 0.0)[..., None]
        distance = width * (1 - nodes) / 2
        energy = END_POINT - distance
        michel: Any = [
            [
                xp.sum(weights / 2 * width * _michel(flavour, energy, distance) / energy**k, -1)
                for k in range(3)
            ]
            for flavour in ("nu_mu_bar", "nu_e")
        ]
        return self.fluence * xp.stack([nu_mu, *(xp.stack(rows) for rows in michel)])


def _michel(flavour: str, energy: Array, distance: Array) -> Array:
    """Michel spectra [1/MeV] at an energy, with its distance to the end point [MeV].

    nu_e vanishes at the end point: a difference of two energies would lose its digits there.
    """
    x, d = energy / MUON_MASS, distance / MUON_MASS
    if flavour == "nu_e":
        return 192 / MUON_MASS * x**2 * d
    return 64 / MUON_MASS * x**2 * (0.25 + d)


def spallation_source(
    *, neutrinos_per_proton: float, protons_on_target: float, distance_m: float
) -> PionDecayAtRest:
    """Pion decay at rest seen by a detector.

    Args:
        neutrinos_per_proton: Neutrinos of each flavour per proton on target.
        protons_on_target: Number of protons in the exposure.
        distance_m: Distance of the detector [m].

    Raises:
        ConfigError: a number that is not positive and finite, or beyond its domain.
    """
    given = {
        "neutrinos_per_proton": neutrinos_per_proton,
        "protons_on_target": protons_on_target,
        "distance_m": distance_m,
    }
    for key, value in given.items():
        check_positive("source", key, value)
    area = 4 * np.pi * (distance_m * 100) ** 2  # [cm^2]
    return PionDecayAtRest(fluence=float(neutrinos_per_proton * protons_on_target / area))
