"""What the page of posteriors shows, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ANGLE, RADIUS, LINDHARD_K, COUPLING = "sin2_theta_w", "r_n_csi", "dresden_ii_k", "g_vector"


HEAD = (
    "# Posteriors",
    "",
    "Written by `cevns posteriors configs`; every number of ours is computed by the config that is",
    "named in its row, and that states the priors. Nuisances have the priors that their data sets",
    "declare, as in fits. Posteriors with one valley are sampled by NUTS, those with several by",
    "tempered Monte Carlo in independent runs, whose scatter is the error of weights and of the",
    "evidence. Profile: best fit and the range where Delta chi^2 < 1, everything else minimised.",
    "Posterior: mean, and the shortest interval that holds 68.3 % of the marginal density. Where a",
    "published value was read is said as in [validation.md](validation.md).",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A posterior with one valley, of which marginals are shown beside profile likelihoods.

    Attributes:
        config: Config that states data and priors, without its suffix.
        data: Data sets in words.
        shown: The parameters whose marginals are shown.
        remark: Why profile and marginal differ.
        digits: Decimals shown.
        figure: Whether its corner plot is on the page.
    """

    config: str
    data: str
    shown: tuple[str, ...]
    remark: str
    digits: int = 3
    figure: bool = False


CASES = (
    Case(
        config="posterior_csi_2021_angle",
        data="CsI 2021",
        shown=(ANGLE,),
        remark="The rate falls with the angle ever more slowly towards its minimum near 0.5, so "
        "that the likelihood has a longer tail there: the mean lies above the best fit.",
        figure=True,
    ),
    Case(
        config="posterior_csi_2021_radius",
        data="CsI 2021",
        shown=(RADIUS,),
        remark="Nearly a normal distribution.",
        digits=2,
    ),
    Case(
        config="posterior_csi_2021_angle_radius",
        data="CsI 2021",
        shown=(ANGLE, RADIUS),
        remark="",
        digits=2,
        figure=True,
    ),
    Case(
        config="posterior_csi_lar_angle",
        data="CsI 2021 and argon",
        shown=(ANGLE,),
        remark="",
        figure=True,
    ),
    Case(
        config="posterior_csi_lar_radius",
        data="CsI 2021 and argon",
        shown=(RADIUS,),
        remark="",
        digits=2,
    ),
    Case(
        config="posterior_csi_lar_angle_radius",
        data="CsI 2021 and argon",
        shown=(ANGLE, RADIUS),
        remark="",
        digits=2,
        figure=True,
    ),
    Case(
        config="posterior_dresden_ii_k",
        data="Dresden-II",
        shown=(LINDHARD_K,),
        remark="",
        digits=2,
        figure=True,
    ),
    Case(
        config="posterior_global_angle",
        data="CsI 2021, argon and Dresden-II",
        shown=(ANGLE,),
        remark="",
        figure=True,
    ),
)


class Lobes(NamedTuple):
    """A posterior with several valleys, and what is said of their weights."""

    config: str
    remark: str


LOBES = Lobes("posterior_nsi_csi_2021", "")

PLANES = (
    ("posterior_vector_csi_lar", "fig3_vector_coherent"),
    ("posterior_scalar_csi_lar", "fig3_scalar_coherent"),
)

SENSITIVITY = (
    "posterior_vector_prior_flat",
    "posterior_vector_prior_log",
    "posterior_vector_prior_square",
)


class Evidence(NamedTuple):
    """Two models of the same data, and what is said of their evidence."""

    standard_model: str
    mediator: str
    remark: str


EVIDENCE = Evidence("posterior_standard_model_csi_2021", "posterior_vector_prior_log", "")
