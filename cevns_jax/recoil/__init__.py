"""Recoils: nodes, spectrum and kernel, source x target x interaction -> dR/dT -> counts."""

from cevns_jax.recoil.kernel import RecoilKernel, kernel, kernel_on_nodes, pieces_of
from cevns_jax.recoil.nodes import Pieces, RecoilNodes, nodes_on_panels, panel_ends, pieces_between
from cevns_jax.recoil.spectrum import (
    Scatterer,
    differential_rate,
    maximum_recoil,
    minimum_energy,
    recoil_rate,
    recoil_window,
)

__all__ = [
    "Pieces",
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
    "pieces_between",
    "pieces_of",
    "recoil_rate",
    "recoil_window",
]
