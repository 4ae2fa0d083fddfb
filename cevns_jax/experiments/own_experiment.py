"""A reader's own experiment, from its parts: target, source, response, bins, backgrounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword

import numpy as np

from cevns_jax.detectors.detector import energy_detector
from cevns_jax.detectors.ready_response import TabulatedResponse
from cevns_jax.detectors.response import EnergyResponse
from cevns_jax.detectors.table import check_edges
from cevns_jax.detectors.timing import FixedTiming
from cevns_jax.domains import COUNTS, ERRORS
from cevns_jax.errors import ConfigError, shown
from cevns_jax.nuclei import Target
from cevns_jax.precision import require_float64
from cevns_jax.prediction.about import About, conventions
from cevns_jax.prediction.axes import check_axes
from cevns_jax.prediction.component import Component, Template
from cevns_jax.prediction.experiment import Experiment, n_sigma
from cevns_jax.prediction.nuisances import Nuisance, check_nuisances
from cevns_jax.prediction.recoil_nodes import check_events, energy_time_signal
from cevns_jax.sources.source import Source
from cevns_jax.sources.tabulated import TabulatedSource, check_unit
from cevns_jax.statistics import Gaussian, Poisson


@dataclass(frozen=True, kw_only=True)
class ArrivalTimes:
    """When neutrinos of a pulsed source arrive.

    Attributes:
        edges_us: Edges of the time bins [us], shape (B + 1,).
        fractions: Flavour -> fraction of its neutrinos that is accepted in each bin, shape (B,).
    """

    edges_us: np.ndarray
    fractions: Mapping[str, np.ndarray]


def own_experiment(
    *,
    name: str,
    target: Target,
    source: Source | Mapping[str, Source],
    mass_kg: float,
    response: EnergyResponse | TabulatedResponse,
    backgrounds: Mapping[str, np.ndarray | Component],
    nuisances: Sequence[Nuisance],
    observed: np.ndarray | None,
    errors: np.ndarray | None = None,
    arrival_times: ArrivalTimes | None = None,
    recoil_min_kev: float = 0.0,
    title: str = "",
    citation: str = "",
    exposure: str = "",
) -> Experiment:
    """An experiment that is not in the library.

    The bins are those of the response, with the time bins as last axis where arrival times are
    given. Recoil nodes are added until no expected count moves by 1e-8 of the largest; a
    response that nuisances move is tabulated to 1e-7 of a probability.

    Args:
        name: Python identifier; names of private nuisance parameters begin with it.
        target: What is hit; see :func:`cevns_jax.nuclei.target`.
        source: Neutrinos in the exposure; see :mod:`cevns_jax.sources`. Of one source the component
            is called ``cevns``; several are given by name, and each is a component of this name.
            ``n_sigma`` scales them all.
        mass_kg: Mass of the target [kg].
        response: Recoil -> bins; see :mod:`cevns_jax.detectors.response`.
        backgrounds: Name -> expected counts in the exposure, shape of the bins, or a
            :class:`cevns_jax.prediction.component.Component` with parameters of its own.
        nuisances: Systematic uncertainties. They act on components by their names, or on the
            effects ``neutron_radius`` and, with an :class:`EnergyResponse` whose resolution is not
            perfect, ``quenching`` and ``resolution`` (all relative).
        observed: Counts, shape of the bins; ``None`` for a forecast, which has none.
        errors: One standard deviation of Gaussian bins, shape of the bins; ``None``: Poisson bins.
        arrival_times: Time bins of a pulsed source; ``None``: times are not used.
        recoil_min_kev: Recoils below it are not seen [keV].
        title, citation, exposure: For people; the title defaults to the name.

    Raises:
        ConfigError: a name, number, shape or table that does not fit; a table that does not hold
            the recoils of this source on this target.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    if not name.isidentifier() or iskeyword(name):
        raise ConfigError(f'own experiment: name must be a Python identifier, not "{shown(name)}"')
    sources = _named_sources(name, source, backgrounds)
    for of in sources.values():
        if isinstance(of, TabulatedSource):
            check_unit(of)
    edges = _edges(name, response, arrival_times)
    shape = tuple(len(ends) - 1 for ends in edges.values())
    acting = {effect for nuisance in nuisances for effect in nuisance.acts_on}
    neutrinos = {
        component: energy_time_signal(
            name,
            of,
            target,
            mass_kg,
            response,
            shape=shape,
            timing=_timing(name, of.flavours, arrival_times),
            acting=acting,
            recoil_min_kev=recoil_min_kev,
        )
        for component, of in sources.items()
    }
    if len(sources) == 1:
        # The only neutrinos of the experiment: none of their events in it means a mistaken unit.
        (only,) = neutrinos.values()
        check_events(name, only.kernel, response, recoil_min_kev)
    parts: dict[str, Component] = {**neutrinos, **_backgrounds(name, backgrounds, shape)}
    data = _data(name, shape, observed, errors)
    _check_statistic(name, observed, errors, parts)
    of_parts = [effect for part in parts.values() for effect in part.effects]
    effects = dict.fromkeys((*response.effects, "neutron_radius", *of_parts))
    check_nuisances(name, tuple(nuisances), tuple(parts), tuple(effects))
    label = "; ".join(of.label for of in sources.values())
    return Experiment(
        name=name,
        about=About(
            title=title or name,
            citation=citation,
            exposure=exposure or f"{mass_kg:g} kg {target.name}, {label}",
            conventions=conventions(
                label,
                target,
                nuisances,
                **response.conventions,
                lowest_recoil=f"{recoil_min_kev:g} keV",
            ),
        ),
        axes=tuple(edges),
        edges=tuple(edges.values()),
        observed=data,
        statistic=Poisson() if errors is None else Gaussian(np.asarray(errors, dtype=float)),
        parts=parts,
        scales=(n_sigma(*sources),),
        nuisances=tuple(nuisances),
        detector=energy_detector(response) if isinstance(response, EnergyResponse) else None,
    )


