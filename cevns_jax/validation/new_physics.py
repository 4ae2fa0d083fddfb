"""Limits on new physics: allowed ranges of one parameter, beside published ones where known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cevns_jax.config.analysis import read_analysis
from cevns_jax.inference.intervals import Interval
from cevns_jax.inference.levels import NINETY
from cevns_jax.inference.limit import limit
from cevns_jax.inference.scan import scan
from cevns_jax.published import DRESDEN_MAGNETIC_MOMENT, Status

MASSES = ("0.01", "0.1", "1", "10", "100", "1000", "10000")  # [MeV]
ELECTRONS = "experiments.coherent_csi_2021.electrons=true"


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Ranges in which one parameter is allowed, everything else minimised.

    Attributes:
        group: Title of the table that it belongs in.
        quantity: What is limited.
        data: Data sets, and choices, in words.
        allowed: Ranges in which Delta chi^2 is below ``NINETY``, disconnected ones apart.
        config: Config that gives ours.
        overrides: What was set in it.
        published: The published range in words, if one is known.
        source: Where it is from.
        status: Where the published range was read, one of ``published.STATUSES``.
        remark: Why they differ, if they do.
    """

    group: str
    quantity: str
    data: str
    allowed: Sequence[Interval]
    config: str
    overrides: tuple[str, ...] = ()
    published: str = ""
    source: str = ""
    status: Status | None = None
    remark: str = ""

    def text(self, unit: float = 1.0) -> str:
        """The ranges, in units of a number; one that does not begin at a crossing is an upper
        limit."""
        parts = []
        for found in self.allowed:
            low, high = (f"{end / unit:.3g}" for end in (found.low, found.high))
            parts.append(f"{low} to {high}" if found.ends[0] == "crossing" else f"< {high}")
        return ", ".join(parts)

    def record(self) -> dict[str, Any]:
        """The bound for JSON."""
        return {
            "quantity": self.quantity,
            "data": self.data,
            "delta_chi2": NINETY,
            "allowed": [[found.low, found.high] for found in self.allowed],
            "ends": [list(found.ends) for found in self.allowed],
            "config": self.config,
            "overrides": list(self.overrides),
            "published": self.published,
            "published_source": self.source,
            "published_status": self.status,
            "remark": self.remark,
        }


def bounds(configs: Path) -> Iterator[Bound]:
    """All bounds, computed one after the other.

    Args:
        configs: Folder with the configs of the repository.
    """
    yield from _mediators(configs)
    yield from _contact(configs)
    yield from _magnetic_moments(configs)


def _bound(
    configs: Path, config: str, overrides: tuple[str, ...], group: str, quantity: str, **words: Any
) -> Bound:
    analysis = read_analysis(configs / config, overrides)
    assert analysis.scan is not None
    grids = {name: np.array(values) for name, values in analysis.scan.grids.items()}
    found = scan(analysis.likelihood, grids)
    (allowed,) = found.intervals([NINETY])
    return Bound(
        group=group,
        quantity=quantity,
        allowed=allowed,
        config=config,
        overrides=overrides,
        **words,
    )


def _mediators(configs: Path) -> Iterator[Bound]:
    """Universal light vector and scalar mediators of a fixed mass."""
    for mediator in ("vector", "scalar"):
        found = []
        for data, name, more in (
            ("CsI 2021", "csi", ()),
            ("CsI 2021 with electrons", "csi", (ELECTRONS,)),
            ("CsI 2021 and LAr 2020", "csi_lar", ()),
        ):
            config = f"limits_{mediator}_{name}.toml"
            analysis = read_analysis(configs / config, more)
            masses: dict[str, Any] = {f"m_{mediator}": np.array([float(mass) for mass in MASSES])}
            limits = limit(analysis.likelihood, f"g_{mediator}", cl=0.90, **masses)
            for mass, allowed in zip(MASSES, limits.intervals, strict=True):
                bound = Bound(
                    group=mediator,
                    quantity=mass,
                    allowed=allowed,
                    config=config,
                    overrides=more,
                    data=data,
                )
                found.append(bound)
        yield from sorted(found, key=lambda bound: MASSES.index(bound.quantity))


