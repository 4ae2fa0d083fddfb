"""Functions given by a table: straight lines between its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.domains import EDGES
from cevns_jax.errors import ConfigError
from cevns_jax.pytree import static

# Of bins on one axis. More is likely a mistake, and a response of 16,000 recoils would take 250 MB.
MOST_EDGES = 2001
# A table whose rows are in eV, where keV are asked for, ends at least this many times beyond the
# range: 1000, less some rounding.
OTHER_UNIT = 999.0
# A table in MeV, where keV are asked for, ends 1000 times too early, or 200 times if it reaches up
# to five times beyond the range. With much less a table that is just too short gets the hint too.
FAR_SHORT = 200.0
# Largest share of the rows of a table in eV that lies in the range: even rows leave 0.1 % there. A
# logarithmic table in the right unit has far more. Found by trial.
SELDOM = 0.01


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LinearTable:
    """A function of one variable, linear between its knots; build it with :func:`linear_table`.

    Attributes:
        x: Knots, ascending, shape (n,).
        y: Values there, shape (n,).
        name: What it is, for messages.
    """

    x: np.ndarray
    y: np.ndarray
    name: str = static()

    def __call__(self, x: jax.Array | np.ndarray) -> jax.Array:
        """Values at x, any shape; constant beyond the ends."""
        return jnp.interp(x, self.x, self.y)

    def require(self, low: float, high: float, hint: str = "") -> None:
        """Check that the table holds all of a range.

        Args:
            low, high: The range.
            hint: What else helps, for the message.

        Raises:
            ConfigError: it does not, or its rows look like another unit.
        """
        # Ends may differ by rounding, as where energies were converted from MeV.
        slack = 1e-9 * abs(high)
        if self.x[0] > low + slack or self.x[-1] < high - slack:
            unit = "; are its rows in MeV, not keV?" if self.x[-1] < high / FAR_SHORT else ""
            raise ConfigError(
                f"{self.name}: the table must reach from {low:.5g} to {high:.5g}, "
                f"not from {self.x[0]:.5g} to {self.x[-1]:.5g}{hint}{unit}"
            )
        # Rows in eV where keV are asked for hold any range, but hardly one of them lies in it.
        inside = int(np.count_nonzero((self.x > low) & (self.x < high)))
        far = self.x[-1] >= OTHER_UNIT * high > 0 and inside < SELDOM * self.x.size
        # A constant is the same in every unit.
        if far and np.ptp(self.y) > 0:
            raise ConfigError(
                f"{self.name}: the table reaches up to {self.x[-1]:.5g}, but is needed from "
                f"{low:.5g} to {high:.5g}, where {inside} of its {self.x.size} rows lie; are they "
                "in eV, not keV?"
            )


def linear_table(
    what: str, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray
) -> LinearTable:
    """A table of a function.

    Args:
        what: What it is, for messages.
        x: Knots, strictly ascending, shape (n,), n >= 2.
        y: Values, none negative, shape (n,).

    Raises:
        ConfigError: numbers that are none of this.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or x.size < 2:
        raise ConfigError(f"{what}: needs two columns of the same length, at least two rows")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (np.diff(x) > 0).all()):
        raise ConfigError(f"{what}: the first column must ascend, and all numbers be finite")
    if (y < 0).any():
        raise ConfigError(f"{what}: row {int(np.argmax(y < 0)) + 1} is negative")
    return LinearTable(x, y, what)


def check_edges(where: str, edges: np.ndarray) -> None:
    """Check bin edges.

    Raises:
        ConfigError: fewer than two, too many, not finite, beyond all measure, or not ascending.
    """
    if edges.ndim != 1 or edges.size < 2 or not np.isfinite(edges).all():
        raise ConfigError(f"{where}: needs at least two finite bin edges")
    if edges.size > MOST_EDGES:
        raise ConfigError(
            f"{where}: has {edges.size - 1} bins; at most {MOST_EDGES - 1} are allowed"
        )
    for edge in edges[[0, -1]]:
        if refusal := EDGES.refusal("bin edges", float(edge)):
            raise ConfigError(f"{where}: {refusal}")
    if not (np.diff(edges) > 0).all():
        raise ConfigError(f"{where}: bin edges must ascend")
