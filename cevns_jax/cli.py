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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.errors import ConfigError
from cevns_jax.startup import start_jax

if TYPE_CHECKING:
    from cevns_jax.config.analysis import Analysis
    from cevns_jax.likelihood import Likelihood

LEVELS = (1.0, 2.71, 3.84)  # Delta chi^2 of 68.3, 90 and 95 % for one parameter
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
        choices=("observed", "asimov", "toy"),
        default="observed",
        help="measured counts, their expectation at the start values, or a draw from it",
    )
    data.add_argument("--seed", type=int, default=None, help="seed of the toy data set")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str,
        run: Callable[[argparse.Namespace], int],
        text: str,
        *parents: argparse.ArgumentParser,
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[common, *parents])
        command.set_defaults(run=run)
        return command

    for name, run, text, parents in (
        ("fit", _fit, "Best fit, with errors, figure and result file.", [data]),
        ("profile", _profile, "Delta chi^2 of one parameter: figure, table, result file.", [data]),
        ("predict", _predict, "Expected events at the start values of the config.", []),
    ):
        add(name, run, text, *parents).add_argument("config", type=Path, help="TOML file")
    add("experiments", _experiments, "The data sets: bins, exposure, citation.")
    plot = add("plot", _plot, "Figures of saved results.")
    plot.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="netCDF file")
    read = add("import", _import, "Condense an official data release into the tables used here.")
    releases = (
        *("coherent-csi-2017", "coherent-csi-2021", "coherent-lar-2020"),
        *("dresden-ii", "reactor-spectra"),
    )
    read.add_argument("name", choices=releases, help="data set")
    read.add_argument("release", type=Path, metavar="PATH", help="folder with the released files")
    validate = add("validate", _validate, "Compare with published numbers; writes validation.md.")
    validate.add_argument("configs", type=Path, help="folder with the configs")
    return parser


def _fit(options: argparse.Namespace) -> int:
    from cevns_jax import output, reports
    from cevns_jax.config.strict_toml import read_toml

    read_toml(options.config, options.overrides)  # what is plainly wrong is said at once
    with output.Writer() as writer:
        analysis, likelihood, record = _prepare(options)
        folder = _folder(options, "results")
        from cevns_jax.inference.fit import fit
        from cevns_jax.results import fit_result

        best = fit(likelihood, analysis.starts, _progress)
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
        _print_json(reports.fit_document(result) | {"files": [str(f) for f in files]})
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
        folder = _folder(options, "results")
        from cevns_jax.inference.fit import fit
        from cevns_jax.inference.profile import freed, profile
        from cevns_jax.results import profile_result

        likelihood = freed(likelihood, settings.parameter)
        best = fit(likelihood, analysis.starts, _progress)
        grid = np.linspace(settings.low, settings.high, settings.points)
        given: dict[str, Any] = {settings.parameter: grid}
        began = time.perf_counter()
        scan = profile(likelihood, best=best, progress=_progress, **given)
        seconds = time.perf_counter() - began
        result = profile_result(scan, LEVELS, record)
        stem = f"{analysis.name}_profile"
        files = [folder / f"{stem}.nc", folder / f"{stem}.csv", folder / f"{stem}.png"]
        writer.submit(output.save_result, result, files[0])
        writer.submit(output.save_profiles, [result], files[2])
        _write_text(files[1], reports.profile_table(result))
    summary = reports.profile_document(result, seconds) | {"files": [str(f) for f in files]}
    if options.json:
        _print_json(summary)
    else:
        print(reports.profile_text(analysis.title, summary))
        print("\n".join(f"wrote {f}" for f in files))
    if failed := summary["n_not_converged"]:
        edm = np.where(scan.converged, -1.0, np.nan_to_num(scan.edm, nan=np.inf))
        print(
            f"cevns: profile of {settings.parameter}: {failed} of {len(grid)} points not "
            f"converged (worst at {grid[np.argmax(edm)]:g}); narrow the range",
            file=sys.stderr,
        )
    return 0 if result.attributes["converged"] else NOT_CONVERGED


def _predict(options: argparse.Namespace) -> int:
    analysis, likelihood, record = _prepare(options)
    from cevns_jax import reports
    from cevns_jax.results import conventions, expected_groups, provenance

    groups = expected_groups(likelihood, likelihood.values())
    summary: dict[str, Any] = {
        "predictions": {name: reports.prediction(group) for name, group in groups.items()},
        "experiments": list(groups),
        "conventions": conventions(likelihood),
        "provenance": provenance(likelihood, record),
    }
    if options.output is not None:
        path = options.output / f"{analysis.name}_prediction.json"
        _write_text(path, json.dumps(reports.plain(summary), indent=1) + "\n")
        summary["files"] = [str(path)]
    if options.json:
        _print_json(summary)
    else:
        print(analysis.title)
        for name, group in groups.items():
            print("\n".join(reports.prediction_text(name, group)))
        print(reports.conventions_text(summary["conventions"]))
        for file in summary.get("files", []):
            print(f"wrote {file}")
    return 0


