"""Figures of the mission paper (De Romeri, LHEP 2023, 343), computed again from the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from cevns_jax.experiments import (
    coherent_csi_2017,
    coherent_csi_2021,
    coherent_lar_2020,
    dresden_ii,
)
from cevns_jax.experiments.experiment import Experiment
from cevns_jax.inference.fit import Fit, fit
from cevns_jax.inference.profile import profile
from cevns_jax.inference.scan import scan
from cevns_jax.interactions import (
    DipolePortal,
    NewPhysics,
    light_scalar,
    light_vector,
    standard_model,
    with_new_physics,
)
from cevns_jax.likelihood import Likelihood
from cevns_jax.recoil import recoil_rate
from cevns_jax.results import Result, fit_result, profile_result, scan_result

ANGLE = "sin2_theta_w"
GRID = np.linspace(0.05, 0.45, 201)


class Measurement(NamedTuple):
    """An angle of our own at its momentum transfers.

    Attributes:
        name: What the file is called.
        label: Data set and analysis.
        q_low, q_high: Momentum transfers of most of the events [MeV].
        result: The fit.
    """

    name: str
    label: str
    q_low: float
    q_high: float
    result: Result


def _likelihood(experiment: Experiment) -> Likelihood:
    return Likelihood([experiment], standard_model(), free=[ANGLE])


def fig1(levels: tuple[float, ...]) -> Iterator[tuple[str, Result]]:
    """Figure 1: Delta chi^2 of sin^2 theta_W from CsI (2017) and LAr, and from CsI (2021).

    Args:
        levels: Delta chi^2 at which limits are quoted.

    Yields:
        Name and profile of each data set.
    """
    for build in (coherent_csi_2017, coherent_lar_2020, coherent_csi_2021):
        experiment = build()
        found = profile(_likelihood(experiment), sin2_theta_w=GRID)
        yield experiment.name, profile_result(found, levels, {"figure": "fig1"})


def fig2() -> Iterator[Measurement]:
    """Figure 2: our angles, to be drawn beside the running and the published ones.

    Yields:
        One measurement after the other; the momentum transfers hold the middle 68 % of the CEvNS
        events that are expected at the best fit.
    """
    for experiment, label in (
        (coherent_csi_2021(), "COHERENT CsI (2021)"),
        (coherent_lar_2020(), "COHERENT LAr (2020)"),
        (dresden_ii(quenching="iron_filter"), "Dresden-II, iron filter"),
        (dresden_ii(quenching="modified_lindhard"), "Dresden-II, modified Lindhard"),
    ):
        best = fit(_likelihood(experiment))
        low, high = momentum_transfers(best)
        name = label.lower().translate({ord(" "): "_", ord("-"): "_", **dict.fromkeys(b"(),")})
        yield Measurement(name, label, low, high, fit_result(best, {"figure": "fig2"}))


SNS = "COHERENT CsI (2021) + LAr (2020)"
QUENCHING = {
    "modified_lindhard": "Dresden-II, modified Lindhard",
    "iron_filter": "Dresden-II, iron filter",
}
PLANES: dict[str, tuple[NewPhysics, dict[str, np.ndarray]]] = {
    # The island where the charge changes sign is a few per cent wide.
    "vector": (
        light_vector(),
        {"m_vector": np.geomspace(1e-2, 1e3, 350), "g_vector": np.geomspace(1e-7, 3e-3, 500)},
    ),
    "scalar": (
        light_scalar(),
        {"m_scalar": np.geomspace(1e-2, 1e3, 100), "g_scalar": np.geomspace(1e-7, 1e-3, 100)},
    ),
    "dipole": (
        DipolePortal(),
        {"m4": np.geomspace(1e-2, 60, 100), "mu_dipole": np.geomspace(1e-11, 1e-8, 100)},
    ),
}


def fig3(levels: tuple[float, ...]) -> Iterator[tuple[str, Result]]:
    """Figure 3: regions of coupling and mass of a vector, a scalar and the dipole portal.

    Args:
        levels: Delta chi^2 of the contours.

    Yields:
        Name and scan of Dresden-II with either quenching, and of COHERENT, for each interaction.
    """
    for plane, (physics, grids) in PLANES.items():
        interaction = with_new_physics(standard_model(), physics)
        sns = [
            coherent_csi_2021(nuisances="normalisations"),
            coherent_lar_2020(nuisances="normalisations"),
        ]
        data = {name: [dresden_ii(quenching=name)] for name in QUENCHING} | {"coherent": sns}
        for name, experiments in data.items():
            found = scan(Likelihood(experiments, interaction), grids)
            yield f"{plane}_{name}", scan_result(found, levels, {"figure": "fig3"})


def momentum_transfers(best: Fit) -> tuple[float, float]:
    """Range of q = sqrt(2 M T) [MeV] that holds the middle 68 % of the CEvNS events of a fit."""
    (experiment,) = best.likelihood.experiments
    signal: Any = getattr(experiment.signal, "energy_time", experiment.signal)
    values = best.likelihood.values(best.x)
    kernel = signal.kernel
    kept = np.asarray(signal.response(jnp.asarray(kernel.recoil), values, {})).sum(axis=-1)
    rate = recoil_rate(
        jnp.asarray(kernel.recoil),
        jnp.asarray(kernel.moments),
        kernel.target,
        best.likelihood.interaction,
        kernel.flavours,
        values,
    )
    events = np.asarray(rate).sum(axis=0) * kept
    q = np.sqrt(2 * kernel.target.mass[:, None] * kernel.recoil)
    order = np.argsort(q, axis=None)
    share = np.cumsum(events.ravel()[order])
    low, high = np.interp([0.16, 0.84], share / share[-1], q.ravel()[order])
    return float(low), float(high)
