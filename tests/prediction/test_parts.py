"""Components of an experiment as a pytree: what several of them hold is passed once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.detectors import energy_response, gaussian_resolution, lindhard
from cevns_jax.experiments import Nuisance, own_experiment
from cevns_jax.sources import line_source, spallation_source

MODEL = cj.interactions.standard_model()
SNS = spallation_source(neutrinos_per_proton=0.08, protons_on_target=1e24, distance_m=20.0)
LINE = line_source(energy_mev=25.0, flux_per_cm2_s=1e7, live_time_s=1e7)
NAMES = ("sns", "line", "other")


@pytest.fixture(scope="module")
def experiment():
    return own_experiment(
        name="ge",
        target=cj.nuclei.target("Ge", form_factor=cj.form_factors.Helm()),
        source={"sns": SNS, "line": LINE, "other": LINE},
        mass_kg=10.0,
        response=energy_response(
            axis="energy_kevee",
            edges=np.array([0.5, 1.0, 2.0, 4.0, 8.0]),
            quenching=lindhard(0.157, 32),
            resolution=gaussian_resolution(noise_kev=0.2),
            efficiency=1.0,
        ),
        backgrounds={"flat": np.ones(4)},
        nuisances=[Nuisance(name="scale", acts_on=("quenching",), width=0.1)],
        observed=np.full(4, 30.0),
    )


def shared(parts):
    first, *others = (parts[name] for name in NAMES)
    return all(
        other.response is first.response
        and other.kernel.nodes is first.kernel.nodes
        and other.kernel.target is first.kernel.target
        for other in others
    )


def test_shared_things_are_leaves_once_and_shared_again_when_put_together(experiment):
    alone = [len(jax.tree.leaves(experiment.parts[name])) for name in NAMES]
    leaves, structure = jax.tree.flatten(experiment.parts)
    first = experiment.parts["sns"]
    common = len(jax.tree.leaves((first.kernel.target, first.kernel.nodes, first.response)))
    assert len(leaves) == sum(alone) - 2 * common + 1
    again = jax.tree.unflatten(structure, leaves)
    assert list(again) == [*NAMES, "flat"]
    assert shared(again)
    assert jax.tree.structure(again) == structure
    assert len(jax.tree.leaves_with_path(experiment.parts)) == len(leaves)


def test_axes_placeholders_and_nothing_go_through(experiment):
    """As JAX puts them in the place of numbers."""
    parts = experiment.parts
    for stand_in in (0, None, object()):
        filled = jax.tree.map(lambda _, it=stand_in: it, parts)
        assert list(filled) == list(parts)
    doubled = jax.tree.map(lambda x: jnp.stack([x, x]), parts)
    axes = jax.tree.map(lambda _: 0, parts)
    start = cj.Likelihood(experiment, MODEL).values()
    seen = {n: v for n, v in start.items() if n != "n_sigma"}
    rows = jax.vmap(lambda p: p["line"](MODEL, seen, {}), in_axes=(axes,))(doubled)
    one = parts["line"](MODEL, seen, {})
    np.testing.assert_allclose(rows, np.stack([one, one]), rtol=1e-12)


def test_the_response_is_evaluated_once_for_all_sources(experiment):
    """The compiled program reads the table of the response as often as that of one source."""
    like = cj.Likelihood(experiment, MODEL)

    def gathers(name):
        def counts(like, values):
            found = like.components(values)["ge"]
            return {n: found[n] for n in name}

        text = jax.jit(counts).lower(like, like.values()).compile().as_text()
        return text.count(" gather(")

    assert gathers(NAMES) == gathers(["line"]) > 0


@pytest.mark.parametrize("varying", [("sin2_theta_w",), ("ge_scale",)])
def test_what_is_evaluated_ahead_is_shared_as_well(experiment, varying):
    like = cj.Likelihood(experiment, MODEL)
    ahead = like.precomputed(like.values(), varying)
    assert shared(ahead.experiments[0].parts)
    moved = like.values() | {name: like.values()[name] + 0.1 for name in varying}
    np.testing.assert_allclose(ahead.expected(moved), like.expected(moved), rtol=1e-12)
    parts = like.components(like.values())["ge"]
    np.testing.assert_array_equal(parts["line"], parts["other"])
