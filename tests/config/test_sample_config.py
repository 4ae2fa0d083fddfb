"""The table [sample] of a config, and the priors of a posterior that a config implies."""

from pathlib import Path

import pytest

import cevns_jax as cj
from cevns_jax.config.sample import CHAINS, DRAWS, SEED
from cevns_jax.errors import ConfigError
from cevns_jax.inference.sampled_priors import with_sampled_priors
from cevns_jax.priors import Flat, Gaussian, LogUniform, TruncatedGaussian
from configs import BASE, write

CONFIGS = Path(__file__).parents[2] / "configs"
VECTOR = {
    "interaction": {"light_vector": {}},
    "experiments": {"coherent_csi_2017": {"nuisances": "backgrounds_only"}},
}
MASS = {"parameter": "m_vector", "min": 1, "max": 100, "points": 3, "scale": "log"}
COUPLING = {"parameter": "g_vector", "min": 1e-6, "max": 1e-3, "points": 4, "scale": "log"}
HELD = {"m_vector": {key: value for key, value in MASS.items() if key != "parameter"}}


def posterior(folder, **tables):
    """The likelihood of a posterior of a light vector, with the priors that are used."""
    analysis = cj.read_analysis(write(folder, VECTOR | tables))
    settings = analysis.sample
    return with_sampled_priors(settings.varying(analysis.likelihood), settings.priors)


def priors(folder, **tables):
    """Those of the parameters of the interaction."""
    likelihood = posterior(folder, **tables)
    theory = {parameter.name for parameter in likelihood.interaction.parameters}
    return {n: likelihood.parameters[n].prior for n in likelihood.names if n in theory}


def test_the_table_and_what_is_taken_without_it(tmp_path):
    table = cj.read_analysis(write(tmp_path, BASE)).sample.table
    assert (table.chains, table.draws, table.seed, table.method) == (CHAINS, DRAWS, SEED, "nuts")
    given = {"chains": 8, "draws": 500, "seed": 0, "method": "tempered"}
    table = cj.read_analysis(write(tmp_path, BASE | {"sample": given})).sample.table
    assert vars(table) == given


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"chains": 1}, "chains must be a whole number from 2"),
        ({"draws": 0}, "draws must be a whole number from 4"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"draws": 100.5}, "draws must be a whole number"),
        ({"method": "nutz"}, 'no method "nutz"; did you mean "nuts"'),
        ({"thin": 2}, 'no key "thin"'),
        ({"warmup": 2}, r"\[sample\]: no key"),
    ],
)
def test_what_is_wrong_in_it_is_refused(tmp_path, table, words):
    with pytest.raises(ConfigError, match=words):
        cj.read_analysis(write(tmp_path, BASE | {"sample": table}))


def test_axes_of_a_scan_free_their_parameters_and_set_bounds_and_scale(tmp_path):
    linear = {"parameter": "g_vector", "min": -1e-4, "max": 1e-3, "points": 4}
    for axis, prior in (
        (COUPLING, LogUniform(1e-6, 1e-3)),
        (linear, Flat(-1e-4, 1e-3)),
        (COUPLING | {"scale": "signed"}, Flat(-1e-3, 1e-3)),
    ):
        found = priors(tmp_path, scan={"axes": [MASS, axis]})
        assert found == {"m_vector": LogUniform(1.0, 100.0), "g_vector": prior}
        assert [type(p) for p in found.values()] == [LogUniform, type(prior)]


def test_an_axis_of_one_value_holds_its_parameter_there(tmp_path):
    one = {"parameter": "m_vector", "min": 30, "max": 30, "points": 1}
    likelihood = posterior(tmp_path, scan={"axes": [one, COUPLING]})
    assert likelihood.held == {"m_vector": 30.0}
    assert "g_vector" in likelihood.names


