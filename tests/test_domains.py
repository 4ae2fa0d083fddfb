"""Numbers of users have physical domains: others are refused with the unit that is likely."""

import numpy as np
import own_configs as own
import pytest

from cevns_jax.config.analysis import read_analysis
from cevns_jax.detectors import (
    GaussianResolution,
    PoissonResolution,
    PolynomialQuenching,
    TabulatedQuenching,
    gaussian_resolution,
    lindhard,
    linear_table,
    tabulated_response,
)
from cevns_jax.detectors.quenching import Lindhard, ModifiedLindhard, check_factor
from cevns_jax.domains import COLUMNS, FRACTION, NUMBERS
from cevns_jax.errors import ConfigError
from cevns_jax.sources import spallation_source, tabulated_source
from cevns_jax.sources.tabulated import check_unit
from configs import changed
from configs import write as write_config

SIGMA = {"response.resolution": {"table": "sigma.csv"}}
ENERGIES = np.array([2.0, 3.0, 5.0, 8.0])
REACTOR = {"nu_e_bar": np.array([1.2e12, 7e11, 2e11, 5e9])}
FLUX = "energy_mev,nu_e_bar\n2000,1.2e12\n3000,7e11\n5000,2e11\n8000,5e9\n"


def scaled(text, column, factor):
    """A table with one column in another unit."""
    head, *rows = text.splitlines()
    place = head.split(",").index(column)
    cells = [row.split(",") for row in rows]
    for row in cells:
        row[place] = f"{float(row[place]) * factor:.10g}"
    return "\n".join([head, *map(",".join, cells)]) + "\n"


