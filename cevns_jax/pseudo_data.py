"""Where counts come from: measured, the Asimov data set, or a toy. Words, which import nothing."""

from __future__ import annotations

OBSERVED, ASIMOV = "observed", "asimov"
TOYS = {"toy": "unconditional", "toy_fixed_pulls": "fixed_pulls"}
"""Kinds of toys -> the ensemble that :func:`cevns_jax.inference.toys.toy` draws them from."""
KINDS = (OBSERVED, ASIMOV, *TOYS)
HIGHEST_SEED = 2**63 - 1  # of jax.random.key


def in_words(kind: object, seed: int | None = None) -> str:
    """What the counts are for people: empty for measured ones.

    Args:
        kind: One of ``KINDS``.
        seed: Of a toy, where it is known.
    """
    if kind == ASIMOV:
        return "Asimov data"
    if kind not in TOYS:
        return ""
    toy = "toy data" if seed is None else f"toy data, seed {seed}"
    return f"{toy}, pulls at their start" if kind == "toy_fixed_pulls" else toy
