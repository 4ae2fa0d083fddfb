"""``cevns posteriors``: posteriors beside profile likelihoods and published values."""

from __future__ import annotations

import argparse
from pathlib import Path

from cevns_jax.commands import common
from cevns_jax.commands.progress import Progress
from cevns_jax.files import check_places, write_text
from cevns_jax.startup import start_jax

NAME = "posteriors"
TEXT = "Posteriors beside profile likelihoods; writes posteriors.md and its figures."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("configs", type=Path, help="folder with the configs")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    folder = common.output_folder(options, "docs")
    path = folder / "posteriors.md"
    check_places([path])
    start_jax()
    from cevns_jax.validation.posterior_cases import HEAD
    from cevns_jax.validation.posteriors import Drawn, page

    lines, files = list(HEAD), [path]
    with Progress(NAME) as progress, output.Writer() as writer:
        for piece in progress(page(options.configs)):
            if not isinstance(piece, Drawn):
                lines += piece
                continue
            figure = folder / "figures" / f"{piece.name}.png"
            *curve, posterior = piece.results
            if curve:
                writer.submit(output.save_compared, curve[0], posterior, figure)
            else:
                writer.submit(output.save_posterior, posterior, ("corner",), figure)
            lines += ["", f"![{piece.caption}](figures/{figure.name})", "", f"{piece.caption}."]
            files.append(figure)
    write_text(path, "\n".join(lines) + "\n")
    document = {"files": [str(file) for file in files]}
    common.say(options, document, lambda: f"{len(files) - 1} figures")
    return 0
