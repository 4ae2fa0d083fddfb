"""Wall times of the README's commands, with an empty and with a filled compilation cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPEATS = 3  # the best of them counts

# What `cevns fit` does, step by step; the files are written by a process of their own meanwhile.
STEPS = """
import sys, time
began = time.perf_counter()
import jax, optax
from pathlib import Path
from cevns_jax import startup
from cevns_jax.results.fit import fit_result
from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference import fit
imported = time.perf_counter()
startup.start_jax()
spent = {"trace": 0.0, "compile": 0.0}
def listen(event, seconds, **_):
    kind = {"jaxpr_trace": "trace", "jaxpr_to_mlir_module": "trace", "backend_compile": "compile"}
    for key, name in kind.items():
        if event == f"/jax/core/compile/{key}_duration":
            spent[name] += seconds
jax.monitoring.register_event_duration_secs_listener(listen)
analysis = read_analysis(Path(sys.argv[1]))
built = time.perf_counter()
best = fit.fit(analysis.likelihood, analysis.starts)
fit_result(best, analysis.record)
seconds = {"import": imported - began, "build": built - imported, **spent}
seconds["run"] = time.perf_counter() - built - sum(spent.values())
import json
print(json.dumps(seconds))
"""


def timed(command: list[str], cache: str) -> tuple[float, str]:
    """Wall time [s] and output of a command."""
    settings = {
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
    began = time.perf_counter()
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed: {done.stderr[-2000:]}")
    return seconds, done.stdout


def times(config: Path) -> list[dict[str, Any]]:
    """Rows of the table: `cevns --help`, `cevns fit`, and what the fit spends its time on."""
    cevns = str(Path(sys.executable).with_name("cevns"))
    helps, cold, warm, steps = [], [], [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
            helps.append(timed([cevns, "--help"], folder)[0])
            command = [cevns, "fit", str(config), "--output", f"{folder}/results"]
            cold.append(timed(command, f"{folder}/cache")[0])
            warm.append(timed(command, f"{folder}/cache")[0])
            inline = [sys.executable, "-c", STEPS, str(config)]
            steps.append([json.loads(timed(inline, other)[1]) for _ in range(2)])
    rows = [
        {"quantity": "cevns --help", "cevns_jax": min(helps)},
        {"quantity": f"cevns fit {config.name}, empty cache", "cevns_jax": min(cold)},
        {"quantity": f"cevns fit {config.name}, filled cache", "cevns_jax": min(warm)},
    ]
    for which, cache in enumerate(("empty", "filled")):
        best = min((pair[which] for pair in steps), key=lambda step: sum(step.values()))
        rows += [
            {"quantity": f"  of it {name}, {cache} cache", "cevns_jax": seconds}
            for name, seconds in best.items()
        ]
    return rows
