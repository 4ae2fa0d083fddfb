"""COHERENT CsI[Na], full data set: D. Akimov et al., Phys. Rev. Lett. 129 (2022) 081801.

9 x 11 bins of photo-electrons and time. The quenching polynomial, photo-electron and efficiency
models and the neutron templates are the released ones; the flux is analytic pion decay at rest
with the released arrival times. (The energy axis of the released flux histogram is probably
displaced by one bin, so it is not used.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.data.tables import DATA, read_table
from cevns_jax.detectors.detector import ScintillationDetector
from cevns_jax.detectors.efficiency import MovableLogistic
from cevns_jax.detectors.ready_response import FixedResponse
from cevns_jax.detectors.scintillation import (
    GammaBins,
    ScintillationResponse,
    fixed_response,
    movable_response,
    polynomial_modes,
)
from cevns_jax.detectors.timing import DecayingEfficiency, FixedTiming, ShiftedTiming, timing
from cevns_jax.experiments import coherent, coherent_csi, release
from cevns_jax.experiments.exposure import Exposure
from cevns_jax.experiments.targets import chosen_target, csi_target
from cevns_jax.nuclei import Target
from cevns_jax.precision import require_float64
from cevns_jax.prediction.component import Component, Template
from cevns_jax.prediction.experiment import Experiment, n_sigma
from cevns_jax.prediction.nuisances import Nuisance, check_nuisances
from cevns_jax.prediction.scattering import Scattering
from cevns_jax.statistics import Poisson

NAME = "coherent_csi_2021"
FOLDER = DATA / NAME
# What nuisances can do to the signal, with the unit of their width.
EFFECTS = (
    "quenching_0",  # standard deviations of the released modes of the quenching polynomial
    "quenching_1",
    "efficiency",  # standard deviations of the released efficiency curve
    "neutron_radius",  # relative
    "timing_ns",  # common delay of the neutrinos [ns]
)
BACKGROUNDS = (
    Nuisance(name="brn", acts_on=("brn",), width=0.25),
    Nuisance(name="nin", acts_on=("nin",), width=0.35),
    Nuisance(name="steady_state", acts_on=("steady_state",), width=0.021),
)
PRESETS: dict[str, tuple[Nuisance, ...]] = {
    # Atzori Corona et al., arXiv:2303.09360: four linear normalisations (widths not checked).
    "atzori_corona_2023": (
        Nuisance(
            name="cevns",
            acts_on=("cevns", "electrons"),
            width=0.12,
            includes=coherent.FLUX_PULL,
        ),
        *BACKGROUNDS,
    ),
    # The signal uncertainty taken apart, for combinations: one flux for all detectors at the SNS.
    "split": (
        Nuisance(name="sns_flux", acts_on=("cevns", "electrons"), width=0.10, shared=True),
        Nuisance(name="quenching_0", acts_on=("quenching_0",), width=1.0),
        Nuisance(name="quenching_1", acts_on=("quenching_1",), width=1.0),
        Nuisance(name="efficiency", acts_on=("efficiency",), width=1.0),
        Nuisance(name="neutron_radius", acts_on=("neutron_radius",), width=0.05),
        Nuisance(name="timing", acts_on=("timing_ns",), width=100.0),
        *BACKGROUNDS,
    ),
    # The same 12 % with the flux apart, for combinations that leave all shapes fixed.
    "normalisations": (
        Nuisance(name="sns_flux", acts_on=("cevns", "electrons"), width=0.10, shared=True),
        Nuisance(name="signal", acts_on=("cevns",), width=0.0663),
        *BACKGROUNDS,
    ),
    # For a free normalisation of the signal (parameter n_sigma).
    "backgrounds_only": BACKGROUNDS,
}


def coherent_csi_2021(
    *,
    nuisances: str | Sequence[Nuisance] = "atzori_corona_2023",
    electrons: bool = False,
    counts: str | Path | None = None,
    exposure: Exposure | None = None,
    target: Target | None = None,
    steady_state_events: float | None = None,
    exposure_scale: float = 1.0,
) -> Experiment:
    """COHERENT CsI (2021) with the chosen conventions.

    Args:
        nuisances: Name of a preset of this module, or own nuisances.
        electrons: Whether a component ``electrons`` holds the neutrinos that scatter on electrons:
            the cuts against electronic recoils let them pass at these energies. In the Standard
            Model they hardly matter, with light mediators and magnetic moments they do.
        counts: Table of counts in place of the measured one, same columns; its bins are used.
        exposure: Numbers in place of the published ones: mass, distance, protons on target and
            neutrinos per proton; they change only the signal and the electrons.
        target: Nuclei, of the same nuclides, in place of those of
            :func:`cevns_jax.experiments.csi_target` without arguments.
        steady_state_events: Expected steady-state background in place of 1286.
        exposure_scale: Factor on signal and backgrounds alike, for forecasts with pseudo-data (the
            observed counts stay).

    Raises:
        ConfigError: unknown preset, nuclide or effect, a number out of its domain, or a table of
            counts that cannot be used.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    measured = release.measurement(FOLDER)
    numbers = coherent.beam_exposure(NAME, measured, exposure, exposure_scale)
    material = chosen_target(NAME, csi_target, target)
    events = release.chosen(NAME, measured["events"], {"steady_state": steady_state_events})
    events = {name: exposure_scale * number for name, number in events.items()}
    nuisances = release.chosen_nuisances(NAME, PRESETS, nuisances, electrons=electrons)
    acting = {name for nuisance in nuisances for name in nuisance.acts_on}
    edges, observed, anticoincidence = coherent_csi.read_counts(
        FOLDER / "counts.csv" if counts is None else Path(counts), highest_pe=60
    )
    kernel = coherent_csi.crystal(numbers, material)
    accepted = _time_efficiency(measured)
    arrivals = _timing(kernel.source.flavours, edges[1], accepted, movable="timing_ns" in acting)
    quenching = coherent_csi.released_quenching()
    signal = Scattering(
        shape=observed.shape,
        kernel=kernel,
        response=_response(measured, kernel.recoil, edges[0], quenching, acting),
        timing=arrivals,
    )
    backgrounds: dict[str, Component] = {**_neutrons(edges, events)}
    if electrons:
        backgrounds["electrons"] = _electrons(numbers, measured, edges, arrivals, acting)
    steady_state = _steady_state_shape(anticoincidence, edges[1], accepted)
    backgrounds["steady_state"] = Template(events["steady_state"] * steady_state)
    check_nuisances(NAME, nuisances, ("cevns", *backgrounds), EFFECTS)
    return Experiment(
        name=NAME,
        about=coherent.about(
            measured,
            numbers,
            material,
            nuisances,
            formula="CsI",
            as_released=counts is None and steady_state_events is None,
            quenching="released fourth-order polynomial",
            steady_state=f"{events['steady_state']:g} events; energy from anti-coincidence, "
            "time as the efficiency",
            **coherent_csi.electrons_text(electrons),
        ),
        axes=coherent_csi.AXES,
        overlaps=("coherent_csi_2017",),
        edges=edges,
        observed=observed,
        statistic=Poisson(),
        parts={"cevns": signal, **backgrounds},
        scales=(n_sigma("cevns"),),
        nuisances=nuisances,
        detector=ScintillationDetector(
            quenching=polynomial_modes(*quenching), curve=_efficiency(measured)
        ),
    )


