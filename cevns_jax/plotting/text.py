"""Text of users on figures: titles, names, labels and units, which may hold anything."""

from __future__ import annotations

import re

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.mathtext import MathTextParser

LONGEST = 120  # characters; what is longer would leave no room for the figure
DEEPEST = 8  # braces inside braces: the parser of formulae recurses
DOLLAR = re.compile(r"(?<!\\)\$")


def drawable(text: str) -> str:
    """The text as matplotlib draws it: with formulae if it parses as mathtext, else as it stands.

    Characters that the font does not have become boxes; line breaks and control characters
    become spaces; what is too long is cut. Pieces can be joined, also with formulae of our own.

    Args:
        text: Anything.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    font = get_font(findfont(FontProperties()))
    text = "".join(c if font.get_char_index(ord(c)) else "□" for c in text)
    if text.startswith("_"):  # matplotlib hides such labels from legends
        text = f" {text}"
    return text if _is_formula(text) else DOLLAR.sub(r"\\$", text)


def with_unit(label: str, unit: str) -> str:
    """Label of an axis; both are texts of users."""
    unit = drawable(unit.replace("mu_B", r"$\mu_B$"))
    return drawable(label) + (f" [{unit}]" if unit else "")


def equation(label: str, right: str) -> str:
    """``label = right`` as one formula where the label is one.

    Args:
        label: Text of a user.
        right: Right side, mathtext without its dollars.
    """
    left = drawable(label)
    whole = left.startswith("$") and left.endswith("$") and len(DOLLAR.findall(left)) == 2
    return f"${left[1:-1]} = {right}$" if whole else f"{left} $= {right}$"


def _is_formula(text: str) -> bool:
    """Whether a text holds mathtext that parses."""
    dollars = len(DOLLAR.findall(text))
    if not dollars or dollars % 2:
        return False
    depth = deepest = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        return False
    try:
        MathTextParser("path").parse(text)
    except (ValueError, RecursionError):
        return False
    return True
