"""The minimiser of profiles, scans and final fits: damped steps with the expected information.

It knows chi^2, its gradient and a metric at a point, and bounds, but not where they come from. The
metric is the expected information J^T W J, with W the information of each bin (1/mu for Poisson
bins), plus the precision of the priors. It takes only first derivatives and no line search, and
gives a covariance at no extra cost. This suits a batch of fits under ``vmap``, in which every lane
runs until the slowest has finished: L-BFGS with its line search took 27 times longer there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cevns_jax.inference.endings import LAST_ANSWER, Ending

# Expected distance to the minimum, in units of chi^2: parameters are then within 3e-5 of their
# errors, and one more step would be below rounding. 1e-6 makes a scan 10 % faster, with parameters
# to 1e-3 of their errors; root searches and the spreading of minima count on more.
TOLERANCE = 1e-9
# From a chi^2 of 1/ROUNDING on, the tolerance grows with chi^2, to 1e-15 of it: below that, the sum
# of the bins is itself rounded by more, and no step could be seen to gain.
ROUNDING = 1e-6
# Points of interest take 4 to 6; more than this only those with chi^2 above a thousand, where the
# information is a poor metric, and a batch would wait for them.
MAX_STEPS = 60
# Share of the diagonal that is added to the curvature at first. Small, as most starts are so near
# that undamped steps are best; at 1 every minimisation would begin with steps of half the length.
# It adapts at once, and other choices of the damping gained nothing (docs/benchmarks.md).
FIRST_DAMPING = 1e-3
# A step may change chi^2 by this share of it through rounding alone: the sum of hundreds of terms
# in 53 bits. Steps that promise less are taken unseen, instead of being damped for ever.
UNSEEN = 1e-12


class Local(NamedTuple):
    """What is known of chi^2 at a point.

    Attributes:
        chi2: -2 ln L; where that is infinite, a finite function in its place that falls towards the
            region where counts are possible, so that a start there finds its way back.
        impossible: Whether -2 ln L itself is infinite.
        gradient: Of chi^2 / 2, shape (n,).
        information: Expected information about the parameters, shape (n, n); positive semidefinite.
        bend: What the information leaves out of the curvature of chi^2 / 2, same shape, or
            ``None``.
    """

    chi2: jax.Array
    impossible: jax.Array
    gradient: jax.Array
    information: jax.Array
    bend: jax.Array | None


class Minimum(NamedTuple):
    """Where a minimisation ended; with leading axes when batched. JAX arrays where it is traced,
    NumPy arrays where it was collected.

    Attributes:
        x: Varying parameters, shape (n,).
        chi2: -2 ln L there; infinite where some counts are impossible whatever the parameters: such
            a point is excluded, not failed.
        gradient: d chi^2/dx, shape (n,); zero for parameters that were kept.
        information: Expected information of -ln L, prior included, shape (n, n).
        edm: Expected distance to the minimum in units of chi^2.
        steps: Number of steps tried.
        ending: How it ended, see :class:`cevns_jax.inference.endings.Ending`.
    """

    x: Any
    chi2: Any
    gradient: Any
    information: Any
    edm: Any
    steps: Any
    ending: Any

    @property
    def converged(self) -> Any:
        """Whether chi^2 is known here: edm is below the tolerance and nothing is NaN, or chi^2 is
        infinite whatever the parameters."""
        return self.ending <= int(LAST_ANSWER)


class _Carry(NamedTuple):
    """The state of a descent between two steps.

    Attributes:
        x: The best point so far, shape (n,).
        point: What is known of chi^2 there.
        edm: Expected distance of x to the minimum, in units of chi^2.
        trial: The point to be evaluated next, shape (n,).
        promised: Fall of chi^2 from x to the trial point by the quadratic model.
        damping: Share of its diagonal that is added to the curvature.
        growth: Factor by which the damping grows if the trial point is rejected.
        steps: Number of points evaluated.
    """

    x: jax.Array
    point: Local
    edm: jax.Array
    trial: jax.Array
    promised: jax.Array
    damping: jax.Array
    growth: jax.Array
    steps: jax.Array


def minimise(
    local: Callable[[jax.Array], Local],
    start: jax.Array,
    bounds: tuple[Any, Any],
    moving: jax.Array | None = None,
    *,
    bent: bool = False,
    most_steps: int | jax.Array | None = None,
) -> Minimum:
    """Minimise chi^2 inside bounds.

    Args:
        local: What is known of chi^2 at a point, shape (n,).
        start: Start values, shape (n,).
        bounds: Lowest and highest values, shape (n,) each.
        moving: Which parameters move, shape (n,), boolean; default all. The choice is traced: it
            can differ from call to call, or from lane to lane, without a new compilation.
        bent: Whether ``local`` gives ``bend``, the second-order part of the curvature.
        most_steps: Number of steps after which it gives up, traced; with one step chi^2 is
            evaluated at the start, and that is all. Default ``MAX_STEPS``.

    Returns:
        The minimum. Never raises: ``ending`` says how it went.
    """
    if not start.size:  # as on the grid of a profile without nuisances
        point = local(start)
        zero = jnp.zeros_like(point.chi2)
        return _minimum(start, point, start, zero, jnp.zeros((), int), ~jnp.isnan(point.chi2))
    lower, upper = bounds
    everything = jnp.ones(start.shape, bool)
    descent = _Descent(
        local=local,
        lower=lower,
        upper=upper,
        moving=everything if moving is None else moving,
        bent=bent,
        most_steps=MAX_STEPS if most_steps is None else most_steps,
    )
    done = jax.lax.while_loop(descent.unfinished, descent.step, descent.begin(start))
    gradient, _ = descent.restricted(done.x, done.point)
    return _minimum(done.x, done.point, gradient, done.edm, done.steps, descent.arrived(done))


def _minimum(
    x: jax.Array,
    point: Local,
    gradient: jax.Array,
    edm: jax.Array,
    steps: jax.Array,
    arrived: jax.Array,
) -> Minimum:
    """The result of a minimisation that ended at x."""
    known = jnp.isfinite(point.chi2)
    answer = jnp.where(point.impossible, int(Ending.EXCLUDED), int(Ending.CONVERGED))
    failure = jnp.where(known, int(Ending.OUT_OF_STEPS), int(Ending.NOT_A_NUMBER))
    return Minimum(
        x=x,
        chi2=jnp.where(point.impossible, jnp.inf, point.chi2),
        gradient=2 * gradient,
        information=point.information,
        edm=edm,
        steps=steps,
        ending=jnp.where(known & arrived, answer, failure),
    )


@dataclass(frozen=True, kw_only=True)
class _Descent:
    """One minimisation: what it minimises, and the steps it takes.

    Attributes:
        local: What is known of chi^2 at a point.
        lower, upper: Bounds of the parameters, shape (n,).
        moving: Which of them move, shape (n,).
        bent: Whether ``local`` gives second derivatives of the counts as well.
        most_steps: Number of steps after which it gives up.
    """

    local: Callable[[jax.Array], Local]
    lower: Any
    upper: Any
    moving: Any
    bent: bool
    most_steps: Any

    def begin(self, start: jax.Array) -> _Carry:
        """The state before the first evaluation: chi^2 is infinite, so the start is accepted."""
        start = jnp.clip(start, self.lower, self.upper)
        # Everything is computed from the start, so that vmap knows at once what is batched. For a
        # constant, such as zeros_like, it finds out only in the loop, and traces that once more.
        zeros = 0 * start
        number = 1 + zeros[0]
        bend = 0 * jnp.diag(zeros) if self.bent else None
        return _Carry(
            x=start,
            point=Local(number * jnp.inf, number < 0, zeros, jnp.diag(1 + zeros), bend),
            edm=number * jnp.inf,
            trial=start,
            promised=number,
            damping=FIRST_DAMPING * number,
            growth=2 * number,
            steps=(0 * number).astype(int),
        )

    def restricted(self, x: jax.Array, point: Local) -> tuple[jax.Array, jax.Array]:
        """Gradient, shape (n,), and curvature, shape (n, n), restricted to the parameters that can
        move from x.

        Excluded are those at a bound that chi^2 would push beyond it, and those that change
        nothing, as the mass of a mediator without coupling: their gradient becomes zero, their
        rows and columns those of the unit matrix. The curvature is the expected information, plus
        its second-order part if the sum is positive definite.

        Of a parameter with a gradient but without information nothing tells how far to go. The
        square of its gradient is taken in the place of its information: the step then promises
        that chi^2 falls by one, in any unit of the parameter. The expected distance does not
        shrink, so that it never counts as converged inside the bounds.
        """
        at_bound = ((x <= self.lower) & (point.gradient > 0)) | (
            (x >= self.upper) & (point.gradient < 0)
        )
        informed = ~(jnp.diag(point.information) <= 0)  # NaN is kept, and seen in the result
        square = point.gradient**2
        open_ = self.moving & ~at_bound & (informed | (square != 0))
        gradient = jnp.where(open_, point.gradient, 0.0)
        known = open_ & informed
        both = known[:, None] & known[None, :]
        alone = jnp.diag(jnp.where(open_ & ~informed, square, 1.0))
        information = jnp.where(both, point.information, alone)
        if point.bend is None:
            return gradient, information
        whole = information + jnp.where(both, point.bend, 0.0)
        definite = jnp.isfinite(_solve(whole, gradient)).all()
        return gradient, jnp.where(definite, whole, information)

    def bounded(
        self, x: jax.Array, there: jax.Array, gradient: jax.Array, metric: jax.Array
    ) -> jax.Array:
        """Minimum of the quadratic model inside the bounds, approximately, shape (n,).

        Parameters that would leave their bounds on the way to ``there``, the minimum without
        bounds, stop at them; the others then move to the minimum given those. Clipping alone would
        leave the others where they are best only together with the parameters that left.

        The result is a place and not a step, as x plus a step to a bound can round to beyond it.
        """
        stopped = (there < self.lower) | (there > self.upper)
        nearest = jnp.clip(there, self.lower, self.upper)
        ends = jnp.where(stopped, nearest - x, 0.0)
        rest = jnp.where(stopped, 0.0, gradient + metric @ ends)
        both = stopped[:, None] | stopped[None, :]
        cut = jnp.where(both, jnp.eye(x.size), metric)
        others = jnp.where(stopped, nearest, x - _solve(cut, rest, needed=stopped.any()))
        return jnp.clip(jnp.where(stopped.any(), others, there), self.lower, self.upper)

    def step(self, carry: _Carry) -> _Carry:
        """Judge the trial point, then propose the next one. Nothing else evaluates chi^2: under
        ``vmap`` every lane pays for each evaluation that the program contains."""
        new = self.local(carry.trial)
        gain = (carry.point.chi2 - new.chi2) / jnp.where(carry.promised > 0, carry.promised, 1.0)
        at_rounding = jnp.abs(carry.promised) < UNSEEN * jnp.maximum(1.0, jnp.abs(new.chi2))
        accept = jnp.isfinite(new.chi2) & (((gain > 0) & (carry.promised > 0)) | at_rounding)
        x = jnp.where(accept, carry.trial, carry.x)
        point = jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, carry.point)
        # Damping by the ratio of the gain to the promise, after Nielsen (1999), "Damping parameter
        # in Marquardt's method": smooth, where thresholds would make it jump, and growing ever
        # faster in a row of rejections. It shrinks to a fifth at most, and may double.
        shrink = jnp.clip(1 - (2 * gain - 1) ** 3, 1 / 5, 2.0)
        damping = carry.damping * jnp.where(accept, shrink, carry.growth)
        gradient, curvature = self.restricted(x, point)

        def fall(dx: jax.Array) -> jax.Array:
            """Fall of chi^2 by the quadratic model after a step dx."""
            return -(2 * gradient @ dx + dx @ curvature @ dx)

        damped = curvature + damping * jnp.diag(jnp.diag(curvature))
        both = jnp.stack([curvature, damped])
        newton, there = x - jax.vmap(_solve, (0, None))(both, gradient)
        # The distance is that of places, x and newton, as x is a number of 53 bits: a Newton step
        # too small to change x counts as none. Where the step would leave the bounds, g^T V g is
        # an upper limit of the fall inside them.
        inside = jnp.all((newton >= self.lower) & (newton <= self.upper))
        edm = jnp.where(inside, fall(newton - x), gradient @ (x - newton))
        trial = self.bounded(x, there, gradient, damped)
        return _Carry(
            x=x,
            point=point,
            edm=edm,
            trial=trial,
            promised=fall(trial - x),
            damping=damping,
            growth=jnp.where(accept, 2.0, 2 * carry.growth),
            steps=carry.steps + 1,
        )

    def arrived(self, carry: _Carry) -> jax.Array:
        """Whether the minimum is near enough."""
        # Far from the data, chi^2 is large and its own rounding sets the limit.
        return carry.edm < TOLERANCE * jnp.maximum(1.0, ROUNDING * carry.point.chi2)

    def unfinished(self, carry: _Carry) -> jax.Array:
        """Whether another step is to be tried."""
        return ~self.arrived(carry) & (carry.steps < self.most_steps)


def _solve(matrix: jax.Array, vector: jax.Array, needed: jax.Array | bool = True) -> jax.Array:
    """Solve a positive definite system by elimination, without pivoting.

    The Cholesky decomposition of LAPACK is not used: the batched one of jaxlib 0.10 waits for
    threads of the pool that it runs on itself, and two at a time, as here or on two devices, wait
    for each other for ever.

    Args:
        matrix: Shape (n, n).
        vector: Shape (n,).
        needed: Whether the solution is needed. Where no lane of a batch needs one, the loop takes
            no steps and the result means nothing.

    Returns:
        The solution, shape (n,); NaN where the matrix is not positive definite.
    """

    def eliminate(k: jax.Array, rows: jax.Array) -> jax.Array:
        pivot = rows[k, k]
        row = rows[k] / jnp.where(pivot > 0, pivot, jnp.nan)
        here = jnp.arange(vector.size)[:, None] == k
        return jnp.where(here, row, rows - rows[:, k, None] * row)

    rows = jnp.concatenate([matrix, vector[:, None]], axis=1)
    last = vector.size if needed is True else jnp.where(needed, vector.size, 0)
    return jax.lax.fori_loop(0, last, eliminate, rows)[:, -1]
