"""How large a config may be, checked before and after it is parsed."""

from __future__ import annotations

import re
from typing import Any

from cevns_jax.errors import ConfigError, shown

# Far above any config in use, and far below what takes the parser seconds or all memory: a wrong
# file is refused at once.
MOST_BYTES = 200_000  # of a config, and of an override
MOST_PARTS = 16  # of a dotted key, and tables inside tables; the deepest key in use has 5
MOST_ENTRIES = 1000  # of a list or a table
LONGEST_TEXT = 4096  # characters of a string
PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
# Parsing a dotted key costs the square of its parts, in time and memory: it is looked for before.
DOTTED = re.compile(rf"(?<![\w-]){PART}(?:[ \t]*\.[ \t]*{PART}){{{MOST_PARTS}}}")


def check_text(where: str, text: str) -> None:
    """Check TOML that is not parsed yet.

    Args:
        where: The file or the option, for messages.
        text: The TOML.

    Raises:
        ConfigError: it is too long, or has a dotted key of too many parts.
    """
    if len(text) > MOST_BYTES:
        raise ConfigError(
            f"{where}: holds {len(text)} characters; at most {MOST_BYTES} are allowed"
        )
    if found := DOTTED.search(text):
        line = text[: found.start()].count("\n") + 1
        raise ConfigError(
            f"{where}: line {line}: the key {shown(found[0])} has more than {MOST_PARTS} parts, "
            "the most that are allowed"
        )


def check_content(where: str, content: dict[str, Any]) -> None:
    """Check what was parsed.

    Args:
        where: The file, for messages.
        content: Its tables.

    Raises:
        ConfigError: tables or lists that are nested too deeply or have too many entries, or a
            string that is too long or holds a NUL, which no name of a file can.
    """
    waiting: list[tuple[str, int, Any]] = [("", 0, content)]
    while waiting:
        name, depth, value = waiting.pop()
        place = f"{where} [{shown(name)}]" if name else where
        if isinstance(value, str):
            if len(value) > LONGEST_TEXT:
                raise ConfigError(
                    f"{place}: a string of {len(value)} characters; at most {LONGEST_TEXT} are "
                    "allowed"
                )
            if "\0" in value:
                raise ConfigError(f"{place}: {shown(value)} holds a NUL character")
        if not isinstance(value, dict | list):
            continue
        if depth > MOST_PARTS:
            raise ConfigError(f"{place}: nested more than {MOST_PARTS} deep, the most allowed")
        if len(value) > MOST_ENTRIES:
            raise ConfigError(
                f"{place}: has {len(value)} entries; at most {MOST_ENTRIES} are allowed"
            )
        inside = value.items() if isinstance(value, dict) else enumerate(value, start=1)
        for key, part in inside:
            waiting.append((f"{name}.{shown(key)}" if name else shown(key), depth + 1, part))
