"""A user's own experiment, from its parts: target, sources, response, bins, backgrounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from keyword import iskeyword
from types import MappingProxyType

import numpy as np

from cevns_jax.detectors.detector import energy_detector
from cevns_jax.detectors.ready_response import TabulatedResponse
from cevns_jax.detectors.response import EnergyResponse
from cevns_jax.detectors.table import check_edges
from cevns_jax.detectors.timing import FixedTiming
from cevns_jax.domains import check_is_number, described
from cevns_jax.errors import ConfigError, shown
from cevns_jax.experiments.arrival_times import ArrivalTimes, timing_of
from cevns_jax.experiments.own_bins import (
    background_components,
    check_poisson,
    observed_counts,
    statistic_of_bins,
)
from cevns_jax.names import check_name
from cevns_jax.nuclei import Target
from cevns_jax.precision import require_float64
from cevns_jax.prediction.about import About, conventions
from cevns_jax.prediction.axes import check_axes
from cevns_jax.prediction.component import Component
from cevns_jax.prediction.experiment import Experiment, Scale, n_sigma
from cevns_jax.prediction.nuisances import Nuisance, check_nuisances
from cevns_jax.prediction.recoil_nodes import check_events, scattering_components
from cevns_jax.prediction.scattering import Scattering
from cevns_jax.prediction.templates import MorphedTemplate
from cevns_jax.sources.source import Source
from cevns_jax.sources.tabulated import TabulatedSource, check_unit

Response = EnergyResponse | TabulatedResponse
LARGEST_ROUNDING = 1e-4  # relative change of a total that digits of a table may leave
Axes = Mapping[str, np.ndarray]  # name of a binned quantity -> its edges


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
    components: Mapping[str, np.ndarray | Component] = MappingProxyType({}),
    scales: Sequence[Scale] | None = None,
    errors: np.ndarray | None = None,
    covariance: np.ndarray | None = None,
    template_errors: np.ndarray | None = None,
    arrival_times: ArrivalTimes | None = None,
    recoil_min_kev: float = 0.0,
    title: str = "",
    citation: str = "",
    exposure: str = "",
) -> Experiment:
    """An experiment that is not in the library.

    The bins are those of the response, with the time bins as last axis where arrival times are
    given; they are Poisson bins unless ``errors`` or a ``covariance`` make them Gaussian. Recoil
    nodes are added until no expected count moves by 1e-8 of the largest in the Standard Model; a
    response that nuisances move is tabulated to 1e-7 of a probability.

    With a heavy final lepton, as in the dipole portal, the ends of recoil spectra move with its
    mass m4, and counts are less accurate where a spectrum jumps inside its range. In units of the
    fullest bin they err, for stepped tables, by 5e-8 to 5e-6 at m4 = 0.5 MeV and by up to 1e-5 at
    1 to 5 MeV, beside other sources by 4e-6 to 7e-6 and up to 4e-5; where the steps are wide,
    slopes in m4 err by 2 %. With the spectra of Huber and Mueller of a reactor counts err by 1.6e-8
    at 0.5 MeV and 3e-8 at 5 MeV, beside other sources by up to 6e-6.

    Args:
        name: Python identifier; names of private nuisance parameters begin with it.
        target: What is hit; see :func:`cevns_jax.nuclei.target`.
        source: Neutrinos in the exposure; see :mod:`cevns_jax.sources`. Of one source the component
            is called ``cevns``; several are given by name, and each is a component of this name.
        mass_kg: Mass of the target [kg].
        response: Recoil -> bins; see :mod:`cevns_jax.detectors.response`.
        backgrounds: Name -> expected counts in the exposure, shape of the bins, or a
            :class:`cevns_jax.prediction.component.Component` with parameters and effects of its
            own, as :func:`cevns_jax.prediction.templates.morphed_template` makes them.
        nuisances: Systematic uncertainties. They act on components by their names, on the effects
            of backgrounds, or on the effects ``neutron_radius`` and, with an
            :class:`EnergyResponse` whose resolution is not perfect, ``quenching`` and
            ``resolution`` (all relative), which move the neutrinos of all sources.
        observed: Counts, shape of the bins; ``None`` for a forecast, which has none.
        components: More components by name, given as ``backgrounds`` are: what an analysis takes as
            signal or as background is up to its scales and to what it varies.
        scales: Factors that are parameters, on the components that each of them names; default
            ``n_sigma`` on all neutrinos. ``n_sigma("reactor")`` of
            :mod:`cevns_jax.prediction.experiment` puts it on one of several sources.
        errors: One standard deviation of Gaussian bins, shape of the bins.
        covariance: Of Gaussian bins that are correlated, shape (bins, bins), in the order in which
            their array is flattened (the last axis fastest).
        template_errors: One standard deviation of the sum of all templates, shape of the bins, as
            of finite simulations; zero where there is none.
        arrival_times: Time bins of a pulsed source, and of several that pulse together and have the
            same flavours; ``None``: times are not used.
        recoil_min_kev: Recoils below it are not seen [keV].
        title, citation, exposure: For people; the title defaults to the name.

    Raises:
        ConfigError: a name, number, shape or table that does not fit; a table that does not hold
            the recoils of a source on this target.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    if not (isinstance(name, str) and name.isidentifier() and not iskeyword(name)):
        raise ConfigError(f'own experiment: name must be a Python identifier, not "{shown(name)}"')
    check_is_number(name, "mass_kg", mass_kg)
    check_is_number(name, "recoil_min_kev", recoil_min_kev)
    _check_lists(name, nuisances, scales)
    others = _other_components(name, backgrounds, components)
    sources = _named_sources(name, source, others)
    axes = _edges(name, response, arrival_times)
    shape = tuple(len(ends) - 1 for ends in axes.values())
    acting = {effect for nuisance in nuisances for effect in nuisance.acts_on}
    times = _times(name, sources, arrival_times)
    neutrinos = scattering_components(
        *(name, sources, target, mass_kg, response),
        shape=shape,
        timings=times,
        acting=acting,
        recoil_min_kev=recoil_min_kev,
    )
    _check_events(name, neutrinos, response, recoil_min_kev)
    parts = {**neutrinos, **background_components(name, others, shape)}
    data = observed_counts(name, observed, shape)
    statistic = statistic_of_bins(name, shape, errors, covariance, template_errors)
    check_poisson(name, statistic, data, parts)
    _check_effects(name, parts, response, nuisances)
    flux = _label(sources)
    rates = _unused_rates(parts)
    told = _conventions(flux, target, nuisances, response, recoil_min_kev)
    return Experiment(
        name=name,
        about=About(
            title=title or name,
            citation=citation,
            exposure=exposure or f"{mass_kg:g} kg {target.name}, {flux}",
            conventions=told | ({"shapes": "; ".join(rates.values())} if rates else {}),
            notes=_rate_notes(rates, nuisances),
        ),
        axes=tuple(axes),
        edges=tuple(axes.values()),
        observed=data,
        statistic=statistic,
        parts=parts,
        scales=(n_sigma(*sources),) if scales is None else tuple(scales),
        nuisances=tuple(nuisances),
        detector=energy_detector(response) if isinstance(response, EnergyResponse) else None,
    )


