"""The Standard Model with new physics on top."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from cevns_jax.errors import ConfigError
from cevns_jax.interactions.interaction import Coefficients, CrossSection, NewPhysics, total
from cevns_jax.interactions.standard_model import StandardModel, electron_exchange
from cevns_jax.nuclei import NucleusAtRecoil
from cevns_jax.parameters import Parameter, Values
from cevns_jax.summaries import of_interaction
from cevns_jax.summary import Summarised, Summary


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True, repr=False)
class Combined(Summarised):
    """The Standard Model with additions.

    Vector charges and axial couplings are added before they are squared, as they interfere; all
    other contributions are added as cross sections.

    Attributes:
        standard: The Standard Model.
        added: What is added to it.
    """

    standard: StandardModel
    added: tuple[NewPhysics, ...]

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_interaction(self)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*self.standard.parameters, *(p for term in self.added for p in term.parameters))

    @property
    def conventions(self) -> dict[str, str]:
        """Those of the Standard Model, and one for each addition."""
        names = [_words(term.described_as().__name__) for term in self.added]
        found = self.standard.conventions
        for place, (name, term) in enumerate(zip(names, self.added, strict=True)):
            before = names[:place].count(name)
            found[f"{name} {before + 1}" if before else name] = term.conventions
        return found

    @property
    def heavy(self) -> tuple[tuple[str, CrossSection], ...]:
        return tuple((term.heavy_lepton, term) for term in self.added if term.heavy_lepton)

    def coefficients(
        self, recoil: jax.Array, nucleus: NucleusAtRecoil, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T) with a massless final neutrino; see :class:`Interaction`."""
        seen = (recoil, nucleus, flavour, values)
        charge = self.standard.weak_charge(*seen)
        for term in self.added:
            charge = charge + term.vector_charge(*seen)
        squared = charge**2 + sum(term.changing_charge_squared(*seen) for term in self.added)
        extra = [term.axial_couplings(*seen) for term in self.added]
        proton, neutron = map(sum, zip(self.standard.nucleon_axial_couplings, *extra, strict=True))
        exchange = self.standard.exchange(recoil, nucleus, squared, (proton, neutron))
        return total([exchange, *(term.coefficients(*seen) for term in self._light)])

    def electron_coefficients(
        self, recoil: jax.Array, flavour: str, values: Values
    ) -> Coefficients:
        """a_k(T) of a free electron with a massless final neutrino."""
        known = self.standard.electron_couplings(flavour, values)
        extra = [term.electron_couplings(recoil, flavour, values) for term in self.added]
        vector, axial = map(sum, zip(known, *extra, strict=True))
        exchange = electron_exchange(recoil, flavour, vector, axial)
        light = [term.electron_coefficients(recoil, flavour, values) for term in self._light]
        return total([exchange, *light])

    @property
    def _light(self) -> list[NewPhysics]:
        return [term for term in self.added if not term.heavy_lepton]


def with_new_physics(standard: StandardModel, *added: NewPhysics) -> Combined:
    """The Standard Model with new physics, e.g. ``with_new_physics(standard_model(),
    light_vector())``.

    Raises:
        ConfigError: two of them have a parameter of the same name, or axial couplings are added to
            a Standard Model without axial part.
    """
    for term in added:
        kind = term.described_as()
        if kind.axial_couplings is not NewPhysics.axial_couplings and not standard.axial:
            raise ConfigError(
                f"interaction: {_words(kind.__name__)} changes axial couplings, which have "
                "no effect where the axial part is neglected; include it with axial = true"
            )
    combined = Combined(standard=standard, added=added)
    names = [p.name for p in combined.parameters]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f'interaction: parameter "{name}" belongs to two parts of it')
    for name, _ in combined.heavy:
        if name not in names:
            raise ConfigError(f'interaction: no parameter "{name}", the mass of a heavy lepton')
    return combined


def _words(name: str) -> str:
    """``LightVector`` -> ``light vector``."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
