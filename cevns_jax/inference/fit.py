"""Best fit with errors: L-BFGS from each start, finished by expected-information steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.lbfgs import lbfgs
from cevns_jax.inference.minimise import Minimum, minimise_lanes
from cevns_jax.likelihood import Likelihood

FARTHEST = 1e6  # start of a parameter without bounds
TRIED = np.geomspace(1e-12, 1.0, 73)  # starts off zero, in units of the farthest one
SMALLEST_EIGENVALUE = 1e-10  # of the information with ones on its diagonal
ERROR_STEPS = 20  # secant steps towards Delta chi^2 = 1
ERROR_TOLERANCE = 1e-6  # of Delta chi^2


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Best fit of a likelihood. n parameters vary; vectors follow ``names``.

    Attributes:
        likelihood: What was fitted.
        names: Varying parameters.
        x: Best-fit values, shape (n,).
        covariance: Inverse expected information (prior included) at the best fit, shape (n, n).
        error_low, error_high: Distance down and up to where the profiled chi^2 has risen by one,
            positive, shape (n,); NaN where it does not rise that far inside the bounds.
        chi2: Deviance of all bins plus squared pulls.
        edm: Expected distance to the minimum in units of chi^2.
        gradient_norm: Largest d chi^2/dx times error.
        steps: Expected-information steps of the best start.
        ends: Where each start ended: (chi^2, converged).
        converged: Whether the minimum is one: the best start converged with all numbers finite
            and positive errors, and no lower point turned up while the errors were computed.
        message: How that is known, or what went wrong.
        impacts: Shift of each free physics parameter when one parameter moves to its lower and
            upper error, others refitted: name -> shape (n, 2).
    """

    likelihood: Likelihood
    names: tuple[str, ...]
    x: np.ndarray
    covariance: np.ndarray
    error_low: np.ndarray
    error_high: np.ndarray
    chi2: float
    edm: float
    gradient_norm: float
    steps: int
    ends: tuple[tuple[float, bool], ...]
    converged: bool
    message: str
    impacts: dict[str, np.ndarray]

    @property
    def values(self) -> dict[str, float]:
        """Best-fit values of the varying parameters."""
        return dict(zip(self.names, map(float, self.x), strict=True))

    @property
    def errors(self) -> np.ndarray:
        """Symmetric errors from the covariance, shape (n,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def parameters(self) -> dict[str, dict[str, float]]:
        """Value, error, error_low and error_high of each varying parameter, by name."""
        columns = {
            "value": self.x,
            "error": self.errors,
            "error_low": self.error_low,
            "error_high": self.error_high,
        }
        return {
            name: {key: float(column[i]) for key, column in columns.items()}
            for i, name in enumerate(self.names)
        }

    @property
    def correlation(self) -> np.ndarray:
        return self.covariance / np.outer(self.errors, self.errors)

    @property
    def degrees_of_freedom(self) -> int:
        """Bins minus parameters without a prior (a prior counts as one more measurement)."""
        _, precision = self.likelihood.priors
        return self.likelihood.n_bins - int(np.sum(np.asarray(precision) == 0))

    @property
    def p_value(self) -> float:
        """Probability of a larger chi^2 if it were distributed as chi^2, which bins with few
        counts only approximate."""
        return chi2_survival(self.chi2, self.degrees_of_freedom)


def chi2_survival(chi2: float, degrees_of_freedom: int) -> float:
    """Probability of a larger chi^2: finite sum for whole degrees of freedom, NaN below one.

    scipy.special.gammaincc is the same; importing it is a tenth of the time of a fit.
    """
    if degrees_of_freedom < 1:
        return math.nan
    half, odd = chi2 / 2, degrees_of_freedom % 2
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    for i in range(degrees_of_freedom // 2):
        power = i + odd / 2
        if half > 0 or power == 0:
            log = power * math.log(half) if power else 0.0
            total += math.exp(log - half - math.lgamma(power + 1))
    return total


Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""Wraps the iterable of a loop, e.g. ``tqdm.tqdm``; ``iter`` shows nothing."""


