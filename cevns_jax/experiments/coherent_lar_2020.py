"""COHERENT CENNS-10, liquid argon: D. Akimov et al., Phys. Rev. Lett. 126 (2021) 012002.

Analysis A of the release (arXiv:2006.12659): 12 bins of energy (0 to 120 keVee), 8 of the pulse
shape F90 (0.5 to 0.9) and 10 of time (-0.1 to 4.9 us). Energies of CEvNS are computed; their F90
in each energy bin, and all backgrounds, are released templates. The flux is analytic pion decay
at rest after a Gaussian proton pulse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.data.tables import DATA, bin_edges, grid_points, read_table
from cevns_jax.detectors.quenching import PolynomialQuenching
from cevns_jax.detectors.resolution import gaussian_resolution
from cevns_jax.detectors.response import EnergyResponse, energy_response
from cevns_jax.detectors.spline import spline
from cevns_jax.detectors.table import linear_table
from cevns_jax.detectors.timing import (
    SHIFT_KNOTS,
    SHIFT_RANGE_US,
    FixedTiming,
    ShiftedTiming,
    pulse_fractions,
)
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.experiments import coherent
from cevns_jax.experiments.component import Component, EnergyTimeSignal
from cevns_jax.experiments.experiment import (
    About,
    Experiment,
    Nuisance,
    check_nuisances,
    conventions,
    require_float64,
)
from cevns_jax.experiments.recoil_nodes import compact_response, resolved_kernel
from cevns_jax.experiments.templates import MorphedTemplate, morphed_template
from cevns_jax.form_factors import FormFactor, Helm
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.nuclei import target
from cevns_jax.parameters import Parameter, Values
from cevns_jax.sources.pion_decay import spallation_source
from cevns_jax.statistics import Poisson

NAME = "coherent_lar_2020"
FOLDER = DATA / NAME
AXES = ("energy_kevee", "f90", "time_us")
COLUMNS = {axis: coherent.ends(axis) for axis in AXES}
# rms radii of arXiv:2008.05022, all isotopes alike.
PROTON_RADIUS_FM = 3.448
NEUTRON_RADIUS_FM = 3.55
ARRIVALS = ("inside_window", "all", "released")
TIMING_WIDTH_NS = 200.0  # of the mean of the proton pulse

BACKGROUNDS = (
    Nuisance(name="brn", acts_on=("brn",), width=0.32),
    Nuisance(name="delayed_brn", acts_on=("delayed_brn",), width=1.0),
    Nuisance(name="steady_state", acts_on=("steady_state",), width=0.0079),
)
PRESETS: dict[str, tuple[Nuisance, ...]] = {
    # arXiv:2003.12050: one normalisation for all uncertainties of the signal.
    "lumped": (
        Nuisance(name="cevns", acts_on=("cevns",), width=0.13, includes=coherent.FLUX_PULL),
        *BACKGROUNDS,
    ),
    # The signal uncertainty taken apart, for combinations: one flux for all detectors at the SNS.
    "split": (
        Nuisance(name="sns_flux", acts_on=("cevns",), width=0.10, shared=True),
        Nuisance(name="quenching_a", acts_on=("quenching_a",), width=0.006),
        Nuisance(name="quenching_b", acts_on=("quenching_b",), width=0.09),
        Nuisance(name="mass", acts_on=("cevns",), width=0.025),
        Nuisance(name="f90", acts_on=("f90",), width=1.0),
        Nuisance(name="timing", acts_on=("timing_ns",), width=TIMING_WIDTH_NS),
        Nuisance(name="brn_energy", acts_on=("brn_energy",), width=1.0),
        Nuisance(name="brn_time", acts_on=("brn_time",), width=1.0),
        Nuisance(name="brn_time_width", acts_on=("brn_time_width",), width=1.0),
        *BACKGROUNDS,
    ),
    "backgrounds_only": BACKGROUNDS,
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class PulseShapeSignal:
    """CEvNS in bins of energy, F90 and time.

    Attributes:
        energy_time: CEvNS in bins of energy and time.
        pulse_shape: Fraction of each energy bin in each bin of F90, moved by ``f90``.
    """

    energy_time: Component
    pulse_shape: MorphedTemplate

    costly = True

    @property
    def effects(self) -> tuple[str, ...]:
        return (*self.energy_time.effects, *self.pulse_shape.effects)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.energy_time.parameters

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Expected counts, shape of the bins."""
        counts = self.energy_time(interaction, values, effects)
        shape = self.pulse_shape(interaction, values, effects)
        return jnp.einsum("et,ep->ept", counts, shape)

    def frozen(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> PulseShapeSignal:
        """The signal with its part in energy and time evaluated as far as nothing moves it."""
        inner = self.energy_time.frozen(interaction, values, effects, moving)
        return PulseShapeSignal(energy_time=inner, pulse_shape=self.pulse_shape)


def coherent_lar_2020(
    *,
    nuisances: str | Sequence[Nuisance] = "lumped",
    arrivals: str = "inside_window",
    form_factor: FormFactor | None = None,
    proton_radius_fm: Mapping[str, float] | str | None = None,
    neutron_radius_fm: Mapping[str, float] | str | None = None,
    common_neutron_radius: bool = True,
    mass_kg: float | None = None,
    distance_m: float | None = None,
    protons_on_target: float | None = None,
    neutrinos_per_proton: float | None = None,
    steady_state_events: float | None = None,
    exposure_scale: float = 1.0,
) -> Experiment:
    """COHERENT liquid argon (2020), 960 bins, with the chosen conventions.

    Args:
        nuisances: Name of a preset of this module, or own nuisances.
        arrivals: ``"inside_window"``: the arrival times of every flavour add up to one in the
            time bins; ``"all"``: the 13 % of the delayed neutrinos that arrive later are lost;
            ``"released"``: the time shape of the released prediction, which is one for all
            energies and flavours, where recoils above 47 keV come from delayed neutrinos only.
        form_factor: Shape of the nucleon density; default Helm, s = 0.9 fm.
        proton_radius_fm, neutron_radius_fm: rms radii in place of those above, by nuclide, or
            ``"lewin_smith"``.
        common_neutron_radius: One radius parameter for the isotopes, 99.6 % of which are Ar40.
        mass_kg, distance_m, protons_on_target, neutrinos_per_proton: Exposure in place of the
            published one; they move the signal alone.
        steady_state_events: Expected steady-state background in place of 3152.
        exposure_scale: Factor on signal and backgrounds alike, for forecasts.

    Raises:
        ConfigError: unknown preset, nuclide, effect or choice, or a number out of its domain.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    if arrivals not in ARRIVALS:
        raise unknown(NAME, "arrivals", arrivals, ARRIVALS)
    measured = coherent.measurement(FOLDER)
    exposure = coherent.chosen(
        NAME,
        measured["exposure"] | {"exposure_scale": exposure_scale},
        {
            "mass_kg": mass_kg,
            "distance_m": distance_m,
            "protons_on_target": protons_on_target,
            "neutrinos_per_proton": neutrinos_per_proton,
        },
    )
    exposure["protons_on_target"] *= exposure_scale
    events = coherent.chosen(NAME, measured["events"], {"steady_state": steady_state_events})
    nuisances = coherent.chosen_nuisances(NAME, PRESETS, nuisances)
    acting = {name for nuisance in nuisances for name in nuisance.acts_on}
    edges, observed = _observed()
    material = target(
        "Ar",
        form_factor=form_factor if form_factor is not None else Helm(),
        proton_radius_fm=_radii(PROTON_RADIUS_FM, proton_radius_fm),
        neutron_radius_fm=_radii(NEUTRON_RADIUS_FM, neutron_radius_fm),
        common_neutron_radius=common_neutron_radius,
    )
    source = spallation_source(
        neutrinos_per_proton=exposure["neutrinos_per_proton"],
        protons_on_target=exposure["protons_on_target"],
        distance_m=exposure["distance_m"],
    )
    response = _response(measured, edges[0])
    kernel = resolved_kernel(
        NAME,
        source,
        material,
        exposure["mass_kg"],
        response,
        0.0,
        movable=bool(acting & {*response.effects}),
    )
    shapes = _templates()
    energy_time = EnergyTimeSignal(
        shape=(len(edges[0]) - 1, len(edges[2]) - 1),
        kernel=kernel,
        response=compact_response(response, kernel, acting),
        timing=_timing(measured, shapes, edges[2], arrivals, movable="timing_ns" in acting),
    )
    signal = PulseShapeSignal(energy_time=energy_time, pulse_shape=_pulse_shape(shapes))
    backgrounds = {
        name: _background(shapes, name, exposure_scale * events[name])
        for name in ("brn", "delayed_brn", "steady_state")
    }
    effects = (*response.effects, "timing_ns", "f90", "neutron_radius", *backgrounds["brn"].effects)
    check_nuisances(NAME, nuisances, ("cevns", *backgrounds), effects)
    return Experiment(
        name=NAME,
        about=About(
            title=measured["title"],
            citation=measured["citation"],
            exposure=coherent.exposure_text(exposure, "Ar"),
            conventions=conventions(
                "analytic pion decay at rest after a Gaussian proton pulse",
                material,
                nuisances,
                **response.conventions,
                arrivals=arrivals.replace("_", " "),
            ),
        ),
        axes=AXES,
        edges=edges,
        observed=observed,
        statistic=Poisson(),
        signal=signal,
        backgrounds=backgrounds,
        nuisances=nuisances,
    )


def _radii(default: float, given: Mapping[str, float] | str | None) -> Mapping[str, float] | str:
    if isinstance(given, str):
        return given
    return dict.fromkeys(("Ar36", "Ar38", "Ar40"), default) | dict(given or {})


def _observed() -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Edges of the three axes, and the counts."""
    path = FOLDER / "counts.csv"
    table = read_table(path, (*sum(COLUMNS.values(), ()), "counts"))
    grid_points(path, table, [low for low, _ in COLUMNS.values()])
    edges = tuple(bin_edges(path, table, low, high) for low, high in COLUMNS.values())
    return edges, table["counts"].reshape([len(e) - 1 for e in edges])


def _templates() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Released templates: shape in energy and F90, and in time; each adds up to one."""
    names = (
        *("cevns", "cevns_f90_plus", "cevns_f90_minus", "cevns_time"),
        *("brn", "brn_energy_plus", "brn_energy_minus", "brn_time_plus", "brn_time_minus"),
        *("brn_time_width", "delayed_brn", "steady_state"),
    )
    ends = (*COLUMNS["energy_kevee"], *COLUMNS["f90"])
    shape = read_table(FOLDER / "energy_f90.csv", (*ends, *names))
    time = read_table(FOLDER / "time.csv", (*COLUMNS["time_us"], *names))
    return {name: (shape[name].reshape(12, 8), time[name]) for name in names}


def _background(
    shapes: Mapping[str, tuple[np.ndarray, np.ndarray]], name: str, events: float
) -> MorphedTemplate:
    """A released background; prompt neutrons with their released variations."""

    def whole(template: str) -> np.ndarray:
        shape, time = shapes[template]
        return events * shape[:, :, None] * time

    variations = {
        "brn_energy": (whole("brn_energy_plus"), whole("brn_energy_minus")),
        "brn_time": (whole("brn_time_plus"), whole("brn_time_minus")),
        "brn_time_width": (whole("brn_time_width"), None),
    }
    return morphed_template(whole(name), variations if name == "brn" else {})


def _pulse_shape(shapes: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> MorphedTemplate:
    """F90 in each energy bin of CEvNS. The variations also move events between energies, as the
    selection in F90 is part of the efficiency."""
    nominal, plus, minus = (shapes[f"cevns{which}"][0] for which in ("", "_f90_plus", "_f90_minus"))
    joint = morphed_template(nominal, {"f90": (plus, minus)})
    of_energy = nominal.sum(axis=1, keepdims=True)
    filled = np.flatnonzero(of_energy[:, 0] > 0)
    row = np.minimum(np.arange(len(nominal)), filled[-1])  # no CEvNS was simulated above
    return MorphedTemplate(
        effects=joint.effects,
        nominal=(nominal / np.where(of_energy > 0, of_energy, 1.0))[row],
        slope=(joint.slope / np.where(of_energy > 0, of_energy, 1.0))[:, row],
        bend=(joint.bend / np.where(of_energy > 0, of_energy, 1.0))[:, row],
    )


def _response(measured: dict[str, Any], edges: np.ndarray) -> EnergyResponse:
    """Released quenching, resolution and efficiency, which is constant above its last row."""
    table = read_table(FOLDER / "efficiency.csv", ("energy_kevee", "efficiency"))
    x = np.concatenate([edges[:1], table["energy_kevee"], edges[-1:]])
    y = np.concatenate([table["efficiency"][:1], table["efficiency"], table["efficiency"][-1:]])
    return energy_response(
        axis="energy_kevee",
        edges=edges,
        quenching=PolynomialQuenching(
            effects=("quenching_a", "quenching_b"),
            coefficients=tuple(measured["quenching"]["nominal"]),
        ),
        resolution=gaussian_resolution(statistical=measured["resolution"]["statistical"]),
        efficiency=linear_table("efficiency", x, y),
    )


def _timing(
    measured: dict[str, Any],
    shapes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    edges: np.ndarray,
    arrivals: str,
    *,
    movable: bool,
) -> FixedTiming | ShiftedTiming:
    pulse = measured["proton_pulse"]

    if arrivals == "released":
        if movable:
            raise ConfigError(f'{NAME}: the timing cannot move with arrivals "released"')
        return FixedTiming(fractions=np.tile(shapes["cevns"][1], (3, 1)))

    def fractions(shift: float) -> np.ndarray:
        found = pulse_fractions(edges, mean=pulse["mean_us"] + shift, width=pulse["width_us"])
        return found / found.sum(axis=1, keepdims=True) if arrivals == "inside_window" else found

    if not movable:
        return FixedTiming(fractions=fractions(0.0))
    shifts = np.linspace(-SHIFT_RANGE_US, SHIFT_RANGE_US, SHIFT_KNOTS)
    return ShiftedTiming(table=spline(shifts[0], shifts[-1], np.stack([*map(fractions, shifts)])))
