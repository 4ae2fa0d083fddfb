"""Templates that nuisances morph: histograms with released variations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Values
from cevns_jax.prediction.component import Formula
from cevns_jax.prediction.nuisances import even
from cevns_jax.pytree import static

LARGEST_CHANGE = 1e100
"""Largest factor by which an effect may change a bin. Nobody means more: it comes from tiny numbers
that stand for zero. The product of three effects, and the square of one, stay below 1e308."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class MorphedTemplate(Formula):
    """A histogram between its variations; build it with :func:`morphed_template`.

    Each effect x multiplies a bin by the ratio r(x) = v + sqrt(1 + v^2), v = x odd + S(x) even,
    which passes through the ratios of the variations at x = -1 and 1 and is 1 at x = 0. It is
    1 + v for small changes, grows linearly and falls as an inverse: no bin reaches zero. S(x)
    is a polynomial up to |x| = 1 and |x| beyond, smooth up to its second derivative. Ratios of
    several effects multiply. The total is that of the nominal histogram everywhere.

    A bin that is empty in some of the histograms, but not in all, has no such ratio. Its counts
    slide from the nominal ones to those of the variation, with a continuous slope, and stay there
    beyond |x| = 1.

    Attributes:
        effects: Names of the m effects, in units of the released variations.
        nominal: Counts per bin.
        odd: Half the difference of v at x = 1 and -1, shape (m,) + that of the bins.
        even: Half the sum of both, same shape.
        sparse: Whether a bin is empty in some of the histograms, shape of the bins.
        plus, minus: Counts of the variations in sparse bins, zero in others, shape as ``odd``.
        totals: Totals of the variations at +1 and -1 as they were given, relative to the nominal
            one, shape (m, 2); 1 of one that was not given. They are not used.
    """

    effects: tuple[str, ...] = static()
    nominal: np.ndarray
    odd: np.ndarray
    even: np.ndarray
    sparse: np.ndarray
    plus: np.ndarray
    minus: np.ndarray
    totals: np.ndarray

    parameters = ()

    @property
    def nominal_counts(self) -> np.ndarray:
        """The nominal histogram."""
        return self.nominal

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Counts per bin; neither interaction nor values are used."""
        nominal = jnp.asarray(self.nominal)
        if not set(self.effects) & set(effects):
            return nominal
        full, remains, slid = nominal, jnp.ones(()), jnp.zeros_like(nominal)
        for i, name in enumerate(self.effects):
            if name in effects:
                x = jnp.asarray(effects[name])
                full = full * _ratio(x * self.odd[i] + even(x) * self.even[i])
                up, down = _step(x), _step(-x)
                remains = remains * (1 - up - down)
                slid = slid + up * self.plus[i] + down * self.minus[i]
        counts = jnp.where(self.sparse, remains * nominal + slid, full)
        # The total stays the nominal one. Written with the difference, the factor is exactly one
        # where nothing moved; a ratio of two sums would be off by rounding.
        return counts / (1 + jnp.sum(counts - nominal) / jnp.sum(nominal))


def _ratio(v: jax.Array) -> jax.Array:
    """v + sqrt(1 + v^2). The two terms cancel where v is negative, where 1/r(-v) is used."""
    negative = v < 0
    above = jnp.where(negative, -v, v) + jnp.sqrt(1 + v**2)
    return jnp.where(negative, 1 / above, above)


def _step(x: jax.Array) -> jax.Array:
    """0 up to x = 0, 1 from x = 1 on, with a continuous derivative."""
    t = jnp.clip(x, 0.0, 1.0)
    return t**2 * (3 - 2 * t)


def morphed_template(
    nominal: np.ndarray, variations: Mapping[str, tuple[np.ndarray, np.ndarray | None]]
) -> MorphedTemplate:
    """A template with its variations, all brought to the total of the nominal one.

    Args:
        nominal: Counts per bin, any shape.
        variations: Effect -> counts at +1 and at -1, shape of the bins; ``None`` for a variation
            that is known on one side only, see :func:`mirrored`. Changes of the total are dropped:
            they belong to a nuisance of their own, on the normalisation.

    Raises:
        ConfigError: no numbers, counts that are negative or not finite, an empty histogram, or
            variations of another shape.
    """
    nominal = _counts("nominal", nominal)
    total, shape = nominal.sum(), nominal.shape
    moved, totals = [], []
    for name, (up, down) in variations.items():
        plus = _counts(name, up, total, shape)
        minus = mirrored(nominal, plus) if down is None else _counts(name, down, total, shape)
        moved.append((plus, minus))
        given = [total if one is None else np.sum(one, dtype=float) for one in (up, down)]
        totals.append([float(one / total) for one in given])
    both = np.array(moved).reshape(len(moved), 2, *nominal.shape)
    every = np.concatenate([nominal[None], both[:, 0], both[:, 1]])
    counted = np.count_nonzero(every, axis=0)
    filled = counted == len(every)
    sparse = (counted > 0) & ~filled
    # Ratios of counts near the ends of float64 overflow; the check below refuses them.
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        ratio = np.where(filled, both, 1.0) / np.where(filled, nominal, 1.0)
        v = (ratio - 1 / ratio) / 2  # the inverse of r = v + sqrt(1 + v^2)
    for name, of_effect in zip(variations, v, strict=True):
        if not (np.abs(of_effect) < LARGEST_CHANGE).all():
            raise ConfigError(
                f"template {name}: a bin changes by more than a factor of {LARGEST_CHANGE:g}; "
                "counts that are nothing must be zero"
            )
    return MorphedTemplate(
        effects=tuple(variations),
        nominal=nominal,
        odd=(v[:, 0] - v[:, 1]) / 2,
        even=(v[:, 0] + v[:, 1]) / 2,
        sparse=sparse,
        plus=np.where(sparse, both[:, 0], 0.0),
        minus=np.where(sparse, both[:, 1], 0.0),
        totals=np.array(totals).reshape(len(moved), 2),
    )


def mirrored(nominal: np.ndarray, plus: np.ndarray) -> np.ndarray:
    """The opposite variation, made from the one that is known.

    A bin loses as many counts as it gained, or gains as many as it lost. If that would leave less
    than half of a bin, the counts fall as the inverse of the gain instead, with the same value and
    slope where the two meet, so that something is always left.

    Args:
        nominal: Counts per bin.
        plus: Counts at +1, same shape and total.
    """
    gained = plus - nominal
    large = gained > nominal / 2
    return np.where(large, nominal**2 / (4 * np.where(large, gained, 1.0)), nominal - gained)


def _counts(
    name: str, given: np.ndarray, total: float | None = None, shape: tuple[int, ...] | None = None
) -> np.ndarray:
    """A checked histogram, brought to a total."""
    try:
        counts = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError(f"template {name}: counts must be numbers") from None
    if shape is not None and counts.shape != shape:
        raise ConfigError(f"template {name}: has shape {counts.shape}, the nominal one has {shape}")
    if not (np.isfinite(counts).all() and (counts >= 0).all() and counts.sum() > 0):
        raise ConfigError(f"template {name}: counts must be finite, not negative and not all zero")
    # Shares first: the total of a variation may be so small that a factor would overflow.
    return counts if total is None else counts / counts.sum() * total
