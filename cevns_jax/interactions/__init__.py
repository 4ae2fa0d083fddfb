"""Interactions, one file per physics idea."""

from cevns_jax.interactions.combined import Combined, with_new_physics
from cevns_jax.interactions.electromagnetic import DipolePortal, MagneticMoment
from cevns_jax.interactions.interaction import Coefficients, Interaction, NewPhysics
from cevns_jax.interactions.mediators import (
    Charges,
    light_axial_vector,
    light_pseudoscalar,
    light_scalar,
    light_tensor,
    light_vector,
)
from cevns_jax.interactions.nsi import NonStandardInteractions
from cevns_jax.interactions.standard_model import StandardModel, standard_model

__all__ = [
    "Charges",
    "Coefficients",
    "Combined",
    "DipolePortal",
    "Interaction",
    "MagneticMoment",
    "NewPhysics",
    "NonStandardInteractions",
    "StandardModel",
    "light_axial_vector",
    "light_pseudoscalar",
    "light_scalar",
    "light_tensor",
    "light_vector",
    "standard_model",
    "with_new_physics",
]
