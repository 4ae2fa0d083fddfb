"""Best fit with errors: L-BFGS from each start, finished by expected-information steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.forks import stop_if_forked
from cevns_jax.inference.batches import Progress, minimise_all
from cevns_jax.inference.checks import check_data, checked_starts
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.errors import (
    LOWER,
    ProfileErrors,
    covariance_of,
    no_errors,
    profile_errors,
)
from cevns_jax.inference.lbfgs import lbfgs
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.valleys import (
    APART,
    Valley,
    distinct,
    off_zero,
    one,
    outside,
    take,
    wide_starts,
)
from cevns_jax.likelihood import Likelihood, predictions
from cevns_jax.statistics import LEAST
from cevns_jax.summary import Summarised, Summary

# Times that a fit goes on from a lower point, found on the way to the errors, before it gives up.
# One is usual where a valley was missed; more than a few mean that chi^2 has no minimum that a
# covariance describes, and each costs a whole search for errors.
MOST_RESTARTS = 5


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit(Summarised):
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
        valleys: The minima that were found from starts all over the domain of the parameters in
            which chi^2 can have several: x, shape (n,), and chi^2 of each. The reported one comes
            first: the lowest with all parameters in the range where they are expected
            (sin^2 theta_W between 0 and 1), if there is one.
        ending: How it ended. It counts as converged only if chi^2 is finite and each parameter has
            an error, or is known to have none.
        message: The same in a sentence, with the evidence for it or with what went wrong.
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
    valleys: tuple[Valley, ...]
    ending: Ending
    message: str
    impacts: dict[str, np.ndarray]

    def summary(self) -> Summary:
        """What was found, in words and tables."""
        from cevns_jax.results.fit import fit_result

        return fit_result(self).summary()

    @property
    def converged(self) -> bool:
        """Whether the fit ended in a minimum."""
        return self.ending is Ending.CONVERGED

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
        """Number of bins minus number of varying parameters whose prior is no measurement: one that
        is counts as one more bin, which offsets its parameter."""
        declared = self.likelihood.parameters
        unmeasured = [name for name in self.names if not declared[name].prior.constrains]
        return self.likelihood.n_bins - len(unmeasured)

    @property
    def p_value(self) -> float:
        """Probability of a larger value, if the deviance follows a chi^2 distribution. Bins with
        few counts do so only approximately."""
        return chi2_survival(self.chi2, self.degrees_of_freedom)


def chi2_survival(chi2: float, degrees_of_freedom: int) -> float:
    """Probability of a larger chi^2, by the finite sum for a whole number of degrees of freedom;
    NaN below one.

    ``scipy.special.gammaincc`` gives the same, but its import takes a tenth of the time of a fit.
    """
    if degrees_of_freedom < 1:
        return math.nan
    if math.isinf(chi2):
        return 0.0
    half, odd = chi2 / 2, degrees_of_freedom % 2
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    for i in range(degrees_of_freedom // 2):
        power = i + odd / 2
        if half > 0 or power == 0:
            log = power * math.log(half) if power else 0.0
            total += math.exp(log - half - math.lgamma(power + 1))
    return total


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
            lies outside its domain, an experiment without data, or predictions that are not finite
            at the start values.
    """
    stop_if_forked()
    names = likelihood.names
    if not names:
        raise ConfigError("fit: no parameter varies; free one or declare a nuisance")
    check_data("fit", likelihood)
    given = checked_starts("fit", likelihood, starts)
    points = [p for start in given for p in _starts_near(likelihood, start)]
    # From the given starts L-BFGS walks to the neighbourhood of a minimum, however far it is; the
    # many starts all over the domain go without it, as some of them are near every minimum.
    near = [lbfgs(likelihood, point) for point in progress(points)]
    wide = wide_starts(likelihood, given[0], whole_domain=True)
    minima = minimise_all(likelihood, np.concatenate([np.stack(near), wide]))
    if not np.isfinite(minima.chi2).any():
        predictions(likelihood)  # says which experiment and component
    anywhere = any(outside(likelihood, start) for start in given)
    valleys = _valleys(likelihood, minima, anywhere)
    valleys, exempt, covariance, errors = _with_errors(likelihood, valleys, anywhere, progress)
    best = valleys[0]
    ending = _ending(best, np.isfinite(np.diag(covariance)) | exempt)
    return Fit(
        likelihood=likelihood,
        names=names,
        x=np.asarray(best.x),
        covariance=covariance,
        error_low=errors.low,
        error_high=errors.high,
        chi2=float(best.chi2),
        edm=float(best.edm),
        gradient_norm=_gradient_norm(best, covariance),
        steps=int(best.steps),
        ends=tuple(
            (float(c), bool(done))
            for c, done in zip(minima.chi2[: len(near)], minima.converged, strict=False)
        ),
        valleys=tuple(Valley(v.x, float(v.chi2)) for v in valleys),
        ending=ending,
        message=_message(likelihood, valleys, ending, exempt, errors),
        impacts=_impacts(likelihood, best, errors),
    )


