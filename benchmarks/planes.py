"""Scans of mass and coupling: how fast, and what they cost.

    python benchmarks/planes.py [--output FILE.json] [--quick]

100 x 100 points of a light vector mediator, and the limits on its coupling for 100 masses, beside
NumPy + iminuit in the same run, after checking that both agree; other interactions; points per
second against batches and devices; cost per point against bins, recoil nodes and nuisance
parameters; and the share of what the machine's arithmetic and memory allow. All but "first" is
warm.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEVICES = "CEVNS_BENCHMARK_DEVICES"  # how many virtual ones a process of its own is to have
if DEVICES in os.environ:
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={os.environ[DEVICES]}"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import numpy_iminuit  # noqa: E402
import numpy_vector  # noqa: E402
from compare import CONFIGS, MINUIT_ELSEWHERE, duration, once, warm  # noqa: E402
from run import machine  # noqa: E402
from scipy.stats import chi2 as chi2_distribution  # noqa: E402

import cevns_jax as cj  # noqa: E402
from cevns_jax.config.analysis import read_analysis  # noqa: E402
from cevns_jax.inference import batches as lanes_of_points  # noqa: E402
from cevns_jax.inference.scan import scan  # noqa: E402
from cevns_jax.likelihood import Likelihood  # noqa: E402
from cevns_jax.prediction import recoil_nodes  # noqa: E402
from cevns_jax.startup import start_jax  # noqa: E402

AIM = 2.0  # [s] of a plane
LIMITS_AIM = 1.0  # [s] of the limits at 100 masses
LEVEL = 2.71  # Delta chi^2 of a limit, rounded as people do
MASSES = (8, 30, 50, 70, 90)  # columns of the plane that NumPy + iminuit walks, of 100
RANGES = {
    "vector": {"m_vector": (0.01, 1e3), "g_vector": (1e-7, 3e-3)},
    "scalar": {"m_scalar": (0.01, 1e3), "g_scalar": (1e-7, 1e-3)},
    "dipole": {"m4": (0.01, 60.0), "mu_dipole": (1e-11, 1e-8)},
}
DATA = {
    "fef": ("Dresden-II, 130 bins, 7 background parameters", numpy_vector.DresdenII),
    "coherent": ("CsI 2021 + LAr 2020, 1059 bins, 9 pulls", numpy_vector.CsiAndArgon),
}


def plane(name: str, data: str, points: int) -> tuple[Likelihood, dict[str, np.ndarray]]:
    """The likelihood of a panel of Figure 3, and its grids."""
    grids = {key: np.geomspace(*ends, points) for key, ends in RANGES[name].items()}
    return read_analysis(CONFIGS / f"fig3_{name}_{data}.toml").likelihood, grids


def row(name: str, values: dict[str, Any], **times: float) -> dict[str, Any]:
    """Print a line; the same for the JSON."""
    cells = [f"{key} {duration(value)}" for key, value in times.items()]
    print(f"{name:<48}" + ", ".join([*cells, *(f"{k} {v}" for k, v in values.items())]), flush=True)
    return {**values, **times}


def beside_numpy(data: str, points: int, repeats: int) -> dict[str, Any]:
    """A vector plane, and the same by NumPy + iminuit, from column to column."""
    title, build = DATA[data]
    likelihood, grids = plane("vector", data, points)
    masses, couplings = grids.values()
    found, cold = once(lambda: scan(likelihood, grids))
    ours = np.median([once(lambda: scan(likelihood, grids))[1] for _ in range(repeats)])
    model = build()
    chi2 = jax.jit(
        lambda m, g: likelihood.chi2(likelihood.values() | {"m_vector": m, "g_vector": g})
    )
    start = np.asarray(likelihood.start)
    apart = 0.0
    for m, g in ((0.5, 2e-5), (30.0, 3e-5), (500.0, 1e-3)):
        model.choose(m)
        model.fix(g**2)
        mine = float(chi2(m, g))
        apart = max(apart, abs(model.conditional(start) - mine) / mine)
    if not apart < 1e-6:
        raise SystemExit(f"{data}: no agreement in chi^2, {apart:.1e} (relative)")
    columns = [int(i * points / 100) for i in MASSES]
    seconds, valid, counts = 0.0, 0, np.zeros(3, int)
    for i in columns:
        minuit = numpy_iminuit.minimiser(model, start, gradient=True)

        def walk(i: int = i, minuit: Any = minuit) -> np.ndarray:
            with np.errstate(over="ignore"):  # far from the data
                model.choose(masses[i])
                return numpy_iminuit.scan(model, couplings**2, minuit)

        theirs, took = once(walk)
        seconds += took
        valid += int(np.isfinite(theirs).sum())
        above = (theirs - found.chi2[i])[(found.delta_chi2[i] < 100) & np.isfinite(theirs)]
        apart_by = (above < -MINUIT_ELSEWHERE, above > MINUIT_ELSEWHERE, np.ones_like(above))
        counts += np.sum(apart_by, axis=1).astype(int)
    numpy = seconds * points / len(columns)
    return row(
        title,
        {
            "ratio": round(numpy / ours, 1),
            f"aim < {AIM:g} s": "met" if ours < AIM else "MISSED",
            "chi2 apart": f"{apart:.0e}",
            "not converged": int((~found.converged).sum()),
            "Minuit valid": f"{valid}/{len(columns) * points}",
            "below, above ours, of those with Delta chi2 < 100": f"{counts[0]}, {counts[1]} of "
            f"{counts[2]}",
        },
        first=cold,
        cevns_jax=float(ours),
        numpy=numpy,
    )


def limits(data: str, points: int, repeats: int) -> dict[str, Any]:
    """Upper limits on the coupling of a vector at all masses, and the same by NumPy + iminuit."""
    title, build = DATA[data]
    likelihood, grids = plane("vector", data, points)
    masses = grids["m_vector"]
    cl = chi2_distribution.cdf(LEVEL, 1)
    call = lambda: once(lambda: cj.limit(likelihood, "g_vector", cl=cl, m_vector=masses))  # noqa: E731
    found, cold = call()
    ours = float(np.median([call()[1] for _ in range(repeats)]))
    highest = np.array([ranges[-1][1] for ranges in found.allowed])
    model = build()
    columns = [int(i * points / 100) for i in MASSES]
    seconds, apart = 0.0, 0.0
    for i in columns:
        # With strategy 0, which is enough for the plane, single ends are off by per cents.
        start = np.asarray(likelihood.start)
        minuit = numpy_iminuit.minimiser(model, start, gradient=True, strategy=1)

        def search(i: int = i, minuit: Any = minuit) -> float:
            with np.errstate(over="ignore"):  # far from the data
                model.choose(masses[i])
                return numpy_iminuit.highest_end(model, minuit, LEVEL, 40)

        theirs, took = once(search)
        seconds += took
        apart = max(apart, abs(theirs / highest[i] - 1))
    numpy = seconds * points / len(columns)
    met = "met" if ours < LIMITS_AIM else "MISSED"
    return row(
        title,
        {
            "ratio": round(numpy / ours, 1),
            f"aim < {LIMITS_AIM:g} s": met,
            "ends apart": f"{apart:.0e}",
            "not converged": int((~found.converged).sum()),
        },
        first=cold,
        cevns_jax=ours,
        numpy=numpy,
    )


def others(points: int, repeats: int) -> dict[str, Any]:
    """The other planes of Figure 3."""
    rows = {}
    for name in ("scalar", "dipole"):
        for data, (title, _) in DATA.items():
            likelihood, grids = plane(name, data, points)
            _, cold = once(lambda like=likelihood, g=grids: scan(like, g))
            call = lambda like=likelihood, g=grids: once(lambda: scan(like, g))[1]  # noqa: E731
            ours = float(np.median([call() for _ in range(repeats)]))
            met = "met" if ours < AIM else "MISSED"
            title = f"{name}, {title.split(',')[0]}"
            rows[title] = row(title, {f"aim < {AIM:g} s": met}, first=cold, cevns_jax=ours)
    return rows


def points_of(likelihood: Likelihood, grids: dict[str, np.ndarray]) -> Callable[[], Any]:
    """All minimisations of a plane, from the start values."""
    names = tuple(grids)
    for name in names:
        likelihood = likelihood.freed(name)
    axes = np.meshgrid(*grids.values(), indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    start = [likelihood.parameters[n].start for n in likelihood.names if n not in names]
    starts = np.tile(np.array(start, dtype=float), (len(points), 1))
    return lambda: lanes_of_points.minimise_points(likelihood, names, points, starts)


def batches(points: int, rows_of: int) -> dict[str, Any]:
    """Points per second against the points that are minimised together."""
    rows, usual = {}, lanes_of_points.CPU_LANES
    likelihood, grids = plane("vector", "fef", points)
    for lanes in (4, 8, 16, 32, 64, 128)[:rows_of]:
        lanes_of_points.CPU_LANES = lanes
        jax.clear_caches()
        call = points_of(likelihood, grids)
        call()
        seconds = min(once(call)[1] for _ in range(2))
        mark = " (used)" if lanes == usual else ""
        rows[str(lanes)] = row(
            f"{lanes} lanes{mark}", {"points/s": round(points**2 / seconds)}, all=seconds
        )
    lanes_of_points.CPU_LANES = usual
    jax.clear_caches()
    return rows


def devices(points: int, rows_of: int) -> dict[str, Any]:
    """A plane on one and more virtual CPU devices, each number in a process of its own."""
    rows = {}
    for number in (1, 2, 4)[:rows_of]:
        done = subprocess.run(
            [sys.executable, __file__, "--one-plane", str(points)],
            env=os.environ | {DEVICES: str(number), "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = float(done.stdout.split()[-1])
        rows[str(number)] = row(f"{number} virtual CPU devices", {}, plane=seconds)
    return rows


def detector(bins: int, nuisances: int) -> Likelihood:
    """A germanium detector at the SNS with as many bins, and backgrounds with a pull each."""
    edges = np.linspace(1.0, 10.0, bins + 1)
    experiment = cj.experiments.own_experiment(
        name="germanium",
        target=cj.nuclei.target("Ge", form_factor=cj.form_factors.Helm()),
        mass_kg=10.0,
        source=cj.sources.spallation_source(
            neutrinos_per_proton=0.0848, protons_on_target=1.57e23, distance_m=20.0
        ),
        response=cj.detectors.energy_response(
            axis="energy_kevee",
            edges=edges,
            efficiency=0.95,
            quenching=cj.detectors.lindhard(0.157, protons=32),
            resolution=cj.detectors.gaussian_resolution(noise_kev=0.1, statistical=0.018),
        ),
        nuisances=[
            cj.experiments.Nuisance(name=f"b{i}", acts_on=(f"b{i}",), width=0.1)
            for i in range(nuisances)
        ],
        backgrounds={
            f"b{i}": 100.0 * (i + 1) / bins / (1 + np.arange(bins) / bins * i)
            for i in range(nuisances)
        },
        observed=None,
    )
    interaction = cj.interactions.with_new_physics(
        cj.interactions.standard_model(), cj.interactions.light_vector()
    )
    return cj.asimov(Likelihood([experiment], interaction)).hold(
        **{p.name: float(p.start) for p in experiment.parts["cevns"].parameters}
    )


def costs(points: int, rows_of: int) -> dict[str, Any]:
    """Time per point of a plane against one property after the other."""
    grids = {"m_vector": np.geomspace(1, 1e3, points), "g_vector": np.geomspace(1e-7, 1e-4, points)}

    def measured(name: str, likelihood: Likelihood) -> dict[str, Any]:
        call = points_of(likelihood, grids)
        steps = call().steps.mean()
        each = min(once(call)[1] for _ in range(2)) / points**2
        size = likelihood.experiments[0].parts["cevns"].kernel.weighted_moments[0, 0].size
        more = {"nodes x isotopes": int(size), "steps": round(float(steps), 1)}
        return row(name, more, each_point=each)

    rows = {
        f"{n} bins": measured(f"{n} bins", detector(n, 3)) for n in (10, 40, 160, 640)[:rows_of]
    }
    usual = recoil_nodes.NODES
    for number in (8, 16, 32)[:rows_of]:
        recoil_nodes.NODES = number
        name = f"{number} recoil nodes a panel"
        rows[name] = measured(name, detector(40, 3))
    recoil_nodes.NODES = usual
    for number in (1, 4, 8, 16)[:rows_of]:
        name = f"{number} nuisance parameters"
        rows[name] = measured(name, detector(40, number))
    return rows


def roofline(batch: int) -> dict[str, Any]:
    """chi^2 of many points in float64 on every kind of device, and the share of the time that its
    arithmetic and its memory traffic alone would take, at the rates measured here."""
    kinds = [jax.devices()[0]]
    if kinds[0].platform != "cpu":
        kinds.append(jax.devices("cpu")[0])
    rows = {}
    for device in kinds:
        with jax.default_device(device):
            rates = arithmetic_rate(), memory_rate()
            for data, (title, _) in DATA.items():
                name = f"{device.platform} {device.device_kind}, {title.split(',')[0]}"
                rows[name] = share(name, jax.device_put(plane("vector", data, 2)[0]), batch, *rates)
    return rows


def arithmetic_rate() -> float:
    """Operations per second of a large matrix product."""
    n = 2048
    square = jnp.ones((n, n))
    product = jax.jit(lambda a: a @ a)
    return 2 * n**3 / warm(lambda: product(square), 3)


def memory_rate() -> float:
    """Bytes per second of a long vector that is read."""
    long = jnp.ones(2**26)
    total = jax.jit(jnp.sum)
    return long.nbytes / warm(lambda: total(long), 3)


def share(
    name: str, likelihood: Likelihood, batch: int, arithmetic: float, memory: float
) -> dict[str, Any]:
    """chi^2 of a batch of points on the default device, beside the rates."""
    cpu = jax.config.jax_default_device.platform == "cpu"
    lanes = lanes_of_points.CPU_LANES if cpu else batch
    couplings = jnp.geomspace(1e-7, 1e-3, batch)

    def one(like: Likelihood, g: jax.Array) -> jax.Array:
        return like.chi2(like.values() | {"g_vector": g})

    @jax.jit
    def all_of_them(like: Likelihood, g: jax.Array) -> jax.Array:
        found: jax.Array = jax.lax.map(lambda row: one(like, row), g, batch_size=lanes)
        return found

    # Counted for one batch: the compiler counts what is in a loop once.
    lowered = jax.jit(jax.vmap(one, (None, 0))).lower(likelihood, couplings[:lanes])
    cost = lowered.compile().cost_analysis()
    operations, moved = (cost[key] / lanes for key in ("flops", "bytes accessed"))
    seconds = warm(lambda: all_of_them(likelihood, couplings), 3) / batch
    bound = max(operations / arithmetic, moved / memory)
    return row(
        name,
        {
            "points/s": round(1 / seconds),
            "operations": round(operations),
            "bytes": round(moved),
            "GFlop/s": f"{operations / seconds / 1e9:.2g} of {arithmetic / 1e9:.3g}",
            "GB/s": f"{moved / seconds / 1e9:.2g} of {memory / 1e9:.3g}",
            "share of the roofline": f"{100 * bound / seconds:.0f} %",
        },
        chi2_each=seconds,
    )


def one_plane(points: int) -> None:
    """Time of a warm plane, for a process of its own."""
    likelihood, grids = plane("vector", "fef", points)
    scan(likelihood, grids)
    print(min(once(lambda: scan(likelihood, grids))[1] for _ in range(2)))


def main() -> None:
    parser = argparse.ArgumentParser(description="scans of mass and coupling")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="results as JSON")
    parser.add_argument("--quick", action="store_true", help="smoke run, one row of each")
    parser.add_argument("--one-plane", type=int, metavar="POINTS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    start_jax()
    jax.config.update("jax_enable_compilation_cache", False)
    if options.one_plane:
        one_plane(options.one_plane)
        return
    points, repeats, rows_of = (10, 1, 1) if options.quick else (100, 3, 6)
    document: dict[str, Any] = {"machine": machine(), "points": points**2}
    for key, value in document["machine"].items():
        print(f"{key:<13}{value}")
    sections: dict[str, Callable[[], Any]] = {
        f"{points} x {points} points, vector mediator": lambda: {
            data: beside_numpy(data, points, repeats) for data in DATA
        },
        f"limits at {points} masses, vector mediator": lambda: {
            data: limits(data, points, repeats) for data in DATA
        },
        f"{points} x {points} points, other planes": lambda: others(points, repeats),
        "batches, Dresden-II": lambda: batches(points, rows_of),
        "devices, Dresden-II": lambda: devices(points, rows_of),
        "cost of a point": lambda: costs(points // 2, rows_of),
        "chi^2 in batches, float64": lambda: roofline(512 if options.quick else 8192),
    }
    began = time.perf_counter()
    for title, section in sections.items():
        print(f"\n{title}")
        document[title] = section()
    print(f"\n{time.perf_counter() - began:.0f} s in all")
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
