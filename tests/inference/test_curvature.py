"""chi^2, gradient and information of a likelihood, against derivatives of the whole of it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from germanium import germanium

import cevns_jax as cj
from cevns_jax.detectors.ready_response import FixedResponse
from cevns_jax.experiments import Nuisance
from cevns_jax.inference.curvature import local_of, spread
from cevns_jax.interactions import NonStandardInteractions, standard_model, with_new_physics
from cevns_jax.parameters import Parameter
from cevns_jax.priors import Gaussian
from cevns_jax.pytree import plain_pytree

NAMES = ("eps_u_ee", "n_sigma", "germanium_b", "germanium_all")


@pytest.fixture(scope="module")
def like():
    """A ratio with a prior of its own, a coupling, a pull on one component and one on both."""
    detector = germanium([60, 140, 110], [15, 30, 60], 0.3)
    both = Nuisance(name="all", acts_on=("cevns", "bkg"), width=0.2, form="exponential")
    detector = dataclasses.replace(detector, nuisances=(*detector.nuisances, both))
    measured = Parameter(name="n_sigma", start=1.0, prior=Gaussian(1.2, 0.4), lower=0.0)
    interaction = with_new_physics(standard_model(), NonStandardInteractions())
    return cj.Likelihood(
        [detector], interaction, ["eps_u_ee", "n_sigma"], declarations={"n_sigma": measured}
    )


@pytest.fixture(scope="module", params=[False, True])
def compared(request, like):
    """At some place: what the minimiser sees there, and the place."""
    x = np.array([0.05, 0.8, -0.7, 0.9])
    assert like.names == NAMES
    local = jax.jit(lambda like, x: local_of(like, second_order=request.param)(x))
    return local(like, x), x


def test_chi2_is_that_of_the_bins_and_a_square_for_each_prior(like, compared):
    point, x = compared
    squares = ((x[1] - 1.2) / 0.4) ** 2 + x[2] ** 2 + x[3] ** 2
    bins = np.asarray(like.deviance(like.values(x)))
    assert float(point.chi2) == pytest.approx(bins.sum() + squares, rel=1e-12)
    assert float(like.penalty(like.values(x))) == pytest.approx(squares, rel=1e-12)
    assert not bool(point.impossible)


def test_gradient_is_half_that_of_chi2(like, compared):
    point, x = compared
    slope = jax.jit(jax.grad(lambda x: like.chi2(like.values(x))))(x)
    np.testing.assert_allclose(point.gradient, slope / 2, rtol=1e-9, atol=1e-12)


def test_information_is_that_of_poisson_counts_and_of_the_priors(like, compared):
    """Fisher's: the sum over bins of the slopes over mu, and 1/width^2."""
    point, x = compared
    mu = np.asarray(like.expected(like.values(x)))
    slopes = np.asarray(jax.jit(jax.jacfwd(lambda x: like.expected(like.values(x))))(x))
    expected = slopes.T @ np.diag(1 / mu) @ slopes + np.diag([0.0, 0.4**-2, 1.0, 1.0])
    np.testing.assert_allclose(point.information, expected, rtol=1e-9)


def test_the_bend_is_the_rest_of_the_curvature_in_what_shapes_the_signal(like, compared):
    """Half the second derivative of chi^2 in the coupling is n/mu^2 slope^2 and (1 - n/mu) bend:
    the second is the bend."""
    point, x = compared
    if point.bend is None:
        return
    mu = np.asarray(like.expected(like.values(x)))

    def of_coupling(g):
        return like.expected(like.values(jnp.asarray(x).at[0].set(g)))

    second = np.asarray(jax.jit(jax.jacfwd(jax.jacfwd(of_coupling)))(x[0]))
    counts = np.asarray(like.experiments[0].observed)
    expected = np.zeros((4, 4))
    expected[0, 0] = np.sum((1 - counts / mu) * second)
    np.testing.assert_allclose(point.bend, expected, rtol=1e-9, atol=1e-12)


