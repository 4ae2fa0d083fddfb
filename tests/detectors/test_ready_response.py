"""Tables of probabilities over recoils."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses import probabilities

from cevns_jax.detectors import tabulated_response
from cevns_jax.errors import ConfigError

CURVES = {
    "recoil_kev": np.array([0.0, 1.0, 5.0, 30.0]),
    "probability": np.array(
        [
            [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
            [[0.2, 0.1], [0.1, 0.0], [0.0, 0.0]],
            [[0.0, 0.1], [0.3, 0.2], [0.1, 0.05]],
            [[0.0, 0.0], [0.0, 0.1], [0.5, 0.4]],
        ]
    ),
}
AXES = {"s1_pe": np.array([0.0, 3.0, 8.0, 20.0]), "s2_pe": np.array([10.0, 50.0, 400.0])}


@given(recoil=st.floats(0.0, 40.0))
def test_a_table_of_recoils_is_linear_between_them(recoil):
    """Bins of both quantities in the order of the table, the last one running fastest."""
    response = tabulated_response(AXES, **CURVES)
    found = probabilities(response, np.array([[recoil, 2.0]]) * 1e-3)
    assert found.shape == (1, 2, 6)
    flat = CURVES["probability"].reshape(4, 6)
    for value, t in zip(found[0], (recoil, 2.0), strict=True):
        expected = [np.interp(t, CURVES["recoil_kev"], column) for column in flat.T]
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15)


def test_a_table_of_recoils_knows_its_axes_and_where_it_bends():
    response = tabulated_response(AXES, **CURVES)
    assert list(response.axes) == ["s1_pe", "s2_pe"]
    np.testing.assert_array_equal(response.axes["s2_pe"], AXES["s2_pe"])
    np.testing.assert_allclose(response.splits(0.0, 0.03), [0.0, 1e-3, 5e-3, 0.03])
    assert response.effects == ()
    assert response.parameters == ()


def test_a_table_of_recoils_must_hold_all_of_them():
    with pytest.raises(
        ConfigError, match=r"response: the table must reach from 0 to 31.*recoil_min"
    ):
        tabulated_response(AXES, **CURVES).splits(0.0, 0.031)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"probability": np.zeros((4, 6))}, r"shape \(4, 6\), not recoils x bins \(4, 3, 2\)"),
        ({"probability": np.zeros((3, 3, 2))}, r"shape \(3, 3, 2\), not"),
        ({"recoil_kev": np.array([0.0, 1.0, 1.0, 30.0])}, "recoil_kev must ascend"),
        ({"recoil_kev": np.array([-1.0, 1.0, 2.0, 30.0])}, "recoil_kev must ascend, from 0"),
        ({"recoil_kev": np.array([0.0, 1.0, 2.0, np.nan])}, "recoil_kev must ascend"),
        ({"recoil_kev": np.zeros((2, 2))}, "at least two recoil energies"),
        ({"probability": CURVES["probability"] - 0.01}, "at 0 keV must not be negative"),
        ({"probability": 1.2 * CURVES["probability"]}, r"at 30 keV .*more than 1 \(sum 1.2\)"),
        ({"probability": CURVES["probability"] * np.nan}, "must not be negative"),
        ({"axes": AXES | {"s1_pe": np.array([0.0, 8.0, 3.0, 20.0])}}, "s1_pe: bin edges must"),
        ({"axes": AXES | {"s2_pe": np.array([1.0, 2.0, np.inf])}}, "s2_pe: needs .* finite"),
    ],
)
def test_a_table_of_recoils_that_makes_no_sense_is_refused(changed, text):
    with pytest.raises(ConfigError, match=f"response: .*{text}"):
        tabulated_response(**({"axes": AXES} | CURVES | changed))


def test_a_table_of_recoils_needs_two_of_them():
    with pytest.raises(ConfigError, match="at least two recoil energies"):
        tabulated_response({"x": np.array([0.0, 1.0])}, np.array([1.0]), np.zeros((1, 1)))
