"""``cevns limit``: the allowed ranges of one parameter for each value of others."""

from __future__ import annotations

import argparse
import time
from typing import Any

from cevns_jax.commands import analysis, common
from cevns_jax.commands.progress import Progress
from cevns_jax.files import write_text

NAME = "limit"
TEXT = "Limits on a coupling for each mass, or the like: table and figure."


def add_options(parser: argparse.ArgumentParser) -> None:
    common.add_gridded(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    plan, formats = analysis.read_early(options), common.formats_of(options)
    with Progress(NAME) as progress, output.Writer() as writer:
        run = analysis.prepare(options, plan)
        settings = run.analysis.limit
        assert settings is not None
        kinds = ("nc", "csv", *formats) if len(settings.held) == 1 else ("nc", "csv")
        names = [f"{run.stem}_limit.{kind}" for kind in kinds]
        files = analysis.places(options, run, "limit", *names)
        import numpy as np

        from cevns_jax.inference.limit import limit
        from cevns_jax.results.limit import limit_document, limit_result, limit_table

        held: dict[str, Any] = {name: np.array(values) for name, values in settings.held.items()}
        began = time.perf_counter()
        found = limit(
            run.likelihood,
            settings.parameter,
            cl=settings.confidence_level,
            within=settings.within,
            starts=run.analysis.starts,
            progress=progress,
            **held,
        )
        seconds = time.perf_counter() - began
        result = limit_result(found, run.record)
        writer.submit(output.save_result, result, files[0])
        for path in files[2:]:
            writer.submit(output.save_limits, [result], path)
        write_text(files[1], limit_table(result))
    files_ = [str(f) for f in files]
    common.say_result(
        options, limit_document(result) | {"seconds": seconds, "files": files_}, result
    )
    return 0 if result.attributes["converged"] else common.NOT_CONVERGED
