"""The evidence for one model against another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.summary import Block, Summarised, Summary, number

if TYPE_CHECKING:
    from cevns_jax.inference.sample import Posterior


class _Factor(NamedTuple):
    log: float
    error: float
    priors: tuple[dict[str, str], dict[str, str]]


class BayesFactor(_Factor, Summarised):
    """ln of the ratio of two evidences, with its error, and the priors on which it depends.

    Attributes:
        log: ln B, positive where the first model is preferred.
        error: As far as the runs of both scatter.
        priors: Name -> prior in words, of the parameters of each model.
    """

    def summary(self) -> Summary:
        """The factor in words, with the priors of both models."""
        rows = [["ln B", f"{number(self.log, 3)} +- {number(self.error, 2)}"]]
        for which, priors in zip(("first", "second"), self.priors, strict=True):
            rows += [[which, f"{name}: {text}"] for name, text in priors.items()]
        return Summary(
            title="Bayes factor, which depends on the priors below",
            blocks=[Block(rows=rows)],
        )


def bayes_factor(first: Posterior, second: Posterior) -> BayesFactor:
    """ln of the evidence of one posterior over that of another, of the same data.

    Args:
        first, second: Posteriors by tempered Monte Carlo.

    Raises:
        ConfigError: a posterior without evidence, as of NUTS, or other data.
    """
    logs, errors, priors = [], [], []
    for posterior in (first, second):
        if posterior.log_evidence is None:
            raise ConfigError(
                'bayes_factor: needs posteriors with evidence, of cj.sample(method="tempered")'
            )
        runs = np.asarray(posterior.log_evidence)
        logs.append(float(runs.mean()))
        errors.append(float(runs.std(ddof=1)) / math.sqrt(len(runs)))
        declared = posterior.likelihood.parameters
        priors.append({name: declared[name].prior.text for name in posterior.names})
    if not _same_data(first, second):
        raise ConfigError("bayes_factor: the two posteriors are of other data")
    return BayesFactor(logs[0] - logs[1], math.hypot(*errors), (priors[0], priors[1]))


def _same_data(first: Posterior, second: Posterior) -> bool:
    one, other = (
        {e.name: np.asarray(e.observed) for e in posterior.likelihood.experiments}
        for posterior in (first, second)
    )
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)
