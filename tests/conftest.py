"""What every test needs: float64 before JAX is used, and reproducible random inputs."""

import os
import tempfile
from importlib.metadata import version

os.environ["CEVNS_CACHE"] = "off"  # tests leave nothing behind
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # One folder for all processes of these tests, which compile many a program more than once.
    COMPILED = tempfile.TemporaryDirectory(prefix="cevns_jax_tests_", ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"
    os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = "1000000000"  # with a size it locks its files

import hypothesis
import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)  # so that scans run on several devices, as the CLI's

# Most of the time of these tests is compilation. Without optimisation, and with the older of XLA's
# code generators for the CPU, it takes half as long: 5.4 s -> 2.7 s for the fit of liquid argon,
# with the same 15 digits of chi^2. XLA refuses flags that it does not know, hence the version.
# Processes that a test starts, and tests where XLA_FLAGS is set (to nothing, as for the slow ones
# in CI), run what users run.
if "XLA_FLAGS" not in os.environ and version("jaxlib") == "0.10.2":
    os.environ["XLA_FLAGS"] = (
        "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
    )
    jnp.zeros(1).block_until_ready()  # XLA reads them once, with its first program
    del os.environ["XLA_FLAGS"]

hypothesis.settings.register_profile("cevns", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("cevns")
