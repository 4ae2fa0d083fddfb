"""COHERENT CsI (2021): cevns_jax against NumPy + iminuit, measured side by side in one run.

    python benchmarks/csi_2021.py [--output FILE.json] [--points 10000] [--quick] [--no-shell]

Both sides first have to agree in chi^2 and in the profile. "compile" is the first call less a warm
one, tracing included; all other times are warm, medians of several, waited for to the end.
cevns_jax scans on all local devices; NumPy + iminuit uses one core, and a subset of the points
scaled up.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy_iminuit
import shell

from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference.fit import Fit, fit
from cevns_jax.inference.profile import profile
from cevns_jax.likelihood import Likelihood
from cevns_jax.startup import start_jax

CONFIGS = Path(__file__).parents[1] / "configs"
ANGLE = "sin2_theta_w"
LOW, HIGH, ONE = 0.14, 0.34, 0.20  # the scan, and the one point of a profile
BATCH = 1000  # points under one vmap
RUN = 30  # consecutive grid points that NumPy + iminuit walks before it jumps ahead


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
    """One likelihood on both sides.

    Attributes:
        likelihood: Of cevns_jax, sin^2 theta_W first.
        best: Its best fit.
        repeats: Number of times of which a median is taken.
        scan_aims: Longest time of a full scan [s] and smallest ratio to NumPy + iminuit.
    """

    name: str
    likelihood: Likelihood
    best: Fit
    model: numpy_iminuit.Model
    repeats: int
    scan_aims: tuple[float, float]


def duration(seconds: float) -> str:
    size, unit = next((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (0, "us")) if seconds >= s)
    return f"{seconds / (size or 1e-6):.3g} {unit}"


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


def prepare(
    name: str,
    config: str,
    model: type[numpy_iminuit.Model],
    repeats: int,
    aims: tuple[float, float],
) -> tuple[Case, Row]:
    """Both sides of a likelihood, and the time to build them."""
    read = lambda: read_analysis(CONFIGS / f"{config}.toml").likelihood  # noqa: E731
    read()  # imports
    likelihood, ours = once(read)
    built, theirs = once(model)
    if (likelihood.names[0], len(likelihood.names)) != (ANGLE, 1 + len(model.names)):
        raise SystemExit(f"{config}: the parameters differ: {likelihood.names}, {model.names}")
    case = Case(
        name=name,
        likelihood=likelihood,
        best=fit(likelihood),
        model=built,
        repeats=repeats,
        scan_aims=aims,
    )
    return case, Row(quantity="likelihood built", cevns_jax=ours, numpy=theirs)


def agree(case: Case) -> dict[str, float]:
    """Largest difference of chi^2 at random points (relative) and of the profile (absolute).

    Raises:
        SystemExit: they are too large for a comparison of times.
    """
    like = case.likelihood
    chi2 = jax.jit(lambda x: like.chi2(like.values(x)))
    random = np.random.default_rng(2021)
    widths = np.array([0.05] + [1.0] * len(case.model.names))
    moves = widths * random.normal(size=(6, widths.size))
    moves[0] = 0
    points = like.start + moves
    relative = max(abs(case.model.chi2(x) / float(chi2(x)) - 1) for x in points)
    grid = np.linspace(LOW, HIGH, 21)
    ours = profile(like, best=case.best, **{ANGLE: grid})
    minuit = numpy_iminuit.minimiser(case.model, case.best.x[1:])
    minuit.tol = 1e-3
    theirs = numpy_iminuit.scan(case.model, grid, minuit)
    absolute = float(np.max(np.abs(theirs - ours.chi2)))
    if not (relative < 1e-6 and absolute < 1e-4 and ours.converged.all()):
        raise SystemExit(f"{case.name}: no agreement, chi^2 {relative:.1e}, profile {absolute:.1e}")
    return {"chi2_relative": relative, "profile_chi2": absolute}


def numpy_evaluations(case: Case) -> dict[str, dict[str, float]]:
    """Times [s] of chi^2 and of chi^2 with its gradient in NumPy, the latter by each way."""
    model, start = case.model, np.asarray(case.likelihood.start)
    # Every call moves every parameter, or the NumPy side would only look up what it kept.
    points = itertools.cycle(start + 0.01 * np.random.default_rng(2).normal(size=(64, start.size)))
    calls = {"differences": lambda: numpy_iminuit.numerical_gradient(model, next(points))}
    if isinstance(model, numpy_iminuit.FourNormalisations):
        calls["analytic"] = lambda: model.value_and_gradient(next(points))
    gradients = {kind: warm(call, case.repeats) for kind, call in calls.items()}
    value = {"chi^2": warm(lambda: model.chi2(next(points)), case.repeats)}
    return {"chi^2": value, "chi^2 and gradient": gradients}


def evaluations(case: Case) -> list[Row]:
    """chi^2, chi^2 with its gradient, and their ratio: one call, and one of many under vmap."""
    like = case.likelihood
    chi2 = lambda x: like.chi2(like.values(x))  # noqa: E731
    both = jax.value_and_grad(chi2)
    start = np.asarray(like.start)
    batch = start + 0.01 * np.random.default_rng(1).normal(size=(BATCH, start.size))
    theirs = numpy_evaluations(case)
    rows = []
    for kind, value, value_and_gradient, x, size in (
        ("one call", chi2, both, start, 1),
        (f"each of {BATCH}", jax.vmap(chi2), jax.vmap(both), batch, BATCH),
    ):
        x, times = jax.device_put(x), []
        both_ways = zip((value, value_and_gradient), theirs.items(), strict=True)
        for function, (what, variants) in both_ways:
            lowered, tracing = once(lambda f=function, x=x: jax.jit(f).lower(x))
            call, compilation = once(lowered.compile)
            times.append(warm(lambda call=call, x=x: call(x), case.repeats) / size)
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
    case: Case, grid: np.ndarray, expected: np.ndarray, points: int
) -> dict[str, float]:
    """Time per scanned point [s] of each way to run iminuit.

    Runs of consecutive points spread over the grid: each point starts from its neighbour's
    minimum, as in a full scan. The jump from run to run is not counted.
    """
    run = min(RUN, len(grid))
    firsts = np.linspace(0, len(grid) - run, max(1, points // run)).astype(int)
    gradients = (False, True) if hasattr(case.model, "conditional_gradient") else (False,)
    found = {}
    for gradient, strategy in ((g, s) for g in gradients for s in (0, 1)):
        minuit = numpy_iminuit.minimiser(case.model, case.best.x[1:], gradient, strategy)
        seconds = []
        for first in firsts:
            part = grid[first : first + run]
            numpy_iminuit.scan(case.model, part[:1], minuit)
            chi2, took = once(lambda p=part, m=minuit: numpy_iminuit.scan(case.model, p, m))
            if not (np.abs(chi2 - expected[first : first + run]) < 1e-4).all():
                raise SystemExit(f"{case.name}: Minuit is elsewhere near {part[0]:.4f}")
            seconds.append(took / run)
        kind = "analytic gradient" if gradient else "numerical gradient"
        found[f"{kind}, strategy {strategy}"] = statistics.mean(seconds)
    return found


def profiles(case: Case, points: int, subset: int) -> list[Row]:
    """The profile at one point from the best fit, and the scan."""

    def ours(grid: np.ndarray, repeats: int) -> tuple[float, float, np.ndarray]:
        call = lambda: profile(case.likelihood, best=case.best, **{ANGLE: grid})  # noqa: E731
        done, first = once(call)
        if not done.converged.all():
            raise SystemExit(f"{case.name}: {(~done.converged).sum()} points did not converge")
        seconds = warm(call, repeats)
        return first - seconds, seconds, done.chi2

    def theirs() -> np.ndarray:
        minuit = numpy_iminuit.minimiser(case.model, case.best.x[1:])
        return numpy_iminuit.scan(case.model, np.array([ONE]), minuit)

    compilation, seconds, _ = ours(np.array([ONE]), case.repeats)
    single = Row(
        quantity="profile, one point",
        compile=compilation,
        cevns_jax=seconds,
        numpy=warm(theirs, case.repeats),
    )
    grid = np.linspace(LOW, HIGH, points)
    compilation, seconds, chi2 = ours(grid, max(2, case.repeats // 2))
    per_point = iminuit_seconds(case, grid, chi2, min(subset, points))
    numpy_seconds = min(per_point.values()) * points
    longest, smallest = case.scan_aims
    aims = {f"< {longest:g} s": seconds < longest}
    if smallest:
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
    return [single, scan, *others]


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    affinity = getattr(os, "sched_getaffinity", None)
    packages = ("jax", "jaxlib", "numpy", "scipy", "iminuit")
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "devices": [f"{d.platform} {d.device_kind}" for d in jax.devices()],
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def shown(name: str, rows: list[Row]) -> dict[str, Any]:
    """Print a block of the table; the same for the JSON."""
    heads = ("compile", "cevns_jax", "NumPy", "ratio")
    print(f"\n{name:<46}" + "".join(f"{head:>13}" for head in heads) + "  aims")
    for row in rows:
        print(row.text(), flush=True)
    return {row.quantity: {k: v for k, v in asdict(row).items() if k != "quantity"} for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description="cevns_jax against NumPy + iminuit")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="results as JSON")
    parser.add_argument("--points", type=int, default=10_000, help="points of the scan")
    parser.add_argument("--quick", action="store_true", help="smoke run: 200 points, no shell")
    parser.add_argument("--no-shell", action="store_true", help="leave out the commands")
    options = parser.parse_args()
    points, repeats, subset = (200, 2, 60) if options.quick else (options.points, 7, 300)
    if points < 2:
        parser.error("--points must be at least 2")
    start_jax()
    jax.config.update("jax_enable_compilation_cache", False)  # "compile" means compile
    document: dict[str, Any] = {"machine": machine(), "agreement": {}, "times": {}}
    for key, value in document["machine"].items():
        print(f"{key:<13}{value}")
    for name, config, model, aims in (
        ("four normalisations", "coherent_csi_2021", numpy_iminuit.FourNormalisations, (0.5, 200)),
        ("split signal", "coherent_csi_2021_split", numpy_iminuit.Split, (10.0, 0)),
    ):
        case, built = prepare(name, config, model, repeats, aims)
        document["agreement"][name] = found = agree(case)
        print(f"\n{name}: chi^2 agrees to {found['chi2_relative']:.1e} (relative), ", end="")
        print(f"profile to {found['profile_chi2']:.1e}")
        rows = [built, *evaluations(case), *profiles(case, points, subset)]
        document["times"][name] = shown(name, rows)
    print(f"\nNumPy + iminuit: scan of {min(subset, points)} points scaled up, on one core")
    if not (options.quick or options.no_shell):
        rows = [Row(**row) for row in shell.times(CONFIGS / "coherent_csi_2021.toml")]
        document["times"]["shell"] = shown("shell", rows)
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
