"""Neutrino sources and their flux moments."""

from cevns_jax.sources.pion_decay import PionDecayAtRest, spallation_source

__all__ = ["PionDecayAtRest", "spallation_source"]
