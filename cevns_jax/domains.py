"""Physical domains of the numbers that users give, with the unit that is likely mistaken.

Their ends are powers of ten, chosen by hand: wide enough for any detector and any source there may
be, and so narrow that no product of them overflows and that a mistaken unit is often outside. A
number outside is an error where it is read, in a config or by a function of the library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

from cevns_jax.errors import ConfigError, shown

# By how much fractions, or their sums, may be above one: tables have six digits or so. Fractions in
# per cent miss it by far.
ROUNDING = 1e-6


class Domain(NamedTuple):
    """Where numbers may lie, ends included.

    Attributes:
        low, high: The ends.
        hint: The unit, and the one that is likely mistaken for it.
    """

    low: float
    high: float
    hint: str = ""

    def refusal(self, what: str, value: float) -> str | None:
        """Why a value is refused, in one sentence; nothing where it is not.

        Args:
            what: Name of the number or column.
            value: The value; one that is not a number lies outside.
        """
        if self.low <= value <= self.high:
            return None
        hint = f" ({self.hint})" if self.hint else ""
        if self.low == 0 > value:
            return f"{what} must be finite and not negative, not {value:g}{hint}"
        if self.low > 0 >= value:
            return f"{what} must be positive, not {value:g}{hint}"
        # Four digits: the rounding that is allowed above one is nothing to tell a user.
        domain = f"{self.low:.4g} and {self.high:.4g}"
        return f"{what} must lie between {domain}, not at {value:.9g}{hint}"


FRACTION = Domain(0.0, 1 + ROUNDING, "a fraction, not per cent")
COUNTS = Domain(-1e15, 1e15, "events")
ERRORS = Domain(1e-30, 1e15, "events")
TEMPLATE_ERRORS = Domain(0.0, 1e15, "events")
COVARIANCE = Domain(-1e30, 1e30, "events squared")
EDGES = Domain(-1e12, 1e12)
ANY = Domain(-1e30, 1e30)
CHARGE = Domain(-1e6, 1e6, "a charge in units of the coupling")

# Keys of configs, and arguments of the same names.
NUMBERS: Mapping[str, Domain] = {
    "mass_kg": Domain(1e-9, 1e12, "kg, not g or t"),
    "distance_m": Domain(0.1, 1000.0, "m, not cm or km"),
    "neutrinos_per_proton": Domain(1e-12, 5.0, "neutrinos of each flavour, not per cent"),
    "protons_on_target": Domain(1e12, 1e30, "a number of protons, not of 10^20, C or MWh"),
    "exposure_scale": Domain(1e-9, 1e12),
    "steady_state_events": Domain(1e-30, 1e15),
    "flux_per_cm2_s": Domain(1e-3, 1e16, "1/(cm^2 s), not 1/(m^2 s)"),
    "live_time_days": Domain(1e-9, 1e5, "days, not s"),
    "live_time_s": Domain(1e-5, 1e10, "s, not ms"),
    "recoil_min_kev": Domain(0.0, 1e8, "keV, not eV"),
    "lindhard_k": Domain(0.0, 1.0, "a fraction, not per cent"),
    "noise_kev": Domain(0.0, 1e4, "keV, not eV"),
    "statistical": Domain(0.0, 1e3, "keV^(1/2)"),
    "proportional": Domain(0.0, 1.0, "a fraction, not per cent"),
    "photoelectrons_per_kev": Domain(1e-6, 1e4, "per keV, not per MeV"),
    "quanta_per_kev": Domain(1e-6, 1e4, "per keV, not per MeV"),
    "value": FRACTION,
    **dict.fromkeys(("skin_fm", "range_fm", "diffuseness_fm"), Domain(0.0, 10.0, "fm")),
    **dict.fromkeys(("width", "width_down"), Domain(1e-12, 1e6, "a fraction for normalisations")),
    "start": Domain(-1e15, 1e15),
    "prior_mean": Domain(-1e15, 1e15),
    "prior_width": Domain(1e-30, 1e15),
    "min": Domain(-1e15, 1e15),
    "max": Domain(-1e15, 1e15),
    **dict.fromkeys(("up", "down", "electron", "nu_e", "nu_mu", "nu_tau"), CHARGE),
    **dict.fromkeys(("proton", "neutron"), CHARGE),
}

# Keys of a prior, in the unit of its parameter.
PLACE = Domain(-1e15, 1e15)
WIDTH = Domain(1e-30, 1e15)
LOG_WIDTH = Domain(1e-12, 10.0, "a relative error, of the logarithm")

FLUX = Domain(0.0, 1e25, "1/(cm^2 s MeV)")
# Columns of tables.
COLUMNS: Mapping[str, Domain] = {
    "energy_mev": Domain(1e-9, 1e7, "MeV"),
    "recoil_kev": Domain(0.0, 1e8, "keV"),
    "energy_kev": Domain(-1e8, 1e8, "keV"),
    "sigma_kev": Domain(0.0, 1e4, "keV, not eV"),
    "quenching_factor": FRACTION._replace(hint="E_ee/T, a fraction, not per cent"),
    "efficiency": FRACTION,
    "probability": FRACTION._replace(hint="a fraction, neither per cent nor a density"),
    "time_us": Domain(-1e5, 1e5, "us, not ns"),
}


def check_number(where: str, name: str, value: float, domain: Domain | None = None) -> None:
    """Check a number against its domain.

    Args:
        where: File and table, or the call, for the message.
        name: Name of the number.
        value: The number.
        domain: Default: that of its name in ``NUMBERS``, or else that of any number.

    Raises:
        ConfigError: it is no number, or lies outside.
    """
    check_is_number(where, name, value)
    domain = NUMBERS.get(name, ANY) if domain is None else domain
    refusal = domain.refusal(name, value)
    if refusal is not None:
        raise ConfigError(f"{where}: {refusal}")


def check_is_number(where: str, name: str, value: object) -> None:
    """Check that something is one number; arguments as of :func:`check_number`.

    Raises:
        ConfigError: it is a text, an array with axes, or anything else that is no number.
    """
    # Arrays without axes, NumPy's or JAX's, are numbers as well; so is a string of NumPy.
    if isinstance(value, str) or not (isinstance(value, Real) or getattr(value, "shape", 0) == ()):
        raise ConfigError(f"{where}: {name} must be a number, not {described(value)}")


def described(given: object) -> str:
    """What was given in place of something else: a text itself, of anything else its type."""
    return f'"{shown(given)}"' if isinstance(given, str) else f"a {type(given).__name__}"


def check_positive(where: str, name: str, value: float, domain: Domain | None = None) -> None:
    """Check that a number is positive and finite, and inside its domain; arguments as of
    :func:`check_number`.

    Raises:
        ConfigError: it is not.
    """
    check_is_number(where, name, value)
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{where}: {name} must be positive and finite, not {value}")
    check_number(where, name, value, domain)
