"""Responses out of quenching, resolution and efficiency: probability of each bin for a recoil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

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
from cevns_jax.detectors.spline import Spline, spline
from cevns_jax.detectors.table import LinearTable, check_edges
from cevns_jax.domains import FRACTION, check_number
from cevns_jax.errors import ConfigError
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static

FINEST_TABLE = 8193  # energies at which a response is tabulated; thinned where fewer are enough
MOST_QUANTA = 10_000  # that are summed over one by one
TABLE_ACCURACY = 1e-7  # of a probability
HIGHEST_ENERGY = 1.5  # of a table, in units of the highest nominal E_ee; constant beyond
WIDTHS_PER_PANEL = 4.0  # of the resolution, in which 8 to 12 recoil nodes follow it anywhere
EDGE_WIDTHS = 7.0  # of the resolution, beyond which an edge is not felt
FARTHEST_MOVE = 1.3  # factor on E_ee up to which nodes are dense enough
MOST_PANELS = 2000
WIDEST = 3.0  # sigma at the last bin edge, in units of that edge
OUTSIDE = 8  # bins, or widths of the resolution, beyond the bins that recoil nodes are dense in


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
        """Those of the quenching; none with a perfect resolution, where recoil nodes would change
        bins in jumps."""
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
            ConfigError: a table that does not hold the range that it is needed in, a recoil that
                leaves more than its energy, or a resolution that is too sharp to be followed where
                it moves.
        """
        recoil = np.linspace(np.sqrt(lowest), np.sqrt(highest), 4001) ** 2
        energy = np.asarray(self.energy(jnp.asarray(recoil), {}))
        at_rest = float(self.energy(jnp.zeros(()), {}))
        check_factor(recoil, energy * 1e-3, at_rest * 1e-3)
        for table, low, high in (
            (self.recoil_efficiency, lowest * 1e3, highest * 1e3),
            (getattr(self.quenching, "factor", None), lowest * 1e3, highest * 1e3),
            (getattr(self.resolution, "sigma", None), energy.min(), energy.max()),
        ):
            if isinstance(table, LinearTable):
                table.require(float(low), float(high), BELOW)
        if movable and not self.followed:
            raise ConfigError(
                "the resolution is too sharp to be followed where a nuisance moves it; give a "
                'wider one, or declare it "perfect"'
            )
        # A resolution that is wide beside the bins smears their edges: only its width counts then.
        around, everywhere = self._around_edges(), self._everywhere()
        moves = movable or (bool(self.parameters) and self.followed)
        if moves:  # then any recoil may come to lie at an edge
            quanta = getattr(self.resolution, "quanta_per_kev", 1.0)
            beyond = self._everywhere(0.0, max(quanta * float(energy.max()), everywhere[-1]))
            everywhere = beyond if len(beyond) <= MOST_PANELS else everywhere
        cuts = everywhere if moves or len(everywhere) < len(around) else around
        sigma = getattr(self.resolution, "sigma", None)
        if isinstance(sigma, LinearTable):
            cuts = np.append(cuts, sigma.x)
        cuts = cuts[cuts > 0] / getattr(self.resolution, "quanta_per_kev", 1.0)
        cut, cell = np.nonzero((energy[:-1] < cuts[:, None]) != (energy[1:] < cuts[:, None]))
        low, high, rising = recoil[cell], recoil[cell + 1], energy[cell] < cuts[cut]
        for _ in range(40):
            middle = (low + high) / 2
            below = np.asarray(self.energy(jnp.asarray(middle), {})) < cuts[cut]
            low = np.where(below == rising, middle, low)
            high = np.where(below == rising, high, middle)
        found = [self.quenching.knots, high]
        if self.recoil_efficiency is not None:
            found.append(self.recoil_efficiency.x * 1e-3)
        return np.unique(np.concatenate(found))

    def _around_edges(self) -> np.ndarray:
        """All edges, the ends of the narrow ranges in which a sharp resolution spreads them, and
        steps outwards from the bins, where the response fades within a few of its widths."""
        cuts = np.array(self.cuts)
        reach = EDGE_WIDTHS * self.resolution.width(cuts)
        room = np.minimum(np.diff(cuts, prepend=-np.inf), np.diff(cuts, append=np.inf))
        sharp = (reach > 0) & (2 * reach < room)
        ends, widths = np.array(self.bins)[[0, -1]], np.diff(self.bins)[[0, -1]]
        first, last = np.maximum(widths, self.resolution.width(ends))
        steps = np.arange(1, OUTSIDE + 1)
        return np.concatenate(
            [
                ends[0] - steps * first,
                *(cuts, cuts[sharp] - reach[sharp], cuts[sharp] + reach[sharp]),
                ends[1] + steps * last,
            ]
        )

    @property
    def followed(self) -> bool:
        """Whether a bearable number of recoil nodes can follow the response wherever it moves."""
        return len(self._everywhere()) <= MOST_PANELS

    def _everywhere(self, low: float | None = None, high: float | None = None) -> np.ndarray:
        """Points in x a few widths of the resolution apart; default: on and around the bins."""
        ends = np.array(self.bins)[[0, -1]]
        margin = OUTSIDE * self.resolution.width(ends)
        low = min(ends[0] - margin[0], ends[0] / FARTHEST_MOVE) if low is None else low
        high = max(ends[1] + margin[1], ends[1] * FARTHEST_MOVE) if high is None else high
        x = np.linspace(max(low, 0.0), high, 4001)[1:]
        step = WIDTHS_PER_PANEL * np.maximum(self.resolution.width(x), 1e-12)
        count = np.cumsum((x[1] - x[0]) / step)
        return np.interp(np.arange(min(count[-1], MOST_PANELS + 1)), count, x)


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
        recoil_efficiency: A table against the recoil energy [keV], a factor besides.

    Raises:
        ConfigError: edges that do not ascend, an efficiency, a quenching factor or a parameter of
            the quenching outside 0 to 1, a table that does not reach from the first to the last
            edge, or a resolution that is far wider than the bins.
    """
    edges = np.asarray(edges, dtype=float)
    check_edges(axis, edges)
    if getattr(resolution, "truncated", False) and edges[0] < 0:
        raise ConfigError(f"{axis}: bins must begin at 0 or above with a truncated resolution")
    if isinstance(resolution, PoissonResolution) and not 0 <= edges[0] < edges[-1] <= MOST_QUANTA:
        raise ConfigError(f"{axis}: bins must lie within 0 and {MOST_QUANTA:g} photo-electrons")
    if isinstance(resolution, PoissonResolution):
        if not 0 < resolution.quanta_per_kev < np.inf:
            raise ConfigError("resolution: quanta_per_kev must be positive and finite")
        check_number("resolution", "quanta_per_kev", resolution.quanta_per_kev)
    if isinstance(resolution, GaussianResolution):
        _check_width(axis, resolution, edges)
    check_model(quenching)
    labels = [f"table against {axis}" if isinstance(efficiency, LinearTable) else f"{efficiency:g}"]
    if isinstance(efficiency, LinearTable):
        efficiency.require(edges[0], edges[-1])
        knots = efficiency.x[(efficiency.x > edges[0]) & (efficiency.x < edges[-1])]
        cuts = np.union1d(edges, knots)
        values = np.interp(cuts, efficiency.x, efficiency.y)
    else:
        cuts, values = edges, np.full(len(edges), float(efficiency))
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


def _check_width(axis: str, resolution: GaussianResolution, edges: np.ndarray) -> None:
    """Refuse a width beside which all bins are one: it is in another unit than they are.

    Raises:
        ConfigError: sigma at the last edge is more than three times that edge.
    """
    last = max(abs(edges[0]), abs(edges[-1]))
    sigma = float(resolution.width(edges[-1:])[0])
    if not sigma <= WIDEST * last:
        raise ConfigError(
            f"resolution: sigma is {sigma:g} keV where the bins end, at {axis} = {edges[-1]:g}, "
            f"and at most {WIDEST:g} times that may be; is it in eV, or a fraction in per cent?"
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class QuenchedResponse:
    """An :class:`EnergyResponse` read from a table in E_ee: only the quenching can move.

    It costs a fraction of the integrals that it replaces. Build it with :func:`quenched_response`.

    Attributes:
        quenching: E_ee(T).
        table: Probability of each bin against E_ee [keV].
        recoil_efficiency: As that of the response.
    """

    quenching: Quenching
    table: Spline
    recoil_efficiency: LinearTable | None

    @property
    def effects(self) -> tuple[str, ...]:
        return ("quenching", *self.quenching.effects)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.quenching.parameters

    def __call__(
        self, recoil: jax.Array, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Probability of each bin at recoils T [MeV], shape (..., B)."""
        energy = 1e3 * self.quenching(recoil, values, effects)
        kept = self.table(energy * (1 + jnp.asarray(effects.get("quenching", 0.0))))
        if self.recoil_efficiency is None:
            return kept
        return self.recoil_efficiency(recoil * 1e3)[..., None] * kept


