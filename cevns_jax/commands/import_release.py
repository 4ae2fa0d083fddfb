"""``cevns import``: our compact tables from an official data release."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from cevns_jax.commands import common
from cevns_jax.files import write_text

NAME = "import"
TEXT = "Condense an official data release into the tables used here."
RELEASES = {
    "coherent-csi-2017": "import_csi_2017",
    "coherent-csi-2021": "import_csi_2021",
    "coherent-lar-2020": "import_lar_2020",
    "dresden-ii": "import_dresden_ii",
    "reactor-spectra": "import_reactor_spectra",
}
"""Release -> the module of :mod:`cevns_jax.data` that reads it."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release_name", metavar="NAME", choices=[*RELEASES], help="data set")
    parser.add_argument("release", type=Path, metavar="PATH", help="folder with the released files")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.data.releases import unknown_versions
    from cevns_jax.data.tables import DATA

    module: Any = import_module(f"cevns_jax.data.{RELEASES[options.release_name]}")
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
        common.print_json({"files": [str(f) for f in files], "notes": notes})
    else:
        common.print_lines(*notes, *(f"wrote {f}" for f in files))
    return 0
