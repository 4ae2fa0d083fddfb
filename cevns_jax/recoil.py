"""The kernel: source x target x interaction -> recoil spectrum -> counts.

    dR/dT = sum_isotope N_isotope (hbar c)^2 sum_k a_k(T) M_k(E_min(T))

With a massless final neutrino the moments M_k of the source do not depend on any parameter, so they
are computed once, in NumPy, on fixed recoil nodes; a prediction is a weighted sum over these nodes.
A heavy final lepton moves the ends of the recoil spectrum: its nodes move with them, and only the
response is interpolated between the fixed ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import HBAR_C_MEV_CM
from cevns_jax.electrons import Electrons
from cevns_jax.interactions.interaction import CrossSection, Interaction
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Values
from cevns_jax.pytree import static

Array = TypeVar("Array", np.ndarray, jax.Array)
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

    @property
    def end_points(self) -> tuple[float | jax.Array, ...]:
        """Highest energy [MeV] of each flavour."""
        ...

    def moments(self, e_min: Array) -> Array:
        """M_k(e_min), shape (flavours, 3) + that of e_min."""
        ...


def minimum_energy(recoil: Array, mass: Array) -> Array:
    """Lowest neutrino energy [MeV] that gives a recoil T [MeV] to a nucleus of mass M [MeV]."""
    return (recoil + (recoil**2 + 2 * mass * recoil) ** 0.5) / 2


def maximum_recoil(energy: float, mass: np.ndarray) -> np.ndarray:
    """Highest recoil energy [MeV] from a neutrino of an energy [MeV]: 2 E^2/(M + 2 E)."""
    return 2 * energy**2 / (mass + 2 * energy)


def recoil_window(
    energy: float | jax.Array, mass: jax.Array, heavy: jax.Array, closed: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Square roots of the lowest and highest recoil [MeV^(1/2)] with a heavy final lepton.

    T+ = [2 M E^2 - m^2 (E + M) + E sqrt((2 M E - m^2)^2 - 4 M^2 m^2)]/(2 M (M + 2 E)) and T- = m^4/
    (4 M (M + 2 E) T+), exact.

    Args:
        energy: E of the neutrino [MeV].
        mass: M of the nuclei [MeV], shape (I,).
        heavy: m of the lepton [MeV].
        closed: What both are where E is below the threshold, shape (I,).
    """
    root = 2 * mass * energy - heavy**2
    open_ = root > 2 * mass * heavy
    discriminant = jnp.where(open_, root**2 - (2 * mass * heavy) ** 2, 1.0)
    sum_ = 2 * mass * energy**2 - heavy**2 * (energy + mass) + energy * jnp.sqrt(discriminant)
    high = jnp.sqrt(jnp.where(open_, sum_, 1.0) / (2 * mass * (mass + 2 * energy)))
    low = heavy**2 / jnp.sqrt(4 * mass * (mass + 2 * energy)) / high
    return jnp.where(open_, low, closed), jnp.where(open_, high, closed)


