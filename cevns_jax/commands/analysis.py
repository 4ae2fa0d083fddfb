"""What commands that read a config share: the config with the options, the data, the files.

Each command checks where its files go before it computes, saves what it found, and prints last.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.commands import saving
from cevns_jax.commands.common import output_folder
from cevns_jax.errors import ConfigError
from cevns_jax.files import check_name, check_places
from cevns_jax.pseudo_data import ASIMOV, OBSERVED, TOYS
from cevns_jax.startup import start_jax

if TYPE_CHECKING:
    from cevns_jax.config.analysis import Analysis
    from cevns_jax.config.plan import Plan
    from cevns_jax.likelihood import Likelihood


# Commands with a grid, and the table that their grid stands in; of several that a config has, the
# first is what it is meant for.
TABLES = {"limit": "[limit]", "profile": "[profile]", "scan": "[[scan.axes]]"}


@dataclass(frozen=True)
class Run:
    """A config with the data that the options ask for.

    Attributes:
        analysis: The config.
        likelihood: Its likelihood, with the data that were asked for.
        record: Everything that the result is made from, for its provenance.
        stem: Beginning of the names of its files.
    """

    analysis: Analysis
    likelihood: Likelihood
    record: dict[str, Any]
    stem: str


def read_early(options: argparse.Namespace) -> Plan:
    """Read the config, changed by the options. Mistakes in it are reported before anything heavy is
    imported.

    Raises:
        ConfigError: it cannot be read, or an option that does not fit the others.
    """
    from cevns_jax.config.plan import read_plan
    from cevns_jax.config.strict_toml import read_toml
    from cevns_jax.config.variations import vary

    content = vary(read_toml(options.config, options.overrides), options)
    plan = read_plan(options.config, content, options.overrides)
    _check_data(options)
    return plan


def check_table(options: argparse.Namespace, plan: Plan, command: str, needed: str) -> None:
    """Check that a config has what a command reads.

    Args:
        options: Of the command line.
        plan: The config.
        command: The command, which is also the name of its table.
        needed: That table in words.

    Raises:
        ConfigError: it has not; with the command that it is meant for, if there is one.
    """
    if command in plan.content:
        return
    meant = [name for name in TABLES if name in plan.content]
    more = f"; it has {TABLES[meant[0]]}: try cevns {meant[0]}" if meant else ""
    raise ConfigError(
        f"{options.config}: {command} needs {needed}, or --grid NAME=LOW:HIGH:POINTS{more}"
    )


def prepare(options: argparse.Namespace, plan: Plan) -> Run:
    """The analysis of a config, with the data set that the options ask for.

    Args:
        options: Of the command line.
        plan: The config, as of :func:`read_early`.
    """
    start_jax()
    from cevns_jax.config.analysis import analysis_of
    from cevns_jax.fingerprint import inputs
    from cevns_jax.inference.toys import asimov, toy

    kind: str = getattr(options, "data", OBSERVED)
    seed: int | None = getattr(options, "seed", None) if kind in TOYS else None
    analysis = analysis_of(plan)
    likelihood = analysis.likelihood
    if seed is not None:
        likelihood = toy(likelihood, seed, ensemble=TOYS[kind])
    elif kind == ASIMOV:
        likelihood = asimov(likelihood)
    record = analysis.record | {
        "options": _said(options),
        "data_set": kind,
        "seed": seed,
        "inputs": inputs(analysis.record["settings"], options.config.parent),
    }
    name = analysis.name if options.name is None else options.name
    return Run(analysis, likelihood, record, saving.stem(name, record))


def _check_data(options: argparse.Namespace) -> None:
    """Check that a seed is given for toys, and else only to a sampler, and that the name can be a
    file's.

    Raises:
        ConfigError: one of these is not so.
    """
    kind, seed = getattr(options, "data", OBSERVED), getattr(options, "seed", None)
    if kind in TOYS and (seed is None or seed < 0):
        raise ConfigError(f"--data {kind} needs --seed with a whole number of at least 0")
    if kind not in TOYS and seed is not None and options.command != "sample":
        raise ConfigError(f"--seed goes with --data {' or '.join(TOYS)}")
    if options.name is not None:
        check_name(options.name)


def _said(options: argparse.Namespace) -> list[str]:
    """The options that change a result, as they were given."""
    said = [f"--{key} {value}" for key in ("free", "fix", "grid") for value in _list(options, key)]
    sampler = ("chains", "draws", "seed", "method") if options.command == "sample" else ()
    for key in ("cl", "title", "name", *sampler):
        if getattr(options, key, None) is not None:
            said.append(f"--{key} {getattr(options, key)}")
    return said


def _list(options: argparse.Namespace, key: str) -> list[str]:
    return getattr(options, key, [])


def places(options: argparse.Namespace, run: Run, command: str, *names: str) -> list[Path]:
    """Checked paths of the files of a result; the first of them holds its provenance.

    Raises:
        ConfigError: a place that cannot be written, or where another result stands.
    """
    folder = output_folder(options, "results")
    files = [folder / name for name in names]
    check_places(files)
    if not options.overwrite:
        saving.refuse_to_replace(files[0], command, run.record)
    return files
