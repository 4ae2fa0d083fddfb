"""A data set with its prediction: signal, backgrounds and nuisance parameters."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.experiments.component import Component, moved
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Declared, Parameter, Values, pull, static
from cevns_jax.precision import require_float64
from cevns_jax.statistics import Statistic

N_SIGMA = Parameter(name="n_sigma", start=1.0, lower=0.0, label=r"$n_\sigma$")
"""Ratio of the CEvNS cross section to the predicted one, common to all experiments."""


def gamma_factor(move: jax.Array) -> jax.Array:
    """Factor f with 2 (f - 1 - ln f) = move^2 and the sign of f - 1 that of the move.

    A unit-normal pull x = move/width then costs 2 (f - 1 - ln f)/width^2, the asymmetric penalty
    of arXiv:2008.06062: f has a gamma distribution of mode 1 and is never negative.
    """
    u = jnp.where(move > 0, jnp.log1p(jnp.abs(move)), -jnp.abs(move) - move**2 / 2)
    for _ in range(6):  # Newton for ln f; the left side is nearly linear in it
        small = jnp.abs(u) < 1e-2
        safe = jnp.where(small, 1.0, u)
        bend = jnp.where(
            small, 1 + u / 3 + u**2 / 12 + u**3 / 60, 2 * (jnp.expm1(safe) - safe) / safe**2
        )
        root = u * jnp.sqrt(bend)
        slope = jnp.where(small, 1 + u / 2 + u**2 / 6, jnp.expm1(safe) / safe) / jnp.sqrt(bend)
        u = u - (root - move) / slope
    return jnp.exp(u)


FORMS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "linear": lambda move: 1 + move,
    "exponential": jnp.exp,
    "gamma": gamma_factor,
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Nuisance:
    """A systematic uncertainty as data: a unit-normal pull and what it moves.

    Attributes:
        name: Name of the uncertainty; the parameter is ``<experiment>_<name>`` unless shared.
        acts_on: Components whose normalisation it moves, or one effect of the signal.
        width: One standard deviation: relative for a normalisation, in the unit of the effect else.
        form: How a normalisation moves with the pull x, one of ``FORMS``. Effects are linear.
        shared: Whether all experiments that declare the name share one parameter.
        includes: Shared uncertainties that are lumped into it, e.g. the flux of a source.
    """

    name: str = static()
    acts_on: tuple[str, ...] = static()
    width: float
    form: str = static(default="linear")
    shared: bool = static(default=False)
    includes: tuple[str, ...] = static(default=())

    def lowest(self, components: Collection[str]) -> float:
        """Lowest pull: where a linear one leaves nothing of a component that it scales. Beyond it
        counts would be negative, which far from the data a fit would try.

        Args:
            components: Names of the components; what else it acts on are effects, which have no
                such end.
        """
        scales = self.form == "linear" and not set(components).isdisjoint(self.acts_on)
        # Anything else is a placeholder, when JAX looks at the structure alone.
        known = isinstance(self.width, Real | np.ndarray | jax.Array)
        return -1 / self.width if scales and known else -math.inf

    def factor(self, x: jax.Array | float) -> jax.Array:
        """Factor on a normalisation at pull x."""
        return FORMS[self.form](jnp.asarray(self.width * x))


@dataclass(frozen=True, kw_only=True, eq=False)
class About:
    """What is known of an experiment in words. Any two are equal: words, and the numbers in them,
    never make JAX compile again.

    Attributes:
        title: For people.
        citation: Publication of the data.
        exposure: The exposure.
        conventions: Choices that change numbers, as (name, choice).
        counted: What the numbers in the bins are.
        data: Where they come from: ``"observed"``, or the pseudo-data ``"asimov"``, ``"toy"`` or
            ``"toy_fixed_pulls"``.
    """

    title: str
    citation: str
    exposure: str
    conventions: tuple[tuple[str, str], ...]
    counted: str = "events"
    data: str = "observed"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, About)

    def __hash__(self) -> int:
        return hash(About)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One data set and how to predict it.

    Attributes:
        name: Python identifier.
        about: Title, citation, exposure and conventions in words.
        axes: Names of the binned quantities, units included.
        overlaps: Names of experiments that have events in common with this one.
        edges: Bin edges of each axis.
        observed: Counts per bin, one array axis per binned quantity; NaN where there is no data,
            as in a forecast.
        statistic: Distribution of the counts.
        signal: Prediction of the component ``cevns``.
        backgrounds: The other components: expected counts per bin, or how to predict them.
        nuisances: Systematic uncertainties.
    """

    name: str = static()
    about: About = field(metadata={"static": True})
    axes: tuple[str, ...] = static()
    overlaps: tuple[str, ...] = static(default=())
    edges: tuple[np.ndarray, ...]
    observed: np.ndarray | jax.Array
    statistic: Statistic
    signal: Component
    backgrounds: Mapping[str, np.ndarray | Component]
    nuisances: tuple[Nuisance, ...]

    @property
    def title(self) -> str:
        return self.about.title

    @property
    def citation(self) -> str:
        return self.about.citation

    @property
    def exposure(self) -> str:
        return self.about.exposure

    @property
    def conventions(self) -> tuple[tuple[str, str], ...]:
        return self.about.conventions

    @property
    def components(self) -> tuple[str, ...]:
        """Names of signal and backgrounds."""
        return ("cevns", *self.backgrounds)

    def parameter_name(self, nuisance: Nuisance) -> str:
        """Name of the pull: shared ones go by their own name, others by that of the experiment."""
        return nuisance.name if nuisance.shared else f"{self.name}_{nuisance.name}"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Strength of the signal, parameters of signal and backgrounds, and the pulls."""
        pulls = [
            pull(name, n.lowest(self.components))
            for name, n in zip(self.pulls, self.nuisances, strict=True)
        ]
        return (N_SIGMA, *self.signal.parameters, *self._of_backgrounds, *pulls)

    @property
    def _of_backgrounds(self) -> tuple[Parameter, ...]:
        # Sorted, as a dictionary comes out of jax.jit: vectors follow this order in and out of it.
        components = [self.backgrounds[name] for name in sorted(self.backgrounds)]
        found = [c.parameters for c in components if callable(c)]
        return tuple(parameter for parameters in found for parameter in parameters)

    @property
    def pulls(self) -> tuple[str, ...]:
        """Names of the unit-normal nuisance parameters."""
        return tuple(self.parameter_name(nuisance) for nuisance in self.nuisances)

    @property
    def varying(self) -> tuple[str, ...]:
        """Names of the parameters that vary unless held: those of backgrounds, and the pulls."""
        return (*(p.name for p in self._of_backgrounds), *self.pulls)

    def expected(self, interaction: Interaction, values: Values) -> dict[str, jax.Array]:
        """Expected counts of each component, shape of the bins.

        Args:
            interaction: The cross section.
            values: Values of all parameters.
        """
        return {name: self.component(name, interaction, values) for name in self.components}

    def total(self, interaction: Interaction, values: Values) -> jax.Array:
        """Sum of the components."""
        counts = jnp.stack([*self.expected(interaction, values).values()])
        return jnp.sum(counts, axis=0)

    def component(self, name: str, interaction: Interaction, values: Values) -> jax.Array:
        """Expected counts of one component, as :meth:`expected`.

        Raises:
            ConfigError: it reads a parameter that neither it nor the interaction declares.
            RuntimeError: JAX is in 32-bit mode.
        """
        require_float64()  # here, where everything that evaluates comes by
        factor: jax.Array | float = values[N_SIGMA.name] if name == "cevns" else 1.0
        for nuisance in self.nuisances:
            if name in nuisance.acts_on:
                factor *= nuisance.factor(values[self.parameter_name(nuisance)])
        shape = self._predictor(name)
        if not callable(shape):
            return factor * jnp.asarray(shape)
        seen = self._declared(name, shape, interaction, values)
        return factor * jnp.asarray(shape(interaction, *seen))

    def _declared(
        self, name: str, component: Component, interaction: Interaction, values: Values
    ) -> tuple[Declared, Declared]:
        """The values and effects that a component may read: those that it declares, and the values
        that the interaction declares."""
        where = f'{self.name}, component "{name}": reads the'
        names = [p.name for p in (*interaction.parameters, *component.parameters)]
        effects = Declared(self._effects(values), component.effects, f"{where} effect")
        return Declared(values, names, f"{where} parameter"), effects

    def deviance(self, expected: jax.Array) -> jax.Array:
        """-2 ln L of each bin; infinite where counts are impossible.

        Args:
            expected: Sum of the components, shape of the bins.
        """
        return self.statistic.deviance(expected, jnp.asarray(self.observed))

    def bin_terms(self, expected: jax.Array) -> tuple[jax.Array, ...]:
        """What a minimiser sees, shape of the bins each: the continued deviance, half its slope,
        the expected information, and where the deviance is infinite.

        Args:
            expected: Sum of the components, same shape.
        """
        n, of = jnp.asarray(self.observed), self.statistic
        return (
            of.continued(expected, n),
            of.slope(expected, n),
            of.information(expected),
            of.impossible(expected, n),
        )

    def _predictor(self, name: str) -> Component | np.ndarray:
        return self.signal if name == "cevns" else self.backgrounds[name]

    def _effects(self, values: Values) -> dict[str, jax.Array]:
        """Size of each effect that nuisances have, in the unit of their widths."""
        effects: dict[str, jax.Array] = {}
        for nuisance in self.nuisances:
            for name in nuisance.acts_on:
                if name not in self.components:
                    move = nuisance.width * values[self.parameter_name(nuisance)]
                    effects[name] = effects.get(name, jnp.zeros(())) + move
        return effects

    def moved_by(self, name: str, interaction: Interaction) -> dict[str, bool]:
        """Names of the parameters that move a component, and whether each changes the shape of a
        costly one."""
        predictor = self._predictor(name)
        shape = moved(predictor, interaction) if callable(predictor) else set()
        costly = callable(predictor) and predictor.costly
        found = dict.fromkeys(shape - set(self.pulls), costly)
        if name == "cevns":
            found[N_SIGMA.name] = False
        for nuisance in self.nuisances:
            parameter = self.parameter_name(nuisance)
            if shape & set(nuisance.acts_on):
                found[parameter] = costly
            elif name in nuisance.acts_on:
                found.setdefault(parameter, False)
        return found

    def frozen(
        self, interaction: Interaction, values: Values, varying: Sequence[str] = ()
    ) -> Experiment:
        """The experiment with all that evaluated which no varying parameter shapes.

        Args:
            interaction: The cross section.
            values: Values of all parameters.
            varying: Names of the parameters that will change.
        """
        moving = set(varying)
        for nuisance in self.nuisances:
            if self.parameter_name(nuisance) in varying:
                moving |= set(nuisance.acts_on)

        def frozen(name: str, component: Component) -> Component:
            seen = self._declared(name, component, interaction, values)
            return component.frozen(interaction, *seen, moving)

        backgrounds = {
            name: frozen(name, b) if callable(b) else b for name, b in self.backgrounds.items()
        }
        signal = frozen("cevns", self.signal)
        return dataclasses.replace(self, signal=signal, backgrounds=backgrounds)

    def with_observed(self, observed: np.ndarray | jax.Array, data: str = "observed") -> Experiment:
        """The same experiment with other counts, e.g. of a toy; data: as of :class:`About`."""
        about = dataclasses.replace(self.about, data=data)
        return dataclasses.replace(self, observed=observed, about=about)


def check_nuisances(
    where: str,
    nuisances: tuple[Nuisance, ...],
    components: tuple[str, ...],
    effects: tuple[str, ...],
) -> None:
    """Check nuisances against the components and effects that an experiment has.

    Raises:
        ConfigError: a name used twice, nothing or something unknown to act on, a width that is not
            positive, or a form that is unknown or does not fit an effect.
    """
    seen: set[str] = set()
    for nuisance in nuisances:
        place = f'{where}, nuisance "{nuisance.name}"'
        if nuisance.name in seen:
            raise ConfigError(f"{place}: declared twice")
        seen.add(nuisance.name)
        if not nuisance.acts_on:
            raise ConfigError(f"{place}: acts_on must name a component or an effect")
        for name in nuisance.acts_on:
            if name not in components and name not in effects:
                raise unknown(place, "component or effect", name, [*components, *effects])
        if not (math.isfinite(nuisance.width) and nuisance.width > 0):
            raise ConfigError(f"{place}: width must be positive and finite, not {nuisance.width}")
        allowed = list(FORMS)
        if not set(nuisance.acts_on) <= set(components):
            allowed = ["linear"]  # an effect is a shift, not a factor
        if nuisance.form not in allowed:
            raise unknown(place, "form", nuisance.form, allowed)


def conventions(
    flux: str, material: Target, nuisances: Sequence[Nuisance], **others: str
) -> tuple[tuple[str, str], ...]:
    """Choices that change numbers: flux, nuclei, nuisances, and those of the data set."""

    def radii(values: Sequence[float] | np.ndarray) -> str:
        return ", ".join(f"{s} {r:.4g}" for s, r in zip(material.symbols, values, strict=True))

    return (
        ("flux", flux),
        ("form factor", f"{material.form_factor}"),
        ("R_p [fm]", radii(material.properties[-1])),
        ("R_n [fm]", radii(material.neutron_radius)),
        *((key.replace("_", " "), text) for key, text in others.items()),
        ("nuisances", ", ".join(f"{n.name} {n.width:g} {n.form}" for n in nuisances) or "none"),
    )
