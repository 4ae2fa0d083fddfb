"""Commands that read a config: fit, profile, scan and predict.

Each checks where its files go before it computes, saves what it found, and prints last.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax import saving
from cevns_jax.commands import (
    LEVELS,
    notice,
    output_folder,
    print_json,
    print_lines,
    progress_bar,
)
from cevns_jax.errors import ConfigError
from cevns_jax.files import check_places, write_text
from cevns_jax.startup import start_jax

if TYPE_CHECKING:
    from cevns_jax.config.analysis import Analysis
    from cevns_jax.likelihood import Likelihood

NOT_CONVERGED = 3


@dataclass(frozen=True)
class Run:
    """A config with the data that the options ask for.

    Attributes:
        analysis: The config.
        likelihood: Its likelihood, of the data asked for.
        record: What the result is made from, for its provenance.
        stem: What names of its files begin with.
    """

    analysis: Analysis
    likelihood: Likelihood
    record: dict[str, Any]
    stem: str


def fit(options: argparse.Namespace) -> int:
    """``cevns fit``; returns the exit status."""
    from cevns_jax import output, reports

    read_early(options)
    with output.Writer() as writer:
        run = _prepare(options)
        names = [e.name for e in run.likelihood.experiments]
        figures = {
            name: f"{run.stem}_spectra" + (f"_{name}" if len(names) > 1 else "") + ".png"
            for name in names
        }
        files = _places(options, run, "fit", f"{run.stem}_fit.nc", *figures.values())
        from cevns_jax.inference.fit import fit as fitted
        from cevns_jax.results import fit_result

        best = fitted(run.likelihood, run.analysis.starts, progress_bar)
        result = fit_result(best, run.record)
        writer.submit(output.save_result, result, files[0])
        for name, path in zip(names, files[1:], strict=True):
            writer.submit(output.save_spectra, result, name, path)
    title = reports.titled(run.analysis.title, run.record)
    document = reports.fit_document(result) | {"files": [str(f) for f in files]}
    _say(options, document, lambda: reports.fit_text(title, result))
    return 0 if best.converged else NOT_CONVERGED


def profile(options: argparse.Namespace) -> int:
    """``cevns profile``; returns the exit status."""
    import numpy as np

    from cevns_jax import output, reports

    read_early(options)
    with output.Writer() as writer:
        run = _prepare(options)
        settings = run.analysis.profile
        if settings is None:
            raise ConfigError(f"{options.config}: profile needs a table [profile] with min and max")
        names = [f"{run.stem}_profile.{kind}" for kind in ("nc", "csv", "png")]
        files = _places(options, run, "profile", *names)
        from cevns_jax.inference.fit import fit as fitted
        from cevns_jax.inference.profile import freed
        from cevns_jax.inference.profile import profile as profiled
        from cevns_jax.results import profile_result

        likelihood = freed(run.likelihood, settings.parameter)
        best = fitted(likelihood, run.analysis.starts, progress_bar)
        grid = np.linspace(settings.low, settings.high, settings.points)
        given: dict[str, Any] = {settings.parameter: grid}
        began = time.perf_counter()
        scan = profiled(likelihood, best=best, progress=progress_bar, **given)
        seconds = time.perf_counter() - began
        result = profile_result(scan, LEVELS, run.record)
        writer.submit(output.save_result, result, files[0])
        writer.submit(output.save_profiles, [result], files[2])
        write_text(files[1], reports.profile_table(result))
    title = reports.titled(run.analysis.title, run.record)
    summary = reports.profile_document(result, seconds) | {"files": [str(f) for f in files]}
    _say(options, summary, lambda: reports.profile_text(title, summary))
    if affecting := summary["n_affecting"]:
        edm = np.where(scan.converged, -1.0, np.nan_to_num(scan.edm, nan=np.inf))
        notice(
            f"profile of {settings.parameter}: {affecting} of {len(grid)} points not "
            f"converged (worst at {grid[np.argmax(edm)]:g}); narrow the range"
        )
    return 0 if result.attributes["converged"] else NOT_CONVERGED


def scan(options: argparse.Namespace) -> int:
    """``cevns scan``; returns the exit status."""
    import numpy as np

    from cevns_jax import output, reports

    read_early(options)
    with output.Writer() as writer:
        run = _prepare(options)
        settings = run.analysis.scan
        if settings is None:
            raise ConfigError(f"{options.config}: scan needs a table [[scan.axes]] at least")
        kinds = ("nc", "csv", "png") if len(settings.grids) <= 2 else ("nc", "csv")
        names = [f"{run.stem}_scan.{kind}" for kind in kinds]
        files = _places(options, run, "scan", *names)
        from cevns_jax.inference.scan import scan as scanned
        from cevns_jax.results import scan_result

        blocks = _blocks(options, run, files[0].with_suffix(".blocks"))
        grids = {name: np.array(values) for name, values in settings.grids.items()}
        began = time.perf_counter()
        found = scanned(
            run.likelihood, grids, starts=run.analysis.starts, progress=progress_bar, blocks=blocks
        )
        seconds = time.perf_counter() - began
        result = scan_result(found, settings.levels, run.record)
        writer.submit(output.save_result, result, files[0])
        if len(grids) <= 2:
            writer.submit(output.save_regions, [result], files[2])
        write_text(files[1], reports.scan_table(result))
    blocks.remove()  # only now: leaving the context has waited until the result was on disk
    title = reports.titled(run.analysis.title, run.record)
    summary = reports.scan_document(result, seconds) | {"files": [str(f) for f in files]}
    _say(options, summary, lambda: reports.scan_text(title, summary))
    return 0 if result.attributes["converged"] else NOT_CONVERGED


def _blocks(options: argparse.Namespace, run: Run, folder: Path) -> Any:
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


def predict(options: argparse.Namespace) -> int:
    """``cevns predict``; returns the exit status."""
    run = _prepare(options)
    from cevns_jax import reports
    from cevns_jax.conventions import conventions
    from cevns_jax.likelihood import check_predictions
    from cevns_jax.results import expected_groups, provenance

    check_predictions(run.likelihood)
    files = []
    if options.output is not None:
        files = _places(options, run, "predict", f"{run.stem}_prediction.json")
    groups = expected_groups(run.likelihood, run.likelihood.values())
    summary: dict[str, Any] = {
        "predictions": {name: reports.prediction(group) for name, group in groups.items()},
        "experiments": list(groups),
        "conventions": conventions(run.likelihood),
        "provenance": provenance(run.likelihood, run.record),
    }
    for path in files:
        write_text(path, json.dumps(reports.plain(summary), indent=1) + "\n")
        summary["files"] = [str(path)]

    def text() -> str:
        parts = [line for name, g in groups.items() for line in reports.prediction_text(name, g)]
        told = reports.conventions_text(summary["conventions"])
        return "\n".join([run.analysis.title, *parts, told])

    _say(options, summary, text)
    return 0


def read_early(options: argparse.Namespace) -> None:
    """Say at once what is plainly wrong with a config, before anything is imported."""
    from cevns_jax.config.strict_toml import read_toml

    read_toml(options.config, options.overrides)


def _prepare(options: argparse.Namespace) -> Run:
    """The analysis of a config, with the data set that the options ask for."""
    start_jax()
    from cevns_jax.config.analysis import read_analysis
    from cevns_jax.fingerprint import inputs
    from cevns_jax.inference.toys import asimov, toy

    kind: str = getattr(options, "data", "observed")
    seed: int | None = getattr(options, "seed", None)
    toys = {"toy": "unconditional", "toy_fixed_pulls": "fixed_pulls"}
    if kind in toys and (seed is None or seed < 0):
        raise ConfigError(f"--data {kind} needs --seed with a whole number of at least 0")
    if kind not in toys and seed is not None:
        raise ConfigError("--seed goes with --data toy")
    analysis = read_analysis(options.config, options.overrides)
    likelihood = analysis.likelihood
    if seed is not None:
        likelihood = toy(likelihood, seed, ensemble=toys[kind])
    elif kind == "asimov":
        likelihood = asimov(likelihood)
    record = analysis.record | {
        "data_set": kind,
        "seed": seed,
        "inputs": inputs(analysis.record["settings"], options.config.parent),
    }
    return Run(analysis, likelihood, record, saving.stem(analysis.name, record))


def _places(options: argparse.Namespace, run: Run, command: str, *names: str) -> list[Path]:
    """Where the files of a result go, of which the first tells what it was made from; checked.

    Raises:
        ConfigError: a place that cannot be written, or where another result stands.
    """
    folder = output_folder(options, "results")
    files = [folder / name for name in names]
    check_places(files)
    if not options.overwrite:
        saving.refuse_to_replace(files[0], command, run.record)
    return files


def _say(options: argparse.Namespace, document: dict[str, Any], text: Callable[[], str]) -> None:
    """The document, or its text and which files were written."""
    if options.json:
        print_json(document)
    else:
        print_lines(text(), *(f"wrote {file}" for file in document.get("files", [])))
