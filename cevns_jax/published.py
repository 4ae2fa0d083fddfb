"""Published numbers that results are compared with, each with its source and where it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["confirmed", "abstract", "third party", "not found"]
STATUSES: dict[Status, str] = {
    "confirmed": "in a text, figure or file of the authors, or in a table of another collaboration",
    "abstract": "in the abstract",
    "third party": "in a later code or paper that quotes it",
    "not found": "in no text that could be opened: a number to check",
}
"""Where a published number was read."""


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
        status: Where it was read, one of ``STATUSES``.
        read_in: The text or file, if it is another one than the source.
        requires: Words that the conventions of a result hold if it is about the same, such as the
            quenching.
    """

    parameter: str
    experiments: tuple[str, ...]
    value: float
    error_low: float
    error_high: float
    short: str
    source: str
    status: Status = "not found"
    read_in: str = ""
    requires: tuple[str, ...] = ()

    @property
    def checked(self) -> bool:
        """Whether it was read in the publication or its abstract."""
        return self.status in ("confirmed", "abstract")

    @property
    def status_text(self) -> str:
        """Status, and the text or file that was read."""
        return f"{self.status} ({self.read_in})" if self.read_in else self.status

    def text(self, digits: int = 3) -> str:
        """Value and errors as they are printed."""
        value, low, high = (
            f"{x:.{digits}f}" for x in (self.value, self.error_low, self.error_high)
        )
        if self.error_low == self.error_high == 0:
            return f"{value}, no error given"
        return f"{value} +- {low}" if low == high else f"{value} +{high} -{low}"


# What the numbers of a publication have in common.
LETTER_2022: dict[str, Any] = {
    "experiments": ("coherent_csi_2021",),
    "short": "COHERENT 2022",
    "source": "COHERENT, Phys. Rev. Lett. 129 (2022) 081801, arXiv:2110.07730",
}
ATZORI_CORONA: dict[str, Any] = {
    "experiments": ("coherent_csi_2021",),
    "short": "Atzori Corona et al. 2023",
    "source": "M. Atzori Corona et al., arXiv:2303.09360",
}
SCIENCE_2017: dict[str, Any] = {
    "experiments": ("coherent_csi_2017",),
    "short": "COHERENT 2017",
    "source": "COHERENT, Science 357 (2017) 1123, arXiv:1708.01294",
}
CADEDDU: dict[str, Any] = {
    "experiments": ("coherent_csi_2017",),
    "short": "Cadeddu et al. 2020",
    "source": "M. Cadeddu et al., arXiv:2005.01645",
}


# Where numbers were read.
CONUS: dict[str, Any] = {
    "status": "confirmed",
    "read_in": "CONUS+, Nature 643 (2025) 1229, table 1",
}
VERIFICATIONS = "Newtrinos-org/newtrinos-verifications"
QUOTED: dict[str, Any] = {"status": "third party", "read_in": VERIFICATIONS}


def _number(
    parameter: str, value: float, low: float, high: float, source: dict[str, Any], **read: Any
) -> Published:
    numbers: dict[str, Any] = {"value": value, "error_low": low, "error_high": high}
    return Published(parameter=parameter, **numbers, **(source | read))


ATZORI_CORONA_ANGLE = _number("sin2_theta_w", 0.231, 0.024, 0.027, ATZORI_CORONA)
ATZORI_CORONA_RADIUS = _number("r_n_csi", 5.47, 0.38, 0.38, ATZORI_CORONA)
COHERENT_ANGLE = _number("sin2_theta_w", 0.220, 0.026, 0.028, LETTER_2022)
COHERENT_EVENTS = _number("CEvNS events", 306, 20, 20, LETTER_2022, **CONUS)
COHERENT_BACKGROUNDS = {
    name: _number(f"{name} events", value, 0, 0, LETTER_2022)
    for name, value in (("steady_state", 1273.0), ("brn", 17.3), ("nin", 5.5))
}
# 341 +- 11 (theory) +- 42 (experiment), in quadrature
COHERENT_PREDICTION = _number("CEvNS events, prediction", 341, 43.4, 43.4, LETTER_2022, **QUOTED)
# the error of 6 was not found
COHERENT_CROSS_SECTION = _number("flux-averaged cross section", 189, 6, 6, LETTER_2022, **QUOTED)
COHERENT_SIGNIFICANCE = _number("sqrt(Delta chi2) of no CEvNS", 11.6, 0, 0, LETTER_2022)
FIRST_OBSERVATION = {
    "events": _number("CEvNS events", 134, 22, 22, SCIENCE_2017),
    "prediction": _number("CEvNS events, prediction", 173, 48, 48, SCIENCE_2017),
    "significance": _number(
        *("sqrt(Delta chi2) of no CEvNS", 6.7, 0, 0, SCIENCE_2017), status="confirmed"
    ),
}
CADEDDU_ANGLE_2017 = _number("sin2_theta_w", 0.24, 0.04, 0.04, CADEDDU)

