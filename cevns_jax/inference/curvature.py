"""chi^2 of a likelihood with its gradient and its expected information, for the minimiser.

The expected information of Poisson or Gaussian bins needs first derivatives of the expected counts
alone. They are pushed forward one parameter at a time: most nuisance parameters act on one
component by a factor, and cost one template each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevns_jax.inference.minimise import Local
from cevns_jax.likelihood import Likelihood
from cevns_jax.parameters import Values
from cevns_jax.prediction.experiment import Experiment
from cevns_jax.priors import Flat, Gaussian

# Most parameters that change the shape of a component of which each is pushed forward.
MOST_PUSHED = 2


def local_of(likelihood: Likelihood, *, second_order: bool = False) -> Callable[[jax.Array], Local]:
    """chi^2 and its derivatives as a function of the varying parameters, shape (n,).

    Args:
        likelihood: Whose chi^2; parameters held in it stay.
        second_order: Whether the curvature includes the second derivatives of the expected counts.
            They take long to compile, and are needed only where a rate has its minimum: there its
            first derivative vanishes, and a minimisation without them does not converge.
    """
    ready = likelihood.precomputed(likelihood.values(), varying=likelihood.names)

    def local(x: jax.Array) -> Local:
        values = ready.values(x)
        chi2 = ready.penalty(values)
        gradient, information = _of_priors(ready, x)
        # Nothing is impossible yet. Made from chi^2, so that it is batched where chi^2 is.
        impossible = jnp.isnan(chi2)
        slopes = []
        for experiment in ready.experiments:
            mu, rows = _expected_and_jacobian(experiment, ready, values)
            observed, statistic = jnp.asarray(experiment.observed), experiment.statistic
            chi2 += jnp.sum(statistic.continued(mu, observed))
            impossible |= jnp.any(statistic.impossible(mu, observed))
            slopes.append(statistic.slope(mu, observed))
            if rows:
                bins = tuple(range(1, mu.ndim + 1))
                jacobian = jnp.stack([*rows.values()])
                weighted = statistic.weighted(mu, jacobian)
                # Sums, not matrix products: XLA fuses them, and a batched product of this size
                # costs four times as much on a CPU.
                by_row = jnp.sum(jacobian * slopes[-1], axis=bins)
                by_pair = jnp.sum(weighted[:, None] * jacobian, axis=tuple(b + 1 for b in bins))
                gradient += spread(by_row, rows, ready.names)
                information += spread(by_pair, rows, ready.names)
        bend = _bend(ready, values, slopes) if second_order and ready.many_valleys else None
        return Local(chi2, impossible, gradient, information, bend)

    return local


def terms_and_slopes(bins: Likelihood, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """chi^2 of the bins of each experiment, continued where counts are impossible, shape (E,), and
    its derivatives in the varying parameters, shape (E, n).

    Args:
        bins: The likelihood; penalties of its priors are left out.
        x: Varying parameters, shape (n,).
    """
    values, terms, slopes = bins.values(x), [], []
    for experiment in bins.experiments:
        shapes = {c: _shape(experiment, c, bins, values) for c in experiment.component_names}
        factors = {c: jnp.asarray(experiment.factor(c, values)) for c in shapes}
        mu = sum((factors[c] * shape.counts for c, shape in shapes.items()), jnp.zeros(()))
        observed, statistic = jnp.asarray(experiment.observed), experiment.statistic
        terms.append(jnp.sum(statistic.continued(mu, observed)))
        slope = 2 * statistic.slope(mu, observed)
        found: dict[str, jax.Array] = {}
        for component, shape in shapes.items():
            scaled = jnp.sum(slope * shape.counts)
            for name in experiment.scaled_by(component):
                if name in bins.names:
                    along = _slope_of_factor(experiment, component, values, name)
                    found[name] = found.get(name, 0.0) + along * scaled
            for name, along in shape.pulled(factors[component] * slope).items():
                found[name] = found.get(name, 0.0) + along
        slopes.append(
            spread(jnp.stack([*found.values()]), found, bins.names) if found else jnp.zeros_like(x)
        )
    return jnp.stack(terms), jnp.stack(slopes)


class _Shape(NamedTuple):
    """A component without its normalisation.

    Attributes:
        counts: Its counts, shape of the bins.
        pulled: Weights of the bins, same shape -> derivatives of the weighted sum of the counts in
            the parameters that change its shape, by name.
    """

    counts: jax.Array
    pulled: Callable[[jax.Array], dict[str, jax.Array]]


def _shape(experiment: Experiment, component: str, bins: Likelihood, values: Values) -> _Shape:
    """A component with its derivatives, which a few parameters push forward and many pull backward:
    each way costs as much as it has parameters, or about three times the component."""
    interaction = bins.interaction
    stages = [
        [name for name in bins.names if name in stage]
        for stage in experiment.shaped_by(component, interaction)
    ]
    names = [name for stage in stages for name in stage]
    if len(names) > MOST_PUSHED:

        def unscaled(*moved: jax.Array) -> jax.Array:
            at = {**values, **dict(zip(names, moved, strict=True))}
            return experiment.unscaled(component, interaction, at)

        counts, pull = jax.vjp(unscaled, *(jnp.asarray(values[name]) for name in names))
        return _Shape(counts, lambda weights: dict(zip(names, pull(weights), strict=True)))
    evaluated = experiment.precomputed(interaction, values, component=component)
    rows: dict[str, jax.Array] = {}
    for some in stages:
        if some:
            slopes = _slopes_of_shape(experiment, component, bins, values, some)
            rows |= dict(zip(some, slopes, strict=True))
    # Sums, which XLA fuses with what they add up: no derivative is stored bin by bin.
    return _Shape(
        evaluated.unscaled(component, interaction, values),
        lambda weights: {name: jnp.sum(row * weights) for name, row in rows.items()},
    )


def _of_priors(likelihood: Likelihood, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Half the gradient of the penalties of the priors, and their information, shapes (n,) and
    (n, n)."""
    priors = [likelihood.parameters[name].prior for name in likelihood.names]
    mean, precision = map(jnp.asarray, likelihood.prior_mean_and_precision)
    gradient = precision * (x - mean)
    # Gaussian and flat priors, nearly all of them, are done with one vector operation above: a
    # derivative traced for each pull would make the program longer to compile.
    for i, prior in enumerate(priors):
        if not isinstance(prior, Gaussian | Flat):
            gradient = gradient.at[i].set(jax.grad(prior.penalty)(x[i]) / 2)
            precision = precision.at[i].set(prior.precision(x[i]))
    return gradient, jnp.diag(precision)


