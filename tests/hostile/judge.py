"""What a command may do with bad input: end with 0 or 3, or with 2 and one line with the file."""

import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

LONGEST = 60.0  # seconds of one case


class Judge:
    """Counts the statuses of cases, and keeps what must not happen.

    Attributes:
        statuses: Status -> number of cases.
        faults: A sentence for each case that went wrong.
    """

    def __init__(self, capsys):
        self.capsys = capsys
        self.statuses = Counter()
        self.faults = []

    def try_command(self, arguments: list[str], file: Path, case: str) -> int:
        """Run a command of the program in this process."""
        from cevns_jax.cli import main

        return self._try(lambda: main(arguments), file, case)

    def try_reading(self, config: Path, case: str) -> int:
        """Read a config as every command does; much faster than computing something with it."""
        from cevns_jax.config.analysis import read_analysis
        from cevns_jax.errors import ConfigError

        def read() -> int:
            try:
                read_analysis(config)
            except ConfigError as error:
                print(f"cevns: {error}", file=sys.stderr)
                return 2
            return 0

        return self._try(read, config, case)

    def _try(self, run: Callable[[], int], file: Path, case: str) -> int:
        began = time.monotonic()
        said = ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            signal.signal(signal.SIGALRM, _too_long)
            signal.setitimer(signal.ITIMER_REAL, LONGEST)
            try:
                status = run()
            except SystemExit as error:
                status = error.code if isinstance(error.code, int) else 1
            except BaseException as error:
                status, said = 1, "".join(traceback.format_exception_only(error)).strip()[-300:]
                said += f" in {traceback.extract_tb(error.__traceback__)[-1]}"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        err = self.capsys.readouterr().err
        self.statuses[status] += 1
        fault = said or _fault(status, err, file)
        if caught:
            fault = fault or f"warning: {caught[0].message} ({caught[0].filename})"
        if time.monotonic() - began > LONGEST:
            fault = fault or "took too long"
        if fault:
            self.faults.append(f"{case}: status {status}: {fault}")
        return status

    def verdict(self, what: str) -> None:
        """Print the statuses, and fail if anything happened that must not."""
        counted = ", ".join(f"{n} with status {s}" for s, n in sorted(self.statuses.items()))
        with self.capsys.disabled():
            print(f"\n{what}: {counted}")
        listing = "\n".join(self.faults[:25])
        assert not self.faults, f"{len(self.faults)} of {what} went wrong:\n{listing}"


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError("took too long")


def _fault(status: int, err: str, file: Path) -> str:
    """What is wrong with the end of a case; empty if nothing is."""
    if status not in (0, 2, 3):
        return err.strip()[-300:]
    if "Traceback" in err:
        return f"traceback: {err.strip()[-300:]}"
    if status == 0 and err:
        return f"done, and yet said: {err.strip()[:300]}"
    if status == 2 and (len(err.splitlines()) != 1 or not err.endswith("\n")):
        return f"not one line: {err[:300]!r}"
    if status == 2 and str(file) not in err:
        return f"does not name the file: {err.strip()[:300]}"
    return ""
