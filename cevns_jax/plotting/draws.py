"""What figures of posteriors show of one parameter: draws, prior, credible intervals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from cevns_jax.errors import unknown
from cevns_jax.inference.levels import LIMIT, SIGMAS, per_cent
from cevns_jax.plotting.densities import Density, Ends, density_of
from cevns_jax.plotting.ranges import above, shortest
from cevns_jax.plotting.text import drawable, equation, number_text, unit_text
from cevns_jax.plotting.words import in_words
from cevns_jax.summary import rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cevns_jax.results.result import Result

SHARES = (SIGMAS[0], LIMIT)  # of the posterior that is inside intervals and regions
HDI = dict(zip(SHARES, ("hdi_68", "hdi_90"), strict=True))
LOGARITHMIC = "flat in ln x"  # how the words of a log-uniform prior start
FLAT = "flat"  # how those of a prior start that is uniform in x or in ln x
NORMAL = re.compile(r"(\S+) \+- ([^\s,]+)")  # and of a normal distribution, whole or cut off
PLACES = 400  # of a curve
PULL = "0 +- 1"  # how those of the prior of a pull start
RANGE = re.compile(r"from (\S+) to (\S+)$")  # how the words of a prior with ends end
# Density at an end of the prior, as a part of that at the edges of the highest densities, from
# which an interval starts at that end.
AT_END = 0.9
SEEN = 0.0005  # share of the draws on each side that may be out of sight


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One parameter of a posterior, as it is drawn.

    Attributes:
        name: Of the parameter.
        words: Its symbol, or what it is.
        unit: As it is drawn; empty for pure numbers.
        values: Draws, shape (chains, draws).
        prior_text: The prior in words.
        prior: Draws of the prior, shape (N,); none where there are none.
        ends: Of the range of its prior.
        logarithmic: Whether the prior is uniform in the logarithm, which is then what is drawn.
        told: What the result says of it: mean, median, intervals, R-hat.
        physics: Whether it is no nuisance.
    """

    name: str
    words: str
    unit: str
    values: np.ndarray
    prior_text: str
    prior: np.ndarray
    ends: Ends
    logarithmic: bool
    told: dict[str, Any]
    physics: bool

    @property
    def label(self) -> str:
        """For axes."""
        return self.words + (f" [{self.unit}]" if self.unit else "")

    @property
    def prior_words(self) -> str:
        """The prior in words, as it is drawn: ends that are none are left out."""
        words = []
        for word in self.prior_text.replace("+-", r"$\pm$").split(" "):
            number, comma = word.removesuffix(","), "," * word.endswith(",")
            try:
                known = isfinite(float(number))
            except ValueError:
                known = False
            words.append(f"${number_text(float(number))}${comma}" if known else word)
        text = re.sub(r"from (\S.*) to inf$", r"above \1", " ".join(words))
        return drawable(re.sub(r"from -inf to (\S.*)$", r"below \1", text))

    def on_axis(self, values: Any) -> Any:
        """Values on the axis on which the prior is drawn: themselves, or their logarithms."""
        return np.log(values) if self.logarithmic else values

    def from_axis(self, places: Any) -> Any:
        """The inverse of :meth:`on_axis`."""
        return np.exp(places) if self.logarithmic else places

    @property
    def ends_on_axis(self) -> Ends:
        if not self.logarithmic:
            return self.ends
        low, high = (float(np.log(end)) if end > 0 else -np.inf for end in self.ends)
        return low, high

    @property
    def independent(self) -> float | None:
        """Number of independent draws that the draws are worth, if it is known."""
        found = self.told.get("ess_bulk")
        return float(found) if found is not None and np.isfinite(found) else None

    @cached_property
    def density(self) -> Density:
        """Density on the axis, of x, or of ln x."""
        return density_of(
            self.on_axis(self.values)[..., None], [self.ends_on_axis], self.independent
        )

    @cached_property
    def _levels(self) -> dict[float, float]:
        """Heights of the density above which the shares lie."""
        places = self.on_axis(self.values).reshape(-1, 1)
        return dict(zip(SHARES, self.density.levels(places, SHARES), strict=True))

    @cached_property
    def prior_density(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Places on the axis where it is in sight, and the density of the prior there, if it is
        known: exact for flat and normal priors, of draws for others."""
        start, stop = (float(self.on_axis(end)) for end in self.sight)
        places = np.linspace(start, stop, PLACES)
        low, high = self.ends_on_axis
        if self.prior_text.startswith(FLAT):
            known = np.isfinite([low, high]).all()
            return (places, np.full(PLACES, 1 / (high - low))) if known else None
        if normal := NORMAL.match(self.prior_text):
            pull = (np.array([*places, low, high]) - float(normal[1])) / float(normal[2])
            from scipy.special import ndtr

            inside = float(ndtr(pull[-1]) - ndtr(pull[-2]))
            return places, np.exp(-(pull[:-2] ** 2) / 2) / (
                inside * float(normal[2]) * np.sqrt(2 * np.pi)
            )
        if len(self.prior) < 2:
            return None
        made = density_of(self.on_axis(self.prior)[None, :, None], [self.ends_on_axis])
        return places, made.at(places[:, None])

    @property
    def sight(self) -> Ends:
        """Limits of an axis that shows nearly all draws."""
        places = self.on_axis(self.values)
        low, high = np.quantile(places, (SEEN, 1 - SEEN))
        low, high = low - 0.04 * (high - low), high + 0.04 * (high - low)
        ends = self.ends_on_axis
        low, high = max(low, ends[0]), min(high, ends[1])
        if not low < high:
            low, high = low - 0.5, high + 0.5
        return float(self.from_axis(low)), float(self.from_axis(high))

    def ranges(self, share: float) -> list[Ends]:
        """The interval of the highest density on the axis that holds a share of the posterior, or
        several ranges where valleys separate them.

        One interval is that of the result, or starts at an end of the prior where the result has a
        limit instead, or where it is the density in the logarithm that is highest at the end. Where
        both ends are among the highest densities, it is the central interval, as the shortest could
        be anywhere.

        Args:
            share: One of ``SHARES``.
        """
        places, ends = self.on_axis(self.values).ravel(), self.ends_on_axis
        level = self._levels[share]
        parts = above(self.density.grids[0], self.density.height, level)
        if len(parts) == 1:
            at_low, at_high = self._at_ends(level)
            if at_low and at_high:
                return [self._central(share)]
            if self._limited(share, "upper_limit_90", at_low):
                parts = [(ends[0], float(np.quantile(places, share)))]
            elif self._limited(share, "lower_limit_90", at_high):
                parts = [(float(np.quantile(places, 1 - share)), ends[1])]
            else:
                parts = [shortest(places, share) if self.logarithmic else self.told[HDI[share]]]
        return [(self._value(a), self._value(b)) for a, b in parts]

    def _at_ends(self, level: float) -> tuple[bool, bool]:
        """Whether each end of the prior is among the densities above a level."""
        (grid,), height = self.density
        low, high = (
            bool(near == end and h >= AT_END * level)
            for end, near, h in zip(self.ends_on_axis, grid[[0, -1]], height[[0, -1]], strict=True)
        )
        return low, high

    def _limited(self, share: float, key: str, at_end: bool) -> bool:
        """Whether an interval starts at the other end of the prior than a limit is at."""
        known = self.told.get(key) is not None
        return at_end if self.logarithmic else known and (at_end or share == LIMIT)

    def _central(self, share: float) -> Ends:
        low, high = np.quantile(self.values, ((1 - share) / 2, (1 + share) / 2))
        return float(low), float(high)

    def _value(self, place: float) -> float:
        """The value at a place on the axis; an end exactly."""
        for end, at in zip(self.ends, self.ends_on_axis, strict=True):
            if place == at:
                return end
        return float(self.from_axis(place))

    def interval_text(self, share: float) -> str:
        """``68 %: 0.205 to 0.256``; ``90 %: below 0.3`` where the interval starts at an end of the
        prior."""
        texts = []
        for low, high in self.ranges(share):
            if low == self.ends[0]:
                texts.append(f"below ${self.number(high)}$")
            elif high == self.ends[1]:
                texts.append(f"above ${self.number(low)}$")
            else:
                texts.append(f"${self.number(low)}$ to ${self.number(high)}$")
        # Two ranges are as wide as a panel.
        pairs = [" or ".join(texts[i : i + 2]) for i in range(0, len(texts), 2)]
        return f"{per_cent(share)}: " + " or\n".join(pairs)

    def centre_text(self) -> str:
        """Median and mean; of a quantity whose logarithm is drawn the median alone, as few large
        draws make its mean."""
        keys = ("median",) if self.logarithmic else ("median", "mean")
        return ", ".join(f"{key} ${self.number(float(self.told[key]))}$" for key in keys)

    def result_text(self) -> str:
        """``symbol = mean +- standard deviation``; of a quantity whose logarithm is drawn, its
        median."""
        if self.logarithmic:
            return f"median {self.value_text(float(self.told['median']))}"
        mean, sd = (self.number(float(self.told[key])) for key in ("mean", "sd"))
        pair = rf"({mean}) \pm ({sd})" if "times" in mean + sd else rf"{mean} \pm {sd}"
        return f"{equation(self.words, pair)} {self.unit}".strip()

    def value_text(self, value: float) -> str:
        """``symbol = value unit``."""
        return f"{equation(self.words, self.number(value))} {self.unit}".strip()

    def number(self, value: float) -> str:
        """A number to the second figure of half the standard deviation, mathtext without its
        dollars; of a quantity whose logarithm is drawn to its own second figure."""
        half = float(np.std(self.values)) / 2
        if self.logarithmic or not half > 0:
            return number_text(float(f"{value:.1e}"))
        text, _ = rounded(value, half)
        digits, _, power = text.partition("e")
        return rf"{digits} \times 10^{{{power}}}" if power else digits


def physics_of(result: Result) -> list[str]:
    """The parameters of a posterior that are no nuisances."""
    drawn = names_of(result)
    return [name for name in result.attributes["free"] if name in drawn]


def names_of(result: Result) -> list[str]:
    """All parameters of a posterior, in the order in which they vary."""
    return list(result.attributes["parameters"])


def shown(result: Result, names: Sequence[str]) -> list[Shown]:
    """Parameters of a posterior, for figures.

    Args:
        result: The posterior.
        names: Of the parameters.

    Raises:
        ConfigError: one of them does not vary in it.
    """
    known, physics = names_of(result), physics_of(result)
    for name in names:
        if name not in known:
            raise unknown("posterior", "varying parameter", name, known)
    words = in_words(result, names, physics)
    return [_shown(result, name, words[name], name in physics) for name in names]


def _shown(result: Result, name: str, words: str, physics: bool) -> Shown:
    a = result.attributes
    values, text = result.draws["posterior"][name][1], str(a["priors"].get(name, ""))
    prior = result.draws.get("prior", {}).get(name, ((), np.empty(0)))[1].ravel()
    low, high = _ends(text, prior)
    pull = not physics and text.startswith(PULL)
    return Shown(
        name=name,
        words=words,
        unit=unit_text(a["units"].get(name) or ("pull" if pull else "")),
        values=values,
        prior_text=text,
        prior=prior,
        # Words have six digits, so that a draw may lie across the end that they tell.
        ends=(min(low, float(values.min())), max(high, float(values.max()))),
        logarithmic=text.startswith(LOGARITHMIC) and bool((values > 0).all()),
        told=a["parameters"][name],
        physics=physics,
    )


def _ends(text: str, prior: np.ndarray) -> Ends:
    """Ends of a prior, from its words; of one whose words have none, zero if all its draws are
    positive, as those of half-normal distributions are."""
    found = RANGE.search(text)
    if found:
        try:
            return float(found[1]), float(found[2])
        except ValueError:
            pass
    return (0.0, np.inf) if len(prior) and prior.min() > 0 else (-np.inf, np.inf)
