"""COHERENT CsI[Na], full data set: D. Akimov et al., Phys. Rev. Lett. 129 (2022) 081801.

9 x 11 bins of photo-electrons and time. The quenching polynomial, photo-electron and efficiency
models and the neutron templates are the released ones; the flux is analytic pion decay at rest
with the released arrival times. (The energy axis of the released flux histogram is probably
displaced by one bin, so it is not used.)
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.data.tables import DATA, read_table
from cevns_jax.detectors.scintillation import PhotoelectronBins, scintillation_response
from cevns_jax.detectors.timing import DecayingEfficiency, timing
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.experiments.experiment import (
    EnergyTimeSignal,
    Experiment,
    Nuisance,
    check_nuisances,
    require_float64,
)
from cevns_jax.form_factors import FormFactor, Helm
from cevns_jax.nuclei import target
from cevns_jax.recoil import kernel
from cevns_jax.sources.pion_decay import spallation_source

NAME = "coherent_csi_2021"
FOLDER = DATA / NAME
COUNT_COLUMNS = (
    *("pe_low", "pe_high", "time_low_us", "time_high_us"),
    *("coincidence", "anticoincidence"),
)

# rms radii of arXiv:2008.05022: the default of the project.
PROTON_RADIUS_FM = {"Cs133": 4.804, "I127": 4.749}
NEUTRON_RADIUS_FM = {"Cs133": 5.01, "I127": 4.94}

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
    "atzori_corona_2023": (Nuisance(name="cevns", acts_on=("cevns",), width=0.12), *BACKGROUNDS),
    # The signal uncertainty taken apart, for combinations: one flux for all detectors at the SNS.
    "split": (
        Nuisance(name="sns_flux", acts_on=("cevns",), width=0.10, shared=True),
        Nuisance(name="quenching_0", acts_on=("quenching_0",), width=1.0),
        Nuisance(name="quenching_1", acts_on=("quenching_1",), width=1.0),
        Nuisance(name="efficiency", acts_on=("efficiency",), width=1.0),
        Nuisance(name="neutron_radius", acts_on=("neutron_radius",), width=0.05),
        Nuisance(name="timing", acts_on=("timing_ns",), width=100.0),
        *BACKGROUNDS,
    ),
    # For a free normalisation of the signal (parameter n_sigma).
    "backgrounds_only": BACKGROUNDS,
}


def coherent_csi_2021(
    *,
    nuisances: str | Sequence[Nuisance] = "atzori_corona_2023",
    form_factor: FormFactor | None = None,
    proton_radius_fm: Mapping[str, float] | str | None = None,
    neutron_radius_fm: Mapping[str, float] | str | None = None,
    common_neutron_radius: bool = False,
    counts: str | Path | None = None,
    mass_kg: float | None = None,
    distance_m: float | None = None,
    protons_on_target: float | None = None,
    neutrinos_per_proton: float | None = None,
    steady_state_events: float | None = None,
    exposure_scale: float = 1.0,
) -> Experiment:
    """COHERENT CsI (2021) with the chosen conventions.

    Args:
        nuisances: Name of a preset of this module, or own nuisances.
        form_factor: Shape of the nucleon density. Default: Helm, s = 0.9 fm.
        proton_radius_fm: rms radii by nuclide [fm] in place of 4.804 (Cs), 4.749 (I), or
            ``"lewin_smith"``.
        neutron_radius_fm: The same in place of 5.01 (Cs), 4.94 (I).
        common_neutron_radius: One radius parameter ``r_n_csi`` in place of one for each isotope.
        counts: Table of counts in place of the measured one, same columns; its bins are used.
        mass_kg, distance_m, protons_on_target, neutrinos_per_proton: Exposure in place of the
            published one.
        steady_state_events: Expected steady-state background in place of 1286.
        exposure_scale: Factor on signal and backgrounds alike, for forecasts with pseudo-data (the
            observed counts stay). The keys above move the signal alone.

    Raises:
        ConfigError: unknown preset, nuclide or effect, a number out of its domain, or a table of
            counts that cannot be used.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    measured = tomllib.loads((FOLDER / "measurement.toml").read_text(encoding="utf-8"))
    exposure = measured["exposure"] | {
        key: value
        for key, value in {
            "mass_kg": mass_kg,
            "distance_m": distance_m,
            "protons_on_target": protons_on_target,
            "neutrinos_per_proton": neutrinos_per_proton,
        }.items()
        if value is not None
    }
    events = dict(measured["events"])
    if steady_state_events is not None:
        events["steady_state"] = steady_state_events
    positive = {
        "mass_kg": exposure["mass_kg"],
        "steady_state_events": events["steady_state"],
        "exposure_scale": exposure_scale,
    }
    for key, value in positive.items():
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(f"{NAME}: {key} must be positive and finite, not {value}")
    exposure["protons_on_target"] *= exposure_scale
    events = {name: exposure_scale * number for name, number in events.items()}
    if isinstance(nuisances, str):
        if nuisances not in PRESETS:
            raise unknown(f"{NAME}.nuisances", "preset", nuisances, PRESETS)
        nuisances = PRESETS[nuisances]
    nuisances = tuple(nuisances)
    acting = {name for nuisance in nuisances for name in nuisance.acts_on}

    table = read_table(FOLDER / "counts.csv" if counts is None else Path(counts), COUNT_COLUMNS)
    edges, observed, anticoincidence = _binned(table, counts or "counts.csv")
    accepted = DecayingEfficiency(
        start=measured["time_efficiency"]["start_us"],
        rate=measured["time_efficiency"]["rate_per_us"],
    )
    form_factor = form_factor if form_factor is not None else Helm()
    material = target(
        "CsI",
        form_factor=form_factor,
        proton_radius_fm=_merged(PROTON_RADIUS_FM, proton_radius_fm),
        neutron_radius_fm=_merged(NEUTRON_RADIUS_FM, neutron_radius_fm),
        common_neutron_radius=common_neutron_radius,
    )
    source = spallation_source(**{k: v for k, v in exposure.items() if k != "mass_kg"})
    csi = kernel(source, material, mass_kg=exposure["mass_kg"], nodes=32)
    arrivals = read_table(FOLDER / "neutrino_time.csv", ("time_us", *source.flavours))
    signal = EnergyTimeSignal(
        effects=EFFECTS,
        kernel=csi,
        response=_response(measured, csi.recoil, edges[0], acting),
        timing=timing(
            edges[1],
            arrivals["time_us"],
            np.stack([arrivals[flavour] for flavour in source.flavours]),
            accepted,
            movable="timing_ns" in acting,
        ),
    )
    backgrounds = _neutrons(edges, events)
    backgrounds["steady_state"] = events["steady_state"] * _steady_state_shape(
        anticoincidence, edges[1], accepted
    )
    check_nuisances(NAME, nuisances, ("cevns", *backgrounds), signal)
    return Experiment(
        name=NAME,
        title=measured["title"],
        citation=measured["citation"],
        exposure=f"{exposure['mass_kg']:g} kg CsI at {exposure['distance_m']:g} m, "
        f"{exposure['protons_on_target']:.4g} protons on target, "
        f"{exposure['neutrinos_per_proton']:g} neutrinos per flavour and proton",
        axes=("photoelectrons", "time_us"),
        conventions=(
            ("flux", "analytic pion decay at rest, released arrival times"),
            ("form factor", f"{form_factor}"),
            ("R_p [fm]", _radii_text(material.symbols, material.properties[-1])),
            ("R_n [fm]", _radii_text(material.symbols, material.neutron_radius)),
            ("quenching", "released fourth-order polynomial"),
            (
                "steady state",
                f"{events['steady_state']:g} events; energy from anti-coincidence, "
                "time as the efficiency",
            ),
            ("normalisations", ", ".join(f"{n.name} {n.width:g} {n.form}" for n in nuisances)),
        ),
        edges=edges,
        observed=observed,
        signal=signal,
        backgrounds=backgrounds,
        nuisances=nuisances,
    )


