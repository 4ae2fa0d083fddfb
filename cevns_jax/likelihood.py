"""Likelihood: bins of one or several experiments times the priors of the parameters.

chi^2 means -2 ln L throughout: the deviance of the bins (Poisson or Gaussian, as each experiment
says) plus the penalties of the priors, which are squared pulls for Gaussian ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.forks import stop_if_forked
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.interactions.standard_model import standard_model
from cevns_jax.parameters import Parameter, Values, check_domain, completed
from cevns_jax.prediction.combination import check_combination, tabulated
from cevns_jax.prediction.experiment import Experiment
from cevns_jax.priors import Flat, Gaussian
from cevns_jax.pytree import changed, plain_pytree, static
from cevns_jax.summaries import of_likelihood
from cevns_jax.summary import Summarised, Summary


@plain_pytree
@dataclass(frozen=True, init=False, repr=False, eq=False)
class Likelihood(Summarised):
    """Experiments, an interaction, and which parameters vary.

    Methods that take values of parameters accept some or all of them. A parameter that is missing
    has the value at which it is held, or else its start value; a name that nobody declares is a
    ConfigError. Derivatives come as a mapping of the names that were given:
    ``jax.grad(like.chi2)({"sin2_theta_w": 0.23})``.

    It is a pytree with a static structure (experiments, bins, names of parameters) and traced
    numbers (counts, priors, held values), so that functions of it compile once. It is checked where
    it is made, and never again.

    Attributes:
        experiments: Data sets; they are independent given the parameters.
        interaction: The cross section, one for all.
        parameters: Declarations of all parameters by name, varying or not.
        free: Parameters that vary in addition to those whose declaration says that they do.
        held: Values at which parameters are held fixed.
        declared_anew: Names of the parameters whose declaration was replaced: it is not that of an
            experiment or of the interaction.
        names: Names of the parameters that vary, in the order of the vectors used below.
    """

    experiments: tuple[Experiment, ...]
    interaction: Interaction
    parameters: Mapping[str, Parameter]
    held: Mapping[str, Any]
    free: tuple[str, ...] = static()
    declared_anew: tuple[str, ...] = static()
    names: tuple[str, ...] = static()

    def __init__(
        self,
        experiments: Experiment | Sequence[Experiment],
        interaction: Interaction | None = None,
        free: Sequence[str] = (),
        held: Mapping[str, float | jax.Array] = MappingProxyType({}),
        declarations: Mapping[str, Parameter] = MappingProxyType({}),
        allow_overlap: bool = False,
    ) -> None:
        """Check the parts, and tabulate what they declare.

        Args:
            experiments: Data sets, or only one.
            interaction: Default: the Standard Model with couplings at tree level.
            free, held: As the attributes.
            declarations: Declarations that replace those of experiments and interaction.
            allow_overlap: Whether experiments that have events in common may be combined.

        Raises:
            ConfigError: no experiment, a name that no experiment or interaction declares, a
                declaration of another parameter, a number outside the domain at which a parameter
                is held, experiments that share a name or events, a nuisance named as another
                parameter, two declarations of one parameter that differ, or one uncertainty in the
                pulls of two experiments under different names.
        """
        parts = (experiments,) if isinstance(experiments, Experiment) else tuple(experiments)
        if not parts:
            raise ConfigError("likelihood: needs at least one experiment")
        model = standard_model() if interaction is None else interaction
        if isinstance(free, str):
            raise ConfigError(f'likelihood: free must be a list of names, not "{free}"')
        check_combination(model, parts, allow_overlap)
        parameters = tabulated(model, parts)
        for name in (*free, *held, *declarations):
            if name not in parameters:
                raise unknown("likelihood", "parameter", name, parameters)
        # An ordered dictionary, because JAX sorts the keys of a plain one when it takes the pytree
        # apart, and vectors follow the order of the declarations.
        parameters = OrderedDict(parameters | dict(declarations))
        _check_declarations(parameters, held)
        self.__dict__.update(
            experiments=parts,
            interaction=model,
            parameters=parameters,
            held=dict(held),
            free=tuple(free),
            declared_anew=tuple(declarations),
            names=_varying(parameters, tuple(free), held),
        )

    def summary(self) -> Summary:
        """Data, interaction and parameters, in words and tables."""
        return of_likelihood(self)

    @property
    def _varying(self) -> list[Parameter]:
        """Declarations of the varying parameters."""
        return [self.parameters[name] for name in self.names]

    @property
    def many_valleys(self) -> tuple[str, ...]:
        """Names of the varying parameters in which chi^2 can have several minima: those of the
        interaction, and of costly components: radii, flux, response. In all others it has one."""
        found = {p.name for p in self.interaction.parameters}
        found = found.union(*(experiment.many_valleys for experiment in self.experiments))
        return tuple(name for name in self.names if name in found)

    @property
    def start(self) -> jax.Array | np.ndarray:
        """Start values of the varying parameters, shape (n,)."""
        return _vector([p.start for p in self._varying])

    @property
    def bounds(self) -> tuple[jax.Array | np.ndarray, jax.Array | np.ndarray]:
        """Lowest and highest values of the varying parameters, shape (n,) each."""
        varying = self._varying
        return _vector([p.lower for p in varying]), _vector([p.upper for p in varying])

    def values(self, x: jax.Array | np.ndarray | None = None) -> dict[str, jax.Array]:
        """Values of all parameters, by name.

        Args:
            x: Values of the varying ones, shape (n,); default their start values.
        """
        stop_if_forked()
        given: dict[str, Any] = {name: p.start for name, p in self.parameters.items()}
        given |= self.held
        if x is not None:
            given |= {name: x[i] for i, name in enumerate(self.names)}
        return {name: jnp.asarray(value) for name, value in given.items()}

    def completed(self, values: Values) -> Values:
        """Values of all parameters from those of some. A missing one has the value at which it is
        held, or else its start value.

        Raises:
            ConfigError: a name that nobody declares.
        """
        return completed("values", self.parameters, values, self.held)

    def hold(self, **held: jax.Array | float) -> Likelihood:
        """The likelihood with parameters held fixed at values.

        Raises:
            ConfigError: an unknown parameter, or a value outside its domain. Values that JAX traces
                are not checked.
        """
        self._check_names("hold", held)
        for name, value in held.items():
            check_domain("hold", self.parameters[name], value)
        return self._with(held={**self.held, **held})

    def freed(self, *names: str) -> Likelihood:
        """The likelihood in which the given parameters vary, whether or not they did before.

        Raises:
            ConfigError: an unknown parameter.
        """
        self._check_names("free", names)
        held = {name: value for name, value in self.held.items() if name not in names}
        more = [n for n in names if n not in (*self.free, *self.names)]
        return self._with(held=held, free=(*self.free, *more))

    def declared(self, declarations: Mapping[str, Parameter]) -> Likelihood:
        """The likelihood with some declarations replaced.

        Raises:
            ConfigError: an unknown parameter, a declaration of another one, or a domain that does
                not contain the value at which its parameter is held.
        """
        self._check_names("declarations", declarations)
        _check_declarations(declarations, self.held)
        anew = tuple(dict.fromkeys((*self.declared_anew, *declarations)))
        parameters = OrderedDict({**self.parameters, **declarations})
        return self._with(parameters=parameters, declared_anew=anew)

    def _check_names(self, where: str, names: Mapping[str, Any] | Sequence[str]) -> None:
        for name in names:
            if name not in self.parameters:
                raise unknown(where, "parameter", name, self.parameters)

    def _with(self, **fields: Any) -> Likelihood:
        """A copy with other fields, and with the names that vary as these fields imply."""
        copy = changed(self, **fields)
        copy.__dict__["names"] = _varying(copy.parameters, copy.free, copy.held)
        return copy

    def precomputed(self, values: Values, varying: Sequence[str] = ()) -> Likelihood:
        """The likelihood with everything evaluated that no varying parameter affects.

        Args:
            values: Values of parameters.
            varying: Names of the parameters that will change; default none.
        """
        values = self.completed(values)
        experiments = [e.precomputed(self.interaction, values, varying) for e in self.experiments]
        return changed(self, experiments=tuple(experiments))

    def with_observed(
        self, observed: Mapping[str, np.ndarray | jax.Array], data: str = "observed"
    ) -> Likelihood:
        """The likelihood of other data.

        Args:
            observed: Counts by name of the experiment.
            data: What kind of data they are, one of :data:`cevns_jax.pseudo_data.KINDS`.
        """
        experiments = [e.with_observed(observed[e.name], data) for e in self.experiments]
        return changed(self, experiments=tuple(experiments))

    def with_centres(self, centres: Mapping[str, Any]) -> Likelihood:
        """The likelihood with priors centred elsewhere.

        Args:
            centres: The new centre by name of the parameter.

        Raises:
            ConfigError: an unknown parameter.
        """
        self._check_names("centres", centres)
        known = self.parameters
        moved = {n: changed(known[n], prior=known[n].prior.centred(c)) for n, c in centres.items()}
        return self.declared(moved)

    def components(self, values: Values) -> dict[str, dict[str, jax.Array]]:
        """Expected counts by experiment and component, shape of the bins."""
        stop_if_forked()
        values = self.completed(values)
        return {e.name: e.components(self.interaction, values) for e in self.experiments}

    def expected(self, values: Values) -> jax.Array:
        """Expected counts of all bins of all experiments, shape (bins,)."""
        stop_if_forked()
        values = self.completed(values)
        totals = [e.expected(self.interaction, values) for e in self.experiments]
        return jnp.concatenate([jnp.ravel(total) for total in totals])

    def deviance(self, values: Values) -> jax.Array:
        """Deviance of all bins of all experiments, shape (bins,)."""
        stop_if_forked()
        values = self.completed(values)
        bins = [e.deviance(e.expected(self.interaction, values)) for e in self.experiments]
        return jnp.concatenate([jnp.ravel(deviance) for deviance in bins])

    @property
    def n_bins(self) -> int:
        return sum(int(np.prod(np.shape(e.observed))) for e in self.experiments)

    @property
    def prior_mean_and_precision(self) -> tuple[jax.Array | np.ndarray, jax.Array | np.ndarray]:
        """Mean and precision of the priors of the varying parameters, shape (n,) each. The mean is
        zero where a prior constrains nothing. The precision is that at the start value."""
        priors = [(p.prior, p.start) for p in self._varying]
        mean = _vector([prior.mean if prior.constrains else 0.0 for prior, _ in priors])
        return mean, _vector([_precision(prior, start) for prior, start in priors])

    def penalty(self, values: Values) -> jax.Array:
        """The part of chi^2 that comes from the priors of all parameters that vary or are held.

        A held parameter keeps its prior, so that a profile over it includes its squared pull.
        """
        stop_if_forked()
        values = self.completed(values)
        priors = {name: self.parameters[name].prior for name in (*self.names, *self.held)}
        # Nearly all priors are Gaussian. One sum over a vector traces and compiles as one, where a
        # term for each would take time in proportion to their number.
        gaussian = {name: p for name, p in priors.items() if isinstance(p, Gaussian)}
        mean = _vector([prior.mean for prior in gaussian.values()])
        width = _vector([prior.width for prior in gaussian.values()])
        x = _vector([values[name] for name in gaussian])
        total = jnp.sum(((x - mean) / width) ** 2)
        for name, prior in priors.items():
            if not isinstance(prior, Gaussian | Flat):
                total += prior.penalty(values[name])
        return total

    def chi2(self, values: Values) -> jax.Array:
        """-2 ln L up to a constant: deviance of all bins plus the penalties of the priors."""
        values = self.completed(values)
        return jnp.sum(self.deviance(values)) + self.penalty(values)


def predictions(
    likelihood: Likelihood, values: Values | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Expected counts by experiment and component, shape of the bins; all finite.

    Args:
        likelihood: What to evaluate.
        values: Values of some parameters; the others, or all by default, are held or start values.

    Raises:
        ConfigError: an unknown parameter, a value outside its domain, or a component that is not
            finite somewhere.
    """
    declared = likelihood.parameters
    full = {k: jnp.asarray(v) for k, v in likelihood.completed(values or {}).items()}
    for name, value in (values or {}).items():
        check_domain("values", declared[name], value)
    expected = jax.jit(Likelihood.components)(likelihood, full)
    for experiment, parts in expected.items():
        for component, counts in parts.items():
            wrong = int(np.sum(~np.isfinite(counts)))
            if wrong:
                raise ConfigError(
                    f'{experiment}, component "{component}": the expected counts are not finite '
                    f"in {wrong} of {np.size(counts)} bins; look for numbers that are too large "
                    "among flux, exposure, charges and start values"
                )
    return {name: {k: np.asarray(v) for k, v in parts.items()} for name, parts in expected.items()}


