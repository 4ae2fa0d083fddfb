"""Templates that nuisances morph: histograms with released variations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.experiments.component import Formula
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Values, static


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class MorphedTemplate(Formula):
    """A histogram between its variations; build it with :func:`morphed_template`.

    Each effect x moves every bin along the parabola through the variations at x = -1, 0 and 1,
    and beyond them along its tangents: value and slope are continuous. Effects add up. Bins do
    not fall below zero.

    Attributes:
        effects: Names of the m effects, in units of the released variations.
        nominal: Counts per bin.
        slope: Half the difference of the variations, shape (m,) + that of the bins.
        bend: Half their sum less the nominal counts, same shape.
    """

    effects: tuple[str, ...] = static()
    nominal: np.ndarray
    slope: np.ndarray
    bend: np.ndarray

    parameters = ()

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Counts per bin; neither interaction nor values are used."""
        total = jnp.asarray(self.nominal)
        for name, slope, bend in zip(self.effects, self.slope, self.bend, strict=True):
            x = jnp.asarray(effects.get(name, 0.0))
            inside = jnp.clip(x, -1.0, 1.0)
            total = total + x * slope + inside * (2 * x - inside) * bend
        return jnp.maximum(total, 0.0)


def morphed_template(
    nominal: np.ndarray, variations: Mapping[str, tuple[np.ndarray, np.ndarray | None]]
) -> MorphedTemplate:
    """A template with its variations, all brought to the total of the nominal one.

    Args:
        nominal: Counts per bin.
        variations: Effect -> counts at +1 and at -1, shape of the bins; ``None`` for a variation
            that is known on one side only and taken as linear.
    """
    slopes, bends = [], []
    for plus, minus in variations.values():
        up = plus * nominal.sum() / plus.sum() - nominal
        down = -up if minus is None else minus * nominal.sum() / minus.sum() - nominal
        slopes.append((up - down) / 2)
        bends.append((up + down) / 2)
    empty = np.zeros((0, *nominal.shape))
    return MorphedTemplate(
        effects=tuple(variations),
        nominal=nominal,
        slope=np.stack(slopes) if slopes else empty,
        bend=np.stack(bends) if bends else empty,
    )
