"""Likelihood: bins of one or several experiments times Gaussian priors.

chi^2 means -2 ln L throughout: the deviance of the bins (Poisson or Gaussian, as each experiment
says) plus the squared pulls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.errors import ConfigError, unknown
from cevns_jax.forks import stop_if_forked
from cevns_jax.interactions.interaction import Interaction
from cevns_jax.interactions.standard_model import standard_model
from cevns_jax.parameters import Parameter, Values, check_domain, completed
from cevns_jax.prediction.experiment import Experiment, Nuisance
from cevns_jax.summaries import of_likelihood
from cevns_jax.summary import Summarised, Summary


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Likelihood(Summarised):
    """Experiments, an interaction, and which parameters are free.

    Methods that take values of parameters take those of some or of all: what is missing is held, or
    where it starts, and a name that nobody declares is a ConfigError. Derivatives come as a mapping
    of the names that were given: ``jax.grad(like.chi2)({"sin2_theta_w": 0.23})``.

    A pytree whose structure (experiments, bins, names of parameters) is static and whose numbers
    (counts, priors, held values) are not: functions of it compile once.

    Attributes:
        experiments: Data sets, or only one; they are independent given the parameters.
        interaction: The cross section, one for all. Default: the Standard Model with couplings at
            tree level.
        free: Free parameters besides those of backgrounds and nuisances, which are free unless
            held.
        held: Values at which parameters are held fixed.
        declarations: Declarations that replace those of experiments and interaction.
        allow_overlap: Whether experiments that have events in common are combined all the same.

    Raises:
        ConfigError: a name that no experiment or interaction declares, a number outside the domain
            at which a parameter is held, experiments that share a name or events, a nuisance named
            as another parameter, two definitions of a shared parameter, or one uncertainty in the
            pulls of two experiments under different names.
    """

    experiments: Sequence[Experiment]
    interaction: Interaction = field(default_factory=standard_model)
    free: Sequence[str] = field(default=(), metadata={"static": True})
    held: Mapping[str, float | jax.Array] = field(default_factory=dict)
    declarations: Mapping[str, Parameter] = field(default_factory=dict)
    allow_overlap: bool = field(default=False, metadata={"static": True})

    def summary(self) -> Summary:
        """What there is to know of it, in words and tables."""
        return of_likelihood(self)

    def __post_init__(self) -> None:
        given: Experiment | Sequence[Experiment] = self.experiments
        given = (given,) if isinstance(given, Experiment) else tuple(given)
        object.__setattr__(self, "experiments", given)
        if isinstance(self.free, str):
            raise ConfigError(f'likelihood: free must be a list of names, not "{self.free}"')
        object.__setattr__(self, "free", tuple(self.free))
        names = [e.name for e in self.experiments if isinstance(e, Experiment)]
        if len(set(names)) < len(names):
            raise ConfigError(f"likelihood: an experiment is there twice ({', '.join(names)})")
        for one, other in combinations(self.experiments, 2):
            if other.name in one.overlaps and not self.allow_overlap:
                raise ConfigError(
                    f"likelihood: {one.name} and {other.name} have events in common, which would "
                    "count twice; take one of them, or set allow_overlap = true"
                )
        self._check_shared()
        self._check_widths()
        self._check_lumped()
        for experiment in self.experiments:
            all_names = [p.name for p in (*self.interaction.parameters, *experiment.parameters)]
            for name in experiment.pulls:
                if all_names.count(name) > 1:
                    raise ConfigError(
                        f'likelihood: a nuisance takes the name of parameter "{name}"'
                    )
        declared = self.parameters
        for name in (*self.free, *self.held, *self.declarations):
            if name not in declared:
                raise unknown("likelihood", "parameter", name, declared)
        self._check_held()

    def _check_held(self) -> None:
        """Plain numbers must lie in their domain. Arrays may be anything that JAX puts there, as
        gradients; and where counts are no arrays, this only says which leaves are mapped."""
        if not all(isinstance(e.observed, np.ndarray | jax.Array) for e in self.experiments):
            return
        declared = self.parameters
        for name, value in self.held.items():
            if isinstance(value, int | float):
                check_domain("likelihood, held", declared[name], value)

    def _check_shared(self) -> None:
        """Names that several experiments use must mean the same in all of them."""
        first: dict[str, tuple[Experiment, Parameter, bool]] = {}
        for experiment in self.experiments:
            shared = {n.name for n in experiment.nuisances if n.shared}
            for parameter in experiment.parameters:
                name = parameter.name
                other, known, both = first.setdefault(name, (experiment, parameter, name in shared))
                if other is experiment:
                    continue
                if name in (*experiment.pulls, *other.pulls) and not (both and name in shared):
                    raise ConfigError(
                        f'likelihood: "{name}" is a private nuisance of {other.name} or '
                        f"{experiment.name} and a parameter of the other"
                    )
                starts = (known.start, parameter.start)
                if all(isinstance(s, float) for s in starts) and starts[0] != starts[1]:
                    raise ConfigError(
                        f'likelihood: parameter "{name}" starts at {starts[0]:g} in {other.name} '
                        f"and at {starts[1]:g} in {experiment.name}; give both the same"
                    )

    def _check_widths(self) -> None:
        """A shared nuisance has one width and one form."""
        widths: dict[str, tuple[Experiment, Nuisance]] = {}
        for experiment in self.experiments:
            for n in (n for n in experiment.nuisances if n.shared):
                other, known = widths.setdefault(n.name, (experiment, n))
                if _number(n.width) != _number(known.width) or n.form != known.form:
                    raise ConfigError(
                        f'likelihood: the shared nuisance "{n.name}" is {known.width:g} '
                        f"{known.form} in {other.name} and {n.width:g} {n.form} in "
                        f"{experiment.name}; give both the same"
                    )

    def _check_lumped(self) -> None:
        """What one pull contains must not be in the pulls of another experiment as well."""
        for one, other in permutations(self.experiments, 2):
            lumped = {name: n.name for n in one.nuisances for name in n.includes}
            for nuisance in other.nuisances:
                for name in {nuisance.name, *nuisance.includes} & set(lumped):
                    raise ConfigError(
                        f'likelihood: the pull "{lumped[name]}" of {one.name} contains {name}, '
                        f'and so does "{nuisance.name}" of {other.name}; combine experiments with '
                        'their "split" nuisances, which share it'
                    )

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Declarations of all parameters, free or not."""
        declared = {p.name: p for p in self.interaction.parameters}
        for experiment in self.experiments:
            declared |= {p.name: p for p in experiment.parameters}
        return declared | dict(self.declarations)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that vary, in the order of the vectors used below."""
        others = [name for experiment in self.experiments for name in experiment.varying]
        return tuple(n for n in dict.fromkeys((*self.free, *others)) if n not in self.held)

    @property
    def _varying(self) -> list[Parameter]:
        """Declarations of the varying parameters; all at once, as they are made anew each time."""
        declared = self.parameters
        return [declared[name] for name in self.names]

    @property
    def shaping(self) -> tuple[str, ...]:
        """Names of the varying parameters of the interaction and of what is scattered on, in which
        chi^2 can have several minima; in all others it has one."""
        declared = {p.name for p in self.interaction.parameters}
        for experiment in self.experiments:
            declared |= {p.name for p in experiment.signal.parameters}
        return tuple(name for name in self.names if name in declared)

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
        """Values of all parameters: varying ones from a vector (default: start), others fixed."""
        stop_if_forked()
        x = self.start if x is None else x
        values = {name: jnp.asarray(p.start) for name, p in self.parameters.items()}
        values |= {name: jnp.asarray(value) for name, value in self.held.items()}
        return values | {name: jnp.asarray(x[i]) for i, name in enumerate(self.names)}

    def completed(self, values: Values) -> Values:
        """Values of all parameters out of those of some: what is missing is held, or where it
        starts.

        Raises:
            ConfigError: a name that nobody declares.
        """
        return completed("values", self.parameters, values, self.held)

    def hold(self, **held: jax.Array | float) -> Likelihood:
        """The likelihood with parameters held fixed at values.

        Raises:
            ConfigError: an unknown parameter, or a value outside its domain; a value that JAX
                traces cannot be checked.
        """
        declared = self.parameters
        for name in held.keys() & declared.keys():
            check_domain("hold", declared[name], held[name])
        return dataclasses.replace(self, held={**self.held, **held})

    def frozen(self, values: Values, varying: Sequence[str] = ()) -> Likelihood:
        """The same likelihood with all that evaluated which no varying parameter can shape.

        Args:
            values: Values of parameters.
            varying: Names of the parameters that will change; default none.
        """
        values = self.completed(values)
        experiments = tuple(e.frozen(self.interaction, values, varying) for e in self.experiments)
        return dataclasses.replace(self, experiments=experiments)

    def with_observed(
        self, observed: Mapping[str, np.ndarray | jax.Array], data: str = "observed"
    ) -> Likelihood:
        """The likelihood of other data: counts by name of the experiment, and where they come from
        as of :class:`cevns_jax.prediction.experiment.About`."""
        experiments = tuple(e.with_observed(observed[e.name], data) for e in self.experiments)
        return dataclasses.replace(self, experiments=experiments)

    def with_centres(self, centres: Mapping[str, Any]) -> Likelihood:
        """The likelihood with priors centred elsewhere: prior means by name of the parameter.

        Raises:
            ConfigError: an unknown parameter.
        """
        known = self.parameters
        for name in centres:
            if name not in known:
                raise unknown("centres", "parameter", name, known)
        moved = {
            name: dataclasses.replace(known[name], prior_mean=centre)
            for name, centre in centres.items()
        }
        return dataclasses.replace(self, declarations={**self.declarations, **moved})

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
    def priors(self) -> tuple[jax.Array | np.ndarray, jax.Array | np.ndarray]:
        """Mean and precision (zero: no prior) of the varying parameters, shape (n,) each."""
        varying = self._varying
        mean = _vector([p.prior_mean for p in varying])
        return mean, _vector([p.prior_width for p in varying]) ** -2.0

    def penalty(self, values: Values) -> jax.Array:
        """Squared pulls of the priors of all parameters that vary or are held.

        A held parameter keeps its prior, so that a profile over it rises with its pull.
        """
        stop_if_forked()
        values = self.completed(values)
        declared = self.parameters
        known = [declared[name] for name in dict.fromkeys((*self.names, *self.held))]
        mean = _vector([p.prior_mean for p in known])
        width = _vector([p.prior_width for p in known])
        x = _vector([values[p.name] for p in known])
        return jnp.sum(((x - mean) / width) ** 2)

    def chi2(self, values: Values) -> jax.Array:
        """-2 ln L up to a constant: deviance of all bins plus squared pulls of the priors."""
        values = self.completed(values)
        return jnp.sum(self.deviance(values)) + self.penalty(values)


def check_predictions(likelihood: Likelihood, values: Values | None = None) -> None:
    """Check that what a likelihood expects are numbers.

    Args:
        likelihood: What to evaluate.
        values: Values of some parameters; default, and those left out: where they start.

    Raises:
        ConfigError: a component is not finite somewhere, or values as :func:`predictions`.
    """
    predictions(likelihood, values)


def predictions(
    likelihood: Likelihood, values: Values | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Expected counts by experiment and component, shape of the bins; all finite.

    Args:
        likelihood: What to evaluate.
        values: Values of some parameters; default, and those left out: where they start.

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


def _number(width: float | jax.Array) -> float | None:
    """A width where it is a plain number; inside ``jit``, where all was checked before, none."""
    return width if isinstance(width, float) else None


def _vector(numbers: Sequence[float | jax.Array]) -> jax.Array | np.ndarray:
    """Numbers as a vector: traced where one of them is, NumPy (which compiles nothing) else."""
    if any(isinstance(number, jax.core.Tracer) for number in numbers):
        return jnp.stack([jnp.asarray(number, dtype=float) for number in numbers])
    return np.array(numbers, dtype=float)
