"""Parts of a config that every experiment has: nuisances, form factor, radii.

Objects of the library are made later, by functions that are returned here: importing their classes
takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cevns_jax.choices import FISSILE, NUISANCE_FORMS, RADII
from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.names import check_name

if TYPE_CHECKING:
    from cevns_jax.experiments import Nuisance
    from cevns_jax.form_factors import FormFactor

Given = TypeVar("Given")

FORM_FACTORS = {
    "helm": ("Helm", "skin"),
    "klein_nystrand": ("KleinNystrand", "range"),
    "symmetrised_fermi": ("SymmetrisedFermi", "diffuseness"),
    "two_parameter_fermi": ("TwoParameterFermi", "diffuseness"),
}
"""Form factor -> its class, and its second length."""


def needed(table: Table, key: str, value: Given | None) -> Given:
    """A value that a table must have.

    Raises:
        ConfigError: there is none.
    """
    if value is None:
        raise table.lacks(key)
    return value


def nuisances(table: Table) -> list[dict[str, Any]]:
    """Arguments of the nuisances of a list of tables."""
    found: list[dict[str, Any]] = []
    for part in table.tables("nuisances"):
        name, width = part.text("name"), part.positive("width")
        given: dict[str, Any] = {"name": name, "width": width, "acts_on": part.texts("acts_on")}
        if "width_down" in part:
            given["width_down"] = part.positive("width_down")
        given["form"] = part.choice("form", "linear", NUISANCE_FORMS)
        given["shared"] = part.flag("shared", False)
        part.done()
        if name is None or width is None:
            raise ConfigError(f"{part.where}: needs name, acts_on and width")
        check_name(part.where, "a nuisance", name)
        found.append(given)
    return found


def made_nuisances(given: Iterable[dict[str, Any]]) -> tuple[Nuisance, ...]:
    """Nuisances, made from the arguments that :func:`nuisances` has read."""
    from cevns_jax.experiments import Nuisance

    return tuple(Nuisance(**one) for one in given)


def form_factor(table: Table) -> Callable[[], FormFactor] | None:
    """A function that makes a form factor from its name, or from a table with its second length;
    ``None`` if the table has no form factor."""
    if "form_factor" not in table:
        return None
    if isinstance(table.content["form_factor"], str):
        kind, _ = FORM_FACTORS[table.choice("form_factor", "helm", FORM_FACTORS)]
        return partial(_made_form_factor, kind)
    part = table.table("form_factor")
    kind, length = FORM_FACTORS[part.choice("model", "helm", FORM_FACTORS)]
    value = part.positive(f"{length}_fm")
    part.done()
    return partial(_made_form_factor, kind, **({} if value is None else {length: value}))


def _made_form_factor(kind: str, **lengths: float) -> FormFactor:
    from cevns_jax import form_factors

    made: FormFactor = getattr(form_factors, kind)(**lengths)
    return made


def radii(
    table: Table, key: str, isotopes: Iterable[str] | None = None
) -> str | dict[str, float] | None:
    """Radii by nuclide, or the name of a convention; nothing where there is none.

    Args:
        table: The table of an experiment.
        key: Which radii.
        isotopes: Those that the target has, where it is known.
    """
    if key not in table:
        return None
    if isinstance(table.content[key], str):
        return table.choice(key, None, RADII, f"convention of {key}")
    part = table.table(key)
    for name in part.content:
        if isotopes is not None and name not in isotopes:
            raise unknown(part.where, "nuclide", name, isotopes)
    return part.numbers()


def fission_fractions(table: Table) -> dict[str, float] | None:
    """Shares of the fissions by isotope; nothing where there are none.

    Raises:
        ConfigError: unknown isotope, or a share that is no number.
    """
    if "fission_fractions" not in table:
        return None
    part = table.table("fission_fractions")
    for name in part.content:
        if name not in FISSILE:
            raise unknown(part.where, "isotope", name, FISSILE)
    return part.numbers()
