"""Parts of a config that every experiment has: nuisances, form factor, radii."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError, shown

if TYPE_CHECKING:
    from cevns_jax.experiments import Nuisance
    from cevns_jax.form_factors import FormFactor


def nuisances(table: Table, default: str | None) -> str | tuple[Nuisance, ...] | None:
    """Name of a preset, or a list of tables; the default where there is none."""
    from cevns_jax.experiments.experiment import FORMS, Nuisance

    if not isinstance(table.content.get("nuisances"), list):
        return table.text("nuisances", default)
    found = []
    for part in table.tables("nuisances"):
        name, width = part.text("name"), part.positive("width")
        if name is None or width is None:
            raise ConfigError(f"{part.where}: needs name, acts_on and width")
        if not name.isidentifier():
            raise ConfigError(
                f'{part.where}: name must be a Python identifier, not "{shown(name)}"'
            )
        found.append(
            Nuisance(
                name=name,
                acts_on=part.texts("acts_on"),
                width=width,
                form=part.choice("form", "linear", FORMS),
                shared=part.flag("shared", False),
            )
        )
        part.done()
    return tuple(found)


def form_factor(table: Table) -> FormFactor | None:
    """Name of a model, or a table with its second length; nothing where there is none."""
    from cevns_jax.form_factors import Helm, KleinNystrand, SymmetrisedFermi, TwoParameterFermi

    models: Mapping[str, tuple[type, str]] = {
        "helm": (Helm, "skin"),
        "klein_nystrand": (KleinNystrand, "range"),
        "symmetrised_fermi": (SymmetrisedFermi, "diffuseness"),
        "two_parameter_fermi": (TwoParameterFermi, "diffuseness"),
    }
    if "form_factor" not in table:
        return None
    if isinstance(table.content["form_factor"], str):
        model, _ = models[table.choice("form_factor", "helm", models)]
        return model()
    part = table.table("form_factor")
    model, length = models[part.choice("model", "helm", models)]
    value = part.positive(f"{length}_fm")
    part.done()
    return model() if value is None else model(**{length: value})


def radii(table: Table, key: str) -> str | dict[str, float] | None:
    """Radii by nuclide, or the name of a convention; nothing where there is none."""
    if key not in table:
        return None
    if isinstance(table.content[key], str):
        return table.text(key)
    return table.table(key).numbers()
