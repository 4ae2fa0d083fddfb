"""The table ``sample`` of a config, and the priors that its axes imply.

Any config of a fit, a limit or a scan can be sampled: its parameters vary with the same nuisances.
The keys are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cevns_jax.choices import SAMPLERS
from cevns_jax.config.strict_toml import Table
from cevns_jax.pseudo_data import HIGHEST_SEED

if TYPE_CHECKING:
    from cevns_jax.config.axes import Axis, LimitTable
    from cevns_jax.config.plan import Plan
    from cevns_jax.likelihood import Likelihood
    from cevns_jax.parameters import Parameter
    from cevns_jax.priors import Prior

CHAINS, DRAWS, SEED = 4, 2000, 1  # where nothing is said
MOST_CHAINS, MOST_DRAWS = 10_000, 10_000_000


@dataclass(frozen=True, kw_only=True)
class SampleTable:
    """The table ``sample``."""

    chains: int
    draws: int
    seed: int
    method: str


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """How a posterior is sampled, and of what.

    Attributes:
        table: Numbers of chains and draws, seed and method.
        free: Parameters that vary besides those of the likelihood.
        held: Parameters that a limit holds -> the value at which they stay.
        priors: Priors from axes, by name of the parameter.
    """

    table: SampleTable
    free: tuple[str, ...]
    held: dict[str, float]
    priors: dict[str, Prior]

    def varying(self, likelihood: Likelihood) -> Likelihood:
        """A likelihood of the config in which the parameters of the posterior vary."""
        return likelihood.freed(*self.free).hold(**self.held)


def read_sample(table: Table) -> SampleTable:
    """The table ``sample``.

    Raises:
        ConfigError: anything in it that is not understood.
    """
    found = SampleTable(
        chains=table.integer("chains", CHAINS, 2, MOST_CHAINS),
        draws=table.integer("draws", DRAWS, 4, MOST_DRAWS),
        seed=table.integer("seed", SEED, 0, HIGHEST_SEED),
        method=table.choice("method", SAMPLERS[0], SAMPLERS),
    )
    table.done()
    return found


def sample_settings(plan: Plan, likelihood: Likelihood) -> SampleSettings:
    """What a config asks for when it is sampled.

    Parameters on the axes of a scan vary, and so does the one that a limit is on; others that a
    limit holds stay at their start. Where a config has both tables, that of the limit counts.

    Args:
        plan: The config.
        likelihood: What was built of it.

    Raises:
        ConfigError: a prior with nothing inside an axis.
    """
    declared = likelihood.parameters
    fixed = {name for name, table in plan.declarations.items() if table.fixed}
    limit = plan.limit if "limit" in plan.content else None
    axes = {axis.parameter: axis for axis in _axes(plan, limit)}
    if limit is not None:
        looked_at: tuple[str, ...] = (limit.parameter,)
    elif axes or plan.free or plan.profile is None:
        looked_at = tuple(axes)
    else:
        looked_at = (plan.profile.axis.parameter,)
    kept = {axis.parameter for axis in (() if limit is None else limit.held)} - {*plan.free}
    single = {name for name, axis in axes.items() if axis.low == axis.high}
    held = {
        name: min(max(float(declared[name].start), axes[name].low), axes[name].high)
        for name in axes
        if name in (kept | single) - fixed
    }
    free = tuple(name for name in looked_at if name not in fixed and name not in held)
    stated = {name for name, t in plan.declarations.items() if t.prior or t.prior_width}
    priors = {}
    for name in dict.fromkeys((*free, *plan.free)):
        if name in held or name in fixed or name in stated:
            continue
        prior = _implied(axes.get(name), limit, declared[name])
        if prior is not None:
            priors[name] = prior
    return SampleSettings(table=plan.sample, free=free, held=held, priors=priors)


def _axes(plan: Plan, limit: LimitTable | None) -> Iterable[Axis]:
    """The axes that set priors, or values at which parameters are held; the later counts."""
    return (*(plan.scan.axes if plan.scan else ()), *(limit.held if limit else ()))


def _implied(axis: Axis | None, limit: LimitTable | None, declared: Parameter) -> Prior | None:
    """The prior that an axis or the range of a limit implies; none where there is neither.

    It is flat in what the axis is equidistant in, between its ends. A grid on both sides of zero is
    denser at small values so as to resolve them, but its prior is flat: one in ln |x| would leave a
    gap around zero, which is the Standard Model. What is measured, as a pull, keeps its prior, of
    which the axis only takes a part.
    """
    from cevns_jax.priors import Flat, LogUniform

    if axis is None and (limit is None or limit.parameter != declared.name):
        return None
    if axis is not None:
        low, high = -axis.high if axis.scale == "signed" else axis.low, axis.high
    else:
        assert limit is not None
        low, high = _searched(limit, declared)
    if declared.prior.constrains:
        return declared.prior.within(low, high)
    return LogUniform(low, high) if axis is not None and axis.scale == "log" else Flat(low, high)


def _searched(limit: LimitTable, declared: Parameter) -> tuple[float, float]:
    """The range in which a limit looks for a parameter: of a mediator, couplings that are not
    negative; of sin^2 theta_W, squares of sines."""
    low, high = float(declared.lower), float(declared.upper)
    if limit.low is not None or limit.high is not None:
        return (
            low if limit.low is None else limit.low,
            high if limit.high is None else limit.high,
        )
    for wanted in (declared.searched, declared.expected):
        if wanted[0] <= declared.start <= wanted[1]:
            low, high = max(low, wanted[0]), min(high, wanted[1])
    return low, high
