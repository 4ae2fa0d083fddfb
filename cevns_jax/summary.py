"""What an object says of itself: one summary for ``print``, for notebooks and the command line.

A summary is a title and blocks of rows. Blocks, and rows of long blocks, that matter less are left
out unless everything is asked for.
"""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 100  # characters of a line
FIGURES = 2  # of an error; its value is rounded to the same place
DOUBLE = 15  # figures of a number in double precision
PLAIN = (1e-3, 1e5)  # numbers between these are written without an exponent
GREEK = re.compile(r"\\(?:epsilon|mu|theta|sigma|nu|tau|alpha|beta|gamma|kappa|Delta)(?![a-z])")


@dataclass(frozen=True, kw_only=True)
class Block:
    """Rows that belong together.

    Attributes:
        title: What they are; empty for plain lines.
        rows: Cells of each row; a row of one cell is a sentence.
        columns: Names of the columns, if they have some.
        most: Rows that a short summary shows.
        detail: Whether a short summary leaves the block out.
        brief: Whether the whole summary leaves it out, as it says the same elsewhere.
    """

    title: str = ""
    rows: Sequence[Sequence[str]]
    columns: Sequence[str] = ()
    most: int = 1_000_000
    detail: bool = False
    brief: bool = False

    def shown(self, verbose: bool) -> tuple[Sequence[Sequence[str]], str]:
        """Rows that are shown, and what is said of the others."""
        left = 0 if verbose else max(len(self.rows) - self.most, 0)
        return self.rows[: len(self.rows) - left], f"and {left} more (verbose)" if left else ""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A title and what is to be said.

    Attributes:
        title: One line.
        blocks: In the order in which they are read; empty ones are left out.
    """

    title: str
    blocks: Sequence[Block]

    def text(self, verbose: bool = False) -> str:
        """For terminals."""
        lines = [self.title]
        for block in self._shown(verbose):
            lines.append("")
            if block.title:
                lines.append(block.title)
            lines += _table(block, verbose)
        return "\n".join(lines)

    def html(self, verbose: bool = False) -> str:
        """For notebooks: the same as tables."""
        parts = [f"<p><b>{html.escape(self.title)}</b></p>"]
        for block in self._shown(verbose):
            rows, more = block.shown(verbose)
            head = "".join(f"<th>{html.escape(c)}</th>" for c in block.columns)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>"
                for row in (*rows, *([[more]] if more else []))
            )
            caption = f"<caption>{html.escape(block.title)}</caption>" if block.title else ""
            parts.append(
                f"<table>{caption}{f'<thead><tr>{head}</tr></thead>' if head else ''}"
                f"<tbody>{body}</tbody></table>"
            )
        return "".join(parts)

    def _shown(self, verbose: bool) -> list[Block]:
        return [b for b in self.blocks if b.rows and not (b.brief if verbose else b.detail)]

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.html()


class Summarised:
    """What has a summary shows it where it is printed, and as tables in a notebook."""

    def summary(self) -> Summary:
        """What there is to know, in words and tables; ``summary().text(verbose=True)`` is all."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.summary().text()

    def __repr__(self) -> str:
        return self.summary().text()

    def _repr_html_(self) -> str:
        return self.summary().html()


def _table(block: Block, verbose: bool) -> list[str]:
    """Lines of a block: columns aligned, sentences wrapped, the last cell of a row too."""
    indent = "  " if block.title else ""
    rows, more = block.shown(verbose)
    cells = [*([block.columns] if block.columns else []), *rows]
    several = [row for row in cells if len(row) > 1]
    count = max(map(len, several), default=0)
    widths = [max((len(r[i]) for r in several if i < len(r)), default=0) for i in range(count)]
    lines = []
    for row in cells:
        if len(row) == 1:
            lines += textwrap.wrap(row[0], WIDTH, initial_indent=indent, subsequent_indent=indent)
            continue
        *first, last = row
        start = indent + "".join(
            f"{c:<{w}}  " if i == 0 or not block.columns else f"{c:>{w}}  "
            for i, (c, w) in enumerate(zip(first, widths, strict=False))
        )
        if block.columns:
            lines.append(f"{start}{last:>{widths[len(first)]}}".rstrip())
        else:
            lines += textwrap.wrap(
                last, WIDTH, initial_indent=start, subsequent_indent=" " * len(start)
            ) or [start.rstrip()]
    return [*lines, f"{indent}{more}"] if more else lines


