"""What stops an evaluation: numbers that are none, 32 bits, and reads that nobody declared."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.cli import main
from cevns_jax.errors import ConfigError
from cevns_jax.inference.blocks import Blocks
from cevns_jax.interactions import NewPhysics, light_scalar, with_new_physics
from cevns_jax.interactions.mediators import Charges
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.component import Formula, Precomputed
from cevns_jax.prediction.nuisances import Nuisance

SM = cj.interactions.standard_model()


@pytest.fixture(scope="module")
def csi():
    return cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")


@pytest.fixture(scope="module")
def ratio(csi):
    """A signal that costs nothing to evaluate."""
    flat = Precomputed(counts=np.full((9, 11), 3.0), parameters=csi.parts["cevns"].parameters)
    return cj.Likelihood(
        [dataclasses.replace(csi, parts={**csi.parts, "cevns": flat})], SM, free=["n_sigma"]
    )


# ------------------------------------------------------------------------ values out of a domain


def test_a_parameter_cannot_be_held_outside_its_domain(ratio):
    words = r"n_sigma must be finite and lie between 0 and inf, not at "
    for value in (-3.0, -3, jnp.array(-3.0)):
        with pytest.raises(ConfigError, match=f"hold: {words}-3"):
            ratio.hold(n_sigma=value)
    with pytest.raises(ConfigError, match=f"{words}nan"):
        ratio.hold(n_sigma=np.nan)
    for value in (-3.0, -3):
        with pytest.raises(ConfigError, match=f"likelihood, held: {words}-3"):
            cj.Likelihood(ratio.experiments, SM, held={"n_sigma": value})
    with pytest.raises(ConfigError, match='no parameter "n_sigm"'):
        ratio.hold(n_sigm=-3.0)
    assert float(ratio.hold(n_sigma=0.0).values()["n_sigma"]) == 0.0


def test_a_narrower_declaration_narrows_what_can_be_held(ratio):
    narrow = dataclasses.replace(ratio.parameters["n_sigma"], upper=2.0)
    like = ratio.declared({"n_sigma": narrow})
    with pytest.raises(ConfigError, match="between 0 and 2, not at 3"):
        like.hold(n_sigma=3.0)


def test_arrays_in_a_tree_of_a_likelihood_are_no_values_of_parameters(ratio):
    """A gradient has the structure of what it is the gradient of, and any sign."""
    slope = jax.tree.map(lambda leaf: jnp.full(np.shape(leaf), -5.0), ratio.hold(n_sigma=0.1))
    assert float(slope.held["n_sigma"]) == -5.0


# ------------------------------------------------------------------- predictions that are no number


def test_charges_beyond_all_numbers_are_refused(csi):
    added = light_scalar(charges=Charges(nu_mu=1e300))
    like = cj.Likelihood([csi], with_new_physics(SM, added))
    words = r'coherent_csi_2021, component "cevns": .* not finite in 99 of 99 bins'
    with pytest.raises(ConfigError, match=words):
        cj.asimov(like, {"g_scalar": 1e-4})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Steep(Formula):
    """A background that is finite at its start, zero, and nowhere else that matters."""

    unit: float = 1e308

    parameters = (Parameter(name="steep", lower=0.0, upper=1e4, varies=True),)

    def __call__(self, interaction, values, effects):
        return self.unit * values["steep"] * jnp.ones((9, 11))


@pytest.fixture
def steep(ratio):
    (csi,) = ratio.experiments
    csi = dataclasses.replace(csi, parts={**csi.parts, "steep": Steep()})
    return cj.Likelihood([csi], SM)


def test_predictions_that_are_not_finite_are_refused_by_whoever_evaluates_them(steep):
    beyond = dataclasses.replace(steep.parameters["steep"], start=100.0)
    like = steep.declared({"steep": beyond}).hold(steep=100.0)
    words = r'coherent_csi_2021, component "steep": .* not finite in 99 of 99 bins'
    for evaluate in (cj.fit, cj.asimov, lambda like: cj.toy(like, 1)):
        with pytest.raises(ConfigError, match=words):
            evaluate(like)


def test_a_scan_of_points_that_are_all_not_finite_is_refused(steep, tmp_path):
    """At the start nothing is wrong; nothing is left behind."""
    folder = tmp_path / "blocks"
    with pytest.raises(ConfigError, match=r'coherent_csi_2021, component "steep": .* not finite'):
        cj.scan(steep, {"steep": np.array([100.0, 1000.0])}, blocks=Blocks(folder))
    assert not folder.exists()


def test_a_flux_beyond_all_numbers_is_refused():
    with pytest.raises(ConfigError, match="dresden_ii: flux_per_cm2_s must lie between"):
        cj.experiments.dresden_ii(exposure=cj.experiments.Exposure(flux_per_cm2_s=1e308))


EXPLODING = """
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cevns_jax.interactions import NewPhysics
from cevns_jax.parameters import Parameter


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Exploding(NewPhysics):
    parameters = (Parameter(name="d_charge", start=1000.0),)
    conventions = "Q_W grows beyond all numbers"

    def vector_charge(self, recoil, nucleus, flavour, values):
        return jnp.exp(values["d_charge"]) * nucleus.proton_form_factor
