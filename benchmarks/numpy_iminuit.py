"""Likelihoods in NumPy, minimised by iminuit: what the data sets share.

All that no parameter moves is computed once; what a call leaves unmoved is kept from the call
before.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np
from iminuit import Minuit
from numpy_tables import Templates
from scipy.optimize import brentq, minimize_scalar


class Model(abc.ABC):
    """chi^2 of (sin^2 theta_W, pulls) and its derivatives."""

    names: tuple[str, ...]  # of the pulls, and of what else is free

    def chi2(self, x: np.ndarray) -> float:
        """chi^2 of (sin^2 theta_W, pulls)."""
        self.fix(float(x[0]))
        return self.conditional(x[1:])

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """chi^2 and its derivatives, the one for sin^2 theta_W first."""
        self.fix(float(x[0]))
        return self.at(x[1:])

    @abc.abstractmethod
    def fix(self, s: float) -> None:
        """Choose sin^2 theta_W for what follows."""

    @abc.abstractmethod
    def conditional(self, x: np.ndarray) -> float:
        """chi^2 of the pulls."""

    @abc.abstractmethod
    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        """Derivatives with respect to the pulls."""

    @abc.abstractmethod
    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """chi^2 of the pulls, and its derivatives, the one for sin^2 theta_W first."""


class Poisson(Model):
    """Poisson bins and linear pulls of the backgrounds: chi^2 is Baker-Cousins plus pulls."""

    def __init__(self, counts: np.ndarray, backgrounds: np.ndarray) -> None:
        """Counts by bin and backgrounds by name and bin."""
        self.backgrounds, self.total = backgrounds, backgrounds.sum(axis=0)
        self.some = np.flatnonzero(counts)  # the logarithm is needed in bins with events only
        self.n = counts[self.some]
        self.constant = 2 * np.sum(self.n * np.log(self.n))  # of 2 (mu - n ln mu + n ln n - n)
        self.constant -= 2 * counts.sum()


class Normalisations(Poisson):
    """A linear pull of each component; the signal is a quadratic in the angle."""

    def __init__(
        self,
        counts: np.ndarray,
        quadratic: np.ndarray,
        backgrounds: np.ndarray,
        widths: dict[str, float],
    ) -> None:
        """Signal by power and bin; widths of the pulls, the one of the signal first."""
        super().__init__(counts, backgrounds)
        self.names, (self.width, *others) = tuple(widths), widths.values()
        self.quadratic = quadratic
        self.templates = np.zeros((len(widths), counts.size))
        self.templates[1:] = np.array(others)[:, None] * backgrounds

    def fix(self, s: float) -> None:
        signal = np.array([1.0, s, s * s]) @ self.quadratic
        self.templates[0] = self.width * signal
        base = self.total + signal
        self.base_sum = base.sum() * 2 + self.constant
        self.sums = 2 * self.templates.sum(axis=1)
        self.base, self.moving = base[self.some], self.templates[:, self.some]
        self.s = s

    def conditional(self, x: np.ndarray) -> float:
        mu = self.base + x @ self.moving
        return inside(self.base_sum + x @ (self.sums + x) - 2 * (self.n @ np.log(mu)))

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        mu = self.base + x @ self.moving
        return self.sums + 2 * x - self.moving @ (2 * self.n / mu)

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        mu = self.base + x @ self.moving
        value = self.base_sum + x @ (self.sums + x) - 2 * (self.n @ np.log(mu))
        slope = (1 + self.width * x[0]) * (self.quadratic[1] + 2 * self.s * self.quadratic[2])
        ratio = self.n / mu
        by_s = 2 * (slope.sum() - slope[self.some] @ ratio)
        return value, np.append(by_s, self.sums + 2 * x - 2 * (self.moving @ ratio))


class Morphed(Poisson):
    """One or two pulls shape the signal, others scale it."""

    def __init__(
        self,
        counts: np.ndarray,
        templates: np.ndarray,
        fractions: np.ndarray | None,
        backgrounds: np.ndarray,
        widths: dict[str, float],
        shaping: Sequence[str],
    ) -> None:
        """
        Args:
            counts: By bin.
            templates: As those of :class:`Templates`.
            fractions: By flavour and time bin; ``None`` where there is no time.
            backgrounds: By name and bin.
            widths: Of all pulls, those of the backgrounds last.
            shaping: Names of those that shape the signal; the others scale it.
        """
        super().__init__(counts, backgrounds)
        self.names = names = tuple(widths)
        self.rates = np.arange(len(names) - len(backgrounds), len(names))
        self.shaping = [names.index(name) for name in shaping]
        self.scaling = [
            (i, widths[names[i]]) for i in range(self.rates[0]) if i not in self.shaping
        ]
        self.fractions = fractions
        self.flavours = templates.shape[-2]
        self.templates = Templates(templates, len(shaping))
        moving = np.array([widths[names[i]] for i in self.rates])[:, None] * backgrounds
        self.base, self.moving = self.total[self.some], moving[:, self.some]
        self.base_sum, self.sums = 2 * self.total.sum() + self.constant, 2 * moving.sum(axis=1)

    def fix(self, s: float) -> None:
        self.templates.fix(s)

    def _bins(self, rows: np.ndarray) -> np.ndarray:
        """From flavour x energy to bins."""
        if self.fractions is None:
            return rows
        return (rows.reshape(self.flavours, -1).T @ self.fractions).ravel()

    def _expected(self, x: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Factor on the signal, twice the sum of all bins, and the bins with events."""
        if self.templates.move([float(x[i]) for i in self.shaping]):
            signal = self._bins(self.templates.rows())
            self.signal, self.signal_sum = signal[self.some], 2 * signal.sum()
        scale, pulls = linear_factor(self.scaling, x), x[self.rates]
        total = self.base_sum + scale * self.signal_sum + pulls @ self.sums
        return scale, total, self.base + scale * self.signal + pulls @ self.moving

    def conditional(self, x: np.ndarray) -> float:
        _, total, mu = self._expected(x)
        return inside(total + x @ x - 2 * (self.n @ np.log(mu)))

    def _gradient(self, x: np.ndarray, scale: float, ratio: np.ndarray) -> np.ndarray:
        """Derivatives with respect to the pulls, from n/mu of the bins with events."""
        result = 2 * x
        by_scale = self.signal_sum - 2 * (self.signal @ ratio)
        for i, width in self.scaling:
            result[i] += by_scale * scale * width / (1 + width * x[i])
        for axis, i in enumerate(self.shaping):
            slope = self._bins(self.templates.by_pull(axis))
            result[i] += 2 * scale * (slope.sum() - slope[self.some] @ ratio)
        result[self.rates] += self.sums - 2 * (self.moving @ ratio)
        return result

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        scale, _, mu = self._expected(x)
        return self._gradient(x, scale, self.n / mu)

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        scale, total, mu = self._expected(x)
        value, ratio = total + x @ x - 2 * (self.n @ np.log(mu)), self.n / mu
        slope = self._bins(self.templates.by_angle())
        by_s = 2 * scale * (slope.sum() - slope[self.some] @ ratio)
        return value, np.append(by_s, self._gradient(x, scale, ratio))


