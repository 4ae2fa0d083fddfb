"""chi^2 and its gradient in batches of lanes, as samplers evaluate them.

    python benchmarks/batches.py [--output FILE.json] [--quick] [--only NAME] [--pieces N]

Both are evaluated in the same pieces, which fit the cache; all times are warm medians, waited for
to the end, and the ratio is that of rounds in turn. "backward" is the gradient by ``jax.grad``.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from compare import CONFIGS, duration, once
from run import machine

import cevns_jax as cj
from cevns_jax.inference import batches
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.inference.target import Target, chi2_of_bins, target_of
from cevns_jax.likelihood import Likelihood
from cevns_jax.priors import Flat
from cevns_jax.startup import start_jax

LANES = 1000
AIM = 3.0  # times the value
CASES = {
    "csi_2017": ("coherent_csi_2017", ()),
    "csi_2021": ("coherent_csi_2021", ()),
    "csi_2021_split": ("coherent_csi_2021_split", ()),
    "lar_2020": ("coherent_lar_2020_flavour_times", ()),
    "lar_2020_split": (
        "coherent_lar_2020_flavour_times",
        ('experiments.coherent_lar_2020.nuisances="split"',),
    ),
    "lar_2020_energy": ("coherent_lar_2020_energy", ()),
    "dresden_ii": ("dresden_ii_fef", ()),
    "csi_lar": ("coherent_csi_lar", ()),
    "global": ("global_weak_mixing_angle", ()),
    "light_vector": ("fig3_vector_modified_lindhard", ()),
}
QUICK = ("csi_2017", "lar_2020_energy")


def read(name: str) -> Likelihood:
    """The likelihood of a case with the priors that are sampled; of a scan with its axes free."""
    config, overrides = CASES[name]
    analysis = cj.read_analysis(CONFIGS / f"{config}.toml", overrides)
    likelihood = analysis.likelihood
    if analysis.scan is None:
        return with_sampled_priors(likelihood, {})
    axes = {name: Flat(min(grid), max(grid)) for name, grid in analysis.scan.grids.items()}
    return with_sampled_priors(likelihood.freed(*axes), axes)


def points(likelihood: Likelihood, target: Target, lanes: int) -> np.ndarray:
    """Parameters near the start, a tenth of the prior's width apart, shape (lanes, n)."""
    start = target.line.unconstrained(np.asarray(likelihood.start))
    u = start + 0.1 * np.random.default_rng(1).normal(size=(lanes, start.size))
    return np.asarray(target.line.constrained(u)[0])


def value(bins: Likelihood, x: jax.Array) -> jax.Array:
    """chi^2 of lanes x, shape (L, n)."""
    return jax.vmap(chi2_of_bins, (None, 0))(bins, x)


def both(bins: Likelihood, x: jax.Array) -> Any:
    """chi^2 and its gradient of lanes x."""
    return jax.vmap(jax.value_and_grad(chi2_of_bins, argnums=1), (None, 0))(bins, x)


def backward(bins: Likelihood, x: jax.Array) -> Any:
    """The same by ``jax.grad``, in the same pieces."""

    def chi2(x: jax.Array) -> jax.Array:
        return bins.chi2(bins.values(x))

    return jax.lax.map(jax.value_and_grad(chi2), x, batch_size=batches.lanes_on_device())


def compiled(function: Callable[..., Any], *given: Any) -> tuple[Callable[[], Any], float]:
    """A call without tracing, and the time [s] to trace and compile it."""
    call, seconds = once(lambda: jax.jit(function).lower(*given).compile())
    return lambda: call(*given), seconds


def in_turn(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Times [s] of calls made in turn, so that all see the same load of the machine."""
    for call in calls.values():
        once(call)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(once(call)[1])
    return taken


def measured(name: str, lanes: int, rounds: int) -> dict[str, float]:
    """Times [s] and ratios of a case."""
    likelihood = read(name)
    target = target_of(likelihood)
    x = jax.device_put(points(likelihood, target, lanes))
    calls, compilation = {}, {}
    for function in (value, both, backward):
        key = function.__name__
        calls[key], compilation[f"{key}_compile"] = compiled(function, target.bins, x)
    taken = in_turn(calls, rounds)
    medians = {key: statistics.median(seconds) / lanes for key, seconds in taken.items()}
    ratios = {
        f"{key}_ratio": statistics.median(np.divide(taken[key], taken["value"]))
        for key in ("both", "backward")
    }
    return {"parameters": len(target.names), **medians, **ratios, **compilation}


def main() -> None:
    parser = argparse.ArgumentParser(description="value and gradient in batches")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="results as JSON")
    parser.add_argument("--quick", action="store_true", help="smoke run: 64 lanes, two cases")
    parser.add_argument("--only", action="append", metavar="NAME", choices=[*CASES])
    parser.add_argument("--pieces", type=int, help="lanes of a piece on a CPU, in place of ours")
    options = parser.parse_args()
    lanes, rounds = (64, 2) if options.quick else (LANES, 9)
    start_jax()
    jax.config.update("jax_enable_compilation_cache", False)
    if options.pieces:
        batches.CPU_LANES = options.pieces
    document: dict[str, Any] = {"machine": machine(), "lanes": lanes, "times": {}}
    for key, entry in document["machine"].items():
        print(f"{key:<13}{entry}")
    heads = ("parameters", "value", "both", "ratio", "backward", "ratio", "compile")
    print(f"\neach of {lanes:<10}" + "".join(f"{head:>12}" for head in heads) + "  aim")
    for name in options.only or (QUICK if options.quick else CASES):
        row = document["times"][name] = measured(name, lanes, rounds)
        cells = [str(row["parameters"])]
        cells += [duration(row["value"]), duration(row["both"]), f"{row['both_ratio']:.2f}"]
        cells += [duration(row["backward"]), f"{row['backward_ratio']:.2f}"]
        cells.append(duration(row["both_compile"]))
        aim = f"<= {AIM:g} {'met' if row['both_ratio'] <= AIM else 'MISSED'}"
        print(f"{name:<18}" + "".join(f"{cell:>12}" for cell in cells) + f"  {aim}", flush=True)
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
