"""A source whose neutrinos oscillate on the way: flux times a probability P(E) with parameters.

Integration by parts gives the moments of phi P from those of phi alone,

    integral_{E_min} phi P E^-k dE = P(E_min) M_k(E_min) + integral_{E_min} P'(E) M_k(E) dE,

so that any source can oscillate, a line included, and nothing cancels near an end point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import HBAR_C_MEV_FM
from cevns_jax.domains import NUMBERS, check_number, check_positive
from cevns_jax.errors import ConfigError
from cevns_jax.flavours import FAMILIES, check_families, family
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import static
from cevns_jax.sources.source import NO_VALUES, Array, Source
from cevns_jax.summaries import of_source
from cevns_jax.summary import Summarised, Summary

# Delta m^2 L/(4 E) for 1 eV^2, 1 m and 1 MeV: 1e-12 MeV^2/(4 MeV hbar c/m) = 1.26693.
PHASE = 1e-12 / (4 * HBAR_C_MEV_FM * 1e-15)
# Per panel: they integrate a full oscillation, the most that one panel holds, to 1e-12.
NODES = 16
# If hardly anything oscillates: the flux moments under the integral have a shape of their own.
LEAST_PANELS = 8
# All panels are integrated at each evaluation, in time and memory that grow with them. The longest
# baseline of its domain, 1000 m, up to 10 eV^2 and down to 1 MeV has 4033 oscillations.
MOST_PANELS = 4096


class Probability(Protocol):
    """Probability that a neutrino is still seen at the detector; a pytree."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it depends on."""
        ...

    @property
    def label(self) -> str:
        """The oscillation in words."""
        ...

    def __call__(self, flavour: str, energy: jax.Array, values: Values) -> jax.Array:
        """P of a flavour at E [MeV], shape of the energies; smooth in E."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class SterileOscillation:
    """P = 1 - sin^2(2 theta) sin^2(Delta m^2 L/(4 E)): neutrinos that have not become sterile.

    Two flavours, short baseline. All active flavours scatter alike, so that only sterile neutrinos
    are lost. C. Giunti and T. Lasserre, Ann. Rev. Nucl. Part. Sci. 69 (2019) 163.

    Attributes:
        families: Charged leptons, of ``FAMILIES``, whose neutrinos mix with the sterile one; all
            by the same angle.
        baseline: L [m].
        start: sin^2(2 theta) and Delta m^2 [eV^2] where a fit starts.
        highest: Highest Delta m^2 of the domain [eV^2].
    """

    families: tuple[str, ...] = static()
    baseline: float
    start: tuple[float, float]
    highest: float

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """``sin2_2theta_sterile`` and ``delta_m2_sterile`` [eV^2]."""
        mixing, splitting = self.start
        return (
            Parameter(
                name="sin2_2theta_sterile",
                start=mixing,
                lower=0.0,
                upper=1.0,
                label=r"$\sin^2 2\theta$",
            ),
            Parameter(
                name="delta_m2_sterile",
                start=splitting,
                lower=0.0,
                upper=self.highest,
                unit="eV^2",
                label=r"$\Delta m^2$",
            ),
        )

    @property
    def label(self) -> str:
        """The oscillation in words."""
        return (
            f"nu_{', nu_'.join(self.families)} to sterile neutrinos over {self.baseline:g} m, two "
            "flavours"
        )

    def __call__(self, flavour: str, energy: jax.Array, values: Values) -> jax.Array:
        """P of a flavour; it is one for families that do not mix."""
        if family(flavour, "oscillation") not in self.families:
            return jnp.ones_like(energy)
        phase = PHASE * values["delta_m2_sterile"] * self.baseline / energy
        return 1 - values["sin2_2theta_sterile"] * jnp.sin(phase) ** 2


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class OscillatedSource(Summarised):
    """A source times a probability; build it with :func:`oscillated_source`.

    Attributes:
        source: The source.
        probability: P(E). Below the first panel it is held at its value there.
        panels: Ends of the Q panels in E [MeV] on which P'(E) M_k(E) is integrated, ascending,
            shape (Q + 1,).
    """

    source: Source
    probability: Probability
    panels: np.ndarray

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_source(self)

    @property
    def flavours(self) -> tuple[str, ...]:
        """Those of the source."""
        return self.source.flavours

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the source and of the probability."""
        return (*self.source.parameters, *self.probability.parameters)

    @property
    def edges(self) -> tuple[float, ...]:
        """Those of the source: P is smooth."""
        return self.source.edges

    @property
    def bends(self) -> tuple[float, ...]:
        """Those of the source."""
        return self.source.bends

    @property
    def end_points(self) -> tuple[float | jax.Array, ...]:
        """Those of the source."""
        return self.source.end_points

    @property
    def label(self) -> str:
        """The source in words."""
        return f"{self.source.label}; {self.probability.label}"

    def moments(self, e_min: Array, values: Values = NO_VALUES) -> jax.Array:
        """Flux moments at values of the parameters; see :class:`cevns_jax.sources.source.Source`.

        Returns:
            M_k [MeV^-k/cm^2], shape (F, 3) + that of e_min; JAX's.
        """
        values = {p.name: p.start for p in self.parameters} | dict(values)
        x, w = np.polynomial.legendre.leggauss(NODES)
        ends, lowest = jnp.asarray(self.panels), jnp.asarray(e_min)

        def integrals(low: jax.Array, high: jax.Array) -> jax.Array:
            """Integrals of P' M_k over intervals, shape (F, 3) + that of their ends."""
            half = (high - low)[..., None] / 2
            energy = (high + low)[..., None] / 2 + half * x
            slope = self._slopes(energy, values)[:, None]
            return jnp.sum(half * w * slope * self.source.moments(energy, values), axis=-1)

        whole = integrals(ends[:-1], ends[1:])
        above = jnp.cumsum(whole[..., ::-1], axis=-1)[..., ::-1]
        above = jnp.concatenate([above, jnp.zeros_like(above[..., :1])], axis=-1)
        # From E_min to the end of its panel on nodes that move with E_min, so that derivatives see
        # the moving end; from there on whole panels, summed from the top.
        begin = jnp.clip(lowest, ends[0], ends[-1])
        right = jnp.clip(jnp.searchsorted(ends, begin, side="right"), 1, len(ends) - 1)
        survival = self._probabilities(begin, values)[:, None]
        rest = integrals(begin, ends[right]) + above[..., right]
        return survival * self.source.moments(lowest, values) + rest

    def _probabilities(self, energy: jax.Array, values: Values) -> jax.Array:
        """P by flavour, shape (F,) + that of the energies."""
        return jnp.stack([self.probability(f, energy, values) for f in self.flavours])

    def _slopes(self, energy: jax.Array, values: Values) -> jax.Array:
        """dP/dE by flavour [1/MeV], shape (F,) + that of the energies."""
        ones = jnp.ones_like(energy)
        return jax.jvp(lambda e: self._probabilities(e, values), (energy,), (ones,))[1]


