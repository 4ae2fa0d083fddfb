"""Experiments, and what is predicted of them, that several files look at."""

import argon
import dresden
import pytest

import cevns_jax as cj


@pytest.fixture(scope="session")
def lar():
    return cj.experiments.coherent_lar_2020()


@pytest.fixture(scope="session")
def lar_split():
    return cj.experiments.coherent_lar_2020(nuisances="split")


@pytest.fixture(scope="session")
def lar_nominal(lar):
    return argon.predicted(lar)


@pytest.fixture(scope="session")
def lar_energy():
    return cj.experiments.coherent_lar_2020_energy()


@pytest.fixture(scope="session")
def by_quenching():
    """Dresden-II with each of its quenching factors."""
    return {name: cj.experiments.dresden_ii(quenching=name) for name in dresden.QUENCHINGS}


@pytest.fixture(scope="session")
def iron(by_quenching):
    return by_quenching["iron_filter"]


@pytest.fixture(scope="session")
def iron_nominal(iron):
    return dresden.predicted(iron)
