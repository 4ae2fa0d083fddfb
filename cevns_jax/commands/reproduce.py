"""``cevns reproduce``: a figure of the mission paper, computed from the data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cevns_jax.commands import common
from cevns_jax.commands.progress import Progress
from cevns_jax.files import check_places, write_text
from cevns_jax.startup import start_jax

NAME = "reproduce"
TEXT = "A figure of the mission paper, computed from the data."
FIGURES = ("fig1", "fig2", "fig3")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", choices=FIGURES, help="which figure")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.commands import output

    draw = {"fig1": _fig1, "fig2": _fig2, "fig3": _fig3}[options.figure]
    with Progress(f"{NAME} {options.figure}") as progress, output.Writer() as writer:
        start_jax()
        folder = common.output_folder(options, "results")
        figure = folder / f"{options.figure}.png"
        check_places([figure])
        summary, files = draw(writer, progress, folder, figure)
    document = {
        "figure": options.figure,
        "results": summary,
        "files": [str(f) for f in (figure, *files)],
    }
    common.say(options, document, lambda: f"{options.figure}: {len(summary)} results")
    return 0


def _fig1(
    writer: Any, progress: Progress, folder: Path, figure: Path
) -> tuple[dict[str, Any], list[Path]]:
    from cevns_jax.commands import output
    from cevns_jax.inference.levels import LEVELS
    from cevns_jax.reproduce.fig1 import fig1
    from cevns_jax.results.profile import profile_table

    results = dict(progress(fig1(LEVELS[1])))
    summary, files = {}, []
    for name, result in results.items():
        files.append(folder / f"fig1_{name}.csv")
        write_text(files[-1], profile_table(result))
        summary[name] = {key: result.attributes[key] for key in ("best", "limits")}
    writer.submit(output.save_profiles, list(results.values()), figure)
    return summary, files


def _fig2(
    writer: Any, progress: Progress, folder: Path, figure: Path
) -> tuple[dict[str, Any], list[Path]]:
    from cevns_jax.commands import output
    from cevns_jax.reproduce.fig2 import ANGLE, fig2
    from cevns_jax.results.fit import fit_document

    summary, files = {}, []
    for measured in progress(fig2()):
        found = fit_document(measured.result)["parameters"][ANGLE]
        summary[measured.name] = {
            "label": measured.label,
            "q_low": measured.q_low,
            "q_high": measured.q_high,
            **{key: found[key] for key in ("value", "error_low", "error_high")},
        }
        files.append(folder / f"fig2_{measured.name}.nc")
        writer.submit(output.save_result, measured.result, files[-1])
    writer.submit(output.save_running, list(summary.values()), figure)
    return summary, files


def _fig3(
    writer: Any, progress: Progress, folder: Path, figure: Path
) -> tuple[dict[str, Any], list[Path]]:
    from cevns_jax.commands import output
    from cevns_jax.inference.levels import LEVELS
    from cevns_jax.reproduce.fig3 import QUENCHING, SNS, fig3
    from cevns_jax.results.scan import scan_document, scan_table

    planes = dict(progress(fig3(LEVELS[2])))
    summary, files = {}, []
    for name, result in planes.items():
        files += [folder / f"fig3_{name}.nc", folder / f"fig3_{name}.csv"]
        writer.submit(output.save_result, result, files[-2])
        write_text(files[-1], scan_table(result))
        found = scan_document(result)
        summary[name] = {k: found[k] for k in ("best", "n_points", "n_not_converged")}
    writer.submit(output.save_panels, planes, QUENCHING, SNS, figure)
    return summary, files
