"""``cevns show``: the summary of a saved result."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cevns_jax.commands import common
from cevns_jax.errors import ConfigError

NAME = "show"
TEXT = "The summary of a saved result."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("result", type=Path, metavar="RESULT", help="netCDF file")
    common.add_verbose(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.results import document_of, load

    result = load(options.result)
    try:
        text = result.summary().text(options.verbose)
        document: dict[str, Any] = document_of(result) if options.json else {}
    except ConfigError as error:
        raise ConfigError(f"{options.result}: {error}") from None
    common.say(options, document, lambda: text)
    return 0
