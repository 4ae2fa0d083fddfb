"""Pseudo-data: what is drawn, how often intervals hold the truth, and what cannot be drawn."""

import dataclasses
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.cli import main
from cevns_jax.config.analysis import read_analysis
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Nuisance
from cevns_jax.inference.batches import minimum_of
from cevns_jax.inference.toys import ENSEMBLES
from cevns_jax.likelihood import predictions
from cevns_jax.parameters import Parameter
from cevns_jax.prediction.component import Precomputed, Template
from cevns_jax.priors import Gaussian
from cevns_jax.template_errors import PoissonWithTemplateErrors

SM = cj.interactions.standard_model()
CONFIG = str(Path(__file__).parents[2] / "configs" / "coherent_csi_2021.toml")
PULLS = [f"coherent_csi_2021_{name}" for name in ("cevns", "brn", "nin", "steady_state")]


@pytest.fixture(scope="module")
def ratio():
    """The cross-section ratio of CsI (2021), 12 % on the signal, which is evaluated once."""
    csi = cj.experiments.coherent_csi_2021()
    counts = predictions(cj.Likelihood([csi], SM))["coherent_csi_2021"]["cevns"]
    signal = Precomputed(counts=counts, parameters=csi.parts["cevns"].parameters)
    return cj.Likelihood(
        [dataclasses.replace(csi, parts={**csi.parts, "cevns": signal})], SM, free=["n_sigma"]
    )


def centres(likelihood):
    declared = likelihood.parameters.items()
    return {name: float(p.prior.mean) for name, p in declared if p.prior.constrains}


def test_toys_draw_the_centres_of_the_priors_and_toys_with_fixed_pulls_do_not(ratio):
    """Around the true values, with the widths of the priors; the counts are the same."""
    truth = {PULLS[0]: 0.7}
    toys = [cj.toy(ratio, seed, truth) for seed in range(200)]
    drawn = np.array([[centres(toy)[name] for name in PULLS] for toy in toys])
    assert (abs(drawn.mean(axis=0) - [0.7, 0, 0, 0]) < 4.5 / np.sqrt(200)).all()
    assert (abs(drawn.std(axis=0) - 1) < 4.5 / np.sqrt(400)).all()
    assert (abs(np.corrcoef(drawn.T) - np.eye(4)) < 4.5 / np.sqrt(200)).all()
    fixed = cj.toy(ratio, 3, truth, ensemble="fixed_pulls")
    assert centres(fixed) == centres(ratio)
    np.testing.assert_array_equal(fixed.experiments[0].observed, toys[3].experiments[0].observed)
    assert toys[3].parameters["n_sigma"] == ratio.parameters["n_sigma"]  # it has no prior
    assert (toys[3].start == ratio.start).all()
    assert centres(cj.toy(ratio, 3, truth)) == centres(toys[3])


def test_toys_have_templates_of_another_simulation_and_toys_with_fixed_pulls_do_not(ratio):
    """The counts are the same in both, and those of templates without errors."""
    (detector,) = ratio.experiments
    error = np.where(np.arange(99) % 2, 0.0, 3.0).reshape(detector.observed.shape)
    smeared = dataclasses.replace(detector, statistic=PoissonWithTemplateErrors(error))
    like = cj.Likelihood([smeared], ratio.interaction, ["n_sigma"])
    toy, fixed = (cj.toy(like, 3, ensemble=e).experiments[0] for e in ENSEMBLES)
    np.testing.assert_array_equal(toy.observed, fixed.observed)
    np.testing.assert_array_equal(toy.observed, cj.toy(ratio, 3).experiments[0].observed)
    assert (np.asarray(toy.statistic.centre) != 0).all()
    assert (fixed.statistic.centre == 0).all()
    assert jax.tree.structure(toy.statistic) == jax.tree.structure(smeared.statistic)


def test_a_centre_may_lie_below_the_lowest_value_of_its_parameter(ratio):
    """A measurement with an error of 2 can give a cross section below zero."""
    wide = Parameter(name="n_sigma", start=1.0, prior=Gaussian(1.0, 2.0), lower=0.0)
    like = cj.Likelihood(ratio.experiments, SM, ["n_sigma"], declarations={"n_sigma": wide})
    drawn = [centres(cj.toy(like, seed))["n_sigma"] for seed in range(40)]
    assert min(drawn) < 0 < max(drawn)


def test_a_shared_prior_is_drawn_once_and_that_of_a_held_parameter_stays(ratio):
    shared = [Nuisance(name="sns_flux", acts_on=("cevns",), width=0.1, shared=True)]
    both = [
        cj.experiments.coherent_csi_2021(nuisances=shared),
        cj.experiments.coherent_csi_2017(nuisances=shared),
    ]
    like = cj.Likelihood(both, SM, allow_overlap=True)
    made = cj.toy(like, 1)
    assert list(made.declared_anew) == ["sns_flux"]
    np.testing.assert_array_equal(  # whatever else there is
        made.experiments[0].observed, cj.toy(cj.Likelihood(both[:1], SM), 1).experiments[0].observed
    )
    held = cj.toy(ratio.hold(**{PULLS[1]: 0.5}), 5)
    assert centres(held)[PULLS[1]] == 0.0
    assert centres(held)[PULLS[0]] != 0.0