class Combination(Model):
    """Independent data sets: the sum of their chi^2, with what they share counted once."""

    def __init__(self, parts: dict[str, Model], shared: Sequence[str] = ()) -> None:
        """
        Args:
            parts: By name of the experiment, which goes before the names of its pulls.
            shared: Names of unit-normal pulls that are one for all that have them.
        """
        self.parts = list(parts.values())
        own = [
            [name if name in shared else f"{experiment}_{name}" for name in part.names]
            for experiment, part in parts.items()
        ]
        self.names = tuple(dict.fromkeys(name for names in own for name in names))
        self.places = [np.array([self.names.index(n) for n in names]) for names in own]
        self.again = np.bincount(np.concatenate(self.places)) - 1  # pulls counted too often

    def fix(self, s: float) -> None:
        self.kept: list[tuple[bytes, float]] = [(b"", 0.0)] * len(self.parts)
        for part in self.parts:
            part.fix(s)

    def conditional(self, x: np.ndarray) -> float:
        total = -float(self.again @ x**2)
        for i, (part, places) in enumerate(zip(self.parts, self.places, strict=True)):
            mine = x[places]
            key = mine.tobytes()
            if key != self.kept[i][0]:  # most steps of a numerical gradient leave it alone
                self.kept[i] = key, part.conditional(mine)
            total += self.kept[i][1]
        return total

    def conditional_gradient(self, x: np.ndarray) -> np.ndarray:
        result = -2 * self.again * x
        for part, places in zip(self.parts, self.places, strict=True):
            result[places] += part.conditional_gradient(x[places])
        return result

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        total, result = -float(self.again @ x**2), np.append(0.0, -2 * self.again * x)
        for part, places in zip(self.parts, self.places, strict=True):
            value, gradient = part.at(x[places])
            total += value
            result[0] += gradient[0]
            result[1 + places] += gradient[1:]
        return total, result


