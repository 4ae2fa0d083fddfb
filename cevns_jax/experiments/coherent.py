"""What the COHERENT data sets share: the beam of the SNS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cevns_jax.experiments.exposure import Exposure, exposure_numbers
from cevns_jax.experiments.release import chosen
from cevns_jax.nuclei import Target
from cevns_jax.prediction.about import About, conventions
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.sources.pion_decay import PionDecayAtRest, spallation_source

# What the lumped pulls of the signal contain: a data set with one of them must not be combined with
# another at the SNS that has the flux as a pull of its own.
FLUX_PULL = ("sns_flux",)
FLUX = "analytic pion decay at rest, released arrival times"


def beam_exposure(
    where: str, measured: Mapping[str, Any], exposure: Exposure | None, scale: float = 1.0
) -> dict[str, float]:
    """Numbers of the exposure, its protons times a common factor.

    Args:
        where: Name of the data set, for messages.
        measured: Its published figures.
        exposure: Numbers in place of the published ones.
        scale: ``exposure_scale``.

    Raises:
        ConfigError: a number that the data set does not have, or beyond its domain.
    """
    numbers = exposure_numbers(where, measured["exposure"], exposure)
    chosen(where, {"exposure_scale": scale}, {})
    return {
        key: scale * value if key in ("protons_on_target", "beam_gwh") else value
        for key, value in numbers.items()
    }


def flux(numbers: Mapping[str, float]) -> PionDecayAtRest:
    """Neutrinos from the SNS at a detector.

    Args:
        numbers: ``distance_m``, ``protons_on_target`` and ``neutrinos_per_proton``.
    """
    return spallation_source(
        neutrinos_per_proton=numbers["neutrinos_per_proton"],
        protons_on_target=numbers["protons_on_target"],
        distance_m=numbers["distance_m"],
    )


def about(
    measured: Mapping[str, Any],
    numbers: Mapping[str, float],
    material: Target,
    nuisances: Sequence[Nuisance],
    *,
    formula: str,
    flux: str = FLUX,
    as_released: bool = True,
    **choices: str,
) -> About:
    """A data set in words.

    Args:
        measured: Its published figures.
        numbers: Its exposure, as of :func:`beam_exposure`.
        material: Its nuclei.
        nuisances: Its nuisances.
        formula: What the detector is made of.
        flux: The flux and what is assumed of arrival times.
        as_released: Whether nothing but the exposure may differ from what was published.
        **choices: Further choices that change numbers.
    """
    return About(
        title=measured["title"],
        citation=measured["citation"],
        exposure=_exposure_text(numbers, formula),
        conventions=conventions(flux, material, nuisances, **choices),
        as_released=as_released and numbers == beam_exposure("", measured, None),
    )


def _exposure_text(numbers: Mapping[str, float], formula: str) -> str:
    """The exposure in words."""
    return (
        f"{numbers['mass_kg']:g} kg {formula} at {numbers['distance_m']:g} m, "
        f"{numbers['protons_on_target']:.4g} protons on target, "
        f"{numbers['neutrinos_per_proton']:g} neutrinos per flavour and proton"
    )
