"""``cevns predict``: expected events where the parameters start, and their spectra."""

from __future__ import annotations

import argparse
import json

from cevns_jax.commands import analysis, common, saving
from cevns_jax.commands.progress import Progress
from cevns_jax.files import write_text

NAME = "predict"
TEXT = "Expected events at the start values of the config, and their spectra."


def add_options(parser: argparse.ArgumentParser) -> None:
    common.add_config(parser)
    common.add_overwrite(parser)
    common.add_formats(parser)
    common.add_verbose(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    plan, formats = analysis.read_early(options), common.formats_of(options)
    with Progress(NAME):
        run = analysis.prepare(options, plan)
        from cevns_jax.likelihood import predictions
        from cevns_jax.results.prediction import prediction_document, prediction_result
        from cevns_jax.results.told import plain

        predictions(run.likelihood)  # refuses counts that are not finite
        files = []
        names = [e.name for e in run.likelihood.experiments]
        figures = saving.figures(run.stem, "prediction", names)
        drawn = [(name, f"{stem}.{kind}") for name, stem in figures.items() for kind in formats]
        if options.output is not None:
            stem = f"{run.stem}_prediction"
            files = analysis.places(
                options, run, "predict", f"{stem}.json", f"{stem}.nc", *(file for _, file in drawn)
            )
        result = prediction_result(run.likelihood, run.record)
        document = prediction_document(result)
        if files:
            with output.Writer() as writer:
                writer.submit(output.save_result, result, files[1])
                for (name, _), path in zip(drawn, files[2:], strict=True):
                    writer.submit(output.save_prediction, result, name, path)
            write_text(files[0], json.dumps(plain(document), indent=1) + "\n")
            document["files"] = [str(path) for path in files]
    common.say_result(options, document, result)
    return 0
