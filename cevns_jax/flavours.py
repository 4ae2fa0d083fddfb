"""Names of neutrino flavours: ``"nu_e"``, ``"nu_mu"``, ``"nu_tau"``, and with ``"_bar"`` the
antineutrinos. The only place where such a name is taken apart."""

from __future__ import annotations

from collections.abc import Iterable

from cevns_jax.errors import ConfigError, shown, unknown

FAMILIES = ("e", "mu", "tau")
"""Charged leptons that the flavours belong to."""
FLAVOURS = (*(f"nu_{family}" for family in FAMILIES), *(f"nu_{family}_bar" for family in FAMILIES))
_FAMILY = {flavour: flavour.split("_")[1] for flavour in FLAVOURS}


def family(flavour: str, where: str = "interaction") -> str:
    """The charged lepton of a flavour: ``"e"``, ``"mu"`` or ``"tau"``.

    Args:
        flavour: Its name.
        where: Who asks, for the message.

    Raises:
        ConfigError: unknown flavour.
    """
    check_flavours(where, (flavour,))
    return _FAMILY[flavour]


def is_antineutrino(flavour: str) -> bool:
    """Whether the flavour is one of antineutrinos.

    Raises:
        ConfigError: unknown flavour.
    """
    check_flavours("interaction", (flavour,))
    return flavour.endswith("_bar")


def check_flavours(where: str, flavours: Iterable[str]) -> None:
    """Check names of flavours.

    Args:
        where: The call, or file and table, for the message.
        flavours: The names.

    Raises:
        ConfigError: unknown flavour.
    """
    for flavour in flavours:
        if flavour not in FLAVOURS:
            raise unknown(where, "flavour", flavour, FLAVOURS)


def check_families(where: str, families: Iterable[str]) -> None:
    """Check names of families.

    Args:
        where: The call, for the message.
        families: The names, without ``"nu_"``.

    Raises:
        ConfigError: unknown family, or no list of names.
    """
    if isinstance(families, str) or not isinstance(families, Iterable):
        raise ConfigError(
            f'{where}: families must be a tuple of names such as ("mu",), not "{shown(families)}"'
        )
    for name in families:
        if name not in FAMILIES:
            raise unknown(where, "family", name, FAMILIES)
