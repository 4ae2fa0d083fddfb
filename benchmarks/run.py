"""cevns_jax against NumPy + iminuit, measured side by side in one run.

    python benchmarks/run.py [--output FILE.json] [--points 10000] [--quick] [--no-shell]
                             [--only NAME]

Both sides of a likelihood have to agree in chi^2 and in the profile, or there is no table. What a
row means is said in ``compare.py``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import compare
import jax
import numpy_combined
import numpy_csi_2017
import numpy_csi_2021
import numpy_dresden_ii
import numpy_germanium
import numpy_lar_2020
import shell
from compare import BATCH, CONFIGS, Case, Row

from cevns_jax.startup import start_jax

AS_FAST = 1.1  # times its parts one after the other: as fast per bin, but for the clock

CASES = (
    Case(
        name="csi_2021",
        title="CsI 2021, four normalisations",
        config="coherent_csi_2021",
        model=numpy_csi_2021.four_normalisations,
        scan_aims=(0.5, 200),
    ),
    Case(
        name="csi_2021_split",
        title="CsI 2021, split signal",
        config="coherent_csi_2021_split",
        model=numpy_csi_2021.Split,
        scan_aims=(10.0, None),
        quick=False,
    ),
    Case(
        name="csi_2017",
        title="CsI 2017, three normalisations",
        config="coherent_csi_2017",
        model=numpy_csi_2017.three_normalisations,
    ),
    Case(
        name="csi_2017_split",
        title="CsI 2017, split signal",
        config="coherent_csi_2017",
        overrides=('experiments.coherent_csi_2017.nuisances="split"',),
        model=numpy_csi_2017.split,
    ),
    Case(
        name="germanium_sns",
        title="germanium at the SNS, Asimov",
        config="germanium_sns",
        asimov=True,
        model=numpy_germanium.germanium,
    ),
    Case(
        name="lar_2020",
        title="argon 2020, four normalisations",
        config="coherent_lar_2020_flavour_times",
        model=numpy_lar_2020.lumped,
    ),
    Case(
        name="lar_2020_split",
        title="argon 2020, split signal",
        config="coherent_lar_2020_flavour_times",
        overrides=('experiments.coherent_lar_2020.nuisances="split"',),
        model=numpy_lar_2020.Split,
        quick=False,
    ),
    Case(
        name="dresden_ii",
        title="Dresden-II, free background",
        config="dresden_ii_fef",
        model=numpy_dresden_ii.DresdenII,
    ),
    Case(
        name="csi_lar",
        title="CsI 2021 and argon",
        config="coherent_csi_lar",
        model=numpy_combined.csi_and_argon,
        parts=("csi_2021_split", "lar_2020_split"),
    ),
    Case(
        name="global",
        title="CsI 2021, argon and Dresden-II",
        config="global_weak_mixing_angle",
        model=numpy_combined.all_three,
        parts=("csi_2021_split", "lar_2020_split", "dresden_ii"),
        quick=False,
    ),
)


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


def shown(title: str, rows: list[Row]) -> dict[str, Any]:
    """Print a block of the table; the same for the JSON."""
    heads = ("compile", "cevns_jax", "NumPy", "ratio")
    print(f"\n{title:<46}" + "".join(f"{head:>13}" for head in heads) + "  aims")
    for row in rows:
        print(row.text(), flush=True)
    return {row.quantity: {k: v for k, v in asdict(row).items() if k != "quantity"} for row in rows}


def per_bin(bins: dict[str, int], times: dict[str, Any], points: int) -> dict[str, Any]:
    """Cost per bin of combinations beside that of their parts, printed and for the JSON."""
    cases = {case.name: case for case in CASES if case.name in times}
    combined = [c for c in cases.values() if c.parts and set(c.parts) <= set(cases)]
    names = dict.fromkeys(name for c in combined for name in (*c.parts, c.name))
    kinds = ("one call", f"each of {BATCH}")
    quantities = [f"{what}, {kind}" for kind in kinds for what in ("chi^2", "chi^2 and gradient")]
    quantities.append(f"scan of {points} points")
    document = {}
    for quantity in [q for q in quantities if names and all(q in times[name] for name in names)]:
        found = {name: times[name][quantity] for name in names}
        rows = [
            Row(
                quantity=f"{cases[name].title} ({bins[name]})",
                cevns_jax=found[name]["cevns_jax"] / bins[name],
                numpy=found[name]["numpy"] / bins[name],
            )
            for name in sorted(names, key=lambda name: len(cases[name].parts))
        ]
        for c in combined:
            ratio = found[c.name]["cevns_jax"] / sum(found[n]["cevns_jax"] for n in c.parts)
            aims = {f"<= {AS_FAST:g}": ratio <= AS_FAST}
            rows.append(Row(quantity=f"ratio of {c.name} to its parts", cevns_jax=ratio, aims=aims))
        document[quantity] = shown(f"per bin: {quantity}", rows)
    return document


def measured(
    case: Case, points: int, repeats: int, subset: int, quick: bool
) -> tuple[int, dict[str, float], dict[str, Any]]:
    """Bins, agreement and times of a case, printed and for the JSON."""
    sides, built = compare.prepare(case, repeats)
    found = {"chi2_relative": compare.agree_in_chi2(sides)}
    rows = [built, *compare.evaluations(sides, quick)]
    profiles, found["profile_chi2"] = compare.profiles(sides, points, subset, quick)
    print(f"\n{case.title}: chi^2 agrees to {found['chi2_relative']:.1e} (relative), ", end="")
    print(f"profile to {found['profile_chi2']:.1e}")
    return sides.likelihood.n_bins, found, shown(case.title, [*rows, *profiles])


def main() -> None:
    names = [*(case.name for case in CASES), "shell"]
    parser = argparse.ArgumentParser(description="cevns_jax against NumPy + iminuit")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="results as JSON")
    parser.add_argument("--points", type=int, default=10_000, help="points of the scan")
    parser.add_argument(
        "--quick", action="store_true", help="smoke run: 256 points, fewer rows and cases, no shell"
    )
    parser.add_argument("--no-shell", action="store_true", help="leave out the commands")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=names,
        help=f"one of {', '.join(names)}; may be repeated",
    )
    options = parser.parse_args()
    points, repeats, subset = (256, 2, 60) if options.quick else (options.points, 7, 300)
    if points < 2:
        parser.error("--points must be at least 2")
    wanted = set(options.only or names)
    if options.quick and not options.only:
        wanted = {case.name for case in CASES if case.quick}
    if options.no_shell:
        wanted.discard("shell")
    start_jax()
    jax.config.update("jax_enable_compilation_cache", False)  # "compile" means compile
    document: dict[str, Any] = {"machine": machine(), "bins": {}, "agreement": {}, "times": {}}
    for key, value in document["machine"].items():
        print(f"{key:<13}{value}")
    for case in CASES:
        if case.name in wanted:
            found = measured(case, points, repeats, subset, options.quick)
            for key, value in zip(("bins", "agreement", "times"), found, strict=True):
                document[key][case.name] = value
    document["per_bin"] = per_bin(document["bins"], document["times"], points)
    if document["times"]:
        print(f"\nNumPy + iminuit: scan of {min(subset, points)} points scaled up, on one core")
    if "shell" in wanted:
        rows = [Row(**row) for row in shell.times(CONFIGS / "coherent_csi_2021.toml")]
        document["times"]["shell"] = shown("shell", rows)
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
