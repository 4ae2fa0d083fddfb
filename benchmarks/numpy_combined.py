"""Data sets together in NumPy: their chi^2 added, one flux of the SNS."""

from __future__ import annotations

import numpy_csi_2021
import numpy_dresden_ii
import numpy_lar_2020
from numpy_iminuit import Combination, Model


def _of_the_sns() -> dict[str, Model]:
    return {
        "coherent_csi_2021": numpy_csi_2021.Split(),
        "coherent_lar_2020": numpy_lar_2020.Split(),
    }


def csi_and_argon() -> Combination:
    """CsI (2021) and argon, their signals split."""
    return Combination(_of_the_sns(), ["sns_flux"])


def all_three() -> Combination:
    """The same and Dresden-II with a pull of its flux."""
    dresden_ii = numpy_dresden_ii.DresdenII(free_flux=True)
    return Combination({**_of_the_sns(), "dresden_ii": dresden_ii}, ["sns_flux"])
