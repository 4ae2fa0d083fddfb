"""``cevns scan``: Delta chi^2 on a grid, in blocks that an interrupted scan goes on from."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cevns_jax.commands import analysis, common, saving
from cevns_jax.commands.progress import Progress
from cevns_jax.errors import ConfigError
from cevns_jax.files import write_text

NAME = "scan"
TEXT = "Delta chi^2 on a grid, figure and contours."


def add_options(parser: argparse.ArgumentParser) -> None:
    common.add_gridded(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on with the finished blocks of this scan"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    plan, formats = analysis.read_early(options), common.formats_of(options)
    analysis.check_table(options, plan, NAME, "a table [[scan.axes]] at least")
    with Progress(NAME) as progress, output.Writer() as writer:
        run = analysis.prepare(options, plan)
        settings = run.analysis.scan
        assert settings is not None
        kinds = ("nc", "csv", *formats) if len(settings.grids) <= 2 else ("nc", "csv")
        names = [f"{run.stem}_scan.{kind}" for kind in kinds]
        files = analysis.places(options, run, "scan", *names)
        import numpy as np

        from cevns_jax.inference.scan import scan
        from cevns_jax.results.scan import scan_document, scan_result, scan_table

        blocks = _blocks(options, run, files[0].with_suffix(".blocks"), progress.notice)
        grids = {name: np.array(values) for name, values in settings.grids.items()}
        began = time.perf_counter()
        found = scan(
            run.likelihood,
            grids,
            levels=settings.levels,
            starts=run.analysis.starts,
            progress=progress,
            blocks=blocks,
        )
        seconds = time.perf_counter() - began
        result = scan_result(found, settings.levels, run.record)
        writer.submit(output.save_result, result, files[0])
        for path in files[2:]:
            writer.submit(output.save_regions, [result], path)
        write_text(files[1], scan_table(result))
    blocks.remove()  # only now: leaving the context has waited until the result was on disk
    files_ = [str(f) for f in files]
    common.say_result(
        options, scan_document(result) | {"seconds": seconds, "files": files_}, result
    )
    return 0 if result.attributes["converged"] else common.NOT_CONVERGED


def _blocks(
    options: argparse.Namespace, run: analysis.Run, folder: Path, notice: Callable[[str], None]
) -> Any:
    """Where the blocks of a scan are kept.

    Raises:
        ConfigError: blocks are there that are not to be used, or that were made from something
            else.
    """
    from cevns_jax.fingerprint import computation
    from cevns_jax.inference.blocks import Blocks

    if folder.exists() and not options.resume:
        raise ConfigError(
            f"{folder}: holds blocks of a scan that did not finish; go on with it with "
            "--resume, or delete the folder"
        )
    made_from = saving.settings_used("scan", run.record)
    return Blocks(folder, made_from | computation(run.likelihood), notice)
