"""COHERENT CsI[Na], first observation: D. Akimov et al., Science 357 (2017) 1123.

12 x 12 bins of photo-electrons (6 to 30) and time (0 to 6 us). Constant quenching factor, Poisson
photo-electrons, efficiency with its step, arrival times and prompt neutrons as released
(arXiv:1804.09459); the flux is analytic pion decay at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cevns_jax.choices import CSI_2017_QUENCHING, CSI_2017_SLOPES
from cevns_jax.data.tables import DATA, read_table
from cevns_jax.detectors.detector import ScintillationDetector
from cevns_jax.detectors.efficiency import SteppedEfficiency
from cevns_jax.detectors.ready_response import FixedResponse
from cevns_jax.detectors.scintillation import (
    PoissonBins,
    ScintillationResponse,
    fixed_response,
    movable_response,
    polynomial_modes,
)
from cevns_jax.detectors.timing import FixedTiming
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.experiments import coherent, coherent_csi, release
from cevns_jax.experiments.exposure import Exposure
from cevns_jax.experiments.targets import chosen_target, csi_target
from cevns_jax.nuclei import Target
from cevns_jax.precision import require_float64
from cevns_jax.prediction.component import Template
from cevns_jax.prediction.experiment import Experiment, n_sigma
from cevns_jax.prediction.nuisances import Nuisance, check_nuisances
from cevns_jax.prediction.scattering import Scattering
from cevns_jax.statistics import Poisson

NAME = "coherent_csi_2017"
FOLDER = DATA / NAME

BACKGROUNDS = (
    Nuisance(name="brn", acts_on=("brn",), width=0.25),
    Nuisance(name="steady_state", acts_on=("steady_state",), width=20 / 405),
)
PRESETS: dict[str, tuple[Nuisance, ...]] = {
    # Total signal uncertainty of the publication: quenching 25 %, flux 10 %, form factor 5 %,
    # acceptance 5 %.
    "lumped": (
        Nuisance(name="cevns", acts_on=("cevns",), width=0.28, includes=coherent.FLUX_PULL),
        *BACKGROUNDS,
    ),
    # Denton and Gehrlein, arXiv:2008.06062, 144 bins: pulls that keep normalisations positive.
    "denton_gehrlein_2020": (
        Nuisance(
            name="cevns", acts_on=("cevns",), width=0.28, form="gamma", includes=coherent.FLUX_PULL
        ),
        Nuisance(name="brn", acts_on=("brn",), width=0.25, form="gamma"),
        Nuisance(name="steady_state", acts_on=("steady_state",), width=0.171, form="gamma"),
    ),
    # The signal uncertainty taken apart, for combinations: one flux for all detectors at the SNS.
    "split": (
        Nuisance(name="sns_flux", acts_on=("cevns",), width=0.10, shared=True),
        Nuisance(name="quenching", acts_on=("quenching",), width=1.0),
        Nuisance(name="acceptance", acts_on=("cevns",), width=0.05),
        Nuisance(name="neutron_radius", acts_on=("neutron_radius",), width=0.05),
        *BACKGROUNDS,
    ),
    "backgrounds_only": BACKGROUNDS,
}


def coherent_csi_2017(
    *,
    nuisances: str | Sequence[Nuisance] = "lumped",
    quenching: str = "constant",
    steady_state_slope: str = "0_12_us",
    exposure: Exposure | None = None,
    target: Target | None = None,
    steady_state_events: float | None = None,
    exposure_scale: float = 1.0,
) -> Experiment:
    """COHERENT CsI (2017) with the chosen conventions.

    Args:
        nuisances: Name of a preset of this module, or own nuisances.
        quenching: ``"constant"`` 0.0878 +- 0.0166 (effect ``quenching``), or
            ``"polynomial_2021"``, the later measurement of the same crystal (effects
            ``quenching_0`` and ``quenching_1``).
        steady_state_slope: Anti-coincidence events that the time slope of the steady state is
            fitted to: ``"0_12_us"`` (0.0586/us) or ``"0_6_us"`` (0.127/us).
        exposure: Numbers in place of the published ones: mass, distance, protons on target and
            neutrinos per proton; they change only the signal.
        target: Nuclei, of the same nuclides, in place of those of
            :func:`cevns_jax.experiments.csi_target` without arguments.
        steady_state_events: Expected steady-state background in place of 405.
        exposure_scale: Factor on signal and backgrounds alike, for forecasts.

    Raises:
        ConfigError: unknown preset, nuclide, effect or choice, or a number out of its domain.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    if steady_state_slope not in CSI_2017_SLOPES:
        raise unknown(NAME, "steady_state_slope", steady_state_slope, CSI_2017_SLOPES)
    measured = release.measurement(FOLDER)
    numbers = coherent.beam_exposure(NAME, measured, exposure, exposure_scale)
    material = chosen_target(NAME, csi_target, target)
    steady = release.chosen(NAME, measured["steady_state"], {"events": steady_state_events})
    nuisances = release.chosen_nuisances(NAME, PRESETS, nuisances)
    acting = {name for nuisance in nuisances for name in nuisance.acts_on}
    edges, observed, anticoincidence = coherent_csi.read_counts(
        FOLDER / "counts.csv", highest_pe=50
    )
    kernel = coherent_csi.crystal(numbers, material)
    coefficients, modes = _quenching(measured, quenching)
    signal = Scattering(
        shape=observed.shape,
        kernel=kernel,
        response=_response(measured, kernel.recoil, edges[0], (coefficients, modes), acting),
        timing=FixedTiming(fractions=_arrivals(edges[1], ("nu_mu", "delayed", "delayed"))),
    )
    rate = steady["rate_per_us" if steady_state_slope == "0_12_us" else "rate_0_6_us_per_us"]
    backgrounds = {
        "brn": Template(numbers["beam_gwh"] * _neutrons(measured, edges)),
        "steady_state": Template(
            exposure_scale * steady["events"] * _steady_state_shape(anticoincidence, edges[1], rate)
        ),
    }
    check_nuisances(NAME, nuisances, ("cevns", *backgrounds), (*modes, "neutron_radius"))
    return Experiment(
        name=NAME,
        about=coherent.about(
            measured,
            numbers,
            material,
            nuisances,
            formula="CsI",
            as_released=steady_state_events is None,
            quenching=f"{quenching}; photo-electrons Poisson, n at n - 0.5",
            steady_state=f"{exposure_scale * steady['events']:g} events, "
            f"exp(-{rate:g} t/us); energy from anti-coincidence",
        ),
        axes=coherent_csi.AXES,
        overlaps=("coherent_csi_2021",),
        edges=edges,
        observed=observed,
        statistic=Poisson(),
        parts={"cevns": signal, **backgrounds},
        scales=(n_sigma("cevns"),),
        nuisances=nuisances,
        detector=ScintillationDetector(
            quenching=polynomial_modes(coefficients, modes), curve=_efficiency(measured)
        ),
    )


