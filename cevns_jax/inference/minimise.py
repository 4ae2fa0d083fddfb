"""The minimiser of profiles, scans and final fits: damped steps with the expected information.

The metric of a step is J^T W J plus the prior precision, W the expected information of each bin
(1/mu for Poisson bins): first derivatives only, no line search, a covariance for free. That is what
a batch of fits under ``vmap`` wants, where every lane walks until the slowest has finished.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Values
from cevns_jax.prediction.experiment import Experiment

TOLERANCE = 1e-9  # expected distance to the minimum, in units of chi^2
ROUNDING = 1e-6  # of chi^2: above its inverse the tolerance grows with chi^2, to 1e-15 of it
MAX_STEPS = 60


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
        converged: Whether edm is below the tolerance and nothing is NaN.
    """

    x: Any
    chi2: Any
    gradient: Any
    information: Any
    edm: Any
    steps: Any
    converged: Any


class _Local(NamedTuple):
    chi2: jax.Array  # continued beyond what is possible, so that a start there finds its way back
    impossible: jax.Array  # whether chi^2 itself is infinite
    gradient: jax.Array  # of chi^2 / 2
    information: jax.Array
    bend: jax.Array | None  # what the information leaves out of the curvature of chi^2 / 2


class _Carry(NamedTuple):
    x: jax.Array
    point: _Local
    edm: jax.Array
    trial: jax.Array
    promised: jax.Array  # fall of chi^2 that the quadratic model promises for the trial point
    damping: jax.Array
    growth: jax.Array
    steps: jax.Array


def minimise(
    likelihood: Likelihood,
    start: jax.Array,
    moving: jax.Array | None = None,
    *,
    second_order: bool = False,
) -> Minimum:
    """Minimise chi^2 over the varying parameters of a likelihood.

    Args:
        likelihood: What to minimise; parameters held in it stay.
        start: Start values, shape (n,).
        moving: Which parameters move, shape (n,), boolean; default all. Unlike held parameters
            these can change from call to call, or lane to lane, without a new compilation.
        second_order: Whether the curvature has the second derivatives of the signal as well. They
            take long to compile, and are needed only where a rate is smallest: there its
            first derivative vanishes, and a minimisation without them does not converge.

    Returns:
        The minimum. Never raises: ``converged`` says how it went.
    """
    if not likelihood.names:
        return _nothing_to_minimise(likelihood, start)
    likelihood = likelihood.frozen(likelihood.values(), varying=likelihood.names)
    mean, precision = likelihood.priors
    lower, upper = likelihood.bounds
    descent = _Descent(
        likelihood=likelihood,
        mean=mean,
        precision=precision,
        lower=lower,
        upper=upper,
        moving=jnp.ones(start.shape, bool) if moving is None else moving,
        bent=second_order and bool(likelihood.shaping),
    )
    done = jax.lax.while_loop(descent.unfinished, descent.step, descent.begin(start))
    gradient, _ = descent.restricted(done.x, done.point)
    return Minimum(
        x=done.x,
        chi2=jnp.where(done.point.impossible, jnp.inf, done.point.chi2),
        gradient=2 * gradient,
        information=done.point.information,
        edm=done.edm,
        steps=done.steps,
        converged=jnp.isfinite(done.point.chi2) & descent.arrived(done),
    )


