"""A data set with its prediction: a sum of named components, and nuisance parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import KEV
from cevns_jax.detectors.detector import Detector
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Declared, Parameter, Values, pull
from cevns_jax.precision import require_float64
from cevns_jax.prediction import spectrum
from cevns_jax.prediction.about import About
from cevns_jax.prediction.component import Component, stages_of
from cevns_jax.prediction.nuisances import Nuisance
from cevns_jax.prediction.parts import Parts, sharing_as
from cevns_jax.pseudo_data import KINDS, OBSERVED
from cevns_jax.pytree import changed, plain_pytree, static
from cevns_jax.statistics import Statistic
from cevns_jax.summaries import of_experiment
from cevns_jax.summary import Summarised, Summary

N_SIGMA = Parameter(name="n_sigma", start=1.0, lower=0.0, label=r"$n_\sigma$")
"""Ratio of the CEvNS cross section to the predicted one, common to all experiments."""


@plain_pytree
@dataclass(frozen=True)
class Scale:
    """A parameter that is a factor on components.

    Attributes:
        parameter: The factor. It starts at 1 unless its declaration says otherwise.
        acts_on: Names of the components.
    """

    parameter: Parameter
    acts_on: tuple[str, ...] = static()

    @property
    def text(self) -> str:
        """What it scales, for people."""
        return f"{self.parameter.name} scales {' and '.join(self.acts_on) or 'nothing'}"


def n_sigma(*components: str) -> Scale:
    """The ratio of the CEvNS cross section to the predicted one, on the components that it is asked
    to scale."""
    return Scale(N_SIGMA, components)


@plain_pytree
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Experiment(Summarised):
    """One data set and how to predict it: the sum of its components.

    Attributes:
        name: Python identifier.
        about: Title, citation, exposure and conventions in words.
        axes: Names of the binned quantities, units included.
        overlaps: Names of experiments that have events in common with this one.
        edges: Bin edges of each axis.
        per_day: Whether the numbers in the bins are rates per day, and no counts.
        observed: Counts per bin, one array axis per binned quantity; NaN where there is no data,
            as in a forecast.
        kind: Where they come from: a place in :data:`cevns_jax.pseudo_data.KINDS`. It is a number
            beside the counts, so that other data of the same experiment compile nothing new.
        statistic: Distribution of the counts.
        parts: The components by name.
        scales: Factors on components that are parameters, such as ``n_sigma``.
        nuisances: Systematic uncertainties.
        detector: Quenching and efficiency that the response was made of; ``None`` where they are
            no separate parts of it.

    Raises:
        ConfigError: no component, or a scale that acts on a component that there is not or on one
            of them twice.
    """

    name: str = static()
    about: About = field(metadata={"static": True})
    axes: tuple[str, ...] = static()
    overlaps: tuple[str, ...] = static(default=())
    per_day: bool = static(default=False)
    edges: tuple[np.ndarray, ...]
    observed: np.ndarray | jax.Array
    statistic: Statistic
    parts: Mapping[str, Component]
    scales: tuple[Scale, ...] = ()
    nuisances: tuple[Nuisance, ...]
    detector: Detector | None = None
    kind: Any = 0  # OBSERVED

    def __post_init__(self) -> None:
        parts = Parts(self.parts)
        object.__setattr__(self, "parts", parts)
        if not parts:
            raise ConfigError(f"{self.name}: an experiment needs at least one component")
        taken: set[tuple[str, str]] = set()
        for scale in self.scales:
            for name in scale.acts_on:
                if (scale.parameter.name, name) in taken:
                    raise ConfigError(
                        f"{self.name}: {scale.parameter.name} scales {name} more than once"
                    )
                taken.add((scale.parameter.name, name))
                if name not in parts:
                    where = f"{self.name}, scale {scale.parameter.name}"
                    raise unknown(where, "component", name, parts)

    def summary(self) -> Summary:
        """Its description in words and tables."""
        return of_experiment(self)

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
    def conventions(self) -> dict[str, str]:
        """Choices that change numbers, name -> choice."""
        return self.about.conventions

    @property
    def data(self) -> str:
        """Where the counts come from, one of :data:`cevns_jax.pseudo_data.KINDS`. Inside a compiled
        function it is not known."""
        return KINDS[int(self.kind)]

    @property
    def component_names(self) -> tuple[str, ...]:
        """Names of the components."""
        return tuple(self.parts)

    @property
    def partial_scales(self) -> list[Scale]:
        """The scales that act on other components than on all those in which neutrinos scatter."""
        neutrinos = {name for name, part in self.parts.items() if part.scatters}
        return [scale for scale in self.scales if set(scale.acts_on) != neutrinos]

    def parameter_name(self, nuisance: Nuisance) -> str:
        """Name of the pull: shared ones go by their own name, others by that of the experiment."""
        return nuisance.name if nuisance.shared else f"{self.name}_{nuisance.name}"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Scales, parameters of the components, and the pulls. A parameter that several components
        share is there once for each."""
        pulls = [
            pull(name, n.lowest(self.component_names))
            for name, n in zip(self.pulls, self.nuisances, strict=True)
        ]
        of_parts = [parameter for part in self.parts.values() for parameter in part.parameters]
        return (*(scale.parameter for scale in self.scales), *of_parts, *pulls)

    @property
    def pulls(self) -> tuple[str, ...]:
        """Names of the unit-normal nuisance parameters."""
        return tuple(self.parameter_name(nuisance) for nuisance in self.nuisances)

    @property
    def many_valleys(self) -> set[str]:
        """Names of the parameters in which chi^2 can have several minima: those of costly
        components, which are radii and parameters of flux and response."""
        costly = [part for part in self.parts.values() if part.costly]
        return {parameter.name for part in costly for parameter in part.parameters}

    def components(self, interaction: Interaction, values: Values) -> dict[str, jax.Array]:
        """Expected counts of each component, shape of the bins.

        Args:
            interaction: The cross section.
            values: Values of all parameters.
        """
        return {name: self.component(name, interaction, values) for name in self.parts}

    def expected(self, interaction: Interaction, values: Values) -> jax.Array:
        """Sum of the components."""
        counts = jnp.stack([*self.components(interaction, values).values()])
        return jnp.sum(counts, axis=0)

    def component(self, name: str, interaction: Interaction, values: Values) -> jax.Array:
        """Expected counts of one component, as :meth:`expected`.

        Raises:
            ConfigError: it reads a parameter that neither it nor the interaction declares.
            RuntimeError: JAX is in 32-bit mode.
        """
        return self.factor(name, values) * self.unscaled(name, interaction, values)

    def unscaled(self, name: str, interaction: Interaction, values: Values) -> jax.Array:
        """Expected counts of one component without scales and normalisations; as
        :meth:`component`."""
        require_float64()  # here, as every evaluation passes through this method
        return jnp.asarray(self.parts[name](interaction, *self.seen_by(name, interaction, values)))

    def factor(self, name: str, values: Values) -> jax.Array | float:
        """Normalisation of a component: the scales and the pulls that act on it."""
        factor: jax.Array | float = 1.0
        for scale in self.scales:
            if name in scale.acts_on:
                factor *= values[scale.parameter.name]
        for nuisance in self.nuisances:
            if name in nuisance.acts_on:
                factor *= nuisance.factor(values[self.parameter_name(nuisance)])
        return factor

    def seen_by(
        self, name: str, interaction: Interaction, values: Values
    ) -> tuple[Declared, Declared]:
        """The values and effects that a component may read.

        These are those that it declares and, if neutrinos scatter in it, the values of the
        parameters of the interaction. Reading another one is an error that names it.
        """
        part = self.parts[name]
        where = f'{self.name}, component "{name}": reads the'
        of_interaction = interaction.parameters if part.scatters else ()
        names = [p.name for p in (*of_interaction, *part.parameters)]
        effects = Declared(self.effects(values), part.effects, f"{where} effect")
        return Declared(values, names, f"{where} parameter"), effects

    def effects(self, values: Values) -> dict[str, jax.Array]:
        """Size of each effect that nuisances have, in the unit of their widths."""
        effects: dict[str, jax.Array] = {}
        for nuisance in self.nuisances:
            for name in nuisance.acts_on:
                if name not in self.parts:
                    move = nuisance.move(values[self.parameter_name(nuisance)])
                    effects[name] = effects.get(name, jnp.zeros(())) + move
        return effects

    def deviance(self, expected: jax.Array) -> jax.Array:
        """-2 ln L of each bin; infinite where counts are impossible.

        Args:
            expected: Sum of the components, shape of the bins.
        """
        return self.statistic.deviance(expected, jnp.asarray(self.observed))

    def scaled_by(self, name: str) -> list[str]:
        """Names of the parameters that are factors on a component, or in one."""
        scales = [scale.parameter.name for scale in self.scales if name in scale.acts_on]
        pulls = [self.parameter_name(n) for n in self.nuisances if name in n.acts_on]
        return [*scales, *pulls]

    def shaped_by(self, name: str, interaction: Interaction) -> list[set[str]]:
        """Names of the parameters that change the shape of a component, by the stage at which they
        enter first, each once; in place of an effect the pulls that act on it."""
        found: list[set[str]] = []
        effects = set(self.parts[name].effects)
        for stage in stages_of(self.parts[name], interaction):
            acting = [n for n in self.nuisances if stage.intersection(n.acts_on)]
            names = (stage - effects) | {self.parameter_name(n) for n in acting}
            found.append(names.difference(*found))
        return found

    def precomputed(
        self,
        interaction: Interaction,
        values: Values,
        varying: Collection[str] = (),
        component: str | None = None,
    ) -> Experiment:
        """The experiment with everything evaluated that no varying parameter affects.

        Args:
            interaction: The cross section.
            values: Values of all parameters.
            varying: Names of the parameters that will change.
            component: The one component to treat so, while the others stay as they are; default
                all of them.
        """
        moving = set(varying)
        for nuisance in self.nuisances:
            if self.parameter_name(nuisance) in varying:
                moving |= set(nuisance.acts_on)
        parts = Parts(self.parts)
        for name in self.parts if component is None else (component,):
            seen = self.seen_by(name, interaction, values)
            parts[name] = self.parts[name].precomputed(interaction, *seen, moving)
        if component is None:
            parts = sharing_as(self.parts, parts)
        return changed(self, parts=parts)

    def with_observed(self, observed: np.ndarray | jax.Array, data: str = OBSERVED) -> Experiment:
        """The same experiment with other counts, e.g. of a toy; ``data`` says what they are."""
        about = replace(self.about, as_released=False)
        return changed(self, observed=observed, kind=KINDS.index(data), about=about)

    def recoil_spectrum(
        self,
        recoil_kev: np.ndarray | jax.Array | float,
        interaction: Interaction | None = None,
        values: Values | None = None,
        *,
        component: str | None = None,
    ) -> spectrum.RecoilSpectrum:
        """dR/dT of CEvNS by flavour and isotope, before the response of the detector.

        The factors on the component (``n_sigma``, pulls) are included: folded with
        :meth:`response_matrix` it is the prediction. Differentiable in recoils and values.

        Args:
            recoil_kev: Recoil energies T [keV], not negative, shape (n,). Zero stands for the
                lowest recoil that there is.
            interaction: The cross section; default the Standard Model with couplings at tree level.
            values: Values of parameters of the experiment and the interaction; those left out are
                where they start.
            component: Name of the component; needed if neutrinos scatter on nuclei in several.

        Raises:
            ConfigError: an unknown parameter or component, recoils that cannot be, or no component
                that is a recoil spectrum folded with a response.
            RuntimeError: JAX is in 32-bit mode.
        """
        return spectrum.recoil_spectrum(self, recoil_kev, interaction, values, component)

    def response_matrix(
        self, values: Values | None = None, *, component: str | None = None
    ) -> spectrum.ResponseMatrix:
        """Probability of each bin for recoils on the nodes of the experiment, times left out.

        Args:
            values: Values of parameters of the experiment, e.g. of pulls that move the response;
                those left out are where they start.
            component: As :meth:`recoil_spectrum`.

        Raises:
            ConfigError: an unknown parameter or component, or none that has a response.
        """
        return spectrum.response_matrix(self, values, component)

    def quenching(
        self, recoil_kev: np.ndarray | jax.Array | float, values: Values | None = None
    ) -> jax.Array:
        """Quenching factor E_ee/T [dimensionless] that the data set used, shape (n,).

        Args:
            recoil_kev: Recoil energies T [keV], positive, shape (n,).
            values: As :meth:`response_matrix`.

        Raises:
            ConfigError: an unknown parameter, recoils that are not positive, or a response in which
                quenching is no separate step.
        """
        where = f"{self.name}.quenching"
        recoil = jnp.asarray(spectrum.checked_recoils(where, recoil_kev, zero=False))
        detector = self._detector("quenching")
        _, full = spectrum.completed_for(self, where, None, values)
        return detector.energy(recoil * KEV, full, self.effects(full)) / recoil

    def efficiency(
        self,
        reconstructed: np.ndarray | jax.Array | float,
        *,
        recoil_kev: np.ndarray | jax.Array | float | None = None,
        values: Values | None = None,
    ) -> jax.Array:
        """Probability to keep an event [dimensionless] that the data set used.

        An efficiency that depends on the arrival time is not included.

        Args:
            reconstructed: Values of the first of the ``axes``, in its unit (photo-electrons, keV),
                any shape.
            recoil_kev: Recoil energies [keV], for an efficiency that has a factor that depends on
                them; they broadcast with the values. Default: without this factor.
            values: As :meth:`response_matrix`.

        Raises:
            ConfigError: an unknown parameter, or a response in which the efficiency is no separate
                step.
        """
        detector = self._detector("efficiency")
        _, full = spectrum.completed_for(self, f"{self.name}.efficiency", None, values)
        kept = detector.efficiency(jnp.asarray(reconstructed, dtype=float), self.effects(full))
        if recoil_kev is None or detector.recoil_efficiency is None:
            return kept
        return kept * detector.recoil_efficiency(jnp.asarray(recoil_kev, dtype=float))

    def _detector(self, what: str) -> Detector:
        if self.detector is None:
            raise ConfigError(
                f"{self.name}: {what} is no separate part of its response, which is one table "
                "(or its own); response_matrix() gives the whole of it"
            )
        return self.detector
