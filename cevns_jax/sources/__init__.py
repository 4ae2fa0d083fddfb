"""Neutrino sources and their flux moments."""

from cevns_jax.sources.pion_decay import PionDecayAtRest, spallation_source
from cevns_jax.sources.reactor import reactor_source
from cevns_jax.sources.tabulated import TabulatedSource, tabulated_source

__all__ = [
    "PionDecayAtRest",
    "TabulatedSource",
    "reactor_source",
    "spallation_source",
    "tabulated_source",
]
