"""COHERENT CENNS-10, liquid argon, in energy alone: least squares on the subtracted spectrum.

The analysis of M. Cadeddu et al., arXiv:2005.01645 and arXiv:2008.05022: 12 bins of energy with
the steady-state background subtracted, as released, in place of the 960 bins of
:mod:`cevns_jax.experiments.coherent_lar_2020`. Published angles differ by this choice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from cevns_jax.data.tables import bin_edges, grid_points, read_table
from cevns_jax.detectors.detector import energy_detector
from cevns_jax.experiments import coherent, coherent_lar, release
from cevns_jax.experiments.coherent_lar import COLUMNS, FOLDER
from cevns_jax.experiments.exposure import Exposure
from cevns_jax.experiments.targets import argon_target, chosen_target
from cevns_jax.nuclei import Target
from cevns_jax.precision import require_float64
from cevns_jax.prediction.component import Template
from cevns_jax.prediction.experiment import Experiment, n_sigma
from cevns_jax.prediction.nuisances import Nuisance, check_nuisances
from cevns_jax.prediction.recoil_nodes import scattering_component
from cevns_jax.statistics import Gaussian

NAME = "coherent_lar_2020_energy"
AXIS = "energy_kevee"
# Relative error of the neutrons in each bin, for their shape: 1.7 %, which is 5.8 % shared out over
# the 12 bins (arXiv:2005.01645).
NEUTRON_SHAPE_ERROR = np.sqrt(0.058**2 / 12)

PRESETS: dict[str, tuple[Nuisance, ...]] = {
    # arXiv:2008.05022: 13.4 % at a fixed neutron radius.
    "lumped": (
        Nuisance(name="cevns", acts_on=("cevns",), width=0.134, includes=coherent.FLUX_PULL),
        *coherent_lar.NEUTRONS,
    ),
    "split": (*coherent_lar.SIGNAL_PARTS, *coherent_lar.NEUTRONS),
    "backgrounds_only": coherent_lar.NEUTRONS,
}


def coherent_lar_2020_energy(
    *,
    nuisances: str | Sequence[Nuisance] = "lumped",
    exposure: Exposure | None = None,
    target: Target | None = None,
) -> Experiment:
    """COHERENT liquid argon (2020), 12 bins of energy with the steady state subtracted.

    Errors are those of the release and 1.7 % of the predicted neutrons, in quadrature. All
    neutrinos are predicted, as if none arrived after the time window.

    Args:
        nuisances: Name of a preset of this module, or own nuisances.
        exposure, target: As in :func:`cevns_jax.experiments.coherent_lar_2020`.

    Raises:
        ConfigError: unknown preset, nuclide or effect, or a number out of its domain.
        RuntimeError: JAX is in 32-bit mode.
    """
    require_float64()
    measured = release.measurement(FOLDER)
    numbers = coherent.beam_exposure(NAME, measured, exposure)
    material = chosen_target(NAME, argon_target, target)
    nuisances = release.chosen_nuisances(NAME, PRESETS, nuisances)
    path = FOLDER / "subtracted_energy.csv"
    table = read_table(path, (*COLUMNS[AXIS], "counts", "error"))
    grid_points(path, table, COLUMNS[AXIS][:1])
    edges = bin_edges(path, table, *COLUMNS[AXIS])
    response = coherent_lar.response(measured, edges)
    shapes = coherent_lar.templates()
    neutrons = {
        name: Template(measured["events"][name] * shapes[name][0].sum(axis=1))
        for name in ("brn", "delayed_brn")
    }
    total = sum(part.counts for part in neutrons.values())
    check_nuisances(NAME, nuisances, ("cevns", *neutrons), (*response.effects, "neutron_radius"))
    about = coherent.about(
        measured,
        numbers,
        material,
        nuisances,
        formula="Ar",
        as_released=True,
        flux="analytic pion decay at rest, no neutrino later than the time window",
        **response.conventions,
        steady_state="subtracted",
    )
    return Experiment(
        name=NAME,
        about=dataclasses.replace(
            about,
            title=f"{measured['title']}, energy alone",
            counted="events above the steady state",
        ),
        axes=(AXIS,),
        overlaps=("coherent_lar_2020",),
        edges=(edges,),
        observed=table["counts"],
        statistic=Gaussian(np.hypot(table["error"], NEUTRON_SHAPE_ERROR * total)),
        parts={
            "cevns": scattering_component(
                NAME,
                coherent.flux(numbers),
                material,
                numbers["mass_kg"],
                response,
                shape=(len(edges) - 1,),
                acting={name for nuisance in nuisances for name in nuisance.acts_on},
            ),
            **neutrons,
        },
        scales=(n_sigma("cevns"),),
        nuisances=nuisances,
        detector=energy_detector(response),
    )
