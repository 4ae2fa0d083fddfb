"""The interaction in a config: couplings of the Standard Model, and what is added to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError

if TYPE_CHECKING:
    from cevns_jax.interactions import Charges, Interaction, NewPhysics


def read_interaction(table: Table, folder: Path) -> Interaction:
    """The table ``interaction``: the Standard Model and one table for each addition.

    Args:
        table: The table.
        folder: Where own interactions are looked for first: the folder of the config.

    Raises:
        ConfigError: anything that is not understood.
    """
    from cevns_jax import interactions as known

    readers: dict[str, Callable[[Table], NewPhysics]] = {
        "light_vector": lambda t: known.light_vector(charges=_charges(t), contact=_contact(t)),
        "light_axial_vector": lambda t: known.light_axial_vector(
            charges=_charges(t), contact=_contact(t)
        ),
        "light_scalar": _scalar,
        "light_pseudoscalar": lambda t: known.light_pseudoscalar(contact=_contact(t)),
        "light_tensor": lambda t: known.light_tensor(charges=_charges(t), contact=_contact(t)),
        "non_standard_interactions": lambda t: known.NonStandardInteractions(),
        "magnetic_moment": lambda t: known.MagneticMoment(**_photon(t)),
        "dipole_portal": lambda t: known.DipolePortal(**_photon(t)),
    }
    table.choice("name", "standard_model", ["standard_model"])
    standard = known.standard_model(
        couplings=table.text("couplings", "tree") or "tree",
        axial=table.flag("axial", True),
        running=table.flag("running", False),
    )
    added = []
    for name, read in readers.items():
        if name in table:
            part = table.table(name)
            added.append(read(part))
            part.done()
    added += [_own(part, folder) for part in table.tables("own")]
    table.done()
    return known.with_new_physics(standard, *added) if added else standard


def _charges(table: Table) -> str | Charges:
    from cevns_jax.interactions import Charges

    if not isinstance(table.content.get("charges", ""), dict):
        return table.text("charges", "universal") or "universal"
    part = table.table("charges")
    keys = ("up", "down", "electron", "nu_e", "nu_mu", "nu_tau")
    given = {key: value for key in keys if (value := part.number(key)) is not None}
    part.done()
    return Charges(**given)


def _contact(table: Table) -> bool:
    return table.flag("contact", False)


def _scalar(table: Table) -> NewPhysics:
    from cevns_jax.interactions import light_scalar

    return light_scalar(charges=_charges(table), nucleons=_nucleons(table), contact=_contact(table))


def _nucleons(table: Table) -> str | tuple[float, float]:
    if not isinstance(table.content.get("nucleons", ""), dict):
        return table.text("nucleons", "cerdeno_2016") or ""
    part = table.table("nucleons")
    proton, neutron = part.number("proton"), part.number("neutron")
    part.done()
    if proton is None or neutron is None:
        raise ConfigError(f"{part.where}: needs proton and neutron")
    return proton, neutron


def _photon(table: Table) -> dict[str, Any]:
    from cevns_jax.interactions.electromagnetic import FAMILIES

    families = table.texts("families", FAMILIES)
    if not families or not set(families) <= set(FAMILIES) or len(set(families)) < len(families):
        raise ConfigError(f"{table.where}: families must be some of {', '.join(FAMILIES)}")
    return {"families": families, "spin_zero": table.flag("spin_zero", False)}


def _own(table: Table, folder: Path) -> NewPhysics:
    """An interaction of the reader, by its import path; the other keys are its arguments."""
    from cevns_jax.config.own_interaction import own_interaction

    arguments = {key: value for key, value in table.content.items() if key != "object"}
    return own_interaction(table.where, table.text("object") or "", arguments, folder)
