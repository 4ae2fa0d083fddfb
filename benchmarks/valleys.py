"""Weights of several valleys by tempered Monte Carlo, beside a grid without any sampler.

    python benchmarks/valleys.py [--output FILE.json] [--quick] [--only NAME]
                                 [--particles 2000] [--runs 4] [--seed 1]

The grid spans the named parameters, and at each point the nuisances are integrated by the method
of Laplace; the largest of them is integrated by importance sampling as well. Both sides are those
of the tests.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from run import machine

import cevns_jax as cj
from cevns_jax.startup import start_jax

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import valley_grids

CASES = ("angle", "non_standard", "light_vector")
AIM = 0.02  # absolute, of each weight


def measured(name: str, particles: int, runs: int, seed: int) -> dict[str, Any]:
    """Weights of one case on both sides; printed."""
    target = getattr(valley_grids, name)()
    began = time.perf_counter()
    grid = valley_grids.grid_of(target)
    highest = int(np.argmax(grid.log_density))
    exact, error = valley_grids.by_importance(target, grid, highest)
    regions = target.region(grid.points)
    valleys = range(int(regions.max()) + 1)
    expected = np.array([grid.shares[regions == valley].sum() for valley in valleys])
    of_grid, began = time.perf_counter() - began, time.perf_counter()
    found = cj.sample(
        target.likelihood,
        seed=seed,
        draws=particles,
        chains=runs,
        method="tempered",
        priors=target.priors,
    )
    of_runs = time.perf_counter() - began
    x = np.stack([found.draws[name] for name in target.names], axis=-1)
    places = target.region(x.reshape(-1, x.shape[-1])).reshape(x.shape[:2])
    shares = np.stack([(places == valley).mean(axis=1) for valley in valleys], axis=1)
    mean, scatter = shares.mean(axis=0), shares.std(axis=0, ddof=1) / math.sqrt(runs)
    evidence = np.asarray(found.log_evidence)
    spread = evidence.std(ddof=1) / math.sqrt(runs)
    off = np.abs(mean - expected).max()
    print(f"\n{name}: {', '.join(target.names)}; {len(found.names)} parameters vary")
    print(f"{'weights, grid':<20}{'  '.join(f'{w:.4f}' for w in expected)}")
    both = zip(mean, scatter, strict=True)
    print(f"{'weights, runs':<20}{'  '.join(f'{w:.4f} +- {s:.4f}' for w, s in both)}")
    print(f"{'ln Z, grid':<20}{grid.log_evidence:.3f}")
    print(f"{'Laplace':<20}{grid.log_density[highest] - exact:+.4f} +- {error:.4f} at the highest")
    print(f"{'ln Z, runs':<20}{evidence.mean():.3f} +- {spread:.3f}")
    print(f"{'time':<20}grid {of_grid:.0f} s, runs {of_runs:.0f} s, compilation included")
    verdict = "met" if off <= AIM else "MISSED"
    print(f"{'largest difference':<20}{off:.4f} (<= {AIM:g} {verdict})", flush=True)
    return {
        "grid": expected.tolist(),
        "runs": shares.tolist(),
        "log_evidence_grid": float(grid.log_evidence),
        "log_evidence": evidence.tolist(),
        "laplace_error": float(grid.log_density[highest] - exact),
        "seconds": of_runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="weights of valleys against grids")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="results as JSON")
    parser.add_argument("--quick", action="store_true", help="smoke run: one case, few particles")
    parser.add_argument("--only", action="append", metavar="NAME", choices=CASES)
    parser.add_argument("--particles", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    particles, runs = (200, 2) if options.quick else (options.particles, options.runs)
    start_jax()
    document: dict[str, Any] = {"machine": machine(), "cases": {}}
    for key, entry in document["machine"].items():
        print(f"{key:<13}{entry}")
    for name in options.only or (CASES[:1] if options.quick else CASES):
        document["cases"][name] = measured(name, particles, runs, options.seed)
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
