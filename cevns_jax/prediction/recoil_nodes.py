"""CEvNS with a described response: enough recoil nodes for it, and the response on them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.quenched_response import quenched_response
from cevns_jax.detectors.ready_response import FixedResponse, TabulatedResponse
from cevns_jax.detectors.response import EnergyResponse
from cevns_jax.domains import NUMBERS, check_number
from cevns_jax.errors import ConfigError
from cevns_jax.prediction.scattering import Response, Scattering, Timing
from cevns_jax.recoil import (
    RecoilKernel,
    RecoilNodes,
    Scatterer,
    kernel_on_nodes,
    maximum_recoil,
    minimum_energy,
    nodes_on_panels,
    panel_ends,
)
from cevns_jax.sources.source import Source

# Nodes per panel. Where a response bends within a panel, twice as many panels do more than twice
# as many nodes; 8 are exact where spectrum times response is a polynomial of degree 15 there.
NODES = 8
MOST_BISECTIONS = 12  # a panel becomes 4096 times narrower: then the response has a jump in it
BLOCK = 512  # recoils at which the response is evaluated together, so that it compiles once
HEAVIEST_KG = NUMBERS["mass_kg"].high
# Of the lowest recoil that the response distinguishes: below 1/256 of it even T^-2, the steepest
# rise of a massless mediator, meets a response that has long fallen to nothing.
HALVINGS = 8
# Of the fullest bin, to which every panel is integrated: ten panels may err in the same direction
# before counts are off by the 1e-8 that is promised.
ACCURACY = 1e-9
# Relative width of the one panel where no recoil lies above the lowest that is seen.
NOTHING_SEEN = 1e-6


def scattering_component(
    where: str,
    source: Source,
    target: Scatterer,
    mass_kg: float,
    response: EnergyResponse | TabulatedResponse,
    *,
    shape: tuple[int, ...],
    timing: Timing | None = None,
    acting: set[str],
    recoil_min_kev: float = 0.0,
    recoil_max_kev: float = np.inf,
    more_splits: Sequence[float] | np.ndarray = (),
) -> Scattering:
    """Events of a source in a detector, on as many recoil nodes as the response asks for.

    A source that ends below the threshold gives no events; :func:`check_events` refuses that
    where it can only be a mistake.

    Args:
        where: Name of the experiment, for messages.
        source, target, mass_kg: What scatters on what.
        response: Recoil -> bins.
        shape: Shape of the bins.
        timing: Flavour -> time bins.
        acting: Names of the effects that nuisances have.
        recoil_min_kev: Recoils below it are not seen [keV].
        recoil_max_kev: Recoils above it are left out [keV], e.g. as they are far above the bins.
        more_splits: Recoil energies where the target is not smooth [MeV].

    Raises:
        ConfigError: a mass or a lowest recoil outside its domain, a table of the response that
            does not hold the recoils, or a response that is sharper than any number of nodes here.
    """
    if not (np.isfinite(mass_kg) and 0 < mass_kg <= HEAVIEST_KG):
        raise ConfigError(
            f"{where}: mass_kg must be positive and at most {HEAVIEST_KG:g}, not {mass_kg}"
        )
    check_number(where, "mass_kg", mass_kg)
    lowest = recoil_min_kev * 1e-3
    highest = min(highest_recoil(source, target), recoil_max_kev * 1e-3)
    if not 0 <= lowest < np.inf:
        raise _no_threshold(where, highest, recoil_min_kev)
    if lowest < highest:
        movable = bool(acting & {*response.effects})
        panels = _first_panels(
            where, source, target, response, (lowest, highest), more_splits, movable=movable
        )
        nodes = _resolved(where, source, target, response, panels)
    else:
        # One panel, with moments that are zero: no recoil reaches it.
        ends = np.sqrt(lowest * np.array([[1.0, 1 + NOTHING_SEEN]]))
        nodes = nodes_on_panels(ends, NODES)
    recoils = kernel_on_nodes(source, target, nodes, mass_kg=mass_kg)
    compact = _compact_response(response, recoils, acting)
    return Scattering(shape=shape, kernel=recoils, response=compact, timing=timing)


def highest_recoil(source: Source, target: Scatterer) -> float:
    """The highest recoil of a source on any isotope of a target [MeV]."""
    return float(maximum_recoil(max(source.edges), target.mass).max())


def check_events(
    where: str,
    recoils: RecoilKernel,
    response: EnergyResponse | TabulatedResponse,
    recoil_min_kev: float = 0.0,
) -> None:
    """Refuse neutrinos that are the only ones of an experiment and leave no event in it.

    Args:
        where: Name of the experiment, for messages.
        recoils: Its source on its target.
        response: Recoil -> bins.
        recoil_min_kev: Recoils below it are not seen [keV].

    Raises:
        ConfigError: all recoils lie below the lowest that is seen, or outside the bins.
    """
    highest = highest_recoil(recoils.source, recoils.target)
    if not recoil_min_kev * 1e-3 < highest:
        raise _no_threshold(where, highest, recoil_min_kev)
    if not _counts(recoils, response).any():
        raise ConfigError(
            f"{where}: no recoil of this source reaches a bin: they have up to "
            f"{highest * 1e3:.4g} keV (energies of the source are in MeV, of bins in keV)"
        )


def _no_threshold(where: str, highest: float, recoil_min_kev: float) -> ConfigError:
    return ConfigError(
        f"{where}: recoil_min_kev must lie from 0 to below {highest * 1e3:.4g}, the highest "
        f"recoil energy, not at {recoil_min_kev:g}"
    )


def _first_panels(
    where: str,
    source: Source,
    target: Scatterer,
    response: EnergyResponse | TabulatedResponse,
    seen: tuple[float, float],
    more_splits: Sequence[float] | np.ndarray,
    *,
    movable: bool,
) -> np.ndarray:
    """Panels that end where spectrum or response are known not to be smooth.

    ``seen`` holds the lowest and the highest recoil [MeV]; the rest as in
    :func:`scattering_component`.
    """
    lowest, highest = seen
    try:
        splits = response.splits(lowest, highest, movable=movable)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    # Massless mediators rise as fast as T^-2 towards low recoils: panels of a factor of two there,
    # below the first bend of the response and wherever two of its bends are far apart.
    bends = np.unique([s for s in splits if lowest < s < highest] + [highest])
    wide = [bends[0], *(b for a, b in pairwise(bends) if b > 4 * a)]
    halvings = np.outer(wide, 0.5 ** np.arange(1, HALVINGS + 1)).ravel()
    splits = np.concatenate([halvings[halvings > lowest], splits, more_splits])
    shared, own = (
        panel_ends(
            (*source.edges, *source.bends),
            target.mass,
            splits=splits,
            recoil_min=lowest,
            recoil_max=highest,
            common_nodes=common_nodes,
        )
        for common_nodes in (True, False)
    )
    # Panels that the isotopes share take one response, but all isotopes the bends of each.
    return shared if (1 + len(own)) * shared.size <= 2 * own.size else own


def _resolved(
    where: str,
    source: Source,
    target: Scatterer,
    response: EnergyResponse | TabulatedResponse,
    panels: np.ndarray,
) -> RecoilNodes:
    """Nodes that are enough for a response: panels are halved where that moves a count.

    Judged by the shape (M_0 - T M_1 - M T M_2/2) of vector exchange at the start values of the
    source; what an interaction and its form factors add is smoother than a response. Weak bends
    of a spectrum are found in the same way: a panel with many of them is halved only if the counts
    feel it.
    """

    def counts(ends: np.ndarray) -> np.ndarray:
        nodes = nodes_on_panels(ends, NODES)
        return _counts(kernel_on_nodes(source, target, nodes, mass_kg=1.0), response)

    whole = counts(panels)
    for _ in range(MOST_BISECTIONS):
        middles = (panels[:, 1:] + panels[:, :-1]) / 2
        halves = np.insert(panels, np.arange(1, panels.shape[1]), middles, axis=1)
        parts = counts(halves).reshape(-1, 2, whole.shape[-1])
        moves = np.abs(parts.sum(axis=1) - whole).max(axis=1)
        off = moves > ACCURACY * whole.sum(axis=0).max()
        if not off.any():
            return nodes_on_panels(panels, NODES)
        # Panels that passed stay as they are: their counts need not be summed again.
        whole = np.concatenate(
            [p if o else w[None] for p, o, w in zip(parts, off, whole, strict=True)]
        )
        panels = np.insert(panels, np.flatnonzero(off) + 1, middles[:, off], axis=1)
    raise ConfigError(
        f"{where}: the response is too sharp to be integrated (halving recoil panels "
        f"{MOST_BISECTIONS} times is not enough); use narrower bins, or a perfect resolution"
    )


def _counts(recoils: RecoilKernel, response: EnergyResponse | TabulatedResponse) -> np.ndarray:
    """Counts by panel and bin in the shape of vector exchange, shape (P, B)."""
    m0, m1, m2 = np.moveaxis(_moments(recoils), 1, 0)
    recoil, mass = recoils.recoil, recoils.target.mass[:, None]
    events = np.sum(m0 - recoil * m1 - mass * recoil / 2 * m2, axis=0)
    if len(recoil) == 1:
        events = events.sum(axis=0, keepdims=True)
    panels = (len(recoil), -1, recoils.nodes.per_panel)
    matrix = _matrix(response, recoil)
    return np.einsum(
        "ipn,ipnb->pb", events.reshape(panels), matrix.reshape(*panels, matrix.shape[-1])
    )


def _moments(recoils: RecoilKernel) -> np.ndarray:
    """The moments of a kernel at the start values of its source, shape (F, 3, I, n)."""
    if recoils.moments is not None:
        return np.asarray(recoils.moments)
    lowest = minimum_energy(recoils.recoil, recoils.target.mass[:, None])
    blocks = [_moments_at_start(recoils.source, block) for block in _in_blocks(lowest)]
    found = np.concatenate(blocks, axis=-1)[..., : lowest.size]
    return found.reshape(*found.shape[:2], *lowest.shape) * recoils.nodes.weights * recoils.mass_kg


@jax.jit
def _moments_at_start(source: Source, lowest: jax.Array) -> jax.Array:
    return source.moments(lowest)


def _in_blocks(numbers: np.ndarray) -> np.ndarray:
    """All of an array in rows of ``BLOCK``, the last one filled up with its last number."""
    flat = numbers.ravel()
    return np.append(flat, np.full(-len(flat) % BLOCK, flat[-1])).reshape(-1, BLOCK)


def _compact_response(
    response: EnergyResponse | TabulatedResponse, recoils: RecoilKernel, acting: set[str]
) -> Response:
    """The same response in the least costly shape that can still move as it has to."""
    moving = acting & set(response.effects)
    if not moving and not (response.parameters and response.followed):
        return FixedResponse(matrix=_matrix(response, recoils.recoil))
    if isinstance(response, EnergyResponse) and "resolution" not in acting:
        return quenched_response(response, recoils.recoil)
    return response


def _matrix(response: EnergyResponse | TabulatedResponse, recoil: np.ndarray) -> np.ndarray:
    """The response at the start values of its parameters, in blocks that compile once."""
    starts = {p.name: jnp.asarray(p.start) for p in response.parameters}
    rows = np.concatenate([_at_start(response, block, starts) for block in _in_blocks(recoil)])
    return rows[: recoil.size].reshape(*recoil.shape, -1)


@jax.jit
def _at_start(
    response: EnergyResponse | TabulatedResponse, recoil: jax.Array, starts: dict[str, jax.Array]
) -> jax.Array:
    return response(recoil, starts, {})
