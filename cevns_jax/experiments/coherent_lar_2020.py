"""COHERENT CENNS-10, liquid argon: D. Akimov et al., Phys. Rev. Lett. 126 (2021) 012002.

Analysis A of the release (arXiv:2006.12659): 12 bins of energy (0 to 120 keVee), 8 of the pulse
shape F90 (0.5 to 0.9) and 10 of time (-0.1 to 4.9 us). Energies of CEvNS are computed; their F90
in each energy bin, and all backgrounds, are released templates. The flux is analytic pion decay
at rest after a Gaussian proton pulse.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.choices import ARGON_ARRIVALS
from cevns_jax.data.tables import bin_edges, grid_points, read_table
from cevns_jax.detectors.detector import energy_detector
from cevns_jax.detectors.spline import spline
from cevns_jax.detectors.timing import FixedTiming, ShiftedTiming, pulse_fractions
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.experiments import coherent, coherent_lar, release
from cevns_jax.experiments.coherent_lar import AXES, COLUMNS, FOLDER
from cevns_jax.experiments.exposure import Exposure
from cevns_jax.experiments.targets import argon_target, chosen_target
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Parameter, Values
from cevns_jax.precision import require_float64
from cevns_jax.prediction.component import Component
from cevns_jax.prediction.experiment import Experiment, n_sigma
from cevns_jax.prediction.nuisances import Nuisance, check_nuisances
from cevns_jax.prediction.recoil_nodes import scattering_component
from cevns_jax.prediction.scattering import Scattering
from cevns_jax.prediction.templates import MorphedTemplate, morphed_template
from cevns_jax.statistics import Poisson

NAME = "coherent_lar_2020"
TIMING_WIDTH_NS = 200.0  # uncertainty of the mean of the proton pulse
# Domain of the shift, either way: seven standard deviations; beyond it times stay as they are.
SHIFT_RANGE_US = 1.5
# Every 10 ns: a fifteenth of the width of the pulse, and so of the scale on which fractions change.
SHIFT_KNOTS = 301

BACKGROUNDS = (
    *coherent_lar.NEUTRONS,
    Nuisance(name="steady_state", acts_on=("steady_state",), width=0.0079),
)
PRESETS: dict[str, tuple[Nuisance, ...]] = {
    # arXiv:2003.12050: one normalisation for all uncertainties of the signal.
    "lumped": (
        Nuisance(name="cevns", acts_on=("cevns",), width=0.13, includes=coherent.FLUX_PULL),
        *BACKGROUNDS,
    ),
    "split": (
        *coherent_lar.SIGNAL_PARTS,
        Nuisance(name="f90", acts_on=("f90",), width=1.0),
        Nuisance(name="timing", acts_on=("timing_ns",), width=TIMING_WIDTH_NS),
        Nuisance(name="brn_energy", acts_on=("brn_energy",), width=1.0),
        Nuisance(name="brn_time", acts_on=("brn_time",), width=1.0),
        Nuisance(name="brn_time_width", acts_on=("brn_time_width",), width=1.0),
        *BACKGROUNDS,
    ),
    # The same 13 % with the flux apart, for combinations that leave all shapes fixed.
    "normalisations": (
        Nuisance(name="sns_flux", acts_on=("cevns",), width=0.10, shared=True),
        Nuisance(name="signal", acts_on=("cevns",), width=0.0831),
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
        pulse_shape: Released CEvNS in bins of energy and F90, moved by ``f90``. The variations
            also move events between energies, as the selection in F90 is part of the efficiency.
        row: For each energy bin the energy bin of ``pulse_shape`` whose F90 it takes, shape
            (energies,).
    """

    energy_time: Component
    pulse_shape: MorphedTemplate
    row: np.ndarray

    costly = True
    scatters = True
    nominal_counts = None

    @property
    def recoils(self) -> Scattering | None:
        """That of energy and time, to which the bins of the pulse shape are added."""
        return self.energy_time.recoils

    @property
    def effects(self) -> tuple[str, ...]:
        return (*self.energy_time.effects, *self.pulse_shape.effects)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.energy_time.parameters

    @property
    def stages(self) -> tuple[set[str], ...]:
        """Those of energy and time, and the pulse shape."""
        return (*self.energy_time.stages, set(self.pulse_shape.effects))

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Expected counts, shape of the bins."""
        counts = self.energy_time(interaction, values, effects)
        released = self.pulse_shape(interaction, values, effects)[self.row]
        share = released / self.pulse_shape.nominal.sum(axis=1)[self.row, None]
        return jnp.einsum("et,ep->ept", counts, share)

    def precomputed(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> PulseShapeSignal:
        """The signal, with everything of its part in energy and time evaluated that no moving
        parameter or effect changes."""
        inner = self.energy_time.precomputed(interaction, values, effects, moving)
        return dataclasses.replace(self, energy_time=inner)


def coherent_lar_2020(
    *,
    nuisances: str | Sequence[Nuisance] = "lumped",
    arrivals: str = "inside_window",
    exposure: Exposure | None = None,
    target: Target | None = None,
    steady_state_events: float | None = None,
    exposure_scale: float = 1.0,
) -> Experiment:
    """COHERENT liquid argon (2020), 960 bins, with the chosen conventions.

    Args:
        nuisances: Name of a preset of this module, or own nuisances.
        arrivals: ``"inside_window"``: all neutrinos arrive inside the time bins, as in the released
            prediction. ``"all"``: the 13 % of the delayed neutrinos that arrive later are lost; the
            shape is the same, with fewer events. ``"released"``: the time shape of the released
            prediction, the same for all energies and flavours, although recoils above 47 keV come
            from delayed neutrinos only.
        exposure: Numbers in place of the published ones: mass, distance, protons on target and
            neutrinos per proton; they change only the signal.
        target: Nuclei, of the same nuclides, in place of those of
            :func:`cevns_jax.experiments.argon_target` without arguments.
        steady_state_events: Expected steady-state background in place of 3152.
        exposure_scale: Factor on signal and backgrounds alike, for forecasts.

    Raises:
        ConfigError: unknown preset, nuclide, effect or choice, or a number out of its domain.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    if arrivals not in ARGON_ARRIVALS:
        raise unknown(NAME, "arrivals", arrivals, ARGON_ARRIVALS)
    measured = release.measurement(FOLDER)
    numbers = coherent.beam_exposure(NAME, measured, exposure, exposure_scale)
    material = chosen_target(NAME, argon_target, target)
    events = release.chosen(NAME, measured["events"], {"steady_state": steady_state_events})
    nuisances = release.chosen_nuisances(NAME, PRESETS, nuisances)
    acting = {name for nuisance in nuisances for name in nuisance.acts_on}
    edges, observed = _observed()
    response = coherent_lar.response(measured, edges[0])
    shapes = coherent_lar.templates()
    energy_time = scattering_component(
        NAME,
        coherent.flux(numbers),
        material,
        numbers["mass_kg"],
        response,
        shape=(len(edges[0]) - 1, len(edges[2]) - 1),
        timing=_timing(measured, shapes, edges[2], arrivals, movable="timing_ns" in acting),
        acting=acting,
    )
    signal = _with_pulse_shape(energy_time, shapes)
    backgrounds = {
        name: _background(shapes, name, exposure_scale * events[name])
        for name in ("brn", "delayed_brn", "steady_state")
    }
    effects = (*response.effects, "timing_ns", "f90", "neutron_radius", *backgrounds["brn"].effects)
    check_nuisances(NAME, nuisances, ("cevns", *backgrounds), effects)
    return Experiment(
        name=NAME,
        about=coherent.about(
            measured,
            numbers,
            material,
            nuisances,
            formula="Ar",
            as_released=steady_state_events is None,
            flux="analytic pion decay at rest after a Gaussian proton pulse",
            **response.conventions,
            arrivals=arrivals.replace("_", " "),
        ),
        axes=AXES,
        overlaps=("coherent_lar_2020_energy",),
        edges=edges,
        observed=observed,
        statistic=Poisson(),
        parts={"cevns": signal, **backgrounds},
        scales=(n_sigma("cevns"),),
        nuisances=nuisances,
        detector=energy_detector(response),
    )


