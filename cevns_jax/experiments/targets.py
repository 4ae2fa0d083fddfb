"""Nuclei of the data sets: published radii and form factor, which a user may replace."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cevns_jax.errors import ConfigError, shown
from cevns_jax.form_factors import FormFactor, Helm
from cevns_jax.nuclei import Target, target

# rms radii [fm] of arXiv:2008.05022: the default of the project.
CSI_PROTON_RADIUS_FM = {"Cs133": 4.804, "I127": 4.749}
CSI_NEUTRON_RADIUS_FM = {"Cs133": 5.01, "I127": 4.94}
# The same publication, which has all isotopes of argon alike.
ARGON = ("Ar36", "Ar38", "Ar40")
ARGON_PROTON_RADIUS_FM = dict.fromkeys(ARGON, 3.448)
ARGON_NEUTRON_RADIUS_FM = dict.fromkeys(ARGON, 3.55)

Radii = Mapping[str, float] | str


def csi_target(
    *,
    form_factor: FormFactor | None = None,
    proton_radius_fm: Radii | None = None,
    neutron_radius_fm: Radii | None = None,
    common_neutron_radius: bool = False,
) -> Target:
    """Nuclei of the COHERENT CsI crystal; without arguments those that its data sets have.

    Args:
        form_factor: Shape of the nucleon density. Default: Helm, s = 0.9 fm.
        proton_radius_fm: rms radii by nuclide [fm] in place of 4.804 (Cs), 4.749 (I), or
            ``"lewin_smith"``; nuclides left out keep theirs.
        neutron_radius_fm: The same in place of 5.01 (Cs), 4.94 (I).
        common_neutron_radius: One radius parameter ``r_n_csi`` in place of one for each isotope.

    Raises:
        ConfigError: unknown nuclide or convention, or a radius outside the domain of the form
            factor.
    """
    return target(
        "CsI",
        form_factor=Helm() if form_factor is None else form_factor,
        proton_radius_fm=_in_place_of(CSI_PROTON_RADIUS_FM, proton_radius_fm),
        neutron_radius_fm=_in_place_of(CSI_NEUTRON_RADIUS_FM, neutron_radius_fm),
        common_neutron_radius=common_neutron_radius,
    )


def argon_target(
    *,
    form_factor: FormFactor | None = None,
    proton_radius_fm: Radii | None = None,
    neutron_radius_fm: Radii | None = None,
    common_neutron_radius: bool = True,
) -> Target:
    """Nuclei of the COHERENT liquid argon; without arguments those that its data sets have.

    Args:
        form_factor, proton_radius_fm, neutron_radius_fm: As in :func:`csi_target`, in place of
            3.448 fm (protons) and 3.55 fm (neutrons) of all isotopes.
        common_neutron_radius: One radius parameter ``r_n_ar`` for the isotopes, 99.6 % of which
            are Ar40.

    Raises:
        ConfigError: as in :func:`csi_target`.
    """
    return target(
        "Ar",
        form_factor=Helm() if form_factor is None else form_factor,
        proton_radius_fm=_in_place_of(ARGON_PROTON_RADIUS_FM, proton_radius_fm),
        neutron_radius_fm=_in_place_of(ARGON_NEUTRON_RADIUS_FM, neutron_radius_fm),
        common_neutron_radius=common_neutron_radius,
    )


def germanium_target(
    *,
    form_factor: FormFactor | None = None,
    proton_radius_fm: Radii | None = None,
    neutron_radius_fm: Radii | None = None,
    common_neutron_radius: bool = True,
) -> Target:
    """Nuclei of the Dresden-II germanium; without arguments those that the data set has.

    Args:
        form_factor, proton_radius_fm, neutron_radius_fm: As in :func:`csi_target`; radii are the
            charge radii of Angeli and Marinova for protons and neutrons alike.
        common_neutron_radius: One radius parameter ``r_n_ge`` for the isotopes.

    Raises:
        ConfigError: as in :func:`csi_target`.
    """
    return target(
        "Ge",
        form_factor=Helm() if form_factor is None else form_factor,
        proton_radius_fm=proton_radius_fm,
        neutron_radius_fm=neutron_radius_fm,
        common_neutron_radius=common_neutron_radius,
    )


def chosen_target(where: str, published: Callable[[], Target], given: Target | None) -> Target:
    """The nuclei of a data set, or those given in their place.

    Args:
        where: Name of the data set, for messages.
        published: The function above that makes its nuclei.
        given: Nuclei of the same nuclides, in these or other proportions (enriched germanium);
            ``None``: those that the function makes.

    Raises:
        ConfigError: other nuclides, or no target at all.
    """
    usual = published()
    if given is None:
        return usual
    symbols = given.symbols if isinstance(given, Target) else ()
    if set(symbols) != set(usual.symbols):
        raise ConfigError(
            f"{where}: target must hold {', '.join(usual.symbols)}, as one of "
            f"cj.experiments.{published.__name__} does, not {', '.join(symbols) or shown(given)}"
        )
    return given


def _in_place_of(usual: Mapping[str, float], given: Radii | None) -> Radii:
    """The usual radii, those that were given replaced; or a convention for all."""
    return given if isinstance(given, str) else dict(usual) | dict(given or {})