def _electrons(
    numbers: dict[str, float],
    measured: dict[str, Any],
    edges: tuple[np.ndarray, np.ndarray],
    arrivals: FixedTiming | ShiftedTiming,
    acting: set[str],
) -> Scattering:
    """Neutrino-electron scattering in the crystal, whose recoils are not quenched."""
    kernel = coherent_csi.crystal_electrons(numbers)
    unquenched: tuple[np.ndarray, dict[str, np.ndarray]] = (coherent_csi.UNQUENCHED, {})
    return Scattering(
        shape=(len(edges[0]) - 1, len(edges[1]) - 1),
        kernel=kernel,
        response=_response(measured, kernel.recoil, edges[0], unquenched, acting),
        timing=arrivals,
    )


def _time_efficiency(measured: dict[str, Any]) -> DecayingEfficiency:
    released = measured["time_efficiency"]
    return DecayingEfficiency(start=released["start_us"], rate=released["rate_per_us"])


def _timing(
    flavours: tuple[str, ...], edges: np.ndarray, accepted: DecayingEfficiency, *, movable: bool
) -> FixedTiming | ShiftedTiming:
    """Released arrival times of each flavour."""
    arrivals = read_table(FOLDER / "neutrino_time.csv", ("time_us", *flavours))
    cumulative = np.stack([arrivals[flavour] for flavour in flavours])
    return timing(edges, arrivals["time_us"], cumulative, accepted, movable=movable)


def _response(
    measured: dict[str, Any],
    recoil: np.ndarray,
    edges: np.ndarray,
    quenching: tuple[np.ndarray, dict[str, np.ndarray]],
    acting: set[str],
) -> FixedResponse | ScintillationResponse:
    """Released photo-electron and efficiency models, with a quenching polynomial and its modes."""
    bins = GammaBins(
        edges=edges,
        inverse_yield=measured["photoelectrons"]["inverse_yield_kev"],
        spread=measured["photoelectrons"]["spread_per_kev"],
    )
    coefficients, modes = quenching
    efficiency = _efficiency(measured)
    if acting & {*modes, "efficiency"}:
        return movable_response(bins, coefficients, modes, efficiency)
    return fixed_response(recoil, bins, coefficients, efficiency(0.0))


def _efficiency(measured: dict[str, Any]) -> MovableLogistic:
    """Released efficiency curve, and its change per standard deviation: half the difference of the
    released +1 and -1 sigma coefficients, as for the quenching."""
    curve = {key: np.array(row) for key, row in measured["energy_efficiency"].items()}
    return MovableLogistic(nominal=curve["nominal"], mode=(curve["plus"] - curve["minus"]) / 2)


def _neutrons(edges: tuple[np.ndarray, ...], events: dict[str, float]) -> dict[str, Template]:
    """Templates of beam-related and neutrino-induced neutrons: energy times time shape."""
    energy = read_table(FOLDER / "neutron_energy.csv", ("pe_low", "pe_high", "brn", "nin"))
    time = read_table(FOLDER / "neutron_time.csv", ("time_us", "brn", "nin"))
    pe_edges = np.append(energy["pe_low"], energy["pe_high"][-1])
    templates = {}
    for name in ("brn", "nin"):
        cumulative = np.append(0, energy[name].cumsum())
        in_energy = np.diff(np.interp(edges[0], pe_edges, cumulative))
        in_time = np.diff(np.interp(edges[1], time["time_us"], time[name]))
        templates[name] = Template(events[name] * np.outer(in_energy, in_time))
    return templates


def _steady_state_shape(
    anticoincidence: np.ndarray, time_edges: np.ndarray, accepted: DecayingEfficiency
) -> np.ndarray:
    """Steady-state background, sum 1: energy from the anti-coincidence events, time smooth."""
    energy = anticoincidence.sum(axis=1)
    time = np.diff(accepted.integral(time_edges))
    return np.outer(energy / energy.sum(), time / time.sum())