def _impacts(likelihood: Likelihood, best: Minimum, errors: ProfileErrors) -> dict[str, np.ndarray]:
    """Shifts of the free parameters, as :attr:`Fit.impacts`."""
    columns = [(n, likelihood.names.index(n)) for n in likelihood.free if n in likelihood.names]
    return {name: errors.shifted[:, :, i] - best.x[i] for name, i in columns}


def _starts_near(likelihood: Likelihood, point: np.ndarray) -> list[np.ndarray]:
    """A start, and for every free parameter that is zero there a start on each side of zero."""
    free = [likelihood.names.index(n) for n in likelihood.free if n in likelihood.names]
    return [point, *(p for index in free for p in off_zero(likelihood, point, index))]


def _valleys(likelihood: Likelihood, minima: Minimum, anywhere: bool) -> list[Minimum]:
    """The distinct minima, lowest first, but those outside the expected ranges of the parameters
    last, unless a start asked for such a place (``anywhere``). The first is to be reported."""
    found = take(minima, distinct(minima))
    away = np.zeros(len(found.chi2), bool) if anywhere else outside(likelihood, found.x)
    return [one(found, row) for row in np.argsort(away, kind="stable")]


def _with_errors(
    likelihood: Likelihood, valleys: list[Minimum], anywhere: bool, progress: Progress
) -> tuple[list[Minimum], np.ndarray, np.ndarray, ProfileErrors]:
    """Errors of the first valley. Where a lower point turns up on the way to the errors, the
    minimum below that point becomes the first valley, and the search for its errors starts anew.

    Returns:
        The valleys; which parameters have no symmetric error, shape (n,), boolean; the covariance,
        shape (n, n); and the errors from the profiled chi^2.
    """
    for _ in range(MOST_RESTARTS):
        best = valleys[0]
        exempt = _without_error(likelihood, best)
        some = np.flatnonzero(~exempt)
        covariance = np.full(best.information.shape, np.nan)
        covariance[np.ix_(some, some)] = covariance_of(best.information[np.ix_(some, some)])
        known = np.isfinite(np.diag(covariance)) | exempt
        if not (best.converged and np.isfinite(best.chi2) and known.all()):
            return valleys, exempt, covariance, no_errors(len(best.x))
        # A solution outside the expected ranges is not reported, and so must not widen the errors.
        away = [anywhere or not outside(likelihood, v.x) for v in valleys]
        others = [v.x for v, counts in zip(valleys[1:], away[1:], strict=True) if counts]
        errors = profile_errors(likelihood, best, covariance, others, progress)
        lowest = errors.lowest
        if lowest is None or not lowest.chi2 < best.chi2 - LOWER:
            return valleys, exempt, covariance, errors
        lower = one(minimise_all(likelihood, lowest.x[None]), 0)
        # The lower point led out of the expected ranges: the minimum inside stays the reported one.
        if outside(likelihood, lower.x) and not (anywhere or outside(likelihood, best.x)):
            return valleys, exempt, covariance, errors
        valleys = [lower, *(v for v in valleys if not _same(v, lower))]
    unsettled = valleys[0]._replace(ending=np.array(int(Ending.LOWER_POINTS)))
    return [unsettled, *valleys[1:]], exempt, covariance, no_errors(len(best.x))


def _same(first: Minimum, second: Minimum) -> bool:
    """Whether two minima are the same, by the parabola at each of them."""
    away = first.x - second.x
    return all(away @ minimum.information @ away < APART for minimum in (first, second))


