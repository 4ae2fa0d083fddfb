"""``cevns experiments``: the data sets of the library."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cevns_jax.commands import common
from cevns_jax.files import write_text
from cevns_jax.startup import start_jax

NAME = "experiments"
TEXT = "The data sets: bins, exposure, citation."


def add_options(parser: argparse.ArgumentParser) -> None:
    """This command has no options of its own."""


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    start_jax()
    from cevns_jax import experiments
    from cevns_jax.config.experiments import DATA_SETS

    described: dict[str, dict[str, Any]] = {}
    for name in DATA_SETS:
        e = getattr(experiments, name)()
        described[name] = {
            "title": e.title,
            "n_bins": int(e.observed.size),
            "axes": {
                axis: [float(edge) for edge in edges]
                for axis, edges in zip(e.axes, e.edges, strict=True)
            },
            "observed": float(e.observed.sum()),
            "counted": e.about.counted,
            "component_names": list(e.component_names),
            "exposure": e.exposure,
            "citation": e.citation,
        }
    summary: dict[str, Any] = {"experiments": list(described), "data_sets": described}
    if options.output is not None:
        path = options.output / "experiments.json"
        write_text(path, json.dumps(summary, indent=1) + "\n")
        summary["files"] = [str(path)]
    if options.json:
        common.print_json(summary)
        return 0
    for name, about in described.items():
        axes = " x ".join(f"{len(edges) - 1} {axis}" for axis, edges in about["axes"].items())
        common.print_lines(
            f"{name}: {about['title']}",
            f"  bins      {axes}; {about['observed']:.6g} {about['counted']}",
            f"  exposure  {about['exposure']}",
            f"  citation  {about['citation']}",
        )
    return 0
