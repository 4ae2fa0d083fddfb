"""Sources on a target with a given response: as many recoil nodes as they need, checked on counts.

All sources share one set of nodes, and so one response on them. Panels first end wherever a
spectrum or the response are known not to be smooth. They are then halved until no count of any
source moves by more than a billionth of its fullest bin, and the response is reduced to the
cheapest form that can still move as nuisances and parameters ask for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

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
    nodes_on_panels,
    panel_ends,
)
from cevns_jax.sources.source import Source

# Nodes per panel. Where a response bends within a panel, twice as many panels do more than twice
# as many nodes; 8 are exact where spectrum times response is a polynomial of degree 15 there.
NODES = 8
# Halvings of a panel: one that is 4096 times narrower and still off has a jump of the response in
# it, which no number of halvings integrates.
MOST_BISECTIONS = 12
# Recoils at which the response is evaluated together: every block has the same shape, so that it
# compiles once. Found by trial: small blocks cost calls, large ones the filling up of the last.
BLOCK = 512
# Smallest share of the recoils of a source that must reach a bin. The tail of a Gaussian resolution
# never ends: a bin eight of its widths above all recoils still gets 1e-15. A tonne of germanium
# near a reactor, at 1e13 neutrinos per cm^2 and s, has some 1e8 recoils in a year: with a smaller
# share an experiment would have to be ten thousand times larger to see one event.
LEAST_SHARE = 1e-12
HEAVIEST_KG = NUMBERS["mass_kg"].high
# Panels of a factor of two in T below the first bend of the response. Below 2^-8 of that recoil the
# response has long fallen to nothing, even beside T^-2, the steepest rise of a massless mediator.
HALVINGS = 8
# Largest error of a panel, in units of the counts of the fullest bin: ten panels may err in the
# same direction before counts are off by the 1e-8 that is promised. Towards 1e-13, the rounding of
# the sums, panels would be halved for nothing.
ACCURACY = 1e-9
# Relative width of the only panel if no recoil lies above the lowest that is seen. Its moments are
# zero, so that any width does; it must not be zero, or nodes would coincide.
NOTHING_SEEN = 1e-6
# Parameters of a source of which all corners of the domain are looked at: 2^3 are eight.
MOST_CORNERED = 3
# Ratio of two neighbouring bends of the response from which on panels of a factor of two are put
# between them: closer bends are at most two such panels apart anyway. Found by trial.
FAR_APART = 4


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
    """Events of one source in a detector: :func:`scattering_components` of it alone.

    Args:
        where, target, mass_kg, response, shape, acting: As there.
        source: The source.
        timing: Flavour -> time bins.
        recoil_min_kev, recoil_max_kev, more_splits: As there.

    Raises:
        ConfigError: as there.
    """
    (part,) = scattering_components(
        *(where, {where: source}, target, mass_kg, response),
        shape=shape,
        timings={where: timing},
        acting=acting,
        recoil_min_kev=recoil_min_kev,
        recoil_max_kev=recoil_max_kev,
        more_splits=more_splits,
    ).values()
    return part


def scattering_components(
    where: str,
    sources: Mapping[str, Source],
    target: Scatterer,
    mass_kg: float,
    response: EnergyResponse | TabulatedResponse,
    *,
    shape: tuple[int, ...],
    timings: Mapping[str, Timing | None],
    acting: set[str],
    recoil_min_kev: float = 0.0,
    recoil_max_kev: float = np.inf,
    more_splits: Sequence[float] | np.ndarray = (),
) -> dict[str, Scattering]:
    """Events of sources in one detector, on as many recoil nodes as counts and response need.

    The components hold the same nodes, target and response, each of them one object. A source that
    ends below the threshold gives no events and is no error here; :func:`check_events` refuses it
    where it can only be a mistake.

    Args:
        where: Name of the experiment, for messages.
        sources: What scatters, by the name of its component; one at least.
        target, mass_kg: On what it scatters.
        response: Recoil -> bins.
        shape: Shape of the bins.
        timings: Flavour -> time bins, of each source.
        acting: Names of the effects that nuisances have.
        recoil_min_kev: Recoils below it are not seen [keV].
        recoil_max_kev: Recoils above it are left out [keV], e.g. because they are far above the
            bins.
        more_splits: Recoil energies where the spectrum of the target has jumps [MeV].

    Raises:
        ConfigError: a mass or a lowest recoil outside its domain, a table of the response that
            does not reach over all recoils, or a response too sharp for ``MOST_BISECTIONS``.
    """
    if not (np.isfinite(mass_kg) and 0 < mass_kg <= HEAVIEST_KG):
        raise ConfigError(
            f"{where}: mass_kg must be positive and at most {HEAVIEST_KG:g}, not {mass_kg}"
        )
    check_number(where, "mass_kg", mass_kg)
    lowest = recoil_min_kev * 1e-3
    highest = max(highest_recoil(source, target) for source in sources.values())
    highest = min(highest, recoil_max_kev * 1e-3)
    if not 0 <= lowest < np.inf:
        raise _no_threshold(where, highest, recoil_min_kev)
    every = tuple(sources.values())
    if lowest < highest:
        movable = bool(acting & {*response.effects})
        panels = _first_panels(
            where, every, target, response, (lowest, highest), more_splits, movable=movable
        )
        nodes = _resolved(where, every, target, response, panels)
    else:
        # One panel, with moments that are zero: no recoil reaches it.
        ends = np.sqrt(lowest * np.array([[1.0, 1 + NOTHING_SEEN]]))
        nodes = nodes_on_panels(ends, NODES)
    compact = _compact_response(response, nodes.recoil, acting)
    return {
        name: Scattering(
            shape=shape,
            kernel=kernel_on_nodes(source, target, nodes, mass_kg=mass_kg),
            response=compact,
            timing=timings[name],
        )
        for name, source in sources.items()
    }


def highest_recoil(source: Source, target: Scatterer) -> float:
    """The highest recoil of a source on any isotope of a target [MeV]."""
    return float(maximum_recoil(max(source.edges), target.mass).max())


def check_events(
    where: str,
    recoils: RecoilKernel,
    response: EnergyResponse | TabulatedResponse,
    recoil_min_kev: float = 0.0,
) -> None:
    """Refuse the only neutrinos of an experiment if they leave no event in its bins.

    Args:
        where: Name of the experiment, for messages.
        recoils: Its source on its target.
        response: Recoil -> bins.
        recoil_min_kev: Recoils below it are not seen [keV].

    Raises:
        ConfigError: all recoils lie below the lowest that is seen, or outside the bins but for a
            share of ``LEAST_SHARE``.
    """
    highest = highest_recoil(recoils.source, recoils.target)
    if not recoil_min_kev * 1e-3 < highest:
        raise _no_threshold(where, highest, recoil_min_kev)
    values = _checked_values(recoils.source)
    reached = _counts((recoils,), response).sum(axis=(0, 2))
    every = np.array([_events(recoils, at).sum() for at in values])
    if not (reached > LEAST_SHARE * every).any():
        raise ConfigError(
            f"{where}: no recoil of this source reaches a bin: they have up to "
            f"{highest * 1e3:.4g} keV (energies of the source are in MeV, of bins in keV)"
        )


def _no_threshold(where: str, highest: float, recoil_min_kev: float) -> ConfigError:
    """The error of a lowest recoil that no recoil exceeds; ``highest`` in MeV."""
    return ConfigError(
        f"{where}: recoil_min_kev must lie from 0 to below {highest * 1e3:.4g}, the highest "
        f"recoil energy, not at {recoil_min_kev:g}"
    )


def _first_panels(
    where: str,
    sources: Collection[Source],
    target: Scatterer,
    response: EnergyResponse | TabulatedResponse,
    seen: tuple[float, float],
    more_splits: Sequence[float] | np.ndarray,
    *,
    movable: bool,
) -> np.ndarray:
    """Panels that end where the response is known not to be smooth, and where the spectrum of the
    source is not, if there is only one.

    ``seen`` holds the lowest and the highest recoil [MeV]; the rest as in
    :func:`scattering_components`.
    """
    lowest, highest = seen
    try:
        splits = response.splits(lowest, highest, movable=movable)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    # The shape that panels are checked with is smooth at low T, but massless mediators rise as fast
    # as T^-2 there. So panels of a factor of two are put below the first bend of the response, and
    # wherever two of its bends are far apart.
    bends = np.unique([s for s in splits if lowest < s < highest] + [highest])
    after_gap = [bends[0], *(b for a, b in pairwise(bends) if b > FAR_APART * a)]
    halvings = np.outer(after_gap, 0.5 ** np.arange(1, HALVINGS + 1)).ravel()
    splits = np.concatenate([halvings[halvings > lowest], splits, more_splits])
    ends: dict[str, Any] = {"splits": splits, "recoil_min": lowest, "recoil_max": highest}
    energies = [energy for source in sources for energy in (*source.edges, *source.bends)]
    if len(sources) > 1:
        # Panels that end at the bends of fifteen tables are as many as those of each together. A
        # spectrum that bends inside a panel is integrated there on pieces.
        return panel_ends([max(energies)], target.mass, common_nodes=True, **ends)
    shared = panel_ends(energies, target.mass, common_nodes=True, **ends)
    own = panel_ends(energies, target.mass, **ends)
    # Shared panels need the response once, but end at the bends of every isotope. A node costs one
    # response and one spectrum for each isotope that has it: I + 1 where they share nodes, 2 where
    # they do not. Which is less decides.
    return shared if (1 + len(own)) * shared.size <= 2 * own.size else own


def _resolved(
    where: str,
    sources: Collection[Source],
    target: Scatterer,
    response: EnergyResponse | TabulatedResponse,
    panels: np.ndarray,
) -> RecoilNodes:
    """Nodes that are enough for a response: panels are halved until that moves no count.

    Counts are those of each source in the shape of vector exchange, M_0 - T M_1 - M T M_2/2, at the
    start values of its parameters and all over their domains: the factors that an interaction and
    its form factors add are smoother than a response. Weak bends of a spectrum, as in a table of a
    thousand rows, are found in the same way, and only where counts feel them.

    Raises:
        ConfigError: a panel still moves a count after ``MOST_BISECTIONS`` halvings.
    """

    def counts(ends: np.ndarray) -> np.ndarray:
        nodes = nodes_on_panels(ends, NODES)
        kernels = [kernel_on_nodes(source, target, nodes, mass_kg=1.0) for source in sources]
        return _counts(kernels, response)

    whole = counts(panels)
    for _ in range(MOST_BISECTIONS):
        middles = (panels[:, 1:] + panels[:, :-1]) / 2
        halves = np.insert(panels, np.arange(1, panels.shape[1]), middles, axis=1)
        parts = counts(halves).reshape(-1, 2, *whole.shape[1:])
        # How far halving moves the counts of a panel is the error of the whole panel; the halves,
        # on which one goes on, are better by orders.
        moves = np.abs(parts.sum(axis=1) - whole).max(axis=-1)
        # A weak source is asked for the same accuracy of its own counts: an analysis may scale it.
        off = (moves > ACCURACY * whole.sum(axis=0).max(axis=-1)).any(axis=1)
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


def _counts(
    kernels: Sequence[RecoilKernel], response: EnergyResponse | TabulatedResponse
) -> np.ndarray:
    """Counts by panel, source and bin in the shape of vector exchange, shape (P, S, B).

    The kernels of the sources have the same nodes and target. A source with parameters is there
    several times, once for each of the :func:`_checked_values`.
    """
    nodes = kernels[0].nodes
    events = np.stack(
        [_events(recoils, at) for recoils in kernels for at in _checked_values(recoils.source)]
    )
    if len(nodes.recoil) == 1:  # shared by the isotopes: one response for the events of all
        events = events.sum(axis=1, keepdims=True)
    panels = (len(nodes.recoil), -1, nodes.per_panel)
    matrix = _matrix(response, nodes.recoil)
    return np.einsum(
        "sipn,ipnb->psb",
        events.reshape(len(events), *panels),
        matrix.reshape(*panels, matrix.shape[-1]),
        optimize=True,
    )


def _checked_values(source: Source) -> list[dict[str, float]]:
    """Values of the parameters of a source at which its counts are looked at: start values, the
    middle of the domain and its corners, or of many parameters one finite end at a time."""
    declared = source.parameters
    start = {p.name: float(p.start) for p in declared}
    ends = {p.name: [float(e) for e in (p.lower, p.upper) if np.isfinite(e)] for p in declared}
    middle = start | {name: sum(two) / 2 for name, two in ends.items() if len(two) == 2}
    if len(declared) <= MOST_CORNERED:
        known = [two or [start[name]] for name, two in ends.items()]
        corners = [dict(zip(start, corner, strict=True)) for corner in product(*known)]
    else:
        corners = [start | {name: end} for name, two in ends.items() for end in two]
    every = [start, middle, *corners]
    return [at for i, at in enumerate(every) if at not in every[:i]]


def _events(recoils: RecoilKernel, at: dict[str, float]) -> np.ndarray:
    """Events at the nodes in the shape of vector exchange, all flavours, shape (I, n)."""
    m0, m1, m2 = np.moveaxis(_moments(recoils, at), 1, 0)
    mass = recoils.target.mass[:, None]
    return np.sum(m0 - recoils.recoil * m1 - mass * recoils.recoil / 2 * m2, axis=0)


def _moments(recoils: RecoilKernel, at: dict[str, float]) -> np.ndarray:
    """Weighted moments of a kernel at values of its source's parameters, shape (F, 3, I, n)."""
    if recoils.weighted_moments is not None:
        return np.asarray(recoils.weighted_moments)
    lowest = recoils.minimum_energies
    blocks = [_moments_at(recoils.source, block, at) for block in _in_blocks(lowest)]
    found = np.concatenate(blocks, axis=-1)[..., : lowest.size]
    return np.asarray(recoils.weighted(found.reshape(*found.shape[:2], *lowest.shape)))


@jax.jit
def _moments_at(source: Source, lowest: jax.Array, at: dict[str, float]) -> jax.Array:
    """Flux moments at values of the source's parameters, shape (F, 3) + that of E_min."""
    return source.moments(lowest, at)


def _in_blocks(numbers: np.ndarray) -> np.ndarray:
    """An array in rows of ``BLOCK`` numbers; the last row is filled up with the last number."""
    flat = numbers.ravel()
    return np.append(flat, np.full(-len(flat) % BLOCK, flat[-1])).reshape(-1, BLOCK)


def _compact_response(
    response: EnergyResponse | TabulatedResponse, recoil: np.ndarray, acting: set[str]
) -> Response:
    """The same response in the cheapest form that can still move as nuisances and parameters ask.

    A matrix if nothing moves it; a table in E_ee if only the quenching moves; else itself.
    """
    moving = acting & set(response.effects)
    if not moving and not (response.parameters and response.followed):
        return FixedResponse(matrix=_matrix(response, recoil))
    if isinstance(response, EnergyResponse) and "resolution" not in acting:
        return quenched_response(response, recoil)
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
    """The response without effects at given values of its parameters."""
    return response(recoil, starts, {})
