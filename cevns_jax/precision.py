"""The precision of JAX, which this package does not set and does not work without."""

from __future__ import annotations

import jax


def require_float64() -> None:
    """Stop where JAX would silently work in 32 bits.

    Raises:
        RuntimeError: 64-bit is off.
    """
    if not jax.config.read("jax_enable_x64"):
        raise RuntimeError(
            "cevns_jax works in float64; switch it on before anything is built, and leave it on: "
            'jax.config.update("jax_enable_x64", True)'
        )
