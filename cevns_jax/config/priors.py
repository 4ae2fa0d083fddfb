"""Priors in a config: the tables ``parameters.NAME.prior``.

The tables are checked here. The classes of :mod:`cevns_jax.priors`, which import JAX, are called
once the parameters are known. The keys are documented in ``docs/configuration.md``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from cevns_jax.config.parts import needed
from cevns_jax.config.strict_toml import Table
from cevns_jax.domains import LOG_WIDTH, PLACE, WIDTH
from cevns_jax.errors import LONGEST_TEXT, ConfigError, shown

if TYPE_CHECKING:
    from cevns_jax.priors import Prior

MakePrior = Callable[[], "Prior"]


def read_prior(table: Table) -> MakePrior:
    """A function that makes the prior of a table ``prior``, whose keys depend on its type.

    Args:
        table: The table.

    Raises:
        ConfigError: anything that is missing or not understood.
    """
    made = TYPES[table.choice("type", None, TYPES)](table)
    table.done()
    return made


def _flat(table: Table) -> MakePrior:
    lower, upper = _range(table)
    return partial(_made, "Flat", lower=lower, upper=upper)


def _gaussian(table: Table) -> MakePrior:
    mean, width = _measured(table)
    return partial(_made, "Gaussian", mean=mean, width=width)


def _truncated_gaussian(table: Table) -> MakePrior:
    mean, width = _measured(table)
    lower, upper = _range(table)
    if (lower, upper) == (-math.inf, math.inf):
        raise ConfigError(f'{table.where}: needs min or max, or both; without them: "gaussian"')
    return partial(_made, "TruncatedGaussian", mean=mean, width=width, lower=lower, upper=upper)


def _log_normal(table: Table) -> MakePrior:
    median = needed(table, "median", table.number("median", None, WIDTH))
    width = needed(table, "width", table.number("width", None, LOG_WIDTH))
    return partial(_made, "LogNormal", median=median, width=width)


def _log_uniform(table: Table) -> MakePrior:
    for key in ("min", "max"):
        needed(table, key, table.number(key, None, WIDTH))
    lower, upper = _range(table)
    return partial(_made, "LogUniform", lower=lower, upper=upper)


def _numpyro(table: Table) -> MakePrior:
    """A distribution of NumPyro, of which all other keys are arguments, each a number. They are
    checked by NumPyro when the prior is made."""
    name = table.text("distribution")
    if name is None:
        raise table.lacks("distribution", "needs distribution, the name of a class of NumPyro")
    arguments = {key: table.content[key] for key in table.content if key not in table.known}
    rest = Table(table.file, table.name, arguments)
    numbers = rest.numbers()
    table.known.update(numbers)
    return partial(_of_numpyro, name, numbers)


def _of_numpyro(name: str, numbers: dict[str, float]) -> Prior:
    import numpyro.distributions as known

    from cevns_jax.priors import FromNumPyro

    made = getattr(known, name, None)
    if not (isinstance(made, type) and issubclass(made, known.Distribution)):
        names = [n for n in known.__all__ if n[0].isupper()]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise ConfigError(
            f'numpyro.distributions has no "{shown(name)}"{hint} (allowed: classes of one '
            "continuous number there, such as Beta, Gamma, HalfNormal, StudentT)"
        )
    try:
        distribution = made(**numbers, validate_args=True)
    except (TypeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"{name} of NumPyro: {shown(text, LONGEST_TEXT)}") from None
    return FromNumPyro(distribution)


def _measured(table: Table) -> tuple[float, float]:
    """Mean and width."""
    mean = needed(table, "mean", table.number("mean", None, PLACE))
    return mean, needed(table, "width", table.number("width", None, WIDTH))


def _range(table: Table) -> tuple[float, float]:
    """Both ends, infinite where they are left out."""
    lower, upper = (table.number(key, None, PLACE) for key in ("min", "max"))
    low, high = -math.inf if lower is None else lower, math.inf if upper is None else upper
    if not low < high:
        raise ConfigError(f"{table.where}: min must be below max, not {low:g} and {high:g}")
    return low, high


def _made(kind: str, **numbers: float) -> Prior:
    from cevns_jax import priors

    made: Prior = getattr(priors, kind)(**numbers)
    return made


TYPES: dict[str, Callable[[Table], MakePrior]] = {
    "flat": _flat,
    "gaussian": _gaussian,
    "truncated_gaussian": _truncated_gaussian,
    "log_normal": _log_normal,
    "log_uniform": _log_uniform,
    "numpyro": _numpyro,
}
