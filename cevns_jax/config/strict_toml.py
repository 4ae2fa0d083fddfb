"""Strict reading of TOML: errors name the file, the key and what is allowed."""

from __future__ import annotations

import copy
import difflib
import math
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cevns_jax.config.sizes import MOST_BYTES, MOST_PARTS, check_content, check_text
from cevns_jax.data.text import read_text
from cevns_jax.domains import ANY, Domain, check_number
from cevns_jax.errors import LONGEST_TEXT, ConfigError, shown, unknown

NEAR = 0.75  # likeness of a typo to its key: "mas_kg" and "mass_kg" have 0.92, "min" and "max" 0.33


def read_toml(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The tables of a config, with overrides, as plain dictionaries that are not checked yet.

    Args:
        path: The TOML file.
        overrides: ``table.key=value`` each, in place of what the file says.

    Raises:
        ConfigError: the file cannot be read, or it or an override is not TOML or larger than
            :mod:`cevns_jax.config.sizes` allows.
    """
    return _apply(_parse(path), overrides)


class Table:
    """One table of a config, read key by key; :meth:`done` refuses keys that nobody asked for."""

    def __init__(self, file: Path, name: str, content: object) -> None:
        self.file = file
        self.name = name
        self.where = f"{file} [{name}]" if name else str(file)
        if not isinstance(content, dict):
            raise ConfigError(f"{self.where}: must be a table, not {_kind(content)}")
        self.content: dict[str, Any] = content
        self.known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self.known.add(key)
        return key in self.content

    def number(
        self, key: str, default: float | None = None, domain: Domain | None = None
    ) -> float | None:
        """A finite number in a domain, by default that of its key, see
        :mod:`cevns_jax.domains`."""
        number = self._finite(key)
        if number is None:
            return default
        check_number(self.where, key, number, domain)
        return number

    def _finite(self, key: str) -> float | None:
        if key not in self:
            return None
        value = self.content[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{self.where}: {key} must be a number, not {_kind(value)}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ConfigError(f"{self.where}: {key} must be finite, and no larger than 1e308")
        return number

    def positive(self, key: str, default: float | None = None) -> float | None:
        """A number above zero in the domain of its key."""
        value = self._finite(key)
        if value is not None and not value > 0:
            raise ConfigError(f"{self.where}: {key} must be positive, not {value:g}")
        return self.number(key, default)

    def integer(self, key: str, default: int, lowest: int, highest: int) -> int:
        value = self.content.get(key, default) if key in self else default
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (whole and lowest <= value <= highest):
            raise ConfigError(
                f"{self.where}: {key} must be a whole number from {lowest} to {highest}"
            )
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.content[key] if key in self else default
        if not isinstance(value, bool):
            raise ConfigError(f"{self.where}: {key} must be true or false, not {_kind(value)}")
        return value

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.content[key] if key in self else default
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"{self.where}: {key} must be a string, not {_kind(value)}")
        if value is not None and not value.strip():
            raise ConfigError(f"{self.where}: {key} must not be empty")
        return value

    def choice(
        self, key: str, default: str | None, allowed: Iterable[str], kind: str | None = None
    ) -> str:
        """One of several words of a kind; without a default it must be there."""
        if default is None and key not in self:
            raise self.lacks(key, f"needs {key} (allowed: {', '.join(allowed)})")
        value = self.text(key, default)
        if value not in set(allowed):
            raise unknown(self.where, kind or key, value, allowed)
        assert value is not None
        return value

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        value = self.content[key] if key in self else list(default)
        if not isinstance(value, list):
            raise ConfigError(f"{self.where}: {key} must be a list of strings, not {_kind(value)}")
        for one in value:
            if not isinstance(one, str):
                raise ConfigError(
                    f"{self.where}: {key} must be a list of strings, not a list that holds "
                    f"{_kind(one)}"
                )
        return tuple(value)

    def list_of_numbers(self, key: str) -> list[float]:
        """A list of finite numbers of a bearable size, at least one."""
        value = self.content.get(key) if key in self else None
        if not isinstance(value, list) or not value:
            text = f"{key} must be a list of numbers, at least one"
            raise self.lacks(key, text) if value is None else ConfigError(f"{self.where}: {text}")
        try:
            numbers = [float(v) if type(v) in (int, float) else math.nan for v in value]
        except OverflowError:
            numbers = [math.inf]
        if not all(map(math.isfinite, numbers)):
            raise ConfigError(f"{self.where}: {key} must be a list of finite numbers")
        for number in numbers:
            check_number(self.where, key, number)
        return numbers

    def table(self, key: str) -> Table:
        """A table inside, empty if missing."""
        content = self.content[key] if key in self else {}
        return Table(self.file, self._inside(key), content)

    def tables(self, key: str) -> list[Table]:
        """A list of tables, empty if missing."""
        content = self.content[key] if key in self else []
        if not isinstance(content, list):
            raise ConfigError(f"{self.where}: {key} must be a list of tables, not {_kind(content)}")
        return [
            Table(self.file, f"{self._inside(key)} {number}", part)
            for number, part in enumerate(content, start=1)
        ]

    def _inside(self, key: str) -> str:
        return f"{self.name}.{shown(key)}" if self.name else shown(key)

    def numbers(self) -> dict[str, float]:
        """All keys of the table, each with a number; the keys are names, whatever they are."""
        found = {key: value for key in self.content if (value := self._finite(key)) is not None}
        for key, value in found.items():
            check_number(self.where, shown(key), value, ANY)
        return found

    @contextmanager
    def naming(self, key: str | None = None) -> Iterator[None]:
        """Put the file and the table in front of errors raised inside, unless they have them.

        Args:
            key: The key that the error is about, where there is one, as of the name of a file.
        """
        try:
            yield
        except ConfigError as error:
            if str(error).startswith((f"{self.file} [", f"{self.file}: ")):
                raise
            where = self.where if key is None else f"{self.where}: {key}"
            raise ConfigError(f"{where}: {error}") from None

    def typo(self, key: str) -> str | None:
        """The key that is most like a missing one, of those that nobody asked for; ``None`` if none
        is like it."""
        unread = [shown(given) for given in self.content if given not in {*self.known, key}]
        return next(iter(difflib.get_close_matches(key, unread, n=1, cutoff=NEAR)), None)

    def lacks(self, key: str, text: str | None = None) -> ConfigError:
        """Error for a key that is missing; it names a typo of the key if there is one.

        Args:
            key: The key.
            text: What to do, for the message. Default: that the table needs the key.
        """
        typo = self.typo(key)
        if typo is not None:
            return ConfigError(f'{self.where}: no key "{typo}"; did you mean "{key}"?')
        return ConfigError(f"{self.where}: {text or f'needs {key}'}")

    def done(self) -> None:
        """Check that every key was asked for."""
        for key in self.content:
            if key not in self.known:
                raise unknown(self.where, "key", key, self.known)


def _kind(value: object) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def _parse(path: Path) -> dict[str, Any]:
    text = read_text(path, "TOML", MOST_BYTES)
    check_text(str(path), text)
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # broken, or numbers and nesting without end
        raise ConfigError(f"{path}: is not TOML: {shown(error, LONGEST_TEXT)}") from None
    check_content(str(path), content)
    return content


def _apply(content: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The config with overrides; a value that is not TOML is taken as a string."""
    content = copy.deepcopy(content)
    for override in overrides:
        where = f"--set {shown(override)}"
        path, equals, text = override.partition("=")
        keys = path.strip().split(".", maxsplit=MOST_PARTS)
        if not equals or not all(keys):
            raise ConfigError(f'{where}: must look like "table.key=value"')
        if len(keys) > MOST_PARTS:
            raise ConfigError(f"{where}: a key may have at most {MOST_PARTS} parts")
        value = _value(where, text)
        place = content
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise ConfigError(f'{where}: "{shown(key)}" is not a table')
        place[keys[-1]] = value
    check_content("--set", content)
    return content


def _value(where: str, text: str) -> Any:
    """A TOML value, or a bare word as a string."""
    check_text(where, text)
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text.strip()
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: {shown(error, LONGEST_TEXT)}") from None
    if set(parsed) != {"value"}:
        raise ConfigError(f"{where}: holds more than one value")
    return parsed["value"]
