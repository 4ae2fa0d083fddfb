"""Whether a posterior with improper priors has a finite integral, found before it is sampled.

A prior that is flat up to infinity is fine where the data end the posterior: a coupling, whose rate
grows without limit, or a normalisation. It is not where chi^2 does not rise towards the infinite
end, as of a mass, whose mediator is gone there, or along a combination of parameters that the data
do not see. Such a sampler would walk on for ever, and its draws mean nothing.

The density of one parameter x is followed towards its infinite end, all others integrated by the
method of Laplace on the line, where a ridge that narrows loses its width in the right power:

    ln p(x) = -min chi^2(x)/2 - ln det H(x)/2 + const.

x p(x), the posterior in an interval of ln x, has to fall with a power of x.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.inference.minimise import Minimum
from cevns_jax.inference.mode import ends_of
from cevns_jax.inference.target import Target, parameters
from cevns_jax.inference.valleys import FARTHEST, one
from cevns_jax.likelihood import Likelihood

# Distances from the mode, in units of its width or of its own distance from zero. A ridge is
# followed from one to the next. The last one lies beyond where a coupling at the end of its domain,
# 10, keeps up with a mass, which for MeV and couplings of 1e-6 takes seven decades.
DISTANCES = np.geomspace(1.0, 1e10, 21)
STEPS = 4  # two decades, over which the power of x p(x) is read off at the last distance
LEAST_POWER = 0.1  # by which it has to fall; without an end chi^2 is flat, and it rises with x
# ln x p(x) below that of the mode, from which on there is nothing that draws could ever find: 1e-11
# of them in an interval of ln x. A linear normalisation can take away all of a signal however large
# the signal is: at ten widths, where the density of a posterior that is flat in the signal falls as
# 1/x, whose integral is infinite beyond any number there is.
NOTHING = -25.0
MOST_MODES = 4  # from which the others start, beside where they were at the distance before


def check_proper(likelihood: Likelihood, target: Target, modes: Sequence[Minimum]) -> None:
    """Check that the integral of a posterior is finite.

    Args:
        likelihood: Which declares the priors of the target.
        target: The posterior.
        modes: Its modes, the highest first.

    Raises:
        ConfigError: it is not, because of a parameter whose prior is improper; its name, and what
            helps.
    """
    for index, name in enumerate(likelihood.names):
        prior = likelihood.parameters[name].prior
        if bool(prior.proper):
            continue
        for side, end in ((-1.0, prior.lower), (1.0, prior.upper)):
            if np.isinf(end) and not _falls(likelihood, target, modes, index, side):
                where = "below" if side < 0 else "above"
                raise ConfigError(
                    f"sample: the posterior of {name} has no finite integral, as its prior "
                    f"({prior.text}) has no end {where} and chi^2 does not rise there; give it a "
                    f"prior with an end, in [parameters.{name}.prior] or as priors={{...}}, or "
                    f"hold it"
                )


def _falls(
    likelihood: Likelihood, target: Target, modes: Sequence[Minimum], index: int, side: float
) -> bool:
    """Whether the density of a parameter falls fast enough towards an infinite end.

    Args:
        likelihood, target, modes: As :func:`check_proper`.
        index: The parameter.
        side: -1 or 1: below, above.
    """
    u = np.asarray(modes[0].x)
    rest = np.arange(len(u)) != index
    centre = float(parameters(target, modes[0].x)[index])
    unit = _unit(modes[0], index, centre)
    improper = [not bool(likelihood.parameters[name].prior.proper) for name in likelihood.names]
    weights: list[float] = []
    for distance in DISTANCES:
        # Along a flat direction all improper parameters grow together.
        wider = np.where(improper, u * DISTANCES[1], u) if weights else u
        starts = np.stack([u, wider, *(np.asarray(mode.x) for mode in modes[:MOST_MODES])])
        starts[:, index] = _on_line(target, index, centre + side * unit * distance)
        found = ends_of(target, starts, rest)
        best = one(found, int(np.argmin(np.nan_to_num(found.chi2, nan=np.inf))))
        if np.isfinite(best.chi2):
            u = np.asarray(best.x)
        fallen = _log_density(best, rest) - _log_density(modes[0], rest)
        weights.append(fallen + np.log(distance))
    last, before = weights[-1], weights[-1 - STEPS]
    fallen = before - last if last > NOTHING else np.inf
    return bool(fallen > LEAST_POWER * np.log(DISTANCES[-1] / DISTANCES[-1 - STEPS]))


def _unit(mode: Minimum, index: int, centre: float) -> float:
    """The unit of distances: the width at the mode, or the distance of that from zero."""
    information = float(np.asarray(mode.information)[index, index])
    width = information**-0.5 if information > 0 else 0.0
    return max(min(width, FARTHEST), abs(float(centre))) or 1.0


def _on_line(target: Target, index: int, x: float) -> float:
    """The number on the line of one parameter at x."""
    values = np.array(parameters(target, jnp.zeros(len(target.names))))
    values[index] = x
    return float(target.line.unconstrained(values)[index])


def _log_density(there: Minimum, rest: np.ndarray) -> float:
    """ln of the density of one parameter up to a constant; minus infinity where counts are
    impossible or too large for a number."""
    if not np.isfinite(there.chi2):
        return -np.inf
    information = np.asarray(there.information)[np.ix_(rest, rest)]
    # A direction without any information would make it infinite: its width is that of the sampler's
    # whole world, which is large but a number.
    size = np.linalg.slogdet(information + np.eye(len(information)) * FARTHEST**-2)[1]
    return float(-there.chi2 / 2 - size / 2)
