"""The interaction in a config: couplings of the Standard Model, and what is added to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.choices import CHARGES, COUPLINGS, SCALAR_CHARGES
from cevns_jax.config.planned import Planned
from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError
from cevns_jax.flavours import FAMILIES

if TYPE_CHECKING:
    from cevns_jax.interactions import Interaction, NewPhysics


def read_interaction(table: Table, folder: Path) -> Planned[Interaction]:
    """The table ``interaction``: the Standard Model and one table for each addition.

    Args:
        table: The table.
        folder: Where own interactions are looked for first: the folder of the config.

    Raises:
        ConfigError: anything that is not understood.
    """
    table.choice("name", "standard_model", ["standard_model"])
    standard = {
        "couplings": table.choice("couplings", "tree", COUPLINGS, "set of couplings"),
        "axial": table.flag("axial", True),
        "running": table.flag("running", False),
    }
    added = []
    for name, read in INTERACTIONS.items():
        if name in table:
            part = table.table(name)
            added.append(read(part))
            part.done()
    added += [_own(part, folder) for part in table.tables("own")]
    table.done()
    names = ["sin2_theta_w"]
    for term in added:
        names += term.parameters or ()
    known = all(term.parameters is not None for term in added)
    return Planned(
        build=partial(_built, standard, added), parameters=tuple(names) if known else None
    )


def _built(standard: dict[str, Any], added: list[Planned[NewPhysics]]) -> Interaction:
    from cevns_jax.interactions import standard_model, with_new_physics

    made = standard_model(**standard)
    return with_new_physics(made, *(term.build() for term in added)) if added else made


def _new_physics(name: str, parameters: tuple[str, ...], **given: Any) -> Planned[NewPhysics]:
    """An interaction of the library.

    Args:
        name: What makes it.
        parameters: Names of its parameters.
        given: Its arguments; charges as a mapping are own ones.
    """

    def build() -> NewPhysics:
        from cevns_jax import interactions

        made = dict(given)
        if isinstance(made.get("charges"), dict):
            made["charges"] = interactions.Charges(**made["charges"])
        found: NewPhysics = getattr(interactions, name)(**made)
        return found

    return Planned(build=build, parameters=parameters)


def _mediator(name: str, table: Table, **given: Any) -> Planned[NewPhysics]:
    """A mediator: coupling and mass, or the strength of a contact interaction."""
    contact = table.flag("contact", False)
    index = name.removeprefix("light_").removesuffix("_vector")
    parameters = (f"eps_{index}",) if contact else (f"g_{index}", f"m_{index}")
    return _new_physics(name, parameters, contact=contact, **given)


def _charged(name: str, table: Table) -> Planned[NewPhysics]:
    return _mediator(name, table, charges=_charges(table))


def _scalar(table: Table) -> Planned[NewPhysics]:
    return _mediator("light_scalar", table, charges=_charges(table), nucleons=_nucleons(table))


def _standard_exchange(table: Table) -> Planned[NewPhysics]:
    pairs = [*combinations_with_replacement(FAMILIES, 2)]
    names = tuple(f"eps_{quark}_{a}{b}" for quark in ("u", "d") for a, b in pairs)
    return _new_physics("NonStandardInteractions", names)


INTERACTIONS: dict[str, Callable[[Table], Planned[NewPhysics]]] = {
    "light_vector": partial(_charged, "light_vector"),
    "light_axial_vector": partial(_charged, "light_axial_vector"),
    "light_scalar": _scalar,
    "light_pseudoscalar": partial(_mediator, "light_pseudoscalar"),
    "light_tensor": partial(_charged, "light_tensor"),
    "non_standard_interactions": _standard_exchange,
    "magnetic_moment": lambda t: _new_physics("MagneticMoment", ("mu_nu",), **_photon(t)),
    "dipole_portal": lambda t: _new_physics("DipolePortal", ("mu_dipole", "m4"), **_photon(t)),
}
"""Additions to the Standard Model, and what reads their tables."""


def _charges(table: Table) -> str | dict[str, float]:
    if not isinstance(table.content.get("charges", ""), dict):
        return table.choice("charges", "universal", CHARGES)
    part = table.table("charges")
    keys = ("up", "down", "electron", "nu_e", "nu_mu", "nu_tau")
    given = {key: value for key in keys if (value := part.number(key)) is not None}
    part.done()
    return given


def _nucleons(table: Table) -> str | tuple[float, float]:
    if not isinstance(table.content.get("nucleons", ""), dict):
        return table.choice("nucleons", "cerdeno_2016", SCALAR_CHARGES)
    part = table.table("nucleons")
    proton, neutron = part.number("proton"), part.number("neutron")
    part.done()
    if proton is None or neutron is None:
        raise ConfigError(f"{part.where}: needs proton and neutron")
    return proton, neutron


def _photon(table: Table) -> dict[str, Any]:
    families = table.texts("families", FAMILIES)
    if not families or not set(families) <= set(FAMILIES) or len(set(families)) < len(families):
        raise ConfigError(f"{table.where}: families must be some of {', '.join(FAMILIES)}")
    return {"families": families, "spin_zero": table.flag("spin_zero", False)}


def _own(table: Table, folder: Path) -> Planned[NewPhysics]:
    """A user's own interaction, by its import path; the other keys are its arguments."""
    arguments = {key: value for key, value in table.content.items() if key != "object"}
    given = (table.where, table.text("object") or "", arguments, folder)
    return Planned(build=partial(_built_own, *given), parameters=None)


def _built_own(where: str, path: str, arguments: dict[str, Any], folder: Path) -> NewPhysics:
    from cevns_jax.config.own_interaction import own_interaction

    return own_interaction(where, path, arguments, folder)
