"""Electrons of a target: how many of an atom's electrons a recoil of given energy can free."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import AVOGADRO, ELECTRON_MASS
from cevns_jax.errors import unknown
from cevns_jax.nuclei import NUCLIDES
from cevns_jax.parameters import Parameter, static

# Binding energies [keV] and the number of electrons that are bound less, from the outermost:
# X-ray Data Booklet (LBNL), table 1-1, as used with the Dresden-II data.
SHELLS_KEV: dict[str, tuple[tuple[float, int], ...]] = {
    "Ge": (
        *((0.0, 4), (0.0298, 14), (0.1208, 18), (0.1249, 20), (0.1801, 22)),
        *((1.217, 26), (1.248, 28), (1.4146, 30), (11.11, 32)),
    ),
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Electrons:
    """The electrons of one element; build it with :func:`electrons`.

    Attributes:
        name: The element.
        symbols: What scatters; one entry, as a target of one isotope has.
        nuclei_per_kg: Atoms per kg, shape (1,).
        thresholds: Binding energies T [MeV], ascending from zero, shape (n,).
        steps: Electrons that are added at each of them, shape (n,).
    """

    name: str = static()
    symbols: tuple[str, ...] = static(default=("e",))
    nuclei_per_kg: np.ndarray
    thresholds: np.ndarray
    steps: np.ndarray

    @property
    def mass(self) -> np.ndarray:
        """Electron mass [MeV], shape (1,)."""
        return np.array([ELECTRON_MASS])

    def parameters(self) -> tuple[Parameter, ...]:
        """None."""
        return ()

    def effective_number(self, recoil: jax.Array) -> jax.Array:
        """Electrons per atom that are bound by less than T [MeV]; shape of T."""
        free = jnp.asarray(recoil)[..., None] >= self.thresholds
        return jnp.sum(jnp.where(free, self.steps, 0.0), axis=-1)


def electrons(element: str) -> Electrons:
    """The electrons of an element in natural abundance.

    Raises:
        ConfigError: an element whose shells are not known here.
    """
    if element not in SHELLS_KEV:
        raise unknown("electrons", "element", element, SHELLS_KEV)
    rows = [n for n in NUCLIDES.values() if n.symbol.rstrip("0123456789") == element]
    molar = np.average([n.atomic_mass_u for n in rows], weights=[n.abundance for n in rows])
    energies, numbers = np.array(SHELLS_KEV[element]).T
    return Electrons(
        name=f"electrons of {element}",
        nuclei_per_kg=np.array([AVOGADRO / molar * 1e3]),
        thresholds=energies * 1e-3,
        steps=np.diff(numbers, prepend=0.0),
    )
