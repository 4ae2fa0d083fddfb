"""Effective samples per second: cevns_jax's NUTS against emcee on the same likelihood in NumPy.

    python benchmarks/posteriors.py [--output FILE.json] [--quick] [--only NAME] [--no-shell]
                                    [--seconds 120] [--seeds 3]

Both sample chi^2 with the same flat sin^2 theta_W and normal pulls, after a check that it agrees.
emcee is its plain form, one call of the NumPy likelihood for each walker, as that takes one point;
it has the default ensemble moves and starts around the fit. Its walkers run until a chain is 50
autocorrelation times long, or for ``--seconds``; rows whose chains are shorter say so. An effective
sample is a draw over the autocorrelation time of emcee's own estimator, on both sides, of the worst
parameter. Times of draws are warm and without the warm-up, or burn-in, of either side.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emcee
import jax
import numpy as np
import numpy_combined
import numpy_csi_2021
import numpy_lar_2020
from compare import CONFIGS
from numpy_iminuit import Model
from run import machine
from shell import timed

import cevns_jax as cj
from cevns_jax.inference.mode import modes_of
from cevns_jax.inference.run import WARM_UP, Run
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.target import parameters, target_of
from cevns_jax.likelihood import Likelihood
from cevns_jax.startup import start_jax

LONG = 50  # autocorrelation times of a chain whose estimate is trusted
WALKERS = 32  # at least; four for each parameter, as is usual
FIRST = 1000  # effective samples that a person waits for
SHELL_AIM = 12.0  # [s]

SHELL = """
import sys, time
import cevns_jax as cj
from cevns_jax.startup import start_jax
start_jax()
analysis = cj.read_analysis(sys.argv[1])
found = cj.sample(analysis.likelihood, seed=1, draws=int(sys.argv[2]), chains=4)
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A posterior to sample on both sides."""

    name: str
    config: str
    model: Callable[[], Model]
    overrides: tuple[str, ...] = ()
    aim: float | None = None  # times emcee


CASES = (
    Case(
        name="csi_2021",
        config="coherent_csi_2021",
        model=numpy_csi_2021.four_normalisations,
        aim=50.0,
    ),
    Case(
        name="csi_2021_split",
        config="coherent_csi_2021_split",
        model=numpy_csi_2021.Split,
        aim=20.0,
    ),
    Case(
        name="lar_2020_split",
        config="coherent_lar_2020_flavour_times",
        overrides=('experiments.coherent_lar_2020.nuisances="split"',),
        model=numpy_lar_2020.Split,
    ),
    Case(name="csi_lar", config="coherent_csi_lar", model=numpy_combined.csi_and_argon),
)


def times_of(x: np.ndarray) -> np.ndarray:
    """Autocorrelation times of chains, shape (chains, draws, n) -> (n,), by emcee's estimator."""
    found: np.ndarray = emcee.autocorr.integrated_time(np.swapaxes(x, 0, 1), quiet=True, tol=0)
    return found


def effective(x: np.ndarray, seconds: float) -> dict[str, float]:
    """Effective samples per second of the worst parameter, and how long its chains are."""
    worst = float(np.max(times_of(x)))
    samples = x.shape[0] * x.shape[1] / max(worst, 1.0)
    return {
        "autocorrelation": worst,
        "lengths": x.shape[1] / worst,
        "effective": samples,
        "per_second": samples / seconds,
        "seconds": seconds,
        "mean": float(x[..., 0].mean()),
        "mean_error": float(x[..., 0].std() / (x[..., 0].size / times_of(x)[0]) ** 0.5),
    }


def ours(likelihood: Likelihood, chains: int, draws: int, seed: int) -> dict[str, float]:
    """NUTS: draws of chains after their warm-up, which also compiles."""
    target = target_of(likelihood)
    began: list[float] = []

    def marked(blocks: Any) -> Any:
        for block in blocks:
            began.append(time.perf_counter())
            yield block

    run = Run(
        target=target,
        modes=tuple(modes_of(likelihood, target)),
        key=jax.random.key(seed),
        chains=chains,
        draws=draws,
        blocks=None,
        progress=marked,
    )
    made = run.attempt(0)
    ended = time.perf_counter()
    if made is None:
        raise SystemExit("a divergence; the run would be repeated with a smaller step")
    x = np.asarray(jax.jit(parameters)(target, made.u))
    found = effective(x, ended - began[WARM_UP])
    found["gradients"] = float(np.sum(made.n_steps)) / found["effective"]
    found["warm_up"] = began[WARM_UP] - began[0]
    return found


