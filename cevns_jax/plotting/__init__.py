"""Figures of results, one function each."""

from cevns_jax.plotting.curves import profiles
from cevns_jax.plotting.figures import save
from cevns_jax.plotting.limits import limits
from cevns_jax.plotting.posteriors import compared, corner, predictive, ranks, runs, traces
from cevns_jax.plotting.predictions import prediction
from cevns_jax.plotting.pulls import pulls
from cevns_jax.plotting.regions import scans
from cevns_jax.plotting.spectra import spectra

__all__ = [
    "compared",
    "corner",
    "limits",
    "prediction",
    "predictive",
    "profiles",
    "pulls",
    "ranks",
    "runs",
    "save",
    "scans",
    "spectra",
    "traces",
]
