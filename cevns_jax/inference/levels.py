"""Confidence levels: how much chi^2 rises to the edge of a region, and what a rise is called.

Delta chi^2 follows a chi^2 distribution with one degree of freedom for each parameter on the axes
(S. S. Wilks, Ann. Math. Stat. 9 (1938) 60). Levels are rounded to two decimals, as the field quotes
them: 2.71 is 90 % of one parameter.
"""

from __future__ import annotations

from cevns_jax.errors import ConfigError

SIGMAS = (0.6826894921370859, 0.9544997361036416, 0.9973002039367398)
"""Probabilities within one, two and three standard deviations of a normal distribution."""
ONE_SIGMA = 1.0  # Delta chi^2 of one standard deviation of one parameter
NINETY = 2.71  # of 90 % of one parameter
LEVELS: dict[int, tuple[float, ...]] = {
    1: (ONE_SIGMA, NINETY, 3.84),  # 68.3, 90 and 95 %
    2: (2.30, 6.18, 11.83),  # one, two and three sigma
}
"""Delta chi^2 that is quoted unless another is asked for, by the number of parameters."""
LIMIT = 0.90  # confidence level of limits, unless another is asked for


def delta_chi2(confidence_level: float, parameters: int = 1) -> float:
    """Rise of chi^2 to the edge of a region, to two decimals.

    Args:
        confidence_level: Probability that the region holds the true values, above 0, below 1.
        parameters: Number of parameters on its axes.

    Raises:
        ConfigError: a confidence level that is none.
    """
    check_confidence_level("confidence level", confidence_level)
    from scipy.special import chdtri

    found = float(chdtri(parameters, 1 - confidence_level))
    # Two decimals would make nothing of the smallest levels.
    return round(found, 2) if found >= 0.01 else found


def confidence_level(level: float, parameters: int = 1) -> float:
    """Probability that Delta chi^2 is below a level. For a level that is the rounded one of a usual
    probability it is exactly that: 0.9 for 2.71."""
    for known in (*SIGMAS, 0.9, 0.95, 0.99):
        if delta_chi2(known, parameters) == level:
            return known
    from scipy.special import chdtr

    return float(chdtr(parameters, level))


def name_of(level: float, parameters: int = 1) -> str:
    """What a level is called: ``90 %``; for several parameters ``1 sigma``, if it is that of a
    whole number of sigmas."""
    probability = confidence_level(level, parameters)
    if parameters > 1 and probability in SIGMAS:
        return f"{1 + SIGMAS.index(probability)} sigma"
    return per_cent(probability)


def per_cent(probability: float) -> str:
    """``0.9`` as ``90 %``."""
    return f"{100 * probability:.3g} %"


def check_confidence_level(where: str, value: object) -> None:
    """Raise ConfigError where a confidence level is not a number between 0 and 1."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Below, the region is smaller than its ends are known; above, 1 - cl is lost to rounding.
    if not (number and 1e-3 <= float(value) <= 1 - 1e-12):  # type: ignore[arg-type]
        raise ConfigError(
            f"{where} must be a number from 0.001 to 1, 1 excluded (0.9 is 90 %), not {value}"
        )
