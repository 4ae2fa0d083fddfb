"""``cevns profile``: Delta chi^2 of one parameter, everything else minimised."""

from __future__ import annotations

import argparse
import time
from typing import Any

from cevns_jax.commands import analysis, common
from cevns_jax.commands.progress import Progress
from cevns_jax.files import write_text

NAME = "profile"
TEXT = "Delta chi^2 of one parameter, figure and table."


def add_options(parser: argparse.ArgumentParser) -> None:
    common.add_gridded(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    plan, formats = analysis.read_early(options), common.formats_of(options)
    analysis.check_table(options, plan, NAME, "a table [profile] with min and max")
    with Progress(NAME) as progress, output.Writer() as writer:
        run = analysis.prepare(options, plan)
        settings = run.analysis.profile
        assert settings is not None
        names = [f"{run.stem}_profile.{kind}" for kind in ("nc", "csv", *formats)]
        files = analysis.places(options, run, "profile", *names)
        import numpy as np

        from cevns_jax.inference.fit import fit
        from cevns_jax.inference.profile import profile as profiled
        from cevns_jax.results.profile import profile_document, profile_result, profile_table

        likelihood = run.likelihood.freed(settings.parameter)
        best = fit(likelihood, run.analysis.starts, progress)
        grid: dict[str, Any] = {settings.parameter: np.array(settings.grid)}
        began = time.perf_counter()
        found = profiled(likelihood, best=best, progress=progress, **grid)
        seconds = time.perf_counter() - began
        result = profile_result(found, settings.levels, run.record)
        writer.submit(output.save_result, result, files[0])
        for path in files[2:]:
            writer.submit(output.save_profiles, [result], path)
        write_text(files[1], profile_table(result))
    files_ = [str(f) for f in files]
    document = profile_document(result) | {"seconds": seconds, "files": files_}
    common.say_result(options, document, result)
    if affecting := document["n_affecting"]:
        edm = np.where(found.converged, -1.0, np.nan_to_num(found.edm, nan=np.inf))
        progress.notice(
            f"profile of {settings.parameter}: {affecting} of {len(settings.grid)} points not "
            f"converged (worst at {settings.grid[int(np.argmax(edm))]:g}); narrow the range"
        )
    return 0 if result.attributes["converged"] else common.NOT_CONVERGED
