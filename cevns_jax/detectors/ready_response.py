"""Ready-made responses: a matrix on given recoil nodes, or a table of mono-energetic recoils."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.table import LinearTable, check_edges
from cevns_jax.domains import COLUMNS, ROUNDING
from cevns_jax.errors import ConfigError
from cevns_jax.parameters import Values
from cevns_jax.pytree import static

BELOW = " (the highest recoil is that of the source; recoil_min_kev sets the lowest that is seen)"


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class FixedResponse:
    """Response that nothing moves.

    Attributes:
        matrix: Probability of each bin at each recoil node, shape (I, n, B).
    """

    matrix: np.ndarray | jax.Array

    parameters = ()
    effects = ()

    def __call__(
        self, recoil: jax.Array, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """The matrix. The recoils are not looked at: they must be the nodes it was made for."""
        return jnp.asarray(self.matrix)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class TabulatedResponse:
    """Detected fractions of mono-energetic recoils, linear between them.

    Efficiency, quenching and resolution are all in the table. Build it with
    :func:`tabulated_response`.

    Attributes:
        names: Names of the reconstructed quantities, units included.
        edges: Bin edges of each.
        recoil: Recoil energies T [keV], ascending, shape (R,).
        probability: Probability of each bin, shape (R, B), bins of all quantities flattened.
    """

    names: tuple[str, ...] = static()
    edges: tuple[np.ndarray, ...]
    recoil: np.ndarray
    probability: np.ndarray

    parameters = ()
    effects = ()
    followed = True

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Bin edges of each reconstructed quantity."""
        return dict(zip(self.names, self.edges, strict=True))

    @property
    def conventions(self) -> dict[str, str]:
        """The choices in words."""
        return {"response": f"table of {len(self.recoil)} recoil energies"}

    def __call__(
        self, recoil: jax.Array, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Probability of each bin at recoils T [MeV], shape (..., B)."""
        t = jnp.asarray(recoil) * 1e3
        x, table = jnp.asarray(self.recoil), jnp.asarray(self.probability)
        right = jnp.clip(jnp.searchsorted(x, t, side="right"), 1, x.size - 1)
        share = jnp.clip((t - x[right - 1]) / (x[right] - x[right - 1]), 0.0, 1.0)[..., None]
        return (1 - share) * table[right - 1] + share * table[right]

    def splits(self, lowest: float, highest: float, *, movable: bool = False) -> np.ndarray:
        """Recoil energies [MeV] where the response bends: the rows of the table.

        Args:
            lowest, highest: Range of the recoils [MeV].
            movable: As of other responses; not used, since nothing moves a table.

        Raises:
            ConfigError: the table does not reach over all recoils.
        """
        # The check of a table of one column serves: any probability shows whether rows are in eV.
        largest = np.asarray(self.probability).max(axis=1)
        table = LinearTable(np.asarray(self.recoil), largest, "response")
        table.require(lowest * 1e3, highest * 1e3, BELOW)
        return np.asarray(self.recoil) * 1e-3


def tabulated_response(
    axes: Mapping[str, np.ndarray], recoil_kev: np.ndarray, probability: np.ndarray
) -> TabulatedResponse:
    """A response given as a matrix, or as a tensor if several quantities are reconstructed.

    Args:
        axes: Bin edges of each reconstructed quantity, by name (unit included).
        recoil_kev: Energies of mono-energetic recoils [keV], ascending, shape (R,).
        probability: Probability that such a recoil ends in each bin, efficiency included: shape
            (R,) + that of the bins.

    Raises:
        ConfigError: shapes that do not fit, energies that do not ascend, or probabilities that are
            negative or add up to more than one.
    """
    if not axes:
        raise ConfigError("response: name one reconstructed quantity at least")
    edges = tuple(np.asarray(e, dtype=float) for e in axes.values())
    for name, e in zip(axes, edges, strict=True):
        check_edges(f"response: {name}", e)
    t, p = np.asarray(recoil_kev, dtype=float), np.asarray(probability, dtype=float)
    shape = (t.size, *(e.size - 1 for e in edges))
    if t.ndim != 1 or t.size < 2:
        raise ConfigError("response: the table needs at least two recoil energies")
    if p.shape != shape:
        raise ConfigError(f"response: the table has shape {p.shape}, not recoils x bins {shape}")
    if not (np.isfinite(t).all() and (np.diff(t) > 0).all() and t[0] >= 0):
        raise ConfigError("response: recoil_kev must ascend, from 0 or above")
    if refusal := COLUMNS["recoil_kev"].refusal("recoil_kev", float(t[-1])):
        raise ConfigError(f"response: {refusal}")
    total = p.reshape(t.size, -1).sum(axis=1)
    allowed = (p.reshape(t.size, -1) >= 0).all(axis=1) & (total <= 1 + ROUNDING)
    if not allowed.all():
        row = int(np.argmax(~allowed))
        raise ConfigError(
            f"response: probabilities at {t[row]:g} keV must not be negative, nor add up to more "
            f"than 1 (sum {total[row]:.6g}); they are fractions, neither per cent nor densities"
        )
    return TabulatedResponse(
        names=tuple(axes), edges=edges, recoil=t, probability=p.reshape(t.size, -1)
    )
