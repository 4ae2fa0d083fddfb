"""The one error that is meant for users."""

import difflib
from collections.abc import Iterable

LONGEST_ECHO = 80  # characters of what was given that a message repeats
LONGEST_TEXT = 300  # of paths and messages of others


class ConfigError(ValueError):
    """Bad input: the message is one sentence naming the place, the problem and what is allowed."""


def shown(given: object, most: int = LONGEST_ECHO) -> str:
    """What was given, as a message repeats it: in one line, cut to a readable length.

    Args:
        given: A name, a value, or a message.
        most: Characters that are kept.
    """
    text = str(given)
    cut = text if len(text) <= most else f"{text[: most - 3]}..."
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode()


def unknown(where: str, kind: str, name: object, allowed: Iterable[str]) -> ConfigError:
    """Error for a name that is not among the allowed ones, with the nearest valid one.

    Args:
        where: File and table, or the call, that held the name.
        kind: What the name should have been, e.g. ``"key"`` or ``"experiment"``.
        name: What was found.
        allowed: All valid names.
    """
    choices = sorted(allowed)
    near = difflib.get_close_matches(str(name)[:LONGEST_ECHO], choices, n=1, cutoff=0.5)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    listing = ", ".join(choices) if choices else "none"
    return ConfigError(f'{where}: no {kind} "{shown(name)}"{hint} (allowed: {listing})')
