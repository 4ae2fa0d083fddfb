"""Exposure of a data set: its published numbers, some of which a user may replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from cevns_jax.errors import ConfigError, shown, unknown
from cevns_jax.experiments.release import chosen


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Numbers that replace the published ones of an exposure; ``None`` keeps the published one.

    They change the events of neutrinos and nothing else: backgrounds were measured with the
    published exposure and stay. A data set at the SNS has the first four numbers, one at a reactor
    has the mass and the flux; giving a number that it does not have is an error.

    Attributes:
        mass_kg: Mass of the detector [kg].
        distance_m: Distance from the target of the SNS [m].
        protons_on_target: Protons on that target.
        neutrinos_per_proton: Neutrinos of each flavour per proton.
        flux_per_cm2_s: Total flux of antineutrinos at the detector [1/(cm^2 s)].
    """

    mass_kg: float | None = None
    distance_m: float | None = None
    protons_on_target: float | None = None
    neutrinos_per_proton: float | None = None
    flux_per_cm2_s: float | None = None


def exposure_numbers(
    where: str, published: Mapping[str, float], exposure: Exposure | None
) -> dict[str, float]:
    """The published numbers of an exposure, those that were given replaced.

    Args:
        where: Name of the data set, for messages.
        published: Its published numbers.
        exposure: The numbers that were given; ``None`` if none were.

    Raises:
        ConfigError: a number that the data set does not have, or beyond its domain.
    """
    if exposure is None:
        exposure = Exposure()
    if not isinstance(exposure, Exposure):
        raise ConfigError(
            f"{where}: exposure must be a cj.experiments.Exposure, not {shown(exposure)}"
        )
    fields = asdict(exposure)
    given = {name: value for name, value in fields.items() if value is not None}
    known = [name for name in fields if name in published]
    for name in given:
        if name not in known:
            raise unknown(where, "number in the exposure", name, known)
    return chosen(where, published, given)
