"""Recoil nodes: where a recoil spectrum is evaluated, and the weights that integrate it.

They are Gauss-Legendre nodes on panels in sqrt(T). All that they take from a neutrino source are
the energies where its spectrum is not smooth, so that several sources, a heavy final lepton, or
recoils that no neutrino made can share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from cevns_jax.recoil.spectrum import maximum_recoil


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class RecoilNodes:
    """Nodes on panels; build them with :func:`nodes_on_panels`.

    The integral of f(T) over all panels is the sum of ``weights`` times f at ``recoil``.

    Attributes:
        panels: Ends of the P panels in sqrt(T) [MeV^(1/2)], ascending, shape (I, P + 1), one row
            per isotope, or (1, P + 1) if the isotopes share them.
        recoil: Nodes T [MeV], panel after panel, shape (I, n) or (1, n).
        weights: Weights [MeV], shape of the nodes.
    """

    panels: np.ndarray
    recoil: np.ndarray
    weights: np.ndarray

    @property
    def per_panel(self) -> int:
        """Number of nodes on each panel."""
        return self.recoil.shape[1] // (self.panels.shape[1] - 1)


def nodes_on_panels(panels: np.ndarray, number: int) -> RecoilNodes:
    """Gauss-Legendre nodes on panels.

    Args:
        panels: Ends in sqrt(T) [MeV^(1/2)], as :func:`panel_ends` returns them.
        number: Nodes on each.
    """
    x, w = np.polynomial.legendre.leggauss(number)
    half = np.diff(panels)[..., None] / 2
    root = (panels[:, 1:] + panels[:, :-1])[..., None] / 2 + half * x  # (I, P, number)
    # In sqrt(T) moments, form factors and E_min are smooth down to T = 0: dT = 2 sqrt(T) dsqrt(T).
    return RecoilNodes(
        panels=panels,
        recoil=(root**2).reshape(len(panels), -1),
        weights=(2 * root * half * w).reshape(len(panels), -1),
    )


def panel_ends(
    edges: Sequence[float],
    mass: np.ndarray,
    *,
    splits: Sequence[float] | np.ndarray = (),
    recoil_min: float = 0.0,
    recoil_max: float = np.inf,
    common_nodes: bool = False,
) -> np.ndarray:
    """Ends of panels in sqrt(T) between which a recoil spectrum is smooth.

    Args:
        edges: Neutrino energies [MeV] where a spectrum jumps, ends or bends. At the highest recoil
            that each of them gives dR/dT is not smooth; the highest of these ends the last panel.
        mass: M of the nuclei [MeV], shape (I,).
        splits: More recoil energies [MeV] to split at, e.g. where the response bends.
        recoil_min, recoil_max: Recoils outside [MeV] are left out.
        common_nodes: Whether all isotopes share one set of panels, split wherever the spectrum of
            any of them bends: less work if the response costs more than the spectrum.

    Returns:
        Ends [MeV^(1/2)], ascending, shape (I, P + 1), or (1, P + 1) if they are common.
    """
    highest = np.minimum(maximum_recoil(max(edges), mass), recoil_max)
    inner = [maximum_recoil(energy, mass) for energy in edges]
    inner += [np.full_like(highest, split) for split in splits if split > recoil_min]
    ends = np.clip(np.stack([np.full_like(highest, recoil_min), *inner]), recoil_min, highest)
    ends = np.unique(ends)[None, :] if common_nodes else np.sort(ends, axis=0).T
    # A split beyond the highest recoil of one isotope leaves it a panel of no width: rows of an
    # array are equally long. A panel that has no width for any isotope is dropped.
    wide = (np.diff(ends, axis=1) > 0).any(axis=0)
    return np.sqrt(ends[:, np.append(True, wide)])
