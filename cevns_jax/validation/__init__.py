"""Published numbers beside ours: the rows of ``docs/validation.md``.

Every row runs a config of the repository; nothing is stored. ``cevns validate configs`` writes the
page.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference.fit import Fit, fit
from cevns_jax.published import ANGLE_AT_ZERO, STATUSES
from cevns_jax.running import sin2_theta_w
from cevns_jax.validation import argon, csi, germanium
from cevns_jax.validation.new_physics import Bound, bounds, bounds_text
from cevns_jax.validation.row import Row

__all__ = ["Bound", "Row", "bounds", "rows", "table_text"]


def rows(configs: Path) -> Iterator[Row]:
    """All rows, computed one after the other.

    Args:
        configs: Folder with the configs of the repository.

    Raises:
        ConfigError: a config is missing or cannot be read.
    """

    @cache
    def fitted(name: str, *overrides: str) -> Fit:
        analysis = read_analysis(configs / name, overrides)
        return fit(analysis.likelihood, analysis.starts)

    for data_set in (csi, argon, germanium):
        yield from data_set.rows(fitted)
    yield Row(
        quantity="running of sin^2 theta_W from M_Z to zero momentum transfer",
        published=ANGLE_AT_ZERO,
        value=float(sin2_theta_w(0.0)),
        config="cevns_jax.running.sin2_theta_w(0.0)",
        remark="Leading logarithms, here; take 3e-4 as their uncertainty.",
        digits=5,
    )


def table_text(found: list[Row], limits: list[Bound]) -> str:
    """The page ``docs/validation.md``."""
    lines = [
        "# Validation against published numbers",
        "",
        "Written by `cevns validate configs`; every number of ours is computed by the config, or",
        "the function, named in its row. *Difference* is ours minus published in units of the",
        "published error. *Status* says where the published number was read:",
        "",
        *(f"- *{status}*: {meaning}" for status, meaning in STATUSES.items()),
        "",
        "| quantity | published | ours | difference [sigma] | config | source | status |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found:
        known = row.published
        digits = row.digits
        difference = f"{row.difference:+.2f}" if np.isfinite(row.difference) else "no error given"
        theirs = known.text(digits) if known.error_low > 0 else f"{known.value:.{digits}f}"
        lines.append(
            f"| {row.quantity} | {theirs} | {row.ours} | {difference} | `{row.config}` "
            f"| {known.source} | {known.status_text} |"
        )
    remarks = {row.remark: row.quantity for row in found if row.remark}
    lines += ["", "## Where they differ, and why", ""]
    lines += [f"- **{quantity}.** {remark}" for remark, quantity in remarks.items()]
    lines += ["", *bounds_text(limits)]
    return "\n".join(lines) + "\n"
