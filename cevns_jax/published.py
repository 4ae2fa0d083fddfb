"""Published numbers that results are compared with, each with its source and whether it is checked.

``checked`` means that the number was read in the publication or its abstract; a ``lead`` was
quoted by somebody else and not checked against the publication.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published number.

    Attributes:
        parameter: Name of the quantity, a parameter where it is one.
        experiments: Data sets behind it.
        value: Central value.
        error_low, error_high: 68 % errors, positive.
        short: Authors and year, for figures.
        source: Full reference.
        checked: Whether it was checked against the publication.
    """

    parameter: str
    experiments: tuple[str, ...]
    value: float
    error_low: float
    error_high: float
    short: str
    source: str
    checked: bool

    def text(self, digits: int = 3) -> str:
        """Value and errors as they are printed."""
        value, low, high = (
            f"{x:.{digits}f}" for x in (self.value, self.error_low, self.error_high)
        )
        return f"{value} +- {low}" if low == high else f"{value} +{high} -{low}"


CSI_2021 = ("coherent_csi_2021",)
ATZORI_CORONA_ANGLE = Published(
    parameter="sin2_theta_w",
    experiments=CSI_2021,
    value=0.231,
    error_low=0.024,
    error_high=0.027,
    short="Atzori Corona et al. 2023",
    source="M. Atzori Corona et al., arXiv:2303.09360",
    checked=False,
)
COHERENT_ANGLE = Published(
    parameter="sin2_theta_w",
    experiments=CSI_2021,
    value=0.220,
    error_low=0.026,
    error_high=0.028,
    short="COHERENT 2022",
    source="COHERENT, Phys. Rev. Lett. 129 (2022) 081801, arXiv:2110.07730",
    checked=False,
)
COHERENT_EVENTS = Published(
    parameter="CEvNS events",
    experiments=CSI_2021,
    value=306.0,
    error_low=20.0,
    error_high=20.0,
    short="COHERENT 2022",
    source="COHERENT, Phys. Rev. Lett. 129 (2022) 081801, arXiv:2110.07730",
    checked=False,
)
COHERENT_PREDICTION = Published(
    parameter="CEvNS events, prediction",
    experiments=CSI_2021,
    value=341.0,
    error_low=43.4,
    error_high=43.4,
    short="COHERENT 2022",
    source="COHERENT, arXiv:2110.07730: 341 +- 11 (theory) +- 42 (experiment), in quadrature",
    checked=False,
)
COHERENT_CROSS_SECTION = Published(
    parameter="flux-averaged cross section [1e-40 cm^2]",
    experiments=CSI_2021,
    value=189.0,
    error_low=6.0,
    error_high=6.0,
    short="COHERENT 2022",
    source="COHERENT, arXiv:2110.07730, Standard-Model prediction",
    checked=False,
)
COHERENT_SIGNIFICANCE = Published(
    parameter="sqrt(Delta chi2) of no CEvNS",
    experiments=CSI_2021,
    value=11.6,
    error_low=0.0,
    error_high=0.0,
    short="COHERENT 2022",
    source="COHERENT, arXiv:2110.07730",
    checked=False,
)
COHERENT_BACKGROUNDS = {
    component: Published(
        parameter=f"{component} events",
        experiments=CSI_2021,
        value=value,
        error_low=0.0,
        error_high=0.0,
        short="COHERENT 2022",
        source="COHERENT, arXiv:2110.07730, best fit",
        checked=False,
    )
    for component, value in (("steady_state", 1273.0), ("brn", 17.3), ("nin", 5.5))
}
ATZORI_CORONA_RADIUS = Published(
    parameter="r_n_csi",
    experiments=CSI_2021,
    value=5.47,
    error_low=0.38,
    error_high=0.38,
    short="Atzori Corona et al. 2023",
    source="M. Atzori Corona et al., arXiv:2303.09360",
    checked=False,
)

CSI_2017 = ("coherent_csi_2017",)
FIRST_OBSERVATION = {
    "events": Published(
        parameter="CEvNS events",
        experiments=CSI_2017,
        value=134.0,
        error_low=22.0,
        error_high=22.0,
        short="COHERENT 2017",
        source="COHERENT, Science 357 (2017) 1123, arXiv:1708.01294",
        checked=False,
    ),
    "prediction": Published(
        parameter="CEvNS events, prediction",
        experiments=CSI_2017,
        value=173.0,
        error_low=48.0,
        error_high=48.0,
        short="COHERENT 2017",
        source="COHERENT, Science 357 (2017) 1123, arXiv:1708.01294",
        checked=False,
    ),
    "significance": Published(
        parameter="sqrt(Delta chi2) of no CEvNS",
        experiments=CSI_2017,
        value=6.7,
        error_low=0.0,
        error_high=0.0,
        short="COHERENT 2017",
        source="COHERENT, Science 357 (2017) 1123, arXiv:1708.01294",
        checked=False,
    ),
}
CADEDDU_ANGLE_2017 = Published(
    parameter="sin2_theta_w",
    experiments=CSI_2017,
    value=0.24,
    error_low=0.04,
    error_high=0.04,
    short="Cadeddu et al. 2020",
    source="M. Cadeddu et al., arXiv:2005.01645",
    checked=False,
)

PUBLISHED = (
    CADEDDU_ANGLE_2017,
    *FIRST_OBSERVATION.values(),
    ATZORI_CORONA_ANGLE,
    COHERENT_ANGLE,
    ATZORI_CORONA_RADIUS,
    COHERENT_EVENTS,
    COHERENT_PREDICTION,
    COHERENT_CROSS_SECTION,
    COHERENT_SIGNIFICANCE,
)


def published_for(parameter: str, experiments: tuple[str, ...]) -> list[Published]:
    """Published values of a parameter from the same data sets."""
    return [p for p in PUBLISHED if p.parameter == parameter and p.experiments == experiments]
