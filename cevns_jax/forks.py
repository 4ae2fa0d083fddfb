"""Notices a process that was forked from one in which JAX ran already: JAX would hang in it."""

import os
import sys

_forked_too_late = False  # of this process; set once, right after its birth


def stop_if_forked() -> None:
    """Refuse to compute in a process that was forked after JAX had started in its parent.

    The threads of JAX do not live on in the child, which would wait for them for ever.

    Raises:
        RuntimeError: this is such a process.
    """
    if _forked_too_late:
        raise RuntimeError(
            "this process was forked after JAX had started in its parent, and would hang; use "
            'multiprocessing.get_context("spawn")'
        )


def _after_fork() -> None:
    global _forked_too_late
    bridge = sys.modules.get("jax._src.xla_bridge")
    _forked_too_late = _forked_too_late or bool(getattr(bridge, "_backends", None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