@dataclass(frozen=True, kw_only=True)
class _Descent:
    """One minimisation: what it walks on, and its steps.

    Attributes:
        likelihood: Frozen but for its varying parameters.
        mean, precision: Of their priors, shape (n,).
        lower, upper: Their bounds, shape (n,).
        moving: Which of them move, shape (n,).
        bent: Whether second derivatives of the signal are added.
    """

    likelihood: Likelihood
    mean: Any
    precision: Any
    lower: Any
    upper: Any
    moving: Any
    bent: bool

    def begin(self, start: jax.Array) -> _Carry:
        """Before the first evaluation."""
        start = jnp.clip(start, self.lower, self.upper)
        # Made of the start, so that vmap knows at once what is batched: it traces the loop again
        # for everything that it finds out later.
        zeros = 0 * start
        number = 1 + zeros[0]
        bend = 0 * jnp.diag(zeros) if self.bent else None
        return _Carry(
            x=start,
            point=_Local(number * jnp.inf, number < 0, zeros, jnp.diag(1 + zeros), bend),
            edm=number * jnp.inf,
            trial=start,
            promised=number,
            damping=1e-3 * number,
            growth=2 * number,
            steps=jnp.zeros_like(number, int),
        )

    def local(self, x: jax.Array) -> _Local:
        """chi^2 and its derivatives at a point."""
        values = self.likelihood.values(x)
        chi2 = self.likelihood.penalty(values)
        gradient = jnp.asarray(self.precision * (x - self.mean))
        information = jnp.diag(jnp.asarray(self.precision))
        impossible = jnp.isnan(chi2)
        slopes = []
        for experiment in self.likelihood.experiments:
            mu, rows = _expected_and_jacobian(experiment, self.likelihood, values)
            deviance, slope, weight, never = map(jnp.ravel, experiment.bin_terms(mu))
            chi2 += jnp.sum(deviance)
            impossible |= jnp.any(never)
            slopes.append(slope.reshape(mu.shape))
            if rows:
                jacobian = jnp.stack([jnp.ravel(row) for row in rows.values()])
                # Sums, not matrix products: XLA fuses them, and a batched product of this size
                # costs four times as much on a CPU.
                by_row = jnp.sum(jacobian * slope, axis=1)
                by_pair = jnp.sum((jacobian * weight)[:, None] * jacobian, axis=2)
                gradient += _spread(by_row, rows, self.likelihood.names)
                information += _spread(by_pair, rows, self.likelihood.names)
        bend = _bend(self.likelihood, values, slopes) if self.bent else None
        return _Local(chi2, impossible, gradient, information, bend)

    def restricted(self, x: jax.Array, point: _Local) -> tuple[jax.Array, jax.Array]:
        """Gradient and curvature in the parameters that can move from x: not past a bound, and not
        where they change nothing, as the mass of a mediator without coupling. The curvature is the
        expected information, with its second-order part where the sum is positive definite."""
        at_bound = ((x <= self.lower) & (point.gradient > 0)) | (
            (x >= self.upper) & (point.gradient < 0)
        )
        open_ = self.moving & ~at_bound & (jnp.diag(point.information) > 0)
        gradient = jnp.where(open_, point.gradient, 0.0)
        both = open_[:, None] & open_[None, :]
        information = jnp.where(both, point.information, jnp.eye(x.size))
        if point.bend is None:
            return gradient, information
        whole = information + jnp.where(both, point.bend, 0.0)
        definite = jnp.isfinite(_solve(whole, gradient)).all()
        return gradient, jnp.where(definite, whole, information)

    def bounded(
        self, x: jax.Array, there: jax.Array, gradient: jax.Array, metric: jax.Array
    ) -> jax.Array:
        """Step to the minimum of the quadratic model inside the bounds, nearly: what would leave
        them on the way there stops, and the others take that into account."""
        stopped = (there < self.lower) | (there > self.upper)
        ends = jnp.where(stopped, jnp.clip(there, self.lower, self.upper) - x, 0.0)
        rest = jnp.where(stopped, 0.0, gradient + metric @ ends)
        both = stopped[:, None] | stopped[None, :]
        cut = jnp.where(both, jnp.eye(x.size), metric)
        others = x + ends - _solve(cut, rest, needed=stopped.any())
        return jnp.clip(jnp.where(stopped.any(), others, there), self.lower, self.upper) - x

    def step(self, carry: _Carry) -> _Carry:
        """Judge the trial point, then propose the next one. The only place that evaluates."""
        new = self.local(carry.trial)
        gain = (carry.point.chi2 - new.chi2) / jnp.where(carry.promised > 0, carry.promised, 1.0)
        at_rounding = jnp.abs(carry.promised) < 1e-12 * jnp.maximum(1.0, jnp.abs(new.chi2))
        accept = jnp.isfinite(new.chi2) & (((gain > 0) & (carry.promised > 0)) | at_rounding)
        x = jnp.where(accept, carry.trial, carry.x)
        point = jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, carry.point)
        shrink = jnp.clip(1 - (2 * gain - 1) ** 3, 1 / 5, 2.0)
        damping = carry.damping * jnp.where(accept, shrink, carry.growth)
        gradient, curvature = self.restricted(x, point)

        def fall(dx: jax.Array) -> jax.Array:
            """Of chi^2, as the quadratic model has it."""
            return -(2 * gradient @ dx + dx @ curvature @ dx)

        damped = curvature + damping * jnp.diag(jnp.diag(curvature))
        both = jnp.stack([curvature, damped])
        newton, there = x - jax.vmap(_solve, (0, None))(both, gradient)
        # What cannot be moved any more is no distance: x is a number of 53 bits, and has bounds.
        inside = jnp.all((newton >= self.lower) & (newton <= self.upper))
        edm = jnp.where(inside, fall(newton - x), gradient @ (x - newton))
        dx = self.bounded(x, there, gradient, damped)
        return _Carry(
            x=x,
            point=point,
            edm=edm,
            trial=x + dx,
            promised=fall(dx),
            damping=damping,
            growth=jnp.where(accept, 2.0, 2 * carry.growth),
            steps=carry.steps + 1,
        )

    def arrived(self, carry: _Carry) -> jax.Array:
        """Whether the minimum is near enough."""
        # Far from the data, rounding of chi^2 itself sets the limit.
        return carry.edm < TOLERANCE * jnp.maximum(1.0, ROUNDING * carry.point.chi2)

    def unfinished(self, carry: _Carry) -> jax.Array:
        """Whether another step is to be tried."""
        return ~self.arrived(carry) & (carry.steps < MAX_STEPS)


