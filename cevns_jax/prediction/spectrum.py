"""What an experiment predicts before its bins: recoil spectra, and the response that folds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError
from cevns_jax.parameters import static
from cevns_jax.prediction.component import Component, EnergyTimeSignal
from cevns_jax.recoil import RecoilKernel

if TYPE_CHECKING:
    import xarray

KEV = 1e-3  # [MeV]
SMALLEST_RECOIL = 1e-27  # [keV], stands for zero, where 1/T would have no value


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class RecoilSpectrum:
    """dR/dT of CEvNS before the response of the detector, in the exposure of an experiment.

    Attributes:
        flavours: The F flavours of the source.
        isotopes: The I isotopes of the target.
        unit: Unit of the rate, ``"events/keV"`` or ``"events/(keV day)"``.
        recoil_kev: Recoil energies T [keV], shape (n,).
        rate: dR/dT by flavour and isotope, shape (F, I, n) [``unit``].
    """

    flavours: tuple[str, ...] = static()
    isotopes: tuple[str, ...] = static()
    unit: str = static()
    recoil_kev: jax.Array
    rate: jax.Array

    @property
    def total(self) -> jax.Array:
        """dR/dT of all flavours and isotopes, shape (n,) [``unit``]."""
        return jnp.sum(self.rate, axis=(0, 1))

    def to_xarray(self) -> xarray.DataArray:
        """The rate with its flavours, isotopes and recoil energies, named and with units."""
        import xarray

        recoil = xarray.Variable(
            "recoil_kev",
            np.asarray(self.recoil_kev),
            {"long_name": "nuclear recoil energy", "units": "keV"},
        )
        return xarray.DataArray(
            np.asarray(self.rate),
            dims=("flavour", "isotope", "recoil_kev"),
            coords={
                "flavour": ("flavour", list(self.flavours), {"long_name": "neutrino flavour"}),
                "isotope": ("isotope", list(self.isotopes), {"long_name": "isotope"}),
                "recoil_kev": recoil,
            },
            name="rate",
            attrs={
                "long_name": "recoil spectrum before the detector response",
                "units": self.unit,
            },
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class ResponseMatrix:
    """Probability of each bin for recoils on the nodes of an experiment.

    Events in a bin are the sum over isotopes i and nodes n of dR/dT[i, n] weight_kev[i, n]
    probability[i, n, bin], before the bins of time. Recoils outside the nodes are not seen.

    Attributes:
        isotopes: The I isotopes.
        axes: Names of the reconstructed quantities, units included; their bins are flattened.
        edges: Bin edges of each.
        recoil_kev: Nodes T [keV], shape (I, n).
        weight_kev: Quadrature weights of the nodes [keV], shape (I, n).
        probability: Shape (I, n, B), efficiency included.
    """

    isotopes: tuple[str, ...] = static()
    axes: tuple[str, ...] = static()
    edges: tuple[np.ndarray, ...]
    recoil_kev: np.ndarray | jax.Array
    weight_kev: np.ndarray | jax.Array
    probability: jax.Array


def energy_time(name: str, signal: Component) -> EnergyTimeSignal:
    """The part of a signal that recoils are folded with a response in.

    Args:
        name: Of the experiment, for messages.
        signal: Its signal, or one that has bins of more quantities on top.

    Raises:
        ConfigError: there is none, in a signal of one's own or one that was evaluated ahead.
    """
    inner = getattr(signal, "energy_time", signal)
    if isinstance(inner, EnergyTimeSignal):
        return inner
    raise ConfigError(
        f"{name}: the signal ({type(inner).__name__}) is no recoil spectrum that a response folds; "
        "ask the experiment as it was built"
    )


def node_weights(kernel: RecoilKernel) -> np.ndarray | jax.Array:
    """Quadrature weights in T [MeV] of the recoil nodes of a kernel, shape of the nodes."""
    return kernel.nodes.weights


def checked_recoils(where: str, recoil_kev: object, *, zero: bool) -> Any:
    """Recoil energies [keV], shape (n,); one number is a list of one.

    Args:
        where: The call, for messages.
        recoil_kev: What was given.
        zero: Whether zero is allowed; it stands for the lowest recoil that there is.

    Raises:
        ConfigError: no numbers, more than one dimension, or a number that is not positive.
    """
    if isinstance(recoil_kev, jax.core.Tracer):
        recoil = jnp.atleast_1d(recoil_kev)
        found: Any = jnp.maximum(recoil, SMALLEST_RECOIL)
    else:
        try:
            found = np.atleast_1d(np.asarray(recoil_kev, dtype=float))
        except (TypeError, ValueError):
            raise ConfigError(f'{where}: recoil_kev must be numbers, not "{recoil_kev}"') from None
        low = 0.0 if zero else np.nextafter(0.0, 1.0)
        if not (np.isfinite(found).all() and (found >= low).all()):
            which = "not negative" if zero else "positive"
            raise ConfigError(f"{where}: recoil_kev must be finite and {which}")
        found = np.maximum(found, SMALLEST_RECOIL)
    if found.ndim > 1:
        raise ConfigError(f"{where}: recoil_kev must have one dimension, not shape {found.shape}")
    return found
