"""Counts with a heavy final lepton, whose mass moves both ends of the recoil spectrum.

A neutrino of energy E makes a lepton of mass m only with recoils between T- and T+. A mask on fixed
nodes would lose the motion of these ends: gradients come out 5 to 13 times too small, whatever the
number of nodes. So panels inside the window are integrated on the fixed nodes, and the two that its
ends cut on nodes that move with the ends.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.interactions.interaction import CrossSection
from cevns_jax.parameters import Values
from cevns_jax.recoil.nodes import RecoilNodes
from cevns_jax.recoil.spectrum import Scatterer, minimum_energy, recoil_rate, recoil_window
from cevns_jax.sources.source import Source

EVERY = slice(None)  # all flavours


class HeavyRate(Protocol):
    """dR/dT per kg of some flavours, recoils (I, ...) -> (flavours, I, ...)."""

    def __call__(self, recoil: jax.Array, flavours: slice = EVERY) -> jax.Array: ...


class Window(NamedTuple):
    """The recoils that neutrinos at the end point of each flavour allow.

    Attributes:
        low, high: sqrt(T-) and sqrt(T+) [MeV^(1/2)], clipped to the range of the panels, shape
            (F, I). Where the lepton is too heavy to be made both are the upper end of the last
            panel.
        first, last: Indices of the panels that hold them, shape (F, I).
    """

    low: jax.Array
    high: jax.Array
    first: jax.Array
    last: jax.Array


def heavy_counts(
    nodes: RecoilNodes,
    source: Source,
    target: Scatterer,
    term: CrossSection,
    heavy: jax.Array,
    values: Values,
    response: jax.Array,
    radius_scale: jax.Array | float,
) -> jax.Array:
    """Counts per kg by flavour with a heavy final lepton.

    Args:
        nodes: Recoil nodes.
        source, target, term: What scatters on what, and how.
        heavy: Mass m of the lepton [MeV].
        values: Values of the parameters.
        response: Probability of each bin at each node, shape (I, n, B) or (1, n, B).
        radius_scale: Factor on all neutron radii.

    Returns:
        Shape (F, B).
    """
    mass = jnp.asarray(target.mass)

    def rate(recoil: jax.Array, flavours: slice = EVERY) -> jax.Array:
        nucleus = mass.reshape((-1,) + (1,) * (recoil.ndim - 1))
        # Exact: the massless E_min times 1 + m^2/(2 M T).
        lowest = minimum_energy(recoil, nucleus) * (1 + heavy**2 / (2 * nucleus * recoil))
        moments = source.moments(lowest, values)[flavours]
        names = source.flavours[flavours]
        return recoil_rate(recoil, moments, target, term, names, values, radius_scale)

    isotopes = len(target.mass)
    panels = jnp.broadcast_to(nodes.panels, (isotopes, nodes.panels.shape[1]))
    window = _window(source, mass, heavy, panels)
    return _whole_panels(nodes, rate, window, response, isotopes) + _cut_panels(
        nodes, rate, window, panels, response
    )


def _window(source: Source, mass: jax.Array, heavy: jax.Array, panels: jax.Array) -> Window:
    """The window by flavour and isotope; ``panels`` of shape (I, P + 1)."""
    ends = jnp.stack([jnp.asarray(end) for end in source.end_points])[:, None]
    closed = panels[:, -1]
    low, high = (
        jnp.clip(root, panels[:, 0], closed) for root in recoil_window(ends, mass, heavy, closed)
    )
    most = panels.shape[1] - 2
    first = jnp.clip(jnp.sum(panels[:, 1:] <= low[..., None], axis=-1), 0, most)
    last = jnp.clip(jnp.sum(panels[:, 1:] < high[..., None], axis=-1), first, most)
    return Window(low, high, first, last)


def _whole_panels(
    nodes: RecoilNodes, rate: HeavyRate, window: Window, response: jax.Array, isotopes: int
) -> jax.Array:
    """Counts from the panels that lie inside the window, on the fixed nodes, shape (F, B)."""
    recoil = jnp.broadcast_to(nodes.recoil, (isotopes, nodes.recoil.shape[1]))
    panel = np.repeat(np.arange(nodes.panels.shape[1] - 1), nodes.per_panel)
    inside = (panel > window.first[..., None]) & (panel < window.last[..., None])
    events = jnp.where(inside, rate(recoil) * nodes.weights, 0.0)
    if len(response) == 1:  # one response for all isotopes: their events first
        events = jnp.sum(events, axis=1, keepdims=True)
    return jnp.einsum("fin,inb->fb", events, response)


def _cut_panels(
    nodes: RecoilNodes,
    rate: HeavyRate,
    window: Window,
    panels: jax.Array,
    response: jax.Array,
) -> jax.Array:
    """Counts from the two panels that the ends of the window cut, shape (F, B).

    Only the spectrum is evaluated on the moved nodes. The response is not asked for there, which
    would cost as much as all of it: it is the polynomial through its values on the fixed nodes.
    """
    x, w = np.polynomial.legendre.leggauss(nodes.per_panel)
    isotope = np.arange(len(panels))
    # Two parts: from the lower end of the window to the end of its panel, and from the beginning of
    # the panel of the upper end to that end. If both ends lie in one panel the second is empty.
    last_begins = panels[isotope, window.last]
    upper_begins = jnp.where(window.last > window.first, last_begins, window.high)
    lower_ends = jnp.minimum(window.high, panels[isotope, window.first + 1])
    cut, begin, finish = (
        jnp.stack(pair, axis=-1)[..., None]
        for pair in (
            (window.first, window.last),
            (window.low, upper_begins),
            (lower_ends, window.high),
        )
    )  # (F, I, 2, 1)
    half = (finish - begin) / 2
    root = (finish + begin) / 2 + half * x  # sqrt(T) of the moved nodes, (F, I, 2, nodes)
    by_flavour = [rate(root[f] ** 2, slice(f, f + 1))[0] for f in range(len(root))]
    events = jnp.stack(by_flavour) * 2 * root * half * w
    left, right = panels[isotope[:, None, None], cut], panels[isotope[:, None, None], cut + 1]
    # Panels that one isotope does not need have no width, and no events.
    width = jnp.where(right > left, right - left, 1.0)
    on_nodes = _onto_nodes(events, (2 * root - left - right) / width, x, w)
    rows = response.reshape(response.shape[0], -1, nodes.per_panel, response.shape[-1])
    rows = jnp.broadcast_to(rows, (len(panels), *rows.shape[1:]))
    return jnp.einsum("ficn,ficnb->fb", on_nodes, rows[isotope[:, None], cut[..., 0]])


def _onto_nodes(events: jax.Array, at: jax.Array, x: np.ndarray, w: np.ndarray) -> jax.Array:
    """Cut-cell weights: how much each fixed node counts in a panel that is cut.

    Events at points of the panel, times the polynomial through a function's values on the nodes,
    add up to these weights times the values. The Lagrange polynomials are expanded in Legendre's,
    whose recursion is stable where products of differences are not.

    Args:
        events: Events at the points, shape (..., n).
        at: The points, in units in which the panel reaches from -1 to 1, shape (..., n).
        x, w: Gauss-Legendre nodes and weights, shape (n,).

    Returns:
        Weights of the nodes, shape (..., n).
    """
    degrees = np.arange(len(x))
    basis = np.polynomial.legendre.legvander(x, len(x) - 1) * (degrees + 0.5) * w[:, None]

    def step(
        pair: tuple[jax.Array, jax.Array], k: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        last, this = pair
        following = ((2 * k + 1) * at * this - k * last) / (k + 1)
        return (this, following), jnp.sum(events * this, axis=-1)

    # A scan, not a loop written out: that takes seconds to compile for 48 nodes.
    start = jnp.zeros_like(at), jnp.ones_like(at)
    projected = jax.lax.scan(step, start, jnp.asarray(degrees, at.dtype))[1]
    return jnp.einsum("k...,nk->...n", projected, basis)
