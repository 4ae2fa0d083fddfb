"""What a neutrino source is: flux moments M_k(E_min) = integral_{E_min} phi(E) E^-k dE.

Every cross section here is a quadratic in 1/E at fixed recoil energy, so that three moments are all
that a recoil spectrum needs to know about a flux.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Protocol, TypeVar

import jax
import numpy as np

from cevns_jax.parameters import Parameter, Values

Array = TypeVar("Array", np.ndarray, jax.Array)
NO_VALUES: Values = MappingProxyType({})


class Source(Protocol):
    """A neutrino source; a pytree whose static parts hold no numbers, as these would recompile.

    Edges, bends and names are read in Python when recoil nodes are built. ``end_points`` and
    :meth:`moments` are evaluated in traced code as well.
    """

    @property
    def flavours(self) -> tuple[str, ...]:
        """Names of the F flavours."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the flux. A source that has none has constant moments."""
        ...

    @property
    def edges(self) -> tuple[float, ...]:
        """Energies [MeV] where a spectrum jumps or ends, the highest end point among them."""
        ...

    @property
    def bends(self) -> tuple[float, ...]:
        """Energies [MeV] where the slope of a spectrum jumps so much that recoil panels should end
        at the highest recoil from there, as at the rows of a coarse table."""
        ...

    @property
    def end_points(self) -> tuple[float | jax.Array, ...]:
        """Highest energy [MeV] of each flavour."""
        ...

    @property
    def label(self) -> str:
        """The source in words."""
        ...

    def moments(self, e_min: Array, values: Values = NO_VALUES) -> Array:
        """Flux moments M_k(e_min) = integral_{e_min} phi(E) E^-k dE.

        Args:
            e_min: Lowest neutrino energy [MeV], any shape, positive; NumPy's or JAX's.
            values: Values of the parameters; those that are missing are at their start values.

        Returns:
            M_k [MeV^-k/cm^2] for k = 0, 1, 2, shape (F, 3) + that of e_min; of the kind of e_min,
            or JAX's where there are parameters.
        """
        ...
