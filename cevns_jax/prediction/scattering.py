"""Neutrinos that scatter on nuclei or electrons, as a component of a prediction."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp

from cevns_jax.detectors.ready_response import FixedResponse
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.parameters import Parameter, Values
from cevns_jax.prediction.component import Precomputed, moved
from cevns_jax.pytree import plain_pytree, static
from cevns_jax.recoil import RecoilKernel


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

    def __call__(self, effects: Mapping[str, jax.Array]) -> jax.Array:
        """Fractions, shape (F, time bins)."""
        ...


@plain_pytree
@dataclass(frozen=True, kw_only=True)
class Scattering:
    """Recoils of one source on nuclei or electrons, in bins of energy and time.

    For each flavour the counts are a spectrum in energy times a shape in time.

    Attributes:
        shape: Shape of the bins.
        kernel: Source on target.
        response: Recoil -> energy bins (or bins of several reconstructed quantities, flattened).
        timing: Flavour -> time bins; ``None`` where times are not used.
    """

    shape: tuple[int, ...] = static()
    kernel: RecoilKernel
    response: Response
    timing: Timing | None

    costly = True
    scatters = True
    nominal_counts = None

    @property
    def recoils(self) -> Scattering:
        """Itself."""
        return self

    @property
    def effects(self) -> tuple[str, ...]:
        """Those of response and timing, and ``neutron_radius``, a relative change of all radii."""
        timing = () if self.timing is None else self.timing.effects
        return (*self.response.effects, *timing, "neutron_radius")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the target (radii), of the source, and of the response."""
        return (*self.kernel.parameters, *self.response.parameters)

    @property
    def stages(self) -> tuple[set[str], ...]:
        """Recoils, response, times."""
        response = {*(p.name for p in self.response.parameters), *self.response.effects}
        recoils = {*(p.name for p in self.kernel.parameters), "neutron_radius"}
        return recoils, response, set(() if self.timing is None else self.timing.effects)

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

    def precomputed(
        self,
        interaction: Interaction,
        values: Values,
        effects: Mapping[str, jax.Array],
        moving: set[str],
    ) -> Scattering | Precomputed:
        """The counts, if nothing moves them.

        Else the component with its response evaluated if nothing moves that, and with the moments
        of its source evaluated if the source has parameters none of which moves.
        """
        if not moved(self, interaction) & moving:
            return Precomputed(self(interaction, values, effects), self.parameters)
        kernel, response = self.kernel, self.response
        if not {p.name for p in kernel.source.parameters} & moving:
            kernel = kernel.precomputed(values)
        if not self.stages[1] & moving:
            matrix = response(jnp.asarray(kernel.recoil), values, effects)
            response = FixedResponse(matrix=matrix)
        return dataclasses.replace(self, kernel=kernel, response=response)
