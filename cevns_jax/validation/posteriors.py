"""Posteriors beside profile likelihoods and published values: the page ``docs/posteriors.md``.

Every number comes from a config of the repository, which states the priors; nothing is stored.
``cevns posteriors configs`` writes the page and its figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.config.analysis import Analysis, read_analysis
from cevns_jax.inference.evidence import BayesFactor, bayes_factor
from cevns_jax.inference.fit import fit
from cevns_jax.inference.levels import LEVELS
from cevns_jax.inference.limit import limit
from cevns_jax.inference.sample import Posterior, sample
from cevns_jax.inference.scan import scan
from cevns_jax.published import Published, published_for
from cevns_jax.results.result import Result
from cevns_jax.results.sample import sample_result
from cevns_jax.results.scan import scan_result
from cevns_jax.validation.posterior_cases import (
    CASES,
    COUPLING,
    EVIDENCE,
    LOBES,
    PLANES,
    SENSITIVITY,
    Case,
)


@dataclass(frozen=True, kw_only=True)
class Marginal:
    """One parameter: profile likelihood and marginal posterior of one config.

    Attributes:
        case: What was sampled.
        parameter, unit: The parameter.
        prior: Its prior in words.
        best, low, high: Best fit, and the ends of the range where Delta chi^2 < 1; NaN where there
            is no end.
        mean, hdi: Mean and 68 % highest-density interval of the posterior.
        converged: Whether fit and posterior did.
        published: Published values.
    """

    case: Case
    parameter: str
    unit: str
    prior: str
    best: float
    low: float
    high: float
    mean: float
    hdi: tuple[float, float]
    converged: bool
    published: tuple[Published, ...]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure of the page.

    Attributes:
        name: Stem of its file.
        caption: What it shows.
        results: The posterior, and for a comparison the curve before it.
    """

    name: str
    caption: str
    results: tuple[Result, ...]


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """A config with its posterior."""

    analysis: Analysis
    posterior: Posterior
    result: Result


def sampled(configs: Path, name: str) -> Sampled:
    """The posterior of a config of the page, sampled as that says."""
    analysis = read_analysis(configs / f"{name}.toml")
    settings = analysis.sample
    posterior = sample(
        settings.varying(analysis.likelihood),
        seed=settings.table.seed,
        draws=settings.table.draws,
        chains=settings.table.chains,
        method=settings.table.method,
        priors=settings.priors,
        starts=analysis.starts,
    )
    return Sampled(
        analysis=analysis, posterior=posterior, result=sample_result(posterior, analysis.record)
    )


def marginals(found: Sampled, case: Case) -> list[Marginal]:
    """Profile likelihood and posterior of the shown parameters of one config."""
    likelihood = found.analysis.likelihood
    best = fit(likelihood, found.analysis.starts)
    told = found.result.attributes
    data = tuple(experiment.name for experiment in likelihood.experiments)
    rows = []
    for name in case.shown:
        ours = best.parameters[name]
        rows.append(
            Marginal(
                case=case,
                parameter=name,
                unit=likelihood.parameters[name].unit,
                prior=told["priors"][name],
                best=ours["value"],
                low=ours["value"] - ours["error_low"],
                high=ours["value"] + ours["error_high"],
                mean=told["parameters"][name]["mean"],
                hdi=(*told["parameters"][name]["hdi_68"],),
                converged=bool(best.converged and told["converged"]),
                published=tuple(published_for(name, data, str(told["conventions"]))),
            )
        )
    return rows


def plane(configs: Path, config: str, scanned: str) -> Drawn:
    """A posterior of mass and coupling over the contours of the scan of the same data."""
    found = sampled(configs, config)
    analysis = read_analysis(configs / f"{scanned}.toml")
    assert analysis.scan is not None
    grids = {name: np.array(values) for name, values in analysis.scan.grids.items()}
    curve = scan(analysis.likelihood, grids, levels=LEVELS[2])
    return Drawn(
        name=config,
        caption=f"{analysis.title}: 90 % credible (`{config}.toml`), and the contour of the "
        f"profile likelihood at 90 % confidence (`{scanned}.toml`)",
        results=(scan_result(curve, LEVELS[2], analysis.record), found.result),
    )


def page(configs: Path) -> Iterator[Drawn | list[str]]:
    """The page, piece by piece: lines, and figures.

    Args:
        configs: Folder with the configs of the repository.

    Raises:
        ConfigError: a config is missing or cannot be read.
    """
    yield from _of_one_valley(configs)
    yield from _of_lobes(configs)
    for config, scanned in PLANES:
        yield plane(configs, config, scanned)
    yield from _of_priors(configs)


