"""Responses made of quenching, resolution and efficiency: probability of each bin for a recoil.

The chain is T -> E_ee (quenching) -> x (resolution) -> bins. The efficiency is a straight line
a + b x in each of a number of pieces; the probability of a bin is the sum over its pieces of
a integral P(x | E_ee) dx + b integral x P(x | E_ee) dx, in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.bends import SCANNED, bends_in_energy, can_be_followed, recoils_at
from cevns_jax.detectors.quenching import (
    NOTHING,
    Effects,
    Quenching,
    check_factor,
    check_model,
    quenched_energy,
)
from cevns_jax.detectors.ready_response import BELOW
from cevns_jax.detectors.resolution import (
    GaussianResolution,
    PerfectResolution,
    PoissonResolution,
    Resolution,
)
from cevns_jax.detectors.table import LinearTable, check_edges
from cevns_jax.domains import FRACTION, check_number
from cevns_jax.errors import ConfigError
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static

# Photo-electrons that are summed over one by one: each is a column of the response at every recoil.
# Ten times more would take gigabytes; above 10,000 a Gaussian of the same width is as good.
MOST_QUANTA = 10_000
# Largest sigma at the last bin edge, in units of that edge: a wider resolution would fill all bins
# alike. It catches a width in eV, a thousand times too large, while a real detector hardly has a
# sigma as large as its highest energy.
WIDEST = 3.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class EnergyResponse:
    """Recoil -> quenched -> reconstructed energy -> bins; build it with :func:`energy_response`.

    Attributes:
        axis: Name of the reconstructed quantity x, unit included.
        bins: Bin edges in x [keV, or photo-electrons].
        cuts: Ends of the C pieces in x in which the efficiency is a + b x.
        efficiency_label: The efficiency in words.
        quenching: E_ee(T).
        resolution: Distribution of x at an energy.
        intercept, slope: a and b of each piece, shape (C,).
        recoil_efficiency: Probability to keep an event against the recoil energy [keV]; acts too.
    """

    axis: str = static()
    bins: tuple[float, ...] = static()
    cuts: tuple[float, ...] = static()
    efficiency_label: str = static()
    quenching: Quenching
    resolution: Resolution
    intercept: np.ndarray
    slope: np.ndarray
    recoil_efficiency: LinearTable | None

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Bin edges of each reconstructed quantity."""
        return {self.axis: np.array(self.bins)}

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the quenching. A perfect resolution has none: recoil nodes would jump from bin
        to bin, and counts would have no derivative."""
        return () if isinstance(self.resolution, PerfectResolution) else self.quenching.parameters

    @property
    def effects(self) -> tuple[str, ...]:
        """``quenching``, a relative change of E_ee, ``resolution``, one of the width, and those of
        the quenching model."""
        if isinstance(self.resolution, PerfectResolution):
            return ()
        return ("quenching", *self.quenching.effects, *self.resolution.effects)

    @property
    def conventions(self) -> dict[str, str]:
        """The choices in words."""
        return {
            "quenching": self.quenching.label,
            "resolution": self.resolution.label,
            "efficiency": self.efficiency_label,
        }

    def __call__(
        self, recoil: jax.Array, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Probability of each bin at recoils T [MeV], shape (..., B)."""
        energy = self.energy(recoil, values, effects)
        kept = self.kept(energy, jnp.asarray(effects.get("resolution", 0.0)))
        if self.recoil_efficiency is None:
            return kept
        return self.recoil_efficiency(recoil * 1e3)[..., None] * kept

    def kept(self, energy: jax.Array, widening: jax.Array | float = 0.0) -> jax.Array:
        """Probability of each bin at E_ee [keV], shape (..., B), and a relative change of width."""
        cuts = np.array(self.cuts)
        inside, mean = self.resolution.pieces(energy, cuts, jnp.asarray(widening))
        bins = np.searchsorted(self.bins, cuts[:-1], side="right") - 1
        # A product with zeros and ones adds up the pieces of each bin.
        into = (bins[:, None] == np.arange(len(self.bins) - 1)).astype(float)
        return (self.intercept * inside + self.slope * mean) @ into

    def energy(self, recoil: jax.Array, values: Values, effects: Effects = NOTHING) -> jax.Array:
        """E_ee [keV]; parameters that are not given are at their start values."""
        return quenched_energy(self.quenching, recoil, values, effects)

    def splits(self, lowest: float, highest: float, *, movable: bool = False) -> np.ndarray:
        """Recoil energies [MeV] where the response bends: bin edges and rows of tables.

        Args:
            lowest, highest: Range of the recoils [MeV].
            movable: Whether a nuisance moves the response, so that the bends can be anywhere;
                parameters of the quenching always can.

        Raises:
            ConfigError: a table that does not reach over all recoils, a recoil that leaves more
                than its energy, or a resolution so sharp that no bearable number of recoil nodes
                follows it where it moves.
        """
        # Even in sqrt(T), as recoil panels are: dense where a quenching model bends, at low T.
        recoil = np.linspace(np.sqrt(lowest), np.sqrt(highest), SCANNED) ** 2
        energy = self._nominal(recoil)
        check_factor(recoil, energy * 1e-3, float(self._nominal(np.zeros(()))) * 1e-3)
        self._check_tables(lowest, highest, energy)
        if movable and not self.followed:
            raise ConfigError(
                "the resolution is too sharp to be followed where a nuisance moves it; give a "
                'wider one, or declare it "perfect"'
            )
        moves = movable or (bool(self.parameters) and self.followed)
        top = float(energy.max())
        levels = bends_in_energy(self.bins, self.cuts, self.resolution, top, moves=moves)
        found = [self.quenching.knots, recoils_at(levels, recoil, self._nominal)]
        if self.recoil_efficiency is not None:
            found.append(self.recoil_efficiency.x * 1e-3)
        return np.unique(np.concatenate(found))

    def _nominal(self, recoil: np.ndarray) -> np.ndarray:
        """E_ee [keV] of recoils T [MeV] at the start values."""
        return np.asarray(_nominal_energy(self, recoil))

    def _check_tables(self, lowest: float, highest: float, energy: np.ndarray) -> None:
        """Check that tables reach over all recoils, and over the energies that these leave.

        Raises:
            ConfigError: one does not.
        """
        for table in (self.recoil_efficiency, self.quenching.factor):
            if table is not None:
                table.require(lowest * 1e3, highest * 1e3, BELOW)
        if self.resolution.table is not None:
            self.resolution.table.require(float(energy.min()), float(energy.max()), BELOW)

    @property
    def followed(self) -> bool:
        """Whether a bearable number of recoil nodes can follow the response wherever it moves."""
        return can_be_followed(self.bins, self.resolution)