def recoil_rate(
    recoil: jax.Array,
    moments: jax.Array,
    target: Target | Electrons,
    interaction: CrossSection,
    flavours: tuple[str, ...],
    values: Values,
    radius_scale: jax.Array | float = 1.0,
) -> jax.Array:
    """Recoil spectrum per kg of target, dR/dT.

    Args:
        recoil: T [MeV], shape (I, ...), one row per isotope of the target, or (1, ...) for all.
        moments: M_k(E_min(T)) [MeV^-k/cm^2], shape (F, 3, I, ...).
        target: The isotope mixture, or the electrons.
        interaction: The cross section, of one kind of final state.
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
    # Three terms written out fuse with the coefficients; a sum over a stack of them costs four
    # times as much on a CPU.
    return jnp.stack(
        [
            HBAR_C_MEV_CM**2 * number * (a[0] * m[0] + a[1] * m[1] + a[2] * m[2])
            for a, m in zip(coefficients, moments, strict=True)
        ]
    )


def differential_rate(
    recoil: Array,
    source: Source,
    target: Target,
    interaction: Interaction,
    values: Values,
    radius_scale: jax.Array | float = 1.0,
) -> jax.Array:
    """dR/dT at given recoil energies, recoils per MeV and kg in the exposure of the source.

    Args:
        recoil: T [MeV], shape (n,), positive.
        source, target, interaction: What scatters on what, and how.
        values: Values of the parameters of interaction and target.
        radius_scale: Factor on all neutron radii.

    Returns:
        Shape (F, I, n): by flavour and isotope.
    """
    xp: Any = jnp if isinstance(recoil, jax.Array) else np
    rows = xp.broadcast_to(recoil, (len(target.symbols), len(recoil)))
    mass = target.mass[:, None]
    lowest = minimum_energy(rows, mass)
    states: list[tuple[Any, CrossSection]] = [(1.0, interaction)]
    for name, term in interaction.heavy:
        states.append((1 + jnp.asarray(values[name]) ** 2 / (2 * mass * rows), term))
    total: Any = 0.0
    for factor, term in states:
        seen = jnp.asarray(rows), jnp.asarray(source.moments(lowest * factor))
        total += recoil_rate(*seen, target, term, source.flavours, values, radius_scale)
    return total


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class RecoilKernel(Generic[Scatterer]):
    """A source on a target, integrated on fixed recoil nodes; build it with :func:`kernel`.

    Attributes:
        flavours: The F flavours of the source.
        target: The mixture of I isotopes.
        source: The neutrino source.
        mass_kg: Mass of the target [kg].
        panels: Ends of the P panels of nodes in sqrt(T) [MeV^(1/2)], shape (I, P + 1) or
            (1, P + 1).
        recoil: Recoil nodes T [MeV], shape (I, n), or (1, n) if the isotopes share them.
        moments: Moments of the source times quadrature weight times detector mass, shape
            (F, 3, I, n).
    """

    flavours: tuple[str, ...] = static()
    target: Scatterer
    source: Source
    mass_kg: float
    panels: np.ndarray
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
        counts = jnp.einsum("fin,inb->fb", events, response)
        for parameter, term in interaction.heavy:
            heavy = self._heavy_counts(term, parameter, values, response, radius_scale)
            counts = counts + (heavy if by_flavour else jnp.sum(heavy, axis=0, keepdims=True))
        return counts

    def _heavy_counts(
        self,
        term: CrossSection,
        parameter: str,
        values: Values,
        response: jax.Array,
        radius_scale: jax.Array | float,
    ) -> jax.Array:
        """Counts by flavour with a heavy final lepton, shape (F, B).

        Panels that the window of recoils holds are integrated on their nodes. The two that its
        ends cut are integrated on nodes moved into the part that is allowed, with the polynomial
        through the response at the fixed ones: the ends are in value and gradient.
        """
        heavy = jnp.asarray(values[parameter])
        mass = jnp.asarray(self.target.mass)
        isotope = np.arange(len(mass))
        edges = jnp.broadcast_to(self.panels, (len(mass), self.panels.shape[1]))
        number = edges.shape[1] - 1
        n = self.recoil.shape[1] // number
        x, w = np.polynomial.legendre.leggauss(n)
        fixed = jnp.broadcast_to(self.recoil, (len(mass), self.recoil.shape[1]))
        weights = jnp.sqrt(fixed) * jnp.repeat(jnp.diff(edges), n, axis=1) * np.tile(w, number)
        rows = response.reshape(response.shape[0], number, n, -1)
        rows = jnp.broadcast_to(rows, (len(mass), *rows.shape[1:]))

        def events(place: int, recoil: jax.Array) -> jax.Array:
            """Recoils per MeV of one flavour, shape of the recoils (I, ...)."""
            of = mass.reshape((-1,) + (1,) * (recoil.ndim - 1))
            e_min = minimum_energy(recoil, of) * (1 + heavy**2 / (2 * of * recoil))
            moments = self.source.moments(e_min)[place : place + 1]
            flavour = self.flavours[place : place + 1]
            spectrum = recoil_rate(
                recoil, moments, self.target, term, flavour, values, radius_scale
            )
            return self.mass_kg * spectrum[0]

        # Windows, and the panels that their ends cut, by flavour and isotope.
        ends = jnp.stack([jnp.asarray(end) for end in self.source.end_points])[:, None]
        low, high = (
            jnp.clip(u, edges[:, 0], edges[:, -1])
            for u in recoil_window(ends, mass, heavy, edges[:, -1])
        )
        first = jnp.clip(jnp.sum(edges[:, 1:] <= low[..., None], axis=-1), 0, number - 1)
        last = jnp.clip(jnp.sum(edges[:, 1:] < high[..., None], axis=-1), first, number - 1)
        panel = np.repeat(np.arange(number), n)
        inside = (panel > first[..., None]) & (panel < last[..., None])
        places = range(len(self.flavours))
        whole = jnp.stack([events(place, fixed) for place in places])
        whole = jnp.where(inside, whole * weights, 0.0)
        if len(response) == 1:
            whole = jnp.sum(whole, axis=1, keepdims=True)
        counts = jnp.einsum("fin,inb->fb", whole, response)

        start = jnp.where(last > first, edges[isotope, last], high)
        finish = jnp.minimum(high, edges[isotope, first + 1])
        cut, begin, finish = (
            jnp.stack(pair, axis=-1)[..., None]
            for pair in ((first, last), (low, start), (finish, high))
        )  # (F, I, 2, 1)
        half = (finish - begin) / 2
        root = (finish + begin) / 2 + half * x
        moved = jnp.stack([events(place, root[place] ** 2) for place in places])
        left, right = edges[isotope[:, None, None], cut], edges[isotope[:, None, None], cut + 1]
        width = jnp.where(right > left, right - left, 1.0)
        at = (2 * root - left - right) / width
        on_nodes = _onto_nodes(moved * 2 * root * half * w, at, x, w)
        return counts + jnp.einsum("ficn,ficnb->fb", on_nodes, rows[isotope[:, None], cut[..., 0]])


def _onto_nodes(events: jax.Array, at: jax.Array, x: np.ndarray, w: np.ndarray) -> jax.Array:
    """Weights of the Gauss-Legendre nodes x with which a polynomial through its values there
    adds up as with weights ``events`` at the points ``at``, shape (..., n)."""
    degrees = np.arange(len(x))
    basis = np.polynomial.legendre.legvander(x, len(x) - 1) * (degrees + 0.5) * w[:, None]

    def step(
        pair: tuple[jax.Array, jax.Array], k: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        last, this = pair
        following = ((2 * k + 1) * at * this - k * last) / (k + 1)
        return (this, following), jnp.sum(events * this, axis=-1)

    start = jnp.zeros_like(at), jnp.ones_like(at)
    projected = jax.lax.scan(step, start, jnp.asarray(degrees, at.dtype))[1]
    return jnp.einsum("k...,nk->...n", projected, basis)


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
            enough for germanium and heavier nuclei, where the response is as smooth as the
            spectrum and the final neutrino massless. A heavy lepton needs splits that follow the
            response down to its lowest recoils: the slope in its mass is wrong by per cents where
            a panel from T = 0 holds all of it.
        splits, recoil_min, recoil_max, common_nodes: As in :func:`panel_ends`.
    """
    panels = panel_ends(
        source,
        target,
        splits=splits,
        recoil_min=recoil_min,
        recoil_max=recoil_max,
        common_nodes=common_nodes,
    )
    return kernel_on_panels(source, target, panels, mass_kg=mass_kg, nodes=nodes)