def test_spread_puts_every_name_in_its_place():
    """As a scatter would, and zero where there is none."""
    names, of = ("c", "a"), ("a", "b", "c", "d")
    row = jnp.array([3.0, 1.0])
    assert spread(row, names, of).tolist() == [1.0, 0.0, 3.0, 0.0]
    block = jnp.array([[33.0, 31.0], [13.0, 11.0]])
    expected = np.zeros((4, 4))
    expected[np.ix_([2, 0], [2, 0])] = block
    assert spread(block, names, of).tolist() == expected.tolist()


@plain_pytree
@dataclass(frozen=True)
class RadiusInResponse:
    """A response that reads the radius of the nucleus as well, as one of its own parameters."""

    response: Any
    parameters: Any

    effects = ("scale",)

    def __call__(self, recoil, values, effects):
        tilt = jnp.exp(0.3 * effects.get("scale", 0.0) * recoil[..., None] / 0.01)
        return self.response(recoil, {}, {}) * values["r_n_ge74"] / 4.0 * tilt


def pulls(*acting):
    """Pulls by the effects that they move, with a prior each; the last one scales as well."""
    return tuple(Nuisance(name=f"pull_{i}", acts_on=on, width=0.05) for i, on in enumerate(acting))


def csi():
    both = ("neutron_radius", "quenching_0")
    acting = (both, ("neutron_radius",), ("quenching_0", "quenching_1", "efficiency"), both)
    return cj.experiments.coherent_csi_2021(nuisances=pulls(*acting, ("cevns", "brn")))


def argon():
    acting = (("quenching_a", "f90"), ("timing_ns",), ("f90", "timing_ns", "neutron_radius"))
    return cj.experiments.coherent_lar_2020(nuisances=pulls(*acting, ("f90", "brn_energy")))


def own():
    """The name of the radius is a parameter of the recoils and of the response."""
    detector = germanium([60, 140, 110], [15, 30, 60], 0.3)
    signal = detector.parts["cevns"]
    radius = next(p for p in signal.parameters if p.name == "r_n_ge74")
    fixed = FixedResponse(
        matrix=signal.response(jnp.asarray(signal.kernel.recoil), {"lindhard_k": 0.157}, {})
    )
    moved = dataclasses.replace(signal, response=RadiusInResponse(fixed, (radius,)))
    acting = pulls(("neutron_radius", "scale"), ("scale",))
    parts = {**detector.parts, "cevns": moved}
    return dataclasses.replace(detector, parts=parts, nuisances=(*detector.nuisances, *acting))


@pytest.mark.parametrize(
    ("experiment", "free"), [(csi, ["r_n_cs133"]), (argon, ["n_sigma"]), (own, ["r_n_ge74"])]
)
def test_what_acts_at_several_stages_is_counted_once(experiment, free):
    """Each stage of a prediction gives a derivative of its own; a pull that moves the recoils and
    the response has one, not two."""
    like = cj.Likelihood([experiment()], standard_model(), free=free)
    start = np.asarray(like.start)
    x = start * 1.05 + np.where(start == 0, np.linspace(0.4, -0.6, len(start)), 0.0)
    point = jax.jit(lambda like, x: local_of(like)(x))(like, x)
    slope = jax.jit(jax.grad(lambda x: like.chi2(like.values(x))))(x)
    np.testing.assert_allclose(point.gradient, slope / 2, rtol=1e-9, atol=1e-9)
    mu = np.asarray(like.expected(like.values(x)))
    slopes = np.asarray(jax.jit(jax.jacfwd(lambda x: like.expected(like.values(x))))(x))
    priors = np.diag([1.0 if name not in free else 0.0 for name in like.names])
    expected = slopes.T @ (slopes / mu[:, None]) + priors
    np.testing.assert_allclose(point.information, expected, rtol=1e-9, atol=1e-9)