def _of_one_valley(configs: Path) -> Iterator[Drawn | list[str]]:
    rows, remarks, figures = [], [], []
    for case in CASES:
        found = sampled(configs, case.config)
        rows += [_cells(row) for row in marginals(found, case)]
        remarks.append(f"- **{case.data}: {' and '.join(case.shown)}.** {case.remark}")
        if case.figure:
            caption = f"{found.analysis.title} (`{case.config}.toml`)"
            figures.append(Drawn(name=case.config, caption=caption, results=(found.result,)))
    columns = (
        *("data", "parameter", "prior", "profile: best fit, 68 %"),
        *("posterior: mean, 68 % interval", "published", "config"),
    )
    yield _table(columns, rows)
    yield ["", "Where profile and marginal differ, and why:", "", *remarks]
    yield from figures


def _cells(row: Marginal) -> list[str]:
    digits = row.case.digits
    best, low, high, mean, below, above = (
        f"{x:.{digits}f}"
        for x in (
            *(row.best, row.best - row.low, row.high - row.best),
            *(row.mean, row.mean - row.hdi[0], row.hdi[1] - row.mean),
        )
    )
    unit = f" [{row.unit}]" if row.unit else ""
    warning = "" if row.converged else " (NOT CONVERGED)"
    known = "; ".join(f"{p.text(digits)} ({p.short}, {p.status})" for p in row.published)
    return [
        *(row.case.data, f"{row.parameter}{unit}", row.prior, f"{best} +{high} -{low}"),
        *(f"{mean} +{above} -{below}{warning}", known or "none known", f"`{row.case.config}.toml`"),
    ]


def _of_lobes(configs: Path) -> Iterator[Drawn | list[str]]:
    """Valleys of a posterior with their weights, beside chi^2 of the same valleys in the fit."""
    found = sampled(configs, LOBES.config)
    free = found.analysis.likelihood.free
    minima = fit(found.analysis.likelihood, found.analysis.starts).valleys
    names = found.posterior.names
    columns = [names.index(name) for name in free]
    rows = []
    for mode in found.posterior.modes:
        away = [float(np.abs(v.x[columns] - mode.x[columns]).sum()) for v in minima]
        nearest = minima[int(np.argmin(away))]
        rows.append(
            [f"{mode.x[c]:.3f}" for c in columns]
            + [f"{mode.weight:.3f} +- {mode.weight_error:.3f}"]
            + [f"{nearest.chi2 - min(v.chi2 for v in minima):.2f}"]
        )
    yield _table((*free, "weight", "Delta chi^2 of the fit"), rows)
    yield ["", LOBES.remark]
    caption = f"{found.analysis.title} (`{LOBES.config}.toml`)"
    yield Drawn(name=LOBES.config, caption=caption, results=(found.result,))


def _of_priors(configs: Path) -> Iterator[list[str]]:
    """How far a limit depends on the prior, and the evidence."""
    rows, kept = [], {}
    for config in SENSITIVITY:
        kept[config] = found = sampled(configs, config)
        told = found.result.attributes
        values = told["parameters"][COUPLING]
        rows.append(
            [
                told["priors"][COUPLING],
                *(f"{1e5 * values[key]:.2f}" for key in ("median", "mean")),
                f"{1e5 * np.quantile(found.posterior.draws[COUPLING], 0.9):.2f}",
                f"`{config}.toml`",
            ]
        )
    yield _table(("prior", "median", "mean", "90 % below", "config"), rows)
    analysis = found.analysis
    allowed = limit(analysis.likelihood, COUPLING, cl=0.90).intervals[0]
    ranges = ", ".join(f"{1e5 * i.low:.2f} to {1e5 * i.high:.2f}" for i in allowed)
    yield ["", f"All in units of 1e-5. The profile likelihood allows {ranges} at 90 % confidence."]
    models = [sampled(configs, EVIDENCE.standard_model), kept[EVIDENCE.mediator]]
    factor: BayesFactor = bayes_factor(*(found.posterior for found in models))
    yield [
        "",
        f"ln B of the Standard Model (`{EVIDENCE.standard_model}.toml`) over the mediator "
        f"(`{EVIDENCE.mediator}.toml`) is {factor.log:.3f} +- {factor.error:.3f}; the priors of "
        f"the mediator: {_priors(models[1].result)}. {EVIDENCE.remark}",
    ]


def _priors(result: Result) -> str:
    priors: dict[str, Any] = result.attributes["priors"]
    return f"{COUPLING} {priors[COUPLING]}; nuisances as published, the same in both models"


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", "|---|" + "---|" * (len(columns) - 1)]
    return ["", *lines, *(f"| {' | '.join(row)} |" for row in rows)]
