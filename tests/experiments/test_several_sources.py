"""Two CEvNS components in one experiment: neutrinos of a reactor and of the sun on germanium."""

import io
import warnings

import iminuit
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import ArrivalTimes, Nuisance, morphed_template, own_experiment
from cevns_jax.parameters import Parameter
from cevns_jax.plotting import prediction, spectra
from cevns_jax.prediction.component import Formula
from cevns_jax.prediction.experiment import Scale, n_sigma

MODEL = cj.interactions.standard_model()
GE = cj.nuclei.target("Ge", form_factor=cj.form_factors.Helm())
YEAR = 365.25 * 86400
REACTOR = cj.sources.reactor_source(
    spectra="huber_mueller",
    fission_fractions={"u235": 0.6, "pu239": 0.4},
    flux_per_cm2_s=2e8,
    live_time_s=YEAR,
)
# Of the shape and size of the 8B neutrinos of the sun, 5.2e6/(cm^2 s), in straight lines.
BORON_MEV = np.array([0.5, 3.0, 6.0, 9.0, 12.0, 15.0])
BORON = 5.2e6 * np.array([0.02, 0.09, 0.13, 0.08, 0.02, 0.0])
SOLAR = cj.sources.tabulated_source(BORON_MEV, {"nu_e": BORON}, live_time_s=YEAR)
LINE = cj.sources.line_source(flavour="nu_e", energy_mev=0.8613, flux_per_cm2_s=5e9, live_time_s=1)
EDGES = np.array([0.3, 0.6, 1.0, 1.5, 2.2, 3.5])  # [keV] of recoil energy
FLUXES = [
    Nuisance(name="reactor_flux", acts_on=("reactor",), width=0.05),
    Nuisance(name="boron_flux", acts_on=("solar",), width=0.2, width_down=0.1),
]
BOTH = {"reactor": REACTOR, "solar": SOLAR}


def own(source, nuisances=(), **changed):
    response = cj.detectors.energy_response(
        axis="recoil_kevnr",
        edges=EDGES,
        quenching=cj.detectors.PolynomialQuenching(coefficients=(1.0,)),
        resolution=cj.detectors.gaussian_resolution(noise_kev=0.1),
        efficiency=0.9,
    )
    given = {
        "name": "ge",
        "target": GE,
        "source": source,
        "mass_kg": 3000.0,
        "response": response,
        "backgrounds": {"flat": np.full(5, 40.0)},
        "nuisances": nuisances,
        "observed": None,
    }
    return own_experiment(**given | changed)


@pytest.fixture(scope="module")
def both():
    return own(BOTH, FLUXES)


@pytest.fixture(scope="module")
def toy(both):
    like = cj.Likelihood(both, MODEL, free=["sin2_theta_w"])
    return cj.toy(like, 3)


def counts(experiment, **values):
    like = cj.Likelihood(experiment, MODEL)
    found = like.components(values)[experiment.name]
    return {name: np.asarray(part) for name, part in found.items()}


def test_counts_are_the_sum_of_two_experiments_with_one_source_each(both):
    found = counts(both)
    assert list(found) == ["reactor", "solar", "flat"]
    for name, source in BOTH.items():
        alone = counts(own(source))["cevns"]
        assert alone.sum() > 10
        np.testing.assert_allclose(found[name], alone, rtol=1e-9, atol=1e-8 * alone.max())


def test_n_sigma_scales_all_neutrinos_and_each_flux_its_own(both):
    nominal = counts(both)
    moved = {
        "n_sigma": ({"n_sigma": 1.5}, {"reactor": 1.5, "solar": 1.5}),
        "reactor": ({"ge_reactor_flux": 1.0}, {"reactor": 1.05}),
        "up": ({"ge_boron_flux": 1.0}, {"solar": 1.2}),
        "down": ({"ge_boron_flux": -1.0}, {"solar": 0.9}),
    }
    for values, factors in moved.values():
        found = counts(both, **values)
        for name, expected in nominal.items():
            np.testing.assert_allclose(found[name], factors.get(name, 1.0) * expected, rtol=1e-12)


def test_the_neutron_radius_moves_all_neutrinos():
    nuisance = Nuisance(name="radius", acts_on=("neutron_radius",), width=0.2)
    experiment = own(BOTH, [nuisance])
    nominal, moved = counts(experiment), counts(experiment, ge_radius=3.0)
    assert (moved["reactor"] < nominal["reactor"]).all()
    assert (moved["solar"] < nominal["solar"]).all()
    np.testing.assert_array_equal(moved["flat"], nominal["flat"])