QUENCHING_IN = {"response.quenching": {"table": "quenching.csv"}}
IN_PER_CENT = "recoil_kev,quenching_factor\n0,10\n20,20\n100,25\n"
ABOVE = "recoil_kev,quenching_factor\n0,0.1\n20,1.2\n100,0.3\n"
PER_CENT = [
    (
        QUENCHING_IN,
        {"quenching.csv": IN_PER_CENT},
        ["quenching.csv: line 2", "0 and 1", "per cent"],
    ),
    (QUENCHING_IN, {"quenching.csv": ABOVE}, ["quenching.csv: line 3: quenching_factor", "1.2"]),
    ({"response.quenching": {"lindhard_k": 15.7}}, {}, ["lindhard_k", "15.7", "per cent"]),
    ({"response.quenching": {"coefficients": [20.0]}}, {}, ["E_ee/T", "0 and 1", "20", "per cent"]),
    ({"response.quenching": {"coefficients": [0.2, 30.0]}}, {}, ["E_ee/T", "1/MeV", "85.58 keV"]),
    ({"response.quenching": {"coefficients": [0.1, -2.0]}}, {}, ["E_ee/T", "0 and 1"]),
    ({"response.efficiency": {"value": 95}}, {}, ["efficiency]: value", "95", "not per cent"]),
    (
        {"response.efficiency": {"table": "e.csv"}},
        {"e.csv": "x_kev,efficiency\n0,0\n20,90\n"},
        ["e.csv: line 3: efficiency", "0 and 1", "not per cent"],
    ),
    ({"response.resolution": {"proportional": 5}}, {}, ["proportional", "0 and 1", "not per cent"]),
    ({"source.neutrinos_per_proton": 8.48}, {}, ["neutrinos_per_proton", "5", "not per cent"]),
    (
        {"arrival_times": "times.csv"},
        {"bins.csv": own.TIMED, "times.csv": scaled(own.TIMES, "nu_mu", 100)},
        ["times.csv: line 2: nu_mu", "0 and 1", "per cent"],
    ),
    (
        {"response": {"table": "response.csv"}},
        {"response.csv": scaled(own.READY, "probability", 100)},
        ["more than 1", "per cent"],
    ),
]
OTHER_UNITS = [
    ({"source": own.SOURCE}, {"flux.csv": FLUX}, ["flux.csv", "energy_mev", "500", "not keV"]),
    ({"source": own.SOURCE}, {"flux.csv": scaled(FLUX, "energy_mev", 1e-6)}, ["not GeV"]),
    (
        QUENCHING_IN,
        {"quenching.csv": scaled(own.QUENCHING, "recoil_kev", 1000)},
        ["quenching.csv", "up to 1e+05", "85.58", "in eV, not keV"],
    ),
    (
        QUENCHING_IN,
        {"quenching.csv": scaled(own.QUENCHING, "recoil_kev", 1e-3)},
        ["quenching.csv", "to 85.581", "in MeV, not keV"],
    ),
    (
        {"response.efficiency": {"table": "e.csv"}},
        {"e.csv": scaled(own.RECOIL_EFFICIENCY, "recoil_kev", 1000)},
        ["e.csv", "in eV, not keV"],
    ),
    (
        {"response": {"table": "response.csv"}},
        {"response.csv": scaled(own.READY, "recoil_kev", 1000)},
        ["response", "in eV, not keV"],
    ),
    (SIGMA, {"sigma.csv": "energy_kev,sigma_kev\n0,100\n100,300\n"}, ["sigma is 140 keV", "eV"]),
    ({"response.resolution": {"noise_kev": 100.0}}, {}, ["sigma is 100 keV", "in eV"]),
    ({"response.resolution": {"photoelectrons_per_kev": 13350}}, {}, ["1e+04", "not per MeV"]),
    ({"source.distance_m": 2000}, {}, ["distance_m", "between 0.1 and 1000", "not cm"]),
    ({"source.distance_m": 0.02}, {}, ["distance_m", "between 0.1 and 1000", "or km"]),
    ({"source.protons_on_target": 1600.0}, {}, ["protons_on_target", "not of 10^20"]),
    (
        {"source": own.SOURCE | {"live_time_days": 3e7}},
        {"flux.csv": own.FLUX},
        ["live_time_days", "days, not s"],
    ),
    ({}, {"bins.csv": own.BINS.replace("1,4", "1000,4")}, ["bins.csv: line 2"]),
]
OVERFLOWING = [
    (
        {"source": own.SOURCE},
        {"flux.csv": own.FLUX.replace("3e5", "1e308")},
        ["line 3: nu_mu", "1e"],
    ),
    ({"source.neutrinos_per_proton": 1e308}, {}, ["neutrinos_per_proton", "1e+308"]),
    ({"source.protons_on_target": 1e308}, {}, ["protons_on_target", "1e+308"]),
    (
        {},
        {"bins.csv": own.BINS.replace("30,5", "1e300,5")},
        ["bins.csv: line 2: observed", "1e+15"],
    ),
    ({}, {"bins.csv": own.BINS.replace("20,15", "1e300,15")}, ["line 4: x_kev_high", "1e+12"]),
    ({"target": {"Ge74": 1e300}}, {}, ["Ge74", "1e+30"]),
    ({"response.resolution": {"noise_kev": 1e300}}, {}, ["noise_kev", "1e+04"]),
    ({"nuisances": [own.FLUX_NUISANCE | {"width": 1e300}]}, {}, ["nuisances 1]: width", "1e+06"]),
    (
        {"statistic": "gaussian"},
        {"bins.csv": own.GAUSSIAN.replace("30,4", "30,1e-200")},
        ["line 2: error", "1e-30"],
    ),
]


