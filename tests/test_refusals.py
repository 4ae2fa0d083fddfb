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
from cevns_jax.experiments.component import Formula
from cevns_jax.experiments.experiment import Nuisance
from cevns_jax.inference.blocks import Blocks
from cevns_jax.interactions import NewPhysics, light_scalar, with_new_physics
from cevns_jax.interactions.mediators import Charges
from cevns_jax.parameters import Parameter

SM = cj.interactions.standard_model()


@pytest.fixture(scope="module")
def csi():
    return cj.experiments.coherent_csi_2021(nuisances="backgrounds_only")


@pytest.fixture(scope="module")
def ratio(csi):
    like = cj.Likelihood([csi], SM, free=["n_sigma"])
    return like.frozen(like.values(), varying=like.names)


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
    like = dataclasses.replace(ratio, declarations={"n_sigma": narrow})
    with pytest.raises(ConfigError, match="between 0 and 2, not at 3"):
        like.hold(n_sigma=3.0)


def test_gradients_in_a_likelihood_are_no_values_of_parameters(ratio):
    """d chi^2/d n_sigma is far below the lowest n_sigma, where the parameter is held."""
    held = ratio.hold(n_sigma=0.1)
    slope = jax.grad(lambda like: like.chi2(like.values()))(held)
    assert float(slope.held["n_sigma"]) < -10


# ------------------------------------------------------------------- predictions that are no number


def huge(charge=1e300):
    added = light_scalar(charges=Charges(nu_mu=charge))
    return with_new_physics(cj.interactions.standard_model(axial=False), added)


def test_predictions_that_are_not_finite_are_refused_by_whoever_evaluates_them(csi):
    start = Parameter(name="g_scalar", start=1e-4, lower=0.0, upper=10.0)
    like = cj.Likelihood([csi], huge(), declarations={"g_scalar": start})
    words = r'coherent_csi_2021, component "cevns": .* not finite in 99 of 99 bins'
    with pytest.raises(ConfigError, match=words):
        cj.fit(like)
    with pytest.raises(ConfigError, match=words):
        cj.asimov(like)
    with pytest.raises(ConfigError, match=words):
        cj.toy(like, 1)


def test_a_scan_of_points_that_are_all_not_finite_is_refused(csi, tmp_path):
    """Where the coupling starts, at zero, nothing is wrong; nothing is left behind."""
    like = cj.Likelihood([csi], huge())
    blocks = tmp_path / "blocks"
    with pytest.raises(ConfigError, match=r'coherent_csi_2021, component "cevns": .* not finite'):
        cj.scan(like, {"g_scalar": np.array([1e-4, 1e-3])}, blocks=Blocks(blocks))
    assert not blocks.exists()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_flux_beyond_all_numbers_is_refused():
    reactor = cj.experiments.dresden_ii(flux_per_cm2_s=1e308)
    like = cj.Likelihood([reactor], SM)
    with pytest.raises(ConfigError, match='dresden_ii, component "cevns"'):
        cj.asimov(like)


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


def test_a_component_reads_only_what_it_or_the_interaction_declares(csi):
    with_leak = dataclasses.replace(csi, backgrounds={**csi.backgrounds, "leak": Leaking()})
    like = cj.Likelihood([with_leak], SM)
    words = (
        r'coherent_csi_2021, component "leak": reads the parameter "coherent_csi_2021_brn", which '
        r"neither it nor the interaction declares \(declared: sin2_theta_w, level\)"
    )
    with pytest.raises(ConfigError, match=words):
        like.components(like.values())
    with pytest.raises(ConfigError, match=words):
        cj.fit(like)


def test_a_component_reads_only_effects_of_its_own(csi):
    radius = Nuisance(name="radius", acts_on=("neutron_radius",), width=0.05)
    pulled = dataclasses.replace(
        csi, backgrounds={**csi.backgrounds, "leak": Pulled()}, nuisances=(radius,)
    )
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
