"""Distributions of NumPyro whose curvature or mean is missing, and other centres far away."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import (
    Beta,
    Cauchy,
    Exponential,
    Gamma,
    Laplace,
    Normal,
    StudentT,
    TransformedDistribution,
    constraints,
)
from numpyro.distributions.transforms import AffineTransform
from scipy import stats

from cevns_jax.errors import ConfigError
from cevns_jax.inference.endings import Ending
from cevns_jax.inference.minimise import Local, minimise
from cevns_jax.priors import FromNumPyro, Gaussian, LogNormal, LogUniform, width_of

KEY = jax.random.key(5)
BOXES = {  # a prior, the box, and where it alone is lowest
    "laplace": (FromNumPyro(Laplace(0.3, 1.0)), (-1e3, 1e3), 0.3),
    "cauchy": (FromNumPyro(Cauchy(0.3, 1.0)), (-1e3, 1e3), 0.3),
    "student": (FromNumPyro(StudentT(3.0, 0.3, 1.0)), (-1e3, 1e3), 0.3),
    "beta": (FromNumPyro(Beta(2.0, 3.0)), (1e-6, 1 - 1e-6), 1 / 3),
    "exponential": (FromNumPyro(Gamma(1.0, 2.0)), (0.0, 1e3), 0.0),
    "part of cauchy": (FromNumPyro(Cauchy(0.0, 1.0)).within(1.0, 50.0), (1.0, 50.0), 1.0),
    "log-uniform": (LogUniform(1e-3, 1e2), (1e-3, 1e2), 1e-3),
}


def descent(prior, information, measured, start, box):
    """Minimum of a prior and a Gaussian measurement together, from a start in a box."""

    def local(x):
        off, slope = x[0] - measured, jax.grad(prior.penalty)(x[0]) / 2
        chi2, gradient = prior.penalty(x[0]) + information * off**2, slope + information * off
        metric = prior.precision(x[0]) + information
        return Local(chi2, chi2 == -jnp.inf, gradient[None], metric[None, None], None)

    return minimise(local, start[None], (box[0][None], box[1][None]))


descents = jax.jit(jax.vmap(descent, (None, None, None, 0, None)))


@pytest.mark.parametrize(("prior", "box", "lowest"), BOXES.values(), ids=BOXES)
def test_a_parameter_that_no_data_see_goes_to_the_highest_density_from_anywhere(prior, box, lowest):
    low, high = box
    starts = low + (high - low) * np.array([0.0, 1e-4, 0.4, 0.501, 0.502, 0.9, 1.0])
    found = descents(prior, 0.0, 0.0, starts, jnp.array(box))
    assert (np.asarray(found.ending) == Ending.CONVERGED).all()
    np.testing.assert_allclose(found.x[:, 0], lowest, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("measured", [4.0, 30.0])
@pytest.mark.parametrize("information", [0.6, 10.0])
@pytest.mark.parametrize("name", [name for name in BOXES if name != "beta"])
def test_a_measurement_moves_it_from_there_also_if_it_starts_there(name, information, measured):
    """Against the lowest of many places, a thousandth of the error apart."""
    prior, box, lowest = BOXES[name]
    starts = np.array([lowest if box[0] < lowest else lowest + 1e-3, 2.0, 45.0])
    found = descents(prior, information, measured, starts, jnp.array(box))
    assert (np.asarray(found.ending) == Ending.CONVERGED).all()
    grid = np.linspace(1.0 if name == "log-uniform" else max(box[0], -5.0), 50.0, 200_001)
    least = np.min(prior.penalty(grid) + information * (grid - measured) ** 2)
    np.testing.assert_allclose(found.chi2[1:], least, atol=1e-5)
    if name != "log-uniform":  # which has a minimum at its lower end as well
        np.testing.assert_allclose(found.chi2[0], least, atol=1e-5)


def test_precision_is_the_curvature_where_that_is_positive_and_a_stand_in_elsewhere():
    cauchy = FromNumPyro(Cauchy(0.0, 2.0))
    x = np.array([-70.0, -2.5, -0.5, 0.0, 1.0, 2.5, 1e4])
    curvature = 2 * (4 - x**2) / (4 + x**2) ** 2
    expected = np.where(curvature > 0, curvature, 2 / (4 + x**2))
    np.testing.assert_allclose(cauchy.precision(x), expected, rtol=1e-6)
    laplace = FromNumPyro(Laplace(1.0, 2.0))
    np.testing.assert_allclose(laplace.precision(jnp.array([-3.0, 7.0])), [1 / 8, 1 / 12])
    concave = FromNumPyro(Gamma(0.5, 2.0))  # its density is infinite at zero
    assert (np.asarray(concave.precision(jnp.array([1e-6, 0.1, 2.0]))) > 0).all()
    assert float(LogUniform(1.0, 3.0).precision(2.0)) == pytest.approx(1e-3 / 4)


@pytest.mark.parametrize(
    ("prior", "width"),
    [
        (Gaussian(1.0, 0.3), 0.3),
        (LogNormal(2.0, 0.1), None),
        (LogUniform(1.0, 2.0), math.inf),
        (FromNumPyro(Normal(1.0, 0.3)), 0.3),
        (FromNumPyro(Laplace(0.1, 2.0)), math.sqrt(8.0)),
        (FromNumPyro(Laplace(0.1, 2.0)).centred(0.7), math.sqrt(8.0)),
        (FromNumPyro(Gamma(0.5, 2.0)), math.sqrt(1 / 8)),
        (FromNumPyro(Gamma(3.0, 2.0)).centred(3.0), math.sqrt(3.0)),
        (FromNumPyro(Cauchy(0.1, 2.0)), math.sqrt(2.0)),  # by the curvature at its median
    ],
)
def test_every_prior_has_a_width(prior, width):
    found = width_of(prior)
    assert found > 0
    assert width is None or found == pytest.approx(width)


def test_a_prior_without_curvature_has_no_width():
    class Plateau:
        constrains, mean, centre = True, 0.0, 0.0

        def precision(self, x):
            return 0.0

    assert width_of(Plateau()) == math.inf


@pytest.mark.parametrize("centre", [-60.0, -20.0, -5.0, 0.4, 9.0, 30.0])
@pytest.mark.parametrize("ends", [(0.0, 1.0), (0.0, math.inf)])
def test_another_outcome_can_lie_far_outside_the_allowed_part(centre, ends):
    """As for a truncated Gaussian; a toy must not die of it."""
    moved = FromNumPyro(Normal(0.0, 1.0)).within(*ends).centred(centre)
    known = Gaussian(centre, 1.0).within(*ends)
    x = np.array([1e-3, 0.1, 0.7, 1.0])
    np.testing.assert_allclose(moved.penalty(x), known.penalty(x), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moved.log_density(x), known.log_density(x), rtol=1e-9, atol=1e-8)
    assert float(moved.log_density(-0.1)) == -np.inf
    one, other = np.asarray(moved.draw(KEY, (4_000,))), np.asarray(known.draw(KEY, (4_000,)))
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    traced = jax.jit(lambda c: FromNumPyro(Normal(0.0, 1.0)).within(*ends).centred(c).penalty(0.7))
    assert float(traced(centre)) == pytest.approx(float(known.penalty(0.7)), rel=1e-9, abs=1e-9)


def test_a_heavy_tail_is_integrated_to_its_end():
    moved = FromNumPyro(Cauchy(0.0, 1.0)).within(0.0, math.inf).centred(-1e8)
    # The probability above is 1/(pi 1e8), and the density 1/(pi 1e16).
    assert float(moved.log_density(0.0)) == pytest.approx(math.log(1e-8), abs=1e-8)
    drawn = np.asarray(moved.draw(KEY, (4_000,)))
    assert stats.kstest(1e8 / (drawn + 1e8), "uniform").pvalue > 1e-3


def test_median_or_mean_is_decided_once_also_where_it_is_traced():
    prior = FromNumPyro(Cauchy(0.5, 1.0))
    assert prior.location == "median"
    asked = lambda prior: (prior.centred(2.0).penalty(3.0), prior.centre, prior.repeated(KEY, 1.0))  # noqa: E731
    np.testing.assert_allclose(jax.jit(asked)(prior), asked(prior), rtol=1e-12)
    made = jax.jit(lambda loc: asked(FromNumPyro(Cauchy(loc, 1.0))))(0.5)
    np.testing.assert_allclose(made, asked(prior), rtol=1e-12)
    assert np.isfinite(made).all()


def test_quantiles_that_need_another_package_count_as_missing():
    """NumPyro takes some of them from TensorFlow Probability."""
    assert not FromNumPyro(StudentT(1.0)).constrains  # neither a mean nor a median
    assert FromNumPyro(StudentT(3.0)).constrains
    with pytest.raises(ConfigError, match="StudentT: has no cdf and icdf"):
        FromNumPyro(StudentT(3.0)).within(0.0, 1.0)


@pytest.mark.parametrize("truth", [0.0, 1e-300, 3.0])
def test_a_measurement_of_a_scale_can_be_repeated_at_its_end(truth):
    """There is no outcome in proportion to a truth of zero: the prior stays."""
    prior = FromNumPyro(Gamma(9.0, 3.0))
    found = prior.repeated(KEY, truth)
    assert np.isfinite(prior.centred(found).penalty(1.0)) or truth == 1e-300
    if truth == 0.0:
        assert float(found) == float(prior.centre)


@pytest.mark.parametrize("end", [0.0, 3.0, -1e5])
def test_an_end_that_numpyro_leaves_out_has_the_density_next_to_it(end):
    """NumPyro's logarithm is minus infinity there, with a warning."""
    moved = AffineTransform(end, 1.0, domain=constraints.positive)
    prior = FromNumPyro(TransformedDistribution(Exponential(2.0), moved))
    assert float(prior.lower) == end
    assert float(prior.log_density(end)) == pytest.approx(math.log(2.0), rel=1e-9)
    assert float(prior.penalty(end)) == pytest.approx(0.0, abs=1e-9)
    assert float(jax.grad(prior.penalty)(end)) == pytest.approx(4.0, rel=1e-9)
    assert float(prior.log_density(end - 1e-3 * (1 + abs(end)))) == -np.inf
    assert float(FromNumPyro(Gamma(3.0)).log_density(0.0)) < -100
    assert np.isfinite(jax.grad(FromNumPyro(Gamma(3.0)).penalty)(0.0))
