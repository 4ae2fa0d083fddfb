"""Quenching models against their formulas."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevns_jax.detectors import TabulatedQuenching, lindhard, linear_table
from cevns_jax.errors import ConfigError


def lindhard_energy(recoil, k, protons):
    """E_ee = T k g/(1 + k g), g = 3 e^0.15 + 0.7 e^0.6 + e, e = 11.5 Z^(-7/3) T/keV, 30 digits."""
    with mpmath.workdps(30):
        e = mpmath.mpf("11.5") * mpmath.mpf(protons) ** (mpmath.mpf(-7) / 3) * recoil * 1000
        g = 3 * e ** mpmath.mpf("0.15") + mpmath.mpf("0.7") * e ** mpmath.mpf("0.6") + e
        return float(recoil * k * g / (1 + k * g))


@pytest.mark.parametrize(("k", "protons"), [(0.157, 32), (0.1, 14), (0.2, 54)])
def test_lindhard_is_its_formula(k, protons):
    recoil = np.geomspace(1e-7, 0.1, 25)  # [MeV]
    found = lindhard(k, protons)(recoil, {"lindhard_k": k})
    exact = [lindhard_energy(t, k, protons) for t in recoil]
    np.testing.assert_allclose(found, exact, rtol=1e-13)


def test_lindhard_declares_its_parameter():
    (declared,) = lindhard(0.16, 32, parameter="k_ge").parameters
    assert (declared.name, declared.start) == ("k_ge", 0.16)
    assert (declared.lower, declared.upper) == (0.0, 1.0)


@given(recoil=st.floats(1e-6, 0.1))
def test_tabulated_quenching_is_linear_in_the_factor(recoil):
    factor = linear_table("quenching", [0.0, 1.0, 10.0, 50.0], [0.1, 0.18, 0.22, 0.3])
    found = TabulatedQuenching(factor)(recoil, {})
    expected = recoil * np.interp(1e3 * recoil, factor.x, factor.y)
    assert float(found) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("k", [0.0, -0.1, 1.01, np.nan])
def test_a_lindhard_parameter_outside_its_domain_is_refused(k):
    with pytest.raises(ConfigError, match="quenching: k must lie between 0 and 1"):
        lindhard(k, 32)
