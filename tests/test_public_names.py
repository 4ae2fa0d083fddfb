"""What the package shows, and that what means the same has the same form everywhere."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.electrons import Electrons, electrons
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Experiment
from cevns_jax.inference.profile import Profile
from cevns_jax.inference.scan import Scan
from cevns_jax.likelihood import Likelihood
from cevns_jax.nuclei import Target


def test_dir_shows_the_public_names_and_the_version_alone():
    """Also after everything was loaded: modules that happen to be there do not show up."""
    for name in cj.__all__:
        assert getattr(cj, name) is not None
    assert dir(cj) == sorted([*cj.__all__, "__version__"])
    assert not [name for name in cj.__all__ if name.startswith("_")]
    assert {"cross_section", "objective", "Likelihood", "fit"} <= set(dir(cj))


def test_dir_loads_nothing():
    code = "import sys, cevns_jax; dir(cevns_jax); assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_parameters_are_a_property_wherever_there_are_some():
    interactions = (
        cj.interactions.StandardModel,
        cj.interactions.Combined,
        cj.interactions.NewPhysics,
    )
    for owner in (Target, Electrons, Experiment, Likelihood, cj.detectors.PolynomialQuenching):
        assert not callable(getattr(owner, "parameters", None)), owner
    for owner in interactions:
        assert isinstance(owner.parameters, property)
    assert electrons("Ge").parameters == ()


@pytest.mark.parametrize(
    "name",
    [
        *("chi2", "delta_chi2", "converged", "excluded", "edm", "x", "names", "valleys"),
        *("best_chi2", "likelihood", "intervals", "allowed", "affecting"),
    ],
)
def test_profiles_and_scans_are_read_alike(name):
    """A field or property in both, or a method in both."""
    forms = {callable(getattr(owner, name, None)) for owner in (Profile, Scan)}
    assert len(forms) == 1
    for owner in (Profile, Scan):
        assert name in owner.__dataclass_fields__ or hasattr(owner, name)


@pytest.fixture(scope="module")
def like():
    csi = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    return cj.Likelihood(csi, free=["n_sigma"])


def test_ranges_of_a_scan_are_those_of_the_profile(like):
    grid = np.linspace(0.5, 1.5, 11)
    scan, profile = cj.scan(like, {"n_sigma": grid}), cj.profile(like, n_sigma=grid)
    ((low, high),) = scan.allowed(1.0)
    assert (low, high) == pytest.approx(profile.allowed(1.0)[0], abs=1e-5)
    assert scan.best_chi2 == pytest.approx(profile.best_chi2, abs=1e-6)
    assert scan.best.chi2 == pytest.approx(profile.best.chi2, abs=1e-6)
    assert scan.best.values["n_sigma"] == pytest.approx(profile.best.values["n_sigma"], abs=1e-4)
    assert profile.likelihood.names == like.names


def test_ranges_of_a_plane_are_refused(like):
    grids = {"n_sigma": np.array([0.9, 1.0]), "sin2_theta_w": np.array([0.22, 0.24])}
    with pytest.raises(ConfigError, match="ranges are those of one parameter"):
        cj.scan(like, grids).allowed(1.0)


# ------------------------------------------------------------- what a likelihood takes by default


def test_one_experiment_and_the_standard_model_are_the_default(like):
    csi = cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")
    longer = cj.Likelihood([csi], cj.interactions.standard_model(), free=["n_sigma"])
    assert like.experiments == (like.experiments[0],)
    assert jax.tree.structure(like) == jax.tree.structure(longer)
    assert float(like.chi2(like.values())) == float(longer.chi2(longer.values()))


def test_missing_values_are_where_parameters_start_or_are_held(like):
    held = like.hold(coherent_csi_2021_brn=0.5)
    for likelihood in (like, held):
        full = likelihood.values() | {"sin2_theta_w": 0.25}
        some = {"sin2_theta_w": 0.25}
        assert float(likelihood.chi2(some)) == float(likelihood.chi2(full))
        assert float(likelihood.penalty(some)) == float(likelihood.penalty(full))
        for method in ("deviance", "expected"):
            found = getattr(likelihood, method)
            np.testing.assert_array_equal(found(some), found(full))
        parts = likelihood.components(some)["coherent_csi_2021"]
        for name, counts in likelihood.components(full)["coherent_csi_2021"].items():
            np.testing.assert_array_equal(parts[name], counts)
    assert float(held.penalty({})) == pytest.approx(0.25)
    assert float(held.chi2({})) != float(like.chi2({}))


def test_derivatives_have_the_names_that_were_given(like):
    """Of some values they are those of all, also compiled."""
    some = {"sin2_theta_w": 0.23, "n_sigma": 1.0}
    slopes = jax.grad(like.chi2)(some)
    assert set(slopes) == set(some)
    whole = jax.grad(like.chi2)(like.values() | some)
    assert set(whole) == set(like.parameters)
    for name, slope in slopes.items():
        assert float(slope) == pytest.approx(float(whole[name]), rel=1e-12)
    compiled = jax.jit(jax.grad(like.chi2))(some)
    assert float(compiled["n_sigma"]) == pytest.approx(float(slopes["n_sigma"]), rel=1e-10)
    assert set(jax.grad(like.chi2)({"sin2_theta_w": 0.23})) == {"sin2_theta_w"}


def test_completing_leaves_nothing_in_a_compiled_function(like):
    """The same work, whether values were complete or not."""
    values = like.values()

    def complete(x):
        return like.chi2(values | {"n_sigma": x})

    def some(x):
        return like.chi2({"n_sigma": x})

    costs = [jax.jit(f).lower(1.0).compile().cost_analysis() for f in (complete, some)]
    assert costs[0]["flops"] == costs[1]["flops"] > 1000


@pytest.mark.parametrize("method", ["chi2", "deviance", "penalty", "expected", "components"])
def test_a_misspelt_name_is_refused_with_the_nearest_one(like, method):
    with pytest.raises(
        ConfigError, match='no parameter "sin2_thetaw"; did you mean "sin2_theta_w"'
    ):
        getattr(like, method)({"sin2_thetaw": 0.23})
    with pytest.raises(ConfigError, match="did you mean"):
        jax.jit(getattr(like, method))({"sin2_thetaw": 0.23})
