"""Priors as objects: what is known of a parameter before the data."""

from cevns_jax.priors.flat import Flat, LogUniform
from cevns_jax.priors.from_numpyro import FromNumPyro
from cevns_jax.priors.measured import Gaussian, LogNormal, TruncatedGaussian
from cevns_jax.priors.prior import Prior, width_of

__all__ = [
    "Flat",
    "FromNumPyro",
    "Gaussian",
    "LogNormal",
    "LogUniform",
    "Prior",
    "TruncatedGaussian",
    "width_of",
]