def _response(  # type: ignore[no-untyped-def]
    measured: dict[str, Any], recoil: np.ndarray, edges: np.ndarray, acting: set[str]
):
    """Released quenching, photo-electron and efficiency models.

    The released +1 and -1 sigma coefficients lie symmetrically about the nominal ones to their
    printed digits, so half their difference is the change per standard deviation.
    """
    quenching, efficiency = measured["quenching"], measured["energy_efficiency"]

    def half(plus: list[float], minus: list[float]) -> np.ndarray:
        return (np.array(plus) - np.array(minus)) / 2

    return scintillation_response(
        recoil,
        PhotoelectronBins(
            edges=edges,
            inverse_yield=measured["photoelectrons"]["inverse_yield_kev"],
            spread=measured["photoelectrons"]["spread_per_kev"],
        ),
        quenching=np.array(quenching["nominal"]),
        quenching_modes=np.stack(
            [half(quenching[f"mode_{i}_plus"], quenching[f"mode_{i}_minus"]) for i in range(2)]
        ),
        efficiency=np.array(efficiency["nominal"]),
        efficiency_mode=half(efficiency["plus"], efficiency["minus"]),
        movable=bool(acting & {"quenching_0", "quenching_1", "efficiency"}),
    )


def _neutrons(edges: tuple[np.ndarray, ...], events: dict[str, float]) -> dict[str, np.ndarray]:
    """Templates of beam-related and neutrino-induced neutrons: energy times time shape."""
    energy = read_table(FOLDER / "neutron_energy.csv", ("pe_low", "pe_high", "brn", "nin"))
    time = read_table(FOLDER / "neutron_time.csv", ("time_us", "brn", "nin"))
    pe_edges = np.append(energy["pe_low"], energy["pe_high"][-1])
    templates = {}
    for name in ("brn", "nin"):
        cumulative = np.append(0, energy[name].cumsum())
        in_energy = np.diff(np.interp(edges[0], pe_edges, cumulative))
        in_time = np.diff(np.interp(edges[1], time["time_us"], time[name]))
        templates[name] = events[name] * np.outer(in_energy, in_time)
    return templates


