"""How XLA compiles the tests.

Most of their time is compilation, which takes half as long without optimisation and with the older
of XLA's code generators for the CPU: 4.7 s -> 2.1 s for the fit of liquid argon, with the same 15
digits of chi^2. XLA stops at flags that it does not know, and 0.12 does not know the second.

Processes that tests start run what users run, and so do the tests themselves where XLA_FLAGS is
set already or with CEVNS_TESTS=optimised.
"""

import os
from importlib.metadata import version

FLAGS = ""
if "XLA_FLAGS" not in os.environ and os.environ.get("CEVNS_TESTS") != "optimised":
    FLAGS = "--xla_backend_optimization_level=0"
    if version("jaxlib").startswith("0.10."):
        FLAGS += " --xla_cpu_use_fusion_emitters=false"