def _without_error(likelihood: Likelihood, best: Minimum) -> np.ndarray:
    """Which parameters have infinite expected information, shape (n,), boolean: those at an end of
    their domain that change a Poisson bin in which nothing is expected."""
    lower, upper = map(np.asarray, likelihood.bounds)
    at_end = (best.x <= lower) | (best.x >= upper)
    if not at_end.any():
        return at_end
    values = likelihood.values(best.x)
    expected = jax.jit(Likelihood.components)(likelihood, values)
    empty = [
        np.ravel(e.statistic.information(sum(expected[e.name].values())) >= 1 / LEAST)
        for e in likelihood.experiments
    ]
    bins = np.concatenate(empty)
    if not bins.any():
        return np.zeros_like(at_end)
    moved = jax.jit(jax.jacfwd(lambda x: likelihood.expected(likelihood.values(x))))(best.x)
    found: np.ndarray = at_end & (np.asarray(moved)[bins] != 0).any(axis=0)
    return found


def _gradient_norm(best: Minimum, covariance: np.ndarray) -> float:
    """Largest derivative of chi^2 in units of the errors, of the parameters that have one."""
    scaled = np.abs(best.gradient * np.sqrt(np.diag(covariance)))
    return float(np.max(scaled[np.isfinite(scaled)], initial=0.0))


def _ending(best: Minimum, known: np.ndarray) -> Ending:
    """How a fit ended. ``known``: parameters with an error, or that can have none."""
    if not np.isfinite(best.chi2):
        return Ending.EXCLUDED if np.isinf(best.chi2) else Ending.NOT_A_NUMBER
    return Ending(int(best.ending)) if known.all() else Ending.UNCONSTRAINED


def _message(
    likelihood: Likelihood,
    valleys: list[Minimum],
    ending: Ending,
    exempt: np.ndarray,
    errors: ProfileErrors,
) -> str:
    """How a fit ended, in words."""
    if ending is Ending.CONVERGED:
        return _evidence(likelihood, valleys, exempt, errors)
    kind = "excluded" if ending is Ending.EXCLUDED else "not converged"
    return f"{kind}: {ending.sentence}{_detail(likelihood, valleys[0], ending)}"


def _detail(likelihood: Likelihood, best: Minimum, ending: Ending) -> str:
    """What a fit that found no minimum adds to the sentence of its ending."""
    names = likelihood.names
    if ending is Ending.EXCLUDED:
        bins = np.flatnonzero(~np.isfinite(likelihood.deviance(likelihood.values(best.x))))
        return (
            f"; {len(bins)} bins with counts expect none or less (first: bin "
            f"{bins[0] if len(bins) else 0} of {likelihood.n_bins})"
        )
    if ending is Ending.UNCONSTRAINED:
        blind = [n for n, i in zip(names, np.diag(best.information), strict=True) if not i > 0]
        if not blind:
            return ""
        return (
            f" ({', '.join(blind)}); one whose chi^2 is lowest, and flat, at zero has a limit "
            "(cevns limit) or a scan, and no error"
        )
    return f": EDM {float(best.edm):.2g} of chi^2 after {int(best.steps)} steps"


def _evidence(
    likelihood: Likelihood, valleys: list[Minimum], exempt: np.ndarray, errors: ProfileErrors
) -> str:
    """Why a fit counts as converged, which errors do not exist nevertheless, and whether there are
    other valleys."""
    best, names = valleys[0], likelihood.names
    text = f"EDM {float(best.edm):.2g} of chi^2 after {int(best.steps)} steps"
    missing = ~np.isfinite(np.stack([errors.low, errors.high], axis=1))
    for which, reason in (
        (missing & errors.bounded, "chi^2 does not rise by 1 inside the bounds of"),
        (missing & ~errors.bounded, "no point with chi^2 higher by 1 was found for"),
        (
            exempt[:, None],
            "no symmetric error exists, as nothing is expected in some bins, for",
        ),
    ):
        found = [name for name, side in zip(names, which, strict=True) if side.any()]
        if found:
            text += f"; {reason} {', '.join(found)}"
    if len(valleys) > 1:
        text += f"; {len(valleys)} valleys"
    lower = [v for v in valleys[1:] if v.chi2 < best.chi2]
    if lower:
        at = ", ".join(
            f"{name} = {lower[0].x[names.index(name)]:.4g}" for name in likelihood.many_valleys
        )
        text += f"; chi^2 is {float(best.chi2 - lower[0].chi2):.2g} lower in another valley, {at}"
        text += ", outside the range that is expected"
    return text
