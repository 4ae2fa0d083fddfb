"""What every test needs: float64 before JAX is used, and reproducible random inputs."""

import gc
import os
import pickle
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
import jax.numpy as jnp
import pytest
from compiled import FLAGS

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)  # so that scans run on several devices, as the CLI's

if FLAGS:
    os.environ["XLA_FLAGS"] = FLAGS
    jnp.zeros(1).block_until_ready()  # XLA reads them once, with its first program
    del os.environ["XLA_FLAGS"]

# What JAX has traced stays. By default Python looks through all of it for garbage after every 700
# new objects, and so did these tests for a sixth of their time.
gc.set_threshold(100_000, 20, 20)

hypothesis.settings.register_profile("cevns", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("cevns")


class WritesHere:
    """In place of the process that writes results, and imports for two seconds: the same calls."""

    def __enter__(self):
        return self

    def submit(self, function, *arguments):
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))  # as through a pipe
        function(*arguments)

    def __exit__(self, *_):
        pass


@pytest.fixture
def written_here(monkeypatch):
    """Commands write their results in this process; other tests see to the one that does it."""
    monkeypatch.setattr("cevns_jax.commands.output.Writer", WritesHere)