LETTER_2021: dict[str, Any] = {
    "experiments": ("coherent_lar_2020",),
    "short": "COHERENT 2021",
    "source": "COHERENT, Phys. Rev. Lett. 126 (2021) 012002, arXiv:2003.10630",
}
# The collaboration's own curve of -2 ln L against the number of CEvNS events.
CURVE: dict[str, Any] = {
    "status": "confirmed",
    "read_in": f"the collaboration's likelihood curve, in {VERIFICATIONS}",
}
ARGON = {
    "prediction": _number("CEvNS events, prediction", 128, 17, 17, LETTER_2021, **QUOTED),
    "events": _number("CEvNS events", 159, 43, 43, LETTER_2021, **QUOTED),
    "curve": _number("CEvNS events", 161, 43, 42, LETTER_2021, **CURVE),
    "brn": _number("brn events", 553, 34, 34, LETTER_2021),
    "delayed_brn": _number("delayed_brn events", 10, 11, 11, LETTER_2021),
    "steady_state": _number("steady_state events", 3131, 23, 23, LETTER_2021),
    # without systematic uncertainties; 15.1 for no events
    "significance": _number("sqrt(Delta chi2) of no CEvNS", 3.9, 0, 0, LETTER_2021, **CURVE),
}


def _elsewhere(experiments: tuple[str, ...], short: str, source: str) -> dict[str, Any]:
    return {"experiments": experiments, "short": short, "source": source}


MIRANDA_ANGLE = _number(
    *("sin2_theta_w", 0.258, 0.050, 0.048),
    _elsewhere(
        ("coherent_lar_2020",), "Miranda et al. 2020", "O. G. Miranda et al., arXiv:2003.12050"
    ),
)
CADEDDU_ANGLE_ARGON = _number(
    *("sin2_theta_w", 0.31, 0.06, 0.06), CADEDDU | {"experiments": ("coherent_lar_2020_energy",)}
)
DE_ROMERI_ANGLE = _number(
    *("sin2_theta_w", 0.237, 0.029, 0.029),
    _elsewhere(
        ("coherent_csi_2021", "coherent_lar_2020"),
        "De Romeri et al. 2023",
        "V. De Romeri et al., arXiv:2211.11905",
    ),
)
DRESDEN = _elsewhere(
    ("dresden_ii",), "Atzori Corona et al. 2022", "M. Atzori Corona et al., arXiv:2205.09484"
)
IRON_FILTER = "iron_filter table"  # quenching, as conventions name it
DRESDEN_IRON_FILTER = _number("sin2_theta_w", 0.219, 0.05, 0.06, DRESDEN, requires=(IRON_FILTER,))
DRESDEN_PHOTO_NEUTRON = _number(
    *("sin2_theta_w", 0.286, 0.07, 0.08, DRESDEN), requires=("photo_neutron table",)
)
DRESDEN_MODIFIED_LINDHARD = _number(
    *("sin2_theta_w", 0.178, 0, 0),
    _elsewhere(
        ("dresden_ii",),
        "Aristizabal Sierra et al. 2022",
        "D. Aristizabal Sierra, V. De Romeri and D. K. Papoulias, arXiv:2203.02414",
    ),
    requires=("modified Lindhard, k = 0.157, q = -0.000225",),
)

ANGLE_AT_ZERO = Published(
    parameter="sin2_theta_w",
    experiments=(),
    value=0.23868,
    error_low=5e-5,
    error_high=5e-5,
    short="Erler and Ferro-Hernandez 2018",
    source="J. Erler and R. Ferro-Hernandez, arXiv:1712.09146",
    status="confirmed",
)

FOR_FIGURES = (
    *(ATZORI_CORONA_ANGLE, COHERENT_ANGLE, ATZORI_CORONA_RADIUS, CADEDDU_ANGLE_2017),
    *(MIRANDA_ANGLE, CADEDDU_ANGLE_ARGON, DE_ROMERI_ANGLE),
)
WITH_CHOICES = (DRESDEN_IRON_FILTER, DRESDEN_PHOTO_NEUTRON, DRESDEN_MODIFIED_LINDHARD)


