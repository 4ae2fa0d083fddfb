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

SILENT = 1.0  # [s] before the line appears: what takes less needs none
EVERY = 0.2  # [s] between two changes of it: it looks alive, and costs nothing
# JAX logs at its lowest level what it is about to compile, and when it has done so. If a version of
# JAX logs it elsewhere, the line leaves it out.
LOGS = ("jax._src.interpreters.pxla", "jax._src.dispatch")
BEGINS = re.compile(r"Compiling (?:jit\()?(\w+)")
ENDS = re.compile(r"Finished XLA compilation")


class Progress(logging.Handler):
    """The line, shown inside a ``with`` statement. Called with items it yields them and counts, as
    ``tqdm`` does.

    Args:
        command: What the line begins with.
    """

    def __init__(self, command: str) -> None:
        super().__init__(logging.DEBUG)
        self._command = command
        self._compiling = ""
        self._done, self._of = 0, 0  # of a loop; none of which the length is not known
        self._each, self._unit = 1, ""  # what an item counts, and in what
        self._began = self._since = time.time()  # the command, the loop
        self._shown = sys.stderr.isatty()
        self._levels: dict[str, int] = {}  # of the logs, as they were
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Self:
        if self._shown:
            for name in LOGS:
                logger = logging.getLogger(name)
                self._levels[name] = logger.level
                logger.addHandler(self)
                logger.setLevel(logging.DEBUG)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for name, level in self._levels.items():
            logger = logging.getLogger(name)
            logger.removeHandler(self)
            logger.setLevel(level)
        self._over.set()
        if self._shown:
            self._thread.join()  # the line is gone after that
            self._shown = False

    def counted_in(self, unit: str, each: int) -> Self:
        """The line, which then tells how many units are done, each item as many as it holds, and
        how many in a second."""
        self._unit, self._each = unit, each
        return self

    def __call__(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items one by one; the line tells how many are done."""
        self._done, self._of = 0, len(items) if isinstance(items, Sized) else 0
        self._since = time.time()
        for item in items:
            yield item
            self._done += 1
        self._done, self._of = 0, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Note what JAX compiles, and when it has done so."""
        text = record.getMessage()
        if found := BEGINS.match(text):
            self._compiling = found[1].strip("_").replace("_", " ")
        elif ENDS.match(text):
            self._compiling = ""

    def notice(self, text: str) -> None:
        """A line about something that does not stop the command; it stays."""
        if self._shown:
            import tqdm

            tqdm.tqdm.write(f"cevns: {text}", file=sys.stderr)
        else:
            print(f"cevns: {text}", file=sys.stderr)

    def _line(self) -> str:
        """The line, as a format of tqdm."""
        parts = [f"{self._command}: {{elapsed}}"]
        done, of, unit = self._done * self._each, self._of * self._each, self._unit or "done"
        if self._of > 1:
            parts.append(f"{done} of {of} {unit}")
        elif self._done and not self._of:
            parts.append(f"{done} {unit}")
        if self._done and self._unit:
            parts.append(f"{done / max(time.time() - self._since, EVERY):.0f} a second")
        if self._of > self._done > 0:
            left = (time.time() - self._since) * (self._of - self._done) / self._done
            parts.append(f"{left:.0f} s left")
        if self._compiling:
            parts.append(f"compiling {self._compiling}")
        return ", ".join(parts)

    def _draw(self) -> None:
        """Draw the line until the command has ended, from a thread of its own, as the main one is
        inside JAX. A command that takes less than ``SILENT`` draws nothing."""
        if self._over.wait(SILENT):
            return
        import tqdm

        with tqdm.tqdm(bar_format=self._line(), leave=False) as bar:
            bar.start_t = self._began
            while not self._over.wait(EVERY):
                bar.bar_format = self._line()
                bar.refresh()