def _check_declarations(declarations: Mapping[str, Parameter], held: Mapping[str, Any]) -> None:
    """Check that declarations are of the parameters whose names they stand under, and that the
    values at which parameters are held lie inside their domains."""
    for name, declared in declarations.items():
        if declared.name != name:
            raise ConfigError(
                f'likelihood: the declaration of "{name}" is one of "{declared.name}"; give it '
                "the same name"
            )
        if name in held:
            check_domain("likelihood, held", declared, held[name])


def _varying(
    parameters: Mapping[str, Parameter], free: Sequence[str], held: Mapping[str, Any]
) -> tuple[str, ...]:
    """Names of the parameters that vary: first those that were freed, then those that are declared
    to vary, in the order of their declarations; without those that are held."""
    declared = [name for name, parameter in parameters.items() if parameter.varies]
    return tuple(name for name in dict.fromkeys((*free, *declared)) if name not in held)


def _precision(prior: Any, x: Any) -> Any:
    """Curvature of half the penalty. For a Gaussian, which most priors are, it is computed without
    JAX, which would compile a program for each."""
    return prior.width**-2.0 if isinstance(prior, Gaussian) else prior.precision(x)


def _vector(numbers: Sequence[float | jax.Array]) -> jax.Array | np.ndarray:
    """Numbers as a vector: one of JAX if any of them is traced, else one of NumPy, which compiles
    nothing."""
    if any(isinstance(number, jax.core.Tracer) for number in numbers):
        return jnp.stack([jnp.asarray(number, dtype=float) for number in numbers])
    return np.array(numbers, dtype=float)
