"""``cevns sample``: draws from the posterior, in blocks that an interrupted run goes on from."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cevns_jax.choices import SAMPLERS
from cevns_jax.commands import analysis, common, saving
from cevns_jax.commands.progress import Progress
from cevns_jax.config.sample import CHAINS, DRAWS, SEED, SampleTable
from cevns_jax.errors import ConfigError

NAME = "sample"
TEXT = "Posterior by Hamiltonian Monte Carlo, figures and result file."


def add_options(parser: argparse.ArgumentParser) -> None:
    common.add_config(parser)
    for name, default, text in (
        ("chains", CHAINS, "chains, or runs of tempered Monte Carlo"),
        ("draws", DRAWS, "draws of each chain"),
        ("seed", SEED, "seed of the random numbers, and of the toy data set if there is one"),
    ):
        said = f"{text} (default: that of the config, or {default})"
        parser.add_argument(f"--{name}", type=int, default=None, help=said)
    parser.add_argument(
        "--method",
        choices=SAMPLERS,
        default=None,
        help="No-U-Turn sampler, or tempered Monte Carlo where there are several valleys",
    )
    common.add_kind_of_data(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on with the finished blocks of this run"
    )
    common.add_overwrite(parser)
    common.add_formats(parser)
    common.add_verbose(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    plan, formats = analysis.read_early(options), common.formats_of(options)
    with Progress(NAME) as progress, output.Writer() as writer:
        run = analysis.prepare(options, plan)
        experiments = [e.name for e in run.likelihood.experiments]
        settings = run.analysis.sample
        table = settings.table
        figures = saving.posterior_figures(run.stem, table.method, experiments)
        drawn = [(f"{stem}.{kind}", of) for stem, of in figures.items() for kind in formats]
        files = analysis.places(
            options, run, NAME, f"{run.stem}_posterior.nc", *(file for file, _ in drawn)
        )
        from cevns_jax.inference.sample import sample
        from cevns_jax.results.sample import sample_document, sample_result

        likelihood = settings.varying(run.likelihood)
        blocks = _blocks(options, run, likelihood, files[0].with_suffix(".blocks"), progress.notice)
        began = time.perf_counter()
        found = sample(
            likelihood,
            seed=table.seed,
            draws=table.draws,
            chains=table.chains,
            method=table.method,
            priors=settings.priors,
            starts=run.analysis.starts,
            progress=_counting(progress, table),
            blocks=blocks,
        )
        seconds = time.perf_counter() - began
        result = sample_result(found, run.record)
        writer.submit(output.save_result, result, files[0])
        for (_, of), path in zip(drawn, files[1:], strict=True):
            writer.submit(output.save_posterior, result, of, path)
    blocks.remove()  # only now: leaving the context has waited until the result was on disk
    document = sample_document(result) | {"seconds": seconds, "files": [str(f) for f in files]}
    common.say_result(options, document, result)
    if result.attributes["converged"]:
        return 0
    progress.notice(result.attributes["message"])
    return common.NOT_CONVERGED


def _counting(progress: Progress, table: SampleTable) -> Progress:
    """The line that counts draws of all chains; of temperatures nobody knows how many there are."""
    from cevns_jax.inference.run import BLOCK

    return (
        progress.counted_in("draws", BLOCK * table.chains) if table.method == "nuts" else progress
    )


def _blocks(
    options: argparse.Namespace,
    run: analysis.Run,
    likelihood: Any,
    folder: Path,
    notice: Callable[[str], None],
) -> Any:
    """Where the blocks of a run are kept.

    Raises:
        ConfigError: blocks are there that are not to be used, or that were made from something
            else.
    """
    from dataclasses import asdict

    from cevns_jax.fingerprint import SAMPLERS, computation
    from cevns_jax.inference.blocks import Blocks
    from cevns_jax.inference.run import BLOCK
    from cevns_jax.inference.sampled_priors import with_sampled_priors

    if folder.exists() and not options.resume:
        raise ConfigError(
            f"{folder}: holds blocks of a run that did not finish; go on with it with --resume, or "
            "delete the folder"
        )
    settings = run.analysis.sample
    sampled = with_sampled_priors(likelihood, settings.priors)
    made_from = saving.settings_used(NAME, run.record)
    made_from |= {"sample": asdict(settings.table) | {"block": BLOCK}}
    return Blocks(folder, made_from | computation(sampled, SAMPLERS), notice)
