"""Configs to start from, with comments: what ``cevns init`` writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cevns_jax.choices import (
    CHARGES,
    COUPLINGS,
    CSI_2017_QUENCHING,
    GERMANIUM_QUENCHING,
)
from cevns_jax.config.experiments import DATA_SETS
from cevns_jax.config.interaction import INTERACTIONS
from cevns_jax.config.names import LUMPED, OVERLAPS, PRESETS, SHARED
from cevns_jax.config.parts import FORM_FACTORS
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.flavours import FAMILIES
from cevns_jax.inference.levels import LIMIT

COMMENTS = 35  # column of comments


def _commented(line: str, comment: str) -> str:
    """A line with a comment behind it."""
    return f"{line:<{COMMENTS}} # {comment}"


def _choice(key: str, chosen: str, allowed: Iterable[str]) -> str:
    """A line with one of several words, and the others."""
    others = ", ".join(word for word in allowed if word != chosen)
    return _commented(f'{key} = "{chosen}"', f"or {others}")


_ELECTRONS = _commented("# electrons = true", "scattering on electrons as well")
# Data set -> (nuisances where it is alone, further lines)
_EXPERIMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "coherent_csi_2017": ("lumped", (_choice("quenching", "constant", CSI_2017_QUENCHING),)),
    "coherent_csi_2021": (
        "normalisations",
        (_choice("form_factor", "helm", FORM_FACTORS), _ELECTRONS),
    ),
    "coherent_lar_2020": ("normalisations", ()),
    "coherent_lar_2020_energy": ("lumped", ()),
    "dresden_ii": ("flux_fixed", (_choice("quenching", "iron_filter", GERMANIUM_QUENCHING),)),
}
_CHARGES = f"{_choice('charges', 'universal', CHARGES)}, or a table"
# Interaction -> (lines of its table, limited parameter, held parameter with its range)
_PHYSICS: dict[str, tuple[str, str, str]] = {
    "light_vector": (_CHARGES, "g_vector", "m_vector = { min = 0.01, max = 1000"),
    "light_axial_vector": (_CHARGES, "g_axial", "m_axial = { min = 0.01, max = 1000"),
    "light_scalar": (_CHARGES, "g_scalar", "m_scalar = { min = 0.01, max = 1000"),
    "light_pseudoscalar": ("", "g_pseudoscalar", "m_pseudoscalar = { min = 0.01, max = 1000"),
    "light_tensor": (_CHARGES, "g_tensor", "m_tensor = { min = 0.01, max = 1000"),
    "non_standard_interactions": ("", "eps_u_ee", ""),
    "magnetic_moment": (
        _commented('families = ["e"]', f"some of {', '.join(FAMILIES)}"),
        "mu_nu",
        "",
    ),
    "dipole_portal": (
        _commented('families = ["e", "mu", "tau"]', "some of these"),
        "mu_dipole",
        "m4 = { min = 0.01, max = 50",
    ),
}


def template(data_sets: Sequence[str], interaction: str | None) -> str:
    """The text of a config.

    Several data sets of one neutrino source get nuisances that share its flux.

    Args:
        data_sets: Data sets of the library, at least one.
        interaction: Addition to the Standard Model, or none: then the weak mixing angle is fitted.

    Raises:
        ConfigError: an unknown name, one twice, or data sets that have events in common.
    """
    for name in data_sets:
        if name not in DATA_SETS:
            raise unknown("init", "data set", name, DATA_SETS)
        if data_sets.count(name) > 1:
            raise ConfigError(f"init: {name} is named more than once")
    for one, other in OVERLAPS:
        if one in data_sets and other in data_sets:
            raise ConfigError(
                f"init: {one} and {other} have events in common, which would count twice; take "
                "one of them"
            )
    if interaction is not None and interaction not in INTERACTIONS:
        raise unknown("init", "interaction", interaction, INTERACTIONS)
    couplings = _choice("couplings", "tree", COUPLINGS)
    parts = [f'title = "{_title(data_sets, interaction)}"', f"[interaction]\n{couplings}"]
    if interaction is not None:
        parts.append(f"[interaction.{interaction}]\n{_PHYSICS[interaction][0]}".rstrip())
    together = sum(map(_shares, data_sets)) > 1
    parts += [_experiment(name, together) for name in data_sets]
    parts += _angle() if interaction is None else _limit(interaction)
    return "\n\n".join(parts) + "\n"


def _title(data_sets: Sequence[str], interaction: str | None) -> str:
    what = (
        "Weak mixing angle" if interaction is None else interaction.replace("_", " ").capitalize()
    )
    return f"{what} from {', '.join(data_sets)}"


def _shares(name: str) -> bool:
    """Whether a data set has an uncertainty that others have as well."""
    return any(set(SHARED) & set(pulls) for pulls in PRESETS[name].values())


def _experiment(name: str, together: bool) -> str:
    """The table of a data set.

    Args:
        name: Its name.
        together: Whether there is another data set of the same source.
    """
    chosen, lines = _EXPERIMENTS[name]
    presets = PRESETS[name]
    allowed = [p for p in presets if not (together and set(LUMPED) & set(presets[p]))]
    if chosen not in allowed:
        chosen = next(p for p in allowed if set(SHARED) & set(presets[p]))
    nuisances = _choice("nuisances", chosen, allowed)
    return "\n".join([f"[experiments.{name}]", nuisances, *lines])


def _angle() -> list[str]:
    """Tables of a fit and a profile of the weak mixing angle."""
    return [
        "[fit]\n" + _commented('free = ["sin2_theta_w"]', "what varies beside the nuisances"),
        "# A declaration of a parameter: where it starts, a Gaussian prior, or a fixed value.\n"
        "# [parameters.sin2_theta_w]\n# start = 0.23857\n# prior_width = 0.01",
        "# cevns profile\n[profile]\n"
        'parameter = "sin2_theta_w"\nmin = 0.1\nmax = 0.4\npoints = 121',
    ]


def _limit(interaction: str) -> list[str]:
    """Tables of a limit on new physics."""
    _, coupling, mass = _PHYSICS[interaction]
    found = [
        f'# cevns limit\n[limit]\nparameter = "{coupling}"\nconfidence_level = {LIMIT:.2f}',
    ]
    if mass:
        held = _commented("[limit.held]", "[MeV]")
        found.append(f'{held}\n{mass}, points = 50, scale = "log" }}')
    found.append(
        "# A parameter that is neither held nor free keeps its start.\n"
        "# [parameters.sin2_theta_w]\n# start = 0.23857"
    )
    return found
