"""``cevns plot``: figures of saved results, overlaid where they belong together."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from cevns_jax.commands import common, saving
from cevns_jax.errors import ConfigError

NAME = "plot"
TEXT = "Figures of saved results."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="netCDF file")
    parser.add_argument(
        "--pulls", action="store_true", help="of fits: pulls, impacts and correlation instead"
    )
    common.add_formats(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax import results
    from cevns_jax.commands import output
    from cevns_jax.plotting.needs import check_drawable, check_pulls

    formats = common.formats_of(options)
    loaded = [(path, results.load(path)) for path in options.results]
    for path, result in loaded:
        check_drawable(path, result)
        if options.pulls:
            check_pulls(path, result)
    jobs: list[tuple[Path, Any]] = []
    for path, result in loaded:
        stem = saving.unsuffixed(path.stem, result.kind)
        if options.pulls:
            place = _beside(options, path, f"{stem}_pulls")
            jobs.append((place, partial(output.save_pulls, result)))
        elif result.kind in saving.FIGURES:
            save = output.save_prediction if result.kind == "prediction" else output.save_spectra
            for name, figure in saving.figures(stem, result.kind, result.groups).items():
                jobs.append((_beside(options, path, figure), partial(save, result, name)))
        elif result.kind == "posterior":
            method = result.attributes["method"]
            for figure, of in saving.posterior_figures(stem, method, result.groups).items():
                place = _beside(options, path, figure)
                jobs.append((place, partial(output.save_posterior, result, of)))
    for found, draw in (
        (_alike(loaded, "profile"), output.save_profiles),
        (_alike(loaded, "scan"), output.save_regions),
        (_alike(loaded, "limit"), output.save_limits),
    ):
        if found:
            first, suffix = found[0][0], "_overlay" if len(found) > 1 else ""
            place = _beside(options, first, f"{first.stem}{suffix}")
            jobs.append((place, partial(draw, [r for _, r in found])))
    places = [place for place, _ in jobs]
    for place in places:
        if places.count(place) > 1:
            raise ConfigError(f"plot: {place} would be drawn from two results; plot one at a time")
    files = []
    for place, save in jobs:
        for kind in formats:
            files.append(place.with_name(f"{place.name}.{kind}"))
            save(files[-1])
    common.say(options, {"files": [str(f) for f in files]}, lambda: f"{len(files)} drawn")
    return 0


def _alike(loaded: list[tuple[Path, Any]], kind: str) -> list[tuple[Path, Any]]:
    """The results of one kind, which can be drawn into one figure.

    Raises:
        ConfigError: they are of different parameters, or of too many.
    """
    found = [(path, result) for path, result in loaded if result.kind == kind]
    axes = {_axes(result) for _, result in found}
    if kind == "profile" and len(axes) > 1:
        names = ", ".join(name for (name,) in axes)
        raise ConfigError(f"plot: profiles of one parameter only, not {names}")
    if kind == "scan" and (len(axes) > 1 or any(len(names) > 2 for names in axes)):
        raise ConfigError("plot: scans over the same one or two parameters only")
    if kind == "limit" and (len(axes) > 1 or any(len(names) != 2 for names in axes)):
        raise ConfigError("plot: limits of one parameter against one held parameter only")
    return found


def _axes(result: Any) -> tuple[str, ...]:
    a = result.attributes
    if result.kind == "profile":
        return (a["parameter"],)
    return (*a["axes"], a["parameter"]) if result.kind == "limit" else tuple(a["parameters"])


def _beside(options: argparse.Namespace, path: Path, name: str) -> Path:
    return (options.output if options.output is not None else path.parent) / name