@jax.jit
def _nominal_energy(response: EnergyResponse, recoil: jax.Array) -> jax.Array:
    """E_ee [keV] at the start values, under one jit: else every operation compiles by itself."""
    return response.energy(recoil, {})


def energy_response(
    *,
    axis: str,
    edges: np.ndarray,
    quenching: Quenching,
    resolution: Resolution,
    efficiency: LinearTable | float,
    recoil_efficiency: LinearTable | None = None,
) -> EnergyResponse:
    """A response out of quenching, resolution and efficiency.

    Args:
        axis: Name of the reconstructed quantity, unit included, e.g. ``"energy_kevee"``.
        edges: Bin edges, ascending, shape (B + 1,) [keV, or photo-electrons].
        quenching: E_ee(T); ``PolynomialQuenching(coefficients=(1.0,))`` where there is none.
        resolution: Distribution of the reconstructed quantity; ``PerfectResolution()``.
        efficiency: Probability to keep an event: a number (1.0 is perfect), or a table against
            the reconstructed quantity.
        recoil_efficiency: A table against the recoil energy [keV]; another factor.

    Raises:
        ConfigError: edges that do not ascend, an efficiency, a quenching factor or a parameter of
            the quenching outside 0 to 1, a table that does not reach from the first to the last
            edge, or a resolution that is far wider than the bins.
    """
    edges = np.asarray(edges, dtype=float)
    check_edges(axis, edges)
    _check_resolution(axis, resolution, edges)
    check_model(quenching)
    cuts, values = _efficiency(efficiency, edges)
    labels = [f"table against {axis}" if isinstance(efficiency, LinearTable) else f"{efficiency:g}"]
    if recoil_efficiency is not None:
        labels.append("table against the recoil energy")
    for value in (*values, *(() if recoil_efficiency is None else recoil_efficiency.y)):
        if not FRACTION.low <= value <= FRACTION.high:
            raise ConfigError(
                f"efficiency: must lie between 0 and 1, not at {value:g} ({FRACTION.hint})"
            )
    values = np.minimum(values, 1.0)
    slope = np.diff(values) / np.diff(cuts)
    return EnergyResponse(
        axis=axis,
        bins=tuple(map(float, edges)),
        cuts=tuple(map(float, cuts)),
        efficiency_label=" x ".join(labels),
        quenching=quenching,
        resolution=resolution,
        intercept=values[:-1] - slope * cuts[:-1],
        slope=slope,
        recoil_efficiency=recoil_efficiency,
    )


def _efficiency(
    efficiency: LinearTable | float, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the pieces in which an efficiency is a straight line, and its values there.

    Raises:
        ConfigError: a table that does not reach from the first to the last edge.
    """
    if not isinstance(efficiency, LinearTable):
        return edges, np.full(len(edges), float(efficiency))
    efficiency.require(edges[0], edges[-1])
    knots = efficiency.x[(efficiency.x > edges[0]) & (efficiency.x < edges[-1])]
    cuts = np.union1d(edges, knots)
    return cuts, np.interp(cuts, efficiency.x, efficiency.y)


def _check_resolution(axis: str, resolution: Resolution, edges: np.ndarray) -> None:
    """Check what a resolution asks of the bins.

    Raises:
        ConfigError: bins where nothing can be reconstructed, or too many photo-electrons to be
            summed over; a number outside its domain; a width far beyond the bins.
    """
    if resolution.truncated and edges[0] < 0:
        raise ConfigError(f"{axis}: bins must begin at 0 or above with a truncated resolution")
    if isinstance(resolution, PoissonResolution):
        if not 0 <= edges[0] < edges[-1] <= MOST_QUANTA:
            raise ConfigError(f"{axis}: bins must lie within 0 and {MOST_QUANTA:g} photo-electrons")
        if not 0 < resolution.quanta_per_kev < np.inf:
            raise ConfigError("resolution: quanta_per_kev must be positive and finite")
        check_number("resolution", "quanta_per_kev", resolution.quanta_per_kev)
    if isinstance(resolution, GaussianResolution):
        _check_width(axis, resolution, edges)


def _check_width(axis: str, resolution: GaussianResolution, edges: np.ndarray) -> None:
    """Refuse a width so large that no bin differs from another: its unit must be a mistake.

    Raises:
        ConfigError: sigma at the last edge is more than ``WIDEST`` times that edge.
    """
    last = max(abs(edges[0]), abs(edges[-1]))
    sigma = float(resolution.width(edges[-1:])[0])
    if not sigma <= WIDEST * last:
        raise ConfigError(
            f"resolution: sigma is {sigma:g} keV where the bins end, at {axis} = {edges[-1]:g}, "
            f"and at most {WIDEST:g} times that may be; is it in eV, or a fraction in per cent?"
        )
