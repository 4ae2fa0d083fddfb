"""Configs and tables spoiled in ways that people, editors and discs spoil them; by seed."""

import random
import re

NUMBERS = (
    *("0", "-1", "1e308", "-1e308", "1e-308", "1e999", "nan", "inf", "-inf", "4.9e-324", "1e"),
    *("9223372036854775808", "1" + "0" * 400, "0x10", "1_000", "007", "1,5", "\u0663", "1e15"),
)
FACTORS = (0.0, -1.0, 0.1, 10.0, 1e-3, 1e3, 1e-30, 1e30, 1e-300, 1e300, 1.0000001)
VALUES = (
    *NUMBERS,
    *('""', '" "', '"nan"', '"日本"', '"a\\u0000b"', '"\\u202e\\u001b[31m"', '"$"', '"."'),
    *("true", "[]", "[1]", '["a"]', "[[[]]]", "{}", "{a = 1}", "1979-05-27", "07:32:00", '"../x"'),
    *('"' + "x" * 5000 + '"', "[" * 500 + "]" * 500, "[1, 'a', {}]", "{table = 'nothing'}", ""),
    "'''\nx'''",
)
CELLS = (
    *NUMBERS,
    *("", " ", "abc", '"', "'1'", "\x00", "1;2", "1e5 ", "\u22121", "1.5.2", "\u2028", "#"),
)
TEXTS = ("utf-16", "utf-32", "cp037", "utf-7")
JUNK = (
    *(b"\x00", b"\xff\xfe", b"\x1b[31m", b"\x07", b"\r", b'"'),
    *("\u2028".encode(), "\u202e".encode()),
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(\.\d+)?(e-?\d+)?(?![\w.])")


def spoiled_bytes(text: str, dice: random.Random) -> bytes:
    """A text file cut, emptied, in another encoding, or with bytes that do not belong there."""
    content = text.encode()
    kind = dice.randrange(9)
    place = dice.randrange(len(content))
    if kind == 0:
        return content[:place]
    if kind == 1:
        return b""
    if kind == 2:
        return text.encode(dice.choice(TEXTS))
    if kind == 3:
        return dice.randbytes(dice.randrange(1, 400))
    if kind == 4:
        return b"\xef\xbb\xbf" + content.replace(b"\n", dice.choice((b"\r\n", b"\r", b"\x85")))
    if kind == 5:
        return content[place:] + content[:place]
    if kind == 6:
        return content * 2
    if kind == 7:
        return (
            content[:place]
            + bytes([content[place] ^ (1 << dice.randrange(8))])
            + content[place + 1 :]
        )
    return content[:place] + dice.choice(JUNK) + content[place:]


def spoiled_word(word: str, dice: random.Random) -> str:
    """A name with a slip: a letter less, twice, in capitals, or from another alphabet."""
    place = dice.randrange(max(len(word), 1))
    return dice.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + word[place : place + 1] * 2 + word[place + 1 :],
            word.upper(),
            word.replace("e", "е"),  # noqa: RUF001  (Cyrillic)
            word + dice.choice(("s", " ", ".", "-x", '"', "日")),
            f'"{word}\\u0007"',
        )
    )


