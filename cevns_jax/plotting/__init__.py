"""Figures of results, one function each."""

from cevns_jax.plotting.figures import profiles, save, spectra
from cevns_jax.plotting.regions import scans

__all__ = ["profiles", "save", "scans", "spectra"]
