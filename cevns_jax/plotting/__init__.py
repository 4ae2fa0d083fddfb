"""Figures of results, one function each."""

from cevns_jax.plotting.figures import profiles, save, spectra

__all__ = ["profiles", "save", "spectra"]
