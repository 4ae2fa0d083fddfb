"""Profile likelihood: chi^2 on a grid, everything else minimised at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.inference.batches import Progress
from cevns_jax.inference.checks import checked_grid
from cevns_jax.inference.fit import Fit, fit
from cevns_jax.inference.grids import affecting, minimise_grid
from cevns_jax.inference.intervals import Curve, Interval, intervals, joined
from cevns_jax.inference.levels import LEVELS
from cevns_jax.inference.minimise import Minimum
from cevns_jax.likelihood import Likelihood
from cevns_jax.summary import Summarised, Summary


@dataclass(frozen=True, kw_only=True, repr=False)
class Profile(Summarised):
    """A profile over one parameter. P points, n parameters minimised at each.

    Attributes:
        parameter: Name of the parameter on the grid.
        grid: Its values, shape (P,).
        minima: Minima at the points, with a leading axis of P.
        valleys: Number of minima that were found at each point, shape (P,).
        names: The minimised parameters.
        best: Best fit with the parameter free.
    """

    parameter: str
    grid: np.ndarray
    minima: Minimum
    valleys: np.ndarray
    names: tuple[str, ...]
    best: Fit

    def summary(self) -> Summary:
        """What was found, in words and tables."""
        from cevns_jax.results.profile import profile_result

        return profile_result(self, LEVELS[1]).summary()

    @property
    def likelihood(self) -> Likelihood:
        """What was profiled, with the parameter free."""
        return self.best.likelihood

    @property
    def chi2(self) -> np.ndarray:
        """Minimum of chi^2 at each point, shape (P,); infinite where a point is excluded."""
        return np.asarray(self.minima.chi2)

    @property
    def converged(self) -> np.ndarray:
        """Whether the minimisation converged at each point, shape (P,)."""
        return np.asarray(self.minima.converged)

    @property
    def edm(self) -> np.ndarray:
        """Expected distance to the minimum, in units of chi^2, shape (P,)."""
        return np.asarray(self.minima.edm)

    @property
    def x(self) -> np.ndarray:
        """Values of the minimised parameters, shape (P, n)."""
        return np.asarray(self.minima.x)

    @property
    def best_chi2(self) -> float:
        """Lowest chi^2, on the grid or at the best fit."""
        return float(min(self.best.chi2, *self.chi2[self.converged]))

    @property
    def excluded(self) -> np.ndarray:
        """Points at which counts are impossible whatever the other parameters, shape (P,),
        boolean."""
        return self.converged & np.isinf(self.chi2)

    def affecting(self, highest: float) -> np.ndarray:
        """Points that did not converge and on which ranges may depend, shape (P,), boolean.

        Args:
            highest: Highest level of Delta chi^2 that is reported.
        """
        return affecting(self.minima, self.grid.shape, self.best_chi2, highest)

    @property
    def delta_chi2(self) -> np.ndarray:
        """chi^2 above its lowest value on the grid or at the best fit."""
        return self.chi2 - self.best_chi2

    def intervals(self, levels: Sequence[float]) -> list[list[Interval]]:
        """Ranges inside the grid where Delta chi^2 is below each of some levels. Their ends come
        from a root search on the profiled chi^2, around the best fit and every local minimum of the
        grid.

        Args:
            levels: E.g. 1 (68 %), 2.71 (90 %) or 3.84 (95 %) for one parameter.
        """
        curve = Curve(self.grid, self.minima)
        # The best fit is a point of the curve as well: a range narrower than the grid holds it.
        at_best = _point_of(self.best, self.parameter)
        value = at_best.values[0]
        if self.grid[0] < value < self.grid[-1] and value not in self.grid:
            curve = joined(curve, at_best)
        return intervals(self.likelihood, self.parameter, curve, self.best_chi2, levels)

    def allowed(self, delta_chi2: float) -> list[tuple[float, float]]:
        """Ranges [low, high] where Delta chi^2 is below a level; see :meth:`intervals`, which also
        says which ends are those of the grid."""
        (found,) = self.intervals([delta_chi2])
        return [(interval.low, interval.high) for interval in found]


def profile(
    likelihood: Likelihood,
    *,
    best: Fit | None = None,
    starts: Sequence[Mapping[str, float]] = ({},),
    progress: Progress = iter,
    **grid: np.ndarray | jax.Array,
) -> Profile:
    """Profile of one parameter, e.g. ``profile(like, sin2_theta_w=jnp.linspace(0.15, 0.33, 201))``.

    Args:
        likelihood: What to profile. The parameter may be free in it or not.
        best: Best fit with the parameter free, and its valleys; fitted here if not given.
        starts: Starts of that fit; not used where it is given.
        progress: Wraps the iterable of blocks, e.g. ``tqdm.tqdm``.
        **grid: One parameter and its values, shape (P,).

    Raises:
        ConfigError: no or several parameters, an unknown one, a grid that is empty, not finite,
            not ascending or outside the domain, or a best fit of other parameters.
    """
    if len(grid) != 1:
        raise ConfigError(f"profile: give one parameter and its grid, not {len(grid)}")
    ((name, values),) = grid.items()
    points = checked_grid("profile", likelihood, name, values)
    likelihood = likelihood.freed(name)
    if best is None:
        best = fit(likelihood, starts, progress=progress)
    elif name not in best.names or _others(best.names, name) != _others(likelihood.names, name):
        raise ConfigError(
            f"profile: best is a fit of {', '.join(best.names)}, not of "
            f"{', '.join(likelihood.names)}"
        )
    index = best.names.index(name)
    valleys = np.stack([np.delete(valley.x, index) for valley in best.valleys])
    found = minimise_grid(
        likelihood,
        {name: points},
        _conditional_starts(best, name, points),
        known=valleys,
        progress=progress,
    )
    return Profile(
        parameter=name,
        grid=points,
        minima=found.minima,
        valleys=found.valleys,
        names=_others(likelihood.names, name),
        best=best,
    )


def _others(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


def _point_of(best: Fit, name: str) -> Curve:
    """The best fit as a point of the profile. Its gradient and information are never used, and are
    zero here."""
    index, n = best.names.index(name), len(best.x) - 1
    minimum = Minimum(
        x=np.delete(best.x, index)[None],
        chi2=np.array([best.chi2]),
        gradient=np.zeros((1, n)),
        information=np.zeros((1, n, n)),
        edm=np.array([best.edm]),
        steps=np.array([best.steps]),
        ending=np.array([int(best.ending)]),
    )
    return Curve(best.x[index : index + 1], minimum)


def _conditional_starts(best: Fit, name: str, points: np.ndarray) -> np.ndarray:
    """Where the minima of the other parameters would be if the likelihood were Gaussian, shape
    (P, n): they move along the covariance of the best fit."""
    index = best.names.index(name)
    slopes = np.delete(best.covariance[:, index], index) / best.covariance[index, index]
    # Where the best fit has no covariance, the others start at their best values.
    return np.delete(best.x, index) + np.outer(points - best.x[index], np.nan_to_num(slopes))
