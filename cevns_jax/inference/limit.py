"""Limits: the allowed ranges of one parameter for each value of others, e.g. of a coupling for each
mass of a mediator.

The profiled chi^2 is evaluated at some forty places of the parameter. Where they are depends, for
each held value, on the distance at which chi^2 begins to move; they reach from there to the ends of
the domain of the parameter. Local minima are followed to their bottom, and the ends of the ranges
come from a root search. All held values are treated together, in the same batches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.batches import Progress, settled
from cevns_jax.inference.checks import check_data, checked_grid, checked_range, checked_starts
from cevns_jax.inference.closer_places import (
    with_better_minima,
    with_bottoms,
    with_closer_places,
)
from cevns_jax.inference.crossings import bracket_of, crossings, merged
from cevns_jax.inference.endings import LAST_ANSWER, Ending
from cevns_jax.inference.far_places import out_to_the_ends
from cevns_jax.inference.grids import affecting, minimise_mesh
from cevns_jax.inference.intervals import Curve, Interval, lower_of_ends, ranges
from cevns_jax.inference.levels import LIMIT, delta_chi2
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.places import Search, places
from cevns_jax.inference.valleys import take
from cevns_jax.likelihood import Likelihood, predictions
from cevns_jax.summary import Summarised, Summary


@dataclass(frozen=True, kw_only=True, repr=False)
class Limit(Summarised):
    """Allowed ranges of a parameter at H points of the held parameters.

    Attributes:
        parameter: What is limited.
        confidence_level: Of the ranges.
        delta_chi2: Rise of chi^2 to their ends, from the lowest at the same held values.
        searched: Range of the parameter in which its limits were looked for.
        held: Values of the held parameters, by name, shape (H,) each: the last one moves fastest.
        intervals: Ranges at each point, ascending, disconnected ones apart; none where counts are
            impossible everywhere.
        best: The parameter where chi^2 is lowest, shape (H,).
        chi2: Lowest chi^2, shape (H,).
        ending: How it ended at each point, numbers of :class:`cevns_jax.inference.endings.Ending`,
            shape (H,): a failure if anything failed on which the ranges depend.
        likelihood: What was limited.
    """

    parameter: str
    confidence_level: float
    delta_chi2: float
    searched: tuple[float, float]
    held: dict[str, np.ndarray]
    intervals: tuple[tuple[Interval, ...], ...]
    best: np.ndarray
    chi2: np.ndarray
    ending: np.ndarray
    likelihood: Likelihood

    @property
    def converged(self) -> np.ndarray:
        """Whether everything converged on which the ranges depend, shape (H,), boolean."""
        return np.asarray(self.ending <= int(LAST_ANSWER))

    @property
    def allowed(self) -> list[list[tuple[float, float]]]:
        """Ranges (low, high) at each point; a range that reaches an end of the domain has that end
        as its own."""
        return [[(i.low, i.high) for i in found] for found in self.intervals]

    @property
    def upper(self) -> np.ndarray:
        """Upper limit at each point, shape (H,): the upper end of the range that contains zero, or
        else of the lowest range; infinite where chi^2 does not rise to the level, NaN where there
        is no range."""
        return np.array([_upper(found) for found in self.intervals])

    def summary(self) -> Summary:
        """The limits in words."""
        from cevns_jax.results.limit import limit_result

        return limit_result(self).summary()


def _upper(found: Sequence[Interval]) -> float:
    """Upper limit from the ranges at one point, as :attr:`Limit.upper`."""
    if not found:
        return float("nan")
    around_zero = [i for i in found if i.low <= 0 <= i.high]
    chosen = (around_zero or list(found))[0]
    return chosen.high if chosen.ends[1] == "crossing" else float("inf")


def limit(
    likelihood: Likelihood,
    parameter: str,
    *,
    cl: float = LIMIT,
    within: tuple[float, float] | None = None,
    starts: Sequence[Mapping[str, float]] = ({},),
    progress: Progress = iter,
    **held: np.ndarray | jax.Array | float,
) -> Limit:
    """Limits on a parameter, everything else minimised, e.g. ``limit(like, "g_vector",
    m_vector=np.geomspace(0.01, 1e3, 100))``.

    The search runs to the ends of the domain of the parameter, unless another range is given. The
    coupling of a mediator is not negative, and sin^2 theta_W is searched where it is expected.

    Args:
        likelihood: What to limit. The parameter may be free in it or not.
        parameter: Its name.
        cl: Confidence level, of one parameter: 0.90 is Delta chi^2 < 2.71.
        within: Lowest and highest value of the parameter between which its limits are looked for.
        starts: Values of minimised parameters at which their valleys are looked for as well.
        progress: Wraps the iterable of blocks.
        **held: Parameters that are held, each at one value or at an ascending list of them; there
            are limits at all combinations. Parameters that are left out vary, or keep their value,
            as in the likelihood.

    Raises:
        ConfigError: an unknown parameter, a confidence level or held values that cannot be used,
            an experiment without data, predictions that are not finite, or counts that are
            impossible everywhere.
    """
    stop_if_forked()
    search, known, shape = _checked(likelihood, parameter, cl, within, starts, held)
    curves = _at_places(search, known, shape, progress)
    curves = with_closer_places(search, out_to_the_ends(search, curves, known[0]))
    curves = with_better_minima(search, with_bottoms(search, curves))
    lowest = np.array([np.min(c.minima.chi2[settled(c.minima)], initial=np.inf) for c in curves])
    allowed, known_ends = _ranges(search, curves, lowest)
    endings = [_ending(*of, search.level) for of in zip(curves, lowest, known_ends, strict=True)]
    return Limit(
        parameter=parameter,
        confidence_level=cl,
        delta_chi2=search.level,
        searched=(float(search.declared.lower), float(search.declared.upper)),
        held={name: search.points[:, i] for i, name in enumerate(search.names[:-1])},
        intervals=allowed,
        best=np.array([_lowest_value(c) for c in curves]),
        chi2=lowest,
        ending=np.array(endings),
        likelihood=search.likelihood,
    )


def _checked(
    likelihood: Likelihood,
    parameter: str,
    cl: float,
    within: tuple[float, float] | None,
    starts: Sequence[Mapping[str, float]],
    held: Mapping[str, np.ndarray | jax.Array | float],
) -> tuple[Search, np.ndarray, tuple[int, ...]]:
    """Check what :func:`limit` was given.

    Returns:
        What limits are looked for; start values of the n other parameters, shape (K, n); and the
        number of values of each held parameter.
    """
    level = delta_chi2(cl)
    if parameter in held:
        raise ConfigError(f"limit: {parameter} cannot be limited and held at the same time")
    grids = {n: checked_grid("limit", likelihood, n, np.atleast_1d(v)) for n, v in held.items()}
    checked_grid("limit", likelihood, parameter, np.array([_start(likelihood, parameter)]))
    check_data("limit", likelihood)
    names = (*grids, parameter)
    for name in names:
        likelihood = likelihood.freed(name)
    likelihood, borders = _within(likelihood, parameter, within)
    axes = np.meshgrid(*grids.values(), indexing="ij")
    points = np.stack([a.ravel() for a in axes], axis=1) if axes else np.zeros((1, 0))
    known = checked_starts("limit", likelihood, starts)
    known = known[:, [i for i, name in enumerate(likelihood.names) if name not in names]]
    # Refuses counts that are not finite.
    predictions(likelihood, dict(zip(grids, map(float, points[0]), strict=True)))
    shape = tuple(len(grid) for grid in grids.values())
    return Search(likelihood, names, points, level, borders), known, shape


def _start(likelihood: Likelihood, name: str) -> float:
    """Start value of a parameter, or zero for an unknown one, which the next check refuses."""
    declared = likelihood.parameters.get(name)
    return float(declared.start) if declared is not None else 0.0


def _within(
    likelihood: Likelihood, name: str, within: tuple[float, float] | None
) -> tuple[Likelihood, tuple[str, str]]:
    """Cut the domain of a parameter to the range in which its limits are looked for.

    Returns:
        The likelihood with that domain, and with the start of the parameter moved into it; and what
        the two ends are, in the words of :class:`cevns_jax.inference.intervals.Interval`.
    """
    declared = likelihood.parameters[name]
    start, declared_ends = float(declared.start), (declared.lower, declared.upper)
    domain = np.array(declared_ends, dtype=float)
    if declared.searched[0] <= start <= declared.searched[1]:
        domain = np.clip(domain, *declared.searched)
    if within is not None:
        ends = np.array(checked_range(f"limit of {name}", declared, *within))
    elif declared.expected[0] <= start <= declared.expected[1]:
        ends = np.clip(domain, *declared.expected)
    else:
        ends = domain
    # An end that somebody chose is one of the search, as chi^2 may go on beyond it.
    asked = ~((ends == domain) | (ends == declared_ends)) | ~np.isfinite(ends)
    low, high = map(float, ends)
    cut = dataclasses.replace(declared, lower=low, upper=high, start=min(max(start, low), high))
    borders = ["search" if one else "domain" for one in asked]
    return likelihood.declared({name: cut}), (borders[0], borders[1])


def _at_places(
    search: Search, known: np.ndarray, shape: tuple[int, ...], progress: Progress
) -> list[Curve]:
    """The profiled chi^2 at places near the start of the limited parameter, a curve for each held
    point.

    Args:
        search: What limits are looked for.
        known: Start values of the n other parameters, shape (K, n).
        shape: Number of values of each held parameter.
        progress: Wraps the iterable of blocks.

    Raises:
        ConfigError: counts that are impossible everywhere.
    """
    values = places(search, known[0])
    size, width = values.shape
    # The limited parameter is the slowest axis, so that the points of one batch are about equally
    # far from the data and take about as many steps.
    mesh = search.at(np.tile(np.arange(size), width), values.T.ravel())
    found = minimise_mesh(
        *(search.likelihood, search.names, mesh, (width, *shape)),
        known=known,
        progress=progress,
        highest=search.level,
    )
    if not np.isfinite(found.minima.chi2).any():
        raise ConfigError("limit: chi^2 is infinite or not a number whatever the parameters")
    return [
        Curve(values[h], take(found.minima, np.arange(h, size * width, size))) for h in range(size)
    ]


def _ranges(
    search: Search, curves: list[Curve], lowest: np.ndarray
) -> tuple[tuple[tuple[Interval, ...], ...], np.ndarray]:
    """Ranges at each held point, and whether all their ends are known, shape (H,).

    Args:
        search: What limits are looked for.
        curves: The profiled chi^2 at each held point.
        lowest: Lowest chi^2 of each curve, shape (H,).
    """
    level = search.level
    heights = [
        np.where(np.isnan(c.minima.chi2), np.inf, c.minima.chi2) - (low if np.isfinite(low) else 0)
        for c, low in zip(curves, lowest, strict=True)
    ]
    brackets = [
        (h, i)
        for h, height in enumerate(heights)
        for i in np.flatnonzero((height[:-1] < level) != (height[1:] < level)).tolist()
    ]
    of = np.array([h for h, _ in brackets], dtype=int)
    pairs = [bracket_of(curves[h].values, curves[h].minima, [i]) for h, i in brackets]
    known = np.ones(len(curves), bool)
    roots: dict[tuple[int, int], float] = {}
    if pairs:

        def lowest_at(values: np.ndarray, lanes: np.ndarray, starts: np.ndarray) -> Minimum:
            mesh = search.at(of[lanes], values)
            return lower_of_ends(search.likelihood, search.names, mesh, starts)

        found = crossings(lowest_at, merged(pairs), lowest[of], np.full(len(of), level))
        roots = dict(zip(brackets, map(float, found.values), strict=True))
        np.logical_and.at(known, of, found.converged)
    found_ranges = []
    for h, curve in enumerate(curves):
        own = {(level, i): root for (row, i), root in roots.items() if row == h}
        found_ranges.append(ranges(curve.values, heights[h], level, own, search.borders))
    return tuple(map(tuple, found_ranges)), known


def _ending(curve: Curve, lowest: float, known_ends: bool, level: float) -> int:
    """How the search for the ranges of one curve ended."""
    if not known_ends:
        return int(Ending.NO_END)
    minima = curve.minima
    failed = affecting(minima, curve.values.shape, lowest, level)
    if failed.any():
        return int(np.max(np.asarray(minima.ending)[failed]))
    return int(Ending.CONVERGED if np.isfinite(lowest) else Ending.EXCLUDED)


def _lowest_value(curve: Curve) -> float:
    """The limited parameter where chi^2 is lowest; NaN where it is finite nowhere."""
    chi2 = np.where(settled(curve.minima), curve.minima.chi2, np.inf)
    return float(curve.values[np.argmin(chi2)]) if np.isfinite(chi2).any() else float("nan")
