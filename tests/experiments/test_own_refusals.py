"""Own experiments that make no sense are refused in a sentence."""

import dataclasses

import jax
import numpy as np
import pytest
from own_germanium import AXES, SNS, arrival_times, ge_response, own, two_axes

from cevns_jax.detectors import (
    GaussianResolution,
    PerfectResolution,
    PoissonResolution,
    TabulatedQuenching,
    linear_table,
    tabulated_response,
)
from cevns_jax.errors import ConfigError
from cevns_jax.experiments import Nuisance
from cevns_jax.prediction.experiment import n_sigma

ONES = np.ones(6)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"name": "my ge"}, 'name must be a Python identifier, not "my ge"'),
        ({"name": ""}, "Python identifier"),
        ({"name": 3}, 'name must be a Python identifier, not "3"'),
        ({"mass_kg": "a"}, 'ge: mass_kg must be a number, not "a"'),
        ({"recoil_min_kev": None}, "ge: recoil_min_kev must be a number, not a NoneType"),
        ({"source": "a"}, 'ge: source must be one of cevns_jax.sources, .* not "a"'),
        ({"backgrounds": {"b": lambda *a: 1.0}}, "ge: b: must be counts.*a function has not"),
        ({"backgrounds": [ONES]}, "ge: backgrounds must be a dictionary .* not a list"),
        ({"scales": n_sigma("cevns")}, "ge: scales must be a list, of Scale objects, not a Scale"),
        ({"scales": ["cevns"]}, 'ge: scales must be a list of Scale objects, one is "cevns"'),
        (
            {"nuisances": Nuisance(name="a", acts_on=("cevns",), width=0.1)},
            "ge: nuisances must be a list, of Nuisance objects, not a Nuisance",
        ),
        (
            {"nuisances": [Nuisance(name="for", acts_on=("cevns",), width=0.1)]},
            'ge: the name of a nuisance must be .* no keyword, not "for"',
        ),
        ({"mass_kg": 0.0}, "ge: mass_kg must be positive .*not 0"),
        ({"mass_kg": np.inf}, "ge: mass_kg must be positive"),
        ({"mass_kg": np.nan}, "ge: mass_kg must be positive"),
        ({"observed": np.ones(5)}, r"ge: observed: has shape \(5,\), the bins have \(6,\)"),
        ({"observed": ONES * np.nan}, "ge: observed: must be finite"),
        ({"observed": -ONES}, "ge: observed must not be negative in Poisson bins"),
        ({"backgrounds": {"flat": np.ones((6, 1))}}, r"ge: flat: has shape \(6, 1\)"),
        ({"backgrounds": {"flat": ONES * np.inf}}, "ge: flat: must be finite"),
        ({"backgrounds": {"flat": -ONES}}, "ge: flat must not be negative in Poisson bins"),
        ({"backgrounds": {"cevns": ONES}}, 'ge: two components are called "cevns"'),
        ({"errors": np.ones(7)}, r"ge: errors: has shape \(7,\)"),
        ({"errors": 0 * ONES}, "ge: errors must be positive"),
        ({"errors": -ONES}, "ge: errors must be positive"),
        ({"errors": ONES * np.nan}, "ge: errors: must be finite"),
        ({"recoil_min_kev": -1.0}, "ge: recoil_min_kev must lie from 0 to below 85.5"),
        ({"recoil_min_kev": 86.0}, "recoil_min_kev must lie from 0 .* not at 86"),
        ({"recoil_min_kev": np.nan}, "recoil_min_kev must lie from 0"),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("quenchin",), width=0.1)]},
            'ge, nuisance "a": .*did you mean "quenching"',
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("flat",), width=0.1)]},
            'no component or effect "flat".*cevns, neutron_radius, quenching, resolution',
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("cevns",), width=0.1)] * 2},
            'nuisance "a": declared twice',
        ),
        (
            {"nuisances": [Nuisance(name="a", acts_on=("quenching",), width=0.1, form="gamma")]},
            'no form "gamma"',
        ),
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused(changed, text):
    with pytest.raises(ConfigError, match=text):
        own(**changed)


