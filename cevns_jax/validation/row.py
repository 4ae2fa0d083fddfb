"""One published number beside ours, and the functions that compute ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.inference.fit import Fit, fit
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Values
from cevns_jax.published import Published

Fitted: TypeAlias = Callable[..., Fit]
"""Best fit of a config, by the name of its file and overrides; each is fitted once."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One published number beside ours.

    Attributes:
        quantity: What it is.
        published: The published number.
        value: Ours.
        error_low, error_high: Our errors, positive; NaN where there is none.
        config: Config that gives ours.
        remark: Why they differ, if they do.
        digits: Decimals shown.
    """

    quantity: str
    published: Published
    value: float
    error_low: float = float("nan")
    error_high: float = float("nan")
    config: str
    remark: str = ""
    digits: int = 3

    @property
    def difference(self) -> float:
        """Ours minus published, in units of the published error on that side (NaN if none)."""
        away = self.value - self.published.value
        error = self.published.error_high if away > 0 else self.published.error_low
        return away / error if error > 0 else float("nan")

    @property
    def ours(self) -> str:
        """Our value and errors as they are printed."""
        value, low, high = (
            f"{x:.{self.digits}f}" for x in (self.value, self.error_low, self.error_high)
        )
        if not np.isfinite(self.error_low):
            return value
        return f"{value} +- {low}" if low == high else f"{value} +{high} -{low}"

    def record(self) -> dict[str, Any]:
        """The row for JSON."""
        return {
            "quantity": self.quantity,
            "published": self.published.value,
            "published_source": self.published.source,
            "published_status": self.published.status,
            "published_read_in": self.published.read_in,
            "value": self.value,
            "error_low": self.error_low,
            "error_high": self.error_high,
            "difference_in_sigma": self.difference,
            "config": self.config,
            "remark": self.remark,
        }


def parameter(
    quantity: str, known: Published, best: Fit, config: str, remark: str, digits: int = 3
) -> Row:
    """A fitted parameter beside its published value."""
    index = best.names.index(known.parameter)
    return Row(
        quantity=quantity,
        published=known,
        value=float(best.x[index]),
        error_low=float(best.error_low[index]),
        error_high=float(best.error_high[index]),
        config=config,
        remark=remark,
        digits=digits,
    )


def events(likelihood: Likelihood, values: Values) -> dict[str, float]:
    """Expected events of the components of the one experiment."""
    (parts,) = jax.jit(Likelihood.components)(likelihood, values).values()
    return {name: float(jnp.sum(counts)) for name, counts in parts.items()}


def count(
    where: str,
    known: Published,
    significance: Published | None,
    best: Fit,
    config: str,
    remark: str,
) -> Iterator[Row]:
    """CEvNS events of a fit with free normalisation, and what their absence costs."""
    index = best.names.index("n_sigma")
    predicted = events(best.likelihood, best.likelihood.values())["cevns"]
    yield Row(
        quantity=f"{where}: CEvNS events, free normalisation",
        published=known,
        value=events(best.likelihood, best.likelihood.values(best.x))["cevns"],
        error_low=float(best.error_low[index]) * predicted,
        error_high=float(best.error_high[index]) * predicted,
        config=config,
        remark=remark,
        digits=0,
    )
    if significance is None:
        return
    yield absence(where, significance, best, config)


def absence(where: str, known: Published, best: Fit, config: str, remark: str = "") -> Row:
    """By how many standard deviations the best fit is better than one without CEvNS."""
    none = fit(best.likelihood.hold(n_sigma=0.0))
    return Row(
        quantity=f"{where}: sqrt(chi2(no CEvNS) - chi2(best))",
        published=known,
        value=float(np.sqrt(none.chi2 - best.chi2)),
        config=config,
        remark=remark,
        digits=1,
    )
