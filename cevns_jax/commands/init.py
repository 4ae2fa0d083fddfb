"""``cevns init``: a commented config to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from cevns_jax.commands import common, completion
from cevns_jax.errors import ConfigError
from cevns_jax.files import check_name, write_text

NAME = "init"
TEXT = "A commented config to start from."


def add_options(parser: argparse.ArgumentParser) -> None:
    data_sets = parser.add_argument(
        "data_sets",
        metavar="DATA SET",
        nargs="*",
        help="data sets of the library, as cevns experiments lists them (default: "
        "coherent_csi_2021)",
    )
    completion.completed_by(data_sets, completion.data_sets)
    interaction = parser.add_argument(
        "--interaction", metavar="NAME", default=None, help="new physics, e.g. light_vector"
    )
    completion.completed_by(interaction, completion.interactions)
    parser.add_argument("--name", default=None, help="name of the file without .toml")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from cevns_jax.config.template import template

    data_sets = options.data_sets or ["coherent_csi_2021"]
    text = template(data_sets, options.interaction)
    if options.name is not None:
        check_name(options.name)
    stem = options.name or "_".join([*data_sets, *filter(None, [options.interaction])])
    folder = common.output_folder(options, ".")
    path = folder / f"{stem}.toml"
    if path.exists():
        raise ConfigError(f"{path}: is there already; another --name or --output keeps both")
    write_text(path, text)
    command = "fit" if options.interaction is None else "limit"
    common.say(options, {"files": [str(path)]}, lambda: f"next: cevns {command} {_quoted(path)}")
    return 0


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
