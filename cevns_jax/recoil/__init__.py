"""Recoils: nodes, spectrum and kernel, source x target x interaction -> dR/dT -> counts."""

from cevns_jax.recoil.kernel import RecoilKernel, kernel, kernel_on_nodes
from cevns_jax.recoil.nodes import RecoilNodes, nodes_on_panels, panel_ends
from cevns_jax.recoil.spectrum import (
    Scatterer,
    differential_rate,
    maximum_recoil,
    minimum_energy,
    recoil_rate,
    recoil_window,
)

__all__ = [
    "RecoilKernel",
    "RecoilNodes",
    "Scatterer",
    "differential_rate",
    "kernel",
    "kernel_on_nodes",
    "maximum_recoil",
    "minimum_energy",
    "nodes_on_panels",
    "panel_ends",
    "recoil_rate",
    "recoil_window",
]
