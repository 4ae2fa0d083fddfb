"""Antineutrinos from a reactor: fission spectra, fission fractions and a total flux."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import numpy as np

from cevns_jax.choices import FISSILE, REACTOR_SPECTRA
from cevns_jax.data.tables import DATA, read_table
from cevns_jax.domains import check_number
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.pytree import static
from cevns_jax.sources.tabulated import TabulatedSource, tabulated_source

# Down to here [MeV] the spectra are taken as constant below their first row. Neutrinos of 1e-4 MeV
# give recoils of 1e-9 keV, below any threshold; zero is not possible, as moments need 1/E.
LOWEST_MEV = 1e-4
# By how much fission fractions may miss a sum of one, as published ones are rounded to two or three
# digits; they are divided by their sum. Fractions in per cent miss it by 99.
FRACTIONS_OFF = 1e-3


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class ReactorSource(TabulatedSource):
    """Antineutrinos of a reactor; build it with :func:`reactor_source`.

    What its label says in numbers are numbers here: another flux is the same structure, and
    nothing that was compiled for one reactor is compiled again for another.

    Attributes:
        spectra: Name of the set of fission spectra.
        fission_fractions: Share of fissions by isotope, as it was given.
        flux_per_cm2_s: Total flux at the detector [1/(cm^2 s)].
    """

    spectra: str = static()
    fission_fractions: dict[str, float]
    flux_per_cm2_s: float

    @property
    def label(self) -> str:
        """The source in words."""
        fractions = ", ".join(f"{i} {float(f):g}" for i, f in self.fission_fractions.items())
        flux = float(self.flux_per_cm2_s)
        return f"reactor, {self.spectra} ({fractions}), {flux:g} per cm^2 and s"


def reactor_source(
    *,
    spectra: str,
    fission_fractions: Mapping[str, float],
    flux_per_cm2_s: float,
    live_time_s: float,
) -> ReactorSource:
    """Electron antineutrinos from a reactor.

    The spectrum of each isotope is linear between the rows of its table and normalised to one;
    the fission fractions weight them, and the total flux scales the sum.

    Args:
        spectra: ``"vogel_mueller"`` (below and above 2 MeV, 8 MeV at most), ``"huber_mueller"``
            or ``"estienne_fallot_2019"`` (summation model).
        fission_fractions: Share of fissions in ``u235``, ``u238``, ``pu239`` and ``pu241``.
        flux_per_cm2_s: Total flux at the detector [1/(cm^2 s)].
        live_time_s: Live time of the exposure [s].

    Raises:
        ConfigError: unknown spectra or isotope, fractions that are negative or do not add up to
            one, or a flux that is not positive.
    """
    if spectra not in REACTOR_SPECTRA:
        raise unknown("reactor", "spectra", spectra, REACTOR_SPECTRA)
    for isotope, fraction in fission_fractions.items():
        if isotope not in FISSILE:
            raise unknown("reactor: fission_fractions", "isotope", isotope, FISSILE)
        if not fraction >= 0:
            raise ConfigError(f"reactor: fission fraction of {isotope} must not be negative")
    total = sum(fission_fractions.values())
    if abs(total - 1) > FRACTIONS_OFF:
        raise ConfigError(
            f"reactor: fission fractions must add up to 1, not to {total:g} (not per cent)"
        )
    if not (np.isfinite(flux_per_cm2_s) and flux_per_cm2_s > 0):
        raise ConfigError(f"reactor: flux must be positive and finite, not {flux_per_cm2_s}")
    check_number("reactor", "flux_per_cm2_s", flux_per_cm2_s)
    table = read_table(DATA / "reactor" / f"{spectra}.csv", ("energy_mev", *FISSILE))
    energy = np.append(LOWEST_MEV, table["energy_mev"])
    shape = np.zeros_like(energy)
    for isotope, fraction in fission_fractions.items():
        spectrum = np.append(table[isotope][0], table[isotope])
        shape += fraction / total * spectrum / np.trapezoid(spectrum, energy)
    source = tabulated_source(energy, {"nu_e_bar": flux_per_cm2_s * shape}, live_time_s=live_time_s)
    return ReactorSource(
        flavours=source.flavours,
        energy=source.energy,
        fluence=source.fluence,
        integrals=source.integrals,
        spectra=spectra,
        fission_fractions={i: float(f) for i, f in fission_fractions.items()},
        flux_per_cm2_s=float(flux_per_cm2_s),
    )