def test_a_fit_is_that_of_minuit(toy):
    best = cj.fit(toy)
    assert best.converged
    objective = cj.objective(toy)
    minuit = iminuit.Minuit(objective.chi2, objective.start, grad=objective.gradient)
    minuit.limits, minuit.errors = objective.bounds, objective.errors
    minuit.tol = 1e-5
    minuit.migrad()
    assert best.chi2 == pytest.approx(minuit.fval, abs=1e-5)
    errors = np.array(minuit.errors)
    assert best.names == ("sin2_theta_w", "ge_reactor_flux", "ge_boron_flux")
    assert (np.abs(best.x - np.array(minuit.values)) < 2e-3 * errors).all()


def test_profile_scan_and_limit_agree(toy):
    grid = np.linspace(0.05, 0.45, 9)
    profile, scan = cj.profile(toy, sin2_theta_w=grid), cj.scan(toy, {"sin2_theta_w": grid})
    assert profile.converged.all()
    assert scan.converged.all()
    np.testing.assert_allclose(profile.chi2, np.ravel(scan.chi2), atol=1e-6)
    ((low, high),) = profile.allowed(1.0)
    limit = cj.limit(toy, "sin2_theta_w", cl=0.6827)
    assert limit.allowed[0] == [pytest.approx((low, high), abs=2e-4)]
    best = cj.fit(toy)
    for end in (low, high):
        assert cj.fit(toy.hold(sin2_theta_w=end)).chi2 - best.chi2 == pytest.approx(1.0, abs=1e-3)


def test_a_measured_flux_is_pulled_by_the_data(both):
    """Twice as many solar neutrinos as expected, and as many of the reactor."""
    truth = {"ge_boron_flux": 3.0}
    like = cj.asimov(cj.Likelihood(both, MODEL), truth)
    best = cj.fit(like)
    pulls = dict(zip(best.names, best.x, strict=True))
    assert pulls["ge_boron_flux"] > 0.3
    assert abs(pulls["ge_reactor_flux"]) < pulls["ge_boron_flux"]


def test_results_hold_the_recoil_spectra_of_both_and_are_drawn(both, toy, tmp_path):
    result = cj.prediction_result(cj.Likelihood(both, MODEL))
    result.save(tmp_path / "both.nc")
    group = cj.load(tmp_path / "both.nc").groups["ge"]
    assert [str(name) for name in group["flavour"][1]] == ["reactor: nu_e_bar", "solar: nu_e"]
    recoil = group["recoil_energy_kev"][1]
    for i, name in enumerate(BOTH):
        spectrum = both.recoil_spectrum(recoil, component=name)
        np.testing.assert_allclose(group["spectrum"][1][i], spectrum.rate[0], rtol=1e-12)
    np.testing.assert_array_equal(group["scatters"][1], [1, 1, 0])
    text = str(result)
    for name in (*BOTH, "flat"):
        assert name in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = [prediction(result, "ge"), spectra(cj.fit_result(cj.fit(toy)), "ge")]
        for figure in figures:
            figure.savefig(io.BytesIO(), format="png", dpi=40)
    labels = [text.get_text() for text in figures[0].axes[-1].get_legend().get_texts()]
    assert labels[:2] == [r"reactor: $\bar\nu_e$", r"solar: $\nu_e$"]


def test_the_experiment_names_its_sources(both):
    assert "reactor: " in both.conventions["flux"]
    assert "solar: " in both.exposure


def test_one_of_several_may_end_below_the_threshold():
    found = counts(own({"solar": SOLAR, "beryllium": LINE}))
    assert found["beryllium"].sum() == pytest.approx(0.0, abs=1e-6 * found["solar"].sum())
    with pytest.raises(ConfigError, match="recoil_min_kev must lie"):
        own({"a": LINE, "b": LINE}, recoil_min_kev=5.0)


