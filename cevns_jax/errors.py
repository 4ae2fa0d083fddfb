"""The one error that is meant for users."""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """Bad input: the message is one sentence naming the place, the problem and what is allowed."""


def unknown(where: str, kind: str, name: object, allowed: Iterable[str]) -> ConfigError:
    """Error for a name that is not among the allowed ones, with the nearest valid one.

    Args:
        where: File and table, or the call, that held the name.
        kind: What the name should have been, e.g. ``"key"`` or ``"experiment"``.
        name: What was found.
        allowed: All valid names.
    """
    choices = sorted(allowed)
    near = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    listing = ", ".join(choices) if choices else "none"
    return ConfigError(f'{where}: no {kind} "{name}"{hint} (allowed: {listing})')