def fit(
    likelihood: Likelihood,
    starts: Sequence[Mapping[str, float]] = ({},),
    progress: Progress = iter,
) -> Fit:
    """Minimise chi^2 over all varying parameters.

    Args:
        likelihood: What to fit; at least one parameter varies.
        starts: Values of parameters at each start; those left out start where declared. A free
            parameter that starts at zero starts on both sides of it as well: a coupling that
            enters squared would never leave it.
        progress: Wraps the loops over starts and over the steps towards the errors.

    Raises:
        ConfigError: nothing varies, no start, a start that names a parameter that does not vary or
            lies outside its domain, or an experiment without data.
    """
    stop_if_forked()
    names = likelihood.names
    if not names:
        raise ConfigError("fit: no parameter varies; free one or declare a nuisance")
    for experiment in likelihood.experiments:
        if not np.isfinite(experiment.observed).all():
            raise ConfigError(
                f"{experiment.name}: has no data, only bins; fit an Asimov or toy data set of it "
                "(--data asimov, --data toy)"
            )
    points = [
        p for start in _start_points(likelihood, starts) for p in _off_zero(likelihood, start)
    ]
    near = [lbfgs(likelihood, point) for point in progress(points)]
    best, ends = _polish(likelihood, np.stack(near))
    covariance = _inverse(np.asarray(best.information))
    sound = bool(best.converged) and bool(np.isfinite(covariance).all())
    low, high, bounded, shifted, lowest = (
        _profile_errors(likelihood, best, covariance, progress) if sound else _no_errors(len(names))
    )
    problem = _problem(likelihood, best, covariance, lowest)
    return Fit(
        likelihood=likelihood,
        names=names,
        x=np.asarray(best.x),
        covariance=covariance,
        error_low=low,
        error_high=high,
        chi2=float(best.chi2),
        edm=float(best.edm),
        gradient_norm=float(np.max(np.abs(best.gradient * np.sqrt(np.diag(covariance))))),
        steps=int(best.steps),
        ends=ends,
        converged=not problem,
        message=problem or _evidence(best, names, np.stack([low, high], axis=1), bounded),
        impacts={
            name: shifted[:, :, names.index(name)] - best.x[names.index(name)]
            for name in likelihood.free
            if name in names
        },
    )


def _start_points(
    likelihood: Likelihood, starts: Sequence[Mapping[str, float]]
) -> list[np.ndarray]:
    """The starts as vectors, checked."""
    if not starts:
        raise ConfigError("fit: at least one start is needed")
    names = likelihood.names
    for given in starts:
        for name, value in given.items():
            if name not in names:
                raise unknown("fit.starts", "varying parameter", name, names)
            declared = likelihood.parameters[name]
            if not declared.lower <= value <= declared.upper:
                raise ConfigError(
                    f"fit.starts: {name} must lie between {declared.lower:g} and "
                    f"{declared.upper:g}, not at {value:g}"
                )
    declared_start = dict(zip(names, likelihood.start, strict=True))
    return [np.array([*(declared_start | dict(given)).values()], dtype=float) for given in starts]


@jax.jit
def _chi2_of(likelihood: Likelihood, rows: jax.Array) -> jax.Array:
    return jax.vmap(lambda x: likelihood.chi2(likelihood.values(x)))(rows)


def _off_zero(likelihood: Likelihood, point: np.ndarray) -> list[np.ndarray]:
    """A start, and one on each side of every free parameter that is zero there: the farthest at
    which chi^2 has changed by less than one."""
    points = [point]
    for index in (likelihood.names.index(n) for n in likelihood.free if n in likelihood.names):
        declared = likelihood.parameters[likelihood.names[index]]
        for end in np.clip([declared.lower, declared.upper], -FARTHEST, FARTHEST):
            if point[index] != 0 or end == 0:
                continue
            rows = np.tile(point, (len(TRIED) + 1, 1))
            rows[1:, index] = end * TRIED
            chi2 = np.asarray(_chi2_of(likelihood, rows))
            changed = np.flatnonzero(~(np.abs(chi2 - chi2[0]) < 1))
            if changed.size and changed[0] > 1:
                points.append(rows[changed[0] - 1])
    return points


def _inverse(information: np.ndarray) -> np.ndarray:
    """Covariance; NaN where a direction is not constrained, beyond what rounding can tell."""
    scale = np.sqrt(np.diag(information))
    if not (np.isfinite(information).all() and (scale > 0).all()):
        return np.full_like(information, np.nan)
    correlation = information / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlation)[0] < SMALLEST_EIGENVALUE:
        return np.full_like(information, np.nan)
    return np.linalg.inv(correlation) / np.outer(scale, scale)


def _lanes(likelihood: Likelihood) -> int:
    """Lanes of every batched call of a fit: one size, one compilation."""
    return 2 * len(likelihood.names)


def _polish(
    likelihood: Likelihood, ends: np.ndarray
) -> tuple[Minimum, tuple[tuple[float, bool], ...]]:
    """Finish every start; the best end point, and (chi^2, converged) of all."""
    lanes, n = _lanes(likelihood), ends.shape[1]
    moving = np.ones((lanes, n), bool)
    done: list[Minimum] = []
    for first in range(0, len(ends), lanes):
        block = ends[first : first + lanes]
        padded = np.concatenate([block, np.tile(block[-1:], (lanes - len(block), 1))])
        result = minimise_lanes(likelihood, padded, moving)
        arrays = [np.asarray(a) for a in result]
        done += [Minimum(*(a[i] for a in arrays)) for i in range(len(block))]
    order = [(not m.converged, float(np.nan_to_num(m.chi2, nan=np.inf))) for m in done]
    best = done[min(range(len(done)), key=order.__getitem__)]
    return best, tuple((float(m.chi2), bool(m.converged)) for m in done)