def _quenching(measured: dict[str, Any], choice: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Coefficients of the quenching polynomial and their change by each effect."""
    if choice == "constant":
        nominal, plus = (np.array(measured["quenching"][key]) for key in ("nominal", "mode_plus"))
        return nominal, {"quenching": plus - nominal}
    if choice == "polynomial_2021":
        return coherent_csi.released_quenching()
    raise unknown(NAME, "quenching", choice, CSI_2017_QUENCHING)


def _response(
    measured: dict[str, Any],
    recoil: np.ndarray,
    edges: np.ndarray,
    quenching: tuple[np.ndarray, dict[str, np.ndarray]],
    acting: set[str],
) -> FixedResponse | ScintillationResponse:
    """Released light yield and efficiency, with the chosen quenching."""
    bins = PoissonBins(edges=edges, light_yield=measured["photoelectrons"]["light_yield_per_kev"])
    coefficients, modes = quenching
    if acting & set(modes):
        return movable_response(
            bins, coefficients, modes, lambda _: _efficiency(measured), movable_efficiency=False
        )
    return fixed_response(recoil, bins, coefficients, _efficiency(measured))


def _efficiency(measured: dict[str, Any]) -> SteppedEfficiency:
    return SteppedEfficiency(coefficients=np.array(measured["energy_efficiency"]["nominal"]))


def _arrivals(edges: np.ndarray, columns: Sequence[str]) -> np.ndarray:
    """Fractions of released arrival times in each time bin, shape (columns, bins)."""
    table = read_table(FOLDER / "arrival_time.csv", ("time_us", "nu_mu", "delayed", "brn"))
    return np.stack([np.diff(np.interp(edges, table["time_us"], table[c])) for c in columns])


def _neutrons(measured: dict[str, Any], edges: tuple[np.ndarray, ...]) -> np.ndarray:
    """Prompt neutrons per GWh and bin; the release has them without efficiency."""
    table = read_table(FOLDER / "neutron_energy.csv", ("pe_low", "pe_high", "brn"))
    kept = table["brn"] * _efficiency(measured)((table["pe_low"] + table["pe_high"]) / 2)
    cumulative = np.append(0.0, kept.cumsum())
    energy = np.diff(np.interp(edges[0], np.append(table["pe_low"], 50.0), cumulative))
    return np.outer(energy, _arrivals(edges[1], ["brn"])[0])


def _steady_state_shape(
    anticoincidence: np.ndarray, time_edges: np.ndarray, rate: float
) -> np.ndarray:
    """Steady-state background, sum 1: energy from the anti-coincidence events, time exponential."""
    energy = anticoincidence.sum(axis=1)
    if not energy.all():
        raise ConfigError(f"{NAME}: a photo-electron bin has no anti-coincidence events")
    time = -np.diff(np.exp(-rate * time_edges))
    return np.outer(energy / energy.sum(), time / time.sum())