DENTON_REMARK = (
    "The published ranges are Feldman-Cousins intervals read off the rows of a table, ours are "
    "Delta chi^2 < 2.71; they lie about the same two solutions, 0.03 and 0.16 for electron "
    "neutrinos (merged into one range), 0.00 and 0.19 for muon neutrinos. At eps_mumu = -0.125 the "
    "events of muon flavour would be 5 times those of the Standard Model, which 134 events and an "
    "uncertainty of 28 % leave no room for: that end we do not reproduce."
)


def _contact(configs: Path) -> Iterator[Bound]:
    """Non-standard interactions that keep the flavour."""
    denton = "P. B. Denton and J. Gehrlein, arXiv:2008.06062, released results"
    for flavour, charges, published in (
        ("ee", "nu_e=1, nu_mu=0", "-0.043 to 0.233"),
        ("mumu", "nu_e=0, nu_mu=1", "-0.125 to 0.03, 0.16 to 0.315"),
    ):
        yield _bound(
            configs,
            "nsi_csi_2017.toml",
            (f"interaction.light_vector.charges={{up=1, down=1, {charges}, nu_tau=0}}",),
            "other",
            f"eps_{flavour}, u and d alike",
            data="CsI 2017",
            published=published,
            source=denton,
            status="confirmed",
            remark=DENTON_REMARK,
        )
    for quark in ("u", "d"):
        for flavour in ("ee", "mumu"):
            axis = f'{{parameter="eps_{quark}_{flavour}", min=-0.5, max=1.0, points=401}}'
            yield _bound(
                configs,
                "nsi_csi_lar.toml",
                (f"scan.axes=[{axis}]",),
                "other",
                f"eps_{flavour}^{quark}",
                data="CsI 2021 and LAr 2020",
            )


def _magnetic_moments(configs: Path) -> Iterator[Bound]:
    """The magnetic moment of electron neutrinos, nuclei and electrons together."""
    for quenching, published in (
        ("iron_filter", DRESDEN_MAGNETIC_MOMENT),
        ("photo_neutron", None),
        ("modified_lindhard", None),
    ):
        yield _bound(
            configs,
            "magnetic_moment_dresden_ii.toml",
            (f"experiments.dresden_ii.quenching={quenching}",),
            "other",
            "magnetic moment of nu_e [mu_B]",
            data=f"Dresden-II, {quenching.replace('_', ' ')} quenching, flux 5 %",
            published=published.text() if published else "",
            source=published.source if published else "",
            status=published.status if published else None,
        )


def bounds_text(found: list[Bound]) -> list[str]:
    """The section of the page, as lines."""
    lines = [
        "## New physics",
        "",
        "Allowed ranges at 90 % (Delta chi^2 < 2.71 for one parameter), everything else minimised;",
        "disconnected ranges apart. Of most published curves no number is known to us.",
        "",
    ]
    for mediator, title in (("vector", "Light vector mediator"), ("scalar", "Light scalar")):
        group = [b for b in found if b.group == mediator]
        columns = list(dict.fromkeys(b.data for b in group))
        configs = ", ".join(f"`{name}`" for name in dict.fromkeys(b.config for b in group))
        lines += [
            f"### {title}, universal coupling: g [1e-5] at a fixed mass",
            "",
            f"`cevns limit` with {configs}; with electrons: `--set {ELECTRONS}`.",
            "",
            f"| mass [MeV] | {' | '.join(columns)} |",
            "|---|" + "---|" * len(columns),
        ]
        for mass in dict.fromkeys(b.quantity for b in group):
            row = {b.data: b for b in group if b.quantity == mass}
            lines.append(f"| {mass} | {' | '.join(row[c].text(1e-5) for c in columns)} |")
        lines.append("")
    lines += [
        "### Non-standard interactions and magnetic moment",
        "",
        "| quantity | data | published | ours | config | source | status |",
        "|---|---|---|---|---|---|---|",
    ]
    others = [b for b in found if b.group == "other"]
    lines += [
        f"| {b.quantity} | {b.data} | {b.published or 'none known'} | {b.text()} | `{b.config}` "
        f"| {b.source} | {b.status or ''} |"
        for b in others
    ]
    remarks = {b.remark: f"{b.data}: {b.quantity}" for b in others if b.remark}
    lines += ["", *(f"- **{name}.** {remark}" for remark, name in remarks.items())]
    return lines
