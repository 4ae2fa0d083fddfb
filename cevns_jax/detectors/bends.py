"""Where a response is not smooth, so that recoil panels can end there.

As a function of the mean of x, the probability of a bin is a step at each of its edges if the
resolution is sharp, and a smooth curve a few widths long if it is wide. Panels that end at the
places found here integrate both with few nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cevns_jax.detectors.resolution import Resolution

# Length of a panel in widths of the resolution: along 4 widths a Gaussian edge is a polynomial that
# 8 to 12 nodes integrate. Found by trial. Shorter panels only cost nodes; longer ones are halved
# again where counts feel it, but a moving response is checked at its start alone.
WIDTHS_PER_PANEL = 4.0
# Distance from an edge, in widths, beyond which it is not felt: a Gaussian has 1e-12 left there.
EDGE_WIDTHS = 7.0
# Factor on E_ee up to which nodes are dense enough: three standard deviations of the widest
# uncertainties of quenching factors in use, 10 %.
FARTHEST_MOVE = 1.3
# More would be too slow: 2000 panels of 8 nodes are 16,000 recoils per isotope.
MOST_PANELS = 2000
# How far beyond the bins recoil nodes are dense, in bins or widths of the resolution, whichever is
# wider: at 8 widths a Gaussian has 6e-16 left.
OUTSIDE = 8
# Values of x, or of the recoil, on which widths and energies are scanned. Crossings are bisected
# afterwards, so that more change nothing; with ten times fewer two crossings of a quenching factor
# that rises and falls again could share a cell, where neither is seen. Found by trial.
SCANNED = 4001
# Stands for a width of zero, which has no panels: any number far below a bin asks for more panels
# than MOST_PANELS, and the response then counts as too sharp to be followed.
SMALLEST_STEP = 1e-12
BISECTIONS = 40  # of a cell of the scan: 2^-40 = 1e-12 of it


def around_edges(
    bins: Sequence[float], cuts: Sequence[float], resolution: Resolution
) -> np.ndarray:
    """Places in x where a response bends, if nothing moves it.

    They are the cuts, the ends of the range over which a sharp resolution spreads each cut, and
    even steps outwards from the first and the last bin, where the response fades.

    Args:
        bins: Bin edges in x.
        cuts: Ends of the pieces in which the efficiency is a straight line, bin edges included.
        resolution: Distribution of x.

    Returns:
        Values of x, in no order.
    """
    places = np.array(cuts)
    reach = EDGE_WIDTHS * resolution.width(places)
    nearest = np.minimum(np.diff(places, prepend=-np.inf), np.diff(places, append=np.inf))
    # The response is flat between two cuts only if the ranges around them do not overlap.
    sharp = (reach > 0) & (2 * reach < nearest)
    ends, widths = np.array(bins)[[0, -1]], np.diff(bins)[[0, -1]]
    first, last = np.maximum(widths, resolution.width(ends))
    steps = np.arange(1, OUTSIDE + 1)
    return np.concatenate(
        [
            ends[0] - steps * first,
            *(places, places[sharp] - reach[sharp], places[sharp] + reach[sharp]),
            ends[1] + steps * last,
        ]
    )


def everywhere(
    bins: Sequence[float],
    resolution: Resolution,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """Values of x that are a few widths of the resolution apart.

    Args:
        bins: Bin edges in x.
        resolution: Distribution of x.
        low, high: Ends of the range. Default: the bins, and all x that a nuisance can move into
            them.
    """
    ends = np.array(bins)[[0, -1]]
    margin = OUTSIDE * resolution.width(ends)
    low = min(ends[0] - margin[0], ends[0] / FARTHEST_MOVE) if low is None else low
    high = max(ends[1] + margin[1], ends[1] * FARTHEST_MOVE) if high is None else high
    x = np.linspace(max(low, 0.0), high, SCANNED)[1:]
    step = WIDTHS_PER_PANEL * np.maximum(resolution.width(x), SMALLEST_STEP)
    # The width changes with x: equally long panels are even in the integral of dx/width.
    count = np.cumsum((x[1] - x[0]) / step)
    return np.interp(np.arange(min(count[-1], MOST_PANELS + 1)), count, x)


def can_be_followed(bins: Sequence[float], resolution: Resolution) -> bool:
    """Whether ``MOST_PANELS`` are enough to integrate the response wherever it moves."""
    return len(everywhere(bins, resolution)) <= MOST_PANELS


def bends_in_energy(
    bins: Sequence[float],
    cuts: Sequence[float],
    resolution: Resolution,
    highest: float,
    *,
    moves: bool,
) -> np.ndarray:
    """Energies E_ee [keV] at which recoil panels should end.

    Args:
        bins, cuts, resolution: As in :func:`around_edges`.
        highest: The highest E_ee there is [keV].
        moves: Whether the response moves, so that any recoil may come to lie at an edge.
    """
    # A resolution wider than the bins smears their edges away: then its width alone sets panels.
    around, anywhere = around_edges(bins, cuts, resolution), everywhere(bins, resolution)
    if moves:
        top = max(resolution.quanta_per_kev * highest, anywhere[-1])
        beyond = everywhere(bins, resolution, 0.0, top)
        anywhere = beyond if len(beyond) <= MOST_PANELS else anywhere
    places = anywhere if moves or len(anywhere) < len(around) else around
    if resolution.table is not None:  # the width bends at its rows
        places = np.append(places, resolution.table.x)
    return places[places > 0] / resolution.quanta_per_kev


def recoils_at(
    levels: np.ndarray, recoil: np.ndarray, energy_of: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Recoils at which a quenched energy takes given values.

    The energy may rise and fall: each crossing between two scanned recoils is bisected by itself.

    Args:
        levels: The values E_ee [keV], shape (n,).
        recoil: Recoils T [MeV] between which crossings are looked for, ascending.
        energy_of: E_ee [keV] of recoils T [MeV].

    Returns:
        T [MeV], in no order; one for each crossing.
    """
    energy = energy_of(recoil)
    level, cell = np.nonzero((energy[:-1] < levels[:, None]) != (energy[1:] < levels[:, None]))
    low, high, rising = recoil[cell], recoil[cell + 1], energy[cell] < levels[level]
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = energy_of(middle) < levels[level]
        low = np.where(below == rising, middle, low)
        high = np.where(below == rising, high, middle)
    return high
