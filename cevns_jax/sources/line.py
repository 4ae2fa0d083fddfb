"""A line: neutrinos of one energy, as from electron capture (7Be, pep, 51Cr) or pions at rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.domains import COLUMNS, check_positive
from cevns_jax.flavours import check_flavours
from cevns_jax.parameters import Values
from cevns_jax.pytree import static
from cevns_jax.sources.source import NO_VALUES, Array
from cevns_jax.summaries import of_source
from cevns_jax.summary import Summarised, Summary


def line_moments(e_min: Array, energy: float | jax.Array) -> Array:
    """Moments of one neutrino per cm^2 of energy E: E^-k if e_min is at most E, else zero.

    Args:
        e_min: Lowest neutrino energy [MeV], any shape.
        energy: E of the line [MeV].

    Returns:
        M_k [MeV^-k/cm^2], shape (3,) + that of e_min.
    """
    xp: Any = jnp if isinstance(e_min, jax.Array) else np
    there = xp.where(e_min <= energy, 1.0, 0.0)
    return xp.stack([there * energy**-k for k in range(3)])


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class LineSource(Summarised):
    """Neutrinos of one flavour and one energy; build it with :func:`line_source`.

    Attributes:
        flavour: The flavour.
        energy: E [MeV].
        fluence: Neutrinos per cm^2 in the exposure.
    """

    flavour: str = static()
    energy: float
    fluence: float

    parameters = ()
    bends = ()

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_source(self)

    @property
    def flavours(self) -> tuple[str, ...]:
        """The one flavour."""
        return (self.flavour,)

    @property
    def edges(self) -> tuple[float, ...]:
        """The energy of the line [MeV]."""
        return (float(self.energy),)

    @property
    def end_points(self) -> tuple[float | jax.Array, ...]:
        """The energy of the line [MeV]."""
        return (self.energy,)

    @property
    def label(self) -> str:
        """The source in words."""
        return (
            f"line of {self.flavour} at {self.energy:.5g} MeV, {self.fluence:.4g} neutrinos per "
            "cm^2"
        )

    def moments(self, e_min: Array, values: Values = NO_VALUES) -> Array:
        """Flux moments; see :class:`cevns_jax.sources.source.Source`. Shape (1, 3, ...)."""
        return self.fluence * line_moments(e_min, self.energy)[None]


def line_source(
    *, energy_mev: float, flux_per_cm2_s: float, live_time_s: float, flavour: str = "nu_e"
) -> LineSource:
    """Neutrinos of one energy.

    Args:
        energy_mev: Their energy [MeV].
        flux_per_cm2_s: Flux at the detector [1/(cm^2 s)].
        live_time_s: Live time of the exposure [s].
        flavour: Their flavour.

    Raises:
        ConfigError: unknown flavour, or a number that is not positive and finite, or beyond its
            domain.
    """
    check_flavours("source", (flavour,))
    given = {
        "energy_mev": energy_mev,
        "flux_per_cm2_s": flux_per_cm2_s,
        "live_time_s": live_time_s,
    }
    for key, value in given.items():
        check_positive("source", key, value, COLUMNS.get(key))
    return LineSource(
        flavour=flavour, energy=float(energy_mev), fluence=float(flux_per_cm2_s * live_time_s)
    )
