"""Electrons of a target: how many electrons of an atom a recoil of given energy can free.

An electron counts as free if its binding energy is below the recoil energy, and not at all
otherwise: the number of electrons is a step function of T.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import AVOGADRO, ELECTRON_MASS
from cevns_jax.errors import unknown
from cevns_jax.nuclei import NUCLIDES, element_counts
from cevns_jax.parameters import Parameter
from cevns_jax.pytree import static

# Binding energies [keV] and the number of electrons that are bound by it or less, from the
# outermost shell: X-ray Data Booklet (LBNL), table 1-1; germanium as used with the Dresden-II data.
SHELLS_KEV: dict[str, tuple[tuple[float, int], ...]] = {
    "Ge": (
        *((0.0, 4), (0.0298, 14), (0.1208, 18), (0.1249, 20), (0.1801, 22)),
        *((1.217, 26), (1.248, 28), (1.4146, 30), (11.11, 32)),
    ),
    "I": (
        *((0.0, 5), (0.0140, 7), (0.0489, 13), (0.0506, 17), (0.123, 23), (0.186, 25)),
        *((0.6193, 31), (0.6308, 35), (0.875, 39), (0.931, 41), (1.072, 43)),
        *((4.557, 47), (4.852, 49), (5.188, 51), (33.169, 53)),
    ),
    "Cs": (
        *((0.0, 1), (0.0121, 5), (0.0142, 7), (0.0227, 9), (0.0775, 15), (0.0798, 19)),
        *((0.1613, 23), (0.1724, 25), (0.2323, 27)),
        *((0.7266, 33), (0.7405, 37), (1.003, 41), (1.071, 43), (1.211, 45)),
        *((5.012, 49), (5.359, 51), (5.714, 53), (35.985, 55)),
    ),
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Electrons:
    """The electrons of a material; build it with :func:`electrons`.

    Attributes:
        name: The material.
        symbols: What scatters, one entry for each of the I elements, as a target has isotopes.
        nuclei_per_kg: Atoms of each element per kg, shape (I,).
        thresholds: Binding energies T [MeV], ascending from zero, shape (I, n); infinite where an
            element has fewer than the others.
        steps: Electrons that are added at each of them, same shape.
    """

    name: str = static()
    symbols: tuple[str, ...] = static()
    nuclei_per_kg: np.ndarray
    thresholds: np.ndarray
    steps: np.ndarray

    @property
    def mass(self) -> np.ndarray:
        """Electron mass [MeV], shape (I,)."""
        return np.full(len(self.symbols), ELECTRON_MASS)

    @property
    def bends(self) -> np.ndarray:
        """Recoil energies [MeV] at which electrons are added."""
        return np.unique(self.thresholds[(self.thresholds > 0) & np.isfinite(self.thresholds)])

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """None."""
        return ()

    def effective_number(self, recoil: jax.Array) -> jax.Array:
        """Electrons per atom that are bound by T [MeV] or less; shape of T, (I, ...)."""
        rows = (len(self.symbols),) + (1,) * (recoil.ndim - 1) + (-1,)
        thresholds, steps = (jnp.reshape(a, rows) for a in (self.thresholds, self.steps))
        return jnp.sum(jnp.where(recoil[..., None] >= thresholds, steps, 0.0), axis=-1)


def electrons(formula: str) -> Electrons:
    """The electrons of elements in natural abundance.

    Args:
        formula: Chemical formula, e.g. ``"Ge"`` or ``"CsI"``.

    Raises:
        ConfigError: no formula, or an element whose shells are not known here.
    """
    counts = element_counts(formula)
    molar = []
    for element in counts:
        if element not in SHELLS_KEV:
            raise unknown("electrons", "element", element, SHELLS_KEV)
        rows = [n for n in NUCLIDES.values() if n.element == element]
        molar.append(
            np.average([n.atomic_mass_u for n in rows], weights=[n.abundance for n in rows])
        )
    atoms = np.array(list(counts.values()))
    shells = [np.array(SHELLS_KEV[element]) for element in counts]
    longest = max(map(len, shells))
    thresholds = np.full((len(shells), longest), np.inf)
    steps = np.zeros_like(thresholds)
    for row, shell in enumerate(shells):
        thresholds[row, : len(shell)] = shell[:, 0] * 1e-3
        steps[row, : len(shell)] = np.diff(shell[:, 1], prepend=0.0)
    return Electrons(
        name=f"electrons of {formula}",
        symbols=tuple(f"e({element})" for element in counts),
        nuclei_per_kg=atoms / (atoms @ np.array(molar)) * AVOGADRO * 1e3,
        thresholds=thresholds,
        steps=steps,
    )