def number(value: object, digits: int = 3) -> str:
    """A number with some significant digits; words for one that JAX traces.

    Args:
        value: A number.
        digits: Significant digits.
    """
    try:
        x = float(value)  # type: ignore[arg-type]
    except Exception:  # a tracer, or a placeholder in a pytree
        return "traced"
    if not math.isfinite(x):
        return "none" if math.isnan(x) else f"{'-' if x < 0 else ''}infinite"
    if x == 0 or PLAIN[0] <= abs(x) < PLAIN[1]:
        places = digits - 1 - (math.floor(math.log10(abs(x))) if x else 0)
        text = f"{x:.{max(places, 0)}f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    return _exponent(f"{x:.{digits - 1}e}")


def alike(values: Iterable[float], digits: int = 3) -> list[str]:
    """Numbers in one style: all with the same significant digits, and all with exponents where one
    of them needs it.

    Args:
        values: The numbers, finite.
        digits: Significant digits; an exact zero is ``"0"``.
    """
    numbers = [float(f"{value:.{digits - 1}e}") for value in values]
    with_exponent = any(x and not PLAIN[0] <= abs(x) < PLAIN[1] for x in numbers)
    return [_in_style(x, digits, with_exponent) for x in numbers]


def _in_style(x: float, digits: int, with_exponent: bool) -> str:
    if x == 0:
        return "0"
    if with_exponent:
        return _exponent(f"{x:.{digits - 1}e}")
    return f"{x:.{max(digits - 1 - math.floor(math.log10(abs(x))), 0)}f}"


def rounded(value: float, *errors: float) -> tuple[str, ...]:
    """A value and its errors, all to the place of the second figure of the smallest error.

    Args:
        value: The value.
        *errors: Its errors, positive; one that is not finite is ``"none"``.

    Returns:
        Texts of the value and of each error.
    """
    known = [e for e in errors if math.isfinite(e) and e > 0]
    if not known or not math.isfinite(value):
        return (number(value, 4), *(number(e, FIGURES) for e in errors))
    return at_place((value, *errors), math.floor(math.log10(min(known))) - FIGURES + 1)


def at_place(values: Sequence[float], place: int) -> tuple[str, ...]:
    """Numbers rounded to one decimal place, all with an exponent where the largest needs one.

    Args:
        values: The numbers; one that is not finite is ``"none"``.
        place: Exponent of ten of the last figure.
    """
    largest = max((abs(x) for x in values if math.isfinite(x)), default=0.0)
    scale = math.floor(math.log10(largest)) if largest else place
    place = max(place, scale - DOUBLE + 1)
    if PLAIN[0] <= largest < PLAIN[1] and place > -7:
        form = f".{max(-place, 0)}f"
        texts = [f"{x:{form}}" if math.isfinite(x) else "none" for x in values]
        return tuple(t[1:] if t.startswith("-") and not float(t) else t for t in texts)
    digits = max(scale - place, 0)
    return tuple(
        f"{x / 10.0**scale:.{digits}f}e{scale}" if math.isfinite(x) else "none" for x in values
    )


def with_errors(value: float, low: float, high: float) -> str:
    """``0.230 +0.027 -0.024``, or ``0.230 +- 0.025`` where both are alike; an error that is not
    known is named."""
    text, down, up = rounded(value, low, high)
    if down == up:
        return f"{text} +- {up}" if up != "none" else f"{text} (no errors)"
    if up == "none":
        return f"{text} -{down} (no upper error)"
    return f"{text} +{up} " + (f"-{down}" if down != "none" else "(no lower error)")


def symbol(name: str, label: str) -> str:
    """A parameter as it is written in a line of text: its TeX label without TeX, else its name.

    Args:
        name: Of the parameter.
        label: Its TeX label; one that holds more than simple symbols gives way to the name.
    """
    if label.count("$") != 2 or not (label.startswith("$") and label.endswith("$")):
        return name
    text = re.sub(r"\\(?:mathrm|text|rm)\s*\{([^{}]*)\}", r"\1", label[1:-1])
    text = text.replace(r"\sin^2\theta_W", "sin^2 theta_W")
    text = GREEK.sub(lambda found: found[0][1:], text)
    text = re.sub(r"[{}]", "", text)
    return name if re.search(r"[\\$]", text) else " ".join(text.split())


def sentences(texts: Iterable[str]) -> list[list[str]]:
    """Rows of one cell each."""
    return [[text] for text in texts]


def _exponent(text: str) -> str:
    """``2.07e-05`` as ``2.07e-5``."""
    return re.sub(r"e([+-])0*(\d)", lambda m: f"e{'-' if m[1] == '-' else ''}{m[2]}", text)