def _other_components(
    name: str,
    backgrounds: Mapping[str, np.ndarray | Component],
    components: Mapping[str, np.ndarray | Component],
) -> dict[str, np.ndarray | Component]:
    """Everything besides the neutrinos of the sources, by name."""
    for kind, given in (("background", backgrounds), ("component", components)):
        if not isinstance(given, Mapping):
            raise ConfigError(
                f"{name}: {kind}s must be a dictionary from names to counts, not "
                f"a {type(given).__name__}"
            )
        for key in given:
            check_name(name, f"a {kind}", key)
    for key in components:
        if key in backgrounds:
            raise ConfigError(f'{name}: a background and a component are both called "{key}"')
    return {**backgrounds, **components}


def _check_lists(name: str, nuisances: object, scales: object) -> None:
    """Check that nuisances and scales are lists of such, and the names of the nuisances.

    Raises:
        ConfigError: they are not.
    """
    for key, given, kind in (("nuisances", nuisances, Nuisance), ("scales", scales, Scale)):
        if given is None and kind is Scale:
            continue
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise ConfigError(
                f"{name}: {key} must be a list, of {kind.__name__} objects, not {described(given)}"
            )
        for one in given:
            if not isinstance(one, kind):
                raise ConfigError(
                    f"{name}: {key} must be a list of {kind.__name__} objects, one is "
                    f"{described(one)}"
                )
            if isinstance(one, Nuisance):
                check_name(name, "a nuisance", one.name)


