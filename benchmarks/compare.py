"""cevns_jax against NumPy + iminuit on one likelihood: do they agree, and what does each cost?

"compile" is the first call less a warm one, tracing included; all other times are warm, medians of
several, waited for to the end. cevns_jax scans on all local devices; NumPy + iminuit uses one core,
and a subset of the points scaled up.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy_iminuit

from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference.fit import Fit, fit
from cevns_jax.inference.profile import profile
from cevns_jax.inference.toys import asimov
from cevns_jax.likelihood import Likelihood

CONFIGS = Path(__file__).parents[1] / "configs"
ANGLE = "sin2_theta_w"
ONE = 0.20  # the one point of a profile
BATCH = 1000  # points under one vmap
RUN = 30  # consecutive grid points that NumPy + iminuit walks before it jumps ahead
MINUIT_ELSEWHERE = 3e-4  # of chi^2; Minuit stops at an expected distance of 2e-4


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table, times in seconds.

    Attributes:
        quantity: What was measured.
        cevns_jax: Warm time, or a ratio of two.
        numpy: The same by NumPy + iminuit, fastest variant.
        compile: First call of cevns_jax less a warm one.
        aims: Aim in words -> whether it is met.
        details: Everything else, for the JSON.
    """

    quantity: str
    cevns_jax: float
    numpy: float | None = None
    compile: float | None = None
    aims: dict[str, bool] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The row as a line of the table."""
        unit = (lambda t: f"{t:.2f}") if self.quantity.startswith("ratio") else duration
        cells = [
            "" if self.compile is None else duration(self.compile),
            unit(self.cevns_jax),
            "" if self.numpy is None else duration(self.numpy),
            "" if self.numpy is None else f"{self.numpy / self.cevns_jax:.2f}",
        ]
        aims = "; ".join(f"{aim} {'met' if met else 'MISSED'}" for aim, met in self.aims.items())
        return f"{self.quantity:<46}" + "".join(f"{cell:>13}" for cell in cells) + f"  {aims}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A likelihood to measure.

    Attributes:
        name: For the command line and the JSON.
        title: For people.
        config: Of cevns_jax, in ``configs``; its profile is what is scanned.
        overrides: As on the command line.
        asimov: Whether the data are those that the likelihood expects.
        model: Builds the same with NumPy.
        scan_aims: Longest time of a full scan [s] and smallest ratio to NumPy + iminuit.
        parts: Names of the cases that it combines.
        quick: Whether a quick run has it; another case covers it else.
    """

    name: str
    title: str
    config: str
    overrides: tuple[str, ...] = ()
    asimov: bool = False
    model: Callable[[], numpy_iminuit.Model]
    scan_aims: tuple[float | None, float | None] = (None, None)
    parts: tuple[str, ...] = ()
    quick: bool = True

    def read(self) -> tuple[Likelihood, tuple[float, float]]:
        """The likelihood of cevns_jax, and the ends of the scan."""
        analysis = read_analysis(CONFIGS / f"{self.config}.toml", self.overrides)
        likelihood = asimov(analysis.likelihood) if self.asimov else analysis.likelihood
        return likelihood, (analysis.profile.grid[0], analysis.profile.grid[-1])


@dataclass(frozen=True, kw_only=True)
class Sides:
    """One likelihood on both sides.

    Attributes:
        case: What it is.
        likelihood: Of cevns_jax, sin^2 theta_W first.
        best: Its best fit.
        model: Of NumPy.
        ends: Of the scan.
        repeats: Number of times of which a median is taken.
    """

    case: Case
    likelihood: Likelihood
    best: Fit
    model: numpy_iminuit.Model
    ends: tuple[float, float]
    repeats: int

    @property
    def widths(self) -> np.ndarray:
        """How far to move each parameter: one standard deviation, of its prior if it has one."""
        _, precision = self.likelihood.prior_mean_and_precision
        found = np.where(precision > 0, np.maximum(precision, 1e-300) ** -0.5, self.best.errors)
        return np.append(0.05, found[1:])


def duration(seconds: float) -> str:
    units = ((1, "s"), (1e-3, "ms"), (1e-6, "us"), (0, "ns"))
    size, unit = next((s, u) for s, u in units if seconds >= s)
    return f"{seconds / (size or 1e-9):.3g} {unit}"


def once(call: Callable[[], Any]) -> tuple[Any, float]:
    """Result and time [s] of one call."""
    began = time.perf_counter()
    result = jax.block_until_ready(call())
    return result, time.perf_counter() - began


