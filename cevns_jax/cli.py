"""Command line: ``cevns COMMAND [CONFIG] [options]``.

Exit status: 0 done, 1 internal error, 2 bad input, 3 finished but not converged (saved all the
same). JAX, xarray and matplotlib are imported by the commands that need them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cevns_jax import analyses, commands
from cevns_jax.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):  # a title that the terminal cannot show is escaped
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    if arguments is None:  # as a program, not called from Python
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupted)
    try:
        status: int = options.run(options)
        return status
    except ConfigError as error:
        print(f"cevns: {error}", file=sys.stderr)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cevns",
        description="CEvNS analyses: from a config to a fit, a profile, a prediction.",
        epilog="Exit status: 0 done, 1 internal error, 2 bad input, 3 not converged.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="one JSON document on stdout")
    common.add_argument("--output", metavar="DIR", type=Path, default=None, help="folder for files")
    common.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="override one value of the config (repeatable)",
    )
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data",
        choices=("observed", "asimov", "toy", "toy_fixed_pulls"),
        default="observed",
        help="measured counts, their expectation at the start values, or a draw from it, with the "
        "centres of the priors drawn as well (toy) or not",
    )
    data.add_argument("--seed", type=int, default=None, help="seed of the toy data set")
    write = argparse.ArgumentParser(add_help=False)
    write.add_argument(
        "--overwrite", action="store_true", help="replace a result of other settings"
    )
    resume = argparse.ArgumentParser(add_help=False)
    resume.add_argument(
        "--resume", action="store_true", help="go on with the finished blocks of this scan"
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str,
        run: Callable[[argparse.Namespace], int],
        text: str,
        *parents: argparse.ArgumentParser,
    ) -> argparse.ArgumentParser:
        made = subparsers.add_parser(name, help=text, description=text, parents=[common, *parents])
        made.set_defaults(run=run)
        return made

    for name, run, text, parents in (
        ("fit", analyses.fit, "Best fit, with errors, figure and result file.", [data]),
        ("profile", analyses.profile, "Delta chi^2 of one parameter, figure and table.", [data]),
        ("scan", analyses.scan, "Delta chi^2 on a grid, figure and contours.", [data, resume]),
        ("predict", analyses.predict, "Expected events at the start values of the config.", []),
    ):
        add(name, run, text, *parents, write).add_argument("config", type=Path, help="TOML file")
    add("experiments", commands.experiments, "The data sets: bins, exposure, citation.")
    plot = add("plot", commands.plot, "Figures of saved results.")
    plot.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="netCDF file")
    read = add(
        "import",
        commands.import_release,
        "Condense an official data release into the tables used here.",
    )
    releases = (
        *("coherent-csi-2017", "coherent-csi-2021", "coherent-lar-2020"),
        *("dresden-ii", "reactor-spectra"),
    )
    read.add_argument("name", choices=releases, help="data set")
    read.add_argument("release", type=Path, metavar="PATH", help="folder with the released files")
    again = add(
        "reproduce", commands.reproduce, "A figure of the mission paper, computed from the data."
    )
    again.add_argument("figure", choices=("fig1", "fig2", "fig3"), help="which figure")
    validate = add(
        "validate", commands.validate, "Compare with published numbers; writes validation.md."
    )
    validate.add_argument("configs", type=Path, help="folder with the configs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