"""


def test_predict_ends_with_status_2_and_one_sentence(capsys, tmp_path):
    (tmp_path / "exploding_charge.py").write_text(EXPLODING)
    config = tmp_path / "huge.toml"
    config.write_text(
        '[[interaction.own]]\nobject = "exploding_charge:Exploding"\n'
        "[experiments.coherent_csi_2021]\n"
    )
    assert main(["predict", str(config)]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.count("\n") == 1
    assert 'coherent_csi_2021, component "cevns"' in found.err


# ----------------------------------------------------------------------------------- 32 bits


@pytest.mark.parametrize(
    "evaluate",
    [
        cj.fit,
        cj.asimov,
        lambda like: cj.toy(like, 1),
        lambda like: cj.profile(like, n_sigma=np.array([0.9, 1.0])),
        lambda like: cj.scan(like, {"n_sigma": np.array([0.9, 1.0])}),
        lambda like: like.components(like.values()),
        lambda like: like.chi2(like.values()),
    ],
)
def test_32_bits_after_building_are_refused_with_the_line_that_helps(ratio, evaluate):
    with (
        jax.enable_x64(False),
        pytest.raises(RuntimeError, match=r"update\(.jax_enable_x64., True"),
    ):
        evaluate(ratio)


# -------------------------------------------------------------------------- undeclared reads


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Leaking(Formula):
    """A background that reads what others have declared."""

    level: float = 1.0

    parameters = (Parameter(name="level", start=1.0, lower=0.0),)

    def __call__(self, interaction, values, effects):
        return self.level * values["level"] * values["coherent_csi_2021_brn"] * jnp.ones((9, 11))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pulled(Leaking):
    """A background that reads an effect of another component."""

    def __call__(self, interaction, values, effects):
        return values["level"] * (1 + effects.get("neutron_radius", 0.0)) * jnp.ones((9, 11))


def test_a_component_reads_only_what_it_or_the_interaction_declares(ratio):
    (csi,) = ratio.experiments
    with_leak = dataclasses.replace(csi, parts={**csi.parts, "leak": Leaking()})
    like = cj.Likelihood([with_leak], SM)
    words = (
        r'coherent_csi_2021, component "leak": reads the parameter "coherent_csi_2021_brn", which '
        r"neither it nor the interaction declares \(declared: level\)"
    )
    with pytest.raises(ConfigError, match=words):
        like.components(like.values())
    with pytest.raises(ConfigError, match=words):
        cj.fit(like)


def test_a_component_reads_only_effects_of_its_own(ratio):
    (csi,) = ratio.experiments
    radius = Nuisance(name="radius", acts_on=("neutron_radius",), width=0.05)
    pulled = dataclasses.replace(csi, parts={**csi.parts, "leak": Pulled()}, nuisances=(radius,))
    like = cj.Likelihood([pulled], SM)
    with pytest.raises(ConfigError, match=r'"leak": reads the effect "neutron_radius", which'):
        like.components(like.values())


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Undeclared(NewPhysics):
    """An interaction that reads the strength of the signal, which is not its own."""

    conventions = "for a test"
    parameters = ()

    def vector_charge(self, recoil, nucleus, flavour, values):
        return values.get("n_sigma", 0.0) * nucleus.proton_form_factor


def test_an_interaction_reads_only_what_it_declares(csi):
    like = cj.Likelihood([csi], with_new_physics(SM, Undeclared()), free=["n_sigma"])
    with pytest.raises(ConfigError, match=r'component "cevns": reads the parameter "n_sigma"'):
        cj.fit(like)