def _problem(likelihood: Likelihood, best: Minimum, covariance: np.ndarray, lowest: float) -> str:
    """Why an end point is no minimum; empty if it is one."""
    names = likelihood.names
    if not np.isfinite(best.chi2):
        deviance = likelihood.deviance(likelihood.values(best.x))
        bins = np.flatnonzero(~np.isfinite(deviance))
        return (
            f"not converged: chi^2 is infinite, {len(bins)} bins with counts expect none or less "
            f"(first: bin {bins[0] if len(bins) else 0} of {likelihood.n_bins})"
        )
    if not np.isfinite(covariance).all():
        blind = [n for n, i in zip(names, np.diag(best.information), strict=True) if not i > 0]
        which = f" ({', '.join(blind)})" if blind else ""
        advice = "; scan one whose chi^2 is lowest, and flat, at zero" if blind else ""
        return f"not converged: the data do not constrain all parameters{which}{advice}"
    if not best.converged:
        return f"not converged: EDM {float(best.edm):.2g} of chi^2 after {int(best.steps)} steps"
    if lowest < float(best.chi2) - 1e-4:
        return f"a lower minimum was found: chi^2 {lowest:.6g} below {float(best.chi2):.6g}"
    return ""


def _evidence(
    best: Minimum, names: tuple[str, ...], errors: np.ndarray, bounded: np.ndarray
) -> str:
    """Why a fit is taken as converged, and which errors do not exist all the same."""
    text = f"EDM {float(best.edm):.2g} of chi^2 after {int(best.steps)} steps"
    missing = ~np.isfinite(errors)
    for which, reason in (
        (missing & bounded, "chi^2 does not rise by 1 inside the bounds of"),
        (missing & ~bounded, "no point with chi^2 higher by 1 was found for"),
    ):
        found = [name for name, side in zip(names, which, strict=True) if side.any()]
        if found:
            text += f"; {reason} {', '.join(found)}"
    return text


def _no_errors(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """What :func:`_profile_errors` returns where there is no minimum to start from."""
    nothing = np.full(n, np.nan)
    return nothing, nothing, np.zeros((n, 2), bool), np.full((n, 2, n), np.nan), np.inf


def _profile_errors(
    likelihood: Likelihood, best: Minimum, covariance: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Distances to Delta chi^2 = 1 below and above, all parameters at once.

    Secant iteration in sqrt(Delta chi^2), which is nearly linear in the distance.

    Returns:
        error_low, error_high, shape (n,); whether the bound ended the search, shape (n, 2); the
        parameters there, shape (n, 2, n); the lowest chi^2 met on the way.
    """
    n = len(best.x)
    which = np.repeat(np.arange(n), 2)
    sign = np.tile([-1.0, 1.0], n)
    lower, upper = (np.asarray(b) for b in likelihood.bounds)
    room = np.where(sign < 0, best.x[which] - lower[which], upper[which] - best.x[which])
    moving = np.arange(n) != which[:, None]
    error = np.sqrt(np.diag(covariance))[which]
    # Secant between the last two points, kept inside the bracket (below, above) of the crossing.
    last, h_last = np.zeros(2 * n), np.zeros(2 * n)
    below, above = np.zeros(2 * n), room.copy()
    distance = np.minimum(error, room)
    x = np.tile(best.x, (2 * n, 1))
    found = np.zeros(2 * n, bool)
    lowest = np.inf
    for _ in progress(range(ERROR_STEPS)):
        x[np.arange(2 * n), which] = best.x[which] + sign * distance
        result = minimise_lanes(likelihood, x, moving)
        chi2 = np.asarray(result.chi2)
        lowest = min(lowest, float(np.min(np.where(result.converged, chi2, np.inf))))
        x = np.array(result.x)
        h = np.sqrt(np.maximum(chi2 - best.chi2, 0.0))
        found = np.asarray(result.converged) & (np.abs(h**2 - 1) < ERROR_TOLERANCE)
        if found.all():
            break
        below = np.where(h < 1, distance, below)
        above = np.where(h < 1, above, distance)
        run, rise = distance - last, h - h_last
        ahead = distance + (1 - h) * run / np.where(rise == 0, np.inf, rise)
        bounded = np.where(np.isfinite(above), above, 4 * distance)
        middle = (below + bounded) / 2
        proposed = np.where((ahead > below) & (ahead < above), ahead, middle)
        last, h_last = np.where(found, last, distance), np.where(found, h_last, h)
        distance = np.where(found, distance, proposed)
    distance = np.where(found, distance, np.nan)
    bounded = (below >= room).reshape(n, 2)
    return distance[::2], distance[1::2], bounded, x.reshape(n, 2, n), lowest