def test_a_limit_frees_its_parameter_and_holds_the_others_at_their_start(tmp_path):
    limit = {"parameter": "g_vector", "held": HELD}
    likelihood = posterior(tmp_path, limit=limit)
    assert likelihood.held == {"m_vector": 10.0}
    assert likelihood.parameters["g_vector"].prior == Flat(0.0, 10.0), "where it is searched"
    assert priors(tmp_path, limit=limit | {"max": 1e-3})["g_vector"] == Flat(-10.0, 1e-3)
    assert priors(tmp_path, limit=limit | {"min": 0, "max": 1e-3})["g_vector"] == Flat(0.0, 1e-3)
    above = {"m_vector": HELD["m_vector"] | {"min": 20}}
    assert posterior(tmp_path, limit=limit | {"held": above}).held == {"m_vector": 20.0}
    start = {"m_vector": {"start": 50}}
    assert posterior(tmp_path, limit=limit, parameters=start).held == {"m_vector": 50.0}


def test_a_table_of_a_limit_counts_before_axes_of_a_scan(tmp_path):
    limit = {"parameter": "g_vector", "min": 0, "max": 1}
    likelihood = posterior(tmp_path, scan={"axes": [MASS, COUPLING]}, limit=limit)
    assert likelihood.held == {"m_vector": 10.0}
    assert likelihood.parameters["g_vector"].prior == LogUniform(1e-6, 1e-3)


def test_what_is_free_varies_although_a_limit_holds_it_and_what_is_fixed_does_not(tmp_path):
    limit = {"parameter": "g_vector", "held": HELD}
    found = priors(tmp_path, limit=limit, fit={"free": ["m_vector"]})
    assert found == {"m_vector": LogUniform(1.0, 100.0), "g_vector": Flat(0.0, 10.0)}
    fixed = {"m_vector": {"start": 3, "fixed": True}}
    likelihood = posterior(tmp_path, scan={"axes": [MASS, COUPLING]}, parameters=fixed)
    assert likelihood.held == {"m_vector": 3.0}
    assert likelihood.names[0] == "g_vector"


def test_a_prior_that_is_stated_counts_before_an_axis(tmp_path):
    stated = {"m_vector": {"prior": {"type": "flat", "min": 0.5, "max": 500}}}
    found = priors(tmp_path, scan={"axes": [MASS, COUPLING]}, parameters=stated)
    assert found == {"m_vector": Flat(0.5, 500.0), "g_vector": LogUniform(1e-6, 1e-3)}
    width = {"m_vector": {"start": 10, "prior_width": 1}}
    found = priors(tmp_path, scan={"axes": [MASS, COUPLING]}, parameters=width)["m_vector"]
    assert found == TruncatedGaussian(10.0, 1.0, 0.0, 1e6)


def test_a_pull_on_an_axis_keeps_its_prior(tmp_path):
    pull = "coherent_csi_2017_brn"
    axis = {"parameter": pull, "min": -1, "max": 2, "points": 4}
    found = posterior(tmp_path, scan={"axes": [axis]}).parameters[pull].prior
    assert found == Gaussian(0.0, 1.0).within(-1.0, 2.0)


def test_the_range_of_a_profile_sets_no_prior(tmp_path):
    analysis = cj.read_analysis(write(tmp_path, BASE))
    assert analysis.sample.priors == {}
    alone = BASE | {"fit": {"free": []}}
    settings = cj.read_analysis(write(tmp_path, alone)).sample
    assert settings.free == ("sin2_theta_w",), "nothing else would vary but nuisances"
    assert settings.priors == {}


@pytest.mark.parametrize(
    "name", ["coherent_csi_2021", "limits_scalar_csi", "fig3_vector_fef", "nsi_csi_lar"]
)
def test_a_config_has_the_same_nuisances_when_it_is_sampled(name):
    analysis = cj.read_analysis(CONFIGS / f"{name}.toml")
    likelihood = analysis.sample.varying(analysis.likelihood)
    nuisances = [n for n, p in analysis.likelihood.parameters.items() if p.varies]
    assert [n for n in likelihood.names if n in nuisances] == nuisances
    assert set(analysis.likelihood.free) <= set(likelihood.names)