def published_for(
    parameter: str, experiments: tuple[str, ...], conventions: str = ""
) -> list[Published]:
    """Published values of a parameter from the same data sets.

    Args:
        parameter: Its name.
        experiments: The data sets.
        conventions: Of the result, in words: values that require some are left out without them.
    """
    known = (*FOR_FIGURES, *WITH_CHOICES)
    return [p for p in known if _is_of(p, parameter, experiments, conventions)]


def _is_of(
    known: Published, parameter: str, experiments: tuple[str, ...], conventions: str
) -> bool:
    same = known.parameter == parameter and known.experiments == experiments
    return same and all(words in conventions for words in known.requires)


@dataclass(frozen=True, kw_only=True)
class UpperLimit(Published):
    """A published upper limit; it has no errors.

    Attributes:
        confidence_level: Of the limit.
    """

    error_low: float = 0.0
    error_high: float = 0.0
    confidence_level: float

    def text(self, digits: int = 3) -> str:
        """The limit as it is printed."""
        return f"< {self.value:.{digits}g}"


DRESDEN_MAGNETIC_MOMENT = UpperLimit(
    parameter="mu_nu",
    value=2.13e-10,
    confidence_level=0.90,
    requires=(IRON_FILTER, "effective moment of nu_e;"),
    **DRESDEN | {"source": f"{DRESDEN['source']}, with COHERENT"},
)
LIMITS = (DRESDEN_MAGNETIC_MOMENT,)


def limits_for(
    parameter: str, experiments: tuple[str, ...], conventions: str = ""
) -> list[UpperLimit]:
    """Published upper limits on a parameter; as :func:`published_for`."""
    return [p for p in LIMITS if _is_of(p, parameter, experiments, conventions)]


# "coupling constants as low as 5e-5 of low mediator masses" from CEvNS, with the quenching that was
# favoured then; neither the masses nor the confidence level are in the abstract.
CONUS_2022 = _elsewhere(
    ("conus",), "CONUS 2022", "CONUS, J. High Energy Phys. 05 (2022) 085, arXiv:2110.02174"
)
REACHES = tuple(
    _number(coupling, 5e-5, 0, 0, CONUS_2022, status="abstract")
    for coupling in ("g_vector", "g_scalar")
)


def reaches_for(parameter: str) -> list[Published]:
    """The smallest couplings that others exclude, for mediators that are light enough."""
    return [p for p in REACHES if p.parameter == parameter]


@dataclass(frozen=True, kw_only=True)
class AngleAtScale(Published):
    """sin^2 theta_W measured elsewhere than in CEvNS.

    Attributes:
        scale: Q [MeV].
    """

    scale: float


def _angle(
    short: str, scale: float, value: float, error: float, source: str, status: Status = "not found"
) -> AngleAtScale:
    return AngleAtScale(
        parameter="sin2_theta_w",
        experiments=(),
        scale=scale,
        value=value,
        error_low=error,
        error_high=error,
        short=short,
        source=source,
        status=status,
    )


# MS-bar at the scale of the measurement; at the Z pole the effective leptonic angle, which is 3e-4
# larger.
ANGLES_AT_SCALES = (
    _angle("APV (Cs)", 2.4, 0.2367, 0.0018, "PDG 2018; newer evaluations 0.2381 +- 0.0011"),
    # from Q_W^p = 0.0719 +- 0.0045
    _angle("Qweak", 158, 0.2384, 0.0011, "Qweak, Nature 557 (2018) 207", "confirmed"),
    _angle(
        # 0.0010 (statistics) and 0.0008 (systematics) at Q^2 = 0.026 GeV^2
        *("E158", 161, 0.2397, 0.0013, "SLAC E158, Phys. Rev. Lett. 95 (2005) 081601"),
        status="abstract",
    ),
    _angle("PVDIS", 1380, 0.2299, 0.0043, "JLab PVDIS, Nature 506 (2014) 67"),
    # as re-evaluated by the PDG; published on-shell, 0.2277 +- 0.0016
    _angle("NuTeV", 4500, 0.2356, 0.0016, "NuTeV, Phys. Rev. Lett. 88 (2002) 091802, by the PDG"),
    _angle(
        # the number is also quoted as that of LEP and SLC together
        *("LEP", 91188, 0.23153, 0.00016, "ALEPH, DELPHI, L3, OPAL, SLD, hep-ex/0509008"),
    ),
    _angle("SLC", 91188, 0.23097, 0.00027, "SLD, hep-ex/0004026, A_LR alone", "abstract"),
    _angle("Tevatron", 91188, 0.23148, 0.00033, "CDF and D0, arXiv:1801.06283", "abstract"),
    _angle("LHC", 91188, 0.23129, 0.00033, "PDG 2018, average"),
)
