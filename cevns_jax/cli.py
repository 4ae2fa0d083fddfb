"""Command line: ``cevns COMMAND [options]``; the commands are the files of ``commands``.

Exit status: 0 done, 1 internal error, 2 bad input, 3 finished but not converged (saved all the
same). JAX, xarray and matplotlib are imported by the commands that need them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from cevns_jax import __version__
from cevns_jax.commands import (
    common,
    compare,
    completion,
    experiments,
    fit,
    import_release,
    init,
    limit,
    plot,
    posteriors,
    predict,
    profile,
    reproduce,
    sample,
    scan,
    show,
    validate,
)
from cevns_jax.errors import ConfigError, unknown

COMMANDS = (
    *(init, fit, profile, limit, scan, sample, predict, show, plot, compare),
    *(experiments, import_release, reproduce, validate, posteriors),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    if arguments is None and completion.asked():
        completion.answer(_parser())
    for stream in (sys.stdout, sys.stderr):  # a title that the terminal cannot show is escaped
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if arguments is None:  # as a program, not called from Python
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupted)
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        if not given:
            _parser().print_help(sys.stderr)
            return 2
        _check_command(given)
        options = _parser().parse_args(given)
        status: int = options.run(options)
        return status
    except ConfigError as error:
        text = str(error)
        print(text if text.startswith("cevns") else f"cevns: {text}", file=sys.stderr)
        return 2
    except Exception as error:
        if os.environ.get("CEVNS_TRACEBACK"):
            raise
        print(
            f"cevns: internal error: {type(error).__name__}: {error} "
            "(CEVNS_TRACEBACK=1 shows where; please report it)",
            file=sys.stderr,
        )
        return 1


def _interrupted(number: int, frame: object) -> None:
    """End at once. An exception would have to pass through JAX, which may swallow it or crash;
    results are written atomically, so there is nothing to tidy up."""
    os.write(sys.stderr.fileno(), b"cevns: interrupted\n")
    os._exit(128 + number)


def _check_command(given: list[str]) -> None:
    """Say which command was meant, where the first word is none."""
    names = [command.NAME for command in COMMANDS]
    if given and not given[0].startswith("-") and given[0] not in names:
        raise unknown("cevns", "command", given[0], names)


class Parser(argparse.ArgumentParser):
    """Bad options end like all bad input, in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{self.prog}: {message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="cevns",
        description="CEvNS analyses: from a config to a fit, a limit, a profile, a prediction.",
        epilog="Exit status: 0 done, 1 internal error, 2 bad input, 3 not converged.",
    )
    parser.add_argument("--version", action="version", version=f"cevns_jax {__version__}")
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for command in COMMANDS:
        made = subparsers.add_parser(command.NAME, help=command.TEXT, description=command.TEXT)
        command.add_options(made)
        common.add_said(made)
        made.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
