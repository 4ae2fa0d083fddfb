"""What an experiment predicts before binning: recoil spectra, and the response that folds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.constants import KEV
from cevns_jax.errors import ConfigError, unknown
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.interactions.standard_model import standard_model
from cevns_jax.nuclei import Target
from cevns_jax.parameters import Values, completed
from cevns_jax.precision import require_float64
from cevns_jax.prediction.scattering import Scattering
from cevns_jax.pytree import static
from cevns_jax.recoil import differential_rate

if TYPE_CHECKING:
    import xarray

    from cevns_jax.prediction.experiment import Experiment

# [keV], stands for zero, where 1/T would have no value: far below any recoil that somebody means,
# and so large that the T^-2 of a massless mediator stays finite.
SMALLEST_RECOIL = 1e-27


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


def recoil_spectrum(
    experiment: Experiment,
    recoil_kev: object,
    interaction: Interaction | None,
    values: Values | None,
    component: str | None,
) -> RecoilSpectrum:
    """See :meth:`cevns_jax.prediction.experiment.Experiment.recoil_spectrum`."""
    require_float64()
    where = f"{experiment.name}.recoil_spectrum"
    recoil = checked_recoils(where, recoil_kev, zero=True)
    name, part = scattering(experiment, component)
    interaction, full = completed_for(experiment, where, interaction, values)
    seen, effects = experiment.seen_by(name, interaction, full)
    scale = 1 + jnp.asarray(effects.get("neutron_radius", 0.0))
    kernel = part.kernel
    per_kg = differential_rate(recoil * KEV, kernel.source, kernel.target, interaction, seen, scale)
    return RecoilSpectrum(
        flavours=kernel.source.flavours,
        isotopes=kernel.target.symbols,
        unit="events/(keV day)" if experiment.per_day else "events/keV",
        recoil_kev=jnp.asarray(recoil),
        rate=experiment.factor(name, full) * kernel.mass_kg * KEV * per_kg,
    )


def response_matrix(
    experiment: Experiment, values: Values | None, component: str | None
) -> ResponseMatrix:
    """See :meth:`cevns_jax.prediction.experiment.Experiment.response_matrix`."""
    name, part = scattering(experiment, component)
    interaction, full = completed_for(
        experiment, f"{experiment.name}.response_matrix", None, values
    )
    seen, effects = experiment.seen_by(name, interaction, full)
    kernel, number = part.kernel, len(part.shape) - (part.timing is not None)
    recoil, weights = jnp.asarray(kernel.recoil), kernel.nodes.weights
    probability = part.response(recoil, seen, effects)
    # Where dR/dT jumps or bends between the nodes it has to be folded on finer ones, between which
    # counts take what multiplies it as a polynomial.
    pieces = kernel.pieces
    if pieces is not None:
        recoil, weights = jnp.asarray(pieces.recoil), pieces.weights
        probability = pieces.between_nodes(probability)
    nodes = (len(kernel.target.symbols), recoil.shape[1])
    return ResponseMatrix(
        isotopes=kernel.target.symbols,
        axes=experiment.axes[:number],
        edges=experiment.edges[:number],
        recoil_kev=jnp.broadcast_to(recoil, nodes) / KEV,
        weight_kev=jnp.broadcast_to(weights, nodes) / KEV,
        probability=jnp.broadcast_to(probability, (*nodes, probability.shape[-1])),
    )


def completed_for(
    experiment: Experiment, where: str, interaction: Interaction | None, values: Values | None
) -> tuple[Interaction, Values]:
    """The interaction, by default the Standard Model, and values of all parameters.

    Raises:
        ConfigError: values of an unknown parameter.
    """
    from cevns_jax.prediction.combination import tabulated  # which imports Experiment itself

    interaction = standard_model() if interaction is None else interaction
    return interaction, completed(where, tabulated(interaction, [experiment]), values or {})


def scattering(experiment: Experiment, component: str | None = None) -> tuple[str, Scattering]:
    """A component in which recoils of nuclei are folded with a response, and its name.

    Args:
        experiment: Whose component.
        component: Its name; default the only one.

    Raises:
        ConfigError: an unknown component, one of another kind, none, or several without a name.
    """
    if component is not None and component not in experiment.parts:
        raise unknown(experiment.name, "component", component, experiment.parts)
    found = scattering_parts(experiment)
    named = {name: part for name, part in found.items() if component in (None, name)}
    if not named:
        kinds = ", ".join(
            f"{name} ({type(part).__name__})"
            for name, part in experiment.parts.items()
            if component in (None, name)
        )
        raise ConfigError(
            f"{experiment.name}: {kinds}: no recoil spectrum of nuclei that a response folds; ask "
            "the experiment as it was built"
        )
    if len(named) > 1:
        raise ConfigError(
            f"{experiment.name}: name the component, neutrinos scatter in {', '.join(named)}"
        )
    return next(iter(named.items()))


def scattering_parts(experiment: Experiment) -> dict[str, Scattering]:
    """The components in which recoils of nuclei are folded with a response, by name."""
    inner = {name: part.recoils for name, part in experiment.parts.items()}
    return {
        name: recoils
        for name, recoils in inner.items()
        if recoils is not None and isinstance(recoils.kernel.target, Target)
    }


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
