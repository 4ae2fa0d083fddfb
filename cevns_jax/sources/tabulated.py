"""Neutrinos with a tabulated spectrum: a reactor, the atmosphere, a user's own simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.domains import COLUMNS, FLUX, check_positive
from cevns_jax.errors import ConfigError
from cevns_jax.flavours import check_flavours
from cevns_jax.parameters import Values
from cevns_jax.pytree import static
from cevns_jax.sources.source import NO_VALUES, Array
from cevns_jax.summaries import of_source
from cevns_jax.summary import Summarised, Summary

# Largest ratio of the ends of a segment: the closed forms below are written for a ratio up to two.
WIDEST_SEGMENT = 2.0
# Share of the neutrinos nearby that would be lost if a row were left out, above which a panel ends
# at the row. The rows of reactor spectra, 0.1 to 0.5 MeV apart, have 1e-5 to 1e-3; most rows of a
# solar spectrum of a thousand rows have below 1e-6, and panels of 20 rows integrate it to 1e-9. Ten
# times smaller or larger only moves work: panels are halved wherever counts feel a bend.
SHARP_BEND = 1e-5
# Energy [MeV] that a table must reach: neutrinos of 10 keV give a nucleus 1e-5 keV at most.
LEAST_MEV = 0.01
# Energy [MeV] below which at least half of the neutrinos must be: a table in keV has all above it,
# an atmospheric flux, the highest in use, most of them at 100 MeV.
COHERENT_MEV = 500.0
# Relative width below which the series is used, and its last term: the next is 0.03^10/12 = 5e-17
# of the first. The closed form errs by 4e-15 there, and by 6e-14 at a tenth of it.
SHORT, SERIES = 0.03, 11


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class TabulatedSource(Summarised):
    """Spectra that are linear between the rows of a table; build it with :func:`tabulated_source`.

    Attributes:
        flavours: The F flavours.
        energy: Neutrino energies E [MeV], ascending, shape (n,). The flux is zero outside.
        fluence: Neutrinos per cm^2 and MeV in the exposure, shape (F, n).
        integrals: Moments from each row to the last one, shape (F, 3, n).
    """

    flavours: tuple[str, ...] = static()
    energy: np.ndarray
    fluence: np.ndarray
    integrals: np.ndarray

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_source(self)

    parameters = ()

    @property
    def edges(self) -> tuple[float, ...]:
        """Energies [MeV] where a spectrum jumps or ends.

        It jumps at the first row, unless it begins at zero; each flavour ends at its own row.
        """
        begins = (np.asarray(self.fluence)[:, 0] > 0).any()
        ends = {*_last_rows(np.asarray(self.fluence)).tolist()}
        return tuple(float(self.energy[i]) for i in sorted({0, *ends} if begins else ends))

    @property
    def bends(self) -> tuple[float, ...]:
        """Energies [MeV] of the rows where a spectrum bends by more than ``SHARP_BEND``."""
        energy, fluence = np.asarray(self.energy), np.asarray(self.fluence)
        rows, width = energy[1:-1], np.diff(energy)
        jump = np.abs(np.diff(np.diff(fluence) / width))
        # Neutrinos that a row adds to the straight line between its neighbours, or takes away; and
        # those within a distance over which recoils from there are spread.
        triangle = jump * width[1:] * width[:-1] / 2
        nearby = fluence[:, 1:-1] * np.minimum(rows, energy[-1] - rows)
        return tuple(map(float, rows[(triangle > SHARP_BEND * nearby).any(axis=0)]))

    @property
    def label(self) -> str:
        """The source in words."""
        return (
            f"table of {', '.join(self.flavours)} from {self.energy[0]:g} to "
            f"{self.energy[-1]:g} MeV, zero outside"
        )

    @property
    def end_points(self) -> tuple[float | jax.Array, ...]:
        """Highest energy of each flavour [MeV]: the row at which its spectrum has come to zero, or
        the last one."""
        ends = _array_library(self.fluence).asarray(self.energy)[_last_rows(self.fluence)]
        return tuple(ends[i] for i in range(len(self.flavours)))

    def moments(self, e_min: Array, values: Values = NO_VALUES) -> Array:
        """Flux moments M_k = integral_{e_min} phi(E) E^-k dE, exact to rounding.

        Args:
            e_min: Lowest neutrino energy [MeV], any shape, positive; NumPy's or JAX's.
            values: There are no parameters.

        Returns:
            M_k [MeV^-k/cm^2], shape (F, 3) + that of e_min.
        """
        xp = jnp if isinstance(e_min, jax.Array) else np
        energy, fluence = xp.asarray(self.energy), xp.asarray(self.fluence)
        low = xp.clip(e_min, energy[0], energy[-1])
        right = xp.clip(xp.searchsorted(energy, low, side="right"), 1, len(energy) - 1)
        slope = xp.diff(fluence) / xp.diff(energy)
        end = energy[right]
        flux = fluence[:, right] - slope[:, right - 1] * (end - low)
        # The part of the segment above E_min in closed form; whole segments above it are summed.
        rest = _segment_moments(low, end - low, flux, slope[:, right - 1])
        return rest + xp.asarray(self.integrals)[:, :, right]


def _array_library(numbers: np.ndarray | jax.Array) -> Any:
    return jnp if isinstance(numbers, jax.Array) else np


def _last_rows(fluence: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """Index of the row at which the spectrum of each flavour ends, shape (F,): a straight line down
    to zero ends at the row that holds the zero."""
    xp = _array_library(fluence)
    last = fluence.shape[1] - 1
    highest = last - xp.argmax(xp.asarray(fluence)[:, ::-1] > 0, axis=1)
    return xp.minimum(highest + 1, last)


def _segment_moments(low: Array, width: Array, flux: Array, slope: Array) -> Array:
    """Moments over pieces on which the flux is a straight line, shape (F, 3, ...).

    These are the closed forms with ln(1 + r) = r - r^2 bend(r) put in, r = width/low: what would
    cancel on short pieces is inside ``bend``, which has a series there.

    Args:
        low, width: Lower end and width of the pieces [MeV], any shape.
        flux, slope: Of the straight line, at the lower end, shape (F,) + that of the pieces.
    """
    xp = jnp if isinstance(low, jax.Array) else np
    r = width / low
    bend = _bend(r)  # (r - ln(1 + r))/r^2
    logarithm = r - r**2 * bend
    return xp.stack(
        [
            width * (flux + slope * width / 2),
            flux * logarithm + slope * width * r * bend,
            flux * r / (low + width) + slope * r**2 * (1 / (1 + r) - bend),
        ],
        axis=1,
    )


def _bend(r: Array) -> Array:
    """(r - ln(1 + r))/r^2 for 0 <= r <= 1, also for small r, where the two terms nearly cancel."""
    xp = jnp if isinstance(r, jax.Array) else np
    small = r < SHORT
    safe = xp.where(small, 1.0, r)
    series = xp.zeros_like(r)
    for k in range(SERIES, 1, -1):
        series = 1 / k - r * series
    return xp.where(small, series, (safe - xp.log1p(safe)) / safe**2)


def tabulated_source(
    energy_mev: np.ndarray, flux: Mapping[str, np.ndarray], *, live_time_s: float
) -> TabulatedSource:
    """A source with tabulated spectra.

    Args:
        energy_mev: Neutrino energies [MeV], positive, ascending, shape (n,).
        flux: Flavour -> neutrinos per cm^2, s and MeV at the detector, shape (n,) each. Zero
            outside the table.
        live_time_s: Live time of the exposure [s].

    Raises:
        ConfigError: unknown flavour, energies that do not ascend or are not in MeV, a flux that is
            negative, zero everywhere or beyond its domain, or a live time that is not positive.
    """
    energy = np.asarray(energy_mev, dtype=float)
    if not flux:
        raise ConfigError("source: the flux table needs a column for one flavour at least")
    check_flavours("source", flux)
    columns = [np.asarray(row, dtype=float) for row in flux.values()]
    if energy.ndim != 1 or energy.size < 2 or any(c.shape != energy.shape for c in columns):
        raise ConfigError("source: needs at least two energies, and a flux at each")
    rows = np.stack(columns)
    if not (np.isfinite(energy).all() and energy[0] > 0 and (np.diff(energy) > 0).all()):
        raise ConfigError("source: energies must be positive and ascend")
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (rows.sum(axis=1) > 0).all()):
        raise ConfigError("source: a flux must be finite, not negative, and not zero everywhere")
    check_positive("source", "live_time_s", live_time_s)
    for what, domain, value in (
        ("energy_mev", COLUMNS["energy_mev"], energy[0]),
        ("energy_mev", COLUMNS["energy_mev"], energy[-1]),
        ("a flux", FLUX, rows.max()),
    ):
        if refusal := domain.refusal(what, float(value)):
            raise ConfigError(f"source: {refusal}")
    cuts = [energy[:1]]
    for low, high in pairwise(energy):
        parts = max(1, int(np.ceil(np.log(high / low) / np.log(WIDEST_SEGMENT))))
        cuts.append(np.geomspace(low, high, parts + 1)[1:])
    fine = np.concatenate(cuts)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        fluence = live_time_s * np.stack([np.interp(fine, energy, row) for row in rows])
        width = np.diff(fine)
        pieces = _segment_moments(fine[:-1], width, fluence[:, :-1], np.diff(fluence) / width)
        integrals = np.zeros((*pieces.shape[:2], len(fine)))
        integrals[..., :-1] = np.cumsum(pieces[..., ::-1], axis=-1)[..., ::-1]
    if not (np.isfinite(fluence).all() and np.isfinite(integrals).all()):
        raise ConfigError(
            "source: flux, energies and live time are together too large or too small"
        )
    return TabulatedSource(flavours=tuple(flux), energy=fine, fluence=fluence, integrals=integrals)


def check_unit(source: TabulatedSource) -> None:
    """Refuse a source of CEvNS whose energies are in another unit than MeV.

    Atmospheric fluxes reach 10 GeV, but most of their neutrinos have 100 MeV: the end of a table
    says little about its unit, the median energy does.

    Raises:
        ConfigError: no energy above 10 keV, or half of the neutrinos above 500 MeV.
    """
    if source.energy[-1] < LEAST_MEV:
        raise ConfigError(
            f"source: energy_mev ends at {source.energy[-1]:g}, where no nucleus is moved; it must "
            f"reach {LEAST_MEV:g} (MeV, not GeV)"
        )
    above, all_ = source.moments(np.array([COHERENT_MEV, source.energy[0]]))[:, 0].sum(axis=0)
    if above > all_ / 2:
        raise ConfigError(
            f"source: {above / all_:.0%} of the neutrinos have energy_mev above {COHERENT_MEV:g}, "
            "where scattering is hardly coherent; at most half may (MeV, not keV)"
        )
