"""Figures of posteriors, one function each."""

from cevns_jax.plotting.chains import runs, traces
from cevns_jax.plotting.compared import compared
from cevns_jax.plotting.corners import corner
from cevns_jax.plotting.predictive import predictive
from cevns_jax.plotting.ranks import ranks

__all__ = ["compared", "corner", "predictive", "ranks", "runs", "traces"]
