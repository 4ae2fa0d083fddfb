"""Command line: ``cevns COMMAND [CONFIG] [options]``.

Exit status: 0 done, 1 internal error, 2 bad input, 3 finished but not converged (saved all the
same). JAX, xarray and matplotlib are imported by the commands that need them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.errors import ConfigError

if TYPE_CHECKING:
    from cevns_jax.config import Analysis
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.results import Result

LEVELS = (1.0, 2.71, 3.84)  # Delta chi^2 of 68.3, 90 and 95 % for one parameter
NOT_CONVERGED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except ConfigError as error:
        print(f"cevns: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cevns: interrupted", file=sys.stderr)
        return 130
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
    validate = add("validate", _validate, "Compare with published numbers; writes validation.md.")
    validate.add_argument("configs", type=Path, help="folder with the configs")
    return parser


def _fit(options: argparse.Namespace) -> int:
    from cevns_jax import output

    folder = _folder(options, "results")
    with output.Writer() as writer:
        analysis, likelihood, record = _prepare(options)
        from cevns_jax.inference.fit import fit
        from cevns_jax.results import fit_result

        best = fit(likelihood, analysis.starts)
        result = fit_result(best, record)
        files = [folder / f"{analysis.name}_fit.nc"]
        writer.submit(output.save_result, result, files[0])
        for name in result.groups:
            which = f"_{name}" if len(result.groups) > 1 else ""
            files.append(folder / f"{analysis.name}_spectra{which}.png")
            writer.submit(output.save_spectra, result, name, files[-1])
        if not options.json:
            print(_fit_text(analysis.title, result))
    if options.json:
        _print_json(_fit_json(result) | {"files": [str(f) for f in files]})
    else:
        print("\n".join(f"wrote {f}" for f in files))
    return 0 if best.converged else NOT_CONVERGED


def _profile(options: argparse.Namespace) -> int:
    import numpy as np

    from cevns_jax import output

    folder = _folder(options, "results")
    with output.Writer() as writer:
        analysis, likelihood, record = _prepare(options)
        settings = analysis.profile
        if settings is None:
            raise ConfigError(f"{options.config}: profile needs a table [profile] with min and max")
        from cevns_jax.inference.profile import profile
        from cevns_jax.results import profile_result

        began = time.perf_counter()
        grid = np.linspace(settings.low, settings.high, settings.points)
        given: dict[str, Any] = {settings.parameter: grid}
        scan = profile(likelihood, progress=_progress, **given)
        seconds = time.perf_counter() - began
        result = profile_result(scan, LEVELS, record)
        stem = f"{analysis.name}_profile"
        files = [folder / f"{stem}.nc", folder / f"{stem}.csv", folder / f"{stem}.png"]
        writer.submit(output.save_result, result, files[0])
        writer.submit(output.save_profiles, [result], files[2])
        _write_text(files[1], _profile_table(result))
    failed = int((~scan.converged).sum())
    summary = {
        "parameter": settings.parameter,
        **{key: result.attributes[key] for key in ("best", "limits", "experiments", "n_bins")},
        "grid": scan.grid.tolist(),
        "delta_chi2": scan.delta_chi2.tolist(),
        "point_converged": scan.converged.tolist(),
        "n_points": len(scan.grid),
        "n_not_converged": failed,
        "converged": result.attributes["converged"],
        "seconds": seconds,
        "conventions": result.attributes["conventions"],
        "provenance": result.attributes["provenance"],
        "files": [str(f) for f in files],
    }
    if options.json:
        _print_json(summary)
    else:
        print(_profile_text(analysis.title, summary))
        print("\n".join(f"wrote {f}" for f in files))
    if failed:
        worst = scan.grid[int(np.nanargmax(np.where(scan.converged, -1, scan.edm)))]
        print(
            f"cevns: profile of {settings.parameter}: {failed} of {len(scan.grid)} points not "
            f"converged (worst at {worst:g}); narrow the range",
            file=sys.stderr,
        )
    return 0 if result.attributes["converged"] else NOT_CONVERGED


def _predict(options: argparse.Namespace) -> int:
    analysis, likelihood, record = _prepare(options)
    from cevns_jax.results import conventions, expected_groups, provenance

    groups = expected_groups(likelihood, likelihood.values())
    summary: dict[str, Any] = {
        "predictions": {name: _prediction(group) for name, group in groups.items()},
        "experiments": list(groups),
        "conventions": conventions(likelihood),
        "provenance": provenance(likelihood, record),
    }
    if options.output is not None:
        path = options.output / f"{analysis.name}_prediction.json"
        _write_text(path, json.dumps(_plain(summary), indent=1) + "\n")
        summary["files"] = [str(path)]
    if options.json:
        _print_json(summary)
    else:
        print(analysis.title)
        for name, group in groups.items():
            print("\n".join(_prediction_text(name, group)))
        print(_conventions_text(summary["conventions"]))
        print("\n".join(f"wrote {f}" for f in summary.get("files", [])), end="")
    return 0


def _experiments(options: argparse.Namespace) -> int:
    _no_overrides(options)
    _start_jax()
    from cevns_jax import experiments

    described: dict[str, dict[str, Any]] = {}
    for build in (experiments.coherent_csi_2021,):
        e = build()
        described[e.name] = {
            "title": e.title,
            "n_bins": int(e.observed.size),
            "axes": {
                axis: [float(edge) for edge in edges]
                for axis, edges in zip(e.axes, e.edges, strict=True)
            },
            "observed": float(e.observed.sum()),
            "components": list(e.components),
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
    _start_jax()
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


def _start_jax() -> None:
    """Double precision, and every core a device, so that scans use them all."""
    import jax

    jax.config.update("jax_enable_x64", True)
    if "XLA_FLAGS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        # Refused where JAX runs already (cevns called from Python): its devices are used then.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", cores or 1)


def _prepare(options: argparse.Namespace) -> tuple[Analysis, Likelihood, dict[str, Any]]:
    """The analysis of a config, with the data set that the options ask for."""
    from cevns_jax.config import read_analysis

    _start_jax()
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


def _plain(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(_plain(document), allow_nan=False))


def _prediction(group: dict[str, Any]) -> dict[str, Any]:
    axes, observed = group["observed"]
    expected = group["expected"][1]
    components = [str(name) for name in group["component"][1]]
    return {
        "observed": float(observed.sum()),
        "components": {n: float(c.sum()) for n, c in zip(components, expected, strict=True)},
        "bins": {
            "edges": {axis: group[f"{axis}_edges"][1].tolist() for axis in axes},
            "observed": observed.tolist(),
            "components": {n: c.tolist() for n, c in zip(components, expected, strict=True)},
        },
    }


def _fit_json(result: Result) -> dict[str, Any]:
    v, a = result.variables, result.attributes
    names = [str(name) for name in v["parameter"][1]]
    columns = ("value", "error", "error_low", "error_high")
    return {
        "parameters": {
            name: {column: float(v[column][1][i]) for column in columns}
            for i, name in enumerate(names)
        },
        "correlation": {
            name: dict(zip(names, map(float, row), strict=True))
            for name, row in zip(names, v["correlation"][1], strict=True)
        },
        "impacts": {
            str(name): {n: list(map(float, sides)) for n, sides in zip(names, rows, strict=True)}
            for name, rows in zip(v["physics"][1], v["impact"][1], strict=True)
        },
        **{
            key: a[key]
            for key in (
                *("chi2", "n_bins", "degrees_of_freedom", "p_value", "converged", "message"),
                *("edm", "gradient_norm", "steps", "starts"),
            )
        },
        "experiments": list(result.groups),
        "fitted": {name: _prediction(group) for name, group in result.groups.items()},
        "conventions": a["conventions"],
        "provenance": a["provenance"],
    }


def _fit_text(title: str, result: Result) -> str:
    v, a = result.variables, result.attributes
    lines = [title, "", f"{'parameter':<38}{'value':>10}{'error':>10}{'down':>10}{'up':>10}"]
    for i, name in enumerate(v["parameter"][1]):
        row = [float(v[c][1][i]) for c in ("value", "error", "error_low", "error_high")]
        lines.append(f"{name:<38}" + "".join(f"{x:>10.4f}" for x in row))
    lines += [
        "",
        f"chi2 / dof   {a['chi2']:.2f} / {a['degrees_of_freedom']} ({a['n_bins']} bins), "
        f"p = {a['p_value']:.2f}",
        f"converged    {'yes' if a['converged'] else 'NO'}: {a['message']}",
    ]
    for name, group in result.groups.items():
        lines += _prediction_text(f"{name}, at the best fit", group)
    return "\n".join([*lines, _conventions_text(a["conventions"])])


def _prediction_text(name: str, group: dict[str, Any]) -> list[str]:
    found = _prediction(group)
    lines = ["", f"{name}: {found['observed']:g} observed"]
    lines += [f"  {component:<14}{n:>10.1f}" for component, n in found["components"].items()]
    return [*lines, f"  {'sum':<14}{sum(found['components'].values()):>10.1f}"]


def _conventions_text(chosen: dict[str, Any], indent: str = "  ") -> str:
    lines = ["", "conventions"] if indent == "  " else []
    for key, value in chosen.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}", _conventions_text(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {value}")
    return "\n".join(lines)


def _profile_table(result: Result) -> str:
    """CSV: the profiled parameter, chi^2, flag, and the minimised parameters."""
    v = result.variables
    names = [str(name) for name in v["nuisance"][1]]
    rows = [",".join([result.attributes["parameter"], "delta_chi2", "chi2", "converged", *names])]
    columns = (v["grid"][1], v["delta_chi2"][1], v["chi2"][1], v["point_converged"][1])
    for *numbers, flag, minimised in zip(*columns, v["minimised"][1], strict=True):
        values = [f"{x:.10g}" for x in (*numbers,)] + [str(int(flag))]
        rows.append(",".join([*values, *(f"{x:.10g}" for x in minimised)]))
    return "\n".join(rows) + "\n"


def _profile_text(title: str, summary: dict[str, Any]) -> str:
    best = summary["best"]["parameters"][summary["parameter"]]["value"]
    lines = [title, "", f"{summary['parameter']} = {best:.4f} at the best fit"]
    for limit in summary["limits"]:
        ranges = ", ".join(f"[{low:.4f}, {high:.4f}]" for low, high in limit["allowed"])
        lines.append(f"  Delta chi2 < {limit['delta_chi2']:<5g} {ranges or 'nowhere on the grid'}")
    done = summary["n_points"] - summary["n_not_converged"]
    lines.append(f"{done} of {summary['n_points']} points converged, {summary['seconds']:.2f} s")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
