"""``cevns validate``: all published numbers beside ours."""

from __future__ import annotations

import argparse
from pathlib import Path

from cevns_jax.commands import common
from cevns_jax.commands.progress import Progress
from cevns_jax.files import check_places, write_text
from cevns_jax.startup import start_jax

NAME = "validate"
TEXT = "Compare with published numbers; writes validation.md."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("configs", type=Path, help="folder with the configs")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    path = common.output_folder(options, "docs") / "validation.md"
    check_places([path])
    start_jax()
    from cevns_jax.validation import bounds, rows, table_text

    with Progress(NAME) as progress:
        found = list(progress(rows(options.configs)))
        limits = list(progress(bounds(options.configs)))
    text = table_text(found, limits)
    write_text(path, text)
    if options.json:
        records = {
            "validation": [row.record() for row in found],
            "new_physics": [bound.record() for bound in limits],
        }
        common.print_json(records | {"files": [str(path)]})
    else:
        common.print_lines(text, f"wrote {path}")
    return 0
