"""Text of users on figures: titles, names, labels and units, which may hold anything."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.mathtext import MathTextParser

from cevns_jax.summary import number, rounded

LONGEST = 120  # characters; what is longer would leave no room for the figure
LARGE = 1e6  # from here on numbers are written with an exponent
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
    unit = unit_text(unit)
    return drawable(label) + (f" [{unit}]" if unit else "")


def unit_text(unit: str) -> str:
    """A unit as it is drawn."""
    return drawable(unit.replace("mu_B", r"$\mu_B$"))


def number_text(value: float) -> str:
    """A number with up to five digits, mathtext without its dollars."""
    digits, _, power = number(value, 5).partition("e")
    digits = digits.rstrip("0").rstrip(".") if power and "." in digits else digits
    return digits + (rf" \times 10^{{{power}}}" if power else "")


def errors_text(value: float, low: float, high: float) -> str:
    """A value with its errors, all to the same place, mathtext without its dollars; an error that
    is not known is left out.

    Args:
        value: The value.
        low, high: Its errors, positive.
    """
    if not math.isfinite(value):
        return rf"\mathrm{{{number(value)}}}"
    if not any(math.isfinite(error) and error > 0 for error in (low, high)):
        return number_text(value)
    text, down, up = rounded(value, low, high)
    digits, _, power = text.partition("e")
    for mark, error, size in (("^{+", up, high), ("_{-", down, low)):
        if math.isfinite(size):
            digits += f"{mark}{error.partition('e')[0]}}}"
    return rf"({digits}) \times 10^{{{power}}}" if power else digits


def values_text(attributes: Mapping[str, Any], values: Mapping[str, float]) -> str:
    """Values of parameters by their symbols, with units: $m_V$ = 1 MeV, $g_V$ = 0.

    Args:
        attributes: Of a result, with labels and units.
        values: By name.
    """
    parts = []
    for name, value in values.items():
        label = attributes["labels"].get(name) or name
        unit = unit_text(attributes["units"].get(name) or "")
        parts.append(f"{equation(label, number_text(value))} {unit}".strip())
    return ", ".join(parts)


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
