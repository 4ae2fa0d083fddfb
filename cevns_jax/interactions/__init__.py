"""Interactions, one file per physics idea."""

from cevns_jax.interactions.interaction import Interaction
from cevns_jax.interactions.standard_model import StandardModel, standard_model

__all__ = ["Interaction", "StandardModel", "standard_model"]
