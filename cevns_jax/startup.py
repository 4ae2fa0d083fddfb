"""How the command line starts JAX. The library itself changes no setting."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from pathlib import Path

CACHE_BYTES = 500_000_000  # of compiled programs, the oldest go first


def start_jax() -> None:
    """Double precision, and every core a device, so that scans use them all."""
    import jax

    jax.config.update("jax_enable_x64", True)
    keep_compiled_programs()
    if "XLA_FLAGS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        # Refused where JAX runs already (cevns called from Python): its devices are used then.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", cores or 1)


def keep_compiled_programs() -> None:
    """Let JAX keep what it compiles between runs, in a folder that only the user can write.

    Who can write there can run code: another owner or a writable group switches the cache off, as
    ``CEVNS_CACHE=off`` does. JAX_COMPILATION_CACHE_DIR names another folder.
    """
    import jax

    if os.environ.get("CEVNS_CACHE") == "off" or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # no home
        return
    # Compiled for one kind of processor: another one that shares the home has its own.
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else [platform.processor()]
    kind = "".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))
    folder = Path(home) / "cevns_jax" / hashlib.sha256(kind.encode()).hexdigest()[:12]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError:
        return
    if state.st_mode & 0o022 or (hasattr(os, "getuid") and state.st_uid != os.getuid()):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_compilation_cache_max_size", CACHE_BYTES)