def _steady_state_shape(
    anticoincidence: np.ndarray, time_edges: np.ndarray, accepted: DecayingEfficiency
) -> np.ndarray:
    """Steady-state background, sum 1: energy from the anti-coincidence events, time smooth."""
    energy = anticoincidence.sum(axis=1)
    time = np.diff(accepted.integral(time_edges))
    return np.outer(energy / energy.sum(), time / time.sum())


def _binned(
    table: dict[str, np.ndarray], where: str | Path
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """Edges and counts of a table whose rows are the cells of a grid, energy first."""
    grids = []
    for low, high in (("pe_low", "pe_high"), ("time_low_us", "time_high_us")):
        if not (table[high] > table[low]).all():
            row = int(np.argmin(table[high] > table[low])) + 1
            raise ConfigError(f"{where}: row {row}: {high} must be above {low}")
        grids.append(np.union1d(table[low], table[high]))
    energy, time = grids
    if energy[0] < 0 or energy[-1] > 60 or time[0] < 0 or time[-1] > 6:
        raise ConfigError(f"{where}: bins must lie within 0 to 60 photo-electrons and 0 to 6 us")
    cells = np.meshgrid(energy[:-1], time[:-1], indexing="ij")
    expected = np.stack([cell.ravel() for cell in cells])
    found = np.stack([table["pe_low"], table["time_low_us"]])
    if found.shape != expected.shape or not (found == expected).all():
        raise ConfigError(
            f"{where}: rows must be the cells of one grid in ascending order, "
            "photo-electrons first, without gaps or repeats"
        )
    shape = (len(energy) - 1, len(time) - 1)
    counts = [table[name].reshape(shape) for name in ("coincidence", "anticoincidence")]
    for name, values in zip(("coincidence", "anticoincidence"), counts, strict=True):
        if (values < 0).any() or values.sum() == 0:
            raise ConfigError(f"{where}: {name} must hold counts, none negative and not all zero")
    return (energy, time), counts[0], counts[1]


def _merged(
    default: dict[str, float], given: Mapping[str, float] | str | None
) -> Mapping[str, float] | str:
    return given if isinstance(given, str) else default | dict(given or {})


def _radii_text(symbols: Sequence[str], radii: Sequence[float] | np.ndarray) -> str:
    return ", ".join(f"{s} {r:.4g}" for s, r in zip(symbols, radii, strict=True))