def oscillated_source(
    source: Source,
    *,
    baseline_m: float,
    families: tuple[str, ...] = FAMILIES,
    sin2_2theta: float = 0.1,
    delta_m2_ev2: float = 1.0,
    highest_delta_m2_ev2: float = 10.0,
    lowest_mev: float = 1.0,
) -> OscillatedSource:
    """A source whose neutrinos mix with a sterile one; see :class:`SterileOscillation`.

    Parameters: ``sin2_2theta_sterile`` and ``delta_m2_sterile`` [eV^2]. There is a panel in energy
    for each oscillation at the highest Delta m^2, so that all smaller ones are integrated as well.

    Args:
        source: The neutrinos before they oscillate.
        baseline_m: Distance L between source and detector [m].
        families: Charged leptons whose neutrinos mix, of ``FAMILIES``; the source must have one.
        sin2_2theta, delta_m2_ev2: Where fits start; at sin^2(2 theta) = 0 nothing depends on
            Delta m^2 [eV^2].
        highest_delta_m2_ev2: Highest Delta m^2 of the domain [eV^2]. From the lowest energy to the
            end of the source there may be 4096 oscillations at it.
        lowest_mev: Energy [MeV] below which P is held at its value there, as it oscillates without
            end towards E = 0. Choose it below all energies that move a nucleus above the threshold.

    Raises:
        ConfigError: unknown family, none that the source has, a number out of its domain, no energy
            of the source above the lowest, or more oscillations than can be integrated.
    """
    check_families("oscillation", families)
    if not {family(flavour, "oscillation") for flavour in source.flavours} & {*families}:
        raise ConfigError(
            f"oscillation: families must hold one of the source, which has "
            f"{', '.join(source.flavours)}; with ({', '.join(families)}) nothing oscillates"
        )
    check_number("oscillation", "baseline_m", baseline_m, NUMBERS["distance_m"])
    check_number("oscillation", "sin2_2theta", sin2_2theta)
    check_number("oscillation", "delta_m2_ev2", delta_m2_ev2)
    given = {"highest_delta_m2_ev2": highest_delta_m2_ev2, "lowest_mev": lowest_mev}
    for key, value in given.items():
        check_positive("oscillation", key, value)
    top = max(source.edges)
    if not lowest_mev < top:
        raise ConfigError(
            f"oscillation: lowest_mev must lie below {top:g}, where the source ends, not at "
            f"{lowest_mev:g}"
        )
    probability = SterileOscillation(
        families=tuple(families),
        baseline=float(baseline_m),
        start=(float(sin2_2theta), float(delta_m2_ev2)),
        highest=float(highest_delta_m2_ev2),
    )
    _ = probability.parameters  # checks the start values
    per_splitting = PHASE * baseline_m * (1 / lowest_mev - 1 / top) / np.pi  # [1/eV^2]
    oscillations = per_splitting * highest_delta_m2_ev2
    if not oscillations <= MOST_PANELS:
        raise ConfigError(
            f"oscillation: highest_delta_m2_ev2 = {highest_delta_m2_ev2:g} with baseline_m = "
            f"{baseline_m:g} and lowest_mev = {lowest_mev:g} are {oscillations:.3g} oscillations, "
            f"more than the {MOST_PANELS} that can be integrated; highest_delta_m2_ev2 may be up "
            f"to {_rounded_down(MOST_PANELS / per_splitting):g}"
        )
    panels = _panels(source, lowest_mev, max(math.ceil(oscillations), LEAST_PANELS))
    return OscillatedSource(source=source, probability=probability, panels=panels)


def _rounded_down(number: float) -> float:
    """A positive number with three digits, at most itself: an end that is quoted can be used."""
    step = 10.0 ** (math.floor(math.log10(number)) - 2)
    return math.floor(number / step) * step


def _panels(source: Source, lowest: float, number: int) -> np.ndarray:
    """Ends of panels in E [MeV] from the lowest to the highest energy.

    The phase is linear in 1/E, in which ``number`` panels are even; more end where a spectrum is
    not smooth.
    """
    top = max(source.edges)
    even = 1 / np.linspace(1 / lowest, 1 / top, number + 1)
    inside = [e for e in (*source.edges, *source.bends) if lowest < e < top]
    return np.unique(np.concatenate([[lowest], even[1:-1], inside, [top]]))
