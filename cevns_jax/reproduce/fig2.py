"""Figure 2 of the mission paper: the weak mixing angle against the momentum transfer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from cevns_jax.experiments import coherent_csi_2021, coherent_lar_2020, dresden_ii
from cevns_jax.inference.fit import Fit, fit
from cevns_jax.interactions import standard_model
from cevns_jax.likelihood import Likelihood
from cevns_jax.prediction.spectrum import scattering
from cevns_jax.recoil import recoil_rate
from cevns_jax.results.fit import fit_result
from cevns_jax.results.result import Result

ANGLE = "sin2_theta_w"


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
        best = fit(Likelihood([experiment], standard_model(), free=[ANGLE]))
        low, high = momentum_transfers(best)
        name = label.lower().translate({ord(" "): "_", ord("-"): "_", **dict.fromkeys(b"(),")})
        yield Measurement(name, label, low, high, fit_result(best, {"figure": "fig2"}))


def momentum_transfers(best: Fit) -> tuple[float, float]:
    """Range of q = sqrt(2 M T) [MeV] that holds the middle 68 % of the CEvNS events of a fit.

    The moments at the nodes have the quadrature weights in them, so that the rate is one of events,
    and the cumulative sum over nodes in ascending q gives the quantiles.
    """
    (experiment,) = best.likelihood.experiments
    _, part = scattering(experiment)
    values = best.likelihood.values(best.x)
    kernel = part.kernel
    kept = np.asarray(part.response(jnp.asarray(kernel.recoil), values, {})).sum(axis=-1)
    rate = recoil_rate(
        jnp.asarray(kernel.recoil),
        jnp.asarray(kernel.weighted_moments),
        kernel.target,
        best.likelihood.interaction,
        kernel.source.flavours,
        values,
    )
    events = np.asarray(rate).sum(axis=0) * kept
    q = np.sqrt(2 * kernel.target.mass[:, None] * kernel.recoil)
    order = np.argsort(q, axis=None)
    share = np.cumsum(events.ravel()[order])
    low, high = np.interp([0.16, 0.84], share / share[-1], q.ravel()[order])
    return float(low), float(high)
