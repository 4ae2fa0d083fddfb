"""Names that users give to the parts of their own experiments."""

from __future__ import annotations

from keyword import iskeyword

from cevns_jax.errors import ConfigError, shown

RESERVED = ("observed", "expected", "error", "template_error", "without_new_physics")
"""Columns of counts and errors, in tables of bins and in results, whose names no part may take."""


def check_name(where: str, kind: str, name: object) -> None:
    """Check the name of a source, a background, a component or a nuisance.

    It becomes an argument of Python, a column and a part of names of parameters.

    Args:
        where: File and table, or experiment, for the message.
        kind: What the name is of, e.g. ``"a source"``.
        name: The name.

    Raises:
        ConfigError: it is no identifier, a keyword of Python, or one of ``RESERVED``.
    """
    if not (isinstance(name, str) and name.isidentifier() and not iskeyword(name)):
        raise ConfigError(
            f"{where}: the name of {kind} must be a Python identifier and no keyword, not "
            f'"{shown(name)}"'
        )
    if name in RESERVED:
        raise ConfigError(
            f'{where}: {kind} cannot be called "{name}", a column of counts or errors is; taken '
            f"are {', '.join(RESERVED)}"
        )
