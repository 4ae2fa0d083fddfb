"""Recoil nodes: where a recoil spectrum is evaluated, and the weights that integrate it.

They are Gauss-Legendre nodes on panels in sqrt(T), which several sources, a heavy final lepton, or
recoils that no neutrino made can share. Panels of a single source end where its spectrum is not
smooth. Those of several sources would be too many; there a spectrum that jumps or bends inside a
panel is integrated on pieces of it, and only what multiplies the spectrum is a polynomial on the
panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.recoil.spectrum import maximum_recoil
from cevns_jax.sources.source import Array

# Distance between a bend and the end of a panel, relative to that end, which is rounding.
COINCIDENT = 1e-12


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


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Pieces:
    """Panels cut where a spectrum jumps or bends; build them with :func:`pieces_between`.

    The integral over a panel of f(T) g(T), f smooth on its pieces only and g smooth on all of it,
    is the sum over the panel's nodes of g times what :meth:`onto_nodes` makes of f.

    Attributes:
        recoil: Nodes T of the pieces [MeV], piece after piece, shape (I, m).
        weights: Their weights [MeV], shape (I, m).
        panel: Index of the panel in which each of them lies, shape (I, m).
        lagrange: Values there of the Lagrange polynomials of the panel's nodes, shape (I, m, nodes
            per panel).
    """

    recoil: np.ndarray
    weights: np.ndarray
    panel: np.ndarray
    lagrange: np.ndarray

    def onto_nodes(self, f: Array, panels: int) -> Array:
        """What counts of f at each node of the panels.

        Args:
            f: Values at the nodes of the pieces, shape (F, 3, I, m).
            panels: Number of panels.

        Returns:
            Shape (F, 3, I, nodes of all panels).
        """
        xp: Any = jnp if isinstance(f, jax.Array) else np
        shares = xp.asarray((f * self.weights)[..., None] * self.lagrange)
        isotopes, _, per_panel = self.lagrange.shape
        sums: Any = xp.zeros((*f.shape[:3], panels, per_panel))
        into: Any = (slice(None), slice(None), np.arange(isotopes)[:, None], self.panel)
        if xp is jnp:
            sums = sums.at[into].add(shares)
        else:
            np.add.at(sums, into, shares)
        return sums.reshape(*f.shape[:3], -1)

    def between_nodes(self, g: jax.Array) -> jax.Array:
        """The polynomials through values at the nodes of the panels, at the nodes of the pieces.

        Args:
            g: Values at the nodes, shape (I, n, B), or (1, n, B) if isotopes share them.

        Returns:
            Shape (I, m, B).
        """
        isotopes, _, per_panel = self.lagrange.shape
        rows = jnp.reshape(g, (g.shape[0], -1, per_panel, g.shape[-1]))
        every = jnp.broadcast_to(rows, (isotopes, *rows.shape[1:]))
        own = every[np.arange(isotopes)[:, None], self.panel]
        return jnp.einsum("imn,imnb->imb", self.lagrange, own)


def pieces_between(nodes: RecoilNodes, bends: np.ndarray) -> Pieces | None:
    """The panels of nodes cut at recoils where a spectrum jumps or bends.

    Args:
        nodes: Nodes on panels.
        bends: Recoils T [MeV], shape (I, any); those outside the panels do not matter.

    Returns:
        The pieces with as many nodes as a panel has on each, or ``None`` if none is needed.
    """
    panels = np.broadcast_to(nodes.panels, (len(bends), nodes.panels.shape[1]))
    cuts = np.clip(np.sqrt(bends), panels[:, :1], panels[:, -1:])
    near = np.abs(cuts[:, :, None] - panels[:, None, :]).min(axis=2)
    if (near <= COINCIDENT * panels[:, -1:]).all():
        return None
    ends = np.sort(np.concatenate([panels, cuts], axis=1), axis=1)
    number, most = nodes.per_panel, panels.shape[1] - 2
    x, w = np.polynomial.legendre.leggauss(number)
    width = np.diff(ends)[..., None]
    middle = (ends[:, 1:] + ends[:, :-1]) / 2
    root = middle[..., None] + width / 2 * x  # (I, pieces, number)
    panel = np.stack(
        [
            np.clip(np.searchsorted(row, at, side="right") - 1, 0, most)
            for row, at in zip(panels, middle, strict=True)
        ]
    )
    isotope = np.arange(len(panels))[:, None]
    left, right = panels[isotope, panel][..., None], panels[isotope, panel + 1][..., None]
    # Panels that one isotope does not need have no width, nor have their pieces.
    at = (2 * root - left - right) / np.where(right > left, right - left, 1.0)
    basis = np.polynomial.legendre.legvander(x, number - 1) * (np.arange(number) + 0.5)
    lagrange = np.polynomial.legendre.legvander(at, number - 1) @ (basis * w[:, None]).T
    return Pieces(
        recoil=(root**2).reshape(len(panels), -1),
        weights=(root * width * w).reshape(len(panels), -1),
        panel=np.repeat(panel, number, axis=1),
        lagrange=lagrange.reshape(len(panels), -1, number),
    )


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
