"""Figure 1 of the mission paper: the weak mixing angle from COHERENT."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cevns_jax.experiments import coherent_csi_2017, coherent_csi_2021, coherent_lar_2020
from cevns_jax.inference.profile import profile
from cevns_jax.interactions import standard_model
from cevns_jax.likelihood import Likelihood
from cevns_jax.results.profile import profile_result
from cevns_jax.results.result import Result

GRID = np.linspace(0.05, 0.45, 201)


def fig1(levels: tuple[float, ...]) -> Iterator[tuple[str, Result]]:
    """Figure 1: Delta chi^2 of sin^2 theta_W from CsI (2017) and LAr, and from CsI (2021).

    Args:
        levels: Delta chi^2 at which limits are quoted.

    Yields:
        Name and profile of each data set.
    """
    for build in (coherent_csi_2017, coherent_lar_2020, coherent_csi_2021):
        experiment = build()
        likelihood = Likelihood([experiment], standard_model(), free=["sin2_theta_w"])
        found = profile(likelihood, sin2_theta_w=GRID)
        yield experiment.name, profile_result(found, levels, {"figure": "fig1"})