def _experiments(options: argparse.Namespace) -> int:
    _no_overrides(options)
    start_jax()
    from cevns_jax import experiments

    described: dict[str, dict[str, Any]] = {}
    for build in (
        experiments.coherent_csi_2017,
        experiments.coherent_csi_2021,
        experiments.coherent_lar_2020,
        experiments.dresden_ii,
    ):
        e = build()
        described[e.name] = {
            "title": e.title,
            "n_bins": int(e.observed.size),
            "axes": {
                axis: [float(edge) for edge in edges]
                for axis, edges in zip(e.axes, e.edges, strict=True)
            },
            "observed": float(e.observed.sum()),
            "component_names": list(e.components),
            "exposure": e.exposure,
            "citation": e.citation,
        }
    summary: dict[str, Any] = {"experiments": list(described), "data_sets": described}
    if options.output is not None:
        path = options.output / "experiments.json"
        _write_text(path, json.dumps(summary, indent=1) + "\n")
        summary["files"] = [str(path)]
    if options.json:
        _print_json(summary)
        return 0
    for name, about in described.items():
        axes = " x ".join(f"{len(edges) - 1} {axis}" for axis, edges in about["axes"].items())
        print(f"{name}: {about['title']}")
        print(f"  bins      {axes}; {about['observed']:g} events observed")
        print(f"  exposure  {about['exposure']}")
        print(f"  citation  {about['citation']}")
    return 0


def _plot(options: argparse.Namespace) -> int:
    _no_overrides(options)
    from cevns_jax import output, results

    loaded = [(path, results.load(path)) for path in options.results]
    profiles = [(p, r) for p, r in loaded if r.kind == "profile"]
    parameters = {r.attributes["parameter"] for _, r in profiles}
    if len(parameters) > 1:
        raise ConfigError(f"plot: profiles of one parameter only, not {', '.join(parameters)}")
    files = []
    for path, result in loaded:
        for name in result.groups:
            which = f"_{name}" if len(result.groups) > 1 else ""
            stem = path.stem.removesuffix("_fit")
            files.append(_beside(options, path, f"{stem}_spectra{which}.png"))
            output.save_spectra(result, name, files[-1])
    if profiles:
        path = profiles[0][0]
        suffix = "_overlay" if len(profiles) > 1 else ""
        files.append(_beside(options, path, f"{path.stem}{suffix}.png"))
        output.save_profiles([r for _, r in profiles], files[-1])
    if options.json:
        _print_json({"files": [str(f) for f in files]})
    else:
        print("\n".join(f"wrote {f}" for f in files))
    return 0


def _validate(options: argparse.Namespace) -> int:
    _no_overrides(options)
    start_jax()
    from cevns_jax.validation import rows, table_text

    found = list(_progress(rows(options.configs)))
    path = _folder(options, "docs") / "validation.md"
    _write_text(path, table_text(found))
    if options.json:
        _print_json({"validation": [row.record() for row in found], "files": [str(path)]})
    else:
        print(table_text(found))
        print(f"wrote {path}")
    return 0


def _import(options: argparse.Namespace) -> int:
    _no_overrides(options)
    from cevns_jax.data import (
        import_csi_2017,
        import_csi_2021,
        import_dresden_ii,
        import_lar_2020,
        import_reactor_spectra,
    )
    from cevns_jax.data.releases import unknown_versions
    from cevns_jax.data.tables import DATA

    importers = {
        "coherent-csi-2017": import_csi_2017,
        "coherent-csi-2021": import_csi_2021,
        "coherent-lar-2020": import_lar_2020,
        "dresden-ii": import_dresden_ii,
        "reactor-spectra": import_reactor_spectra,
    }
    module: Any = importers[options.name]
    tables = module.compact_tables(options.release)
    folder = options.output if options.output is not None else DATA / module.FOLDER
    kept = [p.name for p in sorted((DATA / module.FOLDER).glob("*.csv")) if p.name not in tables]
    notes = [f"{name}: kept as it is, the release has no source of it" for name in kept]
    notes += [
        f"{name}: unknown version (checksum), with the known totals"
        for name in unknown_versions(options.release, module.CHECKSUMS)
    ]
    files = [folder / name for name in tables]
    for path in files:
        _write_text(path, tables[path.name])
    if options.json:
        _print_json({"files": [str(f) for f in files], "notes": notes})
    else:
        print("\n".join([*notes, *(f"wrote {f}" for f in files)]))
    return 0


def _prepare(options: argparse.Namespace) -> tuple[Analysis, Likelihood, dict[str, Any]]:
    """The analysis of a config, with the data set that the options ask for."""
    start_jax()
    from cevns_jax.config.analysis import read_analysis
    from cevns_jax.likelihood import asimov, toy

    analysis = read_analysis(options.config, options.overrides)
    likelihood = analysis.likelihood
    kind, seed = getattr(options, "data", "observed"), getattr(options, "seed", None)
    if kind == "toy":
        if seed is None or seed < 0:
            raise ConfigError("--data toy needs --seed with a whole number of at least 0")
        likelihood = toy(likelihood, seed)
    elif seed is not None:
        raise ConfigError("--seed goes with --data toy")
    if kind == "asimov":
        likelihood = asimov(likelihood)
    return analysis, likelihood, analysis.record | {"data_set": kind, "seed": seed}


def _folder(options: argparse.Namespace, default: str) -> Path:
    """Folder for outputs, made and tried before anything is computed."""
    folder: Path = options.output if options.output is not None else Path(default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder}: cannot be written (permission denied)")
    return folder


def _beside(options: argparse.Namespace, path: Path, name: str) -> Path:
    return (options.output if options.output is not None else path.parent) / name


def _no_overrides(options: argparse.Namespace) -> None:
    if options.overrides:
        raise ConfigError("--set overrides values of a config, and this command reads none")


def _write_text(path: Path, text: str) -> None:
    from cevns_jax.results import write_atomically

    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def _progress(items: Iterable[Any]) -> Iterable[Any]:
    """A progress bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        return items
    import tqdm

    return tqdm.tqdm(items, leave=False)


def _print_json(document: dict[str, Any]) -> None:
    from cevns_jax.reports import plain

    print(json.dumps(plain(document), allow_nan=False))


if __name__ == "__main__":
    sys.exit(main())