@pytest.mark.parametrize(("changes", "files", "words"), PER_CENT + OTHER_UNITS + OVERFLOWING)
def test_a_config_in_another_unit_is_status_2_with_the_unit(
    capsys, tmp_path, changes, files, words
):
    own.refused(capsys, own.write(tmp_path, changes, files), words)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("interaction.light_scalar", {"charges": {"nu_e": 1e300}}, r"charges\]: nu_e .*1e\+06"),
        ("interaction.light_scalar", {"nucleons": {"proton": 1e300, "neutron": 1}}, "proton"),
        ("interaction.light_vector", {"charges": {"up": -1e300}}, r"charges\]: up .*-1e\+300"),
        ("experiments.coherent_csi_2021.mass_kg", 1e300, "mass_kg .*not g"),
        ("experiments.coherent_csi_2021.neutrinos_per_proton", 1e308, "neutrinos_per_proton"),
        ("experiments.coherent_csi_2021.exposure_scale", 1e300, "exposure_scale"),
        ("experiments.coherent_csi_2021.steady_state_events", 1e300, "steady_state_events"),
        (
            "experiments.dresden_ii",
            {"flux_per_cm2_s": 4.8e17},
            r"flux_per_cm2_s .*not 1/\(m\^2 s\)",
        ),
        ("experiments.dresden_ii", {"quenching": {"lindhard_k": 15.7}}, "lindhard_k .*per cent"),
        ("experiments.dresden_ii", {"fission_fractions": {"u235": 100}}, "not per cent"),
        ("parameters.coherent_csi_2021_brn", {"start": 1e300}, "start"),
        ("parameters.sin2_theta_w", {"prior_width": 1e-200}, "prior_width"),
        ("profile", {"parameter": "n_sigma", "min": 0.5, "max": 1e300}, "max"),
    ],
)
def test_numbers_that_would_overflow_are_refused(tmp_path, path, value, words):
    with pytest.raises(ConfigError, match=words):
        read_analysis(write_config(tmp_path, changed(path, value)))


def test_names_that_users_choose_have_no_domain_of_their_own(tmp_path):
    content = changed(
        "experiments.coherent_csi_2021.nuisances",
        [{"name": "value", "acts_on": ["brn"], "width": 0.2, "shared": True}],
    )
    content["fit"]["starts"] = [{"value": -1.5}]
    assert read_analysis(write_config(tmp_path, content)).starts == ({"value": -1.5},)


def refused_in_python(words, **response):
    with pytest.raises(ConfigError, match=words):
        own.in_python(response=own.formula(**response))


GAUSSIAN = gaussian_resolution(noise_kev=0.3)


@pytest.mark.parametrize(
    ("quenching", "words"),
    [
        (TabulatedQuenching(linear_table("qf", [0, 20, 100], [10, 20, 25])), "qf: .*per cent"),
        (TabulatedQuenching(linear_table("qf", [0, 20, 100], [0.1, 1.2, 0.2])), "qf: .*1.2"),
        (PolynomialQuenching(coefficients=(0.2, 30.0)), "E_ee/T must lie between 0 and 1"),
        (PolynomialQuenching(coefficients=(-0.2,)), "E_ee/T must lie between 0 and 1"),
        (Lindhard(protons=32, k=15.7), "lindhard_k must .*lie between 0 and 1"),
        (ModifiedLindhard(protons=32, k=15.7, q=-1e-4), "lindhard_k must .*lie between 0 and 1"),
        (
            ModifiedLindhard(protons=32, k=0.157, q=-0.1),
            "lindhard_q must .*lie between -0.001 and 0",
        ),
    ],
)
def test_a_quenching_that_gives_energy_is_refused_in_python(quenching, words):
    refused_in_python(words, quenching=quenching, resolution=GAUSSIAN)


def test_lindhard_in_per_cent_is_refused_by_its_constructor():
    with pytest.raises(ConfigError, match=r"between 0 and 1, not at 15.7 .*not per cent"):
        lindhard(15.7, 32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"efficiency": 95.0}, "efficiency: .*not per cent"),
        ({"resolution": PoissonResolution(quanta_per_kev=1e5)}, "quanta_per_kev .*per MeV"),
        (
            {"resolution": GaussianResolution(linear_table("width", [0, 99], [100, 200]))},
            "sigma is .*in eV",
        ),
    ],
)
def test_other_units_of_a_response_are_refused_in_python(changes, words):
    refused_in_python(words, **changes)


