"""Simulation-based calibration of the posteriors of every data set.

    python benchmarks/calibration.py [--number N] [--seed N] [--config NAME ...]
                                     [--output FILE.json] [--figure FILE.png] [--quick]

For each config the parameters are drawn from their priors, data at these, and the posterior of
each data set is sampled: the ranks of the truth must be uniform. sin^2 theta_W is flat from 0 to
0.6, n_sigma from 0 to 3, nuisances have their declared priors, and other parameters that declare
none, as amplitudes of backgrounds, are flat within three errors of their fit to the measured data.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import cevns_jax as cj
from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference.calibration import Calibration, calibrate
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.likelihood import Likelihood
from cevns_jax.plotting.calibration import calibrations
from cevns_jax.plotting.figures import save
from cevns_jax.priors import Flat, Prior
from cevns_jax.startup import start_jax

CONFIGS = Path(__file__).parents[1] / "configs"
MAIN = ("coherent_csi_2021", "coherent_csi_2017")
ALL = (
    *MAIN,
    "coherent_csi_2021_count",
    "coherent_lar_2020_energy",
    "coherent_lar_2020",
    "dresden_ii_fef",
    "coherent_csi_2021_split",
    "coherent_csi_lar",
)
ERRORS = 3.0  # half the range of a background around its fit, in errors of the fit


def priors_of(likelihood: Likelihood) -> dict[str, Prior]:
    """Proper priors with one valley for all varying parameters that declare none."""
    found: dict[str, Prior] = {"sin2_theta_w": Flat(0.0, 0.6), "n_sigma": Flat(0.0, 3.0)}
    found = {name: prior for name, prior in found.items() if name in likelihood.names}
    declared = with_sampled_priors(likelihood, found).parameters
    improper = [n for n in likelihood.names if not np.all(declared[n].prior.proper)]
    if improper:
        best = cj.fit(likelihood)
        for name in improper:
            value, error = (best.parameters[name][key] for key in ("value", "error"))
            low, high = value - ERRORS * error, value + ERRORS * error
            found[name] = Flat(max(low, declared[name].lower), min(high, declared[name].upper))
    return found


def calibrated(config: str, number: int, seed: int) -> tuple[Calibration, dict[str, Any]]:
    """The calibration of a config, printed, and its numbers."""
    likelihood = read_analysis(CONFIGS / f"{config}.toml").likelihood
    priors = priors_of(likelihood)
    began, cpu = time.perf_counter(), time.process_time()
    found = calibrate(likelihood, number=number, seed=seed, priors=priors)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"== {config}, {seconds:.0f} s, {cpu:.0f} s of processors")
    for name, prior in priors.items():
        print(f"  {name}: {prior.text}")
    print(found.summary().text(verbose=True), flush=True)
    chains = found.chains
    return found, {
        "config": config,
        "data_sets": number,
        "seed": seed,
        "lost": int(chains.lost.sum()),
        "several_modes": int(chains.several.sum()),
        "dependent": int(chains.dependent.sum()),
        "retried": int(chains.retried.sum()),
        "divergences": int(chains.divergences.sum()),
        "gradients": int(chains.gradients.sum()),
        "p_chi2": {name: u.p_chi2 for name, u in found.uniformity.items()},
        "p_ecdf": {name: u.p_ecdf for name, u in found.uniformity.items()},
        "worst": {name: u.worst for name, u in found.uniformity.items()},
        "seconds": seconds,
        "processor_seconds": cpu,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """All configs in one table."""
    lines = [
        f"{'config':32} {'sets':>5} {'failed':>6} {'diverg.':>7} {'gradients':>9} {'s':>5} "
        f"{'lowest p (chi2)':>15} {'lowest p (ECDF)':>15} {'quantities':>10}"
    ]
    for row in rows:
        lines.append(
            f"{row['config']:32} {row['data_sets']:5} {row['lost'] + row['dependent']:6} "
            f"{row['divergences']:7} {row['gradients']:9.2e} {row['seconds']:5.0f} "
            f"{min(row['p_chi2'].values()):15.3f} {min(row['p_ecdf'].values()):15.3f} "
            f"{len(row['p_chi2']):10}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1000, help="of data sets of each config")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--config", nargs="+", default=list(ALL), help="names in configs/")
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("--figure", type=Path, default=None)
    parser.add_argument("--quick", action="store_true", help="100 data sets of CsI (2021)")
    options = parser.parse_args()
    start_jax()
    configs = MAIN[:1] if options.quick else options.config
    number = 100 if options.quick else options.number
    found = [calibrated(config, number, options.seed) for config in configs]
    print(table([row for _, row in found]))
    if options.output is not None:
        options.output.write_text(json.dumps([row for _, row in found], indent=1) + "\n")
    if options.figure is not None:
        save(calibrations([calibration for calibration, _ in found]), options.figure)


if __name__ == "__main__":
    main()