def spoiled_config(text: str, dice: random.Random) -> bytes:
    """A config with one to three slips, most of which leave it TOML."""
    if dice.random() < 0.12:
        return spoiled_bytes(text, dice)
    lines, numbers_only = text.splitlines(), dice.random() < 0.15
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        written = [i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")]
        if numbers_only:
            at = dice.choice([i for i in written if NUMBER.search(lines[i].partition("=")[2])])
            lines[at] = _one_number(lines[at], dice)
            continue
        if not written:
            break
        _spoil_line(lines, dice.choice(written), dice)
    return ("\n".join(lines) + "\n").encode()


def _spoil_line(lines: list[str], at: int, dice: random.Random) -> None:
    """One slip in one line; numbers are what is wrong most often."""
    kind, line, other = dice.randrange(20), lines[at], dice.randrange(len(lines))
    key, equals, value = line.partition("=")
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, line)
    elif kind == 2:
        lines[at], lines[other] = lines[other], line
    elif not equals:  # the head of a table
        name = line.strip("[] ")
        names = (spoiled_word(name, dice), "fit", "", "a.b.c", "a]b")
        lines[at] = line.replace(name, dice.choice(names))
    elif kind == 3:
        lines[at] = f"{spoiled_word(key.strip(), dice)} = {value}"
    elif kind == 4:
        lines[at] = f"{key}= {spoiled_word(value.strip(), dice)}"
    elif kind < 12 and NUMBER.search(value):
        lines[at] = f"{key}={_one_number(value, dice)}"
    else:
        lines[at] = f"{key}= {dice.choice(VALUES)}"


def _one_number(text: str, dice: random.Random) -> str:
    """The text with one of its numbers scaled."""
    found = dice.choice(list(NUMBER.finditer(text)))
    number = found.group()
    whole = number.lstrip("-").isdigit()
    scaled = float(number) * dice.choice(FACTORS)
    new = f"{scaled:.0f}" if whole and dice.random() < 0.5 else repr(scaled)
    return text[: found.start()] + new + text[found.end() :]


def spoiled_table(text: str, dice: random.Random) -> bytes:
    """A CSV table with one or two slips."""
    if dice.random() < 0.2:
        return spoiled_bytes(text, dice)
    if dice.random() < 0.2:
        head, _, rest = text.partition("\n")
        return f"{head}\n{_one_number(rest, dice)}".encode()
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(dice.choice((1, 1, 2))):
        _spoil_cells(rows, dice)
    return ("\n".join(",".join(row) for row in rows) + "\n").encode()


def _spoil_cells(rows: list[list[str]], dice: random.Random) -> None:
    kind, at = dice.randrange(9), dice.randrange(len(rows))
    row = rows[at]
    cell = dice.randrange(len(row)) if row else 0
    if kind == 0:
        del rows[at]
        rows[:] = rows or [[]]
    elif kind == 1:
        rows.insert(dice.randrange(len(rows)), list(row))
    elif kind == 2:
        other = dice.randrange(len(rows))
        rows[at], rows[other] = rows[other], row
    elif kind == 3:  # two columns in each other's place, under their old names or new ones
        other = dice.randrange(len(row) or 1)
        for r in rows[dice.randrange(2) :]:
            if max(cell, other) < len(r):
                r[cell], r[other] = r[other], r[cell]
    elif kind == 4:  # another unit
        factor = dice.choice((1e-3, 1e3, -1.0, 1e300))
        for r in rows[1:]:
            if cell < len(r):
                r[cell] = _scaled(r[cell], factor)
    elif kind == 5:
        row.insert(cell, dice.choice(CELLS))
    elif kind == 6:
        del row[cell : cell + 1]
    elif row:
        name = at == 0 and dice.random() < 0.5
        row[cell] = spoiled_word(row[cell], dice) if name else dice.choice(CELLS)


def _scaled(cell: str, factor: float) -> str:
    try:
        return repr(float(cell) * factor)
    except ValueError:
        return cell


def spoiled_result(content: bytes, dice: random.Random) -> bytes:
    """A file of bytes with flips, noise in place of a part, a missing or doubled part."""
    kind, size = dice.randrange(6), len(content)
    place, length = dice.randrange(size), dice.randrange(1, 2000)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + dice.randbytes(length) + content[place + length :]
    if kind == 2:
        return content[:place] + content[place + length :]
    if kind == 3:
        return content + dice.randbytes(length)
    if kind == 4:
        return content[:place] + content[place : place + length] + content[place:]
    flipped = bytearray(content)
    for _ in range(dice.choice((1, 1, 11, 1001))):
        flipped[dice.randrange(size)] ^= 1 << dice.randrange(8)
    return bytes(flipped)
