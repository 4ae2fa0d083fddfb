"""Histograms between their released variations, with derivatives, in NumPy."""

from __future__ import annotations

import numpy as np


class Morphed:
    """Ratios to the nominal histogram, exp(arsinh(x odd + S(x) even)) for each pull x; the total
    stays. Bins that are empty in some of the histograms slide to the variations and stay there."""

    def __init__(self, nominal: np.ndarray, variations: list[list[np.ndarray]]) -> None:
        """Histograms of any shape; of each pull the one at +1 and, if known, the one at -1."""
        self.shape, self.events = nominal.shape, nominal.sum()
        self.nominal = nominal.ravel()
        plus = self._scaled([pair[0] for pair in variations])
        other = [pair[1] if len(pair) > 1 else mirror(nominal, pair[0]) for pair in variations]
        minus = self._scaled(other)
        every = np.stack([self.nominal, *plus, *minus])
        self.filled = np.flatnonzero((every > 0).all(axis=0))
        self.sparse = np.flatnonzero((every > 0).any(axis=0) & (every == 0).any(axis=0))
        up, down = (np.log(m[:, self.filled] / self.nominal[self.filled]) for m in (plus, minus))
        self.odd, self.even = (np.sinh(up) - np.sinh(down)) / 2, (np.sinh(up) + np.sinh(down)) / 2
        self.plus, self.minus = plus[:, self.sparse], minus[:, self.sparse]

    def _scaled(self, histograms: list[np.ndarray]) -> np.ndarray:
        return np.stack([h.ravel() * self.events / h.sum() for h in histograms])

    def __call__(self, *pulls: float) -> np.ndarray:
        """Counts in the shape of the histogram."""
        x = np.array(pulls)[:, None]
        self.pulls, self.v = pulls, x * self.odd + bend(x) * self.even
        self.raw = self.nominal.copy()
        self.raw[self.filled] *= np.exp(np.arcsinh(self.v).sum(axis=0))
        up, down = step(x), step(-x)
        slid = (up * self.plus + down * self.minus).sum(axis=0)
        self.raw[self.sparse] = self.raw[self.sparse] * np.prod(1 - up - down) + slid
        self.sum = self.raw.sum()
        return (self.events / self.sum * self.raw).reshape(self.shape)

    def slopes(self, weight: np.ndarray) -> np.ndarray:
        """Derivatives of the weighted sum of the counts of the last call, one for each pull."""
        x, weight = np.array(self.pulls)[:, None], weight.ravel()
        moved = np.zeros((len(x), weight.size))
        steepness = (self.odd + bend_slope(x) * self.even) / np.sqrt(1 + self.v**2)
        moved[:, self.filled] = self.raw[self.filled] * steepness
        up, down = step(x), step(-x)
        remains = 1 - up - down
        for i in range(len(x)):
            rising, falling = step_slope(x[i]), step_slope(-x[i])
            others = np.prod(np.delete(remains, i)) * (falling - rising)
            moved[i, self.sparse] = others * self.nominal[self.sparse]
            moved[i, self.sparse] += rising * self.plus[i] - falling * self.minus[i]
        mean = self.raw @ weight / self.sum
        return self.events / self.sum * (moved @ weight - mean * moved.sum(axis=1))


def mirror(nominal: np.ndarray, plus: np.ndarray) -> np.ndarray:
    """The other way, as many counts; where less than half of a bin would be left, as an inverse."""
    gained = plus * nominal.sum() / plus.sum() - nominal
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = nominal**2 / (4 * gained)
    return np.where(2 * gained > nominal, inverse, nominal - gained)


def bend(x: np.ndarray) -> np.ndarray:
    """Weight of the even part."""
    return np.where(abs(x) < 1, (15 * x**2 - 10 * x**4 + 3 * x**6) / 8, abs(x))


def bend_slope(x: np.ndarray) -> np.ndarray:
    """Its derivative."""
    return np.where(abs(x) < 1, (15 * x - 20 * x**3 + 9 * x**5) / 4, np.sign(x))


def step(x: np.ndarray) -> np.ndarray:
    """From 0 at x = 0 to 1 at x = 1."""
    t = np.clip(x, 0, 1)
    return 3 * t**2 - 2 * t**3


def step_slope(x: np.ndarray) -> np.ndarray:
    """Its derivative."""
    t = np.clip(x, 0, 1)
    return 6 * t * (1 - t)
