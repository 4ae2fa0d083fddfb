"""Published numbers of Dresden-II beside ours."""

from __future__ import annotations

from collections.abc import Iterator

from cevns_jax import published
from cevns_jax.validation.row import Fitted, Row, parameter

ERRORS_REMARK = (
    "The publication includes uncertainties of flux and quenching. The rate is quadratic in the "
    "angle, which makes our lower error the larger one; with a pull of 20 % on the signal, as from "
    "an uncertain quenching factor, the errors are +0.062 -0.063 (iron-filter) and +0.082 -0.087 "
    "(photo-neutron)."
)
CONFIGS = {
    "fef": ("iron-filter", published.DRESDEN_IRON_FILTER, ERRORS_REMARK),
    "ybe": ("photo-neutron", published.DRESDEN_PHOTO_NEUTRON, ERRORS_REMARK),
    "modified_lindhard": ("modified Lindhard", published.DRESDEN_MODIFIED_LINDHARD, ""),
}
CUT_OFF_REMARK = (
    "With this offset every recoil reaches 63.6 eV of ionisation, so that the recoil cut-off is a "
    "choice of the analysis; the publication's is not known to us."
)


def rows(fitted: Fitted) -> Iterator[Row]:
    """The weak mixing angle for each quenching factor, flux fixed and with a pull, and recoil
    cut-offs."""
    for name, (title, known, remark) in CONFIGS.items():
        config = f"dresden_ii_{name}.toml"
        for preset in ("flux_fixed", "flux_5_percent"):
            best = fitted(config, f"experiments.dresden_ii.nuisances={preset}")
            where = f"Dresden-II, {title} quenching, {preset.replace('_', ' ')}"
            yield parameter(f"{where}: sin^2 theta_W", known, best, config, remark)
    config = "dresden_ii_modified_lindhard.toml"
    for text, lowest in (("no recoil cut-off", 0), ("recoils above 7.5 eV", 0.0075)):
        best = fitted(config, f"experiments.dresden_ii.recoil_min_kev={lowest}")
        where = f"Dresden-II, modified Lindhard quenching, {text}: sin^2 theta_W"
        known = published.DRESDEN_MODIFIED_LINDHARD
        yield parameter(where, known, best, config, CUT_OFF_REMARK)
