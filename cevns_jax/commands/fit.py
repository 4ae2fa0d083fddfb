"""``cevns fit``: best fit with errors, a figure of each experiment, and the result."""

from __future__ import annotations

import argparse

from cevns_jax.commands import analysis, common, saving
from cevns_jax.commands.progress import Progress

NAME = "fit"
TEXT = "Best fit, with errors, figure and result file."


def add_options(parser: argparse.ArgumentParser) -> None:
    common.add_config(parser)
    common.add_data(parser)
    common.add_overwrite(parser)
    common.add_formats(parser)
    common.add_verbose(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    plan, formats = analysis.read_early(options), common.formats_of(options)
    with Progress(NAME) as progress, output.Writer() as writer:
        run = analysis.prepare(options, plan)
        names = [e.name for e in run.likelihood.experiments]
        figures = saving.figures(run.stem, "fit", names)
        drawn = [(name, f"{stem}.{kind}") for name, stem in figures.items() for kind in formats]
        files = analysis.places(
            options, run, "fit", f"{run.stem}_fit.nc", *(file for _, file in drawn)
        )
        from cevns_jax.inference.fit import fit
        from cevns_jax.results.fit import fit_document, fit_result

        best = fit(run.likelihood, run.analysis.starts, progress)
        result = fit_result(best, run.record)
        writer.submit(output.save_result, result, files[0])
        for (name, _), path in zip(drawn, files[1:], strict=True):
            writer.submit(output.save_spectra, result, name, path)
    document = fit_document(result) | {"files": [str(f) for f in files]}
    common.say_result(options, document, result)
    return 0 if best.converged else common.NOT_CONVERGED
