"""Binned counts of one experiment on one axis, and their components as a stack."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cevns_jax.plotting.text import LARGE, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cevns_jax.results.notes import Variables

# Components that neutrinos make, from the bottom of the stack, in results that do not say so.
SIGNALS = ("electrons", "cevns")
STYLE = {"cevns": ("CEvNS", "#0b5394", ""), "steady_state": ("steady state", "#d9d9d9", "")}
SPARE = (("#e69138", "////"), ("#6aa84f", "...."), ("#a64d79", "xxxx"), ("#3d85c6", "\\\\\\\\"))
LABELS = {
    "brn": "beam-related neutrons",
    "delayed_brn": "delayed neutrons",
    "nin": "neutrino-induced neutrons",
    "electrons": r"$\nu$-e scattering",
    "capture_lines": "electron capture",
}
AXES = {"photoelectrons": "photo-electrons", "time_us": r"recoil time [$\mu$s]", "f90": "F90"}
UNITS = {"photoelectrons": "PE", "us": r"$\mu$s", "kev": "keV", "kevee": "keVee", "kevnr": "keVnr"}
MANY_BINS = 50  # above it the outlines of bins would hide their colours
# Highest bar of the signal, in units of the highest bar of all components, below which it can
# hardly be seen and is drawn once more alone. Found by trial.
HIDDEN = 0.25
NEARLY_ALL = 0.99  # share of the signal that is in sight if it is drawn alone


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Counts of one experiment summed over all axes but one.

    Attributes:
        axis: Name of the binned quantity.
        edges: Its bin edges, shape (n + 1,).
        observed: Counts, shape (n,).
        parts: Component -> expected counts, shape (n,), from the bottom of the stack.
        variance: Squared errors of Gaussian bins; none for Poisson bins.
        signals: Names of the components that neutrinos make.
        template_variance: Squared errors of the sum of the templates of Poisson bins, if they are
            known.
        correlated: Whether the bins have a covariance, of which the errors are the diagonal.
    """

    axis: str
    edges: np.ndarray
    observed: np.ndarray
    parts: dict[str, np.ndarray]
    variance: np.ndarray | None
    signals: tuple[str, ...] = SIGNALS
    template_variance: np.ndarray | None = None
    correlated: bool = False

    @property
    def width(self) -> np.ndarray:
        """Width of the bins."""
        return np.diff(self.edges)

    @property
    def centre(self) -> np.ndarray:
        """Middle of the bins."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def many(self) -> bool:
        """Whether there are so many bins that their outlines would hide everything."""
        return len(self.width) > MANY_BINS

    @property
    def error(self) -> np.ndarray:
        """Errors of the observed counts."""
        return np.sqrt(np.maximum(self.observed, 1) if self.variance is None else self.variance)

    @property
    def spread(self) -> np.ndarray | None:
        """Squared errors of observed minus expected counts; ``None`` for plain Poisson bins."""
        if self.template_variance is None:
            return self.variance
        return np.maximum(self.total, 0.0) + self.template_variance

    @property
    def total(self) -> np.ndarray:
        """Expected counts of all components."""
        return sum(self.parts.values(), np.zeros(len(self.width)))

    @property
    def signal(self) -> np.ndarray:
        """Expected counts of the components in which neutrinos scatter."""
        made = (self.parts[name] for name in self.signals if name in self.parts)
        return sum(made, np.zeros(len(self.width)))

    def signal_bins(self) -> slice:
        """The bins that hold ``NEARLY_ALL`` of the signal; half of the rest may lie on either
        side."""
        below = np.cumsum(self.signal) / self.signal.sum()
        rest = (1 - NEARLY_ALL) / 2
        start = int(np.searchsorted(below, rest, side="right"))
        return slice(start, int(np.searchsorted(below, 1 - rest)) + 1)

    def only(self, bins: slice) -> Projection:
        """Some of the bins, without the others."""
        return replace(
            self,
            edges=self.edges[bins.start : bins.stop + 1],
            observed=self.observed[bins],
            parts={name: counts[bins] for name, counts in self.parts.items()},
            variance=None if self.variance is None else self.variance[bins],
            template_variance=None
            if self.template_variance is None
            else self.template_variance[bins],
        )


def projections(group: Variables) -> list[Projection]:
    """The counts of one experiment on each of its axes."""
    axes, observed = group["observed"]
    _, expected = group["expected"]
    names = [str(name) for name in group["component"][1]]
    made = group["scatters"][1] if "scatters" in group else [name in SIGNALS for name in names]
    signals = tuple(name for name, by_neutrinos in zip(names, made, strict=True) if by_neutrinos)
    # Backgrounds below, what neutrinos make above them; electrons, as they are few, below nuclei.
    places = [(name in signals, name != "electrons") for name in names]
    order = sorted(range(len(names)), key=lambda i: (*places[i], -expected[i].sum()))
    found = []
    for column, axis in enumerate(axes):
        others = tuple(i for i in range(len(axes)) if i != column)
        counts = expected.sum(axis=tuple(i + 1 for i in others))
        found.append(
            Projection(
                axis=axis,
                edges=group[f"{axis}_edges"][1],
                observed=observed.sum(axis=others),
                parts={names[i]: counts[i] for i in order},
                variance=_variance(group, column),
                signals=signals,
                template_variance=_summed_square(group, "template_error", others),
                correlated="covariance" in group,
            )
        )
    return found


def _variance(group: Variables, column: int) -> np.ndarray | None:
    """Squared errors of Gaussian counts on one axis; those of sums of bins that are correlated."""
    shape = group["observed"][1].shape
    others = tuple(i for i in range(len(shape)) if i != column)
    if "covariance" not in group:
        return _summed_square(group, "error", others)
    covariance = group["covariance"][1].reshape(shape + shape)
    both = (*others, *(len(shape) + i for i in others))
    return np.diag(covariance.sum(axis=both))


def _summed_square(group: Variables, name: str, others: tuple[int, ...]) -> np.ndarray | None:
    """Squared errors added over the other axes, where there are such errors."""
    if name not in group:
        return None
    added: np.ndarray = (group[name][1] ** 2).sum(axis=others)
    return added


def hidden_signal(drawn: Sequence[Projection]) -> bool:
    """Whether the signal can hardly be seen in any projection, as backgrounds are much higher."""
    for projection in drawn:
        heights = (projection.signal / projection.width, projection.total / projection.width)
        signal, total = (float(np.max(height)) for height in heights)
        if not 0 < signal < HIDDEN * total:
            return False
    return True


def components_stack(axes: Axes, projection: Projection, only: Sequence[str] | None = None) -> None:
    """Components per unit of the axis, stacked, the signal on top.

    Args:
        axes: Where to draw.
        projection: What to draw.
        only: Components to draw; default: all.
    """
    base = np.zeros_like(projection.width)
    spare = itertools.cycle(SPARE)
    for name, counts in projection.parts.items():
        title = LABELS.get(name) or drawable(name.replace("_", " "))
        # The next style is taken also for what is left out: a component looks alike everywhere.
        title, colour, hatch = STYLE[name] if name in STYLE else (title, *next(spare))
        if only is not None and name not in only:
            continue
        density = counts / projection.width
        axes.stairs(
            base + density,
            projection.edges,
            baseline=base,
            fill=True,
            facecolor=colour,
            hatch=hatch,
            edgecolor="black",
            linewidth=0.0 if projection.many else 0.6,
            label=f"{title} ({count_text(counts.sum())})",
        )
        base = base + density


def template_band(axes: Axes, projection: Projection) -> None:
    """The error of the sum of the templates about all components, where it is known."""
    if projection.template_variance is None:
        return
    width, error = projection.width, np.sqrt(projection.template_variance)
    axes.stairs(
        (projection.total + error) / width,
        projection.edges,
        baseline=(projection.total - error) / width,
        fill=True,
        facecolor="none",
        edgecolor="#444444",
        hatch="//////",
        linewidth=0,
        label="error of the templates",
    )


def count_label(axis: str, counted: str) -> str:
    """What is counted, per unit of a binned quantity."""
    unit, counted = UNITS.get(axis.rpartition("_")[2], ""), drawable(counted)
    if unit:
        return f"{counted} / {unit}"
    return f"{counted} per unit of {AXES.get(axis) or drawable(axis)}"


def axis_label(axis: str) -> str:
    """A binned quantity with its unit, from its name."""
    name, _, unit = axis.rpartition("_")
    unit = UNITS.get(unit, "")
    plain = drawable((name if name and unit else axis).replace("_", " "))
    return AXES.get(axis) or plain + (f" [{unit}]" if name and unit else "")


def count_text(number: float) -> str:
    """Without decimals, but not zero for what is small, nor a row of digits for what is large."""
    if abs(number) >= LARGE:
        return f"{number:.3g}"
    return f"{number:.0f}" if abs(number) >= 1 else f"{number:.1g}"
