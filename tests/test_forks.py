"""Processes forked after JAX has started say so; those forked before compute."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os

import jax

jax.config.update("jax_enable_x64", True)
import cevns_jax as cj

csi = cj.experiments.coherent_csi_2017()
like = cj.Likelihood([csi], cj.interactions.standard_model(), free=["sin2_theta_w"])
calls = {
    "fit": lambda: cj.fit(like),
    "profile": lambda: cj.profile(like, sin2_theta_w=[0.2, 0.3]),
    "scan": lambda: cj.scan(like, {"sin2_theta_w": [0.2, 0.3]}),
    "asimov": lambda: cj.asimov(like),
    "values": like.values,
    "chi2": lambda: like.chi2({}),
}
if os.fork() == 0:
    print("before:", like.values()["sin2_theta_w"], flush=True)
    os._exit(0)
os.wait()
like.values()
if os.fork() == 0:
    for name, call in calls.items():
        try:
            print(name, call(), flush=True)
        except RuntimeError as error:
            print(f"{name}: {error}", flush=True)
    os._exit(0)
os.wait()
print("parent:", like.values()["sin2_theta_w"], flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_forked_after_jax_has_started_does_not_hang_but_says_why():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    before, *refused, parent = done.stdout.splitlines()
    assert before == "before: 0.23857"
    assert parent == "parent: 0.23857"
    names = ["fit", "profile", "scan", "asimov", "values", "chi2"]
    assert [line.split(":")[0] for line in refused] == names
    assert all('multiprocessing.get_context("spawn")' in line for line in refused)
