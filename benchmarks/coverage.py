"""How often the intervals hold the truth, in toys of COHERENT CsI (2021).

    python benchmarks/coverage.py [--toys N] [--first-seed N] [--output FILE.json] [--quick]

Every toy is ``cj.toy`` of its own seed, at the start values. chi^2 is minimised with a parameter
free and with it held at the truth; the interval Delta chi^2 < level holds the truth where the
difference is below the level. Once for sin^2 theta_W, and once for the coupling of a light scalar
whose true value, zero, is the end of its domain: there half of the toys would like a negative rate,
and Delta chi^2 < 2.71 holds the truth in about 95 % of them.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cevns_jax as cj
from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference.batches import minimum_of
from cevns_jax.inference.toys import ENSEMBLES
from cevns_jax.likelihood import Likelihood
from cevns_jax.startup import start_jax

CONFIGS = Path(__file__).parents[1] / "configs"
LANES = 32  # toys minimised together, so that they fit the cache
LEVELS = (1.0, 2.71, 3.84)
# Config, parameter, and the values at which it starts: chi^2 is flat in a coupling at zero.
CASES = (
    ("coherent_csi_2021", "sin2_theta_w", (0.23857,)),
    ("limits_scalar_csi", "g_scalar", (3e-6, 1e-5, 3e-5)),
)


def draws(likelihood: Likelihood, seeds: range, ensemble: str) -> tuple[Any, Any]:
    """Counts by experiment and centres by parameter of toys, with a leading axis of toys."""
    made = [cj.toy(likelihood, seed, ensemble=ensemble) for seed in seeds]
    names = [n for n, p in likelihood.parameters.items() if p.prior.constrains]
    counts = {
        e.name: np.stack([np.asarray(toy.experiments[i].observed) for toy in made])
        for i, e in enumerate(likelihood.experiments)
    }
    declared = [toy.parameters for toy in made]
    return counts, {n: np.array([d[n].prior.mean for d in declared]) for n in names}


@partial(jax.jit, static_argnames="name")
def rises(
    likelihood: Likelihood, counts: Any, centres: Any, starts: jax.Array, *, name: str
) -> tuple[jax.Array, jax.Array]:
    """chi^2 at the truth above its minimum, and whether that is known, shape (toys,) each."""
    index = likelihood.names.index(name)
    start = jnp.asarray(likelihood.start)
    truth = start[index]

    def one(toy: tuple[Any, Any]) -> tuple[jax.Array, jax.Array]:
        here = likelihood.with_observed(toy[0]).with_centres(toy[1])
        held = minimum_of(here.hold(**{name: truth}), jnp.delete(start, index))
        ends = [minimum_of(here, start.at[index].set(value)) for value in starts]
        free = jnp.stack([jnp.where(end.converged, end.chi2, jnp.inf) for end in ends])
        lowest = jnp.minimum(jnp.min(free), held.chi2)  # the truth is one of the points
        return held.chi2 - lowest, held.converged & jnp.isfinite(jnp.min(free))

    return jax.lax.map(one, (counts, centres), batch_size=LANES)


def coverage(case: tuple[str, str, tuple[float, ...]], seeds: range, ensemble: str) -> dict:
    """Share of the toys whose interval holds the truth, for each level, with its error."""
    config, name, starts = case
    likelihood = read_analysis(CONFIGS / f"{config}.toml").likelihood.freed(name)
    began = time.perf_counter()
    counts, centres = draws(likelihood, seeds, ensemble)
    rise, known = map(np.asarray, rises(likelihood, counts, centres, jnp.array(starts), name=name))
    share = {level: float(np.mean(rise[known] < level)) for level in LEVELS}
    number = int(known.sum())
    errors = {level: (p * (1 - p) / number) ** 0.5 for level, p in share.items()}
    cells = [f"Delta chi2 < {u:g}: {100 * share[u]:.2f} +- {100 * errors[u]:.2f} %" for u in LEVELS]
    seconds = time.perf_counter() - began
    print(f"{config}, {name}, {ensemble}, {number} of {len(seeds)} toys, {seconds:.0f} s")
    print("  " + "; ".join(cells), flush=True)
    return {
        "config": config,
        "parameter": name,
        "ensemble": ensemble,
        "toys": number,
        "not_converged": len(seeds) - number,
        "coverage": {f"{level:g}": [share[level], errors[level]] for level in LEVELS},
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toys", type=int, default=5000, help="of each kind")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("--quick", action="store_true", help="200 toys")
    options = parser.parse_args()
    start_jax()
    number = 200 if options.quick else options.toys
    seeds = range(options.first_seed, options.first_seed + number)
    found = [coverage(case, seeds, ensemble) for case in CASES for ensemble in ENSEMBLES]
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
