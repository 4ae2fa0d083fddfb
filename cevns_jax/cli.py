"""Command line: ``cevns COMMAND [CONFIG] [options]``.

Exit status: 0 done, 1 internal error, 2 bad input, 3 finished but not converged (saved all the
same). JAX, xarray and matplotlib are imported by the commands that need them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax import commands
from cevns_jax.commands import LEVELS, output_folder, print_json, progress_bar
from cevns_jax.errors import ConfigError
from cevns_jax.files import write_text
from cevns_jax.startup import start_jax

if TYPE_CHECKING:
    from cevns_jax.config.analysis import Analysis
    from cevns_jax.likelihood import Likelihood

NOT_CONVERGED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if arguments is None:  # as a program, not called from Python
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupted)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except ConfigError as error:
        print(f"cevns: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("CEVNS_TRACEBACK"):
            raise
        print(
            f"cevns: internal error: {type(error).__name__}: {error} "
            "(CEVNS_TRACEBACK=1 shows where; please report it)",
            file=sys.stderr,
        )
        return 1


def _interrupted(number: int, frame: object) -> None:
    """End at once. An exception would have to pass through JAX, which may swallow it or crash;
    results are written atomically, so there is nothing to tidy up."""
    os.write(sys.stderr.fileno(), b"cevns: interrupted\n")
    os._exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cevns",
        description="CEvNS analyses: from a config to a fit, a profile, a prediction.",
        epilog="Exit status: 0 done, 1 internal error, 2 bad input, 3 not converged.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="one JSON document on stdout")
    common.add_argument("--output", metavar="DIR", type=Path, default=None, help="folder for files")
    common.add_argument(
        "--set",
        metavar="TABLE.KEY=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="override one value of the config (repeatable)",
    )
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data",
        choices=("observed", "asimov", "toy", "toy_fixed_pulls"),
        default="observed",
        help="measured counts, their expectation at the start values, or a draw from it, with the "
        "centres of the priors drawn as well (toy) or not",
    )
    data.add_argument("--seed", type=int, default=None, help="seed of the toy data set")
    resume = argparse.ArgumentParser(add_help=False)
    resume.add_argument(
        "--resume", action="store_true", help="go on with the finished blocks of this scan"
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str,
        run: Callable[[argparse.Namespace], int],
        text: str,
        *parents: argparse.ArgumentParser,
    ) -> argparse.ArgumentParser:
        made = subparsers.add_parser(name, help=text, description=text, parents=[common, *parents])
        made.set_defaults(run=run)
        return made

    for name, run, text, parents in (
        ("fit", _fit, "Best fit, with errors, figure and result file.", [data]),
        ("profile", _profile, "Delta chi^2 of one parameter: figure, table, result file.", [data]),
        ("scan", _scan, "Delta chi^2 on a grid: figure, contours, result file.", [data, resume]),
        ("predict", _predict, "Expected events at the start values of the config.", []),
    ):
        add(name, run, text, *parents).add_argument("config", type=Path, help="TOML file")
    add("experiments", commands.experiments, "The data sets: bins, exposure, citation.")
    plot = add("plot", commands.plot, "Figures of saved results.")
    plot.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="netCDF file")
    read = add(
        "import",
        commands.import_release,
        "Condense an official data release into the tables used here.",
    )
    releases = (
        *("coherent-csi-2017", "coherent-csi-2021", "coherent-lar-2020"),
        *("dresden-ii", "reactor-spectra"),
    )
    read.add_argument("name", choices=releases, help="data set")
    read.add_argument("release", type=Path, metavar="PATH", help="folder with the released files")
    again = add(
        "reproduce", commands.reproduce, "A figure of the mission paper, computed from the data."
    )
    again.add_argument("figure", choices=("fig1", "fig2", "fig3"), help="which figure")
    validate = add(
        "validate", commands.validate, "Compare with published numbers; writes validation.md."
    )
    validate.add_argument("configs", type=Path, help="folder with the configs")
    return parser


def _fit(options: argparse.Namespace) -> int:
    from cevns_jax import output, reports
    from cevns_jax.config.strict_toml import read_toml

    read_toml(options.config, options.overrides)  # what is plainly wrong is said at once
    with output.Writer() as writer:
        analysis, likelihood, record = _prepare(options)
        folder = output_folder(options, "results")
        from cevns_jax.inference.fit import fit
        from cevns_jax.results import fit_result

        best = fit(likelihood, analysis.starts, progress_bar)
        result = fit_result(best, record)
        files = [folder / f"{analysis.name}_fit.nc"]
        writer.submit(output.save_result, result, files[0])
        for name in result.groups:
            which = f"_{name}" if len(result.groups) > 1 else ""
            files.append(folder / f"{analysis.name}_spectra{which}.png")
            writer.submit(output.save_spectra, result, name, files[-1])
        if not options.json:
            print(reports.fit_text(analysis.title, result))
    if options.json:
        print_json(reports.fit_document(result) | {"files": [str(f) for f in files]})
    else:
        print("\n".join(f"wrote {f}" for f in files))
    return 0 if best.converged else NOT_CONVERGED


def _profile(options: argparse.Namespace) -> int:
    import numpy as np

    from cevns_jax import output, reports
    from cevns_jax.config.strict_toml import read_toml

    read_toml(options.config, options.overrides)
    with output.Writer() as writer:
        analysis, likelihood, record = _prepare(options)
        settings = analysis.profile
        if settings is None:
            raise ConfigError(f"{options.config}: profile needs a table [profile] with min and max")
        folder = output_folder(options, "results")
        from cevns_jax.inference.fit import fit
        from cevns_jax.inference.profile import freed, profile
        from cevns_jax.results import profile_result

        likelihood = freed(likelihood, settings.parameter)
        best = fit(likelihood, analysis.starts, progress_bar)
        grid = np.linspace(settings.low, settings.high, settings.points)
        given: dict[str, Any] = {settings.parameter: grid}
        began = time.perf_counter()
        scan = profile(
            likelihood, best=best, starts=analysis.starts, progress=progress_bar, **given
        )
        seconds = time.perf_counter() - began
        result = profile_result(scan, LEVELS, record)
        stem = f"{analysis.name}_profile"
        files = [folder / f"{stem}.nc", folder / f"{stem}.csv", folder / f"{stem}.png"]
        writer.submit(output.save_result, result, files[0])
        writer.submit(output.save_profiles, [result], files[2])
        write_text(files[1], reports.profile_table(result))
    summary = reports.profile_document(result, seconds) | {"files": [str(f) for f in files]}
    if options.json:
        print_json(summary)
    else:
        print(reports.profile_text(analysis.title, summary))
        print("\n".join(f"wrote {f}" for f in files))
    if affecting := summary["n_affecting"]:
        edm = np.where(scan.converged, -1.0, np.nan_to_num(scan.edm, nan=np.inf))
        print(
            f"cevns: profile of {settings.parameter}: {affecting} of {len(grid)} points not "
            f"converged (worst at {grid[np.argmax(edm)]:g}); narrow the range",
            file=sys.stderr,
        )
    return 0 if result.attributes["converged"] else NOT_CONVERGED


def _scan(options: argparse.Namespace) -> int:
    import numpy as np

    from cevns_jax import output, reports
    from cevns_jax.config.strict_toml import read_toml

    read_toml(options.config, options.overrides)
    with output.Writer() as writer:
        analysis, likelihood, record = _prepare(options)
        settings = analysis.scan
        if settings is None:
            raise ConfigError(f"{options.config}: scan needs a table [[scan.axes]] at least")
        folder = output_folder(options, "results")
        from cevns_jax.inference.blocks import Blocks
        from cevns_jax.inference.scan import scan
        from cevns_jax.results import scan_result

        unfinished = folder / f"{analysis.name}_scan.blocks"
        if unfinished.exists() and not options.resume:
            raise ConfigError(
                f"{unfinished}: holds blocks of a scan that did not finish; go on with it with "
                "--resume, or delete the folder"
            )
        grids = {name: np.array(values) for name, values in settings.grids.items()}
        blocks = Blocks(unfinished, record, notice=_notice)
        began = time.perf_counter()
        found = scan(
            likelihood, grids, starts=analysis.starts, progress=progress_bar, blocks=blocks
        )
        seconds = time.perf_counter() - began
        result = scan_result(found, settings.levels, record)
        stem = f"{analysis.name}_scan"
        files = [folder / f"{stem}.nc", folder / f"{stem}.csv"]
        writer.submit(output.save_result, result, files[0])
        write_text(files[1], reports.scan_table(result))
        if len(grids) <= 2:
            files.append(folder / f"{stem}.png")
            writer.submit(output.save_regions, [result], files[-1])
    blocks.remove()  # only now: leaving the context waited until the result was written
    summary = reports.scan_document(result, seconds) | {"files": [str(f) for f in files]}
    if options.json:
        print_json(summary)
    else:
        print(reports.scan_text(analysis.title, summary))
        print("\n".join(f"wrote {f}" for f in files))
    return 0 if result.attributes["converged"] else NOT_CONVERGED


def _notice(text: str) -> None:
    print(f"cevns: {text}", file=sys.stderr)


def _predict(options: argparse.Namespace) -> int:
    analysis, likelihood, record = _prepare(options)
    from cevns_jax import reports
    from cevns_jax.conventions import conventions
    from cevns_jax.likelihood import check_predictions
    from cevns_jax.results import expected_groups, provenance

    check_predictions(likelihood)
    groups = expected_groups(likelihood, likelihood.values())
    summary: dict[str, Any] = {
        "predictions": {name: reports.prediction(group) for name, group in groups.items()},
        "experiments": list(groups),
        "conventions": conventions(likelihood),
        "provenance": provenance(likelihood, record),
    }
    if options.output is not None:
        path = options.output / f"{analysis.name}_prediction.json"
        write_text(path, json.dumps(reports.plain(summary), indent=1) + "\n")
        summary["files"] = [str(path)]
    if options.json:
        print_json(summary)
    else:
        print(analysis.title)
        for name, group in groups.items():
            print("\n".join(reports.prediction_text(name, group)))
        print(reports.conventions_text(summary["conventions"]))
        for file in summary.get("files", []):
            print(f"wrote {file}")
    return 0


def _prepare(options: argparse.Namespace) -> tuple[Analysis, Likelihood, dict[str, Any]]:
    """The analysis of a config, with the data set that the options ask for."""
    start_jax()
    from cevns_jax.config.analysis import read_analysis
    from cevns_jax.inference.toys import asimov, toy

    analysis = read_analysis(options.config, options.overrides)
    likelihood = analysis.likelihood
    kind, seed = getattr(options, "data", "observed"), getattr(options, "seed", None)
    if kind.startswith("toy"):
        if seed is None or seed < 0:
            raise ConfigError(f"--data {kind} needs --seed with a whole number of at least 0")
        ensemble = "unconditional" if kind == "toy" else "fixed_pulls"
        likelihood = toy(likelihood, seed, ensemble=ensemble)
    elif seed is not None:
        raise ConfigError("--seed goes with --data toy")
    if kind == "asimov":
        likelihood = asimov(likelihood)
    return analysis, likelihood, analysis.record | {"data_set": kind, "seed": seed}


if __name__ == "__main__":
    sys.exit(main())