def _nothing_to_minimise(likelihood: Likelihood, start: jax.Array) -> Minimum:
    """chi^2 where every parameter is held, as on the grid of a profile without nuisances."""
    chi2 = likelihood.chi2(likelihood.values())
    zero = jnp.zeros_like(chi2)
    information = jnp.zeros((0, 0), start.dtype)
    return Minimum(start, chi2, start, information, zero, jnp.zeros((), int), ~jnp.isnan(chi2))


def _bend(likelihood: Likelihood, values: Values, slopes: list[jax.Array]) -> jax.Array:
    """Second derivatives of the expected counts times half the slopes of the deviance, in the
    parameters that shape the signal; zero in the others. Shape (n, n).

    Where a rate has its minimum, as where a coupling cancels the weak charge, its first derivative
    vanishes and with it the expected information: this part alone tells how far the minimum is.
    """
    names = likelihood.shaping
    frozen = likelihood.frozen(values, varying=names).experiments

    def weighted(part: jax.Array) -> jax.Array:
        at = {**values, **dict(zip(names, part, strict=True))}
        totals = [experiment.expected(likelihood.interaction, at) for experiment in frozen]
        return sum(
            (jnp.sum(slope * total) for slope, total in zip(slopes, totals, strict=True)),
            start=jnp.zeros(()),
        )

    here = jnp.stack([jnp.asarray(values[name]) for name in names])
    block = jax.jacfwd(jax.jacfwd(weighted))(here)
    return _spread(block, names, likelihood.names)


def _expected_and_jacobian(
    experiment: Experiment, likelihood: Likelihood, values: Values
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Expected counts of an experiment and their derivatives in those varying parameters that move
    it, shape of its bins each; one parameter at a time.

    ``jacfwd`` would push a dense basis through everything; taken alone, a parameter costs only
    what depends on it. For most nuisance parameters that is one template: they act on the signal
    evaluated once.
    """
    interaction = likelihood.interaction
    frozen = experiment.frozen(interaction, values)
    rows: dict[str, jax.Array] = {}

    def along(name: str, component: str, model: Experiment) -> jax.Array:
        def moved(value: jax.Array) -> jax.Array:
            return model.component(component, interaction, {**values, name: value})

        at = jnp.asarray(values[name])
        return jax.jvp(moved, (at,), (jnp.ones_like(at),))[1]

    for component in experiment.component_names:
        for name, costly in experiment.moved_by(component, interaction).items():
            if name in likelihood.names:
                row = along(name, component, experiment if costly else frozen)
                rows[name] = rows[name] + row if name in rows else row
    return frozen.expected(interaction, values), rows


def _spread(block: jax.Array, names: Collection[str], of: Sequence[str]) -> jax.Array:
    """A vector or matrix over some names as one over all of them, zero where there is none.

    A gather: the scatter that ``at[].add`` makes is slow on a CPU.
    """
    places = {name: i for i, name in enumerate(names)}
    rows = np.array([places.get(name, len(places)) for name in of])
    padded = jnp.pad(block, [(0, 1)] * block.ndim)
    return padded[rows] if block.ndim == 1 else padded[rows][:, rows]


def _solve(matrix: jax.Array, vector: jax.Array, needed: jax.Array | bool = True) -> jax.Array:
    """Solve a positive definite system, by elimination; NaN where it is not positive definite,
    anything where no solution is needed: no time is spent where no lane of a batch needs one.

    Not by the Cholesky decomposition of LAPACK: the batched one of jaxlib 0.10 waits for threads of
    the pool that it runs on, and two at a time, as here or on two devices, wait for each other for
    ever.
    """

    def eliminate(k: jax.Array, rows: jax.Array) -> jax.Array:
        pivot = rows[k, k]
        row = rows[k] / jnp.where(pivot > 0, pivot, jnp.nan)
        here = jnp.arange(vector.size)[:, None] == k
        return jnp.where(here, row, rows - rows[:, k, None] * row)

    rows = jnp.concatenate([matrix, vector[:, None]], axis=1)
    last = vector.size if needed is True else jnp.where(needed, vector.size, 0)
    return jax.lax.fori_loop(0, last, eliminate, rows)[:, -1]


@partial(jax.jit, static_argnames="second_order")
def minimise_lanes(
    likelihood: Likelihood, starts: jax.Array, moving: jax.Array, *, second_order: bool
) -> Minimum:
    """Many minimisations of one likelihood.

    Args:
        likelihood: What to minimise.
        starts: Start values, shape (L, n).
        moving: Which parameters move, shape (L, n), boolean.
        second_order: As :func:`minimise`.
    """

    def one(start: jax.Array, moves: jax.Array) -> Minimum:
        return minimise(likelihood, start, moves, second_order=second_order)

    return jax.vmap(one)(starts, moving)