def _named_sources(
    name: str, source: Source | Mapping[str, Source], backgrounds: Mapping[str, object]
) -> dict[str, Source]:
    """Sources by the names of their components."""
    if not isinstance(source, Mapping):
        if "cevns" in backgrounds:
            raise ConfigError(f'{name}: a background cannot be called "cevns", the signal is')
        return {"cevns": source}
    if not source:
        raise ConfigError(f"{name}: needs a source")
    for component in source:
        if not component.isidentifier() or component in backgrounds:
            raise ConfigError(
                f"{name}: sources must have identifiers as names, none that of a background, not "
                f'"{shown(component)}"'
            )
    return dict(source)


def _edges(
    name: str, response: EnergyResponse | TabulatedResponse, arrival_times: ArrivalTimes | None
) -> dict[str, np.ndarray]:
    """Checked edges of the bins, by axis."""
    axes = {axis: np.asarray(edges, dtype=float) for axis, edges in response.axes.items()}
    for axis, edges in axes.items():
        check_edges(f"{name}: {axis}", edges)
    if arrival_times is not None:
        if "time_us" in axes:
            raise ConfigError(f"{name}: time_us is an axis of the response, and of arrival times")
        axes["time_us"] = np.asarray(arrival_times.edges_us, dtype=float)
    check_axes(name, axes)
    return axes


def _backgrounds(
    name: str, given: Mapping[str, np.ndarray | Component], shape: tuple[int, ...]
) -> dict[str, Component]:
    """Components as they are, and checked counts as templates."""
    found: dict[str, Component] = {}
    for key, background in given.items():
        if callable(background):
            found[key] = background
            continue
        counts = np.asarray(background, dtype=float)
        _check_counts(f"{name}: {key}", counts, shape, lowest=-np.inf)
        found[key] = Template(counts)
    return found


def _data(
    name: str, shape: tuple[int, ...], observed: np.ndarray | None, errors: np.ndarray | None
) -> np.ndarray:
    """Checked counts; NaN in a forecast."""
    for what, numbers in (("observed", observed), ("errors", errors)):
        if numbers is not None:
            _check_counts(f"{name}: {what}", numbers, shape, lowest=-np.inf)
    return np.full(shape, np.nan) if observed is None else np.asarray(observed, dtype=float)


def _timing(
    name: str, flavours: tuple[str, ...], arrivals: ArrivalTimes | None
) -> FixedTiming | None:
    if arrivals is None:
        return None
    edges = np.asarray(arrivals.edges_us, dtype=float)
    check_edges(f"{name}: time_us", edges)
    if set(arrivals.fractions) != set(flavours):
        raise ConfigError(
            f"{name}: arrival times must be given for {', '.join(flavours)}, "
            f"not for {', '.join(arrivals.fractions) or 'nothing'}"
        )
    columns = [np.asarray(arrivals.fractions[f], dtype=float) for f in flavours]
    for flavour, column in zip(flavours, columns, strict=True):
        _check_counts(f"{name}: arrival times of {flavour}", column, (len(edges) - 1,), lowest=0.0)
    rows = np.stack(columns)
    if (rows.sum(axis=1) > 1 + 1e-6).any():
        flavour = flavours[int(np.argmax(rows.sum(axis=1)))]
        raise ConfigError(
            f"{name}: arrival times of {flavour} add up to more than 1 (fractions, not per cent)"
        )
    return FixedTiming(fractions=rows)


def _check_counts(where: str, counts: np.ndarray, shape: tuple[int, ...], lowest: float) -> None:
    counts = np.asarray(counts, dtype=float)
    if counts.shape != shape:
        raise ConfigError(f"{where}: has shape {counts.shape}, the bins have {shape}")
    if not (np.isfinite(counts).all() and (counts >= lowest).all()):
        raise ConfigError(f"{where}: must be finite" + (" and not negative" if lowest == 0 else ""))
    farthest = float(counts.ravel()[np.argmax(np.abs(counts))])
    if refusal := COUNTS.refusal("counts", farthest):
        raise ConfigError(f"{where}: {refusal}")


def _check_statistic(
    name: str,
    observed: np.ndarray | None,
    errors: np.ndarray | None,
    parts: Mapping[str, Component],
) -> None:
    """Poisson bins hold counts; Gaussian ones may be negative, but need errors."""
    if errors is not None:
        if not (np.asarray(errors) > 0).all():
            raise ConfigError(f"{name}: errors must be positive")
        for error in (np.min(errors), np.max(errors)):
            if refusal := ERRORS.refusal("errors", float(error)):
                raise ConfigError(f"{name}: {refusal}")
        return
    templates = {key: part.counts for key, part in parts.items() if isinstance(part, Template)}
    for what, counts in (("observed", observed), *templates.items()):
        if counts is not None and (np.asarray(counts) < 0).any():
            raise ConfigError(f"{name}: {what} must not be negative in Poisson bins")
