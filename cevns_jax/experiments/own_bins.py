"""Bins of a user's own experiment: counts, backgrounds, and how the counts are distributed."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cevns_jax.correlated_bins import CorrelatedGaussian
from cevns_jax.domains import COUNTS, ERRORS, TEMPLATE_ERRORS, Domain
from cevns_jax.errors import ConfigError
from cevns_jax.prediction.component import Component, Template
from cevns_jax.statistics import Gaussian, Poisson
from cevns_jax.template_errors import PoissonWithTemplateErrors, with_template_errors

BinStatistic = Poisson | PoissonWithTemplateErrors | Gaussian | CorrelatedGaussian


def checked_counts(
    where: str, given: object, shape: tuple[int, ...], lowest: float = -math.inf
) -> np.ndarray:
    """Numbers of the bins as an array.

    Args:
        where: What they are, for messages.
        given: The numbers.
        shape: Shape of the bins.
        lowest: Lowest number that is allowed, zero or none.

    Raises:
        ConfigError: no numbers, another shape, or a number that is not finite or out of its domain.
    """
    try:
        counts = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError(f"{where}: must be numbers, one for each bin") from None
    if counts.shape != shape:
        raise ConfigError(f"{where}: has shape {counts.shape}, the bins have {shape}")
    if not (np.isfinite(counts).all() and (counts >= lowest).all()):
        raise ConfigError(f"{where}: must be finite" + (" and not negative" if lowest == 0 else ""))
    farthest = float(counts.ravel()[np.argmax(np.abs(counts))])
    if refusal := COUNTS.refusal("counts", farthest):
        raise ConfigError(f"{where}: {refusal}")
    return counts


def observed_counts(name: str, observed: object, shape: tuple[int, ...]) -> np.ndarray:
    """Checked counts; NaN in a forecast, where there are none.

    Raises:
        ConfigError: as :func:`checked_counts`.
    """
    if observed is None:
        return np.full(shape, np.nan)
    return checked_counts(f"{name}: observed", observed, shape)


def background_components(
    name: str, given: Mapping[str, np.ndarray | Component], shape: tuple[int, ...]
) -> dict[str, Component]:
    """Backgrounds as components: counts become templates, components stay as they are.

    Raises:
        ConfigError: a template with another shape than the bins, or as :func:`checked_counts`.
    """
    found: dict[str, Component] = {}
    for key, background in given.items():
        where = f"{name}: {key}"
        if not callable(background):
            background = Template(checked_counts(where, background, shape))
        elif not hasattr(background, "nominal_counts"):
            raise ConfigError(
                f"{where}: must be counts, one for each bin, or a Component, which has "
                f"nominal_counts and effects; a {type(background).__name__} has not"
            )
        elif background.nominal_counts is not None:
            checked_counts(where, background.nominal_counts, shape)
        found[key] = background
    return found


def statistic_of_bins(
    name: str,
    shape: tuple[int, ...],
    errors: object,
    covariance: object,
    template_errors: object,
) -> BinStatistic:
    """Distribution of the counts: Poisson where there are neither errors nor a covariance.

    Args:
        name: Name of the experiment, for messages.
        shape: Shape of the bins.
        errors: One standard deviation of Gaussian bins, or ``None``.
        covariance: Of Gaussian bins, in the order in which their array is flattened, or ``None``.
        template_errors: One standard deviation of the sum of the templates in each bin, or
            ``None``.

    Raises:
        ConfigError: both errors and a covariance, another shape than the bins, or numbers that
            cannot be errors or a covariance.
    """
    if errors is not None and covariance is not None:
        raise ConfigError(
            f"{name}: errors and a covariance exclude each other; the diagonal of a covariance "
            "holds the squares of the errors"
        )
    statistic: BinStatistic = Poisson()
    if errors is not None:
        found = checked_counts(f"{name}: errors", errors, shape)
        if not (found > 0).all():
            raise ConfigError(f"{name}: errors must be positive")
        _check_ends(name, "errors", found, ERRORS)
        statistic = Gaussian(found)
    elif covariance is not None:
        statistic = _correlated(name, shape, covariance)
    if template_errors is None:
        return statistic
    where = f"{name}: template errors"
    found = checked_counts(where, template_errors, shape, 0.0)
    _check_ends(name, "template errors", found, TEMPLATE_ERRORS)
    return with_template_errors(statistic, found)


def check_poisson(
    name: str, statistic: BinStatistic, observed: np.ndarray, parts: Mapping[str, Component]
) -> None:
    """Check that Poisson bins hold counts; Gaussian ones may be negative.

    Args:
        name: Name of the experiment, for messages.
        statistic: Distribution of the counts.
        observed: Counts; NaN in a forecast.
        parts: The components; those whose counts are computed are not looked at.

    Raises:
        ConfigError: a negative number in a Poisson bin.
    """
    if isinstance(statistic, Gaussian | CorrelatedGaussian):
        return
    given = {key: part.nominal_counts for key, part in parts.items()}
    for what, counts in (("observed", observed), *given.items()):
        if counts is not None and (np.asarray(counts) < 0).any():
            raise ConfigError(f"{name}: {what} must not be negative in Poisson bins")


def _correlated(name: str, shape: tuple[int, ...], given: object) -> CorrelatedGaussian:
    """Bins with a covariance. Shape and errors are checked first, so that a message about
    eigenvalues comes only if nothing simpler is wrong."""
    try:
        covariance = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError(f"{name}: covariance must be a matrix of numbers") from None
    bins = math.prod(shape)
    if covariance.shape != (bins, bins):
        raise ConfigError(
            f"{name}: covariance has shape {covariance.shape}, the {bins} bins need "
            f"({bins}, {bins})"
        )
    variance = np.diag(covariance)
    if not (np.isfinite(covariance).all() and (variance > 0).all()):
        raise ConfigError(f"{name}: covariance must be finite, with a positive diagonal")
    _check_ends(name, "errors, roots of the diagonal of the covariance,", variance**0.5, ERRORS)
    try:
        return CorrelatedGaussian(covariance)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _check_ends(name: str, what: str, numbers: np.ndarray, domain: Domain) -> None:
    """Check the smallest and the largest of some numbers against their domain."""
    for number in (numbers.min(), numbers.max()):
        if refusal := domain.refusal(what, float(number)):
            raise ConfigError(f"{name}: {refusal}")
