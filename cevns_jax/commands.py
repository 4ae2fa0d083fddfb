"""Commands that read no config, and what all commands share: folders, files, progress."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from cevns_jax.errors import ConfigError
from cevns_jax.files import check_places, write_text
from cevns_jax.startup import start_jax

LEVELS = (1.0, 2.71, 3.84)  # Delta chi^2 of 68.3, 90 and 95 % for one parameter


def experiments(options: argparse.Namespace) -> int:
    no_overrides(options)
    start_jax()
    from cevns_jax import experiments as data_sets

    described: dict[str, dict[str, Any]] = {}
    for build in (
        data_sets.coherent_csi_2017,
        data_sets.coherent_csi_2021,
        data_sets.coherent_lar_2020,
        data_sets.coherent_lar_2020_energy,
        data_sets.dresden_ii,
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
            "counted": e.about.counted,
            "component_names": list(e.components),
            "exposure": e.exposure,
            "citation": e.citation,
        }
    summary: dict[str, Any] = {"experiments": list(described), "data_sets": described}
    if options.output is not None:
        path = options.output / "experiments.json"
        write_text(path, json.dumps(summary, indent=1) + "\n")
        summary["files"] = [str(path)]
    if options.json:
        print_json(summary)
        return 0
    for name, about in described.items():
        axes = " x ".join(f"{len(edges) - 1} {axis}" for axis, edges in about["axes"].items())
        print_lines(
            f"{name}: {about['title']}",
            f"  bins      {axes}; {about['observed']:.6g} {about['counted']}",
            f"  exposure  {about['exposure']}",
            f"  citation  {about['citation']}",
        )
    return 0


def plot(options: argparse.Namespace) -> int:
    no_overrides(options)
    from cevns_jax import output, results
    from cevns_jax.plotting.needs import check_drawable

    loaded = [(path, results.load(path)) for path in options.results]
    for path, result in loaded:
        check_drawable(path, result)
    profiles = [(p, r) for p, r in loaded if r.kind == "profile"]
    scans = [(p, r) for p, r in loaded if r.kind == "scan"]
    planes = {tuple(r.attributes["parameters"]) for _, r in scans}
    if len(planes) > 1 or any(len(names) > 2 for names in planes):
        raise ConfigError("plot: scans over the same one or two parameters only")
    parameters = {r.attributes["parameter"] for _, r in profiles}
    if len(parameters) > 1:
        raise ConfigError(f"plot: profiles of one parameter only, not {', '.join(parameters)}")
    jobs = []
    for path, result in loaded:
        for name in result.groups:
            which = f"_{name}" if len(result.groups) > 1 else ""
            place = beside(options, path, f"{path.stem.removesuffix('_fit')}_spectra{which}.png")
            jobs.append((place, partial(output.save_spectra, result, name)))
    for found, draw in ((profiles, output.save_profiles), (scans, output.save_regions)):
        if found:
            first, suffix = found[0][0], "_overlay" if len(found) > 1 else ""
            place = beside(options, first, f"{first.stem}{suffix}.png")
            jobs.append((place, partial(draw, [r for _, r in found])))
    files = [place for place, _ in jobs]
    for place in files:
        if files.count(place) > 1:
            raise ConfigError(f"plot: {place} would be drawn from two results; plot one at a time")
    for place, save in jobs:
        save(place)
    if options.json:
        print_json({"files": [str(f) for f in files]})
    else:
        print_lines(*(f"wrote {f}" for f in files))
    return 0


def reproduce(options: argparse.Namespace) -> int:
    no_overrides(options)
    from cevns_jax import output

    with output.Writer() as writer:
        start_jax()
        folder = output_folder(options, "results")
        from cevns_jax import reports
        from cevns_jax import reproduce as figures

        files, summary = [folder / f"{options.figure}.png"], {}
        check_places(files)
        if options.figure == "fig1":
            results = dict(progress_bar(figures.fig1(LEVELS)))
            for name, result in results.items():
                files.append(folder / f"fig1_{name}.csv")
                write_text(files[-1], reports.profile_table(result))
                summary[name] = {
                    "best": result.attributes["best"],
                    "limits": result.attributes["limits"],
                }
            writer.submit(output.save_profiles, list(results.values()), files[0])
        elif options.figure == "fig3":
            planes = dict(progress_bar(figures.fig3((2.30, 6.18, 11.83))))
            for name, result in planes.items():
                files += [folder / f"fig3_{name}.nc", folder / f"fig3_{name}.csv"]
                writer.submit(output.save_result, result, files[-2])
                write_text(files[-1], reports.scan_table(result))
                found = reports.scan_document(result, float("nan"))
                summary[name] = {k: found[k] for k in ("best", "n_points", "n_not_converged")}
            writer.submit(output.save_panels, planes, figures.QUENCHING, figures.SNS, files[0])
        else:
            own = []
            for measured in progress_bar(figures.fig2()):
                found = reports.fit_document(measured.result)["parameters"][figures.ANGLE]
                own.append(
                    {
                        "label": measured.label,
                        "q_low": measured.q_low,
                        "q_high": measured.q_high,
                        **{key: found[key] for key in ("value", "error_low", "error_high")},
                    }
                )
                summary[measured.name] = own[-1]
                files.append(folder / f"fig2_{measured.name}.nc")
                writer.submit(output.save_result, measured.result, files[-1])
            writer.submit(output.save_running, own, files[0])
    if options.json:
        print_json({"figure": options.figure, "results": summary, "files": [str(f) for f in files]})
    else:
        print_lines(*(f"wrote {f}" for f in files))
    return 0


def validate(options: argparse.Namespace) -> int:
    no_overrides(options)
    path = output_folder(options, "docs") / "validation.md"
    check_places([path])
    start_jax()
    from cevns_jax.validation import bounds, rows, table_text

    found = list(progress_bar(rows(options.configs)))
    limits = list(progress_bar(bounds(options.configs)))
    text = table_text(found, limits)
    write_text(path, text)
    if options.json:
        records = {
            "validation": [row.record() for row in found],
            "new_physics": [bound.record() for bound in limits],
        }
        print_json(records | {"files": [str(path)]})
    else:
        print_lines(text, f"wrote {path}")
    return 0


def import_release(options: argparse.Namespace) -> int:
    no_overrides(options)
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
        write_text(path, tables[path.name])
    if options.json:
        print_json({"files": [str(f) for f in files], "notes": notes})
    else:
        print_lines(*notes, *(f"wrote {f}" for f in files))
    return 0


def output_folder(options: argparse.Namespace, default: str) -> Path:
    """Folder for outputs, made and tried before anything is computed.

    Raises:
        ConfigError: it cannot be made or written.
    """
    folder: Path = options.output if options.output is not None else Path(default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder}: cannot be written (permission denied)")
    return folder


def beside(options: argparse.Namespace, path: Path, name: str) -> Path:
    return (options.output if options.output is not None else path.parent) / name


def no_overrides(options: argparse.Namespace) -> None:
    if options.overrides:
        raise ConfigError("--set overrides values of a config, and this command reads none")


def progress_bar(items: Iterable[Any]) -> Iterable[Any]:
    """A progress bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        return items
    import tqdm

    return tqdm.tqdm(items, leave=False)


def print_json(document: dict[str, Any]) -> None:
    """Print a document as one line of JSON."""
    from cevns_jax.reports import plain

    print_lines(json.dumps(plain(document), allow_nan=False))


def print_lines(*lines: str) -> None:
    """Print, even where nobody reads any more: what was computed is saved, and the status tells
    how it went.

    Raises:
        ConfigError: standard output cannot be written, e.g. because a disk is full.
    """
    try:
        print("\n".join(lines), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            text = f"standard output: cannot be written ({error.strerror})"
            raise ConfigError(text) from None


def notice(text: str) -> None:
    """A line on stderr about something that does not stop the command."""
    print(f"cevns: {text}", file=sys.stderr)