@pytest.mark.parametrize(
    ("resolution", "effect"),
    [
        (PerfectResolution(), "quenching"),
        (PerfectResolution(), "resolution"),
        (PoissonResolution(quanta_per_kev=2.0), "resolution"),
    ],
)
def test_a_resolution_knows_its_effects_only(resolution, effect):
    """Recoil nodes would jump from bin to bin; a Poisson distribution has no width of its own."""
    with pytest.raises(ConfigError, match=f'no component or effect "{effect}"'):
        own(
            response=ge_response(resolution=resolution),
            nuisances=[Nuisance(name="a", acts_on=(effect,), width=0.1)],
        )


def test_effects_of_a_formula_are_unknown_to_a_ready_table():
    recoil, _, summed = two_axes()
    table = tabulated_response({"s1_pe": AXES["s1_pe"]}, recoil, summed)
    with pytest.raises(ConfigError, match=r'"quenching".*allowed: cevns, neutron_radius'):
        own(response=table, nuisances=[Nuisance(name="a", acts_on=("quenching",), width=0.1)])


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"nu_e_bar": [0.1, 0.1]},
            "arrival times must be given for nu_mu, nu_mu_bar, nu_e, not .*nu_e_bar",
        ),
        ({"nu_e": [0.8, 0.3]}, "arrival times of nu_e add up to more than 1"),
        ({"nu_mu": [-0.1, 0.3]}, "arrival times of nu_mu: must be finite and not negative"),
        ({"nu_mu": [np.nan, 0.3]}, "arrival times of nu_mu: must be finite"),
        ({f: [0.1, 0.1, 0.1] for f in SNS.flavours}, r"arrival times of nu_mu: has shape \(3,\)"),
        ({"nu_mu": [0.1, 0.1, 0.1]}, "arrival times.*: has shape"),
    ],
)
def test_arrival_times_that_make_no_sense_are_refused(changed, text):
    with pytest.raises(ConfigError, match=f"ge: {text}"):
        own(arrival_times=arrival_times(**changed))


def test_arrival_times_of_no_flavour_or_edges_out_of_order_are_refused():
    good = arrival_times()
    with pytest.raises(ConfigError, match="not for nothing"):
        own(arrival_times=dataclasses.replace(good, fractions={}))
    with pytest.raises(ConfigError, match="time_us: bin edges must ascend"):
        own(arrival_times=dataclasses.replace(good, edges_us=np.array([0.0, 6.0, 1.0])))


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (
            lambda: ge_response(
                quenching=TabulatedQuenching(linear_table("quenching", [0, 50], [0.1, 0.2]))
            ),
            "ge: quenching: the table must reach from 0 to 85.5.*recoil_min_kev",
        ),
        (
            lambda: ge_response(recoil_efficiency=linear_table("kept", [0.1, 99], [0.1, 1.0])),
            "ge: kept: the table must reach from 0 to 85.5.*recoil_min_kev",
        ),
        (
            lambda: ge_response(
                resolution=GaussianResolution(linear_table("width", [0, 20], [0.1, 0.2]))
            ),
            "ge: width: the table must reach from 0 to 28.3",
        ),
        (
            lambda: tabulated_response(
                {"x": np.array([0.0, 1.0])}, np.array([0.0, 80.0]), np.zeros((2, 1))
            ),
            "ge: response: the table must reach from 0 to 85.5",
        ),
        (
            lambda: ge_response(edges=np.array([60.0, 70.0])),
            "ge: no recoil of this source reaches a bin",
        ),
    ],
)
def test_tables_and_bins_that_do_not_fit_the_source_are_refused(response, text):
    with pytest.raises(ConfigError, match=text):
        own(response=response())


def test_an_own_experiment_in_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(RuntimeError, match="jax_enable_x64"):
        own()
