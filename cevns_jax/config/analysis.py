"""Configuration: TOML in, a likelihood and settings out; anything not understood is an error.

:mod:`cevns_jax.config.plan` reads the file and finds most mistakes before JAX is imported; this
module builds what was read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevns_jax.config.grids import (
    LimitSettings,
    ProfileSettings,
    ScanSettings,
    limit_settings,
    profile_settings,
    scan_settings,
)
from cevns_jax.config.plan import Declaration, Plan, read_plan
from cevns_jax.config.response import naming
from cevns_jax.config.sample import SampleSettings, sample_settings
from cevns_jax.config.strict_toml import read_toml
from cevns_jax.errors import ConfigError

if TYPE_CHECKING:
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.parameters import Parameter
    from cevns_jax.priors import Prior


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
        limit: Settings of a limit, if the config has such a table or axes of a scan.
        sample: How its posterior is sampled, and with which priors.
        record: Config as it was used, with the overrides: for the provenance.
    """

    name: str
    title: str
    likelihood: Likelihood
    starts: tuple[dict[str, float], ...]
    profile: ProfileSettings | None
    scan: ScanSettings | None
    limit: LimitSettings | None
    sample: SampleSettings
    record: dict[str, Any]


def read_analysis(path: Path | str, overrides: Sequence[str] = ()) -> Analysis:
    """Read a config and build what it describes; arguments as :func:`read_toml`.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    path = Path(path)
    return analysis_of(read_plan(path, read_toml(path, overrides), overrides))


def analysis_of(plan: Plan) -> Analysis:
    """Build what a config describes.

    Raises:
        ConfigError: anything in it that cannot be built.
    """
    try:
        return _built(plan)
    except ConfigError as error:
        text, place = str(error), str(plan.path)
        raise (error if text.startswith(place) else ConfigError(f"{place}: {text}")) from None


def _built(plan: Plan) -> Analysis:
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.prediction.combination import tabulated

    interaction = plan.interaction.build()
    experiments = tuple(planned.build() for planned in plan.experiments)
    known = tabulated(interaction, experiments)
    plan.check_names(known, [name for name, declared in known.items() if declared.varies])
    declarations = {name: _replaced(known[name], t) for name, t in plan.declarations.items()}
    likelihood = Likelihood(
        experiments,
        interaction,
        free=plan.free,
        held={
            name: float(declarations[name].start)
            for name in declarations
            if plan.declarations[name].fixed
        },
        declarations=declarations,
        allow_overlap=plan.allow_overlap,
    )
    return Analysis(
        name=plan.path.stem,
        title=plan.title,
        likelihood=likelihood,
        starts=plan.starts,
        profile=None if plan.profile is None else profile_settings(plan.profile, likelihood),
        scan=None if plan.scan is None else scan_settings(plan.scan, likelihood),
        limit=None if plan.limit is None else limit_settings(plan.limit, likelihood),
        sample=sample_settings(plan, likelihood),
        record={
            "config": plan.path.name,
            "settings": plan.content,
            "overrides": list(plan.overrides),
        },
    )


def _replaced(declared: Parameter, table: Declaration) -> Parameter:
    """The declaration of a parameter, with start and prior replaced by those of a table.

    Raises:
        ConfigError: a start outside the domain or where the prior is zero, or a prior that is zero
            in all of the domain.
    """
    start = float(declared.start) if table.start is None else table.start
    if not declared.lower <= start <= declared.upper:
        raise ConfigError(
            f"{table.where}: start must lie between {declared.lower:g} and {declared.upper:g}, "
            f"not at {start:g}"
        )
    prior = _prior(table, start)
    if prior is None:
        return replace(declared, start=start)
    lower, upper = max(declared.lower, prior.lower), min(declared.upper, prior.upper)
    if not lower < upper:
        raise ConfigError(
            f"{table.where}: the prior, {prior.text}, is zero in all of the domain, "
            f"{declared.lower:g} to {declared.upper:g}"
        )
    if not math.isfinite(prior.penalty(start)):
        raise ConfigError(
            f"{table.where}: start is {start:g}, where the prior ({prior.text}) is zero"
        )
    return replace(declared, start=start, prior=prior)


def _prior(table: Declaration, start: float) -> Prior | None:
    """The prior of a table, if it has one."""
    from cevns_jax.priors import Gaussian

    if table.prior is not None:
        with naming(table.where):
            return table.prior()
    if table.prior_width is None:
        return None
    return Gaussian(start if table.prior_mean is None else table.prior_mean, table.prior_width)
