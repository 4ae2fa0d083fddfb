"""When neutrinos of a pulsed source arrive, as a reader gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cevns_jax.detectors.table import check_edges
from cevns_jax.detectors.timing import FixedTiming
from cevns_jax.errors import ConfigError
from cevns_jax.experiments.own_bins import checked_counts


@dataclass(frozen=True, kw_only=True)
class ArrivalTimes:
    """When neutrinos of a pulsed source arrive.

    Attributes:
        edges_us: Edges of the time bins [us], shape (B + 1,).
        fractions: Flavour -> fraction of its neutrinos that is accepted in each bin, shape (B,).
    """

    edges_us: np.ndarray
    fractions: Mapping[str, np.ndarray]


def timing_of(
    where: str, flavours: tuple[str, ...], arrivals: ArrivalTimes | None
) -> FixedTiming | None:
    """Fractions of the flavours of a source, in their order; nothing where times are not used.

    Args:
        where: Name of the experiment, and of the source if there are several, for messages.
        flavours: Those of the source.
        arrivals: What was given.

    Raises:
        ConfigError: edges that are none, other flavours, or what cannot be fractions.
    """
    if arrivals is None:
        return None
    edges = np.asarray(arrivals.edges_us, dtype=float)
    check_edges(f"{where}: time_us", edges)
    if set(arrivals.fractions) != set(flavours):
        raise ConfigError(
            f"{where}: arrival times must be given for {', '.join(flavours)}, "
            f"not for {', '.join(arrivals.fractions) or 'nothing'}"
        )
    shape = (len(edges) - 1,)
    rows = np.stack(
        [
            checked_counts(f"{where}: arrival times of {f}", arrivals.fractions[f], shape, 0.0)
            for f in flavours
        ]
    )
    if (rows.sum(axis=1) > 1 + 1e-6).any():
        flavour = flavours[int(np.argmax(rows.sum(axis=1)))]
        raise ConfigError(
            f"{where}: arrival times of {flavour} add up to more than 1 (fractions, not per cent)"
        )
    return FixedTiming(fractions=rows)