def quenched_response(
    response: EnergyResponse, recoil: np.ndarray
) -> QuenchedResponse | EnergyResponse:
    """The response as a table, fine enough for ``TABLE_ACCURACY``; itself if none is.

    The accuracy is one of probabilities: where a recoil spectrum rises as steeply as T^-2, as with
    a massless mediator, recoils far below the bins weigh in with it, up to 3e-4 of a bin.

    Args:
        response: What to tabulate.
        recoil: All recoils T [MeV] that it will be asked for.
    """
    from scipy.interpolate import CubicSpline  # slow to import, needed only while building

    kept = jax.jit(EnergyResponse.kept)
    highest = HIGHEST_ENERGY * float(np.asarray(response.energy(jnp.asarray(recoil), {})).max())
    grid = np.linspace(0.0, highest, FINEST_TABLE)
    seen = np.asarray(kept(response, jnp.asarray(grid))).max(axis=1) > 1e-15
    if not seen.any():
        return response
    highest = float(grid[min(np.flatnonzero(seen)[-1] + 1, len(grid) - 1)])
    grid = np.linspace(0.0, highest, FINEST_TABLE)
    exact = np.asarray(kept(response, jnp.asarray(grid)))
    for step in (32, 16, 8, 4, 2):
        coarse = CubicSpline(grid[::step], exact[::step])
        between = slice(step // 2, None, step)
        if np.abs(coarse(grid[between]) - exact[between]).max() < TABLE_ACCURACY:
            return QuenchedResponse(
                quenching=response.quenching,
                table=spline(0.0, highest, exact[::step]),
                recoil_efficiency=response.recoil_efficiency,
            )
    return response