def theirs(
    likelihood: Likelihood, model: Model, errors: np.ndarray, seconds: float, seed: int
) -> dict[str, float]:
    """emcee: walkers that start around the fit; the first fifth of their steps is dropped, and its
    time is not counted."""
    priors = [likelihood.parameters[name].prior for name in likelihood.names]
    low, high = (np.array([getattr(p, end) for p in priors]) for end in ("lower", "upper"))
    start = cj.fit(likelihood).x
    number = max(WALKERS, 4 * len(start))
    random = np.random.default_rng(seed)
    walkers = np.clip(start + errors * random.normal(size=(number, len(start))), low, high)

    def log_density(x: np.ndarray) -> float:
        inside = np.all((x >= low) & (x <= high))
        return -model.chi2(x) / 2 if inside else -np.inf

    np.random.seed(seed)  # emcee's moves go on from here
    sampler = emcee.EnsembleSampler(number, len(start), log_density)
    began, state = time.perf_counter(), walkers
    while True:
        state = sampler.run_mcmc(state, 500)
        taken = time.perf_counter() - began
        kept = np.swapaxes(sampler.get_chain(discard=sampler.iteration // 5), 0, 1)
        if kept.shape[1] >= 1.2 * LONG * times_of(kept).max() or taken > seconds:
            return effective(kept, taken * kept.shape[1] / sampler.iteration)


def agree(likelihood: Likelihood, model: Model, errors: np.ndarray) -> None:
    """Check that both sides have the same chi^2, but for a constant.

    Raises:
        SystemExit: they have not.
    """
    chi2 = jax.jit(lambda x: likelihood.chi2(likelihood.values(x)))
    moves = np.random.default_rng(3).normal(size=(6, errors.size))
    x = np.asarray(likelihood.start) + 0.5 * errors * moves
    apart = np.array([float(chi2(row)) - model.chi2(row) for row in x])
    if not np.abs(apart - apart[0]).max() < 1e-5 * float(chi2(x[0])):
        raise SystemExit(f"no agreement in chi^2: {apart}")


def measured(case: Case, seconds: float, seeds: int, quick: bool) -> dict[str, Any]:
    """Both samplers on one posterior, by seed; printed."""
    analysis = cj.read_analysis(CONFIGS / f"{case.config}.toml", case.overrides)
    likelihood = with_sampled_priors(analysis.likelihood, {})
    model, errors = case.model(), cj.fit(likelihood).errors
    agree(likelihood, model, errors)
    sides: dict[str, list[dict[str, float]]] = {}
    plans = {"NUTS, 4 chains": (4, 400 if quick else 2000)}
    if not quick:
        plans["NUTS, 64 chains"] = (64, 500)
    for seed in range(1, 1 + seeds):
        for name, (chains, draws) in plans.items():
            sides.setdefault(name, []).append(ours(likelihood, chains, draws, seed))
        sides.setdefault("emcee", []).append(theirs(likelihood, model, errors, seconds, seed))
    print(f"\n{case.name}, {len(likelihood.names)} parameters")
    speed = {
        name: statistics.median(found["per_second"] for found in runs)
        for name, runs in sides.items()
    }
    for name, runs in sides.items():
        times = [found["autocorrelation"] for found in runs]
        short = min(found["lengths"] for found in runs) < LONG
        line = (
            f"{name:<18}{speed[name]:>12.0f} effective/s, tau {min(times):.2f} to {max(times):.2f}"
        )
        if name == "emcee":
            line += f", {'SHORT' if short else 'long'} chains"
        else:
            gradients = statistics.median(found["gradients"] for found in runs)
            warm_up = min(found["warm_up"] for found in runs)
            line += f", {gradients:.1f} gradients each, warm-up {warm_up:.2f} s"
            line += f", {speed[name] / speed['emcee']:.0f} times emcee"
            if case.aim is not None and not quick:
                met = speed[name] >= case.aim * speed["emcee"]
                line += f" (>= {case.aim:g} {'met' if met else 'MISSED'})"
        for found in runs:
            line += f"; {found['mean']:.4f} +- {found['mean_error']:.4f}"
        print(line, flush=True)
    return sides


def from_the_shell() -> dict[str, float]:
    """Wall times [s] of a process that samples CsI 2021, empty and filled compilation cache."""
    config = str(CONFIGS / "coherent_csi_2021.toml")
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", SHELL, config, str(FIRST // 2)]  # a draw of four is enough
        found = {which: timed(command, cache)[0] for which in ("empty cache", "filled cache")}
    print(f"\nfirst {FIRST} effective samples of CsI 2021, from the shell")
    for which, seconds in found.items():
        met = "met" if seconds <= SHELL_AIM else "MISSED"
        print(f"{which:<18}{seconds:>12.1f} s (<= {SHELL_AIM:g} {met})", flush=True)
    return found


def main() -> None:
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(description="NUTS of cevns_jax against emcee")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="results as JSON")
    parser.add_argument("--quick", action="store_true", help="smoke run: one case, short chains")
    parser.add_argument("--no-shell", action="store_true", help="leave out the command")
    parser.add_argument("--only", action="append", metavar="NAME", choices=names)
    parser.add_argument("--seconds", type=float, default=120.0, help="longest run of emcee")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each sampler")
    options = parser.parse_args()
    seconds, seeds = (2.0, 1) if options.quick else (options.seconds, options.seeds)
    start_jax()
    document: dict[str, Any] = {"machine": machine() | {"emcee": emcee.__version__}, "cases": {}}
    for key, entry in document["machine"].items():
        print(f"{key:<13}{entry}")
    wanted = options.only or (names[:1] if options.quick else names)
    for case in CASES:
        if case.name in wanted:
            document["cases"][case.name] = measured(case, seconds, seeds, options.quick)
    if not (options.no_shell or options.quick):
        document["shell"] = from_the_shell()
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