def test_other_units_of_sources_are_refused_in_python():
    given = {"neutrinos_per_proton": 0.08, "protons_on_target": 1e23, "distance_m": 20.0}
    for key, value in (("distance_m", 2000.0), ("neutrinos_per_proton", 8.0)):
        with pytest.raises(ConfigError, match=f"source: {key} must lie between"):
            spallation_source(**given | {key: value})
    in_kev = tabulated_source(ENERGIES * 1e3, REACTOR, live_time_s=1e6)
    with pytest.raises(ConfigError, match=r"100% of the neutrinos .*not keV"):
        own.in_python(source=in_kev)
    with pytest.raises(ConfigError, match="a flux must lie between"):
        tabulated_source(ENERGIES, {"nu_e": 1e300 + 0 * ENERGIES}, live_time_s=1e6)
    with pytest.raises(ConfigError, match=r"recoil_kev must lie between 0 and 1e\+08"):
        tabulated_response({"x": np.array([0.0, 1.0])}, [0.0, 1e12], np.zeros((2, 1)))


def test_a_flux_with_a_tail_of_high_energies_is_none_in_another_unit():
    """Atmospheric neutrinos: half of them below 130 MeV, the table reaches 10 GeV."""
    energy = np.array([13.0, 50.0, 100.0, 300.0, 1000.0, 1e4])
    flux = {"nu_mu": np.array([0.018, 0.028, 0.012, 1.5e-3, 7e-5, 9e-8])}
    assert check_unit(tabulated_source(energy, flux, live_time_s=1e9)) is None
    with pytest.raises(ConfigError, match="not keV"):
        check_unit(tabulated_source(10 * energy, flux, live_time_s=1e9))


def test_an_offset_of_the_modified_lindhard_model_may_exceed_the_recoil():
    """E_ee/T grows without end towards low T by its construction; what is above it may not."""
    recoil = np.linspace(0, 0.01, 11)
    check_factor(recoil, recoil + 3e-4, at_rest=3e-4)
    with pytest.raises(ConfigError, match=r"not at 1\.2 \(T = "):
        check_factor(recoil, 1.2 * recoil + 3e-4, at_rest=3e-4)
    model = ModifiedLindhard(protons=32, k=0.157, q=-1e-3)
    values = {"lindhard_k": 0.157, "lindhard_q": -1e-3}
    low = np.array([1e-6, 1e-5])
    assert (np.asarray(model(low, values)) > low).all()
    check_factor(low, np.asarray(model(low, values)), float(model(0 * low, values)[0]))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.linspace(0, 1000, 101), np.linspace(0.1, 0.3, 101)),
        (np.append(0, np.geomspace(0.01, 1e5, 71)), np.linspace(0.1, 0.3, 72)),
        (np.array([0, 1e6]), np.array([0.2, 0.2])),
    ],
)
def test_a_table_that_reaches_too_far_is_fine_where_it_has_rows(x, y):
    table = linear_table("factor", x, y)
    assert table.require(0, 85.6) is None
    with pytest.raises(ConfigError, match="factor: the table must reach"):
        table.require(0, 2 * x[-1])


@pytest.mark.parametrize(
    ("given", "files"),
    [
        ({"value": 1.0000001}, {}),
        ({"table": "e.csv"}, {"e.csv": "x_kev,efficiency\n0,1.0000001\n20,1.0000001\n"}),
        ({"table": "e.csv"}, {"e.csv": "recoil_kev,efficiency\n0,1.0000001\n99,1.0000001\n"}),
    ],
)
def test_an_efficiency_of_one_may_be_rounded(tmp_path, given, files):
    changes = {"response.efficiency": given}
    (read,) = read_analysis(own.write(tmp_path, changes, files)).likelihood.experiments
    matrix = np.asarray(read.parts["cevns"].response.matrix)
    assert matrix.max() == pytest.approx(1.0, abs=2e-7)
    assert set(np.unique(matrix.round(6))) == {0.0, 1.0}


@pytest.mark.parametrize("domain", [*NUMBERS.values(), *COLUMNS.values(), FRACTION])
def test_a_domain_holds_its_ends_and_no_nan(domain):
    assert domain.low < domain.high
    assert domain.refusal("x", domain.low) is None
    assert domain.refusal("x", domain.high) is None
    assert domain.refusal("x", np.nan)
    assert domain.refusal("x", 10 * domain.high)
