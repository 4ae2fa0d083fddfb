"""The kernel: a source on a target, with the flux moments at the recoil nodes; it makes counts.

With a massless final neutrino E_min(T) depends on no parameter. So the moments at fixed nodes are
constants, unless the flux itself has parameters: they are computed once, in NumPy, and a prediction
is a weighted sum over the nodes. A heavy final lepton moves the ends of the recoil spectrum; see
``moving_ends.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Parameter, Values
from cevns_jax.recoil.moving_ends import heavy_counts
from cevns_jax.recoil.nodes import (
    Pieces,
    RecoilNodes,
    nodes_on_panels,
    panel_ends,
    pieces_between,
)
from cevns_jax.recoil.spectrum import Scatterer, maximum_recoil, minimum_energy, recoil_rate
from cevns_jax.sources.source import Source


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class RecoilKernel(Generic[Scatterer]):
    """A source on a target, integrated on fixed recoil nodes; build it with :func:`kernel`.

    Attributes:
        target: The mixture of I isotopes.
        source: The neutrino source, of F flavours.
        mass_kg: Mass of the target [kg].
        nodes: The recoil nodes.
        pieces: The panels of the nodes cut where the spectrum of the source jumps or bends inside
            them; ``None`` where it does so at their ends only. They are kept, as in compiled code,
            where energies have no values, they cannot be made.
        weighted_moments: Moments of the source times quadrature weight times detector mass, shape
            (F, 3, I, n); ``None`` if the source has parameters, on which they depend.
    """

    target: Scatterer
    source: Source
    mass_kg: float
    nodes: RecoilNodes
    pieces: Pieces | None = None
    weighted_moments: np.ndarray | jax.Array | None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of target and source."""
        return (*self.target.parameters, *self.source.parameters)

    @property
    def recoil(self) -> np.ndarray:
        """Recoil nodes T [MeV], shape (I, n), or (1, n) if the isotopes share them."""
        return self.nodes.recoil

    @property
    def minimum_energies(self) -> Any:
        """E_min [MeV] where moments of the source are asked for, shape (I, m): at the nodes of the
        pieces if there are some, else at the nodes."""
        recoil = self.recoil if self.pieces is None else self.pieces.recoil
        return minimum_energy(recoil, self.target.mass[:, None])

    def weighted(self, moments: Any) -> Any:
        """Moments at ``minimum_energies``, shape (F, 3, I, m), times weight and mass, at the nodes,
        shape (F, 3, I, n)."""
        if self.pieces is None:
            return moments * (self.nodes.weights * self.mass_kg)
        return self.pieces.onto_nodes(moments, self.nodes.panels.shape[1] - 1) * self.mass_kg

    def weighted_moments_at(self, values: Values) -> jax.Array:
        """``weighted_moments`` at values of the parameters of the source, shape (F, 3, I, n)."""
        if self.weighted_moments is not None:
            return jnp.asarray(self.weighted_moments)
        lowest = jnp.asarray(self.minimum_energies)
        return jnp.asarray(self.weighted(self.source.moments(lowest, values)))

    def precomputed(self, values: Values) -> RecoilKernel[Scatterer]:
        """The kernel with its moments evaluated, for when no parameter of the source varies."""
        return dataclasses.replace(self, weighted_moments=self.weighted_moments_at(values))

    def counts(
        self,
        interaction: Interaction,
        values: Values,
        response: jax.Array,
        radius_scale: jax.Array | float = 1.0,
        by_flavour: bool = True,
    ) -> jax.Array:
        """Expected counts per bin.

        Args:
            interaction: The cross section.
            values: Values of the parameters.
            response: Probability of each bin for a recoil at each node: shape of the nodes, then B.
            radius_scale: Factor on all neutron radii.
            by_flavour: Whether counts are told apart by flavour; their sum costs less.

        Returns:
            Counts by flavour, shape (F, B), or of all, shape (1, B).
        """
        events = recoil_rate(
            jnp.asarray(self.recoil),
            self.weighted_moments_at(values),
            self.target,
            interaction,
            self.source.flavours,
            values,
            radius_scale,
        )
        if not by_flavour:
            events = jnp.sum(events, axis=0, keepdims=True)
        if self.recoil.shape[0] == 1:  # nodes that isotopes share: one response for all of them
            events = jnp.sum(events, axis=1, keepdims=True)
        counts = jnp.einsum("fin,inb->fb", events, response)
        for parameter, term in interaction.heavy:
            heavy = self.mass_kg * heavy_counts(
                self.nodes,
                self.source,
                self.target,
                term,
                jnp.asarray(values[parameter]),
                values,
                response,
                radius_scale,
            )
            counts = counts + (heavy if by_flavour else jnp.sum(heavy, axis=0, keepdims=True))
        return counts


def kernel(
    source: Source,
    target: Scatterer,
    *,
    mass_kg: float,
    nodes: int = 48,
    splits: Sequence[float] | np.ndarray = (),
    recoil_min: float = 0.0,
    recoil_max: float = np.inf,
    common_nodes: bool = False,
) -> RecoilKernel[Scatterer]:
    """Recoil nodes and moments of a source on a target.

    Gauss-Legendre panels in sqrt(T), split where a spectrum of the source jumps, ends or bends:
    moments, form factors and kinematics are smooth there, down to T = 0.

    Args:
        source: Neutrino source.
        target: Isotope mixture.
        mass_kg: Mass of the target [kg].
        nodes: Nodes per panel. 48 integrate counts per bin to 1e-11 from sodium upwards, 32 are
            enough for germanium and heavier nuclei, where the response is as smooth as the
            spectrum and the final neutrino massless. A heavy lepton needs splits that follow the
            response down to its lowest recoils: the slope in its mass is wrong by per cents where
            a panel from T = 0 holds all of it.
        splits, recoil_min, recoil_max, common_nodes: As in
            :func:`cevns_jax.recoil.nodes.panel_ends`.
    """
    panels = panel_ends(
        (*source.edges, *source.bends),
        target.mass,
        splits=splits,
        recoil_min=recoil_min,
        recoil_max=recoil_max,
        common_nodes=common_nodes,
    )
    return kernel_on_nodes(source, target, nodes_on_panels(panels, nodes), mass_kg=mass_kg)


def kernel_on_nodes(
    source: Source, target: Scatterer, nodes: RecoilNodes, *, mass_kg: float
) -> RecoilKernel[Scatterer]:
    """A source on a target on given recoil nodes, whose panels may hold jumps and bends of it."""
    made = RecoilKernel(
        target=target,
        source=source,
        mass_kg=mass_kg,
        nodes=nodes,
        pieces=pieces_of(source, target, nodes),
        weighted_moments=None,
    )
    if source.parameters:
        return made
    moments = made.weighted(source.moments(made.minimum_energies))
    return dataclasses.replace(made, weighted_moments=moments)


def pieces_of(source: Source, target: Scatterer, nodes: RecoilNodes) -> Pieces | None:
    """Panels cut at the highest recoils from where a spectrum of a source jumps or bends."""
    bends = [maximum_recoil(energy, target.mass) for energy in (*source.edges, *source.bends)]
    return pieces_between(nodes, np.stack(bends, axis=1))
