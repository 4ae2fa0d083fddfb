"""Declaration of a parameter of a fit: name, start, prior, bounds, unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.priors import Flat, Gaussian, Prior
from cevns_jax.priors.prior import check_prior
from cevns_jax.pytree import plain_pytree, static

Values: TypeAlias = Mapping[str, jax.Array | float]
"""Values of parameters: a flat mapping name -> number, so that gradients are such a mapping too."""


NO_PRIOR = Flat()


@plain_pytree
@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter, free or fixed.

    Attributes:
        name: Python identifier, unique in a likelihood.
        start: Value where fits start, and the value of a fixed parameter [unit].
        prior: What is known of it before the data, see :mod:`cevns_jax.priors`.
        lower: Lowest value of the domain [unit]: the declared one, or that of the prior if that is
            higher.
        upper: Highest value of the domain [unit]: the declared one, or that of the prior if that is
            lower.
        expected: Range inside the domain in which the value is expected [unit]. A minimum outside
            it is another solution, which is reported only where there is none inside, or where a
            start asks for it.
        searched: Range inside the domain in which limits are looked for unless another is given
            [unit], as couplings of a mediator that are not negative.
        varies: Whether it varies in a fit unless it is held, as nuisance parameters and free
            backgrounds do. Other parameters vary only if they are named as free.
        unit: Unit of the value; empty for a pure number.
        label: TeX label for figures.

    Raises:
        ConfigError: a prior that is none, or a start outside the domain.
    """

    name: str = static()
    start: float = 0.0
    prior: Prior = NO_PRIOR
    lower: float = -math.inf
    upper: float = math.inf
    expected: tuple[float, float] = static(default=(-math.inf, math.inf))
    searched: tuple[float, float] = static(default=(-math.inf, math.inf))
    varies: bool = static(default=False)
    unit: str = static(default="")
    label: str = static(default="")

    def __post_init__(self) -> None:
        check_prior(self.name, self.prior)
        numbers = (self.start, self.lower, self.upper, self.prior.lower, self.prior.upper)
        if any(isinstance(number, jax.core.Tracer) for number in numbers):
            return  # made inside a trace, from a declaration that was checked outside
        object.__setattr__(self, "lower", max(self.lower, self.prior.lower))
        object.__setattr__(self, "upper", min(self.upper, self.prior.upper))
        if not (math.isfinite(self.start) and self.lower <= self.start <= self.upper):
            check_domain("declaration", self, self.start)


def check_domain(where: str, declared: Parameter, value: object) -> None:
    """Check a value of a parameter, or an array of them, against its domain.

    A value that JAX traces cannot be checked, and passes.

    Args:
        where: The call or the file that gave the value.
        declared: The parameter.
        value: The value [unit of the parameter].

    Raises:
        ConfigError: a value outside the domain, not finite, or no number.
    """
    if any(isinstance(x, jax.core.Tracer) for x in (value, declared.lower, declared.upper)):
        return
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError(f'{where}: {declared.name} must be a number, not "{value}"') from None
    if (
        not np.isfinite(numbers).all()
        or (numbers < declared.lower).any()
        or (numbers > declared.upper).any()
    ):
        at = f"{numbers:g}" if numbers.ndim == 0 else f"{numbers.tolist()}"
        raise ConfigError(
            f"{where}: {declared.name} must be finite and lie between {declared.lower:g} and "
            f"{declared.upper:g}, not at {at}"
        )


def pull(name: str, lower: float = -math.inf) -> Parameter:
    """Declaration of a nuisance parameter: a pull with a unit-normal prior, which counts in units
    of the width of the uncertainty.

    Args:
        name: Name of the parameter.
        lower: Lowest value, e.g. where nothing is left of what it scales.
    """
    return Parameter(
        name=name, prior=Gaussian(0.0, 1.0), lower=lower, varies=True, label=name.replace("_", " ")
    )


def completed(
    where: str,
    declared: Mapping[str, Parameter],
    values: Values,
    held: Mapping[str, Any] = MappingProxyType({}),
) -> Values:
    """Values of all parameters. A missing one has the value at which it is held, or else its start
    value.

    Only names are compared, never numbers, so that a compiled function contains nothing of this.

    Args:
        where: The call that was given the values, for the error.
        declared: All parameters, by name.
        values: Values of some or all of them; returned unchanged if none is missing.
        held: Values at which parameters are held.

    Raises:
        ConfigError: a name that is not declared.
    """
    for name in values:
        if name not in declared:
            raise unknown(where, "parameter", name, declared)
    if len(values) == len(declared):
        return values
    missing = {name: p.start for name, p in declared.items() if name not in values}
    missing |= {name: value for name, value in held.items() if name in missing}
    return {name: jnp.asarray(value) for name, value in missing.items()} | dict(values)


@jax.tree_util.register_pytree_node_class
class Declared(dict[str, Any]):
    """Values of the parameters that somebody has declared; reading any other is an error.

    Derivatives are taken only with respect to declared parameters. If a prediction could read a
    value without declaring it, its derivative in that parameter would be missing without notice.

    Attributes:
        where: Who reads the values, and what kind they are, for the error.
        names: Names of the declared parameters.
    """

    def __init__(self, values: Values, names: Iterable[str], where: str) -> None:
        self.where, self.names = where, tuple(dict.fromkeys(names))
        super().__init__({name: values[name] for name in self.names if name in values})

    def __missing__(self, name: str) -> Any:
        if name in self.names:
            raise KeyError(name)
        raise ConfigError(
            f'{self.where} "{name}", which neither it nor the interaction declares '
            f"(declared: {', '.join(self.names) or 'none'})"
        )

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default for a declared parameter without a value.

        Raises:
            ConfigError: the name is not declared.
        """
        return self[name] if name in self or name not in self.names else default

    def tree_flatten(self) -> tuple[list[Any], tuple[Any, ...]]:
        names = sorted(self)
        return [self[name] for name in names], (tuple(names), self.names, self.where)

    @classmethod
    def tree_unflatten(cls, structure: tuple[Any, ...], leaves: Iterable[Any]) -> Declared:
        present, names, where = structure
        return cls(dict(zip(present, leaves, strict=True)), names, where)
