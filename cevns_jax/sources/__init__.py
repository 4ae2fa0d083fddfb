"""Neutrino sources and their flux moments."""

from cevns_jax.sources.line import LineSource, line_source
from cevns_jax.sources.oscillated import OscillatedSource, SterileOscillation, oscillated_source
from cevns_jax.sources.pion_decay import PionDecayAtRest, spallation_source
from cevns_jax.sources.reactor import ReactorSource, reactor_source
from cevns_jax.sources.source import Source
from cevns_jax.sources.tabulated import TabulatedSource, tabulated_source

__all__ = [
    "LineSource",
    "OscillatedSource",
    "PionDecayAtRest",
    "ReactorSource",
    "Source",
    "SterileOscillation",
    "TabulatedSource",
    "line_source",
    "oscillated_source",
    "reactor_source",
    "spallation_source",
    "tabulated_source",
]
