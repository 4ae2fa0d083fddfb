"""Functions of one or two numbers kept in tables, and results kept until they move."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import CubicSpline

FARTHEST = 5  # knot of a shaping pull, in standard deviations


class Templates:
    """A signal whose shape follows one or two pulls: templates at knots, local cubics between.

    Every template is a quadratic in the angle, so that a prediction is one product of a vector and
    a small matrix. What they are made of is gone: another interaction needs other templates.
    """

    def __init__(self, templates: np.ndarray, pulls: int) -> None:
        """
        Args:
            templates: Signal at :func:`knots` of the m pulls, their numbers free, shape
                (knots, ..., power, flavour, energy bin).
            pulls: m.
        """
        m = pulls
        for axis in range(0, 2 * m, 2):  # knots to (cells, orders)
            positions = np.arange(templates.shape[axis])
            pieces = CubicSpline(positions, templates, axis=axis).c
            templates = np.moveaxis(pieces, (0, 1), (axis + 1, axis))
        axes = [*range(0, 2 * m, 2), *range(1, 2 * m, 2), 2 * m + 1, 2 * m + 2, 2 * m]
        table = templates.transpose(axes)  # (cells, orders, flavour, energy, power)
        self.table = table.reshape(*table.shape[:m], 4**m, -1, 3)
        self.cells = table.shape[:m]
        self.per_pull = [cells / (2 * FARTHEST) for cells in self.cells]

    def fix(self, s: float) -> None:
        self.s, self.cell, self.pulls = s, None, None

    def move(self, pulls: list[float]) -> bool:
        """Go to these pulls; whether that is elsewhere."""
        if pulls == self.pulls:
            return False
        positions = [(x + FARTHEST) * n for x, n in zip(pulls, self.per_pull, strict=True)]
        cell = tuple(
            min(max(int(p), 0), cells - 1) for p, cells in zip(positions, self.cells, strict=True)
        )
        if cell != self.cell:
            powers = np.array([1.0, self.s, self.s * self.s])
            self.local = self.table[cell] @ powers  # (orders, flavour x energy)
            self.cell = cell
        self.pulls, self.places = pulls, [p - c for p, c in zip(positions, cell, strict=True)]
        return True

    def rows(self) -> np.ndarray:
        """The signal by flavour x energy bin."""
        return orders(self.places) @ self.local

    def by_pull(self, axis: int) -> np.ndarray:
        """Its derivative in one of the pulls."""
        return self.per_pull[axis] * (orders(self.places, axis) @ self.local)

    def by_angle(self) -> np.ndarray:
        """Its derivative in sin^2 theta_W."""
        return orders(self.places) @ (self.table[self.cell] @ np.array([0.0, 1.0, 2 * self.s]))


class Curve:
    """A function of one number at uniform knots, local cubics between, constant beyond them."""

    def __init__(self, first: float, last: float, values: np.ndarray) -> None:
        """Ends of the knots, and the values at them, shape (knots, ...)."""
        self.first, self.cells, self.shape = first, len(values) - 1, values.shape[1:]
        self.per_unit = self.cells / (last - first)
        pieces = CubicSpline(np.arange(len(values)), values.reshape(len(values), -1)).c
        self.table = np.ascontiguousarray(pieces.swapaxes(0, 1))  # (cell, order, value)

    def _place(self, x: float) -> tuple[int, float]:
        position = min(max((x - self.first) * self.per_unit, 0.0), float(self.cells))
        cell = min(int(position), self.cells - 1)
        return cell, position - cell

    def __call__(self, x: float) -> np.ndarray:
        """The value, shape (...)."""
        cell, t = self._place(x)
        return (orders([t]) @ self.table[cell]).reshape(self.shape)

    def slope(self, x: float) -> np.ndarray:
        """Its derivative."""
        cell, t = self._place(x)
        return self.per_unit * (orders([t], 0) @ self.table[cell]).reshape(self.shape)


class Kept:
    """Results of the steps of a prediction, kept until their arguments move."""

    def __init__(self) -> None:
        self.results: dict[str, tuple[tuple, np.ndarray]] = {}

    def __call__(
        self, name: str, compute: Callable[..., np.ndarray], *arguments: float
    ) -> tuple[np.ndarray, bool]:
        """Result of a step, and whether it had to be redone."""
        if name in self.results and self.results[name][0] == arguments:
            return self.results[name][1], False
        value = compute(*arguments)
        self.results[name] = (arguments, value)
        return value, True


def knots(number: int) -> np.ndarray:
    """Values of a shaping pull at which templates are made [standard deviations]."""
    return np.linspace(-FARTHEST, FARTHEST, number)


def orders(places: Sequence[float], derived: int | None = None) -> np.ndarray:
    """Products t_1^i t_2^j of one or two positions, cubes first; one of them derived."""
    rows = [
        np.array([3 * t * t, 2 * t, 1.0, 0.0] if axis == derived else [t * t * t, t * t, t, 1.0])
        for axis, t in enumerate(places)
    ]
    return rows[0] if len(rows) == 1 else np.multiply.outer(*rows).ravel()
