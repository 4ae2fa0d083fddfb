"""A data set with its prediction: signal, backgrounds and nuisance parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.detectors.detector import Detector
from cevns_jax.errors import ConfigError
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.interactions.standard_model import standard_model
from cevns_jax.parameters import Declared, Parameter, Values, completed, pull, static
from cevns_jax.precision import require_float64 as require_float64
from cevns_jax.prediction.about import About as About
from cevns_jax.prediction.about import conventions as conventions
from cevns_jax.prediction.component import Component, moved
from cevns_jax.prediction.nuisances import FORMS as FORMS
from cevns_jax.prediction.nuisances import Nuisance as Nuisance
from cevns_jax.prediction.nuisances import check_nuisances as check_nuisances
from cevns_jax.prediction.nuisances import gamma_factor as gamma_factor
from cevns_jax.prediction.spectrum import (
    KEV,
    RecoilSpectrum,
    ResponseMatrix,
    checked_recoils,
    energy_time,
    node_weights,
)
from cevns_jax.recoil import differential_rate
from cevns_jax.statistics import Statistic
from cevns_jax.summaries import of_experiment
from cevns_jax.summary import Summarised, Summary

N_SIGMA = Parameter(name="n_sigma", start=1.0, lower=0.0, label=r"$n_\sigma$")
"""Ratio of the CEvNS cross section to the predicted one, common to all experiments."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class Experiment(Summarised):
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
        detector: Quenching and efficiency that the response was made of; ``None`` where they are
            no separate parts of it.
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
    detector: Detector | None = None

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
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
    def component_names(self) -> tuple[str, ...]:
        """Names of signal and backgrounds."""
        return ("cevns", *self.backgrounds)

    def parameter_name(self, nuisance: Nuisance) -> str:
        """Name of the pull: shared ones go by their own name, others by that of the experiment."""
        return nuisance.name if nuisance.shared else f"{self.name}_{nuisance.name}"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Strength of the signal, parameters of signal and backgrounds, and the pulls."""
        pulls = [
            pull(name, n.lowest(self.component_names))
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

    def components(self, interaction: Interaction, values: Values) -> dict[str, jax.Array]:
        """Expected counts of each component, shape of the bins.

        Args:
            interaction: The cross section.
            values: Values of all parameters.
        """
        return {name: self.component(name, interaction, values) for name in self.component_names}

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
        require_float64()  # here, where everything that evaluates comes by
        factor = self._factor(name, values)
        shape = self._predictor(name)
        if not callable(shape):
            return factor * jnp.asarray(shape)
        seen = self._declared(name, shape, interaction, values)
        return factor * jnp.asarray(shape(interaction, *seen))

    def _factor(self, name: str, values: Values) -> jax.Array | float:
        """Normalisation of a component: pulls that act on it, and the strength of the signal."""
        factor: jax.Array | float = values[N_SIGMA.name] if name == "cevns" else 1.0
        for nuisance in self.nuisances:
            if name in nuisance.acts_on:
                factor *= nuisance.factor(values[self.parameter_name(nuisance)])
        return factor

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
                if name not in self.component_names:
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

    def recoil_spectrum(
        self,
        recoil_kev: np.ndarray | jax.Array | float,
        interaction: Interaction | None = None,
        values: Values | None = None,
    ) -> RecoilSpectrum:
        """dR/dT of CEvNS by flavour and isotope, before the response of the detector.

        What moves the normalisation of the signal (``n_sigma``, pulls) is in it: folded with
        :meth:`response_matrix` it is the prediction. Differentiable in recoils and values.

        Args:
            recoil_kev: Recoil energies T [keV], not negative, shape (n,). Zero stands for the
                lowest recoil that there is.
            interaction: The cross section; default the Standard Model with couplings at tree level.
            values: Values of parameters of the experiment and the interaction; those left out are
                where they start.

        Raises:
            ConfigError: an unknown parameter, recoils that cannot be, or a signal that is no recoil
                spectrum folded with a response.
            RuntimeError: JAX is in 32-bit mode.
        """
        require_float64()
        where = f"{self.name}.recoil_spectrum"
        recoil = checked_recoils(where, recoil_kev, zero=True)
        kernel = energy_time(self.name, self.signal).kernel
        interaction, full = self._completed(where, interaction, values)
        seen, effects = self._declared("cevns", self.signal, interaction, full)
        scale = 1 + jnp.asarray(effects.get("neutron_radius", 0.0))
        per_kg = differential_rate(
            recoil * KEV, kernel.source, kernel.target, interaction, seen, scale
        )
        return RecoilSpectrum(
            flavours=kernel.flavours,
            isotopes=kernel.target.symbols,
            unit="events/(keV day)" if "per day" in self.about.counted else "events/keV",
            recoil_kev=jnp.asarray(recoil),
            rate=self._factor("cevns", full) * kernel.mass_kg * KEV * per_kg,
        )

    def response_matrix(self, values: Values | None = None) -> ResponseMatrix:
        """Probability of each bin for recoils on the nodes of the experiment, times left out.

        Args:
            values: Values of parameters of the experiment, e.g. of pulls that move the response;
                those left out are where they start.

        Raises:
            ConfigError: an unknown parameter, or a signal that has no response.
        """
        part = energy_time(self.name, self.signal)
        interaction, full = self._completed(f"{self.name}.response_matrix", None, values)
        seen, effects = self._declared("cevns", self.signal, interaction, full)
        kernel, number = part.kernel, len(part.shape) - (part.timing is not None)
        recoil = jnp.asarray(kernel.recoil)
        probability = part.response(recoil, seen, effects)
        nodes = (len(kernel.target.symbols), recoil.shape[1])
        return ResponseMatrix(
            isotopes=kernel.target.symbols,
            axes=self.axes[:number],
            edges=self.edges[:number],
            recoil_kev=jnp.broadcast_to(recoil, nodes) / KEV,
            weight_kev=jnp.broadcast_to(node_weights(kernel), nodes) / KEV,
            probability=jnp.broadcast_to(probability, (*nodes, probability.shape[-1])),
        )

    def quenching(
        self, recoil_kev: np.ndarray | jax.Array | float, values: Values | None = None
    ) -> jax.Array:
        """Quenching factor E_ee/T [dimensionless] that the data set used, shape (n,).

        Args:
            recoil_kev: Recoil energies T [keV], positive, shape (n,).
            values: As :meth:`response_matrix`.

        Raises:
            ConfigError: an unknown parameter, recoils that cannot be, or a response of which
                quenching is no separate part.
        """
        where = f"{self.name}.quenching"
        recoil = jnp.asarray(checked_recoils(where, recoil_kev, zero=False))
        detector = self._detector("quenching")
        _, full = self._completed(where, None, values)
        return detector.energy(recoil * KEV, full, self._effects(full)) / recoil

    def efficiency(
        self,
        reconstructed: np.ndarray | jax.Array | float,
        *,
        recoil_kev: np.ndarray | jax.Array | float | None = None,
        values: Values | None = None,
    ) -> jax.Array:
        """Probability to keep an event [dimensionless] that the data set used.

        That of its arrival time is not in it.

        Args:
            reconstructed: Values of the first of the ``axes``, in its unit (photo-electrons, keV),
                any shape.
            recoil_kev: Recoil energies [keV] for an efficiency that depends on them as well, a
                factor; it broadcasts. Default: without this factor.
            values: As :meth:`response_matrix`.

        Raises:
            ConfigError: an unknown parameter, or a response of which the efficiency is no separate
                part.
        """
        detector = self._detector("efficiency")
        _, full = self._completed(f"{self.name}.efficiency", None, values)
        kept = detector.efficiency(jnp.asarray(reconstructed, dtype=float), self._effects(full))
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

    def _completed(
        self, where: str, interaction: Interaction | None, values: Values | None
    ) -> tuple[Interaction, Values]:
        """The interaction, by default the Standard Model, and values of all parameters."""
        interaction = standard_model() if interaction is None else interaction
        declared = {p.name: p for p in (*interaction.parameters, *self.parameters)}
        return interaction, completed(where, declared, values or {})

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
