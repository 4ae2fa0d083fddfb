"""What commands share: options, folders, files, progress, and what they say in the end."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax import pseudo_data
from cevns_jax.commands.completion import assignments, completed_by, parameters
from cevns_jax.errors import ConfigError

if TYPE_CHECKING:
    from cevns_jax.results.result import Result

NOT_CONVERGED = 3  # exit status: results are saved, but a fit did not converge
FORMATS = ("png", "pdf", "svg")  # of figures, the first unless others are asked for


def add_config(parser: argparse.ArgumentParser) -> None:
    """The config that a command reads, and options that change it for this run."""
    parser.add_argument("config", type=Path, help="TOML file")
    parser.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="override one value of the config (repeatable, the last of a key counts)",
    )
    free = parser.add_argument(
        "--free",
        metavar="NAME",
        action="append",
        default=[],
        help="let a parameter vary (repeatable)",
    )
    completed_by(free, parameters)
    fix = parser.add_argument(
        "--fix",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="hold a parameter at a value (repeatable, the last of a parameter counts)",
    )
    completed_by(fix, assignments)
    parser.add_argument("--title", default=None, help="title of the result, printable")
    parser.add_argument("--name", default=None, help="what names of files begin with")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Which data are analysed, with the seed of toys."""
    add_kind_of_data(parser)
    parser.add_argument("--seed", type=int, default=None, help="seed of the toy data set")


def add_kind_of_data(parser: argparse.ArgumentParser) -> None:
    """Which data are analysed."""
    parser.add_argument(
        "--data",
        choices=pseudo_data.KINDS,
        default=pseudo_data.OBSERVED,
        help="measured counts, their expectation at the start values, or a draw from it, with the "
        "centres of the priors drawn as well (toy) or not",
    )


def add_level(parser: argparse.ArgumentParser) -> None:
    """Confidence level of ranges and regions."""
    parser.add_argument(
        "--cl", metavar="LEVEL", type=float, default=None, help="confidence level, e.g. 0.95"
    )


def add_grid(parser: argparse.ArgumentParser) -> None:
    """Grids on the command line."""
    grid = parser.add_argument(
        "--grid",
        metavar="NAME=LOW:HIGH:POINTS[:log]",
        action="append",
        default=[],
        help="values of a parameter, in place of those of the config; NAME=VALUE for one, :signed "
        "for both signs (repeatable, the last of a parameter counts)",
    )
    completed_by(grid, assignments)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Whether a result of other settings is replaced."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a result of other settings"
    )


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Formats of figures."""
    parser.add_argument(
        "--format",
        dest="formats",
        metavar="KIND[,KIND]",
        default=FORMATS[0],
        help=f"formats of figures: {', '.join(FORMATS)} (default {FORMATS[0]})",
    )


def add_said(parser: argparse.ArgumentParser) -> None:
    """Options of printing, and the folder of files."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--output", metavar="DIR", type=Path, default=None, help="folder for files")


def add_verbose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verbose", action="store_true", help="the whole summary: all rows, all conventions"
    )


def add_gridded(parser: argparse.ArgumentParser) -> None:
    """Options that profiles, limits and scans have in common."""
    add_config(parser)
    add_data(parser)
    add_grid(parser)
    add_level(parser)
    add_overwrite(parser)
    add_formats(parser)
    add_verbose(parser)


def formats_of(options: argparse.Namespace) -> list[str]:
    """Formats of figures.

    Raises:
        ConfigError: one that is not known.
    """
    from cevns_jax.errors import unknown

    chosen = [kind.strip() for kind in options.formats.split(",")]
    for kind in chosen:
        if kind not in FORMATS:
            raise unknown("--format", "format", kind, FORMATS)
    return list(dict.fromkeys(chosen))


def output_folder(options: argparse.Namespace, default: str) -> Path:
    """Folder for outputs, made and tried before anything is computed.

    Raises:
        ConfigError: it cannot be made or written.
    """
    folder: Path = options.output if options.output is not None else Path(default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder}: cannot be written (permission denied)")
    return folder


def say_result(options: argparse.Namespace, document: dict[str, Any], result: Result) -> None:
    """The document of a result, or its summary and which files were written."""
    say(options, document, lambda: result.summary().text(getattr(options, "verbose", False)))


def say(options: argparse.Namespace, document: dict[str, Any], text: Callable[[], str]) -> None:
    """The document, or its text and which files were written."""
    if options.json:
        print_json(document)
    else:
        files = [f"wrote {file}" for file in document.get("files", [])]
        print_lines(text(), *(["", *files] if files else []))


def print_json(document: dict[str, Any]) -> None:
    """Print a document as one line of JSON."""
    from cevns_jax.results.told import plain

    print_lines(json.dumps(plain(document), allow_nan=False))


def print_lines(*lines: str) -> None:
    """Print lines. A reader that has gone away, as ``head`` does, is no error: what was computed is
    saved, and the exit status tells how it went.

    Raises:
        ConfigError: standard output cannot be written, e.g. because a disk is full.
    """
    try:
        print("\n".join(lines), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            text = f"standard output: cannot be written ({error.strerror})"
            raise ConfigError(text) from None