def warm(call: Callable[[], Any], repeats: int) -> float:
    """Median time of a call [s]; short ones are looped to last 20 ms."""
    result, _ = once(call)
    arrays = [a for a in jax.tree.leaves(result) if isinstance(a, jax.Array)]
    loops = max(1, int(0.02 / max(once(call)[1], 1e-7)))

    def several() -> None:
        for _ in range(loops):
            found = call()
            if arrays:  # NumPy need not wait
                jax.block_until_ready(found)

    return statistics.median(once(several)[1] for _ in range(repeats)) / loops


def prepare(case: Case, repeats: int) -> tuple[Sides, Row]:
    """Both sides of a likelihood, and the time to build them."""
    for build in (case.read, case.model):  # imports, and what compiles once
        build()
    (likelihood, ends), ours = once(case.read)
    model, theirs = once(case.model)
    alone = f"{likelihood.experiments[0].name}_" if len(likelihood.experiments) == 1 else ""
    if tuple(name.removeprefix(alone) for name in likelihood.names) != (ANGLE, *model.names):
        raise SystemExit(f"{case.name}: parameters differ: {likelihood.names}, {model.names}")
    sides = Sides(
        case=case,
        likelihood=likelihood,
        best=fit(likelihood),
        model=model,
        ends=ends,
        repeats=repeats,
    )
    return sides, Row(quantity="likelihood built", cevns_jax=ours, numpy=theirs)


def agree_in_chi2(sides: Sides) -> float:
    """Largest difference of chi^2 at random points, relative; absolute where chi^2 is below 1, as
    it is for an Asimov data set.

    Raises:
        SystemExit: it is too large for a comparison of times.
    """
    like, model = sides.likelihood, sides.model
    chi2 = jax.jit(lambda x: like.chi2(like.values(x)))
    random = np.random.default_rng(2021)
    moves = sides.widths * random.normal(size=(6, sides.widths.size))
    moves[0] = 0
    pairs = [(model.chi2(x), float(chi2(x))) for x in like.start + moves]
    largest = max(abs(theirs - ours) / max(ours, 1.0) for theirs, ours in pairs)
    if not largest < 1e-6:
        raise SystemExit(f"{sides.case.name}: no agreement in chi^2, {largest:.1e} (relative)")
    return largest


def agree_in_profile(sides: Sides, grid: np.ndarray, chi2: np.ndarray) -> float:
    """Largest difference of a scan of cevns_jax to Minuit with a small tolerance, at 21 points.

    Raises:
        SystemExit: it is too large for a comparison of times.
    """
    some = np.linspace(0, len(grid) - 1, 21).astype(int)
    minuit = numpy_iminuit.minimiser(sides.model, sides.best.x[1:])
    minuit.tol = 1e-3
    theirs = numpy_iminuit.scan(sides.model, grid[some], minuit)
    largest = float(np.max(np.abs(theirs - chi2[some])))
    if not largest < 1e-4:
        raise SystemExit(f"{sides.case.name}: no agreement in the profile, {largest:.1e}")
    return largest


def numpy_evaluations(sides: Sides) -> dict[str, dict[str, float]]:
    """Times [s] of chi^2 and of chi^2 with its gradient in NumPy, the latter by each way."""
    model, start = sides.model, np.asarray(sides.likelihood.start)
    # Every call moves every parameter, or the NumPy side would only look up what it kept.
    moves = 0.01 * sides.widths * np.random.default_rng(2).normal(size=(64, start.size))
    points = itertools.cycle(start + moves)
    calls = {
        "differences": lambda: numpy_iminuit.numerical_gradient(model, next(points)),
        "analytic": lambda: model.value_and_gradient(next(points)),
    }
    gradients = {kind: warm(call, sides.repeats) for kind, call in calls.items()}
    value = {"chi^2": warm(lambda: model.chi2(next(points)), sides.repeats)}
    return {"chi^2": value, "chi^2 and gradient": gradients}


