"""Where a response bends: what recoil nodes must know of it to integrate it.

A bin with a sharp resolution is a step in the reconstructed x, with a wide one a smooth curve a few
widths long. Recoil panels that end at these places integrate either with few nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cevns_jax.detectors.resolution import Resolution

# Of the resolution: along 4 widths a Gaussian edge is a polynomial that 8 to 12 nodes integrate.
WIDTHS_PER_PANEL = 4.0
# Of the resolution, beyond which an edge is not felt: the tail of a normal distribution is 1e-12.
EDGE_WIDTHS = 7.0
# Factor on E_ee up to which nodes are dense enough: three standard deviations of the widest
# uncertainties of quenching factors in use, 10 %.
FARTHEST_MOVE = 1.3
# More are no longer bearable: 2000 panels of 8 nodes are 16,000 recoils per isotope.
MOST_PANELS = 2000
# Bins, or widths of the resolution, beyond the bins that recoil nodes are dense in.
OUTSIDE = 8
SCANNED = 4001  # values of x, or of recoil, between which widths and energies hardly change
SMALLEST_STEP = 1e-12  # stands for no width: as many panels as there may be
BISECTIONS = 40  # of a cell of the scan: 1e-12 of it


def around_edges(
    bins: Sequence[float], cuts: Sequence[float], resolution: Resolution
) -> np.ndarray:
    """All cuts, the ends of the narrow ranges in which a sharp resolution spreads them, and steps
    outwards from the bins, where the response fades within a few of its widths.

    Args:
        bins: Bin edges in x.
        cuts: Ends of the pieces in which the efficiency is a straight line, bin edges included.
        resolution: Distribution of x.

    Returns:
        Values of x, in no order.
    """
    places = np.array(cuts)
    reach = EDGE_WIDTHS * resolution.width(places)
    room = np.minimum(np.diff(places, prepend=-np.inf), np.diff(places, append=np.inf))
    # Only where the ranges around two cuts do not overlap is there anything flat between them.
    sharp = (reach > 0) & (2 * reach < room)
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
        low, high: Ends of the range; default: that of the bins, and what may come to lie there.
    """
    ends = np.array(bins)[[0, -1]]
    margin = OUTSIDE * resolution.width(ends)
    low = min(ends[0] - margin[0], ends[0] / FARTHEST_MOVE) if low is None else low
    high = max(ends[1] + margin[1], ends[1] * FARTHEST_MOVE) if high is None else high
    x = np.linspace(max(low, 0.0), high, SCANNED)[1:]
    step = WIDTHS_PER_PANEL * np.maximum(resolution.width(x), SMALLEST_STEP)
    # The width changes with x: panels are even in the integral of dx over it.
    count = np.cumsum((x[1] - x[0]) / step)
    return np.interp(np.arange(min(count[-1], MOST_PANELS + 1)), count, x)


def can_be_followed(bins: Sequence[float], resolution: Resolution) -> bool:
    """Whether a bearable number of recoil nodes follows the response wherever it moves."""
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
    # A resolution that is wide beside the bins smears their edges: only its width counts then.
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
    """Recoils at which a quenched energy takes given values, wherever it rises or falls.

    Args:
        levels: The values E_ee [keV], shape (n,).
        recoil: Recoils T [MeV] among which it is looked for, ascending.
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
