"""Parameters in words, as figures with many of them name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cevns_jax.plotting.stack import LABELS, STYLE
from cevns_jax.plotting.text import drawable

if TYPE_CHECKING:
    from cevns_jax.results.result import Result

NEUTRONS = LABELS["brn"]
WORDS = {
    **{name: title for name, (title, *_) in STYLE.items()},
    **LABELS,
    "signal": "signal normalisation",
    "sns_flux": "neutrino flux of the SNS",
    "reactor_flux": "neutrino flux of the reactor",
    "quenching": "quenching factor",
    "quenching_0": "quenching factor, mode 0",
    "quenching_1": "quenching factor, mode 1",
    "quenching_a": "quenching factor, $a$",
    "quenching_b": "quenching factor, $b$",
    "timing": "arrival time",
    "mass": "detector mass",
    "f90": "F90",
    "brn_energy": f"{NEUTRONS}, energy",
    "brn_time": f"{NEUTRONS}, time",
    "brn_time_width": f"{NEUTRONS}, spread in time",
    "l_height": "L line, height",
    "l_energy": "L line, energy",
    "l_width": "L line, width",
    "m_ratio": "M line, intensity",
    "constant": "background, constant",
    "exponential": "background, exponential",
    "exponential_slope": "background, slope",
}  # of nuisances and of parameters of backgrounds, without the names of experiments


def in_words(result: Result, names: Sequence[str], physics: Sequence[str]) -> dict[str, str]:
    """Parameters by their symbols, or in words if they have none; with their experiment if there
    are several.

    Args:
        result: What has them.
        names: All that are named.
        physics: Those that are no nuisances.
    """
    labels = result.attributes["labels"]
    experiments = result.attributes.get("experiments") or list(result.groups)
    found = {}
    for name in names:
        label, spaced = labels.get(name) or "", name.replace("_", " ")
        owners = [e for e in experiments if name.startswith(f"{e}_")]
        owner = max(owners, key=len, default="")
        own = name.removeprefix(f"{owner}_")
        if label and (name in physics or label != spaced):
            text = drawable(label)
        else:
            text = WORDS.get(own) or drawable(own.replace("_", " "))
        found[name] = text + (f" ({drawable(owner)})" if owner and len(experiments) > 1 else "")
    return found