def evaluations(sides: Sides, quick: bool = False) -> list[Row]:
    """chi^2, chi^2 with its gradient, and their ratio: one call (left out in a quick run, which
    mostly compiles), and one of many under vmap."""
    like = sides.likelihood
    chi2 = lambda x: like.chi2(like.values(x))  # noqa: E731
    both = jax.value_and_grad(chi2)
    start = np.asarray(like.start)
    batch = start + 0.01 * sides.widths * np.random.default_rng(1).normal(size=(BATCH, start.size))
    theirs = numpy_evaluations(sides)
    one_call = ("one call", chi2, both, start, 1)
    each_of = (f"each of {BATCH}", jax.vmap(chi2), jax.vmap(both), batch, BATCH)
    rows = []
    for kind, value, value_and_gradient, x, size in (each_of,) if quick else (one_call, each_of):
        x, times = jax.device_put(x), []
        both_ways = zip((value, value_and_gradient), theirs.items(), strict=True)
        for function, (what, variants) in both_ways:
            lowered, tracing = once(lambda f=function, x=x: jax.jit(f).lower(x))
            call, compilation = once(lowered.compile)
            times.append(warm(lambda call=call, x=x: call(x), sides.repeats) / size)
            rows.append(
                Row(
                    quantity=f"{what}, {kind}",
                    compile=tracing + compilation,
                    cevns_jax=times[-1],
                    numpy=min(variants.values()),
                    details={"tracing": tracing, "numpy_variants": variants},
                )
            )
        ratio = times[1] / times[0]
        aims = {"<= 2.5": ratio <= 2.5}
        rows.append(Row(quantity=f"ratio of the two, {kind}", cevns_jax=ratio, aims=aims))
    return rows


def iminuit_seconds(
    sides: Sides, grid: np.ndarray, expected: np.ndarray, points: int
) -> dict[str, float]:
    """Time per scanned point [s] of each way to run iminuit.

    Runs of consecutive points spread over the grid: each point starts from its neighbour's
    minimum, as in a full scan. The jump from run to run is not counted.
    """
    run = min(RUN, len(grid))
    firsts = np.linspace(0, len(grid) - run, max(1, points // run)).astype(int)
    found = {}
    for gradient, strategy in itertools.product((False, True), (0, 1)):
        minuit = numpy_iminuit.minimiser(sides.model, sides.best.x[1:], gradient, strategy)
        seconds = []
        for first in firsts:
            part = grid[first : first + run]
            numpy_iminuit.scan(sides.model, part[:1], minuit)
            chi2, took = once(lambda p=part, m=minuit: numpy_iminuit.scan(sides.model, p, m))
            if not (np.abs(chi2 - expected[first : first + run]) < MINUIT_ELSEWHERE).all():
                raise SystemExit(f"{sides.case.name}: Minuit is elsewhere near {part[0]:.4f}")
            seconds.append(took / run)
        kind = "analytic gradient" if gradient else "numerical gradient"
        found[f"{kind}, strategy {strategy}"] = statistics.mean(seconds)
    return found


def profiles(
    sides: Sides, points: int, subset: int, quick: bool = False
) -> tuple[list[Row], float]:
    """The profile at one point from the best fit (not in a quick run), and the scan; how well the
    latter agrees."""
    case = sides.case

    def ours(grid: np.ndarray, repeats: int) -> tuple[float, float, np.ndarray]:
        call = lambda: profile(sides.likelihood, best=sides.best, **{ANGLE: grid})  # noqa: E731
        done, first = once(call)
        if not done.converged.all():
            raise SystemExit(f"{case.name}: {(~done.converged).sum()} points did not converge")
        seconds = warm(call, repeats)
        return max(first - seconds, 0.0), seconds, done.chi2  # a busy machine

    def theirs() -> np.ndarray:
        minuit = numpy_iminuit.minimiser(sides.model, sides.best.x[1:])
        return numpy_iminuit.scan(sides.model, np.array([ONE]), minuit)

    rows = []
    if not quick:
        compilation, seconds, _ = ours(np.array([ONE]), sides.repeats)
        rows.append(
            Row(
                quantity="profile, one point",
                compile=compilation,
                cevns_jax=seconds,
                numpy=warm(theirs, sides.repeats),
            )
        )
    grid = np.linspace(*sides.ends, points)
    compilation, seconds, chi2 = ours(grid, max(2, sides.repeats // 2))
    per_point = iminuit_seconds(sides, grid, chi2, min(subset, points))
    numpy_seconds = min(per_point.values()) * points
    longest, smallest = case.scan_aims
    aims = {}
    if longest is not None:
        aims[f"< {longest:g} s"] = seconds < longest
    if smallest is not None:
        aims[f">= {smallest:g} times"] = numpy_seconds >= smallest * seconds
    scan = Row(
        quantity=f"scan of {points} points",
        compile=compilation,
        cevns_jax=seconds,
        numpy=numpy_seconds,
        aims=aims if points >= 10_000 else {},
        details={"numpy_points": min(subset, points), "numpy_per_point": per_point},
    )
    others = [
        Row(quantity=f"  against {kind}", cevns_jax=seconds, numpy=each * points)
        for kind, each in per_point.items()
    ]
    return [*rows, scan, *others], agree_in_profile(sides, grid, chi2)
