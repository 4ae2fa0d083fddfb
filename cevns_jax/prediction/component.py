"""Components of a prediction: what every one is, and CEvNS in bins of energy and time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import jax
import jax.numpy as jnp

from cevns_jax.detectors.ready_response import FixedResponse
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Parameter, Values, static
from cevns_jax.recoil import RecoilKernel


class Component(Protocol):
    """Prediction of the counts of CEvNS or of a background; a pytree."""

    @property
    def costly(self) -> bool:
        """Whether it pays to evaluate it once where nothing moves it."""
        ...

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects that nuisances can have on its shape."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of its own, e.g. nuclear radii."""
        ...

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Expected counts, shape of the bins."""
        ...

    def frozen(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> Component:
        """The component with those parts evaluated that no moving parameter or effect changes."""
        ...


class Formula:
    """A component that costs nothing to evaluate: it is never evaluated ahead."""

    costly = False
    effects: tuple[str, ...] = ()

    def frozen(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> Self:
        """The component itself."""
        return self


class Response(Protocol):
    """Probability of each bin for recoils; see ``detectors``."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the response, e.g. of a quenching model."""
        ...

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects of nuisances that move it."""
        ...

    def __call__(
        self, recoil: jax.Array, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Probabilities, shape of the recoils (I, n), then bins."""
        ...


class Timing(Protocol):
    """Accepted fraction of each flavour in each time bin; see ``detectors``."""

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects of nuisances that move it."""
        ...

    def __call__(self, effects: Mapping[str, jax.Array]) -> jax.Array: ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class EnergyTimeSignal:
    """CEvNS in bins of energy and time, where both factorise for each flavour.

    Attributes:
        kernel: Source on target.
        response: Recoil -> energy bins (or bins of several reconstructed quantities, flattened).
        timing: Flavour -> time bins; ``None`` where times are not used.
        shape: Shape of the bins.
    """

    shape: tuple[int, ...] = static()
    kernel: RecoilKernel
    response: Response
    timing: Timing | None

    costly = True

    @property
    def effects(self) -> tuple[str, ...]:
        """Those of response and timing, and ``neutron_radius``, a relative change of all radii."""
        timing = () if self.timing is None else self.timing.effects
        return (*self.response.effects, *timing, "neutron_radius")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*self.kernel.target.parameters, *self.response.parameters)

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        """Expected counts, shape of the bins."""
        response = self.response(jnp.asarray(self.kernel.recoil), values, effects)
        scale = 1 + jnp.asarray(effects.get("neutron_radius", 0.0))
        timed = self.timing is not None
        energy = self.kernel.counts(interaction, values, response, scale, by_flavour=timed)
        counts = jnp.einsum("fe,ft->et", energy, self.timing(effects)) if self.timing else energy
        return counts.reshape(self.shape)

    def frozen(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> EnergyTimeSignal | FixedSignal:
        """The counts where nothing moves them, else with the response evaluated if nothing moves
        that."""
        if not moved(self, interaction) & moving:
            counts = self(interaction, values, effects)
            return FixedSignal(counts=counts, parameters=self.parameters)
        if {*(p.name for p in self.response.parameters), *self.response.effects} & moving:
            return self
        matrix = self.response(jnp.asarray(self.kernel.recoil), values, effects)
        return dataclasses.replace(self, response=FixedResponse(matrix=matrix))


def moved(component: Component, interaction: Interaction) -> set[str]:
    """Names of the parameters and effects that change the shape of a component."""
    parameters = (*interaction.parameters, *component.parameters)
    return {p.name for p in parameters} | set(component.effects)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class FixedSignal(Formula):
    """A signal that no varying parameter moves, evaluated once.

    Attributes:
        counts: Expected counts per bin.
        parameters: Parameters of the signal that was evaluated.
    """

    counts: jax.Array
    parameters: tuple[Parameter, ...]

    def __call__(
        self, interaction: Interaction, values: Values, effects: Mapping[str, jax.Array]
    ) -> jax.Array:
        return self.counts
