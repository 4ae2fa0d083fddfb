"""Components of a prediction: what every one is, and the plain kinds of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Parameter, Values
from cevns_jax.pytree import plain_pytree, static

if TYPE_CHECKING:
    from cevns_jax.prediction.scattering import Scattering


class Component(Protocol):
    """Prediction of some of the counts of an experiment; a pytree.

    It can be neutrinos that scatter on nuclei or electrons, a WIMP, a template, a formula. Whether
    an analysis takes it as signal or as background it does not know.
    """

    @property
    def costly(self) -> bool:
        """Whether it pays to evaluate it once if no varying parameter affects it. As a function of
        the parameters of a costly component chi^2 can have several minima, as it can as a function
        of those of the interaction."""
        ...

    @property
    def scatters(self) -> bool:
        """Whether neutrinos scatter in it, so that the parameters of the interaction move it."""
        ...

    @property
    def recoils(self) -> Scattering | None:
        """The recoil spectrum folded with a response that is in it, if there is one."""
        ...

    @property
    def nominal_counts(self) -> np.ndarray | None:
        """Counts before anything moves them, shape of the bins, if they are numbers that somebody
        gave: these are checked against the bins. ``None`` where they are computed."""
        ...

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects that nuisances can have on its shape."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of its own, e.g. nuclear radii."""
        ...

    @property
    def stages(self) -> tuple[set[str], ...]:
        """Names of its parameters and effects, by the stage of the computation at which they enter;
        parameters of the interaction enter at the first. Derivatives are taken one stage at a time,
        with the other stages evaluated to numbers."""
        ...

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Expected counts, shape of the bins."""
        ...

    def precomputed(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> Component:
        """The component with everything evaluated that no moving parameter or effect changes.

        Args:
            interaction: The cross section.
            values, effects: Values of all parameters, and sizes of all effects.
            moving: Names of the parameters and effects that will change.
        """
        ...


class Formula:
    """Base class of components that cost next to nothing, so that nothing is evaluated beforehand.

    One in which neutrinos scatter sets ``scatters = True``.
    """

    costly = False
    scatters = False
    recoils = None
    effects: tuple[str, ...] = ()
    parameters: Any = ()

    @property
    def nominal_counts(self) -> np.ndarray | None:
        """None: they are computed."""
        return None

    @property
    def stages(self) -> tuple[set[str], ...]:
        """All at once."""
        return ({*(p.name for p in self.parameters), *self.effects},)

    def precomputed(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> Self:
        """The component itself."""
        return self


@plain_pytree
@dataclass(frozen=True)
class Template(Formula):
    """Counts that nothing but a normalisation moves.

    Attributes:
        counts: Expected counts, shape of the bins.
    """

    counts: np.ndarray

    @property
    def nominal_counts(self) -> np.ndarray:
        """The counts."""
        return self.counts

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Counts per bin; nothing else is used."""
        return jnp.asarray(self.counts)


@plain_pytree
@dataclass(frozen=True)
class Precomputed(Formula):
    """A costly component that no varying parameter moves, evaluated once.

    Attributes:
        counts: Expected counts, shape of the bins.
        parameters: Parameters of the component that was evaluated.
        scatters: Whether neutrinos scatter in that component.
    """

    counts: jax.Array
    parameters: tuple[Parameter, ...]
    scatters: bool = static(default=True)

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Counts per bin; nothing else is used."""
        return self.counts


def stages_of(component: Component, interaction: Interaction) -> list[set[str]]:
    """Names of the parameters and effects that change the shape of a component, by stage."""
    first, *others = component.stages
    if component.scatters:
        first = first | {parameter.name for parameter in interaction.parameters}
    return [first, *others]


def moved(component: Component, interaction: Interaction) -> set[str]:
    """Names of the parameters and effects that change the shape of a component."""
    return set().union(*stages_of(component, interaction))