def _expected_and_jacobian(
    experiment: Experiment, likelihood: Likelihood, values: Values
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Expected counts of an experiment, shape of its bins, and their derivatives with respect to
    the varying parameters that affect it, by name, same shape each.

    ``jacfwd`` would push every parameter through the whole prediction. Here a parameter that only
    scales a component costs one product with that component. A parameter that changes its shape is
    pushed only through the stage of the prediction at which it enters; the other stages are
    evaluated once. One that enters at several stages, as a pull that moves quenching and radii, is
    pushed at the first of them through all of these at once: there everything it moves is kept as a
    function of it, so that at the others nothing is left to add.
    """
    interaction = likelihood.interaction
    evaluated = experiment.precomputed(interaction, values)
    total = jnp.zeros(())
    rows: dict[str, jax.Array] = {}

    # One parameter can act on several components, or scale and shape the same one.
    def add(name: str, row: jax.Array) -> None:
        rows[name] = rows[name] + row if name in rows else row

    for component in experiment.component_names:
        factor = jnp.asarray(experiment.factor(component, values))
        unscaled = evaluated.unscaled(component, interaction, values)
        total = total + factor * unscaled
        for name in experiment.scaled_by(component):
            if name in likelihood.names:
                add(name, _slope_of_factor(experiment, component, values, name) * unscaled)
        for stage in experiment.shaped_by(component, interaction):
            names = [name for name in likelihood.names if name in stage]
            if names:
                slopes = _slopes_of_shape(experiment, component, likelihood, values, names)
                for name, slope in zip(names, slopes, strict=True):
                    add(name, factor * slope)
    return total, rows


def _slope_of_factor(
    experiment: Experiment, component: str, values: Values, name: str
) -> jax.Array:
    """Derivative of the normalisation of a component with respect to one parameter."""

    def factor(value: jax.Array) -> jax.Array:
        return jnp.asarray(experiment.factor(component, {**values, name: value}))

    at = jnp.asarray(values[name])
    return jax.jvp(factor, (at,), (jnp.ones_like(at),))[1]


def _slopes_of_shape(
    experiment: Experiment,
    component: str,
    likelihood: Likelihood,
    values: Values,
    names: Sequence[str],
) -> list[jax.Array]:
    """Derivatives of the shape of a component with respect to parameters that enter first at the
    same stage, each of the shape of the bins.

    Each parameter is pushed forward on its own, as zero tangents of the others then cost nothing.
    What the derivatives have in common, above all that of the response, XLA finds and computes
    once. A batch of unit vectors multiplies all these zeros, which makes scans 10 to 20 % slower.
    """
    interaction = likelihood.interaction
    model = experiment.precomputed(interaction, values, names, component)

    def slope(name: str) -> jax.Array:
        def unscaled(value: jax.Array) -> jax.Array:
            return model.unscaled(component, interaction, {**values, name: value})

        at = jnp.asarray(values[name])
        return jax.jvp(unscaled, (at,), (jnp.ones_like(at),))[1]

    return [slope(name) for name in names]


def _bend(likelihood: Likelihood, values: Values, slopes: list[jax.Array]) -> jax.Array:
    """The part of the curvature of chi^2/2 that the expected information leaves out, shape (n, n):
    second derivatives of the expected counts times half the slopes of the deviance.

    Only the parameters in which chi^2 can have several minima are considered; rows and columns of
    the others are zero. Where a rate has its minimum, as where a coupling cancels the weak charge,
    its first derivative vanishes and with it the expected information: this part alone then tells
    how far the minimum is.
    """
    names = likelihood.many_valleys
    evaluated = likelihood.precomputed(values, varying=names).experiments

    def weighted(part: jax.Array) -> jax.Array:
        at = {**values, **dict(zip(names, part, strict=True))}
        totals = [experiment.expected(likelihood.interaction, at) for experiment in evaluated]
        return sum(
            (jnp.sum(slope * total) for slope, total in zip(slopes, totals, strict=True)),
            start=jnp.zeros(()),
        )

    here = jnp.stack([jnp.asarray(values[name]) for name in names])
    block = jax.jacfwd(jax.jacfwd(weighted))(here)
    return spread(block, names, likelihood.names)


def spread(block: jax.Array, names: Collection[str], of: Sequence[str]) -> jax.Array:
    """Extend a vector or matrix from some names to all of them, with zeros for the others.

    This is a gather from an array padded with a zero, because the scatter that ``at[].add`` makes
    is slow on a CPU.

    Args:
        block: Values for some names, shape (k,) or (k, k).
        names: These k names.
        of: All names.
    """
    places = {name: i for i, name in enumerate(names)}
    rows = np.array([places.get(name, len(places)) for name in of])
    padded = jnp.pad(block, [(0, 1)] * block.ndim)
    return padded[rows] if block.ndim == 1 else padded[rows][:, rows]
