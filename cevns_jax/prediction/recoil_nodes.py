"""CEvNS with a described response: enough recoil nodes for it, and the response on them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.ready_response import FixedResponse, TabulatedResponse
from cevns_jax.detectors.response import EnergyResponse, quenched_response
from cevns_jax.domains import NUMBERS, check_number
from cevns_jax.errors import ConfigError
from cevns_jax.prediction.scattering import Response, Scattering, Timing
from cevns_jax.recoil import (
    RecoilKernel,
    Scatterer,
    kernel_on_panels,
    maximum_recoil,
    panel_ends,
)
from cevns_jax.sources.pion_decay import PionDecayAtRest
from cevns_jax.sources.tabulated import TabulatedSource

NODES = 8  # per panel
MOST_BISECTIONS = 12
BLOCK = 512  # recoils at which the response is evaluated together
HEAVIEST_KG = NUMBERS["mass_kg"].high
HALVINGS = 8  # of the lowest recoil that the response distinguishes
ACCURACY = 1e-9  # of the fullest bin, to which every panel is integrated


def energy_time_signal(
    where: str,
    source: PionDecayAtRest | TabulatedSource,
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
        ConfigError: no recoil is seen, a table of the response does not hold the recoils, or the
            response is sharper than any number of nodes here.
    """
    recoils = _resolved_kernel(
        where,
        source,
        target,
        mass_kg,
        response,
        (recoil_min_kev, recoil_max_kev),
        more_splits,
        movable=bool(acting & {*response.effects}),
    )
    compact = _compact_response(response, recoils, acting)
    return Scattering(shape=shape, kernel=recoils, response=compact, timing=timing)


def _resolved_kernel(
    where: str,
    source: PionDecayAtRest | TabulatedSource,
    target: Scatterer,
    mass_kg: float,
    response: EnergyResponse | TabulatedResponse,
    range_kev: tuple[float, float],
    more_splits: Sequence[float] | np.ndarray,
    *,
    movable: bool,
) -> RecoilKernel[Scatterer]:
    """Nodes that are enough for a response: panels are halved where that moves a count.

    Judged by the shape (M_0 - T M_1 - M T M_2/2) of vector exchange; what an interaction and its
    form factors add is smoother than a response.
    """
    if not (np.isfinite(mass_kg) and 0 < mass_kg <= HEAVIEST_KG):
        raise ConfigError(
            f"{where}: mass_kg must be positive and at most {HEAVIEST_KG:g}, not {mass_kg}"
        )
    check_number(where, "mass_kg", mass_kg)
    lowest = range_kev[0] * 1e-3
    highest = float(maximum_recoil(max(source.edges), target.mass).max())
    highest = min(highest, range_kev[1] * 1e-3)
    if not 0 <= lowest < highest:
        raise ConfigError(
            f"{where}: recoil_min_kev must lie from 0 to below {highest * 1e3:.4g}, the highest "
            f"recoil energy, not at {range_kev[0]:g}"
        )
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
            source,
            target,
            splits=splits,
            recoil_min=lowest,
            recoil_max=highest,
            common_nodes=common_nodes,
        )
        for common_nodes in (True, False)
    )
    # Panels that the isotopes share take one response, but all isotopes the bends of each.
    panels = shared if (1 + len(own)) * shared.size <= 2 * own.size else own
    whole = _counts(
        kernel_on_panels(source, target, panels, mass_kg=mass_kg, nodes=NODES), response
    )
    if not whole.any():
        raise ConfigError(
            f"{where}: no recoil of this source reaches a bin: they have up to "
            f"{highest * 1e3:.4g} keV (energies of the source are in MeV, of bins in keV)"
        )
    for _ in range(MOST_BISECTIONS):
        middles = (panels[:, 1:] + panels[:, :-1]) / 2
        halves = np.insert(panels, np.arange(1, panels.shape[1]), middles, axis=1)
        finer = kernel_on_panels(source, target, halves, mass_kg=mass_kg, nodes=NODES)
        parts = _counts(finer, response).reshape(-1, 2, whole.shape[-1])
        moves = np.abs(parts.sum(axis=1) - whole).max(axis=1)
        off = moves > ACCURACY * whole.sum(axis=0).max()
        if not off.any():
            return kernel_on_panels(source, target, panels, mass_kg=mass_kg, nodes=NODES)
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
    m0, m1, m2 = np.moveaxis(recoils.moments, 1, 0)
    recoil, mass = recoils.recoil, recoils.target.mass[:, None]
    events = np.sum(m0 - recoil * m1 - mass * recoil / 2 * m2, axis=0)
    if len(recoil) == 1:
        events = events.sum(axis=0, keepdims=True)
    panels = (len(recoil), -1, NODES)
    matrix = _matrix(response, recoil)
    return np.einsum(
        "ipn,ipnb->pb", events.reshape(panels), matrix.reshape(*panels, matrix.shape[-1])
    )


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
    flat = recoil.ravel()
    padded = np.append(flat, np.full(-len(flat) % BLOCK, flat[-1])).reshape(-1, BLOCK)
    rows = np.concatenate([_at_start(response, block, starts) for block in padded])
    return rows[: len(flat)].reshape(*recoil.shape, -1)


@jax.jit
def _at_start(
    response: EnergyResponse | TabulatedResponse, recoil: jax.Array, starts: dict[str, jax.Array]
) -> jax.Array:
    return response(recoil, starts, {})
