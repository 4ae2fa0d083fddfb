"""Sources in a config: lines and reactors, several by name, and what is refused."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import cevns_jax as cj
from cevns_jax.config.sources import read_source, read_sources
from cevns_jax.config.strict_toml import Table
from cevns_jax.errors import ConfigError

LINE = """
type = "line"
energy_mev = 0.8613
flavour = "nu_e"
flux_per_cm2_s = 4.5e9
live_time_days = 365
"""
REACTOR = """
type = "reactor"
spectra = "huber_mueller"
fission_fractions = { u235 = 0.6, pu239 = 0.4 }
flux_per_cm2_s = 2e13
live_time_days = 100
"""
PIONS = """
type = "pion_decay_at_rest"
neutrinos_per_proton = 0.08
protons_on_target = 1e22
distance_m = 20.0
"""
E_MIN = np.array([0.1, 0.5, 2.0, 10.0])


def table(text, name="experiments.mine.source"):
    return Table(Path("config.toml"), name, tomllib.loads(text))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            LINE,
            lambda: cj.sources.line_source(
                energy_mev=0.8613, flux_per_cm2_s=4.5e9, live_time_s=365 * 86400.0
            ),
        ),
        (
            REACTOR,
            lambda: cj.sources.reactor_source(
                spectra="huber_mueller",
                fission_fractions={"u235": 0.6, "pu239": 0.4},
                flux_per_cm2_s=2e13,
                live_time_s=100 * 86400.0,
            ),
        ),
        (
            PIONS,
            lambda: cj.sources.spallation_source(
                neutrinos_per_proton=0.08, protons_on_target=1e22, distance_m=20.0
            ),
        ),
    ],
    ids=["line", "reactor", "pions"],
)
def test_a_table_is_the_source_built_in_python(text, made, tmp_path):
    found, expected = read_source(table(text), tmp_path), made()
    assert type(found) is type(expected)
    assert found.flavours == expected.flavours
    assert found.label == expected.label
    np.testing.assert_array_equal(found.moments(E_MIN), expected.moments(E_MIN))


def test_several_sources_have_names(tmp_path):
    (tmp_path / "flux.csv").write_text("energy_mev,nu_e\n1,2\n10,1\n")
    texts = {
        "beryllium": LINE,
        "reactor": REACTOR,
        "other": 'type = "table"\nflux = "flux.csv"\nlive_time_days = 1\n',
    }
    together = "".join(f"[{name}]\n{text}" for name, text in texts.items())
    found = read_sources(table(together, "experiments.mine.sources"), tmp_path)
    assert list(found) == ["beryllium", "reactor", "other"]
    assert [source.flavours for source in found.values()] == [("nu_e",), ("nu_e_bar",), ("nu_e",)]
    one = read_source(table(texts["other"]), tmp_path)
    np.testing.assert_array_equal(found["other"].moments(E_MIN), one.moments(E_MIN))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LINE.replace("0.8613", "-1"), ["energy_mev", "positive"]),
        (LINE.replace("0.8613", "1e9"), ["energy_mev", "must lie"]),
        (LINE.replace("energy_mev = 0.8613\n", ""), ["needs energy_mev"]),
        (LINE.replace("nu_e", "nu_x"), ['no flavour "nu_x"', "nu_mu_bar"]),
        (LINE.replace('flavour = "nu_e"\n', ""), ["needs flavour", "nu_tau"]),
        (LINE.replace("flux_per_cm2_s = 4.5e9\n", ""), ["needs flux_per_cm2_s"]),
        (LINE.replace("365", "0"), ["live_time_days", "positive"]),
        (LINE + "distance_m = 3.0", ['no key "distance_m"']),
        (REACTOR.replace("huber", "hubert"), ['no spectra "hubert_mueller"', "did you mean"]),
        (REACTOR.replace("u235", "u234"), ['no isotope "u234"', "fission_fractions"]),
        (REACTOR.replace("0.6", "60"), ["must add up to 1", "not per cent"]),
        (REACTOR.replace("fission_fractions", "fractions"), ["needs fission_fractions"]),
        (REACTOR.replace("flux_per_cm2_s = 2e13\n", ""), ["needs flux_per_cm2_s"]),
        (REACTOR.replace("live_time_days = 100\n", ""), ["needs live_time_days"]),
        (PIONS.replace("pion_decay_at_rest", "sun"), ['no type "sun"', "line", "reactor", "table"]),
    ],
)
def test_what_is_no_source_is_refused_with_its_place(text, words, tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_source(table(text), tmp_path)
    for word in ("config.toml [experiments.mine.source", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["at least one source"]),
        ('["8B"]\n' + LINE, ["Python identifier", '"8B"']),
        ("[sun]\n" + LINE.replace("0.8613", "0"), ["sources.sun]", "energy_mev"]),
        ("sun = 3", ["sources.sun]", "must be a table"]),
    ],
)
def test_what_are_no_sources_is_refused(text, words, tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_sources(table(text, "experiments.mine.sources"), tmp_path)
    for word in words:
        assert word in str(caught.value)
