"""Configuration: TOML in, a likelihood and settings out; what is not understood is an error.

The tables and keys are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.config.experiments import read_experiments
from cevns_jax.config.grids import (
    LimitSettings,
    ProfileSettings,
    ScanSettings,
    known,
    read_limit,
    read_profile,
    read_scan,
)
from cevns_jax.config.interaction import read_interaction
from cevns_jax.config.outline import check_outline
from cevns_jax.config.strict_toml import Table, read_toml
from cevns_jax.errors import ConfigError, unknown

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What a config describes.

    Attributes:
        name: Stem of the config's file name; outputs are named after it.
        title: For people.
        likelihood: Experiments, interaction and parameters.
        starts: Start points of fits.
        profile: Grid of the profile, if the config has one.
        scan: Grid of the scan, if the config has one.
        limit: What is limited, if the config has a table of it or axes of a scan.
        record: Config as it was used, with the overrides: for the provenance.
    """

    name: str
    title: str
    likelihood: Likelihood
    starts: tuple[dict[str, float], ...]
    profile: ProfileSettings | None
    scan: ScanSettings | None
    limit: LimitSettings | None
    record: dict[str, Any]


def read_analysis(path: Path | str, overrides: Sequence[str] = ()) -> Analysis:
    """Read a config and build what it describes; arguments as :func:`read_toml`.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    path = Path(path)
    return analysis_of(path, read_toml(path, overrides), overrides)


def analysis_of(path: Path, content: dict[str, Any], overrides: Sequence[str] = ()) -> Analysis:
    """Build what the tables of a config describe.

    Args:
        path: The file, for messages, names, and files beside it.
        content: Its tables, after overrides.
        overrides: Those overrides, for the record.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    check_outline(path, content)
    try:
        return _analysis(path, content, overrides)
    except ConfigError as error:
        text = str(error)
        raise (error if text.startswith(str(path)) else ConfigError(f"{path}: {text}")) from None


def _analysis(path: Path, content: dict[str, Any], overrides: Sequence[str]) -> Analysis:
    from cevns_jax.likelihood import Likelihood

    root = Table(path, "", content)
    title = root.text("title", path.stem) or path.stem
    interaction = read_interaction(root.table("interaction"), path.parent)
    experiments = read_experiments(root.table("experiments"), path.parent)
    settings = root.table("fit")
    free = settings.texts("free")
    starts = tuple(table.numbers() for table in settings.tables("starts")) or ({},)
    overlap = settings.flag("allow_overlap", False)
    settings.done()
    likelihood = Likelihood(experiments, interaction, (), allow_overlap=overlap)
    known(f"{path} [fit] free", free, likelihood)
    for name in free:
        if free.count(name) > 1:
            raise ConfigError(f"{path} [fit]: free names {name} more than once")
    likelihood = _declared(replace(likelihood, free=free), root.table("parameters"))
    for number, start in enumerate(starts, start=1):
        for name in start:
            if name not in likelihood.names:
                where = f"{path} [fit] start {number}"
                raise unknown(where, "varying parameter", name, likelihood.names)
    profile = read_profile(root.table("profile"), likelihood) if "profile" in root else None
    scan = read_scan(root.table("scan"), likelihood) if "scan" in root else None
    limit = None
    if "limit" in root or scan is not None:
        axes = root.table("scan") if scan is not None else None
        limit = read_limit(root.table("limit"), axes, likelihood)
    root.done()
    return Analysis(
        name=path.stem,
        title=title,
        likelihood=likelihood,
        starts=starts,
        profile=profile,
        scan=scan,
        limit=limit,
        record={"config": path.name, "settings": content, "overrides": list(overrides)},
    )


def _declared(likelihood: Likelihood, table: Table) -> Likelihood:
    """The likelihood with the declarations and held values of the table ``parameters``."""
    declarations, held = {}, {}
    for name in table.content:
        known(table.where, [name], likelihood)
        part = table.table(name)
        declared = likelihood.parameters[name]
        start = part.number("start", float(declared.start))
        assert start is not None
        if not declared.lower <= start <= declared.upper:
            raise ConfigError(
                f"{part.where}: start must lie between {declared.lower:g} and {declared.upper:g}, "
                f"not at {start:g}"
            )
        mean, width = part.number("prior_mean"), part.positive("prior_width")
        if mean is not None and width is None:
            raise ConfigError(f"{part.where}: prior_mean needs a prior_width")
        declared = replace(declared, start=start)
        if width is not None:
            mean = start if mean is None else mean
            declared = replace(declared, prior_width=width, prior_mean=mean)
        declarations[name] = declared
        if part.flag("fixed", False):
            held[name] = start
        part.done()
    return replace(likelihood, declarations=declarations, held=held)
