"""Configs to start from, with comments: what ``cevns init`` writes."""

from __future__ import annotations

from collections.abc import Sequence

from cevns_jax.config.experiments import DATA_SETS
from cevns_jax.config.interaction import INTERACTIONS
from cevns_jax.errors import ConfigError, unknown

_EXPERIMENTS = {
    "coherent_csi_2017": """
nuisances = "lumped"                # or split, denton_gehrlein_2020, backgrounds_only
quenching = "constant"
""",
    "coherent_csi_2021": """
nuisances = "normalisations"        # or split, atzori_corona_2023, backgrounds_only
form_factor = "helm"                # or klein_nystrand, symmetrised_fermi, two_parameter_fermi
# electrons = true                  # scattering on electrons as well
""",
    "coherent_lar_2020": """
nuisances = "normalisations"        # or split, lumped
""",
    "coherent_lar_2020_energy": """
nuisances = "lumped"
""",
    "dresden_ii": """
quenching = "iron_filter"           # or photo_neutron, lindhard, modified_lindhard
nuisances = "flux_fixed"            # or flux_5_percent
""",
}
_MEDIATOR = 'charges = "universal"               # or "b_minus_l", or a table'
# Interaction -> (lines of its table, limited parameter, held parameter with its range, free one)
_PHYSICS: dict[str, tuple[str, str, str]] = {
    "light_vector": (_MEDIATOR, "g_vector", "m_vector = { min = 0.01, max = 1000"),
    "light_axial_vector": (_MEDIATOR, "g_axial", "m_axial = { min = 0.01, max = 1000"),
    "light_scalar": (_MEDIATOR, "g_scalar", "m_scalar = { min = 0.01, max = 1000"),
    "light_pseudoscalar": ("", "g_pseudoscalar", "m_pseudoscalar = { min = 0.01, max = 1000"),
    "light_tensor": (_MEDIATOR, "g_tensor", "m_tensor = { min = 0.01, max = 1000"),
    "non_standard_interactions": ("", "eps_u_ee", ""),
    "magnetic_moment": ('families = ["e"]                    # or "mu", "tau"', "mu_nu", ""),
    "dipole_portal": (
        'families = ["e", "mu", "tau"]',
        "mu_dipole",
        "m4 = { min = 0.01, max = 50",
    ),
}
_SNS = ("coherent_csi_2017", "coherent_csi_2021", "coherent_lar_2020", "coherent_lar_2020_energy")


def template(data_sets: Sequence[str], interaction: str | None) -> str:
    """The text of a config.

    Args:
        data_sets: Data sets of the library, at least one.
        interaction: Addition to the Standard Model, or none: then the weak mixing angle is fitted.

    Raises:
        ConfigError: an unknown name, one twice, or data sets that share events.
    """
    for name in data_sets:
        if name not in DATA_SETS:
            raise unknown("init", "data set", name, DATA_SETS)
        if data_sets.count(name) > 1:
            raise ConfigError(f"init: {name} is named more than once")
    if interaction is not None and interaction not in INTERACTIONS:
        raise unknown("init", "interaction", interaction, INTERACTIONS)
    parts = [
        f'title = "{_title(data_sets, interaction)}"',
        '[interaction]\ncouplings = "tree"                  # or radiative_2023: with corrections',
    ]
    if interaction is not None:
        parts.append(f"[interaction.{interaction}]\n{_PHYSICS[interaction][0]}".rstrip())
    parts += [f"[experiments.{name}]{_EXPERIMENTS[name]}".rstrip() for name in data_sets]
    parts += _angle() if interaction is None else _limit(interaction)
    return "\n\n".join(parts) + "\n"


def _title(data_sets: Sequence[str], interaction: str | None) -> str:
    what = (
        "Weak mixing angle" if interaction is None else interaction.replace("_", " ").capitalize()
    )
    return f"{what} from {', '.join(data_sets)}"


def _angle() -> list[str]:
    """Tables of a fit and a profile of the weak mixing angle."""
    return [
        '[fit]\nfree = ["sin2_theta_w"]             # what varies beside the nuisances',
        "# A declaration of a parameter: where it starts, a Gaussian prior, or a fixed value.\n"
        "# [parameters.sin2_theta_w]\n# start = 0.23857\n# prior_width = 0.01",
        "# cevns profile\n[profile]\n"
        'parameter = "sin2_theta_w"\nmin = 0.1\nmax = 0.4\npoints = 121',
    ]


def _limit(interaction: str) -> list[str]:
    """Tables of a limit and a scan of new physics."""
    _, coupling, mass = _PHYSICS[interaction]
    lines = [f'# cevns limit\n[limit]\nparameter = "{coupling}"', "confidence_level = 0.90"]
    held = ""
    if mass:
        held = (
            f'\n[limit.held]                        # [MeV]\n{mass}, points = 50, scale = "log" }}'
        )
    found = ["\n".join(lines) + (f"\n{held}" if held else "")]
    found.append(
        "# A parameter that is neither held nor free keeps its start.\n"
        "# [parameters.sin2_theta_w]\n# start = 0.23857"
    )
    return found