def _observed() -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Edges of the three axes, and the counts."""
    path = FOLDER / "counts.csv"
    table = read_table(path, (*sum(COLUMNS.values(), ()), "counts"))
    grid_points(path, table, [low for low, _ in COLUMNS.values()])
    edges = tuple(bin_edges(path, table, low, high) for low, high in COLUMNS.values())
    return edges, table["counts"].reshape([len(e) - 1 for e in edges])


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


def _with_pulse_shape(
    energy_time: Component, shapes: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> PulseShapeSignal:
    """CEvNS in energy and time, with the released F90 and its variations."""
    nominal, plus, minus = (shapes[f"cevns{which}"][0] for which in ("", "_f90_plus", "_f90_minus"))
    last = np.flatnonzero(nominal.sum(axis=1))[-1]  # no CEvNS was simulated above
    return PulseShapeSignal(
        energy_time=energy_time,
        pulse_shape=morphed_template(nominal, {"f90": (plus, minus)}),
        row=np.minimum(np.arange(len(nominal)), last),
    )


def _timing(
    measured: dict[str, Any],
    shapes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    edges: np.ndarray,
    arrivals: str,
    *,
    movable: bool,
) -> FixedTiming | ShiftedTiming:
    """Fractions of each flavour in the time bins; the choices of ``arrivals`` are explained above.

    Raises:
        ConfigError: the released shape with a nuisance that shifts it.
    """
    pulse = measured["proton_pulse"]
    released = shapes["cevns"][1]
    if arrivals == "released":
        if movable:
            raise ConfigError(
                f'{NAME}: the timing cannot move with arrivals "released", only with '
                '"inside_window" or "all"'
            )
        return FixedTiming(fractions=np.tile(released, (3, 1)))

    def fractions(shift: float) -> np.ndarray:
        return pulse_fractions(edges, mean=pulse["mean_us"] + shift, width=pulse["width_us"])

    nominal = fractions(0.0)
    scale = 1.0 if arrivals == "all" else 1 / _share_inside(nominal, released)
    if not movable:
        return FixedTiming(fractions=scale * nominal)
    shifts = np.linspace(-SHIFT_RANGE_US, SHIFT_RANGE_US, SHIFT_KNOTS)
    moved = np.stack([scale * fractions(shift) for shift in shifts])
    return ShiftedTiming(table=spline(shifts[0], shifts[-1], moved))


def _share_inside(fractions: np.ndarray, released: np.ndarray) -> float:
    """Share of the neutrinos that would arrive inside the time bins.

    A least-squares fit takes the released time shape apart into prompt and delayed neutrinos; the
    share of each of them that is inside is known from the pulse.
    """
    prompt_delayed = fractions[:2]
    events = np.linalg.lstsq(prompt_delayed.T, released)[0]
    return events @ prompt_delayed.sum(axis=1) / events.sum()
