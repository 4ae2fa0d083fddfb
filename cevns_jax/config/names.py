"""Names of the parameters of the data sets, known before an experiment is built.

The experiments declare their parameters. Their names are repeated here, so that a misspelt one is
reported before anything heavy is imported. Tests compare both lists.
"""

from __future__ import annotations

from collections.abc import Iterable

_NEUTRONS = ("brn", "delayed_brn")
_CSI_2017 = ("brn", "steady_state")
_CSI_2021 = ("brn", "nin", "steady_state")
_ARGON = (*_NEUTRONS, "steady_state")
_QUENCHING_2021 = ("quenching_0", "quenching_1")
_ARGON_SIGNAL = ("sns_flux", "quenching_a", "quenching_b", "mass")
_ARGON_SHAPES = ("f90", "timing", "brn_energy", "brn_time", "brn_time_width")

PRESETS: dict[str, dict[str, tuple[str, ...]]] = {
    "coherent_csi_2017": {
        "lumped": ("cevns", *_CSI_2017),
        "denton_gehrlein_2020": ("cevns", *_CSI_2017),
        "split": ("sns_flux", "quenching", "acceptance", "neutron_radius", *_CSI_2017),
        "backgrounds_only": _CSI_2017,
    },
    "coherent_csi_2021": {
        "atzori_corona_2023": ("cevns", *_CSI_2021),
        "split": (
            *("sns_flux", *_QUENCHING_2021, "efficiency", "neutron_radius", "timing"),
            *_CSI_2021,
        ),
        "normalisations": ("sns_flux", "signal", *_CSI_2021),
        "backgrounds_only": _CSI_2021,
    },
    "coherent_lar_2020": {
        "lumped": ("cevns", *_ARGON),
        "split": (*_ARGON_SIGNAL, *_ARGON_SHAPES, *_ARGON),
        "normalisations": ("sns_flux", "signal", *_ARGON),
        "backgrounds_only": _ARGON,
    },
    "coherent_lar_2020_energy": {
        "lumped": ("cevns", *_NEUTRONS),
        "split": (*_ARGON_SIGNAL, *_NEUTRONS),
        "backgrounds_only": _NEUTRONS,
    },
    "dresden_ii": {"flux_fixed": (), "flux_5_percent": ("reactor_flux",)},
}
"""Data set -> preset of nuisances -> their names."""
SHARED = ("sns_flux",)
"""Nuisances of presets that several experiments share."""
LUMPED = ("cevns",)
"""Nuisances of presets that contain a shared one: they exclude it in another experiment."""
OVERLAPS = (
    ("coherent_csi_2017", "coherent_csi_2021"),
    ("coherent_lar_2020", "coherent_lar_2020_energy"),
)
"""Data sets that have events in common."""
BACKGROUNDS = {
    "dresden_ii": (
        *("l_height", "l_energy", "l_width", "m_ratio"),
        *("constant", "exponential", "exponential_slope"),
    )
}
"""Data set -> parameters of its backgrounds, where it has any."""
TARGETS = {
    "coherent_csi_2017": "CsI",
    "coherent_csi_2021": "CsI",
    "coherent_lar_2020": "Ar",
    "coherent_lar_2020_energy": "Ar",
    "dresden_ii": "Ge",
}
ISOTOPES = {
    "CsI": ("Cs133", "I127"),
    "Ar": ("Ar36", "Ar38", "Ar40"),
    "Ge": ("Ge70", "Ge72", "Ge73", "Ge74", "Ge76"),
}
ONE_RADIUS = ("Ar", "Ge")
"""Targets whose isotopes have one neutron radius unless each is to have its own."""


def pulls(experiment: str, preset: str) -> tuple[str, ...]:
    """Names of the pulls of a preset of nuisances."""
    names = PRESETS[experiment][preset]
    return own_pulls(experiment, ((name, name in SHARED) for name in names))


def own_pulls(experiment: str, nuisances: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    """Names of the pulls of nuisances, given as pairs of a name and whether it is shared."""
    return tuple(name if shared else f"{experiment}_{name}" for name, shared in nuisances)


def radii(experiment: str, common: bool) -> tuple[str, ...]:
    """Names of the neutron radii of a data set: one of all its isotopes, or one of each."""
    formula = TARGETS[experiment]
    return tuple(f"r_n_{name.lower()}" for name in ((formula,) if common else ISOTOPES[formula]))


def backgrounds(experiment: str) -> tuple[str, ...]:
    """Names of the parameters of the backgrounds of a data set."""
    return tuple(f"{experiment}_{name}" for name in BACKGROUNDS.get(experiment, ()))
