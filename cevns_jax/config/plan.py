"""A config that was read and checked as far as that is possible before anything heavy is imported.

:mod:`cevns_jax.config.analysis` builds an ``Analysis`` from a plan. The tables and keys are
documented in ``docs/configuration.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.config.axes import (
    LimitTable,
    ProfileTable,
    ScanTable,
    read_limit,
    read_profile,
    read_scan,
)
from cevns_jax.config.experiments import read_experiments
from cevns_jax.config.interaction import read_interaction
from cevns_jax.config.planned import Planned
from cevns_jax.config.priors import MakePrior, read_prior
from cevns_jax.config.sample import SampleTable, read_sample
from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError, unknown

if TYPE_CHECKING:
    from cevns_jax.experiments import Experiment
    from cevns_jax.interactions import Interaction

TABLES = ("interaction", "experiments", "fit", "parameters", "profile", "scan", "limit", "sample")


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A table ``parameters.NAME``; anything it does not say stays as the parameter was declared.

    A Gaussian prior may be given as a width, with or without a mean; any prior as ``prior``, a
    function that makes it.
    """

    where: str
    start: float | None
    prior_mean: float | None
    prior_width: float | None
    prior: MakePrior | None
    fixed: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A config as it was read.

    Attributes:
        path: The file.
        content: Its tables, after overrides.
        overrides: Those overrides.
        title: For people.
        interaction, experiments: What is built.
        allow_overlap: Whether experiments may have events in common.
        free: Free parameters.
        starts: Start points of fits.
        declarations: What replaces declarations of parameters, by name.
        profile, scan, limit: Grids, where the config has them; a limit also where it has a scan.
        sample: How its posterior is sampled.
    """

    path: Path
    content: dict[str, Any]
    overrides: tuple[str, ...]
    title: str
    interaction: Planned[Interaction]
    experiments: tuple[Planned[Experiment], ...]
    allow_overlap: bool
    free: tuple[str, ...]
    starts: tuple[dict[str, float], ...]
    declarations: dict[str, Declaration]
    profile: ProfileTable | None
    scan: ScanTable | None
    limit: LimitTable | None
    sample: SampleTable

    @property
    def parameters(self) -> tuple[str, ...] | None:
        """Names of all parameters; ``None`` where only what is built of the plan tells."""
        names: list[str] = []
        for part in (self.interaction, *self.experiments):
            if part.parameters is None:
                return None
            names += part.parameters
        return tuple(dict.fromkeys(names))

    def check_names(self, parameters: Collection[str], varying: Collection[str]) -> None:
        """Check what the config names as parameters.

        Args:
            parameters: Names of all parameters.
            varying: Those of experiments, which vary unless they are held.

        Raises:
            ConfigError: a name that no parameter has, or a start of one that does not vary.
        """
        for where, name in self._named():
            if name not in parameters:
                raise unknown(where, "parameter", name, parameters)
        held = {name for name, declared in self.declarations.items() if declared.fixed}
        vary = {*self.free, *varying} - held
        for number, start in enumerate(self.starts, start=1):
            for name in start:
                if name not in vary:
                    where = f"{self.path} [fit] start {number}"
                    raise unknown(where, "varying parameter", name, vary)

    def _named(self) -> Iterator[tuple[str, str]]:
        """Places where the config names a parameter, each with the name."""
        for name in self.free:
            yield f"{self.path} [fit] free", name
        for name in self.declarations:
            yield f"{self.path} [parameters]", name
        for table in (self.profile, self.scan, self.limit):
            if table is not None:
                yield from table.named()


def read_plan(path: Path, content: dict[str, Any], overrides: Sequence[str] = ()) -> Plan:
    """Read the tables of a config.

    Args:
        path: The file, for messages, names, and files beside it.
        content: Its tables, after overrides.
        overrides: Those overrides, for the record.

    Raises:
        ConfigError: anything in it that is not understood, as far as that is known before the
            experiments are built.
    """
    root = Table(path, "", content)
    title = root.text("title", path.stem) or path.stem
    tables = {name: root.table(name) for name in TABLES}
    root.done()
    settings = tables["fit"]
    free = settings.texts("free")
    scan = read_scan(tables["scan"]) if "scan" in content else None
    limited = "limit" in content or scan is not None
    plan = Plan(
        path=path,
        content=content,
        overrides=tuple(overrides),
        title=title,
        interaction=read_interaction(tables["interaction"], path.parent),
        experiments=read_experiments(tables["experiments"], path.parent),
        free=free,
        starts=tuple(table.numbers() for table in settings.tables("starts")) or ({},),
        allow_overlap=settings.flag("allow_overlap", False),
        declarations=_declarations(tables["parameters"]),
        profile=read_profile(tables["profile"], free) if "profile" in content else None,
        scan=scan,
        limit=read_limit(tables["limit"], scan, free) if limited else None,
        sample=read_sample(tables["sample"]),
    )
    settings.done()
    for name in free:
        if free.count(name) > 1:
            raise ConfigError(f"{path} [fit]: free names {name} more than once")
    if plan.parameters is not None:
        varying = [name for part in plan.experiments for name in part.varying]
        plan.check_names(plan.parameters, varying)
    return plan


def _declarations(table: Table) -> dict[str, Declaration]:
    """The table ``parameters``."""
    found = {}
    for name in table.content:
        part = table.table(name)
        declared = Declaration(
            where=part.where,
            start=part.number("start"),
            prior_mean=part.number("prior_mean"),
            prior_width=part.positive("prior_width"),
            prior=read_prior(part.table("prior")) if "prior" in part else None,
            fixed=part.flag("fixed", False),
        )
        part.done()
        if declared.prior_mean is not None and declared.prior_width is None:
            raise ConfigError(f"{part.where}: prior_mean needs a prior_width")
        if declared.prior is not None and declared.prior_width is not None:
            raise ConfigError(f"{part.where}: prior and prior_width exclude each other")
        found[name] = declared
    return found