def test_a_single_source_may_have_a_name():
    found = own({"reactor": REACTOR}, backgrounds={"cevns": np.ones(5)})
    assert found.component_names == ("reactor", "cevns")
    assert found.scales[0].acts_on == ("reactor",)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"source": {}}, "ge: needs a source"),
        ({"source": {"8B": SOLAR}}, 'a source must be a Python identifier.*not "8B"'),
        ({"source": {"flat": SOLAR}}, 'a source and another component are called "flat"'),
        (
            {"components": {"flat": np.ones(5)}},
            'a background and a component are both called "flat"',
        ),
        (
            {"components": {"solar": np.ones(5)}},
            'a source and another component are called "solar"',
        ),
        ({"components": {"a b": np.ones(5)}}, 'a component must be a Python identifier.*not "a b"'),
        ({"backgrounds": {"for": np.ones(5)}}, 'a background must be .* no keyword, not "for"'),
        ({"backgrounds": {"error": np.ones(5)}}, 'a background cannot be called "error"'),
        ({"components": {3: np.ones(5)}}, 'a component must be a Python identifier.*not "3"'),
        ({"source": {"observed": SOLAR}}, 'a source cannot be called "observed", a column'),
        ({"source": [SOLAR]}, "source must be one of cevns_jax.sources.* not a list"),
        ({"source": {"a": "solar"}}, 'source must be one of .* not "solar"'),
        ({"scales": [n_sigma("sola")]}, 'scale n_sigma: no component "sola".*solar'),
        ({"source": {"quenching": SOLAR}}, 'cannot be called "quenching", an effect'),
        ({"source": {"neutron_radius": SOLAR}}, 'cannot be called "neutron_radius", an effect'),
        ({"backgrounds": {"neutron_radius": np.ones(5)}}, 'cannot be called "neutron_radius"'),
        (
            {"backgrounds": {"tilt": morphed_template(np.ones(5), {"tilt": (np.ones(5), None)})}},
            'cannot be called "tilt", an effect',
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("cevns",), width=0.1)]},
            'no component or effect "cevns".*allowed: flat, neutron_radius, quenching',
        ),
        (
            {
                "arrival_times": ArrivalTimes(
                    edges_us=np.array([0.0, 1.0]), fractions={"nu_e": np.array([0.5])}
                )
            },
            "ge: reactor: arrival times must be given for nu_e_bar, not for nu_e",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(changed, text):
    with pytest.raises(ConfigError, match=text):
        own(**{"source": BOTH} | changed)


def test_sources_of_the_same_flavours_share_arrival_times():
    times = ArrivalTimes(edges_us=np.array([0.0, 1.0, 6.0]), fractions={"nu_e": [0.25, 0.5]})
    found = counts(
        own({"solar": SOLAR, "line": LINE}, arrival_times=times, backgrounds={}, nuisances=())
    )
    whole = counts(own({"solar": SOLAR, "line": LINE}, backgrounds={}))
    np.testing.assert_allclose(found["solar"], np.outer(whole["solar"], [0.25, 0.5]), rtol=1e-9)


SNS = cj.sources.spallation_source(
    neutrinos_per_proton=0.08, protons_on_target=1e21, distance_m=20.0
)
BEAM = cj.sources.line_source(
    flavour="nu_mu", energy_mev=12.0, flux_per_cm2_s=1e6, live_time_s=YEAR
)
WAVES = cj.sources.oscillated_source(SOLAR, baseline_m=5.0, sin2_2theta=0.6, delta_m2_ev2=2.0)
MANY = {"reactor": REACTOR, "solar": SOLAR, "sns": SNS, "beam": BEAM, "waves": WAVES}


@pytest.fixture(scope="module")
def many():
    return own(MANY)


def test_sources_share_nodes_target_and_response(many):
    first, *others = (many.parts[name] for name in MANY)
    for part in others:
        assert part.response is first.response
        assert part.kernel.nodes is first.kernel.nodes
        assert part.kernel.target is first.kernel.target
    # Their jumps and bends are no ends of panels: five sources do not take five times the nodes,
    # and not those of five isotopes.
    assert first.kernel.recoil.size < own(REACTOR).parts["cevns"].kernel.recoil.size


@pytest.mark.parametrize("name", MANY)
def test_on_shared_nodes_each_source_has_the_counts_of_its_own_nodes(many, name):
    """1e-8 of the fullest bin, though lines and end points lie inside panels."""
    alone = counts(own(MANY[name]))["cevns"]
    np.testing.assert_allclose(counts(many)[name], alone, atol=1e-8 * alone.max(), rtol=0)


def test_parameters_of_one_flux_move_it_alone_on_shared_nodes(many):
    moved = {"sin2_2theta_sterile": 0.9, "delta_m2_sterile": 5.0}
    found, still = counts(many, **moved), counts(many)
    alone = counts(own(WAVES), **moved)["cevns"]
    np.testing.assert_allclose(found["waves"], alone, atol=1e-8 * alone.max(), rtol=0)
    np.testing.assert_array_equal(found["solar"], still["solar"])
    slopes = {
        which: jax.jacfwd(lambda x, e=e, c=c: e.component(c, MODEL, start(e) | {STERILE: x}))(2.0)
        for which, e, c in (("shared", many, "waves"), ("alone", own(WAVES), "cevns"))
    }
    np.testing.assert_allclose(slopes["shared"], slopes["alone"], rtol=1e-6, atol=1e-9)


STERILE = "delta_m2_sterile"


def start(experiment):
    return cj.Likelihood(experiment, MODEL).values()


@pytest.mark.parametrize("name", ["solar", "beam"])
def test_the_response_on_shared_nodes_is_made_in_compiled_code_as_well(many, name):
    """Of tables too, whose energies have no values there."""
    matrix = many.response_matrix(component=name)
    compiled = jax.jit(lambda e: e.response_matrix(component=name))(many)
    assert compiled.isotopes == matrix.isotopes
    for field in ("recoil_kev", "weight_kev", "probability"):
        np.testing.assert_allclose(getattr(compiled, field), getattr(matrix, field), rtol=1e-12)


@pytest.mark.parametrize("name", ["sns", "beam"])
def test_spectra_folded_with_the_response_are_the_counts_on_shared_nodes(many, name):
    matrix = many.response_matrix(component=name)
    folded = 0.0
    for i in range(len(matrix.isotopes)):
        rate = many.recoil_spectrum(matrix.recoil_kev[i], component=name).rate[:, i].sum(axis=0)
        folded += (rate * matrix.weight_kev[i]) @ matrix.probability[i]
    expected = counts(many)[name]
    np.testing.assert_allclose(folded, expected, atol=1e-7 * expected.max(), rtol=0)


class Falling(Formula):
    """Counts that fall as a power of the energy, as of a WIMP."""

    parameters = (Parameter(name="wimp_slope", start=1.0, lower=0.0),)

    def __call__(self, interaction, values, effects):
        return 10 * jnp.asarray(EDGES[1:]) ** -values["wimp_slope"]


jax.tree_util.register_static(Falling)


def test_scales_are_factors_on_the_components_that_they_name():
    """One source of two, and a component in which no neutrino scatters."""
    wimp = Scale(Parameter(name="wimp_rate", start=1.0, lower=0.0), ("wimp",))
    given = {"components": {"wimp": Falling()}, "scales": [n_sigma("solar"), wimp]}
    experiment = own(BOTH, **given)
    still, moved = counts(experiment), counts(experiment, n_sigma=2.0, wimp_rate=3.0)
    assert list(still) == ["reactor", "solar", "flat", "wimp"]
    factors = {"reactor": 1.0, "solar": 2.0, "flat": 1.0, "wimp": 3.0}
    for name, factor in factors.items():
        np.testing.assert_allclose(moved[name], factor * still[name], rtol=1e-14)
    np.testing.assert_allclose(counts(experiment, wimp_slope=2.0)["wimp"], 10 * EDGES[1:] ** -2)
    assert "n_sigma" not in cj.Likelihood(own(BOTH, scales=())).parameters


def test_a_signal_may_be_any_component_and_be_called_so():
    experiment = own({"solar": SOLAR}, backgrounds={}, components={"cevns": Falling()})
    assert list(counts(experiment)) == ["solar", "cevns"]


def test_a_factor_on_some_neutrinos_says_on_which():
    """Where it is not on all of them; and each nuisance says what it acts on."""
    some = own(BOTH, FLUXES, scales=[n_sigma("solar")])
    like = cj.Likelihood(some, MODEL, free=["n_sigma"])
    assert "n_sigma scales solar" in some.summary().text()
    assert "n_sigma scales solar" in like.summary().text()
    result = cj.fit_result(cj.fit(cj.asimov(like)))
    told = result.attributes["conventions"]["ge"]
    assert told["scales"] == "n_sigma scales solar"
    assert told["nuisances"] == (
        "reactor_flux 0.05 linear on reactor, boron_flux +0.2 -0.1 linear on solar"
    )
    assert "n_sigma scales solar" in result.summary().text()
    figure = spectra(result, "ge")
    assert "n_sigma scales solar" in figure._suptitle.get_text()


def test_a_factor_on_all_neutrinos_stands_in_the_experiment_alone(both):
    assert "n_sigma scales reactor and solar" in both.summary().text()
    like = cj.Likelihood(both, MODEL, free=["n_sigma"])
    assert "n_sigma scales" not in like.summary().text()
    assert "scales" not in cj.prediction_result(like).attributes["conventions"]["ge"]


def test_a_source_below_all_bins_is_noted():
    low = cj.sources.line_source(
        flavour="nu_e", energy_mev=0.3, flux_per_cm2_s=1.0, live_time_s=1.0
    )
    like = cj.Likelihood(own({"low": low, "solar": SOLAR}), MODEL)
    said = cj.prediction_result(like).summary().text()
    assert "ge: low has no events in any bin" in said
    assert "solar has no events" not in said
