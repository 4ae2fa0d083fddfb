"""The kernel: source x target x interaction -> recoil spectrum -> counts.

    dR/dT = sum_isotope N_isotope (hbar c)^2 sum_k a_k(T) M_k(E_min(T))

The moments M_k of the source do not depend on any parameter, so they are computed once, in NumPy,
on fixed recoil nodes; a prediction is a weighted sum over these nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import HBAR_C_MEV_CM
from cevns_jax.electrons import Electrons
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Values, static

Scatterer = TypeVar("Scatterer", bound=Target | Electrons)


class Source(Protocol):
    """A neutrino source as the kernel sees it."""

    @property
    def flavours(self) -> tuple[str, ...]:
        """Names of the flavours."""
        ...

    @property
    def edges(self) -> tuple[float, ...]:
        """Energies [MeV] where a spectrum is not smooth, the end point among them."""
        ...

    def moments(self, e_min: np.ndarray) -> np.ndarray:
        """M_k(e_min), shape (flavours, 3) + that of e_min."""
        ...


def minimum_energy(recoil: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Lowest neutrino energy [MeV] that gives a recoil T [MeV] to a nucleus of mass M [MeV]."""
    return (recoil + np.sqrt(recoil**2 + 2 * mass * recoil)) / 2


def maximum_recoil(energy: float, mass: np.ndarray) -> np.ndarray:
    """Highest recoil energy [MeV] from a neutrino of an energy [MeV]: 2 E^2/(M + 2 E)."""
    return 2 * energy**2 / (mass + 2 * energy)


def recoil_rate(
    recoil: jax.Array,
    moments: jax.Array,
    target: Target | Electrons,
    interaction: Interaction,
    flavours: tuple[str, ...],
    values: Values,
    radius_scale: jax.Array | float = 1.0,
) -> jax.Array:
    """Recoil spectrum per kg of target, dR/dT.

    Args:
        recoil: T [MeV], shape (I, ...), one row per isotope of the target, or (1, ...) for all.
        moments: M_k(E_min(T)) [MeV^-k/cm^2], shape (F, 3, I, ...).
        target: The isotope mixture, or the electrons.
        interaction: The cross section.
        flavours: Flavours of the source.
        values: Values of the parameters.
        radius_scale: Factor on all neutron radii.

    Returns:
        Recoils per MeV and kg by flavour and isotope, shape (F, I, ...).
    """
    recoil = jnp.broadcast_to(recoil, moments.shape[2:])
    number = jnp.reshape(target.nuclei_per_kg, (-1,) + (1,) * (recoil.ndim - 1))
    if isinstance(target, Electrons):
        number = number * target.effective_number(recoil)
        coefficients = [interaction.electron_coefficients(recoil, f, values) for f in flavours]
    else:
        nucleus = target.at(recoil, values, radius_scale)
        coefficients = [interaction.coefficients(recoil, nucleus, f, values) for f in flavours]
    # Written out, the three terms fuse with the coefficients; a sum over a stack of them costs four
    # times as much on a CPU.
    return jnp.stack(
        [
            HBAR_C_MEV_CM**2 * number * (a[0] * m[0] + a[1] * m[1] + a[2] * m[2])
            for a, m in zip(coefficients, moments, strict=True)
        ]
    )


def differential_rate(
    recoil: np.ndarray, source: Source, target: Target, interaction: Interaction, values: Values
) -> jax.Array:
    """dR/dT at given recoil energies, recoils per MeV and kg in the exposure of the source.

    Args:
        recoil: T [MeV], shape (n,), positive.
        source, target, interaction: What scatters on what, and how.
        values: Values of the parameters of the interaction.

    Returns:
        Shape (F, I, n): by flavour and isotope.
    """
    rows = np.broadcast_to(recoil, (len(target.symbols), len(recoil)))
    moments = source.moments(minimum_energy(rows, target.mass[:, None]))
    return recoil_rate(
        jnp.asarray(rows), jnp.asarray(moments), target, interaction, source.flavours, values
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class RecoilKernel(Generic[Scatterer]):
    """A source on a target, integrated on fixed recoil nodes; build it with :func:`kernel`.

    Attributes:
        flavours: The F flavours of the source.
        target: The mixture of I isotopes.
        recoil: Recoil nodes T [MeV], shape (I, n), or (1, n) if the isotopes share them.
        moments: Moments of the source times quadrature weight times detector mass, shape
            (F, 3, I, n).
    """

    flavours: tuple[str, ...] = static()
    target: Scatterer
    recoil: np.ndarray
    moments: np.ndarray

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
            by_flavour: Whether to tell the flavours apart; together they cost less.

        Returns:
            Counts by flavour, shape (F, B), or of all, shape (1, B).
        """
        events = recoil_rate(
            jnp.asarray(self.recoil),
            jnp.asarray(self.moments),
            self.target,
            interaction,
            self.flavours,
            values,
            radius_scale,
        )
        if not by_flavour:
            events = jnp.sum(events, axis=0, keepdims=True)
        if self.recoil.shape[0] == 1:
            events = jnp.sum(events, axis=1, keepdims=True)
        return jnp.einsum("fin,inb->fb", events, response)


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

    Gauss-Legendre panels in sqrt(T), split where a spectrum of the source ends: moments, form
    factors and kinematics are smooth there, down to T = 0.

    Args:
        source: Neutrino source.
        target: Isotope mixture.
        mass_kg: Mass of the target [kg].
        nodes: Nodes per panel. 48 integrate counts per bin to 1e-11 from sodium upwards, 32 are
            enough for germanium and heavier nuclei.
        splits: More recoil energies [MeV] to split at, e.g. where the response bends.
        recoil_min, recoil_max: Recoils outside [MeV] are left out.
        common_nodes: One set of nodes for all isotopes, split where the spectra end for any of
            them: less work where the response costs more than the spectrum.
    """
    highest = np.minimum(maximum_recoil(max(source.edges), target.mass), recoil_max)
    inner = [maximum_recoil(energy, target.mass) for energy in source.edges]
    inner += [np.full_like(highest, split) for split in splits if split > recoil_min]
    ends = np.clip(np.stack([np.full_like(highest, recoil_min), *inner]), recoil_min, highest)
    if common_nodes:
        ends = np.unique(ends)[:, None]
    edges = np.sqrt(np.sort(ends, axis=0))  # (panels + 1, I)
    x, w = np.polynomial.legendre.leggauss(nodes)
    half = (edges[1:] - edges[:-1])[..., None] / 2
    root = (edges[1:] + edges[:-1])[..., None] / 2 + half * x  # (panels, I, nodes)
    # (panels, I, nodes) -> (I, panels x nodes)
    recoil = np.concatenate(list(root**2), axis=-1)
    weights = np.concatenate(list(2 * root * half * w), axis=-1)
    moments = source.moments(minimum_energy(recoil, target.mass[:, None]))
    return RecoilKernel(
        flavours=source.flavours, target=target, recoil=recoil, moments=moments * weights * mass_kg
    )