def linear_factor(scaling: Sequence[tuple[int, float]], x: np.ndarray) -> float:
    """Factor of linear pulls, given by place and width."""
    factor = 1.0
    for i, width in scaling:
        factor *= 1 + width * x[i]
    return factor


def inside(value: float) -> float:
    """chi^2, or a high plateau where an expectation is negative and its logarithm no number."""
    return value if value == value else 1e9


def minimiser(model: Model, start: np.ndarray, gradient: bool = False, strategy: int = 0) -> Minuit:
    """Minuit over the pulls at the angle last chosen; every migrad starts where the last ended."""
    grad = model.conditional_gradient if gradient else None
    minuit = Minuit(model.conditional, np.asarray(start, dtype=float), grad=grad, name=model.names)
    minuit.errordef, minuit.strategy = Minuit.LEAST_SQUARES, strategy
    return minuit


def scan(model: Model, grid: np.ndarray, minuit: Minuit) -> np.ndarray:
    """Profiled chi^2 at every point of a grid, NaN where Minuit failed."""
    found = np.empty(len(grid))
    with np.errstate(invalid="ignore"):
        for i, s in enumerate(grid.tolist()):
            model.fix(s)
            minuit.migrad()
            found[i] = minuit.fval if minuit.valid else np.nan
    return found


def highest_end(model: Model, minuit: Minuit, level: float, places: int) -> float:
    """The highest coupling at which chi^2 is a level above its lowest value: a walk over places on
    a logarithmic grid of the coupling, the bottom of the lowest valley, and a root search."""

    def profiled(u: float) -> float:
        found = float(scan(model, np.array([np.exp(2 * u)]), minuit)[0])
        return found if np.isfinite(found) else np.inf

    u = np.log(np.geomspace(1e-7, 3e-3, places))
    chi2, pulls = np.empty(places), []
    for i in range(places):
        chi2[i] = profiled(u[i])
        pulls.append(np.array(minuit.values))
    lowest = int(np.argmin(chi2))
    minuit.values = pulls[lowest]
    ends = u[[max(lowest - 1, 0), min(lowest + 1, places - 1)]]
    bottom = minimize_scalar(profiled, bounds=ends, method="bounded")
    least = min(float(bottom.fun), chi2[lowest])
    last = int(np.flatnonzero(chi2 < least + level)[-1])

    def above(u: float) -> float:
        minuit.values = pulls[last]
        return min(profiled(u) - least, 1e9) - level

    return float(np.exp(brentq(above, *u[[last, last + 1]], xtol=1e-5)))


def numerical_gradient(model: Model, x: np.ndarray, step: float = 1e-4) -> tuple[float, np.ndarray]:
    """Value and central differences, 2 n + 1 calls: what Minuit does without a gradient."""
    gradient = np.empty_like(x)
    for i in range(len(x)):
        y = x.copy()
        y[i] = x[i] + step
        above = model.chi2(y)
        y[i] = x[i] - step
        gradient[i] = (above - model.chi2(y)) / (2 * step)
    return model.chi2(x), gradient