def panel_ends(
    source: Source,
    target: Scatterer,
    *,
    splits: Sequence[float] | np.ndarray = (),
    recoil_min: float = 0.0,
    recoil_max: float = np.inf,
    common_nodes: bool = False,
) -> np.ndarray:
    """Ends of panels in sqrt(T) between which a recoil spectrum is smooth.

    Args:
        source: Neutrino source.
        target: Isotope mixture.
        splits: More recoil energies [MeV] to split at, e.g. where the response bends.
        recoil_min, recoil_max: Recoils outside [MeV] are left out.
        common_nodes: One set of panels for all isotopes, split where the spectra bend for any of
            them: less work where the response costs more than the spectrum.

    Returns:
        Ends [MeV^(1/2)], ascending, shape (I, P + 1), or (1, P + 1) if they are common.
    """
    highest = np.minimum(maximum_recoil(max(source.edges), target.mass), recoil_max)
    inner = [maximum_recoil(energy, target.mass) for energy in source.edges]
    inner += [np.full_like(highest, split) for split in splits if split > recoil_min]
    ends = np.clip(np.stack([np.full_like(highest, recoil_min), *inner]), recoil_min, highest)
    ends = np.unique(ends)[None, :] if common_nodes else np.sort(ends, axis=0).T
    wide = (np.diff(ends, axis=1) > 0).any(axis=0)
    return np.sqrt(ends[:, np.append(True, wide)])


def kernel_on_panels(
    source: Source, target: Scatterer, panels: np.ndarray, *, mass_kg: float, nodes: int
) -> RecoilKernel[Scatterer]:
    """Recoil nodes and moments on given panels, as :func:`panel_ends` returns them."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(panels)[..., None] / 2
    root = (panels[:, 1:] + panels[:, :-1])[..., None] / 2 + half * x  # (I, P, nodes)
    recoil = (root**2).reshape(len(panels), -1)
    weights = (2 * root * half * w).reshape(len(panels), -1)
    moments = source.moments(minimum_energy(recoil, target.mass[:, None]))
    return RecoilKernel(
        flavours=source.flavours,
        target=target,
        source=source,
        mass_kg=mass_kg,
        panels=panels,
        recoil=recoil,
        moments=moments * weights * mass_kg,
    )
