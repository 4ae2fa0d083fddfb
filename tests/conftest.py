"""What every test needs: float64 before JAX is used, and reproducible random inputs."""

import os

import hypothesis
import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)  # so that scans run on several devices, as the CLI's

os.environ["CEVNS_CACHE"] = "off"  # tests compile what they run, and leave nothing behind

hypothesis.settings.register_profile("cevns", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("cevns")
