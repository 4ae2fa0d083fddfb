"""What a command is doing, as one line on a terminal; nothing in a pipe or a file.

After a second it tells how long the command has run, how far it is, and which program JAX compiles
right now, since that is what most of the time of a first run goes into.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Self

SILENT = 1.0  # [s] before the line appears
EVERY = 0.2  # [s] between two changes of it
# JAX tells at the lowest level of its log what it is about to compile, and when it has. Where a
# version of it says so elsewhere, the line goes on without.
LOGS = ("jax._src.interpreters.pxla", "jax._src.dispatch")
BEGINS = re.compile(r"Compiling (?:jit\()?(\w+)")
ENDS = re.compile(r"Finished XLA compilation")


class Progress(logging.Handler):
    """The line, shown inside a ``with`` statement; called, it counts what it is given, as ``tqdm``
    does.

    Args:
        command: What the line begins with.
    """

    def __init__(self, command: str) -> None:
        super().__init__(logging.DEBUG)
        self._command = command
        self._compiling = ""
        self._bar: Any = None  # where there is no terminal
        self._since = 0.0  # when the loop began
        self._levels: dict[str, int] = {}  # of the logs, as they were
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._refresh, daemon=True)

    def __enter__(self) -> Self:
        if not sys.stderr.isatty():
            return self
        import tqdm

        self._bar = tqdm.tqdm(bar_format=self._format(), leave=False, delay=SILENT)
        for name in LOGS:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.addHandler(self)
            logger.setLevel(logging.DEBUG)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is None:
            return
        for name in LOGS:
            logger = logging.getLogger(name)
            logger.removeHandler(self)
            logger.setLevel(self._levels[name])
        self._over.set()
        self._thread.join()
        self._bar.close()
        self._bar = None

    def __call__(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items one by one; the line tells how many are done."""
        if self._bar is None:
            yield from items
            return
        self._bar.n, self._bar.total = 0, len(items) if isinstance(items, Sized) else None
        self._since = time.monotonic()
        for item in items:
            yield item
            self._bar.n += 1
        self._bar.n, self._bar.total = 0, None

    def emit(self, record: logging.LogRecord) -> None:
        """Note what JAX compiles, and when it has done so."""
        text = record.getMessage()
        if found := BEGINS.match(text):
            self._compiling = found[1].strip("_").replace("_", " ")
        elif ENDS.match(text):
            self._compiling = ""

    def notice(self, text: str) -> None:
        """A line about something that does not stop the command; it stays."""
        if self._bar is None:
            print(f"cevns: {text}", file=sys.stderr)
        else:
            self._bar.write(f"cevns: {text}", file=sys.stderr)

    def _format(self) -> str:
        """The line, as a format of tqdm."""
        parts = [f"{self._command}: {{elapsed}}"]
        done, of = (0, None) if self._bar is None else (self._bar.n, self._bar.total)
        if of is not None and of > 1:
            parts.append("{n_fmt} of {total_fmt} done")
            if done:
                left = (time.monotonic() - self._since) * (of - done) / done
                parts.append(f"{self._bar.format_interval(left)} left")
        elif of is None and done:
            parts.append("{n_fmt} done")
        if self._compiling:
            parts.append(f"compiling {self._compiling}")
        return ", ".join(parts)

    def _refresh(self) -> None:
        """Draw the line anew until the command has ended, from a thread of its own: the main one
        is inside JAX."""
        if self._over.wait(SILENT):
            return
        while not self._over.wait(EVERY):
            self._bar.bar_format = self._format()
            self._bar.refresh()
