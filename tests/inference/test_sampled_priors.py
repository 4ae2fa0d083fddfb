"""Priors of posteriors: the same for every sampler, and none that makes a count negative."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.handlers import seed, trace

import cevns_jax as cj
from cevns_jax.config.names import PRESETS
from cevns_jax.errors import ConfigError
from cevns_jax.inference.sampled_priors import sampled_prior, with_sampled_priors
from cevns_jax.priors import Flat, Gaussian, LogUniform, TruncatedGaussian

DRAWS = 256
# The efficiency of CsI (2021) ends at zero with a kink, in the lowest bins and for pulls below -1;
# the interpolation of the response in the pull overshoots there, below backgrounds that do not.
OVERSHOOT = {("coherent_csi_2021", "split", "cevns"): 5e-5}
ALL = [(name, preset) for name, presets in PRESETS.items() for preset in presets]
FAST = [("coherent_csi_2021", "normalisations")]


def drawn_counts(name, preset):
    """Expected counts by component at draws from the priors, and at the ends of all pulls."""
    experiment = getattr(cj.experiments, name)(nuisances=preset)
    likelihood = with_sampled_priors(cj.Likelihood(experiment, free=["sin2_theta_w"]), {})
    keys = jax.random.split(jax.random.key(8), len(likelihood.names))
    values = {
        n: likelihood.parameters[n].prior.draw(key, (DRAWS,))
        for n, key in zip(likelihood.names, keys, strict=True)
    }
    ends = {n: likelihood.parameters[n].prior.lower for n in likelihood.names}
    lowest = {n: jnp.array([x if np.isfinite(x) else -8.0]) for n, x in ends.items()}
    lowest["sin2_theta_w"] = jnp.array([0.24])
    values = {n: jnp.concatenate([x, lowest[n]]) for n, x in values.items()}

    def components(one):
        return likelihood.components(one)[name]

    return jax.jit(jax.vmap(components))(values)


@pytest.mark.parametrize(
    ("name", "preset"),
    [pytest.param(*one, marks=() if one in FAST else pytest.mark.slow) for one in ALL],
)
def test_no_draw_from_the_priors_expects_a_negative_count(name, preset):
    """In no component either; the last one is with every pull at the end of its range."""
    parts = drawn_counts(name, preset)
    assert len(parts) >= 2
    for component, counts in (parts | {"sum": sum(parts.values())}).items():
        assert np.isfinite(counts).all(), component
        allowed = OVERSHOOT.get((name, preset, component), 1e-15)
        assert float(np.min(counts)) >= -allowed * float(np.max(np.abs(counts))), component


@pytest.fixture(scope="module")
def like():
    return cj.Likelihood(
        cj.experiments.coherent_csi_2017(), free=["sin2_theta_w", "n_sigma", "r_n_cs133"]
    )


def test_a_model_of_numpyro_and_a_posterior_have_the_same_priors(like):
    known = like.parameters["sin2_theta_w"]
    pull = "coherent_csi_2017_brn"
    given = {"r_n_cs133": LogUniform(1.0, 6.0), pull: Flat(-10.0, 10.0)}
    for likelihood, priors in (
        (like, given),
        (like, {"sin2_theta_w": Flat()}),
        (like.declared({"sin2_theta_w": replace(known, prior=Gaussian(0.23, 0.01))}), {}),
    ):
        sampled = with_sampled_priors(likelihood, priors)
        proper = {"n_sigma": Flat(0.0, 2.0)} | priors
        sites = trace(seed(cj.numpyro_model(likelihood, proper), 0)).get_trace()
        for name in likelihood.names:
            if name != "n_sigma":  # flat on a half-line, of which nothing can be drawn
                assert sites[name]["fn"].prior == sampled.parameters[name].prior
    assert sampled.parameters["n_sigma"].prior == Flat(0.0)


def test_priors_that_are_given_are_cut_to_the_domain_and_starts_to_the_priors(like):
    given = {"r_n_cs133": Flat(5.5, 20.0), "sin2_theta_w": Flat()}
    sampled = with_sampled_priors(like, given)
    radius = sampled.parameters["r_n_cs133"]
    assert (radius.prior, radius.start) == (Flat(5.5, 10.0), 5.5)
    assert sampled.parameters["sin2_theta_w"].prior == Flat(-1.0, 2.0), "as it was asked for"
    assert sampled.names == like.names
    pull = sampled.parameters["coherent_csi_2017_brn"]
    assert pull.prior == TruncatedGaussian(0.0, 1.0, pull.lower, np.inf)
    assert sampled_prior(pull) == pull.prior


def test_wrong_priors_are_refused_in_one_sentence(like):
    with pytest.raises(ConfigError, match='sample, priors: no varying parameter "r_n_cs"; did you'):
        with_sampled_priors(like, {"r_n_cs": Flat(0.0, 1.0)})
    with pytest.raises(ConfigError, match=r"sample: the prior of r_n_cs133 has nothing in its dom"):
        with_sampled_priors(like, {"r_n_cs133": Flat(11.0, 12.0)})
    with pytest.raises(ConfigError, match='no method "gibbs"'):
        cj.sample(like, seed=1, method="gibbs")