@partial(jax.jit, static_argnames="name")
def rises(likelihood, counts, drawn, truth, *, name):
    """chi^2 at the truth above its minimum, and whether both converged, for each toy."""
    rest = jnp.delete(likelihood.start, likelihood.names.index(name))

    def one(toy):
        here = likelihood.with_observed({"coherent_csi_2021": toy[0]})
        here = here.with_centres(dict(zip(PULLS, toy[1], strict=True)))
        free = minimum_of(here, jnp.asarray(likelihood.start))
        held = minimum_of(here.hold(**{name: truth}), rest)
        return held.chi2 - free.chi2, free.converged & held.converged

    return jax.lax.map(one, (counts, drawn), batch_size=32)


def covered(likelihood, name, number, ensemble):
    """Share of the toys in which Delta chi^2 < 1 holds the truth."""
    toys = [cj.toy(likelihood, seed, ensemble=ensemble) for seed in range(number)]
    counts = np.stack([toy.experiments[0].observed for toy in toys])
    drawn = np.array([[centres(toy)[pull] for pull in PULLS] for toy in toys])
    truth = float(likelihood.parameters[name].start)
    rise, known = rises(likelihood, counts, drawn, truth, name=name)
    assert known.all()
    return float(np.mean(rise < 1))


def test_intervals_cover_the_truth_in_68_per_cent_of_the_toys(ratio):
    """192 toys, four binomial errors. With fixed pulls what is uncertain by them does not
    scatter: the share is far above."""
    assert covered(ratio, "n_sigma", 192, "unconditional") == pytest.approx(0.683, abs=0.134)
    assert covered(ratio, "n_sigma", 192, "fixed_pulls") > 0.83


@pytest.mark.slow
def test_intervals_of_the_weak_mixing_angle_cover_the_truth_in_68_per_cent_of_the_toys():
    """5000 toys, three binomial errors; 90.4 % with fixed pulls."""
    like = cj.Likelihood([cj.experiments.coherent_csi_2021()], SM, free=["sin2_theta_w"])
    usual = covered(like, "sin2_theta_w", 5000, "unconditional")
    assert usual == pytest.approx(0.683, abs=0.020)
    fixed = covered(like, "sin2_theta_w", 5000, "fixed_pulls")
    assert fixed == pytest.approx(0.904, abs=0.013)


def test_what_cannot_be_drawn_is_refused_in_one_sentence(ratio):
    with pytest.raises(ConfigError, match=r'no ensemble "fixed_pull".*did you mean "fixed_pulls"'):
        cj.toy(ratio, 1, ensemble="fixed_pull")
    for seed in (-1, 2**63):
        with pytest.raises(ConfigError, match="toy: seed must be a whole number from 0 to"):
            cj.toy(ratio, seed)
    (csi,) = ratio.experiments
    deep = {**csi.parts, "hole": Template(np.full((9, 11), -1e4))}
    hole = cj.Likelihood([dataclasses.replace(csi, parts=deep)], SM)
    for make in (cj.asimov, partial(cj.toy, seed=1)):
        with pytest.raises(ConfigError, match=r"n_sigma must .* between 0 and inf, not at -3"):
            make(ratio, values={"n_sigma": -3.0})
        with pytest.raises(ConfigError, match=r"n_sigma must be finite"):
            make(ratio, values={"n_sigma": jnp.array(np.nan)})
        with pytest.raises(ConfigError, match='did you mean "n_sigma"'):
            make(ratio, values={"n_sigm": 1.0})
        with pytest.raises(ConfigError, match="coherent_csi_2021: 99 of 99 bins expect less than"):
            make(hole)
    with pytest.raises(ConfigError, match="coherent_csi_2021: no counts can be drawn"):
        cj.toy(ratio, 1, {"n_sigma": 1e30})  # above 1e28 counts their scatter is lost


def test_the_command_line_names_both_ensembles(capsys, monkeypatch, tmp_path):
    fitted = []

    def stop(likelihood, *_):
        fitted.append(likelihood)
        raise ConfigError("seen enough")

    monkeypatch.setattr("cevns_jax.inference.fit.fit", stop)
    like = read_analysis(CONFIG).likelihood
    for kind, ensemble in (("toy", "unconditional"), ("toy_fixed_pulls", "fixed_pulls")):
        arguments = ["fit", CONFIG, "--output", str(tmp_path), "--data", kind]
        assert main([*arguments, "--seed", "3"]) == 2
        assert "seen enough" in capsys.readouterr().err
        expected = cj.toy(like, 3, ensemble=ensemble)
        assert centres(fitted[-1]) == centres(expected)
        found = fitted[-1].experiments[0].observed
        np.testing.assert_array_equal(found, expected.experiments[0].observed)
        assert main(arguments) == 2
        assert f"--data {kind} needs --seed" in capsys.readouterr().err
