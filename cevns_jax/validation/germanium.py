"""Published numbers of Dresden-II beside ours."""

from __future__ import annotations

from collections.abc import Iterator

from cevns_jax import published
from cevns_jax.validation.row import Fitted, Row, parameter

CONFIGS = {
    "fef": ("iron-filter", published.DRESDEN_IRON_FILTER),
    "ybe": ("photo-neutron", published.DRESDEN_PHOTO_NEUTRON),
    "modified_lindhard": ("modified Lindhard", published.DRESDEN_MODIFIED_LINDHARD),
}
REMARKS = {
    "flux_fixed": "",
    "flux_5_percent": "The publication includes uncertainties of flux and quenching.",
}


def rows(fitted: Fitted) -> Iterator[Row]:
    """The weak mixing angle for each quenching factor, flux fixed and with a pull."""
    for name, (title, known) in CONFIGS.items():
        config = f"dresden_ii_{name}.toml"
        for preset, remark in REMARKS.items():
            best = fitted(config, f"experiments.dresden_ii.nuisances={preset}")
            where = f"Dresden-II, {title} quenching, {preset.replace('_', ' ')}"
            yield parameter(f"{where}: sin^2 theta_W", known, best, config, remark)
