"""A response read from a table: where only the quenching moves, integrals are done once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.quenching import Quenching
from cevns_jax.detectors.response import EnergyResponse
from cevns_jax.detectors.spline import Spline, spline
from cevns_jax.detectors.table import LinearTable
from cevns_jax.parameters import Parameter, Values

FINEST_TABLE = 8193  # energies at which a response is tabulated; thinned where fewer are enough
# Of a probability: an order below what a bin with a million events could show, and reached with
# some hundred energies by a resolution as wide as the bins.
TABLE_ACCURACY = 1e-7
# Of a table, in units of the highest nominal E_ee, constant beyond: pulls move E_ee by less.
HIGHEST_ENERGY = 1.5
UNSEEN = 1e-15  # a probability below which a response is as good as none


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class QuenchedResponse:
    """An :class:`EnergyResponse` read from a table in E_ee: only the quenching can move.

    It costs a fraction of the integrals that it replaces. Build it with :func:`quenched_response`.

    Attributes:
        quenching: E_ee(T).
        table: Probability of each bin against E_ee [keV].
        recoil_efficiency: As that of the response.
    """

    quenching: Quenching
    table: Spline
    recoil_efficiency: LinearTable | None

    @property
    def effects(self) -> tuple[str, ...]:
        return ("quenching", *self.quenching.effects)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.quenching.parameters

    def __call__(
        self, recoil: jax.Array, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Probability of each bin at recoils T [MeV], shape (..., B)."""
        energy = 1e3 * self.quenching(recoil, values, effects)
        kept = self.table(energy * (1 + jnp.asarray(effects.get("quenching", 0.0))))
        if self.recoil_efficiency is None:
            return kept
        return self.recoil_efficiency(recoil * 1e3)[..., None] * kept


def quenched_response(
    response: EnergyResponse, recoil: np.ndarray
) -> QuenchedResponse | EnergyResponse:
    """The response as a table, fine enough for ``TABLE_ACCURACY``; itself if none is.

    The accuracy is one of probabilities: where a recoil spectrum rises as steeply as T^-2, as with
    a massless mediator, recoils far below the bins weigh in with it, up to 3e-4 of a bin.

    Args:
        response: What to tabulate.
        recoil: All recoils T [MeV] that it will be asked for.
    """
    from scipy.interpolate import CubicSpline  # slow to import, needed only while building

    kept = jax.jit(EnergyResponse.kept)
    # A coarse look first: the table needs to reach only as far as anything is kept.
    highest = HIGHEST_ENERGY * float(np.asarray(response.energy(jnp.asarray(recoil), {})).max())
    grid = np.linspace(0.0, highest, FINEST_TABLE)
    seen = np.asarray(kept(response, jnp.asarray(grid))).max(axis=1) > UNSEEN
    if not seen.any():
        return response
    highest = float(grid[min(np.flatnonzero(seen)[-1] + 1, len(grid) - 1)])
    grid = np.linspace(0.0, highest, FINEST_TABLE)
    exact = np.asarray(kept(response, jnp.asarray(grid)))
    # The spline through every step-th energy, judged half-way between them, where it is worst.
    for step in (32, 16, 8, 4, 2):
        coarse = CubicSpline(grid[::step], exact[::step])
        between = slice(step // 2, None, step)
        if np.abs(coarse(grid[between]) - exact[between]).max() < TABLE_ACCURACY:
            return QuenchedResponse(
                quenching=response.quenching,
                table=spline(0.0, highest, exact[::step]),
                recoil_efficiency=response.recoil_efficiency,
            )
    return response
