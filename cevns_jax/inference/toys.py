"""Pseudo-data: the Asimov data set, and toys."""

from __future__ import annotations

import zlib

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.likelihood import Likelihood, predictions
from cevns_jax.parameters import Values
from cevns_jax.pytree import changed
from cevns_jax.statistics import MOST_DRAWN

ENSEMBLES = ("unconditional", "fixed_pulls")
HIGHEST_SEED = 2**63 - 1  # of jax.random.key


def asimov(likelihood: Likelihood, values: Values | None = None) -> Likelihood:
    """The likelihood of the Asimov data set: counts equal to their expectation.

    The priors stay as they are declared.

    Args:
        likelihood: Whose prediction to use.
        values: Values of the parameters; default the start values.

    Raises:
        ConfigError: an unknown parameter, a value outside its domain, or an expectation that
            cannot be a count: not finite, or negative in a Poisson bin.
    """
    counts = {
        name: sum(parts.values(), start=np.zeros(()))
        for name, parts in predictions(likelihood, values).items()
    }
    made = likelihood.with_observed(counts, "asimov")
    for experiment in made.experiments:
        deviance = experiment.deviance(jnp.asarray(experiment.observed))
        wrong = int(np.sum(~np.isfinite(deviance)))
        if wrong:
            raise ConfigError(
                f"{experiment.name}: {wrong} of {np.size(deviance)} bins expect less than nothing "
                "at these values; no counts can be made there"
            )
    return made


def toy(
    likelihood: Likelihood,
    seed: int,
    values: Values | None = None,
    ensemble: str = "unconditional",
) -> Likelihood:
    """The likelihood of a toy data set: what another run of the same experiment could have given.

    ``"unconditional"``, the usual frequentist ensemble: a prior stands for an earlier measurement,
    and a toy repeats that measurement too. Counts are drawn at the true values, and the centre of
    every prior from a normal distribution of its width around the true value, also beyond the
    domain of the parameter. Templates with errors are simulated anew as well, see
    :class:`cevns_jax.template_errors.PoissonWithTemplateErrors`. A prior that experiments share is
    drawn once; a parameter that is held is known, and its prior stays. Intervals from
    Delta chi^2 < 1 cover the truth in 68 % of the toys (68.0 +- 0.7 % for sin^2 theta_W of CsI
    2021), and more where the truth is the end of a domain: Delta chi^2 < 2.71 in 95 %.

    ``"fixed_pulls"``: only counts are drawn, priors and templates stay as they are declared. The
    uncertainty of the pulls then does not scatter from toy to toy, but intervals still include it,
    and so cover the truth more often than they say: in 90.4 +- 0.4 % for the same parameter.
    ``benchmarks/coverage.py`` prints these shares.

    Args:
        likelihood: Whose prediction and priors to use.
        seed: Seed of the random numbers; the counts are the same in both ensembles, and those of
            an experiment the same whatever it is combined with.
        values: True values of the parameters; default the start values.
        ensemble: ``"unconditional"`` or ``"fixed_pulls"``.

    Raises:
        ConfigError: an unknown ensemble, a seed that is none, more counts than can be drawn, or
            as :func:`asimov`.
    """
    if ensemble not in ENSEMBLES:
        raise unknown("toy", "ensemble", ensemble, ENSEMBLES)
    if not 0 <= seed <= HIGHEST_SEED:
        raise ConfigError(f"toy: seed must be a whole number from 0 to {HIGHEST_SEED}, not {seed}")
    key = jax.random.key(seed)
    made = asimov(likelihood, values)  # its counts are the expectation, and checked
    counts = {}
    for e in made.experiments:
        drawn = np.asarray(e.statistic.draw(key_of(key, "counts", e.name), jnp.asarray(e.observed)))
        if np.isnan(drawn).any():
            raise ConfigError(
                f"{e.name}: no counts can be drawn where more than {MOST_DRAWN:g} are expected"
            )
        counts[e.name] = drawn
    kind = "toy_fixed_pulls" if ensemble == "fixed_pulls" else "toy"
    made = likelihood.with_observed(counts, kind)
    if ensemble == "fixed_pulls":
        return made
    repeated = [
        changed(e, statistic=e.statistic.repeated(key_of(key, "templates", e.name)))
        for e in made.experiments
    ]
    made = changed(made, experiments=tuple(repeated))
    return made.with_centres(_centres(made, key, values))


def _centres(likelihood: Likelihood, key: jax.Array, values: Values | None) -> dict[str, float]:
    """Centres of the priors of all parameters that are not held, around their true values."""
    truth = {name: p.start for name, p in likelihood.parameters.items()} | dict(values or {})
    return {
        name: float(p.prior.repeated(key_of(key, "centre", name), float(truth[name])))
        for name, p in likelihood.parameters.items()
        if name not in likelihood.held and p.prior.constrains
    }


def key_of(key: jax.Array, kind: str, name: str) -> jax.Array:
    """Key for what is drawn under a name. It is made of the name, not of an order, so that another
    experiment or parameter beside it changes nothing."""
    # Not hash(), which Python salts anew in every process.
    return jax.random.fold_in(key, zlib.crc32(f"{kind} {name}".encode()))
