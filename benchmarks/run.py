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
import numpy_csi_2017
import numpy_csi_2021
import numpy_germanium
import shell
from compare import CONFIGS, Case, Row

from cevns_jax.startup import start_jax

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


def measured(
    case: Case, points: int, repeats: int, subset: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Agreement and times of a case, printed and for the JSON."""
    sides, built = compare.prepare(case, repeats)
    found = {"chi2_relative": compare.agree_in_chi2(sides)}
    rows = [built, *compare.evaluations(sides)]
    profiles, found["profile_chi2"] = compare.profiles(sides, points, subset)
    print(f"\n{case.title}: chi^2 agrees to {found['chi2_relative']:.1e} (relative), ", end="")
    print(f"profile to {found['profile_chi2']:.1e}")
    return found, shown(case.title, [*rows, *profiles])


def main() -> None:
    names = [*(case.name for case in CASES), "shell"]
    parser = argparse.ArgumentParser(description="cevns_jax against NumPy + iminuit")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="results as JSON")
    parser.add_argument("--points", type=int, default=10_000, help="points of the scan")
    parser.add_argument("--quick", action="store_true", help="smoke run: 256 points, no shell")
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
    if options.no_shell or (options.quick and not options.only):
        wanted.discard("shell")
    start_jax()
    jax.config.update("jax_enable_compilation_cache", False)  # "compile" means compile
    document: dict[str, Any] = {"machine": machine(), "agreement": {}, "times": {}}
    for key, value in document["machine"].items():
        print(f"{key:<13}{value}")
    for case in CASES:
        if case.name in wanted:
            found = measured(case, points, repeats, subset)
            document["agreement"][case.name], document["times"][case.name] = found
    if document["times"]:
        print(f"\nNumPy + iminuit: scan of {min(subset, points)} points scaled up, on one core")
    if "shell" in wanted:
        rows = [Row(**row) for row in shell.times(CONFIGS / "coherent_csi_2021.toml")]
        document["times"]["shell"] = shown("shell", rows)
    if options.output:
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
