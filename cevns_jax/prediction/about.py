"""An experiment in words: title, citation, exposure, conventions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cevns_jax.nuclei import Target
from cevns_jax.prediction.nuisances import Nuisance


@dataclass(frozen=True, kw_only=True, eq=False)
class About:
    """An experiment in words.

    Nothing depends on these words. Any two compare as equal: they are a static part of an
    experiment, and other words, or numbers in them, must never make JAX compile again. The price is
    that a compiled function that returns an experiment returns the words of the first one that it
    was called with.

    Attributes:
        title: Name for people.
        citation: Publication of the data.
        exposure: The exposure.
        conventions: Choices that change numbers, name -> choice.
        counted: What the numbers in the bins are, e.g. events per day.
        as_released: Whether these are the counts and the exposure of a publication, so that its
            results belong beside those of a fit.
        notes: Sentences about what was given that a reader of a result must know.
    """

    title: str
    citation: str
    exposure: str
    conventions: dict[str, str]
    counted: str = "events"
    as_released: bool = False
    notes: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, About)

    def __hash__(self) -> int:
        return hash(About)


def conventions(
    flux: str, material: Target, nuisances: Sequence[Nuisance], **others: str
) -> dict[str, str]:
    """Choices that change numbers: flux, nuclei, nuisances, and those of the data set."""

    def radii(values: Sequence[float] | np.ndarray) -> str:
        return ", ".join(f"{s} {r:.4g}" for s, r in zip(material.symbols, values, strict=True))

    return {
        "flux": flux,
        "form factor": f"{material.form_factor}",
        "R_p [fm]": radii(material.properties[-1]),
        "R_n [fm]": radii(material.neutron_radius),
        **{key.replace("_", " "): text for key, text in others.items()},
        "nuisances": ", ".join(f"{n.name} {n.size} {n.form}{n.where}" for n in nuisances) or "none",
    }
