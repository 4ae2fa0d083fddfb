"""A response read from a table in E_ee: if only the quenching moves, integrals are done once."""

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

# Energies at which a response is tabulated, 2^13 + 1 so that every second, fourth, ... one keeps
# both ends; fewer are kept if they are accurate enough. Found by trial: a resolution too sharp for
# it keeps its integrals, which are exact but slower.
FINEST_TABLE = 8193
# Largest error of a probability: of a million events 0.1 end up in the wrong bin. A resolution as
# wide as the bins reaches it with some hundred energies. A tenth of it takes twice as many, as the
# error of a cubic falls with the fourth power of the step.
TABLE_ACCURACY = 1e-7
# End of the table in units of the highest nominal E_ee; constant beyond. Pulls move E_ee by less:
# five standard deviations of a 10 % uncertainty.
HIGHEST_ENERGY = 1.5
# A probability that counts as zero: 1e-15 of all events is none. Beyond the last energy with more
# than that the table ends, so that its knots lie where there is something to interpolate.
UNSEEN = 1e-15


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class QuenchedResponse:
    """An :class:`EnergyResponse` read from a table in E_ee; only its quenching can move.

    Reading the table costs a fraction of the integrals over the resolution. Build it with
    :func:`quenched_response`.

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
    """The response as a table that is accurate to ``TABLE_ACCURACY``.

    If even the finest table is not, the response itself is returned.

    The accuracy is that of the probabilities. A recoil spectrum that rises as steeply as T^-2, as
    with a massless mediator, multiplies the error at recoils far below the bins by many events: a
    bin can then be wrong by up to 3e-4 of its counts.

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
    # The coarsest table that is accurate enough. It is judged half-way between its knots, where the
    # error of a cubic is largest.
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