def _named_sources(
    name: str, source: Source | Mapping[str, Source], others: Collection[str]
) -> dict[str, Source]:
    """Checked sources by the names of their components."""
    if not isinstance(source, Mapping):
        if "cevns" in others:
            raise ConfigError(
                f'{name}: two components are called "cevns", as the neutrinos of a source without '
                'a name are; give it one, source={"NAME": ...}, or call the other one otherwise'
            )
        source = {"cevns": source}
    if not source:
        raise ConfigError(f"{name}: needs a source")
    for component, of in source.items():
        check_name(name, "a source", component)
        if component in others:
            raise ConfigError(f'{name}: a source and another component are called "{component}"')
        if not hasattr(of, "moments"):
            raise ConfigError(
                f"{name}: source must be one of cevns_jax.sources, or a dictionary from names to "
                f"such, not {described(of)}"
            )
        if isinstance(of, TabulatedSource):
            check_unit(of)
    return dict(source)


def _label(sources: Mapping[str, Source]) -> str:
    """All sources in words; several with their names."""
    if len(sources) == 1:
        return next(iter(sources.values())).label
    return "; ".join(f"{component}: {of.label}" for component, of in sources.items())


def _conventions(
    flux: str,
    target: Target,
    nuisances: Sequence[Nuisance],
    response: Response,
    recoil_min_kev: float,
) -> dict[str, str]:
    """Choices that change numbers, by name."""
    lowest = f"{recoil_min_kev:g} keV"
    return conventions(flux, target, nuisances, **response.conventions, lowest_recoil=lowest)


def _unused_rates(parts: Mapping[str, Component]) -> dict[str, str]:
    """Background -> a sentence about the changes of its total that variations of its shape came
    with: they are dropped, which nobody who takes templates from another program would expect."""
    found: dict[str, str] = {}
    for name, part in parts.items():
        if isinstance(part, MorphedTemplate):
            changes = [
                f"{effect}_{way} changes the total of {name} by {100 * (total - 1):+.2g} %"
                for effect, totals in zip(part.effects, part.totals, strict=True)
                for way, total in zip(("up", "down"), totals, strict=True)
                if abs(total - 1) > LARGEST_ROUNDING
            ]
            if changes:
                found[name] = f"{' and '.join(changes)}, which is not used"
    return found


def _rate_notes(rates: Mapping[str, str], nuisances: Sequence[Nuisance]) -> tuple[str, ...]:
    """Notes on such backgrounds if no nuisance stands for the change of the rate."""
    moved = {name for nuisance in nuisances for name in nuisance.acts_on}
    return tuple(
        f"{text}; declare a nuisance on {name}" for name, text in rates.items() if name not in moved
    )


def _edges(name: str, response: Response, arrival_times: ArrivalTimes | None) -> Axes:
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


def _times(
    name: str, sources: Mapping[str, Source], arrivals: ArrivalTimes | None
) -> dict[str, FixedTiming | None]:
    """Arrival times of each source; of several sources messages name the one at fault."""
    several = len(sources) > 1
    return {
        component: timing_of(f"{name}: {component}" if several else name, of.flavours, arrivals)
        for component, of in sources.items()
    }


def _check_events(
    name: str, neutrinos: Mapping[str, Scattering], response: Response, recoil_min_kev: float
) -> None:
    """Refuse an experiment in which no source leaves an event: its units must be a mistake.

    One of several sources may well end below the threshold.
    """
    refused: list[ConfigError] = []
    for part in neutrinos.values():
        try:
            check_events(name, part.kernel, response, recoil_min_kev)
        except ConfigError as error:
            refused.append(error)
        else:
            return
    raise refused[0]


def _check_effects(
    name: str,
    parts: Mapping[str, Component],
    response: Response,
    nuisances: Sequence[Nuisance],
) -> None:
    """Check the nuisances, and that no component has the name of an effect: a nuisance that acts on
    this name would move the component and not the effect."""
    of_parts = [effect for part in parts.values() for effect in part.effects]
    effects = dict.fromkeys((*response.effects, "neutron_radius", *of_parts))
    for component in parts:
        if component in effects:
            raise ConfigError(
                f'{name}: a component cannot be called "{component}", an effect of nuisances is'
            )
    check_nuisances(name, tuple(nuisances), tuple(parts), tuple(effects))
