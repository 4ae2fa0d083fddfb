"""What every test needs: float64 before JAX is used, and reproducible random inputs."""

import os
import tempfile

os.environ["CEVNS_CACHE"] = "off"  # tests leave nothing behind
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # One folder for all processes of these tests, which compile many a program more than once.
    COMPILED = tempfile.TemporaryDirectory(prefix="cevns_jax_tests_", ignore_cleanup_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"
    os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = "1000000000"  # with a size it locks its files

import hypothesis
import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)  # so that scans run on several devices, as the CLI's

hypothesis.settings.register_profile("cevns", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("cevns")
