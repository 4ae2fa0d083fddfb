"""``cevns compare``: fits, profiles, limits and posteriors of the same data, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cevns_jax.commands import common, saving
from cevns_jax.errors import ConfigError

NAME = "compare"
TEXT = "Results of the same data side by side: table, and profile beside posterior."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="netCDF file")
    common.add_formats(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax import results
    from cevns_jax.commands import output
    from cevns_jax.results.compared import check_comparable, compared_document, compared_summary

    formats = common.formats_of(options)
    loaded = [(path, results.load(path)) for path in options.results]
    names = [path.name for path in options.results]
    named = [
        (path.name if names.count(path.name) == 1 else str(path), result) for path, result in loaded
    ]
    try:
        check_comparable(named)
        document, summary = compared_document(named), compared_summary(named)
    except (KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"compare: one of the results lacks what it should hold ({error!r}); compute it again"
        ) from None
    files = []
    for place, curve, posterior in _figures(options, loaded):
        for kind in formats:
            files.append(place.with_name(f"{place.name}.{kind}"))
            output.save_compared(curve, posterior, files[-1])
    common.say(options, document | {"files": [str(f) for f in files]}, lambda: summary.text())
    return 0


def _figures(
    options: argparse.Namespace, loaded: list[tuple[Path, Any]]
) -> list[tuple[Path, Any, Any]]:
    """For every posterior, and every profile or scan of one or two of its parameters: the place of
    the figure, the curve and the posterior.

    Raises:
        ConfigError: two figures would have one name.
    """
    found = []
    for path, posterior in loaded:
        if posterior.kind != "posterior":
            continue
        folder = options.output if options.output is not None else path.parent
        stem = saving.unsuffixed(path.stem, posterior.kind)
        curves = [(of.stem, r, _axes(r)) for of, r in loaded if _axes(r)]
        axes = [names for *_, names in curves]
        for of, curve, names in curves:
            if set(names) <= set(posterior.attributes["parameters"]):
                alone = axes.count(names) == 1
                name = "_".join([stem, "compared", *names, *([] if alone else [of])])
                found.append((folder / name, curve, posterior))
    places = [place for place, *_ in found]
    for place in places:
        if places.count(place) > 1:
            raise ConfigError(f"compare: {place} would be drawn twice; rename one of the results")
    return found


def _axes(result: Any) -> list[str]:
    """The parameters of a profile, or of a scan that can be drawn."""
    if result.kind == "profile":
        return [result.attributes["parameter"]]
    names = list(result.attributes["parameters"]) if result.kind == "scan" else []
    return names if len(names) <= 2 else []
