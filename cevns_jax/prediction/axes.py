"""Names of the binned quantities of an experiment."""

from __future__ import annotations

from collections.abc import Collection

from cevns_jax.errors import ConfigError, shown

BESIDE = (
    *("component", "scatters", "observed", "expected", "error", "without_new_physics"),
    *("template_error", "covariance", "bin_row", "bin_column"),
    *("spectrum", "flavour", "isotope", "recoil_energy_kev"),
)
"""What stands beside the axes where the counts of an experiment are kept, and is no axis."""


def check_axes(where: str, axes: Collection[str]) -> None:
    """Check that axes have names by which arrays can be kept, each its own.

    Args:
        where: File or experiment, for messages.
        axes: Their names.

    Raises:
        ConfigError: a name that is no identifier, or that something else has: what stands beside
            the axes, or the edges of the bins of another one.
    """
    edges = {f"{axis}_{what}" for axis in axes for what in ("edge", "edges")}
    for axis in axes:
        if not axis.isidentifier():
            raise ConfigError(
                f'{where}: the name of an axis must be an identifier, not "{shown(axis)}"'
            )
        if axis in {*BESIDE, *edges}:
            raise ConfigError(
                f'{where}: an axis cannot be called "{axis}", something else in results is; taken '
                f"are {', '.join(BESIDE)}, and AXIS_edge and AXIS_edges of every axis"
            )
